/* SPDX-License-Identifier: MIT */
/* x86_priv.h - the inside of the target; for x86.c, memory.c and monitor.c only. */
#ifndef VMM_GDB_X86_PRIV_H
#define VMM_GDB_X86_PRIV_H

#include "vmm/gdb/points.h"
#include "vmm/gdb/registers.h"
#include "vmm/gdb/x86.h"

struct gdb_cpu {
	struct vcpu *v;
	struct gdb_regs regs;

	/* The vCPU's thread while it runs, the loop while it stands still. */
	struct gdb_action action;
	bool stepping;		  /* KVM reports every instruction */
	u32 steps;		  /* since interrupts were last let in */
	struct access_list ahead; /* of the next instruction, while something wants to know */
	enum { NO_EVENT, STOP_EVENT, CRASH_EVENT } event;
	struct gdb_stop stop;
	enum vcpu_end why; /* CRASH_EVENT */
	bool told;	   /* CRASH_EVENT: the debugger knows */
};

struct gdb_x86 {
	struct gdb_machine m;
	struct points points;
	struct loop_timer *bell; /* rung by vCPUs */
	void (*on_stop)(void *arg, const struct gdb_stop *stop);
	void *on_stop_arg;
	bool attached; /* a debugger holds the machine; written while all CPUs stand still */
	bool running;
	atomic_bool rung; /* an event has not been looked at */
	bool ran;	  /* the guest has executed something, or was meant to */
	unsigned last;	  /* the CPU that was reported last */
	char features[GDB_FEATURES_MAX];
	struct gdb_cpu cpu[]; /* m.nr_vcpus */
};

/* memory.c */
size_t gdb_x86_mem_read(void *arg, unsigned cpu, u64 addr, u8 *buf, size_t n);
int gdb_x86_mem_write(void *arg, unsigned cpu, u64 addr, const u8 *buf, size_t n);

/* monitor.c */
bool gdb_x86_monitor(void *arg, unsigned cpu, const char *line, struct gdb_text *out);
const char *gdb_x86_cpu_state(void *arg, unsigned cpu);

#endif
