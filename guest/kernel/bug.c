/* SPDX-License-Identifier: MIT */
/* bug.c - see bug.h. */
#include "guest/kernel/bug.h"
#include "guest/arch/x86/backtrace.h"
#include "guest/arch/x86/percpu.h"
#include "guest/kernel/printk.h"
#include "guest/kernel/task.h"
#include "guest/lib/atomic.h"
#include "guest/lib/printf.h"

static atomic_t count;

unsigned warn_count(void)
{
	return (unsigned)atomic_read(&count);
}

void warn_report(const char *file, int line, const char *fmt, ...)
{
	char text[PRINTK_MAX];
	va_list ap;

	va_start(ap, fmt);
	kvscnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	atomic_inc(&count);
	pr_err("WARNING: %s [%s:%d]", text, file, line);
	pr_err("CPU %u, task %d %s", smp_processor_id(), current->pid, current->comm);
	backtrace_print(NULL, __builtin_frame_address(0));
}
