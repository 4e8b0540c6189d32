/* SPDX-License-Identifier: MIT */
/*
 * proc_task.c - stat, status, statm, limits, comm, io, oom_score of /proc/PID and of its threads.
 * Everything is looked at in one go under proc_lock, so that one file's numbers belong together.
 */
#include "guest/arch/x86/smp.h"
#include "guest/fs/proc_text.h"
#include "guest/fs/tty.h"
#include "guest/kernel/time.h"
#include "guest/lib/parse.h"
#include "guest/lib/string.h"
#include "guest/process/internal.h"
#include "guest/process/oom.h"
#include "guest/process/proc_internal.h"
#include "guest/process/tracee.h"

struct view {
	struct proc_task_text t;
	const struct cred *cred; /* held; NULL: none */
	DECLARE_BITMAP(cpus, NR_CPUS);
};

static char state_letter(const struct task_struct *t)
{
	unsigned state = READ_ONCE(t->state);

	if (state == TASK_RUNNING || state == TASK_WAKING || state == TASK_NEW)
		return 'R';
	if (state & TASK_DEAD)
		return 'X';
	if (state & (TASK_STOPPED | TASK_TRACED))
		return state & TASK_STOPPED ? 'T' : 't';
	return state & TASK_UNINTERRUPTIBLE ? 'D' : 'S';
}

/* What the scheduler knows; the task is held, or cannot go because proc_lock is. */
static void view_task(struct view *v, const struct task_struct *task)
{
	struct proc_task_text *t = &v->t;

	strscpy(t->comm, task->comm, sizeof(t->comm));
	t->state = state_letter(task);
	t->flags = task->flags;
	t->prio = task->prio;
	t->nice = task_nice(task);
	t->rt_priority = task->rt_priority;
	t->policy = task->policy;
	t->cpu = READ_ONCE(task->cpu);
	t->nvcsw = task->nvcsw;
	t->nivcsw = task->nivcsw;
}

static void view_times(struct view *v, const struct rusage_times *own,
		       const struct rusage_times *sum)
{
	struct proc_task_text *t = &v->t;

	t->utime = own->utime;
	t->stime = own->stime;
	t->min_flt = own->min_flt;
	t->maj_flt = own->maj_flt;
	t->cutime = sum->utime;
	t->cstime = sum->stime;
	t->cmin_flt = sum->min_flt;
	t->cmaj_flt = sum->maj_flt;
}

static u64 queue_length(const struct sigpending *p)
{
	const struct list_head *e;
	u64 n = 0;

	list_for_each (e, &p->queue)
		n++;
	return n;
}

static void view_signals(struct view *v, const struct process *p, const struct uthread *u)
{
	struct proc_task_text *t = &v->t;

	t->shared_pending = p->shared_pending.set;
	t->nr_queued = queue_length(&p->shared_pending);
	t->max_queued = p->rlimit[RLIMIT_SIGPENDING];
	if (u) {
		t->pending = u->pending.set;
		t->blocked = u->blocked;
		t->nr_queued += queue_length(&u->pending);
		t->no_new_privs = u->no_new_privs;
	}
	for (int sig = 1; p->sighand && sig <= NSIG; sig++) {
		u64 handler = p->sighand->action[sig - 1].handler;

		if (handler == SIG_IGN)
			t->ignored |= sigbit(sig);
		else if (handler != SIG_DFL)
			t->caught |= sigbit(sig);
	}
}

static void view_family(struct view *v, const struct process *p)
{
	struct proc_task_text *t = &v->t;

	t->tgid = p->tgid;
	t->ppid = p->real_parent == p ? 0 : p->real_parent->tgid;
	t->pgrp = p->pgid;
	t->sid = p->sid;
	t->nr_threads = MAX(p->nr_threads, 1u); /* a zombie counts */
	t->start = p->start_ns;
	t->exit_signal = p->exit_signal;
	t->rss_limit = p->rlimit[RLIMIT_RSS];
	if (p->state != PROC_ALIVE)
		t->exit_code = p->exit_status;
}

