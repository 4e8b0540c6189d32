/* SPDX-License-Identifier: MIT */
/* kthread.h - kernel threads, in Linux's words. */
#ifndef GUEST_KERNEL_KTHREAD_H
#define GUEST_KERNEL_KTHREAD_H

#include "guest/kernel/task.h"
#include "guest/lib/errno.h"

/*
 * A thread of nice 0 that will run fn(data) once kthread_start() says so. NULL without memory. Its
 * result is collected by kthread_join() or kthread_stop(): exactly one of them must be called.
 */
struct task_struct *kthread_create(int (*fn)(void *data), void *data, const char *fmt, ...)
	printf_like(3, 4);

/* Binds a thread that has not been started to a CPU that is online. */
void kthread_bind(struct task_struct *t, unsigned cpu);

/* Lets a created thread run. Once. */
void kthread_start(struct task_struct *t);

/* Creates and starts. */
#define kthread_run(fn, data, ...)                                                    \
	({                                                                            \
		struct task_struct *kthread_ = kthread_create(fn, data, __VA_ARGS__); \
		if (kthread_)                                                         \
			kthread_start(kthread_);                                      \
		kthread_;                                                             \
	})

/* Sleeps until the thread has returned; its result. The pointer is dead afterwards. */
int kthread_join(struct task_struct *t);

/* Asks the thread to end (kthread_should_stop() turns true, and it is woken), then joins. */
int kthread_stop(struct task_struct *t);
bool kthread_should_stop(void);

/*
 * Parking: a per-CPU thread stands aside while its CPU is away. kthread_park() returns when it does;
 * the thread itself asks now and then, and whenever it is woken, whether it should.
 */
void kthread_park(struct task_struct *t);
void kthread_unpark(struct task_struct *t);
bool kthread_should_park(void);
void kthread_parkme(void);

/* A thread that no scheduler knows yet; fn NULL: it runs already, or will, without a first switch
 * to it. NULL without memory. */
struct thread *thread_alloc(int (*fn)(void *data), void *data);
/* The same, but its first switch lands in start(), IRQs off and with no lock to let go of: for who
 * switches by hand. */
struct thread *thread_alloc_at(void (*start)(void));
void thread_set_name(struct thread *th, const char *fmt, ...) printf_like(2, 3);

/* The same for a thread of a process: `room` bytes stay free at the top of its stack. */
struct thread *thread_alloc_user(int (*fn)(void *data), void *data, size_t room);

/* Ends the running thread. */
_Noreturn void thread_exit(int code);

/* Off its CPU for good: tells who waits for that. From the scheduler, preemption off. */
void thread_gone(struct thread *th);

/* Where a new thread's first switch lands, from entry.S. */
_Noreturn void task_first_run(struct task_struct *prev);

#endif
