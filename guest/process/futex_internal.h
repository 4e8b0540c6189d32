/* SPDX-License-Identifier: MIT */
/*
 * futex_internal.h - what futex.c and futex_pi.c share. A word is known by its address space and
 * address, or, where areas share it, by its page and offset; waiters of one word hash to one bucket.
 * As on Linux, a word that nobody shares is another one for those who ask for it as if it were shared.
 */
#ifndef GUEST_PROCESS_FUTEX_INTERNAL_H
#define GUEST_PROCESS_FUTEX_INTERNAL_H

#include "guest/arch/x86/uaccess.h"
#include "guest/locking/rt_mutex.h"
#include "guest/process/internal.h"

#define FUTEX_WAITERS	 0x80000000u
#define FUTEX_OWNER_DIED 0x40000000u
#define FUTEX_TID_MASK	 0x3fffffffu

struct futex_key {
	const void *space; /* the mm, or the page */
	u64 offset; /* | FUTEX_KEY_MAYBE_SHARED: the mm's, but asked for without FUTEX_PRIVATE_FLAG */
};
#define FUTEX_KEY_MAYBE_SHARED 1 /* a word's address is a multiple of 4 */

struct bucket {
	spinlock_t lock;
	struct list_head waiters;
	struct list_head states; /* struct pi_state */
};

struct pi_state;

struct futex_waiter {
	struct list_head node; /* bucket->lock; empty: woken */
	struct futex_key key;
	struct bucket *bucket; /* changes when requeued; the old and new lock are held */
	struct task_struct *task;
	u32 bitset;
	/* Of PI futexes; bucket->lock. */
	struct pi_state *pi;		    /* what it waits for; NULL: not that */
	struct rt_mutex_waiter rt;	    /* in pi's lock */
	const struct futex_key *requeue_to; /* FUTEX_WAIT_REQUEUE_PI; NULL: not that */
	bool owner_died; /* the lock came to it by a death: the word does not say so yet */
};

struct bucket *futex_bucket(const struct futex_key *key);
void futex_lock_two(struct bucket *a, struct bucket *b);
void futex_unlock_two(struct bucket *a, struct bucket *b);

static inline bool futex_same_key(const struct futex_key *a, const struct futex_key *b)
{
	return a->space == b->space && a->offset == b->offset;
}

/* *page: a reference to be dropped by futex_put_key(); NULL for private ones. -EINVAL, -EFAULT. */
int futex_get_key(u64 uaddr, bool private, struct futex_key *key, struct page **page);
void futex_put_key(struct page *page);

/* By rank among those who wait, first come first served among equals. bucket->lock held. */
void futex_enqueue(struct futex_waiter *w, struct bucket *b);
/* Off the queue, wherever it has been moved to. Whether it was there still. */
bool futex_dequeue(struct futex_waiter *w);
/* bucket->lock held. After this the waiter may be gone. */
void futex_wake_waiter(struct futex_waiter *w);
/* Until woken, the deadline, or a signal: 0, -ETIMEDOUT, -EINTR. The waiter may still be queued. */
int futex_sleep(struct futex_waiter *w, u64 deadline);

static inline bool futex_is_queued(const struct futex_waiter *w)
{
	return __atomic_load_n(&w->node.next, __ATOMIC_ACQUIRE) != &w->node;
}

/* futex_pi.c */
void futex_exit_pi(struct uthread *u);
s64 futex_lock_pi(u64 uaddr, bool private, u64 deadline, bool try);
s64 futex_unlock_pi(u64 uaddr, bool private);
s64 futex_wait_requeue_pi(u64 uaddr, bool private, u32 val, u64 deadline, u64 uaddr2);
s64 futex_cmp_requeue_pi(u64 uaddr, bool private, unsigned wake, unsigned move, u64 uaddr2,
			 u32 expected);

#endif
