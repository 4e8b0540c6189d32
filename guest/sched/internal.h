/* SPDX-License-Identifier: MIT */
/* internal.h - what the files of guest/sched share among themselves only. rq->lock is held and IRQs
 * are off unless the line says otherwise. */
#ifndef GUEST_SCHED_INTERNAL_H
#define GUEST_SCHED_INTERNAL_H

#include "guest/sched/sched.h"

/* ---- core.c ---- */

/* Brings the clocks up to now; they never go back. */
void update_rq_clock(struct rq *rq);

void enqueue_task(struct rq *rq, struct task_struct *p, int flags);
bool dequeue_task(struct rq *rq, struct task_struct *p, int flags);
void activate_task(struct rq *rq, struct task_struct *p, int flags);
void deactivate_task(struct rq *rq, struct task_struct *p, int flags); /* to another queue */
/* The second half of a dequeue that was put off: p is off the queue afterwards. */
void finish_delayed_dequeue(struct rq *rq, struct task_struct *p);
void wakeup_preempt(struct rq *rq, struct task_struct *p, int wake_flags);
void set_task_cpu(struct task_struct *p, unsigned cpu); /* p is not queued */
void put_prev_task(struct rq *rq, struct task_struct *p);
void set_next_task(struct rq *rq, struct task_struct *p);

static inline void add_nr_running(struct rq *rq, unsigned n)
{
	WRITE_ONCE(rq->nr_running, rq->nr_running + n);
}

static inline void sub_nr_running(struct rq *rq, unsigned n)
{
	BUG_ON(rq->nr_running < n);
	WRITE_ONCE(rq->nr_running, rq->nr_running - n);
}

static inline bool task_on_rq_queued(const struct task_struct *p)
{
	return p->on_rq == TASK_ON_RQ_QUEUED;
}

void hrtick_fire(struct rq *rq, struct sched_timer *timer);

/* ---- locks (core.c) ---- */

/* The queue p belongs to, locked; no lock held before. */
struct rq *task_rq_lock(struct task_struct *p, u64 *flags); /* with pi_lock, IRQs off */
void task_rq_unlock(struct rq *rq, struct task_struct *p, u64 flags);
struct rq *__task_rq_lock(struct task_struct *p); /* pi_lock is held already */
/* With `rq` locked, locks `other` too; true when rq's lock was dropped meanwhile. */
bool double_lock_balance(struct rq *rq, struct rq *other);

/* ---- a change of a task that may be queued or running (syscalls.c) ---- */

struct sched_change {
	bool queued, running;
	int flags;
};
void sched_change_begin(struct rq *rq, struct task_struct *p, struct sched_change *c, int flags);
void sched_change_end(struct rq *rq, struct task_struct *p, const struct sched_change *c);
/* Tells the classes; p->sched_class and prio have changed from these. */
void check_class_changed(struct rq *rq, struct task_struct *p, const struct sched_class *prev_class,
			 int old_prio);
/* The class for p's prio in force. */
const struct sched_class *sched_class_of(const struct task_struct *p, int prio);
int normal_prio(const struct task_struct *p);
u32 task_weight(const struct task_struct *p);
/* For inheritance: donor (NULL: nobody) is the best task that waits for p. p->pi_lock held, no
 * rq->lock. */
void sched_pi_setprio(struct task_struct *p, struct task_struct *donor);

/* ---- policy.c ---- */
/* s->active follows from s->chain. */
void sched_chain_changed(struct sched *s);
/* The slot becomes `to`'s (NULL: empty, ext only), its tasks come along. No lock held. -EBUSY: ext is
 * taken. */
int sched_set_slot(struct sched *s, enum sched_slot slot, const struct sched_class *to);

/* ---- timer.c ---- */
void sched_timer_start(struct rq *rq, struct sched_timer *t, u64 expires);
void sched_timer_cancel(struct rq *rq, struct sched_timer *t);
const char *sched_timer_check(struct rq *rq);

/* ---- fair slot accounting shared by all its classes (balance.c) ---- */
void fair_account_enqueue(struct rq *rq, struct task_struct *p);
void fair_account_dequeue(struct rq *rq, struct task_struct *p);
/* n tasks of that weight (together) more, or less, that rq may run. */
void fair_count(struct rq *rq, int n, s64 weight);
bool fair_throttled(const struct task_struct *p);
unsigned select_task_rq_fair(struct task_struct *p, unsigned cpu, int wake_flags);
void newidle_balance(struct rq *rq);
bool balance_fair(struct rq *rq); /* class->balance of a slot with one queue a CPU */
/* p is not queued. ops NULL: the fair slot knows no entities. */
void fair_reweight_task(struct task_struct *p, const struct fair_ops *ops, u32 weight);

/* ---- balance.c, topology.c ---- */
void sched_balance_tick(struct rq *rq);
int sched_domains_build(struct sched *s, const struct sched_topology_desc *desc);
void sched_domains_free(struct sched *s);
void sched_idle_enter(struct rq *rq);
void sched_idle_exit(struct rq *rq);

/* ---- pelt.c ---- */
/* Advances sa to now (ns); weight, runnable and running are what held since the last update.
 * Returns whether a period ended, i.e. the averages changed. */
bool update_sched_avg(struct sched_avg *sa, u64 now, u64 weight, unsigned runnable, bool running);
u64 pelt_decay(u64 value, u64 periods);
#define PELT_UNIT 1024u	 /* ns: less is not counted, but kept for the next update */
#define PELT_MAX  47742u /* limit of the sum 1024 * y^n, all contributions rounded down */

/* ---- deadline.c, rt.c ---- */
void init_dl_task(struct task_struct *p);
int dl_admit(struct task_struct *p, unsigned policy, const struct sched_attr *attr);
bool dl_attr_valid(const struct sched_attr *attr);
void dl_set_params(struct task_struct *p, const struct sched_attr *attr);
void dl_clear_params(struct task_struct *p);
void init_rt_rq(struct rq *rq);
void init_dl_rq(struct rq *rq);
void init_cfs_rq(struct cfs_rq *cfs, struct rq *rq, struct task_group *tg);
void init_o1_rq(struct rq *rq);
/* The CPU is going: who was throttled may leave with the others. */
void fair_rq_offline(struct rq *rq);
const char *check_bandwidth(struct rq *rq);
void rt_rq_offline(struct rq *rq);
void dl_rq_offline(struct rq *rq);

/* Lowest weight first is a fact of the interface: sched(7) and getpriority(2) promise about 10 %
 * of CPU for a step of nice. */
extern const u32 sched_prio_to_weight[40];

#endif
