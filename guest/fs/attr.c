/* SPDX-License-Identifier: MIT */
/* attr.c - permissions and attributes: who may, and what changing does. path_resolution(7),
 * chmod(2), chown(2), utimensat(2). */
#include "guest/fs/internal.h"
#include "guest/fs/notify.h"
#include "guest/fs/pagecache.h"

/* ---- permission --------------------------------------------------------------------------------------- */

static bool mode_allows(const struct vfs_task *t, const struct inode *inode, int mask)
{
	u32 mode = inode->i_mode;

	if (t->cred->fsuid == inode->i_uid)
		mode >>= 6;
	else if ((mode >> 3 & 7) != (mode & 7) && cred_in_group(t->cred, inode->i_gid))
		mode >>= 3;
	return !(mask & ~(int)mode & (MAY_READ | MAY_WRITE | MAY_EXEC));
}

int generic_permission(struct vfs_task *t, const struct inode *inode, int mask)
{
	mask &= MAY_READ | MAY_WRITE | MAY_EXEC;
	if (mode_allows(t, inode, mask))
		return 0;
	if (S_ISDIR(inode->i_mode)) {
		if (!(mask & MAY_WRITE) && vfs_capable(t, CAP_DAC_READ_SEARCH))
			return 0;
		return vfs_capable(t, CAP_DAC_OVERRIDE) ? 0 : -EACCES;
	}
	if (mask == MAY_READ && vfs_capable(t, CAP_DAC_READ_SEARCH))
		return 0;
	/* Nobody may run what nobody may run. */
	if ((!(mask & MAY_EXEC) || inode->i_mode & S_IXUGO) && vfs_capable(t, CAP_DAC_OVERRIDE))
		return 0;
	return -EACCES;
}

int inode_permission(struct vfs_task *t, struct inode *inode, int mask)
{
	if (mask & MAY_WRITE) {
		u32 type = inode->i_mode & S_IFMT;

		/* Of one that is read-only by itself; a mount's flag is the mount's. */
		if (inode->i_sb->s_flags & MS_RDONLY &&
		    (type == S_IFREG || type == S_IFDIR || type == S_IFLNK))
			return -EROFS;
		if (inode->i_flags & S_IMMUTABLE)
			return -EPERM;
	}
	if (inode->i_op && inode->i_op->permission)
		return inode->i_op->permission(t, inode, mask);
	return generic_permission(t, inode, mask);
}

bool inode_owner_or_capable(const struct vfs_task *t, const struct inode *inode)
{
	return t->cred->fsuid == inode->i_uid || vfs_capable(t, CAP_FOWNER);
}

/* ---- reading attributes --------------------------------------------------------------------------------- */

void generic_fillattr(const struct inode *inode, struct kstat *st)
{
	*st = (struct kstat){
		.dev = inode->i_sb->s_dev,
		.rdev = inode->i_rdev,
		.ino = inode->i_ino,
		.mode = inode->i_mode,
		.nlink = inode->i_nlink,
		.uid = inode->i_uid,
		.gid = inode->i_gid,
		.size = READ_ONCE(inode->i_size),
		.blocks = inode->i_blocks,
		.blksize = inode->i_sb->s_blocksize,
		.atime = inode->i_atime,
		.mtime = inode->i_mtime,
		.ctime = inode->i_ctime,
		.btime = inode->i_btime,
		.has_btime = true,
	};
}

/* ---- changing them --------------------------------------------------------------------------------------- */

static bool chown_ok(const struct vfs_task *t, const struct inode *inode, u32 uid)
{
	return (t->cred->fsuid == inode->i_uid && uid == inode->i_uid) || vfs_capable(t, CAP_CHOWN);
}

static bool chgrp_ok(const struct vfs_task *t, const struct inode *inode, u32 gid)
{
	return (t->cred->fsuid == inode->i_uid &&
		(cred_in_group(t->cred, gid) || gid == inode->i_gid)) ||
	       vfs_capable(t, CAP_CHOWN);
}

int setattr_prepare(struct vfs_task *t, struct inode *inode, struct iattr *attr)
{
	u32 valid = attr->valid;

	if (valid & ATTR_SIZE) {
		if (attr->size > inode->i_size && (u64)attr->size > t->rlimit[RLIMIT_FSIZE]) {
			t->vfs->env->send_sig(t, SIGXFSZ);
			return -EFBIG;
		}
		if (attr->size > inode->i_sb->s_maxbytes)
			return -EFBIG;
	}
	if (valid & ATTR_FORCE)
		return 0;
	if (valid & ATTR_UID && !chown_ok(t, inode, attr->uid))
		return -EPERM;
	if (valid & ATTR_GID && !chgrp_ok(t, inode, attr->gid))
		return -EPERM;
	if (valid & ATTR_MODE) {
		u32 gid = valid & ATTR_GID ? attr->gid : inode->i_gid;

		if (!inode_owner_or_capable(t, inode))
			return -EPERM;
		if (!cred_in_group(t->cred, gid) && !vfs_capable(t, CAP_FSETID))
			attr->mode &= ~(u32)S_ISGID;
	}
	if (valid & (ATTR_ATIME_SET | ATTR_MTIME_SET | ATTR_TIMES_SET) &&
	    !inode_owner_or_capable(t, inode))
		return -EPERM;
	return 0;
}

