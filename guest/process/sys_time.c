/* SPDX-License-Identifier: MIT */
/* sys_time.c - system calls about time. */
#include "guest/kernel/time.h"
#include "guest/kernel/wallclock.h"
#include "guest/process/sys_util.h"

enum {
	CLOCK_REALTIME,
	CLOCK_MONOTONIC,
	CLOCK_PROCESS_CPUTIME_ID,
	CLOCK_THREAD_CPUTIME_ID,
	CLOCK_MONOTONIC_RAW,
	CLOCK_REALTIME_COARSE,
	CLOCK_MONOTONIC_COARSE,
	CLOCK_BOOTTIME,
	CLOCK_TAI = 11,
};
enum { CPUCLOCK_PROF, CPUCLOCK_VIRT, CPUCLOCK_SCHED, CPUCLOCK_PERTHREAD = 4 };
enum { CAP_SYS_TIME = 25 };
#define TIMER_ABSTIME 1
#define USER_HZ	      100

/* Those who sleep until a time of day look again when it is set. */
static wait_queue_head_t clock_set_wait = { .head = LIST_HEAD_INIT(clock_set_wait.head) };

int get_timespec(struct linux_timespec *ts, u64 user)
{
	if (copy_from_user(ts, user, sizeof(*ts)))
		return -EFAULT;
	return timespec_valid(ts) ? 0 : -EINVAL;
}

int put_timespec(u64 user, u64 ns)
{
	struct linux_timespec ts = { (s64)(ns / NSEC_PER_SEC), (s64)(ns % NSEC_PER_SEC) };

	return copy_to_user(user, &ts, sizeof(ts)) ? -EFAULT : 0;
}

/* ---- clocks ------------------------------------------------------------------------------------ */

/* A negative number is a CPU clock: who, inverted, above three bits of what (clock_getcpuclockid(3)). */
static int find_cpu_clock(s32 id, struct clock *c)
{
	const struct uthread *u;
	u64 flags;
	bool found;

	*c = (struct clock){ .kind = CLOCK_KIND_CPU,
			     .timers = true,
			     .thread = id & CPUCLOCK_PERTHREAD,
			     .which = id & 3,
			     .id = ~(id >> 3) };
	if (c->which > CPUCLOCK_SCHED)
		return -EINVAL;
	if (!c->id)
		return 0;
	flags = spin_lock_irqsave(&proc_lock);
	if (c->thread) {
		u = find_uthread(c->id);
		found = u && u->proc == current_process();
	} else {
		found = find_process(c->id) != NULL;
	}
	spin_unlock_irqrestore(&proc_lock, flags);
	return found ? 0 : -EINVAL;
}

int clock_find(s32 id, struct clock *c)
{
	if (id < 0)
		return find_cpu_clock(id, c);
	*c = (struct clock){ .kind = CLOCK_KIND_MONO };
	switch (id) {
	case CLOCK_REALTIME_COARSE:
		c->coarse = true;
		c->kind = CLOCK_KIND_WALL;
		return 0;
	case CLOCK_REALTIME:
	case CLOCK_TAI:
		c->timers = true;
		c->kind = CLOCK_KIND_WALL;
		return 0;
	case CLOCK_MONOTONIC:
	case CLOCK_BOOTTIME:
		c->timers = true;
		return 0;
	case CLOCK_MONOTONIC_COARSE:
		c->coarse = true;
		return 0;
	case CLOCK_MONOTONIC_RAW:
		return 0;
	case CLOCK_PROCESS_CPUTIME_ID:
	case CLOCK_THREAD_CPUTIME_ID:
		*c = (struct clock){ .kind = CLOCK_KIND_CPU,
				     .timers = true,
				     .thread = id == CLOCK_THREAD_CPUTIME_ID,
				     .which = CPUCLOCK_SCHED };
		return 0;
	default:
		return -EINVAL;
	}
}

static u64 read_cpu_clock(const struct clock *c)
{
	struct rusage_times t = { 0 };
	struct uthread *u;
	struct process *p;

	if (c->thread) {
		u = c->id ? find_uthread(c->id) : current_uthread();
		if (u)
			t = thread_times(u);
	} else {
		p = c->id ? find_process(c->id) : current_process();
		if (p)
			t = process_times(p);
	}
	return c->which == CPUCLOCK_VIRT ? t.utime : t.utime + t.stime;
}

