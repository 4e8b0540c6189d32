/* SPDX-License-Identifier: MIT */
/*
 * config.h - struct machine_config: everything that decides what a machine is.
 *
 * The one description that the command line, tests and other front ends fill; a machine is built
 * from it and nothing else. All strings are borrowed and outlive the machine.
 */
#ifndef VMM_CONFIG_H
#define VMM_CONFIG_H

#include <stdio.h>

#include "base/error.h"
#include "base/types.h"
#include "mm/guest_mem.h"
#include "vmm/cpu_features.h"

/* Which side of the contrast the guest sees. */
enum virt_mode {
	VIRT_PARA, /* KVM's paravirtual features, split irqchip, no legacy PIC/PIT */
	VIRT_FULL, /* PC hardware only, no trace of a hypervisor, full in-kernel irqchip */
};

enum irqchip_mode {
	IRQCHIP_AUTO, /* by virt: para -> split, full -> kernel */
	IRQCHIP_SPLIT,
	IRQCHIP_KERNEL,
};

enum stats_mode { STATS_OFF, STATS_TABLE, STATS_JSON };

#define CONFIG_MAX_SERIALS    4
#define CONFIG_MAX_CPUS	      255 /* xAPIC ids 0..254 */
#define CONFIG_MAX_CPU_WISHES 64

#define CONFIG_MAX_QMP	      4

/* How the outside reaches the running machine; all zero: not at all. */
struct control_config {
	/*
	 * A directory of its own, NAME, below the user's runtime directory, with the socket that the
	 * verbs use; removed at the end. A name that a live guest has is refused.
	 */
	bool registered;
	bool required; /* otherwise, and with any_name, the guest runs without when it cannot be had */
	bool any_name; /* the name was not chosen: a number is added when it is taken */
	const char *qmp[CONFIG_MAX_QMP]; /* more sockets: unix:PATH, or fd:N inherited */
};
/* Paravirtual devices; together at most PC_VIRTIO_SLOTS, all consoles being one. */
#define CONFIG_MAX_CONSOLES 4
#define CONFIG_MAX_DISKS    4
#define CONFIG_MAX_NETS	    2

struct trace;

struct machine_config {
	const char *name; /* "guest" unless given */
	const char *kvm_path;
	const char *kernel; /* path */
	const char *initrd; /* NULL: none */
	const char *append; /* "" unless given */
	bool flat;	    /* take the kernel file as a raw real-mode image */
	u64 flat_addr;
	enum virt_mode virt;
	enum irqchip_mode irqchip;
	struct mem_config mem;
	unsigned cpus;
	unsigned cores; /* of a socket; 0: all CPUs are in one. Several sockets: a power of two */
	bool rtc_catch_up; /* late RTC interrupts are made up for */
	bool no_acpi;	   /* no ACPI tables */
	struct cpu_wish
		cpu_wish[CONFIG_MAX_CPU_WISHES]; /* CPU features taken away or insisted on */
	size_t nr_cpu_wishes;
	const char *serial[CONFIG_MAX_SERIALS];	      /* stdio, null, none, pty, file:PATH */
	const char *serial_label[CONFIG_MAX_SERIALS]; /* in query-chardev; NULL: "serialN" */
	const char *console[CONFIG_MAX_CONSOLES]; /* virtio console ports; as serial; NULL: none */
	const char *console_label[CONFIG_MAX_CONSOLES]; /* in query-chardev; NULL: "consoleN" */
	const char *disk[CONFIG_MAX_DISKS];		/* FILE[,ro,direct,serial=TEXT] (disk.h) */
	const char *disk_id[CONFIG_MAX_DISKS];		/* in query-block; NULL: "diskN" */
	const char *disk_node[CONFIG_MAX_DISKS];	/* the same disk's block node; NULL: none */
	const char *net[CONFIG_MAX_NETS];		/* user[,...] or tap=NAME[,...] (net.h) */
	bool rng, balloon;
	u64 balloon_target;  /* bytes that the guest is asked to give from the start */
	unsigned timeout_s;  /* 0: none */
	struct trace *trace; /* what happens goes there (trace.h); the caller's; NULL: nowhere */
	bool moments;	     /* count anew where the guest says so (struct machine_result.moment) */
	enum stats_mode stats;
	const char *dump_dtb; /* path, NULL: no */
	const char *gdb;      /* where a debugger connects: [HOST:]PORT, unix:PATH; NULL: nowhere */
	bool paused;	      /* the CPUs stand still until the debugger lets them go */
	bool hold;	      /* as paused, but it is the control plane that lets them go */
	bool no_reboot;	      /* a reset ends the machine */
	bool no_shutdown;     /* a power-off or crash leaves it standing, to be reset or quit */
	struct control_config control;
};

/* The defaults: 256 MiB, one CPU, para, thp, the first serial port on stdio. */
void config_init(struct machine_config *cfg);

/* IRQCHIP_AUTO resolved. */
enum irqchip_mode config_irqchip(const struct machine_config *cfg);

/* Values that no machine can have, each with one line for a person. 0 or -EINVAL/-E2BIG. */
int config_check(const struct machine_config *cfg, struct error *e);

const char *virt_mode_name(enum virt_mode virt);

#endif
