/* SPDX-License-Identifier: MIT */
/* ipv4.c - packets that come and go whole (RFC 791): no fragments, no options of our own. */
#include "guest/lib/errno.h"
#include "guest/lib/string.h"
#include "guest/net/wire.h"

u8 *ip_payload(struct net_if *nif)
{
	return nif->out + sizeof(struct ether_hdr) + sizeof(struct ip_hdr);
}

/* On this link directly; everything else by the router. 0: no way. */
static u32 next_hop(const struct net_if *nif, u32 to)
{
	if (to == NET_BROADCAST || (nif->mask && ((to ^ nif->ip) & nif->mask) == 0))
		return to;
	return nif->router;
}

int ip_send(struct net_if *nif, u32 from, u32 to, u8 protocol, size_t n)
{
	struct ip_hdr h = { .version_ihl = IP_VERSION_IHL,
			    .len = to16((u32)(sizeof(h) + n)),
			    .id = to16(nif->next_id++),
			    .frag = to16(IP_DONT_FRAG),
			    .ttl = IP_TTL,
			    .protocol = protocol,
			    .from = to32(from),
			    .to = to32(to) };
	u32 hop = next_hop(nif, to);

	if (!hop)
		return -ENETUNREACH;
	h.sum = to16(net_fold(net_sum(0, &h, sizeof(h))));
	memcpy(nif->out + sizeof(struct ether_hdr), &h, sizeof(h));
	return arp_send(nif, hop, sizeof(struct ether_hdr) + sizeof(h) + n);
}

/* N1. The header's length, or 0: not a packet that may be looked at. */
static size_t check(const struct ip_hdr *h, size_t n)
{
	size_t head = (h->version_ihl & 0x0fu) * 4;
	size_t len = n >= sizeof(*h) ? from16(h->len) : 0;

	if (n < sizeof(*h) || h->version_ihl >> 4 != 4 || head < sizeof(*h) || len < head ||
	    len > n || net_fold(net_sum(0, h, head)))
		return 0;
	return head;
}

/* For us: our address, everybody's, or any while we have none and ask for one. */
static bool wanted(const struct net_if *nif, u32 to)
{
	return !nif->ip || to == nif->ip || to == NET_BROADCAST ||
	       (nif->mask && to == (nif->ip | ~nif->mask));
}

void ip_receive(struct net_if *nif, const void *packet, size_t n)
{
	const struct ip_hdr *h = packet;
	size_t head = n >= sizeof(*h) ? check(h, n) : 0;
	const u8 *data = (const u8 *)packet + head;

	if (!head) {
		nif->stats.bad++;
		return;
	}
	if ((from16(h->frag) & IP_FRAGMENT) || !wanted(nif, from32(h->to))) {
		nif->stats.unwanted++;
		return;
	}
	n = from16(h->len) - head; /* short frames are padded */
	if (h->protocol == IP_ICMP)
		icmp_receive(nif, from32(h->from), data, n);
	else if (h->protocol == IP_UDP)
		udp_receive(nif, from32(h->from), from32(h->to), data, n);
	else
		nif->stats.unwanted++;
}
