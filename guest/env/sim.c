/* SPDX-License-Identifier: MIT */
/*
 * sim.c - env.h in virtual time. Linked instead of host.c.
 *
 * Rule V1: an event runs at max(its time, the moment its CPU is free), and the machine's clock
 * never goes back. An event whose CPU is still busy is put back for that moment, behind what was
 * queued for it earlier.
 *
 * The queue: events of the next few microseconds are in a heap by (time, seq). Later ones are in a
 * wheel of levels, each slot of a level 64 times as long as one below: the level is where the time
 * differs from the wheel's own first, so an event costs a list operation each level it comes down.
 * Rule V2: everything in the heap is before `horizon`, everything in the wheel at or after it.
 */
#include "guest/env/sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "guest/lib/bitops.h"
#include "guest/lib/env.h"
#include "guest/lib/printf.h"

/* One turn of a waiting loop, and how many in one event are a wait that never ends: while an event
 * runs nothing else does, so nothing can end it. */
#define RELAX_NS    50
#define MAX_RELAX   1000000u

#define NEAR_SHIFT  14 /* the heap spans 16 us */
#define LEVEL_SHIFT 6
#define SLOTS	    (1u << LEVEL_SHIFT)
#define LEVELS	    9	   /* 14 + 9 * 6 > 64 */
#define IN_HEAP	    LEVELS /* sim_event.level */

struct sim_cpu {
	u64 free_at; /* ns: has work up to here */
	u64 busy_ns;
	bool irqs_off;
	unsigned preempt_count;
};

/* The heap, and each slot of the wheel, is an array of these: with a hundred thousand events waiting,
 * looking at the events themselves would be a cache miss each. */
struct entry {
	u64 time, seq;
	struct sim_event *ev;
};

struct array {
	struct entry *entries;
	u32 nr, size;
};

struct sim {
	u64 now, next_seq;
	unsigned nr_cpus, cpu;
	unsigned relaxed;
	struct array heap;
	u64 base; /* start of the heap's span; the wheel's own time */
	u64 used[LEVELS];
	struct array slots[LEVELS][SLOTS];
	struct sim_cpu cpus[];
};

/* Whose sim_run() is running: the seam has no instance argument. */
static struct sim *current_sim;

struct sim *sim_new(unsigned nr_cpus)
{
	struct sim *sim = calloc(1, sizeof(*sim) + nr_cpus * sizeof(sim->cpus[0]));

	if (!sim)
		return NULL;
	sim->nr_cpus = nr_cpus;
	return sim;
}

void sim_free(struct sim *sim)
{
	if (!sim)
		return;
	if (current_sim == sim)
		current_sim = NULL;
	free(sim->heap.entries);
	for (unsigned l = 0; l < LEVELS; l++)
		for (unsigned i = 0; i < SLOTS; i++)
			free(sim->slots[l][i].entries);
	free(sim);
}

u64 sim_now(const struct sim *sim)
{
	return sim->now;
}

u64 sim_busy_ns(const struct sim *sim, unsigned cpu)
{
	return sim->cpus[cpu].busy_ns;
}

unsigned sim_preempt_count(const struct sim *sim, unsigned cpu)
{
	return sim->cpus[cpu].preempt_count;
}

/* ---- arrays ------------------------------------------------------------------------------------ */

static u32 array_grow(struct array *a)
{
	if (a->nr == a->size) {
		u32 size = a->size ? 2 * a->size : 16;
		void *entries = realloc(a->entries, size * sizeof(a->entries[0]));

		BUG_ON(!entries);
		a->entries = entries;
		a->size = size;
	}
	return a->nr++;
}

static void entry_set(struct array *a, u32 i, struct entry e)
{
	a->entries[i] = e;
	e.ev->index = i;
}

/* ---- the heap ---------------------------------------------------------------------------------- */

static bool before(const struct entry *a, const struct entry *b)
{
	return a->time != b->time ? a->time < b->time : a->seq < b->seq;
}

