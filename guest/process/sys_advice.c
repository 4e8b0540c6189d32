/* SPDX-License-Identifier: MIT */
/*
 * sys_advice.c - calls that tell what will be read and what is to reach a disk: fadvise64, readahead,
 * sync_file_range. Files are in memory, so there is nothing to do but to say what is wrong.
 */
#include "guest/process/sys_util.h"

enum { FADV_NOREUSE = 5, SYNC_RANGE_FLAGS = 7 };

/* The mode and type of a descriptor that can be used; -EBADF. */
static s64 kind_of(u64 fd, u32 *f_mode, u32 *i_mode)
{
	struct fd f = fdget(vt(), (int)fd);

	if (!f.file)
		return -EBADF;
	*f_mode = f.file->f_mode;
	*i_mode = f.file->f_inode->i_mode;
	fdput(f);
	return 0;
}

SYS(fadvise64)
{
	u32 f_mode, i_mode;
	s64 err = kind_of(a, &f_mode, &i_mode);

	if (err)
		return err;
	if (S_ISFIFO(i_mode))
		return -ESPIPE;
	return (s64)c < 0 || (u32)d > FADV_NOREUSE ? -EINVAL : 0;
}

SYS(readahead)
{
	u32 f_mode, i_mode;
	s64 err = kind_of(a, &f_mode, &i_mode);

	if (err)
		return err;
	if (!(f_mode & FMODE_READ))
		return -EBADF;
	return S_ISREG(i_mode) ? 0 : -EINVAL;
}

SYS(sync_file_range)
{
	u32 f_mode, i_mode;
	s64 err = kind_of(a, &f_mode, &i_mode), end;

	if (err)
		return err;
	if ((u32)d & ~(u32)SYNC_RANGE_FLAGS || (s64)b < 0 || (s64)c < 0 ||
	    __builtin_add_overflow((s64)b, (s64)c, &end))
		return -EINVAL;
	return S_ISREG(i_mode) || S_ISDIR(i_mode) ? 0 : -ESPIPE;
}
