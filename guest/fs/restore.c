/* SPDX-License-Identifier: MIT */
/* restore.c - entries of an archive: made or changed with all their attributes at once. */
#include "guest/fs/calls.h"
#include "guest/fs/internal.h"

static int set_attributes(struct vfs_task *t, struct dentry *d, const struct kstat *st)
{
	struct inode *inode = d->d_inode;
	struct iattr attr = { .valid = ATTR_UID | ATTR_GID | ATTR_CTIME | ATTR_ATIME | ATTR_MTIME |
				       ATTR_ATIME_SET | ATTR_MTIME_SET | ATTR_TIMES_SET,
			      .mode = st->mode & S_IALLUGO,
			      .uid = st->uid,
			      .gid = st->gid,
			      .atime = st->mtime,
			      .mtime = st->mtime };
	int err;

	if (!S_ISLNK(st->mode))
		attr.valid |= ATTR_MODE;
	down_write(&inode->i_rwsem);
	err = notify_change(t, d, &attr);
	up_write(&inode->i_rwsem);
	return err;
}

s64 fs_restore(struct vfs_task *t, const char *path, const struct kstat *st)
{
	struct path p;
	int err = user_path_at(t, AT_FDCWD, path, 0, &p);

	if (err)
		return err;
	err = mnt_want_write(p.mnt);
	if (!err) {
		err = set_attributes(t, p.dentry, st);
		mnt_drop_write(p.mnt);
	}
	path_put(&p);
	return err;
}

s64 fs_restore_new(struct vfs_task *t, const char *path, const struct kstat *st, const char *target)
{
	bool folder = S_ISDIR(st->mode), link = S_ISLNK(st->mode);
	int err = folder || link ? 0 : may_mknod(st->mode);
	struct path parent;
	struct inode *dir;
	struct dentry *d;

	if (err)
		return err;
	err = start_creating(t, AT_FDCWD, path, folder, &parent, &d);
	if (err)
		return err;
	dir = parent.dentry->d_inode;
	if (folder)
		err = vfs_mkdir(t, dir, d, st->mode & S_IALLUGO);
	else if (link)
		err = vfs_symlink(t, dir, d, target);
	else
		err = vfs_mknod(t, dir, d, st->mode, st->rdev);
	if (!err)
		err = set_attributes(t, d, st);
	end_creating(&parent, d);
	return err;
}
