/* SPDX-License-Identifier: MIT */
/*
 * init.c - the command line's wishes, first match wins:
 *   panic=NAME       a crash, to see its report       selftest[=NAME,...]    TAP, status 0 or 1
 *   loop             spin for ever                    exit=N                 end with status N
 *   halt             stop with interrupts off         show=TABLE,...         tables about memory
 *   fault=NAME       something that a watchdog must report
 *   workload=NAME,n=N  one kind of work, to be measured from outside (workload.h)
 *   demo=NAME        switch (the default), sched, time, mm, io, sequence, net
 *   prompt           lines typed at the console are obeyed
 */
#include "guest/kernel/init.h"
#include "guest/arch/x86/asm.h"
#include "guest/kernel/boot_info.h"
#include "guest/kernel/fault.h"
#include "guest/kernel/mm.h"
#include "guest/kernel/panic.h"
#include "guest/kernel/printk.h"
#include "guest/kernel/workload.h"
#include "guest/lib/cmdline.h"
#include "guest/lib/env.h"
#include "guest/lib/string.h"
#include "guest/process/user_init.h"

static const struct {
	const char *name;
	void (*run)(void);
} demos[] = {
	{ "switch", demo_switch }, { "sched", demo_sched }, { "time", demo_time },
	{ "mm", demo_mm },	   { "io", demo_io },	    { "sequence", demo_sequence },
	{ "net", demo_net },
};

/* The value of a word, "" for a word without one; NULL when the word is not there. */
static const char *option_value(const char *key, char *buf, size_t size)
{
	s64 n = cmdline_str(boot_info.cmdline, key, buf, size);

	if (n >= 0)
		return buf;
	return boot_option(key) ? "" : NULL;
}

int init_main(void *unused)
{
	char buf[512];
	const char *v;

	(void)unused;
	v = option_value("panic", buf, sizeof(buf));
	/* panic=1, panic=-1: how long Linux shall wait before it reboots. This kernel leaves at once. */
	if (v && *v != '-' && (*v < '0' || *v > '9')) {
		crash_demo(v);
		machine_exit(1);
	}
	if (boot_option("loop")) {
		for (;;)
			cpu_relax();
	}
	if (boot_option("halt")) {
		local_irq_disable();
		for (;;)
			halt();
	}
	if (boot_option("prompt"))
		prompt_run();
	v = option_value("selftest", buf, sizeof(buf));
	if (v)
		machine_exit(selftest_run(v) ? 0 : 1);
	v = option_value("show", buf, sizeof(buf));
	if (v)
		machine_exit(mm_show(v) ? 0 : 1);
	v = option_value("exit", buf, sizeof(buf));
	if (v) {
		u64 status = *v ? boot_option_u64("exit", EXIT_STATUS_PANIC) : 0;

		if (status > UINT8_MAX) {
			pr_err("exit=%lu: a status has 8 bits", status);
			status = EXIT_STATUS_PANIC;
		}
		machine_exit((u8)status);
	}
	v = option_value("fault", buf, sizeof(buf));
	if (v)
		machine_exit(fault_run(v));
	if (boot_option("workload"))
		machine_exit(workload_run());
	v = option_value("demo", buf, sizeof(buf));
	if (!v && (boot_info.initrd || boot_option("init"))) {
		if (start_init())
			env_panic(__FILE__, __LINE__, "no memory for pid 1");
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(demos); i++) {
		if (strcmp(v ? v : "switch", demos[i].name) == 0) {
			demos[i].run();
			machine_exit(0);
		}
	}
	pr_err("demo=%s: there are switch, sched, time, mm, io, sequence and net", v);
	machine_exit(1);
}
