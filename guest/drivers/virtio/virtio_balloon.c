/* SPDX-License-Identifier: MIT */
/*
 * virtio_balloon.c - memory that the host wants back (virtio 1.2, 5.5): pages are taken from the page
 * allocator, and their numbers given to the device, which drops what is behind them. They come back empty
 * when the host wants less.
 *
 * A thread does the work, woken when the configuration changes. It waits a while where a thirty-second of
 * memory would not stay free: everybody else's requests fail at the zones' watermarks, far below that.
 */
#include "guest/drivers/virtio/virtio.h"
#include "guest/kernel/kthread.h"
#include "guest/kernel/mm.h"
#include "guest/kernel/printk.h"
#include "guest/kernel/sched.h"
#include "guest/lib/errno.h"
#include "guest/locking/wait.h"
#include "devices/abi/virtio_balloon.h"

#define BATCH	 256u
#define RETRY_MS 200 /* when memory was short */

static struct {
	struct virtio_device *vd; /* NULL: none */
	spinlock_t lock;	  /* the queues, changed */
	struct virtqueue inflate, deflate, stats;
	bool changed;		/* the host may want another size */
	bool stats_wanted;	/* ... or new statistics */
	wait_queue_head_t wait; /* of the thread */

	/* The thread's. */
	struct list_head pages; /* given */
	u32 given;
	u32 pfn[BATCH];
	struct virtio_balloon_stat stat[3];

	u8 memory[3][VQ_MEMORY] __attribute__((aligned(VQ_MEMORY)));
} balloon;

static void balloon_interrupt(void *unused)
{
	(void)unused;
	spin_lock(&balloon.lock);
	balloon.changed |= virtio_config_changed(balloon.vd);
	for (struct completion *c; (c = vq_get(&balloon.inflate, NULL));)
		complete(c);
	for (struct completion *c; (c = vq_get(&balloon.deflate, NULL));)
		complete(c);
	while (virtio_has(balloon.vd, VIRTIO_BALLOON_F_STATS_VQ) && vq_get(&balloon.stats, NULL))
		balloon.stats_wanted = true;
	vq_listen(&balloon.inflate);
	vq_listen(&balloon.deflate);
	if (virtio_has(balloon.vd, VIRTIO_BALLOON_F_STATS_VQ))
		vq_listen(&balloon.stats);
	spin_unlock(&balloon.lock);
	wake_up(&balloon.wait);
}

/* ---- pages ------------------------------------------------------------------------------------------- */

/* Tells the device n page numbers and waits until it has dealt with them. */
static void tell(struct virtqueue *vq, u32 n)
{
	const struct vq_buf buf = { balloon.pfn, n * sizeof(balloon.pfn[0]) };
	struct completion done;
	u64 flags;

	init_completion(&done);
	flags = spin_lock_irqsave(&balloon.lock);
	vq_add(vq, &buf, 1, 0, &done); /* there is never more than one */
	vq_kick(vq);
	spin_unlock_irqrestore(&balloon.lock, flags);
	wait_for_completion(&done);
}

static u32 pfn_of(const struct page *page)
{
	return (u32)page_to_pfn(&kernel_mm.pg.model, page);
}

/* Up to n pages more; how many there were. */
static u32 inflate(u32 n)
{
	u64 keep = nr_managed_pages(&kernel_mm.pg) / 32, free = nr_free_pages(&kernel_mm.pg);
	u32 got = 0;

	n = MIN(n, BATCH);
	n = free > keep ? (u32)MIN(free - keep, (u64)n) : 0;
	for (; got < n; got++) {
		struct page *page =
			alloc_page(&kernel_mm.pg, __GFP_NORETRY | __GFP_NOWARN | __GFP_NOMEMALLOC);

		if (!page)
			break;
		list_add(&page->lru, &balloon.pages);
		balloon.pfn[got] = pfn_of(page);
	}
	if (got)
		tell(&balloon.inflate, got);
	balloon.given += got;
	return got;
}

