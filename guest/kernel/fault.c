/* SPDX-License-Identifier: MIT */
/* fault.c - see fault.h. */
#include "guest/kernel/fault.h"
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/smp.h"
#include "guest/kernel/bug.h"
#include "guest/kernel/kthread.h"
#include "guest/kernel/preempt.h"
#include "guest/kernel/printk.h"
#include "guest/kernel/rcu.h"
#include "guest/kernel/sched.h"
#include "guest/kernel/time.h"
#include "guest/kernel/watchdog.h"
#include "guest/lib/string.h"
#include "guest/locking/mutex.h"

#define PATIENCE_NS (60 * NSEC_PER_SEC)
#define NOBODY	    UINT32_MAX

static u32 no_ipi_to = NOBODY, no_timer_on = NOBODY;

bool fault_loses_ipi(unsigned cpu)
{
	return unlikely(READ_ONCE(no_ipi_to) == cpu);
}

bool fault_loses_timer(unsigned cpu)
{
	return unlikely(READ_ONCE(no_timer_on) == cpu);
}

static bool reported(enum watchdog_kind kind)
{
	return watchdog_reports(kind) != 0;
}

/* ---- what the victim CPU does, until it is told on --------------------------------------------------- */

static int spin_irqs_off(void *unused)
{
	u64 flags = local_irq_save();

	(void)unused;
	while (!reported(WATCHDOG_HARD))
		cpu_relax();
	local_irq_restore(flags);
	return 0;
}

static int spin_preempt_off(void *unused)
{
	(void)unused;
	preempt_disable();
	while (!reported(WATCHDOG_SOFT))
		cpu_relax();
	preempt_enable();
	return 0;
}

static void callback(struct rcu_head *head)
{
	(void)head;
}

static int read_for_ever(void *unused)
{
	static struct rcu_head head;

	(void)unused;
	rcu_read_lock();
	call_rcu(kernel_rcu, &head, callback); /* somebody has to wait for it */
	while (!reported(WATCHDOG_RCU))
		cpu_relax();
	rcu_read_unlock();
	return 0;
}

static int spin_without_timer(void *unused)
{
	(void)unused;
	WRITE_ONCE(no_timer_on, smp_processor_id());
	while (!reported(WATCHDOG_TIMER))
		cpu_relax();
	WRITE_ONCE(no_timer_on, NOBODY);
	return 0;
}

/* Wakes with interrupts to its CPU lost: in time only because somebody notices. */
static int get_woken(void *unused)
{
	(void)unused;
	return 0;
}

static int warn_three_times(void *unused)
{
	(void)unused;
	for (int i = 1; i <= 3; i++)
		WARN_ONCE(i, "this is said once, and this was time %d", i);
	return 0;
}

static DEFINE_MUTEX(left_fork);
static DEFINE_MUTEX(right_fork);
static struct task_struct *partner;

static int take_left_then_right(void *unused)
{
	(void)unused;
	mutex_lock(&left_fork);
	while (!mutex_is_locked(&right_fork))
		msleep(1);
	/* Something has to open the circle again. */
	BUG_ON(!mutex_lock_interruptible(&right_fork));
	mutex_unlock(&left_fork);
	return 0;
}

static int take_right_then_left(void *unused)
{
	(void)unused;
	mutex_lock(&right_fork);
	while (!mutex_is_locked(&left_fork))
		msleep(1);
	mutex_lock(&left_fork);
	mutex_unlock(&left_fork);
	mutex_unlock(&right_fork);
	return 0;
}

static void start_partner(unsigned cpu)
{
	(void)cpu;
	partner = kthread_create(take_right_then_left, NULL, "partner");
	BUG_ON(!partner);
	kthread_start(partner);
}

static void interrupt_victim(struct task_struct *t)
{
	WRITE_ONCE(t->signal_pending, true);
	wake_up_state(t, TASK_INTERRUPTIBLE);
	kthread_join(partner);
}

static void lose_ipis(unsigned cpu)
{
	WRITE_ONCE(no_ipi_to, cpu);
}

/* ---- the list ------------------------------------------------------------------------------------------- */

static const struct fault {
	const char *name, *words;
	enum watchdog_kind kind; /* WATCHDOG_NR_KINDS: a warning */
	unsigned min_cpus;
	int (*victim)(void *unused);   /* on the last CPU */
	void (*prepare)(unsigned cpu); /* NULL: nothing. Just before the victim starts, on CPU 0 */
	void (*mend)(struct task_struct *victim); /* NULL: it goes on by itself once reported */
} faults[] = {
	{ "irqs-off-spin", "spins with interrupts off", WATCHDOG_HARD, 2, spin_irqs_off, NULL,
	  NULL },
	{ "preempt-off-spin", "spins with preemption off", WATCHDOG_SOFT, 1, spin_preempt_off, NULL,
	  NULL },
	{ "rcu-reader", "never leaves an RCU read side", WATCHDOG_RCU, 1, read_for_ever, NULL,
	  NULL },
	{ "no-tick", "gets no timer interrupts", WATCHDOG_TIMER, 2, spin_without_timer, NULL,
	  NULL },
	{ "lost-ipi", "is not told that a thread wants to run on it", WATCHDOG_IPI, 2, get_woken,
	  lose_ipis, NULL },
	{ "deadlock", "takes a lock and wants another, whose holder wants the first", WATCHDOG_HUNG,
	  1, take_left_then_right, start_partner, interrupt_victim },
	{ "warn", "passes a WARN_ONCE() three times", WATCHDOG_NR_KINDS, 1, warn_three_times, NULL,
	  NULL },
};

static bool as_it_should(const struct fault *f)
{
	if (f->kind == WATCHDOG_NR_KINDS)
		return warn_count() == 1;
	return watchdog_reports(f->kind) != 0;
}

static u8 commit(const struct fault *f)
{
	unsigned cpu = nr_cpus - 1;
	struct task_struct *t;
	u64 end;
	bool ok;

	if (nr_cpus < f->min_cpus) {
		console_printf("fault=%s: with one CPU nobody is left to notice\n", f->name);
		return 2;
	}
	sched_pin(0);
	console_printf("fault=%s: CPU %u %s\n", f->name, cpu, f->words);
	t = kthread_create(f->victim, NULL, "victim");
	BUG_ON(!t);
	kthread_bind(t, cpu);
	if (f->prepare)
		f->prepare(cpu);
	kthread_start(t);
	end = clock_ns() + PATIENCE_NS;
	while (!(ok = as_it_should(f)) && clock_ns() < end)
		msleep(10);
	WRITE_ONCE(no_ipi_to, NOBODY);
	console_printf("fault=%s: %s\n", f->name, ok ? "reported" : "not reported");
	if (!ok)
		return 1;
	if (f->mend)
		f->mend(t);
	kthread_join(t);
	console_printf("fault=%s: and the kernel goes on\n", f->name);
	return 0;
}

u8 fault_run(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++)
		if (strcmp(name, faults[i].name) == 0)
			return commit(&faults[i]);
	pr_err("fault=%s: no such fault. There are:", name);
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++)
		pr_err("  fault=%-16s the last CPU %s", faults[i].name, faults[i].words);
	return 2;
}
