/* SPDX-License-Identifier: MIT */
/*
 * sigframe.c - what the way back to user mode does about signals: default actions, stops, and frames
 * for handlers on the user's stack, laid out as Linux's struct rt_sigframe so that libc's unwinders
 * and handlers find their ucontext.
 */
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/layout.h"
#include "guest/arch/x86/uaccess.h"
#include "guest/kernel/printk.h"
#include "guest/lib/string.h"
#include "guest/process/groups.h"
#include "guest/process/internal.h"
#include "guest/process/tracee.h"

/* struct sigcontext, in the order of Linux's uapi. */
struct sigcontext {
	u64 r8, r9, r10, r11, r12, r13, r14, r15;
	u64 rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, eflags;
	u16 cs, gs, fs, ss;
	u64 err, trapno, oldmask, cr2;
	u64 fpstate;
	u64 reserved[8];
};

struct ucontext {
	u64 flags, link;
	u64 ss_sp;
	s32 ss_flags, ss_pad;
	u64 ss_size;
	struct sigcontext mc;
	u64 sigmask;
};

struct rt_sigframe {
	u64 pretcode;
	struct ucontext uc;
	struct siginfo info;
	/* the FXSAVE image lies above, 64-byte aligned */
};

enum { UC_SIGCONTEXT_SS = 2, UC_STRICT_RESTORE_SS = 4 };

bool on_altstack(const struct uthread *u, u64 sp)
{
	/* One that is put away while a handler runs is never in use. */
	return !(u->altstack.flags & SS_AUTODISARM) && sp > u->altstack.sp &&
	       sp - u->altstack.sp <= u->altstack.size;
}

static void save_context(struct ucontext *uc, const struct uthread *u, const struct pt_regs *r,
			 u64 fpstate)
{
	u64 mask = u->restore_blocked ? u->saved_blocked : u->blocked;

	*uc = (struct ucontext){
		.flags = UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS,
		.ss_sp = u->altstack.sp,
		.ss_size = u->altstack.size,
		.ss_flags = (s32)(u->altstack.flags | (!u->altstack.size	? SS_DISABLE
						       : on_altstack(u, r->rsp) ? SS_ONSTACK
										: 0)),
		.mc = { r->r8,	r->r9,	   r->r10,	  r->r11,
			r->r12, r->r13,	   r->r14,	  r->r15,
			r->rdi, r->rsi,	   r->rbp,	  r->rbx,
			r->rdx, r->rax,	   r->rcx,	  r->rsp,
			r->rip, r->eflags, USER_CS,	  0,
			0,	USER_DS,   r->error_code, r->vector < 32 ? r->vector : 0,
			mask,	0,	   fpstate,	  { 0 } },
		.sigmask = mask,
	};
}

/* Where the frame goes; 0: nowhere. */
static u64 frame_place(const struct uthread *u, const struct pt_regs *r,
		       const struct k_sigaction *sa, u64 *fp)
{
	u64 sp = r->rsp - 128; /* the red zone, psABI 3.2.2 */
	bool on_alt = on_altstack(u, r->rsp);

	if ((sa->flags & SA_ONSTACK) && u->altstack.size && !on_alt)
		sp = u->altstack.sp + u->altstack.size;
	*fp = (sp - sizeof(u->regs.fpu)) & ~63UL;
	/* As after a call: 8 below a multiple of 16. */
	sp = ((*fp - sizeof(struct rt_sigframe)) & ~15UL) - 8;
	if (on_alt && !on_altstack(u, sp))
		return 0;
	return sp;
}

static bool setup_frame(struct uthread *u, struct pt_regs *r, const struct k_sigaction *sa, int sig,
			const struct siginfo *info)
{
	struct rt_sigframe frame = { .pretcode = sa->restorer, .info = *info };
	u64 fp, sp = frame_place(u, r, sa, &fp), flags;

	if (!sp || !(sa->flags & SA_RESTORER))
		return false;
	/* A handler returns to where a sequence that it broke off goes on. */
	if (unlikely(u->rseq.addr))
		rseq_resume(u, r);
	flags = local_irq_save();
	user_state_save(&u->regs);
	local_irq_restore(flags);
	save_context(&frame.uc, u, r, fp);
	if (copy_to_user(fp, u->regs.fpu, sizeof(u->regs.fpu)) ||
	    copy_to_user(sp, &frame, sizeof(frame)))
		return false;
	if (u->altstack.flags & SS_AUTODISARM)
		u->altstack = (struct sigaltstack_state){ 0 };
	r->rdi = (u64)sig;
	r->rsi = sp + offsetof(struct rt_sigframe, info);
	r->rdx = sp + offsetof(struct rt_sigframe, uc);
	r->rax = 0;
	r->rip = sa->handler;
	r->rsp = sp;
	r->eflags &= ~(u64)(1u << 10 | 1u << 8 | 1u << 16); /* DF, TF, RF */
	/* Anything may be a handler's address: the fault is the program's. */
	if (!is_canonical_user(r->rip))
		r->rip = USER_TASK_SIZE;
	return true;
}

