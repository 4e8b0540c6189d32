/* SPDX-License-Identifier: MIT */
/* tracee.c - see tracee.h. */
#include "guest/process/tracee.h"
#include "guest/arch/x86/ptrace.h"
#include "guest/process/clone_flags.h"
#include "guest/process/internal.h"
#include "guest/process/syscalls.h"

#define X86_EFLAGS_TF (1UL << 8)

/* ---- stopping ------------------------------------------------------------------------------------------- */

/* The tracer hears of it as of a child. proc_lock held. */
static void tell_tracer(struct process *tracer, int tid, u32 uid, int why, int status)
{
	const struct k_sigaction *sa = &tracer->sighand->action[SIGCHLD - 1];
	struct siginfo info = { .signo = SIGCHLD, .code = why };

	info.chld.pid = tid;
	info.chld.uid = uid;
	info.chld.status = status;
	if (sa->handler != SIG_IGN && !(sa->flags & SA_NOCLDSTOP))
		send_signal_locked(tracer, NULL, SIGCHLD, &info);
	wake_up_all(&tracer->wait_child);
}

/* Sleeps until the tracer goes on; the signal that it passed. proc_lock held with `flags`, released. */
static int stop_locked(struct uthread *u, int code, int why, const struct siginfo *info, u64 flags)
{
	struct tracee *t = u->trace;
	int sig;

	if (!t || u->th->t.fatal_signal_pending) {
		spin_unlock_irqrestore(&proc_lock, flags);
		return 0;
	}
	t->code = code;
	t->has_info = info != NULL;
	if (info)
		t->info = *info;
	t->reported = t->listening = false;
	t->stopped = true;
	u->trace_signal = 0;
	tell_tracer(t->tracer, u->tid, u->vt.cred->uid, why, code & 0x7f);
	set_current_state(TASK_TRACED);
	spin_unlock_irqrestore(&proc_lock, flags);
	schedule();
	flags = spin_lock_irqsave(&proc_lock);
	sig = u->trace_signal;
	u->trace_signal = 0;
	recalc_sigpending(u);
	spin_unlock_irqrestore(&proc_lock, flags);
	return sig;
}

static struct siginfo trap_info(const struct uthread *u, int code)
{
	struct siginfo info = { .signo = code & 0x7f, .code = code };

	info.rt.pid = u->tid;
	info.rt.uid = u->vt.cred->uid;
	return info;
}

/* A stop that has its code in the signal's info, too. */
static int stop(struct uthread *u, int code)
{
	struct siginfo info = trap_info(u, code);

	return stop_locked(u, code, CLD_TRAPPED, &info, spin_lock_irqsave(&proc_lock));
}

int tracee_signal(struct uthread *u, int sig, struct siginfo *info)
{
	u64 flags = spin_lock_irqsave(&proc_lock);
	struct process *tracer;
	int passed;

	if (!u->trace) {
		spin_unlock_irqrestore(&proc_lock, flags);
		return sig;
	}
	tracer = u->trace->tracer;
	u->trace->syscall_op = 0;
	passed = stop_locked(u, sig, CLD_TRAPPED, info, flags);
	flags = spin_lock_irqsave(&proc_lock);
	/* What PTRACE_SETSIGINFO has left. */
	if (u->trace && passed == sig)
		*info = u->trace->info;
	if (passed && passed != sig) {
		*info = (struct siginfo){ .signo = passed, .code = SI_USER };
		info->rt.pid = u->trace ? tracer->tgid : 0;
	}
	/* Blocked meanwhile: waits like any other. */
	if (passed && (u->blocked & sigbit(passed)) && passed != SIGKILL) {
		send_signal_locked(u->proc, u, passed, info);
		passed = 0;
	}
	spin_unlock_irqrestore(&proc_lock, flags);
	return passed;
}

void tracee_job_stop(struct uthread *u, int sig)
{
	u64 flags = spin_lock_irqsave(&proc_lock);
	struct siginfo info = trap_info(u, sig | PTRACE_EVENT_STOP << 8);
	bool seized = u->trace && u->trace->seized;

	if (seized)
		u->trace->message = 0;
	stop_locked(u, seized ? sig | PTRACE_EVENT_STOP << 8 : sig, CLD_STOPPED,
		    seized ? &info : NULL, flags);
}

void tracee_trap_stop(struct uthread *u)
{
	u64 flags = spin_lock_irqsave(&proc_lock);
	const struct process *p = u->proc;
	int sig = p->group_stopped ? p->stop_signal : SIGTRAP, code = sig | PTRACE_EVENT_STOP << 8;
	struct siginfo info = trap_info(u, code);

	if (!u->trace || !u->trace->trap_stop) {
		spin_unlock_irqrestore(&proc_lock, flags);
		return;
	}
	u->trace->trap_stop = false;
	u->trace->message = 0;
	stop_locked(u, code, CLD_TRAPPED, &info, flags);
}

