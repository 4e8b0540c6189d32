/* SPDX-License-Identifier: MIT */
/*
 * Unit tests of guest/net: two hosts and a DHCP server on one wire, frames that are cut, changed or made
 * up, and answers that do not come.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "guest/lib/errno.h"
#include "guest/net/net.h"

#define MS     1000000ull
#define SECOND (1000 * MS)
#define HOST_A 0x0a000001u
#define HOST_B 0x0a000002u
#define MASK   0xffffff00u
#define FRAMES 64

/* A frame on its way; taken from the wire in order. */
struct frame {
	struct net_if *from;
	size_t n;
	u8 bytes[NET_FRAME_MAX];
};

static struct net_if a, b;
static struct frame wire[FRAMES];
static size_t head, tail;
static u64 now;
static unsigned dropped; /* bit n: the n-th next frame is lost */

static int put(struct net_if *nif, const void *frame, size_t n)
{
	struct frame *f = &wire[tail++ % FRAMES];

	ck_assert(tail - head <= FRAMES);
	ck_assert_uint_le(n, NET_FRAME_MAX);
	*f = (struct frame){ nif, n, { 0 } };
	memcpy(f->bytes, frame, n);
	return 0;
}

/* Delivers until nothing is on its way; a frame comes in a block of its own, so that ASan sees its end. */
static void settle(void)
{
	while (head != tail) {
		struct frame *f = &wire[head++ % FRAMES];
		struct net_if *to = f->from == &a ? &b : &a;
		u8 *copy = malloc(f->n);
		bool lost = dropped & 1;

		dropped >>= 1;
		memcpy(copy, f->bytes, f->n);
		if (!lost)
			net_receive(to, copy, f->n, now);
		free(copy);
	}
}

static void pass(u64 ns)
{
	for (u64 step = 100 * MS; ns; ns -= step) {
		step = step < ns ? step : ns;
		now += step;
		net_tick(&a, now);
		net_tick(&b, now);
		settle();
	}
}

static void setup(void)
{
	head = tail = dropped = 0;
	now = SECOND;
	net_init(&a, (const u8[6]){ 2, 0, 0, 0, 0, 1 }, put, NULL);
	net_init(&b, (const u8[6]){ 2, 0, 0, 0, 0, 2 }, put, NULL);
	a.ip = HOST_A;
	b.ip = HOST_B;
	a.mask = b.mask = MASK;
}

/* ---- ARP and echo ------------------------------------------------------------------------------------ */

START_TEST(ping)
{
	for (u16 seq = 0; seq < 3; seq++) {
		ck_assert_int_eq(net_ping(&a, HOST_B, 7, seq, 56, now), 0);
		now += 3 * MS;
		settle();
		ck_assert(a.ping.answered);
		ck_assert_uint_eq(a.ping.round_trip, 3 * MS);
	}
	/* Each side asks for the other once and is answered (N2), and three requests are. */
	ck_assert_uint_eq(a.stats.sent, 5);
	ck_assert_uint_eq(b.stats.sent, 5);
	ck_assert_uint_eq(a.stats.bad + b.stats.bad + a.stats.unwanted + b.stats.unwanted, 0);
}
END_TEST

START_TEST(arp_is_asked_again)
{
	dropped = 3; /* the first two questions */
	net_ping(&a, HOST_B, 1, 1, 0, now);
	settle();
	ck_assert(!a.ping.answered);
	pass(3 * SECOND);
	ck_assert(a.ping.answered);
}
END_TEST

START_TEST(arp_gives_up)
{
	net_ping(&a, HOST_B + 5, 1, 1, 0, now); /* nobody has it */
	pass(20 * SECOND);
	ck_assert_uint_eq(a.stats.sent, 4);
	ck_assert_uint_eq(a.stats.unanswered, 1);
	/* And can be asked for once more. */
	net_ping(&a, HOST_B + 5, 1, 2, 0, now);
	ck_assert_uint_eq(a.stats.sent, 5);
}
END_TEST