static void sift_up(struct array *h, u32 i, struct entry e)
{
	while (i && before(&e, &h->entries[(i - 1) / 2])) {
		entry_set(h, i, h->entries[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	entry_set(h, i, e);
}

static void sift_down(struct array *h, u32 i, struct entry e)
{
	for (;;) {
		u32 child = 2 * i + 1;

		if (child >= h->nr)
			break;
		if (child + 1 < h->nr && before(&h->entries[child + 1], &h->entries[child]))
			child++;
		if (!before(&h->entries[child], &e))
			break;
		entry_set(h, i, h->entries[child]);
		i = child;
	}
	entry_set(h, i, e);
}

static void heap_remove(struct array *h, u32 i)
{
	struct entry last = h->entries[--h->nr];

	if (i == h->nr)
		return;
	if (i && before(&last, &h->entries[(i - 1) / 2]))
		sift_up(h, i, last);
	else
		sift_down(h, i, last);
}

/* ---- the wheel ----------------------------------------------------------------------------------- */

static void insert(struct sim *sim, struct entry e)
{
	u64 diff = (e.time ^ sim->base) >> NEAR_SHIFT;
	unsigned level, slot;
	struct array *a;

	if (!diff || e.time < sim->base) {
		e.ev->level = IN_HEAP;
		/* It will run within microseconds, and what it is embedded in is looked at then. */
		for (unsigned line = 1; line <= 5; line++)
			__builtin_prefetch((const char *)e.ev + 64 * line);
		sift_up(&sim->heap, array_grow(&sim->heap), e);
		return;
	}
	level = __fls(diff) / LEVEL_SHIFT;
	slot = (e.time >> (NEAR_SHIFT + level * LEVEL_SHIFT)) % SLOTS;
	e.ev->level = (u8)level;
	e.ev->slot = (u8)slot;
	a = &sim->slots[level][slot];
	entry_set(a, array_grow(a), e);
	sim->used[level] |= BIT(slot);
}

/* Makes the heap hold the next event; false when there is none. */
static bool refill(struct sim *sim)
{
	while (!sim->heap.nr) {
		unsigned level = 0, slot, shift;
		struct array *a;
		u32 nr;

		while (level < LEVELS && !sim->used[level])
			level++;
		if (level == LEVELS)
			return false;
		/* Times above the level's bits are the base's own; so its first slot is next. */
		slot = __ffs(sim->used[level]);
		shift = NEAR_SHIFT + level * LEVEL_SHIFT;
		sim->base &= shift + LEVEL_SHIFT < 64 ? ~0ULL << (shift + LEVEL_SHIFT) : 0;
		sim->base |= (u64)slot << shift;
		sim->used[level] &= ~BIT(slot);
		a = &sim->slots[level][slot];
		nr = a->nr;
		a->nr = 0; /* every entry goes to a lower level or to the heap: none comes back */
		for (u32 i = 0; i < nr; i++)
			insert(sim, a->entries[i]);
	}
	return true;
}

static void enqueue(struct sim *sim, struct sim_event *ev, u64 time)
{
	ev->time = time;
	ev->seq = sim->next_seq++;
	ev->queued = true;
	insert(sim, (struct entry){ ev->time, ev->seq, ev });
}

static void dequeue(struct sim *sim, struct sim_event *ev)
{
	struct array *a;

	ev->queued = false;
	if (ev->level == IN_HEAP) {
		heap_remove(&sim->heap, ev->index);
		return;
	}
	a = &sim->slots[ev->level][ev->slot];
	if (ev->index != --a->nr)
		entry_set(a, ev->index, a->entries[a->nr]);
	if (!a->nr)
		sim->used[ev->level] &= ~BIT(ev->slot);
}

void sim_schedule(struct sim *sim, struct sim_event *ev, unsigned cpu, u64 time, sim_fn fn)
{
	BUG_ON(ev->queued || cpu >= sim->nr_cpus);
	ev->cpu = cpu;
	ev->fn = fn;
	enqueue(sim, ev, MAX(time, sim->now));
}

bool sim_cancel(struct sim *sim, struct sim_event *ev)
{
	if (!ev->queued)
		return false;
	dequeue(sim, ev);
	return true;
}

u64 sim_next_time(struct sim *sim)
{
	return refill(sim) ? sim->heap.entries[0].time : UINT64_MAX;
}

const char *sim_check(const struct sim *sim)
{
	u64 horizon = sim->base + BIT(NEAR_SHIFT);

	for (u32 i = 0; i < sim->heap.nr; i++) {
		const struct entry *e = &sim->heap.entries[i];

		if (i && before(e, &sim->heap.entries[(i - 1) / 2]))
			return "V2: the heap is out of order";
		if (e->ev->index != i || e->ev->level != IN_HEAP || !e->ev->queued ||
		    e->time >= horizon)
			return "V2: an event in the heap does not belong there";
	}
	for (unsigned l = 0; l < LEVELS; l++) {
		for (unsigned i = 0; i < SLOTS; i++) {
			const struct array *a = &sim->slots[l][i];

			if (!a->nr == !!(sim->used[l] & BIT(i)))
				return "V2: a slot's bit is wrong";
			for (u32 k = 0; k < a->nr; k++) {
				const struct entry *e = &a->entries[k];

				if (e->time < horizon || e->ev->level != l || e->ev->slot != i ||
				    e->ev->index != k)
					return "V2: an event in the wrong slot";
			}
		}
	}
	return NULL;
}

static void run_event(struct sim *sim, struct sim_event *ev)
{
	struct sim_cpu *cpu = &sim->cpus[ev->cpu];

	sim->now = ev->time;
	sim->cpu = ev->cpu;
	sim->relaxed = 0;
	cpu->free_at = ev->time;
	ev->fn(sim, ev); /* ev may be queued again, or gone */
	BUG_ON(cpu->irqs_off || cpu->preempt_count);
}

u64 sim_run(struct sim *sim, u64 until)
{
	struct sim *outer = current_sim;
	u64 ran = 0;

	current_sim = sim;
	while (refill(sim) && sim->heap.entries[0].time <= until) {
		struct sim_event *ev = sim->heap.entries[0].ev;
		u64 free_at = sim->cpus[ev->cpu].free_at;

		dequeue(sim, ev);
		if (free_at > ev->time) {
			enqueue(sim, ev, free_at);
			continue;
		}
		run_event(sim, ev);
		ran++;
	}
	sim->now = MAX(sim->now, until);
	current_sim = outer;
	return ran;
}

void sim_spend(struct sim *sim, u64 ns)
{
	struct sim_cpu *cpu = &sim->cpus[sim->cpu];

	cpu->free_at += ns;
	cpu->busy_ns += ns;
}

/* ---- env.h; outside sim_run() time is 0 and there is one CPU ----------------------------------- */

static struct sim_cpu *this_cpu(void)
{
	static struct sim_cpu outside;

	return current_sim ? &current_sim->cpus[current_sim->cpu] : &outside;
}

static void print_line(const char *fmt, va_list ap)
{
	char text[512];

	kvsnprintf(text, sizeof(text), fmt, ap);
	fprintf(stderr, "[%12llu] cpu%u %s\n", (unsigned long long)env_now_ns(), env_cpu(), text);
}

void env_log(enum env_level level, const char *fmt, ...)
{
	va_list ap;

	if (level > ENV_WARN)
		return;
	va_start(ap, fmt);
	print_line(fmt, ap);
	va_end(ap);
}

_Noreturn void env_panic(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s:%d: panic:\n", file, line);
	va_start(ap, fmt);
	print_line(fmt, ap);
	va_end(ap);
	abort();
}

u64 env_now_ns(void)
{
	return current_sim ? this_cpu()->free_at : 0;
}

unsigned env_cpu(void)
{
	return current_sim ? current_sim->cpu : 0;
}

unsigned env_nr_cpus(void)
{
	return current_sim ? current_sim->nr_cpus : 1;
}

u64 env_irq_save(void)
{
	struct sim_cpu *cpu = this_cpu();
	u64 was = cpu->irqs_off;

	cpu->irqs_off = true;
	return was;
}

void env_irq_restore(u64 state)
{
	BUG_ON(!this_cpu()->irqs_off || state > 1);
	this_cpu()->irqs_off = state;
}

void env_preempt_disable(void)
{
	this_cpu()->preempt_count++;
}

void env_preempt_enable(void)
{
	BUG_ON(this_cpu()->preempt_count == 0);
	this_cpu()->preempt_count--;
}

void *env_alloc(size_t size)
{
	return calloc(1, size); /* malloc's alignment is 16 on x86-64 */
}

void env_free(void *ptr, size_t size)
{
	(void)size;
	free(ptr);
}

void env_relax(void)
{
	if (!current_sim)
		return;
	current_sim->relaxed++;
	BUG_ON(current_sim->relaxed > MAX_RELAX);
	sim_spend(current_sim, RELAX_NS);
}
