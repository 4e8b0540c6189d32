/* SPDX-License-Identifier: MIT */
/* sys_sched.c - system calls about scheduling, sched(7): the scheduler's own functions behind Linux's
 * structures. */
#include "guest/kernel/sched.h"
#include "guest/kernel/time.h"
#include "guest/lib/string.h"
#include "guest/process/sys_util.h"

/* The task of a thread number (0: the caller) with a reference; kernel threads have none here. */
static struct task_struct *task_of(int tid)
{
	struct task_struct *t = NULL;
	u64 flags;
	struct uthread *u;

	if (tid == 0) {
		get_task(current);
		return current;
	}
	flags = spin_lock_irqsave(&proc_lock);
	u = find_uthread(tid);
	if (u) {
		t = &u->th->t;
		get_task(t);
	}
	spin_unlock_irqrestore(&proc_lock, flags);
	return t;
}

static struct sched_cred sched_cred(void)
{
	const struct process *p = current_process();

	return (struct sched_cred){
		.cap_sys_nice = cred_capable(vt()->cred, CAP_SYS_NICE),
		.rlimit_rtprio = (unsigned)MIN(p->rlimit[RLIMIT_RTPRIO], 99ul),
		.rlimit_nice = (unsigned)MIN(p->rlimit[RLIMIT_NICE], 40ul),
	};
}

SYS(sched_yield)
{
	do_sched_yield();
	return 0;
}

/* Others only by who is the same user. */
static bool may_schedule(struct task_struct *t)
{
	const struct cred *me = vt()->cred, *c;
	u64 flags;
	bool may;

	if (cred_capable(me, CAP_SYS_NICE) || t == current)
		return true;
	flags = spin_lock_irqsave(&proc_lock);
	c = thread_of(t)->u ? thread_of(t)->u->vt.cred : NULL;
	may = c && (c->uid == me->euid || c->euid == me->euid);
	spin_unlock_irqrestore(&proc_lock, flags);
	return may;
}

static s64 set_policy(int tid, unsigned policy, int priority)
{
	struct task_struct *t;
	struct sched_cred c = sched_cred();
	s64 ret;

	if (tid < 0 || priority < 0)
		return -EINVAL;
	t = task_of(tid);
	if (!t)
		return -ESRCH;
	if (!may_schedule(t)) {
		put_task(t);
		return -EPERM;
	}
	if (policy == UINT32_MAX)
		policy = t->policy | (t->sched_reset_on_fork ? SCHED_RESET_ON_FORK : 0);
	ret = task_setscheduler(t, policy, (unsigned)priority, &c);
	put_task(t);
	return ret;
}

SYS(sched_setscheduler)
{
	u32 priority;

	if ((s32)b < 0 || !c)
		return -EINVAL;
	return get_user_u32(&priority, c) ? -EFAULT
					  : set_policy((int)a, (unsigned)b, (int)priority);
}

SYS(sched_setparam)
{
	u32 priority;

	if (!b)
		return -EINVAL;
	return get_user_u32(&priority, b) ? -EFAULT : set_policy((int)a, UINT32_MAX, (int)priority);
}

/* The task of a call's first argument, with a reference, or an error pointer. */
static struct task_struct *get_task_arg(u64 pid)
{
	struct task_struct *t = (s32)pid < 0 ? ERR_PTR(-EINVAL) : task_of((int)pid);

	return t ? t : ERR_PTR(-ESRCH);
}

SYS(sched_getscheduler)
{
	struct task_struct *t = get_task_arg(a);
	s64 ret;

	if (IS_ERR(t))
		return PTR_ERR(t);
	ret = t->policy | (t->sched_reset_on_fork ? SCHED_RESET_ON_FORK : 0);
	put_task(t);
	return ret;
}

SYS(sched_getparam)
{
	struct task_struct *t = b ? get_task_arg(a) : ERR_PTR(-EINVAL);
	u32 priority;

	if (IS_ERR(t))
		return PTR_ERR(t);
	priority = rt_policy(t->policy) ? t->rt_priority : 0;
	put_task(t);
	return put_user_u32(b, priority);
}

static bool known_policy(u64 p)
{
	return p <= SCHED_BATCH || p == SCHED_IDLE || p == SCHED_DEADLINE || p == SCHED_EXT;
}

SYS(sched_get_priority_max)
{
	return !known_policy(a) ? -EINVAL : rt_policy((unsigned)a) ? 99 : 0;
}

SYS(sched_get_priority_min)
{
	return !known_policy(a) ? -EINVAL : rt_policy((unsigned)a) ? 1 : 0;
}

SYS(sched_rr_get_interval)
{
	struct task_struct *t = get_task_arg(a);
	u64 ns;

	if (IS_ERR(t))
		return PTR_ERR(t);
	ns = task_rr_interval(t);
	put_task(t);
	return put_timespec(b, ns);
}

