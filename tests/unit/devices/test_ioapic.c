/* SPDX-License-Identifier: MIT */
/* Unit tests of devices/ioapic.c. */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "devices/abi/ioapic.h"
#include "devices/abi/pc.h"
#include "devices/ioapic.h"
#include "tests/unit/devices/mock_env.h"

#define LOW(pin)  (IOAPIC_REG_RTE + 2 * (pin))
#define HIGH(pin) (IOAPIC_REG_RTE + 2 * (pin) + 1)

static struct mock_env m;
static struct device *dev;

/* What KVM was told of each pin. */
static struct {
	u64 addr;
	u32 data;
	unsigned calls;
} route[PC_IOAPIC_PINS];

static void record_route(void *ctx, u32 gsi, u64 addr, u32 data)
{
	(void)ctx;
	ck_assert_uint_lt(gsi, PC_IOAPIC_PINS);
	route[gsi].addr = addr;
	route[gsi].data = data;
	route[gsi].calls++;
}

static struct device *create(void)
{
	const struct dev_range mmio = { DEV_MMIO, PC_IOAPIC_BASE, PC_IOAPIC_LEN };

	return ioapic_create(&m.env, &mmio, 3);
}

static void setup(void)
{
	mock_init(&m);
	memset(route, 0, sizeof(route));
	m.env.msi_route = record_route;
	dev = create();
	dev->class->reset(dev);
}

static void teardown(void)
{
	free(dev);
	mock_fini(&m);
}

static u32 get(u8 reg)
{
	dev->class->write(dev, 0, IOAPIC_REGSEL, 4, reg);
	return (u32)dev->class->read(dev, 0, IOAPIC_WINDOW, 4);
}

static void set(u8 reg, u32 value)
{
	dev->class->write(dev, 0, IOAPIC_REGSEL, 4, reg);
	dev->class->write(dev, 0, IOAPIC_WINDOW, 4, value);
}

START_TEST(identity)
{
	ck_assert_uint_eq(get(IOAPIC_REG_ID), 3u << 24);
	ck_assert_uint_eq(get(IOAPIC_REG_VERSION), 0x00170020);
	ck_assert_uint_eq(get(IOAPIC_REG_ARB), 3u << 24);
	set(IOAPIC_REG_ID, 0xffffffff);
	ck_assert_uint_eq(get(IOAPIC_REG_ID), 0x0f000000);
	ck_assert_uint_eq(get(IOAPIC_REG_ARB), 0x0f000000);
	set(IOAPIC_REG_VERSION, 0);
	set(IOAPIC_REG_ARB, 0);
	ck_assert_uint_eq(get(IOAPIC_REG_VERSION), 0x00170020);
	ck_assert_uint_eq(get(IOAPIC_REG_ARB), 0x0f000000);
	ck_assert_uint_eq(get(IOAPIC_REG_BOOT_CONFIG), 1);
	ck_assert_uint_eq(get(0x0f), 0xffffffff);
	ck_assert_uint_eq(get(LOW(24)), 0xffffffff);
	dev->class->reset(dev);
	ck_assert_uint_eq(get(IOAPIC_REG_ID), 3u << 24);
}
END_TEST

START_TEST(entries_start_masked_and_keep_their_bits)
{
	for (u8 pin = 0; pin < 24; pin++) {
		ck_assert_uint_eq(get(LOW(pin)), IOAPIC_RTE_MASKED);
		ck_assert_uint_eq(get(HIGH(pin)), 0);
	}
	set(LOW(5), 0xffffffff);
	set(HIGH(5), 0xffffffff);
	/* Delivery status and remote IRR are read-only, the rest above the mask bit is reserved. */
	ck_assert_uint_eq(get(LOW(5)), 0x0001afff);
	ck_assert_uint_eq(get(HIGH(5)), 0xff000000);
	ck_assert_uint_eq(get(LOW(4)), IOAPIC_RTE_MASKED);
	ck_assert_uint_eq(get(LOW(6)), IOAPIC_RTE_MASKED);
	ck_assert_uint_eq(m.nr_msis, 0);
}
END_TEST

