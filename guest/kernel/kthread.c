/* SPDX-License-Identifier: MIT */
/* kthread.c - birth and death of kernel threads. */
#include "guest/kernel/kthread.h"
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/kstack.h"
#include "guest/arch/x86/layout.h"
#include "guest/kernel/preempt.h"
#include "guest/kernel/sched.h"
#include "guest/lib/printf.h"
#include "guest/process/internal.h"

/* What __switch_to_asm pops on a task's first run. */
struct first_frame {
	u64 r15, r14, r13, r12, rbx, rbp, ret;
	u64 end[2]; /* ends the frame-pointer chain */
};

void ret_from_fork(void);

struct thread init_thread = { .t.comm = "swapper/0", .refs = { 1 } };

void get_task(struct task_struct *t)
{
	atomic_inc(&thread_of(t)->refs);
}

void put_task(struct task_struct *t)
{
	struct thread *th = thread_of(t);

	if (!atomic_dec_and_test(&th->refs))
		return;
	if (th->stack)
		kstack_free(th->stack);
	env_free(th, sizeof(*th));
}

/* room: bytes of the stack's top that stay free, for a frame of user registers. */
static struct thread *alloc(void (*start)(void), size_t room)
{
	struct thread *th = env_alloc(sizeof(*th));
	struct first_frame *f;

	if (!th)
		return NULL;
	th->stack = kstack_alloc(TASK_STACK_SIZE);
	if (!th->stack) {
		env_free(th, sizeof(*th));
		return NULL;
	}
	init_completion(&th->exited);
	init_completion(&th->parked);
	init_completion(&th->unparked);
	atomic_set(&th->refs, 1);
	f = (struct first_frame *)(th->stack - room) - 1;
	*f = (struct first_frame){ .ret = (u64)start };
	th->sp = (u64)f;
	return th;
}

struct thread *thread_alloc(int (*fn)(void *data), void *data)
{
	return thread_alloc_user(fn, data, 0);
}

struct thread *thread_alloc_user(int (*fn)(void *data), void *data, size_t room)
{
	struct thread *th = alloc(ret_from_fork, room);

	if (th) {
		th->threadfn = fn;
		th->data = data;
	}
	return th;
}

struct thread *thread_alloc_at(void (*start)(void))
{
	return alloc(start, 0);
}

void thread_set_name(struct thread *th, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	kvsnprintf(th->t.comm, sizeof(th->t.comm), fmt, ap);
	va_end(ap);
}

_Noreturn void task_first_run(struct task_struct *prev)
{
	struct thread *th;

	schedule_tail(prev);
	th = thread_of(current);
	local_irq_enable();
	preempt_enable();
	thread_exit(th->threadfn(th->data));
}

_Noreturn void thread_exit(int code)
{
	thread_of(current)->exit_code = code;
	set_current_state(TASK_DEAD);
	schedule();
	env_panic(__FILE__, __LINE__, "dead task %d (%s) ran again", current->pid, current->comm);
}

void thread_gone(struct thread *th)
{
	sched_task_free(&th->t);
	if (th->u)
		uthread_gone(th->u);
	else
		tid_free(th->t.pid);
	complete(&th->exited);
	put_task(&th->t);
}

struct task_struct *kthread_create(int (*fn)(void *data), void *data, const char *fmt, ...)
{
	struct thread *th = thread_alloc(fn, data);
	va_list ap;
	int pid;

	if (!th)
		return NULL;
	va_start(ap, fmt);
	kvsnprintf(th->t.comm, sizeof(th->t.comm), fmt, ap);
	va_end(ap);
	pid = tid_alloc();
	if (pid < 0) {
		put_task(&th->t);
		return NULL;
	}
	th->t.pid = th->t.tgid = pid;
	th->t.flags = PF_KTHREAD;
	if (sched_fork(kernel_sched, &th->t, NULL)) {
		put_task(&th->t);
		return NULL;
	}
	return &th->t;
}

void kthread_bind(struct task_struct *t, unsigned cpu)
{
	BUG_ON(t->state != TASK_NEW);
	if (sched_bind(t, cpu))
		env_panic(__FILE__, __LINE__, "thread %s cannot be bound to CPU %u", t->comm, cpu);
}

void kthread_start(struct task_struct *t)
{
	get_task(t); /* its own; thread_gone() lets go of it */
	wake_up_new_task(t);
}

int kthread_join(struct task_struct *t)
{
	struct thread *th = thread_of(t);
	int code;

	wait_for_completion(&th->exited);
	code = th->exit_code;
	put_task(t);
	return code;
}

int kthread_stop(struct task_struct *t)
{
	WRITE_ONCE(thread_of(t)->should_stop, true);
	smp_mb(); /* the sleeper sets its state, then looks at the flag */
	if (READ_ONCE(t->state) == TASK_NEW)
		kthread_start(t);
	else
		wake_up_process(t);
	return kthread_join(t);
}

bool kthread_should_stop(void)
{
	return READ_ONCE(thread_of(current)->should_stop);
}

void kthread_park(struct task_struct *t)
{
	WRITE_ONCE(thread_of(t)->should_park, true);
	/* It may look at the flag before we set it, and go to sleep after we woke it. */
	while (!try_wait_for_completion(&thread_of(t)->parked)) {
		wake_up_process(t);
		msleep(1);
	}
}

void kthread_unpark(struct task_struct *t)
{
	WRITE_ONCE(thread_of(t)->should_park, false);
	complete(&thread_of(t)->unparked);
}

bool kthread_should_park(void)
{
	return READ_ONCE(thread_of(current)->should_park);
}

void kthread_parkme(void)
{
	struct thread *th = thread_of(current);

	__set_current_state(TASK_RUNNING);
	complete(&th->parked);
	wait_for_completion(&th->unparked);
}
