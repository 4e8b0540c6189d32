/* SPDX-License-Identifier: MIT */
/* arp.c - whose Ethernet address belongs to an address of this link (RFC 826). */
#include "guest/lib/errno.h"
#include "guest/lib/string.h"
#include "guest/net/wire.h"

#define ASK_AGAIN_NS 1000000000u
#define MOST_TRIES   4

static const u8 everybody[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

static struct net_arp_entry *find(struct net_if *nif, u32 ip)
{
	for (size_t i = 0; i < NET_ARP_ENTRIES; i++)
		if (nif->arp[i].ip == ip)
			return &nif->arp[i];
	return NULL;
}

/* A free one, or the one that was not used for longest. */
static struct net_arp_entry *take(struct net_if *nif, u32 ip)
{
	struct net_arp_entry *e = &nif->arp[0];

	for (size_t i = 0; i < NET_ARP_ENTRIES; i++) {
		struct net_arp_entry *x = &nif->arp[i];

		if (e->ip && (!x->ip || x->used < e->used))
			e = x;
	}
	e->ip = ip;
	e->known = false;
	e->tries = 0;
	e->waiting = 0;
	return e;
}

static int put(struct net_if *nif, u8 *frame, const u8 to[6], u16 type, size_t n)
{
	struct ether_hdr *eh = (struct ether_hdr *)frame;

	memcpy(eh->to, to, 6);
	memcpy(eh->from, nif->mac, 6);
	eh->type = to16(type);
	nif->stats.sent++;
	return nif->send(nif, frame, n);
}

static void say(struct net_if *nif, u16 op, const u8 to[6], u32 target)
{
	u8 frame[sizeof(struct ether_hdr) + sizeof(struct arp_packet)];
	struct arp_packet p = { .hardware = to16(1),
				.protocol = to16(ETHER_IPV4),
				.hardware_len = 6,
				.protocol_len = 4,
				.op = to16(op),
				.sender_ip = to32(nif->ip),
				.target_ip = to32(target) };

	memcpy(p.sender_mac, nif->mac, 6);
	if (op == ARP_REPLY)
		memcpy(p.target_mac, to, 6);
	memcpy(frame + sizeof(struct ether_hdr), &p, sizeof(p));
	put(nif, frame, to, ETHER_ARP, sizeof(frame));
}

static void ask(struct net_if *nif, struct net_arp_entry *e)
{
	e->tries++;
	e->asked = nif->now;
	say(nif, ARP_REQUEST, everybody, e->ip);
}

int arp_send(struct net_if *nif, u32 next_hop, size_t n)
{
	struct net_arp_entry *e;

	if (next_hop == NET_BROADCAST || (nif->mask && next_hop == (nif->ip | ~nif->mask)))
		return put(nif, nif->out, everybody, ETHER_IPV4, n);
	e = find(nif, next_hop);
	if (!e)
		e = take(nif, next_hop);
	e->used = nif->now;
	if (e->known)
		return put(nif, nif->out, e->mac, ETHER_IPV4, n);
	memcpy(e->frame, nif->out, n); /* instead of the one before */
	e->waiting = (u16)n;
	if (!e->tries)
		ask(nif, e);
	return 0;
}

/* N2: only for an address that was asked about, or is known. */
static void learn(struct net_if *nif, u32 ip, const u8 mac[6])
{
	struct net_arp_entry *e = ip ? find(nif, ip) : NULL;
	size_t n;

	if (!e || (mac[0] & 1)) /* nobody's address is a group */
		return;
	memcpy(e->mac, mac, 6);
	e->known = true;
	n = e->waiting;
	e->waiting = 0;
	if (n)
		put(nif, e->frame, e->mac, ETHER_IPV4, n);
}

void arp_receive(struct net_if *nif, const void *packet, size_t n)
{
	const struct arp_packet *p = packet;

	if (n < sizeof(*p) || from16(p->hardware) != 1 || from16(p->protocol) != ETHER_IPV4 ||
	    p->hardware_len != 6 || p->protocol_len != 4) {
		nif->stats.bad++;
		return;
	}
	learn(nif, from32(p->sender_ip), p->sender_mac);
	if (from16(p->op) == ARP_REQUEST && nif->ip && from32(p->target_ip) == nif->ip)
		say(nif, ARP_REPLY, p->sender_mac, from32(p->sender_ip));
}

void arp_tick(struct net_if *nif)
{
	for (size_t i = 0; i < NET_ARP_ENTRIES; i++) {
		struct net_arp_entry *e = &nif->arp[i];

		if (!e->ip || e->known || nif->now - e->asked < ASK_AGAIN_NS)
			continue;
		if (e->tries < MOST_TRIES) {
			ask(nif, e);
			continue;
		}
		nif->stats.unanswered += e->waiting != 0;
		e->ip = 0;
	}
}
