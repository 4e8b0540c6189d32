/* SPDX-License-Identifier: MIT */
/* proc_kernel.c - the kernel's symbols and its log as files: kallsyms, kmsg. */
#include "guest/arch/x86/backtrace.h"
#include "guest/fs/poll.h"
#include "guest/fs/seq_file.h"
#include "guest/kernel/memdev.h"
#include "guest/kernel/mm.h"
#include "guest/kernel/printk.h"
#include "guest/kernel/proc.h"
#include "guest/lib/printf.h"
#include "guest/lib/string.h"
#include "guest/sched/sched.h"

/* ---- kallsyms -------------------------------------------------------------------------------------------- */

/* The items are numbers of symbols, one up: NULL means the end. The last symbol ends the text. */
static void *sym_at(s64 pos)
{
	return pos >= 0 && pos + 1 < kernel_symbols.count ? (void *)(pos + 1) : NULL;
}

static void *sym_start(struct seq_file *m, s64 *pos)
{
	(void)m;
	return sym_at(*pos);
}

static void *sym_next(struct seq_file *m, void *v, s64 *pos)
{
	(void)m;
	(void)v;
	return sym_at(++*pos);
}

static void sym_stop(struct seq_file *m, void *v)
{
	(void)m;
	(void)v;
}

/* Where the kernel lies is for root alone; the table has functions only. */
static int sym_show(struct seq_file *m, void *v)
{
	const struct ksym_table *t = &kernel_symbols;
	u64 i = (u64)v - 1;
	bool may = cred_capable(m->task->cred, CAP_SYSLOG);

	seq_printf(&m->seq, "%016lx t %s\n", may ? t->base + t->addr_offsets[i] : 0,
		   t->names + t->name_offsets[i]);
	return 0;
}

static const struct seq_operations sym_seq = {
	.start = sym_start, .next = sym_next, .stop = sym_stop, .show = sym_show
};

/* ---- kmsg ------------------------------------------------------------------------------------------------ */

/* Each reader has its own place, from the oldest line on, and waits for new ones. */
struct kmsg_reader {
	struct mutex lock;
	struct ringbuf_cursor cur;
	char line[PRINTK_MAX + 32]; /* what did not fit the last read: [from, len) */
	size_t from, len;
};

static int kmsg_open(struct vfs_task *t, struct inode *inode, struct file *f)
{
	struct kmsg_reader *r;

	(void)inode;
	if (!cred_capable(t->cred, CAP_SYSLOG) && !cred_capable(t->cred, CAP_SYS_ADMIN))
		return -EPERM;
	r = kzalloc(t->vfs->slab, sizeof(*r), GFP_KERNEL);
	if (!r)
		return -ENOMEM;
	mutex_init(&r->lock);
	f->private_data = r;
	return 0;
}

static void kmsg_release(struct inode *inode, struct file *f)
{
	(void)inode;
	kfree(&kernel_mm.slab, f->private_data);
}

/* Another line "<6>[    1.234567] text\n", if there is one. */
static bool fetch(struct kmsg_reader *r)
{
	struct ringbuf_rec rec;
	char text[PRINTK_MAX];

	if (r->from < r->len)
		return true;
	if (!printk_read(&r->cur, &rec, text, sizeof(text)))
		return false;
	r->from = 0;
	r->len =
		(size_t)kscnprintf(r->line, sizeof(r->line), "<%u>[%5lu.%06lu] %s\n", rec.level,
				   rec.time_ns / 1000000000, rec.time_ns % 1000000000 / 1000, text);
	return true;
}

static s64 take_lines(struct kmsg_reader *r, struct iov_iter *to)
{
	s64 done = 0;

	mutex_lock(&r->lock);
	while (iov_iter_count(to) && fetch(r)) {
		size_t n = MIN(r->len - r->from, iov_iter_count(to));
		size_t moved = copy_to_iter(r->line + r->from, n, to);

		r->from += moved;
		done += (s64)moved;
		if (moved < n) {
			done = done ? done : -EFAULT;
			break;
		}
	}
	mutex_unlock(&r->lock);
	return done;
}

static bool has_lines(struct kmsg_reader *r)
{
	struct ringbuf_cursor cur = r->cur;
	struct ringbuf_rec rec;
	char text[1];

	return r->from < r->len || printk_read(&cur, &rec, text, sizeof(text));
}

static s64 kmsg_read(struct kiocb *io, struct iov_iter *to)
{
	struct kmsg_reader *r = io->filp->private_data;

	for (;;) {
		s64 n = take_lines(r, to);

		if (n || !iov_iter_count(to))
			return n;
		if (io->filp->f_flags & O_NONBLOCK || io->flags & IOCB_NOWAIT)
			return -EAGAIN;
		if (wait_event_interruptible(kernel_memdev.kmsg_wait, has_lines(r)))
			return -ERESTARTSYS;
	}
}

static u32 kmsg_poll(struct file *f, struct poll_table *pt)
{
	poll_wait(f, kernel_memdev.kmsg_wait, pt);
	return has_lines(f->private_data) ? POLLIN | POLLRDNORM : 0;
}

static const struct file_operations kmsg_fops = {
	.open = kmsg_open,
	.release = kmsg_release,
	.read_iter = kmsg_read,
	.poll = kmsg_poll,
};

static const struct pseudo_ops kallsyms_ops = { .seq = &sym_seq };
static const struct pseudo_ops kmsg_ops = { .fop = &kmsg_fops };

int proc_kernel_init(struct pseudo_tree *proc)
{
	static const struct pseudo_desc files[] = {
		{ .name = "kallsyms", .mode = 0444, .ops = &kallsyms_ops },
		{ .name = "kmsg", .mode = 0400, .ops = &kmsg_ops },
		{ .name = NULL },
	};

	return pseudo_add(proc, NULL, files, NULL);
}