u64 clock_read_locked(const struct clock *c)
{
	return c->kind == CLOCK_KIND_WALL   ? wallclock_ns()
	       : c->kind == CLOCK_KIND_MONO ? clock_ns()
					    : read_cpu_clock(c);
}

u64 clock_read(const struct clock *c)
{
	u64 flags, ns;

	if (c->kind != CLOCK_KIND_CPU)
		return clock_read_locked(c);
	flags = spin_lock_irqsave(&proc_lock);
	ns = read_cpu_clock(c);
	spin_unlock_irqrestore(&proc_lock, flags);
	return ns;
}

u64 wall_to_mono(u64 wall)
{
	u64 off = wallclock_offset();

	/* 1: long ago, but set. */
	return wall > off ? wall - off : 1;
}

static void set_wallclock(u64 ns)
{
	wallclock_set(ns);
	posix_timers_clock_set();
	timerfds_clock_set();
	wake_up_all(&clock_set_wait);
}

SYS(clock_gettime)
{
	struct clock c2;
	int err = clock_find((s32)a, &c2);

	return err ? err : put_timespec(b, clock_read(&c2));
}

SYS(clock_getres)
{
	struct clock c2;
	int err = clock_find((s32)a, &c2);
	bool tick = c2.coarse || (c2.kind == CLOCK_KIND_CPU && c2.which != CPUCLOCK_SCHED);

	if (err || !b)
		return err;
	return put_timespec(b, tick ? NSEC_PER_SEC / tick_hz : 1);
}

SYS(clock_settime)
{
	struct linux_timespec ts;
	struct clock c2;
	int err = clock_find((s32)a, &c2);

	if (err)
		return err;
	if ((s32)a > CLOCK_REALTIME)
		return -EINVAL;
	if (copy_from_user(&ts, b, sizeof(ts)))
		return -EFAULT;
	/* Nobody sets how long something has run. */
	if (c2.kind == CLOCK_KIND_CPU)
		return -EPERM;
	if (!timespec_valid(&ts) || timespec_ns(&ts) < clock_ns())
		return -EINVAL;
	if (!cred_capable(vt()->cred, CAP_SYS_TIME))
		return -EPERM;
	set_wallclock(timespec_ns(&ts));
	return 0;
}

/* The time zone is for the C library: the kernel keeps none. */
SYS(settimeofday)
{
	u64 tv[2];
	u32 tz[2];

	if (a && copy_from_user(tv, a, sizeof(tv)))
		return -EFAULT;
	if (a && tv[1] > 1000000)
		return -EINVAL;
	if (b && copy_from_user(tz, b, sizeof(tz)))
		return -EFAULT;
	if (a && ((s64)tv[0] < 0 || tv[1] == 1000000 || tv[0] > INT64_MAX / NSEC_PER_SEC ||
		  tv[0] < clock_ns() / NSEC_PER_SEC + 1))
		return -EINVAL;
	if (!cred_capable(vt()->cred, CAP_SYS_TIME))
		return -EPERM;
	if (b && ((s32)tz[0] > 15 * 60 || (s32)tz[0] < -15 * 60))
		return -EINVAL;
	if (a)
		set_wallclock(tv[0] * NSEC_PER_SEC + tv[1] * NSEC_PER_USEC);
	return 0;
}

SYS(gettimeofday)
{
	u64 ns = wallclock_ns(), tv[2] = { ns / NSEC_PER_SEC, ns % NSEC_PER_SEC / 1000 };
	u32 tz[2] = { 0, 0 };

	if (a && copy_to_user(a, tv, sizeof(tv)))
		return -EFAULT;
	return b && copy_to_user(b, tz, sizeof(tz)) ? -EFAULT : 0;
}

SYS(time)
{
	u64 t = wallclock_ns() / NSEC_PER_SEC;

	return a && put_user_u64(a, t) ? -EFAULT : (s64)t;
}

SYS(times)
{
	struct process *p = current_process();
	u64 flags = spin_lock_irqsave(&proc_lock);
	struct rusage_times t = process_times(p), c2 = p->children_times;
	u64 out[4];

	spin_unlock_irqrestore(&proc_lock, flags);
	out[0] = t.utime / (NSEC_PER_SEC / USER_HZ);
	out[1] = t.stime / (NSEC_PER_SEC / USER_HZ);
	out[2] = c2.utime / (NSEC_PER_SEC / USER_HZ);
	out[3] = c2.stime / (NSEC_PER_SEC / USER_HZ);
	if (a && copy_to_user(a, out, sizeof(out)))
		return -EFAULT;
	return (s64)(clock_ns() / (NSEC_PER_SEC / USER_HZ));
}

