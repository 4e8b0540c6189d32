/* SPDX-License-Identifier: MIT */
/*
 * kvm.c - a guest of KVM that knows it (Linux, Documentation/virt/kvm/x86/{cpuid,msr}.rst): the
 * clock is a page that the host fills, an end of interrupt is mostly a bit in memory, and the host
 * says how long a CPU waited for a real one. There is no 8259 and no PIT, and none is looked for.
 */
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/cpu.h"
#include "guest/arch/x86/lapic.h"
#include "guest/arch/x86/paging.h"
#include "guest/arch/x86/percpu.h"
#include "guest/arch/x86/smp.h"
#include "guest/kernel/boot_info.h"
#include "guest/kernel/irq.h"
#include "guest/kernel/preempt.h"
#include "guest/kernel/printk.h"
#include "guest/kernel/sched.h"
#include "guest/kernel/time.h"
#include "guest/lib/cmdline.h"
#include "guest/lib/env.h"
#include "guest/lib/math.h"
#include "guest/lib/printf.h"
#include "guest/lib/string.h"
#include "guest/locking/spinlock.h"
#include "guest/platform/calibrate.h"
#include "guest/platform/kvm_async_pf.h"
#include "guest/platform/platform.h"
#include "guest/platform/tsc.h"

#define KVM_FEATURE_CLOCKSOURCE2       3
#define KVM_FEATURE_STEAL_TIME	       5
#define KVM_FEATURE_PV_EOI	       6
#define KVM_FEATURE_PV_UNHALT	       7
#define KVM_FEATURE_PV_TLB_FLUSH       9
#define KVM_FEATURE_PV_SEND_IPI	       11
#define KVM_FEATURE_PV_SCHED_YIELD     13
#define KVM_FEATURE_ASYNC_PF_INT       14
#define KVM_FEATURE_CLOCKSOURCE_STABLE 24

#define KVM_LEAF_FEATURES	       1
#define KVM_LEAF_TIMING		       0x10 /* EAX: TSC kHz, EBX: local APIC timer kHz */

#define MSR_KVM_SYSTEM_TIME	       0x4b564d01
#define MSR_KVM_STEAL_TIME	       0x4b564d03
#define MSR_KVM_PV_EOI		       0x4b564d04
#define KVM_MSR_ENABLED		       1

#define KVM_HC_KICK_CPU		       5
#define KVM_HC_SEND_IPI		       10
#define KVM_HC_SCHED_YIELD	       11

#define KVM_HYPERCALL_FEATURES                                         \
	(1u << KVM_FEATURE_PV_UNHALT | 1u << KVM_FEATURE_PV_SEND_IPI | \
	 1u << KVM_FEATURE_PV_SCHED_YIELD)
#define KVM_HINTS_REALTIME 1 /* vCPUs have CPUs of their own */

struct pvclock_time_info {
	u32 version; /* odd while the host writes */
	u32 pad0;
	u64 tsc_timestamp;
	u64 system_time;
	u32 tsc_to_system_mul;
	s8 tsc_shift;
	u8 flags;
	u8 pad[2];
};
#define PVCLOCK_TSC_STABLE 1

struct steal_time {
	u64 steal;
	u32 version;
	u32 flags;
	u8 preempted; /* KVM_VCPU_* */
	u8 pad8[3];
	u32 pad[11];
};

#define KVM_VCPU_PREEMPTED 1
#define KVM_VCPU_FLUSH_TLB 2 /* ours: before it runs on */

/* The host reads and writes these by physical address; alignment as the interface demands. */
static DEFINE_PER_CPU(struct pvclock_time_info, pvclock) __attribute__((aligned(32)));
static DEFINE_PER_CPU(struct steal_time, steal_time) __attribute__((aligned(64)));

static u32 leaf_base; /* 0: no KVM */
static u32 features;
static u64 lapic_hz;

static bool has(unsigned feature)
{
	return features >> feature & 1;
}

