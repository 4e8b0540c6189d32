/* SPDX-License-Identifier: MIT */
/*
 * virtio_balloon.h - virtio memory balloon (virtio 1.2, 5.5); shared by VMM and guest. Freestanding.
 *
 * Queue 0 inflates and queue 1 deflates: a buffer that the device reads is an array of 32-bit page
 * frame numbers (4 KiB pages). With VIRTIO_BALLOON_F_STATS_VQ queue 2 carries statistics: the driver
 * gives one buffer of struct virtio_balloon_stat, the device returns it when it wants newer ones.
 * With VIRTIO_BALLOON_F_REPORTING the next queue (3, or 2 without statistics) reports free
 * memory: each buffer of a chain *is* free memory, which reads as zeroes or as before once it was
 * returned. The entropy source (VIRTIO_ID_RNG) has no header: its queue 0 takes buffers to fill.
 */
#ifndef DEVICES_ABI_VIRTIO_BALLOON_H
#define DEVICES_ABI_VIRTIO_BALLOON_H

#define VIRTIO_BALLOON_F_MUST_TELL_HOST 0 /* not offered: a page may be used at once */
#define VIRTIO_BALLOON_F_STATS_VQ	1
#define VIRTIO_BALLOON_F_DEFLATE_ON_OOM 2
#define VIRTIO_BALLOON_F_REPORTING	5

#define VIRTIO_BALLOON_INFLATEQ		0
#define VIRTIO_BALLOON_DEFLATEQ		1
#define VIRTIO_BALLOON_PFN_SHIFT	12

/* struct virtio_balloon_stat.tag; values are bytes or counts since boot */
#define VIRTIO_BALLOON_S_SWAP_IN      0
#define VIRTIO_BALLOON_S_SWAP_OUT     1
#define VIRTIO_BALLOON_S_MAJFLT	      2
#define VIRTIO_BALLOON_S_MINFLT	      3
#define VIRTIO_BALLOON_S_MEMFREE      4
#define VIRTIO_BALLOON_S_MEMTOT	      5
#define VIRTIO_BALLOON_S_AVAIL	      6
#define VIRTIO_BALLOON_S_CACHES	      7
#define VIRTIO_BALLOON_S_HTLB_PGALLOC 8
#define VIRTIO_BALLOON_S_HTLB_PGFAIL  9
#define VIRTIO_BALLOON_NR_STATS	      10

#ifndef __ASSEMBLER__
#include <stdint.h>

struct virtio_balloon_config {
	uint32_t num_pages; /* what the device wants */
	uint32_t actual;    /* what the driver gave; written by it */
} __attribute__((packed));

struct virtio_balloon_stat {
	uint16_t tag;
	uint64_t val;
} __attribute__((packed));
#endif

#endif
