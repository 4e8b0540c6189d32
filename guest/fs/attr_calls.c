/* SPDX-License-Identifier: MIT */
/* attr_calls.c - chmod(2), chown(2), utimensat(2), truncate(2), fallocate(2), access(2). */
#include "guest/fs/calls.h"
#include "guest/fs/internal.h"
#include "guest/fs/notify.h"

/* ---- mode and owner --------------------------------------------------------------------------------------- */

/* What the *at() calls name, by their two flags. *out is referenced. */
static int path_by_flags(struct vfs_task *t, int dfd, const char *path, int flags, struct path *out)
{
	unsigned how = flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW;

	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (flags & AT_EMPTY_PATH)
		how |= LOOKUP_EMPTY;
	if (!path)
		return -EFAULT;
	return user_path_at(t, dfd, path, how, out);
}

static int change(struct vfs_task *t, const struct path *path, struct iattr *attr)
{
	struct inode *inode = path->dentry->d_inode;
	int err = mnt_want_write(path->mnt);

	if (err)
		return err;
	down_write(&inode->i_rwsem);
	err = notify_change(t, path->dentry, attr);
	up_write(&inode->i_rwsem);
	mnt_drop_write(path->mnt);
	return err;
}

static int chmod_path(struct vfs_task *t, const struct path *path, u32 mode)
{
	struct iattr attr = { .valid = ATTR_MODE | ATTR_CTIME, .mode = mode & S_IALLUGO };

	int err;

	if (!S_ISLNK(path->dentry->d_inode->i_mode))
		return change(t, path, &attr);
	err = mnt_want_write(path->mnt);
	if (err)
		return err;
	mnt_drop_write(path->mnt);
	return -EOPNOTSUPP;
}

s64 fs_fchmodat(struct vfs_task *t, int dfd, const char *path, u32 mode, int flags)
{
	struct path p;
	int err = path_by_flags(t, dfd, path, flags, &p);

	if (err)
		return err;
	err = chmod_path(t, &p, mode);
	path_put(&p);
	return err;
}

s64 fs_fchmod(struct vfs_task *t, int fd, u32 mode)
{
	struct fd f = fdget(t, fd);
	int err;

	if (!f.file)
		return -EBADF;
	err = chmod_path(t, &f.file->f_path, mode);
	fdput(f);
	return err;
}

static int chown_path(struct vfs_task *t, const struct path *path, u32 uid, u32 gid)
{
	struct inode *inode = path->dentry->d_inode;
	struct iattr attr = { .valid = ATTR_CTIME, .uid = uid, .gid = gid };

	if (uid != (u32)-1)
		attr.valid |= ATTR_UID;
	if (gid != (u32)-1)
		attr.valid |= ATTR_GID;
	/* Programs of another owner would run as that one. */
	if (!S_ISDIR(inode->i_mode))
		attr.valid |= ATTR_KILL_SUID | ATTR_KILL_SGID;
	return change(t, path, &attr);
}

s64 fs_fchownat(struct vfs_task *t, int dfd, const char *path, u32 uid, u32 gid, int flags)
{
	struct path p;
	int err = path_by_flags(t, dfd, path, flags, &p);

	if (err)
		return err;
	err = chown_path(t, &p, uid, gid);
	path_put(&p);
	return err;
}

s64 fs_fchown(struct vfs_task *t, int fd, u32 uid, u32 gid)
{
	struct fd f = fdget(t, fd);
	int err;

	if (!f.file)
		return -EBADF;
	err = chown_path(t, &f.file->f_path, uid, gid);
	fdput(f);
	return err;
}

/* ---- times ------------------------------------------------------------------------------------------------------ */

static bool nsec_valid(s64 nsec)
{
	return nsec == UTIME_NOW || nsec == UTIME_OMIT || (nsec >= 0 && nsec < 1000000000);
}

