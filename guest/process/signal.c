/* SPDX-License-Identifier: MIT */
/* signal.c - making signals pending, and who takes them; see signal.h. */
#include "guest/process/signal.h"
#include "guest/lib/string.h"
#include "guest/process/groups.h"
#include "guest/process/internal.h"
#include "guest/process/tracee.h"

#define SIG_KERNEL_STOP	   (sigbit(SIGSTOP) | sigbit(SIGTSTP) | sigbit(SIGTTIN) | sigbit(SIGTTOU))
#define SIG_DEFAULT_IGNORE (sigbit(SIGCONT) | sigbit(SIGCHLD) | sigbit(SIGWINCH) | sigbit(SIGURG))

void sigpending_init(struct sigpending *p)
{
	p->set = 0;
	INIT_LIST_HEAD(&p->queue);
}

/* Out of its queue, and gone unless it is a timer's. */
static void release_sigqueue(struct sigqueue *q)
{
	list_del_init(&q->node);
	if (q->charged)
		q->charged->nr_sigqueue--;
	if (q->timer)
		posix_timer_dropped(q->timer);
	else
		kfree(&kernel_mm.slab, q);
}

void flush_sigpending(struct sigpending *p)
{
	struct sigqueue *q, *next;

	list_for_each_entry_safe (q, next, &p->queue, node)
		release_sigqueue(q);
	p->set = 0;
}

/* Takes the signals of mask out of a set. */
static void remove_pending(struct sigpending *p, u64 mask)
{
	struct sigqueue *q, *next;

	if (!(p->set & mask))
		return;
	p->set &= ~mask;
	list_for_each_entry_safe (q, next, &p->queue, node) {
		if (sigbit(q->info.signo) & mask)
			release_sigqueue(q);
	}
}

void drop_pending(struct sigpending *p, int sig)
{
	remove_pending(p, sigbit(sig));
}

struct sighand *sighand_new(void)
{
	struct sighand *s = kzalloc(&kernel_mm.slab, sizeof(*s), GFP_KERNEL);

	if (s)
		atomic_set(&s->refs, 1);
	return s;
}

void sighand_put(struct sighand *s)
{
	if (atomic_dec_and_test(&s->refs))
		kfree(&kernel_mm.slab, s);
}

bool sig_ignored(const struct process *p, int sig)
{
	u64 handler = p->sighand->action[sig - 1].handler;

	return handler == SIG_IGN || (handler == SIG_DFL && (sigbit(sig) & SIG_DEFAULT_IGNORE));
}

/* ---- waking ---------------------------------------------------------------------------------------------------- */

void recalc_sigpending(struct uthread *u)
{
	const struct process *p = u->proc;
	u64 ready = (u->pending.set | p->shared_pending.set) & ~u->blocked;
	struct task_struct *t = &u->th->t;

	t->fatal_signal_pending = u->pending.set & sigbit(SIGKILL);
	WRITE_ONCE(t->signal_pending, ready || t->fatal_signal_pending || u->must_stop ||
					      (u->trace && u->trace->trap_stop));
}

static void wake_for_signal(struct uthread *u, bool fatal)
{
	WRITE_ONCE(u->th->t.signal_pending, true);
	if (fatal)
		WRITE_ONCE(u->th->t.fatal_signal_pending, true);
	/* One that is in user mode right now notices by an interrupt. */
	if (!wake_up_state(&u->th->t, TASK_INTERRUPTIBLE | (fatal ? TASK_WAKEKILL : 0)))
		kick_task(&u->th->t);
}

void kill_thread_locked(struct uthread *u)
{
	u->pending.set |= sigbit(SIGKILL);
	u->must_stop = false;
	if (u->stopped)
		wake_up_state(&u->th->t, TASK_STOPPED);
	tracee_wake_to_die(u);
	wake_for_signal(u, true);
}

static bool wants(const struct uthread *u, int sig)
{
	/* One that is stopped hears nothing before it goes on, but of its death. */
	return !u->exiting && !(u->blocked & sigbit(sig)) &&
	       (sig == SIGKILL || !(u->stopped || (u->trace && u->trace->stopped)));
}

/* Who takes a signal to the process: the main thread if it can, else anybody. */
static struct uthread *pick_thread(struct process *p, int sig)
{
	struct uthread *u;

