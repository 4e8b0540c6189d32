/* SPDX-License-Identifier: MIT */
/* machine_priv.h - the inside of a machine; for the machine_*.c files only. */
#ifndef VMM_MACHINE_PRIV_H
#define VMM_MACHINE_PRIV_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "devices/chardev.h"
#include "devices/device.h"
#include "vmm/boot/boot.h"
#include "vmm/bus.h"
#include "vmm/console.h"
#include "vmm/console_hub.h"
#include "vmm/irqchip.h"
#include "vmm/loop.h"
#include "vmm/machine.h"
#include "vmm/machine_control.h"
#include "vmm/qmp/registry.h"
#include "vmm/quirks.h"
#include "vmm/serial.h"
#include "vmm/vcpu.h"

#define MACHINE_MAX_DEVICES 32

/* Serial ports, then the ports of the virtio console. */
#define MACHINE_LINES (CONFIG_MAX_SERIALS + CONFIG_MAX_CONSOLES)

struct net_backend;

struct machine {
	const struct machine_config *cfg;
	struct kvm_quirks quirks;
	int kvm, vm;
	u32 run_size;
	u32 tsc_khz, lapic_khz;
	struct kvm_cpuid2 *cpuid;
	struct guest_mem *mem;
	struct irqchip irqchip;
	struct bus pio, mmio;
	struct loop *loop;
	struct dev_env env;

	struct device *device[MACHINE_MAX_DEVICES];
	size_t nr_devices;
	struct device *com[CONFIG_MAX_SERIALS]; /* NULL: no such port */
	struct serial_backend serial[MACHINE_LINES];
	struct chardev *chardev[MACHINE_LINES];
	struct device *vconsole, *balloon; /* NULL: none */
	unsigned nr_virtio;
	struct console console;
	struct device *acpi_pm;

	struct vcpu *vcpu;
	unsigned nr_vcpus; /* initialised ones */
	struct boot_file kernel, initrd;
	struct boot_state boot;
	gpa_t rsdp;
	void *fdt;
	size_t fdt_size;

	struct gdb_server *gdb; /* NULL: nobody debugs this machine */
	struct machine_listener gdb_listener;
	struct loop_timer *timeout;
	atomic_int ended;	      /* enum machine_end; the first writer wins */
	enum machine_cause end_cause; /* the same writer's */

	enum run_state state; /* loop thread */
	atomic_uint pending;  /* PENDING_* */
	struct loop_timer *pending_timer;
	struct machine_listener *listeners; /* loop thread */
	struct qmp_server *qmp;		    /* NULL: no control plane */
	struct registry_claim claim;
	struct console_hub *hub[CONFIG_MAX_SERIALS]; /* NULL: nobody can watch */
	int *stats_fd; /* of the VM and of each vCPU; NULL until somebody asked */
	struct device *disk[CONFIG_MAX_DISKS]; /* NULL: no more */
	char *disk_path[CONFIG_MAX_DISKS];
	char disk_name[CONFIG_MAX_DISKS][8];
	machine_disks_fn disks;
	void *disks_arg;
	struct machine_balloon balloon_ops; /* no device: all NULL */
	atomic_int moment;		    /* enum machine_moment: the last one */
	struct loop_timer *balloon_timer;   /* tells about a change */
	_Atomic u64 balloon_told;	    /* when it last did, loop_now() */
	struct loop_timer *trace_timer;
	atomic_int crashes;
	atomic_int guest_status; /* the exit device's last */
	struct vcpu *crashed;
	enum vcpu_end crash_why;
	u64 start_ns, start_user_ns, start_sys_ns;
	struct machine_result result;
};

/* What a guest asked for and the loop has to carry out. */
#define PENDING_RESET 1u
#define PENDING_OFF   2u
#define PENDING_CRASH 4u

/* machine.c: device tree, ACPI tables and images into fresh memory. */
int machine_load_images(struct machine *m, struct error *e);

