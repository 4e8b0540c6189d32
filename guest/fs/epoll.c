/* SPDX-License-Identifier: MIT */
/*
 * epoll.c - epoll(7).
 *
 * E1 an item is in the tree of its epoll and on the list of its file, or in neither. E2 an item whose
 * file may be ready is on the ready list, or on a list that deliver() puts back there. Locks: vfs's
 * epoll_mutex (who watches whom) -> ep->mutex (items) -> a file's wait queue -> ep->lock (ready list).
 * An item does not hold its file: the file takes its items away when it ends.
 */
#include "guest/fs/epoll_internal.h"
#include "guest/fs/fdtable.h"
#include "guest/fs/internal.h"

#define EP_PRIVATE (EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE)
#define EP_EXCLUSIVE_OK \
	(POLLIN | POLLOUT | POLLERR | POLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE)
#define EP_MAX_NESTS  4
#define EP_MAX_EVENTS ((int)(INT32_MAX / sizeof(struct linux_epoll_event)))

static const struct file_operations eventpoll_fops;

static bool is_epoll(const struct file *f)
{
	return f->f_op == &eventpoll_fops;
}

/* ---- items ------------------------------------------------------------------------------------------------------ */

static int item_cmp(const struct epitem *epi, const struct file *f, int fd)
{
	if (f != epi->file)
		return f < epi->file ? -1 : 1;
	return fd - epi->fd;
}

static struct epitem *find_item(struct eventpoll *ep, const struct file *f, int fd)
{
	struct rb_node *n = ep->items.node;

	while (n) {
		struct epitem *epi = rb_entry(n, struct epitem, node);
		int c = item_cmp(epi, f, fd);

		if (!c)
			return epi;
		n = c < 0 ? n->left : n->right;
	}
	return NULL;
}

static void insert_item(struct eventpoll *ep, struct epitem *epi)
{
	struct rb_node **link = &ep->items.node, *parent = NULL;

	while (*link) {
		parent = *link;
		link = item_cmp(rb_entry(parent, struct epitem, node), epi->file, epi->fd) < 0
			       ? &parent->left
			       : &parent->right;
	}
	rb_link_node(&epi->node, parent, link);
	rb_insert_color(&epi->node, &ep->items);
}

/* ep->lock held. */
static void note_ready(struct eventpoll *ep, struct epitem *epi)
{
	if (ep->taking) {
		if (list_empty(&epi->late_entry))
			list_add_tail(&epi->late_entry, &ep->late);
	} else if (list_empty(&epi->ready_entry)) {
		list_add_tail(&epi->ready_entry, &ep->ready);
	}
}

/* From a wake-up of the file: any context, the queue's lock held. */
static bool item_wake(struct wait_queue_entry *w, unsigned state, u32 key)
{
	struct epitem *epi = container_of(w, struct epitem_queue, w)->epi;
	struct eventpoll *ep = epi->ep;
	u64 flags = spin_lock_irqsave(&ep->lock);

	u32 wanted = epi->event.events & ~EP_PRIVATE;

	(void)state;
	if (key)
		wanted &= key;
	if (wanted)
		note_ready(ep, epi);
	spin_unlock_irqrestore(&ep->lock, flags);
	if (wanted) {
		wake_up(&ep->wait);
		wake_up_all(&ep->poll_wait);
	}
	/* One that waits for something else does not use up the wake-up of those that are exclusive. */
	return wanted;
}

struct item_poll {
	struct poll_table pt;
	struct epitem *epi;
};

static void item_queue(struct poll_table *pt, struct file *f, wait_queue_head_t *q)
{
	struct epitem *epi = container_of(pt, struct item_poll, pt)->epi;
	struct epitem_queue *eq = &epi->queues[epi->nr_queues];

	(void)f;
	BUG_ON(epi->nr_queues == EPI_QUEUES);
	epi->nr_queues++;
	*eq = (struct epitem_queue){ .w.func = item_wake, .q = q, .epi = epi };
	eq->w.exclusive = epi->event.events & EPOLLEXCLUSIVE;
	INIT_LIST_HEAD(&eq->w.node);
	add_wait_queue(q, &eq->w);
}

static void make_ready(struct eventpoll *ep, struct epitem *epi)
{
	u64 flags = spin_lock_irqsave(&ep->lock);

	note_ready(ep, epi);
	spin_unlock_irqrestore(&ep->lock, flags);
	wake_up(&ep->wait);
	wake_up_all(&ep->poll_wait);
}

