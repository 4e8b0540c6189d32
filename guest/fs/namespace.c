/* SPDX-License-Identifier: MIT */
/* namespace.c - mount(2), umount2(2), pivot_root(2). There is one mount namespace, and mounts do not
 * propagate. */
#include "guest/fs/calls.h"
#include "guest/fs/internal.h"
#include "guest/fs/mount_internal.h"
#include "guest/lib/string.h"

#define MNT_FLAGS                                                                                  \
	(MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME | MS_RELATIME | MS_RDONLY | \
	 MS_NOSYMFOLLOW)

static u32 mount_flags(u64 flags)
{
	u32 f = (u32)flags & MNT_FLAGS;

	/* The default, mount(8). */
	if (!(flags & (MS_NOATIME | MS_STRICTATIME)))
		f |= MS_RELATIME;
	if (flags & (MS_STRICTATIME | MS_NOATIME))
		f &= ~(u32)MS_RELATIME;
	return f;
}

/* Where to put a mount: on top of what is mounted there already, if it can still be reached by name.
 * namespace_sem held. */
static int find_place(struct vfs *vfs, struct path *where)
{
	follow_mount(vfs, where);
	if (where->mnt->mnt_detached || where->dentry->d_inode->i_flags & S_DEAD ||
	    (d_unhashed(where->dentry) && where->dentry != where->dentry->d_parent))
		return -ENOENT;
	return 0;
}

static int attach(struct vfs *vfs, struct mount *m, struct path *where)
{
	if (S_ISDIR(m->mnt_root->d_inode->i_mode) != S_ISDIR(where->dentry->d_inode->i_mode))
		return -ENOTDIR;
	mount_attach(vfs, m, where);
	list_add_tail(&m->mnt_list, &vfs->mounts);
	return 0;
}

static int attach_locked(struct vfs *vfs, struct mount *m, struct path *where)
{
	int err;

	down_write(&vfs->namespace_sem);
	err = find_place(vfs, where);
	if (!err)
		err = attach(vfs, m, where);
	up_write(&vfs->namespace_sem);
	if (err)
		mntput(m);
	return err;
}

static int new_mount(struct vfs_task *t, const char *type, const struct mount_request *req,
		     u64 flags, struct path *where)
{
	struct vfs *vfs = t->vfs;
	const struct file_system_type *fs;
	struct super_block *sb;
	struct mount *m;
	int err;

	if (!type)
		return -EINVAL;
	fs = get_fs_type(vfs, type, strlen(type));
	if (!fs)
		return -ENODEV;
	err = fs->mount(fs, vfs, req, &sb);
	if (err)
		return err;
	if (flags & MS_RDONLY)
		sb->s_flags |= MS_RDONLY;
	m = mount_alloc(vfs, sb, sb->s_root, req->source ? req->source : "none",
			mount_flags(flags));
	if (!m) {
		deactivate_super(sb);
		return -ENOMEM;
	}
	return attach_locked(vfs, m, where);
}

static struct mount *clone_mount(struct vfs *vfs, struct mount *old, struct dentry *root)
{
	struct mount *m = mount_alloc(vfs, old->mnt_sb, root, old->mnt_devname, old->mnt_flags);

	if (m)
		atomic_inc(&old->mnt_sb->s_active);
	return m;
}

/* MS_REC: what is mounted below from comes along. */
static int clone_children(struct vfs *vfs, struct mount *from, struct dentry *root,
			  struct mount *to)
{
	struct mount *c;

	list_for_each_entry (c, &from->mnt_children, mnt_child) {
		struct path where = { to, c->mnt_mountpoint };
		struct mount *m;
		int err;

		if (c == to || !d_is_ancestor(root, c->mnt_mountpoint))
			continue;
		m = clone_mount(vfs, c, c->mnt_root);
		if (!m)
			return -ENOMEM;
		mount_attach(vfs, m, &where);
		list_add_tail(&m->mnt_list, &vfs->mounts);
		err = clone_children(vfs, c, c->mnt_root, m);
		if (err)
			return err;
	}
	return 0;
}

/* A mount of `from`, not attached anywhere; *out also when its children could not be copied. */
static int copy_tree(struct vfs *vfs, const struct path *from, bool recursive, struct mount **out)
{
	*out = clone_mount(vfs, from->mnt, from->dentry);
	if (!*out)
		return -ENOMEM;
	return recursive ? clone_children(vfs, from->mnt, from->dentry, *out) : 0;
}

