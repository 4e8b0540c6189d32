/* SPDX-License-Identifier: MIT */
/* calibrate.c - see calibrate.h. */
#include "guest/platform/calibrate.h"
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/lapic.h"
#include "guest/kernel/boot_info.h"
#include "guest/kernel/time.h"
#include "guest/platform/i8254.h"
#include "devices/abi/pc.h"

#define PIT_TICKS      4772 /* 4 ms */
#define MAX_TRIES      1000
#define PM_TIMER_TICKS 7159	/* 2 ms */
#define PM_TIMER_MASK  0xffffff /* 24 bits count everywhere, 32 only where the FADT says so */
#define SPIN_NS	       (100 * NSEC_PER_USEC)

struct sample {
	u64 tsc;
	u32 reference; /* the counter of known rate */
	u32 lapic;
	u64 width; /* TSC cycles that taking the sample took: its uncertainty */
};

static u32 read_pit(void)
{
	return i8254_read();
}

static u32 read_pm_timer(void)
{
	return inl(boot_info.pm_timer) & PM_TIMER_MASK;
}

/* The tightest of a few: an exit or a preemption of the host in the middle makes one wide. */
static struct sample take_sample(u32 (*read_reference)(void))
{
	struct sample best = { .width = UINT64_MAX };

	for (unsigned i = 0; i < 3; i++) {
		struct sample s;
		u64 before = rdtsc();

		s.reference = read_reference();
		s.lapic = lapic_present() ? lapic_timer_measure_read() : 0;
		s.tsc = rdtsc();
		s.width = s.tsc - before;
		if (s.width < best.width)
			best = s;
	}
	return best;
}

static void conclude(struct calibration *out, const struct sample *a, const struct sample *b,
		     u64 hz, u32 elapsed)
{
	out->tsc_hz = (b->tsc - a->tsc) * hz / elapsed;
	out->lapic_hz = (u64)(a->lapic - b->lapic) * hz / elapsed;
}

/* A host that lets us wait makes the PIT go round, every 55 ms; the PM timer takes almost 5 s. */
static bool went_round(u32 pit_ticks, u32 pm_ticks)
{
	u64 expected = (u64)pm_ticks * PC_PIT_HZ / PC_PM_TMR_HZ;

	return boot_info.pm_timer && expected > pit_ticks + UINT16_MAX / 2;
}

bool calibrate_by_pit(struct calibration *out)
{
	struct sample a, b;

	if (!i8254_present())
		return false;
	if (lapic_present())
		lapic_timer_measure_start();
	/* Armed anew each time: once it has fired it counts on, and wakes nobody. */
	for (unsigned tries = 0; tries < MAX_TRIES; tries++) {
		u32 pm = boot_info.pm_timer ? read_pm_timer() : 0, elapsed;

		i8254_one_shot(PIT_TICKS);
		a = take_sample(read_pit);
		safe_halt();
		local_irq_disable();
		b = take_sample(read_pit);
		elapsed = (u16)(a.reference - b.reference); /* it counts down */
		if (boot_info.pm_timer)
			pm = (read_pm_timer() - pm) & PM_TIMER_MASK;
		/* Less: woken by something else. */
		if (elapsed < PIT_TICKS / 2 || went_round(elapsed, pm))
			continue;
		conclude(out, &a, &b, PC_PIT_HZ, elapsed);
		return true;
	}
	return false;
}

bool calibrate_by_pm_timer(struct calibration *out)
{
	struct sample a, b;
	u32 elapsed;

	/* All ones, or a timer that stands still, is no timer; reading it takes a microsecond. */
	if (!boot_info.pm_timer || inl(boot_info.pm_timer) == UINT32_MAX)
		return false;
	if (lapic_present())
		lapic_timer_measure_start();
	a = take_sample(read_pm_timer);
	for (u32 reads = 0;; reads++) {
		elapsed = (read_pm_timer() - a.reference) & PM_TIMER_MASK;
		if (elapsed >= PM_TIMER_TICKS)
			break;
		if (!elapsed && reads > 1000)
			return false;
	}
	b = take_sample(read_pm_timer);
	elapsed = (b.reference - a.reference) & PM_TIMER_MASK;
	conclude(out, &a, &b, PC_PM_TMR_HZ, elapsed);
	return true;
}

u64 calibrate_lapic_by_clock(void)
{
	u64 start, now;
	u32 a, b;

	lapic_timer_measure_start();
	start = clock_ns();
	a = lapic_timer_measure_read();
	do {
		now = clock_ns();
		b = lapic_timer_measure_read();
	} while (now - start < SPIN_NS);
	return (u64)(a - b) * NSEC_PER_SEC / (now - start);
}