/* With proc_lock held. */
static void view_process(struct view *v, const struct proc_ref *ref)
{
	const struct process *p = ref->proc;
	struct uthread *u = proc_ref_uthread(ref);
	struct rusage_times own = ref->task && u ? thread_times(u) : process_times(p);

	if (u) {
		view_task(v, &u->th->t);
		v->cred = cred_get(u->vt.cred);
		v->t.tracer = u->trace ? u->trace->tracer->tgid : 0;
		memcpy(v->cpus, u->th->t.cpus_ptr, BITS_TO_WORDS(nr_cpus) * sizeof(u64));
	} else {
		/* The leader is gone: what is left is a name and numbers. */
		strscpy(v->t.comm, p->exe, sizeof(v->t.comm));
		v->t.state = 'Z';
		v->t.flags = PF_EXITING;
		v->t.prio = DEFAULT_PRIO;
	}
	view_times(v, &own, &p->children_times);
	view_signals(v, p, u);
	view_family(v, p);
}

static void view_kthread(struct view *v, const struct proc_ref *ref)
{
	const struct task_struct *task = ref->task;

	view_task(v, task);
	memcpy(v->cpus, task->cpus_ptr, BITS_TO_WORDS(nr_cpus) * sizeof(u64));
	v->t.tgid = ref->pid;
	v->t.nr_threads = 1;
	v->t.rss_limit = RLIM_INFINITY;
	v->t.stime = READ_ONCE(task->se.sum_exec_runtime);
	v->cred = cred_get(&init_cred);
}

static void view_mm(struct view *v, const struct mm_struct *mm)
{
	struct proc_mm_text *m = &v->t.mm;

	v->t.has_mm = true;
	*m = (struct proc_mm_text){
		.total_vm = mm->total_vm,
		.hiwater_vm = mm->hiwater_vm,
		.locked_vm = mm->locked_vm,
		.data_vm = mm->data_vm,
		.stack_vm = mm->stack_vm,
		.exec_vm = mm->exec_vm,
		.rss_anon = (u64)atomic64_read(&mm->rss[MM_ANONPAGES]),
		.rss_file = (u64)atomic64_read(&mm->rss[MM_FILEPAGES]),
		.rss_shmem = (u64)atomic64_read(&mm->rss[MM_SHMEMPAGES]),
		.hiwater_rss = mm->hiwater_rss,
		.table_bytes = (u64)atomic64_read(&mm->nr_tables) << PAGE_SHIFT,
		.start_code = mm->start_code,
		.end_code = mm->end_code,
		.start_data = mm->start_data,
		.end_data = mm->end_data,
		.start_brk = mm->start_brk,
		.start_stack = mm->start_stack,
		.arg_start = mm->arg_start,
		.arg_end = mm->arg_end,
		.env_start = mm->env_start,
		.env_end = mm->env_end,
	};
}

static void view_terminal(struct view *v)
{
	kdev_t dev;
	int pgrp;

	v->t.tpgid = -1;
	if (!tty_session_ids(&kernel_vfs, v->t.sid, &dev, &pgrp))
		return;
	v->t.tty = (MINOR(dev) & 0xff) | MAJOR(dev) << 8 | (MINOR(dev) & ~0xffu) << 12;
	v->t.tpgid = pgrp ? pgrp : -1;
}

/* -ESRCH: it has just gone. */
static int view_start(struct view *v, const struct proc_ref *ref, const struct vfs_task *reader)
{
	struct mm_struct *mm;
	u64 flags;

	memset(v, 0, sizeof(*v));
	v->t.pid = ref->pid;
	v->t.umask = -1;
	if (ref->proc) {
		flags = spin_lock_irqsave(&proc_lock);
		if (ref->task && !proc_ref_uthread(ref)) {
			spin_unlock_irqrestore(&proc_lock, flags);
			return -ESRCH;
		}
		view_process(v, ref);
		spin_unlock_irqrestore(&proc_lock, flags);
	} else {
		view_kthread(v, ref);
	}
	mm = proc_ref_mm(ref);
	if (mm) {
		view_mm(v, mm);
		mmput(mm);
	}
	v->t.addresses = proc_ref_may_read(reader, ref);
	view_terminal(v);
	return 0;
}

