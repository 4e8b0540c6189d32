/* SPDX-License-Identifier: MIT */
/*
 * calendar.h - the Gregorian calendar, carried back to year 0, without time zones or leap seconds.
 * Pure functions: unlike libc's, they take no lock and read no time zone file.
 */
#ifndef DEVICES_CALENDAR_H
#define DEVICES_CALENDAR_H

#include "base/types.h"

#define DAY_SECONDS 86400

struct civil {
	unsigned year;
	unsigned month;	  /* 0..11 */
	unsigned mday;	  /* 1..31 */
	unsigned weekday; /* 0 is Sunday; ignored by civil_to_sec() */
	unsigned hour, min, sec;
};

/* Seconds since 1970-01-01 00:00; every field must be in its range. */
s64 civil_to_sec(const struct civil *c);

/* The reverse; times before year 0 yield a day of 0000-01-01. */
struct civil civil_from_sec(s64 sec);

/* 0..86399, also for negative times. */
s64 second_of_day(s64 sec);

/* month 0..11 */
unsigned month_days(unsigned year, unsigned month);

#endif
