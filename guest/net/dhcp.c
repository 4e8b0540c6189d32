/* SPDX-License-Identifier: MIT */
/*
 * dhcp.c - an address for a time (RFC 2131): discover, offer, request, acknowledge; asked for again at half
 * of the lease, and from the beginning when it has run out.
 */
#include "guest/lib/errno.h"
#include "guest/lib/string.h"
#include "guest/net/wire.h"

#define CLIENT_PORT  68
#define SERVER_PORT  67
#define MAGIC	     0x63825363u
#define FLAG_BCAST   0x8000 /* answers by broadcast: we have no address to be reached at */
#define AGAIN_NS     2000000000ull
#define MOST_TRIES   5 /* before it begins anew */
#define SECOND	     1000000000ull
#define OPTIONS_ROOM 64

enum {
	OPT_PAD = 0,
	OPT_MASK = 1,
	OPT_ROUTER = 3,
	OPT_DNS = 6,
	OPT_ADDRESS = 50,
	OPT_LEASE = 51,
	OPT_TYPE = 53,
	OPT_SERVER = 54,
	OPT_WANTED = 55,
	OPT_END = 255
};
enum { DISCOVER = 1, OFFER = 2, REQUEST = 3, ACK = 5, NAK = 6 };

struct dhcp_message {
	u8 op, hardware, hardware_len, hops; /* op 1: from a client, 2: from a server */
	be32 xid;
	be16 secs, flags;
	be32 client, yours, server, relay;
	u8 mac[16], name[64], file[128];
	be32 magic;
};

/* What a server says, as far as we care. */
struct offer {
	u8 type;
	u32 server, mask, router, dns, lease;
};

static void put_option(u8 **p, u8 code, u8 len, u32 value)
{
	be32 v = to32(value);

	*(*p)++ = code;
	*(*p)++ = len;
	memcpy(*p, v.b + 4 - len, len);
	*p += len;
}

static int say(struct net_if *nif, u8 type)
{
	static const u8 want[] = { OPT_WANTED, 3, OPT_MASK, OPT_ROUTER, OPT_DNS };
	struct net_dhcp *d = &nif->dhcp;
	bool renew = d->state == DHCP_RENEWING;
	struct dhcp_message m = { .op = 1,
				  .hardware = 1,
				  .hardware_len = 6,
				  .xid = to32(d->xid),
				  .flags = to16(renew ? 0 : FLAG_BCAST),
				  .client = to32(renew ? nif->ip : 0),
				  .magic = to32(MAGIC) };
	u8 message[sizeof(m) + OPTIONS_ROOM] = { 0 }, *p = message + sizeof(m);

	memcpy(m.mac, nif->mac, 6);
	memcpy(message, &m, sizeof(m));
	put_option(&p, OPT_TYPE, 1, type);
	if (type == REQUEST && !renew) {
		put_option(&p, OPT_ADDRESS, 4, d->offered);
		put_option(&p, OPT_SERVER, 4, d->server);
	}
	memcpy(p, want, sizeof(want));
	p[sizeof(want)] = OPT_END;
	d->sent = nif->now;
	d->tries++;
	return net_udp_send(nif, renew ? d->server : NET_BROADCAST, CLIENT_PORT, SERVER_PORT,
			    message, sizeof(message), nif->now);
}

static u32 value_of(const u8 *p)
{
	be32 v;

	memcpy(&v, p, sizeof(v));
	return from32(v);
}

/* N1. Every option lies inside the message; false: they do not, or there is no type. */
static bool read_options(const u8 *p, size_t n, struct offer *o)
{
	u32 ignored;

	*o = (struct offer){ 0 };
	for (size_t at = 0; at < n && p[at] != OPT_END;) {
		u8 code = p[at++], len;
		u32 *to;

		if (code == OPT_PAD)
			continue;
		if (at == n)
			return false;
		len = p[at++];
		if (len > n - at)
			return false;
		to = code == OPT_MASK	  ? &o->mask
		     : code == OPT_ROUTER ? &o->router
		     : code == OPT_DNS	  ? &o->dns
		     : code == OPT_LEASE  ? &o->lease
		     : code == OPT_SERVER ? &o->server
					  : &ignored;
		if (len >= 4)
			*to = value_of(p + at); /* of a list the first */
		if (code == OPT_TYPE && len == 1)
			o->type = p[at];
		at += len;
	}
	return o->type != 0;
}

