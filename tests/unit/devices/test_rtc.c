/* SPDX-License-Identifier: MIT */
/* Unit tests of devices/rtc.c: the clock, its interrupts and the CMOS RAM. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "devices/abi/pc.h"
#include "devices/abi/rtc.h"
#include "devices/aml.h"
#include "devices/rtc.h"
#include "tests/unit/devices/mock_env.h"

#define IRQ   PC_RTC_IRQ
#define SEC   1000000000ULL
#define START 1709251199ULL /* Thursday 2024-02-29 23:59:59 */

static struct mock_env m;
static struct device *dev;
static u64 wall_minus_now;

static u64 moving_wall(void *ctx)
{
	return ((struct mock_env *)ctx)->now + wall_minus_now;
}

static struct device *create(void)
{
	const struct dev_range pio = { DEV_PIO, PC_RTC_PORT, PC_RTC_LEN };

	return rtc_create(&m.env, &pio, mock_line(&m, IRQ));
}

static void setup(void)
{
	mock_init(&m);
	m.env.wall_ns = moving_wall;
	wall_minus_now = START * SEC - m.now;
	dev = create();
	dev->class->reset(dev);
}

static void teardown(void)
{
	dev->class->destroy(dev);
	mock_fini(&m);
}

static u8 get(u8 reg)
{
	dev->class->write(dev, 0, 0, 1, reg);
	return (u8)dev->class->read(dev, 0, 1, 1);
}

static void set(u8 reg, u8 value)
{
	dev->class->write(dev, 0, 0, 1, reg);
	dev->class->write(dev, 0, 1, 1, value);
}

/* Time passes without anybody's timer firing. */
static void pass(u64 ns)
{
	m.now += ns;
}

static void assert_time(u8 century, u8 year, u8 month, u8 day, u8 hour, u8 min, u8 sec)
{
	ck_assert_uint_eq(get(RTC_CENTURY), century);
	ck_assert_uint_eq(get(RTC_YEAR), year);
	ck_assert_uint_eq(get(RTC_MONTH), month);
	ck_assert_uint_eq(get(RTC_DAY_OF_MONTH), day);
	ck_assert_uint_eq(get(RTC_HOURS), hour);
	ck_assert_uint_eq(get(RTC_MINUTES), min);
	ck_assert_uint_eq(get(RTC_SECONDS), sec);
}

START_TEST(shows_the_wall_clock_in_bcd)
{
	assert_time(0x20, 0x24, 0x02, 0x29, 0x23, 0x59, 0x59);
	ck_assert_uint_eq(get(RTC_DAY_OF_WEEK), 5);
	pass(SEC);
	assert_time(0x20, 0x24, 0x03, 0x01, 0x00, 0x00, 0x00);
	ck_assert_uint_eq(get(RTC_DAY_OF_WEEK), 6);
}
END_TEST

START_TEST(binary_and_twelve_hours)
{
	set(RTC_REG_B, RTC_B_DM | RTC_B_24H);
	assert_time(20, 24, 2, 29, 23, 59, 59);
	set(RTC_REG_B, RTC_B_DM);
	assert_time(20, 24, 2, 29, 11 | RTC_HOURS_PM, 59, 59);
	pass(SEC);
	ck_assert_uint_eq(get(RTC_HOURS), 12);
	pass(12 * 3600 * SEC);
	ck_assert_uint_eq(get(RTC_HOURS), 12 | RTC_HOURS_PM);
	set(RTC_REG_B, 0);
	ck_assert_uint_eq(get(RTC_HOURS), 0x92);
	set(RTC_HOURS, 0x12); /* midnight */
	set(RTC_REG_B, RTC_B_24H);
	ck_assert_uint_eq(get(RTC_HOURS), 0);
	set(RTC_REG_B, 0);
	set(RTC_HOURS, 0x81); /* 1 pm */
	set(RTC_REG_B, RTC_B_24H);
	ck_assert_uint_eq(get(RTC_HOURS), 0x13);
}
END_TEST

