/* SPDX-License-Identifier: MIT */
/*
 * sched.c - the core that every policy shares, and for now two policies: round robin, then idle.
 * See sched.h for the rules S1..S3.
 */
#include "guest/kernel/sched.h"
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/desc.h"
#include "guest/arch/x86/smp.h"
#include "guest/kernel/preempt.h"
#include "guest/kernel/time.h"

#define RR_SLICE_TICKS 1

DEFINE_PER_CPU(struct rq, runqueues);
DEFINE_PER_CPU(struct task_struct *, current_task) = &init_task;
DEFINE_PER_CPU(u32, preempt_count_);
DEFINE_PER_CPU(bool, need_resched_);

struct task_struct *__switch_to_asm(struct task_struct *prev, u64 *prev_sp, u64 next_sp);

static struct rq *this_rq(void)
{
	return this_cpu_ptr(&runqueues);
}

void resched_curr(struct rq *rq)
{
	if (rq->cpu == smp_processor_id()) {
		this_cpu_write(need_resched_, true);
		return;
	}
	WRITE_ONCE(per_cpu(need_resched_, rq->cpu), true);
	smp_send_reschedule(rq->cpu);
}

/* ---- round robin ------------------------------------------------------------------------- */

static void enqueue_task_rr(struct rq *rq, struct task_struct *t)
{
	t->time_slice = RR_SLICE_TICKS;
	list_add_tail(&t->run_list, &rq->queue);
}

static void dequeue_task_rr(struct rq *rq, struct task_struct *t)
{
	(void)rq;
	list_del_init(&t->run_list);
}

static struct task_struct *pick_next_task_rr(struct rq *rq)
{
	struct task_struct *t = list_first_entry_or_null(&rq->queue, struct task_struct, run_list);

	if (t)
		list_del_init(&t->run_list);
	return t;
}

static void task_tick_rr(struct rq *rq, struct task_struct *t)
{
	if (--t->time_slice)
		return;
	t->time_slice = RR_SLICE_TICKS;
	if (!list_empty(&rq->queue))
		resched_curr(rq);
}

static const struct sched_class rr_sched_class = {
	.name = "round robin",
	.enqueue_task = enqueue_task_rr,
	.dequeue_task = dequeue_task_rr,
	.pick_next_task = pick_next_task_rr,
	.put_prev_task = enqueue_task_rr,
	.task_tick = task_tick_rr,
};

/* ---- idle: the task that runs when no other class has one; it never waits on a list --------- */

static void idle_never(struct rq *rq, struct task_struct *t)
{
	env_panic(__FILE__, __LINE__, "idle task %s of CPU %u on a list", t->comm, rq->cpu);
}

static struct task_struct *pick_next_task_idle(struct rq *rq)
{
	return rq->idle;
}

static void idle_nothing(struct rq *rq, struct task_struct *t)
{
	(void)rq;
	(void)t;
}

static const struct sched_class idle_sched_class = {
	.name = "idle",
	.enqueue_task = idle_never,
	.dequeue_task = idle_never,
	.pick_next_task = pick_next_task_idle,
	.put_prev_task = idle_nothing,
	.task_tick = idle_nothing,
};

/* The chain, best class first. */
static const struct sched_class *const sched_classes[] = { &rr_sched_class, &idle_sched_class };

/* ---- the core ------------------------------------------------------------------------------- */

void sched_init_cpu(struct task_struct *idle)
{
	struct rq *rq = this_rq();

	spin_lock_init(&rq->lock);
	rq->cpu = smp_processor_id();
	INIT_LIST_HEAD(&rq->queue);
	INIT_LIST_HEAD(&rq->sleepers);
	idle->cpu = rq->cpu;
	idle->sched_class = &idle_sched_class;
	idle->on_cpu = 1;
	rq->idle = rq->curr = idle;
	this_cpu_write(current_task, idle);
}

static void activate(struct rq *rq, struct task_struct *t)
{
	if (!t->sched_class)
		t->sched_class = &rr_sched_class;
	t->on_rq = true;
	rq->nr_running++;
	WRITE_ONCE(t->state, TASK_RUNNING);
	t->sched_class->enqueue_task(rq, t);
	if (rq->curr == rq->idle)
		resched_curr(rq);
}

bool wake_up_process(struct task_struct *t)
{
	struct rq *rq = &per_cpu(runqueues, t->cpu);
	u64 flags = local_irq_save();
	bool woken = false;

	raw_spin_lock(&rq->lock);
	if (t->state == TASK_DEAD) {
		/* On its way to its last switch, or past it: nothing brings it back. */
	} else if (t->on_rq) {
		/* About to sleep, not asleep yet: it will see that it may go on. */
		WRITE_ONCE(t->state, TASK_RUNNING);
	} else {
		activate(rq, t);
		woken = true;
	}
	raw_spin_unlock(&rq->lock);
	local_irq_restore(flags);
	return woken;
}

