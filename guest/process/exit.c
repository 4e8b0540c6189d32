/* SPDX-License-Identifier: MIT */
/* exit.c - ends: of a thread, of a process, and what remains of it for its parent. */
#include "guest/arch/x86/uaccess.h"
#include "guest/fs/tty.h"
#include "guest/kernel/kthread.h"
#include "guest/kernel/panic.h"
#include "guest/kernel/printk.h"
#include "guest/lib/string.h"
#include "guest/process/futex.h"
#include "guest/process/groups.h"
#include "guest/process/internal.h"
#include "guest/process/pidfd.h"
#include "guest/process/tracee.h"

/* ---- what a thread gives back ---------------------------------------------------------------------------- */

void release_mm(struct uthread *u)
{
	struct process *p = u->proc;
	struct mm_struct *mm = u->mm;
	u64 flags;

	if (!mm)
		return;
	futex_exit(u);
	/* pthread_join() waits for this word; nobody to see it when the memory goes too. */
	if (u->clear_child_tid && atomic_read(&mm->mm_users) > 1 &&
	    !put_user_u32(u->clear_child_tid, 0))
		futex_wake(u->clear_child_tid, 1);
	u->clear_child_tid = 0;
	flags = spin_lock_irqsave(&proc_lock);
	p->own.maxrss = MAX(p->own.maxrss, mm->hiwater_rss);
	u->mm = NULL;
	spin_unlock_irqrestore(&proc_lock, flags);
	mmput(mm);
}

/* After this the parent of a vfork() may touch its memory again. */
static void vfork_complete(struct process *p)
{
	u64 flags = spin_lock_irqsave(&proc_lock);

	if (p->vfork_done)
		complete(p->vfork_done);
	p->vfork_done = NULL;
	spin_unlock_irqrestore(&proc_lock, flags);
}

static void release_files(struct uthread *u)
{
	/* Who closes must still be the one who opened: its record locks go with the files. */
	struct vfs_task closer = u->vt;
	u64 flags = spin_lock_irqsave(&proc_lock);

	/* /proc looks at them under the lock. */
	u->vt.files = NULL;
	u->vt.fs = NULL;
	spin_unlock_irqrestore(&proc_lock, flags);
	files_put(&closer, closer.files);
	fs_struct_put(closer.vfs, closer.fs);
}

/* ---- the process's end ------------------------------------------------------------------------------------ */

/* Takes a dead process out of the world. proc_lock held; the caller frees its number and drops the
 * last reference afterwards. */
static void unlink_process(struct process *p)
{
	p->state = PROC_DEAD;
	list_del_init(&p->sibling);
	list_del_init(&p->all_node);
}

static void bury(struct process *p)
{
	tid_free(p->tgid);
	put_process(p->real_parent);
	put_process(p);
}

static struct process *new_parent_for_children_of(const struct process *p)
{
	struct process *a = p->real_parent;

	while (a != init_process && (a->state != PROC_ALIVE || !a->child_subreaper))
		a = a->real_parent;
	return a;
}

/* Its children become somebody else's; dead ones nobody asked for go. proc_lock held. Those to be
 * buried are put on the list. */
static void reparent_children(struct process *p, struct list_head *dead)
{
	struct process *to = new_parent_for_children_of(p), *c, *next;

	list_for_each_entry_safe (c, next, &p->children, sibling) {
		put_process(c->real_parent);
		c->real_parent = get_process(to);
		if (c->parent == p)
			c->parent = to;
		list_move_tail(&c->sibling, &to->children);
		c->exit_signal = SIGCHLD;
		if (c->leader && c->leader->pdeath_signal)
			send_signal_locked(c, NULL, c->leader->pdeath_signal, NULL);
		if (c->state == PROC_ZOMBIE && notify_parent(c, CLD_EXITED, c->exit_status)) {
			unlink_process(c);
			list_add_tail(&c->sibling, dead);
		}
		kill_orphaned_group(c->pgid, p);
	}
}

static void bury_all(struct list_head *dead)
{
	struct process *c, *next;

	list_for_each_entry_safe (c, next, dead, sibling) {
		list_del_init(&c->sibling);
		bury(c);
	}
}