s64 do_sigreturn(struct pt_regs *r)
{
	struct uthread *u = current_uthread();
	u64 sp = r->rsp - 8, flags;
	struct rt_sigframe frame;
	const struct sigcontext *c = &frame.uc.mc;
	struct user_state state;

	if (copy_from_user(&frame, sp, sizeof(frame)) ||
	    (c->fpstate && copy_from_user(state.fpu, c->fpstate, sizeof(state.fpu)))) {
		force_signal(SIGSEGV, SI_KERNEL, 0);
		return 0;
	}
	*r = (struct pt_regs){
		.r8 = c->r8,
		.r9 = c->r9,
		.r10 = c->r10,
		.r11 = c->r11,
		.r12 = c->r12,
		.r13 = c->r13,
		.r14 = c->r14,
		.r15 = c->r15,
		.rdi = c->rdi,
		.rsi = c->rsi,
		.rbp = c->rbp,
		.rbx = c->rbx,
		.rdx = c->rdx,
		.rax = c->rax,
		.rcx = c->rcx,
		.rsp = c->rsp,
		.vector = 0,
		.rip = is_canonical_user(c->rip) ? c->rip : USER_TASK_SIZE,
		.eflags = (c->eflags & USER_EFLAGS_MASK) | X86_EFLAGS_IF | 2,
		.cs = USER_CS,
		.ss = USER_DS,
	};
	if (c->fpstate) {
		/* MXCSR has bits that must not be set; the others are the user's own business. */
		u32 mxcsr;

		memcpy(&mxcsr, state.fpu + 24, sizeof(mxcsr));
		mxcsr &= 0xffff;
		memcpy(state.fpu + 24, &mxcsr, sizeof(mxcsr));
		flags = local_irq_save();
		memcpy(u->regs.fpu, state.fpu, sizeof(state.fpu));
		user_state_load(&u->regs);
		local_irq_restore(flags);
	}
	if (!on_altstack(u, r->rsp)) {
		u->altstack.sp = frame.uc.ss_sp;
		u->altstack.size = frame.uc.ss_flags & SS_DISABLE ? 0 : frame.uc.ss_size;
		u->altstack.flags = (u32)frame.uc.ss_flags & SS_AUTODISARM;
	}
	set_blocked(u, frame.uc.sigmask);
	return (s64)r->rax;
}

/* ---- default actions -------------------------------------------------------------------------------------------- */

void group_stop_complete(struct process *p)
{
	if (!p->nr_stopped || p->nr_stopped < p->nr_live || p->group_stopped || p->group_exit)
		return;
	p->group_stopped = true;
	p->stop_reported = p->continued = false;
	notify_parent(p, CLD_STOPPED, p->stop_signal);
}

/* Sleeps until SIGCONT or death; the last thread to get here tells the parent. */
static void stop_here(struct uthread *u)
{
	struct process *p = u->proc;
	u64 flags = spin_lock_irqsave(&proc_lock);

	if (!u->must_stop || p->group_exit) {
		u->must_stop = false;
		recalc_sigpending(u);
		spin_unlock_irqrestore(&proc_lock, flags);
		return;
	}
	p->nr_stopped++;
	group_stop_complete(p);
	u->must_stop = u->must_stop && !u->trace;
	if (u->trace) {
		int sig = p->stop_signal;

		spin_unlock_irqrestore(&proc_lock, flags);
		tracee_job_stop(u, sig);
	} else {
		u->stopped = true;
		set_current_state(TASK_STOPPED);
		spin_unlock_irqrestore(&proc_lock, flags);
		schedule();
	}
	flags = spin_lock_irqsave(&proc_lock);
	u->stopped = false;
	p->nr_stopped--;
	recalc_sigpending(u);
	spin_unlock_irqrestore(&proc_lock, flags);
}

/* proc_lock held. */
static void start_group_stop(struct process *p, int sig)
{
	struct uthread *u;

	p->stop_signal = sig;
	for_each_thread (p, u) {
		if (u->exiting)
			continue;
		u->must_stop = true;
		WRITE_ONCE(u->th->t.signal_pending, true);
		if (!wake_up_state(&u->th->t, TASK_INTERRUPTIBLE))
			kick_task(&u->th->t);
	}
}

/* What SIG_DFL means. proc_lock held; true: the process dies of it. */
static bool default_action(struct process *p, int sig)
{
	const u64 stops = sigbit(SIGSTOP) | sigbit(SIGTSTP) | sigbit(SIGTTIN) | sigbit(SIGTTOU);

	if (sig_ignored(p, sig) || (p == init_process && sig != SIGSEGV && sig != SIGBUS &&
				    sig != SIGILL && sig != SIGFPE && sig != SIGTRAP))
		return false;
	if (!(sigbit(sig) & stops))
		return true;
	/* Nobody could continue it. */
	if (sig == SIGSTOP || !group_is_orphaned(p->pgid, NULL))
		start_group_stop(p, sig);
	return false;
}

