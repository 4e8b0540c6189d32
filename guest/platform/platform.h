/* SPDX-License-Identifier: MIT */
/*
 * platform.h - what kind of machine the kernel finds itself on, as data: one file per kind, the
 * table in platform.c, detection once at boot. The rest of the kernel asks `platform` and never
 * whether there is a hypervisor.
 */
#ifndef GUEST_PLATFORM_PLATFORM_H
#define GUEST_PLATFORM_PLATFORM_H

#include "guest/kernel/irq.h"
#include "guest/lib/types.h"

struct platform {
	const char *name;
	const char *description;

	/* Whether this is it. Asked once, in the table's order, before anything else is set up. */
	bool (*detect)(void);
	/* Interrupt controllers: afterwards interrupts may be enabled. */
	void (*irqchip_init)(void);
	/* Finds the clock and calls clock_register(); learns the timer's rate. IRQs off. */
	void (*clock_init)(void);
	/* Every CPU but the boot CPU, after its local APIC is up; NULL: nothing to do. */
	void (*cpu_init)(void);
	/*
	 * Starts this CPU's clock event, which arrives at timers_interrupt(). True: one-shot, by
	 * event_set(). False, also when `periodic` asks for it: hz times a second.
	 */
	bool (*event_start)(unsigned hz, bool periodic);
	/* The next event of this CPU at that time of clock_ns() or a little later; UINT64_MAX: none.
	 * IRQs off. */
	void (*event_set)(u64 expires);
	/*
	 * The same interrupt to several CPUs at once: those with APIC id base + n for each bit n that is
	 * set. IRQs off. NULL, or false: one by one, by lapic_send().
	 */
	bool (*send_ipis)(u32 base, const u64 bits[2], unsigned vector);
	/* Nanoseconds that this CPU was runnable but not running, or NULL: the machine does not say. */
	u64 (*steal_ns)(unsigned cpu);
	/*
	 * True: the machine has put that CPU aside, and flushes all of its TLB before it runs on. False: it may
	 * be running, and has to be asked. NULL: never.
	 */
	bool (*flush_before_return)(unsigned cpu);
	/*
	 * Lets a CPU run that the machine has put aside, at the cost of this one, which waits for it. False: it
	 * runs, or is idle. NULL: the machine takes no such wish. Any context.
	 */
	bool (*yield_to)(unsigned cpu);
};

struct platform_names {
	const char *irqchip;
	const char *tick;
	const char *extras; /* paravirtual help in use; "" for none */
};

extern const struct platform pc_platform, kvm_platform;
extern const struct platform *platform; /* set by platform_detect() */
extern struct platform_names platform_names;

/* The first platform that finds itself at home, or the one that `platform=NAME` asks for. */
void platform_detect(void);

/* Asks for S5 in the way this machine has; returns only if nothing answered. */
void platform_power_off(void);

/* Listens for the ACPI power button, and asks for S5 when it is pressed. Boot CPU, IRQs on. */
void power_button_init(void);

/* Makes `vector` the clock event's, and gives it its name for people. Boot CPU. */
void platform_set_tick(unsigned vector, const char *name, enum irq_ack ack);

/* event_start() and event_set() by the local APIC's timer running at lapic_hz. */
bool platform_lapic_event_start(u64 lapic_hz, unsigned hz, bool periodic);
void platform_lapic_event_set(u64 expires);

/* The serial console at COM1, for every platform so far. */
struct console;
const struct console *uart16550_console_init(void);
const struct console *uart16550_console(void);
/* Whether interrupts tell that bytes have come in; turned on, also those that are there already. */
void uart16550_listen(bool on);

/* A byte that came in at the serial console, or -1 when there is none. Any context. */
int uart16550_console_getc(void);

#endif
