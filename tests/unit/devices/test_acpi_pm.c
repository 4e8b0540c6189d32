/* SPDX-License-Identifier: MIT */
/* Unit tests of devices/acpi_pm.c. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "devices/abi/acpi_pm.h"
#include "devices/abi/pc.h"
#include "devices/acpi_pm.h"
#include "tests/unit/devices/mock_env.h"

#define SCI  PC_ACPI_SCI_IRQ
#define HALF (1ULL << 31)
#define SEC  1000000000ULL

static struct mock_env m;
static struct device *dev;

static struct device *create(void)
{
	const struct dev_range pm = { DEV_PIO, PC_PM1A_EVT_PORT, PC_ACPI_PM_LEN };
	const struct dev_range reset = { DEV_PIO, PC_RESET_PORT, 1 };

	return acpi_pm_create(&m.env, &pm, &reset, mock_line(&m, SCI));
}

static void setup(void)
{
	mock_init(&m);
	dev = create();
	dev->class->reset(dev);
}

static void teardown(void)
{
	dev->class->destroy(dev);
	mock_fini(&m);
}

static u64 in(u64 offset, unsigned size)
{
	return dev->class->read(dev, 0, offset, size);
}

static void out(u64 offset, unsigned size, u64 value)
{
	dev->class->write(dev, 0, offset, size, value);
}

START_TEST(timer_counts_exactly)
{
	/* Against arithmetic that cannot overflow, from the first ns to 500 years. */
	static const u64 times[] = { 0,
				     1,
				     279,
				     280,
				     SEC - 1,
				     SEC,
				     SEC + 280,
				     4294967295ULL,
				     600 * SEC,
				     86400 * SEC,
				     31557600ULL * SEC,
				     315576000ULL * SEC + 123456789,
				     15778800000ULL * SEC + 999999999 };

	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		unsigned __int128 want = (unsigned __int128)times[i] * PC_PM_TMR_HZ / SEC;

		m.now = times[i];
		ck_assert_uint_eq(in(ACPI_PM_TMR, 4), (u32)want);
		ck_assert_uint_eq(in(ACPI_PM_TMR, 1), (u8)want);
		ck_assert_uint_eq(in(ACPI_PM_TMR + 2, 2), (u16)(want >> 16));
	}
	out(ACPI_PM_TMR, 4, 0);
	ck_assert_uint_ne(in(ACPI_PM_TMR, 4), 0);
}
END_TEST

START_TEST(soft_off)
{
	u16 s5 = PC_ACPI_SLP_S5 << ACPI_PM1_SLP_TYP_SHIFT;

	ck_assert_uint_eq(in(ACPI_PM1_CNT, 2), ACPI_PM1_SCI_EN);
	out(ACPI_PM1_CNT, 2, s5);
	ck_assert_uint_eq(m.nr_requests, 0);
	ck_assert_uint_eq(in(ACPI_PM1_CNT, 2), s5 | ACPI_PM1_SCI_EN);
	out(ACPI_PM1_CNT, 2, s5 | ACPI_PM1_SLP_EN);
	ck_assert_uint_eq(m.nr_requests, 1);
	ck_assert_int_eq(m.last_request, MACHINE_POWER_OFF);
	ck_assert_uint_eq(in(ACPI_PM1_CNT, 2), s5 | ACPI_PM1_SCI_EN);
	/* By bytes, and as part of a wider access. */
	out(ACPI_PM1_CNT + 1, 1, (s5 | ACPI_PM1_SLP_EN) >> 8);
	ck_assert_uint_eq(m.nr_requests, 2);
	out(ACPI_PM1_CNT, 4, s5 | ACPI_PM1_SLP_EN);
	ck_assert_uint_eq(m.nr_requests, 3);
}
END_TEST

START_TEST(other_sleep_states_do_nothing)
{
	for (unsigned typ = 0; typ < 8; typ++)
		if (typ != PC_ACPI_SLP_S5)
			out(ACPI_PM1_CNT, 2, typ << ACPI_PM1_SLP_TYP_SHIFT | ACPI_PM1_SLP_EN);
	ck_assert_uint_eq(m.nr_requests, 0);
}
END_TEST

START_TEST(power_button)
{
	acpi_pm_power_button(dev);
	ck_assert_uint_eq(in(ACPI_PM1_STS, 2), ACPI_PM1_PWRBTN);
	ck_assert_uint_eq(m.irq_calls[SCI], 0);
	out(ACPI_PM1_EN, 2, ACPI_PM1_PWRBTN);
	ck_assert_int_eq(m.level[SCI], 1);
	out(ACPI_PM1_STS, 2, (u16)~ACPI_PM1_PWRBTN);
	ck_assert_int_eq(m.level[SCI], 1);
	out(ACPI_PM1_STS, 2, ACPI_PM1_PWRBTN);
	ck_assert_int_eq(m.level[SCI], 0);
	ck_assert_uint_eq(in(ACPI_PM1_STS, 2), 0);
	acpi_pm_power_button(dev);
	ck_assert_uint_eq(m.rises[SCI], 2);
	/* Status and enable in one 32-bit write; only the high status byte matters here. */
	out(ACPI_PM1_STS + 1, 1, ACPI_PM1_PWRBTN >> 8);
	ck_assert_int_eq(m.level[SCI], 0);
	acpi_pm_power_button(dev);
	out(ACPI_PM1_STS, 4, 0);
	ck_assert_int_eq(m.level[SCI], 0);
	ck_assert_uint_eq(in(ACPI_PM1_STS, 4), ACPI_PM1_PWRBTN);
}
END_TEST