static int bind_mount(struct vfs_task *t, const char *source, u64 flags, struct path *where)
{
	struct vfs *vfs = t->vfs;
	struct mount *m = NULL;
	struct path from;
	int err;

	if (!source || !*source)
		return -EINVAL;
	err = user_path_at(t, AT_FDCWD, source, LOOKUP_FOLLOW, &from);
	if (err)
		return err;
	down_write(&vfs->namespace_sem);
	err = find_place(vfs, where);
	if (!err && from.mnt->mnt_detached)
		err = -EINVAL;
	/* attach() would say so too, but a tree of mounts is not copied for that. */
	if (!err &&
	    S_ISDIR(from.dentry->d_inode->i_mode) != S_ISDIR(where->dentry->d_inode->i_mode))
		err = -ENOTDIR;
	if (!err) {
		/* Copied before it is attached: the place may lie in what is copied. */
		err = copy_tree(vfs, &from, flags & MS_REC, &m);
		if (!err)
			err = attach(vfs, m, where);
		if (err && m)
			umount_tree(vfs, m);
	}
	up_write(&vfs->namespace_sem);
	path_put(&from);
	return err;
}

/* Nobody may be writing, or have a file that goes when it is closed. namespace_sem held. */
static int super_read_only(struct vfs *vfs, struct super_block *sb)
{
	struct mount *m;

	if (sb->s_flags & MS_RDONLY)
		return 0;
	if (atomic64_read(&sb->s_removed))
		return -EBUSY;
	list_for_each_entry (m, &vfs->mounts, mnt_list)
		if (m->mnt_sb == sb && atomic_read(&m->mnt_writers))
			return -EBUSY;
	WRITE_ONCE(sb->s_flags, sb->s_flags | MS_RDONLY);
	return 0;
}

static int remount(struct vfs_task *t, u64 flags, const char *options, const struct path *where)
{
	struct mount *m = where->mnt;
	struct super_block *sb = m->mnt_sb;
	u32 sb_flags = (u32)flags & MS_RDONLY;
	int err = 0;

	if (where->dentry != m->mnt_root || m->mnt_detached)
		return -EINVAL;
	down_write(&t->vfs->namespace_sem);
	if ((flags & MS_RDONLY) && !(m->mnt_flags & MS_RDONLY) && atomic_read(&m->mnt_writers))
		err = -EBUSY;
	if (!err && !(flags & MS_BIND)) {
		if (sb->s_op && sb->s_op->remount)
			err = sb->s_op->remount(sb, &sb_flags, options);
		if (!err && sb_flags)
			err = super_read_only(t->vfs, sb);
		else if (!err)
			WRITE_ONCE(sb->s_flags, sb->s_flags & ~(u32)MS_RDONLY);
	}
	if (!err)
		WRITE_ONCE(m->mnt_flags, mount_flags(flags));
	up_write(&t->vfs->namespace_sem);
	return err;
}

static bool mount_is_below(const struct mount *m, const struct mount *top)
{
	while (m != top && m != m->mnt_parent)
		m = m->mnt_parent;
	return m == top;
}

static int move_mount(struct vfs_task *t, const char *source, struct path *where)
{
	struct vfs *vfs = t->vfs;
	struct path from, was;
	int err;

	if (!source || !*source)
		return -EINVAL;
	err = user_path_at(t, AT_FDCWD, source, LOOKUP_FOLLOW, &from);
	if (err)
		return err;
	down_write(&vfs->namespace_sem);
	err = -EINVAL;
	if (from.dentry != from.mnt->mnt_root ||
	    S_ISDIR(from.dentry->d_inode->i_mode) != S_ISDIR(where->dentry->d_inode->i_mode))
		goto out;
	err = find_place(vfs, where);
	if (err)
		goto out;
	err = -EINVAL;
	if (from.mnt->mnt_detached || from.mnt == from.mnt->mnt_parent)
		goto out;
	err = -ELOOP;
	if (mount_is_below(where->mnt, from.mnt))
		goto out;
	mount_detach(vfs, from.mnt, &was);
	mount_attach(vfs, from.mnt, where);
	path_put(&was);
	err = 0;
out:
	up_write(&vfs->namespace_sem);
	path_put(&from);
	return err;
}

