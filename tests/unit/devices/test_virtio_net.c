/* SPDX-License-Identifier: MIT */
/* Unit tests of devices/virtio/net.c on a wire that the test holds, and of the user-mode network. */
#include "devices/virtio/net.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

#include "devices/virtio/virtio.h"
#include "tests/unit/devices/virtio_driver.h"

#define HDR	  sizeof(struct virtio_net_hdr)
#define RX	  VIRTIO_NET_RXQ
#define TX	  VIRTIO_NET_TXQ
#define MERGEABLE VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF)

static struct drv d;
static const u8 mac[6] = { 0x52, 0x54, 0, 1, 2, 3 };

/* --- a wire ---------------------------------------------------------------------------------------- */

struct wire {
	struct net_backend nb; /* first */
	u8 sent[70000];
	size_t sent_len;
	unsigned frames, flushes, resumes, destroyed;
	u64 accepted;
};

static struct wire wire;

static void wire_send(struct net_backend *nb, const struct iovec *iov, unsigned n, size_t len)
{
	struct wire *w = (struct wire *)nb;

	w->sent_len = iov_read(iov, n, 0, w->sent, sizeof(w->sent));
	ck_assert_uint_eq(w->sent_len, len);
	w->frames++;
}

static void wire_flush(struct net_backend *nb)
{
	((struct wire *)nb)->flushes++;
}

static void wire_resume(struct net_backend *nb)
{
	((struct wire *)nb)->resumes++;
}

static void wire_features(struct net_backend *nb, u64 accepted)
{
	((struct wire *)nb)->accepted = accepted;
}

static void wire_destroy(struct net_backend *nb)
{
	((struct wire *)nb)->destroyed++;
}

static const struct net_ops wire_ops = { "wire",      wire_send,     wire_flush,
					 wire_resume, wire_features, wire_destroy };

static void plug(struct net_backend *nb)
{
	struct dev_range mmio = drv_range();

	d.dev = virtio_net_create(&d.m.env, &mmio, mock_line(&d.m, DRV_GSI), nb, mac);
	ck_assert_ptr_nonnull(d.dev);
	d.dev->class->reset(d.dev);
}

static void setup(void)
{
	drv_init(&d);
	memset(&wire, 0, sizeof(wire));
	wire.nb.ops = &wire_ops;
	wire.nb.env = &d.m.env;
}

static void teardown(void)
{
	drv_fini(&d);
}

static u64 give(u32 len)
{
	struct drv_seg seg = { drv_alloc(&d, len, 8), len, true };

	drv_add(&d, RX, &seg, 1);
	return seg.gpa;
}

static bool arrive(const void *frame, size_t len)
{
	const struct net_client *c = &wire.nb.client;
	const struct virtio_net_hdr hdr = { .flags = VIRTIO_NET_HDR_F_DATA_VALID };
	bool took;

	c->enter(c->arg);
	took = c->receive(c->arg, &hdr, frame, len);
	c->leave(c->arg);
	return took;
}

static void send_frame(const void *frame, size_t len)
{
	struct drv_seg seg[2] = { { drv_alloc(&d, HDR, 8), HDR, false },
				  { drv_alloc(&d, len, 8), (u32)len, false } };

	memcpy(drv_ptr(&d, seg[1].gpa, len), frame, len);
	drv_add(&d, TX, seg, 2);
	drv_kick(&d, TX);
}

START_TEST(frames_go_out_whole)
{
	plug(&wire.nb);
	ck_assert_uint_eq(d.dev->class->read(d.dev, 0, VIRTIO_MMIO_CONFIG + 5, 1), 3);
	drv_start(&d, MERGEABLE, drv_modes[_i], 2, 16);
	ck_assert_uint_eq(wire.accepted & MERGEABLE, MERGEABLE);
	for (int i = 0; i < 40; i++) {
		send_frame("frame", 5);
		ck_assert_int_ge(drv_used(&d, TX, NULL), 0);
		ck_assert_uint_eq(wire.sent_len, HDR + 5);
		ck_assert_mem_eq(wire.sent + HDR, "frame", 5);
	}
	ck_assert_uint_eq(wire.frames, 40);
	ck_assert_uint_eq(wire.flushes, 40);
}
END_TEST