static void view_end(struct view *v)
{
	if (v->cred)
		cred_put(v->cred);
}

/* ---- the files ------------------------------------------------------------------------------------------- */

static int show_stat(struct seq *s, void *arg)
{
	struct view v;
	int err = view_start(&v, arg, proc_reader(s));

	if (err)
		return err;
	proc_show_stat(s, &v.t);
	view_end(&v);
	return 0;
}

static int show_statm(struct seq *s, void *arg)
{
	struct view v;
	int err = view_start(&v, arg, proc_reader(s));

	if (err)
		return err;
	proc_show_statm(s, &v.t);
	view_end(&v);
	return 0;
}

static void fill_cred(struct proc_task_text *t, const struct cred *c)
{
	const u32 uid[4] = { c->uid, c->euid, c->suid, c->fsuid };
	const u32 gid[4] = { c->gid, c->egid, c->sgid, c->fsgid };
	const u64 cap[5] = { c->cap_inheritable, c->cap_permitted, c->cap_effective, c->cap_bset,
			     c->cap_ambient };

	memcpy(t->uid, uid, sizeof(uid));
	memcpy(t->gid, gid, sizeof(gid));
	memcpy(t->cap, cap, sizeof(cap));
	t->nr_groups = c->ngroups;
	t->groups = c->groups;
}

static void fill_files(struct proc_task_text *t, const struct proc_ref *ref,
		       struct vfs_task *reader)
{
	struct files_struct *files = proc_ref_files(ref);
	struct fs_struct *fs = proc_ref_fs(ref);

	if (files) {
		t->fd_size = files->max_fds;
		files_put(reader, files);
	}
	if (fs) {
		t->umask = (int)READ_ONCE(fs->umask);
		fs_struct_put(&kernel_vfs, fs);
	}
}

static int show_status(struct seq *s, void *arg)
{
	const struct proc_ref *ref = arg;
	struct view v;
	int err = view_start(&v, ref, proc_reader(s));

	if (err)
		return err;
	if (v.cred)
		fill_cred(&v.t, v.cred);
	else
		for (unsigned i = 0; i < 4; i++)
			v.t.uid[i] = ref->proc->uid;
	fill_files(&v.t, ref, proc_reader(s));
	v.t.cpus = v.cpus;
	v.t.nr_cpus = nr_cpus;
	v.t.nr_nodes = kernel_mm.pg.nr_nodes;
	proc_show_status(s, &v.t);
	view_end(&v);
	return 0;
}

static int show_limits(struct seq *s, void *arg)
{
	const struct proc_ref *ref = arg;
	u64 soft[RLIM_NLIMITS], hard[RLIM_NLIMITS], flags;

	if (!ref->proc)
		return 0;
	flags = spin_lock_irqsave(&proc_lock);
	memcpy(soft, ref->proc->rlimit, sizeof(soft));
	memcpy(hard, ref->proc->rlimit_max, sizeof(hard));
	spin_unlock_irqrestore(&proc_lock, flags);
	proc_show_limits(s, soft, hard);
	return 0;
}

static int show_comm(struct seq *s, void *arg)
{
	struct task_struct *t = proc_ref_task(arg);
	const struct proc_ref *ref = arg;
	char comm[TASK_COMM_LEN] = "";

	if (t) {
		strscpy(comm, t->comm, sizeof(comm));
		put_task(t);
	} else if (ref->proc) {
		strscpy(comm, ref->proc->exe, sizeof(comm));
	}
	seq_printf(s, "%s\n", comm);
	return 0;
}

