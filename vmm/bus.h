/* SPDX-License-Identifier: MIT */
/*
 * bus.h - port and MMIO ranges to devices.
 *
 * Rule B1: ranges are sorted and never overlap; the table is built before the vCPUs start and is
 * read-only afterwards, so that lookups take no lock. A lookup is a binary search over a few
 * cache lines, after a one-entry hint that the caller (a vCPU) keeps. KVM_RUN leaves little of the
 * caches and TLBs behind, so an exit costs what it touches, not what it computes: a hit reads the
 * hint and one entry.
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
	/* The device's own, here to spare each access the way through dev->class. */
	u64 (*read)(struct device *dev, unsigned range, u64 offset, unsigned size);
	void (*write)(struct device *dev, unsigned range, u64 offset, unsigned size, u64 value);
	u16 range; /* index into dev->range */
	u16 slot;  /* index into struct bus's entries, for statistics */
};

struct bus {
	struct bus_entry entry[BUS_MAX_RANGES];
	u32 nr;
};

/* Where the last access went: a range, or a hole between ranges. All zero: nowhere yet. */
struct bus_hint {
	u64 base, end;
	const struct bus_entry *entry; /* NULL: nobody answers there */
};

/* Adds dev's ranges of the given space. 0, -EEXIST (overlap, with both names in e), -ENOSPC. */
int bus_add(struct bus *bus, enum dev_space space, struct device *dev, struct error *e);

/* The entry whose range holds all of [addr, addr + size), or NULL. */
const struct bus_entry *bus_find(const struct bus *bus, u64 addr, unsigned size);

/*
 * One access of 1 to 8 bytes. Returns who answered, or NULL: then reads give all-ones and writes are
 * dropped. A size that is no power of two (KVM splits what crosses a page) becomes single bytes.
 */
const struct bus_entry *bus_access(const struct bus *bus, struct bus_hint *hint, u64 addr,
				   unsigned size, bool write, u8 *data);

/* NULL, or which rule the table breaks. */
const char *bus_check(const struct bus *bus);

#endif
