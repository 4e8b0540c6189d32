/* SPDX-License-Identifier: MIT */
/* tty.c - terminals as files, and whose they are: opening, reading, writing, hanging up, job control. */
#include "guest/fs/chrdev.h"
#include "guest/fs/internal.h"
#include "guest/fs/poll.h"
#include "guest/fs/tty_internal.h"
#include "guest/lib/string.h"

#define CHUNK 512 /* bytes between user memory and the line discipline at a time */

int tty_core_init(struct vfs *vfs)
{
	vfs->ttys = kzalloc(vfs->slab, sizeof(*vfs->ttys), GFP_KERNEL);
	if (!vfs->ttys)
		return -ENOMEM;
	spin_lock_init(&vfs->ttys->lock);
	INIT_LIST_HEAD(&vfs->ttys->ttys);
	return 0;
}

/* ---- making ----------------------------------------------------------------------------------------------- */

/* As Linux sets them: cooked, echoing, 38400 8N1, the usual control characters. */
static const struct linux_termios default_termios = {
	.c_iflag = ICRNL | IXON,
	.c_oflag = OPOST | ONLCR,
	.c_cflag = B38400 | CS8 | CREAD | HUPCL,
	.c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
	.c_cc = { [VINTR] = 3,
		  [VQUIT] = 28,
		  [VERASE] = 127,
		  [VKILL] = 21,
		  [VEOF] = 4,
		  [VMIN] = 1,
		  [VSTART] = 17,
		  [VSTOP] = 19,
		  [VSUSP] = 26,
		  [VREPRINT] = 18,
		  [VDISCARD] = 15,
		  [VWERASE] = 23,
		  [VLNEXT] = 22 },
};

void tty_init(struct tty_struct *tty, struct vfs *vfs, const struct tty_operations *ops,
	      const char *name, kdev_t dev)
{
	memset(tty, 0, sizeof(*tty));
	tty->vfs = vfs;
	tty->ops = ops;
	tty->dev = dev;
	strscpy(tty->name, name, sizeof(tty->name));
	spin_lock_init(&tty->lock);
	tty->termios = default_termios;
	tty->ispeed = tty->ospeed = 38400;
	init_waitqueue_head(&tty->read_wait);
	init_waitqueue_head(&tty->write_wait);
	mutex_init(&tty->read_mutex);
	mutex_init(&tty->write_mutex);
	INIT_LIST_HEAD(&tty->list);
}

int tty_register(struct tty_struct *tty)
{
	struct tty_core *core = tty->vfs->ttys;
	int err = chrdev_register(tty->vfs, MAJOR(tty->dev), MINOR(tty->dev), 1, tty->name,
				  &tty_fops, tty);
	u64 flags;

	if (err)
		return err;
	flags = spin_lock_irqsave(&core->lock);
	list_add_tail(&tty->list, &core->ttys);
	spin_unlock_irqrestore(&core->lock, flags);
	if (!tty->vfs->devtmpfs_sb)
		return 0;
	return devtmpfs_create_node(tty->vfs, tty->name, S_IFCHR | 0600, tty->dev);
}

void tty_unregister(struct tty_struct *tty)
{
	struct tty_core *core = tty->vfs->ttys;
	u64 flags = spin_lock_irqsave(&core->lock);

	list_del_init(&tty->list);
	spin_unlock_irqrestore(&core->lock, flags);
	chrdev_unregister(tty->vfs, MAJOR(tty->dev), MINOR(tty->dev));
}

void tty_core_destroy(struct vfs *vfs)
{
	kfree(vfs->slab, vfs->ttys);
}

/* ---- from the driver ----------------------------------------------------------------------------------------- */

