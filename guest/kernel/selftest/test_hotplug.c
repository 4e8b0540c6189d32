/* SPDX-License-Identifier: MIT */
/* test_hotplug.c - CPUs that go and come back, and device interrupts that move between CPUs. */
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/lapic.h"
#include "guest/arch/x86/smp.h"
#include "guest/kernel/boot_info.h"
#include "guest/kernel/hotplug.h"
#include "guest/kernel/irq_affinity.h"
#include "guest/kernel/kthread.h"
#include "guest/kernel/rcu.h"
#include "guest/kernel/selftest/tests_decl.h"
#include "guest/kernel/softirq.h"
#include "guest/platform/ioapic.h"
#include "devices/abi/pc.h"
#include "devices/abi/uart16550.h"

struct walker {
	u64 n;
	unsigned cpu; /* where it was last */
	bool stop;
};

static int spin(void *arg)
{
	struct walker *w = arg;

	while (!READ_ONCE(w->stop)) {
		WRITE_ONCE(w->cpu, smp_processor_id());
		WRITE_ONCE(w->n, w->n + 1);
	}
	return 0;
}

/* Sleeps by a timer of the CPU that may go meanwhile. */
static int nap(void *arg)
{
	struct walker *w = arg;

	while (!READ_ONCE(w->stop)) {
		msleep(1);
		WRITE_ONCE(w->cpu, smp_processor_id());
		WRITE_ONCE(w->n, w->n + 1);
	}
	return 0;
}

static bool moves_on(struct walker *w)
{
	u64 n = READ_ONCE(w->n);

	return ktest_eventually(READ_ONCE(w->n) != n);
}

static atomic_t calls, callbacks;

static void count_call(void *unused)
{
	(void)unused;
	atomic_inc(&calls);
}

static void count_callback(struct rcu_head *unused)
{
	(void)unused;
	atomic_inc(&callbacks);
}

/* Leaves a callback on every CPU, also the one that goes next. */
static struct rcu_head heads[NR_CPUS];

static void leave_callback(void *unused)
{
	(void)unused;
	call_rcu(kernel_rcu, &heads[smp_processor_id()], count_callback);
}

static void go_and_come(struct ktest *t, unsigned cpu, struct walker *spinner,
			struct walker *napper)
{
	u64 ticks;

	atomic_set(&callbacks, 0);
	on_each_cpu(leave_callback, NULL);
	KT_EXPECT_EQ(t, cpu_down(cpu), 0);
	KT_EXPECT(t, !cpu_is_online(cpu));
	KT_EXPECT_EQ(t, nr_online_cpus(), nr_cpus - 1);
	KT_EXPECT_EQ(t, cpu_down(cpu), -EINVAL);
	ticks = tick_count(cpu);

	/* Bound to a CPU that is not there: better elsewhere than nowhere. */
	KT_EXPECT(t, moves_on(spinner) && READ_ONCE(spinner->cpu) != cpu);
	KT_EXPECT(t, moves_on(napper) && READ_ONCE(napper->cpu) != cpu);
	KT_EXPECT(t, ktest_eventually((unsigned)atomic_read(&callbacks) == nr_cpus));
	synchronize_rcu(kernel_rcu); /* does not wait for it */
	atomic_set(&calls, 0);
	on_each_cpu(count_call, NULL);
	KT_EXPECT_EQ(t, atomic_read(&calls), nr_cpus - 1);
	KT_EXPECT_EQ(t, tick_count(cpu), ticks);

	KT_EXPECT_EQ(t, cpu_up(cpu), 0);
	KT_EXPECT(t, cpu_is_online(cpu));
	KT_EXPECT_EQ(t, cpu_up(cpu), -EINVAL);
	KT_EXPECT(t, ktest_eventually(READ_ONCE(napper->cpu) == cpu));
	KT_EXPECT(t, ktest_eventually(tick_count(cpu) > ticks));
	atomic_set(&calls, 0);
	on_each_cpu(count_call, NULL);
	KT_EXPECT_EQ(t, atomic_read(&calls), nr_cpus);
}

/* Two that ask for the same at once both have it: neither hears that it is so already. How often one did. */
static int toggle(void *cpu)
{
	int refused = 0;

	for (unsigned i = 0; i < 8; i++)
		refused += cpu_set_online((unsigned)(u64)cpu, i & 1) != 0;
	return refused;
}

static void two_switchers(struct ktest *t, unsigned cpu)
{
	struct task_struct *a, *b;

	KT_EXPECT_EQ(t, cpu_set_online(0, false), -EBUSY);
	KT_EXPECT_EQ(t, cpu_set_online(0, true), 0);
	KT_EXPECT_EQ(t, cpu_set_online(nr_cpus, true), -EINVAL);
	a = kthread_run(toggle, (void *)(u64)cpu, "switcher-a");
	b = kthread_run(toggle, (void *)(u64)cpu, "switcher-b");
	BUG_ON(!a || !b);
	KT_EXPECT_EQ(t, kthread_join(a), 0);
	KT_EXPECT_EQ(t, kthread_join(b), 0);
	KT_EXPECT(t, cpu_is_online(cpu));
}

