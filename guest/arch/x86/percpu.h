/* SPDX-License-Identifier: MIT */
/*
 * percpu.h - one copy of a variable for each CPU, found through the GS base.
 *
 * DEFINE_PER_CPU() puts the variable into a template section; percpu_setup() copies the template
 * once for each CPU and GS holds the distance from the template to the copy. Before that GS is 0
 * and CPU 0 uses the template itself. this_cpu_*() is one instruction, hence safe against being
 * moved to another CPU in the middle; this_cpu_ptr() is not: keep preemption off around it.
 */
#ifndef GUEST_ARCH_X86_PERCPU_H
#define GUEST_ARCH_X86_PERCPU_H

#include "guest/lib/types.h"

#define NR_CPUS			   256

#define DECLARE_PER_CPU(type, var) extern __typeof__(type) var
#define DEFINE_PER_CPU(type, var)  __attribute__((section(".data..percpu"))) __typeof__(type) var

extern u64 per_cpu_offset[NR_CPUS];
DECLARE_PER_CPU(u64, this_cpu_off);
DECLARE_PER_CPU(u32, cpu_number);

#define per_cpu_ptr(ptr, cpu)  ((__typeof__(ptr))((u64)(ptr) + per_cpu_offset[cpu]))
#define per_cpu(var, cpu)      (*per_cpu_ptr(&(var), cpu))

#define this_cpu_gs(var)       (*(volatile __typeof__(var) __seg_gs *)(u64) & (var))
#define this_cpu_read(var)     (this_cpu_gs(var))
#define this_cpu_write(var, v) ((void)(this_cpu_gs(var) = (v)))
#define this_cpu_ptr(ptr)      ((__typeof__(ptr))((u64)(ptr) + this_cpu_read(this_cpu_off)))

/* Adds to a 32-bit per-CPU variable in one instruction (a compound assignment may be split). */
#define this_cpu_add32(var, n) \
	__asm__ volatile("addl %1, %%gs:%0" : "+m"(var) : "ri"((u32)(n)) : "cc")
#define this_cpu_and32(var, n) \
	__asm__ volatile("andl %1, %%gs:%0" : "+m"(var) : "ri"((u32)(n)) : "cc")
#define this_cpu_or32(var, n) \
	__asm__ volatile("orl %1, %%gs:%0" : "+m"(var) : "ri"((u32)(n)) : "cc")
#define this_cpu_dec32_is_zero(var)                                                        \
	({                                                                                 \
		bool zero_;                                                                \
		__asm__ volatile("decl %%gs:%0" : "+m"(var), "=@ccz"(zero_) : : "memory"); \
		zero_;                                                                     \
	})
#define this_cpu_inc64(var) __asm__ volatile("incq %%gs:%0" : "+m"(var) : : "cc")

static inline unsigned smp_processor_id(void)
{
	return this_cpu_read(cpu_number);
}

/*
 * Makes an area for each of nr CPUs and moves CPU 0 to its own. Boot context, once; panics when
 * there is no memory.
 */
void percpu_setup(unsigned nr);

/* Points this CPU's GS at cpu's area: the first thing an application processor does. */
void percpu_enter(unsigned cpu);

size_t percpu_size(void);

/* How far one CPU's area is from the next; alloc_percpu() keeps the same distance. */
#define PERCPU_UNIT_MIN 0x4000UL
u64 percpu_unit_size(void);

#endif
