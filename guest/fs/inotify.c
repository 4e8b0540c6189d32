/* SPDX-License-Identifier: MIT */
/*
 * inotify.c - inotify(7): queues of what happened to watched files.
 *
 * I1 vfs->notify_mutex guards all watches, queues and numbers; nothing is waited for under it. I2 a watch
 * holds its inode, is on the inode's list and in its instance's array by wd, or in neither. I3 an instance
 * has at most max_queued_events events, and one that says that more came.
 */
#include "guest/fs/fdtable.h"
#include "guest/fs/internal.h"
#include "guest/fs/notify.h"
#include "guest/fs/poll.h"
#include "guest/lib/string.h"

#define ALL_EVENTS 0xfffu
#define ALL_BITS                                                                              \
	(ALL_EVENTS | IN_UNMOUNT | IN_Q_OVERFLOW | IN_IGNORED | IN_ONLYDIR | IN_DONT_FOLLOW | \
	 IN_EXCL_UNLINK | IN_MASK_CREATE | IN_MASK_ADD | IN_ISDIR | IN_ONESHOT)
#define NAME_UNIT 16 /* names are padded to so much */

/* As a program reads it; the name follows. */
struct inotify_event {
	s32 wd;
	u32 mask, cookie, len;
};

struct event {
	struct list_head node;
	size_t name_len;
	struct inotify_event head;
	char name[];
};

struct inotify {
	struct vfs *vfs;
	u32 uid;
	struct list_head node;	 /* vfs->inotifies */
	struct list_head events; /* oldest first */
	unsigned nr_events, max_events, nr_watches;
	struct xarray watches; /* wd -> watch */
	s32 last_wd;
	wait_queue_head_t wait;
};

struct watch {
	struct hlist_node node; /* inode->i_watches */
	struct inotify *in;
	struct inode *inode; /* held */
	s32 wd;
	u32 mask;
	struct watch *dead; /* the next that is to be freed */
};

static const struct file_operations inotify_fops;

/* ---- queues: notify_mutex held ------------------------------------------------------------------------------- */

static bool repeats(const struct inotify *in, s32 wd, u32 mask, const char *name, size_t len)
{
	const struct event *last;

	if (list_empty(&in->events))
		return false;
	last = list_last_entry(&in->events, struct event, node);
	return last->head.wd == wd && last->head.mask == mask && last->name_len == len &&
	       !memcmp(last->name, name, len);
}

static void queue_event(struct inotify *in, s32 wd, u32 mask, u32 cookie, const char *name,
			size_t len)
{
	bool overflow = in->nr_events >= in->max_events;
	struct event *e;

	if (overflow) {
		wd = -1;
		mask = IN_Q_OVERFLOW;
		cookie = 0;
		len = 0;
	}
	if (repeats(in, wd, mask, name, len))
		return;
	e = kzalloc(in->vfs->slab, sizeof(*e) + ALIGN_UP(len + 1, (size_t)NAME_UNIT), GFP_KERNEL);
	if (!e)
		return;
	e->head = (struct inotify_event){ wd, mask, cookie, 0 };
	e->name_len = len;
	if (len) {
		e->head.len = (u32)ALIGN_UP(len + 1, (size_t)NAME_UNIT);
		memcpy(e->name, name, len);
	}
	list_add_tail(&e->node, &in->events);
	in->nr_events++;
	wake_up_all(&in->wait);
}

static void detach(struct watch *w, struct watch **dead)
{
	struct inotify *in = w->in;

	hlist_del_init(&w->node);
	xa_erase(&in->watches, (u64)w->wd);
	in->nr_watches--;
	WRITE_ONCE(in->vfs->nr_watches, in->vfs->nr_watches - 1);
	queue_event(in, w->wd, IN_IGNORED, 0, NULL, 0);
	w->dead = *dead;
	*dead = w;
}