void setattr_copy(struct vfs_task *t, struct inode *inode, const struct iattr *attr)
{
	if (attr->valid & ATTR_UID)
		inode->i_uid = attr->uid;
	if (attr->valid & ATTR_GID)
		inode->i_gid = attr->gid;
	if (attr->valid & ATTR_ATIME)
		inode->i_atime = attr->atime;
	if (attr->valid & ATTR_MTIME)
		inode->i_mtime = attr->mtime;
	if (attr->valid & ATTR_CTIME)
		inode->i_ctime = attr->ctime;
	if (attr->valid & ATTR_MODE) {
		u32 mode = attr->mode;

		if (!cred_in_group(t->cred, inode->i_gid) && !vfs_capable(t, CAP_FSETID))
			mode &= ~(u32)S_ISGID;
		inode->i_mode = (inode->i_mode & S_IFMT) | (mode & S_IALLUGO);
	}
}

/* The ATTR_KILL_ flags of chown and truncate become a new mode. */
static void apply_kills(struct vfs_task *t, struct inode *inode, struct iattr *attr)
{
	u32 kill = 0;

	if (attr->valid & ATTR_KILL_SUID)
		kill |= inode->i_mode & S_ISUID;
	if (attr->valid & ATTR_KILL_SGID && inode->i_mode & S_ISGID &&
	    (inode->i_mode & S_IXGRP ||
	     (!cred_in_group(t->cred, inode->i_gid) && !vfs_capable(t, CAP_FSETID))))
		kill |= S_ISGID;
	if (kill) {
		attr->mode = inode->i_mode & ~kill;
		attr->valid |= ATTR_MODE;
	}
}

/* What a change of attributes is to those who watch: both times at once are utimes(2). */
static u32 events_of(u32 valid)
{
	u32 times = valid & (ATTR_ATIME | ATTR_MTIME), mask = 0;

	if (valid & (ATTR_UID | ATTR_GID | ATTR_MODE) || times == (ATTR_ATIME | ATTR_MTIME))
		mask |= IN_ATTRIB;
	else if (times == ATTR_ATIME)
		mask |= IN_ACCESS;
	else if (times == ATTR_MTIME)
		mask |= IN_MODIFY;
	return mask | (valid & ATTR_SIZE ? IN_MODIFY : 0);
}

int notify_change(struct vfs_task *t, struct dentry *d, struct iattr *attr)
{
	struct inode *inode = d->d_inode;
	struct timespec64 now = vfs_now(t->vfs);
	u32 valid;
	int err;

	if (attr->valid & (ATTR_MODE | ATTR_UID | ATTR_GID) &&
	    inode->i_flags & (S_IMMUTABLE | S_APPEND))
		return -EPERM;
	if (attr->valid & ATTR_TOUCH && !inode_owner_or_capable(t, inode)) {
		err = inode_permission(t, inode, MAY_WRITE);
		if (err)
			return err;
	}
	attr->ctime = now;
	if (!(attr->valid & ATTR_ATIME_SET))
		attr->atime = now;
	if (!(attr->valid & ATTR_MTIME_SET))
		attr->mtime = now;
	if (attr->valid & (ATTR_KILL_SUID | ATTR_KILL_SGID)) {
		BUG_ON(attr->valid & ATTR_MODE);
		apply_kills(t, inode, attr);
	}
	attr->valid &= ~(u32)(ATTR_KILL_SUID | ATTR_KILL_SGID);
	valid = attr->valid;
	if (inode->i_op && inode->i_op->setattr) {
		err = inode->i_op->setattr(t, d, attr);
	} else {
		err = setattr_prepare(t, inode, attr);
		if (!err)
			setattr_copy(t, inode, attr);
	}
	if (!err && notify_wanted(t->vfs))
		notify_dentry(d, events_of(valid));
	return err;
}

int do_truncate(struct vfs_task *t, struct dentry *d, s64 len, u32 extra)
{
	struct inode *inode = d->d_inode;
	struct iattr attr = { .valid = ATTR_SIZE | extra, .size = len };
	int err;

	if (len < 0)
		return -EINVAL;
	down_write(&inode->i_rwsem);
	if (!vfs_capable(t, CAP_FSETID)) {
		if (inode->i_mode & S_ISUID)
			attr.valid |= ATTR_KILL_SUID | ATTR_FORCE;
		if (inode->i_mode & S_ISGID)
			attr.valid |= ATTR_KILL_SGID | ATTR_FORCE;
	}
	err = notify_change(t, d, &attr);
	up_write(&inode->i_rwsem);
	return err;
}
