/* SPDX-License-Identifier: MIT */
/* test_proc_text.c - lines of /proc against what Linux prints for the same numbers. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "guest/fs/proc_text.h"
#include "guest/lib/errno.h"

static char out[8192];
static struct seq_buf buf;
static struct seq seq;

/* An empty text to be written to. */
static struct seq *begin(void)
{
	seq_to_buf(&seq, &buf, out, sizeof(out));
	return &seq;
}

static struct proc_task_text task(void)
{
	static const u64 cpus = 0x3;
	struct proc_task_text t = {
		.comm = "a b) c",
		.state = 'S',
		.pid = 12,
		.tgid = 12,
		.ppid = 1,
		.pgrp = 12,
		.sid = 3,
		.tpgid = 12,
		.tty = 4 << 8 | 64,
		.flags = 0x400000,
		.min_flt = 5,
		.utime = 1234567890,
		.stime = 20000000,
		.start = 70000000,
		.prio = 120,
		.nr_threads = 2,
		.rss_limit = RLIM_INFINITY,
		.exit_signal = 17,
		.caught = 1UL << 33 | 1UL << 16,
		.umask = 022,
		.cpus = &cpus,
		.nr_cpus = 2,
		.nr_nodes = 1,
		.has_mm = true,
		.addresses = true,
		.mm = { .total_vm = 100,
			.rss_anon = 10,
			.rss_file = 20,
			.rss_shmem = 3,
			.data_vm = 30,
			.stack_vm = 5,
			.exec_vm = 42,
			.start_code = 0x401000,
			.end_code = 0x401800 },
	};

	return t;
}

static unsigned fields(const char *line)
{
	unsigned n = 1;

	for (line = strrchr(line, ')'); *line; line++)
		n += *line == ' ';
	return n + 1;
}

START_TEST(stat_has_all_its_fields)
{
	struct proc_task_text t = task();

	proc_show_stat(begin(), &t);
	ck_assert_ptr_eq(strstr(out,
				"12 (a b) c) S 1 12 3 1088 12 4194304 5 0 0 0 123 2 0 0 20 0 2 0 7 "
				"409600 33 "),
			 out);
	ck_assert_uint_eq(fields(out), 52);
	/* Signals above 31 have no place here. */
	ck_assert_ptr_nonnull(strstr(out, " 0 0 0 65536 1 0 0 17 "));
	/* What others may not know. */
	t.addresses = false;
	proc_show_stat(begin(), &t);
	ck_assert_ptr_nonnull(strstr(out, " 18446744073709551615 1 1 0 0 0 "));
	ck_assert_uint_eq(fields(out), 52);
}
END_TEST

START_TEST(statm_counts_pages)
{
	struct proc_task_text t = task();

	proc_show_statm(begin(), &t);
	ck_assert_str_eq(out, "100 33 23 1 0 35 0\n");
	t.has_mm = false;
	proc_show_statm(begin(), &t);
	ck_assert_str_eq(out, "0 0 0 0 0 0 0\n");
}
END_TEST

START_TEST(status_of_processes_and_kernel_threads)
{
	struct proc_task_text t = task();
	const u32 groups[] = { 0, 10 };

	strcpy(t.comm, "a\nb\\");
	t.groups = groups;
	t.nr_groups = 2;
	proc_show_status(begin(), &t);
	ck_assert_ptr_nonnull(
		strstr(out, "Name:\ta\\nb\\\\\nUmask:\t0022\nState:\tS (sleeping)\n"));
	ck_assert_ptr_nonnull(strstr(out, "\nGroups:\t0 10 \n"));
	ck_assert_ptr_nonnull(strstr(out, "\nVmRSS:\t     132 kB\n"));
	ck_assert_ptr_nonnull(strstr(out, "\nVmExe:\t       4 kB\nVmLib:\t     164 kB\n"));
	ck_assert_ptr_nonnull(strstr(out, "\nSigCgt:\t0000000200010000\n"));
	ck_assert_ptr_nonnull(strstr(out, "\nCpus_allowed:\t3\nCpus_allowed_list:\t0-1\n"));
	t.has_mm = false;
	t.umask = -1;
	proc_show_status(begin(), &t);
	ck_assert_ptr_null(strstr(out, "Vm"));
	ck_assert_ptr_null(strstr(out, "Umask"));
}
END_TEST

