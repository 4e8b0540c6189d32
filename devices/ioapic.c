/* SPDX-License-Identifier: MIT */
/*
 * ioapic.c - see ioapic.h for the rules. Messages and routes are decided under the lock and sent
 * without it, because sending is a system call. Messages need no order among each other; routes
 * do, so one thread at a time writes them, from the entries as they are at that moment.
 */
#include "devices/ioapic.h"

#include <errno.h>
#include <stdlib.h>

#include "devices/abi/ioapic.h"
#include "devices/abi/pc.h"

#define PINS	      PC_IOAPIC_PINS
#define RTE_LOW_KEPT  (IOAPIC_RTE_BUSY | IOAPIC_RTE_REMOTE_IRR) /* read-only for the guest */
#define RTE_LOW_USED  0x0001efffu
#define RTE_HIGH_USED 0xff000000u

struct ioapic_state {
	u32 low[PINS];
	u32 high[PINS];
	u32 level; /* one bit for each pin: the line is asserted */
	u32 id;	   /* both as read: in bits 27:24 */
	u32 arbitration;
	u8 select;
	u8 pad[3];
};

struct msi {
	u64 addr;
	u32 data;
};

/* Everything but dev: lock. */
struct ioapic {
	struct device dev;
	struct dev_lock lock;
	struct ioapic_state s;
	struct msi routed[PINS]; /* as last told; addr 0: never */
	u32 stale;		 /* pins whose entry was written since they were settled */
	u32 in_flight;		 /* the pin whose route is being written */
	bool settling;		 /* a thread is in settle_entries() */
	u8 reset_id;
};

static struct msi entry_message(u32 low, u32 high)
{
	u32 mode = (low & IOAPIC_RTE_MODE) >> IOAPIC_RTE_MODE_SHIFT;
	u64 addr = MSI_ADDR_BASE | (u64)(high >> IOAPIC_RTE_DEST_SHIFT) << MSI_ADDR_DEST_SHIFT;
	u32 data = (low & IOAPIC_RTE_VECTOR) | mode << MSI_DATA_MODE_SHIFT | MSI_DATA_ASSERT;

	if (low & IOAPIC_RTE_LOGICAL)
		addr |= MSI_ADDR_LOGICAL;
	if (mode == APIC_MODE_LOWEST)
		addr |= MSI_ADDR_REDIRECTION;
	if (low & IOAPIC_RTE_LEVEL)
		data |= MSI_DATA_LEVEL;
	return (struct msi){ addr, data };
}

/* Modes other than these two are edges even when programmed as level: nothing ends them. */
static bool is_level(u32 low)
{
	u32 mode = (low & IOAPIC_RTE_MODE) >> IOAPIC_RTE_MODE_SHIFT;

	return (low & IOAPIC_RTE_LEVEL) && mode <= APIC_MODE_LOWEST;
}

/*
 * Applies A1 to one pin; true when *msg is to be sent. Not while the pin's route lags behind its
 * entry: KVM would not report the EOI. settle_entries() comes back to it then.
 */
static bool deliver_level(struct ioapic *io, unsigned pin, struct msi *msg)
{
	struct ioapic_state *s = &io->s;
	u32 low = s->low[pin], bit = 1u << pin;

	if (!is_level(low) || !(s->level & bit) || ((io->stale | io->in_flight) & bit) ||
	    (low & (IOAPIC_RTE_MASKED | IOAPIC_RTE_REMOTE_IRR)))
		return false;
	s->low[pin] |= IOAPIC_RTE_REMOTE_IRR;
	*msg = entry_message(low, s->high[pin]);
	return true;
}

static void send(const struct ioapic *io, struct msi msg)
{
	io->dev.env->msi_send(io->dev.env->ctx, msg.addr, msg.data);
}

/* A4: whether the pin needs its route changed to *msg. */
static bool route_differs(const struct ioapic *io, unsigned pin, const struct msi *msg)
{
	if ((io->s.low[pin] & IOAPIC_RTE_MASKED) && !(io->s.low[pin] & IOAPIC_RTE_LEVEL))
		return false;
	return msg->addr != io->routed[pin].addr || msg->data != io->routed[pin].data;
}

