/* SPDX-License-Identifier: MIT */
/* proc_ref.c - see proc_ref.h. */
#include "guest/process/proc_ref.h"
#include "guest/process/internal.h"

enum { CAP_SYS_PTRACE_ = 19 };

/* ---- finding --------------------------------------------------------------------------------------------- */

/* Kernel threads are known to the scheduler alone. With a reference, or NULL. */
static struct task_struct *find_kthread(int pid)
{
	struct sched *s = kernel_sched;
	struct task_struct *t, *found = NULL;
	u64 flags = spin_lock_irqsave(&s->tasks_lock);

	list_for_each_entry (t, &s->tasks, sched_node) {
		if (t->pid != pid || thread_of(t)->u)
			continue;
		get_task(t);
		found = t;
		break;
	}
	spin_unlock_irqrestore(&s->tasks_lock, flags);
	return found;
}

/* Takes the references over. */
static struct proc_ref *ref_new(int pid, struct process *p, struct task_struct *t)
{
	struct proc_ref *ref;

	if (!p && !t)
		return NULL;
	ref = kzalloc(&kernel_mm.slab, sizeof(*ref), GFP_KERNEL);
	if (ref) {
		*ref = (struct proc_ref){ .refs = { 1 }, .pid = pid, .proc = p, .task = t };
		return ref;
	}
	if (p)
		put_process(p);
	if (t)
		put_task(t);
	return NULL;
}

struct proc_ref *proc_ref_find(int pid)
{
	u64 flags = spin_lock_irqsave(&proc_lock);
	struct process *p = find_process(pid);
	struct uthread *u = p ? NULL : find_uthread(pid);
	struct task_struct *t = u ? &u->th->t : NULL;

	if (u)
		p = u->proc;
	if (p)
		get_process(p);
	if (t)
		get_task(t);
	spin_unlock_irqrestore(&proc_lock, flags);
	return ref_new(pid, p, p ? t : find_kthread(pid));
}

struct proc_ref *proc_ref_find_thread(const struct proc_ref *ref, int tid)
{
	struct task_struct *t = NULL;
	struct uthread *u;
	u64 flags;

	if (!ref->proc) {
		if (tid != ref->pid)
			return NULL;
		get_task(ref->task);
		return ref_new(tid, NULL, ref->task);
	}
	flags = spin_lock_irqsave(&proc_lock);
	u = find_uthread(tid);
	if (u && u->proc == ref->proc) {
		t = &u->th->t;
		get_task(t);
		get_process(u->proc);
	}
	spin_unlock_irqrestore(&proc_lock, flags);
	return t ? ref_new(tid, ref->proc, t) : NULL;
}

void proc_ref_get(void *arg)
{
	atomic_inc(&((struct proc_ref *)arg)->refs);
}

void proc_ref_put(void *arg)
{
	struct proc_ref *ref = arg;

	if (!atomic_dec_and_test(&ref->refs))
		return;
	if (ref->proc)
		put_process(ref->proc);
	if (ref->task)
		put_task(ref->task);
	kfree(&kernel_mm.slab, ref);
}

bool proc_ref_alive(void *arg)
{
	const struct proc_ref *ref = arg;

	/* exec by another thread than the leader gives that one the leader's number. */
	if (ref->task)
		return READ_ONCE(ref->task->state) != TASK_DEAD &&
		       READ_ONCE(ref->task->pid) == ref->pid;
	return READ_ONCE(ref->proc->state) != PROC_DEAD;
}

/* ---- listing --------------------------------------------------------------------------------------------- */

static int nearer(int found, int nr, int from)
{
	return nr >= from && (found < 0 || nr < found) ? nr : found;
}

int proc_next_pid(int pid)
{
	struct sched *s = kernel_sched;
	const struct task_struct *t;
	const struct process *p;
	int found = -1;
	u64 flags;

	pid = MAX(pid, 1);
	flags = spin_lock_irqsave(&proc_lock);
	for_each_process (p)
		found = nearer(found, p->tgid, pid);
	spin_unlock_irqrestore(&proc_lock, flags);
	flags = spin_lock_irqsave(&s->tasks_lock);
	list_for_each_entry (t, &s->tasks, sched_node)
		if (!((struct thread *)container_of(t, struct thread, t))->u)
			found = nearer(found, t->pid, pid);
	spin_unlock_irqrestore(&s->tasks_lock, flags);
	return found;
}