START_TEST(registers_a_b_d)
{
	ck_assert_uint_eq(get(RTC_REG_A), 0x26);
	ck_assert_uint_eq(get(RTC_REG_B), 0x02);
	ck_assert_uint_eq(get(RTC_REG_D), 0x80);
	set(RTC_REG_D, 0);
	ck_assert_uint_eq(get(RTC_REG_D), 0x80);
	set(RTC_REG_A, 0xaf);
	ck_assert_uint_eq(get(RTC_REG_A), 0x2f);
}
END_TEST

START_TEST(update_in_progress_before_each_second)
{
	pass(SEC - 244001);
	ck_assert(!(get(RTC_REG_A) & RTC_A_UIP));
	pass(1);
	ck_assert(get(RTC_REG_A) & RTC_A_UIP);
	ck_assert_uint_eq(get(RTC_SECONDS), 0x59);
	pass(243999);
	ck_assert(get(RTC_REG_A) & RTC_A_UIP);
	pass(1);
	ck_assert(!(get(RTC_REG_A) & RTC_A_UIP));
	ck_assert_uint_eq(get(RTC_SECONDS), 0x00);
	pass(SEC - 1);
	set(RTC_REG_B, RTC_B_SET | RTC_B_24H);
	ck_assert(!(get(RTC_REG_A) & RTC_A_UIP));
}
END_TEST

START_TEST(set_halts_the_registers_not_the_divider)
{
	pass(SEC / 4);
	set(RTC_REG_B, RTC_B_SET | RTC_B_24H | RTC_B_UIE);
	ck_assert_uint_eq(get(RTC_REG_B), RTC_B_SET | RTC_B_24H); /* SET clears UIE */
	pass(100 * SEC);
	assert_time(0x20, 0x24, 0x02, 0x29, 0x23, 0x59, 0x59);
	set(RTC_CENTURY, 0x19);
	set(RTC_YEAR, 0x99);
	set(RTC_MONTH, 0x12);
	set(RTC_DAY_OF_MONTH, 0x31);
	set(RTC_DAY_OF_WEEK, 0x06);
	set(RTC_HOURS, 0x23);
	set(RTC_MINUTES, 0x59);
	set(RTC_SECONDS, 0x58);
	pass(SEC);
	set(RTC_REG_B, RTC_B_24H);
	assert_time(0x19, 0x99, 0x12, 0x31, 0x23, 0x59, 0x58);
	pass(SEC * 3 / 4 - 1);
	ck_assert_uint_eq(get(RTC_SECONDS), 0x58);
	pass(1);
	ck_assert_uint_eq(get(RTC_SECONDS), 0x59);
	pass(SEC);
	assert_time(0x20, 0x00, 0x01, 0x01, 0x00, 0x00, 0x00);
	ck_assert_uint_eq(get(RTC_DAY_OF_WEEK), 7);
}
END_TEST

START_TEST(divider_reset_gives_half_a_second)
{
	pass(SEC / 3);
	/* The order in which Linux sets the clock. */
	set(RTC_REG_B, RTC_B_SET | RTC_B_24H);
	set(RTC_REG_A, 0x76);
	set(RTC_SECONDS, 0x10);
	set(RTC_REG_B, RTC_B_24H);
	pass(5 * SEC);
	ck_assert_uint_eq(get(RTC_SECONDS), 0x10);
	set(RTC_REG_A, 0x26);
	pass(SEC / 2 - 1);
	ck_assert_uint_eq(get(RTC_SECONDS), 0x10);
	pass(1);
	ck_assert_uint_eq(get(RTC_SECONDS), 0x11);
}
END_TEST

START_TEST(writes_while_running_keep_the_fraction)
{
	pass(SEC / 4);
	set(RTC_MINUTES, 0x30);
	assert_time(0x20, 0x24, 0x02, 0x29, 0x23, 0x30, 0x59);
	pass(SEC * 3 / 4);
	assert_time(0x20, 0x24, 0x02, 0x29, 0x23, 0x31, 0x00);
	set(RTC_DAY_OF_WEEK, 1);
	pass(86400 * SEC);
	ck_assert_uint_eq(get(RTC_DAY_OF_WEEK), 2);
}
END_TEST

