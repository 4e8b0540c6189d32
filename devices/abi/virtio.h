/* SPDX-License-Identifier: MIT */
/*
 * virtio.h - the virtio 1.2 transport over MMIO, and the layout of its queues; shared by VMM and
 * guest. Freestanding. Section numbers are those of "Virtual I/O Device (VIRTIO) Version 1.2".
 *
 * Parallax has up to PC_VIRTIO_SLOTS devices, slot n with its registers at PC_VIRTIO_BASE +
 * n * PC_VIRTIO_STEP. The device tree says so with a node for each device that is there:
 *
 *	/platform/virtio_mmio@feb00000
 *		compatible = "virtio,mmio"
 *		reg = <base, length>, two cells each
 *		interrupts = <GSI>: an edge (active high), not shared
 *
 * and ACPI with an "LNRO0005" device. Which kind of device it is, VIRTIO_MMIO_DEVICE_ID tells.
 * Everything is little-endian; the legacy interface (version 1) is not offered, so a driver must
 * accept VIRTIO_F_VERSION_1. VIRTIO_F_RING_PACKED, VIRTIO_F_RING_EVENT_IDX and
 * VIRTIO_F_RING_INDIRECT_DESC are always offered, and a driver takes any of them or none.
 *
 * A doorbell (QUEUE_NOTIFY, 4 bytes, the queue's index) may be answered inside KVM: it returns
 * before the device has looked. A reset (STATUS = 0) has happened when the write returns: the
 * device touches no buffer afterwards.
 */
#ifndef DEVICES_ABI_VIRTIO_H
#define DEVICES_ABI_VIRTIO_H

/* --- registers (4.2.2), 4 bytes each; offset, and who writes (R: device, W: driver) ----------- */
#define VIRTIO_MMIO_MAGIC		0x000 /* R: VIRTIO_MMIO_MAGIC_VALUE */
#define VIRTIO_MMIO_VERSION		0x004 /* R: 2 */
#define VIRTIO_MMIO_DEVICE_ID		0x008 /* R: VIRTIO_ID_*; 0: an empty slot */
#define VIRTIO_MMIO_VENDOR_ID		0x00c /* R */
#define VIRTIO_MMIO_DEVICE_FEATURES	0x010 /* R: 32 bits, chosen by ..._SEL */
#define VIRTIO_MMIO_DEVICE_FEATURES_SEL 0x014 /* W: 0 or 1 */
#define VIRTIO_MMIO_DRIVER_FEATURES	0x020 /* W */
#define VIRTIO_MMIO_DRIVER_FEATURES_SEL 0x024 /* W */
#define VIRTIO_MMIO_QUEUE_SEL		0x030 /* W: which queue the QUEUE_* registers mean */
#define VIRTIO_MMIO_QUEUE_NUM_MAX	0x034 /* R: 0: no such queue */
#define VIRTIO_MMIO_QUEUE_NUM		0x038 /* W: its size, 1..NUM_MAX; split: a power of two */
#define VIRTIO_MMIO_QUEUE_READY		0x044 /* RW: 1 brings it up, 0 takes it down */
#define VIRTIO_MMIO_QUEUE_NOTIFY	0x050 /* W: the doorbell: a queue's index */
#define VIRTIO_MMIO_INTERRUPT_STATUS	0x060 /* R: VIRTIO_INT_* */
#define VIRTIO_MMIO_INTERRUPT_ACK	0x064 /* W: the bits that were handled */
#define VIRTIO_MMIO_STATUS		0x070 /* RW: VIRTIO_STATUS_*; 0 resets */
#define VIRTIO_MMIO_QUEUE_DESC_LOW	0x080 /* W: descriptor area (split and packed) */
#define VIRTIO_MMIO_QUEUE_DESC_HIGH	0x084
#define VIRTIO_MMIO_QUEUE_DRIVER_LOW	0x090 /* W: split: available ring; packed: driver events */
#define VIRTIO_MMIO_QUEUE_DRIVER_HIGH	0x094
#define VIRTIO_MMIO_QUEUE_DEVICE_LOW	0x0a0 /* W: split: used ring; packed: device events */
#define VIRTIO_MMIO_QUEUE_DEVICE_HIGH	0x0a4
#define VIRTIO_MMIO_SHM_LEN_LOW		0x0b0 /* R: all-ones: no shared memory */
#define VIRTIO_MMIO_SHM_LEN_HIGH	0x0b4
#define VIRTIO_MMIO_SHM_BASE_LOW	0x0b8
#define VIRTIO_MMIO_SHM_BASE_HIGH	0x0bc
#define VIRTIO_MMIO_QUEUE_RESET		0x0c0 /* RW: with VIRTIO_F_RING_RESET, which is not offered */
#define VIRTIO_MMIO_CONFIG_GENERATION	0x0fc /* R: changes when the configuration does */
#define VIRTIO_MMIO_CONFIG		0x100 /* the device's own configuration space */

