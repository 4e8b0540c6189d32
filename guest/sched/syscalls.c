/* SPDX-License-Identifier: MIT */
/*
 * syscalls.c - changing a task's policy, priority and nice value: sched(7), sched_setattr(2),
 * setpriority(2).
 *
 * A task that is queued is taken off its queue, changed and put back, whatever it is and whoever
 * asks: the classes never see a queued task change under them.
 */
#include "guest/locking/rt_mutex.h"
#include "guest/sched/internal.h"

#define MIN_SLICE 100000ULL    /* 0.1 ms */
#define MAX_SLICE 100000000ULL /* 100 ms */

/* Nice -20 first. Each step is a factor of 1.25, nice 0 is NICE_0_LOAD: of two tasks one step
 * apart, one gets about 10 % more and the other 10 % less than half. */
const u32 sched_prio_to_weight[40] = {
	88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916, /* -20 */
	9548,  7620,  6100,  4904,  3906,  3121,  2501,	 1991,	1586,  1277,  /* -10 */
	1024,  820,   655,   526,   423,   335,	  272,	 215,	172,   137,   /* 0 */
	110,   87,    70,    56,    45,	   36,	  29,	 23,	18,    15,    /* 10 */
};

u32 task_weight(const struct task_struct *p)
{
	if (p->policy == SCHED_IDLE)
		return WEIGHT_IDLEPRIO;
	return sched_prio_to_weight[p->static_prio - MAX_RT_PRIO];
}

int normal_prio(const struct task_struct *p)
{
	if (dl_policy(p->policy))
		return MAX_DL_PRIO - 1;
	if (rt_policy(p->policy))
		return MAX_RT_PRIO - 1 - (int)p->rt_priority;
	return p->static_prio;
}

const struct sched_class *sched_class_of(const struct task_struct *p, int prio)
{
	enum sched_slot slot = SLOT_FAIR;

	if (p->sched_class == &stop_sched_class || p->sched_class == &idle_sched_class)
		return p->sched_class;
	if (dl_prio(prio))
		slot = SLOT_DL;
	else if (rt_prio(prio))
		slot = SLOT_RT;
	else if (p->policy == SCHED_EXT && p->sched->chain[SLOT_EXT])
		slot = SLOT_EXT;
	return p->sched->chain[slot];
}

void sched_change_begin(struct rq *rq, struct task_struct *p, struct sched_change *c, int flags)
{
	update_rq_clock(rq);
	if (task_on_rq_queued(p) && p->se.sched_delayed)
		finish_delayed_dequeue(rq, p);
	c->queued = task_on_rq_queued(p);
	c->running = task_current(rq, p);
	c->flags = flags;
	if (c->queued)
		dequeue_task(rq, p, DEQUEUE_SAVE | RQ_NOCLOCK | flags);
	if (c->running)
		put_prev_task(rq, p);
}

void sched_change_end(struct rq *rq, struct task_struct *p, const struct sched_change *c)
{
	if (c->queued)
		enqueue_task(rq, p, ENQUEUE_RESTORE | RQ_NOCLOCK | c->flags);
	if (c->running) {
		set_next_task(rq, p);
		WRITE_ONCE(rq->curr_prio, p->prio);
	}
}

void check_class_changed(struct rq *rq, struct task_struct *p, const struct sched_class *prev_class,
			 int old_prio)
{
	if (prev_class != p->sched_class) {
		if (prev_class->switched_from)
			prev_class->switched_from(rq, p);
		if (p->sched_class->switched_to)
			p->sched_class->switched_to(rq, p);
	} else if (old_prio != p->prio && p->sched_class->prio_changed) {
		p->sched_class->prio_changed(rq, p, old_prio);
	}
}

static void set_load_weight(struct task_struct *p)
{
	const struct fair_ops *ops = p->sched->chain[SLOT_FAIR]->fair;

	fair_reweight_task(p, ops, task_weight(p));
}

static void enter_class(struct task_struct *p, int prio)
{
	const struct sched_class *class = sched_class_of(p, prio);
	bool other = class != p->sched_class;

	p->prio = prio;
	p->sched_class = class;
	if (other && class->task_init)
		class->task_init(p);
}

