/* SPDX-License-Identifier: MIT */
/* virtio_mmio.c - the registers of virtio-mmio (virtio 1.2, 4.2.2), and how a device is found. */
#include <libfdt.h>
#include <stdio.h>
#include <string.h>

#include "devices/abi/pc.h"
#include "devices/aml.h"
#include "devices/virtio/virtio_priv.h"

#define VENDOR_ID 0x584c5050 /* "PPLX" */

/* --- reading ------------------------------------------------------------------------------------- */

static u64 read_config(struct virtio_dev *vd, u64 offset, unsigned size)
{
	u64 value = UINT64_MAX;

	pthread_mutex_lock(&vd->lock);
	if (offset < vd->config_len)
		memcpy(&value, vd->config + offset, MIN((u64)size, vd->config_len - offset));
	pthread_mutex_unlock(&vd->lock);
	return value;
}

static u32 read_locked(struct virtio_dev *vd, u64 offset)
{
	const struct virtio_state *s = &vd->s;
	bool queue = s->queue_sel < vd->nr_queues;

	switch (offset) {
	case VIRTIO_MMIO_DEVICE_FEATURES:
		return s->device_features_sel < 2
			       ? (u32)(vd->features >> (32 * s->device_features_sel))
			       : 0;
	case VIRTIO_MMIO_QUEUE_NUM_MAX:
		return queue ? vd->vq[s->queue_sel].max : 0;
	case VIRTIO_MMIO_QUEUE_READY:
		return queue ? s->queue[s->queue_sel].ready : 0;
	case VIRTIO_MMIO_SHM_LEN_LOW:
	case VIRTIO_MMIO_SHM_LEN_HIGH:
	case VIRTIO_MMIO_SHM_BASE_LOW:
	case VIRTIO_MMIO_SHM_BASE_HIGH:
		return UINT32_MAX;
	}
	return 0;
}

u64 virtio_mmio_read(struct device *dev, unsigned range, u64 offset, unsigned size)
{
	struct virtio_dev *vd = to_virtio(dev);
	u32 value;

	(void)range;
	if (offset >= VIRTIO_MMIO_CONFIG)
		return read_config(vd, offset - VIRTIO_MMIO_CONFIG, size) &
		       (UINT64_MAX >> (64 - 8 * size));
	/* 4.2.2.2: the registers are read and written as aligned words. */
	if (size != 4 || offset % 4)
		return UINT64_MAX >> (64 - 8 * size);
	switch (offset) {
	case VIRTIO_MMIO_INTERRUPT_STATUS:
		return __atomic_load_n(&vd->s.isr, __ATOMIC_SEQ_CST);
	case VIRTIO_MMIO_STATUS:
		return __atomic_load_n(&vd->s.status, __ATOMIC_SEQ_CST);
	case VIRTIO_MMIO_CONFIG_GENERATION:
		return __atomic_load_n(&vd->s.generation, __ATOMIC_ACQUIRE);
	case VIRTIO_MMIO_MAGIC:
		return VIRTIO_MMIO_MAGIC_VALUE;
	case VIRTIO_MMIO_VERSION:
		return VIRTIO_MMIO_VERSION_VALUE;
	case VIRTIO_MMIO_DEVICE_ID:
		return vd->vc->device_id;
	case VIRTIO_MMIO_VENDOR_ID:
		return VENDOR_ID;
	}
	pthread_mutex_lock(&vd->lock);
	value = read_locked(vd, offset);
	pthread_mutex_unlock(&vd->lock);
	return value;
}

/* --- writing ------------------------------------------------------------------------------------- */

/* Which half of a 64-bit register: the high one lies 4 bytes behind the low one. */
static void set_half(u64 *reg, bool high, u32 value)
{
	*reg = high ? (*reg & 0xffffffff) | (u64)value << 32 : (*reg & ~0xffffffffULL) | value;
}

static void write_features(struct virtio_dev *vd, u32 value)
{
	/* 3.1.1: settled once FEATURES_OK is set. */
	if (vd->s.driver_features_sel < 2 && !(vd->s.status & VIRTIO_STATUS_FEATURES_OK))
		set_half(&vd->s.driver_features, vd->s.driver_features_sel, value);
}

static void write_queue_ready(struct virtio_dev *vd, struct virtqueue *vq, bool up)
{
	struct virtq_state *s = vq->s;

	if (up == s->ready || !(vd->s.status & VIRTIO_STATUS_FEATURES_OK))
		return;
	if (up) {
		s->next_avail = s->next_used = s->signalled_used = s->in_flight = 0;
		s->avail_wrap = s->used_wrap = s->signalled_wrap = 1;
		s->broken = 0;
		if (vq_start(vq, vd->s.driver_features)) {
			virtio_broken(vd);
			return;
		}
		s->ready = 1;
		/* DRIVER_OK may have come before. */
		virtio_kick(vd);
		return;
	}
	/* 4.2.2.2: a driver that reads 0 back may free the ring. */
	virtio_quiesce(vd);
	virtio_queue_down(vd, vd->s.queue_sel);
}

