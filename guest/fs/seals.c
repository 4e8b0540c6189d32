/* SPDX-License-Identifier: MIT */
/* seals.c - see seals.h. */
#include "guest/fs/seals.h"
#include "guest/fs/pagecache.h"

static int add(struct inode *inode, u32 seals)
{
	struct address_space *as = inode->i_mapping;
	int err = 0;

	if (inode->i_seals & F_SEAL_SEAL)
		return -EPERM;
	down_write(&as->i_mmap_sem);
	if (seals & F_SEAL_WRITE && !(inode->i_seals & F_SEAL_WRITE) && as->i_mmap_writable)
		err = -EBUSY;
	else
		WRITE_ONCE(inode->i_seals, inode->i_seals | seals);
	up_write(&as->i_mmap_sem);
	return err;
}

/* Files of ramfs and others do not know seals; those of tmpfs do, and have the one against more. */
static bool knows_seals(const struct inode *inode)
{
	return S_ISREG(inode->i_mode) && inode->i_sb->s_magic == TMPFS_MAGIC;
}

s64 seals_fcntl(struct file *f, unsigned cmd, u64 arg)
{
	struct inode *inode = f->f_inode;
	int err;

	if (cmd == F_GET_SEALS)
		return knows_seals(inode) ? (s64)READ_ONCE(inode->i_seals) : -EINVAL;
	if (arg >> 32)
		return -EINVAL;
	if (!(f->f_mode & FMODE_WRITE))
		return -EPERM;
	if (arg & ~(u64)SEALS_ALL || !knows_seals(inode))
		return -EINVAL;
	down_write(&inode->i_rwsem);
	err = add(inode, (u32)arg);
	up_write(&inode->i_rwsem);
	return err;
}

int seals_map_shared(struct inode *inode, bool write, bool *may_write, bool *pledged)
{
	struct address_space *as = inode->i_mapping;
	int err = 0;

	*pledged = false;
	if (likely(READ_ONCE(inode->i_seals) & F_SEAL_SEAL) &&
	    !(inode->i_seals & SEALS_OF_WRITING)) /* for ever */
		return 0;
	down_write(&as->i_mmap_sem);
	if (*may_write && inode->i_seals & F_SEAL_WRITE) {
		err = -EPERM;
	} else if (inode->i_seals & F_SEAL_FUTURE_WRITE) {
		err = write ? -EPERM : 0;
		*may_write = false;
	} else if (*may_write) {
		as->i_mmap_writable++;
		*pledged = true;
	}
	up_write(&as->i_mmap_sem);
	return err;
}

void seals_mapped(struct inode *inode)
{
	down_write(&inode->i_mapping->i_mmap_sem);
	inode->i_mapping->i_mmap_writable--;
	up_write(&inode->i_mapping->i_mmap_sem);
}
