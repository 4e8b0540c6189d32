/* SPDX-License-Identifier: MIT */
/* sys_signal.c - system calls about signals. */
#include "guest/kernel/time.h"
#include "guest/lib/string.h"
#include "guest/process/sys_util.h"

/* What a program asks for beyond them was not done: it can look. */
#define SA_KNOWN_FLAGS 0xdc000807UL

SYS(rt_sigaction)
{
	struct process *p = current_process();
	struct k_sigaction sa, old;
	int sig = (int)a;
	struct uthread *u;
	u64 flags;

	if (d != sizeof(u64) || sig < 1 || sig > NSIG)
		return -EINVAL;
	if (b && (sig == SIGKILL || sig == SIGSTOP))
		return -EINVAL;
	if (b && copy_from_user(&sa, b, sizeof(sa)))
		return -EFAULT;
	flags = spin_lock_irqsave(&proc_lock);
	old = p->sighand->action[sig - 1];
	if (b) {
		sa.mask &= ~SIG_UNBLOCKABLE;
		sa.flags &= SA_KNOWN_FLAGS;
		p->sighand->action[sig - 1] = sa;
		/* POSIX 3.3.1.3: what is pending and now ignored is dropped. */
		if (sig_ignored(p, sig)) {
			drop_pending(&p->shared_pending, sig);
			for_each_thread (p, u)
				drop_pending(&u->pending, sig);
		}
	}
	spin_unlock_irqrestore(&proc_lock, flags);
	return c && copy_to_user(c, &old, sizeof(old)) ? -EFAULT : 0;
}

enum { SIG_BLOCK, SIG_UNBLOCK, SIG_SETMASK };

SYS(rt_sigprocmask)
{
	struct uthread *u = current_uthread();
	u64 old = u->blocked, set;

	if (d != sizeof(u64))
		return -EINVAL;
	if (b) {
		if (get_user_u64(&set, b))
			return -EFAULT;
		if (a > SIG_SETMASK)
			return -EINVAL;
		set_blocked(u, a == SIG_BLOCK ? old | set : a == SIG_UNBLOCK ? old & ~set : set);
	}
	return c ? put_user_u64(c, old) : 0;
}

SYS(rt_sigpending)
{
	struct uthread *u = current_uthread();
	u64 set = (u->pending.set | u->proc->shared_pending.set) & u->blocked;

	if (b > sizeof(set))
		return -EINVAL;
	return copy_to_user(a, &set, b) ? -EFAULT : 0;
}

SYS(rt_sigreturn)
{
	return do_sigreturn(current_uthread()->frame);
}

static s64 wait_for_signal(void)
{
	while (!READ_ONCE(current->signal_pending)) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (!READ_ONCE(current->signal_pending))
			schedule();
	}
	__set_current_state(TASK_RUNNING);
	return -ERESTARTNOHAND;
}

SYS(rt_sigsuspend)
{
	struct uthread *u = current_uthread();
	u64 set;
	s64 err = get_sigset(&set, a, b);

	if (err)
		return err;
	u->saved_blocked = u->blocked;
	u->restore_blocked = true;
	set_blocked(u, set);
	return wait_for_signal();
}

SYS(pause)
{
	return wait_for_signal();
}

