/* SPDX-License-Identifier: MIT */
/*
 * posix_timer.c - timer_create(2) and its kin.
 *
 * P1 a timer is in its process's list from create to delete, and only there is it found. P2 its signal
 * is queued at most once; the next period begins when that one has been taken, and the periods missed
 * until then are the overrun. So no timer makes more interrupts than its program makes calls.
 * P3 real time is waited for by an hrtimer; CPU time passes with ticks, which look at the list.
 *
 * Guard of everything: proc_lock. The hrtimer's function takes it, so whoever waits for the function
 * does not hold it.
 */
#include "guest/kernel/time.h"
#include "guest/kernel/timers.h"
#include "guest/process/sys_util.h"

enum { SIGEV_SIGNAL, SIGEV_NONE, SIGEV_THREAD, SIGEV_THREAD_ID = 4 };
enum { TIMER_ABSTIME = 1, OVERRUN_MAX = INT32_MAX };

struct posix_timer {
	struct list_head node; /* P1 */
	struct process *proc;
	struct uthread *target; /* whose signal is queued now; NULL: the process's */
	struct clock clock;
	int id, notify, tid;
	bool absolute; /* by the time of day: moves with it */
	bool rearm;    /* P2: a period begins when the signal has been taken */
	u64 expires;   /* by its clock; 0: off */
	u64 interval;
	u64 overrun, last_overrun;
	struct hrtimer hr;
	struct sigqueue q;
};

/* ---- time ----------------------------------------------------------------------------------------- */

/* Sets the hrtimer to what expires says; CPU clocks have the tick. */
static void arm(struct posix_timer *t)
{
	u64 at = t->expires;

	if (t->notify == SIGEV_NONE || !at)
		return;
	if (t->clock.kind == CLOCK_KIND_WALL)
		at = wall_to_mono(at);
	if (t->clock.kind != CLOCK_KIND_CPU)
		hrtimer_start(&t->hr, at, HRTIMER_MODE_ABS);
}

/* Moves expires beyond now by whole periods; how many. */
static u64 forward(struct posix_timer *t, u64 now)
{
	u64 n = now < t->expires ? 0 : (now - t->expires) / t->interval + 1;

	t->expires += n * t->interval;
	return n;
}

/* Its signal was not, or will not be, seen: goes on by itself, but not faster than the tick. */
static void rearm_unheard(struct posix_timer *t)
{
	u64 now = clock_read_locked(&t->clock);

	t->rearm = false;
	forward(t, now);
	while (t->expires < now + NSEC_PER_SEC / tick_hz && t->interval < NSEC_PER_SEC / tick_hz)
		t->expires += NSEC_PER_SEC / tick_hz / t->interval * t->interval;
	arm(t);
}

static void ring(struct posix_timer *t)
{
	if (!list_empty(&t->q.node)) { /* set anew while the old signal waits */
		t->overrun++;
		t->rearm = t->interval != 0;
	} else {
		t->target = t->notify & SIGEV_THREAD_ID ? find_uthread(t->tid) : NULL;
		if (t->target && t->target->proc != t->proc)
			t->target = NULL;
		t->overrun = 0;
		t->rearm = t->interval != 0;
		/* A thread that has gone hears nothing, nor does anybody for it. */
		if (((t->notify & SIGEV_THREAD_ID) && !t->target) ||
		    !send_sigqueue_locked(t->proc, t->target, &t->q)) {
			if (t->interval)
				rearm_unheard(t);
		}
	}
	if (!t->interval)
		t->expires = 0;
}

static enum hrtimer_restart fires(struct hrtimer *hr)
{
	struct posix_timer *t = container_of(hr, struct posix_timer, hr);
	u64 flags = spin_lock_irqsave(&proc_lock);

	if (t->expires && !t->rearm) {
		if (clock_read_locked(&t->clock) >= t->expires)
			ring(t);
		else
			arm(t); /* set anew while this was on its way */
	}
	spin_unlock_irqrestore(&proc_lock, flags);
	return HRTIMER_NORESTART;
}

void posix_timers_cpu_tick(struct process *p)
{
	struct posix_timer *t;

	if (!p->nr_cpu_timers)
		return;
	list_for_each_entry (t, &p->posix_timers, node)
		if (t->clock.kind == CLOCK_KIND_CPU && t->expires && !t->rearm &&
		    t->notify != SIGEV_NONE && clock_read_locked(&t->clock) >= t->expires)
			ring(t);
}

