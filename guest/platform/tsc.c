/* SPDX-License-Identifier: MIT */
/* tsc.c - cycles to nanoseconds by one multiplication: ns = cycles * mult >> 32. */
#include "guest/platform/tsc.h"
#include "guest/arch/x86/asm.h"
#include "guest/kernel/time.h"
#include "guest/lib/math.h"

static u64 mult, base;

static u64 tsc_read_ns(void)
{
	return mul_u64_u64_shr(rdtsc() - base, mult, 32);
}

void tsc_clock_register(u64 hz)
{
	/* The virtual TSCs of several CPUs may differ by a few cycles. */
	static const struct clocksource tsc = { "TSC", tsc_read_ns, true };

	mult = (NSEC_PER_SEC << 32) / hz;
	base = rdtsc();
	clock_register(&tsc, hz);
}
