/* SPDX-License-Identifier: MIT */
/* balloon.c - see balloon.h. */
#include "devices/virtio/balloon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "devices/virtio/virtio.h"

#define PAGE	   (1UL << VIRTIO_BALLOON_PFN_SHIFT)
#define STATSQ	   2
#define MAX_QUEUES 4
/* Page numbers of one buffer; a driver sends 256 at a time. */
#define MAX_PFNS  4096u
#define PFN_BATCH 256

/* All fields: the device's lock. */
struct balloon {
	struct virtio_dev vd; /* first */
	struct virtio_balloon_config config;
	bool drops;
	struct virtio_balloon_info info;
	bool stats_held; /* `stats` is ours until newer ones are wanted */
	bool stats_wanted;
	struct vq_used stats;
	struct vq_chain chain;
	void (*changed)(void *arg); /* NULL: nobody wants to know */
	void *changed_arg;
};

static struct balloon *to_balloon(struct virtio_dev *vd)
{
	return container_of(vd, struct balloon, vd);
}

/* 5.5.2: the queues that were not negotiated leave no gap. -1: there is none. */
static int stats_queue(const struct balloon *b)
{
	return virtio_accepted(&b->vd, VIRTIO_BALLOON_F_STATS_VQ) ? STATSQ : -1;
}

static int reporting_queue(const struct balloon *b)
{
	if (!virtio_accepted(&b->vd, VIRTIO_BALLOON_F_REPORTING))
		return -1;
	return stats_queue(b) < 0 ? STATSQ : STATSQ + 1;
}

/* --- memory ------------------------------------------------------------------------------------------ */

/* Drops the whole pages inside [host, host + len); returns how many bytes. */
static u64 drop(const struct balloon *b, void *host, u64 len)
{
	uintptr_t from = ALIGN_UP((uintptr_t)host, PAGE);
	uintptr_t to = ALIGN_DOWN((uintptr_t)host + len, PAGE);

	if (!b->drops || from >= to || madvise((void *)from, to - from, MADV_DONTNEED))
		return 0;
	return to - from;
}

/* B2. Page numbers that follow each other go in one call. */
static u64 drop_pages(struct balloon *b, const u32 *pfn, unsigned n)
{
	u64 dropped = 0;

	for (unsigned i = 0, run; i < n; i += run) {
		u64 gpa = (u64)pfn[i] << VIRTIO_BALLOON_PFN_SHIFT;
		void *host;

		for (run = 1; i + run < n && pfn[i + run] == pfn[i] + run; run++)
			;
		host = guest_mem_range(b->vd.dev.env->mem, GPA(gpa), run * PAGE);
		if (!host) { /* the run may leave its region somewhere */
			run = 1;
			host = guest_mem_range(b->vd.dev.env->mem, GPA(gpa), PAGE);
		}
		if (host)
			dropped += drop(b, host, run * PAGE);
	}
	return dropped;
}

/* Linux gives page numbers downwards as well: a run is a run in either direction. */
static void sort_runs(u32 *pfn, unsigned n)
{
	bool down = n > 1;

	for (unsigned i = 1; i < n && down; i++)
		down = pfn[i] == pfn[i - 1] - 1;
	for (unsigned i = 0; down && i < n / 2; i++) {
		u32 t = pfn[i];

		pfn[i] = pfn[n - 1 - i];
		pfn[n - 1 - i] = t;
	}
}

static bool serve_pages(struct virtio_dev *vd, unsigned q, struct vq_chain *c)
{
	struct balloon *b = to_balloon(vd);
	u32 pfn[PFN_BATCH];
	size_t at = 0, n;

	/* Deflating needs nothing: a page comes back when it is touched. */
	while (q == VIRTIO_BALLOON_INFLATEQ && at < MAX_PFNS * sizeof(pfn[0])) {
		n = iov_read(c->iov, c->nr_out, at, pfn, sizeof(pfn)) / sizeof(pfn[0]);
		if (!n)
			break;
		sort_runs(pfn, (unsigned)n);
		b->info.inflated += drop_pages(b, pfn, (unsigned)n);
		at += n * sizeof(pfn[0]);
	}
	vq_push(&vd->vq[q], c, 0);
	return true;
}

/* Free page reporting: the buffer itself is what is free (5.5.6.7). */
static bool serve_report(struct virtio_dev *vd, unsigned q, struct vq_chain *c)
{
	struct balloon *b = to_balloon(vd);

	for (unsigned i = c->nr_out; i < (unsigned)c->nr_out + c->nr_in; i++)
		b->info.reported += drop(b, c->iov[i].iov_base, c->iov[i].iov_len);
	vq_push(&vd->vq[q], c, 0);
	return true;
}

/* --- statistics -------------------------------------------------------------------------------------- */

static bool serve_stats(struct virtio_dev *vd, unsigned q, struct vq_chain *c)
{
	struct balloon *b = to_balloon(vd);
	struct virtio_balloon_stat s;
	size_t at = 0;

	for (unsigned i = 0; i < 2 * VIRTIO_BALLOON_NR_STATS; i++, at += sizeof(s)) {
		if (iov_read(c->iov, c->nr_out, at, &s, sizeof(s)) != sizeof(s))
			break;
		if (s.tag < VIRTIO_BALLOON_NR_STATS)
			b->info.stat[s.tag] = s.val;
		b->info.has_stats = true;
	}
	/* 5.5.6.3: kept until newer ones are wanted. A second buffer is one too many. */
	if (b->stats_held)
		vq_push_all(&vd->vq[q], &b->stats, 1);
	b->stats = vq_used(c, 0);
	b->stats_held = true;
	return true;
}

