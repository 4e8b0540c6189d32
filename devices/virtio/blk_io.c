/* SPDX-License-Identifier: MIT */
/*
 * blk_io.c - requests of the virtio disk (virtio 1.2, 5.2.6): a header, data, a status byte, cut into
 * pieces as the driver likes.
 */
#include <errno.h>
#include <string.h>

#include "devices/virtio/blk_priv.h"

/* --- ending a request ---------------------------------------------------------------------------- */

static struct blk_slot *take_slot(struct virtio_blk *blk)
{
	struct blk_slot *s = blk->free;

	if (s)
		blk->free = s->next;
	else if (blk->nr_slots_used < BLOCK_MAX_IN_FLIGHT)
		s = &blk->slots[blk->nr_slots_used++];
	return s;
}

static void free_slot(struct virtio_blk *blk, struct blk_slot *s)
{
	s->next = blk->free;
	blk->free = s;
}

static void end(struct blk_slot *s, u8 status, u32 written)
{
	struct virtio_blk *blk = s->blk;

	*s->status = status;
	vq_push(&blk->vd.vq[s->queue], &s->chain, written);
	blk->to_signal |= 1u << s->queue;
	free_slot(blk, s);
}

static void on_done(struct block_req *req, int err)
{
	struct blk_slot *s = container_of(req, struct blk_slot, req);

	if (!err)
		end(s, VIRTIO_BLK_S_OK, s->written);
	else
		end(s, err == -EOPNOTSUPP ? VIRTIO_BLK_S_UNSUPP : VIRTIO_BLK_S_IOERR, 1);
}

/* --- beginning one ---------------------------------------------------------------------------------- */

static void submit(struct blk_slot *s)
{
	s->req.done = on_done;
	/* Never -EAGAIN: there are as many slots as requests that the image takes. */
	if (block_submit(s->blk->block, &s->req))
		end(s, VIRTIO_BLK_S_IOERR, 1);
}

/* Bytes of a sector number, or UINT64_MAX, which lies outside every image. */
static u64 sector_offset(u64 sector)
{
	u64 offset;

	return __builtin_mul_overflow(sector, (u64)VIRTIO_BLK_SECTOR, &offset) ? UINT64_MAX
									       : offset;
}

static void start_rw(struct blk_slot *s, bool write, u64 sector, const struct iovec *iov,
		     unsigned nr, u32 len)
{
	/* 5.2.6.1: whole sectors. */
	if (len % VIRTIO_BLK_SECTOR) {
		end(s, VIRTIO_BLK_S_IOERR, 1);
		return;
	}
	s->req = (struct block_req){
		.op = write ? BLOCK_WRITE : BLOCK_READ,
		.sync = write && !virtio_accepted(&s->blk->vd, VIRTIO_BLK_F_FLUSH), /* K2 */
		.offset = sector_offset(sector),
		.len = len,
		.iov = iov,
		.nr_iov = nr,
	};
	s->written = write ? 1 : len + 1;
	submit(s);
}

static void start_range(struct blk_slot *s, bool zeroes, const struct iovec *iov, unsigned nr,
			u32 len)
{
	u32 known = zeroes ? VIRTIO_BLK_RANGE_F_UNMAP : 0;
	struct virtio_blk_range range;

	if (len != sizeof(range) || iov_read(iov, nr, 0, &range, sizeof(range)) != sizeof(range)) {
		end(s, VIRTIO_BLK_S_IOERR, 1);
		return;
	}
	if ((range.flags & ~known) || range.num_sectors > BLK_MAX_RANGE) {
		end(s, VIRTIO_BLK_S_UNSUPP, 1);
		return;
	}
	s->req = (struct block_req){
		.op = zeroes ? BLOCK_WRITE_ZEROES : BLOCK_DISCARD,
		.sync = zeroes && !virtio_accepted(&s->blk->vd, VIRTIO_BLK_F_FLUSH),
		.unmap = range.flags & VIRTIO_BLK_RANGE_F_UNMAP,
		.offset = sector_offset(range.sector),
		.len = (u64)range.num_sectors * VIRTIO_BLK_SECTOR,
	};
	s->written = 1;
	submit(s);
}

static void start_flush(struct blk_slot *s)
{
	s->req = (struct block_req){ .op = BLOCK_FLUSH };
	s->written = 1;
	submit(s);
}

static void give_id(struct blk_slot *s, const struct iovec *iov, unsigned nr)
{
	size_t n = iov_write(iov, nr, 0, s->blk->serial, sizeof(s->blk->serial));

	end(s, VIRTIO_BLK_S_OK, (u32)n + 1);
}

/* Cuts `len` bytes off the front of the pieces; returns how many pieces go with them. */
static unsigned cut_front(struct iovec *iov, unsigned nr, size_t len)
{
	unsigned gone = 0;

	while (gone < nr && iov[gone].iov_len <= len)
		len -= iov[gone++].iov_len;
	if (gone < nr) {
		iov[gone].iov_base = (u8 *)iov[gone].iov_base + len;
		iov[gone].iov_len -= len;
	}
	return gone;
}