static void report_death(const struct uthread *u, int sig, const struct siginfo *info,
			 const struct pt_regs *r)
{
	if (!(sigbit(sig) & (sigbit(SIGSEGV) | sigbit(SIGBUS) | sigbit(SIGILL) | sigbit(SIGFPE))) ||
	    info->code <= 0)
		return;
	pr_info("%s[%d]: signal %d, code %d, at ip %lx sp %lx address %lx", u->th->t.comm, u->tid,
		sig, info->code, r->rip, r->rsp, info->fault.addr);
}

/* The next signal that has a handler, which is copied out; 0: none. Does not return if one kills. */
static int next_handled(struct uthread *u, const struct pt_regs *r, struct siginfo *info,
			struct k_sigaction *out)
{
	struct process *p = u->proc;

	for (;;) {
		u64 flags;
		bool dies;
		int sig;

		if (u->must_stop)
			stop_here(u);
		if (u->trace && u->trace->trap_stop)
			tracee_trap_stop(u);
		flags = spin_lock_irqsave(&proc_lock);
		if (p->group_exit) {
			spin_unlock_irqrestore(&proc_lock, flags);
			do_group_exit(p->exit_status);
		}
		if (p->execing && p->execing != u) {
			spin_unlock_irqrestore(&proc_lock, flags);
			do_exit(0);
		}
		sig = dequeue_signal(u, u->blocked, info);
		if (!sig) {
			spin_unlock_irqrestore(&proc_lock, flags);
			return 0;
		}
		if (u->trace && sig != SIGKILL) {
			spin_unlock_irqrestore(&proc_lock, flags);
			sig = tracee_signal(u, sig, info);
			if (!sig)
				continue;
			flags = spin_lock_irqsave(&proc_lock);
		}
		*out = p->sighand->action[sig - 1];
		if (out->handler > SIG_IGN) {
			if (out->flags & SA_RESETHAND)
				p->sighand->action[sig - 1].handler = SIG_DFL;
			spin_unlock_irqrestore(&proc_lock, flags);
			return sig;
		}
		dies = sig == SIGKILL || (out->handler == SIG_DFL && default_action(p, sig));
		spin_unlock_irqrestore(&proc_lock, flags);
		if (dies) {
			report_death(u, sig, info, r);
			do_group_exit(sig);
		}
	}
}

/* A call that a signal cut short: begun again, or -EINTR. has_handler: one will run now. */
static void fix_interrupted_call(struct pt_regs *r, bool has_handler, u64 sa_flags)
{
	s64 ret = (s64)r->rax;
	bool again;

	if (r->vector != VECTOR_SYSCALL || ret > -ERESTARTSYS || ret < -ERESTART_RESTARTBLOCK)
		return;
	switch (-ret) {
	case ERESTARTNOINTR:
		again = true;
		break;
	case ERESTARTSYS:
		again = !has_handler || (sa_flags & SA_RESTART);
		break;
	case ERESTARTNOHAND:
	case ERESTART_RESTARTBLOCK:
		again = !has_handler;
		break;
	default:
		return;
	}
	if (!again) {
		r->rax = (u64)-EINTR;
		return;
	}
	/* The instruction is two bytes long; its number was kept in error_code. */
	r->rax = -ret == ERESTART_RESTARTBLOCK ? 219 : r->error_code;
	r->rip -= 2;
	r->rcx = r->rip;
}

void do_signal(struct pt_regs *r)
{
	struct uthread *u = current_uthread();
	struct k_sigaction sa = { 0 };
	struct siginfo info;
	int sig = next_handled(u, r, &info, &sa);
	u64 mask;

	fix_interrupted_call(r, sig != 0, sa.flags);
	r->vector = r->vector == VECTOR_SYSCALL ? 0 : r->vector;
	if (!sig) {
		if (u->restore_blocked) {
			u->restore_blocked = false;
			set_blocked(u, u->saved_blocked);
		}
		return;
	}
	if (!setup_frame(u, r, &sa, sig, &info)) {
		u64 flags = spin_lock_irqsave(&proc_lock);

		/* No stack to run the handler on, not even for this. */
		u->proc->sighand->action[SIGSEGV - 1].handler = SIG_DFL;
		spin_unlock_irqrestore(&proc_lock, flags);
		force_signal(SIGSEGV, SI_KERNEL, 0);
		return;
	}
	u->restore_blocked = false;
	mask = u->blocked | sa.mask;
	set_blocked(u, sa.flags & SA_NODEFER ? mask : mask | sigbit(sig));
	tracee_handler(u);
}
