/* SPDX-License-Identifier: MIT */
/* names.c - making and removing names: mkdir(2), mknod(2), link(2), symlink(2), unlink(2),
 * rmdir(2), readlink(2). */
#include "guest/fs/calls.h"
#include "guest/fs/internal.h"
#include "guest/fs/notify.h"
#include "guest/lib/string.h"

/* ---- permission ----------------------------------------------------------------------------------------- */

int may_create(struct vfs_task *t, struct inode *dir, struct dentry *child)
{
	if (!d_is_negative(child))
		return -EEXIST;
	if (dir->i_flags & S_DEAD)
		return -ENOENT;
	return inode_permission(t, dir, MAY_WRITE | MAY_EXEC);
}

static bool sticky_forbids(const struct vfs_task *t, const struct inode *dir,
			   const struct inode *inode)
{
	return dir->i_mode & S_ISVTX && t->cred->fsuid != inode->i_uid &&
	       t->cred->fsuid != dir->i_uid && !vfs_capable(t, CAP_FOWNER);
}

int may_delete(struct vfs_task *t, struct inode *dir, struct dentry *victim, bool isdir)
{
	struct inode *inode = victim->d_inode;
	int err;

	if (!inode)
		return -ENOENT;
	err = inode_permission(t, dir, MAY_WRITE | MAY_EXEC);
	if (err)
		return err;
	if (dir->i_flags & S_APPEND)
		return -EPERM;
	if (sticky_forbids(t, dir, inode) || inode->i_flags & (S_APPEND | S_IMMUTABLE))
		return -EPERM;
	if (isdir) {
		if (!S_ISDIR(inode->i_mode))
			return -ENOTDIR;
		if (victim == victim->d_parent)
			return -EBUSY;
	} else if (S_ISDIR(inode->i_mode)) {
		return -EISDIR;
	}
	return dir->i_flags & S_DEAD ? -ENOENT : 0;
}

u32 vfs_prepare_mode(const struct vfs_task *t, const struct inode *dir, u32 mode, u32 mask,
		     u32 type)
{
	if (!S_ISDIR(mode) && (mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) &&
	    dir->i_mode & S_ISGID && !cred_in_group(t->cred, dir->i_gid) &&
	    !vfs_capable(t, CAP_FSETID))
		mode &= ~(u32)S_ISGID;
	mode &= ~current_umask(t);
	return (mode & mask) | type;
}

/* ---- making: the parent is locked ------------------------------------------------------------------------ */

/* The end of each of them: d is a new entry of dir, unless err. */
static int made(struct inode *dir, const struct dentry *d, int err)
{
	if (!err)
		notify_entry(dir, d, d_is_dir(d), IN_CREATE);
	return err;
}

int vfs_create(struct vfs_task *t, struct inode *dir, struct dentry *d, u32 mode)
{
	int err = may_create(t, dir, d);

	if (err)
		return err;
	if (!dir->i_op->create)
		return -EACCES;
	err = dir->i_op->create(t, dir, d, vfs_prepare_mode(t, dir, mode, S_IALLUGO, S_IFREG));
	return made(dir, d, err);
}

int vfs_mkdir(struct vfs_task *t, struct inode *dir, struct dentry *d, u32 mode)
{
	int err = may_create(t, dir, d);

	if (err)
		return err;
	if (!dir->i_op->mkdir)
		return -EPERM;
	err = dir->i_op->mkdir(t, dir, d, vfs_prepare_mode(t, dir, mode, 0777 | S_ISVTX, S_IFDIR));
	return made(dir, d, err);
}

/* A device number as a program passes it: the minor's upper bits lie above the major. */
static kdev_t user_to_kdev(u32 dev)
{
	return MKDEV(dev >> 8 & 0xfff, (dev & 0xff) | (dev >> 12 & 0xfff00));
}

