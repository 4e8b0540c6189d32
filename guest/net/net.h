/* SPDX-License-Identifier: MIT */
/*
 * net.h - the least of a network: Ethernet, ARP (RFC 826), IPv4 without fragments (RFC 791), ICMP echo
 * (RFC 792), UDP (RFC 768) and a DHCP client (RFC 2131). Portable: a driver's frames come in, frames go out,
 * time is an argument.
 *
 * Addresses are numbers in the CPU's order: 10.0.2.15 is 0x0a00020f. Nothing is allocated, nothing waits.
 * One net_if is used by one caller at a time: whoever has several locks it. Callbacks run inside
 * net_receive() and may send.
 *
 * Rule N1: what came from the wire is checked against its length before it is used, at one place each.
 * Rule N2: only answers to our own questions teach an address; others may refresh one.
 */
#ifndef GUEST_NET_NET_H
#define GUEST_NET_NET_H

#include "guest/lib/types.h"

#define NET_FRAME_MAX	1514u /* with its 14 bytes of header, without a checksum */
#define NET_PAYLOAD_MAX (NET_FRAME_MAX - 14 - 20 - 8) /* of one UDP datagram */
#define NET_ARP_ENTRIES 8
#define NET_UDP_PORTS	4
#define NET_BROADCAST	0xffffffffu

struct net_if;

/* A datagram for a port of ours; data is valid during the call. */
typedef void (*net_udp_fn)(struct net_if *nif, void *arg, u32 from, u16 from_port, const u8 *data,
			   size_t n);

struct net_arp_entry {
	u32 ip; /* 0: free */
	u8 mac[6];
	bool known;
	u8 tries;	 /* questions asked */
	u64 asked, used; /* when last, ns */
	u16 waiting;	 /* length of the frame that waits for the answer; 0: none */
	u8 frame[NET_FRAME_MAX];
};

enum dhcp_state { DHCP_OFF, DHCP_SELECTING, DHCP_REQUESTING, DHCP_BOUND, DHCP_RENEWING };

struct net_dhcp {
	enum dhcp_state state;
	u32 xid;
	u32 offered, server; /* addresses */
	u32 lease;	     /* seconds */
	u64 sent;	     /* ns: the last message */
	u64 bound;	     /* ns: when the lease began */
	u8 tries;
};

/* What an echo request was answered with: set up by net_ping(), read when `answered`. */
struct net_ping {
	u32 to;
	u16 id, seq;
	u64 sent, round_trip; /* ns */
	bool answered;
};

struct net_stats {
	u64 received, sent;
	u64 bad;	/* frames that broke a rule */
	u64 unwanted;	/* for somebody else, or of a kind that nobody here speaks */
	u64 unanswered; /* frames given up because nobody told the address */
};

struct net_if {
	u8 mac[6];
	u32 ip, mask, router, dns; /* 0: not known */
	/* Takes a frame, which is the caller's again on return. 0 or -errno: then it is lost. */
	int (*send)(struct net_if *nif, const void *frame, size_t n);
	void *driver;

	u64 now; /* ns: of the call under way */
	u16 next_id;
	struct net_arp_entry arp[NET_ARP_ENTRIES];
	struct {
		u16 port; /* 0: free */
		net_udp_fn fn;
		void *arg;
	} udp[NET_UDP_PORTS];
	struct net_dhcp dhcp;
	struct net_ping ping;
	struct net_stats stats;
	u8 out[NET_FRAME_MAX]; /* the frame that is being built */
};

void net_init(struct net_if *nif, const u8 mac[6],
	      int (*send)(struct net_if *nif, const void *frame, size_t n), void *driver);

/* A frame from the wire, of any length and contents. */
void net_receive(struct net_if *nif, const void *frame, size_t n, u64 now);

/* What is due by time: questions asked again or given up. Several times a second. */
void net_tick(struct net_if *nif, u64 now);

/*
 * Sends; the next hop's address is asked for first if need be, and one frame for each waits meanwhile.
 * 0, -EMSGSIZE, -ENETUNREACH (no address of our own, or no way there), or the driver's error.
 */
int net_udp_send(struct net_if *nif, u32 to, u16 from_port, u16 to_port, const void *data, size_t n,
		 u64 now);

/* 0, -EADDRINUSE or -ENOSPC. fn NULL gives the port back. */
int net_udp_bind(struct net_if *nif, u16 port, net_udp_fn fn, void *arg);

/* An echo request with n bytes; the answer is seen in nif->ping. */
int net_ping(struct net_if *nif, u32 to, u16 id, u16 seq, size_t n, u64 now);

/* Asks for an address; nif->dhcp.state is DHCP_BOUND when there is one. xid: any number. */
int net_dhcp_start(struct net_if *nif, u32 xid, u64 now);

#endif