static void give_back_stats(struct balloon *b)
{
	int q = stats_queue(b);

	if (!b->stats_held || q < 0 || !virtio_queue_usable(&b->vd, (unsigned)q))
		return;
	b->stats_held = b->stats_wanted = false;
	vq_push_all(&b->vd.vq[q], &b->stats, 1);
	virtio_signal(&b->vd, (unsigned)q);
}

void virtio_balloon_ask_stats(struct device *dev)
{
	struct balloon *b = to_balloon(to_virtio(dev));

	pthread_mutex_lock(&b->vd.lock);
	b->stats_wanted = true;
	give_back_stats(b);
	pthread_mutex_unlock(&b->vd.lock);
}

/* --- the class --------------------------------------------------------------------------------------- */

static void balloon_ready(struct virtio_dev *vd, unsigned q)
{
	struct balloon *b = to_balloon(vd);

	if ((int)q == reporting_queue(b)) {
		virtio_serve(vd, q, &b->chain, serve_report);
	} else if ((int)q == stats_queue(b)) {
		virtio_serve(vd, q, &b->chain, serve_stats);
		if (b->stats_wanted)
			give_back_stats(b);
	} else if (q <= VIRTIO_BALLOON_DEFLATEQ) {
		virtio_serve(vd, q, &b->chain, serve_pages);
	}
}

static void balloon_queue_stop(struct virtio_dev *vd, unsigned q)
{
	struct balloon *b = to_balloon(vd);

	if ((int)q == stats_queue(b))
		b->stats_held = false;
}

static void set_actual(struct balloon *b, u32 pages)
{
	if (b->config.actual == pages)
		return;
	b->config.actual = pages;
	if (b->changed)
		b->changed(b->changed_arg);
}

static void balloon_reset(struct virtio_dev *vd)
{
	struct balloon *b = to_balloon(vd);

	b->stats_held = false;
	set_actual(b, 0);
}

static void balloon_config_write(struct virtio_dev *vd, u32 offset, const u8 *bytes, unsigned len)
{
	struct balloon *b = to_balloon(vd);
	const u32 at = offsetof(struct virtio_balloon_config, actual);

	u32 actual = b->config.actual;

	if (offset < at) /* num_pages is ours */
		return;
	memcpy((u8 *)&actual + (offset - at), bytes, len);
	set_actual(b, actual);
}

static const struct virtio_class balloon_virtio = {
	.device_id = VIRTIO_ID_BALLOON,
	.queue_ready = balloon_ready,
	.queue_stop = balloon_queue_stop,
	.reset = balloon_reset,
	.config_write = balloon_config_write,
};

void virtio_balloon_set_target(struct device *dev, u64 bytes)
{
	struct balloon *b = to_balloon(to_virtio(dev));

	pthread_mutex_lock(&b->vd.lock);
	b->config.num_pages = (u32)(MIN(bytes, guest_mem_size(dev->env->mem)) / PAGE);
	virtio_config_changed(&b->vd);
	pthread_mutex_unlock(&b->vd.lock);
}

void virtio_balloon_info(struct device *dev, struct virtio_balloon_info *out)
{
	struct balloon *b = to_balloon(to_virtio(dev));

	pthread_mutex_lock(&b->vd.lock);
	*out = b->info;
	out->target = (u64)b->config.num_pages * PAGE;
	out->actual = (u64)b->config.actual * PAGE;
	pthread_mutex_unlock(&b->vd.lock);
}

void virtio_balloon_on_change(struct device *dev, void (*fn)(void *arg), void *arg)
{
	struct balloon *b = to_balloon(to_virtio(dev));

	b->changed_arg = arg;
	b->changed = fn;
}

static void balloon_destroy(struct device *dev)
{
	virtio_fini(to_virtio(dev));
	free(to_balloon(to_virtio(dev)));
}

struct device *virtio_balloon_create(const struct dev_env *env, const struct dev_range *mmio,
				     struct irq_line irq, bool drops)
{
	struct balloon *b = calloc(1, sizeof(*b));
	struct virtio_init init = {
		.dc = &virtio_balloon_class,
		.vc = &balloon_virtio,
		.env = env,
		.mmio = *mmio,
		.irq = irq,
		.features = VIRTIO_BIT(VIRTIO_BALLOON_F_STATS_VQ) |
			    VIRTIO_BIT(VIRTIO_BALLOON_F_DEFLATE_ON_OOM),
		.nr_queues = MAX_QUEUES,
		.queue_max = 128,
		.config_len = sizeof(struct virtio_balloon_config),
	};
	int err;

	if (!b)
		return NULL;
	b->drops = drops;
	if (drops)
		init.features |= VIRTIO_BIT(VIRTIO_BALLOON_F_REPORTING);
	memset(b->info.stat, 0xff, sizeof(b->info.stat));
	init.config = (u8 *)&b->config;
	err = virtio_init(&b->vd, &init);
	if (err) {
		free(b);
		errno = -err;
		return NULL;
	}
	return &b->vd.dev;
}

const struct device_class virtio_balloon_class = {
	.name = "virtio-balloon",
	.description = "virtio memory balloon",
	.reset = virtio_mmio_reset,
	.read = virtio_mmio_read,
	.write = virtio_mmio_write,
	.destroy = balloon_destroy,
	.state_offset = offsetof(struct virtio_dev, s),
	.state_size = sizeof(struct virtio_state),
	.post_load = virtio_post_load,
	.describe_fdt = virtio_describe_fdt,
	.describe_acpi = virtio_describe_acpi,
};