void posix_timer_taken(struct posix_timer *t, struct siginfo *info)
{
	if (t->rearm) {
		t->rearm = false;
		t->overrun += forward(t, clock_read_locked(&t->clock)) - 1;
		arm(t);
	}
	t->last_overrun = MIN(t->overrun, (u64)OVERRUN_MAX);
	t->overrun = 0;
	info->timer.overrun = (s32)t->last_overrun;
}

void posix_timer_dropped(struct posix_timer *t)
{
	if (t->rearm)
		rearm_unheard(t);
}

void posix_timers_clock_set(void)
{
	u64 flags = spin_lock_irqsave(&proc_lock);
	struct posix_timer *t;
	struct process *p;

	for_each_process (p)
		list_for_each_entry (t, &p->posix_timers, node)
			if (t->clock.kind == CLOCK_KIND_WALL && t->absolute && !t->rearm)
				arm(t);
	spin_unlock_irqrestore(&proc_lock, flags);
}

/* ---- life ------------------------------------------------------------------------------------------- */

static struct posix_timer *find_timer(u64 id)
{
	struct posix_timer *t;

	list_for_each_entry (t, &current_process()->posix_timers, node)
		if (t->id == (int)id)
			return t;
	return NULL;
}

/* Out of the list: nobody finds or rings it any more. proc_lock held. */
static void unlink_timer(struct posix_timer *t)
{
	struct process *p = t->proc;

	t->expires = t->interval = 0;
	t->rearm = false;
	unqueue_sigqueue(p, t->target, &t->q);
	list_del(&t->node);
	p->nr_posix_timers--;
	p->nr_cpu_timers -= t->clock.kind == CLOCK_KIND_CPU;
}

static void free_timer(struct posix_timer *t)
{
	hrtimer_cancel(&t->hr);
	kfree(&kernel_mm.slab, t);
}

void posix_timers_delete(struct process *p)
{
	for (;;) {
		u64 flags = spin_lock_irqsave(&proc_lock);
		struct posix_timer *t = NULL;

		if (!list_empty(&p->posix_timers)) {
			t = list_first_entry(&p->posix_timers, struct posix_timer, node);
			unlink_timer(t);
		}
		spin_unlock_irqrestore(&proc_lock, flags);
		if (!t)
			return;
		free_timer(t);
	}
}

/* struct sigevent. */
struct linux_sigevent {
	u64 value;
	s32 signo, notify, tid;
	s32 pad[11];
};
_Static_assert(sizeof(struct linux_sigevent) == 64, "the ABI");

static int check_event(const struct linux_sigevent *ev)
{
	const struct uthread *u;
	u64 flags;
	bool mine;

	if (ev->notify == SIGEV_NONE)
		return 0;
	if (ev->notify != SIGEV_SIGNAL && ev->notify != SIGEV_THREAD &&
	    ev->notify != SIGEV_THREAD_ID)
		return -EINVAL;
	if (ev->signo < 1 || ev->signo > NSIG)
		return -EINVAL;
	if (ev->notify != SIGEV_THREAD_ID)
		return 0;
	flags = spin_lock_irqsave(&proc_lock);
	u = find_uthread(ev->tid);
	mine = u && u->proc == current_process();
	spin_unlock_irqrestore(&proc_lock, flags);
	return mine ? 0 : -EINVAL;
}

/* Into the list, with a number; -EAGAIN: too many. */
static int link_timer(struct posix_timer *t)
{
	u64 flags = spin_lock_irqsave(&proc_lock);
	struct process *p = t->proc;
	int err = 0;

	if (p->nr_posix_timers >= p->rlimit[RLIMIT_SIGPENDING]) {
		err = -EAGAIN;
	} else {
		do {
			t->id = p->next_timer_id;
			p->next_timer_id = (p->next_timer_id + 1) & INT32_MAX;
		} while (find_timer((u64)t->id));
		t->q.info.timer.tid = t->id;
		list_add_tail(&t->node, &p->posix_timers);
		p->nr_posix_timers++;
		p->nr_cpu_timers += t->clock.kind == CLOCK_KIND_CPU;
	}
	spin_unlock_irqrestore(&proc_lock, flags);
	return err;
}

static struct posix_timer *new_timer(const struct clock *c, const struct linux_sigevent *ev)
{
	struct posix_timer *t = kzalloc(&kernel_mm.slab, sizeof(*t), GFP_KERNEL);

	if (!t)
		return NULL;
	t->proc = current_process();
	t->clock = *c;
	t->notify = ev->notify;
	t->tid = ev->tid;
	hrtimer_init(&kernel_hrtimers, &t->hr, HRTIMER_MODE_ABS, fires);
	INIT_LIST_HEAD(&t->q.node);
	t->q.timer = t;
	t->q.info = (struct siginfo){ .signo = ev->signo, .code = SI_TIMER };
	t->q.info.timer.value = ev->value;
	return t;
}

