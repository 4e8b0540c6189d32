/* SPDX-License-Identifier: MIT */
/*
 * trace_json.c - a trace in the trace-event format: slices for exits and, nested, for what runs on each of
 * the guest's CPUs, all as complete events, which every viewer reads alike; instants for exceptions; sorted
 * by when they begin.
 *
 * Every slice of the guest gets its end, also when events were lost in between: what is open on a CPU is
 * kept on a stack.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "vmm/loop.h"
#include "vmm/stats.h"
#include "vmm/trace_priv.h"

#define HOST	 1
#define GUEST	 2
#define MAX_OPEN 8

/* A reference to what was kept, in the order of time. */
struct item {
	u64 ns;
	size_t seq;			/* of equals, the one that was kept first */
	const struct kvm_exit_slice *k; /* of a vCPU, or */
	const struct trace_exit *x;	/* of a vCPU, or */
	const struct trace_event *e;
	u32 cpu;
	bool slice; /* of the guest; ends then */
	u64 end;
};

/* The slices that are open on one of the guest's CPUs, the innermost last. */
struct open {
	struct item *slice[MAX_OPEN];
	unsigned nr;
};

struct writer {
	FILE *out;
	const struct trace *t;
	bool more; /* a comma is due */
};

/* By the two moments at which both clocks were read. */
static u64 guest_ns(const struct trace *t, u64 tsc)
{
	double rate = 1;

	if (t->nr_syncs < 1)
		return t->start;
	if (t->nr_syncs == 2 && t->sync[1].tsc > t->sync[0].tsc)
		rate = (double)(t->sync[1].ns - t->sync[0].ns) /
		       (double)(t->sync[1].tsc - t->sync[0].tsc);
	if (tsc < t->sync[0].tsc)
		return t->sync[0].ns;
	rate *= (double)(tsc - t->sync[0].tsc);
	return rate > 1e18 ? UINT64_MAX : t->sync[0].ns + (u64)rate;
}