/*
 * Follows up on written entries: the route (A4), then what the line asks for (A1). Lock held at
 * the call, free at return.
 */
static void settle_entries(struct ioapic *io)
{
	const struct dev_env *env = io->dev.env;

	if (io->settling) { /* that thread sees our bits */
		dev_unlock(&io->lock);
		return;
	}
	io->settling = true;
	while (io->stale) {
		unsigned pin = (unsigned)__builtin_ctz(io->stale);
		struct msi msg = entry_message(io->s.low[pin], io->s.high[pin]);

		io->stale &= ~(1u << pin);
		if (route_differs(io, pin, &msg)) {
			io->routed[pin] = msg;
			io->in_flight = 1u << pin;
			dev_unlock(&io->lock);
			env->msi_route(env->ctx, pin, msg.addr, msg.data);
			dev_lock(&io->lock);
			io->in_flight = 0;
		}
		if (deliver_level(io, pin, &msg)) {
			dev_unlock(&io->lock);
			send(io, msg);
			dev_lock(&io->lock);
		}
	}
	io->settling = false;
	dev_unlock(&io->lock);
}

static struct ioapic *to_ioapic(struct device *dev)
{
	return container_of(dev, struct ioapic, dev);
}

void ioapic_set_irq(void *ioapic, u32 gsi, int level)
{
	struct ioapic *io = to_ioapic(ioapic);
	struct ioapic_state *s = &io->s;
	struct msi msg = { 0, 0 };
	bool rises, deliver = false;
	u32 bit;

	if (gsi >= PINS)
		return;
	bit = 1u << gsi;
	dev_lock(&io->lock);
	rises = level && !(s->level & bit);
	s->level = level ? s->level | bit : s->level & ~bit;
	if (is_level(s->low[gsi])) {
		deliver = deliver_level(io, gsi, &msg);
	} else if (rises && !(s->low[gsi] & IOAPIC_RTE_MASKED)) {
		msg = entry_message(s->low[gsi], s->high[gsi]);
		deliver = true;
	}
	dev_unlock(&io->lock);
	if (deliver)
		send(io, msg);
}

void ioapic_eoi(struct device *dev, u8 vector)
{
	struct ioapic *io = to_ioapic(dev);

	for (unsigned pin = 0; pin < PINS; pin++) {
		struct msi msg = { 0, 0 };
		bool deliver = false;
		u32 low;

		dev_lock(&io->lock);
		low = io->s.low[pin];
		if ((low & IOAPIC_RTE_VECTOR) == vector && (low & IOAPIC_RTE_REMOTE_IRR)) {
			io->s.low[pin] &= ~IOAPIC_RTE_REMOTE_IRR;
			deliver = deliver_level(io, pin, &msg);
		}
		dev_unlock(&io->lock);
		if (deliver)
			send(io, msg);
	}
}

static u32 read_window(const struct ioapic_state *s)
{
	unsigned rte = s->select - IOAPIC_REG_RTE;

	switch (s->select) {
	case IOAPIC_REG_ID:
		return s->id;
	case IOAPIC_REG_VERSION:
		return IOAPIC_VERSION_EOI | (PINS - 1) << IOAPIC_MAX_RTE_SHIFT;
	case IOAPIC_REG_ARB:
		return s->arbitration;
	case IOAPIC_REG_BOOT_CONFIG:
		return 1;
	}
	if (s->select < IOAPIC_REG_RTE || rte >= 2 * PINS)
		return UINT32_MAX;
	return rte & 1 ? s->high[rte / 2] : s->low[rte / 2];
}

static void write_entry(struct ioapic *io, unsigned rte, u32 value)
{
	struct ioapic_state *s = &io->s;
	unsigned pin = rte / 2;

	io->stale |= 1u << pin;
	if (rte & 1) {
		s->high[pin] = value & RTE_HIGH_USED;
		return;
	}
	s->low[pin] = (value & RTE_LOW_USED & ~RTE_LOW_KEPT) | (s->low[pin] & RTE_LOW_KEPT);
	if (!(value & IOAPIC_RTE_LEVEL))
		s->low[pin] &= ~IOAPIC_RTE_REMOTE_IRR; /* A3 */
}

