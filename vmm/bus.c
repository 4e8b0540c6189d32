/* SPDX-License-Identifier: MIT */
/* bus.c - see bus.h. */
#include "vmm/bus.h"

#include <errno.h>
#include <string.h>

static int bus_insert(struct bus *bus, const struct dev_range *r, struct device *dev,
		      unsigned range, struct error *e)
{
	u32 at = 0;

	if (bus->nr == BUS_MAX_RANGES)
		return error_set(e, -ENOSPC, "%s: the bus holds %d ranges at most",
				 dev->class->name, BUS_MAX_RANGES);
	while (at < bus->nr && bus->entry[at].base < r->base)
		at++;
	if ((at && bus->entry[at - 1].end > r->base) ||
	    (at < bus->nr && r->base + r->len > bus->entry[at].base)) {
		u32 other = at && bus->entry[at - 1].end > r->base ? at - 1 : at;

		return error_set(e, -EEXIST, "%s at %#lx: overlaps %s at %#lx", dev->class->name,
				 r->base, bus->entry[other].dev->class->name,
				 bus->entry[other].base);
	}
	memmove(&bus->entry[at + 1], &bus->entry[at], (bus->nr - at) * sizeof(bus->entry[0]));
	bus->entry[at] = (struct bus_entry){
		.base = r->base,
		.end = r->base + r->len,
		.dev = dev,
		.range = (u16)range,
	};
	bus->nr++;
	for (u32 i = at; i < bus->nr; i++)
		bus->entry[i].slot = (u16)i;
	return 0;
}

int bus_add(struct bus *bus, enum dev_space space, struct device *dev, struct error *e)
{
	for (unsigned i = 0; i < dev->nr_ranges; i++) {
		int err;

		if (dev->range[i].space != space)
			continue;
		err = bus_insert(bus, &dev->range[i], dev, i, e);
		if (err)
			return err;
	}
	return 0;
}

static bool entry_holds(const struct bus_entry *b, u64 addr, unsigned size)
{
	/* addr >= base first: addr - base then cannot wrap, and neither can the length left. */
	return addr >= b->base && addr < b->end && b->end - addr >= size;
}

const struct bus_entry *bus_find(const struct bus *bus, u64 addr, unsigned size)
{
	u32 lo = 0, hi = bus->nr;

	while (lo < hi) {
		u32 mid = (lo + hi) / 2;

		if (addr >= bus->entry[mid].end)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo < bus->nr && entry_holds(&bus->entry[lo], addr, size))
		return &bus->entry[lo];
	return NULL;
}

bool bus_access(const struct bus *bus, const struct bus_entry **hint, u64 addr, unsigned size,
		bool write, u8 *data)
{
	const struct bus_entry *b = *hint;
	u64 value = 0;

	if (!b || !entry_holds(b, addr, size)) {
		b = bus_find(bus, addr, size);
		if (!b) {
			if (!write)
				memset(data, 0xff, size);
			return false;
		}
		*hint = b;
	}
	if (write) {
		memcpy(&value, data, size);
		b->dev->class->write(b->dev, b->range, addr - b->base, size, value);
	} else {
		value = b->dev->class->read(b->dev, b->range, addr - b->base, size);
		memcpy(data, &value, size);
	}
	return true;
}

const char *bus_check(const struct bus *bus)
{
	for (u32 i = 0; i < bus->nr; i++) {
		if (bus->entry[i].base >= bus->entry[i].end)
			return "B1: empty range";
		if (i && bus->entry[i - 1].end > bus->entry[i].base)
			return "B1: ranges overlap or are not sorted";
		if (bus->entry[i].slot != i)
			return "B1: slot number out of step";
	}
	return NULL;
}
