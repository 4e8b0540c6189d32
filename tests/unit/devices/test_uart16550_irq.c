/* SPDX-License-Identifier: MIT */
/* Unit tests of devices/uart16550.c: interrupt sources, their priority, edges and timeouts. */
#include <sched.h>

#include "tests/unit/devices/uart_fixture.h"

START_TEST(out2_gates_the_line)
{
	out(UART_IER, UART_IER_RX);
	type("a");
	ck_assert_int_eq(line(), 0);
	out(UART_MCR, UART_MCR_OUT2);
	ck_assert_int_eq(line(), 1);
	out(UART_MCR, 0);
	ck_assert_int_eq(line(), 0);
	ck_assert_uint_eq(iir(), UART_IIR_RX); /* the register does not care */
}
END_TEST

START_TEST(thre_interrupt_life)
{
	open_port(FIFO_ON, 0);
	ck_assert_uint_eq(iir(), NO_INT);
	out(UART_IER, UART_IER_THRE);
	ck_assert_int_eq(line(), 1);
	ck_assert_uint_eq(iir(), UART_IIR_THRE); /* this read clears it */
	ck_assert_int_eq(line(), 0);
	ck_assert_uint_eq(iir(), NO_INT);
	out(UART_THR, 'a'); /* sent at once: empty again */
	ck_assert_int_eq(line(), 1);
	ck_assert_uint_eq(iir(), UART_IIR_THRE);
	out(UART_IER, 0);
	out(UART_IER, UART_IER_THRE); /* enabling with THR empty raises it anew */
	ck_assert_int_eq(line(), 1);
	out(UART_IER, UART_IER_THRE); /* writing the same does not */
	ck_assert_uint_eq(iir(), UART_IIR_THRE);
	out(UART_IER, UART_IER_THRE);
	ck_assert_uint_eq(iir(), NO_INT);
}
END_TEST

/* A handler that ignores IIR and LSR and writes one byte per interrupt must see every edge. */
START_TEST(thr_write_makes_an_edge)
{
	u8 buf[64];

	open_port(0, UART_IER_THRE);
	ck_assert_uint_eq(m.rises[GSI], 1);
	for (unsigned i = 1; i <= 20; i++) {
		out(UART_THR, 'x');
		ck_assert_uint_eq(m.rises[GSI], 1 + i);
	}
	ck_assert_uint_eq(host_reads(buf, sizeof(buf)), 20);
}
END_TEST

START_TEST(fifo_burst_makes_one_edge_and_owes_one)
{
	open_port(FIFO_ON, UART_IER_THRE);
	iir();
	ck_assert_int_eq(line(), 0);
	m.rises[GSI] = m.irq_calls[GSI] = 0;
	for (int i = 0; i < 16; i++)
		out(UART_THR, 'x');
	ck_assert_uint_eq(m.irq_calls[GSI], 1);
	ck_assert_uint_eq(m.rises[GSI], 1);
	mock_advance(&m, 10000000); /* the guest never looked at IIR: it may wait for an edge */
	ck_assert_uint_eq(m.rises[GSI], 2);
	ck_assert_int_eq(line(), 1);
	mock_advance(&m, 100000000); /* once is enough */
	ck_assert_uint_eq(m.rises[GSI], 2);

	for (int i = 0; i < 16; i++)
		out(UART_THR, 'y');
	ck_assert_uint_eq(iir(), UART_IIR_THRE); /* looked: nothing is owed */
	m.rises[GSI] = 0;
	mock_advance(&m, 100000000);
	ck_assert_uint_eq(m.rises[GSI], 0);
}
END_TEST

START_TEST(rx_interrupt_without_fifo)
{
	open_port(0, UART_IER_RX);
	type("ab");
	ck_assert_int_eq(line(), 1);
	ck_assert_uint_eq(iir(), UART_IIR_RX);
	ck_assert_uint_eq(in(UART_RBR), 'a');
	ck_assert_int_eq(line(), 0); /* a low phase before the next byte */
	mock_advance(&m, 0);
	ck_assert_int_eq(line(), 1);
	ck_assert_uint_eq(in(UART_RBR), 'b');
	ck_assert_uint_eq(iir(), NO_INT);
	ck_assert_uint_eq(in(UART_RBR), 'b'); /* an empty receiver shows the last byte */
}
END_TEST

