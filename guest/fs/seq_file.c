/* SPDX-License-Identifier: MIT */
/*
 * seq_file.c - see seq_file.h. The buffer always holds whole items; one that does not fit behind others
 * is made again when its turn comes, and one that does not fit alone makes the buffer grow.
 */
#include "guest/fs/seq_file.h"
#include "guest/fs/internal.h"
#include "guest/lib/printf.h"
#include "guest/lib/string.h"

#define SEQ_MAX (4u << 20) /* the largest item */

static void append(void *arg, const char *text, size_t n)
{
	struct seq_file *m = arg;

	if (n > m->size - m->count) {
		m->overflow = true;
		return;
	}
	memcpy(m->buf + m->count, text, n);
	m->count += n;
}

static void *single_start(struct seq_file *m, s64 *pos)
{
	return *pos ? NULL : m;
}

static void *single_next(struct seq_file *m, void *v, s64 *pos)
{
	(void)m;
	(void)v;
	++*pos;
	return NULL;
}

static void single_stop(struct seq_file *m, void *v)
{
	(void)m;
	(void)v;
}

static int single_show(struct seq_file *m, void *v)
{
	(void)v;
	return m->single(&m->seq, m->arg);
}

static const struct seq_operations single_ops = {
	.start = single_start, .next = single_next, .stop = single_stop, .show = single_show
};

int seq_open(struct vfs_task *t, struct file *f, const struct seq_operations *op, void *arg)
{
	struct seq_file *m = kzalloc(t->vfs->slab, sizeof(*m), GFP_KERNEL);

	if (!m)
		return -ENOMEM;
	m->seq = (struct seq){ append, m };
	mutex_init(&m->lock);
	m->op = op;
	m->arg = arg;
	m->vfs = t->vfs;
	f->private_data = m;
	return 0;
}

int single_open(struct vfs_task *t, struct file *f, int (*show)(struct seq *s, void *arg),
		void *arg)
{
	int err = seq_open(t, f, &single_ops, arg);

	if (!err)
		((struct seq_file *)f->private_data)->single = show;
	return err;
}

void seq_release(struct inode *inode, struct file *f)
{
	struct seq_file *m = f->private_data;

	(void)inode;
	kfree(m->vfs->slab, m->buf);
	kfree(m->vfs->slab, m);
}

static int grow(struct seq_file *m)
{
	size_t size = m->size ? m->size * 2 : PAGE_SIZE;

	if (size > SEQ_MAX)
		return -ENOMEM;
	kfree(m->vfs->slab, m->buf);
	m->size = 0;
	m->buf = kmalloc(m->vfs->slab, size, GFP_KERNEL);
	if (!m->buf)
		return -ENOMEM;
	m->size = size;
	return 0;
}

/* Appends the items from m->index on until `want` bytes are there or the next does not fit. 0 or
 * -errno; what came before an error stays. */
static int show_items(struct seq_file *m, size_t want)
{
	s64 index = m->index;
	void *v = m->op->start(m, &index);
	int err = 0;

	while (v && !IS_ERR(v)) {
		size_t before = m->count;

		m->overflow = false;
		err = m->op->show(m, v);
		if (m->overflow || err) {
			m->count = before;
			if (err <= 0)
				break;
			err = 0; /* 1: nothing to be seen of this one */
			m->overflow = false;
		}
		v = m->op->next(m, v, &index);
		m->index = index;
		if (m->count >= want)
			break;
	}
	if (IS_ERR(v)) {
		err = (int)PTR_ERR(v);
		v = NULL;
	}
	m->op->stop(m, v);
	return err;
}

/* More text into the empty buffer; none: the end, or an error. */
static int fill(struct seq_file *m, size_t want)
{
	int err;

	m->from = m->count = 0;
	for (;;) {
		if (!m->size) {
			err = grow(m);
			if (err)
				return err;
		}
		m->overflow = false;
		err = show_items(m, want);
		if (m->count || err || !m->overflow)
			return m->count ? 0 : err;
		err = grow(m);
		if (err)
			return err;
	}
}

/* To where pos is, from the beginning. */
static int rewind_to(struct seq_file *m, s64 pos)
{
	m->index = 0;
	m->from = m->count = 0;
	m->read_pos = 0;
	while (m->read_pos < pos) {
		size_t n;
		int err = fill(m, 1);

		if (err || !m->count)
			return err;
		n = MIN((size_t)(pos - m->read_pos), m->count);
		m->from = n;
		m->read_pos += (s64)n;
	}
	return 0;
}

s64 seq_read_iter(struct kiocb *io, struct iov_iter *to)
{
	struct seq_file *m = io->filp->private_data;
	s64 done = 0;
	int err = 0;

	mutex_lock(&m->lock);
	m->task = io->task;
	if (io->pos != m->read_pos || !io->pos)
		err = rewind_to(m, io->pos);
	while (!err && iov_iter_count(to)) {
		size_t n, moved;

		if (m->from == m->count) {
			err = fill(m, iov_iter_count(to));
			if (err || !m->count)
				break;
		}
		n = MIN(m->count - m->from, iov_iter_count(to));
		moved = copy_to_iter(m->buf + m->from, n, to);
		m->from += moved;
		done += (s64)moved;
		if (moved < n)
			err = -EFAULT;
	}
	m->task = NULL;
	if (done)
		io->pos += done;
	m->read_pos = io->pos;
	mutex_unlock(&m->lock);
	return done ? done : err;
}

s64 seq_lseek(struct file *f, s64 offset, int whence)
{
	if (whence == SEEK_CUR)
		offset += f->f_pos;
	else if (whence != SEEK_SET)
		return -EINVAL;
	if (offset < 0)
		return -EINVAL;
	f->f_pos = offset;
	return offset;
}

void seq_escape(struct seq *s, const char *text, const char *chars)
{
	for (; *text; text++) {
		if (strchr(chars, *text))
			seq_printf(s, "\\%03o", (unsigned)(u8)*text);
		else
			s->write(s->arg, text, 1);
	}
}