static int why_of(int status)
{
	return status & 0x80 ? CLD_DUMPED : status & 0x7f ? CLD_KILLED : CLD_EXITED;
}

bool notify_parent(struct process *p, int why, int status)
{
	struct process *parent = p->parent;
	const struct k_sigaction *sa = &parent->sighand->action[SIGCHLD - 1];
	struct siginfo info = { .signo = p->exit_signal, .code = why };
	bool ended = why == CLD_EXITED || why == CLD_KILLED || why == CLD_DUMPED;
	struct rusage_times t = process_times(p);
	bool reap = false;

	if (ended)
		info.code = why = why_of(status);
	else
		info.signo = SIGCHLD;
	info.chld.pid = p->tgid;
	info.chld.uid = p->uid;
	info.chld.status = !ended ? status : why == CLD_EXITED ? status >> 8 & 0xff : status & 0x7f;
	info.chld.utime = (s64)(t.utime / (NSEC_PER_SEC / 100));
	info.chld.stime = (s64)(t.stime / (NSEC_PER_SEC / 100));
	if (ended && p->exit_signal == SIGCHLD &&
	    (sa->handler == SIG_IGN || (sa->flags & SA_NOCLDWAIT)))
		reap = true;
	if (info.signo && (ended || (sa->handler != SIG_IGN && !(sa->flags & SA_NOCLDSTOP))) &&
	    !(reap && sa->handler == SIG_IGN))
		send_signal_locked(parent, NULL, info.signo, &info);
	wake_up_all(&parent->wait_child);
	return reap;
}

/* The last thread has gone. */
static void process_exit(struct process *p, int status)
{
	LIST_HEAD(dead);
	u64 flags;
	bool reap;

	/* The terminal first: its group hears SIGHUP while the leader still counts. */
	if (p->sid == p->tgid)
		tty_disassociate(&kernel_vfs, p->sid);
	vfork_complete(p);
	flags = spin_lock_irqsave(&proc_lock);
	if (!p->group_exit)
		p->exit_status = status;
	reparent_children(p, &dead);
	kill_orphaned_group(p->pgid, p);
	tracee_process_exit(p);
	p->state = PROC_ZOMBIE;
	flush_sigpending(&p->shared_pending);
	pidfds_notify(p);
	reap = notify_parent(p, CLD_EXITED, p->exit_status);
	if (reap) {
		unlink_process(p);
		list_add_tail(&p->sibling, &dead);
	}
	spin_unlock_irqrestore(&proc_lock, flags);
	bury_all(&dead);
}

_Noreturn void do_exit(int status)
{
	struct uthread *u = current_uthread();
	struct process *p = u->proc;
	bool last, first_of_many;
	u64 flags;

	if (u->trace)
		tracee_event(u, PTRACE_EVENT_EXIT, (u64)status);
	u->exiting = true;
	current->flags |= PF_EXITING;
	flags = spin_lock_irqsave(&proc_lock);
	last = --p->nr_live == 0;
	/* It may have been the only one that had not stopped yet. */
	if (!last)
		group_stop_complete(p);
	spin_unlock_irqrestore(&proc_lock, flags);
	if (last && p == init_process)
		init_has_ended(p->group_exit ? p->exit_status : status);
	if (last) {
		tracee_tracer_exit(p);
		itimer_stop(p);
		posix_timers_delete(p);
	}
	release_mm(u);
	release_files(u);
	/* One thread may come here while the last one is ahead: whoever leaves the list last, ends it. */
	flags = spin_lock_irqsave(&proc_lock);
	rusage_add(&p->own, (struct rusage_times[]){ thread_times(u) });
	tracee_thread_exit(u, status);
	task_io_add(&p->io, &u->io);
	uthread_detach(u);
	first_of_many = p->nr_threads != 0;
	flush_sigpending(&u->pending);
	if (p->execing || first_of_many)
		wake_up_all(&p->wait_child);
	spin_unlock_irqrestore(&proc_lock, flags);
	if (!first_of_many)
		process_exit(p, status);
	thread_exit(status);
}

_Noreturn void do_group_exit(int status)
{
	struct uthread *me = current_uthread(), *u;
	struct process *p = me->proc;
	u64 flags = spin_lock_irqsave(&proc_lock);

	if (!p->group_exit) {
		p->group_exit = true;
		p->exit_status = status;
		for_each_thread (p, u)
			if (u != me)
				kill_thread_locked(u);
	}
	status = p->exit_status;
	spin_unlock_irqrestore(&proc_lock, flags);
	do_exit(status);
}

