/* SPDX-License-Identifier: MIT */
/*
 * pelt.c - load averages that forget: time is cut into periods of 1024 us, and what happened n
 * periods ago counts y^n of what happens now, with y^32 = 1/2. A task that ran all the time has
 * util 1024; its half-life as history is 32 ms.
 *
 * A time of p full periods adds, with d the part that filled up the old period and r the rest:
 *	d * y^p  +  1024 * (y + y^2 + ... + y^(p-1))  +  r
 */
#include "guest/lib/math.h"
#include "guest/sched/internal.h"

#define PELT_PERIOD 1024u
#define HALF_LIFE   32u

/* y^n in 32 bits of fraction. */
static const u32 y_pow[HALF_LIFE] = {
	0xffffffffu, 0xfa83b2dbu, 0xf5257d15u, 0xefe4b99bu, 0xeac0c6e7u, 0xe5b906e7u, 0xe0ccdeecu,
	0xdbfbb797u, 0xd744fccau, 0xd2a81d91u, 0xce248c15u, 0xc9b9bd86u, 0xc5672a11u, 0xc12c4ccau,
	0xbd08a39fu, 0xb8fbaf47u, 0xb504f333u, 0xb123f581u, 0xad583eeau, 0xa9a15ab4u, 0xa5fed6a9u,
	0xa2704303u, 0x9ef53260u, 0x9b8d39b9u, 0x9837f051u, 0x94f4efa8u, 0x91c3d373u, 0x8ea4398bu,
	0x8b95c1e3u, 0x88980e80u, 0x85aac367u, 0x82cd8698u,
};

u64 pelt_decay(u64 value, u64 periods)
{
	if (periods >= 63 * HALF_LIFE)
		return 0;
	value >>= periods / HALF_LIFE;
	return mul_u64_u32_shr(value, y_pow[periods % HALF_LIFE], 32);
}

/* What `us` add to a sum of 1024 a period, beginning `contrib` us into one. */
static u64 contribution(u64 us, u32 contrib, u64 periods)
{
	u64 first, middle, last;

	if (!periods)
		return us;
	first = pelt_decay(PELT_PERIOD - contrib, periods);
	middle = PELT_MAX - pelt_decay(PELT_MAX, periods) - PELT_PERIOD;
	last = (us + contrib) % PELT_PERIOD;
	return first + middle + last;
}

bool update_sched_avg(struct sched_avg *sa, u64 now, u64 weight, unsigned runnable, bool running)
{
	u64 us, periods, add;
	u32 divider;

	if ((s64)(now - sa->last_update_time) < 0) {
		sa->last_update_time = now; /* came from a CPU whose clock is ahead */
		return false;
	}
	us = (now - sa->last_update_time) >> 10;
	if (!us)
		return false;
	sa->last_update_time += us << 10;
	periods = (us + sa->period_contrib) / PELT_PERIOD;
	if (periods) {
		sa->load_sum = pelt_decay(sa->load_sum, periods);
		sa->runnable_sum = pelt_decay(sa->runnable_sum, periods);
		sa->util_sum = (u32)pelt_decay(sa->util_sum, periods);
	}
	add = contribution(us, sa->period_contrib, periods);
	sa->period_contrib = (u32)((us + sa->period_contrib) % PELT_PERIOD);
	sa->load_sum += weight * add;
	sa->runnable_sum += runnable * add;
	if (running)
		sa->util_sum += (u32)add;
	if (!periods)
		return false;
	/* The sum of a signal that was always 1: the current period counts as far as it has come. */
	divider = PELT_MAX - PELT_PERIOD + sa->period_contrib;
	sa->load_avg = (u32)(sa->load_sum / divider);
	sa->runnable_avg = (u32)((sa->runnable_sum << 10) / divider);
	sa->util_avg = (u32)(((u64)sa->util_sum << 10) / divider);
	return true;
}
