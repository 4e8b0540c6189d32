/* SPDX-License-Identifier: MIT */
/* sim_lock.h - the locks that scripts use, as one type. Simulated tasks have no stack to sleep on, so
 * a blocking call comes in halves: mutex_lock_begin(). */
#ifndef GUEST_ENV_SIM_LOCK_H
#define GUEST_ENV_SIM_LOCK_H

#include "guest/locking/mutex.h"
#include "guest/locking/rt_mutex.h"
#include "guest/locking/semaphore.h"

enum sim_lock_kind { SIM_MUTEX, SIM_RT_MUTEX, SIM_SEMAPHORE };

struct sim_lock {
	enum sim_lock_kind kind;
	union {
		struct mutex mutex;
		struct rt_mutex rt;
		struct semaphore sem;
	};
};

union sim_lock_waiter {
	struct mutex_waiter mutex;
	struct rt_mutex_waiter rt;
	struct semaphore_waiter sem;
};

void sim_lock_init(struct sim_lock *l, enum sim_lock_kind kind);
/* 0: has it; 1: waits, poll next. */
int sim_lock_begin(struct sim_lock *l, union sim_lock_waiter *w);
/* True: has it now. False: schedule(), then again. */
bool sim_lock_poll(struct sim_lock *l, union sim_lock_waiter *w);
void sim_lock_release(struct sim_lock *l);

#endif
