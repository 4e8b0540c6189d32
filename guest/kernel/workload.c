/* SPDX-License-Identifier: MIT */
/* workload.c - see workload.h: which one, how often, and what is said of it afterwards. */
#include "guest/kernel/workload.h"
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/lapic.h"
#include "guest/arch/x86/mmu.h"
#include "guest/arch/x86/smp.h"
#include "guest/kernel/boot_info.h"
#include "guest/kernel/printk.h"
#include "guest/kernel/sched.h"
#include "guest/kernel/time.h"
#include "guest/lib/cmdline.h"
#include "guest/lib/parse.h"
#include "guest/lib/string.h"
#include "guest/platform/platform.h"
#include "devices/abi/post.h"

static const struct workload *const tables[] = { cpu_workloads, mem_workloads, io_workloads,
						 user_workloads };

/* What the kernel itself counts, before and after. */
struct counts {
	u64 ns, eoi_written, eoi_spared, switches, ticks, stolen;
	u64 lock_sleeps, flushes_asked, flushes_left;
};

static void look(struct counts *c)
{
	unsigned cpu;

	*c = (struct counts){ .switches = nr_context_switches(),
			      .lock_sleeps = spin_counts().sleeps };
	mmu_flush_counts(&c->flushes_asked, &c->flushes_left);
	lapic_eoi_counts(&c->eoi_written, &c->eoi_spared);
	for_each_online_cpu (cpu) {
		c->ticks += tick_count(cpu);
		c->stolen += platform->steal_ns ? platform->steal_ns(cpu) : 0;
	}
	c->ns = clock_ns();
}

static const struct workload *find(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
		for (const struct workload *w = tables[i]; w->name; w++)
			if (strlen(w->name) == len && memcmp(w->name, name, len) == 0)
				return w;
	return NULL;
}

/* key=NUMBER of the list goes to out; false when it is something else. */
static bool take(const char *item, size_t len, const char *key, u64 *out)
{
	size_t n = strlen(key);

	return len > n && memcmp(item, key, n) == 0 && item[n] == '=' &&
	       !parse_size(item + n + 1, len - n - 1, out);
}

/* The rest of the list; false at a word that means nothing. */
static bool read_options(const struct cmdline_arg *arg, size_t pos, struct work *w)
{
	const char *item;
	size_t len;

	while (cmdline_list_next(arg, &pos, &item, &len)) {
		if (!take(item, len, "n", &w->n) && !take(item, len, "ms", &w->ms) &&
		    !take(item, len, "us", &w->us) && !take(item, len, "depth", &w->depth) &&
		    !take(item, len, "size", &w->size)) {
			pr_err("workload: %.*s: there are n=, ms=, us=, depth= and size=", (int)len,
			       item);
			return false;
		}
	}
	return true;
}

static void measure(const struct workload *what, struct work *w)
{
	struct counts before, after;

	outb(PC_POST_PORT, POST_BEGIN);
	look(&before);
	if (what->run)
		what->run(w);
	else
		before.ns = 0; /* the boot, which is over: the clock began with it */
	look(&after);
	outb(PC_POST_PORT, POST_END);
	if (what->finish)
		what->finish(w);
	console_printf("RESULT workload=%s n=%lu ns=%lu cpus=%u clock=%s irqchip=\"%s\" "
		       "eoi-written=%lu eoi-spared=%lu switches=%lu ticks=%lu stolen-ns=%lu "
		       "lock-sleeps=%lu flushes-asked=%lu flushes-left=%lu\n",
		       what->name, w->n, after.ns - before.ns, nr_cpus, clock_source()->name,
		       platform_names.irqchip, after.eoi_written - before.eoi_written,
		       after.eoi_spared - before.eoi_spared, after.switches - before.switches,
		       after.ticks - before.ticks, after.stolen - before.stolen,
		       after.lock_sleeps - before.lock_sleeps,
		       after.flushes_asked - before.flushes_asked,
		       after.flushes_left - before.flushes_left);
}

static u8 do_workload(const struct workload *what, struct work *w)
{
	if (nr_cpus < what->cpus)
		w->skip = "it needs two CPUs";
	else if (what->prepare)
		what->prepare(w);
	if (w->skip) {
		console_printf("RESULT workload=%s skip=\"%s\"\n", what->name, w->skip);
		return 1;
	}
	measure(what, w);
	return 0;
}

u8 workload_run(void)
{
	const struct workload *what = NULL;
	struct cmdline_arg arg;
	const char *name = "";
	size_t pos = 0, len = 0;
	struct work w = { 0 };

	if (cmdline_find(boot_info.cmdline, "workload", &arg) && arg.value &&
	    cmdline_list_next(&arg, &pos, &name, &len))
		what = find(name, len);
	if (!what) {
		pr_err("workload=%.*s: no such workload. There are:", (int)len, name);
		for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
			for (const struct workload *t = tables[i]; t->name; t++)
				pr_err("  workload=%s,n=%lu", t->name, t->n);
		return 2;
	}
	w.n = what->n;
	if (!read_options(&arg, pos, &w) || !w.n)
		return 2;
	return do_workload(what, &w);
}
