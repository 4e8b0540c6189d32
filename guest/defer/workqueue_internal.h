/* SPDX-License-Identifier: MIT */
/* workqueue_internal.h - what workqueue.c and workqueue_pool.c share. pool->lock is held and IRQs are
 * off in all of them. */
#ifndef GUEST_DEFER_WORKQUEUE_INTERNAL_H
#define GUEST_DEFER_WORKQUEUE_INTERNAL_H

#include "guest/defer/workqueue.h"

/* Somebody in flush_work(), on its stack. */
struct wq_flusher {
	struct list_head node;
	struct completion done;
};

/* The worker whose function this is, or NULL. */
struct worker *wq_find_executing(struct worker_pool *pool, const struct work_struct *work);
/* To the pool's list, counted in nr_active; wakes a worker if none runs. */
void wq_activate(struct pool_workqueue *pwq, struct work_struct *work);
/* Off its list, as if it had never been queued. */
void wq_take_back(struct work_struct *work);
/* One work of that colour less; no lock needed. */
void wq_in_flight_dec(struct workqueue_struct *wq, u8 color);

#endif