/* pv=-eoi,-steal,-clock,-ipi,-tlb,-kick,-yield,-apf: to do without, so that what each is worth can be measured. */
static void obey_wishes(void)
{
	static const struct {
		const char *name;
		u32 bits;
	} names[] = {
		{ "-clock", 1u << KVM_FEATURE_CLOCKSOURCE2 },
		{ "-steal", 1u << KVM_FEATURE_STEAL_TIME },
		{ "-eoi", 1u << KVM_FEATURE_PV_EOI },
		{ "-ipi", 1u << KVM_FEATURE_PV_SEND_IPI },
		{ "-tlb", 1u << KVM_FEATURE_PV_TLB_FLUSH },
		{ "-kick", 1u << KVM_FEATURE_PV_UNHALT },
		{ "-yield", 1u << KVM_FEATURE_PV_SCHED_YIELD },
		{ "-apf", 1u << KVM_FEATURE_ASYNC_PF_INT },
	};
	struct cmdline_arg arg;
	const char *item;
	size_t pos = 0, len, i;

	if (!cmdline_find(boot_info.cmdline, "pv", &arg) || !arg.value)
		return;
	while (cmdline_list_next(&arg, &pos, &item, &len)) {
		for (i = 0; i < ARRAY_SIZE(names); i++)
			if (strlen(names[i].name) == len && !memcmp(item, names[i].name, len))
				break;
		if (i < ARRAY_SIZE(names))
			features &= ~names[i].bits;
		else
			pr_err("pv=%.*s: there are -clock, -steal, -eoi, -ipi, -tlb, -kick, -yield and -apf",
			       (int)len, item);
	}
}

static bool kvm_detect(void)
{
	if (!cpu_features.hypervisor)
		return false;
	/* Another hypervisor's interface may come first; each takes a block of 0x100 leaves. */
	for (u32 base = 0x40000000; base < 0x40010000; base += 0x100) {
		struct cpuid_regs r = cpuid(base, 0);

		if (memcmp(&r.ebx, "KVMKVMKVM\0\0\0", 12) != 0)
			continue;
		leaf_base = base;
		r = cpuid(base + KVM_LEAF_FEATURES, 0);
		features = r.eax;
		/* A KVM without hardware may offer hypercalls that never return; our own VMM tries one first. */
		if (!boot_info.has_fdt)
			features &= ~KVM_HYPERCALL_FEATURES;
		if (r.edx & KVM_HINTS_REALTIME)
			features &= ~(1u << KVM_FEATURE_PV_UNHALT);
		obey_wishes();
		/* How the host tells that a CPU was put aside. */
		if (!has(KVM_FEATURE_STEAL_TIME))
			features &= ~(1u << KVM_FEATURE_PV_TLB_FLUSH |
				      1u << KVM_FEATURE_PV_SCHED_YIELD);
		return true;
	}
	return false;
}

static void kvm_irqchip_init(void)
{
	lapic_setup();
	platform_names.irqchip = "local APIC";
	pr_info("  local APIC in %s mode; no 8259, and the IOAPIC sleeps until a driver asks\n",
		lapic_mode());
}

/* A page of this CPU for the host: its physical address for an MSR. */
#define HOST_PAGE(var) (__pa(this_cpu_ptr(&(var))) | KVM_MSR_ENABLED)

static void kvm_cpu_init(void)
{
	if (has(KVM_FEATURE_CLOCKSOURCE2))
		wrmsr(MSR_KVM_SYSTEM_TIME, HOST_PAGE(pvclock));
	if (has(KVM_FEATURE_STEAL_TIME))
		wrmsr(MSR_KVM_STEAL_TIME, HOST_PAGE(steal_time));
	if (has(KVM_FEATURE_PV_EOI)) {
		wrmsr(MSR_KVM_PV_EOI, __pa(lapic_pv_eoi_word()) | KVM_MSR_ENABLED);
		lapic_use_pv_eoi();
	}
	if (has(KVM_FEATURE_ASYNC_PF_INT))
		async_pf_enable_cpu();
}

