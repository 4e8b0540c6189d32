/* SPDX-License-Identifier: MIT */
/* Unit tests of devices/virtio/console*.c and rng.c, by a driver in every mode. */
#include <check.h>
#include <fcntl.h>
#include <unistd.h>

#include "devices/abi/virtio_console.h"
#include "devices/virtio/console.h"
#include "devices/virtio/rng.h"
#include "devices/virtio/virtio.h"
#include "tests/unit/devices/virtio_driver.h"

#define MULTIPORT VIRTIO_BIT(VIRTIO_CONSOLE_F_MULTIPORT)

static struct drv d;
static struct chardev *port[2];
static int in[2][2], out[2][2]; /* pipes of each port: [0] read, [1] write */

static void create(unsigned ports)
{
	struct dev_range mmio = drv_range();

	for (unsigned i = 0; i < ports; i++) {
		struct chardev_config cfg;

		ck_assert_int_eq(pipe2(in[i], O_CLOEXEC | O_NONBLOCK), 0);
		ck_assert_int_eq(pipe2(out[i], O_CLOEXEC | O_NONBLOCK), 0);
		cfg = (struct chardev_config){ .in_fd = in[i][0], .out_fd = out[i][1] };
		port[i] = chardev_create(&d.m.env, &cfg);
		ck_assert_ptr_nonnull(port[i]);
	}
	d.dev = virtio_console_create(&d.m.env, &mmio, mock_line(&d.m, DRV_GSI), port, ports);
	ck_assert_ptr_nonnull(d.dev);
	d.dev->class->reset(d.dev);
	for (unsigned i = 0; i < ports; i++)
		ck_assert_int_eq(chardev_start(port[i]), 0);
}

static void setup(void)
{
	memset(port, 0, sizeof(port));
	drv_init(&d);
}

static void teardown(void)
{
	if (d.dev)
		d.dev->class->destroy(d.dev);
	d.dev = NULL;
	for (unsigned i = 0; i < 2; i++) {
		if (!port[i])
			continue;
		chardev_destroy(port[i]);
		for (int k = 0; k < 2; k++) {
			close(in[i][k]);
			close(out[i][k]);
		}
	}
	drv_fini(&d);
}

/* Lets the loop and its timers run. */
static void turn(void)
{
	for (int i = 0; i < 4; i++) {
		mock_poll(&d.m);
		mock_advance(&d.m, 10000000);
	}
}

static u16 put(unsigned q, const char *text)
{
	u32 len = (u32)strlen(text);
	struct drv_seg seg = { drv_alloc(&d, len, 1), len, false };

	memcpy(drv_ptr(&d, seg.gpa, len), text, len);
	return drv_add(&d, q, &seg, 1);
}

static u64 give(unsigned q, u32 len)
{
	struct drv_seg seg = { drv_alloc(&d, len, 8), len, true };

	drv_add(&d, q, &seg, 1);
	return seg.gpa;
}

static const char *got(unsigned i)
{
	static char buf[300000];
	ssize_t n = read(out[i][0], buf, sizeof(buf) - 1);

	buf[n > 0 ? n : 0] = 0;
	return buf;
}

START_TEST(output_reaches_the_host)
{
	create(1);
	drv_start(&d, 0, drv_modes[_i], 2, 16);
	put(VIRTIO_CONSOLE_TXQ, "hello ");
	put(VIRTIO_CONSOLE_TXQ, "world\n");
	drv_kick(&d, VIRTIO_CONSOLE_TXQ);
	ck_assert_int_ge(drv_used(&d, VIRTIO_CONSOLE_TXQ, NULL), 0);
	ck_assert_int_ge(drv_used(&d, VIRTIO_CONSOLE_TXQ, NULL), 0);
	turn();
	ck_assert_str_eq(got(0), "hello world\n");
}
END_TEST

START_TEST(input_waits_for_buffers_and_none_is_lost)
{
	u32 len;
	u64 a, b;

	create(1);
	drv_start(&d, 0, drv_modes[_i], 2, 16);
	ck_assert_int_eq(write(in[0][1], "0123456789", 10), 10);
	turn();
	a = give(VIRTIO_CONSOLE_RXQ, 4);
	drv_kick(&d, VIRTIO_CONSOLE_RXQ);
	turn();
	ck_assert_int_ge(drv_used(&d, VIRTIO_CONSOLE_RXQ, &len), 0);
	ck_assert_uint_eq(len, 4);
	ck_assert_mem_eq(drv_ptr(&d, a, 4), "0123", 4);
	drv_ack(&d);
	drv_listen(&d, VIRTIO_CONSOLE_RXQ);
	b = give(VIRTIO_CONSOLE_RXQ, 64);
	drv_kick(&d, VIRTIO_CONSOLE_RXQ);
	turn();
	ck_assert_int_ge(drv_used(&d, VIRTIO_CONSOLE_RXQ, &len), 0);
	ck_assert_uint_eq(len, 6);
	ck_assert_mem_eq(drv_ptr(&d, b, 6), "456789", 6);
	ck_assert(drv_ack(&d));
}
END_TEST