/* Takes the status byte off the end of what the device writes. */
static u8 *cut_status(struct vq_chain *c)
{
	struct iovec *last = &c->iov[c->nr_out + c->nr_in - 1];
	u8 *status = (u8 *)last->iov_base + last->iov_len - 1;

	last->iov_len--;
	c->nr_in -= !last->iov_len;
	c->len_in--;
	return status;
}

static void start(struct blk_slot *s, const struct virtio_blk_req *hdr)
{
	struct vq_chain *c = &s->chain;
	unsigned hdr_pieces = cut_front(c->iov, c->nr_out, sizeof(*hdr));
	const struct iovec *out = c->iov + hdr_pieces, *in = c->iov + c->nr_out;
	unsigned nr_out = c->nr_out - hdr_pieces, nr_in;
	u32 len_out = c->len_out - (u32)sizeof(*hdr);
	bool wrote_status = c->nr_in;

	s->status = cut_status(c);
	nr_in = c->nr_in;
	c->nr_in = wrote_status; /* for vq_push(): the device has written something */
	switch (hdr->type) {
	case VIRTIO_BLK_T_IN:
		start_rw(s, false, hdr->sector, in, nr_in, c->len_in);
		break;
	case VIRTIO_BLK_T_OUT:
		start_rw(s, true, hdr->sector, out, nr_out, len_out);
		break;
	case VIRTIO_BLK_T_FLUSH:
		start_flush(s);
		break;
	case VIRTIO_BLK_T_GET_ID:
		give_id(s, in, nr_in);
		break;
	case VIRTIO_BLK_T_DISCARD:
	case VIRTIO_BLK_T_WRITE_ZEROES:
		start_range(s, hdr->type == VIRTIO_BLK_T_WRITE_ZEROES, out, nr_out, len_out);
		break;
	default:
		end(s, VIRTIO_BLK_S_UNSUPP, 1);
		break;
	}
}

/* One chain into a slot; 0: none there, or none to be had now. */
static int take(struct virtio_blk *blk, unsigned q)
{
	struct blk_slot *s = take_slot(blk);
	struct virtio_blk_req hdr;

	if (!s) {
		blk->stalled |= 1u << q;
		return 0;
	}
	s->blk = blk;
	s->queue = q;
	if (!virtio_pop(&blk->vd, q, &s->chain)) {
		free_slot(blk, s);
		return 0;
	}
	/* Without a header or a place for the status there is nothing that could be answered. */
	if (iov_read(s->chain.iov, s->chain.nr_out, 0, &hdr, sizeof(hdr)) != sizeof(hdr) ||
	    !s->chain.len_in) {
		free_slot(blk, s);
		blk->vd.vq[q].s->broken = 1;
		virtio_broken(&blk->vd);
		return 0;
	}
	start(s, &hdr);
	return 1;
}

/* --- batches ------------------------------------------------------------------------------------------ */

void blk_signal(struct virtio_blk *blk)
{
	while (blk->to_signal) {
		unsigned q = (unsigned)__builtin_ctz(blk->to_signal);

		blk->to_signal &= blk->to_signal - 1;
		virtio_signal(&blk->vd, q);
	}
}

/* Hands the queue's chains to the image; false when some had to stay for want of slots. */
static bool take_all(struct virtio_blk *blk, unsigned q)
{
	struct virtqueue *vq = &blk->vd.vq[q];
	unsigned left = vq->s->size;

	vq_quiet(vq);
	do {
		while (left && take(blk, q))
			left--;
		if (blk->stalled & 1u << q)
			return false;
		if (!left) {
			virtio_kick(&blk->vd);
			break;
		}
	} while (vq_listen(vq));
	return true;
}

void blk_queue_ready(struct virtio_dev *vd, unsigned q)
{
	struct virtio_blk *blk = to_blk(vd);

	if (blk->stalled & 1u << q)
		return; /* blk_complete() comes back to it */
	take_all(blk, q);
	block_push(blk->block);
	/* What the page cache had is done already: one interrupt for all of it. */
	blk_complete(blk);
}

void blk_complete(struct virtio_blk *blk)
{
	u32 again;

	block_reap(blk->block);
	again = blk->stalled;
	blk->stalled = 0;
	for (unsigned q = 0; again; q++, again >>= 1)
		if ((again & 1) && virtio_queue_usable(&blk->vd, q))
			take_all(blk, q);
	block_push(blk->block);
	if (blk->stalled && (blk->free || blk->nr_slots_used < BLOCK_MAX_IN_FLIGHT)) {
		/* Without io_uring all is done already, and no completion would come back here. */
		blk->stalled = 0;
		virtio_kick(&blk->vd);
	}
	blk_signal(blk);
	blk_check_size(blk);
}