/* struct sched_attr of sched_setattr(2), first and second version. */
struct linux_sched_attr {
	u32 size, policy;
	u64 flags;
	s32 nice;
	u32 priority;
	u64 runtime, deadline, period;
	u32 util_min, util_max;
};

enum { SCHED_ATTR_SIZE_VER0 = 48, SCHED_FLAG_RESET_ON_FORK = 1 };

SYS(sched_setattr)
{
	struct linux_sched_attr in = { 0 };
	struct sched_cred cred = sched_cred();
	struct sched_attr attr;
	struct task_struct *t;
	u32 size;
	s64 ret;

	if (!b || (s32)a < 0 || c)
		return -EINVAL;
	if (get_user_u32(&size, b))
		return -EFAULT;
	size = size ? size : SCHED_ATTR_SIZE_VER0;
	if (size < SCHED_ATTR_SIZE_VER0 || size > PAGE_SIZE) {
		put_user_u32(b, sizeof(in));
		return -E2BIG;
	}
	if (copy_from_user(&in, b, MIN(size, (u32)sizeof(in))))
		return -EFAULT;
	if ((s32)in.policy < 0 || (in.flags & ~(u64)SCHED_FLAG_RESET_ON_FORK))
		return -EINVAL;
	attr = (struct sched_attr){
		.policy =
			in.policy | (in.flags & SCHED_FLAG_RESET_ON_FORK ? SCHED_RESET_ON_FORK : 0),
		.nice = in.nice < MIN_NICE   ? MIN_NICE
			: in.nice > MAX_NICE ? MAX_NICE
					     : in.nice,
		.priority = in.priority,
		.runtime = in.runtime,
		.deadline = in.deadline,
		.period = in.period,
	};
	t = task_of((int)a);
	if (!t)
		return -ESRCH;
	ret = may_schedule(t) ? task_setattr(t, &attr, &cred) : -EPERM;
	put_task(t);
	return ret;
}

SYS(sched_getattr)
{
	struct linux_sched_attr out = { .size = sizeof(out) };
	struct sched_attr attr;
	struct task_struct *t;

	if (!b || (s32)a < 0 || c < SCHED_ATTR_SIZE_VER0 || c > PAGE_SIZE || d)
		return -EINVAL;
	t = task_of((int)a);
	if (!t)
		return -ESRCH;
	task_getattr(t, &attr);
	put_task(t);
	out.policy = attr.policy & ~(u32)SCHED_RESET_ON_FORK;
	out.flags = attr.policy & SCHED_RESET_ON_FORK ? SCHED_FLAG_RESET_ON_FORK : 0;
	out.nice = attr.nice;
	out.priority = attr.priority;
	out.runtime = attr.runtime;
	out.deadline = attr.deadline;
	out.period = attr.period;
	out.size = (u32)MIN(c, sizeof(out));
	return copy_to_user(b, &out, out.size) ? -EFAULT : 0;
}

SYS(sched_setaffinity)
{
	DECLARE_BITMAP(mask, NR_CPUS) = { 0 };
	struct task_struct *t;
	s64 ret;

	if (copy_from_user(mask, c, MIN((u32)b, sizeof(mask))))
		return -EFAULT;
	t = task_of((int)a);
	if (!t)
		return -ESRCH;
	ret = may_schedule(t) ? sched_set_affinity(t, mask) : -EPERM;
	put_task(t);
	return ret;
}

SYS(sched_getaffinity)
{
	DECLARE_BITMAP(mask, NR_CPUS) = { 0 };
	u64 bytes = ((kernel_sched->nr_cpus + 63) / 64) * 8;
	struct task_struct *t;

	if ((u32)b < bytes || (b & 7))
		return -EINVAL;
	t = task_of((int)a);
	if (!t)
		return -ESRCH;
	for (unsigned cpu = 0; cpu < kernel_sched->nr_cpus; cpu++)
		if (task_allowed(t, cpu) && test_bit(cpu, kernel_sched->online))
			__set_bit(cpu, mask);
	put_task(t);
	return copy_to_user(c, mask, bytes) ? -EFAULT : (s64)bytes;
}

/* ---- nice -------------------------------------------------------------------------------------------------------- */

enum { PRIO_PROCESS, PRIO_PGRP, PRIO_USER };

static bool chosen(const struct process *p, int which, int who)
{
	if (which == PRIO_PROCESS)
		return p->tgid == (who ? who : current_process()->tgid);
	if (which == PRIO_PGRP)
		return p->pgid == (who ? who : current_process()->pgid);
	return p->uid == (who ? (u32)who : vt()->cred->uid);
}

SYS(getpriority)
{
	const struct process *p;
	const struct uthread *u;
	s64 best = -ESRCH;
	u64 flags;

	if (a > PRIO_USER)
		return -EINVAL;
	flags = spin_lock_irqsave(&proc_lock);
	for_each_process (p) {
		if (!chosen(p, (int)a, (int)b))
			continue;
		for_each_thread (p, u)
			best = MAX(best, (s64)20 - task_nice(&u->th->t));
	}
	spin_unlock_irqrestore(&proc_lock, flags);
	return best;
}

