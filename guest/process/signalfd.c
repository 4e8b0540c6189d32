/* SPDX-License-Identifier: MIT */
/*
 * signalfd.c - signals read from a file, signalfd(2). It shows what is pending for whoever reads or
 * polls it, so its queue is the file's own and is woken for every signal of its mask, whoever gets it.
 */
#include "guest/fs/poll.h"
#include "guest/lib/string.h"
#include "guest/process/sys_util.h"

enum { SFD_NONBLOCK = O_NONBLOCK, SFD_CLOEXEC = O_CLOEXEC };

struct signalfd {
	struct list_head node; /* all_signalfds; proc_lock */
	u64 mask;	       /* proc_lock */
	wait_queue_head_t wait;
};

static LIST_HEAD(all_signalfds); /* proc_lock */

/* struct signalfd_siginfo. */
struct record {
	u32 signo;
	s32 err, code;
	u32 pid, uid;
	s32 fd;
	u32 tid, band, overrun, trapno;
	s32 status, value_int;
	u64 value_ptr, utime, stime, addr;
	u8 pad[48];
};
_Static_assert(sizeof(struct record) == 128, "the ABI");

void signalfds_notify(int sig)
{
	struct signalfd *s;

	list_for_each_entry (s, &all_signalfds, node)
		if (s->mask & sigbit(sig))
			wake_up_all(&s->wait);
}

static struct record record_of(const struct siginfo *i)
{
	struct record r = { .signo = (u32)i->signo, .err = i->err, .code = i->code };

	if (i->code == SI_TIMER) {
		r.tid = (u32)i->timer.tid;
		r.overrun = (u32)i->timer.overrun;
		r.value_int = (s32)i->timer.value;
		r.value_ptr = i->timer.value;
		return r;
	}
	if (i->code > 0 && (sigbit(i->signo) & (sigbit(SIGSEGV) | sigbit(SIGBUS) | sigbit(SIGILL) |
						sigbit(SIGFPE) | sigbit(SIGTRAP)))) {
		r.addr = i->fault.addr;
		return r;
	}
	r.pid = (u32)i->chld.pid;
	r.uid = i->chld.uid;
	if (i->signo == SIGCHLD && i->code > 0) {
		r.status = i->chld.status;
		r.utime = (u64)i->chld.utime;
		r.stime = (u64)i->chld.stime;
	} else if (i->code < 0 && i->code != SI_TKILL) {
		r.value_int = (s32)i->rt.value;
		r.value_ptr = i->rt.value;
	}
	return r;
}

static bool take(struct signalfd *s, struct siginfo *info)
{
	u64 flags = spin_lock_irqsave(&proc_lock);
	int sig = dequeue_signal(current_uthread(), ~s->mask, info);

	spin_unlock_irqrestore(&proc_lock, flags);
	return sig != 0;
}

static s64 signalfd_read(struct kiocb *io, struct iov_iter *to)
{
	struct signalfd *s = io->filp->private_data;
	struct siginfo info;
	struct record r;
	s64 done = 0;

	if (iov_iter_count(to) < sizeof(r))
		return -EINVAL;
	while (iov_iter_count(to) >= sizeof(r)) {
		if (!take(s, &info)) {
			if (done)
				break;
			if (io->flags & IOCB_NOWAIT)
				return -EAGAIN;
			if (wait_event_interruptible(&s->wait, take(s, &info)))
				return -ERESTARTSYS;
		}
		r = record_of(&info);
		if (copy_to_iter(&r, sizeof(r), to) != sizeof(r))
			return done ? done : -EFAULT;
		done += (s64)sizeof(r);
	}
	return done;
}

static u32 signalfd_poll(struct file *f, struct poll_table *pt)
{
	struct signalfd *s = f->private_data;
	const struct uthread *u = current_uthread();
	u64 flags;
	bool any;

	poll_wait(f, &s->wait, pt);
	flags = spin_lock_irqsave(&proc_lock);
	any = u && ((u->pending.set | u->proc->shared_pending.set) & s->mask);
	spin_unlock_irqrestore(&proc_lock, flags);
	return any ? POLLIN : 0;
}

static void signalfd_release(struct inode *inode, struct file *f)
{
	struct signalfd *s = f->private_data;
	u64 flags = spin_lock_irqsave(&proc_lock);

	(void)inode;
	list_del(&s->node);
	spin_unlock_irqrestore(&proc_lock, flags);
	kfree(&kernel_mm.slab, s);
}

static void signalfd_show(struct seq *s, struct file *f)
{
	const struct signalfd *fd = f->private_data;

	seq_printf(s, "sigmask:\t%016lx\n", fd->mask);
}

static const struct file_operations signalfd_fops = {
	.llseek = noop_llseek,
	.read_iter = signalfd_read,
	.poll = signalfd_poll,
	.release = signalfd_release,
	.show_fdinfo = signalfd_show,
};

static s64 change_mask(int n, u64 mask)
{
	struct fd file = fdget(vt(), n);
	s64 ret = !file.file ? -EBADF : file.file->f_op != &signalfd_fops ? -EINVAL : n;
	struct signalfd *s;
	u64 flags;

	if (ret >= 0) {
		s = file.file->private_data;
		flags = spin_lock_irqsave(&proc_lock);
		s->mask = mask;
		spin_unlock_irqrestore(&proc_lock, flags);
		wake_up_all(&s->wait);
	}
	fdput(file);
	return ret;
}

static s64 new_signalfd(u64 mask, u32 how)
{
	struct signalfd *s = kzalloc(&kernel_mm.slab, sizeof(*s), GFP_KERNEL);
	struct file *file;
	u64 flags;
	int n, err;

	if (!s)
		return -ENOMEM;
	s->mask = mask;
	init_waitqueue_head(&s->wait);
	n = get_unused_fd(vt(), 0, how & SFD_CLOEXEC);
	err = n < 0 ? n
		    : anon_file(vt(), "[signalfd]", &signalfd_fops, s,
				O_RDWR | (how & SFD_NONBLOCK), &file);
	if (err) {
		if (n >= 0)
			put_unused_fd(vt(), n);
		kfree(&kernel_mm.slab, s);
		return err;
	}
	flags = spin_lock_irqsave(&proc_lock);
	list_add_tail(&s->node, &all_signalfds);
	spin_unlock_irqrestore(&proc_lock, flags);
	fd_install(vt(), n, file);
	return n;
}

static s64 do_signalfd(int fd, u64 user_mask, u64 size, u32 how)
{
	u64 mask;
	s64 err;

	if (how & ~(u32)(SFD_NONBLOCK | SFD_CLOEXEC))
		return -EINVAL;
	err = get_sigset(&mask, user_mask, size);
	if (err)
		return err;
	mask &= ~SIG_UNBLOCKABLE;
	return fd == -1 ? new_signalfd(mask, how) : change_mask(fd, mask);
}

SYS(signalfd)
{
	return do_signalfd((int)a, b, c, 0);
}

SYS(signalfd4)
{
	return do_signalfd((int)a, b, c, (u32)d);
}
