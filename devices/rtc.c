/* SPDX-License-Identifier: MIT */
/*
 * rtc.c - MC146818A. Rule R1: while the clock runs, the time registers are computed from the wall
 * clock and the offset; while it is halted (B.SET, or the divider in reset) they are bytes of RAM.
 * Rule R2: UF and AF are correct up to second synced_sec, PF up to 32 kHz tick synced_tick.
 * Rule R3: with catch-up, `owed` counts periodic interrupts that came due while one waited; each
 * read of register C pays one.
 */
#include "devices/rtc.h"

#include <errno.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/abi/rtc.h"
#include "devices/aml.h"
#include "devices/calendar.h"
#include "devices/outputs.h"

#define NS_PER_SEC  1000000000u
#define CRYSTAL_HZ  32768u
#define UIP_NS	    244000u /* tBUC */
#define MAX_OFFSET  1000000000000LL
#define INT_FLAGS   (RTC_C_PF | RTC_C_AF | RTC_C_UF)
#define NO_ALARM    INT64_MAX
#define ALARM_ANY   (-1)
#define ALARM_NEVER (-2)
#define MAX_OWED    20480u /* two and a half seconds at the fastest rate */
#define HALF_SECOND (NS_PER_SEC / 2)

struct rtc_state {
	s64 offset_sec; /* RTC time minus wall clock */
	u32 offset_ns;	/* 0..999999999 */
	u8 index;
	u8 weekday_shift; /* what the guest wrote to the day of the week, minus the truth */
	u8 ram[RTC_CMOS_SIZE];
	u8 pad[2];
	u32 owed; /* R3 */
	s64 synced_sec;
	u64 synced_tick;
};

struct rtc {
	struct device dev;
	struct dev_lock lock;
	struct dev_outputs out;
	bool catch_up;
	struct rtc_state s; /* lock */
};

struct moment {
	s64 sec;
	u32 ns;
};

/* ---- time registers ---------------------------------------------------------------------- */

static u8 encode(const struct rtc_state *s, unsigned v)
{
	return (u8)(s->ram[RTC_REG_B] & RTC_B_DM ? v : v / 10 << 4 | v % 10);
}

static unsigned decode(const struct rtc_state *s, u8 r)
{
	return s->ram[RTC_REG_B] & RTC_B_DM ? r : (r >> 4) * 10u + (r & 15u);
}

static u8 encode_hour(const struct rtc_state *s, unsigned hour)
{
	if (s->ram[RTC_REG_B] & RTC_B_24H)
		return encode(s, hour);
	return encode(s, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? RTC_HOURS_PM : 0);
}

static unsigned decode_hour(const struct rtc_state *s, u8 r)
{
	unsigned hour;

	if (s->ram[RTC_REG_B] & RTC_B_24H)
		return decode(s, r);
	hour = decode(s, r & (u8)~RTC_HOURS_PM);
	if (hour == 12)
		hour = 0;
	return hour + (r & RTC_HOURS_PM ? 12 : 0);
}

static bool is_time_reg(unsigned index)
{
	switch (index) {
	case RTC_SECONDS:
	case RTC_MINUTES:
	case RTC_HOURS:
	case RTC_DAY_OF_WEEK:
	case RTC_DAY_OF_MONTH:
	case RTC_MONTH:
	case RTC_YEAR:
	case RTC_CENTURY:
		return true;
	}
	return false;
}

static bool divider_reset(const struct rtc_state *s)
{
	return (s->ram[RTC_REG_A] & RTC_A_DV_RESET) == RTC_A_DV_RESET;
}

static bool halted(const struct rtc_state *s)
{
	return (s->ram[RTC_REG_B] & RTC_B_SET) || divider_reset(s);
}

static struct moment rtc_now(const struct rtc *r)
{
	u64 wall = r->dev.env->wall_ns(r->dev.env->ctx);
	struct moment m = { .sec = (s64)(wall / NS_PER_SEC) + r->s.offset_sec,
			    .ns = (u32)(wall % NS_PER_SEC) + r->s.offset_ns };

