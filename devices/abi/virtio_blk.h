/* SPDX-License-Identifier: MIT */
/*
 * virtio_blk.h - virtio block device (virtio 1.2, 5.2); shared by VMM and guest. Freestanding.
 *
 * Request queues 0 .. num_queues - 1 (one without VIRTIO_BLK_F_MQ). A request is a struct
 * virtio_blk_req that the device reads, the data (read or written by it), and one status byte that
 * it writes; how they are cut into descriptors does not matter (VIRTIO_F_VERSION_1 alone is
 * enough for that), but all that the device reads comes first. Offered: SEG_MAX, BLK_SIZE,
 * FLUSH, TOPOLOGY, MQ, DISCARD, WRITE_ZEROES, and RO for a read-only disk. Without FLUSH each write is
 * on the disk when it completes; with it, when a later VIRTIO_BLK_T_FLUSH does.
 */
#ifndef DEVICES_ABI_VIRTIO_BLK_H
#define DEVICES_ABI_VIRTIO_BLK_H

#define VIRTIO_BLK_F_SEG_MAX	  2
#define VIRTIO_BLK_F_RO		  5
#define VIRTIO_BLK_F_BLK_SIZE	  6
#define VIRTIO_BLK_F_FLUSH	  9
#define VIRTIO_BLK_F_TOPOLOGY	  10
#define VIRTIO_BLK_F_MQ		  12
#define VIRTIO_BLK_F_DISCARD	  13
#define VIRTIO_BLK_F_WRITE_ZEROES 14

#define VIRTIO_BLK_SECTOR	  512 /* unit of all sector numbers, whatever blk_size says */

/* struct virtio_blk_req.type */
#define VIRTIO_BLK_T_IN		  0 /* read */
#define VIRTIO_BLK_T_OUT	  1 /* write */
#define VIRTIO_BLK_T_FLUSH	  4
#define VIRTIO_BLK_T_GET_ID	  8  /* the serial number, 20 bytes padded with zeroes */
#define VIRTIO_BLK_T_DISCARD	  11 /* data: struct virtio_blk_range, one or more */
#define VIRTIO_BLK_T_WRITE_ZEROES 13 /* the same */

#define VIRTIO_BLK_ID_BYTES	  20

/* status */
#define VIRTIO_BLK_S_OK	    0
#define VIRTIO_BLK_S_IOERR  1
#define VIRTIO_BLK_S_UNSUPP 2

/* struct virtio_blk_range.flags, with WRITE_ZEROES: the range may be unmapped */
#define VIRTIO_BLK_RANGE_F_UNMAP 1

#ifndef __ASSEMBLER__
#include <stdint.h>

/* Configuration space, with the fields' offsets as the specification lays them out. */
struct virtio_blk_config {
	uint64_t capacity; /* sectors */
	uint32_t size_max;
	uint32_t seg_max; /* data segments in one request */
	uint16_t cylinders;
	uint8_t heads, sectors;
	uint32_t blk_size;
	uint8_t physical_block_exp; /* log2 of blk_size units in a physical block */
	uint8_t alignment_offset;
	uint16_t min_io_size; /* in blk_size units */
	uint32_t opt_io_size;
	uint8_t writeback;
	uint8_t unused0;
	uint16_t num_queues;
	uint32_t max_discard_sectors;
	uint32_t max_discard_seg;
	uint32_t discard_sector_alignment;
	uint32_t max_write_zeroes_sectors;
	uint32_t max_write_zeroes_seg;
	uint8_t write_zeroes_may_unmap;
	uint8_t unused1[3];
} __attribute__((packed));

struct virtio_blk_req {
	uint32_t type;
	uint32_t reserved;
	uint64_t sector;
};

struct virtio_blk_range {
	uint64_t sector;
	uint32_t num_sectors;
	uint32_t flags;
};
#endif

#endif
