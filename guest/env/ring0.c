/* SPDX-License-Identifier: MIT */
/* ring0.c - the seam of env.h, as the kernel itself answers it. */
#include "guest/lib/env.h"
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/percpu.h"
#include "guest/arch/x86/smp.h"
#include "guest/kernel/mm.h"
#include "guest/kernel/panic.h"
#include "guest/kernel/preempt.h"
#include "guest/kernel/printk.h"
#include "guest/kernel/time.h"
#include "guest/lib/printf.h"

void env_log(enum env_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintk((int)level, fmt, ap);
	va_end(ap);
}

_Noreturn void env_panic(const char *file, int line, const char *fmt, ...)
{
	char where[PRINTK_MAX];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = kvscnprintf(where, sizeof(where), fmt, ap);
	va_end(ap);
	kscnprintf(where + n, sizeof(where) - (size_t)n, " [%s:%d]", file, line);
	panic_from(__builtin_frame_address(0), "%s", where);
}

u64 env_now_ns(void)
{
	return clock_ns();
}

unsigned env_nr_cpus(void)
{
	return nr_cpus;
}

void *env_alloc(size_t size)
{
	return mm_env_alloc(size);
}

void env_free(void *ptr, size_t size)
{
	(void)size;
	mm_env_free(ptr);
}