	if (m.ns >= NS_PER_SEC) {
		m.ns -= NS_PER_SEC;
		m.sec++;
	}
	return m;
}

static void set_now(struct rtc *r, s64 sec, u32 ns)
{
	u64 wall = r->dev.env->wall_ns(r->dev.env->ctx);
	s64 diff_ns = (s64)ns - (s64)(wall % NS_PER_SEC);

	r->s.offset_sec = sec - (s64)(wall / NS_PER_SEC) - (diff_ns < 0);
	r->s.offset_ns = (u32)(diff_ns < 0 ? diff_ns + NS_PER_SEC : diff_ns);
	r->s.synced_sec = sec;
}

static void time_to_ram(struct rtc_state *s, s64 sec)
{
	struct civil c = civil_from_sec(sec);

	s->ram[RTC_SECONDS] = encode(s, c.sec);
	s->ram[RTC_MINUTES] = encode(s, c.min);
	s->ram[RTC_HOURS] = encode_hour(s, c.hour);
	s->ram[RTC_DAY_OF_WEEK] = encode(s, (c.weekday + s->weekday_shift) % 7 + 1);
	s->ram[RTC_DAY_OF_MONTH] = encode(s, c.mday);
	s->ram[RTC_MONTH] = encode(s, c.month + 1);
	s->ram[RTC_YEAR] = encode(s, c.year % 100);
	s->ram[RTC_CENTURY] = encode(s, c.year / 100 % 100);
}

/* Values that are no time of day or date count as the nearest one that is. */
static s64 time_from_ram(struct rtc_state *s)
{
	unsigned weekday = decode(s, s->ram[RTC_DAY_OF_WEEK]);
	struct civil c = {
		.sec = MIN(decode(s, s->ram[RTC_SECONDS]), 59u),
		.min = MIN(decode(s, s->ram[RTC_MINUTES]), 59u),
		.hour = MIN(decode_hour(s, s->ram[RTC_HOURS]), 23u),
		.mday = MIN(MAX(decode(s, s->ram[RTC_DAY_OF_MONTH]), 1u), 31u),
		.month = MIN(MAX(decode(s, s->ram[RTC_MONTH]), 1u), 12u) - 1,
		.year = MIN(decode(s, s->ram[RTC_YEAR]), 99u) +
			MIN(decode(s, s->ram[RTC_CENTURY]), 99u) * 100,
	};
	s64 sec;

	c.mday = MIN(c.mday, month_days(c.year, c.month));
	sec = civil_to_sec(&c);
	s->weekday_shift = 0;
	if (weekday >= 1 && weekday <= 7)
		s->weekday_shift = (u8)((weekday - 1 + 7 - civil_from_sec(sec).weekday) % 7);
	return sec;
}

/* ---- alarm, periodic tick, flags ----------------------------------------------------------- */

static int alarm_field(const struct rtc_state *s, unsigned index, unsigned limit)
{
	u8 raw = s->ram[index];
	bool hours = index == RTC_HOURS_ALARM;
	unsigned v;

	if ((raw & RTC_ALARM_DONT_CARE) == RTC_ALARM_DONT_CARE)
		return ALARM_ANY;
	v = hours ? decode_hour(s, raw) : decode(s, raw);
	/* The chip compares bytes, so a byte that the clock never shows never matches. */
	if (v >= limit || (hours ? encode_hour(s, v) : encode(s, v)) != raw)
		return ALARM_NEVER;
	return (int)v;
}

