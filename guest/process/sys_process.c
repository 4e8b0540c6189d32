/* SPDX-License-Identifier: MIT */
/* sys_process.c - system calls about processes and threads: birth, end, waiting, names, limits. */
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/smp.h"
#include "guest/kernel/printk.h"
#include "guest/kernel/time.h"
#include "guest/kernel/wallclock.h"
#include "guest/lib/string.h"
#include "guest/process/clone_flags.h"
#include "guest/process/futex.h"
#include "guest/process/groups.h"
#include "guest/process/pidfd.h"
#include "guest/process/sys_util.h"

/* ---- birth --------------------------------------------------------------------------------------------------- */

SYS(fork)
{
	return do_clone(&(struct clone_args){ .exit_signal = SIGCHLD });
}

SYS(vfork)
{
	return do_clone(
		&(struct clone_args){ .flags = CLONE_VFORK | CLONE_VM, .exit_signal = SIGCHLD });
}

SYS(clone)
{
	/* On x86-64: flags, stack, parent tid, child tid, TLS. */
	/* The pidfd goes where the parent's copy of the tid would. */
	if ((a & CLONE_PIDFD) && (a & CLONE_PARENT_SETTID))
		return -EINVAL;
	return do_clone(&(struct clone_args){ .flags = a & ~0xffUL & UINT32_MAX,
					      .pidfd = c,
					      .exit_signal = a & 0xff,
					      .stack = b,
					      .parent_tid = c,
					      .child_tid = d,
					      .tls = e });
}

/* struct clone_args of linux/sched.h, first version. */
SYS(clone3)
{
	u64 v[11] = { 0 }, extra;

	if (b < 64 || b > PAGE_SIZE)
		return b > PAGE_SIZE ? -E2BIG : -EINVAL;
	if (copy_from_user(v, a, MIN(b, sizeof(v))))
		return -EFAULT;
	/* A longer one of the future is fine while its new part is zero. */
	for (u64 at = sizeof(v); at < b; at += 8)
		if (get_user_u64(&extra, a + at) || extra)
			return -E2BIG;
	if ((v[0] & 0xff) || v[4] > NSIG || (!v[5] != !v[6]) || v[8] || v[9] || v[10])
		return -EINVAL;
	if ((v[0] & CLONE_DETACHED) || ((v[0] & (CLONE_THREAD | CLONE_PARENT)) && v[4]))
		return -EINVAL;
	return do_clone(&(struct clone_args){ .flags = v[0],
					      .pidfd = v[1],
					      .child_tid = v[2],
					      .parent_tid = v[3],
					      .exit_signal = v[4],
					      .stack = v[5] ? v[5] + v[6] : 0,
					      .tls = v[7] });
}

SYS(set_tid_address)
{
	current_uthread()->clear_child_tid = a;
	return current_uthread()->tid;
}

SYS(set_robust_list)
{
	if (b != 24)
		return -EINVAL;
	current_uthread()->robust_list = a;
	return 0;
}

SYS(get_robust_list)
{
	u64 flags, head = 0;
	struct uthread *u;

	flags = spin_lock_irqsave(&proc_lock);
	u = a ? find_uthread((int)a) : current_uthread();
	if (u)
		head = u->robust_list;
	spin_unlock_irqrestore(&proc_lock, flags);
	if (!u)
		return -ESRCH;
	return put_user_u64(b, head) || put_user_u64(c, 24) ? -EFAULT : 0;
}

SYS(rseq)
{
	return do_rseq(a, (u32)b, (u32)c, (u32)d);
}

/* ---- end ------------------------------------------------------------------------------------------------------ */

SYS(exit)
{
	do_exit((int)(a & 0xff) << 8);
}

SYS(exit_group)
{
	do_group_exit((int)(a & 0xff) << 8);
}

/* struct rusage. */
static void fill_rusage(const struct rusage_times *t, u64 out[18])
{
	memset(out, 0, 18 * sizeof(u64));
	out[0] = t->utime / NSEC_PER_SEC;
	out[1] = t->utime % NSEC_PER_SEC / 1000;
	out[2] = t->stime / NSEC_PER_SEC;
	out[3] = t->stime % NSEC_PER_SEC / 1000;
	out[4] = t->maxrss << (PAGE_SHIFT - 10);
	out[8] = t->min_flt;
	out[9] = t->maj_flt;
	out[16] = t->nvcsw;
	out[17] = t->nivcsw;
}

