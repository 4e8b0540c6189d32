/* SPDX-License-Identifier: MIT */
/*
 * pty.c - pseudo terminals, pty(7): opening /dev/ptmx makes a pair. The slave, /dev/pts/N, is a
 * terminal like any other; its driver is a ring of bytes that the master reads, and what the master
 * writes is typed into it.
 */
#include "guest/fs/chrdev.h"
#include "guest/fs/internal.h"
#include "guest/fs/memfs_internal.h"
#include "guest/fs/poll.h"
#include "guest/fs/tty_internal.h"
#include "guest/lib/bitmap.h"
#include "guest/lib/printf.h"
#include "guest/lib/string.h"

#define PTY_MAX	   64
#define PTY_RING   8192u
#define PTS_MAJOR  136
#define PTMX_MINOR 2

struct pty {
	struct tty_struct slave;
	unsigned index;
	bool locked;   /* by TIOCSPTLCK: the slave cannot be opened */
	bool was_open; /* the slave was, since the master is */
	bool master_open;
	wait_queue_head_t wait; /* the master's */
	u8 ring[PTY_RING];
	u32 head, tail; /* slave.lock, like the next one */
	u32 seen; /* the master knows of what is before this: flushing does not take it back */
};

struct pty_set {
	spinlock_t lock;
	struct pty *pty[PTY_MAX]; /* lock */
	struct super_block *sb;
	struct super_operations sops; /* memfs's, with options of its own */
};

/* Of a slave: group tty. */
#define PTS_MODE 0620
#define PTS_GID	 5u

static struct pty *pty_of(struct tty_struct *tty)
{
	return container_of(tty, struct pty, slave);
}

/* ---- the slave's driver ------------------------------------------------------------------------------------ */

static size_t ring_room(struct tty_struct *tty)
{
	struct pty *p = pty_of(tty);

	return PTY_RING - (READ_ONCE(p->head) - READ_ONCE(p->tail));
}

static size_t ring_write(struct tty_struct *tty, const u8 *buf, size_t n)
{
	struct pty *p = pty_of(tty);

	n = MIN(n, ring_room(tty));
	for (size_t i = 0; i < n; i++)
		p->ring[p->head++ % PTY_RING] = buf[i];
	return n;
}

static void ring_flush(struct tty_struct *tty)
{
	struct pty *p = pty_of(tty);

	p->head = p->seen;
}

static size_t ring_queued(struct tty_struct *tty)
{
	(void)tty;
	return 0; /* what is in the ring has been sent, as far as the slave is concerned */
}

static void wake_master(struct tty_struct *tty)
{
	struct pty *p = pty_of(tty);
	u64 flags = spin_lock_irqsave(&tty->lock);

	p->seen = p->head;
	spin_unlock_irqrestore(&tty->lock, flags);
	wake_up_all(&p->wait);
}

static void pty_free(struct pty *p)
{
	struct vfs *vfs = p->slave.vfs;
	struct pty_set *set = vfs->ttys->ptys;

	tty_unregister(&p->slave);
	spin_lock(&set->lock);
	set->pty[p->index] = NULL;
	spin_unlock(&set->lock);
	kfree(vfs->slab, p);
}

static void slave_closed(struct tty_struct *tty)
{
	struct pty *p = pty_of(tty);

	if (READ_ONCE(p->master_open))
		wake_up_all(&p->wait); /* it reads -EIO now */
	else
		pty_free(p);
}

/* Bytes go through as they are, whatever the program thinks of lines. */
static void slave_set_termios(struct tty_struct *tty, const struct linux_termios *old)
{
	u32 *cflag = &tty->termios.c_cflag;

	(void)old;
	*cflag = (*cflag & ~(CSIZE | PARENB)) | CS8 | CREAD;
}

static const struct tty_operations slave_ops = {
	.set_termios = slave_set_termios,
	.write = ring_write,
	.write_room = ring_room,
	.flush = ring_flush,
	.queued = ring_queued,
	.pushed = wake_master,
	.unthrottle = wake_master,
	.closed = slave_closed,
};

static int slave_open(struct vfs_task *t, struct inode *inode, struct file *f)
{
	struct pty *p = f->private_data;
	int err;

	(void)inode;
	if (!READ_ONCE(p->master_open) || READ_ONCE(p->locked))
		return -EIO;
	err = tty_open_it(t, f, &p->slave);
	if (!err)
		WRITE_ONCE(p->was_open, true);
	return err;
}

static const struct file_operations slave_fops = { .open = slave_open };

/* ---- the master -------------------------------------------------------------------------------------------- */

/* The slave was there and has gone. */
static bool other_closed(const struct pty *p)
{
	return READ_ONCE(p->was_open) && !READ_ONCE(p->slave.count);
}

static bool readable(const struct pty *p)
{
	return READ_ONCE(p->head) != READ_ONCE(p->tail);
}

