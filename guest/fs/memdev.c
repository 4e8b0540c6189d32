/* SPDX-License-Identifier: MIT */
/* memdev.c - the devices of major 1: mem kmem null port zero full random urandom kmsg. mem(4), null(4),
 * full(4), random(4), and Documentation/ABI/testing/dev-kmsg of Linux. */
#include "guest/fs/chrdev.h"
#include "guest/fs/internal.h"
#include "guest/fs/poll.h"
#include "guest/lib/parse.h"
#include "guest/lib/string.h"
#include "guest/mm/mm_struct.h"

#define CHUNK 256 /* bytes on the stack at a time */

/* ---- null, zero, full ------------------------------------------------------------------------------------- */

static s64 null_read(struct kiocb *io, struct iov_iter *to)
{
	(void)io;
	(void)to;
	return 0;
}

static s64 null_write(struct kiocb *io, struct iov_iter *from)
{
	s64 n = (s64)iov_iter_count(from);

	(void)io;
	iov_iter_advance(from, (size_t)n);
	return n;
}

static s64 zero_read(struct kiocb *io, struct iov_iter *to)
{
	size_t want = iov_iter_count(to), done = 0;

	(void)io;
	/* A page at a time, so that a signal ends a long one. */
	while (done < want) {
		size_t part = MIN(want - done, (size_t)PAGE_SIZE), n = iov_iter_zero(part, to);

		done += n;
		if (n < part)
			return done ? (s64)done : -EFAULT;
		if (signal_pending_state(TASK_INTERRUPTIBLE, current))
			break;
	}
	return (s64)done;
}

static s64 full_write(struct kiocb *io, struct iov_iter *from)
{
	(void)io;
	(void)from;
	return -ENOSPC;
}

static s64 zero_llseek(struct file *f, s64 offset, int whence)
{
	(void)offset;
	(void)whence;
	f->f_pos = 0;
	return 0;
}

static const struct file_operations null_fops = { .llseek = zero_llseek,
						  .read_iter = null_read,
						  .write_iter = null_write };
/* Private memory as if without a file. */
static int zero_mmap(struct file *f, struct vm_area_struct *vma)
{
	(void)f;
	if (vma->vm_flags & VM_SHARED)
		return -ENODEV;
	vma->vm_ops = NULL;
	vma->vm_mapping = NULL;
	return 0;
}

static const struct file_operations zero_fops = {
	.llseek = zero_llseek, .read_iter = zero_read, .write_iter = null_write, .mmap = zero_mmap
};
static const struct file_operations full_fops = { .llseek = zero_llseek,
						  .read_iter = zero_read,
						  .write_iter = full_write };

/* ---- random, urandom ------------------------------------------------------------------------------------------ */

static s64 random_read(struct kiocb *io, struct iov_iter *to)
{
	u8 buf[CHUNK];
	s64 done = 0;

	while (iov_iter_count(to)) {
		size_t n = MIN(iov_iter_count(to), sizeof(buf)), moved;

		io->task->vfs->env->random(buf, n);
		moved = copy_to_iter(buf, n, to);
		done += (s64)moved;
		if (moved < n)
			return done ? done : -EFAULT;
		if (done % PAGE_SIZE == 0 && signal_pending_state(TASK_INTERRUPTIBLE, current))
			break;
	}
	return done;
}

static const struct file_operations random_fops = { .llseek = noop_llseek,
						    .read_iter = random_read,
						    .write_iter = null_write };

/* ---- mem, kmem, port ---------------------------------------------------------------------------------------------- */

static s64 mem_read(struct kiocb *io, struct iov_iter *to)
{
	s64 (*get)(u64, void *, size_t) = io->filp->private_data;
	u8 buf[CHUNK];
	s64 done = 0;

	while (iov_iter_count(to)) {
		size_t n = MIN(iov_iter_count(to), sizeof(buf)), moved;
		s64 got = get((u64)io->pos, buf, n);

		if (got <= 0)
			return done ? done : got;
		moved = copy_to_iter(buf, (size_t)got, to);
		io->pos += (s64)moved;
		done += (s64)moved;
		if (moved < (size_t)got)
			return done ? done : -EFAULT;
	}
	return done;
}