START_TEST(what_is_no_frame_is_dropped)
{
	struct drv_seg seg = { drv_alloc(&d, HDR, 8), HDR, false };
	struct drv_seg huge[2] = { { GPA_HIGH_RAM, 70000, false }, { GPA_HIGH_RAM, 10, true } };

	plug(&wire.nb);
	drv_start(&d, 0, drv_modes[_i], 2, 16);
	drv_add(&d, TX, &seg, 1);
	drv_add(&d, TX, huge, 1);
	drv_add(&d, TX, huge + 1, 1);
	drv_kick(&d, TX);
	for (int i = 0; i < 3; i++)
		ck_assert_int_ge(drv_used(&d, TX, NULL), 0);
	ck_assert_uint_eq(wire.frames, 0);
}
END_TEST

START_TEST(frames_come_in_one_buffer_each)
{
	const struct virtio_net_hdr *h;
	u64 buf[3];
	u32 len;

	plug(&wire.nb);
	drv_start(&d, 0, drv_modes[_i], 2, 16);
	for (int round = 0; round < 20; round++) {
		buf[0] = give(HDR + 100);
		ck_assert(arrive("hello", 5));
		ck_assert_int_ge(drv_used(&d, RX, &len), 0);
		ck_assert_uint_eq(len, HDR + 5);
		h = drv_ptr(&d, buf[0], HDR);
		ck_assert_uint_eq(h->num_buffers, 1);
		ck_assert_uint_eq(h->flags, VIRTIO_NET_HDR_F_DATA_VALID);
		ck_assert_mem_eq(drv_ptr(&d, buf[0] + HDR, 5), "hello", 5);
		ck_assert(drv_ack(&d));
		drv_listen(&d, RX);
	}
	/* One that does not fit is dropped, and its buffer serves the next. */
	buf[0] = give(HDR + 4);
	ck_assert(arrive("hello", 5));
	ck_assert_int_eq(drv_used(&d, RX, NULL), -1);
	ck_assert(arrive("hell", 4));
	ck_assert_int_ge(drv_used(&d, RX, &len), 0);
}
END_TEST

START_TEST(a_large_frame_takes_several_buffers_at_once)
{
	u8 frame[1000];
	u64 buf[8];
	u32 len;

	for (size_t i = 0; i < sizeof(frame); i++)
		frame[i] = (u8)(i * 7);
	plug(&wire.nb);
	drv_start(&d, MERGEABLE, drv_modes[_i], 2, 8);
	for (int round = 0; round < 12; round++) {
		size_t at = 0;
		u16 n;

		for (int i = 0; i < 3; i++)
			buf[i] = give(300);
		/* Too few: none is taken. */
		ck_assert(!arrive(frame, sizeof(frame)));
		ck_assert_int_eq(drv_used(&d, RX, NULL), -1);
		buf[3] = give(300);
		drv_kick(&d, RX);
		ck_assert_uint_eq(wire.resumes, (unsigned)round + 1);
		ck_assert(arrive(frame, sizeof(frame)));
		n = ((struct virtio_net_hdr *)drv_ptr(&d, buf[0], HDR))->num_buffers;
		ck_assert_uint_eq(n, 4);
		for (int i = 0; i < n; i++) {
			size_t skip = i ? 0 : HDR;

			ck_assert_int_ge(drv_used(&d, RX, &len), 0);
			ck_assert_mem_eq(drv_ptr(&d, buf[i] + skip, len - skip), frame + at,
					 len - skip);
			at += len - skip;
		}
		ck_assert_uint_eq(at, sizeof(frame));
		ck_assert_ptr_null(vq_check(&to_virtio(d.dev)->vq[RX]));
		d.heap = GPA_HIGH_RAM + MiB;
	}
}
END_TEST

START_TEST(nobody_home_loses_frames_and_nothing_else)
{
	plug(&wire.nb);
	ck_assert(arrive("x", 1));
	drv_start(&d, 0, drv_modes[0], 2, 8);
	ck_assert(!arrive("x", 1));
	drv_set(&d, VIRTIO_MMIO_STATUS, 0);
	ck_assert(arrive("x", 1));
	drv_start(&d, 0, drv_modes[0], 2, 8);
	give(100);
	drv_kick(&d, RX);
	ck_assert_uint_eq(wire.resumes, 1);
	d.dev->class->destroy(d.dev);
	d.dev = NULL;
	ck_assert_uint_eq(wire.destroyed, 1);
}
END_TEST

/* --- the user-mode network --------------------------------------------------------------------------- */