#define VIRTIO_MMIO_MAGIC_VALUE		0x74726976 /* "virt" */
#define VIRTIO_MMIO_VERSION_VALUE	2

/* INTERRUPT_STATUS */
#define VIRTIO_INT_QUEUE  1 /* the device used a buffer */
#define VIRTIO_INT_CONFIG 2 /* the configuration changed, or the device needs a reset */

/* STATUS (2.1) */
#define VIRTIO_STATUS_ACKNOWLEDGE 0x01
#define VIRTIO_STATUS_DRIVER	  0x02
#define VIRTIO_STATUS_DRIVER_OK	  0x04
#define VIRTIO_STATUS_FEATURES_OK 0x08
#define VIRTIO_STATUS_NEEDS_RESET 0x40 /* the device gave up: the driver broke a rule */
#define VIRTIO_STATUS_FAILED	  0x80

/* DEVICE_ID (5) */
#define VIRTIO_ID_NET	  1
#define VIRTIO_ID_BLOCK	  2
#define VIRTIO_ID_CONSOLE 3
#define VIRTIO_ID_RNG	  4
#define VIRTIO_ID_BALLOON 5

/* Feature bits of the transport and the queues (6), as bit numbers of a 64-bit mask. */
#define VIRTIO_F_RING_INDIRECT_DESC 28
#define VIRTIO_F_RING_EVENT_IDX	    29
#define VIRTIO_F_VERSION_1	    32
#define VIRTIO_F_RING_PACKED	    34
#define VIRTIO_F_RING_RESET	    40

/* The largest queue of any Parallax device. */
#define VIRTQ_MAX_SIZE 256

/* --- split queues (2.7) ------------------------------------------------------------------------ */
#define VIRTQ_DESC_F_NEXT	   1 /* the buffer goes on in descriptor `next` (packed: the next one) */
#define VIRTQ_DESC_F_WRITE	   2 /* written by the device; otherwise only read */
#define VIRTQ_DESC_F_INDIRECT	   4 /* points to a table of descriptors */

#define VIRTQ_AVAIL_F_NO_INTERRUPT 1 /* avail.flags, without EVENT_IDX */
#define VIRTQ_USED_F_NO_NOTIFY	   1 /* used.flags, without EVENT_IDX */

#define VIRTQ_DESC_ALIGN	   16
#define VIRTQ_AVAIL_ALIGN	   2
#define VIRTQ_USED_ALIGN	   4
#define VIRTQ_PACKED_ALIGN	   16 /* descriptor ring; the event structures: 4 */
#define VIRTQ_EVENT_ALIGN	   4

/* Sizes in bytes of the three parts for a queue of n; the last two hold the event index as well. */
#define VIRTQ_DESC_BYTES(n)  (16u * (n))
#define VIRTQ_AVAIL_BYTES(n) (6u + 2u * (n))
#define VIRTQ_USED_BYTES(n)  (6u + 8u * (n))

/* --- packed queues (2.8): flags beside NEXT, WRITE and INDIRECT --------------------------------- */
#define VIRTQ_PACKED_DESC_F_AVAIL 0x0080
#define VIRTQ_PACKED_DESC_F_USED  0x8000

/* struct virtq_packed_event.flags */
#define VIRTQ_EVENT_ENABLE  0
#define VIRTQ_EVENT_DISABLE 1
#define VIRTQ_EVENT_DESC    2 /* with EVENT_IDX: at descriptor off_wrap; bit 15: wrap counter */

#ifndef __ASSEMBLER__
#include <stdint.h>

struct virtq_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

struct virtq_avail {
	uint16_t flags;
	uint16_t idx;
	uint16_t ring[]; /* behind the last entry: used_event */
};

struct virtq_used_elem {
	uint32_t id;
	uint32_t len; /* bytes that the device wrote */
};

struct virtq_used {
	uint16_t flags;
	uint16_t idx;
	struct virtq_used_elem ring[]; /* behind the last entry: uint16_t avail_event */
};

struct virtq_packed_desc {
	uint64_t addr;
	uint32_t len; /* used: bytes that the device wrote */
	uint16_t id;
	uint16_t flags;
};

struct virtq_packed_event {
	uint16_t off_wrap;
	uint16_t flags;
};
#endif

#endif
