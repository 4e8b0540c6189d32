/* SPDX-License-Identifier: MIT */
/* trace_priv.h - the inside of a trace; for the trace*.c files only. */
#ifndef VMM_TRACE_PRIV_H
#define VMM_TRACE_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include "vmm/trace.h"
#include "vmm/trace_kvm.h"

/* One vCPU's exits; its thread's own until the run is over. */
struct trace_lane {
	struct trace_exit *exit;
	size_t nr, room;
	u64 over;
};

struct trace_guest_event {
	struct trace_event e; /* a copy */
	u32 cpu;
};

struct trace {
	unsigned cpus;
	u64 limit;
	u64 start; /* ns; all that is shown is later */
	struct trace_lane *lane;
	_Atomic u64 exits;     /* of all lanes */
	struct trace_kvm *kvm; /* NULL: only what leaves KVM */

	pthread_mutex_t lock; /* what follows */
	bool complained;
	struct trace_area *area; /* guest memory: head, lost and tail of each CPU only */
	const struct trace_event *ring[TRACE_MAX_CPUS];
	u64 tail[TRACE_MAX_CPUS], lost_seen[TRACE_MAX_CPUS];
	u32 nr_cpus, slots; /* as announced and checked */
	struct trace_guest_event *event;
	size_t nr_events, room;
	u64 events_over, events_lost;
	struct {
		u64 tsc, ns;
	} sync[2]; /* the first pair, the last */
	unsigned nr_syncs;
};

/* The array with room for one more of size bytes; NULL without memory, and it is as it was. */
void *trace_room(void *array, size_t nr, size_t *room, size_t size);

#endif
