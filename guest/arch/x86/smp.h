/* SPDX-License-Identifier: MIT */
/* smp.h - starting the other CPUs and talking to them. */
#ifndef GUEST_ARCH_X86_SMP_H
#define GUEST_ARCH_X86_SMP_H

#include "guest/arch/x86/ptrace.h"
#include "guest/lib/types.h"

extern unsigned nr_cpus; /* CPUs that came up at boot, numbered 0 .. nr_cpus - 1 */

/* Whether the CPU runs and takes tasks. */
bool cpu_is_online(unsigned cpu);
unsigned nr_online_cpus(void);

#define for_each_online_cpu(cpu)                  \
	for ((cpu) = 0; (cpu) < nr_cpus; (cpu)++) \
		if (!cpu_is_online(cpu))          \
			;                         \
		else

/*
 * Starts every CPU of boot_info by INIT/SIPI and waits for it. CPUs that do not come are reported
 * and left out; numbers stay dense. Boot CPU, IRQs on, after the tick runs.
 */
void smp_boot(void);

/* Makes cpu look at its run queue again. Any context. */
void smp_send_reschedule(unsigned cpu);

/* Stops sending a CPU function calls, once those under way are through; and starts again, with its
 * TLB flushed. Sleep. */
void smp_exclude(unsigned cpu);
void smp_include(unsigned cpu);

/* Starts a CPU that has gone, at its idle task's first instruction. 0 or -EIO: it does not come. */
int smp_restart(unsigned cpu);

/* The end of this CPU: says that it is gone and halts until smp_restart(). Idle task, IRQs off. */
_Noreturn void smp_die(void);
bool smp_is_dead(unsigned cpu);

/* The APIC id by which interrupts are sent to that CPU. */
u32 smp_apic_id(unsigned cpu);

/* How many messages to reschedule that CPU has received once the last one sent is there; 0: it is. */
u32 smp_resched_due(unsigned cpu);

void smp_send_nmi(unsigned cpu);

/* Makes that CPU look at its timers and set its clock event anew. */
void smp_restart_timer(unsigned cpu);

/* For a panic: stops the other CPUs by NMI and waits a moment for them. Any context. */
void smp_stop_others(void);

/* This CPU's part: notes where it was (regs may be NULL) and halts for ever. */
_Noreturn void smp_stop_self(const struct pt_regs *regs);

/* Prints what each stopped CPU was doing, and which did not answer. */
void smp_show_stopped(void);

/* Runs fn(arg) on every online CPU, IRQs off, and waits for all. IRQs on. */
void on_each_cpu(void (*fn)(void *arg), void *arg);

/* The same on those whose bit is set, of NR_CPUS. */
void on_cpus(const u64 *cpus, void (*fn)(void *arg), void *arg);

#endif
