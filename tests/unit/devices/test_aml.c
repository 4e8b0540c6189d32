/* SPDX-License-Identifier: MIT */
/* Unit tests of devices/aml.c: bytes worked out by hand from ACPI 6.5 section 20.2. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "devices/aml.h"

static struct aml a;

static void setup(void)
{
	aml_init(&a);
}

static void teardown(void)
{
	aml_free(&a);
}

#define assert_bytes(...)                                     \
	do {                                                  \
		static const u8 want[] = { __VA_ARGS__ };     \
		ck_assert_int_eq(aml_finish(&a), 0);          \
		ck_assert_uint_eq(a.len, sizeof(want));       \
		ck_assert_mem_eq(a.data, want, sizeof(want)); \
	} while (0)

START_TEST(integers_take_the_smallest_form)
{
	aml_int(&a, 0);
	aml_int(&a, 1);
	aml_int(&a, 2);
	aml_int(&a, 0xff);
	aml_int(&a, 0x100);
	aml_int(&a, 0xffff);
	aml_int(&a, 0x10000);
	aml_int(&a, 0x123456789aULL);
	assert_bytes(0x00, 0x01, 0x0a, 2, 0x0a, 0xff, 0x0b, 0x00, 0x01, 0x0b, 0xff, 0xff, 0x0c, 0,
		     0, 1, 0, 0x0e, 0x9a, 0x78, 0x56, 0x34, 0x12, 0, 0, 0);
}
END_TEST

START_TEST(paths)
{
	aml_path(&a, "\\");
	aml_path(&a, "X");
	aml_path(&a, "\\_SB");
	aml_path(&a, "^^AB12");
	aml_path(&a, "\\_SB.COM1");
	aml_path(&a, "A.B.C");
	assert_bytes('\\', 0, 'X', '_', '_', '_', '\\', '_', 'S', 'B', '_', '^', '^', 'A', 'B', '1',
		     '2', '\\', 0x2e, '_', 'S', 'B', '_', 'C', 'O', 'M', '1', 0x2f, 3, 'A', '_',
		     '_', '_', 'B', '_', '_', '_', 'C', '_', '_', '_');
}
END_TEST

START_TEST(bad_paths_are_refused)
{
	static const char *const bad[] = {
		"com1", "1ABC", "ABCDE", "A..B", "A.", ".A", "A B", "\\^"
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		aml_free(&a);
		aml_name_int(&a, bad[i], 1);
		ck_assert_msg(aml_finish(&a) == -EINVAL, "%s was taken", bad[i]);
	}
	aml_free(&a);
	aml_device_begin(&a, "");
	aml_device_end(&a);
	ck_assert_int_eq(aml_finish(&a), -EINVAL);
}
END_TEST

START_TEST(names)
{
	aml_name_int(&a, "_UID", 3);
	aml_name_string(&a, "_STR", "hi");
	aml_name_eisaid(&a, "_HID", "PNP0501");
	aml_name_buffer(&a, "BUF", "\x01\x02\x03", 3);
	assert_bytes(0x08, '_', 'U', 'I', 'D', 0x0a, 3, 0x08, '_', 'S', 'T', 'R', 0x0d, 'h', 'i', 0,
		     0x08, '_', 'H', 'I', 'D', 0x0c, 0x41, 0xd0, 0x05, 0x01, 0x08, 'B', 'U', 'F',
		     '_', 0x11, 6, 0x0a, 3, 1, 2, 3);
}
END_TEST

START_TEST(bad_eisa_ids_are_refused)
{
	static const char *const bad[] = { "PNP050",  "PNP05011", "pNP0501", "PNP050g",
					   "PNP050a", "",	  "P0P0501", "[NP0501" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		aml_free(&a);
		aml_eisaid(&a, bad[i]);
		ck_assert_msg(aml_finish(&a) == -EINVAL, "%s was taken", bad[i]);
	}
}
END_TEST

START_TEST(sleep_package)
{
	aml_name_package_begin(&a, "_S5", 2);
	aml_int(&a, 5);
	aml_int(&a, 0);
	aml_package_end(&a);
	assert_bytes(0x08, '_', 'S', '5', '_', 0x12, 5, 2, 0x0a, 5, 0x00);
}
END_TEST

START_TEST(nested_packages)
{
	aml_package_begin(&a, 2);
	aml_package_begin(&a, 1);
	aml_string(&a, "a");
	aml_package_end(&a);
	aml_path(&a, "LNKA");
	aml_package_end(&a);
	assert_bytes(0x12, 12, 2, 0x12, 5, 1, 0x0d, 'a', 0, 'L', 'N', 'K', 'A');
}
END_TEST

START_TEST(scope_device_method)
{
	aml_scope_begin(&a, "\\_SB");
	aml_device_begin(&a, "D");
	aml_method_begin(&a, "_STA", 1, true);
	aml_return(&a);
	aml_int(&a, 15);
	aml_method_end(&a);
	aml_device_end(&a);
	aml_scope_end(&a);
	assert_bytes(0x10, 23, '\\', '_', 'S', 'B', '_', 0x5b, 0x82, 15, 'D', '_', '_', '_', 0x14,
		     9, '_', 'S', 'T', 'A', 0x09, 0xa4, 0x0a, 15);
}
END_TEST

START_TEST(resources)
{
	aml_resources_begin(&a, "_CRS");
	aml_resource_io(&a, 0x3f8, 8);
	aml_resource_irq(&a, 4);
	aml_resource_memory32(&a, 0xfeb00000, 0x1000, true);
	aml_resource_interrupt(&a, 20, AML_LEVEL, AML_ACTIVE_LOW, true);
	aml_resource_interrupt(&a, 5, AML_EDGE, AML_ACTIVE_HIGH, false);
	aml_resources_end(&a);
	/* 8 + 3 + 12 + 9 + 9 + 2 = 43 bytes, +2 for the size, +1 for the package length */
	assert_bytes(0x08, '_', 'C', 'R', 'S', 0x11, 46, 0x0a, 43,			/* */
		     0x47, 1, 0xf8, 3, 0xf8, 3, 1, 8,					/* IO */
		     0x22, 0x10, 0,							/* IRQ */
		     0x86, 9, 0, 1, 0, 0, 0xb0, 0xfe, 0, 0x10, 0, 0,			/* memory */
		     0x89, 6, 0, 0x0d, 1, 20, 0, 0, 0, 0x89, 6, 0, 0x03, 1, 5, 0, 0, 0, /* GSIs */
		     0x79, 0);
}
END_TEST

