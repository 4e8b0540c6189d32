/* SPDX-License-Identifier: MIT */
/* file.c - open files: made, counted, ended. */
#include "guest/fs/epoll.h"
#include "guest/fs/internal.h"
#include "guest/fs/notify.h"
#include "guest/lib/printf.h"
#include "guest/lib/string.h"

int alloc_empty_file(struct vfs_task *t, u32 flags, struct file **out)
{
	struct vfs *vfs = t->vfs;
	struct file *f;

	if ((u64)atomic64_read(&vfs->nr_files) >= vfs->max_files && !vfs_capable(t, CAP_SYS_ADMIN))
		return -ENFILE;
	f = kmem_cache_zalloc(vfs->file_cache, GFP_KERNEL);
	if (!f)
		return -ENOMEM;
	atomic64_inc(&vfs->nr_files);
	atomic_set(&f->f_count, 1);
	f->f_flags = flags;
	f->f_mode = (flags + 1) & (FMODE_READ | FMODE_WRITE);
	spin_lock_init(&f->f_lock);
	mutex_init(&f->f_pos_lock);
	f->f_cred = cred_get(t->cred);
	INIT_LIST_HEAD(&f->f_ep);
	*out = f;
	return 0;
}

struct file *get_file(struct file *f)
{
	atomic_inc(&f->f_count);
	return f;
}

static void file_free(struct vfs *vfs, struct file *f)
{
	cred_put(f->f_cred);
	atomic64_dec(&vfs->nr_files);
	kmem_cache_free(vfs->file_cache, f);
}

void file_discard(struct vfs *vfs, struct file *f)
{
	BUG_ON(f->f_path.dentry);
	file_free(vfs, f);
}

static void put_writer(struct file *f)
{
	if (f->f_mode & FMODE_WRITER) {
		put_write_access(f->f_inode);
		mnt_drop_write(f->f_path.mnt);
		f->f_mode &= ~(u32)FMODE_WRITER;
	}
}

void fput(struct file *f)
{
	struct vfs *vfs;

	if (!f || !atomic_dec_and_test(&f->f_count))
		return;
	vfs = f->f_path.mnt->mnt_sb->s_vfs;
	if (notify_wanted(vfs) && !(f->f_mode & FMODE_PATH))
		notify_dentry(f->f_path.dentry,
			      f->f_mode & FMODE_WRITE ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE);
	if (!list_empty(&f->f_ep))
		eventpoll_release(f);
	locks_remove_file(f);
	if (f->f_op && f->f_op->release)
		f->f_op->release(f->f_inode, f);
	put_writer(f);
	path_put(&f->f_path);
	file_free(vfs, f);
}

int vfs_open_file(struct vfs_task *t, const struct path *path, struct file *f)
{
	struct inode *inode = path->dentry->d_inode;
	int err = 0;

	f->f_inode = inode;
	if (f->f_mode & FMODE_PATH) {
		f->f_mode = FMODE_PATH;
		f->f_path = *path;
		path_get(&f->f_path);
		return 0;
	}
	if (f->f_mode & FMODE_WRITE && (S_ISREG(inode->i_mode) || S_ISDIR(inode->i_mode))) {
		err = get_write_access(inode);
		if (err)
			return err;
		err = mnt_want_write(path->mnt);
		if (err) {
			put_write_access(inode);
			return err;
		}
		f->f_mode |= FMODE_WRITER;
	}
	f->f_path = *path;
	path_get(&f->f_path);
	f->f_op = inode->i_fop;
	f->f_mode |= FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE;
	if (f->f_op && f->f_op->open)
		err = f->f_op->open(t, inode, f);
	if (err) {
		put_writer(f);
		path_put(&f->f_path);
		f->f_path = (struct path){ NULL, NULL };
		return err;
	}
	if (!f->f_op || !f->f_op->llseek)
		f->f_mode &= ~(u32)FMODE_LSEEK;
	f->f_flags &= ~(u32)(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC);
	return 0;
}

int dentry_open(struct vfs_task *t, const struct path *path, u32 flags, struct file **out)
{
	struct file *f;
	int err = alloc_empty_file(t, flags, &f);

	if (err)
		return err;
	if (flags & O_PATH)
		f->f_mode = FMODE_PATH;
	err = vfs_open_file(t, path, f);
	if (err)
		file_discard(t->vfs, f);
	else
		*out = f;
	return err;
}

static int anon_dname(struct dentry *d, char *buf, size_t size)
{
	return kscnprintf(buf, size, "anon_inode:%s", d->d_name.name);
}

static const struct dentry_operations anon_dops = { .d_dname = anon_dname };

int anon_file(struct vfs_task *t, const char *name, const struct file_operations *fop, void *priv,
	      u32 flags, struct file **out)
{
	struct vfs *vfs = t->vfs;
	struct qstr q = { .name = name, .len = (u32)strlen(name) };
	struct dentry *d;
	int err = alloc_empty_file(t, flags, out);

	if (err)
		return err;
	d = d_alloc(vfs->anon_sb->s_root, &q);
	if (!d) {
		file_discard(vfs, *out);
		return -ENOMEM;
	}
	d->d_op = &anon_dops;
	d_instantiate(d, igrab(vfs->anon_inode));
	(*out)->f_path = (struct path){ mntget(vfs->anon_mnt), d };
	(*out)->f_inode = vfs->anon_inode;
	(*out)->f_op = fop;
	(*out)->private_data = priv;
	if (fop->llseek)
		(*out)->f_mode |= FMODE_LSEEK;
	return 0;
}
