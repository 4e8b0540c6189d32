/* SPDX-License-Identifier: MIT */
/* Unit tests of devices/uart16550.c: registers, FIFOs, loopback, breaks, overruns, modem lines. */
#include "tests/unit/devices/uart_fixture.h"

START_TEST(power_on_state)
{
	ck_assert_uint_eq(in(UART_IER), 0);
	ck_assert_uint_eq(in(UART_IIR), UART_IIR_NONE);
	ck_assert_uint_eq(in(UART_LCR), 0);
	ck_assert_uint_eq(in(UART_MCR), 0);
	ck_assert_uint_eq(in(UART_LSR), UART_LSR_THRE | UART_LSR_TEMT);
	ck_assert_uint_eq(in(UART_MSR), UART_MSR_CTS | UART_MSR_DSR | UART_MSR_DCD);
	ck_assert_uint_eq(in(UART_SCR), 0);
	ck_assert_uint_eq(m.irq_calls[GSI], 0);
}
END_TEST

START_TEST(reset_returns_to_power_on_state)
{
	open_port(FIFO_ON, UART_IER_MASK);
	out(UART_SCR, 0x5a);
	type("abc");
	ck_assert_int_eq(line(), 1);
	dev->class->reset(dev);
	ck_assert_int_eq(line(), 0);
	ck_assert_uint_eq(in(UART_IER), 0);
	ck_assert_uint_eq(in(UART_IIR), UART_IIR_NONE);
	ck_assert_uint_eq(in(UART_LCR), 0);
	ck_assert_uint_eq(in(UART_MCR), 0);
	ck_assert_uint_eq(in(UART_LSR), UART_LSR_THRE | UART_LSR_TEMT);
	ck_assert_uint_eq(in(UART_MSR), UART_MSR_CTS | UART_MSR_DSR | UART_MSR_DCD);
	ck_assert_uint_eq(in(UART_SCR), 0);
}
END_TEST

START_TEST(reserved_bits_read_zero)
{
	out(UART_IER, 0xff);
	ck_assert_uint_eq(in(UART_IER), 0x0f);
	out(UART_MCR, 0xff);
	ck_assert_uint_eq(in(UART_MCR), 0x1f);
	out(UART_LCR, 0x7f);
	ck_assert_uint_eq(in(UART_LCR), 0x7f);
	out(UART_SCR, 0xa5);
	ck_assert_uint_eq(in(UART_SCR), 0xa5);
	out(UART_LSR, 0xff);
	ck_assert_uint_eq(in(UART_LSR) &
				  ~(UART_LSR_THRE | UART_LSR_TEMT | UART_LSR_BI | UART_LSR_DR),
			  0); /* BI and DR: LCR and MCR above made a loopback break */
	in(UART_MSR);
	out(UART_MSR, 0xff);
	ck_assert_uint_eq(in(UART_MSR)&UART_MSR_DELTAS, 0);
}
END_TEST

START_TEST(dlab_shows_the_divisor)
{
	out(UART_IER, UART_IER_RX);
	out(UART_LCR, UART_LCR_DLAB | UART_LCR_8BITS);
	out(UART_DLL, 0x34);
	out(UART_DLM, 0x12);
	ck_assert_uint_eq(in(UART_DLL), 0x34);
	ck_assert_uint_eq(in(UART_DLM), 0x12);
	out(UART_LCR, UART_LCR_8BITS);
	ck_assert_uint_eq(in(UART_IER), UART_IER_RX);
	out(UART_LCR, UART_LCR_DLAB);
	ck_assert_uint_eq(in(UART_DLL), 0x34);
	ck_assert_uint_eq(in(UART_DLM), 0x12);
	u8 b;
	ck_assert_uint_eq(host_reads(&b, 1), 0); /* DLL is not THR */
}
END_TEST

START_TEST(wide_access_is_successive_bytes)
{
	u8 buf[4];

	dev->class->write(dev, 0, UART_IER, 4, 0x0b030106); /* IER, FCR, LCR, MCR */
	ck_assert_uint_eq(dev->class->read(dev, 0, UART_IER, 4), 0x0b03c206);
	dev->class->write(dev, 0, UART_THR, 2, 0x0041);
	ck_assert_uint_eq(host_reads(buf, sizeof(buf)), 1);
	ck_assert_uint_eq(buf[0], 'A');
	ck_assert_uint_eq(in(UART_IER), 0);
	out(UART_SCR, 0x77);
	ck_assert_uint_eq(dev->class->read(dev, 0, 0, 8) >> 56, 0x77);
}
END_TEST