/* Waits for a frame from the network; its length, 0 after two seconds. */
static u32 next_frame(void)
{
	u32 len = 0;

	for (int i = 0; i < 400; i++) {
		struct pollfd p = { .fd = d.m.epoll_fd, .events = POLLIN };

		mock_poll(&d.m);
		if (drv_used(&d, RX, &len) >= 0)
			return len - (u32)HDR;
		poll(&p, 1, 5);
		mock_advance(&d.m, 5000000);
	}
	return 0;
}

static const u8 arp_request[42] = {
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x52, 0x54, 0, 1,  2, 3, 8, 6, /* Ethernet */
	0,    1,    8,	  0,	6,    4,    0,	  1,			   /* who has */
	0x52, 0x54, 0,	  1,	2,    3,    10,	  0,	2, 15,		   /* sender */
	0,    0,    0,	  0,	0,    0,    10,	  0,	2, 2,		   /* target: the gateway */
};

static u16 free_port(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	close(fd);
	return ntohs(sa.sin_port);
}

START_TEST(the_gateway_answers_and_ports_are_forwarded)
{
	struct net_forward fwd = { .host_addr = INADDR_LOOPBACK, .guest_port = 22 };
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct net_backend *nb;
	struct error e;
	u64 buf[8];
	u32 len;
	int fd;

	fwd.host_port = free_port();
	nb = net_user_create(&d.m.env, &fwd, 1, &e);
	ck_assert_msg(nb != NULL, "%s", e.text);
	plug(nb);
	drv_start(&d, 0, drv_modes[_i], 2, 16);
	for (int i = 0; i < 8; i++)
		buf[i] = give(2000);
	send_frame(arp_request, sizeof(arp_request));
	len = next_frame();
	ck_assert_uint_ge(len, 42);
	/* "10.0.2.2 is at ..." */
	ck_assert_uint_eq(*(u8 *)drv_ptr(&d, buf[0] + HDR + 21, 1), 2);
	ck_assert_mem_eq(drv_ptr(&d, buf[0] + HDR + 28, 4), "\12\0\2\2", 4);
	/* A connection to the host's port becomes a SYN for port 22 of the guest. */
	sa.sin_port = htons(fwd.host_port);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ck_assert(!connect(fd, (struct sockaddr *)&sa, sizeof(sa)) || errno == EINPROGRESS);
	len = next_frame();
	ck_assert_uint_ge(len, 54);
	ck_assert_mem_eq(drv_ptr(&d, buf[1] + HDR + 30, 4), "\12\0\2\17", 4);
	ck_assert_mem_eq(drv_ptr(&d, buf[1] + HDR + 36, 2), "\0\26", 2);
	ck_assert_uint_eq(*(u8 *)drv_ptr(&d, buf[1] + HDR + 47, 1) & 0x3f, 2);
	close(fd);
}
END_TEST

START_TEST(a_port_that_is_taken_is_said)
{
	struct net_forward fwd[2] = { { .host_addr = INADDR_LOOPBACK, .guest_port = 22 } };
	struct error e;

	fwd[0].host_port = free_port();
	fwd[1] = fwd[0];
	ck_assert_ptr_null(net_user_create(&d.m.env, fwd, 2, &e));
	ck_assert_ptr_nonnull(strstr(e.text, "forwarding TCP port"));
	ck_assert_ptr_nonnull(strstr(e.text, "in use"));
}
END_TEST

START_TEST(taps_that_cannot_be_are_refused)
{
	struct error e;

	ck_assert_ptr_null(net_tap_create(&d.m.env, "", &e));
	ck_assert_ptr_null(net_tap_create(&d.m.env, "a-name-that-is-far-too-long", &e));
	ck_assert_ptr_nonnull(strstr(e.text, "15 characters"));
}
END_TEST

int main(void)
{
	const int modes = ARRAY_SIZE(drv_modes);
	Suite *s = suite_create("virtio_net");
	TCase *t = tcase_create("net");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 30);
	tcase_add_loop_test(t, frames_go_out_whole, 0, modes);
	tcase_add_loop_test(t, what_is_no_frame_is_dropped, 0, modes);
	tcase_add_loop_test(t, frames_come_in_one_buffer_each, 0, modes);
	tcase_add_loop_test(t, a_large_frame_takes_several_buffers_at_once, 0, modes);
	tcase_add_test(t, nobody_home_loses_frames_and_nothing_else);
	tcase_add_loop_test(t, the_gateway_answers_and_ports_are_forwarded, 0, modes);
	tcase_add_test(t, a_port_that_is_taken_is_said);
	tcase_add_test(t, taps_that_cannot_be_are_refused);
	suite_add_tcase(s, t);

	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
