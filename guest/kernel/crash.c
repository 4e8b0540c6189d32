/* SPDX-License-Identifier: MIT */
/* crash.c - panic=NAME: deliberate damage, to see what the report says. */
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/smp.h"
#include "guest/kernel/init.h"
#include "guest/kernel/panic.h"
#include "guest/kernel/printk.h"
#include "guest/kernel/task.h"
#include "guest/lib/env.h"
#include "guest/lib/string.h"

static void crash_test(void)
{
	panic("asked for by panic=test");
}

static void crash_ud(void)
{
	__asm__ volatile("ud2");
}

static void crash_null(void)
{
	static int *volatile nowhere;

	*nowhere = 1;
}

static void crash_jump(void)
{
	static void (*volatile nowhere)(void);

	nowhere();
}

static void crash_bug(void)
{
	BUG_ON(crash_bug != NULL);
}

static void crash_text(void)
{
	*(volatile u8 *)(u64)crash_text = 0x90;
}

static void crash_exec(void)
{
	static u8 code[] = { 0xc3 }; /* ret */
	void (*volatile fn)(void) = (void (*)(void))(u64)code;

	fn();
}

static u64 recurse(u64 depth)
{
	static volatile bool enough; /* never set */
	volatile u64 ballast[32];

	ballast[depth % 32] = depth;
	return enough ? depth : recurse(depth + 1) + ballast[depth % 32];
}

static void crash_stack(void)
{
	recurse(0);
}

/* Stack pointer to nowhere: the page fault cannot be delivered, which is a double fault. */
static void crash_df(void)
{
	__asm__ volatile("mov $0x1000, %%esp\n\tpush %%rax" : : : "memory");
}

static void crash_gp(void)
{
	*(volatile u8 *)0x8000000000000000 = 1; /* not canonical: #GP, not #PF */
}

/* No IDT at all: not even the double fault can be delivered. Only the hypervisor can report it. */
static void crash_triple(void)
{
	const u8 empty[10] = { 0 };

	__asm__ volatile("lidt %0\n\tud2" : : "m"(empty));
}

static void panic_here(void *unused)
{
	(void)unused;
	panic("asked for by panic=smp, on every CPU at once");
}

static void crash_smp(void)
{
	on_each_cpu(panic_here, NULL);
}

/* The report itself needs `current`. */
static void crash_nested(void)
{
	local_irq_disable();
	this_cpu_write(current_task, (struct task_struct *)0xdead);
	panic("asked for by panic=nested");
}

static const struct {
	const char *name;
	void (*fn)(void);
} crashes[] = {
	{ "test", crash_test },	    { "bug", crash_bug },	{ "ud", crash_ud },
	{ "null", crash_null },	    { "jump", crash_jump },	{ "text", crash_text },
	{ "exec", crash_exec },	    { "stack", crash_stack },	{ "df", crash_df },
	{ "gp", crash_gp },	    { "nested", crash_nested }, { "smp", crash_smp },
	{ "triple", crash_triple },
};

void crash_demo(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(crashes); i++) {
		if (strcmp(name, crashes[i].name) != 0)
			continue;
		crashes[i].fn();
		pr_err("panic=%s: still alive, which is a bug or a host that does not trap it",
		       name);
		return;
	}
	pr_err("panic=%s: no such crash. There are:", name);
	for (size_t i = 0; i < ARRAY_SIZE(crashes); i++)
		pr_err("  panic=%s", crashes[i].name);
}
