/* SPDX-License-Identifier: MIT */
/* test_options.c - the option parser over a table of command lines, and the checks of values. */
#include "vmm/options.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/config.h"
#include "vmm/serial.h"

/* What was set, as text: "mem=1G;fast=;word=x;". */
struct record {
	char text[256];
};

static int note(void *ctx, const char *name, const char *value)
{
	struct record *r = ctx;
	size_t used = strlen(r->text);

	snprintf(r->text + used, sizeof(r->text) - used, "%s=%s;", name, value ? value : "");
	return 0;
}

static int set_mem(void *ctx, const char *v, struct error *e)
{
	if (!strcmp(v, "bad"))
		return error_set(e, -EINVAL, "--mem %s: bad", v);
	return note(ctx, "mem", v);
}

static int set_fast(void *ctx, const char *v, struct error *e)
{
	(void)e;
	return note(ctx, "fast", v);
}

static int set_stats(void *ctx, const char *v, struct error *e)
{
	(void)e;
	return note(ctx, v ? "stats" : "stats-alone", v);
}

static int set_word(void *ctx, const char *v, struct error *e)
{
	(void)e;
	return note(ctx, "word", v);
}

static const struct option_def defs[] = {
	{ "mem", 'm', "SIZE", "memory", set_mem },
	{ "fast", 0, NULL, "go fast", set_fast },
	{ "stats", 0, "[=json]", "numbers", set_stats },
};

#define MAX_ARGS 6

START_TEST(command_lines)
{
	static const struct {
		const char *argv[MAX_ARGS];
		int status;
		const char *want; /* what was set, or a part of the error */
		int rest;	  /* 0: argc */
	} cases[] = {
		{ { "run" }, 0, "", 0 },
		{ { "run", "--mem", "1G", "x" }, 0, "mem=1G;word=x;", 0 },
		{ { "run", "--mem=1G", "--fast" }, 0, "mem=1G;fast=;", 0 },
		{ { "run", "-mem", "1G" }, 0, "mem=1G;", 0 },
		{ { "run", "-m", "1G" }, 0, "mem=1G;", 0 },
		{ { "run", "-m=1G" }, 0, "mem=1G;", 0 },
		{ { "run", "--mem=" }, 0, "mem=;", 0 },
		{ { "run", "--mem=a=b" }, 0, "mem=a=b;", 0 },
		{ { "run", "--mem", "--fast" }, 0, "mem=--fast;", 0 },
		{ { "run", "--stats", "x" }, 0, "stats-alone=;word=x;", 0 },
		{ { "run", "--stats=json" }, 0, "stats=json;", 0 },
		{ { "run", "-" }, 0, "word=-;", 0 },
		{ { "run", "", "x" }, 0, "word=;word=x;", 0 },
		{ { "run", "--fast", "--", "--mem", "x" }, 0, "fast=;", 3 },
		{ { "run", "--help" }, 1, "", 0 },
		{ { "run", "-h" }, 1, "", 0 },
		{ { "run", "--fast", "-help", "--nonsense" }, 1, "fast=;", 0 },
		{ { "run", "--mem" }, -EINVAL, "--mem: needs a value (SIZE)", 0 },
		{ { "run", "--fast=1" }, -EINVAL, "--fast: takes no value", 0 },
		{ { "run", "--mem", "bad" }, -EINVAL, "--mem bad: bad", 0 },
		{ { "run", "--mme", "1" }, -EINVAL, "did you mean --mem?", 0 },
		{ { "run", "--me=1" }, -EINVAL, "did you mean --mem?", 0 },
		{ { "run", "--zzzzzz" }, -EINVAL, "--help lists them", 0 },
		{ { "run", "-z" }, -EINVAL, "unknown option", 0 },
		{ { "run", "--=x" }, -EINVAL, "unknown option", 0 },
		{ { "run", "---" }, -EINVAL, "unknown option", 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct record r = { "" };
		struct option_set set = { defs, ARRAY_SIZE(defs), &r, set_word };
		struct error e = { "" };
		char *argv[MAX_ARGS + 1] = { NULL };
		int argc = 0, rest = -1, status;

		while (argc < MAX_ARGS && cases[i].argv[argc]) {
			argv[argc] = (char *)cases[i].argv[argc];
			argc++;
		}
		status = options_parse(&set, argc, argv, &rest, &e);
		ck_assert_msg(status == cases[i].status, "case %zu: status %d, %s", i, status,
			      e.text);
		if (status < 0)
			ck_assert_msg(strstr(e.text, cases[i].want), "case %zu: %s", i, e.text);
		else
			ck_assert_str_eq(r.text, cases[i].want);
		if (!status)
			ck_assert_int_eq(rest, cases[i].rest ? cases[i].rest : argc);
	}
}
END_TEST

START_TEST(no_words_taken)
{
	struct record r = { "" };
	struct option_set set = { defs, ARRAY_SIZE(defs), &r, NULL };
	char *argv[] = { (char *)"doctor", (char *)"well", NULL };
	struct error e;

	ck_assert_int_eq(options_parse(&set, 2, argv, NULL, &e), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.text, "well"));
}
END_TEST

