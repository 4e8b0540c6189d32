/* SPDX-License-Identifier: MIT */
/* Unit tests of devices/uart16550.c: slow hosts, saved states, self-description. */
#include <libfdt.h>

#include "devices/aml.h"
#include "tests/unit/devices/uart_fixture.h"

START_TEST(typed_input_is_never_lost)
{
	u8 sent[3000];
	size_t got = 0;

	open_port(FIFO_ON | UART_FCR_TRIG_8, UART_IER_RX);
	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = (u8)rand();
	ck_assert_int_eq(write(host_in[1], sent, sizeof(sent)), sizeof(sent));
	for (int turn = 0; got < sizeof(sent) && turn < 100000; turn++) {
		mock_poll(&m);
		mock_advance(&m, 400000);
		if (line() && rand() % 2)
			while (in(UART_LSR)&UART_LSR_DR && rand() % 20)
				ck_assert_uint_eq(in(UART_RBR), sent[got++]);
	}
	ck_assert_uint_eq(got, sizeof(sent));
	ck_assert_uint_eq(in(UART_LSR)&UART_LSR_OE, 0);
}
END_TEST

START_TEST(slow_reader_holds_thre_and_loses_nothing)
{
	static u8 buf[PIPE_LEN];
	u8 mark[16];
	u64 sent = fill_output('f'), got = 0;
	size_t n;

	ck_assert_uint_ge(sent, CHARDEV_RING + PIPE_LEN);
	ck_assert_uint_eq(in(UART_LSR), 0);
	/* THRE was seen before the last byte: 15 more may follow it blindly. */
	for (unsigned i = 0; i < 15; i++)
		out(UART_THR, 'm');
	ck_assert_uint_eq(uart16550_tx_overruns(dev), 0);
	out(UART_THR, '!'); /* and the 17th is one too many */
	ck_assert_uint_eq(uart16550_tx_overruns(dev), 1);

	while ((n = host_reads(buf, sizeof(buf))) != 0) {
		for (size_t i = 0; i < n; i++)
			ck_assert_uint_eq(buf[i], got + i < sent ? 'f' : 'm');
		got += n;
	}
	ck_assert_uint_eq(got, sent + 15);
	ck_assert_uint_eq(in(UART_LSR), UART_LSR_THRE | UART_LSR_TEMT);
	out(UART_THR, 'z');
	ck_assert_uint_eq(host_reads(mark, sizeof(mark)), 1);
	ck_assert_uint_eq(mark[0], 'z');
}
END_TEST

START_TEST(thre_interrupt_comes_when_there_is_room)
{
	static u8 buf[PIPE_LEN];

	open_port(FIFO_ON, 0);
	fill_output('f');
	out(UART_IER, UART_IER_THRE);
	ck_assert_int_eq(line(), 0); /* not empty, so enabling raises nothing */
	ck_assert_uint_eq(iir(), NO_INT);
	host_reads(buf, sizeof(buf));
	mock_poll(&m);
	ck_assert_int_eq(line(), 1);
	ck_assert_uint_eq(iir(), UART_IIR_THRE);
}
END_TEST

START_TEST(transmit_fifo_reset_drops_what_waits)
{
	open_port(FIFO_ON, 0);
	fill_output('f');
	ck_assert_uint_eq(in(UART_LSR), 0);
	out(UART_FCR, UART_FCR_ENABLE | UART_FCR_TX_RESET);
	ck_assert_uint_eq(in(UART_LSR), UART_LSR_THRE | UART_LSR_TEMT);
}
END_TEST

START_TEST(machine_reset_keeps_sent_bytes)
{
	static u8 buf[PIPE_LEN];
	u64 sent = fill_output('f'), got = 0;
	size_t n;

	out(UART_THR, 'R');
	dev->class->reset(dev);
	while ((n = host_reads(buf, sizeof(buf))) != 0)
		got += n;
	ck_assert_uint_eq(got, sent + 1);
}
END_TEST