void tty_unlock_signal(struct tty_struct *tty, u64 flags)
{
	static const int order[] = { SIGHUP, SIGINT, SIGQUIT, SIGTSTP, SIGWINCH, SIGCONT };
	u32 pending = tty->pending_signals;
	int pgrp = tty->pgrp;

	tty->pending_signals = 0;
	spin_unlock_irqrestore(&tty->lock, flags);
	/* Without the lock: whoever sends signals may ask the terminal something. */
	for (unsigned i = 0; i < ARRAY_SIZE(order) && pgrp; i++)
		if (pending >> order[i] & 1)
			tty->vfs->env->kill_pgrp(pgrp, order[i]);
}

void tty_receive(struct tty_struct *tty, const u8 *data, size_t n)
{
	u64 flags = spin_lock_irqsave(&tty->lock);
	bool available, was_stopped = tty->stopped;

	while (n--)
		n_tty_receive(tty, *data++);
	n_tty_flush_echo(tty);
	available = n_tty_input_available(tty, true);
	was_stopped = was_stopped && !tty->stopped;
	tty_unlock_signal(tty, flags);
	if (tty->ops->pushed)
		tty->ops->pushed(tty);
	if (available)
		wake_up_all(&tty->read_wait);
	if (was_stopped)
		wake_up_all(&tty->write_wait);
}

size_t tty_receive_room(struct tty_struct *tty)
{
	u64 flags = spin_lock_irqsave(&tty->lock);
	size_t room = N_TTY_BUF_SIZE - 1 - (size_t)(tty->read_head - tty->read_tail);

	/* A line that is too long can still be edited, and ended. */
	if (!room && tty_flag_l(tty, ICANON) && tty->canon_head == tty->read_tail)
		room = 1;
	spin_unlock_irqrestore(&tty->lock, flags);
	return room;
}

void tty_wakeup(struct tty_struct *tty)
{
	u64 flags = spin_lock_irqsave(&tty->lock);

	n_tty_flush_echo(tty);
	spin_unlock_irqrestore(&tty->lock, flags);
	wake_up_all(&tty->write_wait);
}

void tty_hangup(struct tty_struct *tty)
{
	u64 flags = spin_lock_irqsave(&tty->lock);
	int session = tty->session;

	tty->hung_up = true;
	tty->pending_signals |= 1u << SIGHUP | 1u << SIGCONT;
	n_tty_flush_input(tty);
	tty_unlock_signal(tty, flags);
	if (session) {
		/* The session's leader hears of it even in the background; its group has its number. */
		if (session != tty->pgrp)
			tty->vfs->env->kill_pgrp(session, SIGHUP);
		flags = spin_lock_irqsave(&tty->lock);
		tty->session = tty->pgrp = 0;
		spin_unlock_irqrestore(&tty->lock, flags);
	}
	wake_up_all(&tty->read_wait);
	wake_up_all(&tty->write_wait);
}

/* ---- whose it is ------------------------------------------------------------------------------------------------ */

struct tty_struct *tty_of_session(struct vfs *vfs, int session)
{
	struct tty_core *core = vfs->ttys;
	struct tty_struct *tty, *found = NULL;
	u64 flags;

	if (!session)
		return NULL;
	flags = spin_lock_irqsave(&core->lock);
	list_for_each_entry (tty, &core->ttys, list)
		if (READ_ONCE(tty->session) == session)
			found = tty;
	spin_unlock_irqrestore(&core->lock, flags);
	return found;
}

bool tty_session_ids(struct vfs *vfs, int session, kdev_t *dev, int *pgrp)
{
	struct tty_core *core = vfs->ttys;
	const struct tty_struct *tty;
	bool found = false;
	u64 flags = spin_lock_irqsave(&core->lock);

	/* A terminal leaves the list before it goes. */
	list_for_each_entry (tty, &core->ttys, list) {
		if (!session || READ_ONCE(tty->session) != session)
			continue;
		*dev = tty->dev;
		*pgrp = READ_ONCE(tty->pgrp);
		found = true;
	}
	spin_unlock_irqrestore(&core->lock, flags);
	return found;
}

bool tty_is_mine(struct vfs_task *t, const struct tty_struct *tty)
{
	int session = t->vfs->env->task_session(t);

	return session && READ_ONCE(tty->session) == session;
}

