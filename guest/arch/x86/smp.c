/* SPDX-License-Identifier: MIT */
/*
 * smp.c - one CPU after the other is started through the trampoline page, which is mapped at its
 * physical address only while this goes on: afterwards the low half is empty again.
 */
#include "guest/arch/x86/smp.h"
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/backtrace.h"
#include "guest/arch/x86/cpu.h"
#include "guest/arch/x86/desc.h"
#include "guest/arch/x86/kstack.h"
#include "guest/arch/x86/lapic.h"
#include "guest/arch/x86/mmu.h"
#include "guest/arch/x86/paging.h"
#include "guest/arch/x86/percpu.h"
#include "guest/arch/x86/usermode.h"
#include "guest/kernel/boot_info.h"
#include "guest/kernel/fault.h"
#include "guest/kernel/irq.h"
#include "guest/kernel/kthread.h"
#include "guest/kernel/preempt.h"
#include "guest/kernel/printk.h"
#include "guest/kernel/sched.h"
#include "guest/kernel/time.h"
#include "guest/kernel/timers.h"
#include "guest/lib/atomic.h"
#include "guest/lib/env.h"
#include "guest/lib/string.h"
#include "guest/platform/platform.h"
#include "devices/abi/ioapic.h"

/* An emulated host needs about 1 ms for a CPU's start; one that is busy, much longer. A CPU that comes
 * later than this would find the trampoline gone. */
#define START_TIMEOUT_NS (10 * NSEC_PER_SEC)
#define STOP_TIMEOUT_NS	 (500 * NSEC_PER_MSEC)

/* trampoline.S, trampoline_params. */
struct trampoline_params {
	u64 stack;
	u32 cr3, cr4, cr0, efer, cpu;
};
extern char trampoline_start[], trampoline_params[], trampoline_end[];

_Noreturn void ap_start(unsigned cpu);

struct stopped {
	bool here;			/* written last */
	const struct pt_regs *regs;	/* NULL: it stopped by itself, in a panic of its own */
	const struct task_struct *task; /* written first */
};
static DEFINE_PER_CPU(struct stopped, stopped);

unsigned nr_cpus = 1;
static u32 apic_id_of[NR_CPUS];
static DEFINE_PER_CPU(u32, resched_due);
static DEFINE_PER_CPU(bool, restart_timer);
static DEFINE_PER_CPU(bool, dead);
static bool ap_is_up; /* the CPU being started says so */

static struct {
	spinlock_t lock;	       /* one call at a time */
	DECLARE_BITMAP(cpus, NR_CPUS); /* who takes part; lock */
	void (*fn)(void *arg);
	void *arg;
	atomic_t pending; /* CPUs that have not run fn yet */
} call = { .cpus = { 1 } };

_Noreturn void ap_start(unsigned cpu)
{
	percpu_enter(cpu);
	cpu_enable_features();
	this_cpu_write(preempt_count_, 0);
	this_cpu_write(current_task, cpu_rq(kernel_sched, cpu)->idle);
	cpu_desc_setup();
	lapic_setup();
	if (platform->cpu_init)
		platform->cpu_init();
	/* INIT has dropped what was on its way to a CPU that comes back. */
	this_cpu_write(resched_due, (u32)irq_count(VECTOR_RESCHEDULE, cpu));
	this_cpu_write(dead, false);
	usermode_setup_cpu();
	sched_enter_cpu();
	smp_store_release(&ap_is_up, true);
	timers_start_cpu();
	sched_timers_resume();
	cpu_idle_loop();
}

static bool start_cpu(unsigned cpu, u32 apic_id)
{
	struct trampoline_params *p =
		__va(TRAMPOLINE_PHYS + (u64)(trampoline_params - trampoline_start));
	struct thread *idle = sched_prepare_cpu(cpu);
	u64 deadline, flags;

	if (!idle)
		return false;
	*p = (struct trampoline_params){
		.stack = idle->stack,
		.cr3 = (u32)kernel_pt.root, /* not the caller's: a process may be asking */
		/* SMEP would be right, too, but PGE must wait for paging and all come in C. */
		.cr4 = CR4_PAE | (read_cr4() & CR4_LA57),
		.cr0 = (u32)read_cr0(),
		.efer = (u32)rdmsr(MSR_EFER) & ~EFER_LMA,
		.cpu = cpu,
	};
	ap_is_up = false;
	apic_id_of[cpu] = apic_id;

	/* SDM volume 3, 9.4.4.1; the pauses of real boards are not needed since the Pentium 4, and a
	 * second SIPI is ignored by a CPU that runs. */
	flags = local_irq_save();
	lapic_send(apic_id, APIC_MODE_INIT, 0);
	lapic_send(apic_id, APIC_MODE_STARTUP, TRAMPOLINE_PHYS >> PAGE_SHIFT);
	local_irq_restore(flags);
	deadline = clock_ns() + START_TIMEOUT_NS;
	for (u64 again = clock_ns() + NSEC_PER_MSEC; !smp_load_acquire(&ap_is_up); cpu_relax()) {
		u64 now = clock_ns();

		if (now > deadline)
			return false;
		if (again && now > again) {
			again = 0;
			flags = local_irq_save();
			lapic_send(apic_id, APIC_MODE_STARTUP, TRAMPOLINE_PHYS >> PAGE_SHIFT);
			local_irq_restore(flags);
		}
	}
	return true;
}

