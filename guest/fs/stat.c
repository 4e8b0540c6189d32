/* SPDX-License-Identifier: MIT */
/* stat.c - stat(2), statx(2), statfs(2). */
#include "guest/fs/calls.h"
#include "guest/fs/internal.h"
#include "guest/lib/string.h"

static void stat_path(const struct path *path, struct kstat *st)
{
	struct inode *inode = path->dentry->d_inode;

	if (!inode->i_op || !inode->i_op->getattr || inode->i_op->getattr(inode, st))
		generic_fillattr(inode, st);
	st->mnt_id = path->mnt->mnt_id;
	if (path->dentry == path->mnt->mnt_root)
		st->attributes |= STATX_ATTR_MOUNT_ROOT;
}

s64 fs_fstat(struct vfs_task *t, int fd, struct kstat *st)
{
	struct fd f = fdget_raw(t, fd);

	if (!f.file)
		return -EBADF;
	stat_path(&f.file->f_path, st);
	fdput(f);
	return 0;
}

s64 fs_stat(struct vfs_task *t, int dfd, const char *path, int flags, struct kstat *st)
{
	unsigned how = flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW;
	struct path p;
	int err;

	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_STATX_SYNC_TYPE))
		return -EINVAL;
	if (flags & AT_EMPTY_PATH) {
		if (!*path && dfd != AT_FDCWD)
			return fs_fstat(t, dfd, st);
		how |= LOOKUP_EMPTY;
	}
	err = user_path_at(t, dfd, path, how, &p);
	if (err)
		return err;
	stat_path(&p, st);
	path_put(&p);
	return 0;
}

/* A device number as a program sees it. */
static u64 new_encode_dev(kdev_t dev)
{
	return (MINOR(dev) & 0xff) | MAJOR(dev) << 8 | (u64)(MINOR(dev) & ~0xffu) << 12;
}

void kstat_to_linux(const struct kstat *st, struct linux_stat *out)
{
	*out = (struct linux_stat){
		.st_dev = new_encode_dev(st->dev),
		.st_ino = st->ino,
		.st_nlink = st->nlink,
		.st_mode = st->mode,
		.st_uid = st->uid,
		.st_gid = st->gid,
		.st_rdev = new_encode_dev(st->rdev),
		.st_size = st->size,
		.st_blksize = st->blksize,
		.st_blocks = (s64)st->blocks,
		.st_atime_sec = (u64)st->atime.tv_sec,
		.st_atime_nsec = (u64)st->atime.tv_nsec,
		.st_mtime_sec = (u64)st->mtime.tv_sec,
		.st_mtime_nsec = (u64)st->mtime.tv_nsec,
		.st_ctime_sec = (u64)st->ctime.tv_sec,
		.st_ctime_nsec = (u64)st->ctime.tv_nsec,
	};
}

static struct linux_statx_time statx_time(const struct timespec64 *t)
{
	return (struct linux_statx_time){ .sec = t->tv_sec, .nsec = (u32)t->tv_nsec };
}

void kstat_to_statx(const struct kstat *st, struct linux_statx *out)
{
	*out = (struct linux_statx){
		.stx_mask = STATX_BASIC_STATS | STATX_MNT_ID | (st->has_btime ? STATX_BTIME : 0),
		.stx_blksize = st->blksize,
		.stx_attributes = st->attributes,
		.stx_attributes_mask = STATX_ATTR_MOUNT_ROOT,
		.stx_nlink = st->nlink,
		.stx_uid = st->uid,
		.stx_gid = st->gid,
		.stx_mode = (u16)st->mode,
		.stx_ino = st->ino,
		.stx_size = (u64)st->size,
		.stx_blocks = st->blocks,
		.stx_atime = statx_time(&st->atime),
		.stx_btime = statx_time(&st->btime),
		.stx_ctime = statx_time(&st->ctime),
		.stx_mtime = statx_time(&st->mtime),
		.stx_rdev_major = MAJOR(st->rdev),
		.stx_rdev_minor = MINOR(st->rdev),
		.stx_dev_major = MAJOR(st->dev),
		.stx_dev_minor = MINOR(st->dev),
		.stx_mnt_id = st->mnt_id,
	};
}

static int statfs_path(const struct path *path, struct linux_statfs *st)
{
	struct super_block *sb = path->dentry->d_sb;

	*st = (struct linux_statfs){
		.f_type = (s64)sb->s_magic,
		.f_bsize = sb->s_blocksize,
		.f_namelen = NAME_MAX,
		.f_frsize = sb->s_blocksize,
		.f_flags = mount_statfs_flags(path->mnt),
		.f_fsid = { (s32)sb->s_dev, 0 },
	};
	return sb->s_op && sb->s_op->statfs ? sb->s_op->statfs(sb, st) : 0;
}

s64 fs_statfs(struct vfs_task *t, const char *path, struct linux_statfs *st)
{
	struct path p;
	int err = user_path_at(t, AT_FDCWD, path, LOOKUP_FOLLOW, &p);

	if (err)
		return err;
	err = statfs_path(&p, st);
	path_put(&p);
	return err;
}

s64 fs_fstatfs(struct vfs_task *t, int fd, struct linux_statfs *st)
{
	struct fd f = fdget_raw(t, fd);
	int err;

	if (!f.file)
		return -EBADF;
	err = statfs_path(&f.file->f_path, st);
	fdput(f);
	return err;
}