static struct task_struct *pick_next_task(struct rq *rq)
{
	for (size_t i = 0; i < ARRAY_SIZE(sched_classes); i++) {
		struct task_struct *t = sched_classes[i]->pick_next_task(rq);

		if (t)
			return t;
	}
	env_panic(__FILE__, __LINE__, "CPU %u has not even an idle task", rq->cpu);
}

void finish_task_switch(struct task_struct *prev)
{
	/* Only now may another CPU run prev or free its stack. */
	__atomic_store_n(&prev->on_cpu, 0, __ATOMIC_RELEASE);
	raw_spin_unlock(&this_rq()->lock);
}

/* IRQs off, preemption count exactly 1. */
static void switch_tasks(bool preempt)
{
	struct rq *rq = this_rq();
	struct task_struct *prev = rq->curr, *next;
	u64 now = clock_ns();

	BUG_ON(preempt_count() != 1 || !irqs_disabled());
	raw_spin_lock(&rq->lock); /* S3 */
	this_cpu_write(need_resched_, false);
	prev->sum_exec_runtime += now - prev->exec_start;
	prev->exec_start = now;
	if (!preempt && prev->state != TASK_RUNNING) {
		prev->on_rq = false;
		rq->nr_running--;
	} else {
		preempt = true;
		prev->sched_class->put_prev_task(rq, prev);
	}
	next = pick_next_task(rq);
	if (next == prev) {
		raw_spin_unlock(&rq->lock);
		return;
	}
	if (preempt)
		prev->nivcsw++;
	else
		prev->nvcsw++;
	rq->nr_switches++;
	rq->curr = next;
	next->on_cpu = 1;
	next->exec_start = now;
	this_cpu_write(current_task, next);
	tss_set_kernel_stack(next->stack);
	finish_task_switch(__switch_to_asm(prev, &prev->sp, next->sp));
}

static void schedule_with(bool preempt)
{
	u64 flags = local_irq_save();

	do {
		preempt_disable();
		switch_tasks(preempt);
		preempt_enable_no_resched();
	} while (need_resched());
	local_irq_restore(flags);
}

void schedule(void)
{
	BUG_ON(preempt_count());
	schedule_with(false);
}

void preempt_schedule(void)
{
	if (!irqs_disabled())
		schedule_with(true);
}

void preempt_check_irq(const struct pt_regs *regs)
{
	if (need_resched() && !preempt_count() && (regs->eflags & X86_EFLAGS_IF))
		schedule_with(true);
}

/* ---- time ------------------------------------------------------------------------------------ */

void sched_tick(u64 now)
{
	struct rq *rq = this_rq();

	raw_spin_lock(&rq->lock);
	while (!list_empty(&rq->sleepers)) {
		struct task_struct *t =
			list_first_entry(&rq->sleepers, struct task_struct, sleep_entry);

		if (t->wake_at > now)
			break;
		list_del_init(&t->sleep_entry);
		if (t->on_rq)
			WRITE_ONCE(t->state, TASK_RUNNING);
		else
			activate(rq, t);
	}
	rq->curr->sched_class->task_tick(rq, rq->curr);
	raw_spin_unlock(&rq->lock);
}

u64 schedule_timeout(u64 ns)
{
	struct task_struct *t = current, *s;
	u64 now, flags = local_irq_save();
	struct rq *rq = this_rq(); /* a task stays on its CPU */

	raw_spin_lock(&rq->lock);
	t->wake_at = clock_ns() + ns;
	list_for_each_entry (s, &rq->sleepers, sleep_entry) {
		if (s->wake_at > t->wake_at)
			break;
	}
	list_add_tail(&t->sleep_entry, &s->sleep_entry);
	raw_spin_unlock(&rq->lock);
	local_irq_restore(flags);

	schedule();

	flags = local_irq_save();
	raw_spin_lock(&rq->lock);
	list_del_init(&t->sleep_entry); /* still there if somebody else woke us */
	raw_spin_unlock(&rq->lock);
	local_irq_restore(flags);
	now = clock_ns();
	return now < t->wake_at ? t->wake_at - now : 0;
}

void msleep(u64 ms)
{
	u64 end = clock_ns() + ms * NSEC_PER_MSEC, now;

	while ((now = clock_ns()) < end) {
		set_current_state(TASK_UNINTERRUPTIBLE);
		schedule_timeout(end - now);
	}
}

_Noreturn void cpu_idle_loop(void)
{
	/* An interrupt that makes something runnable switches to it on its own way out. */
	for (;;)
		safe_halt();
}

unsigned select_cpu(void)
{
	unsigned best = 0;

	for (unsigned cpu = 1; cpu < nr_cpus; cpu++) {
		if (READ_ONCE(per_cpu(runqueues, cpu).nr_running) <
		    READ_ONCE(per_cpu(runqueues, best).nr_running))
			best = cpu;
	}
	return best;
}

u64 nr_context_switches(void)
{
	u64 sum = 0;

	for (unsigned cpu = 0; cpu < nr_cpus; cpu++)
		sum += READ_ONCE(per_cpu(runqueues, cpu).nr_switches);
	return sum;
}