/* The first second after sec at which the alarm matches, or NO_ALARM. */
static s64 next_alarm(const struct rtc_state *s, s64 sec)
{
	int hour = alarm_field(s, RTC_HOURS_ALARM, 24);
	int min = alarm_field(s, RTC_MINUTES_ALARM, 60);
	int second = alarm_field(s, RTC_SECONDS_ALARM, 60);
	int first = (int)(second_of_day(sec + 1) % 60);
	s64 minute_start = sec + 1 - first;

	if (hour == ALARM_NEVER || min == ALARM_NEVER || second == ALARM_NEVER)
		return NO_ALARM;
	for (int i = 0; i <= DAY_SECONDS / 60; i++, minute_start += 60, first = 0) {
		int of_day = (int)(second_of_day(minute_start) / 60);

		if (hour != ALARM_ANY && hour != of_day / 60) {
			int rest = 59 - of_day % 60; /* on to the next hour */

			minute_start += 60 * rest;
			i += rest;
			continue;
		}
		if (min != ALARM_ANY && min != of_day % 60)
			continue;
		if (second == ALARM_ANY)
			return minute_start + first;
		if (second >= first)
			return minute_start + second;
	}
	return NO_ALARM;
}

/* 32 kHz ticks from one periodic interrupt to the next, 0 for none (table 5 of the data sheet). */
static unsigned period_ticks(const struct rtc_state *s)
{
	unsigned rs = s->ram[RTC_REG_A] & RTC_A_RS;

	if (!rs || divider_reset(s))
		return 0;
	return 1u << (rs <= 2 ? rs + 6 : rs - 1);
}

static u64 ns_to_ticks(u64 ns)
{
	return ns / NS_PER_SEC * CRYSTAL_HZ + ns % NS_PER_SEC * CRYSTAL_HZ / NS_PER_SEC;
}

/* The first ns at which ns_to_ticks() reaches this tick. */
static u64 ticks_to_ns(u64 tick)
{
	return tick / CRYSTAL_HZ * NS_PER_SEC +
	       (tick % CRYSTAL_HZ * NS_PER_SEC + CRYSTAL_HZ - 1) / CRYSTAL_HZ;
}

/* Restores R2: sets the flags of what happened since the last look. */
static void sync_flags(struct rtc *r, struct moment now, u64 now_ns)
{
	struct rtc_state *s = &r->s;
	u64 tick = ns_to_ticks(now_ns);
	unsigned period = period_ticks(s);

	if (!halted(s) && now.sec > s->synced_sec) {
		s->ram[RTC_REG_C] |= RTC_C_UF;
		if (next_alarm(s, s->synced_sec) <= now.sec)
			s->ram[RTC_REG_C] |= RTC_C_AF;
	}
	s->synced_sec = now.sec;
	if (period && tick / period > s->synced_tick / period) {
		u64 due = tick / period - s->synced_tick / period;

		due -= !(s->ram[RTC_REG_C] & RTC_C_PF);
		if (r->catch_up && (s->ram[RTC_REG_B] & RTC_B_PIE))
			s->owed = (u32)MIN(s->owed + due, (u64)MAX_OWED);
		s->ram[RTC_REG_C] |= RTC_C_PF;
	}
	s->synced_tick = tick;
}

static u64 seconds_ahead(struct moment now, s64 sec, u64 now_ns)
{
	return now_ns + (u64)(sec - now.sec) * NS_PER_SEC - now.ns;
}

/* When the next enabled interrupt comes due, provided that none is waiting to be read. */
static u64 next_deadline(const struct rtc_state *s, struct moment now, u64 now_ns)
{
	u8 enabled = s->ram[RTC_REG_B];
	unsigned period = period_ticks(s);
	u64 deadline = DEV_NEVER;

	if ((enabled & RTC_B_UIE) && !halted(s))
		deadline = seconds_ahead(now, now.sec + 1, now_ns);
	if ((enabled & RTC_B_AIE) && !halted(s)) {
		s64 alarm = next_alarm(s, now.sec);

		if (alarm != NO_ALARM)
			deadline = MIN(deadline, seconds_ahead(now, alarm, now_ns));
	}
	if ((enabled & RTC_B_PIE) && period) {
		u64 tick = (ns_to_ticks(now_ns) / period + 1) * period;

		deadline = MIN(deadline, ticks_to_ns(tick));
	}
	return deadline;
}

