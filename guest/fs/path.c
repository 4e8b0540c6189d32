/* SPDX-License-Identifier: MIT */
/* path.c - paths as text, and the process's own root and working directory. */
#include "guest/fs/calls.h"
#include "guest/fs/internal.h"
#include "guest/lib/string.h"

/* ---- text ---------------------------------------------------------------------------------------------------- */

static bool prepend(char **p, const char *start, const char *text, size_t len)
{
	if ((size_t)(*p - start) < len)
		return false;
	*p -= len;
	memcpy(*p, text, len);
	return true;
}

/* Both locks are held: no name and no mount changes. */
static char *path_locked(const struct path *path, const struct path *root, char *buf, char *end,
			 bool *reachable)
{
	struct dentry *d = path->dentry;
	struct mount *m = path->mnt;
	char *p = end;

	*reachable = false;
	for (;;) {
		if (d == root->dentry && m == root->mnt) {
			*reachable = true;
			break;
		}
		if (d == m->mnt_root) {
			if (m == m->mnt_parent)
				break;
			d = m->mnt_mountpoint;
			m = m->mnt_parent;
			continue;
		}
		if (d == d->d_parent)
			break;
		if (!prepend(&p, buf, d->d_name.name, d->d_name.len) || !prepend(&p, buf, "/", 1))
			return NULL;
		d = d->d_parent;
	}
	if (p == end && !prepend(&p, buf, "/", 1))
		return NULL;
	return p;
}

char *d_path(const struct path *path, const struct path *root, char *buf, size_t size,
	     bool *reachable)
{
	static const char deleted[] = " (deleted)";
	struct vfs *vfs = path->dentry->d_sb->s_vfs;
	char *p, *end = buf + size - 1;
	bool found;

	if (!size)
		return NULL;
	*end = 0;
	if (path->dentry->d_op && path->dentry->d_op->d_dname) {
		path->dentry->d_op->d_dname(path->dentry, buf, size);
		return buf;
	}
	if (d_unhashed(path->dentry) && path->dentry != path->dentry->d_parent &&
	    !prepend(&end, buf, deleted, sizeof(deleted) - 1))
		return NULL;
	spin_lock(&vfs->mount_lock);
	spin_lock(&vfs->dcache_lock);
	p = path_locked(path, root, buf, end, &found);
	spin_unlock(&vfs->dcache_lock);
	spin_unlock(&vfs->mount_lock);
	if (reachable)
		*reachable = found;
	return p;
}

s64 fs_getcwd(struct vfs_task *t, char *buf, size_t size)
{
	static const char unreachable[] = "(unreachable)";
	struct vfs *vfs = t->vfs;
	struct path root, pwd;
	char *tmp, *p;
	bool reachable = true;
	s64 ret;

	tmp = kmalloc(vfs->slab, PATH_MAX, GFP_KERNEL);
	if (!tmp)
		return -ENOMEM;
	get_fs_root(t->fs, &root);
	get_fs_pwd(t->fs, &pwd);
	if (d_unhashed(pwd.dentry) && pwd.dentry != pwd.dentry->d_parent) {
		ret = -ENOENT;
	} else {
		p = d_path(&pwd, &root, tmp, PATH_MAX, &reachable);
		ret = -ENAMETOOLONG;
		if (p && !reachable && !prepend(&p, tmp, unreachable, sizeof(unreachable) - 1))
			p = NULL;
		if (p) {
			size_t len = strlen(p) + 1;

			ret = len <= size ? (s64)len : -ERANGE;
			if (ret > 0)
				memcpy(buf, p, len);
		}
	}
	path_put(&root);
	path_put(&pwd);
	kfree(vfs->slab, tmp);
	return ret;
}

/* ---- struct fs_struct -------------------------------------------------------------------------------------------- */

static struct fs_struct *fs_alloc(struct vfs *vfs)
{
	struct fs_struct *fs = kzalloc(vfs->slab, sizeof(*fs), GFP_KERNEL);

