/* SPDX-License-Identifier: MIT */
/* lapic.c - see lapic.h. */
#include "guest/arch/x86/lapic.h"
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/cpu.h"
#include "guest/arch/x86/fixmap.h"
#include "guest/arch/x86/percpu.h"
#include "guest/arch/x86/smp.h"
#include "guest/kernel/irq.h"
#include "devices/abi/ioapic.h"
#include "devices/abi/lapic.h"
#include "devices/abi/pc.h"

static volatile u8 *regs; /* xAPIC window; NULL in x2APIC mode */
static bool x2apic, present, pv_eoi;
static DEFINE_PER_CPU(u32, pv_eoi_word) __attribute__((aligned(4)));
static DEFINE_PER_CPU(u64, eoi_written);
static DEFINE_PER_CPU(u64, eoi_spared);

static u32 lapic_read(unsigned reg)
{
	if (x2apic)
		return (u32)rdmsr(MSR_X2APIC(reg));
	return *(volatile u32 *)(regs + reg);
}

static void lapic_write(unsigned reg, u32 v)
{
	if (x2apic)
		wrmsr(MSR_X2APIC(reg), v);
	else
		*(volatile u32 *)(regs + reg) = v;
}

bool lapic_present(void)
{
	return present;
}

const char *lapic_mode(void)
{
	return !present ? "none" : x2apic ? "x2APIC" : "xAPIC";
}

void lapic_setup(void)
{
	u64 base = rdmsr(MSR_APIC_BASE) | APIC_BASE_ENABLE;

	if (cpu_features.x2apic) {
		x2apic = true;
		wrmsr(MSR_APIC_BASE, base | APIC_BASE_X2APIC);
	} else {
		wrmsr(MSR_APIC_BASE, base);
		if (!regs)
			regs = fixmap_set(FIX_LAPIC, PC_LAPIC_BASE);
	}
	present = true;
	lapic_write(LAPIC_TPR, 0);
	lapic_write(LAPIC_LVT_LINT0, LAPIC_LVT_MASKED);
	lapic_write(LAPIC_LVT_LINT1, APIC_MODE_NMI << LAPIC_LVT_MODE_SHIFT);
	lapic_write(LAPIC_LVT_ERROR, VECTOR_ERROR);
	lapic_write(LAPIC_SVR, LAPIC_SVR_ENABLE | VECTOR_SPURIOUS);
	lapic_write(LAPIC_TIMER_DIVIDE, LAPIC_DIVIDE_BY_1);
}

void lapic_eoi(void)
{
	u8 was_set;

	if (pv_eoi) {
		/* Bit 0 set: the hypervisor has nothing else pending and takes its absence as EOI. */
		__asm__ volatile("btrl $0, %%gs:%0; setc %1"
				 : "+m"(pv_eoi_word), "=q"(was_set)
				 :
				 : "cc", "memory");
		if (was_set) {
			this_cpu_inc64(eoi_spared);
			return;
		}
	}
	this_cpu_inc64(eoi_written);
	lapic_write(LAPIC_EOI, 0);
}

u32 *lapic_pv_eoi_word(void)
{
	return this_cpu_ptr(&pv_eoi_word);
}

void lapic_use_pv_eoi(void)
{
	pv_eoi = true;
}

void lapic_eoi_counts(u64 *written, u64 *spared)
{
	unsigned cpu;

	*written = *spared = 0;
	for_each_online_cpu (cpu) {
		*written += READ_ONCE(per_cpu(eoi_written, cpu));
		*spared += READ_ONCE(per_cpu(eoi_spared, cpu));
	}
}

u32 lapic_id(void)
{
	u32 id = lapic_read(LAPIC_ID);

	return x2apic ? id : id >> 24;
}

void lapic_send(u32 apic_id, u32 mode, u32 vector)
{
	u32 low = vector | mode << LAPIC_ICR_MODE_SHIFT | LAPIC_ICR_ASSERT;

	if (x2apic) {
		/* Not ordered with earlier stores by itself (SDM 11.12.3): the receiver must see them. */
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		wrmsr(MSR_X2APIC(LAPIC_ICR), (u64)apic_id << 32 | low);
		return;
	}
	while (lapic_read(LAPIC_ICR) & LAPIC_ICR_BUSY)
		cpu_relax();
	lapic_write(LAPIC_ICR_HIGH, apic_id << LAPIC_ICR_DEST_SHIFT);
	lapic_write(LAPIC_ICR, low);
}

void lapic_timer_periodic(u32 count)
{
	lapic_write(LAPIC_LVT_TIMER, LAPIC_TIMER_PERIODIC | VECTOR_TIMER);
	lapic_write(LAPIC_TIMER_INITIAL, count);
}

void lapic_timer_one_shot(void)
{
	lapic_write(LAPIC_LVT_TIMER, LAPIC_TIMER_ONESHOT | VECTOR_TIMER);
}

void lapic_timer_set(u32 count)
{
	lapic_write(LAPIC_TIMER_INITIAL, count);
}

void lapic_timer_measure_start(void)
{
	lapic_write(LAPIC_LVT_TIMER, LAPIC_LVT_MASKED | LAPIC_TIMER_ONESHOT);
	lapic_write(LAPIC_TIMER_INITIAL, UINT32_MAX);
}

u32 lapic_timer_measure_read(void)
{
	return lapic_read(LAPIC_TIMER_CURRENT);
}
