/* SPDX-License-Identifier: MIT */
/* sim_lock.c - see sim_lock.h. */
#include "guest/env/sim_lock.h"

int sim_lock_begin(struct sim_lock *l, union sim_lock_waiter *w)
{
	switch (l->kind) {
	case SIM_MUTEX:
		return mutex_lock_begin(&l->mutex, &w->mutex);
	case SIM_RT_MUTEX:
		return rt_mutex_lock_begin(&l->rt, &w->rt);
	default:
		return semaphore_down_begin(&l->sem, &w->sem);
	}
}

bool sim_lock_poll(struct sim_lock *l, union sim_lock_waiter *w)
{
	switch (l->kind) {
	case SIM_MUTEX:
		return mutex_lock_poll(&l->mutex, &w->mutex, TASK_UNINTERRUPTIBLE) == 0;
	case SIM_RT_MUTEX:
		return rt_mutex_lock_poll(&l->rt, &w->rt, TASK_UNINTERRUPTIBLE) == 0;
	default:
		return semaphore_down_poll(&l->sem, &w->sem, TASK_UNINTERRUPTIBLE) == 0;
	}
}

void sim_lock_release(struct sim_lock *l)
{
	if (l->kind == SIM_MUTEX)
		mutex_unlock(&l->mutex);
	else if (l->kind == SIM_RT_MUTEX)
		rt_mutex_unlock(&l->rt);
	else
		up(&l->sem);
}

void sim_lock_init(struct sim_lock *l, enum sim_lock_kind kind)
{
	l->kind = kind;
	if (kind == SIM_MUTEX)
		mutex_init(&l->mutex);
	else if (kind == SIM_RT_MUTEX)
		rt_mutex_init(&l->rt);
	else
		sema_init(&l->sem, 1);
}