	if (p->leader && wants(p->leader, sig))
		return p->leader;
	for_each_thread (p, u)
		if (wants(u, sig))
			return u;
	return NULL;
}

static bool is_deadly(const struct process *p, int sig)
{
	u64 b = sigbit(sig);

	return p->sighand->action[sig - 1].handler == SIG_DFL &&
	       !(b & (SIG_KERNEL_STOP | SIG_DEFAULT_IGNORE));
}

/* ---- stopping and continuing: job control ------------------------------------------------------------------------- */

static void continue_process(struct process *p)
{
	struct uthread *u;

	remove_pending(&p->shared_pending, SIG_KERNEL_STOP);
	for_each_thread (p, u) {
		remove_pending(&u->pending, SIG_KERNEL_STOP);
		u->must_stop = false;
		if (u->stopped)
			wake_up_state(&u->th->t, TASK_STOPPED);
		tracee_continued(u);
	}
	if (p->group_stopped) {
		p->group_stopped = false;
		p->continued = true;
		notify_parent(p, CLD_CONTINUED, SIGCONT);
	}
}

/* What a signal does at once, whether blocked or not. */
static void prepare_signal(struct process *p, int sig)
{
	struct uthread *u;

	if (sig == SIGCONT || sig == SIGKILL) {
		continue_process(p);
	} else if (sigbit(sig) & SIG_KERNEL_STOP) {
		remove_pending(&p->shared_pending, sigbit(SIGCONT));
		for_each_thread (p, u)
			remove_pending(&u->pending, sigbit(SIGCONT));
	}
}

/* ---- sending ----------------------------------------------------------------------------------------------------------- */

static int enqueue(struct process *p, struct sigpending *to, int sig, const struct siginfo *info)
{
	struct sigqueue *q = NULL;

	/* Of the old ones one is enough. */
	if (sig < SIGRTMIN && (to->set & sigbit(sig)))
		return 0;
	/* The old ones need no room beyond their one, and always come through with what they say. */
	if (sig < SIGRTMIN || p->nr_sigqueue < p->rlimit[RLIMIT_SIGPENDING])
		q = kmalloc(&kernel_mm.slab, sizeof(*q), GFP_ATOMIC | __GFP_NOWARN);
	/* From kill() the bit alone will do: it says nothing else. */
	if (!q && sig >= SIGRTMIN && info && info->code != SI_USER)
		return -EAGAIN;
	if (q) {
		q->charged = p;
		q->timer = NULL;
		p->nr_sigqueue++;
		if (info)
			q->info = *info;
		else
			q->info = (struct siginfo){ .code = SI_KERNEL };
		q->info.signo = sig;
		list_add_tail(&q->node, &to->queue);
	}
	to->set |= sigbit(sig);
	return 0;
}

/* Who will take it. Whether it is dropped at once instead. */
static bool nobody_hears(struct process *p, struct uthread *u, int sig, const struct siginfo *info,
			 struct uthread **target)
{
	const struct uthread *judge = u ? u : p->leader;

	prepare_signal(p, sig);
	*target = u ? (wants(u, sig) ? u : NULL) : pick_thread(p, sig);
	if (sig == SIGKILL)
		return p == init_process && !(info && info->code > 0);
	if (!judge)
		judge = *target;
	/* A blocked one may find a handler by the time it is unblocked; a debugger wants to see even
	 * those that are ignored. */
	if (judge && (((judge->blocked | judge->real_blocked) & sigbit(sig)) || judge->trace))
		return false;
	/* pid 1 is not killed by what it does not handle. */
	if (p == init_process && is_deadly(p, sig) && !(info && info->code > 0))
		return true;
	return sig_ignored(p, sig);
}

/* It is pending: wakes the taker, or all, to die. */
static void tell(struct process *p, struct uthread *target, int sig)
{
	struct uthread *each;

	signalfds_notify(sig);
	if (!target && sig != SIGKILL)
		return;
	if (is_deadly(p, sig) && !p->group_exit &&
	    (sig == SIGKILL || !(target->trace || (target->real_blocked & sigbit(sig))))) {
		/* Nobody needs to look at it first: all threads die of it. */
		p->group_exit = true;
		p->exit_status = sig;
		for_each_thread (p, each)
			kill_thread_locked(each);
		return;
	}
	if (target)
		wake_for_signal(target, sig == SIGKILL);
}

