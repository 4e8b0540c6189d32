/* SPDX-License-Identifier: MIT */
/*
 * itimer.c - setitimer(2) and alarm(2), and what the tick does for processes. The timer of real time is
 * an hrtimer, for an idle CPU has no tick; those of CPU time, which passes only with ticks, are looked
 * at by these and late by up to one.
 *
 * The next period of a real timer begins when its signal has been taken: a program that cannot keep up
 * loses periods, and never the machine.
 */
#include "guest/kernel/memdev.h"
#include "guest/kernel/time.h"
#include "guest/kernel/timers.h"
#include "guest/lib/string.h"
#include "guest/process/sys_util.h"
#include "guest/process/tick.h"

enum { ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF };

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
	t->expires =
		t->interval ? t->expires + ((now - t->expires) / t->interval + 1) * t->interval : 0;
	send_signal_locked(p, NULL, sig, NULL);
}

static enum hrtimer_restart real_fires(struct hrtimer *hr)
{
	struct process *p = container_of(hr, struct process, real_timer);
	struct itimer_state *t = &p->itimer[ITIMER_REAL];
	u64 flags = spin_lock_irqsave(&proc_lock);

	if (t->expires && clock_ns() >= t->expires) {
		t->rang = t->expires;
		t->expires = 0;
		send_signal_locked(p, NULL, SIGALRM, NULL);
	} else if (t->expires) {
		/* Set anew while this was on its way. */
		hrtimer_start(hr, t->expires, HRTIMER_MODE_ABS);
	}
	spin_unlock_irqrestore(&proc_lock, flags);
	return HRTIMER_NORESTART;
}

void itimer_taken(struct process *p)
{
	struct itimer_state *t = &p->itimer[ITIMER_REAL];
	u64 now = clock_ns();

	if (!t->rang || !t->interval || t->expires)
		return;
	t->expires = t->rang + ((now - t->rang) / t->interval + 1) * t->interval;
	t->rang = 0;
	hrtimer_start(&p->real_timer, t->expires, HRTIMER_MODE_ABS);
}

void itimer_init(struct process *p)
{
	hrtimer_init(&kernel_hrtimers, &p->real_timer, HRTIMER_MODE_ABS, real_fires);
}

void itimer_stop(struct process *p)
{
	u64 flags = spin_lock_irqsave(&proc_lock);

	memset(p->itimer, 0, sizeof(p->itimer));
	spin_unlock_irqrestore(&proc_lock, flags);
	hrtimer_cancel(&p->real_timer);
}

static void check_cpu_limits(struct process *p)
{
	u64 flags = spin_lock_irqsave(&proc_lock), total = cpu_clock(p, ITIMER_PROF);

	posix_timers_cpu_tick(p);
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

	if (u) {
		struct process *p = u->proc;

		if (user)
			u->times.utime += NSEC_PER_SEC / tick_hz;
		else
			u->times.stime += NSEC_PER_SEC / tick_hz;
		if (p->itimer[ITIMER_VIRTUAL].expires || p->itimer[ITIMER_PROF].expires ||
		    p->rlimit[RLIMIT_CPU] != RLIM_INFINITY || p->nr_cpu_timers)
			check_cpu_limits(p);
	}
	kmsg_tick();
}

u64 current_timer_slack(void)
{
	const struct uthread *u = current_uthread();

	/* Who asks for real time means it. */
	return rt_prio(current->prio) ? 0 : u ? u->timer_slack : TIMER_SLACK_NS;
}

/* ---- calls ------------------------------------------------------------------------------------------------------ */

struct linux_itimerval {
	s64 interval_sec, interval_usec, value_sec, value_usec;
};

/* proc_lock held. */
static struct linux_itimerval show_timer(const struct process *p, int which)
{
	const struct itimer_state *t = &p->itimer[which];
	u64 now = which == ITIMER_REAL ? clock_ns() : cpu_clock(p, which), left = 0;

	if (t->expires)
		left = t->expires > now ? t->expires - now : 1000;
	return (struct linux_itimerval){ (s64)(t->interval / NSEC_PER_SEC),
					 (s64)(t->interval % NSEC_PER_SEC / 1000),
					 (s64)(left / NSEC_PER_SEC),
					 (s64)(left % NSEC_PER_SEC / 1000) };
}

static struct linux_itimerval read_timer(struct process *p, int which)
{
	u64 flags = spin_lock_irqsave(&proc_lock);
	struct linux_itimerval v = show_timer(p, which);

	spin_unlock_irqrestore(&proc_lock, flags);
	return v;
}

/* The value that was in force until now comes back. */
static struct linux_itimerval set_timer(struct process *p, int which, u64 value, u64 interval)
{
	u64 flags = spin_lock_irqsave(&proc_lock);
	u64 now = which == ITIMER_REAL ? clock_ns() : cpu_clock(p, which);
	struct linux_itimerval old = show_timer(p, which);
	struct itimer_state *t = &p->itimer[which];

	/* As on Linux: real time that is stopped forgets its period. */
	t->interval = value || which != ITIMER_REAL ? interval : 0;
	t->expires = value ? now + value : 0;
	t->rang = 0;
	if (which == ITIMER_REAL && value)
		hrtimer_start(&p->real_timer, t->expires, HRTIMER_MODE_ABS);
	else if (which == ITIMER_REAL)
		hrtimer_try_to_cancel(&p->real_timer);
	spin_unlock_irqrestore(&proc_lock, flags);
	return old;
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
	old = set_timer(
		current_process(), (int)a,
		(u64)MIN(v.value_sec, 9000000000l) * NSEC_PER_SEC + (u64)v.value_usec * 1000,
		(u64)MIN(v.interval_sec, 9000000000l) * NSEC_PER_SEC + (u64)v.interval_usec * 1000);
	return c && copy_to_user(c, &old, sizeof(old)) ? -EFAULT : 0;
}

SYS(alarm)
{
	struct linux_itimerval old =
		set_timer(current_process(), ITIMER_REAL, (a & UINT32_MAX) * NSEC_PER_SEC, 0);

	/* Never 0 while one was running. */
	return old.value_sec + (old.value_usec >= 500000 || (!old.value_sec && old.value_usec));
}