void ktest_smp_hotplug(struct ktest *t)
{
	struct walker spinner = { 0 }, napper = { 0 };
	struct task_struct *s, *n;
	unsigned cpu = nr_cpus - 1;

	KT_EXPECT_EQ(t, cpu_down(0), -EBUSY);
	KT_EXPECT_EQ(t, cpu_down(nr_cpus), -EINVAL);
	KT_EXPECT_EQ(t, cpu_up(nr_cpus), -EINVAL);
	if (nr_cpus < 2) {
		ktest_skip(t, "there is one CPU, and it stays");
		return;
	}
	s = kthread_create(spin, &spinner, "spinner");
	n = kthread_create(nap, &napper, "napper");
	BUG_ON(!s || !n);
	kthread_bind(s, cpu);
	kthread_bind(n, cpu);
	kthread_start(s);
	kthread_start(n);
	KT_EXPECT(t, moves_on(&spinner) && moves_on(&napper));
	for (unsigned round = 0; round < 2; round++)
		go_and_come(t, cpu, &spinner, &napper);
	KT_EXPECT_EQ(t, sched_bind(s, cpu), 0);
	KT_EXPECT(t, ktest_eventually(READ_ONCE(spinner.cpu) == cpu));
	WRITE_ONCE(spinner.stop, true);
	WRITE_ONCE(napper.stop, true);
	kthread_join(s);
	kthread_join(n);
	two_switchers(t, cpu);
	ktest_check_rcu(t);
}

/* ---- a device's interrupt -------------------------------------------------------------------------- */

#define UART_VECTOR (VECTOR_GSI + PC_COM1_IRQ)

static void silence_uart(void *unused)
{
	(void)unused;
	outb(PC_COM1_PORT + UART_IER, 0);
}

/* The serial port interrupts at once when it may say that it has nothing to send. */
static void ask_uart(void)
{
	outb(PC_COM1_PORT + UART_IER, UART_IER_THRE);
}

static u64 count_elsewhere(unsigned but)
{
	u64 n = 0;

	for (unsigned cpu = 0; cpu < nr_cpus; cpu++)
		if (cpu != but)
			n += irq_count(UART_VECTOR, cpu);
	return n;
}

static void goes_to(struct ktest *t, unsigned cpu)
{
	u64 here = irq_count(UART_VECTOR, cpu), elsewhere = count_elsewhere(cpu);

	KT_EXPECT_EQ(t, irq_effective_cpu(UART_VECTOR), cpu);
	ask_uart();
	KT_EXPECT(t, ktest_eventually(irq_count(UART_VECTOR, cpu) != here));
	KT_EXPECT_EQ(t, irq_count(UART_VECTOR, cpu), here + 1);
	KT_EXPECT_EQ(t, count_elsewhere(cpu), elsewhere);
}

void ktest_irq_affinity(struct ktest *t)
{
	DECLARE_BITMAP(mask, NR_CPUS) = { 0 };
	unsigned cpu;

	KT_EXPECT_EQ(t, irq_set_affinity(VECTOR_TIMER, mask), -EOPNOTSUPP);
	if (!lapic_present() || !boot_info.ioapic) {
		ktest_skip(t, "this machine has no IOAPIC");
		return;
	}
	if (irq_effective_cpu(UART_VECTOR) >= 0) {
		ktest_skip(t, "the serial port's interrupt is in use");
		return;
	}
	irq_set_handler(UART_VECTOR, "serial port", silence_uart, NULL, IRQ_ACK_LAPIC);
	KT_EXPECT_EQ(t, irq_effective_cpu(UART_VECTOR), -EOPNOTSUPP);
	ioapic_route_edge(PC_COM1_IRQ, UART_VECTOR, smp_apic_id(0));
	goes_to(t, 0);
	KT_EXPECT_EQ(t, irq_set_affinity(UART_VECTOR, mask), -EINVAL);
	for (cpu = 0; cpu < nr_cpus; cpu++) {
		bitmap_zero(mask, NR_CPUS);
		__set_bit(cpu, mask);
		KT_EXPECT_EQ(t, irq_set_affinity(UART_VECTOR, mask), 0);
		goes_to(t, cpu);
	}
	KT_EXPECT_EQ(t, irq_set_affinity_hint(UART_VECTOR, mask), 0);
	KT_EXPECT(t, irq_affinity_hint(UART_VECTOR) == mask);
	irq_set_affinity_hint(UART_VECTOR, NULL);
	if (nr_cpus > 1) { /* its CPU goes: it must find another one */
		KT_EXPECT_EQ(t, cpu_down(nr_cpus - 1), 0);
		cpu = (unsigned)irq_effective_cpu(UART_VECTOR);
		KT_EXPECT(t, cpu_is_online(cpu));
		goes_to(t, cpu);
		KT_EXPECT_EQ(t, cpu_up(nr_cpus - 1), 0);
	}
	ioapic_mask(PC_COM1_IRQ);
	irq_set_handler(UART_VECTOR, NULL, NULL, NULL, IRQ_ACK_NONE);
}