int send_signal_locked(struct process *p, struct uthread *u, int sig, const struct siginfo *info)
{
	struct uthread *target;
	int err;

	if (p->state != PROC_ALIVE || nobody_hears(p, u, sig, info, &target))
		return 0;
	err = enqueue(p, u ? &u->pending : &p->shared_pending, sig, info);
	if (!err)
		tell(p, target, sig);
	return err;
}

bool send_sigqueue_locked(struct process *p, struct uthread *u, struct sigqueue *q)
{
	struct sigpending *to = u ? &u->pending : &p->shared_pending;
	int sig = q->info.signo;
	struct uthread *target;

	if (p->state != PROC_ALIVE || nobody_hears(p, u, sig, &q->info, &target))
		return false;
	list_add_tail(&q->node, &to->queue);
	to->set |= sigbit(sig);
	tell(p, target, sig);
	return true;
}

void unqueue_sigqueue(struct process *p, struct uthread *u, struct sigqueue *q)
{
	struct sigpending *from = u ? &u->pending : &p->shared_pending;
	struct sigqueue *other;
	int sig = q->info.signo;

	if (list_empty(&q->node))
		return;
	list_del_init(&q->node);
	list_for_each_entry (other, &from->queue, node)
		if (other->info.signo == sig)
			return;
	from->set &= ~sigbit(sig);
}

int send_signal(struct process *p, struct uthread *u, int sig, const struct siginfo *info)
{
	u64 flags = spin_lock_irqsave(&proc_lock);
	int err = send_signal_locked(p, u, sig, info);

	spin_unlock_irqrestore(&proc_lock, flags);
	return err;
}

void force_signal(int sig, int code, u64 addr)
{
	struct uthread *u = current_uthread();
	struct siginfo info = { .signo = sig, .code = code, .fault.addr = addr };
	u64 flags = spin_lock_irqsave(&proc_lock);
	struct k_sigaction *sa = &u->proc->sighand->action[sig - 1];

	/* A fault cannot wait: blocked or ignored, it kills. */
	if ((u->blocked & sigbit(sig)) || sa->handler == SIG_IGN) {
		sa->handler = SIG_DFL;
		u->blocked &= ~sigbit(sig);
	}
	if (u->proc == init_process && sa->handler == SIG_DFL)
		info.code = SI_KERNEL;
	send_signal_locked(u->proc, u, sig, &info);
	recalc_sigpending(u);
	spin_unlock_irqrestore(&proc_lock, flags);
}

static bool may_kill(const struct process *p, int sig)
{
	const struct uthread *me = current_uthread();
	const struct cred *c = me->vt.cred;
	const struct cred *t = p->leader ? p->leader->vt.cred : NULL;

	if (cred_capable(c, CAP_KILL) || p == me->proc)
		return true;
	if (sig == SIGCONT && p->sid == me->proc->sid)
		return true;
	return t &&
	       (c->euid == t->suid || c->euid == t->uid || c->uid == t->suid || c->uid == t->uid);
}

/* One of the many of kill(-1) and kill(-pgid). 0, -EPERM, or -ESRCH: not meant. */
static int kill_one(struct process *p, int sig, const struct siginfo *info)
{
	if (!may_kill(p, sig))
		return -EPERM;
	return sig ? send_signal_locked(p, NULL, sig, info) : 0;
}

s64 do_kill_process(struct process *p, int sig, const struct siginfo *info)
{
	u64 flags;
	s64 err;

	if (sig < 0 || sig > NSIG)
		return -EINVAL;
	flags = spin_lock_irqsave(&proc_lock);
	err = p->state == PROC_DEAD ? -ESRCH : kill_one(p, sig, info);
	spin_unlock_irqrestore(&proc_lock, flags);
	return err;
}

s64 do_kill(int pid, int sig, const struct siginfo *info)
{
	struct process *me = current_process(), *p;
	int pgid, found = 0, err = -ESRCH;
	u64 flags;

	if (sig < 0 || sig > NSIG)
		return -EINVAL;
	if (pid == INT32_MIN)
		return -ESRCH;
	pgid = pid == 0 ? me->pgid : -pid;
	flags = spin_lock_irqsave(&proc_lock);
	if (pid > 0) {
		p = find_process(pid);
		if (!p) {
			struct uthread *u = find_uthread(pid);

			p = u ? u->proc : NULL;
		}
		err = p ? kill_one(p, sig, info) : -ESRCH;
	} else {
		for_each_process (p) {
			if (pid == -1 ? (p == init_process || p == me) : p->pgid != pgid)
				continue;
			err = kill_one(p, sig, info);
			found += !err || (err == -EPERM && pid == -1);
		}
		/* As on Linux, kill(-1) does not mind those it may not kill. */
		if (found)
			err = 0;
	}
	spin_unlock_irqrestore(&proc_lock, flags);
	return err;
}

