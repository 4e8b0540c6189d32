/* SPDX-License-Identifier: MIT */
/*
 * futex.c - see futex.h. A word is known by its address space and address, or, where areas share it
 * (MAP_SHARED, FUTEX without PRIVATE), by its page and offset; waiters of one word hash to one bucket.
 */
#include "guest/process/futex.h"
#include "guest/arch/x86/uaccess.h"
#include "guest/kernel/time.h"
#include "guest/lib/hash.h"
#include "guest/lib/string.h"
#include "guest/process/internal.h"

enum {
	FUTEX_WAIT,
	FUTEX_WAKE,
	FUTEX_FD,
	FUTEX_REQUEUE,
	FUTEX_CMP_REQUEUE,
	FUTEX_WAKE_OP,
	FUTEX_LOCK_PI,
	FUTEX_UNLOCK_PI,
	FUTEX_TRYLOCK_PI,
	FUTEX_WAIT_BITSET,
	FUTEX_WAKE_BITSET,
	FUTEX_PRIVATE_FLAG = 128,
	FUTEX_CLOCK_REALTIME = 256,
};

#define FUTEX_WAITERS	 0x80000000u
#define FUTEX_OWNER_DIED 0x40000000u
#define FUTEX_TID_MASK	 0x3fffffffu
#define BUCKETS		 256

struct futex_key {
	const void *space; /* the mm, or the page */
	u64 offset;
};

struct bucket {
	spinlock_t lock;
	struct list_head waiters;
};

struct futex_waiter {
	struct list_head node; /* bucket->lock; empty: woken */
	struct futex_key key;
	struct bucket *bucket; /* changes when requeued; the old and new lock are held */
	struct task_struct *task;
	u32 bitset;
};

static struct bucket buckets[BUCKETS];

static struct bucket *bucket_of(const struct futex_key *key)
{
	return &buckets[hash_64((u64)key->space ^ key->offset * 31, 8)];
}

void futex_init(void)
{
	for (unsigned i = 0; i < BUCKETS; i++) {
		spin_lock_init(&buckets[i].lock);
		INIT_LIST_HEAD(&buckets[i].waiters);
	}
}

static bool same_key(const struct futex_key *a, const struct futex_key *b)
{
	return a->space == b->space && a->offset == b->offset;
}

/* *page: a reference to be dropped when the key is no longer used; NULL for private ones. */
static int get_key(u64 uaddr, bool private, struct futex_key *key, struct page **page)
{
	struct mm_struct *mm = current_uthread()->mm;

	*page = NULL;
	if (uaddr & 3)
		return -EINVAL;
	if (uaddr >= USER_TASK_SIZE)
		return -EFAULT;
	*key = (struct futex_key){ mm, uaddr };
	if (private)
		return 0;
	*page = mm_get_page(mm, uaddr, 0);
	if (!*page)
		return -EFAULT;
	/* A page of this process alone is as private as its address. */
	if (PageAnon(*page)) {
		put_page(mm->sys->pg, *page);
		*page = NULL;
		return 0;
	}
	*key = (struct futex_key){ *page, uaddr & (PAGE_SIZE - 1) };
	return 0;
}

static void put_key(struct page *page)
{
	if (page)
		put_page(&kernel_mm.pg, page);
}

/* ---- waking -------------------------------------------------------------------------------------------------- */

/* bucket->lock held. After this the waiter may be gone. */
static void wake_waiter(struct futex_waiter *w)
{
	struct task_struct *t = w->task;

	get_task(t);
	list_del(&w->node);
	__atomic_store_n(&w->node.next, &w->node, __ATOMIC_RELEASE);
	wake_up_state(t, TASK_NORMAL);
	put_task(t);
}

static bool is_queued(const struct futex_waiter *w)
{
	return __atomic_load_n(&w->node.next, __ATOMIC_ACQUIRE) != &w->node;
}

static s64 wake_key(const struct futex_key *key, unsigned nr, u32 bitset)
{
	struct bucket *b = bucket_of(key);
	struct futex_waiter *w, *next;
	s64 woken = 0;

	spin_lock(&b->lock);
	list_for_each_entry_safe (w, next, &b->waiters, node) {
		if ((u64)woken >= nr)
			break;
		if (!same_key(&w->key, key) || !(w->bitset & bitset))
			continue;
		wake_waiter(w);
		woken++;
	}
	spin_unlock(&b->lock);
	return woken;
}

