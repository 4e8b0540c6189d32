/* SPDX-License-Identifier: MIT */
/*
 * xattr.c - extended attributes: xattr(7). tmpfs and devtmpfs keep them with the inode, of the spaces
 * user, trusted and security; other file systems have none, and say -EOPNOTSUPP. There are no ACLs, which
 * would be system.posix_acl_*.
 *
 * X1 what an inode's attributes take, names and values, is at most XATTR_SIZE_MAX bytes: it is the
 * kernel's memory, and anybody may ask for it.
 */
#include "guest/fs/calls.h"
#include "guest/fs/internal.h"
#include "guest/fs/notify.h"
#include "guest/lib/string.h"

struct xattr {
	struct list_head node; /* inode->i_xattrs */
	size_t name_len, size;
	u32 hash;    /* of the name: a file may have thousands, and most are told apart by this */
	char name[]; /* with its NUL; then the value */
};

static u8 *value_of(struct xattr *x)
{
	return (u8 *)x->name + x->name_len + 1;
}

static struct xattr *find(const struct inode *inode, const char *name)
{
	u32 hash = name_hash(name, strlen(name));
	struct xattr *x;

	list_for_each_entry (x, &inode->i_xattrs, node)
		if (x->hash == hash && !strcmp(x->name, name))
			return x;
	return NULL;
}

static size_t bytes_of(const struct xattr *x)
{
	return x ? x->name_len + 1 + x->size : 0;
}

void inode_drop_xattrs(struct inode *inode)
{
	struct xattr *x, *next;

	list_for_each_entry_safe (x, next, &inode->i_xattrs, node)
		kfree(inode->i_sb->s_vfs->slab, x);
	INIT_LIST_HEAD(&inode->i_xattrs);
}

/* ---- who may ------------------------------------------------------------------------------------------------ */

static bool in_space(const char *name, const char *space)
{
	return !strncmp(name, space, strlen(space));
}

static int may_use_user_space(const struct vfs_task *t, const struct inode *inode, int mask)
{
	if (!S_ISREG(inode->i_mode) && !S_ISDIR(inode->i_mode))
		return mask & MAY_WRITE ? -EPERM : -ENODATA;
	if (S_ISDIR(inode->i_mode) && inode->i_mode & S_ISVTX && mask & MAY_WRITE &&
	    !inode_owner_or_capable(t, inode))
		return -EPERM;
	return 0;
}

static int permission(struct vfs_task *t, struct inode *inode, const char *name, int mask)
{
	int err = 0;

	if (mask & MAY_WRITE && inode->i_flags & (S_APPEND | S_IMMUTABLE))
		return -EPERM;
	if (in_space(name, "system."))
		return 0;
	if (in_space(name, "security.")) {
		unsigned cap = !strcmp(name, "security.capability") ? CAP_SETFCAP : CAP_SYS_ADMIN;

		return mask & MAY_WRITE && !vfs_capable(t, cap) ? -EPERM : 0;
	}
	if (in_space(name, "trusted.")) {
		if (vfs_capable(t, CAP_SYS_ADMIN))
			return 0;
		return mask & MAY_WRITE ? -EPERM : -ENODATA;
	}
	if (in_space(name, "user."))
		err = may_use_user_space(t, inode, mask);
	return err ? err : inode_permission(t, inode, mask);
}

/* Whether such a name can be kept here at all. */
static int supported(const struct inode *inode, const char *name)
{
	static const char *const spaces[] = { "user.", "trusted.", "security." };

	if (!inode->i_sb->s_keeps_xattrs)
		return -EOPNOTSUPP;
	for (size_t i = 0; i < ARRAY_SIZE(spaces); i++)
		if (in_space(name, spaces[i]))
			return name[strlen(spaces[i])] ? 0 : -EINVAL;
	return -EOPNOTSUPP;
}

/* ---- changing ------------------------------------------------------------------------------------------------ */

