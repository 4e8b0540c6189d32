/* SPDX-License-Identifier: MIT */
/* virtio_mmio.c - registers of a virtio device (virtio 1.2, 4.2.2) and what they are used for. */
#include "guest/arch/x86/paging.h"
#include "guest/drivers/device.h"
#include "guest/drivers/virtio/virtio.h"
#include "guest/kernel/boot_info.h"
#include "guest/kernel/printk.h"
#include "guest/lib/errno.h"

static u32 read_reg(const struct virtio_device *vd, u32 reg)
{
	return *(volatile u32 *)(vd->regs + reg);
}

static void write_reg(const struct virtio_device *vd, u32 reg, u32 value)
{
	*(volatile u32 *)(vd->regs + reg) = value;
}

static void add_status(const struct virtio_device *vd, u32 bit)
{
	write_reg(vd, VIRTIO_MMIO_STATUS, read_reg(vd, VIRTIO_MMIO_STATUS) | bit);
}

int virtio_start(struct virtio_device *vd, u64 wanted)
{
	u64 offered;

	wanted |= VIRTIO_BIT(VIRTIO_F_VERSION_1) | VIRTIO_BIT(VIRTIO_F_RING_EVENT_IDX);
	virtio_reset(vd);
	write_reg(vd, VIRTIO_MMIO_STATUS, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
	write_reg(vd, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
	offered = read_reg(vd, VIRTIO_MMIO_DEVICE_FEATURES);
	write_reg(vd, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
	offered |= (u64)read_reg(vd, VIRTIO_MMIO_DEVICE_FEATURES) << 32;
	vd->features = offered & wanted;
	write_reg(vd, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	write_reg(vd, VIRTIO_MMIO_DRIVER_FEATURES, (u32)vd->features);
	write_reg(vd, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	write_reg(vd, VIRTIO_MMIO_DRIVER_FEATURES, (u32)(vd->features >> 32));
	add_status(vd, VIRTIO_STATUS_FEATURES_OK);
	if (virtio_has(vd, VIRTIO_F_VERSION_1) &&
	    (read_reg(vd, VIRTIO_MMIO_STATUS) & VIRTIO_STATUS_FEATURES_OK))
		return 0;
	write_reg(vd, VIRTIO_MMIO_STATUS, VIRTIO_STATUS_FAILED);
	return -ENODEV;
}

void virtio_ready(struct virtio_device *vd)
{
	add_status(vd, VIRTIO_STATUS_DRIVER_OK);
}

void virtio_reset(struct virtio_device *vd)
{
	write_reg(vd, VIRTIO_MMIO_STATUS, 0);
	while (read_reg(vd, VIRTIO_MMIO_STATUS))
		;
}

/* Fields keep their widths: 4 bytes at a time where both ends are aligned, single bytes elsewhere. */
static void copy_config(const struct virtio_device *vd, u32 offset, u8 *to, u32 n)
{
	const volatile u8 *from = vd->regs + VIRTIO_MMIO_CONFIG + offset;

	while (n) {
		u32 step = n >= 4 && offset % 4 == 0 ? 4 : n >= 2 && offset % 2 == 0 ? 2 : 1;
		u32 v = step == 4   ? *(const volatile u32 *)from
			: step == 2 ? *(const volatile u16 *)from
				    : *from;

		__builtin_memcpy(to, &v, step);
		from += step;
		to += step;
		offset += step;
		n -= step;
	}
}

void virtio_config_read(const struct virtio_device *vd, u32 offset, void *to, u32 n)
{
	u32 before;

	do {
		before = read_reg(vd, VIRTIO_MMIO_CONFIG_GENERATION);
		copy_config(vd, offset, to, n);
	} while (read_reg(vd, VIRTIO_MMIO_CONFIG_GENERATION) != before);
}

void virtio_config_write32(const struct virtio_device *vd, u32 offset, u32 value)
{
	write_reg(vd, VIRTIO_MMIO_CONFIG + offset, value);
}

bool virtio_config_changed(const struct virtio_device *vd)
{
	u32 what = read_reg(vd, VIRTIO_MMIO_INTERRUPT_STATUS);

	write_reg(vd, VIRTIO_MMIO_INTERRUPT_ACK, what);
	return what & VIRTIO_INT_CONFIG;
}

bool virtio_irq(struct virtio_device *vd, const char *name, irq_handler_fn fn, void *arg)
{
	return device_irq(vd->gsi, name, fn, arg);
}

static void set_address(const struct virtio_device *vd, u32 low_reg, const volatile void *p)
{
	phys_t pa = __pa(p);

	write_reg(vd, low_reg, (u32)pa);
	write_reg(vd, low_reg + 4, (u32)(pa >> 32));
}

int vq_setup(struct virtio_device *vd, struct virtqueue *vq, unsigned index, void *memory)
{
	u8 *p = memory;
	u32 most;

	write_reg(vd, VIRTIO_MMIO_QUEUE_SEL, index);
	most = read_reg(vd, VIRTIO_MMIO_QUEUE_NUM_MAX);
	if (!most || read_reg(vd, VIRTIO_MMIO_QUEUE_READY))
		return -ENODEV;
	*vq = (struct virtqueue){ .vd = vd, .index = index, .num = (u16)MIN(most, VQ_SIZE) };
	while (vq->num & (vq->num - 1))
		vq->num &= (u16)(vq->num - 1);
	vq->nr_free = vq->num;
	vq->desc = memory;
	vq->avail = (struct virtq_avail *)(p + VIRTQ_DESC_BYTES(vq->num));
	vq->used = (struct virtq_used *)(p + ALIGN_UP(VIRTQ_DESC_BYTES(vq->num) +
							      VIRTQ_AVAIL_BYTES(vq->num),
						      VIRTQ_USED_ALIGN));
	for (u16 i = 0; i < vq->num; i++)
		vq->desc[i].next = (u16)(i + 1);
	write_reg(vd, VIRTIO_MMIO_QUEUE_NUM, vq->num);
	set_address(vd, VIRTIO_MMIO_QUEUE_DESC_LOW, vq->desc);
	set_address(vd, VIRTIO_MMIO_QUEUE_DRIVER_LOW, vq->avail);
	set_address(vd, VIRTIO_MMIO_QUEUE_DEVICE_LOW, vq->used);
	write_reg(vd, VIRTIO_MMIO_QUEUE_READY, 1);
	return 0;
}

/* ---- which devices there are ------------------------------------------------------------------- */

static const struct {
	u32 id;
	const char *name;
	int (*probe)(struct virtio_device *vd);
} drivers[] = {
	{ VIRTIO_ID_CONSOLE, "console", virtio_console_probe },
	{ VIRTIO_ID_BLOCK, "disk", virtio_blk_probe },
	{ VIRTIO_ID_RNG, "entropy source", virtio_rng_probe },
	{ VIRTIO_ID_BALLOON, "balloon", virtio_balloon_probe },
	{ VIRTIO_ID_NET, "network card", virtio_net_probe },
};

static int start_driver(struct virtio_device *vd)
{
	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++) {
		int err;

		if (drivers[i].id != vd->id)
			continue;
		err = drivers[i].probe(vd);
		if (err) {
			pr_err("  virtio %s at GSI %u: error %d", drivers[i].name, vd->gsi, -err);
			virtio_reset(vd);
		}
		return err;
	}
	return -ENODEV;
}

static bool is_virtio(const volatile u8 *regs)
{
	return *(const volatile u32 *)(regs + VIRTIO_MMIO_MAGIC) == VIRTIO_MMIO_MAGIC_VALUE &&
	       *(const volatile u32 *)(regs + VIRTIO_MMIO_VERSION) == VIRTIO_MMIO_VERSION_VALUE;
}

#define for_each_virtio_node(n)                                                                \
	for ((n) = dt_find_compatible(&boot_info.fdt, DT_NONE, "virtio,mmio"); (n) != DT_NONE; \
	     (n) = dt_find_compatible(&boot_info.fdt, (n), "virtio,mmio"))

bool virtio_present_early(u32 id)
{
	dt_node n;
	u64 base, size;

	if (!boot_info.has_fdt)
		return false;
	for_each_virtio_node (n) {
		const volatile u8 *regs;

		if (!dt_reg(&boot_info.fdt, n, 0, &base, &size) || base + size > EARLY_MAP_SIZE)
			continue;
		regs = __va(base);
		if (is_virtio(regs) && *(const volatile u32 *)(regs + VIRTIO_MMIO_DEVICE_ID) == id)
			return true;
	}
	return false;
}

unsigned virtio_probe(void)
{
	static struct virtio_device devices[8];
	unsigned nr = 0, found = 0;
	dt_node n;

	if (!boot_info.has_fdt)
		return 0;
	for_each_virtio_node (n) {
		struct virtio_device *vd = &devices[nr];
		u64 base, size;
		u32 gsi;

		if (nr == ARRAY_SIZE(devices) || !dt_reg(&boot_info.fdt, n, 0, &base, &size) ||
		    !dt_u32(&boot_info.fdt, n, "interrupts", &gsi))
			continue;
		vd->regs = device_map(base);
		if (!vd->regs || !is_virtio(vd->regs))
			continue;
		vd->gsi = gsi;
		vd->id = read_reg(vd, VIRTIO_MMIO_DEVICE_ID);
		nr++;
		found += !start_driver(vd);
	}
	return found;
}