/* Ends every operation: flags, interrupt request and timer follow the registers. Frees the lock. */
static void settle(struct rtc *r)
{
	struct rtc_state *s = &r->s;
	/* In this order the deadline errs on the late side, and one wake-up is enough. */
	struct moment now = rtc_now(r);
	u64 now_ns = r->dev.env->now_ns(r->dev.env->ctx);
	bool request;

	sync_flags(r, now, now_ns);
	request = s->ram[RTC_REG_C] & s->ram[RTC_REG_B] & INT_FLAGS;
	s->ram[RTC_REG_C] = (u8)((s->ram[RTC_REG_C] & INT_FLAGS) | (request ? RTC_C_IRQF : 0));
	dev_outputs_level(&r->out, request);
	r->out.deadline = request ? DEV_NEVER : next_deadline(s, now, now_ns);
	dev_outputs_unlock(&r->out, &r->dev, &r->lock);
}

static void sync_now(struct rtc *r)
{
	sync_flags(r, rtc_now(r), r->dev.env->now_ns(r->dev.env->ctx));
}

static void timer_fired(void *arg)
{
	struct rtc *r = arg;

	dev_lock(&r->lock);
	dev_outputs_fired(&r->out);
	settle(r);
}

/* ---- registers ----------------------------------------------------------------------------- */

static u8 read_register(struct rtc *r, unsigned index)
{
	struct rtc_state *s = &r->s;
	struct moment now;
	u8 value;

	if (index == RTC_REG_A) {
		now = rtc_now(r);
		return s->ram[index] |
		       (!halted(s) && now.ns >= NS_PER_SEC - UIP_NS ? RTC_A_UIP : 0);
	}
	if (index == RTC_REG_D)
		return RTC_D_VRT;
	if (index == RTC_REG_C) {
		sync_now(r);
		value = s->ram[RTC_REG_C] & INT_FLAGS;
		if (value & s->ram[RTC_REG_B])
			value |= RTC_C_IRQF;
		s->ram[RTC_REG_C] = 0;
		return value;
	}
	if (is_time_reg(index) && !halted(s))
		time_to_ram(s, rtc_now(r).sec);
	return s->ram[index];
}

/* A and B decide whether the clock runs; R1 is carried across the change. */
static void write_control(struct rtc *r, unsigned index, u8 value)
{
	struct rtc_state *s = &r->s;
	struct moment now = rtc_now(r);
	bool was_halted = halted(s), was_reset = divider_reset(s);

	sync_now(r); /* what happened so far counts by the old settings */
	s->owed = 0;
	if (!was_halted)
		time_to_ram(s, now.sec);
	if (index == RTC_REG_A)
		s->ram[index] = value & (u8)~RTC_A_UIP;
	else
		s->ram[index] = value & RTC_B_SET ? value & (u8)~RTC_B_UIE : value;
	/* Out of reset, the divider's first update comes half a second later. */
	if (was_reset && !divider_reset(s))
		now.ns = HALF_SECOND;
	if (was_halted && !halted(s))
		set_now(r, time_from_ram(s), now.ns);
	else if (was_reset && !divider_reset(s))
		set_now(r, now.sec, now.ns);
}

static void write_register(struct rtc *r, unsigned index, u8 value)
{
	struct rtc_state *s = &r->s;

	if (index == RTC_REG_C || index == RTC_REG_D)
		return;
	if (index == RTC_REG_A || index == RTC_REG_B) {
		write_control(r, index, value);
		return;
	}
	sync_now(r);
	if (is_time_reg(index) && !halted(s)) {
		struct moment now = rtc_now(r);

		time_to_ram(s, now.sec);
		s->ram[index] = value;
		set_now(r, time_from_ram(s), now.ns);
		return;
	}
	s->ram[index] = value;
}

static struct rtc *to_rtc(struct device *dev)
{
	return container_of(dev, struct rtc, dev);
}