START_TEST(fifo_control_needs_its_enable_bit)
{
	out(UART_FCR, UART_FCR_TRIG_14);
	ck_assert_uint_eq(in(UART_IIR), UART_IIR_NONE);
	out(UART_FCR, FIFO_ON);
	ck_assert_uint_eq(in(UART_IIR), UART_IIR_FIFOS | UART_IIR_NONE);
	type("ab");
	ck_assert_uint_eq(in(UART_LSR)&UART_LSR_DR, UART_LSR_DR);
	out(UART_FCR, UART_FCR_ENABLE | UART_FCR_RX_RESET);
	ck_assert_uint_eq(in(UART_LSR)&UART_LSR_DR, 0);
	type("ab");
	out(UART_FCR, 0); /* a change of mode clears both FIFOs */
	ck_assert_uint_eq(in(UART_LSR)&UART_LSR_DR, 0);
	ck_assert_uint_eq(in(UART_IIR), UART_IIR_NONE);
}
END_TEST

START_TEST(sent_bytes_reach_the_host)
{
	static const char text[] = "Hello from the guest\n";
	u8 buf[64];

	for (const char *p = text; *p; p++) {
		ck_assert_uint_eq(in(UART_LSR)&UART_LSR_THRE, UART_LSR_THRE);
		out(UART_THR, (u8)*p);
	}
	ck_assert_uint_eq(host_reads(buf, sizeof(buf)), strlen(text));
	ck_assert_int_eq(memcmp(buf, text, strlen(text)), 0);
	ck_assert_uint_eq(m.irq_calls[GSI], 0);
}
END_TEST

START_TEST(loopback_returns_what_is_sent)
{
	u8 buf[8];

	open_port(FIFO_ON, 0);
	out(UART_MCR, UART_MCR_LOOP | UART_MCR_OUT2);
	type("host"); /* SIN is disconnected */
	ck_assert_uint_eq(in(UART_LSR)&UART_LSR_DR, 0);
	for (unsigned i = 0; i < 16; i++)
		out(UART_THR, (u8)(0xa0 + i));
	for (unsigned i = 0; i < 16; i++)
		ck_assert_uint_eq(in(UART_RBR), 0xa0 + i);
	ck_assert_uint_eq(host_reads(buf, sizeof(buf)), 0);
	out(UART_LCR, UART_LCR_5BITS);
	out(UART_THR, 0xff);
	ck_assert_uint_eq(in(UART_RBR), 0x1f);
	out(UART_MCR, UART_MCR_OUT2);
	mock_advance(&m, 0); /* what the host typed meanwhile was kept */
	ck_assert_uint_eq(in(UART_RBR), 'h');
	ck_assert_uint_eq(in(UART_RBR), 'o');
}
END_TEST

START_TEST(loopback_wires_modem_outputs_to_inputs)
{
	static const u8 pairs[][3] = {
		{ UART_MCR_DTR, UART_MSR_DSR, UART_MSR_DDSR },
		{ UART_MCR_RTS, UART_MSR_CTS, UART_MSR_DCTS },
		{ UART_MCR_OUT2, UART_MSR_DCD, UART_MSR_DDCD },
	};

	out(UART_MCR, UART_MCR_LOOP);
	ck_assert_uint_eq(in(UART_MSR), UART_MSR_DCTS | UART_MSR_DDSR | UART_MSR_DDCD);
	ck_assert_uint_eq(in(UART_MSR), 0);
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		out(UART_MCR, UART_MCR_LOOP | pairs[i][0]);
		ck_assert_uint_eq(in(UART_MSR), pairs[i][1] | pairs[i][2]);
		ck_assert_uint_eq(in(UART_MSR), pairs[i][1]);
		out(UART_MCR, UART_MCR_LOOP);
		ck_assert_uint_eq(in(UART_MSR), pairs[i][2]);
	}
	out(UART_MCR, UART_MCR_LOOP | UART_MCR_OUT1);
	ck_assert_uint_eq(in(UART_MSR), UART_MSR_RI); /* no delta when the ring begins */
	out(UART_MCR, UART_MCR_LOOP);
	ck_assert_uint_eq(in(UART_MSR), UART_MSR_TERI);
	out(UART_MCR, 0);
	ck_assert_uint_eq(in(UART_MSR)&UART_MSR_LINES, UART_MSR_CTS | UART_MSR_DSR | UART_MSR_DCD);
}
END_TEST

START_TEST(no_backend_no_modem_lines)
{
	struct device *lone = uart16550_create(&m.env, &com1, mock_line(&m, 3), NULL, 1);

	ck_assert_ptr_nonnull(lone);
	ck_assert_uint_eq(lone->class->read(lone, 0, UART_MSR, 1), 0);
	for (int i = 0; i < 100; i++)
		lone->class->write(lone, 0, UART_THR, 1, 'x');
	ck_assert_uint_eq(lone->class->read(lone, 0, UART_LSR, 1), UART_LSR_THRE | UART_LSR_TEMT);
	lone->class->destroy(lone);
}
END_TEST