s64 fs_mount(struct vfs_task *t, const char *source, const char *target, const char *type,
	     u64 flags, const char *options)
{
	struct mount_request req = { .task = t,
				     .source = source,
				     .options = options ? options : "" };
	struct path where;
	int err;

	if ((flags & MS_MGC_MSK) == MS_MGC_VAL)
		flags &= ~(u64)MS_MGC_MSK;
	req.flags = (u32)flags;
	err = user_path_at(t, AT_FDCWD, target, LOOKUP_FOLLOW, &where);
	if (err)
		return err;
	if (!vfs_capable(t, CAP_SYS_ADMIN))
		err = -EPERM;
	else if (flags & MS_REMOUNT)
		err = remount(t, flags, req.options, &where);
	else if (flags & MS_BIND)
		err = bind_mount(t, source, flags, &where);
	else if (flags & (MS_SHARED | MS_PRIVATE | MS_SLAVE))
		err = where.dentry == where.mnt->mnt_root && !where.mnt->mnt_detached ? 0 : -EINVAL;
	else if (flags & MS_MOVE)
		err = move_mount(t, source, &where);
	else
		err = new_mount(t, type, &req, flags, &where);
	path_put(&where);
	return err;
}

/* Users beyond the tree, the children and the caller. */
static bool mount_busy(const struct mount *m)
{
	return !list_empty(&m->mnt_children) || atomic_read(&m->mnt_count) > 2;
}

static bool is_own_root(struct vfs_task *t, const struct mount *m)
{
	struct path root;
	bool is;

	get_fs_root(t->fs, &root);
	is = root.mnt == m;
	path_put(&root);
	return is;
}

static int do_umount(struct vfs_task *t, struct path *p, int flags)
{
	struct vfs *vfs = t->vfs;
	struct mount *m = p->mnt;

	if (p->dentry != m->mnt_root || m->mnt_detached)
		return -EINVAL;
	/* One's own root cannot go; the call makes it read-only, for shutting down. */
	if (!(flags & MNT_DETACH) && is_own_root(t, m))
		return super_read_only(vfs, m->mnt_sb);
	if (m == vfs->root || m == m->mnt_parent)
		return -EINVAL;
	/* The path's dentry is not a user of the mount; its mount reference is the caller's. */
	if (!(flags & MNT_DETACH) && mount_busy(m))
		return -EBUSY;
	umount_tree(vfs, m);
	return 0;
}

s64 fs_umount2(struct vfs_task *t, const char *path, int flags)
{
	struct path p;
	int err;

	if (flags & ~(MNT_FORCE | MNT_DETACH | MNT_EXPIRE | UMOUNT_NOFOLLOW))
		return -EINVAL;
	if (flags & MNT_EXPIRE)
		return -EINVAL;
	err = user_path_at(t, AT_FDCWD, path, flags & UMOUNT_NOFOLLOW ? 0 : LOOKUP_FOLLOW, &p);
	if (err)
		return err;
	if (!vfs_capable(t, CAP_SYS_ADMIN)) {
		err = -EPERM;
	} else {
		/* Also over the root, which a path alone does not lead below. */
		follow_mount(t->vfs, &p);
		down_write(&t->vfs->namespace_sem);
		err = do_umount(t, &p, flags);
		up_write(&t->vfs->namespace_sem);
	}
	path_put(&p);
	return err;
}

/* The caller's root becomes what is mounted at new_root; the old one moves to put_old. */
static int pivot(struct vfs_task *t, struct path *new_root, struct path *put_old)
{
	struct vfs *vfs = t->vfs;
	struct path root, was_new, was_root, top;
	int err;

	get_fs_root(t->fs, &root);
	err = -EBUSY;
	if (root.mnt == new_root->mnt || root.mnt == put_old->mnt)
		goto out;
	err = -EINVAL;
	if (root.dentry != root.mnt->mnt_root || new_root->dentry != new_root->mnt->mnt_root ||
	    root.mnt == root.mnt->mnt_parent || new_root->mnt == new_root->mnt->mnt_parent ||
	    !mount_is_below(put_old->mnt, new_root->mnt))
		goto out;
	mount_detach(vfs, new_root->mnt, &was_new);
	mount_detach(vfs, root.mnt, &was_root);
	top = was_root;
	mount_attach(vfs, root.mnt, put_old);
	mount_attach(vfs, new_root->mnt, &top);
	path_put(&was_new);
	path_put(&was_root);
	set_fs_root(t->fs, new_root);
	set_fs_pwd(t->fs, new_root);
	err = 0;
out:
	path_put(&root);
	return err;
}

s64 fs_pivot_root(struct vfs_task *t, const char *new_root, const char *put_old)
{
	struct path n, o;
	int err;

	if (!vfs_capable(t, CAP_SYS_ADMIN))
		return -EPERM;
	err = user_path_at(t, AT_FDCWD, new_root, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &n);
	if (err)
		return err;
	err = user_path_at(t, AT_FDCWD, put_old, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &o);
	if (!err) {
		down_write(&t->vfs->namespace_sem);
		err = pivot(t, &n, &o);
		up_write(&t->vfs->namespace_sem);
		path_put(&o);
	}
	path_put(&n);
	return err;
}