static s64 master_read(struct kiocb *io, struct iov_iter *to)
{
	struct pty *p = io->filp->private_data;
	u8 buf[256];
	s64 done = 0;

	while (!readable(p)) {
		if (other_closed(p))
			return -EIO;
		if (io->flags & IOCB_NOWAIT)
			return -EAGAIN;
		if (wait_event_interruptible(&p->wait, readable(p) || other_closed(p)))
			return -ERESTARTSYS;
	}
	while (iov_iter_count(to)) {
		u64 flags = spin_lock_irqsave(&p->slave.lock);
		size_t want = MIN(sizeof(buf), iov_iter_count(to));
		size_t n = MIN((size_t)(p->head - p->tail), want);

		p->seen = p->head;
		for (size_t i = 0; i < n; i++)
			buf[i] = p->ring[p->tail++ % PTY_RING];
		spin_unlock_irqrestore(&p->slave.lock, flags);
		if (!n)
			break;
		if (copy_to_iter(buf, n, to) < n)
			return done ? done : -EFAULT;
		done += (s64)n;
	}
	tty_wakeup(&p->slave);
	return done;
}

static s64 master_write(struct kiocb *io, struct iov_iter *from)
{
	struct pty *p = io->filp->private_data;
	u8 buf[256];
	s64 done = 0;

	while (iov_iter_count(from)) {
		size_t room = tty_receive_room(&p->slave), n = MIN(room, sizeof(buf));

		if (other_closed(p))
			return done ? done : -EIO;
		if (!room) {
			if (io->flags & IOCB_NOWAIT)
				return done ? done : -EAGAIN;
			if (wait_event_interruptible(&p->wait, tty_receive_room(&p->slave) ||
								       other_closed(p)))
				return done ? done : -ERESTARTSYS;
			continue;
		}
		n = copy_from_iter(buf, MIN(n, iov_iter_count(from)), from);
		if (!n)
			return done ? done : -EFAULT;
		tty_receive(&p->slave, buf, n);
		done += (s64)n;
	}
	return done;
}

static u32 master_poll(struct file *f, struct poll_table *pt)
{
	struct pty *p = f->private_data;
	u32 mask = 0;

	poll_wait(f, &p->wait, pt);
	if (readable(p))
		mask |= POLLIN | POLLRDNORM;
	if (other_closed(p))
		mask |= POLLHUP;
	if (tty_receive_room(&p->slave))
		mask |= POLLOUT | POLLWRNORM;
	return mask;
}

/* What the slave wrote and nobody has read is the master's input; its output has been typed already. */
static s64 master_flush(struct pty *p, u64 which)
{
	u64 flags;

	if (which > TCIOFLUSH)
		return -EINVAL;
	if (which == TCOFLUSH)
		return 0;
	flags = spin_lock_irqsave(&p->slave.lock);
	p->tail = p->seen = p->head;
	spin_unlock_irqrestore(&p->slave.lock, flags);
	tty_wakeup(&p->slave);
	return 0;
}

/* As if the key had been pressed, without the character: for those that carry it over a network. */
static s64 master_signal(struct pty *p, u64 sig)
{
	u64 flags;

	if (sig != SIGINT && sig != SIGQUIT && sig != SIGTSTP)
		return -EINVAL;
	flags = spin_lock_irqsave(&p->slave.lock);
	p->slave.pending_signals |= 1u << sig;
	tty_unlock_signal(&p->slave, flags);
	return 0;
}

static s64 master_ioctl(struct vfs_task *t, struct file *f, u32 cmd, u64 arg)
{
	struct pty *p = f->private_data;
	s32 v = 0;

	switch (cmd) {
	case TIOCGPTN:
		v = (s32)p->index;
		break;
	case TIOCGPTLCK:
		v = p->locked;
		break;
	case FIONREAD:
		v = (s32)(p->head - p->tail);
		break;
	case TIOCGPGRP:
		v = p->slave.pgrp;
		break;
	case TIOCGSID:
		v = p->slave.session;
		if (!v)
			return -ENOTTY;
		break;
	case TIOCOUTQ: /* what is written here is typed at once */
	case TIOCGETD:
		break;
	case TCSBRK:
	case TCSBRKP:
		return 0;
	case TCFLSH:
		return master_flush(p, arg);
	case TIOCSIG:
		return master_signal(p, arg);
	case TIOCSPTLCK:
		if (copy_from_task(t, &v, arg, sizeof(v)))
			return -EFAULT;
		WRITE_ONCE(p->locked, v != 0);
		return 0;
	default:
		return tty_mode_ioctl(t, &p->slave, cmd, arg);
	}
	return copy_to_task(t, arg, &v, sizeof(v)) ? -EFAULT : 0;
}

static void master_release(struct inode *inode, struct file *f)
{
	struct pty *p = f->private_data;
	struct vfs *vfs = p->slave.vfs;
	char name[12];
	u64 flags;
	bool unused;

	(void)inode;
	kscnprintf(name, sizeof(name), "%u", p->index);
	memfs_remove_node(vfs->ttys->ptys->sb, name);
	tty_hangup(&p->slave);
	flags = spin_lock_irqsave(&p->slave.lock);
	p->master_open = false;
	unused = !p->slave.count;
	spin_unlock_irqrestore(&p->slave.lock, flags);
	if (unused)
		pty_free(p);
}

