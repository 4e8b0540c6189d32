/* SPDX-License-Identifier: MIT */
/*
 * virtqueue.h - the device's end of a virtqueue, split or packed (virtio 1.2, 2.7 and 2.8).
 *
 * This is the one door for what a driver writes into rings and descriptors: every field is copied
 * once, then checked. What comes out of vq_pop() is host memory inside guest RAM, and nothing a
 * driver does afterwards can move it.
 *
 * Rule Q1: a chain has at most `size` descriptors and VQ_MAX_SEGS pieces; longer ones, and loops,
 *          are an error and not work.
 * Rule Q2: the driver may break its ring, never ours: after the first broken rule the queue answers
 *          -EIO until it is set up again.
 * Rule Q3: a published entry is read after its index (acquire) and written before it (release).
 * Rule Q4: vq_pop() never takes more chains than vq_push() gave back plus the queue's size.
 *
 * No lock of its own: one thread at a time, under the device's lock.
 */
#ifndef DEVICES_VIRTIO_VIRTQUEUE_H
#define DEVICES_VIRTIO_VIRTQUEUE_H

#include <sys/uio.h>

#include "devices/abi/virtio.h"
#include "mm/guest_mem.h"

/* Pieces of a chain, header and status included. */
#define VQ_MAX_SEGS 130

/* What a driver set up, and how far both sides came: plain data, for snapshots. */
struct virtq_state {
	u64 desc, driver, device; /* gpa of the three areas */
	u16 size;
	u8 ready; /* QUEUE_READY */
	u8 broken;
	u16 next_avail; /* split: free-running; packed: position in the ring */
	u16 next_used;
	u16 signalled_used; /* next_used at the last vq_should_signal(); packed: position */
	u16 in_flight;	    /* chains popped and not pushed (Q4) */
	u8 avail_wrap, used_wrap, signalled_wrap; /* packed */
	u8 pad[5];
};

struct virtqueue {
	struct virtq_state *s; /* the device's */
	const struct guest_mem *mem;
	/* Host addresses of the areas, checked when the queue came up; NULL: down. */
	void *desc, *driver, *device;
	bool packed, event_idx, indirect;
	u16 max; /* QUEUE_NUM_MAX */
};

/* One request: first what the device reads, then what it writes. */
struct vq_chain {
	u16 id; /* for vq_push() */
	u16 nr_desc;
	u16 nr_out, nr_in; /* pieces to read, pieces to write */
	u32 len_out, len_in;
	struct iovec iov[VQ_MAX_SEGS]; /* nr_out, then nr_in */
};

/*
 * Brings the queue up as s says: checks size, alignment and that each area is guest memory. 0, or
 * -EINVAL (the queue stays down).
 */
int vq_start(struct virtqueue *vq, u64 features);
void vq_stop(struct virtqueue *vq);

/* The next chain. 1, 0: none, -EIO: the driver broke a rule (Q2). */
int vq_pop(struct virtqueue *vq, struct vq_chain *c);

/* Gives the chain back, `written` bytes of its nr_in pieces filled. Any order of chains. */
void vq_push(struct virtqueue *vq, const struct vq_chain *c, u32 written);

/* What vq_push() needs of a chain. */
struct vq_used {
	u16 id, nr_desc;
	bool in; /* there were pieces to write */
	u32 written;
};

static inline struct vq_used vq_used(const struct vq_chain *c, u32 written)
{
	return (struct vq_used){ c->id, c->nr_desc, c->nr_in, written };
}

/* Gives n >= 1 chains back at once: the driver sees all of them or none. */
void vq_push_all(struct virtqueue *vq, const struct vq_used *u, unsigned n);

/*
 * Puts back the chain that was popped last and not pushed, as if it never had been popped (a
 * receiver that finds too few buffers for now).
 */
void vq_unpop(struct virtqueue *vq, u16 nr_desc);

/* After one or more vq_push(): whether the driver asked to be interrupted for them. */
bool vq_should_signal(struct virtqueue *vq);

/*
 * Doorbells: vq_quiet() says that the driver need not ring, vq_listen() that it must. True: chains
 * came in between, and no doorbell may come for them: go on popping.
 */
void vq_quiet(struct virtqueue *vq);
bool vq_listen(struct virtqueue *vq);

/* Whether a chain is waiting. */
bool vq_pending(const struct virtqueue *vq);

/* NULL, or the rule that is broken, in words. For tests and fuzzers. */
const char *vq_check(const struct virtqueue *vq);

/* --- pieces: both return how many bytes they moved, less than len when the pieces are shorter -- */
size_t iov_read(const struct iovec *iov, unsigned n, size_t offset, void *to, size_t len);
size_t iov_write(const struct iovec *iov, unsigned n, size_t offset, const void *from, size_t len);

/* The part [offset, offset + len) of the pieces as pieces; returns how many (at most n). */
unsigned iov_slice(const struct iovec *iov, unsigned n, size_t offset, size_t len,
		   struct iovec *out);

#endif
