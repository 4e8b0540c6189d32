/* SPDX-License-Identifier: MIT */
/* kthread.h - kernel threads, in Linux's words. */
#ifndef GUEST_KERNEL_KTHREAD_H
#define GUEST_KERNEL_KTHREAD_H

#include "guest/kernel/task.h"
#include "guest/lib/errno.h"

/*
 * A thread that will run fn(data) once it is woken; it sleeps until then. NULL without memory.
 * Its result is collected, and its memory freed, by kthread_join() or kthread_stop(): exactly one
 * of them must be called.
 */
struct task_struct *kthread_create(int (*fn)(void *data), void *data, const char *fmt, ...)
	printf_like(3, 4);

/* Binds a thread that has not run yet to a CPU. */
void kthread_bind(struct task_struct *t, unsigned cpu);

/* Creates and wakes. */
#define kthread_run(fn, data, ...)                                                    \
	({                                                                            \
		struct task_struct *kthread_ = kthread_create(fn, data, __VA_ARGS__); \
		if (kthread_)                                                         \
			wake_up_process(kthread_);                                    \
		kthread_;                                                             \
	})

/* Sleeps until the thread has returned; its result. The pointer is dead afterwards. */
int kthread_join(struct task_struct *t);

/* Asks the thread to end (kthread_should_stop() turns true, and it is woken), then joins. */
int kthread_stop(struct task_struct *t);
bool kthread_should_stop(void);

/* The task for a CPU's idle loop, already running there (its stack is the one in use). */
struct task_struct *idle_task_init(unsigned cpu);

/* Where a new thread's first switch lands, from entry.S. */
_Noreturn void task_first_run(struct task_struct *prev);

#endif