/* epoll_mutex and ep->mutex held. */
static void remove_item(struct eventpoll *ep, struct epitem *epi)
{
	u64 flags;

	for (unsigned i = 0; i < epi->nr_queues; i++)
		remove_wait_queue(epi->queues[i].q, &epi->queues[i].w);
	list_del(&epi->file_entry);
	rb_erase(&epi->node, &ep->items);
	flags = spin_lock_irqsave(&ep->lock);
	list_del_init(&epi->ready_entry);
	list_del_init(&epi->late_entry);
	spin_unlock_irqrestore(&ep->lock, flags);
	kmem_cache_free(ep->vfs->epitem_cache, epi);
}

void eventpoll_release(struct file *f)
{
	struct vfs *vfs = f->f_path.mnt->mnt_sb->s_vfs;

	mutex_lock(&vfs->epoll_mutex);
	while (!list_empty(&f->f_ep)) {
		struct epitem *epi = list_first_entry(&f->f_ep, struct epitem, file_entry);
		struct eventpoll *ep = epi->ep;

		mutex_lock(&ep->mutex);
		remove_item(ep, epi);
		mutex_unlock(&ep->mutex);
	}
	mutex_unlock(&vfs->epoll_mutex);
}

/* ---- epoll_create(2) ------------------------------------------------------------------------------------------------ */

static void ep_release(struct inode *inode, struct file *f)
{
	struct eventpoll *ep = f->private_data;
	struct vfs *vfs = ep->vfs;

	(void)inode;
	mutex_lock(&vfs->epoll_mutex);
	mutex_lock(&ep->mutex);
	while (ep->items.node)
		remove_item(ep, rb_entry(ep->items.node, struct epitem, node));
	mutex_unlock(&ep->mutex);
	mutex_unlock(&vfs->epoll_mutex);
	kfree(vfs->slab, ep);
}

/* Whether an item is ready, really; what is not leaves the list. ep->mutex held. */
static bool any_ready(struct eventpoll *ep)
{
	bool found = false;

	while (!found) {
		u64 flags = spin_lock_irqsave(&ep->lock);
		struct epitem *epi =
			list_first_entry_or_null(&ep->ready, struct epitem, ready_entry);

		if (epi)
			list_del_init(&epi->ready_entry);
		spin_unlock_irqrestore(&ep->lock, flags);
		if (!epi)
			return false;
		found = vfs_poll(epi->file, NULL) & epi->event.events;
		if (found) {
			flags = spin_lock_irqsave(&ep->lock);
			if (list_empty(&epi->ready_entry))
				list_add(&epi->ready_entry, &ep->ready);
			spin_unlock_irqrestore(&ep->lock, flags);
		}
	}
	return found;
}

static u32 ep_poll(struct file *f, struct poll_table *pt)
{
	struct eventpoll *ep = f->private_data;
	bool ready;

	poll_wait(f, &ep->poll_wait, pt);
	mutex_lock(&ep->mutex);
	ready = any_ready(ep);
	mutex_unlock(&ep->mutex);
	return ready ? POLLIN | POLLRDNORM : 0;
}

/* Linux has parameters for busy polling of network devices here, and no others. */
static s64 ep_ioctl(struct vfs_task *t, struct file *f, u32 cmd, u64 arg)
{
	(void)t;
	(void)f;
	(void)cmd;
	(void)arg;
	return -EINVAL;
}

static void ep_show(struct seq *s, struct file *f)
{
	struct eventpoll *ep = f->private_data;
	struct rb_node *n;

	mutex_lock(&ep->mutex);
	for (n = rb_first(&ep->items); n; n = rb_next(n)) {
		const struct epitem *epi = rb_entry(n, struct epitem, node);

		seq_printf(s, "tfd: %8d events: %8x data: %16lx\n", epi->fd, epi->event.events,
			   (u64)epi->event.data);
	}
	mutex_unlock(&ep->mutex);
}

static const struct file_operations eventpoll_fops = { .llseek = noop_llseek,
						       .poll = ep_poll,
						       .ioctl = ep_ioctl,
						       .release = ep_release,
						       .show_fdinfo = ep_show };

s64 fs_epoll_create1(struct vfs_task *t, u32 flags)
{
	struct eventpoll *ep;
	struct file *f;
	int fd, err;

	if (flags & ~(u32)EPOLL_CLOEXEC)
		return -EINVAL;
	ep = kzalloc(t->vfs->slab, sizeof(*ep), GFP_KERNEL);
	if (!ep)
		return -ENOMEM;
	mutex_init(&ep->mutex);
	spin_lock_init(&ep->lock);
	INIT_LIST_HEAD(&ep->ready);
	INIT_LIST_HEAD(&ep->late);
	init_waitqueue_head(&ep->wait);
	init_waitqueue_head(&ep->poll_wait);
	ep->vfs = t->vfs;
	fd = get_unused_fd(t, 0, flags & EPOLL_CLOEXEC);
	err = fd;
	if (fd >= 0) {
		err = anon_file(t, "[eventpoll]", &eventpoll_fops, ep, O_RDWR, &f);
		if (!err) {
			ep->file = f;
			fd_install(t, fd, f);
			return fd;
		}
		put_unused_fd(t, fd);
	}
	kfree(t->vfs->slab, ep);
	return err;
}