int may_mknod(u32 mode)
{
	switch (mode & S_IFMT) {
	case 0:
	case S_IFREG:
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		return 0;
	case S_IFDIR:
		return -EPERM;
	default:
		return -EINVAL;
	}
}

int vfs_mknod(struct vfs_task *t, struct inode *dir, struct dentry *d, u32 mode, u32 user_dev)
{
	bool device = S_ISCHR(mode) || S_ISBLK(mode);
	kdev_t dev = device ? user_to_kdev(user_dev) : 0;
	bool whiteout = S_ISCHR(mode) && !dev;
	int err;

	if (!(mode & S_IFMT) || S_ISREG(mode))
		return vfs_create(t, dir, d, mode);
	err = may_create(t, dir, d);
	if (err)
		return err;
	if (device && !whiteout && !vfs_capable(t, CAP_MKNOD))
		return -EPERM;
	if (!dir->i_op->mknod)
		return -EPERM;
	err = dir->i_op->mknod(t, dir, d, vfs_prepare_mode(t, dir, mode, S_IALLUGO, mode & S_IFMT),
			       dev);
	return made(dir, d, err);
}

int vfs_symlink(struct vfs_task *t, struct inode *dir, struct dentry *d, const char *target)
{
	int err = may_create(t, dir, d);

	if (err)
		return err;
	return made(dir, d, dir->i_op->symlink ? dir->i_op->symlink(t, dir, d, target) : -EPERM);
}

int start_creating(struct vfs_task *t, int dfd, const char *path, bool want_dir,
		   struct path *parent, struct dentry **child)
{
	struct last_name last;
	struct super_block *sb;
	int read_only, err = path_parent(t, dfd, path, 0, parent, &last);

	if (err)
		return err;
	if (last.type != LAST_NORM) {
		path_put(parent);
		return -EEXIST;
	}
	read_only = mnt_want_write(parent->mnt);
	sb = parent->dentry->d_sb;
	down_write(&sb->s_tree_sem);
	err = lookup_one(t, parent->dentry, last.name, last.len, child);
	if (!err) {
		if (!d_is_negative(*child))
			err = -EEXIST;
		else if (last.trailing_slash && !want_dir)
			err = -ENOENT;
		else
			err = read_only;
		if (err)
			dput(*child);
	}
	if (err) {
		up_write(&sb->s_tree_sem);
		if (!read_only)
			mnt_drop_write(parent->mnt);
		path_put(parent);
	}
	return err;
}

void end_creating(struct path *parent, struct dentry *child)
{
	dput(child);
	up_write(&parent->dentry->d_sb->s_tree_sem);
	mnt_drop_write(parent->mnt);
	path_put(parent);
}

s64 fs_mkdirat(struct vfs_task *t, int dfd, const char *path, u32 mode)
{
	struct dentry *d;
	struct path parent;
	int err = start_creating(t, dfd, path, true, &parent, &d);

	if (err)
		return err;
	err = vfs_mkdir(t, parent.dentry->d_inode, d, mode);
	end_creating(&parent, d);
	return err;
}

s64 fs_mknodat(struct vfs_task *t, int dfd, const char *path, u32 mode, u32 user_dev)
{
	struct dentry *d;
	struct path parent;
	int err = may_mknod(mode);

	if (err)
		return err;
	err = start_creating(t, dfd, path, false, &parent, &d);
	if (err)
		return err;
	err = vfs_mknod(t, parent.dentry->d_inode, d, mode, user_dev);
	end_creating(&parent, d);
	return err;
}

int mknod_path(struct vfs_task *t, const char *path, u32 mode, struct path *out)
{
	struct dentry *d;
	struct path parent;
	int err = start_creating(t, AT_FDCWD, path, false, &parent, &d);

	if (err)
		return err;
	err = vfs_mknod(t, parent.dentry->d_inode, d, mode, 0);
	if (!err) {
		*out = (struct path){ parent.mnt, d };
		path_get(out);
	}
	end_creating(&parent, d);
	return err;
}