void tty_make_controlling(struct vfs_task *t, struct tty_struct *tty)
{
	u64 flags = spin_lock_irqsave(&tty->lock);

	tty->session = t->vfs->env->task_session(t);
	tty->pgrp = t->vfs->env->task_pgrp(t);
	spin_unlock_irqrestore(&tty->lock, flags);
}

void tty_disassociate(struct vfs *vfs, int session)
{
	struct tty_struct *tty = tty_of_session(vfs, session);
	u64 flags;
	int pgrp;

	if (!tty)
		return;
	flags = spin_lock_irqsave(&tty->lock);
	pgrp = tty->pgrp;
	tty->session = tty->pgrp = 0;
	spin_unlock_irqrestore(&tty->lock, flags);
	if (pgrp) {
		vfs->env->kill_pgrp(pgrp, SIGHUP);
		vfs->env->kill_pgrp(pgrp, SIGCONT);
	}
}

int tty_check_change(struct vfs_task *t, struct tty_struct *tty, int sig)
{
	const struct vfs_env *env = t->vfs->env;
	int pgrp = env->task_pgrp(t);

	if (!tty_is_mine(t, tty) || !READ_ONCE(tty->pgrp) || READ_ONCE(tty->pgrp) == pgrp)
		return 0;
	if (env->task_sig_ignored(t, sig))
		return sig == SIGTTIN ? -EIO : 0;
	if (env->pgrp_is_orphaned(t))
		return -EIO;
	env->kill_pgrp(pgrp, sig);
	return -ERESTARTSYS;
}

/* ---- files -------------------------------------------------------------------------------------------------------- */

int tty_open_it(struct vfs_task *t, struct file *f, struct tty_struct *tty)
{
	const struct vfs_env *env = t->vfs->env;
	u64 flags = spin_lock_irqsave(&tty->lock);

	if (tty->exclusive && tty->count && !vfs_capable(t, CAP_SYS_ADMIN)) {
		spin_unlock_irqrestore(&tty->lock, flags);
		return -EBUSY;
	}
	if (!tty->count++)
		tty->hung_up = tty->stopped = false;
	spin_unlock_irqrestore(&tty->lock, flags);
	f->private_data = tty;
	f->f_op = &tty_fops;
	f->f_mode &= ~(u32)(FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE);
	f->f_mode |= FMODE_STREAM;
	if (!(f->f_flags & O_NOCTTY) && env->task_is_session_leader(t) && !tty->session &&
	    !tty_of_session(t->vfs, env->task_session(t)) && f->f_mode & FMODE_READ)
		tty_make_controlling(t, tty);
	return 0;
}

static int tty_open(struct vfs_task *t, struct inode *inode, struct file *f)
{
	(void)inode;
	return tty_open_it(t, f, f->private_data);
}

static void tty_release(struct inode *inode, struct file *f)
{
	struct tty_struct *tty = f->private_data;
	u64 flags = spin_lock_irqsave(&tty->lock);
	bool last = !--tty->count;

	(void)inode;
	if (last) {
		tty->exclusive = false;
		n_tty_reset(tty);
	}
	spin_unlock_irqrestore(&tty->lock, flags);
	if (last && tty->ops->closed)
		tty->ops->closed(tty);
}

/* When to give up waiting for input: VMIN and VTIME of a read that is not canonical. */
struct patience {
	size_t min;
	u64 first, between; /* ns; 0: none */
};

static struct patience patience_of(const struct tty_struct *tty)
{
	u64 time = tty->termios.c_cc[VTIME] * 100000000ULL;
	size_t min = tty->termios.c_cc[VMIN];

	if (tty_flag_l(tty, ICANON))
		return (struct patience){ 1, UINT64_MAX, 0 };
	if (min)
		return (struct patience){ min, UINT64_MAX, time };
	return (struct patience){ 1, time, 0 };
}