static void write_queue(struct virtio_dev *vd, u64 offset, u32 value)
{
	struct virtqueue *vq;
	struct virtq_state *s;

	if (vd->s.queue_sel >= vd->nr_queues)
		return;
	vq = &vd->vq[vd->s.queue_sel];
	s = vq->s;
	if (offset == VIRTIO_MMIO_QUEUE_READY) {
		if (value <= 1)
			write_queue_ready(vd, vq, value);
		return;
	}
	if (s->ready)
		return;
	switch (offset) {
	case VIRTIO_MMIO_QUEUE_NUM:
		s->size = (u16)MIN(value, (u32)UINT16_MAX);
		break;
	case VIRTIO_MMIO_QUEUE_DESC_LOW:
	case VIRTIO_MMIO_QUEUE_DESC_HIGH:
		set_half(&s->desc, offset & 4, value);
		break;
	case VIRTIO_MMIO_QUEUE_DRIVER_LOW:
	case VIRTIO_MMIO_QUEUE_DRIVER_HIGH:
		set_half(&s->driver, offset & 4, value);
		break;
	case VIRTIO_MMIO_QUEUE_DEVICE_LOW:
	case VIRTIO_MMIO_QUEUE_DEVICE_HIGH:
		set_half(&s->device, offset & 4, value);
		break;
	}
}

static void write_status(struct virtio_dev *vd, u32 value)
{
	const u32 known = VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER |
			  VIRTIO_STATUS_DRIVER_OK | VIRTIO_STATUS_FEATURES_OK |
			  VIRTIO_STATUS_FAILED;
	u32 old = vd->s.status, new;

	if (!value) {
		virtio_reset_locked(vd);
		return;
	}
	new = old | (value & known); /* 2.1.1: bits fall by a reset only */
	if (new & ~old & VIRTIO_STATUS_FEATURES_OK) {
		u64 f = vd->s.driver_features;

		if ((f & ~vd->features) || !(f & VIRTIO_BIT(VIRTIO_F_VERSION_1)))
			new &= ~(u32)VIRTIO_STATUS_FEATURES_OK; /* 2.2.2 */
		else if (vd->vc->features)
			vd->vc->features(vd, f);
	}
	__atomic_store_n(&vd->s.status, new, __ATOMIC_SEQ_CST);
	if (new & ~old & VIRTIO_STATUS_DRIVER_OK)
		virtio_kick(vd); /* buffers may be waiting already */
}

static void write_locked(struct virtio_dev *vd, u64 offset, u32 value)
{
	switch (offset) {
	case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
		vd->s.device_features_sel = value;
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
		vd->s.driver_features_sel = value;
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES:
		write_features(vd, value);
		break;
	case VIRTIO_MMIO_QUEUE_SEL:
		vd->s.queue_sel = value;
		break;
	case VIRTIO_MMIO_STATUS:
		write_status(vd, value);
		break;
	default:
		write_queue(vd, offset, value);
		break;
	}
}

void virtio_mmio_write(struct device *dev, unsigned range, u64 offset, unsigned size, u64 value)
{
	struct virtio_dev *vd = to_virtio(dev);

	(void)range;
	if (offset >= VIRTIO_MMIO_CONFIG) {
		u64 at = offset - VIRTIO_MMIO_CONFIG;

		if (!vd->vc->config_write || at >= vd->config_len || vd->config_len - at < size)
			return;
		pthread_mutex_lock(&vd->lock);
		vd->vc->config_write(vd, (u32)at, (const u8 *)&value, size);
		pthread_mutex_unlock(&vd->lock);
		return;
	}
	if (size != 4 || offset % 4)
		return;
	if (offset == VIRTIO_MMIO_QUEUE_NOTIFY) {
		virtio_kick(vd);
		return;
	}
	if (offset == VIRTIO_MMIO_INTERRUPT_ACK) {
		__atomic_fetch_and(&vd->s.isr, ~(u32)value, __ATOMIC_SEQ_CST);
		return;
	}
	pthread_mutex_lock(&vd->lock);
	write_locked(vd, offset, (u32)value);
	pthread_mutex_unlock(&vd->lock);
}

/* --- being found ----------------------------------------------------------------------------------- */

/* Linux Documentation/devicetree/bindings/virtio/mmio.yaml; one interrupt cell, as all devices here. */
int virtio_describe_fdt(const struct device *dev, void *fdt)
{
	const struct dev_range *r = &dev->range[0];
	const fdt64_t reg[2] = { cpu_to_fdt64(r->base), cpu_to_fdt64(r->len) };
	char name[40];
	int err;

	snprintf(name, sizeof(name), "virtio_mmio@%llx", (unsigned long long)r->base);
	err = fdt_begin_node(fdt, name);
	err = err ? err : fdt_property_string(fdt, "compatible", "virtio,mmio");
	err = err ? err : fdt_property(fdt, "reg", reg, sizeof(reg));
	err = err ? err : fdt_property_u32(fdt, "interrupts", dev->irq.gsi);
	return err ? err : fdt_end_node(fdt);
}

/* "LNRO0005" is what Linux binds its virtio-mmio driver to. */
void virtio_describe_acpi(const struct device *dev, struct aml *a)
{
	const struct dev_range *r = &dev->range[0];
	unsigned slot = (unsigned)((r->base - PC_VIRTIO_BASE) / PC_VIRTIO_STEP);
	char name[8];

	snprintf(name, sizeof(name), "VR%02u", slot % 100);
	aml_device_begin(a, name);
	aml_name_string(a, "_HID", "LNRO0005");
	aml_name_int(a, "_UID", slot);
	aml_name_int(a, "_CCA", 1); /* its accesses are coherent */
	aml_resources_begin(a, "_CRS");
	aml_resource_memory32(a, (u32)r->base, (u32)r->len, true);
	aml_resource_interrupt(a, dev->irq.gsi, AML_EDGE, AML_ACTIVE_HIGH, false);
	aml_resources_end(a);
	aml_device_end(a);
}