START_TEST(limits_are_a_table)
{
	u64 soft[RLIM_NLIMITS], hard[RLIM_NLIMITS];

	for (unsigned i = 0; i < RLIM_NLIMITS; i++)
		soft[i] = hard[i] = RLIM_INFINITY;
	soft[3] = 8 << 20;
	proc_show_limits(begin(), soft, hard);
	ck_assert_ptr_nonnull(strstr(
		out,
		"Limit                     Soft Limit           Hard Limit           Units     \n"));
	ck_assert_ptr_nonnull(strstr(
		out,
		"Max stack size            8388608              unlimited            bytes     \n"));
	ck_assert_ptr_nonnull(strstr(
		out, "Max nice priority         unlimited            unlimited            \n"));
}
END_TEST

START_TEST(areas_have_a_column_for_names)
{
	struct proc_area_text a = { .start = 0x400000,
				    .end = 0x401000,
				    .read = true,
				    .exec = true,
				    .ino = 16,
				    .dev_minor = 4,
				    .name = "/bin/a\nb" };

	proc_show_area(begin(), &a);
	ck_assert_str_eq(out, "00400000-00401000 r-xp 00000000 00:04 16"
			      "                                 /bin/a\\012b\n");
	a.name = NULL;
	a.shared = true;
	proc_show_area(begin(), &a);
	ck_assert_str_eq(out, "00400000-00401000 r-xs 00000000 00:04 16 \n");
}
END_TEST

START_TEST(sets_of_cpus_there_and_back)
{
	static const struct {
		u64 mask[2];
		unsigned nr;
		const char *list, *hex;
	} rows[] = {
		{ { 0x1 }, 1, "0", "1" },
		{ { 0x3 }, 2, "0-1", "3" },
		{ { 0xf5 }, 8, "0,2,4-7", "f5" },
		{ { 0 }, 4, "", "0" },
		{ { ~0UL, 0x3 }, 66, "0-65", "3,ffffffff,ffffffff" },
		{ { 1UL << 63, 1 }, 128, "63-64", "00000000,00000001,80000000,00000000" },
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		u64 back[2] = { 0 };

		proc_show_cpulist(begin(), rows[i].mask, rows[i].nr);
		ck_assert_str_eq(out, rows[i].list);
		if (*rows[i].list) {
			ck_assert_int_eq(proc_parse_cpulist(out, back, rows[i].nr), 0);
			ck_assert_uint_eq(back[0], rows[i].mask[0]);
			ck_assert_uint_eq(back[1], rows[i].mask[1]);
		}
		proc_show_cpumask(begin(), rows[i].mask, rows[i].nr);
		ck_assert_str_eq(out, rows[i].hex);
	}
}
END_TEST

START_TEST(bad_lists_are_refused)
{
	static const char *const bad[] = { "",	   "a", "1-",  "-1",  "3-1", "0,",
					   "0,,1", "8", "0-8", "0 1", "0x1" };
	u64 mask;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_int_eq(proc_parse_cpulist(bad[i], &mask, 8), -EINVAL);
	ck_assert_int_eq(proc_parse_cpulist("0-3,7\n", &mask, 8), 0);
	ck_assert_uint_eq(mask, 0x8f);
}
END_TEST

/* After a minute of one task the one-minute average is 1 - 1/e, and in the end it is 1. */
START_TEST(load_goes_where_it_should)
{
	struct loadavg l = { { 0 } };

	for (unsigned i = 0; i < 12; i++)
		loadavg_update(&l, 1);
	proc_show_loadavg(begin(), &l);
	ck_assert_str_eq(out, "0.63 0.18 0.06");
	for (unsigned i = 0; i < 3000; i++)
		loadavg_update(&l, 1);
	proc_show_loadavg(begin(), &l);
	ck_assert_str_eq(out, "1.00 1.00 1.00");
	for (unsigned i = 0; i < 5000; i++)
		loadavg_update(&l, 0);
	proc_show_loadavg(begin(), &l);
	ck_assert_str_eq(out, "0.00 0.00 0.00");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("proc_text");
	TCase *tc = tcase_create("all");
	SRunner *sr;
	int failed;

	tcase_add_test(tc, stat_has_all_its_fields);
	tcase_add_test(tc, statm_counts_pages);
	tcase_add_test(tc, status_of_processes_and_kernel_threads);
	tcase_add_test(tc, limits_are_a_table);
	tcase_add_test(tc, areas_have_a_column_for_names);
	tcase_add_test(tc, sets_of_cpus_there_and_back);
	tcase_add_test(tc, bad_lists_are_refused);
	tcase_add_test(tc, load_goes_where_it_should);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
