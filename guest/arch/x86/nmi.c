/* SPDX-License-Identifier: MIT */
/*
 * nmi.c - see nmi.h. The CPU asked prints nothing itself: it may have been interrupted with the log's
 * lock held.
 */
#include "guest/arch/x86/nmi.h"
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/backtrace.h"
#include "guest/arch/x86/percpu.h"
#include "guest/arch/x86/smp.h"
#include "guest/kernel/panic.h"
#include "guest/kernel/printk.h"
#include "guest/kernel/task.h"
#include "guest/kernel/time.h"
#include "guest/lib/string.h"

#define ANSWER_NS (5 * NSEC_PER_SEC) /* the host may be busy with others */

struct question {
	u32 asked, answered; /* the asker's; the answerer's */
	struct cpu_snapshot snapshot;
};
static DEFINE_PER_CPU(struct question, question);
static DEFINE_SPINLOCK(asking);

bool nmi_answer(const struct pt_regs *regs)
{
	struct question *q = this_cpu_ptr(&question);
	struct cpu_snapshot *s = &q->snapshot;
	u32 asked = smp_load_acquire(&q->asked);

	if (asked == q->answered)
		return false;
	s->irqs_on = regs->eflags & X86_EFLAGS_IF;
	s->pid = current->pid;
	memcpy(s->comm, current->comm, sizeof(s->comm));
	s->depth = backtrace_save(regs, NULL, s->pc, SNAPSHOT_DEPTH);
	smp_store_release(&q->answered, asked);
	return true;
}

bool nmi_snapshot(unsigned cpu, struct cpu_snapshot *s)
{
	struct question *q = &per_cpu(question, cpu);
	u64 flags = spin_lock_irqsave(&asking), end = clock_ns() + ANSWER_NS;
	bool answered;

	smp_store_release(&q->asked, q->asked + 1);
	smp_send_nmi(cpu);
	while (!(answered = smp_load_acquire(&q->answered) == q->asked) && clock_ns() < end)
		cpu_relax();
	if (answered)
		*s = q->snapshot;
	spin_unlock_irqrestore(&asking, flags);
	return answered;
}

void snapshot_print(unsigned cpu, const struct cpu_snapshot *s)
{
	pr_emerg("CPU %u, task %d %s, interrupts %s. Call chain, innermost first:", cpu, s->pid,
		 s->comm, s->irqs_on ? "on" : "off");
	for (size_t i = 0; i < s->depth; i++)
		pr_emerg("  %016lx  %pS", s->pc[i], (void *)s->pc[i]);
}
