/* SPDX-License-Identifier: MIT */
/* random.c - see random.h. */
#include "guest/kernel/random.h"
#include "guest/arch/x86/asm.h"
#include "guest/kernel/time.h"
#include "guest/lib/rand.h"
#include "guest/locking/spinlock.h"

static struct rand state;
static DEFINE_SPINLOCK(lock);

/* SDM volume 1, 7.3.17: the carry says whether there was a number. */
static bool rdrand(u64 *v)
{
	bool ok;

	__asm__ volatile("rdrand %0\n\tsetc %1" : "=r"(*v), "=qm"(ok) : : "cc");
	return ok;
}

void random_init(void)
{
	u64 seed = rdtsc() ^ clock_ns() << 32, v = 0;

	if (cpuid(1, 0).ecx >> 30 & 1 && rdrand(&v))
		seed ^= v;
	rand_init(&state, seed);
}

void random_bytes(void *buf, size_t n)
{
	u64 flags = spin_lock_irqsave(&lock);

	/* When somebody asks is a little noise, too. */
	state.s[0] ^= rdtsc();
	rand_fill(&state, buf, n);
	spin_unlock_irqrestore(&lock, flags);
}