static void handle_call(void *unused)
{
	(void)unused;
	call.fn(call.arg);
	atomic_dec_and_test(&call.pending);
}

static void handle_reschedule(void *unused)
{
	/* The sender has set need_resched; the way out of the interrupt does the rest. */
	(void)unused;
	sched_timer_changed();
	if (unlikely(this_cpu_read(restart_timer))) {
		this_cpu_write(restart_timer, false);
		hrtimer_interrupt(&kernel_hrtimers.base[smp_processor_id()]);
	}
}

static void flush_one(void *unused)
{
	(void)unused;
	flush_tlb_local();
}

static void map_trampoline(void)
{
	size_t size = (size_t)(trampoline_end - trampoline_start);
	int err;

	memcpy(__va(TRAMPOLINE_PHYS), trampoline_start, size);
	err = pgtable_map(&kernel_pt, TRAMPOLINE_PHYS, TRAMPOLINE_PHYS, PAGE_SIZE,
			  PAGE_KERNEL_ROX & ~_PAGE_GLOBAL);
	BUG_ON(err || size > PAGE_SIZE);
}

static void unmap_trampoline(void)
{
	int err = pgtable_unmap(&kernel_pt, TRAMPOLINE_PHYS, PAGE_SIZE);

	BUG_ON(err);
	on_each_cpu(flush_one, NULL);
}

void smp_boot(void)
{
	apic_id_of[0] = boot_info.cpu[0].apic_id;
	if (!lapic_present() || boot_info.nr_cpus == 1)
		return;
	irq_set_handler(VECTOR_RESCHEDULE, "reschedule", handle_reschedule, NULL, IRQ_ACK_LAPIC);
	irq_set_handler(VECTOR_CALL_FUNCTION, "call function", handle_call, NULL, IRQ_ACK_LAPIC);

	map_trampoline();
	for (size_t i = 1; i < boot_info.nr_cpus; i++) {
		u32 apic_id = boot_info.cpu[i].apic_id;

		if (start_cpu(nr_cpus, apic_id))
			__set_bit(nr_cpus++, call.cpus);
		else
			pr_err("  CPU with APIC id %u did not start; going on without it\n",
			       apic_id);
	}
	unmap_trampoline();
}

/* ---- CPUs that go and come back ---------------------------------------------------------------- */

void smp_exclude(unsigned cpu)
{
	spin_lock(&call.lock);
	__clear_bit(cpu, call.cpus);
	spin_unlock(&call.lock);
}

void smp_include(unsigned cpu)
{
	spin_lock(&call.lock);
	__set_bit(cpu, call.cpus);
	spin_unlock(&call.lock);
	on_each_cpu(flush_one, NULL); /* it has missed what was flushed meanwhile */
}

int smp_restart(unsigned cpu)
{
	bool came;

	map_trampoline();
	came = start_cpu(cpu, apic_id_of[cpu]);
	unmap_trampoline();
	return came ? 0 : -EIO;
}

_Noreturn void smp_die(void)
{
	lapic_timer_set(0);
	mmu_leave();
	smp_store_release(this_cpu_ptr(&dead), true);
	for (;;)
		halt();
}

bool smp_is_dead(unsigned cpu)
{
	return smp_load_acquire(&per_cpu(dead, cpu));
}

u32 smp_apic_id(unsigned cpu)
{
	return apic_id_of[cpu];
}

bool cpu_is_online(unsigned cpu)
{
	if (!kernel_sched)
		return cpu == 0;
	return cpu < nr_cpus && test_bit(cpu, kernel_sched->online);
}

unsigned nr_online_cpus(void)
{
	return (unsigned)bitmap_weight(kernel_sched->online, nr_cpus);
}

static void send(unsigned cpu, u32 mode, u32 vector)
{
	u64 flags = local_irq_save();

	lapic_send(apic_id_of[cpu], mode, vector);
	local_irq_restore(flags);
}

void smp_send_reschedule(unsigned cpu)
{
	/* The count was read before the message leaves: it is one higher when this or a later one is
	 * there. */
	WRITE_ONCE(per_cpu(resched_due, cpu), (u32)irq_count(VECTOR_RESCHEDULE, cpu) + 1);
	if (!fault_loses_ipi(cpu))
		send(cpu, APIC_MODE_FIXED, VECTOR_RESCHEDULE);
}