static u64 hypercall(u64 nr, u64 a0, u64 a1, u64 a2, u64 a3)
{
	u64 r;

	/* Each vendor has its own instruction. KVM would replace the wrong one, but text is read-only. */
	if (memcmp(cpu_features.vendor, "GenuineIntel", 12) == 0)
		__asm__ volatile("vmcall"
				 : "=a"(r)
				 : "a"(nr), "b"(a0), "c"(a1), "d"(a2), "S"(a3)
				 : "memory");
	else
		__asm__ volatile("vmmcall"
				 : "=a"(r)
				 : "a"(nr), "b"(a0), "c"(a1), "d"(a2), "S"(a3)
				 : "memory");
	return r;
}

/* Linux, Documentation/virt/kvm/x86/hypercalls.rst: the last argument is the low half of the ICR. */
static bool kvm_send_ipis(u32 base, const u64 bits[2], unsigned vector)
{
	if (!has(KVM_FEATURE_PV_SEND_IPI))
		return false;
	/* What was written before is seen by whom it wakes: the exit orders it. */
	return (s64)hypercall(KVM_HC_SEND_IPI, bits[0], bits[1], base, vector) >= 0;
}

/* In sti's shadow nothing comes between looking for a kick, which hlt does, and sleeping. */
static void kvm_spin_sleep(u64 irqs)
{
	if (irqs & X86_EFLAGS_IF) {
		safe_halt();
		local_irq_disable();
	} else {
		halt();
	}
}

static void kvm_spin_kick(unsigned cpu)
{
	hypercall(KVM_HC_KICK_CPU, 0, smp_apic_id(cpu), 0, 0);
}

static const struct spin_help kvm_spin_help = { kvm_spin_sleep, kvm_spin_kick };

