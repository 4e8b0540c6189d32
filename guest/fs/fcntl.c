/* SPDX-License-Identifier: MIT */
/* fcntl.c - fcntl(2), ioctl(2): flags of descriptors and open files. */
#include "guest/fs/calls.h"
#include "guest/fs/internal.h"
#include "guest/fs/pipe.h"
#include "guest/fs/seals.h"
#include "guest/lib/bitmap.h"

#define SETFL_MASK (O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME)

static void set_cloexec(struct vfs_task *t, int fd, bool on)
{
	spin_lock(&t->files->lock);
	__assign_bit((unsigned)fd, t->files->close_on_exec, on);
	spin_unlock(&t->files->lock);
}

static bool get_cloexec(struct vfs_task *t, int fd)
{
	bool on;

	spin_lock(&t->files->lock);
	on = test_bit((unsigned)fd, t->files->close_on_exec);
	spin_unlock(&t->files->lock);
	return on;
}

static void change_flags(struct file *f, u32 mask, u32 flags)
{
	spin_lock(&f->f_lock);
	f->f_flags = (f->f_flags & ~mask) | (flags & mask);
	spin_unlock(&f->f_lock);
}

static int set_flags(struct vfs_task *t, struct file *f, u32 flags)
{
	if ((f->f_flags ^ flags) & O_APPEND && f->f_inode->i_flags & S_APPEND)
		return -EPERM;
	if (flags & O_NOATIME && !(f->f_flags & O_NOATIME) &&
	    !inode_owner_or_capable(t, f->f_inode))
		return -EPERM;
	change_flags(f, SETFL_MASK, flags);
	return 0;
}

static s64 dup_query(struct vfs_task *t, struct file *f, int fd)
{
	struct fd other = fdget_raw(t, fd);
	s64 same = other.file == f;

	if (!other.file)
		return -EBADF;
	fdput(other);
	return same;
}

static s64 fcntl_path_ok(struct vfs_task *t, struct file *f, int fd, unsigned cmd, u64 arg,
			 bool *known)
{
	*known = true;
	switch (cmd) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		return fs_dupfd(t, f, (u32)arg, cmd == F_DUPFD_CLOEXEC);
	case F_DUPFD_QUERY:
		return dup_query(t, f, (int)arg);
	case F_GETFD:
		return get_cloexec(t, fd) ? FD_CLOEXEC : 0;
	case F_SETFD:
		set_cloexec(t, fd, arg & FD_CLOEXEC);
		return 0;
	case F_GETFL:
		return f->f_flags & ~(u32)O_CLOEXEC;
	default:
		*known = false;
		return 0;
	}
}

s64 fs_fcntl(struct vfs_task *t, int fd, unsigned cmd, u64 arg)
{
	struct fd f = fdget_raw(t, fd);
	bool known;
	s64 ret;

	if (!f.file)
		return -EBADF;
	ret = fcntl_path_ok(t, f.file, fd, cmd, arg, &known);
	if (known)
		goto out;
	ret = -EBADF;
	if (f.file->f_mode & FMODE_PATH)
		goto out;
	switch (cmd) {
	case F_SETFL:
		ret = set_flags(t, f.file, (u32)arg);
		break;
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
	case F_OFD_GETLK:
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
		ret = fcntl_lock(t, f.file, cmd, arg);
		break;
	case F_GETOWN:
		ret = f.file->f_owner;
		break;
	case F_SETOWN:
		f.file->f_owner = (int)arg;
		ret = 0;
		break;
	case F_GETPIPE_SZ:
	case F_SETPIPE_SZ:
		ret = pipe_fcntl(t, f.file, cmd, arg);
		break;
	case F_ADD_SEALS:
	case F_GET_SEALS:
		ret = seals_fcntl(f.file, cmd, arg);
		break;
	default:
		ret = -EINVAL;
	}
out:
	fdput(f);
	return ret;
}

/* ---- ioctl ---------------------------------------------------------------------------------------------------- */

static s64 set_flag_from_user(struct vfs_task *t, struct file *f, u32 flag, u64 arg)
{
	s32 on;

	if (copy_from_task(t, &on, arg, sizeof(on)))
		return -EFAULT;
	change_flags(f, flag, on ? flag : 0);
	return 0;
}

static s64 bytes_left(struct vfs_task *t, struct file *f, u64 arg)
{
	s32 n = (s32)(READ_ONCE(f->f_inode->i_size) - f->f_pos);

	return copy_to_task(t, arg, &n, sizeof(n)) ? -EFAULT : 0;
}

s64 fs_ioctl(struct vfs_task *t, int fd, u32 cmd, u64 arg)
{
	struct fd f = fdget(t, fd);
	s64 ret = -ENOTTY;

	if (!f.file)
		return -EBADF;
	switch (cmd) {
	case FIOCLEX:
	case FIONCLEX:
		set_cloexec(t, fd, cmd == FIOCLEX);
		ret = 0;
		break;
	case FIONBIO:
		ret = set_flag_from_user(t, f.file, O_NONBLOCK, arg);
		break;
	default:
		if (cmd == FIONREAD && S_ISREG(f.file->f_inode->i_mode))
			ret = bytes_left(t, f.file, arg);
		else if (f.file->f_op && f.file->f_op->ioctl)
			ret = f.file->f_op->ioctl(t, f.file, cmd, arg);
	}
	fdput(f);
	return ret;
}