START_TEST(output_waits_for_a_slow_reader)
{
	static char big[200001];
	size_t total = 0;
	u16 token;

	memset(big, 'x', sizeof(big) - 1);
	create(1);
	drv_start(&d, 0, drv_modes[_i], 2, 16);
	token = put(VIRTIO_CONSOLE_TXQ, big);
	drv_kick(&d, VIRTIO_CONSOLE_TXQ);
	/* More than the pipe and the ring hold: the chain stays with the device. */
	turn();
	ck_assert_int_eq(drv_used(&d, VIRTIO_CONSOLE_TXQ, NULL), -1);
	for (int i = 0; i < 20; i++) {
		total += strlen(got(0));
		turn();
	}
	ck_assert_uint_eq(total, 200000);
	ck_assert_int_eq(drv_used(&d, VIRTIO_CONSOLE_TXQ, NULL), token);
}
END_TEST

START_TEST(last_words_without_a_doorbell_are_not_lost)
{
	create(1);
	drv_start(&d, 0, drv_modes[_i], 2, 16);
	put(VIRTIO_CONSOLE_TXQ, "bye\n");
	ck_assert(!virtio_console_finish(d.dev));
	ck_assert_int_eq(chardev_flush(port[0], 1000), 0);
	ck_assert_str_eq(got(0), "bye\n");
}
END_TEST

START_TEST(a_byte_can_be_written_before_there_is_a_queue)
{
	create(1);
	ck_assert(drv_offered(&d) & VIRTIO_BIT(VIRTIO_CONSOLE_F_EMERG_WRITE));
	drv_set(&d, VIRTIO_MMIO_CONFIG + 8, '!');
	turn();
	ck_assert_str_eq(got(0), "!");
}
END_TEST

START_TEST(a_reset_forgets_output_that_waits)
{
	static char big[200001];

	memset(big, 'x', sizeof(big) - 1);
	create(1);
	drv_start(&d, 0, drv_modes[_i], 2, 16);
	put(VIRTIO_CONSOLE_TXQ, big);
	drv_kick(&d, VIRTIO_CONSOLE_TXQ);
	drv_start(&d, 0, drv_modes[_i], 2, 16);
	for (int i = 0; i < 20; i++) {
		got(0);
		turn();
	}
	ck_assert_int_eq(drv_used(&d, VIRTIO_CONSOLE_TXQ, NULL), -1);
	put(VIRTIO_CONSOLE_TXQ, "new");
	drv_kick(&d, VIRTIO_CONSOLE_TXQ);
	turn();
	ck_assert_str_eq(got(0), "new");
}
END_TEST