static s64 do_wake(u64 uaddr, bool private, unsigned nr, u32 bitset)
{
	struct futex_key key;
	struct page *page;
	int err = bitset ? get_key(uaddr, private, &key, &page) : -EINVAL;
	s64 n;

	if (err)
		return err;
	n = wake_key(&key, nr, bitset);
	put_key(page);
	return n;
}

void futex_wake(u64 uaddr, unsigned nr)
{
	do_wake(uaddr, false, nr, UINT32_MAX);
}

/* ---- waiting ----------------------------------------------------------------------------------------------------- */

static void enqueue(struct futex_waiter *w, struct bucket *b)
{
	w->bucket = b;
	list_add_tail(&w->node, &b->waiters);
}

/* Off the queue, wherever it has been moved to. Whether it was there still. */
static bool dequeue(struct futex_waiter *w)
{
	for (;;) {
		struct bucket *b = READ_ONCE(w->bucket);
		bool queued;

		spin_lock(&b->lock);
		if (b != w->bucket) {
			spin_unlock(&b->lock);
			continue;
		}
		queued = is_queued(w);
		if (queued)
			list_del_init(&w->node);
		spin_unlock(&b->lock);
		return queued;
	}
}

/* Until woken, the deadline, or a signal: 0, -ETIMEDOUT, -EINTR. */
static int sleep_on(struct futex_waiter *w, u64 deadline)
{
	int err = 0;

	while (is_queued(w) && !err) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (!is_queued(w))
			break;
		if (signal_pending_state(TASK_INTERRUPTIBLE, current))
			err = -EINTR;
		else if (clock_ns() >= deadline)
			err = -ETIMEDOUT;
		else
			schedule_until(deadline);
	}
	__set_current_state(TASK_RUNNING);
	/* Woken in the same moment: that counts. */
	return !dequeue(w) ? 0 : err;
}

static s64 do_wait_on(u64 uaddr, bool private, u32 val, u64 deadline, u32 bitset)
{
	struct futex_waiter w = { .task = current, .bitset = bitset };
	struct page *page;
	struct bucket *b;
	int err = bitset ? get_key(uaddr, private, &w.key, &page) : -EINVAL;
	u32 now;

	if (err)
		return err;
	b = bucket_of(&w.key);
	/* In the queue before looking: who changes the word then sees us. */
	spin_lock(&b->lock);
	enqueue(&w, b);
	spin_unlock(&b->lock);
	err = get_user_u32(&now, uaddr);
	if (!err && now == val)
		err = sleep_on(&w, deadline);
	else if (dequeue(&w))
		err = err ? err : -EAGAIN;
	else
		err = 0;
	put_key(page);
	return err == -EINTR && deadline != UINT64_MAX ? -ERESTART_RESTARTBLOCK
	       : err == -EINTR			       ? -ERESTARTSYS
						       : err;
}

/* ---- requeue ----------------------------------------------------------------------------------------------------------- */

static s64 do_requeue(u64 uaddr, u64 uaddr2, bool private, unsigned wake, unsigned move,
		      const u32 *expected)
{
	struct futex_key from, to;
	struct page *page, *page2;
	struct bucket *a, *b;
	struct futex_waiter *w, *next;
	s64 woken = 0, moved = 0;
	u32 now;
	int err = get_key(uaddr, private, &from, &page);

	if (err)
		return err;
	err = get_key(uaddr2, private, &to, &page2);
	if (!err && expected) {
		err = get_user_u32(&now, uaddr);
		if (!err && now != *expected)
			err = -EAGAIN;
	}
	if (err)
		goto out;
	a = bucket_of(&from);
	b = bucket_of(&to);
	spin_lock(&(a < b ? a : b)->lock);
	if (a != b)
		spin_lock(&(a < b ? b : a)->lock);
	list_for_each_entry_safe (w, next, &a->waiters, node) {
		if (!same_key(&w->key, &from))
			continue;
		if ((u64)woken < wake) {
			wake_waiter(w);
			woken++;
		} else if ((u64)moved < move) {
			w->key = to;
			list_move_tail(&w->node, &b->waiters);
			WRITE_ONCE(w->bucket, b);
			moved++;
		}
	}
	if (a != b)
		spin_unlock(&(a < b ? b : a)->lock);
	spin_unlock(&(a < b ? a : b)->lock);
	err = 0;
	put_key(page2);
out:
	put_key(page);
	return err ? err : woken + moved;
}