/* ---- epoll_ctl(2): epoll_mutex held --------------------------------------------------------------------------------- */

/* How deep epolls below f go; more than EP_MAX_NESTS, or meeting `self`, is a loop. */
static int nesting(struct file *f, const struct file *self, unsigned depth)
{
	struct eventpoll *ep = f->private_data;
	struct rb_node *n;

	if (f == self || depth > EP_MAX_NESTS)
		return -ELOOP;
	for (n = rb_first(&ep->items); n; n = rb_next(n)) {
		const struct epitem *epi = rb_entry(n, struct epitem, node);
		int err = is_epoll(epi->file) ? nesting(epi->file, self, depth + 1) : 0;

		if (err)
			return err;
	}
	return 0;
}

/* How many epolls lie above f. */
static unsigned height_above(const struct file *f)
{
	const struct epitem *epi;
	unsigned max = 0;

	list_for_each_entry (epi, &f->f_ep, file_entry)
		max = MAX(max, 1 + height_above(epi->ep->file));
	return max;
}

static int ctl_add(struct eventpoll *ep, struct file *f, int fd, const struct linux_epoll_event *ev)
{
	struct epitem *epi = kmem_cache_zalloc(ep->vfs->epitem_cache, GFP_KERNEL);
	struct item_poll ip = { .pt.queue = item_queue, .epi = epi };
	u32 ready;

	if (!epi)
		return -ENOMEM;
	epi->ep = ep;
	epi->file = f;
	epi->fd = fd;
	epi->event = *ev;
	INIT_LIST_HEAD(&epi->ready_entry);
	INIT_LIST_HEAD(&epi->late_entry);
	insert_item(ep, epi);
	list_add_tail(&epi->file_entry, &f->f_ep);
	ip.pt.events = ev->events;
	ready = vfs_poll(f, &ip.pt) & ev->events;
	if (ready)
		make_ready(ep, epi);
	return 0;
}

static int ctl_mod(struct eventpoll *ep, struct epitem *epi, const struct linux_epoll_event *ev)
{
	u64 flags;

	if (epi->event.events & EPOLLEXCLUSIVE)
		return -EINVAL;
	flags = spin_lock_irqsave(&ep->lock);
	epi->event = *ev;
	spin_unlock_irqrestore(&ep->lock, flags);
	if (vfs_poll(epi->file, NULL) & ev->events)
		make_ready(ep, epi);
	return 0;
}

static int ctl(struct eventpoll *ep, int op, struct file *f, int fd,
	       const struct linux_epoll_event *ev)
{
	struct epitem *epi = find_item(ep, f, fd);

	switch (op) {
	case EPOLL_CTL_ADD:
		return epi ? -EEXIST : ctl_add(ep, f, fd, ev);
	case EPOLL_CTL_MOD:
		return epi ? ctl_mod(ep, epi, ev) : -ENOENT;
	case EPOLL_CTL_DEL:
		if (!epi)
			return -ENOENT;
		remove_item(ep, epi);
		return 0;
	default:
		return -EINVAL;
	}
}

static int check_ctl(struct file *epf, int op, struct file *f, const struct linux_epoll_event *ev)
{
	if (!f->f_op || !f->f_op->poll)
		return -EPERM;
	if (epf == f || !is_epoll(epf))
		return -EINVAL;
	if (op != EPOLL_CTL_DEL && ev->events & EPOLLEXCLUSIVE) {
		if (op == EPOLL_CTL_MOD)
			return -EINVAL;
		if (op == EPOLL_CTL_ADD && (is_epoll(f) || ev->events & ~EP_EXCLUSIVE_OK))
			return -EINVAL;
	}
	return 0;
}

s64 fs_epoll_ctl(struct vfs_task *t, int epfd, int op, int fd, const struct linux_epoll_event *ev)
{
	struct linux_epoll_event event = { 0 };
	struct fd epf = fdget(t, epfd), f;
	s64 err = -EBADF;

	if (!epf.file)
		return -EBADF;
	f = fdget(t, fd);
	if (!f.file)
		goto out_ep;
	if (op != EPOLL_CTL_DEL) {
		event = *ev;
		event.events |= POLLERR | POLLHUP;
	}
	err = check_ctl(epf.file, op, f.file, &event);
	if (!err) {
		struct eventpoll *ep = epf.file->private_data;

		mutex_lock(&t->vfs->epoll_mutex);
		if (op == EPOLL_CTL_ADD && is_epoll(f.file))
			err = nesting(f.file, epf.file, height_above(epf.file) + 1);
		if (!err) {
			mutex_lock(&ep->mutex);
			err = ctl(ep, op, f.file, fd, &event);
			mutex_unlock(&ep->mutex);
		}
		mutex_unlock(&t->vfs->epoll_mutex);
	}
	fdput(f);
out_ep:
	fdput(epf);
	return err;
}

