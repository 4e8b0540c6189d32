/* SPDX-License-Identifier: MIT */
/* irq_thread.c - see irq_thread.h for the rules N1..N4. */
#include "guest/defer/irq_thread.h"
#include "guest/sched/sched.h"

/* Of so many interrupts nearly all unhandled: the device is broken, or is somebody else's. */
#define STORM_WINDOW 100000u
#define STORM_LIMIT  99900u

int irq_thread_init(struct irq_thread *t)
{
	if (!t->handler && !t->thread_fn)
		return -EINVAL;
	if (!t->handler && t->mask && !(t->flags & IRQF_ONESHOT))
		return -EINVAL;
	spin_lock_init(&t->lock);
	init_waitqueue_head(&t->idle);
	t->run = t->active = t->in_hard = t->disabled = t->stop = false;
	t->nr_hard = t->nr_thread = t->nr_unhandled = 0;
	t->recent = t->recent_unhandled = 0;
	return 0;
}

static void mask(struct irq_thread *t, bool on)
{
	if (t->mask)
		t->mask(t->line, on);
}

/* Locked. */
static void note(struct irq_thread *t, enum irqreturn ret)
{
	t->nr_hard++;
	if (ret == IRQ_NONE) {
		t->nr_unhandled++;
		t->recent_unhandled++;
	}
	if (++t->recent < STORM_WINDOW)
		return;
	if (t->recent_unhandled > STORM_LIMIT) {
		t->disabled = true; /* N4 */
		env_log(ENV_ERR,
			"irq: nobody cared about %u of the last %u interrupts of a line: it is off",
			t->recent_unhandled, t->recent);
	}
	t->recent = t->recent_unhandled = 0;
}

void irq_thread_fire(struct irq_thread *t)
{
	enum irqreturn ret = IRQ_WAKE_THREAD;
	bool wake, waiting;

	raw_spin_lock(&t->lock);
	if (t->disabled) {
		mask(t, true);
		raw_spin_unlock(&t->lock);
		return;
	}
	t->in_hard = true;
	if (t->flags & IRQF_ONESHOT)
		mask(t, true);
	raw_spin_unlock(&t->lock);
	if (t->handler)
		ret = t->handler(t->arg);
	raw_spin_lock(&t->lock);
	t->in_hard = false;
	note(t, ret);
	wake = ret == IRQ_WAKE_THREAD && t->task && !t->stop;
	if (wake)
		t->run = true; /* N1 */
	else if ((t->flags & IRQF_ONESHOT) && !t->run && !t->active)
		mask(t, t->disabled);
	waiting = !t->run && !t->active;
	raw_spin_unlock(&t->lock);
	if (wake)
		wake_up_process(t->task);
	else if (waiting)
		wake_up_all(&t->idle);
}

bool irq_thread_run(struct irq_thread *t)
{
	enum irqreturn ret;
	u64 flags;

	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		flags = spin_lock_irqsave(&t->lock);
		if (t->run || t->stop)
			break;
		spin_unlock_irqrestore(&t->lock, flags);
		schedule();
	}
	__set_current_state(TASK_RUNNING);
	if (!t->run) {
		spin_unlock_irqrestore(&t->lock, flags);
		return false;
	}
	t->run = false;
	t->active = true;
	spin_unlock_irqrestore(&t->lock, flags);

	ret = t->thread_fn(t->arg);

	flags = spin_lock_irqsave(&t->lock);
	t->active = false;
	t->nr_thread++;
	if (ret == IRQ_NONE) {
		t->nr_unhandled++;
		t->recent_unhandled++;
	}
	if ((t->flags & IRQF_ONESHOT) && !t->run)
		mask(t, t->disabled); /* N2 */
	spin_unlock_irqrestore(&t->lock, flags);
	wake_up_all(&t->idle);
	return true;
}

void irq_thread_stop(struct irq_thread *t)
{
	u64 flags = spin_lock_irqsave(&t->lock);

	t->stop = true;
	spin_unlock_irqrestore(&t->lock, flags);
	if (t->task)
		wake_up_process(t->task);
}

static bool quiet(struct irq_thread *t)
{
	u64 flags = spin_lock_irqsave(&t->lock);
	bool ret = !t->run && !t->active && !t->in_hard;

	spin_unlock_irqrestore(&t->lock, flags);
	return ret;
}

void irq_thread_synchronize(struct irq_thread *t)
{
	wait_event(&t->idle, quiet(t));
}