static s64 mem_write_by(struct kiocb *io, struct iov_iter *from,
			s64 (*put)(u64, const void *, size_t))
{
	u8 buf[CHUNK];
	s64 done = 0;

	if (!put)
		return -EINVAL;
	while (iov_iter_count(from)) {
		size_t n = MIN(iov_iter_count(from), sizeof(buf));
		s64 did;

		n = copy_from_iter(buf, n, from);
		if (!n)
			return done ? done : -EFAULT;
		did = put((u64)io->pos, buf, n);
		if (did <= 0)
			return done ? done : did;
		io->pos += did;
		done += did;
		if ((size_t)did < n)
			break;
	}
	return done;
}

static const struct memdev_ops *ops_of(const struct kiocb *io)
{
	void *arg = NULL;

	chrdev_find(io->task->vfs, io->filp->f_inode->i_rdev, &arg);
	return arg;
}

static s64 phys_write(struct kiocb *io, struct iov_iter *from)
{
	return mem_write_by(io, from, ops_of(io)->write_phys);
}

static s64 virt_write(struct kiocb *io, struct iov_iter *from)
{
	return mem_write_by(io, from, ops_of(io)->write_virt);
}

/* Addresses are unsigned: the upper half is reached by "negative" positions. */
static s64 mem_llseek(struct file *f, s64 offset, int whence)
{
	if (whence == SEEK_CUR)
		offset = (s64)((u64)offset + (u64)f->f_pos);
	else if (whence != SEEK_SET)
		return -EINVAL;
	if ((u64)offset >= (u64)-4095)
		return -EOVERFLOW;
	f->f_pos = offset;
	return offset;
}

static int need_rawio(struct vfs_task *t)
{
	return vfs_capable(t, CAP_SYS_RAWIO) ? 0 : -EPERM;
}

static int phys_open(struct vfs_task *t, struct inode *inode, struct file *f)
{
	const struct memdev_ops *ops = f->private_data;

	(void)inode;
	if (!ops->read_phys)
		return -ENXIO;
	f->private_data = (void *)ops->read_phys;
	f->f_mode |= FMODE_UNSIGNED;
	return need_rawio(t);
}

static int virt_open(struct vfs_task *t, struct inode *inode, struct file *f)
{
	const struct memdev_ops *ops = f->private_data;

	(void)inode;
	if (!ops->read_virt)
		return -ENXIO;
	f->private_data = (void *)ops->read_virt;
	f->f_mode |= FMODE_UNSIGNED;
	return need_rawio(t);
}

static const struct file_operations phys_fops = {
	.llseek = mem_llseek, .read_iter = mem_read, .write_iter = phys_write, .open = phys_open
};
static const struct file_operations virt_fops = {
	.llseek = mem_llseek, .read_iter = mem_read, .write_iter = virt_write, .open = virt_open
};

#define NR_PORTS 65536

static s64 port_read(struct kiocb *io, struct iov_iter *to)
{
	const struct memdev_ops *ops = io->filp->private_data;
	s64 done = 0;

	while (iov_iter_count(to) && io->pos < NR_PORTS) {
		u8 v = ops->inb((u16)io->pos);

		if (!copy_to_iter(&v, 1, to))
			return -EFAULT;
		io->pos++;
		done++;
	}
	return done;
}

static s64 port_write(struct kiocb *io, struct iov_iter *from)
{
	const struct memdev_ops *ops = io->filp->private_data;
	s64 done = 0;

	while (iov_iter_count(from) && io->pos < NR_PORTS) {
		u8 v;

		if (!copy_from_iter(&v, 1, from))
			return done ? done : -EFAULT;
		ops->outb((u16)io->pos++, v);
		done++;
	}
	return done;
}

static int port_open(struct vfs_task *t, struct inode *inode, struct file *f)
{
	const struct memdev_ops *ops = f->private_data;

	(void)inode;
	return ops->inb && ops->outb ? need_rawio(t) : -ENXIO;
}

static const struct file_operations port_fops = {
	.llseek = mem_llseek, .read_iter = port_read, .write_iter = port_write, .open = port_open
};

/* ---- kmsg: one record a read, one record a write ---------------------------------------------------------------------- */

#define KMSG_MAX 1024

static const struct memdev_ops *kmsg_ops(const struct file *f)
{
	return f->private_data;
}

static int kmsg_open(struct vfs_task *t, struct inode *inode, struct file *f)
{
	const struct memdev_ops *ops = kmsg_ops(f);

	(void)inode;
	if (!ops->kmsg_read)
		return -ENXIO;
	if (f->f_mode & FMODE_READ && !vfs_capable(t, CAP_SYSLOG))
		return -EPERM;
	f->f_version = ops->kmsg_first();
	f->f_mode |= FMODE_STREAM;
	return 0;
}