	if (!fs)
		return NULL;
	atomic_set(&fs->users, 1);
	spin_lock_init(&fs->lock);
	fs->umask = 022;
	return fs;
}

struct fs_struct *fs_struct_new(struct vfs *vfs)
{
	struct fs_struct *fs = fs_alloc(vfs);

	if (!fs)
		return NULL;
	fs->root = (struct path){ mntget(vfs->root), dget(vfs->root->mnt_root) };
	follow_mount(vfs, &fs->root);
	fs->pwd = fs->root;
	path_get(&fs->pwd);
	return fs;
}

struct fs_struct *fs_struct_copy(struct vfs *vfs, struct fs_struct *old)
{
	struct fs_struct *fs = fs_alloc(vfs);

	if (!fs)
		return NULL;
	spin_lock(&old->lock);
	fs->root = old->root;
	fs->pwd = old->pwd;
	fs->umask = old->umask;
	path_get(&fs->root);
	path_get(&fs->pwd);
	spin_unlock(&old->lock);
	return fs;
}

struct fs_struct *fs_struct_get(struct fs_struct *fs)
{
	atomic_inc(&fs->users);
	return fs;
}

void fs_struct_put(struct vfs *vfs, struct fs_struct *fs)
{
	if (!fs || !atomic_dec_and_test(&fs->users))
		return;
	path_put(&fs->root);
	path_put(&fs->pwd);
	kfree(vfs->slab, fs);
}

static void get_path(struct fs_struct *fs, const struct path *from, struct path *to)
{
	spin_lock(&fs->lock);
	*to = *from;
	path_get(to);
	spin_unlock(&fs->lock);
}

static void set_path(struct fs_struct *fs, struct path *which, const struct path *to)
{
	struct path old;

	path_get(to);
	spin_lock(&fs->lock);
	old = *which;
	*which = *to;
	spin_unlock(&fs->lock);
	path_put(&old);
}

void get_fs_root(struct fs_struct *fs, struct path *root)
{
	get_path(fs, &fs->root, root);
}

void get_fs_pwd(struct fs_struct *fs, struct path *pwd)
{
	get_path(fs, &fs->pwd, pwd);
}

void set_fs_root(struct fs_struct *fs, const struct path *root)
{
	set_path(fs, &fs->root, root);
}

void set_fs_pwd(struct fs_struct *fs, const struct path *pwd)
{
	set_path(fs, &fs->pwd, pwd);
}

/* ---- chdir(2), fchdir(2), chroot(2) ---------------------------------------------------------------------------------- */

s64 fs_chdir(struct vfs_task *t, const char *path)
{
	struct path p;
	int err = user_path_at(t, AT_FDCWD, path, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &p);

	if (err)
		return err;
	err = inode_permission(t, p.dentry->d_inode, MAY_EXEC | MAY_CHDIR);
	if (!err)
		set_fs_pwd(t->fs, &p);
	path_put(&p);
	return err;
}

s64 fs_fchdir(struct vfs_task *t, int fd)
{
	struct fd f = fdget_raw(t, fd);
	int err;

	if (!f.file)
		return -EBADF;
	err = d_is_dir(f.file->f_path.dentry)
		      ? inode_permission(t, f.file->f_inode, MAY_EXEC | MAY_CHDIR)
		      : -ENOTDIR;
	if (!err)
		set_fs_pwd(t->fs, &f.file->f_path);
	fdput(f);
	return err;
}

s64 fs_chroot(struct vfs_task *t, const char *path)
{
	struct path p;
	int err = user_path_at(t, AT_FDCWD, path, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &p);

	if (err)
		return err;
	err = inode_permission(t, p.dentry->d_inode, MAY_EXEC | MAY_CHDIR);
	if (!err && !vfs_capable(t, CAP_SYS_CHROOT))
		err = -EPERM;
	if (!err)
		set_fs_root(t->fs, &p);
	path_put(&p);
	return err;
}

s64 fs_umask(struct vfs_task *t, u32 mask)
{
	return xchg(&t->fs->umask, mask & 0777);
}
