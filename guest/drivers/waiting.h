/* SPDX-License-Identifier: MIT */
/* waiting.h - one thread waits until something, mostly an interrupt, says that it is done. */
#ifndef GUEST_DRIVERS_WAITING_H
#define GUEST_DRIVERS_WAITING_H

#include "guest/kernel/sched.h"
#include "guest/lib/atomic.h"

struct waiting {
	struct task_struct *who;
	bool done;
};

static inline void waiting_init(struct waiting *w)
{
	*w = (struct waiting){ .who = current };
}

/* Any context. The waiter may be gone with its memory right after. */
static inline void waiting_done(struct waiting *w)
{
	struct task_struct *who = w->who;

	smp_store_release(&w->done, true);
	wake_up_process(who);
}

static inline void waiting_wait(struct waiting *w)
{
	for (;;) {
		set_current_state(TASK_UNINTERRUPTIBLE);
		if (smp_load_acquire(&w->done))
			break;
		schedule();
	}
	set_current_state(TASK_RUNNING);
}

#endif
