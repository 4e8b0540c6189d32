/* SPDX-License-Identifier: MIT */
/* eventfd.c - eventfd(2). */
#include "guest/fs/eventfd.h"
#include "guest/fs/fdtable.h"
#include "guest/fs/poll.h"

#define EVENTFD_MAX (~0ULL - 1)

struct eventfd {
	wait_queue_head_t wait;
	spinlock_t lock;
	u64 count; /* lock */
	bool semaphore;
	struct vfs *vfs;
};

/* What a read gets; 0: nothing there. */
static u64 take(struct eventfd *e)
{
	u64 flags = spin_lock_irqsave(&e->lock), got;

	got = e->semaphore && e->count ? 1 : e->count;
	e->count -= got;
	spin_unlock_irqrestore(&e->lock, flags);
	return got;
}

static bool give(struct eventfd *e, u64 n)
{
	u64 flags = spin_lock_irqsave(&e->lock);
	bool fits = n <= EVENTFD_MAX - e->count;

	if (fits)
		e->count += n;
	spin_unlock_irqrestore(&e->lock, flags);
	return fits;
}

static s64 eventfd_read(struct kiocb *io, struct iov_iter *to)
{
	struct eventfd *e = io->filp->private_data;
	u64 got;

	if (iov_iter_count(to) < sizeof(got))
		return -EINVAL;
	while (!(got = take(e))) {
		if (io->flags & IOCB_NOWAIT)
			return -EAGAIN;
		if (wait_event_interruptible(&e->wait, READ_ONCE(e->count)))
			return -ERESTARTSYS;
	}
	wake_up_key(&e->wait, TASK_NORMAL, 0, POLLOUT);
	return copy_to_iter(&got, sizeof(got), to) == sizeof(got) ? (s64)sizeof(got) : -EFAULT;
}

static s64 eventfd_write(struct kiocb *io, struct iov_iter *from)
{
	struct eventfd *e = io->filp->private_data;
	u64 n;

	/* One number in one piece. */
	if (iov_iter_piece(from) != sizeof(n))
		return -EINVAL;
	if (copy_from_iter(&n, sizeof(n), from) != sizeof(n))
		return -EFAULT;
	if (n == ~0ULL)
		return -EINVAL;
	while (!give(e, n)) {
		if (io->flags & IOCB_NOWAIT)
			return -EAGAIN;
		if (wait_event_interruptible(&e->wait, n <= EVENTFD_MAX - READ_ONCE(e->count)))
			return -ERESTARTSYS;
	}
	wake_up_key(&e->wait, TASK_NORMAL, 0, POLLIN);
	return sizeof(n);
}

static u32 eventfd_poll(struct file *f, struct poll_table *pt)
{
	struct eventfd *e = f->private_data;
	u64 count;
	u32 mask = 0;

	poll_wait(f, &e->wait, pt);
	count = READ_ONCE(e->count);
	if (count)
		mask |= POLLIN;
	if (count == ~0ULL)
		mask |= POLLERR;
	if (count < EVENTFD_MAX)
		mask |= POLLOUT;
	return mask;
}

static void eventfd_release(struct inode *inode, struct file *f)
{
	struct eventfd *e = f->private_data;

	(void)inode;
	kfree(e->vfs->slab, e);
}

static void eventfd_show(struct seq *s, struct file *f)
{
	const struct eventfd *e = f->private_data;

	seq_printf(s, "eventfd-count: %16lx\n", e->count);
}

static const struct file_operations eventfd_fops = {
	.llseek = noop_llseek,
	.read_iter = eventfd_read,
	.write_iter = eventfd_write,
	.poll = eventfd_poll,
	.release = eventfd_release,
	.show_fdinfo = eventfd_show,
};

int eventfd_signal(struct file *f, u64 n)
{
	struct eventfd *e = f->private_data;
	u64 flags;

	if (f->f_op != &eventfd_fops)
		return -EINVAL;
	flags = spin_lock_irqsave(&e->lock);
	e->count += MIN(n, ~0ULL - e->count);
	spin_unlock_irqrestore(&e->lock, flags);
	wake_up_key(&e->wait, TASK_NORMAL, 0, POLLIN);
	return 0;
}

s64 fs_eventfd2(struct vfs_task *t, u32 count, u32 flags)
{
	struct eventfd *e;
	struct file *f;
	int fd, err;

	if (flags & ~(u32)(EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE))
		return -EINVAL;
	e = kzalloc(t->vfs->slab, sizeof(*e), GFP_KERNEL);
	if (!e)
		return -ENOMEM;
	spin_lock_init(&e->lock);
	init_waitqueue_head(&e->wait);
	e->count = count;
	e->semaphore = flags & EFD_SEMAPHORE;
	e->vfs = t->vfs;
	fd = get_unused_fd(t, 0, flags & EFD_CLOEXEC);
	err = fd;
	if (fd >= 0) {
		err = anon_file(t, "[eventfd]", &eventfd_fops, e, O_RDWR | (flags & O_NONBLOCK),
				&f);
		if (!err) {
			fd_install(t, fd, f);
			return fd;
		}
		put_unused_fd(t, fd);
	}
	kfree(t->vfs->slab, e);
	return err;
}