SYS(timer_create)
{
	struct linux_sigevent ev = { .signo = SIGALRM };
	struct posix_timer *t;
	struct clock clock;
	int err = clock_find((s32)a, &clock);

	if (!err && !clock.timers)
		err = -EOPNOTSUPP;
	if (!err && b && copy_from_user(&ev, b, sizeof(ev)))
		err = -EFAULT;
	if (!err && b)
		err = check_event(&ev);
	if (err)
		return err;
	/* The caller's own clock, whoever looks at it later. */
	if (clock.kind == CLOCK_KIND_CPU && !clock.id)
		clock.id = clock.thread ? current_uthread()->tid : current_process()->tgid;
	t = new_timer(&clock, &ev);
	if (!t)
		return -EAGAIN;
	err = link_timer(t);
	if (err) {
		kfree(&kernel_mm.slab, t);
		return err;
	}
	if (!b)
		t->q.info.timer.value = (u64)t->id;
	if (put_user_u32(c, (u32)t->id)) {
		u64 flags = spin_lock_irqsave(&proc_lock);

		unlink_timer(t);
		spin_unlock_irqrestore(&proc_lock, flags);
		free_timer(t);
		return -EFAULT;
	}
	return 0;
}

SYS(timer_delete)
{
	u64 flags = spin_lock_irqsave(&proc_lock);
	struct posix_timer *t = find_timer(a);

	if (t)
		unlink_timer(t);
	spin_unlock_irqrestore(&proc_lock, flags);
	if (!t)
		return -EINVAL;
	free_timer(t);
	return 0;
}

/* ---- setting and looking ------------------------------------------------------------------------------ */

struct linux_itimerspec {
	struct linux_timespec interval, value;
};

static struct linux_itimerspec show(struct posix_timer *t)
{
	u64 now = clock_read_locked(&t->clock), left = 0;

	if (t->expires > now)
		left = t->expires - now;
	else if (t->expires && t->interval)
		left = t->interval - (now - t->expires) % t->interval;
	else if (t->expires && t->notify != SIGEV_NONE)
		left = 1; /* about to ring: 0 would say it is off */
	return (struct linux_itimerspec){
		{ (s64)(t->interval / NSEC_PER_SEC), (s64)(t->interval % NSEC_PER_SEC) },
		{ (s64)(left / NSEC_PER_SEC), (s64)(left % NSEC_PER_SEC) },
	};
}

SYS(timer_gettime)
{
	u64 flags = spin_lock_irqsave(&proc_lock);
	struct posix_timer *t = find_timer(a);
	struct linux_itimerspec out = { 0 };

	if (t)
		out = show(t);
	spin_unlock_irqrestore(&proc_lock, flags);
	if (!t)
		return -EINVAL;
	return copy_to_user(b, &out, sizeof(out)) ? -EFAULT : 0;
}

SYS(timer_getoverrun)
{
	u64 flags = spin_lock_irqsave(&proc_lock);
	const struct posix_timer *t = find_timer(a);
	s64 ret = t ? (s64)t->last_overrun : -EINVAL;

	spin_unlock_irqrestore(&proc_lock, flags);
	return ret;
}

static void set(struct posix_timer *t, const struct linux_itimerspec *in, bool absolute)
{
	u64 value = timespec_ns(&in->value), now = clock_read_locked(&t->clock);

	hrtimer_try_to_cancel(&t->hr);
	t->interval = timespec_ns(&in->interval);
	t->absolute = absolute;
	t->rearm = false;
	t->overrun = t->last_overrun = 0;
	t->expires = !value ? 0 : absolute ? value : now + value;
	arm(t);
	/* CPU time that has passed already need not wait for more of it. */
	if (t->clock.kind == CLOCK_KIND_CPU && t->expires && t->expires <= now &&
	    t->notify != SIGEV_NONE)
		ring(t);
}

SYS(timer_settime)
{
	struct linux_itimerspec in, old = { 0 };
	struct posix_timer *t;
	u64 flags;

	if (!c)
		return -EINVAL;
	if (copy_from_user(&in, c, sizeof(in)))
		return -EFAULT;
	if (!timespec_valid(&in.value) || !timespec_valid(&in.interval))
		return -EINVAL;
	flags = spin_lock_irqsave(&proc_lock);
	t = find_timer(a);
	if (t) {
		old = show(t);
		set(t, &in, b & TIMER_ABSTIME);
	}
	spin_unlock_irqrestore(&proc_lock, flags);
	if (!t)
		return -EINVAL;
	return d && copy_to_user(d, &old, sizeof(old)) ? -EFAULT : 0;
}