START_TEST(the_size_is_told)
{
	create(1);
	ck_assert(!(drv_offered(&d) & MULTIPORT));
	drv_start(&d, VIRTIO_BIT(VIRTIO_CONSOLE_F_SIZE), drv_modes[0], 2, 16);
	virtio_console_resize(d.dev, 0, 132, 43);
	ck_assert_uint_eq(drv_reg(&d, VIRTIO_MMIO_CONFIG), 132 | 43 << 16);
	ck_assert_uint_eq(drv_reg(&d, VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_INT_CONFIG);
	virtio_console_resize(d.dev, 7, 1, 1); /* no such port */
}
END_TEST

/* --- several ports --------------------------------------------------------------------------------- */

static void say(u32 id, u16 event, u16 value)
{
	struct virtio_console_control msg = { id, event, value };
	struct drv_seg seg = { drv_alloc(&d, sizeof(msg), 8), sizeof(msg), false };

	memcpy(drv_ptr(&d, seg.gpa, sizeof(msg)), &msg, sizeof(msg));
	drv_add(&d, VIRTIO_CONSOLE_CTRL_TXQ, &seg, 1);
	drv_kick(&d, VIRTIO_CONSOLE_CTRL_TXQ);
	ck_assert_int_ge(drv_used(&d, VIRTIO_CONSOLE_CTRL_TXQ, NULL), 0);
}

/* The device's next message, in the buffers given in order from `next`. */
static struct virtio_console_control hear(u64 *next, u32 *len)
{
	struct virtio_console_control msg;

	ck_assert_int_ge(drv_used(&d, VIRTIO_CONSOLE_CTRL_RXQ, len), 0);
	memcpy(&msg, drv_ptr(&d, *next, sizeof(msg)), sizeof(msg));
	*next += 16;
	return msg;
}

START_TEST(ports_are_announced_opened_and_sized)
{
	static const u16 events[] = { VIRTIO_CONSOLE_CONSOLE_PORT, VIRTIO_CONSOLE_PORT_OPEN,
				      VIRTIO_CONSOLE_RESIZE };
	u64 next, rx;
	u32 len;

	create(2);
	drv_start(&d, MULTIPORT, drv_modes[_i], 6, 16);
	next = give(VIRTIO_CONSOLE_CTRL_RXQ, 16);
	for (int i = 1; i < 10; i++)
		give(VIRTIO_CONSOLE_CTRL_RXQ, 16);
	d.heap = ALIGN_UP(d.heap, 4096);
	drv_kick(&d, VIRTIO_CONSOLE_CTRL_RXQ);
	say(UINT32_MAX, VIRTIO_CONSOLE_DEVICE_READY, 1);
	if (drv_modes[_i].indirect)
		return; /* the buffers do not lie one behind the other then */
	for (u32 i = 0; i < 2; i++) {
		struct virtio_console_control msg = hear(&next, &len);

		ck_assert_uint_eq(msg.id, i);
		ck_assert_uint_eq(msg.event, VIRTIO_CONSOLE_PORT_ADD);
	}
	say(1, VIRTIO_CONSOLE_PORT_READY, 1);
	for (int i = 0; i < 3; i++) {
		struct virtio_console_control msg = hear(&next, &len);

		ck_assert_uint_eq(msg.id, 1);
		ck_assert_uint_eq(msg.event, events[i]);
		ck_assert_uint_eq(len, i == 2 ? 12 : 8);
	}
	/* Input comes only once somebody in the guest has opened the port. */
	rx = give(4, 16);
	drv_kick(&d, 4);
	ck_assert_int_eq(write(in[1][1], "in", 2), 2);
	turn();
	ck_assert_int_eq(drv_used(&d, 4, NULL), -1);
	say(1, VIRTIO_CONSOLE_PORT_OPEN, 1);
	turn();
	ck_assert_int_ge(drv_used(&d, 4, &len), 0);
	ck_assert_mem_eq(drv_ptr(&d, rx, 2), "in", 2);
	put(5, "out");
	drv_kick(&d, 5);
	turn();
	ck_assert_str_eq(got(1), "out");
	ck_assert_str_eq(got(0), "");
	virtio_console_resize(d.dev, 1, 100, 30);
	ck_assert_uint_eq(hear(&next, &len).event, VIRTIO_CONSOLE_RESIZE);
	/* Nonsense is ignored. */
	say(99, VIRTIO_CONSOLE_PORT_READY, 1);
	say(0, 77, 1);
	ck_assert(!(drv_reg(&d, VIRTIO_MMIO_STATUS) & VIRTIO_STATUS_NEEDS_RESET));
}
END_TEST

/* --- entropy --------------------------------------------------------------------------------------- */

START_TEST(random_bytes_fill_the_buffers)
{
	struct dev_range mmio = drv_range();
	struct drv_seg seg[3];
	u32 len;
	const u8 *p;
	unsigned zeroes = 0;

	d.dev = virtio_rng_create(&d.m.env, &mmio, mock_line(&d.m, DRV_GSI));
	ck_assert_ptr_nonnull(d.dev);
	d.dev->class->reset(d.dev);
	ck_assert_uint_eq(drv_reg(&d, VIRTIO_MMIO_DEVICE_ID), VIRTIO_ID_RNG);
	drv_start(&d, 0, drv_modes[_i], 1, 8);
	seg[0] = (struct drv_seg){ drv_alloc(&d, 100, 1), 100, true };
	seg[1] = (struct drv_seg){ drv_alloc(&d, 156, 1), 156, true };
	drv_add(&d, 0, seg, 2);
	drv_kick(&d, 0);
	ck_assert_int_ge(drv_used(&d, 0, &len), 0);
	ck_assert_uint_eq(len, 256);
	p = drv_ptr(&d, seg[0].gpa, 100);
	for (int i = 0; i < 100; i++)
		zeroes += !p[i];
	ck_assert_uint_lt(zeroes, 20);
	/* What is only read, and what is very large. */
	seg[0].in = false;
	drv_add(&d, 0, seg, 1);
	seg[2] = (struct drv_seg){ drv_alloc(&d, MiB, 1), MiB, true };
	drv_add(&d, 0, &seg[2], 1);
	drv_kick(&d, 0);
	ck_assert_int_ge(drv_used(&d, 0, &len), 0);
	ck_assert_uint_eq(len, 0);
	ck_assert_int_ge(drv_used(&d, 0, &len), 0);
	ck_assert_uint_eq(len, 4096);
}
END_TEST

int main(void)
{
	const int modes = ARRAY_SIZE(drv_modes);
	Suite *s = suite_create("virtio_console");
	TCase *t = tcase_create("console");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, output_reaches_the_host, 0, modes);
	tcase_add_loop_test(t, input_waits_for_buffers_and_none_is_lost, 0, modes);
	tcase_add_loop_test(t, output_waits_for_a_slow_reader, 0, modes);
	tcase_add_loop_test(t, last_words_without_a_doorbell_are_not_lost, 0, modes);
	tcase_add_test(t, a_byte_can_be_written_before_there_is_a_queue);
	tcase_add_loop_test(t, a_reset_forgets_output_that_waits, 0, modes);
	tcase_add_test(t, the_size_is_told);
	tcase_add_loop_test(t, ports_are_announced_opened_and_sized, 0, modes);
	tcase_add_loop_test(t, random_bytes_fill_the_buffers, 0, modes);
	suite_add_tcase(s, t);

	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
