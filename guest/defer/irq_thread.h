/* SPDX-License-Identifier: MIT */
/*
 * irq_thread.h - interrupts whose work is done by a thread of their own, which may sleep and has a
 * priority: request_threaded_irq() without the vectors, which are the kernel's.
 *
 * N1 a wake-up is never lost: what comes while the thread runs makes it run again. N2 a one-shot line
 * stays masked from the interrupt until its thread has done the work. N3 after synchronize nothing that
 * began before runs any more. N4 a line on which only unhandled interrupts come is switched off.
 */
#ifndef GUEST_DEFER_IRQ_THREAD_H
#define GUEST_DEFER_IRQ_THREAD_H

#include "guest/locking/wait.h"
#include "guest/lib/atomic.h"

enum irqreturn { IRQ_NONE, IRQ_HANDLED, IRQ_WAKE_THREAD };

#define IRQF_ONESHOT 1

struct irq_thread {
	/* In the interrupt, IRQs off: quietens the device. NULL: only wakes the thread. */
	enum irqreturn (*handler)(void *arg);
	/* In the thread. NULL: there is none. */
	enum irqreturn (*thread_fn)(void *arg);
	void *arg;
	unsigned flags; /* IRQF_* */
	/* At the controller; any context, IRQs off. NULL: not needed, as with edges. */
	void (*mask)(void *line, bool on);
	void *line;

	struct task_struct *task; /* runs irq_thread_run() again and again */
	spinlock_t lock;
	bool run;      /* the thread has something to do */
	bool active;   /* it is doing it */
	bool in_hard;  /* the handler runs */
	bool disabled; /* N4 */
	bool stop;
	wait_queue_head_t idle; /* N3 */
	u64 nr_hard, nr_thread, nr_unhandled;
	unsigned recent, recent_unhandled;
};

/* As the members say; the thread, if any, is made by the caller afterwards. -EINVAL: neither function,
 * or a level-triggered line (mask given) whose only work is in the thread without IRQF_ONESHOT: it
 * would interrupt for ever. */
int irq_thread_init(struct irq_thread *t);

/* The interrupt has come; IRQs off. */
void irq_thread_fire(struct irq_thread *t);

/* One round of the thread: waits, works. False when it shall end. */
bool irq_thread_run(struct irq_thread *t);
void irq_thread_stop(struct irq_thread *t);

/* N3; may sleep. */
void irq_thread_synchronize(struct irq_thread *t);

#endif