static int utimes_path(struct vfs_task *t, const struct path *path,
		       const struct linux_timespec *times)
{
	struct iattr attr = { .valid = ATTR_CTIME | ATTR_MTIME | ATTR_ATIME };

	if (!times) {
		attr.valid |= ATTR_TOUCH;
		return change(t, path, &attr);
	}
	if (!nsec_valid(times[0].tv_nsec) || !nsec_valid(times[1].tv_nsec))
		return -EINVAL;
	if (times[0].tv_nsec == UTIME_OMIT) {
		attr.valid &= ~(u32)ATTR_ATIME;
	} else if (times[0].tv_nsec != UTIME_NOW) {
		attr.atime = (struct timespec64){ times[0].tv_sec, times[0].tv_nsec };
		attr.valid |= ATTR_ATIME_SET;
	}
	if (times[1].tv_nsec == UTIME_OMIT) {
		attr.valid &= ~(u32)ATTR_MTIME;
	} else if (times[1].tv_nsec != UTIME_NOW) {
		attr.mtime = (struct timespec64){ times[1].tv_sec, times[1].tv_nsec };
		attr.valid |= ATTR_MTIME_SET;
	}
	attr.valid |= times[0].tv_nsec == UTIME_NOW && times[1].tv_nsec == UTIME_NOW
			      ? ATTR_TOUCH
			      : ATTR_TIMES_SET;
	return change(t, path, &attr);
}

s64 fs_utimensat(struct vfs_task *t, int dfd, const char *path,
		 const struct linux_timespec times[2], int flags)
{
	struct path p;
	int err;

	if (times && times[0].tv_nsec == UTIME_OMIT && times[1].tv_nsec == UTIME_OMIT)
		return 0;
	if (!path && dfd != AT_FDCWD) {
		struct fd f;

		if (flags)
			return -EINVAL;
		f = fdget(t, dfd);
		if (!f.file)
			return -EBADF;
		err = utimes_path(t, &f.file->f_path, times);
		fdput(f);
		return err;
	}
	err = path_by_flags(t, dfd, path, flags, &p);
	if (err)
		return err;
	err = utimes_path(t, &p, times);
	path_put(&p);
	return err;
}

/* ---- size ------------------------------------------------------------------------------------------------------- */

static int truncate_path(struct vfs_task *t, const struct path *path, s64 len)
{
	struct inode *inode = path->dentry->d_inode;
	int err;

	if (S_ISDIR(inode->i_mode))
		return -EISDIR;
	if (!S_ISREG(inode->i_mode))
		return -EINVAL;
	err = inode_permission(t, inode, MAY_WRITE);
	if (err)
		return err;
	err = mnt_want_write(path->mnt);
	if (err)
		return err;
	err = inode->i_flags & S_APPEND ? -EPERM : get_write_access(inode);
	if (!err) {
		err = do_truncate(t, path->dentry, len, 0);
		put_write_access(inode);
	}
	mnt_drop_write(path->mnt);
	return err;
}

s64 fs_truncate(struct vfs_task *t, const char *path, s64 len)
{
	struct path p;
	int err;

	if (len < 0)
		return -EINVAL;
	err = user_path_at(t, AT_FDCWD, path, LOOKUP_FOLLOW, &p);
	if (err)
		return err;
	err = truncate_path(t, &p, len);
	path_put(&p);
	return err;
}

s64 fs_ftruncate(struct vfs_task *t, int fd, s64 len)
{
	struct fd f;
	int err;

	if (len < 0)
		return -EINVAL;
	f = fdget(t, fd);
	if (!f.file)
		return -EBADF;
	if (!S_ISREG(f.file->f_inode->i_mode) || !(f.file->f_mode & FMODE_WRITE))
		err = -EINVAL;
	else if (f.file->f_inode->i_flags & S_APPEND)
		err = -EPERM;
	else
		err = do_truncate(t, f.file->f_path.dentry, len, ATTR_MTIME | ATTR_CTIME);
	fdput(f);
	return err;
}