u32 smp_resched_due(unsigned cpu)
{
	u32 due = READ_ONCE(per_cpu(resched_due, cpu));

	return (s32)(due - (u32)irq_count(VECTOR_RESCHEDULE, cpu)) > 0 ? due : 0;
}

void smp_send_nmi(unsigned cpu)
{
	send(cpu, APIC_MODE_NMI, 0);
}

void smp_restart_timer(unsigned cpu)
{
	smp_store_release(&per_cpu(restart_timer, cpu), true);
	send(cpu, APIC_MODE_FIXED, VECTOR_RESCHEDULE);
}

#define IPIS_AT_ONCE 128

/* A call interrupt to each whose bit is set, with one request if the platform can. */
static void send_some(u32 base, u64 bits[2])
{
	unsigned long id;

	if (!(bits[0] | bits[1]))
		return;
	if (!platform->send_ipis || !platform->send_ipis(base, bits, VECTOR_CALL_FUNCTION))
		for_each_set_bit (id, bits, IPIS_AT_ONCE)
			lapic_send(base + (u32)id, APIC_MODE_FIXED, VECTOR_CALL_FUNCTION);
	bits[0] = bits[1] = 0;
}

static void send_calls(const u64 *cpus)
{
	u64 bits[2] = { 0 };
	u32 base = 0;
	size_t cpu;

	for_each_set_bit (cpu, cpus, nr_cpus) {
		u32 id = apic_id_of[cpu];

		if (id < base || id - base >= IPIS_AT_ONCE)
			send_some(base, bits);
		if (!(bits[0] | bits[1]))
			base = id;
		bits[(id - base) / 64] |= 1UL << (id - base) % 64;
	}
	send_some(base, bits);
}

/* Waiting for who waits for this very CPU's time would take a time slice of the host's. */
static void help_to_run(const u64 *cpus)
{
	size_t cpu;

	if (!platform->yield_to)
		return;
	for_each_set_bit (cpu, cpus, nr_cpus)
		if (atomic_read(&call.pending))
			platform->yield_to((unsigned)cpu);
}

void on_cpus(const u64 *cpus, void (*fn)(void *arg), void *arg)
{
	DECLARE_BITMAP(others, NR_CPUS);
	bool here;
	u64 flags;

	BUG_ON(irqs_disabled()); /* two callers with IRQs off would wait for each other */
	spin_lock(&call.lock);
	bitmap_and(others, call.cpus, cpus, NR_CPUS);
	here = test_bit(smp_processor_id(), others);
	if (here)
		__clear_bit(smp_processor_id(), others);
	call.fn = fn;
	call.arg = arg;
	atomic_set_release(&call.pending, (s32)bitmap_weight(others, nr_cpus));
	flags = local_irq_save();
	send_calls(others);
	local_irq_restore(flags);
	if (here) {
		flags = local_irq_save();
		fn(arg);
		local_irq_restore(flags);
	}
	help_to_run(others);
	while (atomic_read_acquire(&call.pending))
		cpu_relax();
	spin_unlock(&call.lock);
}

void on_each_cpu(void (*fn)(void *arg), void *arg)
{
	on_cpus(call.cpus, fn, arg);
}

void smp_stop_others(void)
{
	u64 deadline = clock_ns() + STOP_TIMEOUT_NS;
	unsigned cpu, self = smp_processor_id();

	for_each_online_cpu (cpu) {
		if (cpu != self && !READ_ONCE(per_cpu(stopped, cpu).here))
			lapic_send(apic_id_of[cpu], APIC_MODE_NMI, 0);
	}
	for_each_online_cpu (cpu) {
		while (cpu != self && !smp_load_acquire(&per_cpu(stopped, cpu).here) &&
		       clock_ns() < deadline)
			cpu_relax();
	}
}

_Noreturn void smp_stop_self(const struct pt_regs *regs)
{
	struct stopped *s = this_cpu_ptr(&stopped);

	/* The stopping NMI may find this CPU here already. */
	if (!s->task) {
		s->task = current;
		s->regs = regs; /* they stay: the CPU never leaves this stack */
		smp_store_release(&s->here, true);
	}
	for (;;)
		halt();
}

void smp_show_stopped(void)
{
	unsigned cpu;

	for_each_online_cpu (cpu) {
		const struct stopped *s = &per_cpu(stopped, cpu);

		if (cpu == smp_processor_id())
			continue;
		if (!smp_load_acquire(&s->here)) {
			pr_emerg("CPU %u does not answer", cpu);
		} else if (!s->regs) {
			pr_emerg("CPU %u panicked, too: task %d %s", cpu, s->task->pid,
				 s->task->comm);
		} else {
			pr_emerg("CPU %u was stopped in %pS, task %d %s", cpu, (void *)s->regs->rip,
				 s->task->pid, s->task->comm);
			backtrace_print(s->regs, NULL);
		}
	}
}