void tracee_event(struct uthread *u, int event, u64 message)
{
	u64 flags = spin_lock_irqsave(&proc_lock);
	struct tracee *t = u->trace;
	int code = SIGTRAP | event << 8;
	struct siginfo info = trap_info(u, code);

	if (!t || !(t->options & 1u << event)) {
		spin_unlock_irqrestore(&proc_lock, flags);
		return;
	}
	t->message = message;
	t->syscall_op = 0;
	stop_locked(u, code, CLD_TRAPPED, &info, flags);
}

void tracee_exec(struct uthread *u, int old_tid)
{
	u64 flags = spin_lock_irqsave(&proc_lock);
	struct process *p = u->proc;
	bool plain = false;

	/* The leader that it has replaced is nobody any more. */
	if (p->leader_trace) {
		list_del(&p->leader_trace->node);
		kfree(&kernel_mm.slab, p->leader_trace);
		p->leader_trace = NULL;
	}
	if (u->trace) {
		u->trace->tid = u->tid;
		plain = !(u->trace->options & 1u << PTRACE_EVENT_EXEC) && !u->trace->seized;
	}
	spin_unlock_irqrestore(&proc_lock, flags);
	if (!u->trace)
		return;
	if (plain) {
		struct siginfo info = { .signo = SIGTRAP, .code = SI_USER };

		info.rt.pid = u->proc->tgid;
		info.rt.uid = u->vt.cred->uid;
		send_signal(u->proc, u, SIGTRAP, &info);
	} else {
		tracee_event(u, PTRACE_EVENT_EXEC, (u64)old_tid);
	}
}

void tracee_handler(struct uthread *u)
{
	if (u->trace && u->trace->mode == TRACEE_STEP)
		stop(u, SIGTRAP);
}

/* ---- system calls -------------------------------------------------------------------------------------- */

/* One of the two stops; the signal that the tracer gives comes as if sent by it. */
static void syscall_stop(struct uthread *u, u8 op)
{
	struct tracee *t = u->trace;
	int sig;

	if (!t || t->mode != TRACEE_SYSCALL)
		return;
	t->syscall_op = op;
	t->message = op;
	sig = stop(u, SIGTRAP | (t->options & PTRACE_O_TRACESYSGOOD ? 0x80 : 0));
	if (sig)
		send_signal(u->proc, u, sig, &(struct siginfo){ .signo = sig, .code = SI_USER });
}

void traced_syscall(struct uthread *u, struct pt_regs *regs)
{
	u64 nr = regs->rax;

	regs->vector = VECTOR_SYSCALL;
	regs->error_code = nr;
	regs->rax = (u64)-ENOSYS;
	syscall_stop(u, 1);
	/* The tracer may have chosen another call, or none (-1) and its result. */
	nr = regs->error_code;
	if (!u->th->t.fatal_signal_pending && (s64)nr >= 0 && regs->vector == VECTOR_SYSCALL) {
		regs->rax = nr;
		syscall_dispatch(regs);
		if (regs->vector == VECTOR_SYSCALL)
			regs->error_code = nr;
	}
	if (u->trace && u->trace->mode == TRACEE_STEP && regs->vector == VECTOR_SYSCALL)
		force_signal(SIGTRAP, TRAP_BRKPT, regs->rip);
	else
		syscall_stop(u, 2);
}

/* ---- beginning and end -------------------------------------------------------------------------------- */

int tracee_clone_prepare(struct uthread *me, u64 flags, u64 exit_signal, struct tracee **out,
			 int *event)
{
	*event = flags & CLONE_VFORK	  ? PTRACE_EVENT_VFORK
		 : exit_signal != SIGCHLD ? PTRACE_EVENT_CLONE
					  : PTRACE_EVENT_FORK;
	*out = NULL;
	if (!me->trace || (flags & CLONE_UNTRACED))
		return 0;
	if (!(me->trace->options & 1u << *event) && !(flags & CLONE_PTRACE))
		return 0;
	*out = kzalloc(&kernel_mm.slab, sizeof(**out), GFP_KERNEL);
	return *out ? 0 : -ENOMEM;
}

void tracee_attach(struct tracee *t, struct uthread *u, struct process *tracer)
{
	t->tracer = tracer;
	t->u = u;
	t->tid = u->tid;
	t->reported = true;
	u->trace = t;
	list_add_tail(&t->node, &tracer->tracees);
}

/* proc_lock held. */
static void wake_traced(struct tracee *t)
{
	t->stopped = t->listening = false;
	wake_up_state(&t->u->th->t, TASK_TRACED);
}

