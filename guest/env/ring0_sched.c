/* SPDX-License-Identifier: MIT */
/* ring0_sched.c - the seam of sched_env.h, as the kernel itself answers it. */
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/backtrace.h"
#include "guest/arch/x86/desc.h"
#include "guest/arch/x86/smp.h"
#include "guest/kernel/kthread.h"
#include "guest/kernel/preempt.h"
#include "guest/kernel/rcu.h"
#include "guest/kernel/sched.h"
#include "guest/kernel/time.h"
#include "guest/platform/platform.h"

DEFINE_PER_CPU(struct task_struct *, current_task) = &init_thread.t;
DEFINE_PER_CPU(u32, preempt_count_);
static DEFINE_PER_CPU(u64, sched_timer_at) = UINT64_MAX;

struct task_struct *__switch_to_asm(struct task_struct *prev, u64 *prev_sp, u64 next_sp);

struct task_struct *sched_env_current(void)
{
	return this_cpu_read(current_task);
}

struct rq *sched_env_this_rq(void)
{
	return this_cpu_read(runqueues);
}

struct task_struct *sched_env_switch(struct task_struct *prev, struct task_struct *next)
{
	struct thread *out = thread_of(prev), *in = thread_of(next);

	rcu_quiescent(kernel_rcu);
	this_cpu_write(current_task, next);
	tss_set_kernel_stack(in->stack);
	return __switch_to_asm(prev, &out->sp, in->sp);
}

void sched_env_send_resched(unsigned cpu)
{
	smp_send_reschedule(cpu);
}

/* By the tick: late by up to one. */
void sched_env_set_timer(unsigned cpu, u64 expires)
{
	WRITE_ONCE(per_cpu(sched_timer_at, cpu), expires);
}

void sched_timer_tick(u64 now)
{
	u64 *at = this_cpu_ptr(&sched_timer_at), expires = READ_ONCE(*at);

	/* One that is set anew meanwhile, by another CPU, must not be lost. */
	if (now >= expires && try_cmpxchg(at, &expires, UINT64_MAX))
		sched_timer_interrupt();
}

u64 sched_env_stolen_ns(unsigned cpu)
{
	return platform->steal_ns ? platform->steal_ns(cpu) : 0;
}

void sched_env_task_dead(struct task_struct *p)
{
	thread_gone(thread_of(p));
}

void sched_env_task_hold(struct task_struct *p)
{
	get_task(p);
}

void sched_env_task_drop(struct task_struct *p)
{
	put_task(p);
}

void sched_env_preempt_enable_no_resched(void)
{
	preempt_enable_no_resched();
}

const char *sched_env_atomic(void)
{
	if (in_interrupt())
		return "in an interrupt";
	if (preempt_count())
		return "preemption is off";
	return irqs_disabled() ? "interrupts are off" : NULL;
}

void sched_env_backtrace(void)
{
	backtrace_print(NULL, __builtin_frame_address(0));
}
