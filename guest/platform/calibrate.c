/* SPDX-License-Identifier: MIT */
/* calibrate.c - see calibrate.h. */
#include "guest/platform/calibrate.h"
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/lapic.h"
#include "guest/kernel/time.h"
#include "guest/platform/i8254.h"
#include "devices/abi/pc.h"

#define PIT_TICKS 4772 /* 4 ms */
#define SPIN_NS	  (100 * NSEC_PER_USEC)

struct sample {
	u64 tsc;
	u16 pit;
	u32 lapic;
	u64 width; /* TSC cycles that taking the sample took: its uncertainty */
};

/* The tightest of a few: an exit or a preemption of the host in the middle makes one wide. */
static struct sample take_sample(void)
{
	struct sample best = { .width = UINT64_MAX };

	for (unsigned i = 0; i < 3; i++) {
		struct sample s;
		u64 before = rdtsc();

		s.pit = i8254_read();
		s.lapic = lapic_present() ? lapic_timer_measure_read() : 0;
		s.tsc = rdtsc();
		s.width = s.tsc - before;
		if (s.width < best.width)
			best = s;
	}
	return best;
}

bool calibrate_by_pit(struct calibration *out)
{
	struct sample a, b;
	u32 elapsed;

	if (!i8254_present())
		return false;
	if (lapic_present())
		lapic_timer_measure_start();
	i8254_one_shot(PIT_TICKS);
	a = take_sample();
	do {
		safe_halt();
		local_irq_disable();
		b = take_sample();
		elapsed = (u16)(a.pit - b.pit);
	} while (elapsed < PIT_TICKS / 2); /* woken by something else */
	out->tsc_hz = (b.tsc - a.tsc) * PC_PIT_HZ / elapsed;
	out->lapic_hz = (u64)(a.lapic - b.lapic) * PC_PIT_HZ / elapsed;
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