static bool kvm_flush_before_return(unsigned cpu)
{
	u8 *preempted = &per_cpu(steal_time, cpu).preempted;
	u8 old = READ_ONCE(*preempted);

	if (!has(KVM_FEATURE_PV_TLB_FLUSH) || !(old & KVM_VCPU_PREEMPTED))
		return false;
	/* The host takes the byte by an exchange when the CPU runs on. */
	return __atomic_compare_exchange_n(preempted, &old, old | KVM_VCPU_FLUSH_TLB, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

/* A halted CPU counts as put aside too; what it needs is the interrupt that it was sent. */
static bool kvm_yield_to(unsigned cpu)
{
	if (!has(KVM_FEATURE_PV_SCHED_YIELD) ||
	    !(READ_ONCE(per_cpu(steal_time, cpu).preempted) & KVM_VCPU_PREEMPTED) ||
	    available_idle_cpu(cpu_rq(kernel_sched, cpu)))
		return false;
	hypercall(KVM_HC_SCHED_YIELD, smp_apic_id(cpu), 0, 0, 0);
	return true;
}

static u64 pvclock_read_ns(void)
{
	const volatile struct pvclock_time_info *p;
	u32 version;
	u64 ns;

	preempt_disable();
	p = this_cpu_ptr(&pvclock);
	do {
		u64 delta;

		version = p->version & ~1u;
		barrier(); /* x86 keeps loads in order */
		delta = rdtsc() - p->tsc_timestamp;
		if (p->tsc_shift >= 0)
			delta <<= p->tsc_shift;
		else
			delta >>= -p->tsc_shift;
		ns = p->system_time + mul_u64_u32_shr(delta, p->tsc_to_system_mul, 32);
		barrier();
	} while (p->version != version);
	preempt_enable();
	return ns;
}

/* The TSC rate that the clock page implies, for people. */
static u64 pvclock_tsc_khz(void)
{
	const struct pvclock_time_info *p = this_cpu_ptr(&pvclock);
	u64 khz = (1000000ULL << 32) / p->tsc_to_system_mul;

	return p->tsc_shift < 0 ? khz << -p->tsc_shift : khz >> p->tsc_shift;
}

static u64 told_lapic_khz(void)
{
	u32 max = cpuid(leaf_base, 0).eax;

	if (max >= leaf_base + KVM_LEAF_TIMING) {
		u32 khz = cpuid(leaf_base + KVM_LEAF_TIMING, 0).ebx;

		if (khz)
			return khz;
	}
	return boot_info.lapic_khz;
}

static void kvm_clock_init(void)
{
	static const struct {
		unsigned feature;
		const char *name;
	} extras[] = {
		{ KVM_FEATURE_PV_EOI, "PV EOI" },
		{ KVM_FEATURE_STEAL_TIME, "steal time" },
		{ KVM_FEATURE_PV_SEND_IPI, "PV IPI" },
		{ KVM_FEATURE_PV_TLB_FLUSH, "PV TLB flush" },
		{ KVM_FEATURE_PV_UNHALT, "PV kick" },
		{ KVM_FEATURE_PV_SCHED_YIELD, "PV yield" },
		{ KVM_FEATURE_ASYNC_PF_INT, "async page faults" },
	};
	static char in_use[112];
	static struct clocksource kvmclock = { "kvmclock", pvclock_read_ns, true };
	const char *how = "told";
	u64 tsc_khz = boot_info.tsc_khz ? boot_info.tsc_khz : cpu_features.tsc_khz;

	if (has(KVM_FEATURE_ASYNC_PF_INT))
		async_pf_init();
	kvm_cpu_init();
	if (has(KVM_FEATURE_CLOCKSOURCE2)) {
		const struct pvclock_time_info *p = this_cpu_ptr(&pvclock);

		kvmclock.may_step_back =
			!has(KVM_FEATURE_CLOCKSOURCE_STABLE) || !(p->flags & PVCLOCK_TSC_STABLE);
		tsc_khz = pvclock_tsc_khz();
		clock_register(&kvmclock, tsc_khz * 1000);
	} else if (tsc_khz) {
		tsc_clock_register(tsc_khz * 1000);
	} else {
		env_panic(__FILE__, __LINE__,
			  "no clock: KVM without kvmclock, and nobody tells the TSC's rate");
	}
	lapic_hz = told_lapic_khz() * 1000;
	if (!lapic_hz) {
		lapic_hz = calibrate_lapic_by_clock();
		how = "measured";
	}
	if (has(KVM_FEATURE_PV_UNHALT) && boot_info.nr_cpus > 1)
		spin_use_help(&kvm_spin_help);
	for (size_t i = 0, n = 0; i < ARRAY_SIZE(extras); i++)
		if (has(extras[i].feature))
			n += (size_t)ksnprintf(in_use + n, sizeof(in_use) - n, "%s%s",
					       n ? ", " : "", extras[i].name);
	platform_names.extras = in_use;
	pr_info("  %s, %s; TSC %lu.%03lu MHz; local APIC timer %lu.%03lu MHz (%s)\n",
		clock_source()->name,
		clock_source()->may_step_back ? "made monotonic across CPUs" : "stable on all CPUs",
		tsc_khz / 1000, tsc_khz % 1000, lapic_hz / 1000000, lapic_hz / 1000 % 1000, how);
	pr_info("  KVM features %#x; in use: %s\n", features,
		*platform_names.extras ? platform_names.extras : "none beyond the clock");
}

static bool kvm_event_start(unsigned hz, bool periodic)
{
	return platform_lapic_event_start(lapic_hz, hz, periodic);
}

/*
 * One aligned quadword, which the host writes in one piece. The version is for readers that want more of
 * the record: the host changes it whenever the vCPU's thread has waited, so that a vCPU that is stepped
 * by a debugger would never read the same one twice.
 */
static u64 kvm_steal_ns(unsigned cpu)
{
	const volatile struct steal_time *s = &per_cpu(steal_time, cpu);

	return has(KVM_FEATURE_STEAL_TIME) ? s->steal : 0;
}

const struct platform kvm_platform = {
	.name = "kvm",
	.description = "a guest of KVM that knows it and uses its help",
	.detect = kvm_detect,
	.irqchip_init = kvm_irqchip_init,
	.clock_init = kvm_clock_init,
	.cpu_init = kvm_cpu_init,
	.event_start = kvm_event_start,
	.event_set = platform_lapic_event_set,
	.send_ipis = kvm_send_ipis,
	.steal_ns = kvm_steal_ns,
	.flush_before_return = kvm_flush_before_return,
	.yield_to = kvm_yield_to,
};
