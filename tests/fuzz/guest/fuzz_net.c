/* SPDX-License-Identifier: MIT */
/*
 * fuzz_net.c - guest/net on a hostile wire: frames of any contents, and such as are right up to their checksums,
 * between the questions of its own that it waits to have answered.
 */
#include <stdlib.h>
#include <string.h>

#include "guest/net/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const u8 mac[6] = { 2, 0, 0, 0, 0, 1 };
static u64 sent;

static int take(struct net_if *nif, const void *frame, size_t n)
{
	static u8 copy[NET_FRAME_MAX];

	(void)nif;
	if (n < sizeof(struct ether_hdr) || n > NET_FRAME_MAX)
		abort();
	memcpy(copy, frame, n); /* what is not there is seen by the sanitizer */
	sent++;
	return 0;
}

static void echo(struct net_if *nif, void *arg, u32 from, u16 from_port, const u8 *data, size_t n)
{
	(void)arg;
	net_udp_send(nif, from, 7, from_port, data, n, nif->now);
}

/* Makes what the bytes mean a packet that is not refused for its envelope. */
static void mend(struct net_if *nif, u8 *frame, size_t n, u8 how)
{
	struct ether_hdr *eh = (struct ether_hdr *)frame;
	struct ip_hdr *ip = (struct ip_hdr *)(eh + 1);

	memcpy(eh->to, mac, 6);
	eh->type = to16(how & 1 ? ETHER_IPV4 : ETHER_ARP);
	if (!(how & 1) || n < sizeof(*eh) + sizeof(*ip))
		return;
	ip->version_ihl = IP_VERSION_IHL;
	ip->frag = to16(0);
	if (how & 2)
		ip->len = to16((u32)(n - sizeof(*eh)));
	if (how & 4)
		ip->to = to32(NET_BROADCAST);
	ip->protocol = how & 8 ? IP_UDP : IP_ICMP;
	ip->sum = to16(0);
	ip->sum = to16(net_fold(net_sum(0, ip, sizeof(*ip))));
	if ((how & 0x18) == 0x18 && n >= sizeof(*eh) + sizeof(*ip) + sizeof(struct udp_hdr)) {
		struct udp_hdr *u = (struct udp_hdr *)(ip + 1);

		u->sum = to16(0);
		u->from = to16(67);
		u->to = to16(how & 0x20 ? 68 : 7);
		u->len = to16((u32)(n - sizeof(*eh) - sizeof(*ip)));
		if ((how & 0x20) && n >= sizeof(*eh) + sizeof(*ip) + sizeof(*u) + 240) {
			u8 *m = (u8 *)(u + 1);
			be32 xid = to32(nif->dhcp.xid), magic = to32(0x63825363);

			m[0] = 2;
			memcpy(m + 4, &xid, 4);
			memcpy(m + 28, mac, 6);
			memcpy(m + 236, &magic, 4);
		}
	} else if (!(how & 8) && n >= sizeof(*eh) + sizeof(*ip) + sizeof(struct icmp_echo)) {
		struct icmp_echo *h = (struct icmp_echo *)(ip + 1);

		h->sum = to16(0);
		h->sum = to16(net_fold(net_sum(0, h, n - sizeof(*eh) - sizeof(*ip))));
	}
}

static void check(const struct net_if *nif)
{
	for (size_t i = 0; i < NET_ARP_ENTRIES; i++)
		if (nif->arp[i].waiting > NET_FRAME_MAX || (nif->arp[i].known && !nif->arp[i].ip))
			abort();
	if (nif->dhcp.state > DHCP_RENEWING || (nif->dhcp.state == DHCP_BOUND && !nif->ip))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct net_if nif; /* large; set anew for each input */
	u64 now = 1000000000;

	net_init(&nif, mac, take, NULL);
	net_udp_bind(&nif, 7, echo, NULL);
	sent = 0;
	for (size_t at = 0; at + 4 <= size;) {
		u8 what = data[at], how = data[at + 1];
		size_t n = MIN((size_t)(data[at + 2] | data[at + 3] << 8) % (NET_FRAME_MAX + 8),
			       size - at - 4);
		u8 *frame = malloc(n ? n : 1);

		memcpy(frame, data + at + 4, n);
		at += 4 + n;
		now += (u64)how << 24;
		switch (what & 7) {
		case 0:
			net_dhcp_start(&nif, how, now);
			break;
		case 1:
			net_ping(&nif, 0x0a000000u | how, 1, how, how * 8u, now);
			break;
		case 2:
			nif.ip = 0x0a000001;
			nif.mask = how & 1 ? 0xffffff00 : 0;
			break;
		case 3:
			net_tick(&nif, now + ((u64)how << 40));
			break;
		default:
			if (n >= sizeof(struct ether_hdr) && what & 0x80)
				mend(&nif, frame, n, how);
			net_receive(&nif, frame, n, now);
		}
		free(frame);
		check(&nif);
	}
	/* Nobody is made to shout: an answer for each frame at most, and a question. */
	if (sent > 4 * (size / 4 + 1) + NET_ARP_ENTRIES)
		abort();
	return 0;
}
