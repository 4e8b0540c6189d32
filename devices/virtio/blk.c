/* SPDX-License-Identifier: MIT */
/* blk.c - see blk.h. Life and configuration space; requests: blk_io.c. */
#include "devices/virtio/blk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "devices/virtio/blk_priv.h"

static void set_capacity(struct virtio_blk *blk)
{
	blk->config.capacity = block_size(blk->block) / VIRTIO_BLK_SECTOR;
}

void blk_check_size(struct virtio_blk *blk)
{
	u64 before = blk->config.capacity;

	set_capacity(blk);
	if (blk->config.capacity != before)
		virtio_config_changed(&blk->vd);
}

void virtio_blk_resized(struct device *dev)
{
	struct virtio_blk *blk = to_blk(to_virtio(dev));

	pthread_mutex_lock(&blk->vd.lock);
	block_refresh_size(blk->block);
	blk_check_size(blk);
	pthread_mutex_unlock(&blk->vd.lock);
}

static void on_completion(void *arg, u32 events)
{
	struct virtio_blk *blk = arg;

	(void)events;
	pthread_mutex_lock(&blk->vd.lock);
	blk_complete(blk);
	pthread_mutex_unlock(&blk->vd.lock);
}

static void blk_quiesce(struct virtio_dev *vd)
{
	struct virtio_blk *blk = to_blk(vd);

	block_drain(blk->block);
	blk_signal(blk);
	blk->stalled = 0;
}

static const struct virtio_class blk_virtio = {
	.device_id = VIRTIO_ID_BLOCK,
	.queue_ready = blk_queue_ready,
	.quiesce = blk_quiesce,
};

static u64 fill_config(struct virtio_blk *blk, const struct virtio_blk_init *init)
{
	u32 logical = block_logical_size(init->block), ratio;
	u64 features = VIRTIO_BIT(VIRTIO_BLK_F_SEG_MAX) | VIRTIO_BIT(VIRTIO_BLK_F_BLK_SIZE) |
		       VIRTIO_BIT(VIRTIO_BLK_F_FLUSH) | VIRTIO_BIT(VIRTIO_BLK_F_TOPOLOGY) |
		       VIRTIO_BIT(VIRTIO_BLK_F_MQ);

	ratio = MAX(block_physical_size(init->block) / logical, 1u);
	blk->config = (struct virtio_blk_config){
		.seg_max = BLK_MAX_SEGS,
		.blk_size = logical,
		.physical_block_exp = (u8)(31 - __builtin_clz(ratio)),
		.min_io_size = (u16)MIN(ratio, (u32)UINT16_MAX),
		.num_queues = (u16)init->queues,
		.max_discard_sectors = BLK_MAX_RANGE,
		.max_discard_seg = 1,
		.discard_sector_alignment = block_physical_size(init->block) / VIRTIO_BLK_SECTOR,
		.max_write_zeroes_sectors = BLK_MAX_RANGE,
		.max_write_zeroes_seg = 1,
		.write_zeroes_may_unmap = 1,
	};
	set_capacity(blk);
	if (block_read_only(init->block))
		return features | VIRTIO_BIT(VIRTIO_BLK_F_RO);
	return features | VIRTIO_BIT(VIRTIO_BLK_F_DISCARD) | VIRTIO_BIT(VIRTIO_BLK_F_WRITE_ZEROES);
}

static void blk_destroy(struct device *dev)
{
	struct virtio_blk *blk = to_blk(to_virtio(dev));
	int fd = block_event_fd(blk->block);

	block_drain(blk->block);
	if (fd >= 0)
		dev->env->unwatch_fd(dev->env->ctx, fd);
	virtio_fini(&blk->vd);
	block_close(blk->block);
	free(blk->slots);
	free(blk);
}

static int create(struct virtio_blk *blk, struct virtio_init *vi,
		  const struct virtio_blk_init *init)
{
	int fd = block_event_fd(init->block), err;

	/* Touched as far as requests were ever in flight together: the newest free one is used first. */
	blk->slots = calloc(BLOCK_MAX_IN_FLIGHT, sizeof(*blk->slots));
	if (!blk->slots)
		return -ENOMEM;
	vi->features = fill_config(blk, init);
	vi->config = (u8 *)&blk->config;
	err = virtio_init(&blk->vd, vi);
	if (!err && fd >= 0)
		err = vi->env->watch_fd(vi->env->ctx, fd, EPOLLIN, on_completion, blk);
	return err;
}

struct device *virtio_blk_create(const struct dev_env *env, const struct dev_range *mmio,
				 struct irq_line irq, const struct virtio_blk_init *init)
{
	struct virtio_init vi = {
		.dc = &virtio_blk_class,
		.vc = &blk_virtio,
		.env = env,
		.mmio = *mmio,
		.irq = irq,
		.nr_queues = init->queues,
		.queue_max = VIRTQ_MAX_SIZE,
		.config_len = sizeof(struct virtio_blk_config),
	};
	struct virtio_blk *blk = calloc(1, sizeof(*blk));
	int err = blk ? 0 : -ENOMEM;

	if (blk) {
		blk->block = init->block;
		memcpy(blk->serial, init->serial, strnlen(init->serial, sizeof(blk->serial)));
		err = create(blk, &vi, init);
	}
	if (!err)
		return &blk->vd.dev;
	if (blk) {
		virtio_fini(&blk->vd);
		free(blk->slots);
		free(blk);
	}
	block_close(init->block);
	errno = -err;
	return NULL;
}

const struct device_class virtio_blk_class = {
	.name = "virtio-blk",
	.description = "virtio disk",
	.reset = virtio_mmio_reset,
	.read = virtio_mmio_read,
	.write = virtio_mmio_write,
	.destroy = blk_destroy,
	.state_offset = offsetof(struct virtio_dev, s),
	.state_size = sizeof(struct virtio_state),
	.post_load = virtio_post_load,
	.describe_fdt = virtio_describe_fdt,
	.describe_acpi = virtio_describe_acpi,
};
