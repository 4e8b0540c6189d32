/* SPDX-License-Identifier: MIT */
/*
 * virtio_echo.h - a virtio device for tests of rings and transport: answers each chain with its bytes in
 * reverse, and can be told to hold chains back.
 */
#ifndef TESTS_UNIT_DEVICES_VIRTIO_ECHO_H
#define TESTS_UNIT_DEVICES_VIRTIO_ECHO_H

#include "devices/virtio/virtio.h"
#include "tests/unit/devices/virtio_driver.h"

struct echo {
	struct virtio_dev vd; /* first */
	u8 config[8];
	struct vq_chain chain;
	struct vq_chain held[64];
	unsigned nr_held, served;
	bool hold;
	unsigned quiesced, stopped, resets;
};

static struct drv d;
static struct echo *echo;

static inline void answer(struct virtio_dev *vd, unsigned q, const struct vq_chain *c)
{
	u8 buf[4096];
	size_t n = iov_read(c->iov, c->nr_out, 0, buf, sizeof(buf));

	for (size_t i = 0; i < n / 2; i++) {
		u8 t = buf[i];

		buf[i] = buf[n - 1 - i];
		buf[n - 1 - i] = t;
	}
	vq_push(&vd->vq[q], c, (u32)iov_write(c->iov + c->nr_out, c->nr_in, 0, buf, n));
}

static inline bool serve(struct virtio_dev *vd, unsigned q, struct vq_chain *c)
{
	struct echo *e = (struct echo *)vd;

	e->served++;
	if (e->hold && e->nr_held < ARRAY_SIZE(e->held))
		e->held[e->nr_held++] = *c;
	else
		answer(vd, q, c);
	return true;
}

static inline void ready(struct virtio_dev *vd, unsigned q)
{
	virtio_serve(vd, q, &((struct echo *)vd)->chain, serve);
}

static inline void release(bool backwards)
{
	while (echo->nr_held) {
		unsigned at = backwards ? echo->nr_held - 1 : 0;
		struct vq_chain c = echo->held[at];

		memmove(&echo->held[at], &echo->held[at + 1], (echo->nr_held - at - 1) * sizeof(c));
		echo->nr_held--;
		answer(&echo->vd, 0, &c);
	}
	virtio_signal(&echo->vd, 0);
}

static inline void quiesce(struct virtio_dev *vd)
{
	((struct echo *)vd)->quiesced++;
	release(false);
}

static inline void queue_stop(struct virtio_dev *vd, unsigned q)
{
	(void)q;
	((struct echo *)vd)->stopped++;
}

static inline void echo_reset(struct virtio_dev *vd)
{
	((struct echo *)vd)->resets++;
}

static inline void config_write(struct virtio_dev *vd, u32 offset, const u8 *bytes, unsigned len)
{
	memcpy(((struct echo *)vd)->config + offset, bytes, len);
}

static const struct virtio_class echo_virtio = {
	.device_id = 42,
	.queue_ready = ready,
	.quiesce = quiesce,
	.queue_stop = queue_stop,
	.reset = echo_reset,
	.config_write = config_write,
};

static inline void echo_destroy(struct device *dev)
{
	virtio_fini(to_virtio(dev));
	free(dev);
}

static const struct device_class echo_class = {
	.name = "echo",
	.reset = virtio_mmio_reset,
	.read = virtio_mmio_read,
	.write = virtio_mmio_write,
	.destroy = echo_destroy,
	.post_load = virtio_post_load,
};

static inline void setup(void)
{
	struct virtio_init init = {
		.dc = &echo_class,
		.vc = &echo_virtio,
		.mmio = drv_range(),
		.features = VIRTIO_BIT(3),
		.nr_queues = 2,
		.queue_max = 64,
		.config_len = 8,
	};

	drv_init(&d);
	echo = calloc(1, sizeof(*echo));
	memcpy(echo->config, "\1\2\3\4\5\6\7\10", 8);
	init.env = &d.m.env;
	init.irq = mock_line(&d.m, DRV_GSI);
	init.config = echo->config;
	ck_assert_int_eq(virtio_init(&echo->vd, &init), 0);
	d.dev = &echo->vd.dev;
	d.dev->class->reset(d.dev);
}

static inline void teardown(void)
{
	drv_fini(&d);
}

/* One request: `len` bytes out in pieces of `piece`, the same back; token returned. */
static inline u16 send_piecewise(u32 len, u32 piece, u64 *in_gpa)
{
	struct drv_seg segs[VQ_MAX_SEGS];
	u64 out = drv_alloc(&d, len, 8);
	unsigned n = 0;
	u8 *p = drv_ptr(&d, out, len);

	*in_gpa = drv_alloc(&d, len, 8);
	for (u32 i = 0; i < len; i++)
		p[i] = (u8)(i * 7 + len);
	for (u32 at = 0; at < len; at += piece)
		segs[n++] = (struct drv_seg){ out + at, MIN(piece, len - at), false };
	for (u32 at = 0; at < len; at += piece)
		segs[n++] = (struct drv_seg){ *in_gpa + at, MIN(piece, len - at), true };
	return drv_add(&d, 0, segs, n);
}

static inline void expect_reversed(u64 in_gpa, u32 len)
{
	const u8 *p = drv_ptr(&d, in_gpa, len);

	for (u32 i = 0; i < len; i++)
		ck_assert_uint_eq(p[i], (u8)((len - 1 - i) * 7 + len));
}

static inline void expect_unbroken(void)
{
	ck_assert_ptr_null(vq_check(&echo->vd.vq[0]));
	ck_assert(!(drv_reg(&d, VIRTIO_MMIO_STATUS) & VIRTIO_STATUS_NEEDS_RESET));
}

#endif
