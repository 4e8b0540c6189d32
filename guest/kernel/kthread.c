/* SPDX-License-Identifier: MIT */
/* kthread.c - birth and death of kernel threads. */
#include "guest/kernel/kthread.h"
#include "guest/arch/x86/kstack.h"
#include "guest/arch/x86/layout.h"
#include "guest/kernel/preempt.h"
#include "guest/kernel/sched.h"
#include "guest/lib/atomic.h"
#include "guest/lib/printf.h"

/* What __switch_to_asm pops on a task's first run. */
struct first_frame {
	u64 r15, r14, r13, r12, rbx, rbp, ret;
	u64 end[2]; /* ends the frame-pointer chain */
};

void ret_from_fork(void);

struct task_struct init_task = {
	.comm = "swapper/0",
	.prio = MAX_PRIO,
	.static_prio = MAX_PRIO,
	.on_cpu = 1,
	.real_parent = &init_task,
	.parent = &init_task,
	.tasks = LIST_HEAD_INIT(init_task.tasks),
};
static DEFINE_SPINLOCK(task_list_lock);
static atomic_t last_pid;

static struct task_struct *task_alloc(void)
{
	struct task_struct *t = env_alloc(sizeof(*t));

	if (!t)
		return NULL;
	t->real_parent = t->parent = current;
	INIT_LIST_HEAD(&t->run_list);
	INIT_LIST_HEAD(&t->tasks);
	INIT_LIST_HEAD(&t->sleep_entry);
	t->prio = t->static_prio = DEFAULT_PRIO;
	return t;
}

struct task_struct *idle_task_init(unsigned cpu)
{
	struct task_struct *t = task_alloc();

	if (!t)
		return NULL;
	t->prio = t->static_prio = MAX_PRIO;
	t->cpu = cpu;
	ksnprintf(t->comm, sizeof(t->comm), "swapper/%u", cpu);
	return t;
}

_Noreturn void task_first_run(struct task_struct *prev)
{
	struct task_struct *t;

	finish_task_switch(prev);
	t = current;
	preempt_enable_no_resched();
	local_irq_enable();
	t->exit_code = t->threadfn(t->data);

	/* From here to the switch nothing may take the CPU away: a dead task is not picked again. */
	local_irq_disable();
	WRITE_ONCE(t->state, TASK_DEAD);
	smp_mb();
	if (READ_ONCE(t->joiner))
		wake_up_process(t->joiner);
	schedule();
	env_panic(__FILE__, __LINE__, "dead task %d (%s) ran again", t->pid, t->comm);
}

struct task_struct *kthread_create(int (*fn)(void *data), void *data, const char *fmt, ...)
{
	struct task_struct *t = task_alloc();
	struct first_frame *f;
	va_list ap;
	u64 flags;

	if (!t)
		return NULL;
	t->stack = kstack_alloc(TASK_STACK_SIZE);
	if (!t->stack) {
		env_free(t, sizeof(*t));
		return NULL;
	}
	va_start(ap, fmt);
	kvsnprintf(t->comm, sizeof(t->comm), fmt, ap);
	va_end(ap);
	t->threadfn = fn;
	t->data = data;
	t->state = TASK_UNINTERRUPTIBLE;
	t->cpu = select_cpu();
	t->pid = t->tgid = atomic_inc_return(&last_pid);

	f = (struct first_frame *)t->stack - 1;
	*f = (struct first_frame){ .ret = (u64)ret_from_fork };
	t->sp = (u64)f;

	flags = spin_lock_irqsave(&task_list_lock);
	list_add_tail(&t->tasks, &init_task.tasks);
	spin_unlock_irqrestore(&task_list_lock, flags);
	return t;
}

void kthread_bind(struct task_struct *t, unsigned cpu)
{
	BUG_ON(t->on_rq || t->sum_exec_runtime);
	t->cpu = cpu;
}

int kthread_join(struct task_struct *t)
{
	u64 flags;
	int code;

	WRITE_ONCE(t->joiner, current);
	for (;;) {
		set_current_state(TASK_UNINTERRUPTIBLE);
		if (READ_ONCE(t->state) == TASK_DEAD)
			break;
		schedule();
	}
	set_current_state(TASK_RUNNING);
	/* Its last switch may still be going on, on another CPU. */
	while (smp_load_acquire(&t->on_cpu))
		env_relax();

	flags = spin_lock_irqsave(&task_list_lock);
	list_del(&t->tasks);
	spin_unlock_irqrestore(&task_list_lock, flags);
	code = t->exit_code;
	kstack_free(t->stack, TASK_STACK_SIZE);
	env_free(t, sizeof(*t));
	return code;
}

int kthread_stop(struct task_struct *t)
{
	WRITE_ONCE(t->should_stop, true);
	wake_up_process(t);
	return kthread_join(t);
}

bool kthread_should_stop(void)
{
	return READ_ONCE(current->should_stop);
}
