/* SPDX-License-Identifier: MIT */
/* futex.c - see futex.h and futex_internal.h: waiting and waking, and what a dead thread held. */
#include "guest/process/futex.h"
#include "guest/kernel/time.h"
#include "guest/lib/hash.h"
#include "guest/process/futex_internal.h"

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
	FUTEX_WAIT_REQUEUE_PI,
	FUTEX_CMP_REQUEUE_PI,
	FUTEX_LOCK_PI2,
	FUTEX_PRIVATE_FLAG = 128,
	FUTEX_CLOCK_REALTIME = 256,
};

#define BUCKETS 256

static struct bucket buckets[BUCKETS];

struct bucket *futex_bucket(const struct futex_key *key)
{
	return &buckets[hash_64((u64)key->space ^ key->offset * 31, 8)];
}

void futex_init(void)
{
	for (unsigned i = 0; i < BUCKETS; i++) {
		spin_lock_init(&buckets[i].lock);
		INIT_LIST_HEAD(&buckets[i].waiters);
		INIT_LIST_HEAD(&buckets[i].states);
	}
}

void futex_lock_two(struct bucket *a, struct bucket *b)
{
	spin_lock(&(a < b ? a : b)->lock);
	if (a != b)
		spin_lock(&(a < b ? b : a)->lock);
}

void futex_unlock_two(struct bucket *a, struct bucket *b)
{
	spin_unlock(&a->lock);
	if (a != b)
		spin_unlock(&b->lock);
}

int futex_get_key(u64 uaddr, bool private, struct futex_key *key, struct page **page)
{
	struct mm_struct *mm = current_uthread()->mm;
	bool read_only = false;

	*page = NULL;
	if (uaddr & 3)
		return -EINVAL;
	if (uaddr >= USER_TASK_SIZE)
		return -EFAULT;
	*key = (struct futex_key){ mm, uaddr };
	if (private)
		return 0;
	/* As for writing, where that may be: a page of zeros that all share says nothing yet. */
	*page = mm_get_page(mm, uaddr, FAULT_WRITE);
	if (!*page) {
		*page = mm_get_page(mm, uaddr, 0);
		read_only = true;
	}
	if (!*page)
		return -EFAULT;
	/* A page of this process alone is as private as its address. */
	if (PageAnon(*page) || !READ_ONCE((*page)->mapping)) {
		put_page(mm->sys->pg, *page);
		*page = NULL;
		key->offset |= FUTEX_KEY_MAYBE_SHARED;
		/* One that can only be read never changes: there is nothing to wait for. */
		return read_only ? -EFAULT : 0;
	}
	*key = (struct futex_key){ *page, uaddr & (PAGE_SIZE - 1) };
	return 0;
}

void futex_put_key(struct page *page)
{
	if (page)
		put_page(&kernel_mm.pg, page);
}

/* ---- waking -------------------------------------------------------------------------------------------------- */

void futex_wake_waiter(struct futex_waiter *w)
{
	struct task_struct *t = w->task;

	get_task(t);
	list_del(&w->node);
	__atomic_store_n(&w->node.next, &w->node, __ATOMIC_RELEASE);
	wake_up_state(t, TASK_NORMAL);
	put_task(t);
}

static s64 wake_key(const struct futex_key *key, unsigned nr, u32 bitset)
{
	struct bucket *b = futex_bucket(key);
	struct futex_waiter *w, *next;
	s64 woken = 0;

	spin_lock(&b->lock);
	list_for_each_entry_safe (w, next, &b->waiters, node) {
		if (!futex_same_key(&w->key, key) || !(w->bitset & bitset))
			continue;
		/* Who waits for a lock gets it from its owner only. */
		if (w->pi || w->requeue_to) {
			woken = -EINVAL;
			break;
		}
		futex_wake_waiter(w);
		/* As on Linux, one at least. */
		if (++woken >= (s32)nr)
			break;
	}
	spin_unlock(&b->lock);
	return woken;
}

static s64 do_wake(u64 uaddr, bool private, unsigned nr, u32 bitset)
{
	struct futex_key key;
	struct page *page;
	int err = bitset ? futex_get_key(uaddr, private, &key, &page) : -EINVAL;
	s64 n;

	if (err)
		return err;
	n = wake_key(&key, nr, bitset);
	futex_put_key(page);
	return n;
}

void futex_wake(u64 uaddr, unsigned nr)
{
	do_wake(uaddr, false, nr, UINT32_MAX);
}

/* ---- waiting ----------------------------------------------------------------------------------------------------- */

/* Real-time tasks before all others, which are equal. */
static int rank(const struct task_struct *t)
{
	return MIN(t->prio, MAX_RT_PRIO);
}