START_TEST(loopback_break)
{
	open_port(FIFO_ON, UART_IER_LINE);
	out(UART_MCR, UART_MCR_LOOP | UART_MCR_OUT2);
	out(UART_LCR, UART_LCR_8BITS | UART_LCR_BREAK);
	ck_assert_uint_eq(iir(), UART_IIR_LINE);
	out(UART_THR, 'x'); /* drowned */
	ck_assert_uint_eq(in(UART_LSR), UART_LSR_BI | UART_LSR_DR | UART_LSR_THRE | UART_LSR_TEMT |
						UART_LSR_FIFO_ERR);
	ck_assert_uint_eq(in(UART_LSR), UART_LSR_DR | UART_LSR_THRE | UART_LSR_TEMT);
	ck_assert_uint_eq(in(UART_RBR), 0);
	ck_assert_uint_eq(in(UART_LSR)&UART_LSR_DR, 0); /* one zero, however long it lasts */
	out(UART_LCR, UART_LCR_8BITS);
	out(UART_THR, 'y');
	ck_assert_uint_eq(in(UART_RBR), 'y');
}
END_TEST

START_TEST(host_break_shows_when_it_reaches_the_top)
{
	open_port(FIFO_ON, UART_IER_LINE);
	type("a");
	uart16550_break(dev);
	type("b");
	ck_assert_uint_eq(in(UART_LSR) & (UART_LSR_BI | UART_LSR_FIFO_ERR), UART_LSR_FIFO_ERR);
	ck_assert_uint_eq(in(UART_RBR), 'a');
	ck_assert_uint_eq(iir(), UART_IIR_LINE);
	ck_assert_uint_eq(in(UART_LSR) & (UART_LSR_BI | UART_LSR_FIFO_ERR),
			  UART_LSR_BI | UART_LSR_FIFO_ERR);
	ck_assert_uint_eq(in(UART_LSR) & (UART_LSR_BI | UART_LSR_FIFO_ERR), 0);
	ck_assert_uint_eq(in(UART_RBR), 0);
	ck_assert_uint_eq(in(UART_RBR), 'b');
	ck_assert_uint_eq(in(UART_LSR)&UART_LSR_BI, 0);
}
END_TEST

START_TEST(host_break_waits_for_room)
{
	open_port(FIFO_ON, 0);
	type("0123456789abcdefgh");
	uart16550_break(dev);
	ck_assert_uint_eq(in(UART_LSR)&UART_LSR_OE, 0);
	for (int i = 0; i < 16; i++)
		ck_assert_uint_eq(in(UART_RBR), (u8) "0123456789abcdef"[i]);
	ck_assert_uint_eq(in(UART_LSR)&UART_LSR_BI, UART_LSR_BI);
	ck_assert_uint_eq(in(UART_RBR), 0);
	mock_advance(&m, 0);
	ck_assert_uint_eq(in(UART_RBR), 'g');
	ck_assert_uint_eq(in(UART_RBR), 'h');
}
END_TEST

START_TEST(overrun_keeps_the_fifo)
{
	open_port(FIFO_ON, UART_IER_LINE);
	out(UART_MCR, UART_MCR_LOOP | UART_MCR_OUT2);
	for (unsigned i = 0; i < 16; i++)
		out(UART_THR, (u8)i);
	ck_assert_int_eq(line(), 0);
	out(UART_THR, 99);
	ck_assert_uint_eq(iir(), UART_IIR_LINE);
	ck_assert_uint_eq(in(UART_LSR) & (UART_LSR_OE | UART_LSR_FIFO_ERR), UART_LSR_OE);
	ck_assert_uint_eq(in(UART_LSR)&UART_LSR_OE, 0);
	for (unsigned i = 0; i < 16; i++)
		ck_assert_uint_eq(in(UART_RBR), i);
	ck_assert_uint_eq(in(UART_LSR)&UART_LSR_DR, 0);
}
END_TEST

START_TEST(overrun_without_fifo_keeps_the_new_byte)
{
	open_port(0, 0);
	out(UART_MCR, UART_MCR_LOOP);
	out(UART_THR, 'a');
	out(UART_THR, 'b');
	ck_assert_uint_eq(in(UART_LSR)&UART_LSR_OE, UART_LSR_OE);
	ck_assert_uint_eq(in(UART_RBR), 'b');
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		power_on_state,
		reset_returns_to_power_on_state,
		reserved_bits_read_zero,
		dlab_shows_the_divisor,
		wide_access_is_successive_bytes,
		fifo_control_needs_its_enable_bit,
		sent_bytes_reach_the_host,
		loopback_returns_what_is_sent,
		loopback_wires_modem_outputs_to_inputs,
		no_backend_no_modem_lines,
		loopback_break,
		host_break_shows_when_it_reaches_the_top,
		host_break_waits_for_room,
		overrun_keeps_the_fifo,
		overrun_without_fifo_keeps_the_new_byte,
	};

	return run_tests("uart16550", tests, ARRAY_SIZE(tests));
}