int vfs_fallocate(struct vfs_task *t, struct file *f, int mode, s64 offset, s64 len)
{
	struct inode *inode = f->f_inode;
	s64 end;
	int err;

	if (offset < 0 || len <= 0)
		return -EINVAL;
	if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
		return -EOPNOTSUPP;
	if (mode & FALLOC_FL_PUNCH_HOLE &&
	    (mode & FALLOC_FL_ZERO_RANGE || !(mode & FALLOC_FL_KEEP_SIZE)))
		return -EOPNOTSUPP;
	if (!(f->f_mode & FMODE_WRITE))
		return -EBADF;
	if (S_ISFIFO(inode->i_mode))
		return -ESPIPE;
	if (S_ISDIR(inode->i_mode))
		return -EISDIR;
	if (!S_ISREG(inode->i_mode))
		return -ENODEV;
	if (__builtin_add_overflow(offset, len, &end) || end > inode->i_sb->s_maxbytes)
		return -EFBIG;
	if (!f->f_op->fallocate)
		return -EOPNOTSUPP;
	down_write(&inode->i_rwsem);
	/* tmpfs holds space to the limit too, whether the size grows or not. */
	if (!(mode & FALLOC_FL_PUNCH_HOLE) && end > inode->i_size &&
	    (u64)end > t->rlimit[RLIMIT_FSIZE]) {
		t->vfs->env->send_sig(t, SIGXFSZ);
		err = -EFBIG;
	} else {
		err = f->f_op->fallocate(f, mode, offset, len);
		if (!err)
			file_modified(t, f);
	}
	up_write(&inode->i_rwsem);
	if (!err)
		notify_file(t->vfs, f, IN_MODIFY);
	return err;
}

s64 fs_fallocate(struct vfs_task *t, int fd, int mode, s64 offset, s64 len)
{
	struct fd f = fdget(t, fd);
	int err;

	if (!f.file)
		return -EBADF;
	err = vfs_fallocate(t, f.file, mode, offset, len);
	fdput(f);
	return err;
}

/* ---- access ------------------------------------------------------------------------------------------------------- */

/* The real user and group, and root's capabilities only for root. */
static void real_cred(const struct vfs_task *t, struct cred *c)
{
	*c = *t->cred;
	c->fsuid = c->uid;
	c->fsgid = c->gid;
	if (!(c->securebits & 4)) /* SECURE_NO_SETUID_FIXUP */
		c->cap_effective = c->uid ? 0 : c->cap_permitted;
}

static int access_path(struct vfs_task *t, int dfd, const char *path, int mode, unsigned how)
{
	struct inode *inode;
	struct path p;
	int err = user_path_at(t, dfd, path, how, &p);

	if (err)
		return err;
	inode = p.dentry->d_inode;
	if (mode & MAY_EXEC && S_ISREG(inode->i_mode) && p.mnt->mnt_flags & MS_NOEXEC)
		err = -EACCES;
	else
		err = inode_permission(t, inode, mode | MAY_ACCESS);
	if (!err && mode & MAY_WRITE && p.mnt->mnt_flags & MS_RDONLY &&
	    (S_ISREG(inode->i_mode) || S_ISDIR(inode->i_mode) || S_ISLNK(inode->i_mode)))
		err = -EROFS;
	path_put(&p);
	return err;
}

s64 fs_faccessat(struct vfs_task *t, int dfd, const char *path, int mode, int flags)
{
	unsigned how = flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW;
	struct vfs_task as_real = *t;
	struct cred cred;

	if (mode & ~(R_OK | W_OK | X_OK))
		return -EINVAL;
	if (flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (flags & AT_EMPTY_PATH)
		how |= LOOKUP_EMPTY;
	if (!(flags & AT_EACCESS)) {
		real_cred(t, &cred);
		as_real.cred = &cred;
	}
	return access_path(&as_real, dfd, path, mode, how);
}