/* Sleeps until there is input: 1; 0: time is over; -errno. */
static int wait_for_input(struct kiocb *io, struct tty_struct *tty, u64 ns)
{
	u64 deadline = ns == UINT64_MAX ? UINT64_MAX : env_now_ns() + ns;
	struct wait_queue_entry w = { .node = { &w.node, &w.node } };
	int ret;

	if (io->flags & IOCB_NOWAIT)
		return -EAGAIN;
	for (;;) {
		prepare_to_wait(&tty->read_wait, &w, TASK_INTERRUPTIBLE);
		ret = 1;
		if (n_tty_input_available(tty, false) || READ_ONCE(tty->hung_up))
			break;
		ret = 0;
		if (env_now_ns() >= deadline)
			break;
		ret = -ERESTARTSYS;
		if (signal_pending_state(TASK_INTERRUPTIBLE, current))
			break;
		tty->vfs->env->schedule_until(deadline);
	}
	finish_wait(&tty->read_wait, &w);
	return ret;
}

static size_t take_locked(struct tty_struct *tty, u8 *buf, size_t n, bool *line_end)
{
	u64 flags = spin_lock_irqsave(&tty->lock);
	size_t got = n_tty_take(tty, buf, n, line_end);

	spin_unlock_irqrestore(&tty->lock, flags);
	return got;
}

static s64 read_locked(struct kiocb *io, struct tty_struct *tty, struct iov_iter *to)
{
	struct patience p = patience_of(tty);
	u64 wait = p.first;
	bool line_end = false;
	s64 done = 0;
	u8 buf[CHUNK];

	while (iov_iter_count(to) && !line_end) {
		size_t n;

		if (!n_tty_input_available(tty, false)) {
			int ret;

			if (READ_ONCE(tty->hung_up) || !wait)
				break;
			ret = wait_for_input(io, tty, wait);
			if (ret < 0)
				return done ? done : ret;
			if (!ret)
				break;
			continue;
		}
		n = take_locked(tty, buf, MIN(iov_iter_count(to), sizeof(buf)), &line_end);
		if (copy_to_iter(buf, n, to) < n)
			return done ? done : -EFAULT;
		done += (s64)n;
		if (tty_flag_l(tty, ICANON) ? line_end : (size_t)done >= p.min)
			break;
		if (p.between)
			wait = p.between;
	}
	return done;
}

static s64 tty_read(struct kiocb *io, struct iov_iter *to)
{
	struct tty_struct *tty = io->filp->private_data;
	s64 ret = READ_ONCE(tty->hung_up) ? 0 : tty_check_change(io->task, tty, SIGTTIN);

	if (ret || READ_ONCE(tty->hung_up) || !iov_iter_count(to))
		return ret;
	if (io->flags & IOCB_NOWAIT) {
		if (!mutex_trylock(&tty->read_mutex))
			return -EAGAIN;
	} else if (mutex_lock_interruptible(&tty->read_mutex)) {
		return -ERESTARTSYS;
	}
	ret = read_locked(io, tty, to);
	mutex_unlock(&tty->read_mutex);
	if (tty->ops->unthrottle)
		tty->ops->unthrottle(tty);
	return ret;
}

static size_t output_locked(struct tty_struct *tty, const u8 *buf, size_t n)
{
	u64 flags = spin_lock_irqsave(&tty->lock);
	size_t did;

	n_tty_flush_echo(tty);
	did = n_tty_output(tty, buf, n);
	spin_unlock_irqrestore(&tty->lock, flags);
	if (tty->ops->pushed)
		tty->ops->pushed(tty);
	return did;
}

static bool can_output(struct tty_struct *tty)
{
	return READ_ONCE(tty->hung_up) ||
	       (!READ_ONCE(tty->stopped) && tty->ops->write_room(tty) >= 8);
}