static const struct file_operations master_fops = {
	.read_iter = master_read,
	.write_iter = master_write,
	.poll = master_poll,
	.ioctl = master_ioctl,
	.release = master_release,
};

/* ---- /dev/ptmx ---------------------------------------------------------------------------------------------- */

static int claim_index(struct pty_set *set, struct pty *p)
{
	int err = -ENOSPC;

	spin_lock(&set->lock);
	for (unsigned i = 0; i < PTY_MAX && err; i++) {
		if (set->pty[i])
			continue;
		set->pty[i] = p;
		p->index = i;
		err = 0;
	}
	spin_unlock(&set->lock);
	return err;
}

static int make_pair(struct vfs_task *t, struct pty_set *set, struct pty **out)
{
	struct vfs *vfs = t->vfs;
	struct pty *p = kzalloc(vfs->slab, sizeof(*p), GFP_KERNEL);
	struct tty_core *core = vfs->ttys;
	char name[16];
	u64 flags;
	int err;

	if (!p)
		return -ENOMEM;
	err = claim_index(set, p);
	if (err) {
		kfree(vfs->slab, p);
		return err;
	}
	kscnprintf(name, sizeof(name), "pts/%u", p->index);
	tty_init(&p->slave, vfs, &slave_ops, name, MKDEV(PTS_MAJOR, p->index));
	p->slave.termios.c_cflag &= ~HUPCL; /* there is no line to hang up */
	init_waitqueue_head(&p->wait);
	p->master_open = p->locked = true;
	flags = spin_lock_irqsave(&core->lock);
	list_add_tail(&p->slave.list, &core->ttys);
	spin_unlock_irqrestore(&core->lock, flags);
	err = chrdev_register(vfs, PTS_MAJOR, p->index, 1, "pts", &slave_fops, p);
	if (!err)
		err = memfs_make_node(set->sb, set->sb->s_root, name + 4, S_IFCHR | PTS_MODE,
				      MKDEV(PTS_MAJOR, p->index), t->cred->fsuid, PTS_GID);
	if (err) {
		pty_free(p);
		return err;
	}
	*out = p;
	return 0;
}

static int ptmx_open(struct vfs_task *t, struct inode *inode, struct file *f)
{
	struct pty *p;
	int err = make_pair(t, t->vfs->ttys->ptys, &p);

	(void)inode;
	if (err)
		return err;
	f->private_data = p;
	f->f_op = &master_fops;
	f->f_mode &= ~(u32)(FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE);
	f->f_mode |= FMODE_STREAM;
	return 0;
}

static const struct file_operations ptmx_fops = { .open = ptmx_open };

/* What others are asked for is not taken: /dev/ptmx makes the pairs, and there is none in here. */
static void show_options(struct seq *seq, struct super_block *sb)
{
	(void)sb;
	seq_printf(seq, ",gid=%u,mode=%03o,ptmxmode=000", PTS_GID, PTS_MODE);
}

static int devpts_mount(const struct file_system_type *type, struct vfs *vfs,
			const struct mount_request *req, struct super_block **out)
{
	struct super_block *sb = vfs->ttys->ptys->sb;

	(void)type;
	(void)req;
	atomic_inc(&sb->s_active);
	*out = sb;
	return 0;
}

static const struct file_system_type devpts_type = { .name = "devpts", .mount = devpts_mount };

int pty_init(struct vfs *vfs)
{
	struct pty_set *set = kzalloc(vfs->slab, sizeof(*set), GFP_KERNEL);
	int err;

	if (!set)
		return -ENOMEM;
	spin_lock_init(&set->lock);
	vfs->ttys->ptys = set;
	err = memfs_fill(vfs, &devpts_type, "mode=755", &set->sb);
	if (!err) {
		set->sb->s_magic = DEVPTS_SUPER_MAGIC;
		set->sb->s_keeps_xattrs = false;
		set->sops = *set->sb->s_op;
		set->sops.show_options = show_options;
		set->sb->s_op = &set->sops;
	}
	if (!err)
		err = register_filesystem(vfs, &devpts_type);
	if (!err)
		err = chrdev_register(vfs, TTYAUX_MAJOR, PTMX_MINOR, 1, "ptmx", &ptmx_fops, NULL);
	if (!err && vfs->devtmpfs_sb)
		err = devtmpfs_create_node(vfs, "ptmx", S_IFCHR | 0666,
					   MKDEV(TTYAUX_MAJOR, PTMX_MINOR));
	return err;
}

void pty_destroy(struct vfs *vfs)
{
	struct pty_set *set = vfs->ttys->ptys;

	if (!set)
		return;
	if (set->sb)
		deactivate_super(set->sb);
	kfree(vfs->slab, set);
}