/* A mebibyte by interrupts, through a 4 KiB pipe to a reader that stalls at random. */
START_TEST(interrupt_driven_output_arrives_whole)
{
	const u64 total = MiB;
	u64 sent = 0, got = 0, sum_sent = 0, sum_got = 0, order = 0;
	static u8 buf[PIPE_LEN];
	u64 stuck = 0;
	ssize_t n;

	srand(7);
	open_port(FIFO_ON, UART_IER_THRE);
	while (got < total && stuck < 100000) {
		stuck++;
		if (line() && sent < total && iir() == UART_IIR_THRE) {
			for (int i = 0; i < 16 && sent < total; i++, sent++) {
				u8 b = (u8)(sent * 31 + (sent >> 8));

				out(UART_THR, b);
				sum_sent = sum_sent * 31 + b;
			}
		}
		if (rand() % 8 == 0)
			mock_advance(&m, (u64)rand() % CHARDEV_BATCH_NS);
		if (rand() % 8 == 0)
			mock_poll(&m);
		n = rand() % 200 == 0 || sent == total
			    ? read(host_out[0], buf, (size_t)rand() % sizeof(buf))
			    : 0;
		for (ssize_t i = 0; i < n; i++, got++) {
			sum_got = sum_got * 31 + buf[i];
			order += buf[i] != (u8)(got * 31 + (got >> 8));
			stuck = 0;
		}
	}
	ck_assert_uint_eq(got, total);
	ck_assert_uint_eq(sum_got, sum_sent);
	ck_assert_uint_eq(order, 0);
	ck_assert_uint_eq(uart16550_tx_overruns(dev), 0);
}
END_TEST

START_TEST(state_survives_save_and_load)
{
	static u8 saved[4096];
	const struct device_class *class = dev->class;
	u8 *state = (u8 *)dev + class->state_offset;

	ck_assert_uint_le(class->state_size, sizeof(saved));
	open_port(FIFO_ON | UART_FCR_TRIG_8, UART_IER_RX | UART_IER_LINE);
	out(UART_SCR, 0x42);
	type("save");
	uart16550_break(dev);
	memcpy(saved, state, class->state_size);

	class->reset(dev);
	ck_assert_int_eq(line(), 0);
	memcpy(state, saved, class->state_size);
	ck_assert_int_eq(class->post_load(dev), 0);
	ck_assert_uint_eq(in(UART_SCR), 0x42);
	ck_assert_uint_eq(in(UART_IER), UART_IER_RX | UART_IER_LINE);
	mock_advance(&m, 1000000); /* the timeout runs again */
	ck_assert_int_eq(line(), 1);
	ck_assert_uint_eq(iir(), UART_IIR_TIMEOUT);
	for (int i = 0; i < 4; i++)
		ck_assert_uint_eq(in(UART_RBR), (u8) "save"[i]);
	ck_assert_uint_eq(iir(), UART_IIR_LINE);
	ck_assert_uint_eq(in(UART_LSR)&UART_LSR_BI, UART_LSR_BI);
	ck_assert_int_eq(memcmp(state, saved, class->state_size) != 0, 1);
}
END_TEST

START_TEST(waiting_output_survives_save_and_load)
{
	static u8 saved[4096], buf[PIPE_LEN];
	const struct device_class *class = dev->class;
	u8 *state = (u8 *)dev + class->state_offset;
	u8 last = 0;
	size_t n;

	fill_output('f');
	out(UART_THR, 'L');
	memcpy(saved, state, class->state_size);
	while ((n = host_reads(buf, sizeof(buf))) != 0)
		last = buf[n - 1];
	ck_assert_uint_eq(last, 'L');
	memcpy(state, saved, class->state_size);
	ck_assert_int_eq(class->post_load(dev), 0);
	ck_assert_uint_eq(in(UART_LSR)&UART_LSR_THRE, UART_LSR_THRE);
	n = host_reads(buf, sizeof(buf));
	ck_assert_uint_eq(n, 2);
	ck_assert_uint_eq(buf[1], 'L');
}
END_TEST

