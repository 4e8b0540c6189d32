/* SPDX-License-Identifier: MIT */
/*
 * probe.h - what this host's KVM does with each kind of guest debugging, found by trying it once in
 * a scratch guest of a few bytes (about a millisecond; only when a debugger is asked for).
 */
#ifndef VMM_GDB_PROBE_H
#define VMM_GDB_PROBE_H

#include "base/error.h"
#include "base/types.h"

/* What an int3 does that the debugger has put into guest memory. */
enum gdb_int3 {
	GDB_INT3_REPORTED,     /* KVM_EXIT_DEBUG, as documented */
	GDB_INT3_NOT_EMULATED, /* KVM_EXIT_INTERNAL_ERROR with rip at the int3: as good */
	GDB_INT3_TO_GUEST,     /* the guest gets the exception: useless */
};

struct gdb_support {
	enum gdb_int3 int3;
	bool execute;	/* debug registers stop at an instruction ... */
	bool data;	/* ... and at a store */
	bool block_irq; /* a step can keep interrupts out (KVM_GUESTDBG_BLOCKIRQ) */
};

/* 0, or -errno with e filled. */
int gdb_probe(int kvm, u32 run_size, struct gdb_support *out, struct error *e);

#endif