START_TEST(messages)
{
	static const struct {
		u32 low, high;
		u64 addr;
		u32 data;
	} cases[] = {
		{ 0x31, 0, 0xfee00000, 0x4031 },
		{ 0x31, 0x05000000, 0xfee05000, 0x4031 },
		{ 0x31 | IOAPIC_RTE_LOGICAL, 0xff000000, 0xfeeff004, 0x4031 },
		{ 0x31 | APIC_MODE_LOWEST << 8 | IOAPIC_RTE_LOGICAL, 0x03000000, 0xfee0300c,
		  0x4131 },
		{ APIC_MODE_NMI << 8, 0x01000000, 0xfee01000, 0x4400 },
		{ APIC_MODE_EXTINT << 8, 0, 0xfee00000, 0x4700 },
		{ 0xfe | IOAPIC_RTE_LEVEL | IOAPIC_RTE_ACTIVE_LOW, 0, 0xfee00000, 0xc0fe },
	};

	for (u8 i = 0; i < ARRAY_SIZE(cases); i++) {
		set(HIGH(i), cases[i].high);
		set(LOW(i), cases[i].low);
		ioapic_set_irq(dev, i, 1);
		ck_assert_uint_eq(m.nr_msis, i + 1u);
		ck_assert_uint_eq(m.msi_addr, cases[i].addr);
		ck_assert_uint_eq(m.msi_data, cases[i].data);
		ck_assert_uint_eq(route[i].addr, cases[i].addr);
		ck_assert_uint_eq(route[i].data, cases[i].data);
		ck_assert_uint_eq(route[i].calls, 1);
	}
}
END_TEST

START_TEST(edges)
{
	set(LOW(4), 0x24);
	ioapic_set_irq(dev, 4, 1);
	ck_assert_uint_eq(m.nr_msis, 1);
	ioapic_set_irq(dev, 4, 1); /* no edge */
	ck_assert_uint_eq(m.nr_msis, 1);
	ck_assert_uint_eq(get(LOW(4)), 0x24);
	ioapic_set_irq(dev, 4, 0);
	ioapic_set_irq(dev, 4, 1);
	ck_assert_uint_eq(m.nr_msis, 2);
	ioapic_eoi(dev, 0x24);
	ck_assert_uint_eq(m.nr_msis, 2);
}
END_TEST

START_TEST(masked_edge_is_lost)
{
	set(LOW(4), 0x24 | IOAPIC_RTE_MASKED);
	ioapic_set_irq(dev, 4, 1);
	set(LOW(4), 0x24);
	ck_assert_uint_eq(m.nr_msis, 0);
	ioapic_set_irq(dev, 4, 0);
	ioapic_set_irq(dev, 4, 1);
	ck_assert_uint_eq(m.nr_msis, 1);
}
END_TEST

START_TEST(level_until_eoi)
{
	set(LOW(9), 0x39 | IOAPIC_RTE_LEVEL);
	ioapic_set_irq(dev, 9, 1);
	ck_assert_uint_eq(m.nr_msis, 1);
	ck_assert(get(LOW(9)) & IOAPIC_RTE_REMOTE_IRR);
	ioapic_set_irq(dev, 9, 0);
	ioapic_set_irq(dev, 9, 1);
	ck_assert_uint_eq(m.nr_msis, 1);
	ioapic_eoi(dev, 0x38);
	ck_assert_uint_eq(m.nr_msis, 1);
	ioapic_eoi(dev, 0x39); /* still asserted */
	ck_assert_uint_eq(m.nr_msis, 2);
	ck_assert(get(LOW(9)) & IOAPIC_RTE_REMOTE_IRR);
	ioapic_set_irq(dev, 9, 0);
	ioapic_eoi(dev, 0x39);
	ck_assert_uint_eq(m.nr_msis, 2);
	ck_assert_uint_eq(get(LOW(9)), 0x39 | IOAPIC_RTE_LEVEL);
	ioapic_eoi(dev, 0x39);
	ck_assert_uint_eq(m.nr_msis, 2);
	ioapic_set_irq(dev, 9, 1);
	ck_assert_uint_eq(m.nr_msis, 3);
}
END_TEST

START_TEST(eoi_register)
{
	set(LOW(9), 0x39 | IOAPIC_RTE_LEVEL);
	ioapic_set_irq(dev, 9, 1);
	dev->class->write(dev, 0, IOAPIC_EOI, 4, 0x39);
	ck_assert_uint_eq(m.nr_msis, 2);
	ck_assert_uint_eq(dev->class->read(dev, 0, IOAPIC_EOI, 4), 0xffffffff);
}
END_TEST

