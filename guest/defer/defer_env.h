/* SPDX-License-Identifier: MIT */
/*
 * defer_env.h - the fourth seam: what work that is put off asks of the machine. Chosen by linking, like
 * env.h and sched_env.h, which go with it.
 */
#ifndef GUEST_DEFER_DEFER_ENV_H
#define GUEST_DEFER_DEFER_ENV_H

#include "guest/lib/types.h"

struct softirqs;
struct worker;

/* Local interrupts on, and off again: softirqs run with them on whatever was interrupted. */
void defer_env_irq_enable(void);
void defer_env_irq_disable(void);

/* Whether this is an interrupt handler (not a softirq). */
bool defer_env_in_irq(void);

/* Makes the thread runnable that calls ksoftirqd_run() on this CPU. IRQs off. */
void defer_env_wake_ksoftirqd(struct softirqs *s, unsigned cpu);

/*
 * A new task that runs worker_thread(w), on cpu only (env_nr_cpus(): anywhere) and with that nice
 * value; it sets w->task before it starts. 0 or -ENOMEM. May sleep.
 */
int defer_env_create_worker(struct worker *w, unsigned cpu, int nice);

#endif