s64 do_tgkill(int tgid, int tid, int sig, const struct siginfo *info)
{
	struct uthread *u;
	int err = -ESRCH;
	u64 flags;

	if (tid <= 0 || tgid == 0 || sig < 0 || sig > NSIG)
		return -EINVAL;
	flags = spin_lock_irqsave(&proc_lock);
	u = find_uthread(tid);
	if (u && (tgid < 0 || u->proc->tgid == tgid)) {
		err = may_kill(u->proc, sig) ? 0 : -EPERM;
		if (!err && sig)
			err = send_signal_locked(u->proc, u, sig, info);
	}
	spin_unlock_irqrestore(&proc_lock, flags);
	return err;
}

int kill_pgrp(int pgid, int sig)
{
	u64 flags = spin_lock_irqsave(&proc_lock);
	struct process *p;
	int err = -ESRCH;

	for_each_process (p) {
		if (p->pgid != pgid)
			continue;
		send_signal_locked(p, NULL, sig, NULL);
		err = 0;
	}
	spin_unlock_irqrestore(&proc_lock, flags);
	return err;
}

void set_blocked(struct uthread *u, u64 mask)
{
	u64 flags = spin_lock_irqsave(&proc_lock), newly;
	struct uthread *other;

	newly = mask & ~u->blocked;
	u->blocked = mask & ~SIG_UNBLOCKABLE;
	recalc_sigpending(u);
	/* What this thread would have taken is somebody else's now. */
	newly &= u->proc->shared_pending.set;
	if (newly)
		for_each_thread (u->proc, other)
			if (other != u && !other->exiting && (newly & ~other->blocked))
				wake_for_signal(other, false);
	spin_unlock_irqrestore(&proc_lock, flags);
}

void flush_signal_handlers(struct process *p)
{
	u64 flags = spin_lock_irqsave(&proc_lock);

	for (int i = 0; i < NSIG; i++) {
		struct k_sigaction *sa = &p->sighand->action[i];

		*sa = (struct k_sigaction){ .handler = sa->handler == SIG_IGN ? SIG_IGN : SIG_DFL };
	}
	spin_unlock_irqrestore(&proc_lock, flags);
}

/* ---- taking ------------------------------------------------------------------------------------------------------------------ */

/* First those of the thread's own doing (synchronous ones), then by number. */
static int next_signal(const struct sigpending *p, u64 blocked)
{
	const u64 synchronous = sigbit(SIGSEGV) | sigbit(SIGBUS) | sigbit(SIGILL) |
				sigbit(SIGTRAP) | sigbit(SIGFPE) | sigbit(SIGSYS);
	u64 ready = p->set & ~blocked;

	if (!ready)
		return 0;
	if (ready & sigbit(SIGKILL))
		return SIGKILL;
	return __builtin_ctzl(ready & synchronous ? ready & synchronous : ready) + 1;
}

static void take(struct sigpending *p, int sig, struct siginfo *info)
{
	struct sigqueue *q, *first = NULL;
	bool more = false;

	list_for_each_entry (q, &p->queue, node) {
		if (q->info.signo != sig)
			continue;
		if (first) {
			more = true;
			break;
		}
		first = q;
	}
	if (!more)
		p->set &= ~sigbit(sig);
	*info = first ? first->info : (struct siginfo){ .signo = sig, .code = SI_USER };
	if (first && first->timer) {
		list_del_init(&first->node);
		posix_timer_taken(first->timer, info);
	} else if (first) {
		release_sigqueue(first);
	}
}

int dequeue_signal(struct uthread *u, u64 blocked, struct siginfo *info)
{
	struct sigpending *from = &u->pending;
	int sig = next_signal(from, blocked);

	if (!sig) {
		from = &u->proc->shared_pending;
		sig = next_signal(from, blocked);
	}
	if (sig)
		take(from, sig, info);
	if (sig == SIGALRM)
		itimer_taken(u->proc);
	recalc_sigpending(u);
	return sig;
}
