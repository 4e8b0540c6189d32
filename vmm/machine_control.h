/* SPDX-License-Identifier: MIT */
/*
 * machine_control.h - what may be asked of a running machine, and what it tells.
 *
 * Everything here runs on the machine's event-loop thread (inside machine_run()), unless said
 * otherwise. Run states, causes and their names are QEMU's (qapi/run-state.json), so that its
 * users and libvirt read them without a table.
 */
#ifndef VMM_MACHINE_CONTROL_H
#define VMM_MACHINE_CONTROL_H

#include "base/error.h"
#include "base/types.h"

struct machine;
struct loop;
struct qmp_server;

enum run_state {
	RUN_PRELAUNCH, /* built, held (config.hold); no instruction ran yet */
	RUN_RUNNING,
	RUN_PAUSED,
	RUN_SHUTDOWN, /* the guest powered off, and config.no_shutdown keeps the process */
	RUN_PANICKED, /* the guest crashed, and config.no_shutdown keeps the process */
};

/* "prelaunch", "running", "paused", "shutdown", "guest-panicked". */
const char *run_state_name(enum run_state s);

/* Who or what caused a reset or the end. */
enum machine_cause {
	CAUSE_NONE,
	CAUSE_GUEST_SHUTDOWN, /* ACPI power off, or status 0 at the exit device */
	CAUSE_GUEST_RESET,    /* keyboard controller, 0xcf9, ACPI reset register */
	CAUSE_GUEST_PANIC,    /* triple fault, emulation failure, another status there, ... */
	CAUSE_HOST_SIGNAL,    /* TERM, INT, HUP */
	CAUSE_HOST_QUIT,      /* machine_quit() */
	CAUSE_HOST_RESET,     /* machine_reset() */
	CAUSE_HOST_UI,	      /* the console's quit key, --timeout, a debugger's kill */
};

/* "none", "guest-shutdown", "guest-reset", "guest-panic", "host-signal", "host-qmp-quit",
 * "host-qmp-system-reset", "host-ui". */
const char *machine_cause_name(enum machine_cause c);
bool machine_cause_is_guest(enum machine_cause c);

/* --- what it tells ------------------------------------------------------------------------------ */

enum machine_event {
	MACHINE_STARTED, /* the vCPU threads exist; not a QMP event */
	MACHINE_STOP,
	MACHINE_RESUME,
	MACHINE_RESET_DONE, /* cause says who asked */
	MACHINE_POWERDOWN,  /* the power button was pressed */
	MACHINE_PANICKED,
	MACHINE_BALLOON,  /* the guest has more or less memory now; at most once a second */
	MACHINE_SHUTDOWN, /* the last one, with its cause; may come again after a reset */
};

struct machine_listener {
	void (*notice)(void *arg, enum machine_event event, enum machine_cause cause);
	void *arg;
	struct machine_listener *next; /* the machine's */
};

/* The listener is borrowed until machine_unlisten() or machine_destroy(). Also before the run. */
void machine_listen(struct machine *m, struct machine_listener *l);
void machine_unlisten(struct machine *m, struct machine_listener *l);

enum run_state machine_state(const struct machine *m);

/* --- what may be asked -------------------------------------------------------------------------- */

/* Holds every vCPU; they stand still on return. Nothing to do is no error. */
void machine_pause(struct machine *m);

/*
 * Lets them go. -EPERM with e filled when the guest has shut down or panicked (reset it first).
 */
int machine_resume(struct machine *m, struct error *e);

/*
 * Power-on again: memory cleared, devices, interrupt controllers and vCPUs reset, the images loaded
 * anew. A running machine runs on from the first instruction; a paused one stays paused; one
 * that had shut down or panicked becomes paused. 0, or -errno with e filled: then it is paused.
 * config.no_reboot: ends the machine instead.
 */
int machine_reset(struct machine *m, struct error *e);

/* Presses the ACPI power button; what the guest does about it is the guest's affair. */
void machine_power_button(struct machine *m);

/* Ends machine_run(); status is the process's (EXIT_GUEST_OFF for an orderly quit). */
void machine_quit(struct machine *m, enum machine_cause cause, int status);

/* An NMI for every vCPU. 0 or -errno with e filled. */
int machine_inject_nmi(struct machine *m, struct error *e);

/* --- what may be seen ---------------------------------------------------------------------------- */

/* The name it is known by: config.name, or that with a number when it was taken. */
const char *machine_name(const struct machine *m);

struct machine_config;
const struct machine_config *machine_config_of(const struct machine *m);
struct loop *machine_loop(struct machine *m);
unsigned machine_cpus(const struct machine *m);

/* The vCPU's host thread id; 0 before it started. */
int machine_cpu_tid(const struct machine *m, unsigned cpu);

/* Registers of a vCPU, for people; it stands still for the moment. "" when there is no such CPU. */
void machine_cpu_registers(struct machine *m, unsigned cpu, char *buf, size_t size);

/* KVM's statistics of a vCPU, or of the VM (cpu < 0). 0, or -ENOTSUP when this KVM has none. */
struct kvm_stats_desc;
int machine_kvm_stats(struct machine *m, int cpu,
		      void (*fn)(void *arg, const struct kvm_stats_desc *d, u64 value), void *arg);

/* What it has cost so far; counts by KVM exit reason are summed over the vCPUs. */
struct machine_usage {
	u64 wall_ns, cpu_user_ns, cpu_sys_ns;
	u64 rss; /* bytes of this process */
	u64 serial_bytes;
	u64 exits[48]; /* by STATS_MAX_REASON of stats.h */
};
void machine_usage(struct machine *m, struct machine_usage *u);

/* The host end of a serial port, behind those of a virtio console's port: NULL when the machine has none; "pty:/dev/pts/3", "stdio", ... */
const char *machine_serial_filename(const struct machine *m, unsigned port, char buf[96]);

/* The control server, for more commands and sockets; NULL when config.control asks for none. */
struct qmp_server *machine_qmp(struct machine *m);

/* --- block devices --------------------------------------------------------------------------------- */

/* One disk as query-block and query-blockstats show it. Strings live until the next call. */
struct machine_disk {
	const char *id;	    /* the device's name; also its place in /machine/peripheral/ */
	const char *node;   /* block node name, or NULL */
	const char *path;   /* host file */
	const char *format; /* "raw", ... */
	bool read_only;
	u64 size; /* bytes */
	u64 rd_bytes, wr_bytes, rd_ops, wr_ops, flush_ops, rd_ns, wr_ns, flush_ns;
};

/* Whoever owns the disks sets this once: fills out[0..max) and returns how many there are. */
typedef size_t (*machine_disks_fn)(void *arg, struct machine_disk *out, size_t max);
void machine_set_disks(struct machine *m, machine_disks_fn fn, void *arg);
size_t machine_disks(const struct machine *m, struct machine_disk *out, size_t max);

/* Of the balloon device; both are the guest's memory as it sees it, and bounded by what it has. */
struct machine_balloon {
	void *arg;
	u64 (*actual)(void *arg);	      /* bytes that the guest has now */
	void (*target)(void *arg, u64 bytes); /* what it is asked to shrink or grow to */
};
/* NULL: this machine has none (error class DeviceNotActive). */
const struct machine_balloon *machine_balloon(const struct machine *m);

#endif