static int put_rusage(u64 user, const struct rusage_times *t)
{
	u64 out[18];

	if (!user)
		return 0;
	fill_rusage(t, out);
	return copy_to_user(user, out, sizeof(out)) ? -EFAULT : 0;
}

SYS(wait4)
{
	struct wait_result res;
	int pid = (int)a, type = pid == -1 ? P_ALL : pid > 0 ? P_PID : P_PGID;
	int id = pid > 0 ? pid : pid == 0 ? current_process()->pgid : -pid;
	s64 ret;

	if (c & ~0xe0000003UL & ~(u64)WCONTINUED)
		return -EINVAL;
	if (pid == INT32_MIN)
		return -ESRCH;
	ret = do_wait(type, id, (unsigned)c | WEXITED, &res);
	if (ret <= 0)
		return ret;
	if (b && put_user_u32(b, (u32)res.status))
		return -EFAULT;
	return put_rusage(d, &res.times) ? -EFAULT : ret;
}

SYS(waitid)
{
	struct wait_result res = { 0 };
	struct siginfo info = { 0 };
	bool nonblock = false;
	struct process *p;
	s64 ret;

	if ((d & ~(0xe0000000UL | WNOHANG | WSTOPPED | WEXITED | WCONTINUED | WNOWAIT)) ||
	    !(d & (WEXITED | WSTOPPED | WCONTINUED)) || a > P_PIDFD ||
	    (a == P_PID && (s32)b <= 0) || ((a == P_PGID || a == P_PIDFD) && (s32)b < 0))
		return -EINVAL;
	if (a == P_PGID && !b)
		b = (u64)current_process()->pgid;
	if (a == P_PIDFD) {
		ret = pidfd_process((int)b, &p, &nonblock);
		if (ret)
			return ret;
		b = (u64)p->tgid;
		put_process(p);
	}
	ret = do_wait(a == P_PIDFD ? P_PID : (int)a, (int)b, (unsigned)d | (nonblock ? WNOHANG : 0),
		      &res);
	/* A pidfd that does not block says so in its own way. */
	if (!ret && nonblock && !(d & WNOHANG))
		return -EAGAIN;
	if (ret < 0)
		return ret;
	if (ret > 0) {
		info.signo = SIGCHLD;
		info.code = res.signo_code;
		info.chld.pid = res.pid;
		info.chld.uid = (u32)res.uid;
		info.chld.status = res.signo_code == CLD_EXITED || res.signo_code == CLD_STOPPED
					   ? res.status >> 8 & 0xff
				   : res.signo_code == CLD_TRAPPED   ? res.status >> 8
				   : res.signo_code == CLD_CONTINUED ? SIGCONT
								     : res.status & 0x7f;
	}
	if (c && copy_to_user(c, &info, sizeof(info)))
		return -EFAULT;
	return ret > 0 && put_rusage(e, &res.times) ? -EFAULT : 0;
}

SYS(getrusage)
{
	struct process *p = current_process();
	u64 flags = spin_lock_irqsave(&proc_lock);
	struct rusage_times t = (s32)a == 0    ? process_times(p)
				: (s32)a == -1 ? p->children_times
					       : thread_times(current_uthread());

	spin_unlock_irqrestore(&proc_lock, flags);
	if ((s32)a < -1 || (s32)a > 1)
		return -EINVAL;
	return b ? put_rusage(b, &t) : -EFAULT;
}

/* ---- who is who --------------------------------------------------------------------------------------------------- */

SYS(getpid)
{
	return current_process()->tgid;
}

SYS(gettid)
{
	return current_uthread()->tid;
}

SYS(getppid)
{
	u64 flags = spin_lock_irqsave(&proc_lock);
	const struct process *parent = current_process()->real_parent;
	s64 ret = parent == current_process() ? 0 : parent->tgid;

	spin_unlock_irqrestore(&proc_lock, flags);
	return ret;
}

static s64 of_process(int pid, bool session)
{
	u64 flags = spin_lock_irqsave(&proc_lock);
	const struct process *p = pid ? find_process(pid) : current_process();
	s64 ret = !p ? -ESRCH : session ? p->sid : p->pgid;

	spin_unlock_irqrestore(&proc_lock, flags);
	return ret;
}

SYS(getpgid)
{
	return of_process((int)a, false);
}

SYS(getpgrp)
{
	return of_process(0, false);
}

SYS(getsid)
{
	return of_process((int)a, true);
}

SYS(setpgid)
{
	return do_setpgid((int)a, (int)b);
}