START_TEST(masked_level_waits)
{
	u32 low = 0x39 | IOAPIC_RTE_LEVEL;

	set(LOW(9), low | IOAPIC_RTE_MASKED);
	ioapic_set_irq(dev, 9, 1);
	ck_assert_uint_eq(m.nr_msis, 0);
	set(LOW(9), low);
	ck_assert_uint_eq(m.nr_msis, 1);
	/* Masked while in service: EOI still counts, delivery waits for the unmasking. */
	set(LOW(9), low | IOAPIC_RTE_MASKED);
	ck_assert(get(LOW(9)) & IOAPIC_RTE_REMOTE_IRR);
	ioapic_eoi(dev, 0x39);
	ck_assert_uint_eq(m.nr_msis, 1);
	ck_assert(!(get(LOW(9)) & IOAPIC_RTE_REMOTE_IRR));
	set(LOW(9), low);
	ck_assert_uint_eq(m.nr_msis, 2);
	/* Written again while in service: not delivered twice. */
	set(LOW(9), low);
	ck_assert_uint_eq(m.nr_msis, 2);
	/* Masked, then the line falls: nothing is remembered. */
	set(LOW(9), low | IOAPIC_RTE_MASKED);
	ioapic_eoi(dev, 0x39);
	ioapic_set_irq(dev, 9, 0);
	set(LOW(9), low);
	ck_assert_uint_eq(m.nr_msis, 2);
}
END_TEST

START_TEST(switching_to_edge_ends_a_level_interrupt)
{
	set(LOW(9), 0x39 | IOAPIC_RTE_LEVEL);
	ioapic_set_irq(dev, 9, 1);
	set(LOW(9), 0x39 | IOAPIC_RTE_MASKED);
	set(LOW(9), 0x39 | IOAPIC_RTE_LEVEL | IOAPIC_RTE_MASKED);
	ck_assert(!(get(LOW(9)) & IOAPIC_RTE_REMOTE_IRR));
	set(LOW(9), 0x39 | IOAPIC_RTE_LEVEL);
	ck_assert_uint_eq(m.nr_msis, 2);
}
END_TEST

START_TEST(shared_vector_ends_every_pin)
{
	set(LOW(10), 0x50 | IOAPIC_RTE_LEVEL);
	set(LOW(11), 0x50 | IOAPIC_RTE_LEVEL);
	ioapic_set_irq(dev, 10, 1);
	ioapic_set_irq(dev, 11, 1);
	ck_assert_uint_eq(m.nr_msis, 2);
	ioapic_set_irq(dev, 10, 0);
	ioapic_eoi(dev, 0x50);
	ck_assert_uint_eq(m.nr_msis, 3);
	ck_assert(!(get(LOW(10)) & IOAPIC_RTE_REMOTE_IRR));
	ck_assert(get(LOW(11)) & IOAPIC_RTE_REMOTE_IRR);
}
END_TEST

START_TEST(nmi_programmed_as_level_is_an_edge)
{
	set(LOW(7), APIC_MODE_NMI << 8 | IOAPIC_RTE_LEVEL);
	ioapic_set_irq(dev, 7, 1);
	ck_assert_uint_eq(m.nr_msis, 1);
	ck_assert(!(get(LOW(7)) & IOAPIC_RTE_REMOTE_IRR));
	ioapic_set_irq(dev, 7, 0);
	ioapic_set_irq(dev, 7, 1);
	ck_assert_uint_eq(m.nr_msis, 2);
}
END_TEST

START_TEST(routes_follow_the_entries)
{
	set(LOW(1), 0x41 | IOAPIC_RTE_MASKED); /* a masked edge pin needs none */
	ck_assert_uint_eq(route[1].calls, 0);
	set(HIGH(1), 0x02000000);
	ck_assert_uint_eq(route[1].calls, 0);
	set(LOW(1), 0x41);
	ck_assert_uint_eq(route[1].calls, 1);
	ck_assert_uint_eq(route[1].addr, 0xfee02000);
	ck_assert_uint_eq(route[1].data, 0x4041);
	set(LOW(1), 0x41);
	ck_assert_uint_eq(route[1].calls, 1);
	set(HIGH(1), 0x03000000);
	ck_assert_uint_eq(route[1].addr, 0xfee03000);
	/* A masked level pin does: KVM reports EOIs by it. */
	set(LOW(2), 0x42 | IOAPIC_RTE_LEVEL | IOAPIC_RTE_MASKED);
	ck_assert_uint_eq(route[2].calls, 1);
	ck_assert_uint_eq(route[2].data, 0xc042);
	set(LOW(2), 0x42 | IOAPIC_RTE_LEVEL);
	ck_assert_uint_eq(route[2].calls, 1);
	ck_assert_uint_eq(route[0].calls + route[3].calls, 0);
}
END_TEST

