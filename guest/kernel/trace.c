/* SPDX-License-Identifier: MIT */
/* trace.c - see trace.h. */
#include "guest/kernel/trace.h"
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/paging.h"
#include "guest/arch/x86/smp.h"
#include "guest/kernel/boot_info.h"
#include "guest/kernel/mm.h"
#include "guest/kernel/printk.h"
#include "guest/lib/atomic.h"
#include "guest/lib/string.h"

/* For each CPU half a MiB, which two threads that wake each other fill in some milliseconds, or on large
 * machines 128 KiB. */
#define FEW_CPUS	 8u
#define RING_ORDER(cpus) ((cpus) <= FEW_CPUS ? 7u : 5u)

bool trace_on;
static struct trace_area *area;
static DEFINE_PER_CPU(struct trace_event *, trace_ring);

/* The next free slot, or NULL: full. IRQs off. */
static struct trace_event *next_slot(struct trace_cpu *c)
{
	struct trace_event *ring = this_cpu_read(trace_ring);

	if (!ring) /* a CPU that came later */
		return NULL;
	if (c->head - c->tail >= area->slots) {
		c->lost++;
		return NULL;
	}
	return &ring[c->head % area->slots];
}

static void record(enum trace_type type, u32 value, const u64 arg[2])
{
	u64 flags = local_irq_save();
	struct trace_cpu *c = &area->cpu[smp_processor_id()];
	struct trace_event *e = next_slot(c);

	if (e) {
		e->tsc = rdtsc();
		e->type = type;
		e->value = value;
		e->arg[0] = arg[0];
		e->arg[1] = arg[1];
		/* The VMM reads the event once it sees the new head. */
		smp_store_release(&c->head, c->head + 1);
	}
	local_irq_restore(flags);
}

void trace_record(enum trace_type type, u32 value, u64 arg0, u64 arg1)
{
	record(type, value, (const u64[2]){ arg0, arg1 });
}

void trace_record_text(enum trace_type type, u32 value, const char *text)
{
	u64 arg[2] = { 0 };

	if (text)
		memcpy(arg, text, MIN(strlen(text), sizeof(arg)));
	record(type, value, arg);
}

static unsigned order_of(u64 bytes)
{
	unsigned order = 0;

	while ((PAGE_SIZE << order) < bytes)
		order++;
	return order;
}

/* Physical memory in a row, zeroed; what was taken before a failure stays: it happens once, at boot. */
static void *take(unsigned order)
{
	struct page *page = alloc_pages(&kernel_mm.pg, GFP_KERNEL, order);
	void *p = page ? page_address(&kernel_mm.pg, page) : NULL;

	if (p)
		memset(p, 0, PAGE_SIZE << order);
	return p;
}

void trace_start(void)
{
	unsigned cpu, order = RING_ORDER(nr_cpus);

	if (!boot_option("trace"))
		return;
	area = take(order_of(sizeof(*area) + nr_cpus * sizeof(area->cpu[0])));
	for (cpu = 0; area && cpu < nr_cpus; cpu++) {
		struct trace_event *ring = take(order);

		if (!ring)
			area = NULL;
		else
			area->cpu[cpu].ring = __pa(ring);
		per_cpu(trace_ring, cpu) = ring;
	}
	if (!area) {
		pr_err("trace: no memory for rings");
		return;
	}
	area->magic = TRACE_MAGIC;
	area->version = TRACE_VERSION;
	area->nr_cpus = nr_cpus;
	area->slots = (PAGE_SIZE << order) / sizeof(struct trace_event);
	area->event_size = sizeof(struct trace_event);
	outl(PC_TRACE_PORT, (u32)(__pa(area) >> PAGE_SHIFT));
	WRITE_ONCE(trace_on, true);
	pr_info("  trace: %u events for each CPU at a time, area at %#lx", area->slots, __pa(area));
}
