/* SPDX-License-Identifier: MIT */
/* fork.c - new threads and processes, clone(2). */
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/layout.h"
#include "guest/arch/x86/mmu.h"
#include "guest/arch/x86/uaccess.h"
#include "guest/arch/x86/user_traps.h"
#include "guest/kernel/kthread.h"
#include "guest/kernel/preempt.h"
#include "guest/lib/string.h"
#include "guest/process/clone_flags.h"
#include "guest/process/futex.h"
#include "guest/process/internal.h"
#include "guest/process/pidfd.h"
#include "guest/process/tick.h"
#include "guest/process/tracee.h"

static int check_flags(const struct clone_args *a)
{
	u64 f = a->flags;

	if (f & ~CLONE_SUPPORTED)
		return -EINVAL;
	if (((f & CLONE_SIGHAND) && !(f & CLONE_VM)) ||
	    ((f & CLONE_THREAD) && !(f & CLONE_SIGHAND)) ||
	    ((f & CLONE_SIGHAND) && (f & CLONE_CLEAR_SIGHAND)))
		return -EINVAL;
	if (a->exit_signal > NSIG)
		return -EINVAL;
	if ((f & CLONE_PIDFD) && (f & (CLONE_THREAD | CLONE_DETACHED)))
		return -EINVAL;
	/* Nobody may be a sibling of init: it would have no parent to adopt it. */
	if ((f & CLONE_PARENT) && current_process() == init_process)
		return -EINVAL;
	return 0;
}

/* How many processes and threads the user has; proc_lock held. */
static u64 user_threads(u32 uid)
{
	const struct process *p;
	u64 n = 0;

	for_each_process (p)
		if (p->leader && p->leader->vt.cred->uid == uid)
			n += p->nr_threads;
	return n;
}

static bool below_nproc(const struct uthread *me)
{
	const struct cred *c = me->vt.cred;
	u64 flags, n;

	if (c->uid == 0 || cred_capable(c, CAP_SYS_RESOURCE) || cred_capable(c, CAP_SYS_ADMIN) ||
	    me->proc->rlimit[RLIMIT_NPROC] == RLIM_INFINITY)
		return true;
	flags = spin_lock_irqsave(&proc_lock);
	n = user_threads(c->uid);
	spin_unlock_irqrestore(&proc_lock, flags);
	return n < me->proc->rlimit[RLIMIT_NPROC];
}

static int copy_files(struct uthread *u, const struct uthread *me, u64 flags)
{
	struct vfs *vfs = me->vt.vfs;

	u->vt = me->vt;
	u->vt.cred = cred_get(me->vt.cred);
	u->vt.files = flags & CLONE_FILES ? files_get(me->vt.files) : files_dup(vfs, me->vt.files);
	u->vt.fs = flags & CLONE_FS ? fs_struct_get(me->vt.fs) : fs_struct_copy(vfs, me->vt.fs);
	u->vt.rchar = &u->io.rchar;
	u->vt.wchar = &u->io.wchar;
	u->vt.syscr = &u->io.syscr;
	u->vt.syscw = &u->io.syscw;
	return u->vt.files && u->vt.fs ? 0 : -ENOMEM;
}

static int copy_sighand(struct process *p, struct process *parent, u64 clone_flags)
{
	u64 flags;

	if (clone_flags & CLONE_SIGHAND) {
		atomic_inc(&parent->sighand->refs);
		p->sighand = parent->sighand;
		return 0;
	}
	p->sighand = sighand_new();
	if (!p->sighand)
		return -ENOMEM;
	flags = spin_lock_irqsave(&proc_lock);
	memcpy(p->sighand->action, parent->sighand->action, sizeof(p->sighand->action));
	spin_unlock_irqrestore(&proc_lock, flags);
	if (clone_flags & CLONE_CLEAR_SIGHAND)
		flush_signal_handlers(p);
	return 0;
}

/* The user registers of the child: the parent's, but for what clone() gives it. */
static void copy_registers(struct uthread *u, const struct uthread *me, const struct clone_args *a)
{
	struct pt_regs *regs = user_frame(u->th->stack);
	u64 flags = local_irq_save();

	user_state_save(&u->regs);
	local_irq_restore(flags);
	u->regs.fs_base = a->flags & CLONE_SETTLS ? a->tls : me->regs.fs_base;
	u->regs.gs_base = me->regs.gs_base;
	*regs = *me->frame;
	regs->rax = 0;
	if (a->stack)
		regs->rsp = a->stack;
	u->frame = regs;
}

