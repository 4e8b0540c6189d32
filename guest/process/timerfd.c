/* SPDX-License-Identifier: MIT */
/*
 * timerfd.c - timerfd_create(2): a timer as a file. Between two reads it rings at most once; the
 * periods that have passed since are counted when somebody reads, and only then the next is waited for.
 */
#include "guest/fs/poll.h"
#include "guest/kernel/time.h"
#include "guest/kernel/timers.h"
#include "guest/process/sys_util.h"

enum {
	TFD_TIMER_ABSTIME = 1,
	TFD_TIMER_CANCEL_ON_SET = 2,
	TFD_NONBLOCK = O_NONBLOCK,
	TFD_CLOEXEC = O_CLOEXEC,
};

/* All of them, for those that follow the time of day; timerfds_lock, inside each one's lock never. */
static DEFINE_SPINLOCK(timerfds_lock);
static LIST_HEAD(timerfds);

struct timerfd {
	struct list_head node; /* timerfds */
	wait_queue_head_t wait;
	spinlock_t lock; /* everything below; taken by the hrtimer's function */
	struct clock clock;
	bool absolute, cancel_on_set;
	bool canceled; /* the time of day has been set, and the reader is yet to hear of it */
	bool rang;     /* `expires` is over; the ticks since have not been read */
	u64 expires;   /* by its clock; 0: off */
	u64 interval;
	struct hrtimer hr;
};

static void arm(struct timerfd *t)
{
	if (!t->expires || t->rang)
		return;
	hrtimer_start(&t->hr,
		      t->clock.kind == CLOCK_KIND_WALL ? wall_to_mono(t->expires) : t->expires,
		      HRTIMER_MODE_ABS);
}

static enum hrtimer_restart fires(struct hrtimer *hr)
{
	struct timerfd *t = container_of(hr, struct timerfd, hr);
	u64 flags = spin_lock_irqsave(&t->lock);
	bool rings = false;

	if (t->expires && !t->rang) {
		rings = t->rang = clock_read(&t->clock) >= t->expires;
		arm(t); /* set anew while this was on its way */
	}
	spin_unlock_irqrestore(&t->lock, flags);
	if (rings)
		wake_up_all(&t->wait);
	return HRTIMER_NORESTART;
}

/* How often it rang; 0: not yet; -ECANCELED. */
static s64 take(struct timerfd *t)
{
	u64 flags = spin_lock_irqsave(&t->lock), now;
	s64 n = 0;

	if (t->canceled) {
		t->canceled = false;
		n = -ECANCELED;
	} else if (t->rang) {
		now = clock_read(&t->clock);
		n = 1;
		t->rang = false;
		if (t->interval && now >= t->expires) {
			n = (s64)((now - t->expires) / t->interval + 1);
			t->expires += (u64)n * t->interval;
			arm(t);
		} else if (t->interval) {
			t->expires += t->interval;
			arm(t);
		} else {
			t->expires = 0;
		}
	}
	spin_unlock_irqrestore(&t->lock, flags);
	return n;
}

static s64 timerfd_read(struct kiocb *io, struct iov_iter *to)
{
	struct timerfd *t = io->filp->private_data;
	s64 n;

	if (iov_iter_count(to) < sizeof(n))
		return -EINVAL;
	while (!(n = take(t))) {
		if (io->flags & IOCB_NOWAIT)
			return -EAGAIN;
		if (wait_event_interruptible(&t->wait,
					     READ_ONCE(t->rang) || READ_ONCE(t->canceled)))
			return -ERESTARTSYS;
	}
	if (n < 0)
		return n;
	return copy_to_iter(&n, sizeof(n), to) == sizeof(n) ? (s64)sizeof(n) : -EFAULT;
}

static u32 timerfd_poll(struct file *f, struct poll_table *pt)
{
	struct timerfd *t = f->private_data;

	poll_wait(f, &t->wait, pt);
	return READ_ONCE(t->rang) || READ_ONCE(t->canceled) ? POLLIN : 0;
}

static void timerfd_release(struct inode *inode, struct file *f)
{
	struct timerfd *t = f->private_data;
	u64 flags = spin_lock_irqsave(&timerfds_lock);

	(void)inode;
	list_del(&t->node);
	spin_unlock_irqrestore(&timerfds_lock, flags);
	flags = spin_lock_irqsave(&t->lock);
	t->expires = 0;
	spin_unlock_irqrestore(&t->lock, flags);
	hrtimer_cancel(&t->hr);
	kfree(&kernel_mm.slab, t);
}

static void remaining(struct timerfd *t, u64 out[4])
{
	u64 now = clock_read(&t->clock), left = 0;

	if (t->expires > now)
		left = t->expires - now;
	else if (t->expires && t->interval)
		left = t->interval - (now - t->expires) % t->interval;
	out[0] = t->interval / NSEC_PER_SEC;
	out[1] = t->interval % NSEC_PER_SEC;
	out[2] = left / NSEC_PER_SEC;
	out[3] = left % NSEC_PER_SEC;
}

