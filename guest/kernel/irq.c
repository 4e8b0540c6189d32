/* SPDX-License-Identifier: MIT */
/* irq.c - the vector table. */
#include "guest/kernel/irq.h"
#include "guest/arch/x86/lapic.h"
#include "guest/arch/x86/percpu.h"
#include "guest/arch/x86/smp.h"
#include "guest/kernel/preempt.h"
#include "guest/kernel/printk.h"
#include "guest/kernel/rcu.h"
#include "guest/kernel/softirq.h"
#include "guest/kernel/trace.h"
#include "guest/lib/env.h"
#include "guest/platform/i8259.h"

#define NR_VECTORS 256

struct irq_action {
	const char *name;
	irq_handler_fn fn;
	void *arg;
	enum irq_ack ack;
};

static struct irq_action actions[NR_VECTORS]; /* written at boot only */

struct irq_counts {
	u32 n[NR_VECTORS];
};
static DEFINE_PER_CPU(struct irq_counts, irq_counts);
static DEFINE_PER_CPU(const struct pt_regs *, interrupted);

void irq_set_handler(unsigned vector, const char *name, irq_handler_fn fn, void *arg,
		     enum irq_ack ack)
{
	BUG_ON(vector >= NR_VECTORS || (fn && actions[vector].fn));
	actions[vector].name = name ? name : actions[vector].name;
	actions[vector].arg = arg;
	actions[vector].ack = ack;
	WRITE_ONCE(actions[vector].fn, fn);
}

static void acknowledge(enum irq_ack ack, unsigned vector)
{
	if (ack == IRQ_ACK_LAPIC)
		lapic_eoi();
	else if (ack == IRQ_ACK_PIC)
		i8259_eoi(vector - VECTOR_PIC);
}

static void serve_softirqs(void)
{
	struct softirq_cpu *c = &kernel_softirqs.cpu[smp_processor_id()];
	bool tell = unlikely(trace_on) && c->pending && !c->bh_disabled;

	if (tell)
		trace_record(TRACE_SOFTIRQ_ENTRY, c->pending, 0, 0);
	softirq_irq_exit(&kernel_softirqs);
	if (tell)
		trace_record(TRACE_SOFTIRQ_EXIT, 0, 0, 0);
}

void irq_dispatch(struct pt_regs *regs)
{
	unsigned vector = (unsigned)regs->vector;
	const struct irq_action *a = &actions[vector];

	this_cpu_add32(preempt_count_, HARDIRQ_OFFSET);
	rcu_irq_enter();
	this_cpu_ptr(&irq_counts)->n[vector]++;
	trace_text(TRACE_IRQ_ENTRY, vector, a->name);
	/* Before the handler: it may not come back for long when it switches tasks one day, and an
	 * edge that arrives meanwhile must be seen as a new one. IRQs stay off, so nothing nests. */
	acknowledge(a->ack, vector);
	this_cpu_write(interrupted, regs);
	if (a->fn)
		a->fn(a->arg);
	else if (vector != VECTOR_SPURIOUS && !a->name)
		pr_warn("interrupt: nobody handles vector %#x", vector);
	this_cpu_write(interrupted, NULL);
	this_cpu_add32(preempt_count_, -HARDIRQ_OFFSET);
	trace(TRACE_IRQ_EXIT, vector, 0, 0);
	if (likely(kernel_softirqs.cpu))
		serve_softirqs();
}

const struct pt_regs *irq_regs(void)
{
	return this_cpu_read(interrupted);
}

const char *irq_name(unsigned vector)
{
	return READ_ONCE(actions[vector].fn) ? actions[vector].name : NULL;
}

u64 irq_count(unsigned vector, unsigned cpu)
{
	return READ_ONCE(per_cpu(irq_counts, cpu).n[vector]);
}
