/* SPDX-License-Identifier: MIT */
/* udp.c - datagrams (RFC 768), to and from ports. */
#include "guest/lib/errno.h"
#include "guest/lib/string.h"
#include "guest/net/wire.h"

/* Over the pseudo header as well (RFC 768). */
static u32 sum_of(u32 from, u32 to, const void *datagram, size_t n)
{
	const struct {
		be32 from, to;
		u8 zero, protocol;
		be16 len;
	} pseudo = { to32(from), to32(to), 0, IP_UDP, to16((u32)n) };

	return net_sum(net_sum(0, &pseudo, sizeof(pseudo)), datagram, n);
}

int net_udp_send(struct net_if *nif, u32 to, u16 from_port, u16 to_port, const void *data, size_t n,
		 u64 now)
{
	size_t len = sizeof(struct udp_hdr) + n;
	struct udp_hdr h = { to16(from_port), to16(to_port), to16((u32)len), to16(0) };
	u8 *p = ip_payload(nif);
	u16 sum;

	if (n > NET_PAYLOAD_MAX)
		return -EMSGSIZE;
	if (!nif->ip && to != NET_BROADCAST)
		return -ENETUNREACH;
	nif->now = now;
	memcpy(p + sizeof(h), data, n);
	memcpy(p, &h, sizeof(h));
	sum = net_fold(sum_of(nif->ip, to, p, len));
	h.sum = to16(sum ? sum : 0xffff); /* 0 says that there is none */
	memcpy(p, &h, sizeof(h));
	return ip_send(nif, nif->ip, to, IP_UDP, len);
}

int net_udp_bind(struct net_if *nif, u16 port, net_udp_fn fn, void *arg)
{
	size_t at = NET_UDP_PORTS;

	for (size_t i = 0; i < NET_UDP_PORTS; i++) {
		if (nif->udp[i].port == port) {
			if (fn)
				return -EADDRINUSE;
			nif->udp[i].port = 0;
			return 0;
		}
		if (!nif->udp[i].port && at == NET_UDP_PORTS)
			at = i;
	}
	if (!fn)
		return 0;
	if (at == NET_UDP_PORTS)
		return -ENOSPC;
	nif->udp[at].port = port;
	nif->udp[at].fn = fn;
	nif->udp[at].arg = arg;
	return 0;
}

void udp_receive(struct net_if *nif, u32 from, u32 to, const u8 *data, size_t n)
{
	const struct udp_hdr *h = (const struct udp_hdr *)data;
	size_t len = n >= sizeof(*h) ? from16(h->len) : 0;

	if (len < sizeof(*h) || len > n ||
	    (from16(h->sum) && net_fold(sum_of(from, to, data, len)))) {
		nif->stats.bad++;
		return;
	}
	for (size_t i = 0; i < NET_UDP_PORTS; i++) {
		if (!nif->udp[i].port || nif->udp[i].port != from16(h->to))
			continue;
		nif->udp[i].fn(nif, nif->udp[i].arg, from, from16(h->from), data + sizeof(*h),
			       len - sizeof(*h));
		return;
	}
	nif->stats.unwanted++;
}
