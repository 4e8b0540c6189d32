/* SPDX-License-Identifier: MIT */
/* wallclock.c - see wallclock.h. */
#include "guest/kernel/wallclock.h"
#include "guest/arch/x86/asm.h"
#include "guest/kernel/time.h"

enum { CMOS_INDEX = 0x70, CMOS_DATA = 0x71 };
enum {
	RTC_SECONDS = 0,
	RTC_MINUTES = 2,
	RTC_HOURS = 4,
	RTC_DAY = 7,
	RTC_MONTH = 8,
	RTC_YEAR = 9,
	RTC_A = 10,
	RTC_B = 11,
	RTC_CENTURY = 0x32
};

static u64 offset; /* what clock_ns() lacks */

struct rtc_time {
	u8 s, min, h, d, mon, y, century;
};

static u8 cmos(u8 reg)
{
	outb(CMOS_INDEX, reg);
	return inb(CMOS_DATA);
}

static struct rtc_time read_once(void)
{
	return (struct rtc_time){ cmos(RTC_SECONDS), cmos(RTC_MINUTES), cmos(RTC_HOURS),
				  cmos(RTC_DAY),     cmos(RTC_MONTH),	cmos(RTC_YEAR),
				  cmos(RTC_CENTURY) };
}

static unsigned number(u8 v, bool binary)
{
	return binary ? v : (v >> 4) * 10u + (v & 15);
}

/* Days from 1970-01-01, proleptic Gregorian: March is the first month, so leap days come last. */
static u64 days(unsigned y, unsigned m, unsigned d)
{
	unsigned mm = m > 2 ? m - 3 : m + 9, yy = m > 2 ? y : y - 1;

	return 365ul * yy + yy / 4 - yy / 100 + yy / 400 + (153 * mm + 2) / 5 + d - 1 - 719468;
}

void wallclock_init(void)
{
	struct rtc_time t, again;
	bool binary, pm;
	unsigned year, hour, tries = 0;

	/* Two equal readings in a row: no update in between. */
	do {
		t = read_once();
		again = read_once();
	} while (__builtin_memcmp(&t, &again, sizeof(t)) && ++tries < 100);
	binary = cmos(RTC_B) & 4;
	pm = !(cmos(RTC_B) & 2) && (t.h & 0x80);
	hour = number(t.h & 0x7f, binary);
	if (!(cmos(RTC_B) & 2))
		hour = hour % 12 + (pm ? 12 : 0);
	year = number(t.century, binary) * 100 + number(t.y, binary);
	if (year < 1970)
		year = 2000 + number(t.y, binary);
	if (t.mon == 0 || number(t.mon, binary) > 12 || number(t.d, binary) - 1 > 30 || hour > 23)
		return;
	offset = (((days(year, number(t.mon, binary), number(t.d, binary)) * 24 + hour) * 60 +
		   number(t.min, binary)) *
			  60 +
		  number(t.s, binary)) *
			 NSEC_PER_SEC -
		 clock_ns();
}

u64 wallclock_ns(void)
{
	return clock_ns() + READ_ONCE(offset);
}

u64 wallclock_offset(void)
{
	return READ_ONCE(offset);
}

void wallclock_set(u64 ns)
{
	WRITE_ONCE(offset, ns - clock_ns());
}