void sched_pi_setprio(struct task_struct *p, struct task_struct *donor)
{
	int prio = p->normal_prio, old, flags = DEQUEUE_MOVE;
	const struct sched_class *prev_class;
	struct sched_change c;
	struct rq *rq;

	if (donor && donor->prio < MAX_RT_PRIO)
		prio = MIN(prio, donor->prio);
	/* The same prio can still mean another deadline. */
	if (p->pi_top_task == donor && p->prio == prio && !dl_prio(prio))
		return;
	rq = __task_rq_lock(p);
	prev_class = p->sched_class;
	old = p->prio;
	sched_change_begin(rq, p, &c, flags);
	p->pi_top_task = donor;
	/* Back to lower importance goes to the head: it has not had its turn there yet. */
	if (old < prio)
		c.flags |= ENQUEUE_HEAD;
	enter_class(p, prio);
	sched_change_end(rq, p, &c);
	check_class_changed(rq, p, prev_class, old);
	raw_spin_unlock(&rq->lock);
}

/* ---- nice ------------------------------------------------------------------------------------------ */

void set_user_nice(struct task_struct *p, int nice)
{
	struct sched_change c;
	struct rq *rq;
	u64 flags;
	int old;

	nice = nice < MIN_NICE ? MIN_NICE : MIN(nice, MAX_NICE);
	rq = task_rq_lock(p, &flags);
	if (task_nice(p) == nice)
		goto out;
	if (!fair_policy(p->policy) && p->policy != SCHED_EXT) {
		p->static_prio = NICE_TO_PRIO(nice); /* for when it is fair again */
		goto out;
	}
	old = p->prio;
	sched_change_begin(rq, p, &c, 0);
	p->static_prio = NICE_TO_PRIO(nice);
	set_load_weight(p);
	p->normal_prio = normal_prio(p);
	if (!rt_prio(p->prio)) /* not boosted */
		p->prio = p->normal_prio;
	sched_change_end(rq, p, &c);
	if (p->prio != old && p->sched_class->prio_changed)
		p->sched_class->prio_changed(rq, p, old);
out:
	task_rq_unlock(rq, p, flags);
}

/* ---- policy ------------------------------------------------------------------------------------------ */

static int check_attr(const struct task_struct *p, unsigned policy, const struct sched_attr *attr)
{
	if (!fair_policy(policy) && !rt_policy(policy) && !dl_policy(policy) &&
	    (policy != SCHED_EXT || !p->sched->chain[SLOT_EXT]))
		return -EINVAL;
	if (attr->priority >= MAX_RT_PRIO || (attr->priority != 0) != rt_policy(policy))
		return -EINVAL;
	if (dl_policy(policy) && !dl_attr_valid(attr))
		return -EINVAL;
	if (!rt_policy(policy) && !dl_policy(policy) &&
	    (attr->nice < MIN_NICE || attr->nice > MAX_NICE))
		return -EINVAL;
	if (p->sched_class == &stop_sched_class || p->sched_class == &idle_sched_class)
		return -EINVAL;
	return 0;
}

/* What a task without CAP_SYS_NICE may do, sched(7) "Privileges and resource limits". */
static int check_cred(const struct task_struct *p, unsigned policy, bool reset_on_fork,
		      const struct sched_attr *attr, const struct sched_cred *cred)
{
	if (!cred || cred->cap_sys_nice)
		return 0;
	if (dl_policy(policy))
		return -EPERM;
	if (rt_policy(policy)) {
		if (policy != p->policy && !cred->rlimit_rtprio)
			return -EPERM;
		if (attr->priority > p->rt_priority && attr->priority > cred->rlimit_rtprio)
			return -EPERM;
	} else if (attr->nice < task_nice(p) &&
		   MAX_NICE + 1 - attr->nice > (int)cred->rlimit_nice) {
		return -EPERM;
	} else if (p->policy == SCHED_IDLE && policy != SCHED_IDLE &&
		   MAX_NICE + 1 - task_nice(p) > (int)cred->rlimit_nice) {
		return -EPERM; /* leaving SCHED_IDLE is like a better nice value */
	}
	if (p->sched_reset_on_fork && !reset_on_fork)
		return -EPERM;
	return 0;
}