/* N2: what nobody asked for teaches nothing. */
START_TEST(arp_is_not_taught)
{
	static const u8 lie[] = { 0x02, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0,  9, 8, 6,
				  0,	1, 8, 0, 6, 4, 0, 2, 2, 0, 0,  0, 0, 9,
				  10,	0, 0, 2, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1 };

	net_receive(&a, lie, sizeof(lie), now);
	for (size_t i = 0; i < NET_ARP_ENTRIES; i++)
		ck_assert(!a.arp[i].ip);
	/* More neighbours than entries: the oldest goes, nothing breaks. */
	for (u32 i = 10; i < 10 + 3 * NET_ARP_ENTRIES; i++) {
		now += MS;
		net_ping(&a, 0x0a000000u + i, 1, 1, 0, now);
	}
	settle();
	net_ping(&a, HOST_B, 1, 2, 0, now);
	settle();
	ck_assert(a.ping.answered);
}
END_TEST

START_TEST(router)
{
	const u32 far = 0x08080808;

	ck_assert_int_eq(net_ping(&a, far, 1, 1, 0, now), -ENETUNREACH);
	a.router = HOST_B;
	ck_assert_int_eq(net_ping(&a, far, 1, 1, 0, now), 0);
	settle();
	/* B has got it, and it is for somebody else. */
	ck_assert_uint_eq(b.stats.unwanted, 1);
	a.ip = 0;
	ck_assert_int_eq(net_ping(&a, HOST_B, 1, 1, 0, now), -ENETUNREACH);
	ck_assert_int_eq(net_ping(&a, HOST_B, 1, 1, NET_PAYLOAD_MAX + 1, now), -EMSGSIZE);
}
END_TEST

/* ---- UDP ------------------------------------------------------------------------------------------------ */

static u8 got[2048];
static size_t got_n;
static unsigned got_count;

static void echo(struct net_if *nif, void *arg, u32 from, u16 from_port, const u8 *data, size_t n)
{
	ck_assert_ptr_eq(arg, &b);
	net_udp_send(nif, from, 7, from_port, data, n, nif->now);
}

static void take(struct net_if *nif, void *arg, u32 from, u16 from_port, const u8 *data, size_t n)
{
	(void)nif;
	ck_assert_ptr_null(arg);
	ck_assert_uint_eq(from, HOST_B);
	ck_assert_uint_eq(from_port, 7);
	memcpy(got, data, n);
	got_n = n;
	got_count++;
}

START_TEST(udp_echo)
{
	static u8 data[NET_PAYLOAD_MAX];
	static const size_t sizes[] = { 0, 1, 2, 9, 1000, NET_PAYLOAD_MAX };

	got_count = 0;
	ck_assert_int_eq(net_udp_bind(&b, 7, echo, &b), 0);
	ck_assert_int_eq(net_udp_bind(&a, 5000, take, NULL), 0);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (u8)rand();
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		ck_assert_int_eq(net_udp_send(&a, HOST_B, 5000, 7, data, sizes[i], now), 0);
		settle();
		ck_assert_uint_eq(got_count, i + 1);
		ck_assert_uint_eq(got_n, sizes[i]);
		ck_assert_mem_eq(got, data, sizes[i]);
	}
	ck_assert_int_eq(net_udp_send(&a, HOST_B, 1, 7, data, NET_PAYLOAD_MAX + 1, now), -EMSGSIZE);
	net_udp_send(&a, HOST_B, 5000, 8, data, 4, now); /* nobody listens */
	settle();
	ck_assert_uint_eq(b.stats.unwanted, 1);
}
END_TEST

START_TEST(udp_ports)
{
	for (u16 p = 1; p <= NET_UDP_PORTS; p++)
		ck_assert_int_eq(net_udp_bind(&a, p, take, NULL), 0);
	ck_assert_int_eq(net_udp_bind(&a, 1, take, NULL), -EADDRINUSE);
	ck_assert_int_eq(net_udp_bind(&a, 99, take, NULL), -ENOSPC);
	ck_assert_int_eq(net_udp_bind(&a, 2, NULL, NULL), 0);
	ck_assert_int_eq(net_udp_bind(&a, 2, NULL, NULL), 0);
	ck_assert_int_eq(net_udp_bind(&a, 99, take, NULL), 0);
}
END_TEST

/* ---- what the wire does to frames ----------------------------------------------------------------------- */

/* The frame of an echo request from A, addresses known already. */
static struct frame sample(void)
{
	struct frame f;

	net_ping(&a, HOST_B, 3, 1, 33, now);
	settle();
	net_ping(&a, HOST_B, 3, 2, 33, now);
	f = wire[head % FRAMES];
	head = tail;
	return f;
}