int proc_next_tid(const struct proc_ref *ref, int tid)
{
	const struct uthread *u;
	int found = -1;
	u64 flags;

	if (!ref->proc)
		return nearer(-1, ref->pid, tid);
	flags = spin_lock_irqsave(&proc_lock);
	for_each_thread (ref->proc, u)
		found = nearer(found, u->tid, tid);
	spin_unlock_irqrestore(&proc_lock, flags);
	return found;
}

/* ---- what belongs to it ---------------------------------------------------------------------------------- */

struct uthread *proc_ref_uthread(const struct proc_ref *ref)
{
	struct uthread *u;

	if (!ref->proc)
		return NULL;
	if (!ref->task)
		return ref->proc->leader;
	u = find_uthread(ref->pid);
	return u && &u->th->t == ref->task ? u : NULL;
}

struct task_struct *proc_ref_task(const struct proc_ref *ref)
{
	struct task_struct *t = NULL;
	struct uthread *u;
	u64 flags;

	if (!ref->proc) {
		get_task(ref->task);
		return ref->task;
	}
	flags = spin_lock_irqsave(&proc_lock);
	u = proc_ref_uthread(ref);
	if (u) {
		t = &u->th->t;
		get_task(t);
	}
	spin_unlock_irqrestore(&proc_lock, flags);
	return t;
}

struct mm_struct *proc_ref_mm(const struct proc_ref *ref)
{
	u64 flags = spin_lock_irqsave(&proc_lock);
	const struct uthread *u = proc_ref_uthread(ref);
	struct mm_struct *mm = u ? u->mm : NULL;

	if (mm)
		mmget(mm);
	spin_unlock_irqrestore(&proc_lock, flags);
	return mm;
}

struct files_struct *proc_ref_files(const struct proc_ref *ref)
{
	u64 flags = spin_lock_irqsave(&proc_lock);
	const struct uthread *u = proc_ref_uthread(ref);
	struct files_struct *files = u && u->vt.files ? files_get(u->vt.files) : NULL;

	spin_unlock_irqrestore(&proc_lock, flags);
	return files;
}

struct fs_struct *proc_ref_fs(const struct proc_ref *ref)
{
	u64 flags = spin_lock_irqsave(&proc_lock);
	const struct uthread *u = proc_ref_uthread(ref);
	struct fs_struct *fs = u && u->vt.fs ? fs_struct_get(u->vt.fs) : NULL;

	spin_unlock_irqrestore(&proc_lock, flags);
	return fs;
}

const struct cred *proc_ref_cred(const struct proc_ref *ref)
{
	u64 flags = spin_lock_irqsave(&proc_lock);
	const struct uthread *u = proc_ref_uthread(ref);
	const struct cred *c = u ? cred_get(u->vt.cred) : NULL;

	spin_unlock_irqrestore(&proc_lock, flags);
	return c;
}

/* ---- rights ---------------------------------------------------------------------------------------------- */

bool proc_ref_may_read(const struct vfs_task *t, const struct proc_ref *ref)
{
	const struct cred *me = t->cred, *c;
	bool same;

	if (cred_capable(me, CAP_SYS_PTRACE_))
		return true;
	if (!ref->proc)
		return false;
	if (current_uthread() && current_process() == ref->proc)
		return true;
	c = proc_ref_cred(ref);
	if (!c)
		return false;
	same = me->fsuid == c->euid && me->fsuid == c->suid && me->fsuid == c->uid &&
	       me->fsgid == c->egid && me->fsgid == c->sgid && me->fsgid == c->gid &&
	       READ_ONCE(ref->proc->dumpable) && !(c->cap_permitted & ~me->cap_permitted);
	cred_put(c);
	return same;
}

void proc_ref_owner(void *arg, u32 *uid, u32 *gid)
{
	const struct proc_ref *ref = arg;
	const struct cred *c = proc_ref_cred(ref);

	*uid = *gid = 0;
	if (c) {
		if (READ_ONCE(ref->proc->dumpable)) {
			*uid = c->euid;
			*gid = c->egid;
		}
		cred_put(c);
	} else if (ref->proc) {
		*uid = ref->proc->uid; /* a zombie */
	}
}
