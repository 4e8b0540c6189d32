/* SPDX-License-Identifier: MIT */
/* irq_affinity.c - see irq_affinity.h. The IOAPIC itself remembers where an input goes. */
#include "guest/kernel/irq_affinity.h"
#include "guest/arch/x86/lapic.h"
#include "guest/arch/x86/percpu.h"
#include "guest/arch/x86/smp.h"
#include "guest/kernel/boot_info.h"
#include "guest/kernel/sched.h"
#include "guest/platform/ioapic.h"
#include "devices/abi/pc.h"

struct affinity {
	DECLARE_BITMAP(mask, NR_CPUS); /* nothing set: anywhere */
	const u64 *hint;
};
static struct affinity affinities[PC_IOAPIC_PINS]; /* lock */
static DEFINE_SPINLOCK(lock);

static bool is_input(unsigned vector)
{
	return lapic_present() && boot_info.ioapic && vector >= VECTOR_GSI &&
	       vector < VECTOR_GSI + PC_IOAPIC_PINS;
}

static int cpu_of_input(unsigned gsi)
{
	u32 apic_id;
	unsigned cpu;

	if (!ioapic_destination(gsi, &apic_id))
		return -EOPNOTSUPP;
	for (cpu = 0; cpu < nr_cpus; cpu++)
		if (smp_apic_id(cpu) == apic_id)
			return (int)cpu;
	return -EOPNOTSUPP;
}

int irq_effective_cpu(unsigned vector)
{
	return is_input(vector) ? cpu_of_input(vector - VECTOR_GSI) : -EOPNOTSUPP;
}

/* The online CPU of the mask with the fewest inputs, not counting this one; nr_cpus: none. */
static unsigned choose(unsigned gsi, const u64 *mask)
{
	u8 inputs[NR_CPUS] = { 0 };
	unsigned best = nr_cpus;
	size_t cpu;

	for (unsigned i = 0; i < PC_IOAPIC_PINS; i++) {
		int to = i == gsi ? -1 : cpu_of_input(i);

		if (to >= 0)
			inputs[to]++;
	}
	for_each_set_bit (cpu, mask, nr_cpus)
		if (cpu_is_online((unsigned)cpu) && (best == nr_cpus || inputs[cpu] < inputs[best]))
			best = (unsigned)cpu;
	return best;
}

int irq_set_affinity(unsigned vector, const u64 *mask)
{
	unsigned gsi = vector - VECTOR_GSI, cpu;
	u64 flags;

	if (!is_input(vector) || irq_effective_cpu(vector) < 0)
		return -EOPNOTSUPP;
	flags = spin_lock_irqsave(&lock);
	cpu = choose(gsi, mask);
	if (cpu < nr_cpus) {
		bitmap_copy(affinities[gsi].mask, mask, nr_cpus);
		ioapic_set_destination(gsi, smp_apic_id(cpu));
	}
	spin_unlock_irqrestore(&lock, flags);
	return cpu < nr_cpus ? 0 : -EINVAL;
}

int irq_set_affinity_hint(unsigned vector, const u64 *mask)
{
	if (!is_input(vector))
		return -EOPNOTSUPP;
	WRITE_ONCE(affinities[vector - VECTOR_GSI].hint, mask);
	return 0;
}

const u64 *irq_affinity_hint(unsigned vector)
{
	return is_input(vector) ? READ_ONCE(affinities[vector - VECTOR_GSI].hint) : NULL;
}

void irq_leave_cpu(unsigned cpu)
{
	u64 flags;

	if (!is_input(VECTOR_GSI))
		return;
	flags = spin_lock_irqsave(&lock);
	for (unsigned gsi = 0; gsi < PC_IOAPIC_PINS; gsi++) {
		unsigned to;

		if (cpu_of_input(gsi) != (int)cpu)
			continue;
		to = choose(gsi, affinities[gsi].mask);
		if (to == nr_cpus)
			to = choose(gsi, kernel_sched->online);
		ioapic_set_destination(gsi, smp_apic_id(to));
	}
	spin_unlock_irqrestore(&lock, flags);
}