START_TEST(impossible_values_become_the_nearest)
{
	set(RTC_REG_B, RTC_B_SET | RTC_B_24H);
	for (u8 reg = 0; reg <= RTC_YEAR; reg++)
		set(reg, 0xff);
	set(RTC_CENTURY, 0xff);
	ck_assert_uint_eq(get(RTC_HOURS), 0xff); /* held as written */
	set(RTC_REG_B, RTC_B_24H);
	assert_time(0x99, 0x99, 0x12, 0x31, 0x23, 0x59, 0x59);
	pass(SEC);
	assert_time(0x00, 0x00, 0x01, 0x01, 0x00, 0x00, 0x00);
	set(RTC_REG_B, RTC_B_SET | RTC_B_24H);
	for (u8 reg = 0; reg <= RTC_YEAR; reg++)
		set(reg, 0);
	set(RTC_REG_B, RTC_B_24H);
	ck_assert_uint_eq(get(RTC_MONTH), 1);
	ck_assert_uint_eq(get(RTC_DAY_OF_MONTH), 1);
	set(RTC_REG_B, RTC_B_SET | RTC_B_24H);
	set(RTC_MONTH, 0x02);
	set(RTC_DAY_OF_MONTH, 0x31);
	set(RTC_YEAR, 0x23);
	set(RTC_CENTURY, 0x20);
	set(RTC_REG_B, RTC_B_24H);
	ck_assert_uint_eq(get(RTC_DAY_OF_MONTH), 0x28);
}
END_TEST

START_TEST(idle_clock_never_wakes)
{
	get(RTC_REG_C);
	set(RTC_HOURS_ALARM, 0);
	for (u8 reg = 0; reg < RTC_CMOS_SIZE; reg++)
		get(reg);
	ck_assert_uint_eq(mock_advance(&m, 100000 * SEC), 0);
	ck_assert_uint_eq(m.timer_arms, 0);
	ck_assert_uint_eq(m.irq_calls[IRQ], 0);
	/* Yet polling finds what happened. */
	ck_assert_uint_eq(get(RTC_REG_C), RTC_C_UF | RTC_C_PF | RTC_C_AF);
	ck_assert_uint_eq(get(RTC_REG_C), 0);
}
END_TEST

START_TEST(update_interrupt)
{
	pass(SEC / 4);
	get(RTC_REG_C);
	set(RTC_REG_B, RTC_B_24H | RTC_B_UIE);
	ck_assert_int_eq(m.level[IRQ], 0);
	ck_assert_uint_eq(mock_advance(&m, SEC * 3 / 4 - 1), 0);
	ck_assert_uint_eq(mock_advance(&m, 1), 1);
	ck_assert_int_eq(m.level[IRQ], 1);
	ck_assert_uint_eq(mock_advance(&m, 10 * SEC), 0); /* unread: nothing more to say */
	ck_assert_uint_eq(get(RTC_REG_C) & ~RTC_C_PF, RTC_C_IRQF | RTC_C_UF | RTC_C_AF);
	ck_assert_int_eq(m.level[IRQ], 0);
	ck_assert_uint_eq(mock_advance(&m, SEC), 1);
	ck_assert_uint_eq(m.rises[IRQ], 2);
	set(RTC_REG_B, RTC_B_24H);
	ck_assert_int_eq(m.level[IRQ], 0);
	ck_assert_uint_eq(get(RTC_REG_C) & (RTC_C_IRQF | RTC_C_UF), RTC_C_UF);
}
END_TEST

START_TEST(enabling_with_the_flag_up_interrupts_at_once)
{
	pass(2 * SEC);
	set(RTC_REG_B, RTC_B_24H | RTC_B_UIE);
	ck_assert_int_eq(m.level[IRQ], 1);
}
END_TEST