/* Takes fresh over unless it fails; fresh NULL: removes. inode->i_rwsem held for writing. */
static int replace(struct inode *inode, const char *name, struct xattr *fresh, int flags)
{
	struct xattr *old = find(inode, name);

	if (old && flags & XATTR_CREATE)
		return -EEXIST;
	if (!old && (!fresh || flags & XATTR_REPLACE))
		return -ENODATA;
	if (fresh && inode->i_xattr_bytes - bytes_of(old) + bytes_of(fresh) > XATTR_SIZE_MAX)
		return -ENOSPC; /* X1 */
	inode->i_xattr_bytes += bytes_of(fresh) - bytes_of(old);
	if (old) {
		list_del(&old->node);
		kfree(inode->i_sb->s_vfs->slab, old);
	}
	if (fresh)
		list_add_tail(&fresh->node, &inode->i_xattrs);
	inode_touch_ctime(inode);
	return 0;
}

static s64 change(struct vfs_task *t, const struct path *path, const char *name,
		  struct xattr *fresh, int flags)
{
	struct inode *inode = path->dentry->d_inode;
	int err = mnt_want_write(path->mnt);

	if (err)
		return err;
	down_write(&inode->i_rwsem);
	err = permission(t, inode, name, MAY_WRITE);
	if (!err)
		err = supported(inode, name);
	if (!err)
		err = replace(inode, name, fresh, flags);
	up_write(&inode->i_rwsem);
	mnt_drop_write(path->mnt);
	if (!err)
		notify_inode(inode, IN_ATTRIB);
	return err;
}

s64 fs_setxattr(struct vfs_task *t, const struct path *path, const char *name, u64 value,
		size_t size, int flags)
{
	struct slab_sys *slab = t->vfs->slab;
	size_t len = strlen(name);
	struct xattr *x;
	s64 err;

	if (flags & ~(XATTR_CREATE | XATTR_REPLACE))
		return -EINVAL;
	if (size > XATTR_SIZE_MAX)
		return -E2BIG;
	x = kmalloc(slab, sizeof(*x) + len + 1 + size, GFP_KERNEL);
	if (!x)
		return -ENOMEM;
	x->name_len = len;
	x->size = size;
	x->hash = name_hash(name, len);
	memcpy(x->name, name, len + 1);
	err = copy_from_task(t, value_of(x), value, size) ? -EFAULT : 0;
	if (!err)
		err = change(t, path, name, x, flags);
	if (err)
		kfree(slab, x);
	return err;
}

s64 fs_removexattr(struct vfs_task *t, const struct path *path, const char *name)
{
	return change(t, path, name, NULL, 0);
}

/* ---- asking -------------------------------------------------------------------------------------------------- */

s64 fs_getxattr(struct vfs_task *t, const struct path *path, const char *name, u64 value,
		size_t size)
{
	struct inode *inode = path->dentry->d_inode;
	struct xattr *x;
	s64 ret = permission(t, inode, name, MAY_READ);

	if (!ret)
		ret = supported(inode, name);
	if (ret)
		return ret;
	down_read(&inode->i_rwsem);
	x = find(inode, name);
	ret = x ? (s64)x->size : -ENODATA;
	if (x && size && size < x->size)
		ret = -ERANGE;
	else if (x && size && copy_to_task(t, value, value_of(x), x->size))
		ret = -EFAULT;
	up_read(&inode->i_rwsem);
	return ret;
}

s64 fs_listxattr(struct vfs_task *t, const struct path *path, u64 list, size_t size)
{
	struct inode *inode = path->dentry->d_inode;
	bool all = vfs_capable(t, CAP_SYS_ADMIN);
	struct xattr *x;
	size_t at = 0;
	s64 err = 0;

	down_read(&inode->i_rwsem);
	list_for_each_entry (x, &inode->i_xattrs, node) {
		if (!all && in_space(x->name, "trusted."))
			continue;
		if (size && at + x->name_len + 1 > size)
			err = -ERANGE;
		else if (size && copy_to_task(t, list + at, x->name, x->name_len + 1))
			err = -EFAULT;
		if (err)
			break;
		at += x->name_len + 1;
	}
	up_read(&inode->i_rwsem);
	return err ? err : (s64)at;
}
