/* SPDX-License-Identifier: MIT */
/* oom.c - see oom.h. */
#include "guest/process/oom.h"
#include "guest/kernel/panic.h"
#include "guest/kernel/printk.h"
#include "guest/process/internal.h"

/* Pages that would come back: what it has, and its page tables. */
static u64 badness(const struct process *p)
{
	const struct mm_struct *mm = p->leader ? p->leader->mm : NULL;
	const struct uthread *u;

	if (!mm)
		for_each_thread (p, u)
			if (u->mm)
				mm = u->mm;
	return mm ? mm_rss(mm) + (u64)atomic64_read(&mm->nr_tables) : 0;
}

static bool is_dying(const struct process *p)
{
	return p->group_exit || p->state != PROC_ALIVE;
}

void out_of_memory(const char *what)
{
	struct process *p, *victim = NULL;
	u64 flags = spin_lock_irqsave(&proc_lock), points = 0;
	bool waiting = false;

	for_each_process (p) {
		u64 b = badness(p);

		if (p == init_process)
			continue;
		/* Somebody is about to give memory back already. */
		waiting |= is_dying(p) && b;
		if (!is_dying(p) && b > points) {
			victim = p;
			points = b;
		}
	}
	if (waiting)
		victim = NULL;
	if (victim) {
		pr_err("Out of memory (%s of %s[%d]): killed process %d (%s), %lu KiB: the most of all",
		       what, current->comm, current->pid, victim->tgid, victim->exe, points * 4);
		send_signal_locked(victim, NULL, SIGKILL, NULL);
	}
	spin_unlock_irqrestore(&proc_lock, flags);
	if (!victim && !waiting)
		panic("out of memory, and no process left to end");
	/* The fault is tried again after it has had a moment. */
	if (!current->fatal_signal_pending)
		msleep(10);
}