START_TEST(alarm_once_a_day)
{
	set(RTC_HOURS_ALARM, 0x06);
	set(RTC_MINUTES_ALARM, 0x30);
	set(RTC_SECONDS_ALARM, 0x15);
	get(RTC_REG_C);
	set(RTC_REG_B, RTC_B_24H | RTC_B_AIE);
	/* From 23:59:59 it is 1 + 23415 seconds. */
	ck_assert_uint_eq(mock_advance(&m, 23416 * SEC - 1), 0);
	ck_assert_int_eq(m.level[IRQ], 0);
	ck_assert_uint_eq(mock_advance(&m, 1), 1);
	ck_assert_int_eq(m.level[IRQ], 1);
	ck_assert_uint_eq(get(RTC_REG_C) & (RTC_C_IRQF | RTC_C_AF), RTC_C_IRQF | RTC_C_AF);
	ck_assert_uint_eq(mock_advance(&m, 86400 * SEC - 1), 0);
	ck_assert_uint_eq(mock_advance(&m, 1), 1);
	ck_assert_uint_eq(m.rises[IRQ], 2);
}
END_TEST

/* The seconds until the alarm fires, or 0 when it does not within two days. */
static u64 seconds_to_alarm(u8 hour, u8 min, u8 sec)
{
	u64 start = m.now;

	set(RTC_REG_B, (u8)(get(RTC_REG_B) & ~RTC_B_AIE));
	set(RTC_HOURS_ALARM, hour);
	set(RTC_MINUTES_ALARM, min);
	set(RTC_SECONDS_ALARM, sec);
	get(RTC_REG_C);
	set(RTC_REG_B, get(RTC_REG_B) | RTC_B_AIE);
	for (u64 s = 1; s <= 2 * 86400; s++) {
		m.now = start + s * SEC;
		if (get(RTC_REG_C) & RTC_C_AF) {
			m.now = start;
			return s;
		}
	}
	m.now = start;
	return 0;
}

START_TEST(alarm_wildcards_and_nonsense)
{
	ck_assert_uint_eq(seconds_to_alarm(0xff, 0xff, 0xff), 1);
	ck_assert_uint_eq(seconds_to_alarm(0xc0, 0xc0, 0x58), 59);
	ck_assert_uint_eq(seconds_to_alarm(0xff, 0x10, 0x00), 601);
	ck_assert_uint_eq(seconds_to_alarm(0x01, 0xff, 0xff), 3601);
	ck_assert_uint_eq(seconds_to_alarm(0x23, 0x59, 0x59), 86400);
	ck_assert_uint_eq(seconds_to_alarm(0x23, 0xff, 0x59), 23 * 3600 + 60);
	ck_assert_uint_eq(seconds_to_alarm(0x24, 0xff, 0xff), 0);
	ck_assert_uint_eq(seconds_to_alarm(0xff, 0x60, 0xff), 0);
	ck_assert_uint_eq(seconds_to_alarm(0xff, 0xff, 0x0f), 0); /* the clock never shows 0x0f */
	set(RTC_REG_B, 0);
	ck_assert_uint_eq(seconds_to_alarm(0x12, 0x00, 0x00), 1);
	ck_assert_uint_eq(seconds_to_alarm(0x92, 0x00, 0x00), 12 * 3600 + 1);
	ck_assert_uint_eq(seconds_to_alarm(0x00, 0x00, 0x00), 0); /* no hour 0 in 12-hour mode */
}
END_TEST

START_TEST(alarm_follows_a_change_of_time)
{
	set(RTC_HOURS_ALARM, 0x12);
	set(RTC_MINUTES_ALARM, 0x00);
	set(RTC_SECONDS_ALARM, 0x00);
	get(RTC_REG_C);
	set(RTC_REG_B, RTC_B_24H | RTC_B_AIE);
	set(RTC_REG_B, RTC_B_24H | RTC_B_AIE | RTC_B_SET);
	set(RTC_HOURS, 0x11);
	ck_assert_uint_eq(mock_advance(&m, 100000 * SEC), 0); /* halted */
	set(RTC_REG_B, RTC_B_24H | RTC_B_AIE);
	ck_assert_uint_eq(mock_advance(&m, SEC), 1);
	ck_assert_int_eq(m.level[IRQ], 1);
	ck_assert_uint_eq(get(RTC_HOURS), 0x12);
}
END_TEST

