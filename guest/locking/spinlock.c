/* SPDX-License-Identifier: MIT */
/*
 * spinlock.c - waiting for a ticket lock, see spinlock.h. Who goes to sleep says for which lock and ticket;
 * who unlocks looks for the ticket that comes next.
 *
 * Rule P1: the sleeper writes its note, then looks at the lock; who unlocks changes the lock, then looks for
 * notes. Both are ordered by a full barrier, so that one of them sees the other.
 * Rule P2: a lock is not touched after the change that frees it: its memory may be somebody else's.
 */
#include "guest/locking/spinlock.h"

#define MAX_CPUS 256
#define MAX_DEPTH \
	4 /* a task, a softirq and an interrupt on top, each waiting for a lock; one to spare */
#define PATIENCE \
	1024 /* looks at the lock before sleep: far longer than locks are held by who runs */

struct note {
	spinlock_t *lock; /* written last; NULL: no note */
	u16 ticket;
};

static struct sleeper {
	struct note note[MAX_DEPTH];
	unsigned depth;
	u64 sleeps, kicks; /* kicks: given, not received */
} __attribute__((aligned(64))) sleepers[MAX_CPUS];

static const struct spin_help *help;
bool spin_is_helped;

void spin_use_help(const struct spin_help *h)
{
	BUG_ON(env_nr_cpus() > MAX_CPUS);
	help = h;
	spin_is_helped = h;
}

struct spin_counts spin_counts(void)
{
	struct spin_counts sum = { 0 };

	for (unsigned cpu = 0; spin_is_helped && cpu < env_nr_cpus(); cpu++) {
		sum.sleeps += __atomic_load_n(&sleepers[cpu].sleeps, __ATOMIC_RELAXED);
		sum.kicks += __atomic_load_n(&sleepers[cpu].kicks, __ATOMIC_RELAXED);
	}
	return sum;
}

static bool is_served(const spinlock_t *lock, u16 ticket)
{
	return __atomic_load_n(&lock->owner, __ATOMIC_ACQUIRE) == ticket;
}

static void sleep_for(spinlock_t *lock, u16 ticket)
{
	u64 flags = env_irq_save();
	struct sleeper *me = &sleepers[env_cpu()];
	struct note *note = &me->note[me->depth];

	if (me->depth < MAX_DEPTH) {
		me->depth++; /* interrupts that come during the sleep have notes of their own */
		note->ticket = ticket;
		__atomic_store_n(&note->lock, lock, __ATOMIC_RELEASE);
		__atomic_thread_fence(__ATOMIC_SEQ_CST); /* P1 */
		if (!is_served(lock, ticket)) {
			me->sleeps++;
			help->sleep(flags);
		}
		__atomic_store_n(&note->lock, NULL, __ATOMIC_RELEASE);
		me->depth--;
	}
	env_irq_restore(flags);
}

void spin_wait(spinlock_t *lock, u16 ticket)
{
	for (unsigned looks = 1; !is_served(lock, ticket); looks++) {
		env_relax();
		if (looks % PATIENCE == 0 && spin_is_helped)
			sleep_for(lock, ticket);
	}
}

static void kick_sleeper(const spinlock_t *lock, u16 ticket)
{
	for (unsigned cpu = 0; cpu < env_nr_cpus(); cpu++) {
		for (unsigned i = 0; i < MAX_DEPTH; i++) {
			const struct note *n = &sleepers[cpu].note[i];

			if (__atomic_load_n(&n->lock, __ATOMIC_ACQUIRE) != lock ||
			    __atomic_load_n(&n->ticket, __ATOMIC_RELAXED) != ticket)
				continue;
			__atomic_add_fetch(&sleepers[env_cpu()].kicks, 1, __ATOMIC_RELAXED);
			help->kick(cpu);
			return;
		}
	}
}

void spin_unlock_helped(spinlock_t *lock)
{
	/* One change of both halves says who waits as of the moment of unlocking (P2), and is a barrier (P1). */
	u32 old = __atomic_fetch_add(&lock->both, 1u << 16, __ATOMIC_SEQ_CST);
	u16 served = (u16)((old >> 16) + 1);

	if ((u16)old != served)
		kick_sleeper(lock, served);
}
