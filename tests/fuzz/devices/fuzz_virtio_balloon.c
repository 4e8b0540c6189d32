/* SPDX-License-Identifier: MIT */
/* fuzz_virtio_balloon.c - the balloon, which drops what a driver names from memory: rings among it. */
#include "devices/virtio/balloon.h"
#include "tests/fuzz/devices/virtio_fuzz.h"

static struct device *fuzz_create(struct mock_env *m, u8 choice)
{
	const struct dev_range mmio = { DEV_MMIO, PC_VIRTIO_BASE, PC_VIRTIO_STEP };

	return virtio_balloon_create(&m->env, &mmio, mock_line(m, 16), choice & 1);
}

static void fuzz_backend(struct mock_env *m, struct device *dev, u8 a, u32 value)
{
	struct virtio_balloon_info info;

	(void)m;
	if (a & 1)
		virtio_balloon_set_target(dev, (u64)value << 12);
	else
		virtio_balloon_ask_stats(dev);
	virtio_balloon_info(dev, &info);
	if (info.target > FUZZ_MEM)
		abort();
}

static void fuzz_destroy(struct mock_env *m, struct device *dev)
{
	(void)m;
	dev->class->destroy(dev);
}
