/* SPDX-License-Identifier: MIT */
/* panic.c - see panic.h. */
#include "guest/kernel/panic.h"
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/backtrace.h"
#include "guest/arch/x86/percpu.h"
#include "guest/arch/x86/smp.h"
#include "guest/arch/x86/traps.h"
#include "guest/kernel/printk.h"
#include "guest/kernel/task.h"
#include "guest/kernel/time.h"
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

_Noreturn void machine_reset(void)
{
	struct {
		u16 limit;
		u64 base;
	} __attribute__((packed)) no_idt = { 0, 0 };

	local_irq_disable();
	outb(0x64, 0xfe);
	udelay(1000);
	__asm__ volatile("lidt %0; int3" : : "m"(no_idt));
	for (;;)
		halt();
}

bool panic_is_elsewhere(void)
{
	return atomic_read(&panicking) && !printk_panic_is_here();
}

/* A fault within the report. What it needs may be what is broken, so each time less is tried. */
static _Noreturn void panic_again(int nesting, const struct pt_regs *regs, const char *fmt,
				  va_list ap)
{
	char text[PRINTK_MAX];

	if (nesting == 1) {
		kvscnprintf(text, sizeof(text), fmt, ap);
		pr_emerg("Panic within the panic report: %s", text);
		if (regs)
			pr_emerg("RIP %016lx, CR2 %016lx; no more is tried", regs->rip, read_cr2());
	}
	machine_exit(EXIT_STATUS_PANIC);
}

static _Noreturn void vpanic(const struct pt_regs *regs, const void *frame, const char *fmt,
			     va_list ap)
{
	static int nested; /* the reporting CPU's alone */
	char text[PRINTK_MAX];
	bool first;

	local_irq_disable();
	first = !atomic_fetch_inc(&panicking);
	if (!first && !printk_panic_is_here())
		smp_stop_self(NULL); /* the first one has the word */
	if (!first)
		panic_again(++nested, regs, fmt, ap);
	if (!printk_has_console())
		console_register(uart16550_console_init());
	printk_enter_panic();
	smp_stop_others();
	kvscnprintf(text, sizeof(text), fmt, ap);
	pr_emerg("Kernel panic: %s", text);
	pr_emerg("CPU %u, task %d %s", smp_processor_id(), current->pid, current->comm);
	if (regs) {
		trap_explain(regs);
		show_regs(regs);
	}
	backtrace_print(regs, frame);
	smp_show_stopped();
	pr_emerg("End of panic: leaving with status %d", EXIT_STATUS_PANIC);
	machine_exit(EXIT_STATUS_PANIC);
}

_Noreturn void panic_regs(const struct pt_regs *regs, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vpanic(regs, NULL, fmt, ap);
}

_Noreturn void panic_from(const void *frame, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vpanic(NULL, frame, fmt, ap);
}

_Noreturn void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vpanic(NULL, __builtin_frame_address(0), fmt, ap);
}