/* Nothing is held. */
static void free_watches(struct vfs *vfs, struct watch *w)
{
	while (w) {
		struct watch *next = w->dead;

		iput(w->inode);
		kfree(vfs->slab, w);
		w = next;
	}
}

static void tell(struct inode *inode, u32 mask, u32 cookie, const char *name, size_t len,
		 bool unlinked, struct watch **dead)
{
	struct watch *w;
	struct hlist_node *next;

	hlist_for_each_entry_safe (w, next, &inode->i_watches, node) {
		if (!(w->mask & mask & ALL_EVENTS) || (unlinked && w->mask & IN_EXCL_UNLINK))
			continue;
		queue_event(w->in, w->wd, mask, cookie, name, len);
		if (w->mask & IN_ONESHOT)
			detach(w, dead);
	}
}

/* ---- what happened ---------------------------------------------------------------------------------------------- */

static u32 with_kind(const struct inode *inode, u32 mask)
{
	return mask |
	       (S_ISDIR(inode->i_mode) && !(mask & (IN_DELETE_SELF | IN_MOVE_SELF)) ? IN_ISDIR : 0);
}

void notify_inode(struct inode *inode, u32 mask)
{
	struct vfs *vfs = inode->i_sb->s_vfs;
	struct watch *dead = NULL;

	if (hlist_empty(&inode->i_watches))
		return;
	mutex_lock(&vfs->notify_mutex);
	tell(inode, with_kind(inode, mask), 0, NULL, 0, false, &dead);
	mutex_unlock(&vfs->notify_mutex);
	free_watches(vfs, dead);
}

static void tell_folder(struct inode *dir, const char *name, size_t len, u32 mask, u32 cookie,
			bool unlinked)
{
	struct vfs *vfs = dir->i_sb->s_vfs;
	struct watch *dead = NULL;

	if (hlist_empty(&dir->i_watches))
		return;
	mutex_lock(&vfs->notify_mutex);
	tell(dir, mask, cookie, name, len, unlinked, &dead);
	mutex_unlock(&vfs->notify_mutex);
	free_watches(vfs, dead);
}

void notify_name(struct inode *dir, const char *name, size_t len, u32 mask, u32 cookie)
{
	tell_folder(dir, name, len, mask, cookie, false);
}

void notify_dentry(struct dentry *d, u32 mask)
{
	struct inode *inode = READ_ONCE(d->d_inode);
	struct vfs *vfs = d->d_sb->s_vfs;
	struct dentry *parent = dget_parent(d);
	char name[NAME_MAX + 1];
	size_t len;

	if (inode && parent != d && parent->d_inode && !hlist_empty(&parent->d_inode->i_watches)) {
		spin_lock(&vfs->dcache_lock);
		len = MIN((size_t)d->d_name.len, (size_t)NAME_MAX);
		memcpy(name, d->d_name.name, len);
		spin_unlock(&vfs->dcache_lock);
		tell_folder(parent->d_inode, name, len, with_kind(inode, mask), 0, d_unhashed(d));
	}
	dput(parent);
	if (inode)
		notify_inode(inode, mask);
}

void notify_entry(struct inode *dir, const struct dentry *d, bool is_dir, u32 mask)
{
	if (notify_wanted(dir->i_sb->s_vfs))
		notify_name(dir, d->d_name.name, d->d_name.len, mask | (is_dir ? IN_ISDIR : 0), 0);
}

void notify_move(struct inode *old_dir, const char *old_name, size_t len, struct inode *new_dir,
		 struct dentry *moved)
{
	struct vfs *vfs = old_dir->i_sb->s_vfs;
	u32 dir = S_ISDIR(moved->d_inode->i_mode) ? IN_ISDIR : 0, cookie;

	mutex_lock(&vfs->notify_mutex);
	cookie = ++vfs->notify_cookie;
	mutex_unlock(&vfs->notify_mutex);
	notify_name(old_dir, old_name, len, IN_MOVED_FROM | dir, cookie);
	notify_name(new_dir, moved->d_name.name, moved->d_name.len, IN_MOVED_TO | dir, cookie);
}

