/* SPDX-License-Identifier: MIT */
/*
 * locks.c - advisory locks: flock(2), which belong to an open file, and record locks of fcntl(2),
 * which belong to a table of descriptors or, with F_OFD_*, to an open file as well. All lie on the
 * inode's list.
 *
 * L1 two locks of one kind that overlap, of different owners, are both shared. L2 one owner's record
 * locks do not overlap, and neighbours of one type are one.
 */
#include "guest/fs/calls.h"
#include "guest/fs/internal.h"

#define F_RDLCK 0
#define F_WRLCK 1
#define F_UNLCK 2

struct linux_flock {
	s16 l_type, l_whence;
	s64 l_start, l_len;
	s32 l_pid;
};

struct file_lock {
	struct list_head node;
	const void *owner; /* struct file (flock, F_OFD_*), struct files_struct (other records) */
	bool flock;
	s16 type;
	s64 start, end; /* end is part of it */
	int pid;	/* -1: of an open file */
};

/* The first by place, which is the one to tell of. */
static struct file_lock *conflict(struct inode *inode, const struct file_lock *want)
{
	struct file_lock *l, *found = NULL;

	list_for_each_entry (l, &inode->i_flock, node) {
		if (l->flock != want->flock || l->owner == want->owner)
			continue;
		if (l->end < want->start || l->start > want->end)
			continue;
		if ((l->type == F_WRLCK || want->type == F_WRLCK) &&
		    (!found || l->start < found->start))
			found = l;
	}
	return found;
}

/* A copy of `from` with another range, added. */
static void add_part(struct inode *inode, struct file_lock *part, const struct file_lock *from,
		     s64 start, s64 end)
{
	*part = *from;
	part->start = start;
	part->end = end;
	list_add_tail(&part->node, &inode->i_flock);
}

/* Gives the owner what `want` says over its range: L2. spare: memory for a part left over. */
static void replace_range(struct vfs *vfs, struct inode *inode, struct file_lock *want,
			  struct file_lock **spare)
{
	struct file_lock *l, *tmp;

	list_for_each_entry_safe (l, tmp, &inode->i_flock, node) {
		bool touches;

		if (l->flock != want->flock || l->owner != want->owner)
			continue;
		touches = l->type == want->type &&
			  (l->end == want->start - 1 ||
			   (want->end < INT64_MAX && l->start == want->end + 1));
		if (!touches && (l->end < want->start || l->start > want->end))
			continue;
		list_del(&l->node);
		if (l->type == want->type) {
			want->start = MIN(want->start, l->start);
			want->end = MAX(want->end, l->end);
			kfree(vfs->slab, l);
			continue;
		}
		if (l->start < want->start && l->end > want->end) {
			add_part(inode, *spare, l, want->end + 1, l->end);
			*spare = NULL;
			l->end = want->start - 1;
			list_add_tail(&l->node, &inode->i_flock);
		} else if (l->start < want->start) {
			l->end = want->start - 1;
			list_add_tail(&l->node, &inode->i_flock);
		} else if (l->end > want->end) {
			l->start = want->end + 1;
			list_add_tail(&l->node, &inode->i_flock);
		} else {
			kfree(vfs->slab, l);
		}
	}
}

/* flock(2): an owner's lock of another type goes before the new one is tried for. Whether there was one. */
static bool lose_flock(struct vfs *vfs, struct inode *inode, const struct file_lock *want)
{
	struct file_lock *l;

	list_for_each_entry (l, &inode->i_flock, node)
		if (l->flock && l->owner == want->owner && l->type != want->type) {
			list_del(&l->node);
			kfree(vfs->slab, l);
			return true;
		}
	return false;
}

static void locks_changed(struct vfs *vfs)
{
	atomic64_inc(&vfs->lock_changes);
	smp_mb();
	if (waitqueue_active(&vfs->lock_wait))
		wake_up_all(&vfs->lock_wait);
}

/* One try; 1: somebody else has it. */
static int try_lock(struct vfs *vfs, struct inode *inode, const struct file_lock *want)
{
	struct file_lock *l = kmalloc(vfs->slab, sizeof(*l), GFP_KERNEL);
	struct file_lock *spare = kmalloc(vfs->slab, sizeof(*l), GFP_KERNEL);
	bool lost = false;
	int ret = -ENOMEM;

	if (l && spare) {
		*l = *want;
		mutex_lock(&inode->i_lock);
		ret = 0;
		if (want->type != F_UNLCK && conflict(inode, want)) {
			ret = 1;
			lost = want->flock && lose_flock(vfs, inode, want);
		} else {
			replace_range(vfs, inode, l, &spare);
			if (want->type != F_UNLCK) {
				list_add_tail(&l->node, &inode->i_flock);
				l = NULL;
			}
		}
		mutex_unlock(&inode->i_lock);
	}
	kfree(vfs->slab, spare);
	kfree(vfs->slab, l);
	if (!ret || lost)
		locks_changed(vfs);
	return ret;
}

static int set_lock(struct vfs *vfs, struct inode *inode, const struct file_lock *want, bool wait)
{
	int ret = try_lock(vfs, inode, want), err;

	if (ret <= 0)
		return ret;
	if (!wait)
		return -EAGAIN;
	/* Trying may sleep itself, so what is waited for is only that some lock has gone. */
	do {
		u64 seen = (u64)atomic64_read(&vfs->lock_changes);

		ret = try_lock(vfs, inode, want);
		if (ret <= 0)
			return ret;
		err = wait_event_interruptible(&vfs->lock_wait,
					       (u64)atomic64_read(&vfs->lock_changes) != seen);
	} while (!err);
	return -ERESTARTSYS;
}

