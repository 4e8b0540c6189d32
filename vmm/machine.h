/* SPDX-License-Identifier: MIT */
/*
 * machine.h - a machine = guest memory + vCPUs + devices + a boot image, from one machine_config.
 *
 * machine_create() builds it, machine_run() starts the vCPUs and runs the event loop on the calling
 * thread until the guest or the user ends it, machine_destroy() frees it. Several machines may
 * live in one process, one after the other or on different threads.
 */
#ifndef VMM_MACHINE_H
#define VMM_MACHINE_H

#include "devices/abi/pc.h"
#include "vmm/config.h"
#include "vmm/stats.h"

struct machine;

/* Process exit statuses, the same for every front end. 1..99 are the guest's own. */
enum exit_status {
	EXIT_GUEST_OFF = 0,
	EXIT_GUEST_MAX = 99,
	EXIT_TIMEOUT = 124,
	EXIT_NO_START = 125,
	EXIT_GUEST_CRASHED = 126,
	EXIT_BAD_USAGE = 2,
};

enum machine_end {
	MACHINE_END_NONE,
	MACHINE_END_POWER_OFF, /* ACPI S5 */
	MACHINE_END_RESET, /* the guest asked for a reset: the machine ends, as with -no-reboot */
	MACHINE_END_GUEST_EXIT, /* the exit device */
	MACHINE_END_CRASH,	/* triple fault, emulation failure, ...; report says more */
	MACHINE_END_TIMEOUT,
	MACHINE_END_USER, /* a signal, or the console's quit key */
};

struct kvm_counter {
	char name[48];
	u64 value;
};

/* What a virtio device did that costs no exit to the VMM. */
struct virtio_counter {
	const char *device;
	u64 doorbells; /* times its thread was woken for them; several may be one */
	u64 interrupts;
};

/* Filled after the run. */
struct machine_stats {
	const char *name;
	const char *virt;
	const char *backing;
	u64 mem_size;
	unsigned cpus;
	bool interpreted; /* KVM executes the guest's kernel instruction by instruction (quirks.h) */
	u64 wall_ns, cpu_user_ns, cpu_sys_ns;
	struct exit_stats exits; /* all vCPUs; freed by machine_destroy() */
	u64 serial_bytes, serial_writes;
	struct virtio_counter virtio[PC_VIRTIO_SLOTS];
	unsigned nr_virtio;
	u64 balloon_inflated, balloon_reported; /* bytes that went back to the host */
	struct kvm_counter *kvm; /* KVM's binary statistics, VM and vCPUs summed; sorted by name */
	size_t nr_kvm;
};

/* What bounds a measured piece of a run (machine_config.moments). */
enum machine_moment {
	MOMENT_START, /* before the first guest instruction */
	MOMENT_BEGIN, /* the guest says so, and ... */
	MOMENT_END,   /* ... again; by the POST port */
	MACHINE_MOMENTS,
};

struct machine_result {
	enum machine_end end;
	int status;	   /* what the process should exit with */
	char report[4096]; /* crash or timeout report; "" when there is none */
	struct machine_stats stats;
	struct machine_stats *moment[MACHINE_MOMENTS]; /* NULL: did not come; the machine's */
};

/*
 * Builds everything up to the first guest instruction. 0, or -errno with e filled with one line.
 * cfg is borrowed for the machine's lifetime.
 */
int machine_create(const struct machine_config *cfg, struct machine **out, struct error *e);

/* Runs it once. The result lives in the machine. Signals TERM, INT and HUP end the run. */
const struct machine_result *machine_run(struct machine *m);

void machine_destroy(struct machine *m); /* NULL is fine */

/* Ends the run with the given reason and status; the first caller wins. Any thread. */
void machine_end(struct machine *m, enum machine_end why, int status);

/* --dry-run: prints the resolved machine (memory map, CPUs, devices, boot protocol, CPUID). */
void machine_describe(const struct machine *m, FILE *out);

#endif