static void end_watches(struct inode *inode, u32 last_words)
{
	struct vfs *vfs = inode->i_sb->s_vfs;
	struct watch *w, *dead = NULL;
	struct hlist_node *next;

	mutex_lock(&vfs->notify_mutex);
	hlist_for_each_entry_safe (w, next, &inode->i_watches, node) {
		if (last_words & (w->mask | IN_UNMOUNT)) /* the one nobody has to ask for */
			queue_event(w->in, w->wd, last_words, 0, NULL, 0);
		detach(w, &dead);
	}
	mutex_unlock(&vfs->notify_mutex);
	free_watches(vfs, dead);
}

void notify_gone(struct inode *inode)
{
	if (!inode->i_nlink && !hlist_empty(&inode->i_watches))
		end_watches(inode, IN_DELETE_SELF);
}

void notify_unmount(struct super_block *sb)
{
	struct inode *inode, *found;

	if (!notify_wanted(sb->s_vfs))
		return;
	do {
		found = NULL;
		spin_lock(&sb->s_lock);
		list_for_each_entry_reverse (inode, &sb->s_inodes, i_sb_list) {
			if (!hlist_empty(&inode->i_watches)) {
				found = igrab(inode);
				break;
			}
		}
		spin_unlock(&sb->s_lock);
		if (found) {
			end_watches(found, with_kind(found, IN_UNMOUNT));
			iput(found);
		}
	} while (found);
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

static struct event *next_event(struct inotify *in, size_t room, int *err)
{
	struct event *e;

	mutex_lock(&in->vfs->notify_mutex);
	e = list_first_entry_or_null(&in->events, struct event, node);
	*err = e ? 0 : -EAGAIN;
	if (e && sizeof(e->head) + e->head.len > room) {
		*err = -EINVAL;
		e = NULL;
	}
	if (e) {
		list_del(&e->node);
		in->nr_events--;
	}
	mutex_unlock(&in->vfs->notify_mutex);
	return e;
}

static s64 inotify_read(struct kiocb *io, struct iov_iter *to)
{
	struct inotify *in = io->filp->private_data;
	s64 done = 0;
	int err;

	for (;;) {
		struct event *e = next_event(in, iov_iter_count(to), &err);
		size_t n;

		if (e) {
			n = sizeof(e->head) + e->head.len;
			if (copy_to_iter(&e->head, n, to) < n)
				err = -EFAULT;
			else
				done += (s64)n;
			kfree(in->vfs->slab, e);
			if (!err)
				continue;
		}
		if (done && err != -EFAULT)
			return done;
		if (err != -EAGAIN || io->flags & IOCB_NOWAIT)
			return err;
		if (wait_event_interruptible(&in->wait, READ_ONCE(in->nr_events)))
			return -ERESTARTSYS;
	}
}

static u32 inotify_poll(struct file *f, struct poll_table *pt)
{
	struct inotify *in = f->private_data;

	poll_wait(f, &in->wait, pt);
	return READ_ONCE(in->nr_events) ? POLLIN | POLLRDNORM : 0;
}

static s64 inotify_ioctl(struct vfs_task *t, struct file *f, u32 cmd, u64 arg)
{
	struct inotify *in = f->private_data;
	const struct event *e;
	s32 n = 0;

	if (cmd != FIONREAD)
		return -ENOTTY;
	mutex_lock(&in->vfs->notify_mutex);
	list_for_each_entry (e, &in->events, node)
		n += (s32)(sizeof(e->head) + e->head.len);
	mutex_unlock(&in->vfs->notify_mutex);
	return copy_to_task(t, arg, &n, sizeof(n)) ? -EFAULT : 0;
}

static void inotify_show(struct seq *s, struct file *f)
{
	struct inotify *in = f->private_data;
	const struct watch *w;

	mutex_lock(&in->vfs->notify_mutex);
	for (u64 wd = 0; (w = xa_find(&in->watches, &wd, INT32_MAX)); wd++)
		seq_printf(s, "inotify wd:%x ino:%lx sdev:%x mask:%x ignored_mask:0 \n", (u32)w->wd,
			   w->inode->i_ino, w->inode->i_sb->s_dev, w->mask & ALL_EVENTS);
	mutex_unlock(&in->vfs->notify_mutex);
}

static void inotify_release(struct inode *inode, struct file *f)
{
	struct inotify *in = f->private_data;
	struct vfs *vfs = in->vfs;
	struct watch *w, *dead = NULL;
	struct event *e;

	(void)inode;
	mutex_lock(&vfs->notify_mutex);
	for (u64 wd = 0; (w = xa_find(&in->watches, &wd, INT32_MAX)); wd++)
		detach(w, &dead);
	list_del(&in->node);
	mutex_unlock(&vfs->notify_mutex);
	while ((e = list_first_entry_or_null(&in->events, struct event, node))) {
		list_del(&e->node);
		kfree(vfs->slab, e);
	}
	xa_destroy(&in->watches);
	free_watches(vfs, dead);
	kfree(vfs->slab, in);
}

static const struct file_operations inotify_fops = {
	.llseek = noop_llseek,
	.read_iter = inotify_read,
	.poll = inotify_poll,
	.ioctl = inotify_ioctl,
	.release = inotify_release,
	.show_fdinfo = inotify_show,
};

/* ---- the calls ------------------------------------------------------------------------------------------------------ */

/* What one user has, of all instances. notify_mutex held. */
static void usage(const struct vfs *vfs, u32 uid, unsigned *instances, unsigned *watches)
{
	const struct inotify *in;

	*instances = *watches = 0;
	list_for_each_entry (in, &vfs->inotifies, node) {
		if (in->uid != uid)
			continue;
		++*instances;
		*watches += in->nr_watches;
	}
}

static int enter_instance(struct inotify *in)
{
	struct vfs *vfs = in->vfs;
	unsigned instances, watches;
	int err = 0;

	mutex_lock(&vfs->notify_mutex);
	usage(vfs, in->uid, &instances, &watches);
	if (instances >= vfs->inotify_max_instances)
		err = -EMFILE;
	else
		list_add_tail(&in->node, &vfs->inotifies);
	mutex_unlock(&vfs->notify_mutex);
	return err;
}

s64 fs_inotify_init1(struct vfs_task *t, int flags)
{
	struct inotify *in;
	struct file *f;
	int fd, err;

	if (flags & ~(O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	in = kzalloc(t->vfs->slab, sizeof(*in), GFP_KERNEL);
	if (!in)
		return -ENOMEM;
	in->vfs = t->vfs;
	in->uid = t->cred->uid;
	in->max_events = READ_ONCE(t->vfs->inotify_max_events);
	INIT_LIST_HEAD(&in->events);
	init_waitqueue_head(&in->wait);
	xa_init(&in->watches, &t->vfs->xa_mem);
	err = enter_instance(in);
	if (err)
		goto err_in;
	fd = get_unused_fd(t, 0, flags & O_CLOEXEC);
	err = fd < 0 ? fd : anon_file(t, "inotify", &inotify_fops, in, (u32)flags & O_NONBLOCK, &f);
	if (!err) {
		fd_install(t, fd, f);
		return fd;
	}
	if (fd >= 0)
		put_unused_fd(t, fd);
	mutex_lock(&t->vfs->notify_mutex);
	list_del(&in->node);
	mutex_unlock(&t->vfs->notify_mutex);
err_in:
	kfree(t->vfs->slab, in);
	return err;
}

static int get_inotify(struct vfs_task *t, int fd, struct fd *f, struct inotify **in)
{
	*f = fdget(t, fd);
	if (!f->file)
		return -EBADF;
	*in = f->file->private_data;
	if (f->file->f_op == &inotify_fops)
		return 0;
	fdput(*f);
	return -EINVAL;
}

static struct watch *find_watch(const struct inotify *in, const struct inode *inode)
{
	struct watch *w;

	hlist_for_each_entry (w, &inode->i_watches, node)
		if (w->in == in)
			return w;
	return NULL;
}

/* fresh takes the next number; it holds the inode. */
static s64 enter_watch(struct inotify *in, struct watch *fresh)
{
	struct vfs *vfs = in->vfs;
	unsigned instances, watches;
	s32 wd = in->last_wd;

	usage(vfs, in->uid, &instances, &watches);
	if (watches >= vfs->inotify_max_watches)
		return -ENOSPC;
	do /* numbers are used again only when all have been */
		wd = wd == INT32_MAX ? 1 : wd + 1;
	while (xa_load(&in->watches, (u64)wd));
	if (xa_store(&in->watches, (u64)wd, fresh, NULL))
		return -ENOMEM;
	in->last_wd = fresh->wd = wd;
	in->nr_watches++;
	WRITE_ONCE(vfs->nr_watches, vfs->nr_watches + 1);
	hlist_add_head(&fresh->node, &fresh->inode->i_watches);
	return wd;
}

static s64 update_watch(struct watch *w, u32 mask)
{
	u32 keep = ALL_EVENTS | IN_EXCL_UNLINK | IN_ONESHOT;

	if (mask & IN_MASK_CREATE)
		return -EEXIST;
	w->mask = (mask & IN_MASK_ADD ? w->mask : 0) | (mask & keep);
	return w->wd;
}

static s64 add_watch(struct inotify *in, struct inode *inode, u32 mask)
{
	struct watch *fresh = kzalloc(in->vfs->slab, sizeof(*fresh), GFP_KERNEL), *old;
	s64 ret;

	if (!fresh)
		return -ENOMEM;
	fresh->in = in;
	fresh->inode = igrab(inode);
	fresh->mask = mask & (ALL_EVENTS | IN_EXCL_UNLINK | IN_ONESHOT);
	mutex_lock(&in->vfs->notify_mutex);
	old = find_watch(in, inode);
	ret = old ? update_watch(old, mask) : enter_watch(in, fresh);
	mutex_unlock(&in->vfs->notify_mutex);
	if (old || ret < 0)
		free_watches(in->vfs, fresh);
	return ret;
}

s64 fs_inotify_add_watch(struct vfs_task *t, int fd, const char *path, s64 path_err, u32 mask)
{
	unsigned how = (mask & IN_DONT_FOLLOW ? 0 : LOOKUP_FOLLOW) |
		       (mask & IN_ONLYDIR ? LOOKUP_DIRECTORY : 0);
	struct inotify *in;
	struct path p;
	struct fd f;
	s64 ret;

	if (mask & ~ALL_BITS || !(mask & ALL_BITS))
		return -EINVAL;
	ret = get_inotify(t, fd, &f, &in);
	if (ret)
		return ret;
	if (mask & IN_MASK_ADD && mask & IN_MASK_CREATE)
		ret = -EINVAL;
	else
		ret = path_err ? path_err : user_path_at(t, AT_FDCWD, path, how, &p);
	if (!ret) {
		ret = inode_permission(t, p.dentry->d_inode, MAY_READ);
		if (!ret)
			ret = add_watch(in, p.dentry->d_inode, mask);
		path_put(&p);
	}
	fdput(f);
	return ret;
}

s64 fs_inotify_rm_watch(struct vfs_task *t, int fd, int wd)
{
	struct watch *w, *dead = NULL;
	struct inotify *in;
	struct fd f;
	s64 err = get_inotify(t, fd, &f, &in);

	if (err)
		return err;
	mutex_lock(&t->vfs->notify_mutex);
	w = wd > 0 ? xa_load(&in->watches, (u64)wd) : NULL;
	if (w)
		detach(w, &dead);
	mutex_unlock(&t->vfs->notify_mutex);
	free_watches(t->vfs, dead);
	fdput(f);
	return w ? 0 : -EINVAL;
}