static void write_window(struct ioapic *io, u32 value)
{
	struct ioapic_state *s = &io->s;
	unsigned rte = s->select - IOAPIC_REG_RTE;

	if (s->select == IOAPIC_REG_ID) {
		s->id = value & IOAPIC_ID_MASK;
		s->arbitration = s->id; /* loaded along with the ID */
	} else if (s->select >= IOAPIC_REG_RTE && rte < 2 * PINS) {
		write_entry(io, rte, value);
	}
}

/* Registers are 32 bits wide and answer at their own address only, to any width. */
static u64 ioapic_read(struct device *dev, unsigned range, u64 offset, unsigned size)
{
	struct ioapic *io = to_ioapic(dev);
	u64 value = UINT64_MAX;

	(void)range;
	dev_lock(&io->lock);
	if (offset == IOAPIC_REGSEL)
		value = io->s.select;
	else if (offset == IOAPIC_WINDOW)
		value = read_window(&io->s);
	dev_unlock(&io->lock);
	return size < 8 ? value & ((1ULL << (8 * size)) - 1) : value;
}

static void ioapic_write(struct device *dev, unsigned range, u64 offset, unsigned size, u64 value)
{
	struct ioapic *io = to_ioapic(dev);

	(void)range;
	if (size < 4)
		value &= (1ULL << (8 * size)) - 1;
	if (offset == IOAPIC_EOI) {
		ioapic_eoi(dev, (u8)value);
		return;
	}
	dev_lock(&io->lock);
	if (offset == IOAPIC_WINDOW)
		write_window(io, (u32)value);
	else if (offset == IOAPIC_REGSEL)
		io->s.select = (u8)value;
	settle_entries(io);
}

/* The lines are their devices' affair and keep their levels. */
static void ioapic_reset(struct device *dev)
{
	struct ioapic *io = to_ioapic(dev);

	dev_lock(&io->lock);
	for (unsigned pin = 0; pin < PINS; pin++) {
		io->s.low[pin] = IOAPIC_RTE_MASKED;
		io->s.high[pin] = 0;
	}
	io->s.id = (u32)io->reset_id << IOAPIC_ID_SHIFT;
	io->s.arbitration = io->s.id;
	io->s.select = 0;
	dev_unlock(&io->lock);
}

static int ioapic_post_load(struct device *dev)
{
	struct ioapic *io = to_ioapic(dev);
	struct ioapic_state *s = &io->s;

	if ((s->id | s->arbitration) & ~IOAPIC_ID_MASK || s->level >> PINS)
		return -EINVAL;
	for (unsigned pin = 0; pin < PINS; pin++)
		if (s->low[pin] & ~(RTE_LOW_USED | RTE_LOW_KEPT) || s->high[pin] & ~RTE_HIGH_USED)
			return -EINVAL;
	dev_lock(&io->lock);
	/* A new KVM knows no routes yet. */
	for (unsigned pin = 0; pin < PINS; pin++)
		io->routed[pin] = (struct msi){ 0, 0 };
	io->stale = (1u << PINS) - 1;
	settle_entries(io);
	return 0;
}

struct device *ioapic_create(const struct dev_env *env, const struct dev_range *mmio, u8 id)
{
	struct ioapic *io = calloc(1, sizeof(*io));

	if (!io)
		return NULL;
	io->dev = (struct device){
		.class = &ioapic_class, .env = env, .range = { *mmio }, .nr_ranges = 1
	};
	io->reset_id = id & 0xf;
	return (struct device *)io;
}

const struct device_class ioapic_class = {
	.name = "ioapic",
	.description = "82093AA I/O APIC, 24 pins",
	.reset = ioapic_reset,
	.read = ioapic_read,
	.write = ioapic_write,
	.state_offset = offsetof(struct ioapic, s),
	.state_size = sizeof(struct ioapic_state),
	.post_load = ioapic_post_load,
};
