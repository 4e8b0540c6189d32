/* SPDX-License-Identifier: MIT */
/* oom.c - see oom.h. */
#include "guest/process/oom.h"
#include "guest/kernel/panic.h"
#include "guest/kernel/printk.h"
#include "guest/process/internal.h"

enum { NEVER = -1000 };

/* Pages that would come back: what it has, and its page tables. */
static u64 pages_of(const struct process *p)
{
	const struct mm_struct *mm = p->leader ? p->leader->mm : NULL;
	const struct uthread *u;

	if (!mm)
		for_each_thread (p, u)
			if (u->mm)
				mm = u->mm;
	return mm ? mm_rss(mm) + (u64)atomic64_read(&mm->nr_tables) : 0;
}

/* The same, shifted by thousandths of all memory as oom_score_adj says. */
static s64 badness(const struct process *p)
{
	return (s64)pages_of(p) + p->oom_score_adj * (s64)nr_managed_pages(&kernel_mm.pg) / 1000;
}

u64 oom_score(const struct process *p)
{
	s64 all = (s64)nr_managed_pages(&kernel_mm.pg), score;

	if (p->oom_score_adj == NEVER)
		return 0;
	/* Linux's scale: 0 to 2000, where 666 means nothing but itself. */
	score = (1000 + badness(p) * 1000 / all) * 2 / 3;
	return (u64)MAX(score, 0l);
}

static bool is_dying(const struct process *p)
{
	return p->group_exit || p->state != PROC_ALIVE;
}

void out_of_memory(const char *what)
{
	struct process *p, *victim = NULL;
	u64 flags = spin_lock_irqsave(&proc_lock);
	s64 points = INT64_MIN;
	bool waiting = false;

	for_each_process (p) {
		s64 b = badness(p);

		if (p == init_process || p->oom_score_adj == NEVER || !pages_of(p))
			continue;
		/* Somebody is about to give memory back already. */
		waiting |= is_dying(p);
		if (!is_dying(p) && b > points) {
			victim = p;
			points = b;
		}
	}
	if (waiting)
		victim = NULL;
	if (victim) {
		const char *name = victim->leader ? victim->leader->th->t.comm : victim->exe;

		pr_err("Out of memory (%s of %s[%d]): killed process %d (%s), %lu KiB, oom_score_adj %d: the worst of all",
		       what, current->comm, current->pid, victim->tgid, name, pages_of(victim) * 4,
		       victim->oom_score_adj);
		send_signal_locked(victim, NULL, SIGKILL, NULL);
	}
	spin_unlock_irqrestore(&proc_lock, flags);
	if (!victim && !waiting)
		panic("out of memory, and no process left to end");
	/* The fault is tried again after it has had a moment. */
	if (!current->fatal_signal_pending)
		msleep(10);
}