s64 fs_flock(struct vfs_task *t, int fd, unsigned op)
{
	struct fd f;
	struct file_lock want = { .flock = true, .end = INT64_MAX };
	s64 ret;

	switch (op & ~(unsigned)LOCK_NB) {
	case LOCK_SH:
		want.type = F_RDLCK;
		break;
	case LOCK_EX:
		want.type = F_WRLCK;
		break;
	case LOCK_UN:
		want.type = F_UNLCK;
		break;
	default:
		return -EINVAL;
	}
	f = fdget(t, fd);
	if (!f.file)
		return -EBADF;
	want.owner = f.file;
	if (want.type != F_UNLCK && !(f.file->f_mode & (FMODE_READ | FMODE_WRITE)))
		ret = -EBADF;
	else
		ret = set_lock(t->vfs, f.file->f_inode, &want, !(op & LOCK_NB));
	fdput(f);
	return ret;
}

/* The range of a struct flock, fcntl(2). */
static int parse_range(const struct file *f, const struct linux_flock *fl, struct file_lock *out)
{
	s64 start, end;

	switch (fl->l_whence) {
	case SEEK_SET:
		start = 0;
		break;
	case SEEK_CUR:
		start = f->f_pos;
		break;
	case SEEK_END:
		start = f->f_inode->i_size;
		break;
	default:
		return -EINVAL;
	}
	if (__builtin_add_overflow(start, fl->l_start, &start))
		return -EOVERFLOW;
	if (start < 0)
		return -EINVAL;
	end = INT64_MAX;
	if (fl->l_len > 0) {
		if (__builtin_add_overflow(start, fl->l_len - 1, &end))
			return -EOVERFLOW;
	} else if (fl->l_len < 0) {
		if (start + fl->l_len < 0)
			return -EINVAL;
		end = start - 1;
		start += fl->l_len;
	}
	if (fl->l_type != F_RDLCK && fl->l_type != F_WRLCK && fl->l_type != F_UNLCK)
		return -EINVAL;
	out->type = fl->l_type;
	out->start = start;
	out->end = end;
	return 0;
}

static s64 get_lock(struct inode *inode, const struct file_lock *want, struct linux_flock *fl)
{
	struct file_lock *l;

	if (want->type == F_UNLCK)
		return -EINVAL;
	mutex_lock(&inode->i_lock);
	l = conflict(inode, want);
	if (l) {
		fl->l_type = l->type;
		fl->l_whence = SEEK_SET;
		fl->l_start = l->start;
		fl->l_len = l->end == INT64_MAX ? 0 : l->end - l->start + 1;
		fl->l_pid = l->pid;
	} else {
		fl->l_type = F_UNLCK;
	}
	mutex_unlock(&inode->i_lock);
	return 0;
}

s64 fcntl_lock(struct vfs_task *t, struct file *f, unsigned cmd, u64 arg)
{
	bool ofd = cmd == F_OFD_GETLK || cmd == F_OFD_SETLK || cmd == F_OFD_SETLKW;
	struct file_lock want = { .owner = ofd ? (const void *)f : t->files,
				  .pid = ofd ? -1 : t->tgid };
	struct linux_flock fl;
	s64 err;

	if (copy_from_task(t, &fl, arg, sizeof(fl)))
		return -EFAULT;
	/* Who asks for what is told of a wrong type first, who sets it of a wrong range. */
	if (cmd == F_GETLK && fl.l_type != F_RDLCK && fl.l_type != F_WRLCK)
		return -EINVAL;
	err = parse_range(f, &fl, &want);
	if (err)
		return err;
	if (cmd == F_GETLK || cmd == F_OFD_GETLK) {
		if (ofd && fl.l_pid)
			return -EINVAL;
		err = get_lock(f->f_inode, &want, &fl);
		if (!err && copy_to_task(t, arg, &fl, sizeof(fl)))
			err = -EFAULT;
		return err;
	}
	if ((want.type == F_RDLCK && !(f->f_mode & FMODE_READ)) ||
	    (want.type == F_WRLCK && !(f->f_mode & FMODE_WRITE)))
		return -EBADF;
	if (ofd && fl.l_pid)
		return -EINVAL;
	return set_lock(t->vfs, f->f_inode, &want, cmd == F_SETLKW || cmd == F_OFD_SETLKW);
}

static void remove_owner(struct vfs *vfs, struct inode *inode, const void *owner)
{
	struct file_lock *l, *tmp;
	bool any = false;

	if (list_empty(&inode->i_flock))
		return;
	mutex_lock(&inode->i_lock);
	list_for_each_entry_safe (l, tmp, &inode->i_flock, node) {
		if (l->owner != owner)
			continue;
		list_del(&l->node);
		kfree(vfs->slab, l);
		any = true;
	}
	mutex_unlock(&inode->i_lock);
	if (any)
		locks_changed(vfs);
}

void locks_remove_file(struct file *f)
{
	remove_owner(f->f_inode->i_sb->s_vfs, f->f_inode, f);
}

void locks_remove_posix(struct vfs_task *t, struct file *f)
{
	remove_owner(t->vfs, f->f_inode, t->files);
}
