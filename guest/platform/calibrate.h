/* SPDX-License-Identifier: MIT */
/* calibrate.h - how fast counters of unknown rate run, measured against one of known rate. */
#ifndef GUEST_PLATFORM_CALIBRATE_H
#define GUEST_PLATFORM_CALIBRATE_H

#include "guest/lib/types.h"

struct calibration {
	u64 tsc_hz;
	u64 lapic_hz; /* 0 without a local APIC */
};

/*
 * Against the PIT. The CPU halts during the measurement: it costs time, not instructions, and being
 * woken late does no harm, because all counters are read together afterwards. The PIT's interrupt
 * is routed. IRQs off on entry and return. False when there is no PIT.
 */
bool calibrate_by_pit(struct calibration *out);

/* Against ACPI's PM timer, spinning for 2 ms: for machines without a PIT. False when there is none. */
bool calibrate_by_pm_timer(struct calibration *out);

/* The local APIC's timer against clock_ns(), spinning for a tenth of a millisecond. */
u64 calibrate_lapic_by_clock(void);

#endif
