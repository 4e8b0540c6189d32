/* SPDX-License-Identifier: MIT */
/* sys_time.c - system calls about time. */
#include "guest/kernel/time.h"
#include "guest/kernel/wallclock.h"
#include "guest/process/sys_util.h"

enum {
	CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID,
	CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME,
};
#define TIMER_ABSTIME 1
#define USER_HZ	      100

int get_timespec(struct linux_timespec *ts, u64 user)
{
	if (copy_from_user(ts, user, sizeof(*ts)))
		return -EFAULT;
	return ts->tv_sec < 0 || ts->tv_nsec < 0 || ts->tv_nsec >= (s64)NSEC_PER_SEC ? -EINVAL : 0;
}

int put_timespec(u64 user, u64 ns)
{
	struct linux_timespec ts = { (s64)(ns / NSEC_PER_SEC), (s64)(ns % NSEC_PER_SEC) };

	return copy_to_user(user, &ts, sizeof(ts)) ? -EFAULT : 0;
}

static u64 cpu_time(bool whole_process)
{
	u64 flags = spin_lock_irqsave(&proc_lock);
	struct rusage_times t = whole_process ? process_times(current_process())
					      : thread_times(current_uthread());

	spin_unlock_irqrestore(&proc_lock, flags);
	return t.utime + t.stime;
}

/* -EINVAL: no such clock. */
static int read_clock(u64 id, u64 *ns)
{
	switch (id) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
		*ns = wallclock_ns();
		return 0;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME:
		*ns = clock_ns();
		return 0;
	case CLOCK_PROCESS_CPUTIME_ID:
	case CLOCK_THREAD_CPUTIME_ID:
		*ns = cpu_time(id == CLOCK_PROCESS_CPUTIME_ID);
		return 0;
	default:
		return -EINVAL;
	}
}

SYS(clock_gettime)
{
	u64 ns;
	int err = read_clock(a, &ns);

	return err ? err : put_timespec(b, ns);
}

SYS(clock_getres)
{
	u64 ns;
	int err = read_clock(a, &ns);

	if (err || !b)
		return err;
	return put_timespec(b, a == CLOCK_REALTIME_COARSE || a == CLOCK_MONOTONIC_COARSE
				       ? NSEC_PER_SEC / tick_hz
				       : 1);
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
	u->restart = true;
	return -ERESTART_RESTARTBLOCK;
}

SYS(restart_syscall)
{
	struct uthread *u = current_uthread();

	if (!u->restart)
		return -EINTR;
	u->restart = false;
	return relative_sleep(u->restart_arg[0], u->restart_arg[1]);
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

SYS(clock_nanosleep)
{
	struct linux_timespec ts;
	u64 now;
	int err = get_timespec(&ts, c);

	if (a == CLOCK_THREAD_CPUTIME_ID)
		return -EINVAL;
	if (err || read_clock(a, &now))
		return err ? err : -EINVAL;
	if (!(b & TIMER_ABSTIME))
		return relative_sleep(after(timespec_ns(&ts)), d);
	if (timespec_ns(&ts) <= now)
		return 0;
	return sleep_until_signal(after(timespec_ns(&ts) - now)) ? -ERESTARTNOHAND : 0;
}