/* One of the interrupts that are owed, as an edge of its own. */
static void pay(struct rtc *r)
{
	dev_lock(&r->lock);
	if (r->s.owed && !(r->s.ram[RTC_REG_C] & RTC_C_PF)) {
		r->s.owed--;
		r->s.ram[RTC_REG_C] |= RTC_C_PF;
	}
	settle(r);
}

static u64 rtc_read(struct device *dev, unsigned range, u64 offset, unsigned size)
{
	struct rtc *r = to_rtc(dev);
	u64 value = UINT64_MAX;

	(void)range;
	/* A wide access is one byte cycle for each port, as on the ISA bus. */
	for (unsigned i = 0; i < size; i++) {
		u8 byte;

		if (offset + i != 1)
			continue; /* the index port is write-only */
		dev_lock(&r->lock);
		byte = read_register(r, r->s.index);
		value = (value & ~(0xffULL << (8 * i))) | (u64)byte << (8 * i);
		if (r->s.index == RTC_REG_C) {
			settle(r); /* the read took the interrupt request away */
			pay(r);
		} else {
			dev_unlock(&r->lock);
		}
	}
	return size < 8 ? value & ((1ULL << (8 * size)) - 1) : value;
}

static void rtc_write(struct device *dev, unsigned range, u64 offset, unsigned size, u64 value)
{
	struct rtc *r = to_rtc(dev);

	(void)range;
	for (unsigned i = 0; i < size; i++, value >>= 8) {
		dev_lock(&r->lock);
		if (offset + i == 0)
			r->s.index = value & RTC_INDEX_MASK;
		if (offset + i == 1) {
			write_register(r, r->s.index, (u8)value);
			settle(r);
		} else {
			dev_unlock(&r->lock);
		}
	}
}

/* ---- life ------------------------------------------------------------------------------------ */

static void put_ram(struct rtc_state *s, unsigned index, unsigned size, u64 value)
{
	value = MIN(value, (1ULL << (8 * size)) - 1);
	for (unsigned i = 0; i < size; i++)
		s->ram[index + i] = (u8)(value >> (8 * i));
}

static void firmware_bytes(struct rtc_state *s, const struct guest_mem *mem)
{
	u64 low_end = mem ? guest_mem_low_end(mem) : 0;
	u64 size = mem ? guest_mem_size(mem) : 0;
	u64 above = mem ? guest_mem_end_above_4g(mem) - GPA_RAM_ABOVE_4G : 0;
	u64 ext = low_end > MiB ? low_end - MiB : 0;
	u64 above_16m = low_end > 16 * MiB ? low_end - 16 * MiB : 0;
	unsigned sum = 0;

	memset(s->ram + RTC_REG_D + 1, 0, RTC_CENTURY - RTC_REG_D - 1);
	s->ram[CMOS_EQUIPMENT] = CMOS_EQUIPMENT_FPU;
	put_ram(s, CMOS_BASE_KB, 2, MIN(size, GPA_VGA_HOLE) / KiB);
	put_ram(s, CMOS_EXT_KB, 2, ext / KiB);
	put_ram(s, CMOS_EXT_KB_ACTUAL, 2, ext / KiB);
	put_ram(s, CMOS_ABOVE_16M_64KB, 2, above_16m / (64 * KiB));
	put_ram(s, CMOS_ABOVE_4G_64KB, 3, above / (64 * KiB));
	for (unsigned i = CMOS_CHECKSUM_FIRST; i <= CMOS_CHECKSUM_LAST; i++)
		sum += s->ram[i];
	s->ram[CMOS_CHECKSUM] = (u8)(sum >> 8);
	s->ram[CMOS_CHECKSUM + 1] = (u8)sum;
}