START_TEST(periodic_interrupt)
{
	static const struct {
		u8 rs;
		unsigned hz;
	} rates[] = { { 1, 256 }, { 2, 128 }, { 3, 8192 }, { 6, 1024 }, { 13, 8 }, { 15, 2 } };

	for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
		unsigned n = 0;
		u64 end = m.now + 10 * SEC;

		set(RTC_REG_A, 0x20 | rates[i].rs);
		get(RTC_REG_C);
		set(RTC_REG_B, RTC_B_24H | RTC_B_PIE);
		while (m.now < end) {
			mock_advance(&m, 10000);
			if (!m.level[IRQ])
				continue;
			ck_assert_uint_eq(get(RTC_REG_C) & (RTC_C_IRQF | RTC_C_PF),
					  RTC_C_IRQF | RTC_C_PF);
			n++;
			mock_advance(&m, SEC / rates[i].hz / 2);
		}
		set(RTC_REG_B, RTC_B_24H);
		ck_assert_msg(n >= rates[i].hz * 10 - 1 && n <= rates[i].hz * 10 + 1,
			      "%u interrupts in 10 s at %u Hz", n, rates[i].hz);
	}
	set(RTC_REG_A, 0x20);
	get(RTC_REG_C);
	set(RTC_REG_B, RTC_B_24H | RTC_B_PIE);
	ck_assert_uint_eq(mock_advance(&m, 10 * SEC), 0);
}
END_TEST

/* Ten periods pass unread: one interrupt waits and, with catch-up, nine more come, each as an edge. */
START_TEST(catch_up)
{
	for (int on = 0; on <= 1; on++) {
		unsigned edges = 0;

		rtc_set_catch_up(dev, on);
		set(RTC_REG_A, RTC_A_DEFAULT); /* 1024 Hz */
		set(RTC_REG_B, RTC_B_24H | RTC_B_PIE);
		get(RTC_REG_C);
		get(RTC_REG_C);
		pass(10 * SEC / 1024 + 1000);
		while (get(RTC_REG_C) & RTC_C_PF) {
			edges++;
			ck_assert_uint_eq(m.level[IRQ], on && edges < 10);
			ck_assert_uint_lt(edges, 100);
		}
		ck_assert_uint_eq(edges, on ? 10 : 1);
		/* A change of the rate forgets what was owed. */
		pass(10 * SEC / 1024);
		set(RTC_REG_A, RTC_A_DEFAULT);
		ck_assert(get(RTC_REG_C) & RTC_C_PF);
		ck_assert(!(get(RTC_REG_C) & RTC_C_PF));
		set(RTC_REG_B, RTC_B_24H);
	}
	/* A machine that slept for a day owes a bounded number. */
	set(RTC_REG_B, RTC_B_24H | RTC_B_PIE);
	pass(86400 * SEC);
	for (unsigned n = 0; get(RTC_REG_C) & RTC_C_PF; n++)
		ck_assert_uint_lt(n, 30000);
}
END_TEST

START_TEST(cmos_ram_has_128_bytes)
{
	for (unsigned reg = 0x0e; reg < RTC_CMOS_SIZE; reg++)
		if (reg != RTC_CENTURY)
			set((u8)reg, (u8)(reg * 3 + 1));
	for (unsigned reg = 0x0e; reg < RTC_CMOS_SIZE; reg++)
		if (reg != RTC_CENTURY)
			ck_assert_uint_eq(get((u8)reg), (u8)(reg * 3 + 1));
	/* Bit 7 of the index gates NMI only. */
	ck_assert_uint_eq(get(0x80 | 0x40), 0x40 * 3 + 1);
}
END_TEST