/* All of buf, unless it may not wait: how much, or -errno. */
static s64 write_chunk(struct kiocb *io, struct tty_struct *tty, const u8 *buf, size_t n)
{
	size_t done = 0;

	while (done < n) {
		size_t did;

		if (READ_ONCE(tty->hung_up))
			return done ? (s64)done : -EIO;
		did = output_locked(tty, buf + done, n - done);
		done += did;
		if (did)
			continue;
		if (io->flags & IOCB_NOWAIT)
			return done ? (s64)done : -EAGAIN;
		if (wait_event_interruptible(&tty->write_wait, can_output(tty)))
			return done ? (s64)done : -ERESTARTSYS;
	}
	return (s64)done;
}

static s64 write_locked(struct kiocb *io, struct tty_struct *tty, struct iov_iter *from)
{
	s64 done = 0;
	u8 buf[CHUNK];

	while (iov_iter_count(from)) {
		size_t n = copy_from_iter(buf, MIN(iov_iter_count(from), sizeof(buf)), from);
		s64 did = n ? write_chunk(io, tty, buf, n) : -EFAULT;

		if (did < 0)
			return done ? done : did;
		done += did;
		if ((size_t)did < n)
			break;
	}
	return done;
}

static s64 tty_write(struct kiocb *io, struct iov_iter *from)
{
	struct tty_struct *tty = io->filp->private_data;
	s64 ret;

	if (READ_ONCE(tty->hung_up))
		return -EIO;
	if (tty_flag_l(tty, TOSTOP)) {
		ret = tty_check_change(io->task, tty, SIGTTOU);
		if (ret)
			return ret;
	}
	if (mutex_lock_interruptible(&tty->write_mutex))
		return -ERESTARTSYS;
	ret = write_locked(io, tty, from);
	mutex_unlock(&tty->write_mutex);
	return ret;
}

static u32 tty_poll(struct file *f, struct poll_table *pt)
{
	struct tty_struct *tty = f->private_data;
	u32 mask = 0;

	poll_wait(f, &tty->read_wait, pt);
	poll_wait(f, &tty->write_wait, pt);
	if (READ_ONCE(tty->hung_up))
		return POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDNORM | POLLWRNORM;
	if (n_tty_input_available(tty, true))
		mask |= POLLIN | POLLRDNORM;
	if (can_output(tty))
		mask |= POLLOUT | POLLWRNORM;
	return mask;
}

const struct file_operations tty_fops = {
	.read_iter = tty_read,
	.write_iter = tty_write,
	.poll = tty_poll,
	.ioctl = tty_ioctl,
	.open = tty_open,
	.release = tty_release,
};

/* ---- /dev/console, /dev/tty ---------------------------------------------------------------------------------------- */

static int console_open(struct vfs_task *t, struct inode *inode, struct file *f)
{
	(void)inode;
	/* Not to become anybody's controlling terminal by accident. */
	f->f_flags |= O_NOCTTY;
	return tty_open_it(t, f, t->vfs->ttys->console);
}

static int mine_open(struct vfs_task *t, struct inode *inode, struct file *f)
{
	struct tty_struct *tty = tty_of_session(t->vfs, t->vfs->env->task_session(t));

	(void)inode;
	return tty ? tty_open_it(t, f, tty) : -ENXIO;
}

static const struct file_operations console_fops = { .open = console_open };
static const struct file_operations mine_fops = { .open = mine_open };

int tty_devices_init(struct vfs *vfs, struct tty_struct *console)
{
	int err;

	vfs->ttys->console = console;
	err = chrdev_register(vfs, TTYAUX_MAJOR, 0, 1, "/dev/tty", &mine_fops, NULL);
	if (!err)
		err = chrdev_register(vfs, TTYAUX_MAJOR, 1, 1, "/dev/console", &console_fops, NULL);
	if (!err)
		err = devtmpfs_create_node(vfs, "tty", S_IFCHR | 0666, MKDEV(TTYAUX_MAJOR, 0));
	if (!err)
		err = devtmpfs_create_node(vfs, "console", S_IFCHR | 0600, MKDEV(TTYAUX_MAJOR, 1));
	return err;
}
