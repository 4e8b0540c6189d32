/* SPDX-License-Identifier: MIT */
/*
 * acpi_pm.c - Rule P1: SCI = some bit is set in both status and enable. Rule P2: TMR_STS is right
 * up to carry number synced_carry, a carry being a change of the timer's top bit.
 */
#include "devices/acpi_pm.h"

#include <stdlib.h>

#include "devices/abi/acpi_pm.h"
#include "devices/abi/pc.h"
#include "devices/outputs.h"

enum { RANGE_PM, RANGE_RESET };

#define NS_PER_SEC   1000000000u
#define EVENTS	     (ACPI_PM1_TMR | ACPI_PM1_GBL | ACPI_PM1_PWRBTN | ACPI_PM1_SLPBTN | ACPI_PM1_RTC)
#define STATUS_BITS  (EVENTS | ACPI_PM1_BM | ACPI_PM1_WAK)
#define CONTROL_KEPT (ACPI_PM1_BM_RLD | ACPI_PM1_SLP_TYP)
#define RESET_KEPT   (PC_RESET_SYSTEM | PC_RESET_FULL)

struct acpi_pm_state {
	u16 status;
	u16 enable;
	u16 control; /* CONTROL_KEPT bits only */
	u8 reset_control;
	u8 pad;
	u64 synced_carry;
};

struct acpi_pm {
	struct device dev;
	struct dev_lock lock;
	struct dev_outputs out;
	struct acpi_pm_state s; /* lock */
};

/* Exact for all of u64: whole seconds and the rest are scaled apart. */
static u64 ns_to_ticks(u64 ns)
{
	return ns / NS_PER_SEC * PC_PM_TMR_HZ + ns % NS_PER_SEC * PC_PM_TMR_HZ / NS_PER_SEC;
}

/* The first ns at which ns_to_ticks() reaches this tick. */
static u64 ticks_to_ns(u64 tick)
{
	return tick / PC_PM_TMR_HZ * NS_PER_SEC +
	       (tick % PC_PM_TMR_HZ * NS_PER_SEC + PC_PM_TMR_HZ - 1) / PC_PM_TMR_HZ;
}

static u64 timer_now(const struct acpi_pm *p)
{
	return ns_to_ticks(p->dev.env->now_ns(p->dev.env->ctx));
}

/* Restores P2. */
static void sync_carry(struct acpi_pm *p)
{
	u64 carry = timer_now(p) >> 31;

	if (carry != p->s.synced_carry)
		p->s.status |= ACPI_PM1_TMR;
	p->s.synced_carry = carry;
}

static bool sci_level(const struct acpi_pm *p)
{
	return p->s.status & p->s.enable & EVENTS;
}

/* Ends every change: the SCI (P1) and the carry timer follow the registers. Frees the lock. */
static void settle(struct acpi_pm *p)
{
	bool wait = (p->s.enable & ACPI_PM1_TMR) && !(p->s.status & ACPI_PM1_TMR);

	dev_outputs_level(&p->out, sci_level(p));
	p->out.deadline = wait ? ticks_to_ns((p->s.synced_carry + 1) << 31) : DEV_NEVER;
	dev_outputs_unlock(&p->out, &p->dev, &p->lock);
}

static void carry_due(void *arg)
{
	struct acpi_pm *p = arg;

	dev_lock(&p->lock);
	dev_outputs_fired(&p->out);
	sync_carry(p);
	settle(p);
}

static struct acpi_pm *to_pm(struct device *dev)
{
	return container_of(dev, struct acpi_pm, dev);
}

void acpi_pm_power_button(struct device *dev)
{
	struct acpi_pm *p = to_pm(dev);

	dev_lock(&p->lock);
	p->s.status |= ACPI_PM1_PWRBTN;
	settle(p);
}

/* The whole block as bytes, so that any access width and alignment reads its part of it. */
static void block_image(struct acpi_pm *p, u8 image[PC_ACPI_PM_LEN])
{
	u16 control = p->s.control | ACPI_PM1_SCI_EN;
	u32 timer = (u32)timer_now(p);

	for (unsigned i = 0; i < 2; i++) {
		image[ACPI_PM1_STS + i] = (u8)(p->s.status >> (8 * i));
		image[ACPI_PM1_EN + i] = (u8)(p->s.enable >> (8 * i));
		image[ACPI_PM1_CNT + i] = (u8)(control >> (8 * i));
		image[ACPI_PM1_CNT + 2 + i] = 0xff;
	}
	for (unsigned i = 0; i < 4; i++)
		image[ACPI_PM_TMR + i] = (u8)(timer >> (8 * i));
}

