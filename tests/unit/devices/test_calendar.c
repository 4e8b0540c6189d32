/* SPDX-License-Identifier: MIT */
/* Unit tests of devices/calendar.c, against libc's calendar. */
#include <check.h>
#include <stdlib.h>
#include <time.h>

#include "devices/calendar.h"

/* One Check assertion writes to a pipe, so a million cases share the few that fail. */
static void compare(s64 sec)
{
	struct civil c = civil_from_sec(sec);
	time_t t = (time_t)sec;
	struct tm tm;

	gmtime_r(&t, &tm);
	if ((int)c.year != tm.tm_year + 1900 || (int)c.month != tm.tm_mon ||
	    (int)c.mday != tm.tm_mday || (int)c.weekday != tm.tm_wday ||
	    (int)c.hour != tm.tm_hour || (int)c.min != tm.tm_min || (int)c.sec != tm.tm_sec)
		ck_abort_msg("%lld is not %u-%u-%u (%u) %u:%u:%u", (long long)sec, c.year,
			     c.month + 1, c.mday, c.weekday, c.hour, c.min, c.sec);
	if (civil_to_sec(&c) != sec)
		ck_abort_msg("%lld becomes %lld", (long long)sec, (long long)civil_to_sec(&c));
}

START_TEST(every_day_of_ten_centuries)
{
	for (s64 day = -300000; day < 300000; day++) {
		compare(day * DAY_SECONDS);
		compare(day * DAY_SECONDS + DAY_SECONDS - 1);
	}
}
END_TEST

START_TEST(far_ends)
{
	static const s64 year0 = -62167219200, year10000 = 253402300800;
	struct civil c;

	compare(year0);
	compare(year10000 - 1);
	compare(year10000);
	compare(10 * year10000);
	c = civil_from_sec(year0 - 1);
	ck_assert_uint_eq(c.year, 0);
	ck_assert_uint_eq(c.month, 0);
	ck_assert_uint_eq(c.mday, 1);
}
END_TEST

START_TEST(seconds_of_day)
{
	ck_assert_int_eq(second_of_day(0), 0);
	ck_assert_int_eq(second_of_day(-1), DAY_SECONDS - 1);
	ck_assert_int_eq(second_of_day(DAY_SECONDS), 0);
	ck_assert_int_eq(second_of_day(-DAY_SECONDS), 0);
	ck_assert_uint_eq(month_days(2000, 1), 29);
	ck_assert_uint_eq(month_days(2100, 1), 28);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("calendar");
	TCase *t = tcase_create("calendar");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_test(t, every_day_of_ten_centuries);
	tcase_add_test(t, far_ends);
	tcase_add_test(t, seconds_of_day);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