/* Only a process may name its own threads. */
static s64 store_comm(struct vfs_task *t, void *arg, const char *data, size_t len)
{
	const struct proc_ref *ref = arg;
	struct task_struct *task;
	char comm[TASK_COMM_LEN];

	(void)t;
	if (!ref->proc || !current_uthread() || current_process() != ref->proc)
		return -EINVAL;
	task = proc_ref_task(ref);
	if (!task)
		return -ESRCH;
	strscpy(comm, data, sizeof(comm));
	memcpy(task->comm, comm, sizeof(comm));
	put_task(task);
	return (s64)len;
}

static void print_io(struct seq *s, const struct task_io *io)
{
	/* No file system here stands on a disk, so nothing ever had to be fetched or stored. */
	seq_printf(s, "rchar: %lu\nwchar: %lu\nsyscr: %lu\nsyscw: %lu\n", io->rchar, io->wchar,
		   io->syscr, io->syscw);
	seq_puts(s, "read_bytes: 0\nwrite_bytes: 0\ncancelled_write_bytes: 0\n");
}

static int show_io(struct seq *s, void *arg)
{
	const struct proc_ref *ref = arg;
	const struct uthread *u;
	struct task_io sum = { 0 };
	u64 flags;

	if (!proc_ref_may_read(proc_reader(s), ref))
		return -EACCES;
	if (ref->proc) {
		flags = spin_lock_irqsave(&proc_lock);
		u = ref->task ? proc_ref_uthread(ref) : NULL;
		if (u)
			sum = u->io;
		if (!ref->task) {
			sum = ref->proc->io;
			for_each_thread (ref->proc, u)
				task_io_add(&sum, &u->io);
		}
		spin_unlock_irqrestore(&proc_lock, flags);
	}
	print_io(s, &sum);
	return 0;
}

static int show_oom_score(struct seq *s, void *arg)
{
	const struct proc_ref *ref = arg;
	u64 flags, score = 0;

	if (ref->proc) {
		flags = spin_lock_irqsave(&proc_lock);
		score = oom_score(ref->proc);
		spin_unlock_irqrestore(&proc_lock, flags);
	}
	seq_printf(s, "%lu\n", score);
	return 0;
}

static int show_oom_adj(struct seq *s, void *arg)
{
	const struct proc_ref *ref = arg;

	seq_printf(s, "%d\n", ref->proc ? READ_ONCE(ref->proc->oom_score_adj) : 0);
	return 0;
}

/* Less than before, or less than an administrator has set, needs CAP_SYS_RESOURCE: proc(5). */
static s64 store_oom_adj(struct vfs_task *t, void *arg, const char *data, size_t len)
{
	const struct proc_ref *ref = arg;
	const char *text = strim((char *)data);
	s64 v, ret = (s64)len;
	u64 flags;

	if (parse_s64(text, strlen(text), 10, &v) || v < -1000 || v > 1000)
		return -EINVAL;
	if (!ref->proc)
		return -EINVAL;
	flags = spin_lock_irqsave(&proc_lock);
	if (v < ref->proc->oom_score_adj_min && !cred_capable(t->cred, CAP_SYS_RESOURCE)) {
		ret = -EACCES;
	} else {
		ref->proc->oom_score_adj = (s16)v;
		if (cred_capable(t->cred, CAP_SYS_RESOURCE))
			ref->proc->oom_score_adj_min = (s16)v;
	}
	spin_unlock_irqrestore(&proc_lock, flags);
	return ret;
}

const struct pseudo_ops proc_stat_ops = { .show = show_stat };
const struct pseudo_ops proc_status_ops = { .show = show_status };
const struct pseudo_ops proc_statm_ops = { .show = show_statm };
const struct pseudo_ops proc_limits_ops = { .show = show_limits };
const struct pseudo_ops proc_comm_ops = { .show = show_comm, .store = store_comm };
const struct pseudo_ops proc_io_ops = { .show = show_io };
const struct pseudo_ops proc_oom_score_ops = { .show = show_oom_score };
const struct pseudo_ops proc_oom_score_adj_ops = { .show = show_oom_adj, .store = store_oom_adj };
