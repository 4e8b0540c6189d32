/* SPDX-License-Identifier: MIT */
/* test_spec.c - the values of --disk and --net: words with commas between them. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/disk.h"
#include "vmm/net.h"
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
	ck_assert_int_eq(disk_parse("", &d, &e), -EINVAL);
	ck_assert_int_eq(disk_parse(",ro", &d, &e), -EINVAL);
	ck_assert_int_eq(disk_parse("x,rw", &d, &e), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.text, "'rw'"));
	ck_assert_int_eq(disk_parse("x,serial=123456789012345678901", &d, &e), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.text, "20"));
	ck_assert_int_eq(
		disk_parse("x,"
			   "0123456789012345678901234567890123456789012345678901234567890123",
			   &d, &e),
		-EINVAL);
}
END_TEST

START_TEST(networks)
{
	static const char *const bad[] = {
		"",
		"users",
		"tap",
		"tap=",
		"tap=a-name-too-long-x",
		"user,mac=52:54:00:12:34",
		"user,mac=53:54:00:12:34:56", /* a group address */
		"user,mac=5:54:00:12:34:56",
		"user,hostfwd=tcp::22",
		"user,hostfwd=tcp::22-:0",
		"user,hostfwd=tcp::65536-:1",
		"user,hostfwd=sctp::1-:2",
		"user,hostfwd=tcp:1.2.3:1-:2",
		"user,hostfwd=tcp::1x-:2",
		"user,hostfwd=",
		"tap=x,hostfwd=tcp::1-:2",
		"user,restrict",
	};
	struct net_spec n;
	struct error e;

	ck_assert_int_eq(net_parse("user", &n, &e), 0);
	ck_assert(!n.tap[0] && !n.has_mac && !n.nr_forwards);
	ck_assert_int_eq(
		net_parse("user,hostfwd=tcp::2222-:22,hostfwd=udp:127.0.0.1:53-10.0.2.20:5353,"
			  "mac=52:54:00:Aa:bb:0c",
			  &n, &e),
		0);
	ck_assert_uint_eq(n.nr_forwards, 2);
	ck_assert(!n.forward[0].udp && !n.forward[0].host_addr && !n.forward[0].guest_addr);
	ck_assert_uint_eq(n.forward[0].host_port, 2222);
	ck_assert_uint_eq(n.forward[0].guest_port, 22);
	ck_assert(n.forward[1].udp);
	ck_assert_uint_eq(n.forward[1].host_addr, 0x7f000001);
	ck_assert_uint_eq(n.forward[1].guest_addr, 0x0a000214);
	ck_assert_uint_eq(n.forward[1].guest_port, 5353);
	ck_assert_mem_eq(n.mac, "\x52\x54\x00\xaa\xbb\x0c", 6);
	ck_assert_int_eq(net_parse("tap=vm0", &n, &e), 0);
	ck_assert_str_eq(n.tap, "vm0");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_msg(net_parse(bad[i], &n, &e) == -EINVAL, "%s", bad[i]);
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
	tcase_add_test(t, networks);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