/* A thread that no one else sees yet; NULL without memory or numbers. *err says which. */
static struct uthread *uthread_alloc(int (*fn)(void *data), int tid, int *err)
{
	struct uthread *u = kzalloc(&kernel_mm.slab, sizeof(*u), GFP_KERNEL);

	*err = -ENOMEM;
	if (!u)
		return NULL;
	/* Its first frame lies below the place of the user's registers. */
	u->th = thread_alloc_user(fn, NULL, sizeof(struct pt_regs));
	if (!u->th)
		goto no_thread;
	u->tid = tid ? tid : tid_alloc();
	if (u->tid < 0) {
		*err = u->tid;
		goto no_tid;
	}
	u->th->u = u;
	u->th->t.pid = u->tid;
	u->timer_slack = u->default_slack = TIMER_SLACK_NS;
	INIT_LIST_HEAD(&u->group_node);
	sigpending_init(&u->pending);
	INIT_LIST_HEAD(&u->pi_states);
	*err = 0;
	return u;
no_tid:
	put_task(&u->th->t);
no_thread:
	kfree(&kernel_mm.slab, u);
	return NULL;
}

struct uthread *uthread_alloc_kernel(int (*fn)(void *data), int tid)
{
	int err;

	return uthread_alloc(fn, tid, &err);
}

/* Of one that never ran. */
static void uthread_discard(struct uthread *u)
{
	if (u->mm)
		mmput(u->mm);
	if (u->vt.files)
		files_put(&u->vt, u->vt.files);
	if (u->vt.fs)
		fs_struct_put(u->vt.vfs, u->vt.fs);
	if (u->vt.cred)
		cred_put(u->vt.cred);
	tid_free(u->tid);
	u->th->u = NULL;
	put_task(&u->th->t);
	kfree(&kernel_mm.slab, u);
}

void start_thread(struct uthread *u)
{
	struct task_struct *t = &u->th->t;

	get_task(t); /* its own; thread_gone() lets go of it */
	wake_up_new_task(t);
	put_task(t);
}

/* Everything of the child that can fail. */
static int prepare(struct uthread *u, struct uthread *me, const struct clone_args *a)
{
	int err = copy_files(u, me, a->flags);

	if (err)
		return err;
	if (a->flags & CLONE_VM) {
		mmget(me->mm);
		u->mm = me->mm;
	} else {
		u->mm = mm_dup(me->mm);
		if (!u->mm)
			return -ENOMEM;
	}
	memcpy(u->th->t.comm, me->th->t.comm, sizeof(u->th->t.comm));
	copy_registers(u, me, a);
	u->blocked = me->blocked;
	if (!(a->flags & CLONE_VM) || (a->flags & CLONE_VFORK))
		u->altstack = me->altstack;
	u->no_new_privs = me->no_new_privs;
	u->timer_slack = u->default_slack = me->timer_slack;
	u->ioprio = me->ioprio;
	u->set_child_tid = a->flags & CLONE_CHILD_SETTID ? a->child_tid : 0;
	rseq_fork(u, me, a->flags & CLONE_VM);
	u->clear_child_tid = a->flags & CLONE_CHILD_CLEARTID ? a->child_tid : 0;
	return sched_fork(kernel_sched, &u->th->t, current);
}

/* A traced thread's child, traced by the same from its first step. proc_lock held. */
static void tracee_begin(struct tracee *t, struct uthread *u, const struct uthread *me)
{
	const struct tracee *mine = me->trace;

	if (!mine) { /* the tracer has gone meanwhile */
		kfree(&kernel_mm.slab, t);
		return;
	}
	t->seized = mine->seized;
	t->options = mine->options;
	tracee_attach(t, u, mine->tracer);
	if (t->seized) {
		t->trap_stop = true;
		WRITE_ONCE(u->th->t.signal_pending, true);
	} else {
		send_signal_locked(u->proc, u, SIGSTOP, NULL);
	}
}