void futex_enqueue(struct futex_waiter *w, struct bucket *b)
{
	struct list_head *at = &b->waiters;
	struct futex_waiter *other;

	if (rank(w->task) < MAX_RT_PRIO)
		list_for_each_entry (other, &b->waiters, node)
			if (rank(other->task) > rank(w->task)) {
				at = &other->node;
				break;
			}
	list_add_tail(&w->node, at);
	WRITE_ONCE(w->bucket, b);
}

bool futex_dequeue(struct futex_waiter *w)
{
	for (;;) {
		struct bucket *b = READ_ONCE(w->bucket);
		bool queued;

		spin_lock(&b->lock);
		if (b != w->bucket) {
			spin_unlock(&b->lock);
			continue;
		}
		queued = futex_is_queued(w);
		if (queued)
			list_del_init(&w->node);
		spin_unlock(&b->lock);
		return queued;
	}
}

int futex_sleep(struct futex_waiter *w, u64 deadline)
{
	int err = 0;

	while (futex_is_queued(w) && !err) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (!futex_is_queued(w))
			break;
		if (signal_pending_state(TASK_INTERRUPTIBLE, current))
			err = -EINTR;
		else if (clock_ns() >= deadline)
			err = -ETIMEDOUT;
		else
			schedule_until(deadline);
	}
	__set_current_state(TASK_RUNNING);
	return err;
}

static s64 do_wait_on(u64 uaddr, bool private, u32 val, u64 deadline, u32 bitset);

static s64 restart_wait(struct uthread *u)
{
	const u64 *arg = u->restart_arg;

	return do_wait_on(arg[0], arg[1], (u32)arg[2], arg[3], (u32)arg[4]);
}

/* Not -EINTR, which user mode would have to tell from a wake-up: the wait goes on after the signal. */
static s64 restart_later(u64 uaddr, bool private, u32 val, u64 deadline, u32 bitset)
{
	struct uthread *u = current_uthread();

	if (deadline == UINT64_MAX)
		return -ERESTARTSYS;
	u->restart_arg[0] = uaddr;
	u->restart_arg[1] = private;
	u->restart_arg[2] = val;
	u->restart_arg[3] = deadline;
	u->restart_arg[4] = bitset;
	u->restart = restart_wait;
	return -ERESTART_RESTARTBLOCK;
}

static s64 do_wait_on(u64 uaddr, bool private, u32 val, u64 deadline, u32 bitset)
{
	struct futex_waiter w = { .task = current, .bitset = bitset };
	struct page *page;
	struct bucket *b;
	int err = bitset ? futex_get_key(uaddr, private, &w.key, &page) : -EINVAL;
	u32 now;

	if (err)
		return err;
	b = futex_bucket(&w.key);
	/* In the queue before looking: who changes the word then sees us. */
	spin_lock(&b->lock);
	futex_enqueue(&w, b);
	spin_unlock(&b->lock);
	err = get_user_u32(&now, uaddr);
	if (!err)
		err = now == val ? futex_sleep(&w, deadline) : -EAGAIN;
	/* Woken in the same moment: that counts. */
	if (!futex_dequeue(&w))
		err = 0;
	futex_put_key(page);
	return err == -EINTR ? restart_later(uaddr, private, val, deadline, bitset) : err;
}

/* ---- requeue ----------------------------------------------------------------------------------------------------------- */

struct requeue {
	struct futex_key from, to;
	s32 wake, move;
	const u32 *expected; /* NULL: whatever the word is */
};

/* Both buckets' locks held. How many were woken or moved, or -EINVAL. */
static s64 requeue_locked(const struct requeue *r)
{
	struct bucket *b = futex_bucket(&r->to);
	struct futex_waiter *w, *next;
	s64 woken = 0, moved = 0;

	list_for_each_entry_safe (w, next, &futex_bucket(&r->from)->waiters, node) {
		if (!futex_same_key(&w->key, &r->from))
			continue;
		if (w->pi || w->requeue_to)
			return -EINVAL;
		if (woken < r->wake) {
			futex_wake_waiter(w);
			woken++;
			continue;
		}
		if (moved++ >= r->move)
			return woken + moved - 1;
		if (futex_same_key(&r->to, &r->from))
			continue;
		w->key = r->to;
		list_del(&w->node);
		futex_enqueue(w, b);
	}
	return woken + moved;
}