static unsigned word(u8 reg)
{
	return get(reg) | get(reg + 1) << 8;
}

static void check_sizes(u64 size, unsigned base_kb, unsigned ext_kb, unsigned above_16m,
			unsigned above_4g)
{
	struct mem_config cfg = { .size = size, .nr_nodes = 1, .phys_addr_limit = 1ULL << 46 };
	struct guest_mem *gm = NULL;
	unsigned sum = 0;
	struct error e;

	ck_assert_msg(!guest_mem_create(&cfg, &gm, &e), "%s", e.text);
	m.env.mem = gm;
	dev->class->reset(dev);
	ck_assert_uint_eq(word(CMOS_BASE_KB), base_kb);
	ck_assert_uint_eq(word(CMOS_EXT_KB), ext_kb);
	ck_assert_uint_eq(word(CMOS_EXT_KB_ACTUAL), ext_kb);
	ck_assert_uint_eq(word(CMOS_ABOVE_16M_64KB), above_16m);
	ck_assert_uint_eq(word(CMOS_ABOVE_4G_64KB) | get(CMOS_ABOVE_4G_64KB + 2) << 16, above_4g);
	for (u8 reg = CMOS_CHECKSUM_FIRST; reg <= CMOS_CHECKSUM_LAST; reg++)
		sum += get(reg);
	ck_assert_uint_eq(get(CMOS_CHECKSUM) << 8 | get(CMOS_CHECKSUM + 1), sum);
	m.env.mem = NULL;
	guest_mem_destroy(gm);
}

START_TEST(memory_sizes)
{
	check_sizes(1 * MiB, 640, 0, 0, 0);
	check_sizes(16 * MiB, 640, 15 * 1024, 0, 0);
	check_sizes(256 * MiB, 640, 65535, 240 * 16, 0);
	check_sizes(8 * GiB, 640, 65535, (3072 - 16) * 16, 5 * 1024 * 16);
}
END_TEST

START_TEST(time_survives_a_machine_reset)
{
	set(RTC_REG_B, RTC_B_24H | RTC_B_DM);
	set(RTC_HOURS, 5);
	set(RTC_REG_B, RTC_B_24H | RTC_B_DM | RTC_B_PIE | RTC_B_AIE | RTC_B_UIE);
	pass(2 * SEC);
	mock_advance(&m, SEC);
	ck_assert_int_eq(m.level[IRQ], 1);
	dev->class->reset(dev);
	ck_assert_int_eq(m.level[IRQ], 0);
	ck_assert_uint_eq(get(RTC_REG_B), RTC_B_24H);
	ck_assert_uint_eq(get(RTC_REG_C), 0);
	ck_assert_uint_eq(get(RTC_HOURS), 0x06);
	ck_assert_uint_eq(mock_advance(&m, 100 * SEC), 0);
	/* And a clock that was left halted runs again. */
	set(RTC_REG_B, RTC_B_SET | RTC_B_24H);
	set(RTC_HOURS, 0x09);
	dev->class->reset(dev);
	ck_assert_uint_eq(get(RTC_HOURS), 0x09);
	pass(3600 * SEC);
	ck_assert_uint_eq(get(RTC_HOURS), 0x10);
}
END_TEST

START_TEST(wide_accesses_are_byte_cycles)
{
	dev->class->write(dev, 0, 0, 2, 0x5a << 8 | 0x40);
	ck_assert_uint_eq(get(0x40), 0x5a);
	ck_assert_uint_eq(dev->class->read(dev, 0, 0, 2), 0x5aff);
	ck_assert_uint_eq(dev->class->read(dev, 0, 0, 1), 0xff);
	ck_assert_uint_eq(dev->class->read(dev, 0, 0, 4), 0xffff5aff);
	ck_assert_uint_eq(dev->class->read(dev, 0, 1, 8), 0xffffffffffffff5a);
	for (unsigned reg = 0; reg < 256; reg++) {
		for (unsigned size = 1; size <= 8; size *= 2) {
			dev->class->write(dev, 0, 0, 1, reg);
			dev->class->write(dev, 0, 1, size, UINT64_MAX);
			dev->class->read(dev, 0, 1, size);
		}
	}
}
END_TEST