SYS(setsid)
{
	return do_setsid();
}

/* ---- limits ---------------------------------------------------------------------------------------------------------- */

static s64 change_limit(struct process *p, unsigned which, const u64 *lim)
{
	if (lim[0] > lim[1])
		return -EINVAL;
	if (lim[1] > p->rlimit_max[which] && !cred_capable(vt()->cred, CAP_SYS_RESOURCE))
		return -EPERM;
	if (which == RLIMIT_NOFILE && lim[1] > kernel_vfs.nr_open)
		return -EPERM;
	p->rlimit[which] = lim[0];
	p->rlimit_max[which] = lim[1];
	if (p == current_process())
		mm_set_limits(current_uthread()->mm, p);
	return 0;
}

static s64 prlimit(int pid, u64 which, u64 new_user, u64 old_user)
{
	u64 lim[2], old[2], flags;
	struct process *p;
	s64 err = 0;

	if (which >= RLIM_NLIMITS)
		return -EINVAL;
	if (new_user && copy_from_user(lim, new_user, sizeof(lim)))
		return -EFAULT;
	flags = spin_lock_irqsave(&proc_lock);
	p = pid ? find_process(pid) : current_process();
	if (!p) {
		err = -ESRCH;
	} else if (p != current_process() && p->uid != vt()->cred->uid &&
		   !cred_capable(vt()->cred, CAP_SYS_RESOURCE)) {
		err = -EPERM;
	} else {
		old[0] = p->rlimit[which];
		old[1] = p->rlimit_max[which];
		if (new_user)
			err = change_limit(p, (unsigned)which, lim);
	}
	spin_unlock_irqrestore(&proc_lock, flags);
	return err ? err : old_user && copy_to_user(old_user, old, sizeof(old)) ? -EFAULT : 0;
}

SYS(prlimit64)
{
	return prlimit((int)a, b, c, d);
}

SYS(getrlimit)
{
	return prlimit(0, a, 0, b ? b : UINT64_MAX);
}

SYS(setrlimit)
{
	return prlimit(0, a, b ? b : UINT64_MAX, 0);
}

void mm_set_limits(struct mm_struct *mm, const struct process *p)
{
	mm->limits = (struct mm_limits){
		.as = p->rlimit[RLIMIT_AS],
		.data = p->rlimit[RLIMIT_DATA],
		.stack = p->rlimit[RLIMIT_STACK],
		.memlock = p->rlimit[RLIMIT_MEMLOCK],
	};
}

/* ---- odds and ends ------------------------------------------------------------------------------------------------------- */

enum { ARCH_SET_GS = 0x1001, ARCH_SET_FS, ARCH_GET_FS, ARCH_GET_GS };

SYS(arch_prctl)
{
	struct uthread *u = current_uthread();
	u64 flags;

	switch (a) {
	case ARCH_SET_FS:
	case ARCH_SET_GS:
		if (b >= USER_TASK_SIZE)
			return -EPERM;
		flags = local_irq_save();
		if (a == ARCH_SET_FS) {
			u->regs.fs_base = b;
			wrmsr(MSR_FS_BASE, b);
		} else {
			u->regs.gs_base = b;
			wrmsr(MSR_KERNEL_GS_BASE, b);
		}
		local_irq_restore(flags);
		return 0;
	case ARCH_GET_FS:
		return put_user_u64(b, u->regs.fs_base);
	case ARCH_GET_GS:
		return put_user_u64(b, u->regs.gs_base);
	default:
		return -EINVAL;
	}
}

SYS(getcpu)
{
	unsigned cpu = smp_processor_id();

	if (a && put_user_u32(a, cpu))
		return -EFAULT;
	return b && put_user_u32(b, 0) ? -EFAULT : 0;
}

SYS(futex)
{
	u64 op = b & 0x7f, deadline = UINT64_MAX, now;
	struct linux_timespec ts;
	int err;

	/* The fourth argument is a time only where the call waits. */
	if (d && (op == 0 || op == 6 || op == 9 || op == 11 || op == 13)) {
		err = get_timespec(&ts, d);
		if (err)
			return err;
		now = clock_ns();
		deadline = timespec_ns(&ts);
		/* FUTEX_WAIT's is relative; FUTEX_LOCK_PI's always by the time of day. */
		if (op == 0)
			deadline += now;
		else if ((b & 256) || op == 6)
			deadline = wall_to_mono(deadline);
	}
	return do_futex(a, (int)b, (u32)c, deadline, e, (u32)d, (u32)f);
}
