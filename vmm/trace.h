/* SPDX-License-Identifier: MIT */
/*
 * trace.h - one timeline of a run: exits of each vCPU to the VMM, where the host tells also those that KVM
 * handles, and what the guest's kernel says that it does, through rings in its memory (devices/abi/trace.h).
 *
 * Rule T1: the area is checked once, when it is announced; ring addresses, sizes and counts are kept here
 * and never read again. What a guest writes into its rings can garble its own timeline and nothing else: an
 * event is copied, then looked at; times are forced to be in order and within the run.
 * Rule T2: no taking of events does more than one round of each ring, and no more than `limit` events of
 * either side are kept.
 */
#ifndef VMM_TRACE_H
#define VMM_TRACE_H

#include <linux/kvm.h>

#include "base/error.h"
#include "base/types.h"
#include "devices/abi/trace.h"
#include "mm/guest_mem.h"

#define TRACE_LIMIT 1000000

struct trace;

/* NULL without memory. limit 0: TRACE_LIMIT. */
struct trace *trace_create(unsigned cpus, u64 limit);
void trace_destroy(struct trace *t); /* NULL is fine */

/* Also what KVM handles by itself, where the host tells: trace_kvm.h. Before the run. 0 or -errno with e filled. */
int trace_use_kvm(struct trace *t, struct error *e);

/* The calling thread is that vCPU. */
void trace_vcpu(struct trace *t, unsigned cpu);

/* An exit from `start` to `end` (CLOCK_MONOTONIC). device may be NULL; it is kept. Of a vCPU's own thread. */
struct trace_exit {
	u64 start, end;
	u64 addr; /* io, mmio */
	const char *device;
	u32 reason; /* KVM_EXIT_* */
	u8 size;
	bool write;
};
void trace_exit(struct trace *t, unsigned cpu, const struct trace_exit *x);

/*
 * A guest says where its area is; anything that is wrong with it is said once on stderr, and there are no
 * guest events then. Again after a reset. Any thread.
 */
void trace_announce(struct trace *t, const struct guest_mem *gm, gpa_t area);

/* The guest's TSC was that at this moment. The first and the last pair count. Any thread. */
void trace_sync(struct trace *t, u64 tsc, u64 ns);

/* Takes what is in the rings. Any thread. */
void trace_take(struct trace *t);

struct trace_counts {
	u64 exits, events;	     /* kept */
	u64 exits_over, events_over; /* beyond the limit */
	u64 kvm, kvm_over;	     /* all exits, if KVM's are told; beyond the limit or lost */
	u64 events_lost;	     /* the guest found its ring full, or broke it */
	bool announced;
};
void trace_count(struct trace *t, struct trace_counts *c);

/* As trace-event JSON (chrome://tracing, ui.perfetto.dev). After the run. 0 or -errno with e filled. */
int trace_write(struct trace *t, const char *path, struct error *e);

#endif
