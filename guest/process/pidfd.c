/* SPDX-License-Identifier: MIT */
/* pidfd.c - processes as files: pidfd_open(2), pidfd_send_signal(2), CLONE_PIDFD. */
#include "guest/fs/poll.h"
#include "guest/process/pidfd.h"
#include "guest/process/proc_pid.h"
#include "guest/process/sys_util.h"

struct pidfd {
	struct list_head node; /* process.pidfds; proc_lock */
	struct process *p;     /* a reference */
	wait_queue_head_t wait;
};

static u32 pidfd_poll(struct file *f, struct poll_table *pt)
{
	struct pidfd *fd = f->private_data;

	poll_wait(f, &fd->wait, pt);
	return READ_ONCE(fd->p->state) != PROC_ALIVE ? POLLIN | POLLRDNORM : 0;
}

static void pidfd_release(struct inode *inode, struct file *f)
{
	struct pidfd *fd = f->private_data;
	u64 flags = spin_lock_irqsave(&proc_lock);

	(void)inode;
	list_del(&fd->node);
	spin_unlock_irqrestore(&proc_lock, flags);
	put_process(fd->p);
	kfree(&kernel_mm.slab, fd);
}

static void pidfd_show(struct seq *s, struct file *f)
{
	const struct pidfd *fd = f->private_data;

	seq_printf(s, "Pid:\t%d\n", fd->p->state == PROC_DEAD ? -1 : fd->p->tgid);
}

static const struct file_operations pidfd_fops = {
	.llseek = noop_llseek,
	.poll = pidfd_poll,
	.release = pidfd_release,
	.show_fdinfo = pidfd_show,
};

void pidfds_notify(struct process *p)
{
	struct pidfd *fd;

	list_for_each_entry (fd, &p->pidfds, node)
		wake_up_all(&fd->wait);
}

int pidfd_prepare(struct process *p, u32 flags, struct file **out)
{
	struct pidfd *fd = kzalloc(&kernel_mm.slab, sizeof(*fd), GFP_KERNEL);
	u64 irq;
	int n, err;

	if (!fd)
		return -ENOMEM;
	n = get_unused_fd(vt(), 0, O_CLOEXEC);
	err = n < 0 ? n : anon_file(vt(), "[pidfd]", &pidfd_fops, fd, O_RDWR | flags, out);
	if (err) {
		if (n >= 0)
			put_unused_fd(vt(), n);
		kfree(&kernel_mm.slab, fd);
		return err;
	}
	fd->p = get_process(p);
	init_waitqueue_head(&fd->wait);
	irq = spin_lock_irqsave(&proc_lock);
	list_add_tail(&fd->node, &p->pidfds);
	spin_unlock_irqrestore(&proc_lock, irq);
	return n;
}

int pidfd_process(int n, struct process **p, bool *nonblock)
{
	struct fd file = fdget(vt(), n);
	int err = !file.file ? -EBADF : file.file->f_op != &pidfd_fops ? -EBADF : 0;

	if (!err) {
		*p = get_process(((struct pidfd *)file.file->private_data)->p);
		*nonblock = file.file->f_flags & O_NONBLOCK;
	}
	fdput(file);
	return err;
}

SYS(pidfd_open)
{
	struct file *file;
	struct process *p;
	u64 flags;
	int fd;

	if ((b & ~(u64)O_NONBLOCK) || (s32)a <= 0)
		return -EINVAL;
	flags = spin_lock_irqsave(&proc_lock);
	p = find_process((int)a);
	if (p)
		get_process(p);
	fd = p ? 0 : find_uthread((int)a) ? -EINVAL : -ESRCH;
	spin_unlock_irqrestore(&proc_lock, flags);
	if (fd)
		return fd;
	fd = pidfd_prepare(p, (u32)b, &file);
	put_process(p);
	if (fd >= 0)
		fd_install(vt(), fd, file);
	return fd;
}

/* Older than pidfds are folders of /proc, which go on being taken for them here, and nowhere else. */
static int named_process(int n, struct process **p)
{
	struct proc_ref *ref;
	bool nonblock;
	struct fd file;
	int err = pidfd_process(n, p, &nonblock);

	if (err != -EBADF)
		return err;
	file = fdget(vt(), n);
	ref = file.file ? proc_pid_of_folder(file.file) : NULL;
	if (ref)
		err = ref->proc ? 0 : -ESRCH; /* a kernel thread hears no signals */
	if (!err)
		*p = get_process(ref->proc);
	fdput(file);
	return err;
}

SYS(pidfd_send_signal)
{
	struct siginfo info = { .signo = (s32)b, .code = SI_USER };
	struct process *p;
	s64 err;

	if (d)
		return -EINVAL;
	err = named_process((int)a, &p);
	if (err)
		return err;
	info.rt.pid = current_process()->tgid;
	info.rt.uid = current_uthread()->vt.cred->uid;
	if (c && copy_from_user(&info, c, sizeof(info)))
		err = -EFAULT;
	else if (c && info.signo != (s32)b)
		err = -EINVAL;
	else if (c && (info.code >= 0 || info.code == SI_TKILL) && p != current_process())
		err = -EPERM; /* nobody pretends to be the kernel, or kill() */
	else
		err = do_kill_process(p, (int)b, &info);
	put_process(p);
	return err;
}
