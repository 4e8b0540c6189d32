/* SPDX-License-Identifier: MIT */
/* trace.c - see trace.h: what is kept while the guest runs. */
#include "vmm/trace.h"

#include <stdio.h>
#include <stdlib.h>

#include "vmm/loop.h"
#include "vmm/trace_priv.h"

struct trace *trace_create(unsigned cpus, u64 limit)
{
	struct trace *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->cpus = cpus;
	t->limit = limit ? limit : TRACE_LIMIT;
	t->start = loop_now();
	t->lane = calloc(cpus, sizeof(*t->lane));
	if (!t->lane) {
		free(t);
		return NULL;
	}
	pthread_mutex_init(&t->lock, NULL);
	return t;
}

void trace_destroy(struct trace *t)
{
	if (!t)
		return;
	for (unsigned i = 0; i < t->cpus; i++)
		free(t->lane[i].exit);
	free(t->lane);
	free(t->event);
	trace_kvm_destroy(t->kvm);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

int trace_use_kvm(struct trace *t, struct error *e)
{
	return trace_kvm_create(t->cpus, t->limit, &t->kvm, e);
}

void trace_vcpu(struct trace *t, unsigned cpu)
{
	if (t->kvm)
		trace_kvm_begin(t->kvm, cpu);
}

void *trace_room(void *array, size_t nr, size_t *room, size_t size)
{
	size_t want = *room ? 2 * *room : 1024;

	if (nr < *room)
		return array;
	array = realloc(array, want * size);
	if (array)
		*room = want;
	return array;
}

void trace_exit(struct trace *t, unsigned cpu, const struct trace_exit *x)
{
	struct trace_lane *l = &t->lane[cpu];
	struct trace_exit *exit = NULL;

	if (atomic_load_explicit(&t->exits, memory_order_relaxed) < t->limit)
		exit = trace_room(l->exit, l->nr, &l->room, sizeof(*exit));
	if (!exit) {
		l->over++;
		return;
	}
	atomic_fetch_add_explicit(&t->exits, 1, memory_order_relaxed);
	l->exit = exit;
	exit[l->nr++] = *x;
}

/* ---- the guest's rings ------------------------------------------------------------------------- */

/* What is wrong with an announced area, or NULL with everything in t. */
static const char *adopt(struct trace *t, const struct guest_mem *gm, gpa_t where)
{
	struct trace_area head, *area;
	u64 ring;

	if (guest_mem_read(gm, where, &head, sizeof(head)))
		return "is not in its memory";
	if (head.magic != TRACE_MAGIC || head.version != TRACE_VERSION ||
	    head.event_size != sizeof(struct trace_event))
		return "has another format";
	if (!head.nr_cpus || head.nr_cpus > TRACE_MAX_CPUS)
		return "is for no or too many CPUs";
	if (!head.slots || head.slots > TRACE_MAX_SLOTS || (head.slots & (head.slots - 1)))
		return "has rings of a size that cannot be";
	area = guest_mem_range(gm, where, sizeof(*area) + head.nr_cpus * sizeof(area->cpu[0]));
	if (!area || (uintptr_t)area % _Alignof(struct trace_area))
		return "reaches beyond its memory";
	for (u32 i = 0; i < head.nr_cpus; i++) {
		ring = __atomic_load_n(&area->cpu[i].ring, __ATOMIC_RELAXED);
		if (ring % _Alignof(struct trace_event))
			return "has a ring at an odd address";
		t->ring[i] = guest_mem_range(gm, (gpa_t){ ring },
					     head.slots * sizeof(struct trace_event));
		if (!t->ring[i])
			return "has a ring that reaches beyond its memory";
		t->tail[i] = t->lost_seen[i] = 0;
	}
	t->nr_cpus = head.nr_cpus;
	t->slots = head.slots;
	t->area = area;
	return NULL;
}

void trace_announce(struct trace *t, const struct guest_mem *gm, gpa_t area)
{
	const char *wrong;
	bool silent; /* a guest that does it for ever is told once */

	pthread_mutex_lock(&t->lock);
	t->area = NULL; /* the one before, if any, is not to be trusted any more */
	wrong = adopt(t, gm, area);
	silent = t->complained;
	t->complained |= wrong != NULL;
	pthread_mutex_unlock(&t->lock);
	if (wrong && !silent)
		fprintf(stderr, "parallax: the guest's trace area at %#lx %s\n", area.v, wrong);
}

void trace_sync(struct trace *t, u64 tsc, u64 ns)
{
	pthread_mutex_lock(&t->lock);
	t->sync[t->nr_syncs ? 1 : 0].tsc = tsc;
	t->sync[t->nr_syncs ? 1 : 0].ns = ns;
	t->nr_syncs = MIN(t->nr_syncs + 1, 2u);
	pthread_mutex_unlock(&t->lock);
}

static void keep(struct trace *t, u32 cpu, const struct trace_event *from)
{
	struct trace_guest_event *event = NULL, *to;

	if (t->nr_events < t->limit)
		event = trace_room(t->event, t->nr_events, &t->room, sizeof(*event));
	if (!event) {
		t->events_over++;
		return;
	}
	t->event = event;
	to = &event[t->nr_events++];
	/* The guest may write at the same time: bytewise, and what comes out is looked at later. */
	for (size_t i = 0; i < sizeof(to->e) / 8; i++)
		((u64 *)&to->e)[i] = __atomic_load_n((const u64 *)from + i, __ATOMIC_RELAXED);
	to->cpu = cpu;
}

static void take_ring(struct trace *t, u32 cpu)
{
	struct trace_cpu *c = &t->area->cpu[cpu];
	u64 head = __atomic_load_n(&c->head, __ATOMIC_ACQUIRE);
	u64 lost = __atomic_load_n(&c->lost, __ATOMIC_RELAXED);

	if (lost > t->lost_seen[cpu])
		t->events_lost += lost - t->lost_seen[cpu];
	t->lost_seen[cpu] = lost;
	if (head - t->tail[cpu] > t->slots) {
		t->events_lost++; /* a guest that counts as it should cannot get there */
		t->tail[cpu] = head;
	}
	for (; t->tail[cpu] != head; t->tail[cpu]++)
		keep(t, cpu, &t->ring[cpu][t->tail[cpu] % t->slots]);
	__atomic_store_n(&c->tail, head, __ATOMIC_RELEASE);
}

void trace_take(struct trace *t)
{
	pthread_mutex_lock(&t->lock);
	for (u32 i = 0; t->area && i < t->nr_cpus; i++)
		take_ring(t, i);
	if (t->kvm)
		trace_kvm_take(t->kvm);
	pthread_mutex_unlock(&t->lock);
}

void trace_count(struct trace *t, struct trace_counts *c)
{
	pthread_mutex_lock(&t->lock);
	*c = (struct trace_counts){
		.exits = atomic_load(&t->exits),
		.events = t->nr_events,
		.events_over = t->events_over,
		.events_lost = t->events_lost,
		.announced = t->area != NULL,
	};
	for (unsigned i = 0; i < t->cpus; i++)
		c->exits_over += t->lane[i].over;
	if (t->kvm)
		trace_kvm_count(t->kvm, &c->kvm, &c->kvm_over);
	pthread_mutex_unlock(&t->lock);
}