START_TEST(impossible_states_are_refused)
{
	const struct device_class *class = dev->class;
	u8 *state = (u8 *)dev + class->state_offset;
	unsigned refused = 0;

	for (u32 i = 0; i < class->state_size; i++) {
		class->reset(dev);
		state[i] = 0xff;
		if (class->post_load(dev) == 0)
			continue;
		refused++;
		ck_assert_uint_eq(in(UART_IER), 0); /* and the port works, as new */
		ck_assert_uint_eq(in(UART_LSR), UART_LSR_THRE | UART_LSR_TEMT);
		ck_assert_uint_eq(in(UART_MSR), UART_MSR_CTS | UART_MSR_DSR | UART_MSR_DCD);
	}
	ck_assert_uint_ge(refused, 10);
}
END_TEST

START_TEST(describes_itself_in_the_device_tree)
{
	static u8 fdt[4096];
	const u32 *cells;
	int node, len;

	ck_assert_int_eq(fdt_create(fdt, sizeof(fdt)), 0);
	ck_assert_int_eq(fdt_finish_reservemap(fdt), 0);
	ck_assert_int_eq(fdt_begin_node(fdt, ""), 0);
	ck_assert_int_eq(dev->class->describe_fdt(dev, fdt), 0);
	ck_assert_int_eq(fdt_end_node(fdt), 0);
	ck_assert_int_eq(fdt_finish(fdt), 0);
	node = fdt_path_offset(fdt, "/serial@3f8");
	ck_assert_int_ge(node, 0);
	ck_assert_int_eq(fdt_node_check_compatible(fdt, node, "ns16550a"), 0);
	cells = fdt_getprop(fdt, node, "parallax,io-port", &len);
	ck_assert_int_eq(len, 8);
	ck_assert_uint_eq(fdt32_to_cpu(cells[0]), 0x3f8);
	ck_assert_uint_eq(fdt32_to_cpu(cells[1]), 8);
	cells = fdt_getprop(fdt, node, "interrupts", &len);
	ck_assert_uint_eq(fdt32_to_cpu(cells[0]), GSI);
	cells = fdt_getprop(fdt, node, "clock-frequency", &len);
	ck_assert_uint_eq(fdt32_to_cpu(cells[0]), 1843200);
	/* Too little room is an error, not an overflow. */
	ck_assert_int_eq(fdt_create(fdt, 100), 0);
	ck_assert_int_eq(fdt_finish_reservemap(fdt), 0);
	ck_assert_int_eq(dev->class->describe_fdt(dev, fdt), -FDT_ERR_NOSPACE);
}
END_TEST

START_TEST(describes_itself_in_acpi)
{
	/* IO(Decode16, 0x3f8, 0x3f8, 1, 8), IRQNoFlags(){4}: ACPI 6.5 sections 6.4.2.5, 6.4.2.1 */
	static const u8 io[] = { 0x47, 0x01, 0xf8, 0x03, 0xf8, 0x03, 0x01, 0x08 };
	static const u8 irq[] = { 0x22, 0x10, 0x00 };
	static const u8 pnp0501[] = { 0x41, 0xd0, 0x05, 0x01 };
	struct aml a;

	aml_init(&a);
	aml_scope_begin(&a, "\\_SB");
	dev->class->describe_acpi(dev, &a);
	aml_scope_end(&a);
	ck_assert_int_eq(aml_finish(&a), 0);
	ck_assert_ptr_nonnull(memmem(a.data, a.len, "COM1", 4));
	ck_assert_ptr_nonnull(memmem(a.data, a.len, pnp0501, sizeof(pnp0501)));
	ck_assert_ptr_nonnull(memmem(a.data, a.len, io, sizeof(io)));
	ck_assert_ptr_nonnull(memmem(a.data, a.len, irq, sizeof(irq)));
	aml_free(&a);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		typed_input_is_never_lost,
		slow_reader_holds_thre_and_loses_nothing,
		thre_interrupt_comes_when_there_is_room,
		transmit_fifo_reset_drops_what_waits,
		machine_reset_keeps_sent_bytes,
		interrupt_driven_output_arrives_whole,
		state_survives_save_and_load,
		waiting_output_survives_save_and_load,
		impossible_states_are_refused,
		describes_itself_in_the_device_tree,
		describes_itself_in_acpi,
	};

	return run_tests("uart16550_host", tests, ARRAY_SIZE(tests));
}
