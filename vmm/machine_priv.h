/* SPDX-License-Identifier: MIT */
/* machine_priv.h - the inside of a machine; for the machine_*.c files only. */
#ifndef VMM_MACHINE_PRIV_H
#define VMM_MACHINE_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include "devices/chardev.h"
#include "devices/device.h"
#include "vmm/boot/boot.h"
#include "vmm/bus.h"
#include "vmm/console.h"
#include "vmm/irqchip.h"
#include "vmm/loop.h"
#include "vmm/machine.h"
#include "vmm/quirks.h"
#include "vmm/serial.h"
#include "vmm/vcpu.h"

#define MACHINE_MAX_DEVICES 32

/* Serial ports, then the ports of the virtio console. */
#define MACHINE_LINES (CONFIG_MAX_SERIALS + CONFIG_MAX_CONSOLES)

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
	struct device *vconsole; /* NULL: none */
	unsigned nr_virtio;
	struct console console;

	struct vcpu *vcpu;
	unsigned nr_vcpus; /* initialised ones */
	struct boot_file kernel, initrd;
	struct boot_state boot;
	gpa_t rsdp;
	void *fdt;
	size_t fdt_size;

	struct gdb_server *gdb; /* NULL: nobody debugs this machine */
	struct loop_timer *timeout;
	atomic_int ended; /* enum machine_end; the first writer wins */
	atomic_int crashes;
	struct vcpu *crashed;
	enum vcpu_end crash_why;
	u64 start_ns, start_user_ns, start_sys_ns;
	struct machine_result result;
};

/* machine_devices.c: creates every device of the mode's table and puts it on the buses. */
int machine_add_devices(struct machine *m, struct error *e);
void machine_remove_devices(struct machine *m);
int machine_attach_device(struct machine *m, struct device *d, struct error *e);
/* The chardev of line `index`, on its backend; NULL: out of memory. */
struct chardev *machine_add_chardev(struct machine *m, int index);
void machine_init_env(struct machine *m);

/* machine_ata.c: the first disk, in full mode. */
int machine_add_ata(struct machine *m, struct error *e);

/* machine_virtio.c */
int machine_add_virtio(struct machine *m, struct error *e);
void machine_terminal_resized(struct machine *m);
/* After the vCPUs have stopped: what the driver queued last goes out as well. */
void machine_finish_consoles(struct machine *m, int timeout_ms);

/* machine_gdb.c: listens where cfg->gdb says; nothing without it. */
int machine_add_gdb(struct machine *m, struct error *e);
bool machine_debug(void *arg, struct vcpu *v, enum vcpu_end why); /* struct vcpu_ops.debug */
void machine_vcpu_ended(void *arg, struct vcpu *v, enum vcpu_end why);

/* machine_stats.c */
void machine_stats_start(struct machine *m);
void machine_stats_collect(struct machine *m);

#endif
