/* SPDX-License-Identifier: MIT */
/* percpu.c - see percpu.h. */
#include "guest/arch/x86/percpu.h"
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/paging.h"
#include "guest/arch/x86/sections.h"
#include "guest/kernel/boot_mem.h"
#include "guest/lib/env.h"
#include "guest/lib/string.h"

u64 per_cpu_offset[NR_CPUS];
DEFINE_PER_CPU(u64, this_cpu_off);
DEFINE_PER_CPU(u32, cpu_number);

size_t percpu_size(void)
{
	return (size_t)(__per_cpu_end - __per_cpu_start);
}

u64 percpu_unit_size(void)
{
	return MAX(ALIGN_UP(percpu_size(), PAGE_SIZE), PERCPU_UNIT_MIN);
}

void percpu_setup(unsigned nr)
{
	phys_t pa = boot_mem_alloc(nr * percpu_unit_size(), PAGE_SIZE, 0);

	if (!pa)
		env_panic(__FILE__, __LINE__, "no memory for the variables of %u CPUs", nr);
	/* CPU 0 has used the template as its own so far, so its values reach every copy: what differs
	 * from CPU to CPU (current task, preemption count) is set when a CPU starts. */
	for (unsigned cpu = 0; cpu < nr; cpu++, pa += percpu_unit_size()) {
		memcpy(__va(pa), __per_cpu_start, percpu_size());
		per_cpu_offset[cpu] = (u64)__va(pa) - (u64)__per_cpu_start;
		per_cpu(this_cpu_off, cpu) = per_cpu_offset[cpu];
		per_cpu(cpu_number, cpu) = cpu;
	}
	percpu_enter(0);
}

void percpu_enter(unsigned cpu)
{
	wrmsr(MSR_GS_BASE, per_cpu_offset[cpu]);
}
