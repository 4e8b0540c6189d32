/* SPDX-License-Identifier: MIT */
/* calibrate.c - see calibrate.h. */
#include "guest/platform/calibrate.h"
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/lapic.h"
#include "guest/kernel/boot_info.h"
#include "guest/kernel/time.h"
#include "guest/platform/i8254.h"
#include "devices/abi/pc.h"

#define PIT_TICKS      4772	/* 4 ms */
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

bool calibrate_by_pit(struct calibration *out)
{
	struct sample a, b;
	u32 elapsed;

	if (!i8254_present())
		return false;
	/* Anew when it was woken by something else, or when the host was away for so long before the
	 * first sample that the one interrupt came with it: there would be no other. */
	do {
		if (lapic_present())
			lapic_timer_measure_start();
		i8254_one_shot(PIT_TICKS);
		a = take_sample(read_pit);
		safe_halt();
		local_irq_disable();
		b = take_sample(read_pit);
		elapsed = (u16)(a.reference - b.reference); /* it counts down */
	} while (elapsed < PIT_TICKS / 2);
	conclude(out, &a, &b, PC_PIT_HZ, elapsed);
	return true;
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