/* FUTEX_WAKE_OP: changes the second word, and wakes there too if it was what the operation compares. */
static s64 do_wake_op(u64 uaddr, u64 uaddr2, bool private, unsigned nr, unsigned nr2, u32 code)
{
	u32 op = code >> 28 & 7, cmp = code >> 24 & 15, arg, old, new_value;
	s32 cmparg = (s32)(code << 20) >> 20;
	bool hit;
	s64 n;

	arg = (u32)((s32)(code << 8) >> 20);
	if (code & 0x80000000u)
		arg = 1u << (arg & 31);
	if (op > 4 || cmp > 5)
		return -ENOSYS;
	if (get_user_u32(&old, uaddr2))
		return -EFAULT;
	for (;;) {
		u32 seen = old;

		new_value = op == 0   ? arg
			    : op == 1 ? old + arg
			    : op == 2 ? old | arg
			    : op == 3 ? old & ~arg
				      : old ^ arg;
		if (cmpxchg_user_u32(uaddr2, &seen, new_value))
			return -EFAULT;
		if (seen == old)
			break;
		old = seen;
	}
	hit = cmp == 0	 ? (s32)old == cmparg
	      : cmp == 1 ? (s32)old != cmparg
	      : cmp == 2 ? (s32)old < cmparg
	      : cmp == 3 ? (s32)old <= cmparg
	      : cmp == 4 ? (s32)old > cmparg
			 : (s32)old >= cmparg;
	n = do_wake(uaddr, private, nr, UINT32_MAX);
	if (n >= 0 && hit) {
		s64 n2 = do_wake(uaddr2, private, nr2, UINT32_MAX);

		n = n2 < 0 ? n2 : n + n2;
	}
	return n;
}

/* ---- robust lists: what a dead thread held --------------------------------------------------------------------------- */

/* A dead owner's word: marked, and somebody who waits told. */
static void owner_died(struct uthread *u, u64 uaddr, bool pi)
{
	u32 old, now;

	if ((uaddr & 3) || get_user_u32(&old, uaddr))
		return;
	while ((old & FUTEX_TID_MASK) == (u32)u->tid) {
		now = old;
		if (cmpxchg_user_u32(uaddr, &now, (old & FUTEX_WAITERS) | FUTEX_OWNER_DIED))
			return;
		if (now == old) {
			if (!pi && (old & FUTEX_WAITERS))
				futex_wake(uaddr, 1);
			return;
		}
		old = now;
	}
}

void futex_exit_robust(struct uthread *u)
{
	u64 head = u->robust_list, entry, pending, offset;

	u->robust_list = 0;
	if (!head || !u->mm || get_user_u64(&entry, head) || get_user_u64(&offset, head + 8) ||
	    get_user_u64(&pending, head + 16))
		return;
	/* The list is the user's: as long as it likes, up to a limit. */
	for (int n = 0; n < 2048 && (entry & ~1UL) != head; n++) {
		u64 next, at = entry & ~1UL;
		bool end = get_user_u64(&next, at) != 0;

		if (entry != pending)
			owner_died(u, at + offset, entry & 1);
		if (end)
			break;
		entry = next;
	}
	if (pending & ~1UL)
		owner_died(u, (pending & ~1UL) + offset, pending & 1);
}

s64 do_futex(u64 uaddr, int op, u32 val, u64 deadline, u64 uaddr2, u32 val2, u32 val3)
{
	bool private = op & FUTEX_PRIVATE_FLAG;

	switch (op & ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME)) {
	case FUTEX_WAIT:
		return do_wait_on(uaddr, private, val, deadline, UINT32_MAX);
	case FUTEX_WAIT_BITSET:
		return do_wait_on(uaddr, private, val, deadline, val3);
	case FUTEX_WAKE:
		return do_wake(uaddr, private, val, UINT32_MAX);
	case FUTEX_WAKE_BITSET:
		return do_wake(uaddr, private, val, val3);
	case FUTEX_REQUEUE:
		return do_requeue(uaddr, uaddr2, private, val, val2, NULL);
	case FUTEX_CMP_REQUEUE:
		return do_requeue(uaddr, uaddr2, private, val, val2, &val3);
	case FUTEX_WAKE_OP:
		return do_wake_op(uaddr, uaddr2, private, val, val2, val3);
	default:
		return -ENOSYS;
	}
}
