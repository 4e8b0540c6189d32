/* SPDX-License-Identifier: MIT */
/*
 * fuzz_virtio_blk.c - the virtio disk on a small image, with io_uring and without, one queue or four. An
 * image in memory is read and written before the submission returns; one that is opened with O_DIRECT
 * on a real disk, where there is one, keeps requests in flight.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "devices/block_priv.h"
#include "devices/virtio/blk_priv.h"

#define FUZZ_BUSY(dev) (to_blk(to_virtio(dev))->block->in_flight != 0)
#include "tests/fuzz/devices/virtio_fuzz.h"

#define IMAGE_SIZE (256 * KiB)

static int image = -1;

static struct device *fuzz_create(struct mock_env *m, u8 choice)
{
	const struct dev_range mmio = { DEV_MMIO, PC_VIRTIO_BASE, PC_VIRTIO_STEP };
	struct virtio_blk_init init = { .serial = "fuzz", .queues = choice & 1 ? 4 : 1 };
	char path[64];
	struct block_config cfg = { .path = path,
				    .read_only = choice & 2,
				    .no_uring = choice & 12 };
	struct error e;

	cfg.direct = (choice & 0x30) == 0x10;
	image = cfg.direct ? open("/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600) : -1;
	if (image < 0)
		image = memfd_create("image", MFD_CLOEXEC);
	if (image < 0 || ftruncate(image, IMAGE_SIZE))
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", image);
	if (block_open(&cfg, &init.block, &e)) {
		cfg.direct = false; /* a memory file system */
		if (block_open(&cfg, &init.block, &e))
			abort();
	}
	return virtio_blk_create(&m->env, &mmio, mock_line(m, 16), &init);
}

/* The image grows and shrinks under the guest. */
static void fuzz_backend(struct mock_env *m, struct device *dev, u8 a, u32 value)
{
	(void)m;
	if (ftruncate(image, value % (2 * IMAGE_SIZE)))
		abort();
	if (a & 1)
		virtio_blk_resized(dev);
}

static void fuzz_destroy(struct mock_env *m, struct device *dev)
{
	(void)m;
	dev->class->destroy(dev);
	close(image);
}