void tracee_resume(struct tracee *t, int mode, int sig)
{
	struct pt_regs *regs = t->u->frame;

	t->mode = mode;
	if (mode == TRACEE_STEP)
		regs->eflags |= X86_EFLAGS_TF;
	else
		regs->eflags &= ~X86_EFLAGS_TF;
	t->u->trace_signal = sig;
	wake_traced(t);
}

void tracee_detach(struct tracee *t, int sig)
{
	struct uthread *u = t->u;

	if (u) {
		u->trace = NULL;
		if (t->stopped) {
			u->frame->eflags &= ~X86_EFLAGS_TF;
			u->trace_signal = sig;
			/* Job control takes over again where it was. */
			if (u->proc->group_stopped) {
				u->must_stop = true;
				WRITE_ONCE(u->th->t.signal_pending, true);
			}
			wake_traced(t);
		}
	}
	list_del(&t->node);
	kfree(&kernel_mm.slab, t);
}

void tracee_continued(struct uthread *u)
{
	struct tracee *t = u->trace;

	if (!t || !t->seized)
		return;
	t->trap_stop = true;
	WRITE_ONCE(u->th->t.signal_pending, true);
	if (t->listening)
		wake_traced(t);
}

void tracee_wake_to_die(struct uthread *u)
{
	struct tracee *t = u->trace;

	if (t && t->stopped && !t->frozen)
		wake_traced(t);
}

/* The tracer may wait for its end. */
static void tracee_ended(struct tracee *t, int status)
{
	t->status = status;
	t->reported = false;
	tell_tracer(t->tracer, t->tid, t->uid, status & 0x7f ? CLD_KILLED : CLD_EXITED,
		    status & 0x7f ? status & 0x7f : status >> 8 & 0xff);
}

void tracee_thread_exit(struct uthread *u, int status)
{
	struct process *p = u->proc;
	struct tracee *t = u->trace;

	u->trace = NULL;
	if (!t)
		return;
	t->u = NULL;
	t->uid = u->vt.cred->uid;
	t->pgid = p->pgid;
	t->stopped = false;
	t->reported = true;
	t->times = thread_times(u);
	/* The leader's end is the process's. */
	if (u->tid == p->tgid)
		p->leader_trace = t;
	else
		tracee_ended(t, p->group_exit ? p->exit_status : status);
}

void tracee_process_exit(struct process *p)
{
	struct tracee *t = p->leader_trace;

	p->leader_trace = NULL;
	if (!t)
		return;
	if (t->tracer == p->real_parent) {
		/* It hears of its child anyway. */
		list_del(&t->node);
		kfree(&kernel_mm.slab, t);
	} else {
		tracee_ended(t, p->exit_status);
	}
}

void tracee_tracer_exit(struct process *tracer)
{
	u64 flags = spin_lock_irqsave(&proc_lock);
	struct tracee *t, *next;

	list_for_each_entry_safe (t, next, &tracer->tracees, node) {
		struct process *p = t->u ? t->u->proc : NULL;
		bool kill = t->options & PTRACE_O_EXITKILL;
		struct process *q;

		/* One that waits for its process's end is that one's, too. */
		for_each_process (q)
			if (q->leader_trace == t)
				q->leader_trace = NULL;
		tracee_detach(t, 0);
		if (p && kill)
			send_signal_locked(p, NULL, SIGKILL, NULL);
	}
	spin_unlock_irqrestore(&proc_lock, flags);
}

/* ---- waiting ----------------------------------------------------------------------------------------------- */

static bool matches(const struct tracee *t, int type, int id)
{
	if (type == P_PID)
		return t->tid == id;
	return type != P_PGID || (t->u ? t->u->proc->pgid : t->pgid) == id;
}

struct tracee *tracee_find_news(struct process *tracer, int type, int id, unsigned options,
				bool *any, struct wait_result *res)
{
	struct tracee *t;

	*any = false;
	list_for_each_entry (t, &tracer->tracees, node) {
		if (!matches(t, type, id))
			continue;
		*any = true;
		if (t->reported || (t->u ? !t->stopped : !(options & WEXITED)))
			continue;
		res->pid = t->tid;
		res->uid = (int)(t->u ? t->u->vt.cred->uid : t->uid);
		if (t->u) {
			res->status = t->code << 8 | 0x7f;
			res->signo_code = CLD_TRAPPED;
			res->times = thread_times(t->u);
		} else {
			res->status = t->status;
			res->signo_code = t->status & 0x7f ? CLD_KILLED : CLD_EXITED;
			res->times = t->times;
		}
		if (!(options & WNOWAIT))
			t->reported = true;
		return t;
	}
	return NULL;
}

void tracee_reap(struct tracee *t)
{
	if (t->u || !t->reported)
		return;
	list_del(&t->node);
	kfree(&kernel_mm.slab, t);
}