static void set_params(struct task_struct *p, unsigned policy, const struct sched_attr *attr)
{
	p->policy = policy;
	p->rt_priority = attr->priority;
	if (dl_policy(policy)) {
		dl_set_params(p, attr);
	} else if (!rt_policy(policy)) {
		p->static_prio = NICE_TO_PRIO(attr->nice);
		p->se.custom_slice = attr->runtime != 0;
		if (attr->runtime)
			p->se.slice = MIN(MAX(attr->runtime, MIN_SLICE), MAX_SLICE);
	}
	p->normal_prio = normal_prio(p);
	set_load_weight(p);
}

int task_setattr(struct task_struct *p, const struct sched_attr *attr,
		 const struct sched_cred *cred)
{
	bool reset_on_fork = attr->policy & SCHED_RESET_ON_FORK;
	unsigned policy = attr->policy & ~(unsigned)SCHED_RESET_ON_FORK;
	const struct sched_class *prev_class;
	struct sched_change c;
	struct rq *rq;
	int err, old, prio;
	u64 flags;

	rq = task_rq_lock(p, &flags);
	err = check_attr(p, policy, attr);
	if (!err)
		err = check_cred(p, policy, reset_on_fork, attr, cred);
	if (!err)
		err = dl_admit(p, policy, attr);
	if (err)
		goto out;

	old = p->prio;
	prev_class = p->sched_class;
	sched_change_begin(rq, p, &c, DEQUEUE_MOVE);
	if (dl_policy(p->policy) && !dl_policy(policy))
		dl_clear_params(p);
	p->sched_reset_on_fork = reset_on_fork;
	set_params(p, policy, attr);
	prio = p->normal_prio;
	if (p->pi_top_task && p->pi_top_task->prio < prio)
		prio = p->pi_top_task->prio; /* somebody important still waits for it */
	enter_class(p, prio);
	/* Who becomes less important than it was goes before its new equals, pthread_setschedparam(3). */
	if (c.queued && old < p->prio)
		c.flags |= ENQUEUE_HEAD;
	sched_change_end(rq, p, &c);
	check_class_changed(rq, p, prev_class, old);
out:
	task_rq_unlock(rq, p, flags);
	if (!err)
		rt_mutex_adjust_pi(p);
	return err;
}

int task_setscheduler(struct task_struct *p, unsigned policy, unsigned priority,
		      const struct sched_cred *cred)
{
	struct sched_attr attr = { .policy = policy, .priority = priority, .nice = task_nice(p) };

	return task_setattr(p, &attr, cred);
}

void task_getattr(const struct task_struct *p, struct sched_attr *attr)
{
	*attr = (struct sched_attr){ .policy = p->policy, .priority = p->rt_priority };
	if (p->sched_reset_on_fork)
		attr->policy |= SCHED_RESET_ON_FORK;
	if (dl_policy(p->policy)) {
		attr->runtime = p->dl.dl_runtime;
		attr->deadline = p->dl.dl_deadline;
		attr->period = p->dl.dl_period;
	} else if (!rt_policy(p->policy)) {
		attr->nice = task_nice(p);
		attr->runtime = p->se.custom_slice ? p->se.slice : p->sched->tun.base_slice;
	}
}

int policy_priority_max(unsigned policy)
{
	if (rt_policy(policy))
		return MAX_RT_PRIO - 1;
	return fair_policy(policy) || dl_policy(policy) || policy == SCHED_EXT ? 0 : -EINVAL;
}

int policy_priority_min(unsigned policy)
{
	int max = policy_priority_max(policy);

	return max > 0 ? 1 : max;
}

u64 task_sched_runtime(struct task_struct *p)
{
	u64 flags, ns;
	struct rq *rq = task_rq_lock(p, &flags);

	if (task_current(rq, p)) {
		update_rq_clock(rq);
		p->sched_class->update_curr(rq);
	}
	ns = p->se.sum_exec_runtime;
	task_rq_unlock(rq, p, flags);
	return ns;
}

u64 task_rr_interval(struct task_struct *p)
{
	u64 flags, ns;
	struct rq *rq = task_rq_lock(p, &flags);

	ns = p->sched_class->get_rr_interval(rq, p);
	task_rq_unlock(rq, p, flags);
	return ns;
}