/* KVM must be able to report the EOI of a message before it sees that message. */
static void assert_routed_first(void *ctx, u64 addr, u32 data)
{
	(void)ctx;
	ck_assert_uint_eq(route[9].addr, addr);
	ck_assert_uint_eq(route[9].data, data);
	m.nr_msis++;
}

START_TEST(route_precedes_delivery)
{
	m.env.msi_send = assert_routed_first;
	ioapic_set_irq(dev, 9, 1);
	set(LOW(9), 0x39 | IOAPIC_RTE_LEVEL);
	ck_assert_uint_eq(m.nr_msis, 1);
}
END_TEST

/* While pin 1's route is being written, "another thread" unmasks pin 9, whose line is asserted. */
static void unmask_pin9_meanwhile(void *ctx, u32 gsi, u64 addr, u32 data)
{
	if (gsi == 1)
		set(LOW(9), 0x39 | IOAPIC_RTE_LEVEL);
	ck_assert_uint_eq(m.nr_msis, 0);
	record_route(ctx, gsi, addr, data);
}

START_TEST(route_precedes_delivery_across_threads)
{
	m.env.msi_send = assert_routed_first;
	m.env.msi_route = unmask_pin9_meanwhile;
	ioapic_set_irq(dev, 9, 1);
	set(LOW(1), 0x31);
	ck_assert_uint_eq(route[9].calls, 1);
	ck_assert_uint_eq(m.nr_msis, 1);
}
END_TEST

/* An entry changed while its own route is being written ends with the newer route. */
static void rewrite_meanwhile(void *ctx, u32 gsi, u64 addr, u32 data)
{
	record_route(ctx, gsi, addr, data);
	if (route[gsi].calls == 1) {
		set(LOW(gsi), 0x45 | IOAPIC_RTE_LEVEL);
		ioapic_set_irq(dev, gsi, 1);
		ck_assert_uint_eq(m.nr_msis, 0);
	}
}

START_TEST(newest_route_wins)
{
	m.env.msi_route = rewrite_meanwhile;
	set(LOW(5), 0x44 | IOAPIC_RTE_LEVEL);
	ck_assert_uint_eq(route[5].calls, 2);
	ck_assert_uint_eq(route[5].data, 0xc045);
	ck_assert_uint_eq(m.nr_msis, 1);
	ck_assert_uint_eq(m.msi_data, 0xc045);
}
END_TEST

START_TEST(unknown_pins_are_ignored)
{
	ioapic_set_irq(dev, 24, 1);
	ioapic_set_irq(dev, 32, 1);
	ioapic_set_irq(dev, UINT32_MAX, 1);
	ck_assert_uint_eq(m.nr_msis, 0);
}
END_TEST

START_TEST(reset_masks_but_lines_keep_their_level)
{
	set(LOW(9), 0x39 | IOAPIC_RTE_LEVEL);
	ioapic_set_irq(dev, 9, 1);
	dev->class->reset(dev);
	ck_assert_uint_eq(get(LOW(9)), IOAPIC_RTE_MASKED);
	ioapic_eoi(dev, 0x39);
	ck_assert_uint_eq(m.nr_msis, 1);
	set(LOW(9), 0x40 | IOAPIC_RTE_LEVEL);
	ck_assert_uint_eq(m.nr_msis, 2);
}
END_TEST

START_TEST(save_and_load)
{
	const struct device_class *c = dev->class;
	struct device *other = create();
	u32 *state = (u32 *)((u8 *)other + c->state_offset);

	set(HIGH(9), 0x01000000);
	set(LOW(9), 0x39 | IOAPIC_RTE_LEVEL);
	set(LOW(4), 0x24);
	ioapic_set_irq(dev, 9, 1);
	memset(route, 0, sizeof(route));
	c->reset(other);
	memcpy(state, (u8 *)dev + c->state_offset, c->state_size);
	ck_assert_int_eq(c->post_load(other), 0);
	ck_assert_uint_eq(route[9].addr, 0xfee01000);
	ck_assert_uint_eq(route[9].data, 0xc039);
	ck_assert_uint_eq(route[4].data, 0x4024);
	ioapic_eoi(other, 0x39);
	ck_assert_uint_eq(m.nr_msis, 2);
	state[0] = 0x00100000;
	ck_assert_int_eq(c->post_load(other), -EINVAL);
	free(other);
}
END_TEST