START_TEST(enable_keeps_only_events)
{
	out(ACPI_PM1_EN, 2, 0xffff);
	ck_assert_uint_eq(in(ACPI_PM1_EN, 2), 0x0721);
	out(ACPI_PM1_EN + 1, 1, 0);
	ck_assert_uint_eq(in(ACPI_PM1_EN, 2), 0x0021);
}
END_TEST

START_TEST(carry_is_seen_without_a_wakeup)
{
	m.now = HALF * SEC / PC_PM_TMR_HZ; /* still just below the carry: rounded down */
	ck_assert_uint_eq(in(ACPI_PM_TMR, 4), HALF - 1);
	ck_assert_uint_eq(in(ACPI_PM1_STS, 2), 0);
	m.now += 1;
	ck_assert_uint_eq(in(ACPI_PM_TMR, 4), HALF);
	ck_assert_uint_eq(in(ACPI_PM1_STS, 2), ACPI_PM1_TMR);
	ck_assert_uint_eq(m.timer_arms, 0);
}
END_TEST

START_TEST(carry_interrupt)
{
	out(ACPI_PM1_EN, 2, ACPI_PM1_TMR);
	ck_assert_uint_eq(mock_advance(&m, 590 * SEC), 0);
	ck_assert_int_eq(m.level[SCI], 0);
	ck_assert_uint_eq(mock_advance(&m, 20 * SEC), 1);
	ck_assert_int_eq(m.level[SCI], 1);
	/* Nobody answers: no further wake-ups. */
	ck_assert_uint_eq(mock_advance(&m, 2000 * SEC), 0);
	out(ACPI_PM1_STS, 2, ACPI_PM1_TMR);
	ck_assert_int_eq(m.level[SCI], 0);
	ck_assert_uint_eq(mock_advance(&m, 600 * SEC), 1);
	ck_assert_uint_eq(m.rises[SCI], 2);
	out(ACPI_PM1_EN, 2, 0);
	out(ACPI_PM1_STS, 2, ACPI_PM1_TMR);
	ck_assert_uint_eq(mock_advance(&m, 2000 * SEC), 0);
}
END_TEST

START_TEST(reset_register)
{
	const struct device_class *c = dev->class;

	c->write(dev, 1, 0, 1, 0x02);
	ck_assert_uint_eq(m.nr_requests, 0);
	ck_assert_uint_eq(c->read(dev, 1, 0, 1), 0x02);
	c->write(dev, 1, 0, 1, 0x06);
	ck_assert_uint_eq(m.nr_requests, 1);
	ck_assert_int_eq(m.last_request, MACHINE_RESET);
	c->write(dev, 1, 0, 1, 0xfb);
	ck_assert_uint_eq(m.nr_requests, 1);
	ck_assert_uint_eq(c->read(dev, 1, 0, 1), 0x0a);
	ck_assert_uint_eq(c->read(dev, 1, 0, 2), 0xff0a);
	c->reset(dev);
	ck_assert_uint_eq(c->read(dev, 1, 0, 1), 0);
}
END_TEST

START_TEST(reset_drops_the_line)
{
	out(ACPI_PM1_EN, 2, ACPI_PM1_PWRBTN);
	acpi_pm_power_button(dev);
	dev->class->reset(dev);
	ck_assert_int_eq(m.level[SCI], 0);
	ck_assert_uint_eq(in(ACPI_PM1_STS, 4), 0);
}
END_TEST

START_TEST(save_and_load)
{
	struct device *other = create();
	const struct device_class *c = dev->class;

	c->reset(other);
	out(ACPI_PM1_EN, 2, ACPI_PM1_PWRBTN | ACPI_PM1_TMR);
	out(ACPI_PM1_CNT, 2, 3 << ACPI_PM1_SLP_TYP_SHIFT);
	acpi_pm_power_button(dev);
	memcpy((u8 *)other + c->state_offset, (u8 *)dev + c->state_offset, c->state_size);
	m.now += 3600 * SEC;
	ck_assert_int_eq(c->post_load(other), 0);
	ck_assert_uint_eq(c->read(other, 0, 0, 2), ACPI_PM1_PWRBTN);
	ck_assert_uint_eq(c->read(other, 0, 4, 2), 3 << ACPI_PM1_SLP_TYP_SHIFT | ACPI_PM1_SCI_EN);
	ck_assert_int_eq(m.level[SCI], 1);
	c->write(other, 0, 0, 2, ACPI_PM1_PWRBTN);
	ck_assert_int_eq(m.level[SCI], 0);
	c->destroy(other);
}
END_TEST

START_TEST(every_offset_and_width)
{
	for (unsigned size = 1; size <= 8; size *= 2) {
		for (u64 offset = 0; offset < PC_ACPI_PM_LEN; offset++) {
			out(offset, size, 0x5a5a5a5a5a5a5a5a);
			in(offset, size);
		}
	}
	ck_assert_uint_eq(in(6, 2), 0xffff);
	ck_assert_uint_eq(in(11, 8) >> 8, UINT64_MAX >> 8);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("acpi_pm");
	TCase *t = tcase_create("acpi_pm");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, timer_counts_exactly);
	tcase_add_test(t, soft_off);
	tcase_add_test(t, other_sleep_states_do_nothing);
	tcase_add_test(t, power_button);
	tcase_add_test(t, enable_keeps_only_events);
	tcase_add_test(t, carry_is_seen_without_a_wakeup);
	tcase_add_test(t, carry_interrupt);
	tcase_add_test(t, reset_register);
	tcase_add_test(t, reset_drops_the_line);
	tcase_add_test(t, save_and_load);
	tcase_add_test(t, every_offset_and_width);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