static s64 kmsg_read(struct kiocb *io, struct iov_iter *to)
{
	struct file *f = io->filp;
	const struct memdev_ops *ops = kmsg_ops(f);
	char *buf = kmalloc(io->task->vfs->slab, KMSG_MAX, GFP_KERNEL);
	u64 seq;
	bool lost;
	s64 n;

	if (!buf)
		return -ENOMEM;
	for (;;) {
		seq = f->f_version;
		lost = false;
		n = ops->kmsg_read(&seq, buf, KMSG_MAX, &lost);
		if (n)
			break;
		n = -EAGAIN;
		if (io->flags & IOCB_NOWAIT || !ops->kmsg_wait)
			break;
		n = -ERESTARTSYS;
		if (wait_event_interruptible(ops->kmsg_wait, ops->kmsg_next() > f->f_version))
			break;
	}
	if (n > 0 && lost) { /* the next read begins where there is something again */
		f->f_version = seq;
		n = -EPIPE;
	} else if (n > 0 && (size_t)n > iov_iter_count(to)) {
		n = -EINVAL;
	} else if (n > 0) {
		f->f_version = seq + 1;
		if (copy_to_iter(buf, (size_t)n, to) < (size_t)n)
			n = -EFAULT;
	}
	kfree(io->task->vfs->slab, buf);
	return n;
}

/* "<level>text": without a level it is that of a warning. */
static s64 kmsg_write(struct kiocb *io, struct iov_iter *from)
{
	const struct memdev_ops *ops = kmsg_ops(io->filp);
	char buf[CHUNK * 4 + 1];
	size_t n = iov_iter_count(from), start = 0;
	u64 level = 4;
	char *end;

	if (n >= sizeof(buf))
		return -EINVAL;
	if (copy_from_iter(buf, n, from) < n)
		return -EFAULT;
	buf[n] = 0;
	if (buf[0] == '<' && (end = strchr(buf, '>')) &&
	    !parse_u64(buf + 1, (size_t)(end - buf) - 1, 10, &level))
		start = (size_t)(end - buf) + 1;
	else
		level = 4;
	ops->kmsg_write((int)(level & 7), buf + start, strlen(buf + start));
	return (s64)n;
}

static s64 kmsg_llseek(struct file *f, s64 offset, int whence)
{
	const struct memdev_ops *ops = kmsg_ops(f);

	if (offset)
		return -ESPIPE;
	switch (whence) {
	case SEEK_SET:
	case SEEK_DATA: /* behind what was cleared last; nothing is cleared here */
		f->f_version = ops->kmsg_first();
		return 0;
	case SEEK_END:
		f->f_version = ops->kmsg_next();
		return 0;
	default:
		return -EINVAL;
	}
}

static u32 kmsg_poll(struct file *f, struct poll_table *pt)
{
	const struct memdev_ops *ops = kmsg_ops(f);

	if (ops->kmsg_wait)
		poll_wait(f, ops->kmsg_wait, pt);
	if (ops->kmsg_next() <= f->f_version)
		return 0;
	return POLLIN | POLLRDNORM | (ops->kmsg_first() > f->f_version ? POLLERR | POLLPRI : 0);
}

static const struct file_operations kmsg_fops = {
	.llseek = kmsg_llseek,
	.read_iter = kmsg_read,
	.write_iter = kmsg_write,
	.poll = kmsg_poll,
	.open = kmsg_open,
};

/* ---- all of them ------------------------------------------------------------------------------------------------------ */

int memdev_init(struct vfs *vfs, const struct memdev_ops *ops)
{
	static const struct {
		const char *name;
		unsigned minor;
		u32 mode;
		const struct file_operations *fop;
	} devs[] = {
		{ "mem", 1, 0640, &phys_fops },	     { "kmem", 2, 0640, &virt_fops },
		{ "null", 3, 0666, &null_fops },     { "port", 4, 0640, &port_fops },
		{ "zero", 5, 0666, &zero_fops },     { "full", 7, 0666, &full_fops },
		{ "random", 8, 0666, &random_fops }, { "urandom", 9, 0666, &random_fops },
		{ "kmsg", 11, 0644, &kmsg_fops },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(devs); i++) {
		int err = chrdev_register(vfs, MEM_MAJOR, devs[i].minor, 1, "mem", devs[i].fop,
					  (void *)ops);

		if (!err)
			err = devtmpfs_create_node(vfs, devs[i].name, S_IFCHR | devs[i].mode,
						   MKDEV(MEM_MAJOR, devs[i].minor));
		if (err)
			return err;
	}
	return 0;
}