s64 fs_symlinkat(struct vfs_task *t, const char *target, int dfd, const char *path)
{
	struct dentry *d;
	struct path parent;
	int err;

	if (!*target)
		return -ENOENT;
	err = start_creating(t, dfd, path, false, &parent, &d);
	if (err)
		return err;
	err = vfs_symlink(t, parent.dentry->d_inode, d, target);
	end_creating(&parent, d);
	return err;
}

/* fs.protected_hardlinks: no link to what one could not have written, proc(5). */
static int may_link(struct vfs_task *t, struct inode *inode)
{
	if (!t->vfs->protected_hardlinks || inode_owner_or_capable(t, inode))
		return 0;
	if (!S_ISREG(inode->i_mode) || inode->i_mode & S_ISUID ||
	    (inode->i_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
		return -EPERM;
	return inode_permission(t, inode, MAY_READ | MAY_WRITE) ? -EPERM : 0;
}

static int vfs_link(struct vfs_task *t, struct dentry *old, struct inode *dir, struct dentry *d)
{
	struct inode *inode = old->d_inode;
	int err = may_create(t, dir, d);

	if (err)
		return err;
	if (dir->i_sb != inode->i_sb)
		return -EXDEV;
	if (inode->i_flags & (S_APPEND | S_IMMUTABLE) || !dir->i_op->link || S_ISDIR(inode->i_mode))
		return -EPERM;
	if (!inode->i_nlink && !(inode->i_flags & S_LINKABLE))
		return -ENOENT;
	err = dir->i_op->link(old, dir, d);
	if (!err)
		notify_inode(inode, IN_ATTRIB);
	return made(dir, d, err);
}

/* AT_EMPTY_PATH names a file by its descriptor: one's own, or one that a capability opens. */
static int may_link_from_fd(struct vfs_task *t, int dfd, const char *path)
{
	struct fd f;
	int err = 0;

	if (vfs_capable(t, CAP_DAC_READ_SEARCH) || *path == '/' || dfd == AT_FDCWD)
		return 0;
	f = fdget_raw(t, dfd);
	if (!f.file)
		return -EBADF;
	if (f.file->f_cred != t->cred)
		err = -ENOENT;
	fdput(f);
	return err;
}

s64 fs_linkat(struct vfs_task *t, int odfd, const char *old, int ndfd, const char *new_path,
	      int flags)
{
	unsigned how = flags & AT_SYMLINK_FOLLOW ? LOOKUP_FOLLOW : 0;
	struct path from, parent;
	struct dentry *d;
	int err;

	if (flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (flags & AT_EMPTY_PATH) {
		err = may_link_from_fd(t, odfd, old);
		if (err)
			return err;
		how |= LOOKUP_EMPTY;
	}
	err = user_path_at(t, odfd, old, how, &from);
	if (err)
		return err;
	err = start_creating(t, ndfd, new_path, false, &parent, &d);
	if (!err) {
		err = from.mnt != parent.mnt ? -EXDEV : may_link(t, from.dentry->d_inode);
		if (!err)
			err = vfs_link(t, from.dentry, parent.dentry->d_inode, d);
		end_creating(&parent, d);
	}
	path_put(&from);
	return err;
}

/* ---- removing ---------------------------------------------------------------------------------------------- */

static int vfs_unlink(struct vfs_task *t, struct inode *dir, struct dentry *d)
{
	int err = may_delete(t, dir, d, false);

	if (err)
		return err;
	if (!dir->i_op->unlink)
		return -EPERM;
	if (is_mountpoint(d))
		return -EBUSY;
	err = dir->i_op->unlink(dir, d);
	if (err)
		return err;
	notify_inode(d->d_inode, IN_ATTRIB);
	d_delete(d);
	notify_entry(dir, d, false, IN_DELETE);
	return 0;
}

static int vfs_rmdir(struct vfs_task *t, struct inode *dir, struct dentry *d)
{
	int err = may_delete(t, dir, d, true);

	if (err)
		return err;
	if (!dir->i_op->rmdir)
		return -EPERM;
	if (is_mountpoint(d))
		return -EBUSY;
	err = dir->i_op->rmdir(dir, d);
	if (err)
		return err;
	d->d_inode->i_flags |= S_DEAD;
	d_prune_children(d);
	d_delete(d);
	notify_entry(dir, d, true, IN_DELETE);
	return 0;
}

static int remove_last(struct vfs_task *t, const struct path *parent, const struct last_name *last,
		       bool isdir)
{
	struct dentry *dir = parent->dentry, *d;
	int err = lookup_one(t, dir, last->name, last->len, &d);

	if (err)
		return err;
	if (d_is_negative(d))
		err = -ENOENT;
	else if (isdir)
		err = vfs_rmdir(t, dir->d_inode, d);
	else if (last->trailing_slash)
		err = d_is_dir(d) ? -EISDIR : -ENOTDIR;
	else
		err = vfs_unlink(t, dir->d_inode, d);
	dput(d);
	return err;
}

s64 fs_unlinkat(struct vfs_task *t, int dfd, const char *path, int flags)
{
	static const int dir_errors[] = {
		[LAST_ROOT] = -EBUSY, [LAST_DOT] = -EINVAL, [LAST_DOTDOT] = -ENOTEMPTY
	};
	bool isdir = flags & AT_REMOVEDIR;
	struct last_name last;
	struct path parent;
	int err;

	if (flags & ~AT_REMOVEDIR)
		return -EINVAL;
	err = path_parent(t, dfd, path, 0, &parent, &last);
	if (err)
		return err;
	if (last.type != LAST_NORM) {
		path_put(&parent);
		return isdir ? dir_errors[last.type] : -EISDIR;
	}
	err = mnt_want_write(parent.mnt);
	if (!err) {
		down_write(&parent.dentry->d_sb->s_tree_sem);
		err = remove_last(t, &parent, &last, isdir);
		up_write(&parent.dentry->d_sb->s_tree_sem);
		mnt_drop_write(parent.mnt);
	}
	path_put(&parent);
	return err;
}

/* ---- reading a link -------------------------------------------------------------------------------------------- */

s64 fs_readlinkat(struct vfs_task *t, int dfd, const char *path, struct iov_iter *to)
{
	struct link_target target = { .text = NULL };
	struct inode *inode;
	struct path p;
	size_t len, n;
	s64 ret = iov_iter_count(to) ? user_path_at(t, dfd, path, LOOKUP_EMPTY, &p) : -EINVAL;

	if (ret)
		return ret;
	inode = p.dentry->d_inode;
	if (!S_ISLNK(inode->i_mode)) {
		path_put(&p);
		return *path ? -EINVAL : -ENOENT;
	}
	touch_atime(&p);
	ret = inode->i_op->get_link(t, p.dentry, inode, &target);
	if (!ret && target.text) {
		len = MIN(strlen(target.text), iov_iter_count(to));
		n = copy_to_iter(target.text, len, to);
		ret = n == len ? (s64)n : -EFAULT;
		kfree(t->vfs->slab, target.owned);
	} else if (!ret) { /* a magic link: its path as text */
		char *buf = kmalloc(t->vfs->slab, PATH_MAX, GFP_KERNEL), *text = NULL;
		struct path root;

		get_fs_root(t->fs, &root);
		if (buf)
			text = d_path(&target.jump, &root, buf, PATH_MAX, NULL);
		ret = buf ? -ENAMETOOLONG : -ENOMEM;
		if (text) {
			len = MIN(strlen(text), iov_iter_count(to));
			n = copy_to_iter(text, len, to);
			ret = n == len ? (s64)n : -EFAULT;
		}
		kfree(t->vfs->slab, buf);
		path_put(&root);
		path_put(&target.jump);
	}
	path_put(&p);
	return ret;
}