/* 5.5.6.1: the device hears of it first. */
static void deflate(u32 n)
{
	struct page *page, *next;
	u32 got = 0;

	n = MIN(n, BATCH);
	list_for_each_entry (page, &balloon.pages, lru) {
		if (got == n)
			break;
		balloon.pfn[got++] = pfn_of(page);
	}
	tell(&balloon.deflate, got);
	balloon.given -= got;
	list_for_each_entry_safe (page, next, &balloon.pages, lru) {
		if (!got--)
			break;
		list_del(&page->lru);
		__free_page(&kernel_mm.pg, page);
	}
}

static u32 wanted(void)
{
	u32 pages;

	virtio_config_read(balloon.vd, offsetof(struct virtio_balloon_config, num_pages), &pages,
			   sizeof(pages));
	return pages;
}

/* One step towards what the host wants; false: there, or no further for now. */
static bool step(bool *short_of_memory)
{
	u32 want = wanted();

	*short_of_memory = false;
	if (want == balloon.given)
		return false;
	if (want > balloon.given)
		*short_of_memory = !inflate(want - balloon.given);
	else
		deflate(balloon.given - want);
	virtio_config_write32(balloon.vd, offsetof(struct virtio_balloon_config, actual),
			      balloon.given);
	return !*short_of_memory;
}

/* ---- statistics -------------------------------------------------------------------------------------- */

static void give_stats(void)
{
	const struct vq_buf buf = { balloon.stat, sizeof(balloon.stat) };
	u64 free = nr_free_pages(&kernel_mm.pg) * PAGE_SIZE, flags;

	balloon.stat[0] = (struct virtio_balloon_stat){ VIRTIO_BALLOON_S_MEMFREE, free };
	balloon.stat[1] =
		(struct virtio_balloon_stat){ VIRTIO_BALLOON_S_MEMTOT,
					      nr_managed_pages(&kernel_mm.pg) * PAGE_SIZE };
	balloon.stat[2] = (struct virtio_balloon_stat){ VIRTIO_BALLOON_S_AVAIL, free };
	flags = spin_lock_irqsave(&balloon.lock);
	balloon.stats_wanted = false;
	vq_add(&balloon.stats, &buf, 1, 0, balloon.stat);
	vq_kick(&balloon.stats);
	spin_unlock_irqrestore(&balloon.lock, flags);
}

/* ---- the thread -------------------------------------------------------------------------------------- */

static int balloon_thread(void *unused)
{
	bool short_of_memory;

	(void)unused;
	for (;;) {
		wait_event_interruptible(&balloon.wait, READ_ONCE(balloon.changed) ||
								READ_ONCE(balloon.stats_wanted));
		if (READ_ONCE(balloon.stats_wanted))
			give_stats();
		WRITE_ONCE(balloon.changed, false);
		while (step(&short_of_memory))
			;
		if (short_of_memory) {
			msleep(RETRY_MS);
			WRITE_ONCE(balloon.changed, true);
		}
	}
	return 0;
}

int virtio_balloon_probe(struct virtio_device *vd)
{
	bool stats;
	int err = balloon.vd ? -EBUSY : virtio_start(vd, VIRTIO_BIT(VIRTIO_BALLOON_F_STATS_VQ));

	stats = !err && virtio_has(vd, VIRTIO_BALLOON_F_STATS_VQ);
	if (!err)
		err = vq_setup(vd, &balloon.inflate, VIRTIO_BALLOON_INFLATEQ, balloon.memory[0]);
	if (!err)
		err = vq_setup(vd, &balloon.deflate, VIRTIO_BALLOON_DEFLATEQ, balloon.memory[1]);
	if (!err && stats)
		err = vq_setup(vd, &balloon.stats, 2, balloon.memory[2]);
	if (err)
		return err;
	spin_lock_init(&balloon.lock);
	init_waitqueue_head(&balloon.wait);
	INIT_LIST_HEAD(&balloon.pages);
	balloon.vd = vd;
	balloon.changed = true; /* what the host wants from the start */
	balloon.stats_wanted = stats;
	if (!virtio_irq(vd, "balloon", balloon_interrupt, NULL))
		return -ENODEV;
	vq_listen(&balloon.inflate);
	vq_listen(&balloon.deflate);
	if (stats)
		vq_listen(&balloon.stats);
	virtio_ready(vd);
	if (!kthread_run(balloon_thread, NULL, "balloon"))
		return -ENOMEM;
	pr_info("  balloon: virtio%s", stats ? ", statistics" : "");
	return 0;
}
