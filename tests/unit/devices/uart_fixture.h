/* SPDX-License-Identifier: MIT */
/* uart_fixture.h - COM1 on two pipes in a mock machine, and the guest's and the host's hands. */
#ifndef TESTS_UNIT_DEVICES_UART_FIXTURE_H
#define TESTS_UNIT_DEVICES_UART_FIXTURE_H

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>

#include "devices/abi/pc.h"
#include "devices/abi/uart16550.h"
#include "devices/uart16550.h"
#include "tests/unit/devices/mock_env.h"

#define GSI	 PC_COM1_IRQ
#define FIFO_ON	 (UART_FCR_ENABLE | UART_FCR_RX_RESET | UART_FCR_TX_RESET)
#define NO_INT	 UART_IIR_NONE
#define PIPE_LEN 4096

static struct mock_env m;
static struct chardev *cd;
static struct device *dev;
static int host_in[2];	/* the test writes [1], the guest receives */
static int host_out[2]; /* the guest sends, the test reads [0] */

static const struct dev_range com1 = { DEV_PIO, PC_COM1_PORT, PC_COM_LEN };

static inline void setup(void)
{
	struct chardev_config cfg;

	mock_init(&m);
	ck_assert_int_eq(pipe2(host_in, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(host_out, O_CLOEXEC | O_NONBLOCK), 0);
	ck_assert_int_eq(fcntl(host_out[1], F_SETPIPE_SZ, PIPE_LEN), PIPE_LEN);
	cfg = (struct chardev_config){ .in_fd = host_in[0], .out_fd = host_out[1] };
	cd = chardev_create(&m.env, &cfg);
	dev = uart16550_create(&m.env, &com1, mock_line(&m, GSI), cd, 0);
	ck_assert_int_eq(chardev_start(cd), 0);
}

static inline void teardown(void)
{
	dev->class->destroy(dev);
	chardev_destroy(cd);
	for (int i = 0; i < 2; i++) {
		close(host_in[i]);
		close(host_out[i]);
	}
	mock_fini(&m);
}

static inline u8 in(unsigned reg)
{
	return (u8)dev->class->read(dev, 0, reg, 1);
}

static inline void out(unsigned reg, u8 value)
{
	dev->class->write(dev, 0, reg, 1, value);
}

static inline u8 iir(void)
{
	return in(UART_IIR)&UART_IIR_ID_MASK;
}

static inline int line(void)
{
	return m.level[GSI];
}

/* As a driver sets the port up, with the interrupts in ier. */
static inline void open_port(u8 fcr, u8 ier)
{
	out(UART_LCR, UART_LCR_8BITS);
	out(UART_FCR, fcr);
	out(UART_MCR, UART_MCR_DTR | UART_MCR_RTS | UART_MCR_OUT2);
	out(UART_IER, ier);
}

static inline void type(const char *keys)
{
	ck_assert_int_eq(write(host_in[1], keys, strlen(keys)), (int)strlen(keys));
	mock_poll(&m);
}

/* What the guest has sent until now. */
static inline size_t host_reads(u8 *buf, size_t size)
{
	ssize_t n;

	mock_advance(&m, CHARDEV_BATCH_NS);
	mock_poll(&m);
	n = read(host_out[0], buf, size);
	return n > 0 ? (size_t)n : 0;
}

/* Writes with an eye on THRE until the ring and the pipe behind it are full. Returns how many. */
static inline u64 fill_output(u8 byte)
{
	u64 n = 0;

	for (int idle = 0; idle < 3; idle++) {
		while (in(UART_LSR)&UART_LSR_THRE) {
			out(UART_THR, byte);
			n++;
			idle = 0;
		}
		mock_advance(&m, CHARDEV_BATCH_NS);
	}
	return n;
}

static inline int run_tests(const char *name, const TTest *const *tests, size_t n)
{
	Suite *s = suite_create(name);
	TCase *t = tcase_create(name);
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	for (size_t i = 0; i < n; i++)
		tcase_add_test(t, tests[i]);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
