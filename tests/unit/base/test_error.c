/* SPDX-License-Identifier: MIT */
/* Unit tests of base/error.c. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

START_TEST(set_formats_and_returns_code)
{
	struct error e;

	ck_assert_int_eq(error_set(&e, -EINVAL, "memory %d: not a multiple of 4 KiB", 5), -EINVAL);
	ck_assert_str_eq(e.text, "memory 5: not a multiple of 4 KiB");
	ck_assert_int_eq(error_set(NULL, -EINVAL, "dropped"), -EINVAL);
}
END_TEST

START_TEST(sys_appends_reason)
{
	struct error e;

	ck_assert_int_eq(error_sys(&e, -ENOENT, "%s", "disk.img"), -ENOENT);
	ck_assert_str_eq(e.text, "disk.img: No such file or directory");
}
END_TEST

START_TEST(long_text_is_truncated)
{
	struct error e;
	char big[2000];

	memset(big, 'x', sizeof(big));
	big[sizeof(big) - 1] = 0;
	error_sys(&e, -EIO, "%s", big);
	ck_assert_uint_eq(strlen(e.text), sizeof(e.text) - 1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("error");
	TCase *t = tcase_create("error");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(t, set_formats_and_returns_code);
	tcase_add_test(t, sys_appends_reason);
	tcase_add_test(t, long_text_is_truncated);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
