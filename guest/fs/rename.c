/* SPDX-License-Identifier: MIT */
/* rename.c - renameat2(2): a name moves, over another or against it. */
#include "guest/fs/calls.h"
#include "guest/fs/internal.h"
#include "guest/fs/notify.h"

struct renaming {
	struct vfs_task *t;
	struct path old_parent, new_parent;
	struct last_name old_last, new_last;
	struct dentry *old, *new;
	unsigned flags;
};

static void tell_renamed(struct renaming *r, struct inode *old_dir, struct inode *new_dir,
			 struct inode *target)
{
	notify_move(old_dir, r->old_last.name, r->old_last.len, new_dir, r->old);
	if (target && !(r->flags & RENAME_EXCHANGE))
		notify_inode(target, IN_ATTRIB);
	notify_inode(r->old->d_inode, IN_MOVE_SELF);
	if (r->flags & RENAME_EXCHANGE) {
		notify_move(new_dir, r->new_last.name, r->new_last.len, old_dir, r->new);
		notify_inode(r->new->d_inode, IN_MOVE_SELF);
	}
}

static int vfs_rename(struct renaming *r)
{
	struct inode *old_dir = r->old_parent.dentry->d_inode;
	struct inode *new_dir = r->new_parent.dentry->d_inode;
	struct inode *source = r->old->d_inode, *target = r->new->d_inode;
	bool is_dir = S_ISDIR(source->i_mode), exchange = r->flags & RENAME_EXCHANGE;
	bool new_is_dir = target && S_ISDIR(target->i_mode);
	int err;

	if (source == target)
		return 0;
	err = may_delete(r->t, old_dir, r->old, is_dir);
	if (err)
		return err;
	if (!target)
		err = may_create(r->t, new_dir, r->new);
	else
		err = may_delete(r->t, new_dir, r->new, exchange ? new_is_dir : is_dir);
	if (err)
		return err;
	if (!old_dir->i_op->rename)
		return -EPERM;
	/* ".." of a directory changes with its parent. */
	if (new_dir != old_dir) {
		if (is_dir)
			err = inode_permission(r->t, source, MAY_WRITE);
		if (!err && exchange && new_is_dir)
			err = inode_permission(r->t, target, MAY_WRITE);
		if (err)
			return err;
	}
	if (is_mountpoint(r->old) || is_mountpoint(r->new))
		return -EBUSY;
	err = old_dir->i_op->rename(r->t, old_dir, r->old, new_dir, r->new, r->flags);
	if (err)
		return err;
	if (exchange)
		d_exchange(r->old, r->new);
	if (new_is_dir && !exchange) {
		target->i_flags |= S_DEAD;
		d_prune_children(r->new);
	}
	if (!exchange)
		d_move(r->old, r->new);
	if (notify_wanted(r->t->vfs))
		tell_renamed(r, old_dir, new_dir, target);
	return 0;
}

/* What can be said from the names and kinds alone. */
static int rename_checks(const struct renaming *r)
{
	bool exchange = r->flags & RENAME_EXCHANGE;

	if (d_is_negative(r->old))
		return -ENOENT;
	if (r->flags & RENAME_NOREPLACE && !d_is_negative(r->new))
		return -EEXIST;
	if (exchange) {
		if (d_is_negative(r->new))
			return -ENOENT;
		if (!d_is_dir(r->new) && r->new_last.trailing_slash)
			return -ENOTDIR;
	}
	if (!d_is_dir(r->old)) {
		if (r->old_last.trailing_slash || (!exchange && r->new_last.trailing_slash))
			return -ENOTDIR;
	}
	if (d_is_ancestor(r->old, r->new_parent.dentry))
		return -EINVAL;
	if (d_is_ancestor(r->new, r->old_parent.dentry))
		return exchange ? -EINVAL : -ENOTEMPTY;
	return 0;
}

static int rename_locked(struct renaming *r)
{
	int err =
		lookup_one(r->t, r->old_parent.dentry, r->old_last.name, r->old_last.len, &r->old);

	if (err)
		return err;
	if (d_is_negative(r->old)) {
		dput(r->old);
		return -ENOENT;
	}
	err = lookup_one(r->t, r->new_parent.dentry, r->new_last.name, r->new_last.len, &r->new);
	if (!err) {
		err = rename_checks(r);
		if (!err)
			err = vfs_rename(r);
		dput(r->new);
	}
	dput(r->old);
	return err;
}

static int rename_parents(struct renaming *r)
{
	int err;

	if (r->old_parent.mnt != r->new_parent.mnt)
		return -EXDEV;
	if (r->old_last.type != LAST_NORM)
		return -EBUSY;
	if (r->new_last.type != LAST_NORM)
		return r->flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
	err = mnt_want_write(r->old_parent.mnt);
	if (err)
		return err;
	down_write(&r->old_parent.dentry->d_sb->s_tree_sem);
	err = rename_locked(r);
	up_write(&r->old_parent.dentry->d_sb->s_tree_sem);
	mnt_drop_write(r->old_parent.mnt);
	return err;
}

s64 fs_renameat2(struct vfs_task *t, int odfd, const char *old, int ndfd, const char *new_path,
		 unsigned flags)
{
	struct renaming r = { .t = t, .flags = flags };
	int err;

	if (flags & ~(unsigned)(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT) ||
	    (flags & (RENAME_NOREPLACE | RENAME_WHITEOUT) && flags & RENAME_EXCHANGE))
		return -EINVAL;
	err = path_parent(t, odfd, old, 0, &r.old_parent, &r.old_last);
	if (err)
		return err;
	err = path_parent(t, ndfd, new_path, 0, &r.new_parent, &r.new_last);
	if (!err) {
		err = rename_parents(&r);
		path_put(&r.new_parent);
	}
	path_put(&r.old_parent);
	return err;
}