START_TEST(save_and_load)
{
	const struct device_class *c = dev->class;
	struct device *other = create();

	c->reset(other);
	set(RTC_HOURS, 0x07);
	set(0x40, 0x99);
	set(RTC_REG_B, RTC_B_24H | RTC_B_UIE);
	mock_advance(&m, SEC);
	ck_assert_int_eq(m.level[IRQ], 1);
	memcpy((u8 *)other + c->state_offset, (u8 *)dev + c->state_offset, c->state_size);
	c->reset(dev);
	m.level[IRQ] = 1; /* as the interrupt controller's own state has it */
	ck_assert_int_eq(c->post_load(other), 0);
	c->write(other, 0, 0, 1, 0x40);
	ck_assert_uint_eq(c->read(other, 0, 1, 1), 0x99);
	c->write(other, 0, 0, 1, RTC_HOURS);
	ck_assert_uint_eq(c->read(other, 0, 1, 1), 0x08);
	c->write(other, 0, 0, 1, RTC_REG_C);
	ck_assert(c->read(other, 0, 1, 1) & RTC_C_IRQF);
	ck_assert_int_eq(m.level[IRQ], 0);
	mock_advance(&m, SEC);
	ck_assert_int_eq(m.level[IRQ], 1);
	memset((u8 *)other + c->state_offset, 0xff, c->state_size);
	ck_assert_int_eq(c->post_load(other), -EINVAL);
	c->destroy(other);
}
END_TEST

START_TEST(acpi_device)
{
	static const u8 want[] = { 0x5b, 0x82, 37,   'R',  'T',	 'C',  '_',  0x08, '_',	 'H',
				   'I',	 'D',  0x0c, 0x41, 0xd0, 0x0b, 0x00, 0x08, '_',	 'C',
				   'R',	 'S',  0x11, 16,   0x0a, 13,   0x47, 1,	   0x70, 0,
				   0x70, 0,    1,    2,	   0x22, 0,    1,    0x79, 0 };
	struct aml a;

	aml_init(&a);
	dev->class->describe_acpi(dev, &a);
	ck_assert_int_eq(aml_finish(&a), 0);
	ck_assert_uint_eq(a.len, sizeof(want));
	ck_assert_mem_eq(a.data, want, sizeof(want));
	aml_free(&a);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("rtc");
	TCase *t = tcase_create("rtc");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, shows_the_wall_clock_in_bcd);
	tcase_add_test(t, binary_and_twelve_hours);
	tcase_add_test(t, registers_a_b_d);
	tcase_add_test(t, update_in_progress_before_each_second);
	tcase_add_test(t, set_halts_the_registers_not_the_divider);
	tcase_add_test(t, divider_reset_gives_half_a_second);
	tcase_add_test(t, writes_while_running_keep_the_fraction);
	tcase_add_test(t, impossible_values_become_the_nearest);
	tcase_add_test(t, idle_clock_never_wakes);
	tcase_add_test(t, update_interrupt);
	tcase_add_test(t, enabling_with_the_flag_up_interrupts_at_once);
	tcase_add_test(t, alarm_once_a_day);
	tcase_add_test(t, alarm_wildcards_and_nonsense);
	tcase_add_test(t, alarm_follows_a_change_of_time);
	tcase_add_test(t, periodic_interrupt);
	tcase_add_test(t, catch_up);
	tcase_add_test(t, cmos_ram_has_128_bytes);
	tcase_add_test(t, memory_sizes);
	tcase_add_test(t, time_survives_a_machine_reset);
	tcase_add_test(t, wide_accesses_are_byte_cycles);
	tcase_add_test(t, save_and_load);
	tcase_add_test(t, acpi_device);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