SYS(rt_sigtimedwait)
{
	struct uthread *u = current_uthread();
	u64 set, old = u->blocked, deadline = UINT64_MAX, flags;
	struct linux_timespec ts;
	struct siginfo info;
	s64 err = get_sigset(&set, a, d);
	int sig;

	if (!err && c) {
		err = get_timespec(&ts, c);
		deadline = err ? 0 : clock_ns() + timespec_ns(&ts);
	}
	if (err)
		return err;
	set &= ~SIG_UNBLOCKABLE;
	/* Awaited signals must wake us, so they are not blocked while we sleep. */
	for (;;) {
		flags = spin_lock_irqsave(&proc_lock);
		sig = dequeue_signal(u, ~set, &info);
		spin_unlock_irqrestore(&proc_lock, flags);
		if (sig || clock_ns() >= deadline)
			break;
		u->real_blocked = old;
		set_blocked(u, old & ~set);
		set_current_state(TASK_INTERRUPTIBLE);
		if (!READ_ONCE(current->signal_pending))
			schedule_until(deadline);
		__set_current_state(TASK_RUNNING);
		err = READ_ONCE(current->signal_pending);
		set_blocked(u, old);
		u->real_blocked = 0;
		flags = spin_lock_irqsave(&proc_lock);
		sig = dequeue_signal(u, ~set, &info);
		spin_unlock_irqrestore(&proc_lock, flags);
		if (sig)
			break;
		if (err)
			return -EINTR;
	}
	if (!sig)
		return -EAGAIN;
	return b && copy_to_user(b, &info, sizeof(info)) ? -EFAULT : sig;
}

static struct siginfo from_user(int sig, int code)
{
	struct siginfo info = { .signo = sig, .code = code };

	info.rt.pid = current_process()->tgid;
	info.rt.uid = current_uthread()->vt.cred->uid;
	return info;
}

SYS(kill)
{
	struct siginfo info = from_user((int)b, SI_USER);

	return do_kill((int)a, (int)b, &info);
}

SYS(tkill)
{
	struct siginfo info = from_user((int)b, SI_TKILL);

	return do_tgkill(-1, (int)a, (int)b, &info);
}

SYS(tgkill)
{
	struct siginfo info = from_user((int)c, SI_TKILL);

	if ((s32)a <= 0)
		return -EINVAL;
	return do_tgkill((int)a, (int)b, (int)c, &info);
}

SYS(rt_sigqueueinfo)
{
	struct siginfo info;

	if (copy_from_user(&info, c, sizeof(info)))
		return -EFAULT;
	/* Nobody pretends to be the kernel, or kill(). */
	if ((info.code >= 0 || info.code == SI_TKILL) && (int)a != current_process()->tgid)
		return -EPERM;
	info.signo = (int)b;
	return do_kill((int)a, (int)b, &info);
}

SYS(rt_tgsigqueueinfo)
{
	struct siginfo info;

	if (copy_from_user(&info, d, sizeof(info)))
		return -EFAULT;
	if ((s32)a <= 0 || (s32)b <= 0)
		return -EINVAL;
	if ((info.code >= 0 || info.code == SI_TKILL) && (int)b != current_uthread()->tid)
		return -EPERM;
	info.signo = (int)c;
	return do_tgkill((int)a, (int)b, (int)c, &info);
}

enum { MINSIGSTKSZ = 2048 };

SYS(sigaltstack)
{
	struct uthread *u = current_uthread();
	struct {
		u64 sp;
		s32 flags, pad;
		u64 size;
	} st, old = { u->altstack.sp, 0, 0, u->altstack.size };
	bool inside = on_altstack(u, u->frame->rsp);
	s32 mode;

	old.flags = !u->altstack.size ? SS_DISABLE : inside ? SS_ONSTACK : 0;
	old.flags |= (s32)u->altstack.flags;
	if (a) {
		if (copy_from_user(&st, a, sizeof(st)))
			return -EFAULT;
		if (inside)
			return -EPERM;
		mode = st.flags & ~(s32)SS_AUTODISARM;
		if (mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0)
			return -EINVAL;
		if (mode != SS_DISABLE && st.size < MINSIGSTKSZ)
			return -ENOMEM;
		u->altstack.sp = mode == SS_DISABLE ? 0 : st.sp;
		u->altstack.size = mode == SS_DISABLE ? 0 : st.size;
		u->altstack.flags = (u32)st.flags & SS_AUTODISARM;
	}
	return b && copy_to_user(b, &old, sizeof(old)) ? -EFAULT : 0;
}