static void rtc_reset(struct device *dev)
{
	struct rtc *r = to_rtc(dev);
	struct rtc_state *s = &r->s;

	dev_lock(&r->lock);
	if (halted(s))
		set_now(r, time_from_ram(s), rtc_now(r).ns);
	s->index = 0;
	s->ram[RTC_REG_A] = RTC_A_DEFAULT;
	s->ram[RTC_REG_B] = RTC_B_24H;
	sync_now(r);
	s->ram[RTC_REG_C] = 0;
	s->owed = 0;
	firmware_bytes(s, dev->env->mem);
	settle(r);
}

static int rtc_post_load(struct device *dev)
{
	struct rtc *r = to_rtc(dev);
	struct rtc_state *s = &r->s;

	if (s->index > RTC_INDEX_MASK || s->owed > MAX_OWED || s->weekday_shift > 6 ||
	    s->offset_ns >= NS_PER_SEC || s->offset_sec > MAX_OFFSET || s->offset_sec < -MAX_OFFSET)
		return -EINVAL;
	dev_lock(&r->lock);
	/* Seconds and ticks that passed while the machine was not running are no events. */
	s->synced_sec = rtc_now(r).sec;
	s->synced_tick = ns_to_ticks(dev->env->now_ns(dev->env->ctx));
	s->ram[RTC_REG_A] &= (u8)~RTC_A_UIP;
	dev_outputs_loaded(&r->out, s->ram[RTC_REG_C] & s->ram[RTC_REG_B] & INT_FLAGS);
	settle(r);
	return 0;
}

static void rtc_destroy(struct device *dev)
{
	struct rtc *r = to_rtc(dev);

	dev->env->timer_cancel(dev->env->ctx, r->out.timer);
	free(r);
}

static void rtc_describe_acpi(const struct device *dev, struct aml *a)
{
	aml_device_begin(a, "RTC");
	aml_name_eisaid(a, "_HID", "PNP0B00");
	aml_resources_begin(a, "_CRS");
	aml_resource_io(a, (u16)dev->range[0].base, (u8)dev->range[0].len);
	aml_resource_irq(a, dev->irq.gsi);
	aml_resources_end(a);
	aml_device_end(a);
}

/* Port-I/O has no address in a device tree, hence the property of our own. */
static int rtc_describe_fdt(const struct device *dev, void *fdt)
{
	const struct dev_range *r = &dev->range[0];
	const u32 port[2] = { cpu_to_fdt32((u32)r->base), cpu_to_fdt32((u32)r->len) };
	char name[32];
	int err;

	snprintf(name, sizeof(name), "rtc@%llx", (unsigned long long)r->base);
	err = fdt_begin_node(fdt, name);
	err = err ? err : fdt_property_string(fdt, "compatible", "motorola,mc146818");
	err = err ? err : fdt_property(fdt, "parallax,io-port", port, sizeof(port));
	err = err ? err : fdt_property_u32(fdt, "interrupts", dev->irq.gsi);
	return err ? err : fdt_end_node(fdt);
}

struct device *rtc_create(const struct dev_env *env, const struct dev_range *pio,
			  struct irq_line irq)
{
	struct rtc *r = calloc(1, sizeof(*r));
	struct dev_timer *timer;

	if (!r)
		return NULL;
	timer = env->timer_create(env->ctx, timer_fired, r);
	if (!timer) {
		free(r);
		return NULL;
	}
	r->dev = (struct device){
		.class = &rtc_class, .env = env, .irq = irq, .range = { *pio }, .nr_ranges = 1
	};
	dev_outputs_init(&r->out, timer);
	return &r->dev;
}

const struct device_class rtc_class = {
	.name = "rtc",
	.description = "MC146818 real-time clock and CMOS RAM",
	.reset = rtc_reset,
	.read = rtc_read,
	.write = rtc_write,
	.destroy = rtc_destroy,
	.state_offset = offsetof(struct rtc, s),
	.state_size = sizeof(struct rtc_state),
	.post_load = rtc_post_load,
	.describe_fdt = rtc_describe_fdt,
	.describe_acpi = rtc_describe_acpi,
};

void rtc_set_catch_up(struct device *dev, bool on)
{
	to_rtc(dev)->catch_up = on;
}
