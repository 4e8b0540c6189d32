/* SPDX-License-Identifier: MIT */
/* block_io.c - requests of a disk image, through io_uring or by blocking calls; see block.h. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/falloc.h>
#include <string.h>
#include <unistd.h>

#include "devices/block_priv.h"

#define MAX_RW_LEN ((u64)INT_MAX)

static void finish(struct block *b, struct block_req *req, int err)
{
	b->in_flight--;
	req->done(req, err);
}

/* O_DIRECT wants aligned addresses and lengths; everything else goes through the page cache. */
static bool fits_direct(const struct block *b, const struct block_req *req)
{
	if ((req->offset | req->len) & (b->offset_align - 1))
		return false;
	for (unsigned i = 0; i < req->nr_iov; i++)
		if (((uintptr_t)req->iov[i].iov_base & (b->mem_align - 1)) ||
		    (req->iov[i].iov_len & (b->offset_align - 1)))
			return false;
	return true;
}

static int fd_for(const struct block *b, const struct block_req *req)
{
	return b->direct && !fits_direct(b, req) ? b->page_fd : b->fd;
}

static int falloc_mode(const struct block_req *req)
{
	if (req->op == BLOCK_DISCARD || req->unmap)
		return FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	return FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE;
}

/* --- by blocking calls ---------------------------------------------------------------------------- */

static int move_sync(struct block *b, struct block_req *req)
{
	struct iovec part[16];
	bool write = req->op == BLOCK_WRITE;
	u64 skip = req->moved;
	unsigned i = 0;

	while (req->moved < req->len) {
		u64 at = req->offset + req->moved;
		unsigned n = 0;
		ssize_t r;

		/* The next pieces from where the last call got to. */
		while (i < req->nr_iov && skip >= req->iov[i].iov_len)
			skip -= req->iov[i++].iov_len;
		for (unsigned k = i; k < req->nr_iov && n < ARRAY_SIZE(part); k++) {
			size_t from = k == i ? skip : 0;

			part[n++] = (struct iovec){ (u8 *)req->iov[k].iov_base + from,
						    req->iov[k].iov_len - from };
		}
		r = write ? pwritev2(b->page_fd, part, (int)n, (off_t)at, req->sync ? RWF_DSYNC : 0)
			  : preadv(b->page_fd, part, (int)n, (off_t)at);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return r ? -errno : -EIO; /* 0: the file ends here (D3) */
		req->moved += (u64)r;
		skip += (u64)r;
	}
	return 0;
}

/* Where the file system has no FALLOC_FL_ZERO_RANGE. */
static int write_zeroes(struct block *b, u64 offset, u64 len)
{
	static const u8 zeroes[4096];
	struct iovec iov[64];

	for (size_t i = 0; i < ARRAY_SIZE(iov); i++)
		iov[i] = (struct iovec){ (void *)zeroes, sizeof(zeroes) };
	while (len) {
		int n = (int)MIN(ALIGN_UP(len, sizeof(zeroes)) / sizeof(zeroes), ARRAY_SIZE(iov));
		ssize_t r;

		iov[n - 1].iov_len = MIN(sizeof(zeroes), len - (u64)(n - 1) * sizeof(zeroes));
		r = pwritev(b->page_fd, iov, n, (off_t)offset);
		iov[n - 1].iov_len = sizeof(zeroes);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return r ? -errno : -EIO;
		offset += (u64)r;
		len -= (u64)r;
	}
	return 0;
}

static int punch_sync(struct block *b, struct block_req *req)
{
	if (!fallocate(b->page_fd, falloc_mode(req), (off_t)req->offset, (off_t)req->len))
		return 0;
	if (errno != EOPNOTSUPP || req->op == BLOCK_DISCARD)
		return -errno;
	return write_zeroes(b, req->offset, req->len);
}

int block_do_sync(struct block *b, struct block_req *req)
{
	int err = 0;

	switch (req->op) {
	case BLOCK_READ:
	case BLOCK_WRITE:
		return move_sync(b, req);
	case BLOCK_FLUSH:
		return fdatasync(b->fd) ? -errno : 0;
	case BLOCK_DISCARD:
	case BLOCK_WRITE_ZEROES:
		err = punch_sync(b, req);
		if (!err && req->sync)
			err = fdatasync(b->fd) ? -errno : 0;
		return err;
	}
	return -EOPNOTSUPP;
}

/* --- through io_uring ------------------------------------------------------------------------------- */

static void prepare(struct block *b, struct block_req *req)
{
	struct io_uring_sqe *sqe =
		io_uring_get_sqe(&b->ring); /* never full: in_flight is bounded */

	switch (req->op) {
	case BLOCK_READ:
		io_uring_prep_readv(sqe, fd_for(b, req), req->iov, req->nr_iov, req->offset);
		break;
	case BLOCK_WRITE:
		io_uring_prep_writev2(sqe, fd_for(b, req), req->iov, req->nr_iov, req->offset,
				      req->sync ? RWF_DSYNC : 0);
		break;
	case BLOCK_FLUSH:
		io_uring_prep_fsync(sqe, b->fd, IORING_FSYNC_DATASYNC);
		break;
	case BLOCK_DISCARD:
	case BLOCK_WRITE_ZEROES:
		io_uring_prep_fallocate(sqe, b->page_fd, falloc_mode(req), (off_t)req->offset,
					(off_t)req->len);
		break;
	}
	io_uring_sqe_set_data(sqe, req);
}

