/* SPDX-License-Identifier: MIT */
/*
 * sched.h - run queues, the class chain, and the switch.
 *
 * Rules: S1 a task is on the list of the queue that its cpu names, or it runs there, or it is not
 * runnable. S2 the running task is not on a list. S3 rq->lock is held across the switch and
 * released by the task that comes in.
 */
#ifndef GUEST_KERNEL_SCHED_H
#define GUEST_KERNEL_SCHED_H

#include "guest/kernel/task.h"
#include "guest/locking/spinlock.h"

struct rq;

/* One policy. All calls: rq->lock held, IRQs off. The chain is sched_classes[] in sched.c. */
struct sched_class {
	const char *name;
	void (*enqueue_task)(struct rq *rq, struct task_struct *t);
	void (*dequeue_task)(struct rq *rq, struct task_struct *t); /* t waits on a list */
	/* Takes the best task off its list; NULL: none, ask the next class. */
	struct task_struct *(*pick_next_task)(struct rq *rq);
	/* t ran and stays runnable: back to its list. */
	void (*put_prev_task)(struct rq *rq, struct task_struct *t);
	/* Once a tick while t runs; may call resched_curr(). */
	void (*task_tick)(struct rq *rq, struct task_struct *t);
};

struct rq {
	spinlock_t lock;
	unsigned cpu;
	struct task_struct *curr, *idle; /* lock */
	struct list_head queue;		 /* round robin; lock */
	unsigned nr_running;		 /* with the running one, without idle; lock */
	u64 nr_switches;		 /* lock */
	struct list_head sleepers;	 /* by wake_at; lock */
};

DECLARE_PER_CPU(struct rq, runqueues);

/* Makes this CPU's queue with the running code as its idle task. */
void sched_init_cpu(struct task_struct *idle);

/* Gives up the CPU if current->state says so or somebody else waits. IRQs and preemption on. */
void schedule(void);

/* Makes t runnable. Whether it was not. Any context. */
bool wake_up_process(struct task_struct *t);

/* Marks this CPU for a switch at the next opportunity. rq->lock held. */
void resched_curr(struct rq *rq);

/* Sleeps for about ns (the next tick after); state must be set before. Time left when woken. */
u64 schedule_timeout(u64 ns);
void msleep(u64 ms);

/* Tick, IRQs off: wakes sleepers whose time has come, charges the running task. */
void sched_tick(u64 now_ns);

/* The idle loop of a CPU; never returns. */
_Noreturn void cpu_idle_loop(void);

/* Where a new thread should go: the online CPU with the fewest runnable tasks. */
unsigned select_cpu(void);

/* Lets go of the lock the previous task took; the first thing on a new stack. */
void finish_task_switch(struct task_struct *prev);

/* Switches on all CPUs since boot. */
u64 nr_context_switches(void);

#define set_current_state(s)                             \
	do {                                             \
		WRITE_ONCE(current->state, (s));         \
		__atomic_thread_fence(__ATOMIC_SEQ_CST); \
	} while (0)

#endif