/* Every cut and every changed bit is noticed, or changes nothing that matters: no answer to a wrong one. */
START_TEST(damage)
{
	struct frame f = sample();
	u64 answers = b.stats.sent, wrong = 0;

	for (size_t n = 0; n < f.n; n++) {
		u8 *cut = malloc(n ? n : 1);

		memcpy(cut, f.bytes, n);
		net_receive(&b, cut, n, now);
		free(cut);
		ck_assert_msg(b.stats.sent == answers, "an answer to %zu bytes", n);
	}
	for (size_t bit = 0; bit < f.n * 8; bit++) {
		f.bytes[bit / 8] ^= (u8)(1 << bit % 8);
		net_receive(&b, f.bytes, f.n, now);
		f.bytes[bit / 8] ^= (u8)(1 << bit % 8);
		/* Who sent the frame is covered by no sum of ours; nor is who it is for. */
		if (b.stats.sent != answers)
			wrong++;
		answers = b.stats.sent;
		head = tail;
	}
	ck_assert_uint_le(wrong, 48);
	net_receive(&b, f.bytes, f.n, now);
	ck_assert_uint_eq(b.stats.sent, answers + 1);
}
END_TEST

static void sum_again(u8 *frame)
{
	u32 sum = 0;

	frame[24] = frame[25] = 0;
	for (size_t i = 14; i < 34; i += 2)
		sum += (u32)(frame[i] << 8 | frame[i + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	frame[24] = (u8)(~sum >> 8);
	frame[25] = (u8)~sum;
}

START_TEST(fragments_and_lies)
{
	struct frame f = sample();
	u64 answers = b.stats.sent;
	static const struct {
		size_t at;
		u8 value;
	} lies[] = {
		{ 14, 0x65 }, /* version 6 */
		{ 14, 0x44 }, /* a header of 16 bytes */
		{ 14, 0x4f }, /* of 60, more than is there with the rest */
		{ 16, 0x40 }, /* a length beyond the frame */
		{ 17, 0x13 }, /* and one less than the header */
		{ 20, 0x20 }, /* more fragments */
		{ 21, 0x01 }, /* not the first one */
		{ 23, 6 },    /* TCP */
		{ 33, 9 },    /* for somebody else */
	};

	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		struct frame g = f;

		g.bytes[lies[i].at] = lies[i].value;
		sum_again(g.bytes);
		net_receive(&b, g.bytes, g.n, now);
		ck_assert_msg(b.stats.sent == answers, "an answer to lie %zu", i);
	}
	/* Padding behind the packet is nothing. */
	memset(f.bytes + f.n, 0xee, 20);
	net_receive(&b, f.bytes, f.n + 20, now);
	ck_assert_uint_eq(b.stats.sent, answers + 1);
}
END_TEST

/* ---- DHCP: B is the server ------------------------------------------------------------------------------- */

static struct {
	unsigned discovers, requests, renewals;
	unsigned silent; /* messages not to be answered */
	bool refuse;
	u32 lease;
} server;

static u8 option(const u8 *p, size_t n, u8 code, u8 *value, u8 len)
{
	for (size_t at = 240; at + 1 < n && p[at] != 255; at += 2u + p[at + 1])
		if (p[at] == code && p[at + 1] == len) {
			memcpy(value, p + at + 2, len);
			return len;
		}
	return 0;
}

static void serve(struct net_if *nif, void *arg, u32 from, u16 from_port, const u8 *data, size_t n)
{
	static const u8 tail_of[] = { 54, 4, 10, 0,  0, 2, 1, 4, 255, 255, 255, 0, 3, 8,  10,
				      0,  0, 2,	 10, 0, 0, 9, 6, 4,   10,  0,	0, 3, 51, 4 };
	u8 reply[300] = { 0 }, type = 0, asked[4] = { 0 };
	size_t at = 240;

	(void)arg;
	ck_assert_uint_eq(from_port, 68);
	ck_assert_uint_ge(n, 300);
	ck_assert_uint_eq(option(data, n, 53, &type, 1), 1);
	server.discovers += type == 1;
	server.requests += type == 3 && !from;
	server.renewals += type == 3 && from;
	if (server.silent) {
		server.silent--;
		return;
	}
	memcpy(reply, data, 240);
	reply[0] = 2;
	if (!from && type == 3) {
		ck_assert_uint_eq(option(data, n, 50, asked, 4), 4);
		ck_assert_mem_eq(asked, ((u8[]){ 10, 0, 0, 42 }), 4);
	}
	memcpy(reply + 16, (u8[]){ 10, 0, 0, 42 }, 4);
	reply[at++] = 53;
	reply[at++] = 1;
	reply[at++] = type == 1 ? 2 : server.refuse ? 6 : 5;
	server.refuse = false;
	memcpy(reply + at, tail_of, sizeof(tail_of));
	at += sizeof(tail_of);
	for (int i = 3; i >= 0; i--)
		reply[at++] = (u8)(server.lease >> 8 * i);
	reply[at++] = 255;
	net_udp_send(nif, from ? from : NET_BROADCAST, 67, 68, reply, at, nif->now);
}

static void with_server(u32 lease)
{
	memset(&server, 0, sizeof(server));
	server.lease = lease;
	ck_assert_int_eq(net_udp_bind(&b, 67, serve, NULL), 0);
	a.ip = a.mask = 0;
	ck_assert_int_eq(net_dhcp_start(&a, 0x1234, now), 0);
}

START_TEST(dhcp)
{
	with_server(1000);
	settle();
	ck_assert_int_eq(a.dhcp.state, DHCP_BOUND);
	ck_assert_uint_eq(a.ip, 0x0a00002a);
	ck_assert_uint_eq(a.mask, MASK);
	ck_assert_uint_eq(a.router, HOST_B);
	ck_assert_uint_eq(a.dns, 0x0a000003);
	ck_assert_uint_eq(a.dhcp.lease, 1000);
	/* Half of it later it asks its server alone, and has a new one. */
	pass(501 * SECOND);
	ck_assert_uint_eq(server.renewals, 1);
	ck_assert_int_eq(a.dhcp.state, DHCP_BOUND);
	/* A server that has gone: asked now and then, until the lease is over; then everybody is asked. */
	server.silent = 1000;
	pass(1002 * SECOND);
	ck_assert_uint_ge(server.renewals, 3);
	ck_assert_uint_le(server.renewals, 12);
	ck_assert_int_eq(a.dhcp.state, DHCP_SELECTING);
	ck_assert_uint_eq(a.ip, 0);
	server.silent = 0;
	pass(3 * SECOND);
	ck_assert_int_eq(a.dhcp.state, DHCP_BOUND);
}
END_TEST

START_TEST(dhcp_loses_messages)
{
	with_server(1000);
	server.silent = 2;
	settle();
	pass(10 * SECOND);
	ck_assert_int_eq(a.dhcp.state, DHCP_BOUND);
	ck_assert_uint_eq(server.discovers, 3);
	server.refuse = true; /* the renewal: it begins anew, and gets one */
	pass(520 * SECOND);
	ck_assert_int_eq(a.dhcp.state, DHCP_BOUND);
	ck_assert_uint_eq(server.discovers, 4);
}
END_TEST

/* Options that lead out of the message. */
START_TEST(dhcp_damage)
{
	struct frame f;

	with_server(1000);
	/* The offer's frame: B's first. */
	while (wire[head % FRAMES].from == &a) {
		struct frame *x = &wire[head++ % FRAMES];

		net_receive(&b, x->bytes, x->n, now);
	}
	f = wire[head % FRAMES];
	head = tail;
	for (size_t at = 42; at < f.n; at++) {
		for (int v = 0; v < 3; v++) {
			struct frame g = f;
			struct net_if before = a;
			u8 *copy;

			g.bytes[at] = (u8)(v == 0 ? 0xff : v == 1 ? 0 : g.bytes[at] + 1);
			g.bytes[40] = g.bytes[41] = 0; /* no checksum to notice it */
			copy = malloc(g.n);
			memcpy(copy, g.bytes, g.n);
			net_receive(&a, copy, g.n, now);
			free(copy);
			a = before;
			head = tail;
		}
	}
	net_receive(&a, f.bytes, f.n, now);
	settle();
	ck_assert_int_eq(a.dhcp.state, DHCP_BOUND);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("net");
	TCase *t = tcase_create("net");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, ping);
	tcase_add_test(t, arp_is_asked_again);
	tcase_add_test(t, arp_gives_up);
	tcase_add_test(t, arp_is_not_taught);
	tcase_add_test(t, router);
	tcase_add_test(t, udp_echo);
	tcase_add_test(t, udp_ports);
	tcase_add_test(t, damage);
	tcase_add_test(t, fragments_and_lies);
	tcase_add_test(t, dhcp);
	tcase_add_test(t, dhcp_loses_messages);
	tcase_add_test(t, dhcp_damage);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
