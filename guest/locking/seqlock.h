/* SPDX-License-Identifier: MIT */
/*
 * seqlock.h - for values read often and written rarely: readers take no lock, they look again when a
 * writer was there meanwhile. The number is odd while one is at work. What is read may be torn until
 * read_seqretry() has said no: it must not be followed as a pointer before.
 */
#ifndef GUEST_LOCKING_SEQLOCK_H
#define GUEST_LOCKING_SEQLOCK_H

#include "guest/lib/atomic.h"
#include "guest/locking/spinlock.h"

/* Writers serialise themselves, with preemption off. */
typedef struct {
	u32 sequence;
} seqcount_t;

typedef struct {
	seqcount_t count;
	spinlock_t lock;
} seqlock_t;

static inline void seqcount_init(seqcount_t *s)
{
	s->sequence = 0;
}

static inline u32 read_seqcount_begin(const seqcount_t *s)
{
	u32 seq;

	while ((seq = smp_load_acquire(&s->sequence)) & 1)
		env_relax();
	return seq;
}

static inline bool read_seqcount_retry(const seqcount_t *s, u32 start)
{
	smp_rmb(); /* the data before the number */
	return READ_ONCE(s->sequence) != start;
}

static inline void write_seqcount_begin(seqcount_t *s)
{
	WRITE_ONCE(s->sequence, s->sequence + 1);
	smp_wmb();
}

static inline void write_seqcount_end(seqcount_t *s)
{
	smp_store_release(&s->sequence, s->sequence + 1);
}

static inline void seqlock_init(seqlock_t *s)
{
	seqcount_init(&s->count);
	spin_lock_init(&s->lock);
}

static inline u32 read_seqbegin(const seqlock_t *s)
{
	return read_seqcount_begin(&s->count);
}

static inline bool read_seqretry(const seqlock_t *s, u32 start)
{
	return read_seqcount_retry(&s->count, start);
}

static inline void write_seqlock(seqlock_t *s)
{
	spin_lock(&s->lock);
	write_seqcount_begin(&s->count);
}

static inline void write_sequnlock(seqlock_t *s)
{
	write_seqcount_end(&s->count);
	spin_unlock(&s->lock);
}

static inline u64 write_seqlock_irqsave(seqlock_t *s)
{
	u64 flags = spin_lock_irqsave(&s->lock);

	write_seqcount_begin(&s->count);
	return flags;
}

static inline void write_sequnlock_irqrestore(seqlock_t *s, u64 flags)
{
	write_seqcount_end(&s->count);
	spin_unlock_irqrestore(&s->lock, flags);
}

#endif