void uthread_gone(struct uthread *u)
{
	struct process *p = u->proc;
	u64 flags = spin_lock_irqsave(&proc_lock);

	/* Who holds the task still looks for this. */
	u->th->u = NULL;
	spin_unlock_irqrestore(&proc_lock, flags);
	/* The leader's number is the process's until somebody has waited for it. */
	if (u->tid != p->tgid)
		tid_free(u->tid);
	cred_put(u->vt.cred);
	put_process(p);
	kfree(&kernel_mm.slab, u);
}

/* ---- wait -------------------------------------------------------------------------------------------------- */

enum { WCLONE_ONLY = (int)0x80000000, WALL = 0x40000000, WNOTHREAD = 0x20000000 };

static bool eligible(const struct process *c, int type, int id, unsigned options)
{
	if (type == P_PID && c->tgid != id)
		return false;
	if (type == P_PGID && c->pgid != id)
		return false;
	if (options & (unsigned)WALL)
		return true;
	return (c->exit_signal != SIGCHLD) == !!(options & (unsigned)WCLONE_ONLY);
}

/* Whether the child has something to tell; fills res. proc_lock held. */
static bool has_news(struct process *c, unsigned options, struct wait_result *res)
{
	bool keep = options & WNOWAIT;

	res->pid = c->tgid;
	res->uid = (int)c->uid;
	if (c->state == PROC_ZOMBIE) {
		if (!(options & WEXITED))
			return false;
		res->status = c->exit_status;
		res->signo_code = why_of(c->exit_status);
		res->times = c->own;
		rusage_add(&res->times, &c->children_times);
		return true;
	}
	/* Who debugs it has been told as a debugger. */
	if (c->leader && c->leader->trace && c->leader->trace->tracer == c->real_parent)
		return false;
	if (c->group_stopped && !c->stop_reported && (options & WSTOPPED)) {
		res->status = c->stop_signal << 8 | 0x7f;
		res->signo_code = CLD_STOPPED;
		c->stop_reported |= !keep;
		return true;
	}
	if (c->continued && (options & WCONTINUED)) {
		res->status = 0xffff;
		res->signo_code = CLD_CONTINUED;
		c->continued = keep;
		return true;
	}
	return false;
}

struct wait_request {
	int type, id;
	unsigned options;
	struct wait_result *res;
	s64 ret; /* a pid, 0: nothing yet, -ECHILD */
};

/* Whether waiting is over. */
static bool look(struct wait_request *w)
{
	struct process *me = current_process(), *c, *found = NULL;
	u64 flags = spin_lock_irqsave(&proc_lock);
	bool bury_it = false, any;
	struct tracee *tracee;

	w->ret = -ECHILD;
	tracee = tracee_find_news(me, w->type, w->id, w->options, &any, w->res);
	if (tracee) {
		w->ret = tracee->tid;
		tracee_reap(tracee);
		spin_unlock_irqrestore(&proc_lock, flags);
		return true;
	}
	if (any)
		w->ret = 0;
	list_for_each_entry (c, &me->children, sibling) {
		if (!eligible(c, w->type, w->id, w->options))
			continue;
		w->ret = 0;
		if (has_news(c, w->options, w->res)) {
			found = c;
			break;
		}
	}
	if (found) {
		w->ret = found->tgid;
		if (found->state == PROC_ZOMBIE && !(w->options & WNOWAIT)) {
			rusage_add(&me->children_times, &w->res->times);
			unlink_process(found);
			bury_it = true;
		}
	}
	spin_unlock_irqrestore(&proc_lock, flags);
	if (bury_it)
		bury(found);
	return w->ret != 0;
}

s64 do_wait(int type, int id, unsigned options, struct wait_result *res)
{
	struct wait_request w = { type, id, options, res, 0 };
	int err;

	if (look(&w) || (options & WNOHANG))
		return w.ret;
	err = wait_event_interruptible(&current_process()->wait_child, look(&w));
	return err ? -ERESTARTSYS : w.ret;
}
