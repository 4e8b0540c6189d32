/* SPDX-License-Identifier: MIT */
/*
 * fuzz_platform.c - the small platform devices under any order of register accesses, passing time,
 * interrupt lines, EOIs, resets and reloads of saved state (good and damaged).
 *
 * Input: operations of 8 bytes, see struct op. Besides what the sanitizers see, it must hold that
 * a read fits its width, the SCI follows status and enable, and an idle RTC arms no timer.
 */
#include <stdlib.h>
#include <string.h>

#include "devices/abi/acpi_pm.h"
#include "devices/abi/pc.h"
#include "devices/abi/rtc.h"
#include "devices/acpi_pm.h"
#include "devices/exit.h"
#include "devices/i8042.h"
#include "devices/ioapic.h"
#include "devices/rtc.h"
#include "tests/unit/devices/mock_env.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RTC, I8042, EXIT, PM, IOAPIC, NR_DEVICES };

struct op {
	u8 what; /* low bits: device; high bits: operation */
	u8 offset;
	u8 shape; /* width, range, spread of the value */
	u8 extra;
	u32 value;
};

struct platform {
	struct mock_env m; /* first: env.ctx points to it and to the platform */
	struct device *dev[NR_DEVICES];
	u64 wall_minus_now;
	bool unsure; /* a damaged state was loaded: lines need not agree with registers */
};

static void check(bool holds)
{
	if (!holds)
		abort();
}

static u64 wall(void *ctx)
{
	struct platform *p = ctx;

	return p->m.now + p->wall_minus_now;
}

static void line(void *ctx, u32 gsi, int level)
{
	struct platform *p = ctx;

	mock_irq_set(&p->m, gsi, level);
	ioapic_set_irq(p->dev[IOAPIC], gsi, level);
}

static void create(struct platform *p)
{
	const struct dev_env *env = &p->m.env;
	const struct dev_range rtc = { DEV_PIO, PC_RTC_PORT, PC_RTC_LEN };
	const struct dev_range kbd = { DEV_PIO, PC_I8042_DATA, 1 };
	const struct dev_range cmd = { DEV_PIO, PC_I8042_CMD, 1 };
	const struct dev_range out = { DEV_PIO, PC_EXIT_PORT, PC_EXIT_LEN };
	const struct dev_range pm = { DEV_PIO, PC_PM1A_EVT_PORT, PC_ACPI_PM_LEN };
	const struct dev_range reset = { DEV_PIO, PC_RESET_PORT, 1 };
	const struct dev_range mmio = { DEV_MMIO, PC_IOAPIC_BASE, PC_IOAPIC_LEN };

	p->dev[IOAPIC] = ioapic_create(env, &mmio, 0);
	p->dev[RTC] = rtc_create(env, &rtc, (struct irq_line){ line, p, PC_RTC_IRQ });
	p->dev[I8042] = i8042_create(env, &kbd, &cmd, (struct irq_line){ line, p, 1 });
	p->dev[EXIT] = exit_create(env, &out);
	p->dev[PM] =
		acpi_pm_create(env, &pm, &reset, (struct irq_line){ line, p, PC_ACPI_SCI_IRQ });
}

static void access_register(struct device *d, const struct op *op)
{
	unsigned width = 1u << (op->shape & 3);
	unsigned range = (op->shape >> 2 & 3) % d->nr_ranges;
	u64 len = d->range[range].len;
	u64 offset = (op->offset | (op->shape & 0x80 ? (u64)op->extra << 8 : 0)) % len;
	u64 value = op->shape & 0x40 ? op->value * 0x100000001ULL : op->value;

	if (op->what & 0x08) {
		value = d->class->read(d, range, offset, width);
		check(width == 8 || value >> (8 * width) == 0);
	} else {
		d->class->write(d, range, offset, width, value);
	}
}

/* Loads the device's own state, possibly with one byte damaged; what it refuses is undone. */
static void reload(struct platform *p, struct device *d, const struct op *op)
{
	const struct device_class *c = d->class;
	u8 *state = (u8 *)d + c->state_offset, *byte, old;

	if (!c->state_size)
		return;
	byte = &state[op->value % c->state_size];
	old = *byte;
	if (op->extra & 1) {
		*byte = (u8)(op->value >> 24);
		p->unsure = true;
	}
	if (c->post_load && c->post_load(d) != 0) {
		*byte = old;
		check(c->post_load(d) == 0);
	}
}

static void reset_all(struct platform *p)
{
	for (int i = NR_DEVICES - 1; i >= 0; i--)
		p->dev[i]->class->reset(p->dev[i]);
	memset(p->m.level, 0, sizeof(p->m.level));
	p->unsure = false;
}

static void check_all(struct platform *p)
{
	struct device *pm = p->dev[PM], *rtc = p->dev[RTC];
	u64 both = pm->class->read(pm, 0, ACPI_PM1_STS, 4);

	if (p->unsure)
		return;
	check(p->m.level[PC_ACPI_SCI_IRQ] == !!(both & both >> 16));
	rtc->class->write(rtc, 0, 0, 1, RTC_REG_B);
	if (!(rtc->class->read(rtc, 0, 1, 1) & (RTC_B_PIE | RTC_B_AIE | RTC_B_UIE))) {
		check(!p->m.level[PC_RTC_IRQ]);
		check(!p->m.timers[0].armed);
	}
}

static void run(struct platform *p, const struct op *op)
{
	struct device *d = p->dev[(op->what & 7) % NR_DEVICES];

	switch (op->what >> 4) {
	case 0:
		mock_advance(&p->m, (u64)op->value << (op->extra & 31));
		break;
	case 1:
		p->wall_minus_now += ((u64)op->value - (1u << 31)) << (op->extra & 15);
		p->wall_minus_now &= UINT64_MAX >> 2;
		break;
	case 2:
		ioapic_set_irq(p->dev[IOAPIC], op->offset, op->extra & 1);
		break;
	case 3:
		ioapic_eoi(p->dev[IOAPIC], op->offset);
		break;
	case 4:
		acpi_pm_power_button(p->dev[PM]);
		break;
	case 5:
		if (op->extra & 1)
			reset_all(p);
		else
			d->class->reset(d);
		break;
	case 6:
		reload(p, d, op);
		break;
	default:
		access_register(d, op);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const u64 newest = UINT64_MAX >> 2; /* about a century of time to pass */
	struct platform p = { .wall_minus_now = 1700000000000000000ULL };
	struct op op;

	mock_init(&p.m);
	p.m.env.wall_ns = wall;
	create(&p);
	reset_all(&p);
	for (; size >= sizeof(op) && p.m.now < newest; data += sizeof(op), size -= sizeof(op)) {
		memcpy(&op, data, sizeof(op));
		run(&p, &op);
		check_all(&p);
	}
	for (int i = 0; i < NR_DEVICES; i++) {
		struct device *d = p.dev[i];

		if (d->class->destroy)
			d->class->destroy(d);
		else
			free(d);
	}
	mock_fini(&p.m);
	return 0;
}
