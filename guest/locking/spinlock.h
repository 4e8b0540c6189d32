/* SPDX-License-Identifier: MIT */
/*
 * spinlock.h - a ticket lock: CPUs get it in the order in which they came.
 *
 * Holding one means preemption is off; a lock that an interrupt handler takes too is taken with
 * the _irqsave forms everywhere else, or the handler would wait for the code it interrupted.
 *
 * A virtual CPU that waits burns time which the holder may need, and hands the lock to CPUs that do not run.
 * Where a hypervisor can put CPUs to sleep and wake them (spin_use_help()), who has waited for long sleeps,
 * and who unlocks wakes the next in line.
 */
#ifndef GUEST_LOCKING_SPINLOCK_H
#define GUEST_LOCKING_SPINLOCK_H

#include "guest/lib/env.h"

typedef union {
	struct {
		u16 next;  /* the ticket to draw */
		u16 owner; /* the ticket being served */
	};
	u32 both;
} spinlock_t;

struct spin_help {
	/* Returns when this CPU was kicked or interrupted, before or during the call, or at any other time. IRQs
	 * are off here; during the sleep they are as env_irq_save() found them (irqs), then off again. */
	void (*sleep)(u64 irqs);
	/* Ends that CPU's sleep, or its next one. Any context. */
	void (*kick)(unsigned cpu);
};

/* While there is one CPU; for ever. */
void spin_use_help(const struct spin_help *help);

/* Times that a CPU slept for a lock, and that one was kicked out of that. */
struct spin_counts {
	u64 sleeps, kicks;
};
struct spin_counts spin_counts(void);

/* For the functions below. */
extern bool spin_is_helped;
void spin_wait(spinlock_t *lock, u16 ticket);
void spin_unlock_helped(spinlock_t *lock);

#define SPINLOCK_INIT        \
	{                    \
		{            \
			0, 0 \
		}            \
	}
#define DEFINE_SPINLOCK(name) spinlock_t name = SPINLOCK_INIT

static inline void spin_lock_init(spinlock_t *lock)
{
	*lock = (spinlock_t)SPINLOCK_INIT;
}

static inline bool spin_is_locked(const spinlock_t *lock)
{
	return __atomic_load_n(&lock->owner, __ATOMIC_RELAXED) !=
	       __atomic_load_n(&lock->next, __ATOMIC_RELAXED);
}

/* The bare lock, for callers that have preemption off anyway. */
static inline void raw_spin_lock(spinlock_t *lock)
{
	u16 ticket = __atomic_fetch_add(&lock->next, 1, __ATOMIC_RELAXED);

	if (unlikely(__atomic_load_n(&lock->owner, __ATOMIC_ACQUIRE) != ticket))
		spin_wait(lock, ticket);
}

static inline bool raw_spin_trylock(spinlock_t *lock)
{
	u16 owner = __atomic_load_n(&lock->owner, __ATOMIC_ACQUIRE);
	u16 expected = owner;

	return __atomic_compare_exchange_n(&lock->next, &expected, (u16)(owner + 1), false,
					   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static inline void raw_spin_unlock(spinlock_t *lock)
{
	if (unlikely(spin_is_helped)) {
		spin_unlock_helped(lock);
		return;
	}
	/* Only the holder writes owner: no atomic addition needed. */
	__atomic_store_n(&lock->owner, (u16)(lock->owner + 1), __ATOMIC_RELEASE);
}

static inline void spin_lock(spinlock_t *lock)
{
	env_preempt_disable();
	raw_spin_lock(lock);
}

static inline bool spin_trylock(spinlock_t *lock)
{
	env_preempt_disable();
	if (raw_spin_trylock(lock))
		return true;
	env_preempt_enable();
	return false;
}

static inline void spin_unlock(spinlock_t *lock)
{
	raw_spin_unlock(lock);
	env_preempt_enable();
}

/* Returns the interrupt state for spin_unlock_irqrestore(). */
static inline u64 spin_lock_irqsave(spinlock_t *lock)
{
	u64 flags = env_irq_save();

	spin_lock(lock);
	return flags;
}

static inline void spin_unlock_irqrestore(spinlock_t *lock, u64 flags)
{
	raw_spin_unlock(lock);
	/* Interrupts first: enabling preemption may switch tasks, and does so with them on. */
	env_irq_restore(flags);
	env_preempt_enable();
}

#endif
