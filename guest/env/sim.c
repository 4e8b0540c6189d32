/* SPDX-License-Identifier: MIT */
/*
 * sim.c - env.h in virtual time. Linked instead of host.c.
 *
 * Rule S1: an event runs at max(its time, the moment its CPU is free), and the machine's clock
 * never goes back. An event whose CPU is still busy is put back for that moment, behind what was
 * queued for it earlier.
 */
#include "guest/env/sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "guest/lib/env.h"
#include "guest/lib/printf.h"

/* One turn of a waiting loop, and how many in one event are a wait that never ends: while an event
 * runs nothing else does, so nothing can end it. */
#define RELAX_NS  50
#define MAX_RELAX 1000000u

struct sim_cpu {
	u64 free_at; /* ns: has work up to here */
	u64 busy_ns;
	bool irqs_off;
	unsigned preempt_count;
};

struct sim {
	struct rb_root_cached queue; /* by (time, seq) */
	u64 now, next_seq;
	unsigned nr_cpus, cpu;
	unsigned relaxed;
	struct sim_cpu cpus[];
};

/* Whose sim_run() is running: the seam has no instance argument. */
static struct sim *current_sim;

static bool event_less(const struct rb_node *a, const struct rb_node *b)
{
	const struct sim_event *x = rb_entry(a, struct sim_event, node);
	const struct sim_event *y = rb_entry(b, struct sim_event, node);

	return x->time != y->time ? x->time < y->time : x->seq < y->seq;
}

struct sim *sim_new(unsigned nr_cpus)
{
	struct sim *sim = calloc(1, sizeof(*sim) + nr_cpus * sizeof(sim->cpus[0]));

	if (sim)
		sim->nr_cpus = nr_cpus;
	return sim;
}

void sim_free(struct sim *sim)
{
	if (current_sim == sim)
		current_sim = NULL;
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

static void enqueue(struct sim *sim, struct sim_event *ev, u64 time)
{
	ev->time = time;
	ev->seq = sim->next_seq++;
	ev->queued = true;
	rb_add_cached(&ev->node, &sim->queue, event_less);
}

static void dequeue(struct sim *sim, struct sim_event *ev)
{
	rb_erase_cached(&ev->node, &sim->queue);
	ev->queued = false;
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

static struct sim_event *first_event(const struct sim *sim)
{
	return rb_entry_safe(rb_first_cached(&sim->queue), struct sim_event, node);
}

u64 sim_next_time(const struct sim *sim)
{
	const struct sim_event *ev = first_event(sim);

	return ev ? ev->time : UINT64_MAX;
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
	struct sim_event *ev;
	u64 ran = 0;

	current_sim = sim;
	while ((ev = first_event(sim)) && ev->time <= until) {
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

/* ---- env.h; outside sim_run() time is 0 and there is one CPU --------------------------------- */

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