static s64 renice(struct uthread *u, int nice)
{
	const struct cred *me = vt()->cred, *c = u->vt.cred;
	struct sched_cred limits = sched_cred();

	if (!limits.cap_sys_nice && c->uid != me->euid && c->euid != me->euid)
		return -EPERM;
	if (nice < task_nice(&u->th->t) && !limits.cap_sys_nice &&
	    20 - nice > (int)limits.rlimit_nice)
		return -EACCES;
	set_user_nice(&u->th->t, nice);
	return 0;
}

SYS(setpriority)
{
	int nice = (s32)c < MIN_NICE ? MIN_NICE : (s32)c > MAX_NICE ? MAX_NICE : (s32)c;
	struct process *p;
	struct uthread *u;
	s64 ret = -ESRCH;
	u64 flags;

	if (a > PRIO_USER)
		return -EINVAL;
	flags = spin_lock_irqsave(&proc_lock);
	for_each_process (p) {
		if (!chosen(p, (int)a, (int)b))
			continue;
		for_each_thread (p, u) {
			s64 err = renice(u, nice);

			ret = ret == -ESRCH || err ? err : ret;
		}
	}
	spin_unlock_irqrestore(&proc_lock, flags);
	return ret;
}

/* ---- ioprio_set(2): kept and told; the disks here have one queue ------------------------------------------ */

enum { IOPRIO_WHO_PROCESS = 1, IOPRIO_WHO_PGRP, IOPRIO_WHO_USER };
enum { IOPRIO_NONE, IOPRIO_RT, IOPRIO_BE, IOPRIO_IDLE, IOPRIO_CLASS_SHIFT = 13 };

static bool io_chosen(const struct uthread *u, u64 which, int who)
{
	if (which == IOPRIO_WHO_PROCESS)
		return u->tid == (who ? who : current_uthread()->tid);
	return which == IOPRIO_WHO_PGRP ? chosen(u->proc, PRIO_PGRP, who)
					: chosen(u->proc, PRIO_USER, who);
}

static bool valid_ioprio(u64 prio)
{
	u64 class = prio >> IOPRIO_CLASS_SHIFT, level = prio & 7;

	return prio <= UINT16_MAX && (class == IOPRIO_NONE ? level == 0 : class <= IOPRIO_IDLE);
}

/* One that has none follows from the policy and the nice value. */
static u16 effective_ioprio(const struct uthread *u)
{
	const struct task_struct *t = &u->th->t;
	u16 class = t->policy == SCHED_IDLE ? IOPRIO_IDLE
		    : rt_policy(t->policy)  ? IOPRIO_RT
					    : IOPRIO_BE;

	return u->ioprio >> IOPRIO_CLASS_SHIFT
		       ? u->ioprio
		       : (u16)(class << IOPRIO_CLASS_SHIFT | (task_nice(t) + 20) / 5);
}

static s64 set_ioprio(struct uthread *u, u16 prio)
{
	const struct cred *me = vt()->cred, *c = u->vt.cred;

	if (!cred_capable(me, CAP_SYS_NICE) && c->uid != me->euid && c->uid != me->uid)
		return -EPERM;
	u->ioprio = prio;
	return 0;
}

SYS(ioprio_set)
{
	struct process *p;
	struct uthread *u;
	s64 ret = -ESRCH;
	u64 flags;

	if (!valid_ioprio((u32)c))
		return -EINVAL;
	if (c >> IOPRIO_CLASS_SHIFT == IOPRIO_RT && !cred_capable(vt()->cred, CAP_SYS_NICE) &&
	    !cred_capable(vt()->cred, CAP_SYS_ADMIN))
		return -EPERM;
	if (a < IOPRIO_WHO_PROCESS || a > IOPRIO_WHO_USER)
		return -EINVAL;
	flags = spin_lock_irqsave(&proc_lock);
	for_each_process (p)
		for_each_thread (p, u)
			if (io_chosen(u, a, (int)b) && ret != -EPERM)
				ret = set_ioprio(u, (u16)c);
	spin_unlock_irqrestore(&proc_lock, flags);
	return ret;
}

SYS(ioprio_get)
{
	const struct process *p;
	const struct uthread *u;
	s64 best = -ESRCH;
	u64 flags;

	if (a < IOPRIO_WHO_PROCESS || a > IOPRIO_WHO_USER)
		return -EINVAL;
	flags = spin_lock_irqsave(&proc_lock);
	for_each_process (p)
		for_each_thread (p, u)
			if (io_chosen(u, a, (int)b)) {
				/* One task's is told as it was set. */
				s64 prio =
					a == IOPRIO_WHO_PROCESS ? u->ioprio : effective_ioprio(u);

				best = best < 0 ? prio : MIN(best, prio);
			}
	spin_unlock_irqrestore(&proc_lock, flags);
	return best;
}
