/* SPDX-License-Identifier: MIT */
/*
 * host.h - the knobs that unit tests have on guest/env/host.c.
 *
 * One thread plays every CPU. The environment's state is one per process, because the seam itself
 * is chosen at link time; env_host_reset() puts it back to how it began.
 */
#ifndef GUEST_ENV_HOST_H
#define GUEST_ENV_HOST_H

#include <setjmp.h>

#include "guest/lib/types.h"

/* Everything as at the start; allocations stay counted. */
void env_host_reset(void);

/* Virtual clock: env_now_ns() returns what was set last. */
void env_host_set_now(u64 ns);

/* Which CPU the test plays at the moment, and how many there are (default: CPU 0 of 1). */
void env_host_set_cpu(unsigned cpu);
void env_host_set_nr_cpus(unsigned nr);

/* The n-th env_alloc() from now returns NULL (1: the next one); 0 switches failing off. Returns
 * whether the previous request had come to pass. */
bool env_host_fail_after(unsigned n);

/* Allocations not yet freed: a leak check. */
size_t env_host_live_allocs(void);

/* The played CPU's state, to see that code leaves as it came. */
bool env_host_irqs_off(void);
unsigned env_host_preempt_count(void);

/* Called by env_relax(), to play the CPU that the loop waits for. Without a hook a million calls in
 * a row are a panic, as the wait would never end. NULL: none. */
void env_host_on_relax(void (*hook)(void *arg), void *arg);

/* The last env_log() line; lines at or below this level also go to stderr (default ENV_ERR). */
const char *env_host_log_text(void);
void env_host_log_to_stderr(int level);

/*
 * Expect env_panic(): returns 0 when called, and 1 when a panic jumps back here. One panic per
 * call. Only as the whole condition of an `if`, in a function that does not return before the
 * panic; locals changed in between must be volatile (C17 7.13.2.1).
 *
 *	if (!env_host_expect_panic()) { do_bad_thing(); ck_abort(); }
 *	ck_assert_str_eq(env_host_panic_text(), "BUG: ...");
 */
#define env_host_expect_panic() setjmp(*env_host_panic_jmp())
jmp_buf *env_host_panic_jmp(void);
const char *env_host_panic_text(void);

#endif
