/* SPDX-License-Identifier: MIT */
/* inode.c - inodes: made, counted, given back; times. */
#include "guest/fs/internal.h"
#include "guest/fs/pagecache.h"
#include "guest/lib/string.h"

struct inode *new_inode(struct super_block *sb)
{
	struct vfs *vfs = sb->s_vfs;
	struct inode *inode = kmem_cache_zalloc(vfs->inode_cache, GFP_KERNEL);

	if (!inode)
		return NULL;
	atomic_set(&inode->i_count, 1);
	inode->i_nlink = 1;
	inode->i_sb = sb;
	inode->i_ino = (u64)atomic64_inc_return(&sb->s_next_ino);
	init_rwsem(&inode->i_rwsem);
	mutex_init(&inode->i_lock);
	INIT_LIST_HEAD(&inode->i_flock);
	INIT_LIST_HEAD(&inode->i_xattrs);
	inode->i_xattr_bytes = 0;
	inode->i_atime = inode->i_mtime = inode->i_ctime = inode->i_btime = vfs_now(vfs);
	spin_lock(&sb->s_lock);
	list_add_tail(&inode->i_sb_list, &sb->s_inodes);
	spin_unlock(&sb->s_lock);
	atomic64_inc(&vfs->nr_inodes);
	return inode;
}

struct inode *igrab(struct inode *inode)
{
	atomic_inc(&inode->i_count);
	return inode;
}

void iput(struct inode *inode)
{
	struct super_block *sb;

	if (!inode || !atomic_dec_and_test(&inode->i_count))
		return;
	sb = inode->i_sb;
	spin_lock(&sb->s_lock);
	list_del(&inode->i_sb_list);
	spin_unlock(&sb->s_lock);
	if (inode->i_mapping)
		truncate_pages(inode->i_mapping, 0, ~0ULL);
	if (sb->s_op && sb->s_op->evict_inode)
		sb->s_op->evict_inode(inode);
	if (!inode->i_nlink)
		atomic64_dec(&sb->s_removed);
	inode_drop_xattrs(inode);
	BUG_ON(!list_empty(&inode->i_flock));
	atomic64_dec(&sb->s_vfs->nr_inodes);
	kmem_cache_free(sb->s_vfs->inode_cache, inode);
}

void inode_init_owner(struct vfs_task *t, struct inode *inode, const struct inode *dir, u32 mode)
{
	inode->i_uid = t->cred->fsuid;
	inode->i_gid = t->cred->fsgid;
	if (dir && dir->i_mode & S_ISGID) {
		inode->i_gid = dir->i_gid;
		if (S_ISDIR(mode))
			mode |= S_ISGID;
		else if ((mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) &&
			 !cred_in_group(t->cred, dir->i_gid) && !vfs_capable(t, CAP_FSETID))
			mode &= ~(u32)S_ISGID;
	}
	inode->i_mode = mode;
}

void init_special_inode(struct inode *inode, u32 mode, kdev_t dev)
{
	inode->i_mode = mode;
	if (S_ISCHR(mode)) {
		inode->i_fop = &def_chr_fops;
		inode->i_rdev = dev;
	} else if (S_ISBLK(mode)) {
		inode->i_fop = &no_open_fops;
		inode->i_rdev = dev;
	} else if (S_ISFIFO(mode)) {
		inode->i_fop = &fifo_fops;
	} else {
		inode->i_fop = &no_open_fops;
	}
}

/* There are no block devices and sockets by name. */
static int no_open(struct vfs_task *t, struct inode *inode, struct file *f)
{
	(void)t;
	(void)inode;
	(void)f;
	return -ENXIO;
}

const struct file_operations no_open_fops = { .open = no_open };

void inc_nlink(struct inode *inode)
{
	if (!inode->i_nlink++)
		atomic64_dec(&inode->i_sb->s_removed);
}

void drop_nlink(struct inode *inode)
{
	BUG_ON(inode->i_nlink == 0);
	if (!--inode->i_nlink)
		atomic64_inc(&inode->i_sb->s_removed);
}

void clear_nlink(struct inode *inode)
{
	if (inode->i_nlink)
		atomic64_inc(&inode->i_sb->s_removed);
	inode->i_nlink = 0;
}

/* ---- times ------------------------------------------------------------------------------------------ */

void inode_touch_ctime(struct inode *inode)
{
	inode->i_ctime = vfs_now(inode->i_sb->s_vfs);
}

void inode_touch_mctime(struct inode *inode)
{
	inode->i_mtime = inode->i_ctime = vfs_now(inode->i_sb->s_vfs);
}

static s64 time_cmp(const struct timespec64 *a, const struct timespec64 *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec - b->tv_sec : a->tv_nsec - b->tv_nsec;
}

/* relatime: only when it would tell something new, or the old one is a day old. */
static bool atime_due(const struct inode *inode, const struct timespec64 *now)
{
	return time_cmp(&inode->i_mtime, &inode->i_atime) >= 0 ||
	       time_cmp(&inode->i_ctime, &inode->i_atime) >= 0 ||
	       now->tv_sec - inode->i_atime.tv_sec >= 24 * 60 * 60;
}

void touch_atime(const struct path *path)
{
	struct inode *inode = path->dentry->d_inode;
	u32 flags = path->mnt->mnt_flags;
	struct timespec64 now;

	if (inode->i_flags & S_NOATIME || flags & MS_NOATIME ||
	    (flags & MS_NODIRATIME && S_ISDIR(inode->i_mode)) ||
	    (flags | inode->i_sb->s_flags) & MS_RDONLY)
		return;
	now = vfs_now(inode->i_sb->s_vfs);
	if (flags & MS_RELATIME && !atime_due(inode, &now))
		return;
	inode->i_atime = now;
}

void file_accessed(struct file *f)
{
	if (!(f->f_flags & O_NOATIME))
		touch_atime(&f->f_path);
}

/* What a write by t takes away: the bits that would let others run it as its owner. */
static u32 privileges_to_drop(const struct vfs_task *t, const struct inode *inode)
{
	u32 drop = inode->i_mode & S_ISUID;

	if (!S_ISREG(inode->i_mode))
		return 0;
	/* Without group execution the bit is the group's own business. */
	if (inode->i_mode & S_ISGID &&
	    (inode->i_mode & S_IXGRP || !cred_in_group(t->cred, inode->i_gid)))
		drop |= S_ISGID;
	return vfs_capable(t, CAP_FSETID) ? 0 : drop;
}

int file_modified(struct vfs_task *t, struct file *f)
{
	struct inode *inode = f->f_inode;

	inode->i_mode &= ~privileges_to_drop(t, inode);
	inode_touch_mctime(inode);
	return 0;
}

/* ---- who writes, who executes ------------------------------------------------------------------------- */

int get_write_access(struct inode *inode)
{
	s32 n = atomic_read(&inode->i_writecount);

	do {
		if (n < 0)
			return -ETXTBSY;
	} while (!atomic_try_cmpxchg(&inode->i_writecount, &n, n + 1));
	return 0;
}

void put_write_access(struct inode *inode)
{
	atomic_dec(&inode->i_writecount);
}

void deny_write_access(struct file *f)
{
	atomic_dec(&f->f_inode->i_writecount);
}

void allow_write_access(struct file *f)
{
	if (f)
		atomic_inc(&f->f_inode->i_writecount);
}
