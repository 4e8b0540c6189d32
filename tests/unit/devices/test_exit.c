/* SPDX-License-Identifier: MIT */
/* Unit tests of devices/exit.c. */
#include <check.h>
#include <stdlib.h>

#include "devices/abi/pc.h"
#include "devices/exit.h"
#include "tests/unit/devices/mock_env.h"

static struct mock_env m;
static struct device *dev;

static void setup(void)
{
	const struct dev_range pio = { DEV_PIO, PC_EXIT_PORT, PC_EXIT_LEN };

	mock_init(&m);
	dev = exit_create(&m.env, &pio);
	dev->class->reset(dev);
}

static void teardown(void)
{
	free(dev);
	mock_fini(&m);
}

START_TEST(any_width_ends_the_machine_with_the_low_byte)
{
	static const u64 values[] = { 0, 1, 0x42, 0x1ff, 0xffffff07 };
	unsigned n = 0;

	for (unsigned size = 1; size <= 8; size *= 2) {
		for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
			dev->class->write(dev, 0, 0, size, values[i]);
			ck_assert_uint_eq(m.nr_requests, ++n);
			ck_assert_int_eq(m.last_request, MACHINE_GUEST_EXIT);
			ck_assert_int_eq(m.last_status, (int)(values[i] & 0xff));
		}
	}
	dev->class->write(dev, 0, 3, 1, 9);
	ck_assert_int_eq(m.last_status, 9);
}
END_TEST

START_TEST(reads_find_nothing)
{
	ck_assert_uint_eq(dev->class->read(dev, 0, 0, 1), 0xff);
	ck_assert_uint_eq(dev->class->read(dev, 0, 1, 2), 0xffff);
	ck_assert_uint_eq(dev->class->read(dev, 0, 0, 4), 0xffffffff);
	ck_assert_uint_eq(dev->class->read(dev, 0, 0, 8), UINT64_MAX);
	ck_assert_uint_eq(m.nr_requests, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("exit");
	TCase *t = tcase_create("exit");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, any_width_ends_the_machine_with_the_low_byte);
	tcase_add_test(t, reads_find_nothing);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
