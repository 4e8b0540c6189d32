/* SPDX-License-Identifier: MIT */
/*
 * bus.h - port and MMIO ranges to devices.
 *
 * Rule B1: ranges are sorted and never overlap; the table is built before the vCPUs start and is
 * read-only afterwards, so that lookups take no lock. A lookup is a binary search over a few
 * cache lines, after a one-entry hint that the caller (a vCPU) keeps.
 */
#ifndef VMM_BUS_H
#define VMM_BUS_H

#include "base/error.h"
#include "base/types.h"
#include "devices/device.h"

#define BUS_MAX_RANGES 64

struct bus_entry {
	u64 base, end; /* [base, end) */
	struct device *dev;
	u16 range; /* index into dev->range */
	u16 slot;  /* index into struct bus's entries, for statistics */
};

struct bus {
	struct bus_entry entry[BUS_MAX_RANGES];
	u32 nr;
};

/* Adds dev's ranges of the given space. 0, -EEXIST (overlap, with both names in e), -ENOSPC. */
int bus_add(struct bus *bus, enum dev_space space, struct device *dev, struct error *e);

/* The entry whose range holds all of [addr, addr + size), or NULL. */
const struct bus_entry *bus_find(const struct bus *bus, u64 addr, unsigned size);

/* One access. True when a device answered; otherwise reads give all-ones, writes are dropped. */
bool bus_access(const struct bus *bus, const struct bus_entry **hint, u64 addr, unsigned size,
		bool write, u8 *data);

/* NULL, or which rule the table breaks. */
const char *bus_check(const struct bus *bus);

#endif
