/* SPDX-License-Identifier: MIT */
/* ioapic.h - the I/O APIC: which vector on which CPU each interrupt input becomes. */
#ifndef GUEST_PLATFORM_IOAPIC_H
#define GUEST_PLATFORM_IOAPIC_H

#include "guest/lib/types.h"

/* Routes input gsi as an edge-triggered, active-high interrupt (the ISA way) and unmasks it. The
 * registers are mapped at the first call. Boot context. */
void ioapic_route_edge(unsigned gsi, unsigned vector, u32 apic_id);

void ioapic_mask(unsigned gsi);

/* Where an input goes; false while it is masked, and before anything was routed. Any context. */
bool ioapic_destination(unsigned gsi, u32 *apic_id);
void ioapic_set_destination(unsigned gsi, u32 apic_id);

#endif
