/* SPDX-License-Identifier: MIT */
/* nmi.h - where another CPU is, also when it takes no interrupts: asked by NMI, it notes it and goes on. */
#ifndef GUEST_ARCH_X86_NMI_H
#define GUEST_ARCH_X86_NMI_H

#include "guest/arch/x86/ptrace.h"
#include "guest/sched/task.h"

#define SNAPSHOT_DEPTH 24

struct cpu_snapshot {
	bool irqs_on;
	int pid;
	char comm[TASK_COMM_LEN];
	size_t depth;
	u64 pc[SNAPSHOT_DEPTH]; /* innermost first */
};

/*
 * Fills *s with what cpu, another one, is doing. False when it does not answer for some seconds: on
 * real hardware it is dead. Any context; asks one CPU at a time.
 */
bool nmi_snapshot(unsigned cpu, struct cpu_snapshot *s);

/* Prints "CPU n is in ..., task ..." and the call chain. */
void snapshot_print(unsigned cpu, const struct cpu_snapshot *s);

/* From trap_entry(): whether this NMI was such a question. */
bool nmi_answer(const struct pt_regs *regs);

#endif
