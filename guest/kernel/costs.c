/* SPDX-License-Identifier: MIT */
/* costs.c - see costs.h. */
#include "guest/kernel/costs.h"
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/smp.h"
#include "guest/kernel/kthread.h"
#include "guest/kernel/mm.h"
#include "guest/kernel/sched.h"
#include "guest/kernel/time.h"
#include "guest/lib/atomic.h"
#include "devices/abi/pc.h"
#include "devices/abi/uart16550.h"

#define MEASURE_NS (2 * NSEC_PER_MSEC)
#define MANY	   32 /* calls between two looks at the clock, where they cost less than a look */
#define FEW	   4

/*
 * Time of `calls` calls of fn(arg): the shortest of some batches, for what disturbs one only makes
 * it longer.
 */
static u64 shortest_batch(void (*fn)(void *arg), void *arg, unsigned calls)
{
	u64 best = UINT64_MAX, end;

	fn(arg); /* the first one pays for cold caches */
	end = clock_ns() + MEASURE_NS;
	for (unsigned batches = 0; batches < 2 || clock_ns() < end; batches++) {
		u64 start = clock_ns();

		for (unsigned i = 0; i < calls; i++)
			fn(arg);
		best = MIN(best, clock_ns() - start);
	}
	return best;
}

static void read_clock(void *unused)
{
	(void)unused;
	clock_ns();
}

u64 cost_clock_read(void)
{
	/* The two looks that enclose a batch take as long as one read more. */
	return shortest_batch(read_clock, NULL, MANY) / (MANY + 1);
}

static u64 cost_of(void (*fn)(void *arg), void *arg, unsigned calls)
{
	u64 looks = cost_clock_read(), batch = shortest_batch(fn, arg, calls);

	return (batch - MIN(batch, looks)) / calls;
}

struct partner {
	struct task_struct *task, *me;
	bool turn; /* the partner's */
};

static int answer(void *arg)
{
	struct partner *p = arg;

	while (!kthread_should_stop()) {
		set_current_state(TASK_UNINTERRUPTIBLE);
		if (READ_ONCE(p->turn)) {
			set_current_state(TASK_RUNNING);
			WRITE_ONCE(p->turn, false);
			wake_up_process(p->me);
		} else if (!kthread_should_stop()) {
			schedule();
		}
	}
	set_current_state(TASK_RUNNING);
	return 0;
}

/* There and back: two switches. */
static void ask(void *arg)
{
	struct partner *p = arg;

	WRITE_ONCE(p->turn, true);
	wake_up_process(p->task);
	for (;;) {
		set_current_state(TASK_UNINTERRUPTIBLE);
		if (!READ_ONCE(p->turn))
			break;
		schedule();
	}
	set_current_state(TASK_RUNNING);
}

static u64 cost_partner(unsigned here, unsigned there)
{
	struct partner p = { .me = current };
	u64 ns;

	p.task = kthread_create(answer, &p, "partner");
	if (!p.task)
		return 0;
	sched_pin(here);
	kthread_bind(p.task, there);
	kthread_start(p.task);
	ns = cost_of(ask, &p, FEW);
	kthread_stop(p.task);
	sched_unpin();
	return ns;
}

u64 cost_switch(void)
{
	return cost_partner(0, 0) / 2;
}

u64 cost_wake_other(void)
{
	return nr_cpus > 1 ? cost_partner(0, 1) : 0;
}

/* ---- a switch without a scheduler ------------------------------------------------------------------ */

static struct {
	struct thread *other;
	struct task_struct *me;
} bounce;

/* What the other thread does, on a stack of its own: it gives the CPU back. */
static _Noreturn void bounce_back(void)
{
	for (;;)
		sched_env_switch(&bounce.other->t, bounce.me);
}

static void bounce_off(void *unused)
{
	u64 flags = local_irq_save(); /* no scheduler must look: it knows nothing of this */

	(void)unused;
	sched_env_switch(bounce.me, &bounce.other->t);
	local_irq_restore(flags);
}

u64 cost_switch_alone(void)
{
	u64 ns = 0;

	sched_pin(0);
	bounce.me = current;
	bounce.other = thread_alloc_at(bounce_back);
	if (bounce.other) {
		ns = cost_of(bounce_off, NULL, MANY) / 2;
		put_task(&bounce.other->t);
	}
	sched_unpin();
	return ns;
}

static void do_nothing(void *unused)
{
	(void)unused;
}

static void call_others(void *unused)
{
	(void)unused;
	on_each_cpu(do_nothing, NULL);
}

u64 cost_call(void)
{
	return nr_cpus > 1 ? cost_of(call_others, NULL, FEW) : 0;
}

/* ---- memory ------------------------------------------------------------------------------------------ */

static void take_pages(void *unused)
{
	struct pgalloc *pg = &kernel_mm.pg;

	(void)unused;
	for (unsigned i = 0; i < MANY; i++) {
		struct page *page = alloc_page(pg, GFP_KERNEL);

		if (page)
			__free_page(pg, page);
	}
}

u64 cost_page(void)
{
	return cost_of(take_pages, NULL, 1) / MANY;
}

static void take_objects(void *cache)
{
	for (unsigned i = 0; i < MANY; i++) {
		void *p = kmem_cache_alloc(cache, GFP_KERNEL);

		if (p)
			kmem_cache_free(cache, p);
	}
}

u64 cost_object(void)
{
	struct kmem_cache_args args = { .name = "costs", .size = 64 };
	struct kmem_cache *c = kmem_cache_create(&kernel_mm.slab, &args);
	u64 ns;

	if (!c)
		return 0;
	ns = cost_of(take_objects, c, 1) / MANY;
	kmem_cache_destroy(c);
	return ns;
}

static void run_cpuid(void *unused)
{
	(void)unused;
	cpuid(0, 0);
}

u64 cost_cpuid(void)
{
	return cost_of(run_cpuid, NULL, MANY);
}

static void read_port(void *unused)
{
	(void)unused;
	inb(PC_COM1_PORT + UART_LSR);
}

u64 cost_port_read(void)
{
	return cost_of(read_port, NULL, MANY);
}