/* machine_control.c; loop thread but for the first three. */
void machine_end_because(struct machine *m, enum machine_end why, int status,
			 enum machine_cause cause);
void machine_guest_request(struct machine *m, enum machine_request what, int status);
void machine_vcpu_ended(void *arg, struct vcpu *v, enum vcpu_end why);
int machine_control_init(struct machine *m); /* 0 or -ENOMEM */
void machine_tell(struct machine *m, enum machine_event event, enum machine_cause cause);
void machine_tell_end(struct machine *m); /* after the loop has ended */
void machine_do_pending(struct machine *m);
void machine_hold(struct machine *m);  /* all vCPUs stand still on return */
void machine_go_on(struct machine *m); /* if it is running and nothing is pending */

struct machine_signals {
	struct machine *m;
	sigset_t old;
	struct sigaction old_xfsz;
	int fd;
};
void machine_signals_take(struct machine_signals *s, struct machine *m);
void machine_signals_release(struct machine_signals *s);

/* machine_reset.c: 0, or -errno with e filled and the machine paused. */
int machine_power_on(struct machine *m, enum machine_cause cause, struct error *e);

/* machine_qmp.c: the sockets that cfg->control asks for; nothing without. */
int machine_add_control(struct machine *m, struct error *e);
void machine_remove_control(struct machine *m);
bool machine_has_control(const struct machine *m);
/* Lets a serial port be watched; before the port is made. */
void machine_add_hub(struct machine *m, unsigned port, struct chardev_config *cfg);
void machine_remove_hubs(struct machine *m);

/* machine_devices.c: creates every device of the mode's table and puts it on the buses. */
int machine_add_devices(struct machine *m, struct error *e);
void machine_remove_devices(struct machine *m);
int machine_attach_device(struct machine *m, struct device *d, struct error *e);
/* The chardev of line `index`, on its backend; NULL: out of memory. */
struct chardev *machine_add_chardev(struct machine *m, int index);
void machine_init_env(struct machine *m);

/* machine_ata.c: the first disk, in full mode. */
int machine_add_ata(struct machine *m, struct error *e);

/* machine_net.c: what network `index` is plugged into, and the card's address; NULL with e filled. */
struct net_backend *machine_net_backend(struct machine *m, unsigned index, u8 mac[6],
					struct error *e);
/* The first network, in full mode. */
int machine_add_ne2000(struct machine *m, struct error *e);

/* machine_virtio.c */
int machine_add_virtio(struct machine *m, struct error *e);
void machine_virtio_stats(struct machine *m, struct machine_stats *ms);
void machine_terminal_resized(struct machine *m);

/* machine_balloon.c: lets the control plane see and set what the balloon does. 0 or -ENOMEM. */
int machine_watch_balloon(struct machine *m);
/* After the vCPUs have stopped: what the driver queued last goes out as well. */
void machine_finish_consoles(struct machine *m, int timeout_ms);

/* machine_gdb.c: listens where cfg->gdb says; nothing without it. */
int machine_add_gdb(struct machine *m, struct error *e);
bool machine_debug(void *arg, struct vcpu *v, enum vcpu_end why); /* struct vcpu_ops.debug */

/* machine_stats.c */
void machine_stats_start(struct machine *m);
void machine_stats_collect(struct machine *m);
void machine_stats_close(struct machine *m);
void machine_stats_open(struct machine *m); /* KVM's, to be read while vCPUs run; before they do */
/* What is counted so far; ms is zeroed and gets tables to be freed. Any thread. */
void machine_stats_take(struct machine *m, struct machine_stats *ms);

/* machine_trace.c; without cfg->trace they do nothing */
struct device *machine_add_trace_port(struct machine *m, bool *skip);
int machine_trace_start(struct machine *m); /* 0 or -ENOMEM; before the vCPUs run */
void machine_trace_end(struct machine *m);  /* after they have stopped */

/* machine_moments.c */
struct device *machine_add_post(struct machine *m, bool *skip);
void machine_moments_start(struct machine *m);
void machine_moments_free(struct machine *m);

#endif