/* A package of `content` bytes: the length field that 20.2.4 wants for it. */
static void check_length(size_t content, const u8 *want, size_t n)
{
	aml_free(&a);
	aml_package_begin(&a, 0);
	for (size_t i = 1; i < content; i++)
		aml_int(&a, 0);
	aml_package_end(&a);
	ck_assert_int_eq(aml_finish(&a), 0);
	ck_assert_uint_eq(a.len, 1 + n + content);
	ck_assert_mem_eq(a.data + 1, want, n);
}

START_TEST(package_lengths_at_their_borders)
{
	check_length(1, (const u8[]){ 2 }, 1);
	check_length(62, (const u8[]){ 63 }, 1);
	check_length(63, (const u8[]){ 0x41, 0x04 }, 2);      /* 65 */
	check_length(4093, (const u8[]){ 0x4f, 0xff }, 2);    /* 0xfff */
	check_length(4094, (const u8[]){ 0x81, 0x00, 1 }, 3); /* 0x1001 */
	check_length(0xffffc, (const u8[]){ 0x8f, 0xff, 0xff }, 3);
	check_length(0xffffd, (const u8[]){ 0xc1, 0x00, 0x00, 0x01 }, 4); /* 0x100001 */
}
END_TEST

START_TEST(wrong_nesting_is_refused)
{
	aml_scope_begin(&a, "\\");
	ck_assert_int_eq(aml_finish(&a), -EINVAL);
	aml_device_end(&a);
	aml_scope_end(&a);
	ck_assert_int_eq(aml_finish(&a), -EINVAL);

	aml_free(&a);
	aml_package_end(&a);
	ck_assert_int_eq(aml_finish(&a), -EINVAL);

	aml_free(&a);
	aml_resource_io(&a, 0x70, 2);
	ck_assert_int_eq(aml_finish(&a), -EINVAL);

	aml_free(&a);
	aml_resources_end(&a);
	ck_assert_int_eq(aml_finish(&a), -EINVAL);
}
END_TEST

START_TEST(too_much_is_refused)
{
	for (int i = 0; i <= AML_MAX_DEPTH; i++)
		aml_package_begin(&a, 1);
	for (int i = 0; i <= AML_MAX_DEPTH; i++)
		aml_package_end(&a);
	ck_assert_int_eq(aml_finish(&a), -EOVERFLOW);

	aml_free(&a);
	aml_package_begin(&a, 256);
	aml_package_end(&a);
	ck_assert_int_eq(aml_finish(&a), -EOVERFLOW);

	aml_free(&a);
	aml_method_begin(&a, "M", 8, false);
	aml_method_end(&a);
	ck_assert_int_eq(aml_finish(&a), -EOVERFLOW);

	aml_free(&a);
	aml_resources_begin(&a, "_CRS");
	aml_resource_irq(&a, 16);
	aml_resources_end(&a);
	ck_assert_int_eq(aml_finish(&a), -EOVERFLOW);

	aml_free(&a);
	aml_resources_begin(&a, "_CRS");
	aml_resource_io(&a, 0xffff, 2);
	aml_resources_end(&a);
	ck_assert_int_eq(aml_finish(&a), -EOVERFLOW);

	aml_free(&a);
	aml_string(&a, "\xff");
	ck_assert_int_eq(aml_finish(&a), -EINVAL);

	aml_free(&a);
	aml_buffer(&a, NULL, (size_t)1 << 28);
	ck_assert_int_eq(aml_finish(&a), -EOVERFLOW);
}
END_TEST

START_TEST(first_error_stays_and_stops_everything)
{
	aml_name_int(&a, "bad", 1);
	aml_resources_end(&a);
	aml_package_begin(&a, 1000);
	aml_string(&a, "text");
	ck_assert_int_eq(aml_finish(&a), -EINVAL);
	ck_assert_uint_le(a.len, 1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("aml");
	TCase *t = tcase_create("aml");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, integers_take_the_smallest_form);
	tcase_add_test(t, paths);
	tcase_add_test(t, bad_paths_are_refused);
	tcase_add_test(t, names);
	tcase_add_test(t, bad_eisa_ids_are_refused);
	tcase_add_test(t, sleep_package);
	tcase_add_test(t, nested_packages);
	tcase_add_test(t, scope_device_method);
	tcase_add_test(t, resources);
	tcase_add_test(t, package_lengths_at_their_borders);
	tcase_add_test(t, wrong_nesting_is_refused);
	tcase_add_test(t, too_much_is_refused);
	tcase_add_test(t, first_error_stays_and_stops_everything);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
