/* SPDX-License-Identifier: MIT */
/*
 * trace_kvm.h - every exit of a vCPU, also those that KVM handles by itself: its tracepoints kvm_exit and
 * kvm_entry, taken by perf_event_open(2). The names of the reasons are the host kernel's own, from the
 * tracepoint's format (Linux, Documentation/trace/events.rst, 2.3).
 *
 * Needs tracefs and the right to use it (root), and a KVM that has these tracepoints.
 */
#ifndef VMM_TRACE_KVM_H
#define VMM_TRACE_KVM_H

#include "base/error.h"
#include "base/types.h"

struct kvm_exit_slice {
	u64 start, end; /* CLOCK_MONOTONIC, from the exit to the next entry */
	u64 rip;
	u32 reason; /* of the hardware */
	u32 isa;    /* 1: VMX, 2: SVM */
};

struct trace_kvm;

/* At most `limit` exits are kept. 0, or -errno with what is missing in e. */
int trace_kvm_create(unsigned cpus, u64 limit, struct trace_kvm **out, struct error *e);
void trace_kvm_destroy(struct trace_kvm *k); /* NULL is fine */

/* From here on the calling thread is that vCPU. */
void trace_kvm_begin(struct trace_kvm *k, unsigned cpu);

/* Takes what the kernel has written. One thread at a time. */
void trace_kvm_take(struct trace_kvm *k);

/* The run is over: an exit that was not followed by an entry ends now. */
void trace_kvm_end(struct trace_kvm *k, u64 now);

/* What was kept of one vCPU, in order; valid until the next take. */
const struct kvm_exit_slice *trace_kvm_exits(const struct trace_kvm *k, unsigned cpu, size_t *nr);

/* left: beyond the limit, or lost because nobody took them in time. */
void trace_kvm_count(const struct trace_kvm *k, u64 *kept, u64 *left);

/* The host kernel's word for a reason, or its number; buf may be used. */
const char *trace_kvm_name(const struct trace_kvm *k, const struct kvm_exit_slice *x, char buf[32]);

#endif
