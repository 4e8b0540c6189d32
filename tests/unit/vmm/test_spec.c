/* SPDX-License-Identifier: MIT */
/* test_spec.c - the values of --disk: words with commas between them. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/disk.h"
#include "vmm/spec.h"

START_TEST(words_are_split_at_single_commas)
{
	const char *at = "a,,b,c,,d=,,,e,";
	char buf[16];

	ck_assert_int_eq(spec_next(&at, buf, sizeof(buf)), 1);
	ck_assert_str_eq(buf, "a,b");
	ck_assert_int_eq(spec_next(&at, buf, sizeof(buf)), 1);
	ck_assert_str_eq(buf, "c,d=,");
	ck_assert_int_eq(spec_next(&at, buf, sizeof(buf)), 1);
	ck_assert_str_eq(buf, "e");
	ck_assert_int_eq(spec_next(&at, buf, sizeof(buf)), 1);
	ck_assert_str_eq(buf, "");
	ck_assert_int_eq(spec_next(&at, buf, sizeof(buf)), 0);
	at = "too-long";
	ck_assert_int_eq(spec_next(&at, buf, 8), -E2BIG);
	ck_assert_str_eq(spec_value("key=value", "key"), "value");
	ck_assert_ptr_null(spec_value("keys=value", "key"));
	ck_assert_ptr_null(spec_value("key", "key"));
}
END_TEST

START_TEST(disks)
{
	struct disk_spec d;
	struct error e;

	ck_assert_int_eq(disk_parse("a,,b.img,direct,serial=X 1,ro", &d, &e), 0);
	ck_assert_str_eq(d.path, "a,b.img");
	ck_assert_str_eq(d.serial, "X 1");
	ck_assert(d.read_only && d.direct);
	ck_assert_int_eq(disk_parse("plain", &d, &e), 0);
	ck_assert(!d.read_only && !d.direct && !d.serial[0]);
	ck_assert_int_eq(disk_parse("", NULL, &e), -EINVAL);
	ck_assert_int_eq(disk_parse(",ro", NULL, &e), -EINVAL);
	ck_assert_int_eq(disk_parse("x,rw", NULL, &e), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.text, "'rw'"));
	ck_assert_int_eq(disk_parse("x,serial=123456789012345678901", NULL, &e), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.text, "20"));
	ck_assert_int_eq(
		disk_parse("x,"
			   "0123456789012345678901234567890123456789012345678901234567890123",
			   NULL, &e),
		-EINVAL);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("spec");
	TCase *t = tcase_create("spec");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(t, words_are_split_at_single_commas);
	tcase_add_test(t, disks);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
