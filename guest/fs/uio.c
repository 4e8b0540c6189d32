/* SPDX-License-Identifier: MIT */
/* uio.c - see uio.h. */
#include "guest/fs/uio.h"
#include "guest/lib/env.h"
#include "guest/lib/errno.h"
#include "guest/lib/string.h"

static const u8 zeroes[512];

static void init_single(struct iov_iter *it, const struct uaccess_ops *ua, u64 base, size_t len)
{
	*it = (struct iov_iter){ .ua = ua, .nr = 1, .count = len };
	it->single = (iovec_t){ .base = base, .len = len };
}

void iov_iter_kernel(struct iov_iter *it, const void *buf, size_t len)
{
	init_single(it, NULL, (u64)(uintptr_t)buf, len);
}

void iov_iter_user(struct iov_iter *it, const struct uaccess_ops *ua, u64 addr, size_t len)
{
	init_single(it, ua, addr, MIN(len, MAX_RW_COUNT));
	it->outside = ua->end && (addr > ua->end || len > ua->end - addr);
}

int iov_iter_vec(struct iov_iter *it, const struct uaccess_ops *ua, const iovec_t *iov, size_t nr)
{
	u64 total = 0;

	if (nr > UIO_MAXIOV)
		return -EINVAL;
	for (size_t i = 0; i < nr; i++) {
		if ((s64)iov[i].len < 0)
			return -EINVAL;
		total += MIN(iov[i].len, MAX_RW_COUNT);
	}
	*it = (struct iov_iter){
		.ua = ua, .iov = iov, .nr = nr, .count = MIN(total, MAX_RW_COUNT)
	};
	return 0;
}

/* The current piece; empty ones are stepped over. The iterator may be copied: a single piece is kept
 * inside, and found there without a pointer. */
static const iovec_t *piece(struct iov_iter *it)
{
	const iovec_t *v = it->iov ? it->iov : &it->single;

	while (it->nr > 1 && it->skip == v->len) {
		it->nr--;
		it->skip = 0;
		v = ++it->iov;
	}
	return v;
}

/* One stretch of at most n bytes: moved by fn, which returns how many it did not move. */
static size_t step(struct iov_iter *it, size_t n, size_t moved_not)
{
	size_t moved = n - moved_not;

	it->skip += moved;
	it->count -= moved;
	return moved;
}

static size_t stretch(struct iov_iter *it, size_t n, u64 *addr)
{
	const iovec_t *v = piece(it);

	*addr = v->base + it->skip;
	n = MIN(n, it->count);
	return MIN(n, (size_t)v->len - it->skip);
}

size_t copy_to_iter(const void *from, size_t n, struct iov_iter *it)
{
	const u8 *p = from;
	size_t done = 0;

	n = MIN(n, it->count);
	while (done < n) {
		u64 addr;
		size_t len = stretch(it, n - done, &addr), left = 0, moved;

		if (it->ua)
			left = it->ua->copy_to_user(addr, p + done, len);
		else
			memcpy((void *)(uintptr_t)addr, p + done, len);
		moved = step(it, len, left);
		done += moved;
		if (left)
			break;
	}
	return done;
}

size_t copy_from_iter(void *to, size_t n, struct iov_iter *it)
{
	u8 *p = to;
	size_t done = 0;

	n = MIN(n, it->count);
	while (done < n) {
		u64 addr;
		size_t len = stretch(it, n - done, &addr), left = 0, moved;

		if (it->ua)
			left = it->ua->copy_from_user(p + done, addr, len);
		else
			memcpy(p + done, (const void *)(uintptr_t)addr, len);
		moved = step(it, len, left);
		done += moved;
		if (left)
			break;
	}
	return done;
}

size_t iov_iter_zero(size_t n, struct iov_iter *it)
{
	size_t done = 0;

	n = MIN(n, it->count);
	while (done < n) {
		size_t part = MIN(n - done, sizeof(zeroes));
		size_t moved = copy_to_iter(zeroes, part, it);

		done += moved;
		if (moved < part)
			break;
	}
	return done;
}

void iov_iter_advance(struct iov_iter *it, size_t n)
{
	BUG_ON(n > it->count);
	while (n) {
		u64 addr;

		n -= step(it, stretch(it, n, &addr), 0);
	}
}

void iov_iter_truncate(struct iov_iter *it, size_t n)
{
	it->count = MIN(it->count, n);
}
