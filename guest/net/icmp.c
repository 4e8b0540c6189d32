/* SPDX-License-Identifier: MIT */
/* icmp.c - echo, asked and answered (RFC 792). */
#include "guest/lib/errno.h"
#include "guest/lib/string.h"
#include "guest/net/wire.h"

int net_ping(struct net_if *nif, u32 to, u16 id, u16 seq, size_t n, u64 now)
{
	struct icmp_echo h = { .type = ICMP_ECHO, .id = to16(id), .seq = to16(seq) };
	u8 *p = ip_payload(nif);

	if (n > NET_PAYLOAD_MAX)
		return -EMSGSIZE;
	if (!nif->ip)
		return -ENETUNREACH;
	nif->now = now;
	for (size_t i = 0; i < n; i++)
		p[sizeof(h) + i] = (u8)i;
	h.sum = to16(net_fold(net_sum(net_sum(0, &h, sizeof(h)), p + sizeof(h), n)));
	memcpy(p, &h, sizeof(h));
	nif->ping = (struct net_ping){ .to = to, .id = id, .seq = seq, .sent = now };
	return ip_send(nif, nif->ip, to, IP_ICMP, sizeof(h) + n);
}

static void answer(struct net_if *nif, u32 to, const u8 *data, size_t n)
{
	u8 *p = ip_payload(nif);
	struct icmp_echo h;

	memcpy(p, data, n);
	memcpy(&h, p, sizeof(h));
	h.type = ICMP_ECHO_REPLY;
	h.sum = to16(0);
	memcpy(p, &h, sizeof(h));
	h.sum = to16(net_fold(net_sum(0, p, n)));
	memcpy(p, &h, sizeof(h));
	ip_send(nif, nif->ip, to, IP_ICMP, n);
}

void icmp_receive(struct net_if *nif, u32 from, const u8 *data, size_t n)
{
	const struct icmp_echo *h = (const struct icmp_echo *)data;
	struct net_ping *ping = &nif->ping;

	if (n < sizeof(*h) || net_fold(net_sum(0, data, n))) {
		nif->stats.bad++;
	} else if (h->type == ICMP_ECHO && !h->code && nif->ip && from) {
		answer(nif, from, data, n);
	} else if (h->type == ICMP_ECHO_REPLY && from == ping->to && from16(h->id) == ping->id &&
		   from16(h->seq) == ping->seq && !ping->answered) {
		ping->answered = true;
		ping->round_trip = nif->now - ping->sent;
	} else {
		nif->stats.unwanted++;
	}
}
