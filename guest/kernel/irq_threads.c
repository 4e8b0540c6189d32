/* SPDX-License-Identifier: MIT */
/* irq_threads.c - see irq_threads.h. */
#include "guest/kernel/irq_threads.h"
#include "guest/kernel/kthread.h"
#include "guest/kernel/sched.h"

#define IRQ_THREAD_PRIO 50

static int run(void *t)
{
	while (irq_thread_run(t))
		;
	return 0;
}

static void fire(void *t)
{
	irq_thread_fire(t);
}

int request_threaded_irq(unsigned vector, const char *name, struct irq_thread *t, enum irq_ack ack)
{
	int err = irq_thread_init(t);

	if (err)
		return err;
	t->task = NULL;
	if (t->thread_fn) {
		struct task_struct *p = kthread_create(run, t, "irq/%u-%s", vector, name);

		if (!p)
			return -ENOMEM;
		task_setscheduler(p, SCHED_FIFO, IRQ_THREAD_PRIO, NULL);
		t->task = p;
		kthread_start(p);
	}
	irq_set_handler(vector, name, fire, t, ack);
	return 0;
}

void free_threaded_irq(unsigned vector, struct irq_thread *t)
{
	irq_set_handler(vector, NULL, NULL, NULL, IRQ_ACK_NONE);
	irq_thread_synchronize(t);
	if (!t->task)
		return;
	irq_thread_stop(t);
	kthread_join(t->task);
}