START_TEST(rx_fifo_trigger_levels)
{
	static const struct {
		u8 fcr;
		unsigned level;
	} levels[] = {
		{ UART_FCR_TRIG_1, 1 },
		{ UART_FCR_TRIG_4, 4 },
		{ UART_FCR_TRIG_8, 8 },
		{ UART_FCR_TRIG_14, 14 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
		open_port(FIFO_ON | levels[i].fcr, UART_IER_RX);
		for (unsigned n = 1; n <= 16; n++) {
			type("k");
			ck_assert_int_eq(line(), n >= levels[i].level);
		}
		ck_assert_uint_eq(iir(), UART_IIR_RX);
		for (unsigned n = 16; n-- > 0;) {
			in(UART_RBR);
			ck_assert_int_eq(line(), n >= levels[i].level);
		}
	}
}
END_TEST

START_TEST(rx_character_timeout)
{
	const u64 four_chars = 4 * 10 * 12 * 16 * 1000000000ULL / UART_CLOCK_HZ; /* 9600 8N1 */

	out(UART_LCR, UART_LCR_DLAB);
	out(UART_DLL, 12);
	out(UART_DLM, 0);
	open_port(FIFO_ON | UART_FCR_TRIG_8, UART_IER_RX);
	type("ab");
	mock_advance(&m, four_chars - 1);
	ck_assert_uint_eq(iir(), NO_INT);
	mock_advance(&m, 1);
	ck_assert_int_eq(line(), 1);
	ck_assert_uint_eq(iir(), UART_IIR_TIMEOUT);
	ck_assert_uint_eq(in(UART_IIR), UART_IIR_FIFOS | UART_IIR_TIMEOUT);
	in(UART_RBR); /* clears it and starts the time anew */
	ck_assert_int_eq(line(), 0);
	mock_advance(&m, four_chars);
	ck_assert_uint_eq(iir(), UART_IIR_TIMEOUT);
	in(UART_RBR);
	mock_advance(&m, 10 * four_chars); /* nothing waits: nothing times out */
	ck_assert_uint_eq(iir(), NO_INT);
}
END_TEST

START_TEST(rx_timeout_waits_for_silence)
{
	open_port(FIFO_ON | UART_FCR_TRIG_14, UART_IER_RX);
	for (int i = 0; i < 10; i++) {
		type("k");
		mock_advance(&m, 300000); /* less than four characters at 115200 baud */
		ck_assert_uint_eq(iir(), NO_INT);
	}
	mock_advance(&m, 700000);
	ck_assert_uint_eq(iir(), UART_IIR_TIMEOUT);
	type("abcd"); /* the trigger level is reached: plain data again */
	ck_assert_uint_eq(iir(), UART_IIR_RX);
}
END_TEST

START_TEST(rx_timeout_needs_the_fifo_and_its_enable)
{
	open_port(FIFO_ON | UART_FCR_TRIG_14, 0);
	type("a");
	mock_advance(&m, 100000000);
	ck_assert_uint_eq(iir(), NO_INT);
	out(UART_IER, UART_IER_RX); /* the byte is there; the time starts now */
	mock_advance(&m, 100000000);
	ck_assert_uint_eq(iir(), UART_IIR_TIMEOUT);
	out(UART_FCR, FIFO_ON | UART_FCR_TRIG_14);
	ck_assert_uint_eq(iir(), NO_INT);
	ck_assert_int_eq(line(), 0);
}
END_TEST

START_TEST(interrupts_have_priorities)
{
	open_port(FIFO_ON, UART_IER_MASK);
	type("ab");
	uart16550_break(dev);
	out(UART_MCR, UART_MCR_OUT2 | UART_MCR_LOOP); /* CTS and DSR fall: modem deltas */
	out(UART_MCR, UART_MCR_OUT2);
	in(UART_RBR);
	in(UART_RBR); /* the break is at the top now */
	ck_assert_uint_eq(iir(), UART_IIR_LINE);
	ck_assert_uint_eq(in(UART_LSR)&UART_LSR_BI, UART_LSR_BI);
	ck_assert_uint_eq(iir(), UART_IIR_RX);
	ck_assert_int_eq(line(), 1);
	in(UART_RBR);
	ck_assert_uint_eq(iir(), UART_IIR_THRE);
	ck_assert_uint_eq(iir(), UART_IIR_MODEM);
	ck_assert_int_eq(line(), 1);
	ck_assert_uint_eq(in(UART_MSR)&UART_MSR_DELTAS, UART_MSR_DCTS | UART_MSR_DDSR);
	ck_assert_uint_eq(iir(), NO_INT);
	ck_assert_int_eq(line(), 0);
}
END_TEST

START_TEST(each_source_obeys_its_enable)
{
	open_port(0, 0);
	type("a");
	uart16550_break(dev);
	out(UART_MCR, UART_MCR_OUT2 | UART_MCR_LOOP);
	for (unsigned i = 0; i < 2; i++) /* overrun in loopback */
		out(UART_THR, 'x');
	ck_assert_int_eq(line(), 0);
	ck_assert_uint_eq(iir(), NO_INT);
	out(UART_IER, UART_IER_RX);
	ck_assert_uint_eq(iir(), UART_IIR_RX);
	out(UART_IER, UART_IER_LINE);
	ck_assert_uint_eq(iir(), UART_IIR_LINE);
	out(UART_IER, UART_IER_MODEM);
	ck_assert_uint_eq(iir(), UART_IIR_MODEM);
	out(UART_IER, UART_IER_THRE);
	ck_assert_uint_eq(iir(), UART_IIR_THRE);
	ck_assert_int_eq(line(), 0);
}
END_TEST

START_TEST(loopback_interrupts_work)
{
	open_port(FIFO_ON | UART_FCR_TRIG_4, UART_IER_RX);
	out(UART_MCR, UART_MCR_LOOP | UART_MCR_OUT2);
	for (int i = 0; i < 3; i++)
		out(UART_THR, 'q');
	ck_assert_int_eq(line(), 0);
	out(UART_THR, 'q');
	ck_assert_int_eq(line(), 1);
	in(UART_RBR);
	mock_advance(&m, 1000000);
	ck_assert_uint_eq(iir(), UART_IIR_TIMEOUT);
}
END_TEST

struct hammer {
	unsigned seed;
	_Atomic bool *stop;
};

static void *hammer_registers(void *arg)
{
	struct hammer *h = arg;

	for (int i = 0; i < 100000; i++) {
		switch (rand_r(&h->seed) % 6) {
		case 0:
			out(UART_IER, (u8)rand_r(&h->seed));
			break;
		case 1:
			in(UART_IIR);
			break;
		case 2:
			out(UART_MCR, UART_MCR_OUT2 | (u8)(rand_r(&h->seed) & UART_MCR_LOOP));
			break;
		case 3:
			in(UART_LSR);
			break;
		case 4:
			in(UART_RBR);
			break;
		default:
			out(UART_THR, (u8)i);
			break;
		}
	}
	return NULL;
}

START_TEST(line_is_right_after_concurrent_accesses)
{
	struct hammer h[2] = { { .seed = 1 }, { .seed = 2 } };
	pthread_t t[2];
	static u8 buf[PIPE_LEN];

	open_port(FIFO_ON, UART_IER_MASK);
	for (int i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, hammer_registers, &h[i]);
	for (int i = 0; i < 200; i++) {
		mock_advance(&m, 1000000);
		mock_poll(&m);
		if (read(host_out[0], buf, sizeof(buf)) < 0)
			sched_yield();
	}
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	for (int ier = 0; ier <= UART_IER_MASK; ier++) {
		bool pending;

		out(UART_MCR, UART_MCR_OUT2);
		out(UART_IER, (u8)ier);
		pending = line();
		ck_assert_int_eq(pending, iir() != NO_INT);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		out2_gates_the_line,
		thre_interrupt_life,
		thr_write_makes_an_edge,
		fifo_burst_makes_one_edge_and_owes_one,
		rx_interrupt_without_fifo,
		rx_fifo_trigger_levels,
		rx_character_timeout,
		rx_timeout_waits_for_silence,
		rx_timeout_needs_the_fifo_and_its_enable,
		interrupts_have_priorities,
		each_source_obeys_its_enable,
		loopback_interrupts_work,
		line_is_right_after_concurrent_accesses,
	};

	return run_tests("uart16550_irq", tests, ARRAY_SIZE(tests));
}
