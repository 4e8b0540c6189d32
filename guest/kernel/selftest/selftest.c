/* SPDX-License-Identifier: MIT */
/* selftest.c - chooses tests, runs them in order, prints TAP 13. */
#include "guest/kernel/selftest/tests_decl.h"
#include "guest/arch/x86/smp.h"
#include "guest/kernel/init.h"
#include "guest/kernel/printk.h"
#include "guest/kernel/rcu.h"
#include "guest/lib/cmdline.h"
#include "guest/lib/printf.h"
#include "guest/lib/string.h"

#define STILL_TRIES 100

struct test {
	const char *group, *name, *words;
	void (*run)(struct ktest *t);
};

static const struct test tests[] = {
#define KTEST(group, name, words) { #group, #name, words, ktest_##group##_##name },
#include "guest/kernel/selftest/tests.h"
#undef KTEST
};

void ktest_fail(struct ktest *t, const char *file, int line, const char *fmt, ...)
{
	char text[192];
	va_list ap;

	va_start(ap, fmt);
	kvsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	t->failures++;
	console_printf("# %s:%d: %s\n", file, line, text);
}

static struct {
	const char *(*check)(void *);
	void *arg;
	unsigned caller;
	atomic_t inside;
	bool done;
	const char *broken;
} still;

static void check_or_wait(void *unused)
{
	(void)unused;
	atomic_inc(&still.inside);
	if (smp_processor_id() != still.caller) {
		while (!smp_load_acquire(&still.done))
			cpu_relax();
		return;
	}
	while ((unsigned)atomic_read(&still.inside) < nr_cpus)
		cpu_relax();
	still.broken = still.check(still.arg);
	smp_store_release(&still.done, true);
}

void ktest_check_still(struct ktest *t, const char *(*check)(void *), void *arg)
{
	still.check = check;
	still.arg = arg;
	for (unsigned tries = 0; tries < STILL_TRIES; tries++) {
		preempt_disable();
		still.caller = smp_processor_id();
		atomic_set(&still.inside, 0);
		still.done = false;
		on_each_cpu(check_or_wait, NULL);
		preempt_enable();
		if (!still.broken)
			return;
		msleep(1);
	}
	ktest_fail(t, __FILE__, __LINE__, "%s", still.broken);
}

static const char *check_rcu(void *rcu)
{
	return rcu_check(rcu);
}

void ktest_check_rcu(struct ktest *t)
{
	ktest_check_still(t, check_rcu, kernel_rcu);
}

/* One item of the selection: "all", a group, or "group.name". */
static bool matches(const struct test *t, const char *item, size_t len)
{
	size_t group_len = strlen(t->group);

	if (len == 3 && memcmp(item, "all", 3) == 0)
		return true;
	if (len < group_len || memcmp(item, t->group, group_len) != 0)
		return false;
	if (len == group_len)
		return true;
	return item[group_len] == '.' && len - group_len - 1 == strlen(t->name) &&
	       memcmp(item + group_len + 1, t->name, strlen(t->name)) == 0;
}

/* Marks what the selection names; false when an item names nothing. */
static bool choose(const char *selection, bool *chosen)
{
	struct cmdline_arg arg = { .value = selection, .value_len = strlen(selection) };
	const char *item;
	size_t pos = 0, len, i;

	while (cmdline_list_next(&arg, &pos, &item, &len)) {
		bool found = false;

		for (i = 0; i < ARRAY_SIZE(tests); i++) {
			if (matches(&tests[i], item, len))
				chosen[i] = found = true;
		}
		if (!found) {
			console_printf("Bail out! selftest=%.*s: no such test; \"all\", a group, "
				       "or group.name. There are:\n",
				       (int)len, item);
			for (i = 0; i < ARRAY_SIZE(tests); i++)
				console_printf("# %s.%s\n", tests[i].group, tests[i].name);
			return false;
		}
	}
	return true;
}

bool selftest_run(const char *selection)
{
	bool chosen[ARRAY_SIZE(tests)] = { false };
	unsigned count = 0, number = 0, failed = 0;

	if (!*selection)
		selection = "all";
	console_printf("TAP version 13\n");
	if (!choose(selection, chosen))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
		count += chosen[i];
	console_printf("1..%u\n", count);
	for (size_t i = 0; i < ARRAY_SIZE(tests); i++) {
		const struct test *test = &tests[i];
		struct ktest t = { 0 };

		if (!chosen[i])
			continue;
		test->run(&t);
		failed += t.failures != 0;
		console_printf("%s %u - %s: %s%s%s\n", t.failures ? "not ok" : "ok", ++number,
			       test->group, test->words, t.skipped ? " # SKIP " : "",
			       t.skipped ? t.skipped : "");
	}
	if (failed)
		console_printf("# %u of %u failed\n", failed, count);
	return !failed && count;
}