static u64 pm_read(struct device *dev, unsigned range, u64 offset, unsigned size)
{
	struct acpi_pm *p = to_pm(dev);
	u8 image[PC_ACPI_PM_LEN];
	unsigned len = PC_ACPI_PM_LEN;
	u64 value = 0;

	if (range == RANGE_PM && offset == ACPI_PM_TMR && size == 4)
		return (u32)timer_now(p); /* clock sources read it often; it needs no lock */
	dev_lock(&p->lock);
	if (range == RANGE_RESET) {
		image[0] = p->s.reset_control;
		len = 1;
	} else {
		sync_carry(p);
		block_image(p, image);
	}
	settle(p);
	for (unsigned i = 0; i < size; i++)
		value |= (u64)(offset + i < len ? image[offset + i] : 0xff) << (8 * i);
	return value;
}

/* Replaces byte `high` of a 16-bit register. */
static u16 merge(u16 old, unsigned high, u8 byte)
{
	return high ? (u16)((old & 0x00ff) | byte << 8) : (u16)((old & 0xff00) | byte);
}

/* One byte of the block; true when the guest powers the machine off. Lock held. */
static bool write_byte(struct acpi_pm *p, u64 offset, u8 byte)
{
	struct acpi_pm_state *s = &p->s;
	u16 control;

	switch (offset) {
	case ACPI_PM1_STS:
	case ACPI_PM1_STS + 1:
		s->status &= (u16)~merge(0, offset & 1, byte);
		return false;
	case ACPI_PM1_EN:
	case ACPI_PM1_EN + 1:
		s->enable = merge(s->enable, offset & 1, byte) & EVENTS;
		return false;
	case ACPI_PM1_CNT:
		s->control = merge(s->control, 0, byte) & CONTROL_KEPT;
		return false;
	case ACPI_PM1_CNT + 1:
		control = merge(s->control, 1, byte);
		s->control = control & CONTROL_KEPT;
		return (control & ACPI_PM1_SLP_EN) &&
		       (control & ACPI_PM1_SLP_TYP) >> ACPI_PM1_SLP_TYP_SHIFT == PC_ACPI_SLP_S5;
	}
	return false; /* the timer is read-only; nothing else is there */
}

static void write_reset_control(struct acpi_pm *p, u8 byte)
{
	dev_lock(&p->lock);
	p->s.reset_control = byte & RESET_KEPT;
	dev_unlock(&p->lock);
	if (byte & PC_RESET_CPU)
		p->dev.env->request(p->dev.env->ctx, MACHINE_RESET, 0);
}

static void pm_write(struct device *dev, unsigned range, u64 offset, unsigned size, u64 value)
{
	struct acpi_pm *p = to_pm(dev);
	bool off = false;

	if (range == RANGE_RESET) {
		if (offset == 0)
			write_reset_control(p, (u8)value);
		return;
	}
	dev_lock(&p->lock);
	sync_carry(p);
	for (unsigned i = 0; i < size; i++)
		off |= write_byte(p, offset + i, (u8)(value >> (8 * i)));
	settle(p);
	if (off)
		dev->env->request(dev->env->ctx, MACHINE_POWER_OFF, 0);
}

static void pm_reset(struct device *dev)
{
	struct acpi_pm *p = to_pm(dev);

	dev_lock(&p->lock);
	p->s = (struct acpi_pm_state){ .synced_carry = timer_now(p) >> 31 };
	settle(p);
}

static int pm_post_load(struct device *dev)
{
	struct acpi_pm *p = to_pm(dev);

	dev_lock(&p->lock);
	p->s.status &= STATUS_BITS;
	p->s.enable &= EVENTS;
	p->s.control &= CONTROL_KEPT;
	/* A clock that continues elsewhere is no carry. */
	p->s.synced_carry = timer_now(p) >> 31;
	dev_outputs_loaded(&p->out, sci_level(p));
	settle(p);
	return 0;
}

static void pm_destroy(struct device *dev)
{
	struct acpi_pm *p = to_pm(dev);

	dev->env->timer_cancel(dev->env->ctx, p->out.timer);
	free(p);
}

struct device *acpi_pm_create(const struct dev_env *env, const struct dev_range *pm,
			      const struct dev_range *reset, struct irq_line sci)
{
	struct acpi_pm *p = calloc(1, sizeof(*p));
	struct dev_timer *timer;

	if (!p)
		return NULL;
	timer = env->timer_create(env->ctx, carry_due, p);
	if (!timer) {
		free(p);
		return NULL;
	}
	p->dev = (struct device){ .class = &acpi_pm_class,
				  .env = env,
				  .irq = sci,
				  .range = { [RANGE_PM] = *pm, [RANGE_RESET] = *reset },
				  .nr_ranges = 2 };
	dev_outputs_init(&p->out, timer);
	return &p->dev;
}

const struct device_class acpi_pm_class = {
	.name = "acpi_pm",
	.description = "ACPI fixed hardware, PM timer, reset register",
	.reset = pm_reset,
	.read = pm_read,
	.write = pm_write,
	.destroy = pm_destroy,
	.state_offset = offsetof(struct acpi_pm, s),
	.state_size = sizeof(struct acpi_pm_state),
	.post_load = pm_post_load,
};