static s64 requeue_keys(const struct requeue *r, u64 uaddr)
{
	struct bucket *a = futex_bucket(&r->from), *b = futex_bucket(&r->to);
	u32 now = 0;
	s64 ret;

	for (;;) {
		int fault = 0;

		/* Under the locks: who changes the word and then requeues has not been here yet. A page
		 * that is not there comes in without them. */
		futex_lock_two(a, b);
		if (r->expected)
			fault = get_user_u32(&now, uaddr);
		if (!fault)
			ret = r->expected && now != *r->expected ? -EAGAIN : requeue_locked(r);
		futex_unlock_two(a, b);
		if (!fault)
			return ret;
		if (get_user_u32(&now, uaddr))
			return -EFAULT;
	}
}

static s64 do_requeue(u64 uaddr, u64 uaddr2, bool private, u32 wake, u32 move, const u32 *expected)
{
	struct requeue r = { .wake = (s32)wake, .move = (s32)move, .expected = expected };
	struct page *page, *page2;
	s64 ret;

	if (r.wake < 0 || r.move < 0)
		return -EINVAL;
	ret = futex_get_key(uaddr, private, &r.from, &page);
	if (ret)
		return ret;
	ret = futex_get_key(uaddr2, private, &r.to, &page2);
	if (!ret)
		ret = requeue_keys(&r, uaddr);
	futex_put_key(page2);
	futex_put_key(page);
	return ret;
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

/* A dead owner's word: marked, and somebody who waits told. pending: it may have been about to tell, or was
 * told itself and did not come to take the lock. False: the word is not one, and the list not to be trusted. */
static bool owner_died(struct uthread *u, u64 uaddr, bool pi, bool pending)
{
	u32 old, now;

	if ((uaddr & 3) || get_user_u32(&old, uaddr))
		return false;
	if (pending && !pi && !(old & FUTEX_TID_MASK)) {
		futex_wake(uaddr, 1);
		return true;
	}
	while ((old & FUTEX_TID_MASK) == (u32)u->tid) {
		now = old;
		if (cmpxchg_user_u32(uaddr, &now, (old & FUTEX_WAITERS) | FUTEX_OWNER_DIED))
			return false;
		if (now == old) {
			/* A PI futex goes to its heir, below. */
			if (!pi && (old & FUTEX_WAITERS))
				futex_wake(uaddr, 1);
			return true;
		}
		old = now;
	}
	return true;
}

static void exit_robust(struct uthread *u)
{
	u64 head = u->robust_list, entry, pending, offset;

	u->robust_list = 0;
	if (!head || get_user_u64(&entry, head) || get_user_u64(&offset, head + 8) ||
	    get_user_u64(&pending, head + 16))
		return;
	/* The list is the user's: as long as it likes, up to a limit. */
	for (int n = 0; n < 2048 && (entry & ~1UL) != head; n++) {
		u64 next, at = entry & ~1UL;
		bool end = get_user_u64(&next, at) != 0;

		if (at != (pending & ~1UL) && !owner_died(u, at + offset, entry & 1, false))
			return;
		if (end)
			return;
		entry = next;
	}
	if (pending & ~1UL)
		owner_died(u, (pending & ~1UL) + offset, pending & 1, true);
}

static void set_futex_state(struct uthread *u, int state)
{
	u64 flags = spin_lock_irqsave(&proc_lock);

	u->futex_state = state;
	spin_unlock_irqrestore(&proc_lock, flags);
}

void futex_exit(struct uthread *u)
{
	/* Nobody begins to wait for it from here on. */
	set_futex_state(u, FUTEX_EXITING);
	exit_robust(u);
	futex_exit_pi(u);
	set_futex_state(u, u->exiting ? FUTEX_GONE : FUTEX_ALIVE);
}

s64 do_futex(u64 uaddr, int op, u32 val, u64 deadline, u64 uaddr2, u32 val2, u32 val3)
{
	bool private = op & FUTEX_PRIVATE_FLAG;

	int cmd = op & ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);

	if ((op & FUTEX_CLOCK_REALTIME) && cmd != FUTEX_WAIT_BITSET &&
	    cmd != FUTEX_WAIT_REQUEUE_PI && cmd != FUTEX_LOCK_PI2)
		return -ENOSYS;
	switch (cmd) {
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
	case FUTEX_LOCK_PI:
	case FUTEX_LOCK_PI2:
		return futex_lock_pi(uaddr, private, deadline, false);
	case FUTEX_TRYLOCK_PI:
		return futex_lock_pi(uaddr, private, UINT64_MAX, true);
	case FUTEX_UNLOCK_PI:
		return futex_unlock_pi(uaddr, private);
	case FUTEX_WAIT_REQUEUE_PI:
		return futex_wait_requeue_pi(uaddr, private, val, deadline, uaddr2);
	case FUTEX_CMP_REQUEUE_PI:
		return futex_cmp_requeue_pi(uaddr, private, val, val2, uaddr2, val3);
	default:
		return -ENOSYS;
	}
}
