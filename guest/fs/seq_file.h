/* SPDX-License-Identifier: MIT */
/*
 * seq_file.h - files that are text made on demand. A reader at any position and with any buffer gets
 * the same text as one who reads it at once; the text of one item never tears.
 *
 * Writers of text use seq_printf(), seq_puts() of guest/mm/seq.h on the struct seq they are given.
 */
#ifndef GUEST_FS_SEQ_FILE_H
#define GUEST_FS_SEQ_FILE_H

#include "guest/fs/vfs.h"

struct seq_file {
	struct seq seq; /* first: where show() writes */
	char *buf;
	size_t size, from, count; /* text in buf: [from, from + count) is not read yet */
	bool overflow;
	s64 index;    /* of the next item */
	s64 read_pos; /* what index and from stand for */
	struct mutex lock;
	const struct seq_operations *op;
	int (*single)(struct seq *s, void *arg);
	void *arg; /* of the one who opened it */
	struct vfs *vfs;
	struct vfs_task *task; /* who reads, during a call */
};

struct seq_operations {
	/* The item at *pos, or NULL behind the last; locks may be taken until stop(). -errno as a
	 * pointer from ERR_PTR(). */
	void *(*start)(struct seq_file *m, s64 *pos);
	void *(*next)(struct seq_file *m, void *v, s64 *pos); /* increments *pos */
	void (*stop)(struct seq_file *m, void *v);
	int (*show)(struct seq_file *m, void *v); /* 0, 1 (skip it), -errno */
};

#define IS_ERR(p)    ((u64)(p) >= (u64)-4095)
#define PTR_ERR(p)   ((s64)(p))
#define ERR_PTR(err) ((void *)(s64)(err))

/* For an open(): private_data becomes the seq_file. */
int seq_open(struct vfs_task *t, struct file *f, const struct seq_operations *op, void *arg);
int single_open(struct vfs_task *t, struct file *f, int (*show)(struct seq *s, void *arg),
		void *arg);
void seq_release(struct inode *inode, struct file *f);
s64 seq_read_iter(struct kiocb *io, struct iov_iter *to);
s64 seq_lseek(struct file *f, s64 offset, int whence);

/* Inside show(): the seq_file of a struct seq that belongs to one. */
static inline struct seq_file *seq_file_of(struct seq *s)
{
	return container_of(s, struct seq_file, seq);
}

/* Text with \n, \t, \ and blanks as octal escapes. */
void seq_escape(struct seq *s, const char *text, const char *chars);

#endif
