/* SPDX-License-Identifier: MIT */
/* ring0_sched.c - the seam of sched_env.h, as the kernel itself answers it. */
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/backtrace.h"
#include "guest/arch/x86/desc.h"
#include "guest/arch/x86/mmu.h"
#include "guest/arch/x86/smp.h"
#include "guest/arch/x86/usermode.h"
#include "guest/kernel/kthread.h"
#include "guest/kernel/preempt.h"
#include "guest/kernel/rcu.h"
#include "guest/kernel/sched.h"
#include "guest/kernel/time.h"
#include "guest/kernel/timers.h"
#include "guest/kernel/trace.h"
#include "guest/platform/platform.h"
#include "guest/process/process.h"

DEFINE_PER_CPU(struct task_struct *, current_task) = &init_thread.t;
DEFINE_PER_CPU(u32, preempt_count_) = PREEMPT_NO_SWITCH;

/* The scheduler's timer of a CPU, an hrtimer. It can be set from elsewhere, with the queue locked, but
 * only the CPU itself can start it. */
struct sched_event {
	struct hrtimer timer;
	u64 at;
	bool changed;
};
static DEFINE_PER_CPU(struct sched_event, sched_event);

struct task_struct *__switch_to_asm(struct task_struct *prev, u64 *prev_sp, u64 next_sp);

struct task_struct *sched_env_switch(struct task_struct *prev, struct task_struct *next)
{
	struct thread *out = thread_of(prev), *in = thread_of(next);

	if (unlikely(prev->flags & PF_IDLE))
		timers_idle_exit_cpu();
	rcu_quiescent(kernel_rcu);
	trace_text(TRACE_SWITCH, (u32)next->pid, next->comm);
	this_cpu_write(current_task, next);
	/* need_resched is false, and stays so while the queue is locked. */
	this_cpu_or32(preempt_count_, PREEMPT_NO_SWITCH);
	tss_set_kernel_stack(in->stack);
	this_cpu_write(kernel_sp, in->stack);
	if (out->u)
		user_state_save(&out->u->regs);
	if (in->u) {
		mmu_switch(in->u->mm);
		user_state_load(&in->u->regs);
		if (unlikely(in->u->rseq.addr))
			next->rseq_event = true;
	}
	return __switch_to_asm(prev, &out->sp, in->sp);
}

void sched_env_send_resched(unsigned cpu)
{
	smp_send_reschedule(cpu);
}

static enum hrtimer_restart sched_event_comes(struct hrtimer *timer)
{
	(void)timer;
	sched_timer_interrupt();
	return HRTIMER_NORESTART;
}

void sched_timer_init_cpu(unsigned cpu)
{
	struct sched_event *e = &per_cpu(sched_event, cpu);

	hrtimer_init(&kernel_hrtimers, &e->timer, HRTIMER_MODE_ABS, sched_event_comes);
	e->at = UINT64_MAX;
}

static void start_event(struct sched_event *e)
{
	u64 at = READ_ONCE(e->at);

	if (at == UINT64_MAX)
		hrtimer_try_to_cancel(&e->timer);
	else
		hrtimer_start(&e->timer, at, HRTIMER_MODE_ABS);
}

void sched_env_set_timer(unsigned cpu, u64 expires)
{
	struct sched_event *e = &per_cpu(sched_event, cpu);

	WRITE_ONCE(e->at, expires);
	if (cpu == smp_processor_id()) {
		WRITE_ONCE(e->changed, false);
		start_event(e);
	} else {
		smp_store_release(&e->changed, true);
		if (expires != UINT64_MAX) /* one that comes for nothing does no harm */
			smp_send_reschedule(cpu);
	}
}

void sched_timer_changed(void)
{
	struct sched_event *e = this_cpu_ptr(&sched_event);

	if (READ_ONCE(e->changed) && xchg(&e->changed, false))
		start_event(e);
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
