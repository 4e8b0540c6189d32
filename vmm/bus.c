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
		.read = dev->class->read,
		.write = dev->class->write,
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

/* The first entry that ends behind addr, or bus->nr. */
static u32 first_behind(const struct bus *bus, u64 addr)
{
	u32 lo = 0, hi = bus->nr;

	while (lo < hi) {
		u32 mid = (lo + hi) / 2;

		if (addr >= bus->entry[mid].end)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

const struct bus_entry *bus_find(const struct bus *bus, u64 addr, unsigned size)
{
	u32 at = first_behind(bus, addr);

	if (at < bus->nr && entry_holds(&bus->entry[at], addr, size))
		return &bus->entry[at];
	return NULL;
}

/* The slow path: finds the range or hole that holds the access, and remembers it. */
static __attribute__((noinline)) const struct bus_entry *look_up(const struct bus *bus,
								 struct bus_hint *hint, u64 addr,
								 unsigned size)
{
	u32 at = first_behind(bus, addr);
	const struct bus_entry *b = at < bus->nr ? &bus->entry[at] : NULL;
	struct bus_hint h;

	if (b && addr >= b->base)
		h = (struct bus_hint){ b->base, b->end, b };
	else
		h = (struct bus_hint){ at ? bus->entry[at - 1].end : 0, b ? b->base : UINT64_MAX,
				       NULL };
	if (h.end - addr < size)
		return NULL; /* reaches into what follows: nobody answers all of it */
	*hint = h;
	return h.entry;
}

static __attribute__((noinline)) const struct bus_entry *access_bytes(const struct bus *bus,
								      struct bus_hint *hint,
								      u64 addr, unsigned size,
								      bool write, u8 *data)
{
	const struct bus_entry *b = NULL, *any = NULL;

	for (unsigned i = 0; i < size; i++) {
		b = bus_access(bus, hint, addr + i, 1, write, data + i);
		any = b ? b : any;
	}
	return any;
}

/* Sizes spelled out: a memcpy() of unknown length is a call. size is 1, 2, 4 or 8. */
static inline u64 load(const u8 *data, unsigned size)
{
	u64 value = 0;

	switch (size) {
	case 1:
		return *data;
	case 2:
		memcpy(&value, data, 2);
		return value;
	case 4:
		memcpy(&value, data, 4);
		return value;
	default:
		memcpy(&value, data, 8);
		return value;
	}
}

static inline void store(u8 *data, unsigned size, u64 value)
{
	switch (size) {
	case 1:
		*data = (u8)value;
		break;
	case 2:
		memcpy(data, &value, 2);
		break;
	case 4:
		memcpy(data, &value, 4);
		break;
	default:
		memcpy(data, &value, 8);
		break;
	}
}

__attribute__((hot)) const struct bus_entry *bus_access(const struct bus *bus,
							struct bus_hint *hint, u64 addr,
							unsigned size, bool write, u8 *data)
{
	const struct bus_entry *b;

	if (__builtin_expect(size & (size - 1), 0))
		return access_bytes(bus, hint, addr, size, write, data);
	if (addr >= hint->base && addr < hint->end && hint->end - addr >= size)
		b = hint->entry;
	else
		b = look_up(bus, hint, addr, size);
	if (!b) {
		if (!write)
			store(data, size, UINT64_MAX);
	} else if (write) {
		b->write(b->dev, b->range, addr - b->base, size, load(data, size));
	} else {
		store(data, size, b->read(b->dev, b->range, addr - b->base, size));
	}
	return b;
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