/* Makes the child visible. -EINTR: a deadly signal came first. */
static int publish(struct uthread *u, struct uthread *me, struct process *p,
		   const struct clone_args *a, struct tracee *trace)
{
	u64 flags = spin_lock_irqsave(&proc_lock);
	struct process *parent = me->proc;

	/* A signal first: it may be to stop all threads, or to end them. */
	if (parent->group_exit || READ_ONCE(current->signal_pending) || parent->execing) {
		spin_unlock_irqrestore(&proc_lock, flags);
		return -ERESTARTNOINTR;
	}
	if (p != parent) {
		if (a->flags & CLONE_PARENT)
			parent = parent->real_parent;
		p->tgid = u->tid;
		p->pgid = me->proc->pgid;
		p->sid = me->proc->sid;
		p->real_parent = p->parent = get_process(parent);
		p->exit_signal =
			a->flags & CLONE_PARENT ? me->proc->exit_signal : (int)a->exit_signal;
		list_add_tail(&p->sibling, &parent->children);
		list_add_tail(&p->all_node, &all_processes);
	}
	uthread_attach(u, p);
	if (trace)
		tracee_begin(trace, u, me);
	u->th->t.tgid = u->vt.tgid = p->tgid;
	u->vt.rlimit = p->rlimit;
	spin_unlock_irqrestore(&proc_lock, flags);
	return 0;
}

/* The parent of a vfork() sleeps until the child has its own memory, or is gone. */
static void wait_for_vfork(struct completion *done, struct process *child)
{
	u64 flags;

	if (wait_for_completion_killable(done) == 0)
		return;
	/* We are dying: the child must not complete() what is on our stack. */
	flags = spin_lock_irqsave(&proc_lock);
	if (child->vfork_done == done)
		child->vfork_done = NULL;
	spin_unlock_irqrestore(&proc_lock, flags);
}

s64 do_clone(const struct clone_args *a)
{
	struct uthread *me = current_uthread(), *u;
	struct process *p = me->proc, *child = NULL;
	struct completion vfork_done;
	struct file *pidfd_file = NULL;
	struct tracee *trace = NULL;
	int err = check_flags(a), tid, pidfd = -1, event;

	if (err)
		return err;
	if (!below_nproc(me))
		return -EAGAIN;
	u = uthread_alloc(user_thread_fn, 0, &err);
	if (!u)
		return err;
	if (!(a->flags & CLONE_THREAD)) {
		child = p = process_alloc(me->proc);
		err = p ? copy_sighand(p, me->proc, a->flags) : -ENOMEM;
	}
	if (!err)
		err = prepare(u, me, a);
	if (err)
		goto fail;
	tid = u->tid;
	if (a->flags & CLONE_VFORK) {
		init_completion(&vfork_done);
		p->vfork_done = &vfork_done;
	}
	if ((a->flags & CLONE_PARENT_SETTID) && put_user_u32(a->parent_tid, (u32)tid)) {
		err = -EFAULT;
		goto fail_sched;
	}
	if (a->flags & CLONE_PIDFD) {
		pidfd = pidfd_prepare(p, 0, &pidfd_file);
		err = pidfd < 0 ? pidfd : put_user_u32(a->pidfd, (u32)pidfd);
		if (err)
			goto fail_pidfd;
	}
	err = tracee_clone_prepare(me, a->flags, a->exit_signal, &trace, &event);
	if (!err)
		err = publish(u, me, p, a, trace);
	if (err)
		goto fail_pidfd;
	if (pidfd >= 0)
		fd_install(&me->vt, pidfd, pidfd_file);
	if (a->flags & CLONE_VFORK)
		get_process(p);
	start_thread(u);
	if (me->trace && !(a->flags & CLONE_UNTRACED))
		tracee_event(me, event, (u64)tid);
	if (a->flags & CLONE_VFORK) {
		wait_for_vfork(&vfork_done, p);
		put_process(p);
		if (me->trace && !(a->flags & CLONE_UNTRACED))
			tracee_event(me, PTRACE_EVENT_VFORK_DONE, (u64)tid);
	}
	return tid;
fail_pidfd:
	kfree(&kernel_mm.slab, trace);
	if (pidfd >= 0) {
		put_unused_fd(&me->vt, pidfd);
		fput(pidfd_file);
	}
fail_sched:
	sched_task_free(&u->th->t);
fail:
	uthread_discard(u);
	if (child)
		put_process(child);
	return err;
}

int user_thread_fn(void *unused)
{
	struct uthread *u = current_uthread();

	(void)unused;
	if (u->set_child_tid)
		put_user_u32(u->set_child_tid, (u32)u->tid);
	exit_to_user_mode(u->frame);
	enter_user_mode();
}
