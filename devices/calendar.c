/* SPDX-License-Identifier: MIT */
/* calendar.c - seconds to dates and back. */
#include "devices/calendar.h"

#define EPOCH_DAYS 719528 /* from 0000-01-01 to 1970-01-01 */

static bool leap(unsigned year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static s64 days_before_year(s64 year)
{
	return year * 365 + (year + 3) / 4 - (year + 99) / 100 + (year + 399) / 400;
}

unsigned month_days(unsigned year, unsigned month)
{
	static const u8 days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return days[month] + (month == 1 && leap(year));
}

s64 civil_to_sec(const struct civil *c)
{
	s64 days = days_before_year(c->year) + c->mday - 1;

	for (unsigned m = 0; m < c->month; m++)
		days += month_days(c->year, m);
	return (days - EPOCH_DAYS) * DAY_SECONDS + c->hour * 3600 + c->min * 60 + c->sec;
}

s64 second_of_day(s64 sec)
{
	s64 rest = sec % DAY_SECONDS;

	return rest < 0 ? rest + DAY_SECONDS : rest;
}

struct civil civil_from_sec(s64 sec)
{
	s64 of_day = second_of_day(sec), days, left;
	struct civil c = { .hour = (unsigned)(of_day / 3600),
			   .min = (unsigned)(of_day / 60 % 60),
			   .sec = (unsigned)(of_day % 60) };

	days = MAX((sec - of_day) / DAY_SECONDS + EPOCH_DAYS, 0);
	c.weekday = (unsigned)((days + 6) % 7); /* 0000-01-01 was a Saturday */
	c.year = (unsigned)(days * 400 / 146097);
	while (days_before_year(c.year) > days)
		c.year--;
	while (days_before_year(c.year + 1) <= days)
		c.year++;
	left = days - days_before_year(c.year);
	while (left >= month_days(c.year, c.month))
		left -= month_days(c.year, c.month++);
	c.mday = (unsigned)left + 1;
	return c;
}
