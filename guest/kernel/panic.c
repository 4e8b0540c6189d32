/* SPDX-License-Identifier: MIT */
/* panic.c - see panic.h. */
#include "guest/kernel/panic.h"
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/backtrace.h"
#include "guest/arch/x86/percpu.h"
#include "guest/kernel/printk.h"
#include "guest/kernel/task.h"
#include "guest/lib/atomic.h"
#include "guest/lib/printf.h"
#include "guest/platform/platform.h"
#include "devices/abi/pc.h"

static atomic_t panicking;

_Noreturn void machine_exit(u8 status)
{
	local_irq_disable();
	if (status == 0)
		platform_power_off();
	/* Also where powering off did not work. */
	outb(PC_EXIT_PORT, status);
	for (;;)
		halt();
}

_Noreturn void vpanic(const struct pt_regs *regs, const char *fmt, va_list ap)
{
	char text[PRINTK_MAX];

	local_irq_disable();
	if (atomic_fetch_inc(&panicking)) {
		/* Another CPU's panic, or one within the report: the first has the word. */
		if (printk_panic_is_here())
			machine_exit(EXIT_STATUS_PANIC);
		for (;;)
			halt();
	}
	printk_enter_panic();
	kvscnprintf(text, sizeof(text), fmt, ap);
	pr_emerg("Kernel panic: %s", text);
	pr_emerg("CPU %u, task %d %s", smp_processor_id(), current->pid, current->comm);
	if (regs)
		show_regs(regs);
	backtrace_print(regs);
	pr_emerg("End of panic: leaving with status %d", EXIT_STATUS_PANIC);
	machine_exit(EXIT_STATUS_PANIC);
}

_Noreturn void panic_regs(const struct pt_regs *regs, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vpanic(regs, fmt, ap);
}

_Noreturn void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vpanic(NULL, fmt, ap);
}

void warn_report(const char *file, int line, const char *what)
{
	pr_warn("WARNING: %s at %s:%d", what, file, line);
	backtrace_print(NULL);
}
