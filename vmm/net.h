/* SPDX-License-Identifier: MIT */
/*
 * net.h - a network as the user describes it:
 *
 *	user[,hostfwd=tcp|udp:[HOST]:PORT-[GUEST]:PORT]...[,mac=MAC]
 *	tap=NAME[,mac=MAC]
 */
#ifndef VMM_NET_H
#define VMM_NET_H

#include "base/error.h"
#include "devices/net.h"

#define NET_MAX_FORWARDS 16

struct net_spec {
	char tap[16]; /* "": user mode */
	bool has_mac;
	u8 mac[6];
	unsigned nr_forwards;
	struct net_forward forward[NET_MAX_FORWARDS];
};

/* The words alone; opens nothing. out may be NULL. 0 or -EINVAL with e filled. */
int net_parse(const char *spec, struct net_spec *out, struct error *e);

#endif
