/* SPDX-License-Identifier: MIT */
/*
 * virtio.h - a virtio device behind the virtio-mmio transport (virtio 1.2, chapters 2 and 4.2).
 *
 * A device is a const struct virtio_class and an instance that begins with a struct virtio_dev. The
 * transport owns features, status, queues and interrupts; the device owns what its queues mean.
 *
 * Threads: registers are read and written on vCPU threads. Everything else - queue_ready(), work of
 * backends, completions - runs on the device's loop thread (env->watch_fd). `lock` is held in
 * every call to the class and must be taken by the device's own callbacks; it may be held for as long
 * as an I/O takes, and vCPUs take it only to change status or queues or to read the configuration
 * space. Doorbell, interrupt status and acknowledge take no lock.
 *
 * Rule V1: no guest memory is touched after a reset returned: it has waited for what was in flight.
 * Rule V2: queues are looked at only with DRIVER_OK set and NEEDS_RESET clear.
 * Rule V3: a driver that breaks a rule gets NEEDS_RESET and silence until it resets the device.
 */
#ifndef DEVICES_VIRTIO_VIRTIO_H
#define DEVICES_VIRTIO_VIRTIO_H

#include <pthread.h>

#include "devices/device.h"
#include "devices/virtio/virtqueue.h"

#define VIRTIO_MAX_QUEUES 16

#define VIRTIO_BIT(n)	  (1ULL << (n))

struct virtio_dev;

/* All calls with the lock held. */
struct virtio_class {
	u32 device_id; /* VIRTIO_ID_* */
	/* The features were accepted; NULL: no interest. */
	void (*features)(struct virtio_dev *vd, u64 accepted);
	/* Queue `q` may have chains (a doorbell, or DRIVER_OK). Loop thread. */
	void (*queue_ready)(struct virtio_dev *vd, unsigned q);
	/* Waits until what was popped and is being worked on was pushed (V1); NULL: nothing ever is. */
	void (*quiesce)(struct virtio_dev *vd);
	/* Queue `q` goes down: forget chains that were taken from it; NULL: none are kept. */
	void (*queue_stop)(struct virtio_dev *vd, unsigned q);
	/* After both: forget what else belonged to the driver; NULL: nothing. */
	void (*reset)(struct virtio_dev *vd);
	/* `len` bytes written at `offset`, inside config_len; NULL: read-only. */
	void (*config_write)(struct virtio_dev *vd, u32 offset, const u8 *bytes, unsigned len);
};

/* Plain data, for snapshots. */
struct virtio_state {
	u64 driver_features;
	u32 device_features_sel, driver_features_sel;
	u32 queue_sel;
	u32 status;
	u32 generation;
	u32 isr; /* atomic while the machine runs */
	struct virtq_state queue[VIRTIO_MAX_QUEUES];
};

struct virtio_dev {
	struct device dev; /* first */
	const struct virtio_class *vc;
	pthread_mutex_t lock;
	u64 features; /* offered, those of the transport included */
	unsigned nr_queues;
	struct virtqueue *vq; /* nr_queues */
	u8 *config;	      /* the device's configuration space; changes under lock */
	u32 config_len;
	int kick_fd;		     /* doorbells; also rung by virtio_kick() */
	int irq_fd;		     /* -1: the line is pulsed by hand */
	bool kernel_doorbell;	     /* KVM rings kick_fd itself */
	u64 nr_kicks, nr_interrupts; /* for --stats and tests; lock */
	struct virtio_state s;
};

struct virtio_init {
	const struct device_class *dc; /* read, write and reset are virtio_mmio_*() */
	const struct virtio_class *vc;
	const struct dev_env *env;
	struct dev_range mmio; /* PC_VIRTIO_STEP bytes */
	struct irq_line irq;   /* edge */
	u64 features;	       /* the device's own */
	unsigned nr_queues;
	u16 queue_max; /* at most VIRTQ_MAX_SIZE */
	u8 *config;
	u32 config_len;
};

/* Fills vd and starts to listen for doorbells. 0 or -errno. Before the machine runs. */
int virtio_init(struct virtio_dev *vd, const struct virtio_init *init);
void virtio_fini(struct virtio_dev *vd); /* after the loop has ended; all zero is fine */

static inline bool virtio_accepted(const struct virtio_dev *vd, unsigned bit)
{
	return vd->s.driver_features & VIRTIO_BIT(bit);
}

/* V2: whether queue q may be popped. Lock held. */
bool virtio_queue_usable(const struct virtio_dev *vd, unsigned q);

/* After pushes: interrupts if the driver wants it. Lock held. */
void virtio_signal(struct virtio_dev *vd, unsigned q);

/*
 * Pops what waits in queue q and hands each chain to serve(), which pushes it, or keeps it and says
 * false: no more for now. Ends with a signal. After a ring's worth of chains other work has its turn
 * first, and queue_ready() comes again. Lock held.
 */
void virtio_serve(struct virtio_dev *vd, unsigned q, struct vq_chain *c,
		  bool (*serve)(struct virtio_dev *vd, unsigned q, struct vq_chain *c));

/* The configuration space changed (by the caller, under the lock). */
void virtio_config_changed(struct virtio_dev *vd);

/* V3: for a class that found the driver out. Lock held. */
void virtio_broken(struct virtio_dev *vd);

/* vq_pop() that answers 0 for a broken ring as well, after virtio_broken(). Lock held. */
int virtio_pop(struct virtio_dev *vd, unsigned q, struct vq_chain *c);

/* Makes every usable queue's queue_ready() run again on the loop thread. Any thread. */
void virtio_kick(struct virtio_dev *vd);

/* For the class's struct device_class. */
u64 virtio_mmio_read(struct device *dev, unsigned range, u64 offset, unsigned size);
void virtio_mmio_write(struct device *dev, unsigned range, u64 offset, unsigned size, u64 value);
void virtio_mmio_reset(struct device *dev);
int virtio_post_load(struct device *dev);
int virtio_describe_fdt(const struct device *dev, void *fdt);
void virtio_describe_acpi(const struct device *dev, struct aml *a);

static inline struct virtio_dev *to_virtio(struct device *dev)
{
	return container_of(dev, struct virtio_dev, dev);
}

#endif
