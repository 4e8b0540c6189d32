/* SPDX-License-Identifier: MIT */
/*
 * timeout.c - sleeping for a time: on each CPU a list of sleepers in the order of waking, looked at
 * by its tick.
 */
#include "guest/kernel/sched.h"
#include "guest/kernel/time.h"
#include "guest/locking/spinlock.h"

/* On the sleeper's stack: it leaves only after it has taken itself off the list, under the lock. */
struct sleeper {
	struct list_head node;
	struct task_struct *task;
	u64 wake_at;
};

struct sleepers {
	spinlock_t lock; /* outside any task's pi_lock */
	struct list_head list;
};
static DEFINE_PER_CPU(struct sleepers, sleepers);

void timeout_init_cpu(unsigned cpu)
{
	struct sleepers *q = &per_cpu(sleepers, cpu);

	spin_lock_init(&q->lock);
	INIT_LIST_HEAD(&q->list);
}

void timeout_tick(u64 now)
{
	struct sleepers *q = this_cpu_ptr(&sleepers);

	raw_spin_lock(&q->lock);
	while (!list_empty(&q->list)) {
		struct sleeper *s = list_first_entry(&q->list, struct sleeper, node);

		if (s->wake_at > now)
			break;
		list_del_init(&s->node);
		wake_up_process(s->task);
	}
	raw_spin_unlock(&q->lock);
}

u64 schedule_timeout(u64 ns)
{
	struct sleeper me = { .task = current, .wake_at = clock_ns() + ns }, *s;
	struct sleepers *q;
	u64 now, flags = env_irq_save();

	q = this_cpu_ptr(&sleepers); /* the task may wake elsewhere */
	spin_lock(&q->lock);
	list_for_each_entry (s, &q->list, node) {
		if (s->wake_at > me.wake_at)
			break;
	}
	list_add_tail(&me.node, &s->node);
	spin_unlock_irqrestore(&q->lock, flags);

	schedule();

	flags = spin_lock_irqsave(&q->lock);
	list_del_init(&me.node); /* still there if somebody else woke us */
	spin_unlock_irqrestore(&q->lock, flags);
	now = clock_ns();
	return now < me.wake_at ? me.wake_at - now : 0;
}

void msleep(u64 ms)
{
	u64 end = clock_ns() + ms * NSEC_PER_MSEC, now;

	while ((now = clock_ns()) < end) {
		set_current_state(TASK_UNINTERRUPTIBLE);
		schedule_timeout(end - now);
	}
}
