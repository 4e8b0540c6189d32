/* SPDX-License-Identifier: MIT */
/*
 * virtio_blk.c - the disk of the para side (virtio 1.2, 5.2): a request is a chain of header, data and
 * status; up to 21 of them are under way, and one doorbell tells of all that came together.
 */
#include "guest/arch/x86/asm.h"
#include "guest/drivers/block.h"
#include "guest/drivers/virtio/virtio.h"
#include "guest/lib/errno.h"
#include "guest/lib/string.h"
#include "guest/locking/spinlock.h"
#include "devices/abi/virtio_blk.h"

#define MAX_DISKS   4
#define CHAIN	    3u
#define MAX_REQS    (VQ_SIZE / CHAIN)
#define MAX_SECTORS 2048u /* of one request */

/* What the device reads and writes beside the data. */
struct slot {
	struct virtio_blk_req head;
	struct blk_request *rq;
	u8 status;
	u8 next; /* free slots */
};

struct vblk {
	struct blk_device blk;
	struct virtio_device *vd;
	spinlock_t lock; /* all that follows */
	struct virtqueue vq;
	struct slot slot[MAX_REQS];
	u8 free;		  /* MAX_REQS: none */
	struct list_head waiting; /* requests without a slot */
	u8 memory[VQ_MEMORY] __attribute__((aligned(VQ_MEMORY)));
};

static struct vblk disks[MAX_DISKS];

static const u32 types[] = { [BLK_READ] = VIRTIO_BLK_T_IN,
			     [BLK_WRITE] = VIRTIO_BLK_T_OUT,
			     [BLK_FLUSH] = VIRTIO_BLK_T_FLUSH };

/* Whether there was room. */
static bool add(struct vblk *b, struct blk_request *rq)
{
	struct slot *s = &b->slot[b->free];
	struct vq_buf buf[CHAIN];
	unsigned n = 0, out;

	if (b->free == MAX_REQS)
		return false;
	s->head = (struct virtio_blk_req){ .type = types[rq->op], .sector = rq->sector };
	s->rq = rq;
	s->status = 0xff;
	buf[n++] = (struct vq_buf){ &s->head, sizeof(s->head) };
	if (rq->nr && rq->op != BLK_FLUSH)
		buf[n++] = (struct vq_buf){ rq->buf, rq->nr * SECTOR_SIZE };
	buf[n++] = (struct vq_buf){ &s->status, 1 };
	out = rq->op == BLK_READ ? 1 : n - 1;
	if (vq_add(&b->vq, buf, out, n - out, s))
		return false;
	b->free = s->next;
	return true;
}

static void vblk_submit(struct blk_device *dev, struct blk_request *rq, bool more)
{
	struct vblk *b = container_of(dev, struct vblk, blk);
	u64 flags = spin_lock_irqsave(&b->lock);

	if (!list_empty(&b->waiting) || !add(b, rq)) {
		list_add_tail(&rq->entry, &b->waiting);
		more = false;
	}
	if (!more)
		vq_kick(&b->vq);
	spin_unlock_irqrestore(&b->lock, flags);
}

static int error_of(u8 status)
{
	return status == VIRTIO_BLK_S_OK ? 0 : status == VIRTIO_BLK_S_UNSUPP ? -EOPNOTSUPP : -EIO;
}

/* A finished request, with its slot free again; NULL: none. Lock held. */
static struct blk_request *take(struct vblk *b)
{
	struct slot *s = vq_get(&b->vq, NULL);

	if (!s)
		return NULL;
	s->rq->err = error_of(*(volatile u8 *)&s->status);
	s->next = b->free;
	b->free = (u8)(s - b->slot);
	return s->rq;
}

static void add_waiting(struct vblk *b)
{
	while (!list_empty(&b->waiting)) {
		struct blk_request *rq = list_first_entry(&b->waiting, struct blk_request, entry);

		if (!add(b, rq))
			break;
		list_del(&rq->entry);
	}
	vq_kick(&b->vq);
}

static void vblk_interrupt(void *arg)
{
	struct vblk *b = arg;

	spin_lock(&b->lock);
	do {
		struct blk_request *rq;

		vq_quiet(&b->vq);
		while ((rq = take(b))) {
			/* done() may submit the next one. */
			spin_unlock(&b->lock);
			blk_done(rq);
			spin_lock(&b->lock);
		}
		add_waiting(b);
	} while (!vq_listen(&b->vq));
	spin_unlock(&b->lock);
}

static const struct blk_ops vblk_ops = { .submit = vblk_submit };

/* The serial number, by polling: nothing else is under way yet. */
static void read_serial(struct vblk *b)
{
	struct blk_request rq = { .buf = b->blk.serial };
	struct slot *s = &b->slot[0];
	const struct vq_buf buf[] = { { &s->head, sizeof(s->head) },
				      { b->blk.serial, VIRTIO_BLK_ID_BYTES },
				      { &s->status, 1 } };

	s->head = (struct virtio_blk_req){ .type = VIRTIO_BLK_T_GET_ID };
	s->rq = &rq;
	vq_quiet(&b->vq);
	if (vq_add(&b->vq, buf, 1, 2, s))
		return;
	vq_kick(&b->vq);
	while (!vq_get(&b->vq, NULL))
		cpu_relax();
	vq_listen(&b->vq);
	if (*(volatile u8 *)&s->status != VIRTIO_BLK_S_OK)
		b->blk.serial[0] = 0;
}

int virtio_blk_probe(struct virtio_device *vd)
{
	static const char *const names[] = { "vda", "vdb", "vdc", "vdd" };
	static unsigned nr;
	struct vblk *b = &disks[nr];
	int err;

	if (nr == MAX_DISKS)
		return -ENOSPC;
	err = virtio_start(vd, VIRTIO_BIT(VIRTIO_BLK_F_FLUSH) | VIRTIO_BIT(VIRTIO_BLK_F_RO));
	if (!err)
		err = vq_setup(vd, &b->vq, 0, b->memory);
	if (err)
		return err;
	spin_lock_init(&b->lock);
	INIT_LIST_HEAD(&b->waiting);
	for (u8 i = 0; i < MAX_REQS; i++)
		b->slot[i].next = (u8)(i + 1);
	b->vd = vd;
	b->blk.name = names[nr];
	b->blk.driver = "virtio";
	b->blk.max_sectors = MAX_SECTORS;
	b->blk.read_only = virtio_has(vd, VIRTIO_BLK_F_RO);
	b->blk.ops = &vblk_ops;
	virtio_config_read(vd, offsetof(struct virtio_blk_config, capacity), &b->blk.sectors,
			   sizeof(b->blk.sectors));
	if (!virtio_irq(vd, names[nr], vblk_interrupt, b))
		return -ENODEV;
	virtio_ready(vd);
	read_serial(b);
	blk_register(&b->blk);
	nr++;
	return 0;
}
