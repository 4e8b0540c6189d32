/* SPDX-License-Identifier: MIT */
/*
 * uio.h - where the bytes of a read or write come from and go to: pieces of kernel or user memory.
 *
 * An iterator walks over its pieces once. A copy moves as much as it can and says how much: less
 * than asked means that user memory faulted there; the iterator then stands at the fault. Who reads
 * or writes a file reports what was moved, and -EFAULT only when it was nothing.
 */
#ifndef GUEST_FS_UIO_H
#define GUEST_FS_UIO_H

#include "guest/fs/abi.h"

/*
 * User memory, from the process that is current. Both return how many bytes at the end were not
 * copied (0: all). They may sleep to bring pages in, so no spinlock is held around them. `to` and
 * `from` of the user side are unchecked addresses.
 */
struct uaccess_ops {
	size_t (*copy_to_user)(u64 to, const void *from, size_t n);
	size_t (*copy_from_user)(void *to, u64 from, size_t n);
	u64 end; /* of user space: a buffer that is not below it is refused before anything is done; 0: none */
};

/* A piece: an address in user space, or a kernel pointer as a number. Laid out as struct iovec. */
typedef struct linux_iovec iovec_t;

struct iov_iter {
	const struct uaccess_ops *ua; /* NULL: pieces are kernel memory */
	const iovec_t *iov;	      /* the current piece; NULL: `single` */
	iovec_t single;		      /* so that the iterator can be copied */
	size_t nr;		      /* pieces left, the current one too */
	size_t skip;		      /* bytes of the current piece already passed */
	size_t count;		      /* bytes left in all */
	bool outside;		      /* the whole buffer is not in user space */
};

void iov_iter_kernel(struct iov_iter *it, const void *buf, size_t len);
void iov_iter_user(struct iov_iter *it, const struct uaccess_ops *ua, u64 addr, size_t len);

/* iov is kernel memory and stays; total is cut to MAX_RW_COUNT. -EINVAL: too many pieces, or a
 * length that is negative as ssize_t (ua NULL: kernel addresses). */
int iov_iter_vec(struct iov_iter *it, const struct uaccess_ops *ua, const iovec_t *iov, size_t nr);

/* Into / out of the iterator's memory; how many bytes were moved. */
size_t copy_to_iter(const void *from, size_t n, struct iov_iter *it);
size_t copy_from_iter(void *to, size_t n, struct iov_iter *it);
size_t iov_iter_zero(size_t n, struct iov_iter *it);

void iov_iter_advance(struct iov_iter *it, size_t n); /* n <= count */
void iov_iter_truncate(struct iov_iter *it, size_t n);

/* readv(2) and writev(2) of nothing are not given to the file. */
static inline bool iov_iter_is_empty_vector(const struct iov_iter *it)
{
	return it->iov && !it->count;
}

/* The length of the current piece. */
static inline size_t iov_iter_piece(const struct iov_iter *it)
{
	return (it->iov ? it->iov->len : it->single.len) - it->skip;
}

static inline size_t iov_iter_count(const struct iov_iter *it)
{
	return it->count;
}

#endif
