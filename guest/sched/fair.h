/* SPDX-License-Identifier: MIT */
/*
 * fair.h - what EEVDF and CFS share (fair.c) and where they differ (struct fair_ops).
 *
 * An entity's virtual time (vruntime) runs at nice-0-weight / weight of the time it gets. V, the
 * virtual time of the queue, is the weighted mean of the vruntimes; an entity's lag is
 * weight * (V - vruntime), what it is owed. All lags of a queue add up to 0. Guard: rq->lock.
 */
#ifndef GUEST_SCHED_FAIR_H
#define GUEST_SCHED_FAIR_H

#include "guest/sched/internal.h"

/* Where in time and in order an entity goes, and for how long it runs. cfs: its queue. */
struct fair_ops {
	bool (*less)(const struct rb_node *a, const struct rb_node *b);
	/* The entity comes (ENQUEUE_*), not counted in cfs yet: sets vruntime (and deadline). */
	void (*place)(struct cfs_rq *cfs, struct sched_entity *se, int flags);
	/* It goes, still counted: keeps what it must know when it comes back. */
	void (*leave)(struct cfs_rq *cfs, struct sched_entity *se, int flags);
	/* Best of the tree and curr; never NULL while nr_queued. */
	struct sched_entity *(*pick)(struct cfs_rq *cfs);
	/* It has been picked. */
	void (*start)(struct cfs_rq *cfs, struct sched_entity *se);
	/* curr was charged `delta` ns: whether its turn is over. */
	bool (*expired)(struct cfs_rq *cfs, struct sched_entity *curr);
	/* At a tick: whether curr should make room. */
	bool (*tick)(struct cfs_rq *cfs, struct sched_entity *curr);
	bool (*preempts)(struct cfs_rq *cfs, struct sched_entity *curr, struct sched_entity *woken);
	void (*yield)(struct cfs_rq *cfs, struct sched_entity *curr);
	/* A sleeper stays queued for now. */
	bool (*delay)(struct cfs_rq *cfs, struct sched_entity *se);
	/* ns of rq->clock_task that curr may run on. */
	u64 (*time_left)(struct cfs_rq *cfs, struct sched_entity *curr);
	u64 (*slice)(struct cfs_rq *cfs, struct sched_entity *se);
	/* The weight has changed from old, not queued: lag and the like keep their worth. */
	void (*reweight)(struct sched_entity *se, u32 old_weight);
	void (*migrate)(struct sched_entity *se, struct cfs_rq *from, struct cfs_rq *to);
};

static inline struct task_struct *task_of(struct sched_entity *se)
{
	return container_of(se, struct task_struct, se);
}

static inline struct sched_entity *se_of(const struct rb_node *node)
{
	return rb_entry(node, struct sched_entity, run_node);
}

static inline const struct fair_ops *cfs_ops(const struct cfs_rq *cfs)
{
	return cfs->rq->sched->chain[SLOT_FAIR]->fair;
}

static inline s64 entity_key(const struct cfs_rq *cfs, const struct sched_entity *se)
{
	return (s64)(se->vruntime - cfs->min_vruntime);
}

static inline bool vtime_before(u64 a, u64 b)
{
	return (s64)(a - b) < 0;
}

/* ns of CPU as virtual time, and back (rounded up). */
static inline u64 calc_delta_fair(u64 delta, u32 weight)
{
	return weight == NICE_0_LOAD ? delta : delta * NICE_0_LOAD / weight;
}

static inline u64 virtual_to_ns(u64 vtime, u32 weight)
{
	return weight == NICE_0_LOAD ? vtime : (vtime * weight + NICE_0_LOAD - 1) / NICE_0_LOAD;
}

/* V. */
u64 avg_vruntime(const struct cfs_rq *cfs);
/* Whether an entity at this vruntime has lag >= 0, exactly. */
bool vruntime_eligible(const struct cfs_rq *cfs, u64 vruntime);
static inline bool entity_eligible(const struct cfs_rq *cfs, const struct sched_entity *se)
{
	return vruntime_eligible(cfs, se->vruntime);
}

/* Queues se, and the groups above it that are not yet; the other way round. h_nr_running has been
 * counted. Both stop at a throttled queue. */
void enqueue_entities(struct sched_entity *se, int flags);
void dequeue_entities(struct sched_entity *se, int flags);
/* Counts n tasks of that weight (together) more, from se's queue up; whether the rq sees them: no
 * queue on the way is throttled. */
bool count_runnable(struct sched_entity *se, int n, s64 weight);

/* ---- bandwidth.c ---- */
void init_cfs_bandwidth(struct cfs_bandwidth *b);
/* curr of a limited queue was charged. */
void charge_bandwidth(struct cfs_rq *cfs, u64 delta);
/* Whether a limited queue may run; if not it has just been throttled. */
bool bandwidth_left(struct cfs_rq *cfs);
/* A limited queue has run empty: it keeps little. */
void return_bandwidth(struct cfs_rq *cfs);
/* Whether p stands behind a throttled queue. */
bool fair_throttled(const struct task_struct *p);

void fair_update_curr(struct cfs_rq *cfs);
void fair_requeue(struct cfs_rq *cfs, struct sched_entity *se, s64 vlag);
void reweight_entity(struct cfs_rq *cfs, struct sched_entity *se, u32 weight);
void update_cfs_group(struct sched_entity *se);
void update_load_avg(struct cfs_rq *cfs, struct sched_entity *se);

/* The members of a sched_class made of the above. */
void enqueue_task_fair(struct rq *rq, struct task_struct *p, int flags);
bool dequeue_task_fair(struct rq *rq, struct task_struct *p, int flags);
void yield_task_fair(struct rq *rq);
void wakeup_preempt_fair(struct rq *rq, struct task_struct *p, int wake_flags);
struct task_struct *pick_task_fair(struct rq *rq);
void put_prev_task_fair(struct rq *rq, struct task_struct *p);
void set_next_task_fair(struct rq *rq, struct task_struct *p, bool first);
void migrate_task_rq_fair(struct task_struct *p, unsigned new_cpu);
void task_tick_fair(struct rq *rq, struct task_struct *p);
void update_curr_fair(struct rq *rq);
void hrtick_fair(struct rq *rq);
void switched_to_fair(struct rq *rq, struct task_struct *p);
void prio_changed_fair(struct rq *rq, struct task_struct *p, int old_prio);
void task_init_fair(struct task_struct *p);
u64 get_rr_interval_fair(struct rq *rq, struct task_struct *p);
const char *check_fair(struct rq *rq);

#define FAIR_CLASS_MEMBERS                                                                       \
	.slot = SLOT_FAIR, .enqueue_task = enqueue_task_fair, .dequeue_task = dequeue_task_fair, \
	.yield_task = yield_task_fair, .wakeup_preempt = wakeup_preempt_fair,                    \
	.pick_task = pick_task_fair, .put_prev_task = put_prev_task_fair,                        \
	.set_next_task = set_next_task_fair, .balance = balance_fair,                            \
	.select_task_rq = select_task_rq_fair, .migrate_task_rq = migrate_task_rq_fair,          \
	.task_tick = task_tick_fair, .hrtick = hrtick_fair, .update_curr = update_curr_fair,     \
	.switched_to = switched_to_fair, .prio_changed = prio_changed_fair,                      \
	.task_init = task_init_fair, .get_rr_interval = get_rr_interval_fair, .check = check_fair

#endif
