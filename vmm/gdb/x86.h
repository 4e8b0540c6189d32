/* SPDX-License-Identifier: MIT */
/*
 * x86.h - a KVM machine as a debugger's target: stops and resumes its vCPUs, reads and writes their
 * registers and their memory, keeps break- and watchpoints.
 *
 * The loop's thread owns everything here; a vCPU's thread comes in through gdb_x86_exit() only, when
 * KVM has stopped it for a reason that is no device's. A vCPU that is told to stop pauses itself and
 * rings; the loop then pauses the others.
 */
#ifndef VMM_GDB_X86_H
#define VMM_GDB_X86_H

#include "base/error.h"
#include "mm/guest_mem.h"
#include "vmm/gdb/target.h"
#include "vmm/loop.h"
#include "vmm/vcpu.h"

/* What the machine hands over; borrowed. */
struct gdb_machine {
	int kvm;
	u32 run_size;
	struct vcpu *vcpu;
	unsigned nr_vcpus;
	struct guest_mem *mem;
	struct loop *loop;
	const struct kvm_cpuid2 *cpuid; /* what the guest sees */
	bool paused;			/* starts with its CPUs standing still */
	void *arg;
	/* The debugger ends it; or resets it: 0, or -errno with e filled. */
	void (*kill)(void *arg);
	int (*reset)(void *arg, struct error *e);
	/* A vCPU that could not go on, and was held for the debugger, is let go. */
	void (*crashed)(void *arg, struct vcpu *v, enum vcpu_end why);
};

struct gdb_x86;

extern const struct gdb_target_ops gdb_x86_ops;

/* on_stop is called on the loop's thread when a running machine has stopped. */
int gdb_x86_create(const struct gdb_machine *m,
		   void (*on_stop)(void *arg, const struct gdb_stop *stop), void *arg,
		   struct gdb_x86 **out, struct error *e);
void gdb_x86_destroy(struct gdb_x86 *t); /* after the vCPUs have ended; NULL is fine */

/* The machine is as at power-on, whoever wanted it: breakpoints stay. Loop thread, all vCPUs still. */
void gdb_x86_was_reset(struct gdb_x86 *t);

/*
 * vCPU thread: KVM gave up the vCPU, for the reason in its kvm_run; why is what it means for a
 * machine without a debugger. True: taken care of, run on (the vCPU may have been asked to pause).
 */
bool gdb_x86_exit(struct gdb_x86 *t, struct vcpu *v, enum vcpu_end why);

#endif
