/* SPDX-License-Identifier: MIT */
/* wire.h - how it looks on the wire; everything big-endian. For guest/net only. */
#ifndef GUEST_NET_WIRE_H
#define GUEST_NET_WIRE_H

#include "guest/net/net.h"

typedef struct {
	u8 b[2];
} be16;
typedef struct {
	u8 b[4];
} be32;

static inline u16 from16(be16 x)
{
	return (u16)(x.b[0] << 8 | x.b[1]);
}

static inline u32 from32(be32 x)
{
	return (u32)x.b[0] << 24 | (u32)x.b[1] << 16 | (u32)x.b[2] << 8 | x.b[3];
}

static inline be16 to16(u32 x)
{
	return (be16){ { (u8)(x >> 8), (u8)x } };
}

static inline be32 to32(u32 x)
{
	return (be32){ { (u8)(x >> 24), (u8)(x >> 16), (u8)(x >> 8), (u8)x } };
}

#define ETHER_IPV4 0x0800
#define ETHER_ARP  0x0806

struct ether_hdr {
	u8 to[6], from[6];
	be16 type;
};

#define ARP_REQUEST 1
#define ARP_REPLY   2

struct arp_packet {
	be16 hardware, protocol; /* 1: Ethernet; ETHER_IPV4 */
	u8 hardware_len, protocol_len;
	be16 op;
	u8 sender_mac[6];
	be32 sender_ip;
	u8 target_mac[6];
	be32 target_ip;
};

#define IP_VERSION_IHL 0x45 /* version 4, five words */
#define IP_DONT_FRAG   0x4000
#define IP_FRAGMENT    0x3fff /* more fragments, or an offset */
#define IP_TTL	       64
#define IP_ICMP	       1
#define IP_UDP	       17

struct ip_hdr {
	u8 version_ihl, tos;
	be16 len, id, frag;
	u8 ttl, protocol;
	be16 sum;
	be32 from, to;
};

#define ICMP_ECHO_REPLY 0
#define ICMP_ECHO	8

struct icmp_echo {
	u8 type, code;
	be16 sum, id, seq;
};

struct udp_hdr {
	be16 from, to, len, sum;
};

_Static_assert(sizeof(struct ether_hdr) == 14 && sizeof(struct arp_packet) == 28 &&
		       sizeof(struct ip_hdr) == 20 && sizeof(struct icmp_echo) == 8,
	       "no padding on the wire");

/* The Internet checksum (RFC 1071) of n bytes, added to a sum so far; fold it when all are in. */
u32 net_sum(u32 sum, const void *data, size_t n);
u16 net_fold(u32 sum);

/* arp.c: sends nif->out, whose Ethernet header is still open, to an address of this link. */
int arp_send(struct net_if *nif, u32 next_hop, size_t n);
void arp_receive(struct net_if *nif, const void *packet, size_t n);
void arp_tick(struct net_if *nif);

/* ipv4.c: where the contents of the packet to be sent go, and its sending. */
u8 *ip_payload(struct net_if *nif);
int ip_send(struct net_if *nif, u32 from, u32 to, u8 protocol, size_t n);
void ip_receive(struct net_if *nif, const void *packet, size_t n);

/* udp.c, icmp.c: the contents of a packet that was found good. */
void udp_receive(struct net_if *nif, u32 from, u32 to, const u8 *data, size_t n);
void icmp_receive(struct net_if *nif, u32 from, const u8 *data, size_t n);

/* dhcp.c */
void dhcp_tick(struct net_if *nif);

#endif
