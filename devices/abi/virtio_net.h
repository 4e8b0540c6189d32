/* SPDX-License-Identifier: MIT */
/*
 * virtio_net.h - virtio network card (virtio 1.2, 5.1); shared by VMM and guest. Freestanding.
 *
 * Queue 0 receives, queue 1 transmits. Each frame has a struct virtio_net_hdr before it, 12 bytes
 * whatever was negotiated (VIRTIO_F_VERSION_1). Offered: MAC, STATUS, MTU, MRG_RXBUF; with a tap also
 * CSUM, GUEST_CSUM and TSO both ways. Without MRG_RXBUF a receive buffer must hold the header and a
 * whole frame (1526 bytes, or 65562 with GUEST_TSO); a frame that does not fit is dropped.
 */
#ifndef DEVICES_ABI_VIRTIO_NET_H
#define DEVICES_ABI_VIRTIO_NET_H

#define VIRTIO_NET_F_CSUM	0 /* the device completes checksums of what is sent */
#define VIRTIO_NET_F_GUEST_CSUM 1 /* the driver takes frames with partial checksums */
#define VIRTIO_NET_F_MAC	5 /* config.mac is valid */
#define VIRTIO_NET_F_GUEST_TSO4 7 /* the driver takes segments larger than a frame */
#define VIRTIO_NET_F_GUEST_TSO6 8
#define VIRTIO_NET_F_GUEST_ECN	9
#define VIRTIO_NET_F_HOST_TSO4	11 /* the device takes them */
#define VIRTIO_NET_F_HOST_TSO6	12
#define VIRTIO_NET_F_HOST_ECN	13
#define VIRTIO_NET_F_MRG_RXBUF	15 /* a received frame may take several buffers */
#define VIRTIO_NET_F_STATUS	16 /* config.status is valid */

#define VIRTIO_NET_RXQ		0
#define VIRTIO_NET_TXQ		1

#define VIRTIO_NET_S_LINK_UP	1

/* struct virtio_net_hdr.flags */
#define VIRTIO_NET_HDR_F_NEEDS_CSUM 1 /* csum_start, csum_offset are valid */
#define VIRTIO_NET_HDR_F_DATA_VALID 2 /* received: the checksum was found right */

/* gso_type */
#define VIRTIO_NET_HDR_GSO_NONE	 0
#define VIRTIO_NET_HDR_GSO_TCPV4 1
#define VIRTIO_NET_HDR_GSO_TCPV6 4
#define VIRTIO_NET_HDR_GSO_ECN	 0x80

#ifndef __ASSEMBLER__
#include <stdint.h>

struct virtio_net_config {
	uint8_t mac[6];
	uint16_t status;
	uint16_t max_virtqueue_pairs;
} __attribute__((packed));

struct virtio_net_hdr {
	uint8_t flags;
	uint8_t gso_type;
	uint16_t hdr_len;
	uint16_t gso_size;
	uint16_t csum_start;
	uint16_t csum_offset;
	uint16_t num_buffers; /* received: buffers that the frame takes; sent: 0 */
} __attribute__((packed));
#endif

#endif
