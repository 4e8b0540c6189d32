/* SPDX-License-Identifier: MIT */
/* ether.c - frames: whose they are, and who speaks what is in them. And the checksum that all share. */
#include "guest/lib/string.h"
#include "guest/net/wire.h"

u32 net_sum(u32 sum, const void *data, size_t n)
{
	const u8 *p = data;

	for (; n >= 2; p += 2, n -= 2)
		sum += (u32)(p[0] << 8 | p[1]);
	return n ? sum + (u32)(p[0] << 8) : sum;
}

u16 net_fold(u32 sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (u16)~sum;
}

void net_init(struct net_if *nif, const u8 mac[6],
	      int (*send)(struct net_if *nif, const void *frame, size_t n), void *driver)
{
	*nif = (struct net_if){ .send = send, .driver = driver, .next_id = 1 };
	memcpy(nif->mac, mac, sizeof(nif->mac));
}

static bool is_ours(const struct net_if *nif, const u8 to[6])
{
	static const u8 all[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	return memcmp(to, nif->mac, 6) == 0 || memcmp(to, all, 6) == 0;
}

void net_receive(struct net_if *nif, const void *frame, size_t n, u64 now)
{
	const struct ether_hdr *eh = frame;

	nif->now = now;
	nif->stats.received++;
	if (n < sizeof(*eh) || n > NET_FRAME_MAX) {
		nif->stats.bad++;
		return;
	}
	if (!is_ours(nif, eh->to)) {
		nif->stats.unwanted++;
		return;
	}
	switch (from16(eh->type)) {
	case ETHER_ARP:
		arp_receive(nif, eh + 1, n - sizeof(*eh));
		break;
	case ETHER_IPV4:
		ip_receive(nif, eh + 1, n - sizeof(*eh));
		break;
	default:
		nif->stats.unwanted++;
	}
}

void net_tick(struct net_if *nif, u64 now)
{
	nif->now = now;
	arp_tick(nif);
	dhcp_tick(nif);
}
