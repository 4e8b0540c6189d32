/* SPDX-License-Identifier: MIT */
/*
 * task.h - the kernel's own part of a thread: stack, life and death. What the scheduler knows of it
 * is the struct task_struct inside (guest/sched/task.h), which everybody else passes around.
 */
#ifndef GUEST_KERNEL_TASK_H
#define GUEST_KERNEL_TASK_H

#include "guest/arch/x86/percpu.h"
#include "guest/lib/atomic.h"
#include "guest/locking/wait.h"

struct thread {
	struct task_struct t;
	u64 sp;	   /* saved stack pointer while not running */
	u64 stack; /* top of the kernel stack; 0: the boot stack */
	/* One while the thread lives, one of who created it, and of everybody who looks. */
	atomic_t refs;
	bool should_stop, should_park;
	int (*threadfn)(void *data);
	void *data;
	u64 seen_switches; /* watchdog.c: of a thread that waits for a lock */
	unsigned seen_waiting;
	int exit_code;		  /* valid once exited is complete */
	struct completion exited; /* off its CPU for good */
	struct completion parked, unparked;
};

DECLARE_PER_CPU(struct task_struct *, current_task);

static inline struct thread *thread_of(struct task_struct *t)
{
	return container_of(t, struct thread, t);
}

/* Where a backtrace begins while the thread does not run: __switch_to_asm left five registers, then RBP. */
static inline const void *thread_frame(const struct thread *th)
{
	return (const u64 *)th->sp + 5;
}

/* The boot CPU's first thread: runs kernel_main(), pid 0, idles afterwards. */
extern struct thread init_thread;

/* Keep a thread's memory, also when it has ended, and let go of it. Any context. */
void get_task(struct task_struct *t);
void put_task(struct task_struct *t);

#endif