/* ---- epoll_wait(2) -------------------------------------------------------------------------------------------------- */

static void begin_taking(struct eventpoll *ep, struct list_head *batch)
{
	u64 flags;

	mutex_lock(&ep->mutex);
	flags = spin_lock_irqsave(&ep->lock);
	list_splice_init(&ep->ready, batch);
	ep->taking = true;
	spin_unlock_irqrestore(&ep->lock, flags);
}

/* Puts back what was not taken, what stays ready, and what has become so; whether that is anything. */
static bool end_taking(struct eventpoll *ep, struct list_head *batch, struct list_head *again)
{
	u64 flags = spin_lock_irqsave(&ep->lock);
	struct epitem *epi;
	bool more;

	ep->taking = false;
	list_splice_init(again, &ep->ready);
	list_splice_init(batch, &ep->ready);
	while ((epi = list_first_entry_or_null(&ep->late, struct epitem, late_entry))) {
		list_del_init(&epi->late_entry);
		note_ready(ep, epi);
	}
	more = !list_empty(&ep->ready);
	spin_unlock_irqrestore(&ep->lock, flags);
	mutex_unlock(&ep->mutex);
	return more;
}

/*
 * Hands over what is ready: E2. Level-triggered items go to the end of the list again. Meanwhile the ready
 * list and the items' places are the mutex's, so that no lock is taken for each: wake-ups use another list.
 */
static s64 deliver(struct eventpoll *ep, struct iov_iter *to, int max)
{
	struct list_head batch, again;
	struct epitem *epi;
	s64 done = 0;

	INIT_LIST_HEAD(&batch);
	INIT_LIST_HEAD(&again);
	begin_taking(ep, &batch);
	while (done < max && (epi = list_first_entry_or_null(&batch, struct epitem, ready_entry))) {
		struct linux_epoll_event ev = { .data = epi->event.data };

		list_del_init(&epi->ready_entry);
		ev.events = vfs_poll(epi->file, NULL) & epi->event.events;
		if (!ev.events)
			continue;
		if (copy_to_iter(&ev, sizeof(ev), to) != sizeof(ev)) {
			list_add(&epi->ready_entry, &batch);
			if (!done)
				done = -EFAULT;
			break;
		}
		done++;
		if (epi->event.events & EPOLLONESHOT)
			epi->event.events &= EP_PRIVATE;
		else if (!(epi->event.events & EPOLLET))
			list_add_tail(&epi->ready_entry, &again);
	}
	/* Nothing has become ready for us: but whoever waits beside us may take what is left. The list before the
	 * queue here, the queue before the list there. */
	if (end_taking(ep, &batch, &again)) {
		smp_mb();
		if (waitqueue_active(&ep->wait))
			wake_up(&ep->wait);
	}
	return done;
}

/* Until something may be ready: 1; 0: the time is over; -EINTR. */
static int wait_ready(struct vfs_task *t, struct eventpoll *ep, u64 deadline)
{
	struct wait_queue_entry w = { .node = { &w.node, &w.node } };
	int ret;

	for (;;) {
		prepare_to_wait_exclusive(&ep->wait, &w, TASK_INTERRUPTIBLE);
		ret = 1;
		if (!list_empty(&ep->ready))
			break;
		ret = 0;
		if (env_now_ns() >= deadline)
			break;
		ret = -EINTR;
		if (signal_pending_state(TASK_INTERRUPTIBLE, current))
			break;
		t->vfs->env->schedule_until(deadline);
	}
	finish_wait(&ep->wait, &w);
	return ret;
}

s64 fs_epoll_wait(struct vfs_task *t, int epfd, struct iov_iter *to, int max, u64 deadline)
{
	struct eventpoll *ep;
	struct fd f;
	s64 ret;

	if (max <= 0 || max > EP_MAX_EVENTS)
		return -EINVAL;
	f = fdget(t, epfd);
	if (!f.file)
		return -EBADF;
	if (!is_epoll(f.file)) {
		fdput(f);
		return -EINVAL;
	}
	ep = f.file->private_data;
	do {
		ret = deliver(ep, to, max);
		if (ret || !deadline)
			break;
		ret = wait_ready(t, ep, deadline);
	} while (ret > 0);
	fdput(f);
	return ret;
}
