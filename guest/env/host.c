/* SPDX-License-Identifier: MIT */
/*
 * host.c - env.h for unit tests: one thread plays every CPU, time stands where the test puts it,
 * and the n-th allocation fails on request. Misuse (an unbalanced restore, a wrong size to
 * env_free) is a panic; a panic that no test expects ends the process.
 */
#include "guest/env/host.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/lib/env.h"
#include "guest/lib/printf.h"

#define MAX_CPUS   4096
#define MAX_RELAX  1000000u
#define ALLOC_MARK 0xa110ca7ed0000000ULL

/* In front of every allocation; 16 bytes keep the alignment. */
struct alloc_header {
	u64 mark;
	u64 size;
};

/* The seam has no instance, hence neither has this; env_host_reset() makes it new. */
static struct {
	u64 now;
	unsigned cpu, nr_cpus;
	bool irqs_off[MAX_CPUS];
	unsigned preempt_count[MAX_CPUS];
	unsigned fail_countdown;
	bool has_failed;
	size_t live_allocs;
	void (*on_relax)(void *arg);
	void *on_relax_arg;
	unsigned relaxed;
	int stderr_level;
	char log_text[512];
	char panic_text[512];
	bool panic_expected;
	jmp_buf panic_jmp;
} host = { .nr_cpus = 1, .stderr_level = ENV_ERR };

void env_host_reset(void)
{
	size_t live = host.live_allocs;

	memset(&host, 0, sizeof(host));
	host.nr_cpus = 1;
	host.stderr_level = ENV_ERR;
	host.live_allocs = live;
}

void env_host_set_now(u64 ns)
{
	host.now = ns;
	host.relaxed = 0;
}

void env_host_set_cpu(unsigned cpu)
{
	BUG_ON(cpu >= host.nr_cpus);
	host.cpu = cpu;
}

void env_host_set_nr_cpus(unsigned nr)
{
	BUG_ON(nr == 0 || nr > MAX_CPUS);
	host.nr_cpus = nr;
	if (host.cpu >= nr)
		host.cpu = 0;
}

bool env_host_fail_after(unsigned n)
{
	bool had = host.has_failed;

	host.fail_countdown = n;
	host.has_failed = false;
	return had;
}

size_t env_host_live_allocs(void)
{
	return host.live_allocs;
}

bool env_host_irqs_off(void)
{
	return host.irqs_off[host.cpu];
}

unsigned env_host_preempt_count(void)
{
	return host.preempt_count[host.cpu];
}

void env_host_on_relax(void (*hook)(void *arg), void *arg)
{
	host.on_relax = hook;
	host.on_relax_arg = arg;
	host.relaxed = 0;
}

const char *env_host_log_text(void)
{
	return host.log_text;
}

void env_host_log_to_stderr(int level)
{
	host.stderr_level = level;
}

jmp_buf *env_host_panic_jmp(void)
{
	host.panic_expected = true;
	return &host.panic_jmp;
}

const char *env_host_panic_text(void)
{
	return host.panic_text;
}

/* ---- env.h ----------------------------------------------------------------------------------- */

void env_log(enum env_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	kvsnprintf(host.log_text, sizeof(host.log_text), fmt, ap);
	va_end(ap);
	if ((int)level <= host.stderr_level)
		fprintf(stderr, "%s\n", host.log_text);
}

_Noreturn void env_panic(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	kvsnprintf(host.panic_text, sizeof(host.panic_text), fmt, ap);
	va_end(ap);
	if (host.panic_expected) {
		host.panic_expected = false;
		longjmp(host.panic_jmp, 1);
	}
	fprintf(stderr, "%s:%d: panic: %s\n", file, line, host.panic_text);
	abort();
}

u64 env_now_ns(void)
{
	return host.now;
}

unsigned env_cpu(void)
{
	return host.cpu;
}

unsigned env_nr_cpus(void)
{
	return host.nr_cpus;
}

u64 env_irq_save(void)
{
	u64 was = host.irqs_off[host.cpu];

	host.irqs_off[host.cpu] = true;
	return was;
}

void env_irq_restore(u64 state)
{
	BUG_ON(!host.irqs_off[host.cpu] || state > 1);
	host.irqs_off[host.cpu] = state;
}

void env_preempt_disable(void)
{
	host.preempt_count[host.cpu]++;
}

void env_preempt_enable(void)
{
	BUG_ON(host.preempt_count[host.cpu] == 0);
	host.preempt_count[host.cpu]--;
}

void *env_alloc(size_t size)
{
	struct alloc_header *h;

	if (host.fail_countdown && --host.fail_countdown == 0) {
		host.has_failed = true;
		return NULL;
	}
	if (size > SIZE_MAX - sizeof(*h))
		return NULL;
	h = calloc(1, sizeof(*h) + size);
	if (!h)
		return NULL;
	*h = (struct alloc_header){ .mark = ALLOC_MARK, .size = size };
	host.live_allocs++;
	return h + 1;
}

void env_free(void *ptr, size_t size)
{
	struct alloc_header *h;

	if (!ptr)
		return;
	h = (struct alloc_header *)ptr - 1;
	BUG_ON(h->mark != ALLOC_MARK);
	BUG_ON(h->size != size);
	h->mark = 0;
	host.live_allocs--;
	free(h);
}

void env_relax(void)
{
	if (host.on_relax) {
		host.on_relax(host.on_relax_arg);
		return;
	}
	host.relaxed++;
	BUG_ON(host.relaxed > MAX_RELAX);
}