START_TEST(every_offset_and_width)
{
	const struct device_class *c = dev->class;

	for (u64 offset = 0; offset < 0x80; offset++) {
		for (unsigned size = 1; size <= 8; size *= 2) {
			u64 ones = UINT64_MAX >> (64 - 8 * size);

			c->write(dev, 0, IOAPIC_REGSEL, 4, LOW(3));
			if (offset != IOAPIC_REGSEL && offset != IOAPIC_WINDOW)
				ck_assert_uint_eq(c->read(dev, 0, offset, size), ones);
			c->write(dev, 0, offset, size, UINT64_MAX);
		}
	}
	ck_assert_uint_eq(c->read(dev, 0, PC_IOAPIC_LEN - 8, 8), UINT64_MAX);
	c->write(dev, 0, IOAPIC_REGSEL, 1, LOW(3));
	ck_assert_uint_eq(c->read(dev, 0, IOAPIC_REGSEL, 4), LOW(3));
	ck_assert_uint_eq(c->read(dev, 0, IOAPIC_WINDOW, 2), 0xafff);
	for (unsigned reg = 0; reg < 256; reg++) {
		set((u8)reg, 0xffffffff);
		get((u8)reg);
	}
}
END_TEST

/* Lines, EOIs and entry writes from several threads: afterwards one more EOI must deliver. */
static void *hammer(void *arg)
{
	u32 pin = *(u32 *)arg;

	for (unsigned i = 0; i < 20000; i++) {
		ioapic_set_irq(dev, pin, i & 1);
		ioapic_eoi(dev, (u8)(0x40 + pin));
		if (i % 64 == 0) {
			dev->class->write(dev, 0, IOAPIC_REGSEL, 4, LOW(pin));
			dev->class->write(dev, 0, IOAPIC_WINDOW, 4,
					  (0x40 + pin) | IOAPIC_RTE_LEVEL);
		}
	}
	return NULL;
}

static void count_msi(void *ctx, u64 addr, u32 data)
{
	(void)addr, (void)data;
	__atomic_fetch_add(&((struct mock_env *)ctx)->nr_msis, 1, __ATOMIC_RELAXED);
}

START_TEST(many_threads)
{
	static u32 pins[] = { 5, 6, 7 };
	pthread_t t[ARRAY_SIZE(pins)];

	m.env.msi_send = count_msi;
	for (size_t i = 0; i < ARRAY_SIZE(pins); i++)
		pthread_create(&t[i], NULL, hammer, &pins[i]);
	for (size_t i = 0; i < ARRAY_SIZE(pins); i++)
		pthread_join(t[i], NULL);
	/* The index register was fought over, so the entries are set anew. */
	for (u8 pin = 5; pin <= 7; pin++) {
		unsigned before;

		set(LOW(pin), 0x40 + pin); /* edge: no remote IRR */
		set(LOW(pin), (0x40u + pin) | IOAPIC_RTE_LEVEL);
		before = m.nr_msis;
		ck_assert_uint_eq(route[pin].data, (0x40u + pin) | 0xc000);
		ioapic_set_irq(dev, pin, 1);
		ioapic_eoi(dev, 0x40 + pin);
		ck_assert_uint_ge(m.nr_msis, before + 1);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ioapic");
	TCase *t = tcase_create("ioapic");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 30);
	tcase_add_test(t, identity);
	tcase_add_test(t, entries_start_masked_and_keep_their_bits);
	tcase_add_test(t, messages);
	tcase_add_test(t, edges);
	tcase_add_test(t, masked_edge_is_lost);
	tcase_add_test(t, level_until_eoi);
	tcase_add_test(t, eoi_register);
	tcase_add_test(t, masked_level_waits);
	tcase_add_test(t, switching_to_edge_ends_a_level_interrupt);
	tcase_add_test(t, shared_vector_ends_every_pin);
	tcase_add_test(t, nmi_programmed_as_level_is_an_edge);
	tcase_add_test(t, routes_follow_the_entries);
	tcase_add_test(t, route_precedes_delivery);
	tcase_add_test(t, route_precedes_delivery_across_threads);
	tcase_add_test(t, newest_route_wins);
	tcase_add_test(t, unknown_pins_are_ignored);
	tcase_add_test(t, reset_masks_but_lines_keep_their_level);
	tcase_add_test(t, save_and_load);
	tcase_add_test(t, every_offset_and_width);
	tcase_add_test(t, many_threads);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
