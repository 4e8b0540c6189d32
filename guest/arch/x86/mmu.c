/* SPDX-License-Identifier: MIT */
/* mmu.c - see mmu.h. */
#include "guest/arch/x86/mmu.h"
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/paging.h"
#include "guest/arch/x86/percpu.h"
#include "guest/arch/x86/smp.h"
#include "guest/kernel/preempt.h"
#include "guest/lib/bitmap.h"
#include "guest/platform/platform.h"
#include "guest/process/process.h"

/* Beyond so many pages, forgetting everything is cheaper. */
enum { FLUSH_ONE_BY_ONE = 32 };

static DEFINE_PER_CPU(struct mm_struct *, active_mm); /* NULL: the kernel's own tables */

void mmu_switch(struct mm_struct *mm)
{
	struct mm_struct *old = this_cpu_read(active_mm);
	unsigned cpu = smp_processor_id();

	if (!mm || mm == old)
		return;
	/* The bit first: who changes mm's tables from now on tells this CPU. */
	set_bit(cpu, mm->cpu_mask);
	this_cpu_write(active_mm, mm);
	write_cr3(mm->pgd);
	if (old)
		clear_bit(cpu, old->cpu_mask);
}

void mmu_leave(void)
{
	struct mm_struct *old = this_cpu_read(active_mm);

	if (!old)
		return;
	this_cpu_write(active_mm, NULL);
	write_cr3(kernel_pt.root);
	clear_bit(smp_processor_id(), old->cpu_mask);
}

struct flush {
	struct mm_struct *mm;
	u64 start, end;
};

static void flush_here(void *arg)
{
	const struct flush *f = arg;
	struct mm_struct *mm = f->mm;
	struct uthread *u = current_uthread();

	if (this_cpu_read(active_mm) != mm)
		return;
	if (!u || u->mm != mm) { /* lazy: no need to come along any further */
		this_cpu_write(active_mm, NULL);
		write_cr3(kernel_pt.root);
		clear_bit(smp_processor_id(), mm->cpu_mask);
	} else if ((f->end - f->start) >> PAGE_SHIFT > FLUSH_ONE_BY_ONE) {
		write_cr3(mm->pgd);
	} else {
		for (u64 va = f->start; va < f->end; va += PAGE_SIZE)
			invlpg((const void *)va);
	}
}

static u64 nr_asked, nr_left;

void mmu_flush_counts(u64 *asked, u64 *left)
{
	*asked = READ_ONCE(nr_asked);
	*left = READ_ONCE(nr_left);
}

/*
 * Who else has to be told, as bits; false: nobody. A CPU that the host has put aside flushes everything before
 * it goes on, and is left alone. But when the address space ends, lazy CPUs have to leave it, which only
 * a call makes them do.
 */
static bool whom_to_call(const struct mm_struct *mm, unsigned self, u64 *cpus)
{
	bool ends = !atomic_read(&mm->mm_users);
	size_t cpu, asked;

	for (unsigned i = 0; i < ARRAY_SIZE(mm->cpu_mask); i++)
		cpus[i] = READ_ONCE(mm->cpu_mask[i]);
	__clear_bit(self, cpus);
	if (platform->flush_before_return && !ends)
		for_each_set_bit (cpu, cpus, nr_cpus)
			if (platform->flush_before_return((unsigned)cpu)) {
				__clear_bit(cpu, cpus);
				__atomic_fetch_add(&nr_left, 1, __ATOMIC_RELAXED);
			}
	asked = bitmap_weight(cpus, nr_cpus);
	if (asked)
		__atomic_fetch_add(&nr_asked, asked, __ATOMIC_RELAXED);
	return asked;
}

void mmu_flush(struct mm_struct *mm, u64 start, u64 end)
{
	DECLARE_BITMAP(cpus, NR_CPUS);
	struct flush f = { mm, start, end };
	bool others;
	u64 flags;

	smp_mb(); /* the tables have changed before the mask is looked at */
	flags = local_irq_save();
	others = whom_to_call(mm, smp_processor_id(), cpus);
	flush_here(&f);
	local_irq_restore(flags);
	/* Whoever this is by now: this CPU enters mm anew, or has its bit set. */
	if (others)
		on_cpus(cpus, flush_here, &f);
}
