/* SPDX-License-Identifier: MIT */
/*
 * itimer.c - what the tick does for processes: counts whose time it is, and rings their timers,
 * setitimer(2). A timer is late by up to one tick.
 */
#include "guest/kernel/memdev.h"
#include "guest/kernel/time.h"
#include "guest/lib/string.h"
#include "guest/process/sys_util.h"
#include "guest/process/tick.h"

enum { ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF };

static u64 next_real = UINT64_MAX; /* no ITIMER_REAL is due before; proc_lock */

static u64 cpu_clock(const struct process *p, int which)
{
	struct rusage_times t = process_times(p);

	return which == ITIMER_VIRTUAL ? t.utime : t.utime + t.stime;
}

/* Rings if due; proc_lock held. */
static void check_timer(struct process *p, int which, u64 now, int sig)
{
	struct itimer_state *t = &p->itimer[which];

	if (!t->expires || now < t->expires)
		return;
	/* Periods that were missed are not made up for. */
	t->expires = t->interval ? t->expires + ((now - t->expires) / t->interval + 1) * t->interval : 0;
	send_signal_locked(p, NULL, sig, NULL);
}

static void ring_real(u64 now)
{
	u64 flags = spin_lock_irqsave(&proc_lock), next = UINT64_MAX;
	struct process *p;

	for_each_process (p) {
		check_timer(p, ITIMER_REAL, now, SIGALRM);
		if (p->itimer[ITIMER_REAL].expires)
			next = MIN(next, p->itimer[ITIMER_REAL].expires);
	}
	next_real = next;
	spin_unlock_irqrestore(&proc_lock, flags);
}

static void check_cpu_limits(struct process *p)
{
	u64 flags = spin_lock_irqsave(&proc_lock), total = cpu_clock(p, ITIMER_PROF);

	check_timer(p, ITIMER_VIRTUAL, cpu_clock(p, ITIMER_VIRTUAL), SIGVTALRM);
	check_timer(p, ITIMER_PROF, total, SIGPROF);
	if (p->rlimit[RLIMIT_CPU] < RLIM_INFINITY / NSEC_PER_SEC) {
		if (total / NSEC_PER_SEC >= p->rlimit_max[RLIMIT_CPU])
			send_signal_locked(p, NULL, SIGKILL, NULL);
		else if (total / NSEC_PER_SEC >= p->rlimit[RLIMIT_CPU] + p->xcpu_sent) {
			p->xcpu_sent++;
			send_signal_locked(p, NULL, SIGXCPU, NULL);
		}
	}
	spin_unlock_irqrestore(&proc_lock, flags);
}

void process_tick(bool user)
{
	struct uthread *u = current_uthread();
	u64 now = clock_ns();

	if (u) {
		struct process *p = u->proc;

		if (user)
			u->times.utime += NSEC_PER_SEC / tick_hz;
		else
			u->times.stime += NSEC_PER_SEC / tick_hz;
		if (p->itimer[ITIMER_VIRTUAL].expires || p->itimer[ITIMER_PROF].expires ||
		    p->rlimit[RLIMIT_CPU] != RLIM_INFINITY)
			check_cpu_limits(p);
	}
	kmsg_tick();
	if (now >= READ_ONCE(next_real))
		ring_real(now);
}

/* ---- calls ------------------------------------------------------------------------------------------------------ */

struct linux_itimerval {
	s64 interval_sec, interval_usec, value_sec, value_usec;
};

static struct linux_itimerval read_timer(struct process *p, int which)
{
	const struct itimer_state *t = &p->itimer[which];
	u64 flags = spin_lock_irqsave(&proc_lock);
	u64 now = which == ITIMER_REAL ? clock_ns() : cpu_clock(p, which), left = 0;
	struct linux_itimerval v;

	if (t->expires)
		left = t->expires > now ? t->expires - now : 1000;
	v = (struct linux_itimerval){ (s64)(t->interval / NSEC_PER_SEC),
				      (s64)(t->interval % NSEC_PER_SEC / 1000),
				      (s64)(left / NSEC_PER_SEC), (s64)(left % NSEC_PER_SEC / 1000) };
	spin_unlock_irqrestore(&proc_lock, flags);
	return v;
}

static void set_timer(struct process *p, int which, u64 value, u64 interval)
{
	u64 flags = spin_lock_irqsave(&proc_lock);
	u64 now = which == ITIMER_REAL ? clock_ns() : cpu_clock(p, which);

	p->itimer[which].interval = interval;
	p->itimer[which].expires = value ? now + value : 0;
	if (which == ITIMER_REAL && value)
		next_real = MIN(next_real, now + value);
	spin_unlock_irqrestore(&proc_lock, flags);
}

static bool valid(s64 sec, s64 usec)
{
	return sec >= 0 && usec >= 0 && usec < 1000000;
}

SYS(getitimer)
{
	struct linux_itimerval v;

	if (a > ITIMER_PROF)
		return -EINVAL;
	v = read_timer(current_process(), (int)a);
	return copy_to_user(b, &v, sizeof(v)) ? -EFAULT : 0;
}

SYS(setitimer)
{
	struct linux_itimerval v = { 0 }, old;

	if (a > ITIMER_PROF)
		return -EINVAL;
	if (b && copy_from_user(&v, b, sizeof(v)))
		return -EFAULT;
	if (!valid(v.value_sec, v.value_usec) || !valid(v.interval_sec, v.interval_usec))
		return -EINVAL;
	old = read_timer(current_process(), (int)a);
	set_timer(current_process(), (int)a,
		  (u64)MIN(v.value_sec, 9000000000l) * NSEC_PER_SEC + (u64)v.value_usec * 1000,
		  (u64)MIN(v.interval_sec, 9000000000l) * NSEC_PER_SEC + (u64)v.interval_usec * 1000);
	return c && copy_to_user(c, &old, sizeof(old)) ? -EFAULT : 0;
}

SYS(alarm)
{
	struct linux_itimerval old = read_timer(current_process(), ITIMER_REAL);

	set_timer(current_process(), ITIMER_REAL, (a & UINT32_MAX) * NSEC_PER_SEC, 0);
	/* Never 0 while one was running. */
	return old.value_sec + (old.value_usec >= 500000 || (!old.value_sec && old.value_usec));
}
