/* SPDX-License-Identifier: MIT */
/* proc_sched.c - sched, schedstat, stack, wchan of /proc/PID: how it is scheduled, and where it sleeps. */
#include "guest/arch/x86/backtrace.h"
#include "guest/lib/string.h"
#include "guest/process/internal.h"
#include "guest/process/proc_internal.h"
#include "guest/sched/show.h"

static unsigned threads_of(const struct proc_ref *ref)
{
	return ref->proc ? MAX(READ_ONCE(ref->proc->nr_threads), 1u) : 1;
}

static int show_sched(struct seq *s, void *arg)
{
	struct task_struct *t = proc_ref_task(arg);

	if (!t)
		return -ESRCH;
	sched_show_pid_sched(s, t, threads_of(arg));
	put_task(t);
	return 0;
}

/* Any write begins to count anew. */
static s64 store_sched(struct vfs_task *reader, void *arg, const char *data, size_t len)
{
	struct task_struct *t = proc_ref_task(arg);

	(void)reader;
	(void)data;
	if (!t)
		return -ESRCH;
	sched_reset_stats(t);
	put_task(t);
	return (s64)len;
}

static int show_pid_schedstat(struct seq *s, void *arg)
{
	struct task_struct *t = proc_ref_task(arg);

	if (!t)
		return -ESRCH;
	seq_printf(s, "%lu %lu %lu\n", READ_ONCE(t->se.sum_exec_runtime),
		   READ_ONCE(t->sched_info.run_delay), READ_ONCE(t->sched_info.pcount));
	put_task(t);
	return 0;
}

/* ---- the kernel stack ------------------------------------------------------------------------------------ */

/* What __switch_to_asm leaves on the stack of who does not run. */
struct switch_frame {
	u64 r15, r14, r13, r12, rbx;
	u64 rbp, ret; /* also the first link of its call chain */
};

/* Of one that runs elsewhere there is none: it changes while one looks. */
static size_t save_stack(struct task_struct *t, u64 *pc, size_t max)
{
	const struct thread *th = thread_of(t);

	if (t == current)
		return backtrace_save(NULL, __builtin_frame_address(0), pc, max);
	if (READ_ONCE(t->on_cpu))
		return 0;
	return backtrace_save(NULL, &((const struct switch_frame *)READ_ONCE(th->sp))->rbp, pc,
			      max);
}

static int show_stack(struct seq *s, void *arg)
{
	struct task_struct *t;
	struct ksym sym;
	u64 pc[32];
	size_t n;

	if (!cred_capable(proc_reader(s)->cred, CAP_SYS_ADMIN))
		return -EACCES;
	t = proc_ref_task(arg);
	if (!t)
		return -ESRCH;
	n = save_stack(t, pc, ARRAY_SIZE(pc));
	/* Below the kernel's part lies what the program was doing: not for here. */
	for (size_t i = 0; i < n && ksym_lookup(&kernel_symbols, pc[i], &sym); i++)
		seq_printf(s, "[<0>] %s+%#lx/%#lx\n", sym.name, sym.offset, sym.size);
	put_task(t);
	return 0;
}

/* Functions by which everybody sleeps: their caller is the reason. */
static bool is_sleeping(const char *name)
{
	static const char *const names[] = {
		"sched_env_switch",   "do_sched_yield",
		"kthread_parkme",     "schedule",
		"__schedule",	      "preempt_schedule",
		"schedule_until",     "schedule_timeout",
		"schedule_hrtimeout", "wait_for_completion",
		"mutex_lock",	      "down_read",
		"down_write",	      "msleep",
		"usleep_range",	      "sleep_until_signal",
	};

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		if (str_has_prefix(name, names[i]))
			return true;
	return false;
}

static int show_wchan(struct seq *s, void *arg)
{
	struct task_struct *t = proc_ref_task(arg);
	size_t n = 0;
	struct ksym sym;
	u64 pc[16];

	if (t && READ_ONCE(t->state) != TASK_RUNNING && proc_ref_may_read(proc_reader(s), arg))
		n = save_stack(t, pc, ARRAY_SIZE(pc));
	if (t)
		put_task(t);
	for (size_t i = 0; i < n; i++) {
		if (!ksym_lookup(&kernel_symbols, pc[i], &sym) || is_sleeping(sym.name))
			continue;
		seq_puts(s, sym.name);
		return 0;
	}
	seq_puts(s, "0");
	return 0;
}

const struct pseudo_ops proc_sched_ops = { .show = show_sched, .store = store_sched };
const struct pseudo_ops proc_schedstat_ops = { .show = show_pid_schedstat };
const struct pseudo_ops proc_stack_ops = { .show = show_stack };
const struct pseudo_ops proc_wchan_ops = { .show = show_wchan };