static int by_time(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	if (x->ns != y->ns)
		return x->ns < y->ns ? -1 : 1;
	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

/* Everything, in order; nr of them, to be freed. NULL without memory. */
static struct item *sorted(const struct trace *t, u64 end, size_t *nr)
{
	u64 last[TRACE_MAX_CPUS] = { 0 };
	size_t n = t->nr_events, at = 0, kvm = 0;
	struct item *items;

	for (unsigned i = 0; i < t->cpus; i++) {
		n += t->lane[i].nr;
		if (t->kvm)
			trace_kvm_exits(t->kvm, i, &kvm);
		n += kvm;
	}
	items = calloc(n + 1, sizeof(*items));
	if (!items)
		return NULL;
	for (unsigned i = 0; t->kvm && i < t->cpus; i++) {
		const struct kvm_exit_slice *x = trace_kvm_exits(t->kvm, i, &kvm);

		for (size_t k = 0; k < kvm; k++, at++)
			items[at] =
				(struct item){ .ns = x[k].start, .seq = at, .k = &x[k], .cpu = i };
	}
	for (unsigned i = 0; i < t->cpus; i++)
		for (size_t k = 0; k < t->lane[i].nr; k++, at++)
			items[at] = (struct item){ .ns = t->lane[i].exit[k].start,
						   .seq = at,
						   .x = &t->lane[i].exit[k],
						   .cpu = i };
	for (size_t k = 0; k < t->nr_events; k++, at++) {
		u32 cpu = t->event[k].cpu;
		u64 ns = MIN(guest_ns(t, t->event[k].e.tsc), end);

		ns = MAX(ns, t->start);
		last[cpu] = MAX(last[cpu], ns);
		items[at] = (struct item){
			.ns = last[cpu], .seq = at, .e = &t->event[k].e, .cpu = cpu
		};
	}
	qsort(items, n, sizeof(*items), by_time);
	*nr = n;
	return items;
}

/* ---- where the guest's slices end --------------------------------------------------------------------- */

static void open_slice(struct open *o, struct item *i)
{
	if (o->nr == MAX_OPEN)
		return; /* ends of others were lost */
	i->slice = true;
	o->slice[o->nr++] = i;
}

static void close_down_to(struct open *o, unsigned nr, u64 ns)
{
	while (o->nr > nr)
		o->slice[--o->nr]->end = ns;
}

/* Closes down to and with the innermost of that type; nothing when there is none. */
static void close_type(struct open *o, u64 ns, u32 type)
{
	unsigned n = o->nr;

	while (n && o->slice[n - 1]->e->type != type)
		n--;
	if (n)
		close_down_to(o, n - 1, ns);
}

static void find_ends(struct item *items, size_t nr)
{
	struct open open[TRACE_MAX_CPUS] = { 0 };

	for (struct item *i = items; i < items + nr; i++) {
		struct open *o = &open[i->cpu];

		switch (i->e ? i->e->type : 0) {
		case TRACE_SWITCH:
			close_down_to(o, 0, i->ns);
			open_slice(o, i);
			break;
		case TRACE_IRQ_ENTRY:
		case TRACE_SOFTIRQ_ENTRY:
			open_slice(o, i);
			break;
		case TRACE_IRQ_EXIT:
			close_type(o, i->ns, TRACE_IRQ_ENTRY);
			break;
		case TRACE_SOFTIRQ_EXIT:
			close_type(o, i->ns, TRACE_SOFTIRQ_ENTRY);
			break;
		default:
			break; /* a guest may write what it likes */
		}
	}
	for (unsigned cpu = 0; nr && cpu < TRACE_MAX_CPUS; cpu++)
		close_down_to(&open[cpu], 0, items[nr - 1].ns);
}

/* ---- one event ------------------------------------------------------------------------------------ */

static void begin_event(struct writer *w, char phase, unsigned pid, u32 cpu, u64 ns)
{
	u64 since = ns - MIN(w->t->start, ns);

	fprintf(w->out, "%s\n{\"ph\":\"%c\",\"pid\":%u,\"tid\":%u,\"ts\":%lu.%03lu",
		w->more ? "," : "", phase, pid, cpu, since / 1000, since % 1000);
	w->more = true;
}

static void put_name(struct writer *w, const char *name)
{
	fputs(",\"name\":", w->out);
	json_put_string(w->out, name);
}

static void put_duration(struct writer *w, u64 start, u64 end)
{
	u64 dur = end - MIN(start, end);

	fprintf(w->out, ",\"dur\":%lu.%03lu", dur / 1000, dur % 1000);
}

static void metadata(struct writer *w, const char *what, unsigned pid, u32 cpu, const char *name)
{
	fprintf(w->out,
		"%s\n{\"ph\":\"M\",\"pid\":%u,\"tid\":%u,\"name\":\"%s\",\"args\":{\"name\":",
		w->more ? "," : "", pid, cpu, what);
	json_put_string(w->out, name);
	fputs("}}", w->out);
	w->more = true;
}

/* What reaches the VMM lies inside, on the same track. */
static void put_kvm_exit(struct writer *w, const struct item *i)
{
	const struct kvm_exit_slice *k = i->k;
	char buf[32];

	begin_event(w, 'X', HOST, i->cpu, i->ns);
	put_name(w, trace_kvm_name(w->t->kvm, k, buf));
	put_duration(w, k->start, k->end);
	fprintf(w->out, ",\"cat\":\"kvm\",\"args\":{\"rip\":\"%#lx\"}}", k->rip);
}

static void put_exit(struct writer *w, const struct item *i)
{
	const struct trace_exit *x = i->x;
	bool mmio = x->reason == KVM_EXIT_MMIO, place = mmio || x->reason == KVM_EXIT_IO;
	char name[64];

	if (place)
		snprintf(name, sizeof(name), "%s %s", x->device ? x->device : "nothing there",
			 x->write ? "write" : "read");
	else
		snprintf(name, sizeof(name), "%s", exit_reason_name(x->reason));
	begin_event(w, 'X', HOST, i->cpu, i->ns);
	put_name(w, name);
	put_duration(w, x->start, x->end);
	fputs(",\"cat\":\"exit\"", w->out);
	if (place)
		fprintf(w->out, ",\"args\":{\"%s\":\"%#lx\",\"size\":%u}",
			mmio ? "address" : "port", x->addr, x->size);
	fputs("}", w->out);
}

/* ---- the guest's ------------------------------------------------------------------------------------ */

/* The guest's words: what is no letter becomes a question mark. */
static const char *guest_text(const struct trace_event *e, char buf[32])
{
	size_t n = 0;

	for (; n < sizeof(e->text) && e->text[n]; n++)
		buf[n] = e->text[n] >= ' ' && e->text[n] <= '~' ? e->text[n] : '?';
	buf[n] = 0;
	return buf;
}

static void put_softirqs(struct writer *w, u32 bits)
{
	static const char *const names[] = { TRACE_SOFTIRQS };
	char name[128] = "softirq";

	for (size_t b = 0; b < ARRAY_SIZE(names); b++)
		if (bits >> b & 1)
			snprintf(name + strlen(name), sizeof(name) - strlen(name), " %s", names[b]);
	put_name(w, name);
	fputs(",\"cat\":\"softirq\"}", w->out);
}

static void put_slice(struct writer *w, const struct item *i)
{
	const struct trace_event *e = i->e;
	char text[32], name[64];

	begin_event(w, 'X', GUEST, i->cpu, i->ns);
	put_duration(w, i->ns, i->end);
	if (e->type == TRACE_SOFTIRQ_ENTRY) {
		put_softirqs(w, e->value);
		return;
	}
	guest_text(e, text);
	if (e->type == TRACE_IRQ_ENTRY)
		snprintf(name, sizeof(name), "irq %s", text);
	else if (*text)
		snprintf(name, sizeof(name), "%s", text);
	else
		snprintf(name, sizeof(name), "pid %u", e->value);
	put_name(w, name);
	if (e->type == TRACE_IRQ_ENTRY)
		fprintf(w->out, ",\"cat\":\"irq\",\"args\":{\"vector\":%u}}", e->value);
	else
		fprintf(w->out, ",\"cat\":\"task\",\"args\":{\"pid\":%u}}", e->value);
}

static void put_exception(struct writer *w, const struct item *i)
{
	char name[32];

	snprintf(name, sizeof(name), i->e->value == 14 ? "page fault" : "exception %u",
		 i->e->value);
	begin_event(w, 'i', GUEST, i->cpu, i->ns);
	put_name(w, name);
	fprintf(w->out,
		",\"s\":\"t\",\"cat\":\"fault\",\"args\":{\"address\":\"%#lx\",\"rip\":\"%#lx\"}}",
		i->e->arg[0], i->e->arg[1]);
}

static void put_names(struct writer *w)
{
	bool named[TRACE_MAX_CPUS] = { false };
	char name[32];

	metadata(w, "process_name", HOST, 0, w->t->kvm ? "host: exits" : "host: exits to the VMM");
	for (unsigned i = 0; i < w->t->cpus; i++) {
		snprintf(name, sizeof(name), "vCPU %u", i);
		metadata(w, "thread_name", HOST, i, name);
	}
	if (!w->t->nr_events)
		return;
	metadata(w, "process_name", GUEST, 0, "guest: its kernel");
	for (size_t k = 0; k < w->t->nr_events; k++) {
		u32 cpu = w->t->event[k].cpu;

		if (named[cpu])
			continue;
		named[cpu] = true;
		snprintf(name, sizeof(name), "CPU %u", cpu);
		metadata(w, "thread_name", GUEST, cpu, name);
	}
}

static void put_all(struct writer *w, const struct item *items, size_t nr)
{
	fputs("{\"traceEvents\":[", w->out);
	put_names(w);
	for (size_t i = 0; i < nr; i++) {
		if (items[i].k)
			put_kvm_exit(w, &items[i]);
		else if (items[i].x)
			put_exit(w, &items[i]);
		else if (items[i].slice)
			put_slice(w, &items[i]);
		else if (items[i].e->type == TRACE_EXCEPTION)
			put_exception(w, &items[i]);
	}
	fputs("\n]}\n", w->out);
}

int trace_write(struct trace *t, const char *path, struct error *e)
{
	struct writer w = { .t = t };
	u64 end = loop_now();
	struct item *items;
	size_t nr;
	bool bad;

	w.out = fopen(path, "we");
	if (!w.out)
		return error_sys(e, -errno, "-o %s", path);
	if (t->kvm)
		trace_kvm_end(t->kvm, end);
	items = sorted(t, end, &nr);
	if (!items) {
		fclose(w.out);
		return error_sys(e, -ENOMEM, "-o %s: sorting %zu events", path, t->nr_events);
	}
	find_ends(items, nr);
	put_all(&w, items, nr);
	free(items);
	bad = ferror(w.out);
	bad |= fclose(w.out) != 0;
	return bad ? error_sys(e, errno ? -errno : -EIO, "-o %s: cannot write", path) : 0;
}