static void timerfd_show(struct seq *s, struct file *f)
{
	struct timerfd *t = f->private_data;
	u64 flags = spin_lock_irqsave(&t->lock), v[4];

	remaining(t, v);
	seq_printf(s, "clockid: %d\nticks: %d\nsettime flags: 0%o\n",
		   t->clock.kind == CLOCK_KIND_WALL ? 0 : 1, t->rang,
		   (t->absolute ? TFD_TIMER_ABSTIME : 0) |
			   (t->cancel_on_set ? TFD_TIMER_CANCEL_ON_SET : 0));
	seq_printf(s, "it_value: (%lu, %lu)\nit_interval: (%lu, %lu)\n", v[2], v[3], v[0], v[1]);
	spin_unlock_irqrestore(&t->lock, flags);
}

static const struct file_operations timerfd_fops = {
	.llseek = noop_llseek,
	.read_iter = timerfd_read,
	.poll = timerfd_poll,
	.release = timerfd_release,
	.show_fdinfo = timerfd_show,
};

void timerfds_clock_set(void)
{
	u64 flags = spin_lock_irqsave(&timerfds_lock);
	struct timerfd *t;

	list_for_each_entry (t, &timerfds, node) {
		spin_lock(&t->lock);
		if (t->clock.kind == CLOCK_KIND_WALL && t->absolute) {
			t->canceled |= t->cancel_on_set;
			arm(t);
		}
		spin_unlock(&t->lock);
		if (READ_ONCE(t->canceled))
			wake_up_all(&t->wait);
	}
	spin_unlock_irqrestore(&timerfds_lock, flags);
}

/* ---- calls ---------------------------------------------------------------------------------------- */

static struct timerfd *timerfd_alloc(const struct clock *c)
{
	struct timerfd *t = kzalloc(&kernel_mm.slab, sizeof(*t), GFP_KERNEL);

	if (!t)
		return NULL;
	spin_lock_init(&t->lock);
	init_waitqueue_head(&t->wait);
	hrtimer_init(&kernel_hrtimers, &t->hr, HRTIMER_MODE_ABS, fires);
	t->clock = *c;
	return t;
}

SYS(timerfd_create)
{
	struct clock clock;
	struct timerfd *t;
	struct file *file;
	u64 flags;
	int fd, err;

	if ((b & ~(u64)(TFD_NONBLOCK | TFD_CLOEXEC)) || clock_find((s32)a, &clock) ||
	    clock.kind == CLOCK_KIND_CPU || !clock.timers)
		return -EINVAL;
	t = timerfd_alloc(&clock);
	if (!t)
		return -ENOMEM;
	fd = get_unused_fd(vt(), 0, b & TFD_CLOEXEC);
	err = fd;
	if (fd >= 0) {
		err = anon_file(vt(), "[timerfd]", &timerfd_fops, t, O_RDWR | ((u32)b & O_NONBLOCK),
				&file);
		if (!err) {
			flags = spin_lock_irqsave(&timerfds_lock);
			list_add_tail(&t->node, &timerfds);
			spin_unlock_irqrestore(&timerfds_lock, flags);
			fd_install(vt(), fd, file);
			return fd;
		}
		put_unused_fd(vt(), fd);
	}
	kfree(&kernel_mm.slab, t);
	return err;
}

/* The file, held; or -EBADF, -EINVAL. */
static int timerfd_get(u64 fd, struct fd *out)
{
	*out = fdget(vt(), (int)fd);
	if (!out->file)
		return -EBADF;
	if (out->file->f_op == &timerfd_fops)
		return 0;
	fdput(*out);
	return -EINVAL;
}

SYS(timerfd_settime)
{
	struct linux_timespec in[2]; /* interval, value */
	struct timerfd *t;
	u64 old[4], flags, value;
	struct fd file;
	int err;

	if (copy_from_user(in, c, sizeof(in)))
		return -EFAULT;
	if ((b & ~(u64)(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET)) || !timespec_valid(&in[0]) ||
	    !timespec_valid(&in[1]))
		return -EINVAL;
	err = timerfd_get(a, &file);
	if (err)
		return err;
	t = file.file->private_data;
	value = timespec_ns(&in[1]);
	flags = spin_lock_irqsave(&t->lock);
	remaining(t, old);
	hrtimer_try_to_cancel(&t->hr);
	t->absolute = b & TFD_TIMER_ABSTIME;
	t->cancel_on_set =
		t->absolute && (b & TFD_TIMER_CANCEL_ON_SET) && t->clock.kind == CLOCK_KIND_WALL;
	t->rang = t->canceled = false;
	t->interval = timespec_ns(&in[0]);
	t->expires = !value ? 0 : t->absolute ? value : clock_read(&t->clock) + value;
	arm(t);
	spin_unlock_irqrestore(&t->lock, flags);
	fdput(file);
	return d && copy_to_user(d, old, sizeof(old)) ? -EFAULT : 0;
}

SYS(timerfd_gettime)
{
	struct timerfd *t;
	struct fd file;
	u64 out[4], flags;
	int err = timerfd_get(a, &file);

	if (err)
		return err;
	t = file.file->private_data;
	flags = spin_lock_irqsave(&t->lock);
	remaining(t, out);
	spin_unlock_irqrestore(&t->lock, flags);
	fdput(file);
	return copy_to_user(b, out, sizeof(out)) ? -EFAULT : 0;
}