/* A result that is not simply right is finished by hand, where every case is dealt with once. */
static int settle(struct block *b, struct block_req *req, int res)
{
	bool rw = req->op == BLOCK_READ || req->op == BLOCK_WRITE;

	if (rw && res > 0)
		req->moved = (u64)res;
	if (rw ? req->moved == req->len : !res && !req->sync)
		return 0;
	if (res < 0 && res != -EAGAIN && res != -EINTR && res != -EOPNOTSUPP &&
	    !(res == -EINVAL && b->direct))
		return res;
	return block_do_sync(b, req);
}

unsigned block_reap(struct block *b)
{
	struct io_uring_cqe *cqe;
	unsigned n = 0;

	if (!b->uring)
		return 0;
	while (!io_uring_peek_cqe(&b->ring, &cqe)) {
		struct block_req *req = io_uring_cqe_get_data(cqe);
		int res = cqe->res;

		io_uring_cqe_seen(&b->ring, cqe);
		finish(b, req, settle(b, req, res));
		n++;
	}
	return n;
}

/* --- both -------------------------------------------------------------------------------------------- */

/* 0, or why the host need not be asked. */
static int check(const struct block *b, const struct block_req *req)
{
	if (req->op != BLOCK_READ && req->op != BLOCK_FLUSH && b->read_only)
		return -EROFS;
	if (req->op == BLOCK_FLUSH)
		return 0;
	if (req->offset > b->size || req->len > b->size - req->offset) /* D3 */
		return -EINVAL;
	if ((req->op == BLOCK_READ || req->op == BLOCK_WRITE) && req->len > MAX_RW_LEN)
		return -EINVAL;
	return 0;
}

int block_submit(struct block *b, struct block_req *req)
{
	int err;

	if (b->in_flight >= BLOCK_MAX_IN_FLIGHT)
		return -EAGAIN;
	if (!b->fresh) { /* a write behind the end of a file that was cut would grow it again */
		block_refresh_size(b);
		b->fresh = true;
	}
	err = check(b, req);
	b->in_flight++;
	req->moved = 0;
	if (err || (req->op != BLOCK_FLUSH && !req->len)) {
		finish(b, req, err);
		return 0;
	}
	b->prepared++;
	if (b->uring) {
		prepare(b, req);
		return 0;
	}
	req->next = NULL;
	if (b->first)
		b->last->next = req;
	else
		b->first = req;
	b->last = req;
	return 0;
}

void block_push(struct block *b)
{
	b->fresh = false;
	if (!b->prepared)
		return;
	b->prepared = 0;
	if (b->uring) {
		/* EAGAIN, EBUSY: the kernel is short of something; what is prepared stays so. */
		while (io_uring_sq_ready(&b->ring)) {
			int r = io_uring_submit(&b->ring);

			if (r < 0 && r != -EINTR)
				block_reap(b);
		}
		return;
	}
	while (b->first) {
		struct block_req *req = b->first;

		b->first = req->next;
		finish(b, req, block_do_sync(b, req));
	}
}

void block_drain(struct block *b)
{
	struct io_uring_cqe *cqe;

	block_push(b);
	while (b->in_flight) {
		if (b->uring)
			io_uring_wait_cqe(&b->ring, &cqe);
		block_reap(b);
		block_push(b); /* done() may have submitted */
	}
}

/* --- one request, waited for -------------------------------------------------------------------------- */

struct waited {
	struct block_req req; /* first */
	bool done;
	int err;
};

static void wait_done(struct block_req *req, int err)
{
	struct waited *w = (struct waited *)req;

	w->err = err;
	w->done = true;
}

static int run(struct block *b, enum block_op op, u64 offset, void *buf, u64 len)
{
	struct iovec iov = { buf, len };
	struct waited w = { .req = { .op = op,
				     .offset = offset,
				     .len = len,
				     .iov = &iov,
				     .nr_iov = 1,
				     .done = wait_done } };

	while (block_submit(b, &w.req) == -EAGAIN)
		block_drain(b);
	block_push(b);
	while (!w.done) {
		struct io_uring_cqe *cqe;

		if (b->uring && !io_uring_wait_cqe(&b->ring, &cqe))
			block_reap(b);
	}
	return w.err;
}

int block_read(struct block *b, u64 offset, void *buf, u64 len)
{
	return run(b, BLOCK_READ, offset, buf, len);
}

int block_write(struct block *b, u64 offset, const void *buf, u64 len)
{
	return run(b, BLOCK_WRITE, offset, (void *)buf, len);
}

int block_flush(struct block *b)
{
	return run(b, BLOCK_FLUSH, 0, NULL, 0);
}
