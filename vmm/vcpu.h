/* SPDX-License-Identifier: MIT */
/*
 * vcpu.h - one virtual CPU: a thread, its run loop and the dispatch of its exits.
 *
 * The run loop knows no device by name: port and MMIO exits go to the buses, everything that ends
 * or pauses the machine goes up through struct vcpu_ops.
 */
#ifndef VMM_VCPU_H
#define VMM_VCPU_H

#include <linux/kvm.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/error.h"
#include "base/types.h"
#include "vmm/boot/boot.h"
#include "vmm/bus.h"
#include "vmm/stats.h"

struct vcpu;

/* Why a vCPU cannot go on. */
enum vcpu_end {
	VCPU_END_SHUTDOWN,	 /* triple fault */
	VCPU_END_INTERNAL_ERROR, /* KVM could not go on; run->internal tells */
	VCPU_END_ENTRY_FAILED,	 /* the hardware refused the guest state */
	VCPU_END_RUN_FAILED,	 /* KVM_RUN itself failed; run_errno tells */
	VCPU_END_RESET,		 /* KVM_SYSTEM_EVENT_RESET and kin */
	VCPU_END_UNKNOWN_EXIT,	 /* an exit reason this VMM never asked for */
};

/* Calls up to the machine; all run on the vCPU's thread. */
struct vcpu_ops {
	/* The vCPU stopped for good; its registers are readable. */
	void (*ended)(void *arg, struct vcpu *v, enum vcpu_end why);
	/* Split irqchip: the guest signalled end of interrupt for a level-triggered vector. */
	void (*ioapic_eoi)(void *arg, u8 vector);
	/*
	 * Before ended(): a debugger may take over the exit in v->run (its own breakpoints among them);
	 * why is what it means otherwise. True: run on, after a pause if one has been asked for.
	 */
	bool (*debug)(void *arg, struct vcpu *v, enum vcpu_end why);
};

struct vcpu {
	/* Hot: what every exit touches comes first, in two cache lines. */
	_Alignas(64) struct kvm_run *run;
	int fd;
	atomic_uint request; /* VCPU_REQ_*; set by others, acted on outside the guest */
	struct bus_hint pio_hint, mmio_hint;
	struct exit_stats stats;

	const struct bus *pio, *mmio;
	struct trace *trace; /* where exits are told, if stats.traced */
	unsigned id;
	const struct vcpu_ops *ops;
	void *ops_arg;
	u32 run_size;
	int run_errno;
	bool started;
	pthread_t thread;
	pthread_mutex_t lock; /* guards paused and the waits on cond */
	pthread_cond_t cond;
	bool paused, gone;
	atomic_int tid; /* of its thread; 0 before it runs */
};

#define VCPU_REQ_STOP  1u
#define VCPU_REQ_PAUSE 2u /* the debugger's */
#define VCPU_REQ_HOLD  4u /* the control plane's; a vCPU runs while neither is set */

/* Creates the vCPU in vm with the given id; cpuid is what it shows the guest. 0 or -errno. */
int vcpu_init(struct vcpu *v, int vm, u32 run_size, unsigned id, bool detailed_stats,
	      struct error *e);
void vcpu_destroy(struct vcpu *v);

/* Puts the boot state into the registers (vCPU 0; the others wait for INIT and SIPI). */
int vcpu_set_boot_state(struct vcpu *v, const struct boot_state *st, struct error *e);

/* Starts the thread. 0 or -errno with e filled. */
int vcpu_start(struct vcpu *v, struct error *e);

/* After a reset: starts the thread again if it has ended, held. 0 or -errno with e filled. */
int vcpu_restart(struct vcpu *v, struct error *e);

/* Asks the thread to leave the guest and end; returns at once. Any thread. */
void vcpu_request_stop(struct vcpu *v);
void vcpu_join(struct vcpu *v);

/*
 * Pause leaves the guest and waits until the thread stands still, with the access that the guest was
 * at completed, so that its registers are consistent; resume lets it go on. request_pause does not
 * wait, and may come from the vCPU's own thread.
 */
void vcpu_request_pause(struct vcpu *v);
void vcpu_pause(struct vcpu *v);
void vcpu_resume(struct vcpu *v);

/*
 * The same for the control plane, whose holds and a debugger's pauses know nothing of each other:
 * request_hold does not wait; wait_still waits until the thread stands still (or has ended).
 */
void vcpu_request_hold(struct vcpu *v);
void vcpu_wait_still(struct vcpu *v);
void vcpu_release(struct vcpu *v);

/* Once per process, before the first vcpu_start(): the signal that interrupts KVM_RUN. */
int vcpu_setup_signal(void);

#endif