START_TEST(numbers)
{
	static const struct {
		const char *text;
		u64 max;
		int status;
		u64 value;
	} cases[] = {
		{ "0", 9, 0, 0 },
		{ "9", 9, 0, 9 },
		{ "10", 9, -EINVAL, 0 },
		{ "0x10", 16, 0, 16 },
		{ "18446744073709551615", UINT64_MAX, 0, UINT64_MAX },
		{ "18446744073709551616", UINT64_MAX, -EINVAL, 0 },
		{ "", 9, -EINVAL, 0 },
		{ " 1", 9, -EINVAL, 0 },
		{ "+1", 9, -EINVAL, 0 },
		{ "-1", UINT64_MAX, -EINVAL, 0 },
		{ "1 ", 9, -EINVAL, 0 },
		{ "1k", 9, -EINVAL, 0 },
		{ "0x", 9, -EINVAL, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error e = { "" };
		u64 v = 4242;

		ck_assert_msg(option_number("--n", cases[i].text, cases[i].max, &v, &e) ==
				      cases[i].status,
			      "\"%s\"", cases[i].text);
		if (cases[i].status)
			ck_assert_ptr_nonnull(strstr(e.text, "--n"));
		else
			ck_assert_uint_eq(v, cases[i].value);
	}
}
END_TEST

START_TEST(help_lines)
{
	struct option_set set = { defs, ARRAY_SIZE(defs), NULL, NULL };
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	options_help(&set, f);
	fclose(f);
	ck_assert_ptr_nonnull(strstr(text, "-m, --mem SIZE "));
	ck_assert_ptr_nonnull(strstr(text, "--stats[=json] "));
	ck_assert_ptr_nonnull(strstr(text, " --fast "));
	free(text);
}
END_TEST

START_TEST(machines_that_cannot_be)
{
	struct machine_config cfg;
	struct error e;

	config_init(&cfg);
	ck_assert_int_eq(config_check(&cfg, &e), 0);
	ck_assert_int_eq(config_irqchip(&cfg), IRQCHIP_SPLIT);
	cfg.virt = VIRT_FULL;
	ck_assert_int_eq(config_irqchip(&cfg), IRQCHIP_KERNEL);
	cfg.irqchip = IRQCHIP_SPLIT;
	ck_assert_int_eq(config_irqchip(&cfg), IRQCHIP_SPLIT);

	cfg.cpus = 0;
	ck_assert_int_lt(config_check(&cfg, &e), 0);
	cfg.cpus = CONFIG_MAX_CPUS;
	ck_assert_int_eq(config_check(&cfg, &e), 0);
	cfg.cpus++;
	ck_assert_int_lt(config_check(&cfg, &e), 0);
	cfg.cpus = 2;
	cfg.mem.nr_nodes = 3;
	ck_assert_int_lt(config_check(&cfg, &e), 0);
	ck_assert_ptr_nonnull(strstr(e.text, "--numa"));
	cfg.mem.nr_nodes = 2;
	ck_assert_int_eq(config_check(&cfg, &e), 0);
	cfg.serial[3] = "stdio";
	ck_assert_int_lt(config_check(&cfg, &e), 0);
	cfg.serial[3] = "null";
	cfg.mem.size = 0;
	ck_assert_int_lt(config_check(&cfg, &e), 0);
}
END_TEST

START_TEST(serial_words)
{
	static const char *const good[] = { "stdio", "null", "none", "pty", "file:x", "file:/a b" };
	static const char *const bad[] = { "", "file", "file:", "stdio ", "tcp:1", "Null" };
	struct error e;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		ck_assert_int_eq(serial_check(good[i], &e), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_int_eq(serial_check(bad[i], &e), -EINVAL);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("options");
	TCase *tc = tcase_create("options");
	SRunner *r;
	int failed;

	tcase_add_test(tc, command_lines);
	tcase_add_test(tc, no_words_taken);
	tcase_add_test(tc, numbers);
	tcase_add_test(tc, help_lines);
	tcase_add_test(tc, machines_that_cannot_be);
	tcase_add_test(tc, serial_words);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