static void begin(struct net_if *nif)
{
	struct net_dhcp *d = &nif->dhcp;

	nif->ip = nif->mask = nif->router = nif->dns = 0;
	*d = (struct net_dhcp){ .state = DHCP_SELECTING, .xid = d->xid + 1 };
	say(nif, DISCOVER);
}

static void bind_to(struct net_if *nif, u32 ip, const struct offer *o)
{
	struct net_dhcp *d = &nif->dhcp;

	nif->ip = ip;
	nif->mask = o->mask ? o->mask : 0xffffff00;
	nif->router = o->router;
	nif->dns = o->dns;
	d->lease = o->lease ? o->lease : 3600;
	d->bound = nif->now;
	d->tries = 0;
	d->state = DHCP_BOUND;
}

static void on_message(struct net_if *nif, void *arg, u32 from, u16 from_port, const u8 *data,
		       size_t n)
{
	struct net_dhcp *d = &nif->dhcp;
	struct dhcp_message m;
	struct offer o;

	(void)arg, (void)from;
	if (n < sizeof(m) || from_port != SERVER_PORT) {
		nif->stats.bad++;
		return;
	}
	memcpy(&m, data, sizeof(m));
	if (m.op != 2 || from32(m.magic) != MAGIC || from32(m.xid) != d->xid ||
	    memcmp(m.mac, nif->mac, 6) != 0 || !read_options(data + sizeof(m), n - sizeof(m), &o)) {
		nif->stats.unwanted++;
		return;
	}
	if (o.type == OFFER && d->state == DHCP_SELECTING && from32(m.yours)) {
		d->offered = from32(m.yours);
		d->server = o.server;
		d->state = DHCP_REQUESTING;
		d->tries = 0;
		say(nif, REQUEST);
	} else if (o.type == ACK && (d->state == DHCP_REQUESTING || d->state == DHCP_RENEWING)) {
		bind_to(nif, from32(m.yours) ? from32(m.yours) : nif->ip, &o);
	} else if (o.type == NAK && (d->state == DHCP_REQUESTING || d->state == DHCP_RENEWING)) {
		begin(nif);
	}
}

int net_dhcp_start(struct net_if *nif, u32 xid, u64 now)
{
	int err;

	net_udp_bind(nif, CLIENT_PORT, NULL, NULL);
	err = net_udp_bind(nif, CLIENT_PORT, on_message, NULL);
	if (err)
		return err;
	nif->now = now;
	nif->dhcp.xid = xid;
	begin(nif);
	return 0;
}

void dhcp_tick(struct net_if *nif)
{
	struct net_dhcp *d = &nif->dhcp;
	u64 held = nif->now - d->bound, lease = d->lease * SECOND;

	switch (d->state) {
	case DHCP_OFF:
		return;
	case DHCP_BOUND:
		if (held < lease / 2)
			return;
		d->state = DHCP_RENEWING;
		say(nif, REQUEST);
		return;
	case DHCP_RENEWING:
		if (held >= lease)
			begin(nif);
		else if (nif->now - d->sent >= MAX(lease / 16, AGAIN_NS))
			say(nif, REQUEST);
		return;
	default:
		if (nif->now - d->sent < AGAIN_NS)
			return;
		if (d->state == DHCP_REQUESTING && d->tries < MOST_TRIES)
			say(nif, REQUEST);
		else if (d->state == DHCP_SELECTING)
			say(nif, DISCOVER);
		else
			begin(nif);
	}
}
