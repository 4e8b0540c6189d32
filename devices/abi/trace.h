/* SPDX-License-Identifier: MIT */
/*
 * trace.h - the ring through which a guest's kernel tells its VMM what it does; shared by VMM and guest.
 * Freestanding.
 *
 * The guest lays out a struct trace_area of nr_cpus entries and a ring of `slots` events for each CPU, in
 * RAM, and writes the area's page number to PC_TRACE_PORT (32 bits). From then on each CPU appends to its
 * own ring: the event, then `head` with release order. What does not fit is counted in `lost` and dropped.
 * The VMM takes events whenever it likes and says in `tail` how far it came. Both count without end and
 * use their value modulo slots. On a machine without the port the write does nothing.
 */
#ifndef DEVICES_ABI_TRACE_H
#define DEVICES_ABI_TRACE_H

#define PC_TRACE_PORT	0x5c0
#define PC_TRACE_LEN	4

#define TRACE_MAGIC	0x3152545851415250ULL
#define TRACE_VERSION	1
#define TRACE_MAX_CPUS	255
#define TRACE_MAX_SLOTS 65536

/* The bits of TRACE_SOFTIRQ_ENTRY, from the lowest. */
#define TRACE_SOFTIRQS \
	"HI", "TIMER", "NET_TX", "NET_RX", "BLOCK", "TASKLET", "SCHED", "HRTIMER", "RCU"

#ifndef __ASSEMBLER__
#include <stdint.h>

enum trace_type {
	TRACE_NOTHING,
	TRACE_SWITCH,	     /* value: the next task's pid; text: its name */
	TRACE_IRQ_ENTRY,     /* value: vector; text: whose it is */
	TRACE_IRQ_EXIT,	     /* value: vector */
	TRACE_SOFTIRQ_ENTRY, /* value: a bit for each that is pending */
	TRACE_SOFTIRQ_EXIT,
	TRACE_EXCEPTION, /* value: vector; arg: CR2 and RIP */
	TRACE_TYPES,
};

struct trace_event {
	uint64_t tsc;
	uint32_t type; /* enum trace_type */
	uint32_t value;
	union {
		uint64_t arg[2];
		char text[16]; /* NUL-terminated unless all 16 are used */
	};
};

struct trace_cpu {
	uint64_t ring;			     /* physical address of trace_event[slots] */
	_Alignas(64) volatile uint64_t head; /* written by the guest */
	volatile uint64_t lost;		     /* written by the guest */
	_Alignas(64) volatile uint64_t tail; /* written by the VMM */
};

struct trace_area {
	uint64_t magic;
	uint32_t version;
	uint32_t nr_cpus;
	uint32_t slots; /* of each ring; a power of two */
	uint32_t event_size;
	struct trace_cpu cpu[]; /* nr_cpus */
};
#endif

#endif
