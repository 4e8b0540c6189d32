/* SPDX-License-Identifier: MIT */
/* thread_env.c - env.h for the benchmark: threads are CPUs, no interrupts, no fault injection. */
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/lib/env.h"
#include "guest/lib/printf.h"

_Thread_local unsigned bench_cpu;
unsigned bench_nr_cpus = 1;

void env_log(enum env_level level, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	kvsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fprintf(stderr, "<%d>%s\n", (int)level, text);
}

_Noreturn void env_panic(const char *file, int line, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	kvsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fprintf(stderr, "%s:%d: %s\n", file, line, text);
	abort();
}

u64 env_now_ns(void)
{
	return 0;
}

unsigned env_cpu(void)
{
	return bench_cpu;
}

unsigned env_nr_cpus(void)
{
	return bench_nr_cpus;
}

u64 env_irq_save(void)
{
	return 0;
}

void env_irq_restore(u64 state)
{
	(void)state;
}

void env_preempt_disable(void)
{
}

void env_preempt_enable(void)
{
}

void *env_alloc(size_t size)
{
	/* As the kernel's, which is kmalloc(): nobody shares a cache line (or the pair that is fetched
	 * together) with a neighbour. */
	size_t whole = (size + 127) & ~(size_t)127;
	void *p = aligned_alloc(128, whole);

	return p ? memset(p, 0, whole) : NULL;
}

void env_free(void *ptr, size_t size)
{
	(void)size;
	free(ptr);
}

void env_relax(void)
{
	static _Thread_local unsigned n;

	/* The lock's owner may not be running: threads are no CPUs after all. */
	__builtin_ia32_pause();
	if (++n % 256 == 0)
		sched_yield();
}
