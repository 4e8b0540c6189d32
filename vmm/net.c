/* SPDX-License-Identifier: MIT */
/* net.c - see net.h. */
#include "vmm/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/spec.h"

static bool parse_mac(const char *text, u8 mac[6])
{
	for (int i = 0; i < 6; i++) {
		char *end;
		unsigned long v = strtoul(text, &end, 16);

		if (end != text + 2 || v > 0xff || *end != (i < 5 ? ':' : 0))
			return false;
		mac[i] = (u8)v;
		text = end + 1;
	}
	return !(mac[0] & 1); /* no group address */
}

/* "ADDRESS:PORT" with an address that may be missing; *addr in host byte order. */
static bool parse_end(const char *text, size_t len, u32 *addr, u16 *port)
{
	const char *colon = memchr(text, ':', len);
	char buf[INET_ADDRSTRLEN], *end;
	struct in_addr in;
	size_t n;
	unsigned long v;

	if (!colon)
		return false;
	n = (size_t)(colon - text);
	if (n >= sizeof(buf))
		return false;
	memcpy(buf, text, n);
	buf[n] = 0;
	*addr = 0;
	if (n) {
		if (inet_pton(AF_INET, buf, &in) != 1)
			return false;
		*addr = ntohl(in.s_addr);
	}
	v = strtoul(colon + 1, &end, 10);
	if (end == colon + 1 || end != text + len || !v || v > 0xffff)
		return false;
	*port = (u16)v;
	return true;
}

static bool parse_forward(const char *text, struct net_forward *f)
{
	const char *dash = strchr(text, '-');

	if (!strncmp(text, "udp:", 4))
		f->udp = true;
	else if (strncmp(text, "tcp:", 4) != 0)
		return false;
	else
		f->udp = false;
	text += 4;
	return dash && dash > text &&
	       parse_end(text, (size_t)(dash - text), &f->host_addr, &f->host_port) &&
	       parse_end(dash + 1, strlen(dash + 1), &f->guest_addr, &f->guest_port);
}

static int parse_word(const char *spec, const char *word, struct net_spec *n, struct error *e)
{
	const char *v;

	v = spec_value(word, "mac");
	if (v) {
		n->has_mac = true;
		if (parse_mac(v, n->mac))
			return 0;
		return error_set(e, -EINVAL, "--net %s: mac=52:54:00:12:34:56 is the form", spec);
	}
	v = spec_value(word, "hostfwd");
	if (v && !n->tap[0]) {
		if (n->nr_forwards == NET_MAX_FORWARDS)
			return error_set(e, -EINVAL, "--net %s: at most %d forwards", spec,
					 NET_MAX_FORWARDS);
		if (parse_forward(v, &n->forward[n->nr_forwards++]))
			return 0;
		return error_set(
			e, -EINVAL,
			"--net %s: hostfwd=tcp::2222-:22 is the form (an address may stand "
			"before each colon)",
			spec);
	}
	return error_set(e, -EINVAL, "--net %s: '%s': %smac=ADDRESS", spec, word,
			 n->tap[0] ? "" : "hostfwd=tcp::PORT-:PORT or ");
}

int net_parse(const char *spec, struct net_spec *out, struct error *e)
{
	struct net_spec scratch, *n = out ? out : &scratch;
	const char *at = spec, *tap;
	char word[96];
	int got;

	memset(n, 0, sizeof(*n));
	got = spec_next(&at, word, sizeof(word));
	tap = got > 0 ? spec_value(word, "tap") : NULL;
	if (tap && *tap && strlen(tap) < sizeof(n->tap))
		strcpy(n->tap, tap);
	else if (got <= 0 || strcmp(word, "user") != 0)
		return error_set(e, -EINVAL, "--net %s: begins with user or tap=NAME", spec);
	while ((got = spec_next(&at, word, sizeof(word))) > 0) {
		int err = parse_word(spec, word, n, e);

		if (err)
			return err;
	}
	return got ? error_set(e, -EINVAL, "--net %s: a word is too long", spec) : 0;
}