/* ---- sleeping ------------------------------------------------------------------------------------------------ */

s64 sleep_until_signal(u64 deadline)
{
	while (clock_ns() < deadline) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (signal_pending_state(TASK_INTERRUPTIBLE, current)) {
			__set_current_state(TASK_RUNNING);
			return -EINTR;
		}
		schedule_until(deadline);
	}
	__set_current_state(TASK_RUNNING);
	return 0;
}

/* A relative sleep goes on to the same end when it is restarted, and says what is left when not. */
static s64 relative_sleep(u64 deadline, u64 rem);

static s64 restart_sleep(struct uthread *u)
{
	return relative_sleep(u->restart_arg[0], u->restart_arg[1]);
}

static s64 relative_sleep(u64 deadline, u64 rem)
{
	struct uthread *u = current_uthread();
	u64 now;

	if (!sleep_until_signal(deadline))
		return 0;
	now = clock_ns();
	if (rem && put_timespec(rem, deadline > now ? deadline - now : 0))
		return -EFAULT;
	u->restart_arg[0] = deadline;
	u->restart_arg[1] = rem;
	u->restart = restart_sleep;
	return -ERESTART_RESTARTBLOCK;
}

SYS(restart_syscall)
{
	struct uthread *u = current_uthread();

	s64 (*restart)(struct uthread * u) = u->restart;

	u->restart = NULL;
	return restart ? restart(u) : -EINTR;
}

static u64 after(u64 ns)
{
	u64 now = clock_ns();

	return ns > UINT64_MAX - now ? UINT64_MAX : now + ns;
}

SYS(nanosleep)
{
	struct linux_timespec ts;
	int err = get_timespec(&ts, a);

	return err ? err : relative_sleep(after(timespec_ns(&ts)), b);
}

/* Until the time of day is there, by whatever way: it may be set meanwhile. */
static s64 sleep_until_wall(u64 wall)
{
	struct wait_queue_entry w = { .node = { &w.node, &w.node } };
	s64 err = 0;

	while (!err && wallclock_ns() < wall) {
		prepare_to_wait(&clock_set_wait, &w, TASK_INTERRUPTIBLE);
		if (wallclock_ns() >= wall)
			break;
		if (signal_pending_state(TASK_INTERRUPTIBLE, current))
			err = -EINTR;
		else
			schedule_until(wall_to_mono(wall));
	}
	finish_wait(&clock_set_wait, &w);
	return err;
}

/* CPU time only passes with ticks: looks as often as they come. */
static s64 sleep_until_cpu(const struct clock *c, u64 time)
{
	u64 now;

	while ((now = clock_read(c)) < time)
		if (sleep_until_signal(clock_ns() + MAX((time - now) / 4, NSEC_PER_SEC / tick_hz)))
			return -EINTR;
	return 0;
}

static s64 sleep_on_cpu_clock(const struct clock *c, bool absolute, u64 time, u64 rem)
{
	u64 end = absolute ? time : clock_read(c) + time, now;

	if (!sleep_until_cpu(c, end))
		return 0;
	now = clock_read(c);
	if (!absolute && rem && put_timespec(rem, end > now ? end - now : 0))
		return -EFAULT;
	return absolute ? -ERESTARTNOHAND : -EINTR;
}

SYS(clock_nanosleep)
{
	struct linux_timespec ts;
	struct clock clock;
	bool absolute = b & TIMER_ABSTIME;
	int err = clock_find((s32)a, &clock);

	if (err)
		return err;
	/* A thread cannot wait for its own time to pass. */
	if (!clock.timers || (s32)a == CLOCK_THREAD_CPUTIME_ID)
		return -EOPNOTSUPP;
	err = get_timespec(&ts, c);
	if (err)
		return err;
	if (clock.kind == CLOCK_KIND_CPU && clock.thread &&
	    (!clock.id || clock.id == current_uthread()->tid))
		return -EINVAL;
	if (clock.kind == CLOCK_KIND_CPU)
		return sleep_on_cpu_clock(&clock, absolute, timespec_ns(&ts), d);
	if (!absolute)
		return relative_sleep(after(timespec_ns(&ts)), d);
	if (clock.kind == CLOCK_KIND_WALL)
		return sleep_until_wall(timespec_ns(&ts)) ? -ERESTARTNOHAND : 0;
	return sleep_until_signal(timespec_ns(&ts)) ? -ERESTARTNOHAND : 0;
}
