/* SPDX-License-Identifier: MIT */
/*
 * futex_pi.c - futexes with priority inheritance: user mode keeps the owner's tid in the word, the
 * kernel has an rt_mutex for each word that somebody waits for.
 *
 * I1 a word's pi_state exists while anybody waits for it, or has become its owner by a death and is
 * yet to say so in the word. I2 the lock never becomes free while there are waiters: it goes from the
 * owner to the best of them, whose tid is put into the word first. I3 a pi_state is in its owner's
 * list, so that the owner's end finds it.
 *
 * Order of locks: bucket, proc_lock, those of rt_mutex.h. The word is only touched without sleeping
 * while a bucket is locked: a page that is not there is brought in, and all begins again.
 */
#include "guest/kernel/time.h"
#include "guest/process/futex.h"
#include "guest/process/futex_internal.h"

struct pi_state {
	struct list_head node;	/* bucket.states; its lock */
	struct list_head owned; /* I3; proc_lock */
	struct uthread *owner;	/* changes under the bucket's lock and proc_lock */
	struct futex_key key;
	struct rt_mutex lock;
	unsigned users; /* I1: bucket's lock */
	bool fixing;	/* an heir is about to write the word */
};

enum { LOCKED = 1, CHANGED = 2 /* the word, in this moment: look again */ };

/* ---- states; bucket's lock held --------------------------------------------------------------------- */

static struct pi_state *find_state(struct bucket *b, const struct futex_key *key)
{
	struct pi_state *s;

	list_for_each_entry (s, &b->states, node)
		if (futex_same_key(&s->key, key))
			return s;
	return NULL;
}

static void state_get_owner(struct pi_state *s, struct uthread *owner)
{
	u64 flags = spin_lock_irqsave(&proc_lock);

	list_del_init(&s->owned);
	s->owner = owner;
	if (owner)
		list_add(&s->owned, &owner->pi_states);
	spin_unlock_irqrestore(&proc_lock, flags);
}

static void state_put(struct pi_state *s)
{
	if (--s->users)
		return;
	state_get_owner(s, NULL);
	list_del(&s->node);
	kfree(&kernel_mm.slab, s);
}

/* *s becomes that of a word whose owner is tid. -ESRCH: nobody; -EBUSY: about to end. */
static int attach_to_owner(struct pi_state *s, const struct futex_key *key, int tid)
{
	u64 flags = spin_lock_irqsave(&proc_lock);
	struct uthread *u = find_uthread(tid);
	int err = 0;

	if (!u || u->futex_state == FUTEX_GONE) {
		err = -ESRCH;
	} else if (u->futex_state == FUTEX_EXITING) {
		err = -EBUSY;
	} else {
		*s = (struct pi_state){ .owner = u, .key = *key };
		rt_mutex_proxy_init(&s->lock, &u->th->t);
		list_add(&s->owned, &u->pi_states);
	}
	spin_unlock_irqrestore(&proc_lock, flags);
	return err;
}

/* I2: to the best waiter, if there is one, which is woken. */
static void hand_over(struct pi_state *s, bool died)
{
	struct rt_mutex_waiter *rt = rt_mutex_hand_over(&s->lock);
	struct futex_waiter *w;

	if (!rt) {
		state_get_owner(s, NULL);
		return;
	}
	w = container_of(rt, struct futex_waiter, rt);
	state_get_owner(s, thread_of(w->task)->u);
	w->owner_died = s->fixing = died;
	if (!died) {
		w->pi = NULL;
		futex_wake_waiter(w);
		state_put(s);
	} else {
		/* The heir keeps its use until it has written the word. */
		futex_wake_waiter(w);
	}
}

/* ---- the word ----------------------------------------------------------------------------------------- */

/* Brings the page in, for writing. */
static int fault_in(u64 uaddr)
{
	u32 v, old;

	if (get_user_u32(&v, uaddr))
		return -EFAULT;
	old = v;
	return cmpxchg_user_u32(uaddr, &old, v);
}

/* 0; CHANGED: it was not `old`; -EFAULT. */
static int replace(u64 uaddr, u32 old, u32 new_value)
{
	u32 seen = old;

	if (cmpxchg_user_u32(uaddr, &seen, new_value))
		return -EFAULT;
	return seen == old ? 0 : CHANGED;
}

static bool owner_exists(int tid)
{
	u64 flags = spin_lock_irqsave(&proc_lock);
	bool found = find_uthread(tid) != NULL;

	spin_unlock_irqrestore(&proc_lock, flags);
	return found;
}

/*
 * Takes the word for a thread if it is free (LOCKED), else finds or makes (out of *fresh, which is
 * NULL then) what to wait for (0). CHANGED; -EFAULT: the page is not there; -EBUSY: the owner is
 * ending. try: only whether it can be had, -EWOULDBLOCK.
 */
static int take_or_attach(u64 uaddr, const struct futex_key *key, int tid, bool try,
			  struct pi_state **fresh, struct pi_state **out)
{
	struct pi_state *s = find_state(futex_bucket(key), key);
	u32 word, owner;
	int err;

	if (get_user_u32(&word, uaddr))
		return -EFAULT;
	owner = word & FUTEX_TID_MASK;
	if (owner == (u32)tid)
		return -EDEADLK;
	if (!s && !owner) {
		err = replace(uaddr, word, (u32)tid | (word & FUTEX_OWNER_DIED));
		return err ? err : LOCKED;
	}
	/* User mode and the kernel must agree on who it is. */
	if (s && owner && !s->fixing && (!s->owner || (u32)s->owner->tid != owner))
		return -EINVAL;
	if (try)
		return s || owner_exists((int)owner) ? -EWOULDBLOCK : -ESRCH;
	if (!(word & FUTEX_WAITERS)) {
		err = replace(uaddr, word, word | FUTEX_WAITERS);
		if (err)
			return err;
	}
	if (!s) {
		err = attach_to_owner(*fresh, key, (int)owner);
		if (err == -ESRCH && (get_user_u32(&owner, uaddr) ||
				      (owner & FUTEX_TID_MASK) != (word & FUTEX_TID_MASK)))
			return CHANGED;
		if (err)
			return err;
		s = *fresh;
		*fresh = NULL;
		list_add_tail(&s->node, &futex_bucket(key)->states);
	}
	*out = s;
	return 0;
}

/* What take_or_attach() could not do at once. 0: try again. No lock held. */
static int before_retry(int err, u64 uaddr)
{
	if (current->fatal_signal_pending)
		return -EINTR;
	if (err == -EFAULT)
		return fault_in(uaddr);
	if (err != CHANGED && err != -EBUSY)
		return err;
	if (err == -EBUSY)
		msleep(1);
	else
		do_sched_yield();
	return 0;
}

/* An heir by death says so: from now on the word is its own. */
static s64 finish_inheritance(struct futex_waiter *w, u64 uaddr, struct bucket *b)
{
	u32 tid = (u32)w->task->pid, word;
	int err;

	do {
		err = get_user_u32(&word, uaddr);
		if (!err)
			err = replace(uaddr, word, tid | FUTEX_WAITERS | FUTEX_OWNER_DIED);
	} while (err == CHANGED && !current->fatal_signal_pending);
	spin_lock(&b->lock);
	w->pi->fixing = false;
	/* A word that is not there any more cannot be owned. */
	if (err)
		hand_over(w->pi, true);
	state_put(w->pi);
	spin_unlock(&b->lock);
	return err == CHANGED ? 0 : err;
}

/* ---- lock and unlock ------------------------------------------------------------------------------------ */

/* Into the queue of s. bucket's lock held. */
static int begin_wait(struct futex_waiter *w, struct pi_state *s, struct bucket *b)
{
	int err;

	s->users++;
	err = rt_mutex_proxy_start(&s->lock, &w->rt, w->task);
	if (err) {
		state_put(s);
		return err;
	}
	w->pi = s;
	futex_enqueue(w, b);
	return 0;
}

/* After futex_sleep(): err is its. */
static s64 end_wait(struct futex_waiter *w, u64 uaddr, int err)
{
	struct bucket *b = futex_bucket(&w->key);

	spin_lock(&b->lock);
	if (futex_is_queued(w)) {
		list_del_init(&w->node);
		rt_mutex_proxy_cancel(&w->pi->lock, &w->rt);
		state_put(w->pi);
		spin_unlock(&b->lock);
		return err;
	}
	spin_unlock(&b->lock);
	return w->owner_died ? finish_inheritance(w, uaddr, b) : 0;
}

s64 futex_lock_pi(u64 uaddr, bool private, u64 deadline, bool try)
{
	struct futex_waiter w = { .task = current, .bitset = UINT32_MAX };
	struct pi_state *fresh, *s;
	struct page *page;
	struct bucket *b;
	s64 ret = futex_get_key(uaddr, private, &w.key, &page);

	if (ret)
		return ret;
	fresh = kzalloc(&kernel_mm.slab, sizeof(*fresh), GFP_KERNEL);
	b = futex_bucket(&w.key);
	for (ret = fresh ? 0 : -ENOMEM; !ret; ret = before_retry((int)ret, uaddr)) {
		spin_lock(&b->lock);
		ret = take_or_attach(uaddr, &w.key, current->pid, try, &fresh, &s);
		if (!ret)
			ret = begin_wait(&w, s, b);
		spin_unlock(&b->lock);
		if (!ret) {
			ret = end_wait(&w, uaddr, futex_sleep(&w, deadline));
			break;
		}
		if (ret == LOCKED) {
			ret = 0;
			break;
		}
	}
	kfree(&kernel_mm.slab, fresh);
	futex_put_key(page);
	return ret == -EINTR ? -ERESTARTNOINTR : ret;
}

static int try_unlock(u64 uaddr, const struct futex_key *key, u32 word)
{
	struct bucket *b = futex_bucket(key);
	struct rt_mutex_waiter *heir = NULL;
	struct pi_state *s;
	int err;

	spin_lock(&b->lock);
	s = find_state(b, key);
	if (s)
		heir = rt_mutex_top_waiter(&s->lock);
	if (!heir)
		err = replace(uaddr, word, 0);
	else if (s->owner != current_uthread())
		err = -EINVAL;
	else
		err = replace(uaddr, word, FUTEX_WAITERS | (u32)heir->task->pid);
	if (!err && heir)
		hand_over(s, false);
	spin_unlock(&b->lock);
	return err;
}

s64 futex_unlock_pi(u64 uaddr, bool private)
{
	struct futex_key key;
	struct page *page;
	u32 word;
	int err;

	if (uaddr & 3)
		return -EINVAL;
	if (get_user_u32(&word, uaddr))
		return -EFAULT;
	if ((word & FUTEX_TID_MASK) != (u32)current->pid)
		return -EPERM;
	err = futex_get_key(uaddr, private, &key, &page);
	if (err)
		return err;
	do {
		err = get_user_u32(&word, uaddr);
		if (!err && (word & FUTEX_TID_MASK) != (u32)current->pid)
			err = -EPERM;
		if (err)
			break;
		err = try_unlock(uaddr, &key, word);
	} while (err && !(err = before_retry(err, uaddr)));
	futex_put_key(page);
	return err;
}

/* ---- requeue: from a plain word, a condition, to a lock ------------------------------------------------- */

/* The end of FUTEX_WAIT_REQUEUE_PI, wherever it has got to; err is futex_sleep()'s. */
static s64 end_requeue_wait(struct futex_waiter *w, u64 uaddr2, int err)
{
	struct bucket *b;
	bool moved;

	for (;;) {
		b = READ_ONCE(w->bucket);
		spin_lock(&b->lock);
		if (b == w->bucket)
			break;
		spin_unlock(&b->lock);
	}
	if (!futex_is_queued(w)) {
		spin_unlock(&b->lock);
		return w->owner_died ? finish_inheritance(w, uaddr2, b) : 0;
	}
	moved = w->pi != NULL;
	list_del_init(&w->node);
	if (moved) {
		rt_mutex_proxy_cancel(&w->pi->lock, &w->rt);
		state_put(w->pi);
	}
	spin_unlock(&b->lock);
	/* Once moved it cannot be begun again: the condition has been signalled. */
	return err != -EINTR ? err : moved ? -EWOULDBLOCK : -ERESTARTNOINTR;
}

s64 futex_wait_requeue_pi(u64 uaddr, bool private, u32 val, u64 deadline, u64 uaddr2)
{
	struct futex_waiter w = { .task = current, .bitset = UINT32_MAX };
	struct page *page, *page2;
	struct futex_key to;
	struct bucket *b;
	u32 now;
	int err = uaddr == uaddr2 ? -EINVAL : futex_get_key(uaddr, private, &w.key, &page);

	if (err)
		return err;
	err = futex_get_key(uaddr2, private, &to, &page2);
	if (err) {
		futex_put_key(page);
		return err;
	}
	w.requeue_to = &to;
	b = futex_bucket(&w.key);
	spin_lock(&b->lock);
	futex_enqueue(&w, b);
	spin_unlock(&b->lock);
	err = get_user_u32(&now, uaddr);
	if (!err && now != val)
		err = -EAGAIN;
	/* Moved in that moment: then it is a waiter like any other. */
	if (!err || READ_ONCE(w.bucket) != b || !futex_is_queued(&w))
		err = futex_sleep(&w, deadline);
	err = (int)end_requeue_wait(&w, uaddr2, err);
	futex_put_key(page2);
	futex_put_key(page);
	return err;
}

/* One waiter gets the lock, or its place among those who wait for it. Both buckets' locks held. */
static int requeue_one(struct futex_waiter *w, const struct futex_key *to, u64 uaddr2,
		       struct pi_state **fresh)
{
	struct bucket *b = futex_bucket(to);
	struct pi_state *s;
	int err;

	if (!w->requeue_to || w->pi || !futex_same_key(w->requeue_to, to))
		return -EINVAL;
	err = take_or_attach(uaddr2, to, w->task->pid, false, fresh, &s);
	if (err == LOCKED)
		futex_wake_waiter(w);
	if (err)
		return err == LOCKED ? 0 : err;
	s->users++;
	err = rt_mutex_proxy_start(&s->lock, &w->rt, w->task);
	if (err) {
		state_put(s);
		return err;
	}
	list_del(&w->node);
	w->key = *to;
	w->pi = s;
	futex_enqueue(w, b);
	return 0;
}

/* How many; the error of the first one else. */
static s64 requeue_all(const struct futex_key *from, const struct futex_key *to, u64 uaddr2,
		       u64 limit, struct pi_state **fresh)
{
	struct futex_waiter *w, *next;
	s64 done = 0;

	list_for_each_entry_safe (w, next, &futex_bucket(from)->waiters, node) {
		int err;

		if (!futex_same_key(&w->key, from))
			continue;
		if ((u64)done >= limit)
			break;
		err = requeue_one(w, to, uaddr2, fresh);
		if (err)
			return done ? done : err > 0 ? -EBUSY : err;
		done++;
	}
	return done;
}

s64 futex_cmp_requeue_pi(u64 uaddr, bool private, unsigned wake, unsigned move, u64 uaddr2,
			 u32 expected)
{
	struct pi_state *fresh;
	struct futex_key from, to;
	struct page *page, *page2;
	u32 now;
	s64 ret;

	if (wake != 1 || uaddr == uaddr2)
		return -EINVAL;
	ret = futex_get_key(uaddr, private, &from, &page);
	if (ret)
		return ret;
	ret = futex_get_key(uaddr2, private, &to, &page2);
	if (ret) {
		futex_put_key(page);
		return ret;
	}
	fresh = kzalloc(&kernel_mm.slab, sizeof(*fresh), GFP_KERNEL);
	for (ret = fresh ? 0 : -ENOMEM; !ret;) {
		u64 at = uaddr;

		futex_lock_two(futex_bucket(&from), futex_bucket(&to));
		ret = get_user_u32(&now, uaddr);
		if (!ret && now != expected) {
			futex_unlock_two(futex_bucket(&from), futex_bucket(&to));
			ret = -EAGAIN;
			break;
		}
		if (!ret) {
			at = uaddr2;
			ret = requeue_all(&from, &to, uaddr2, 1 + (u64)move, &fresh);
		}
		futex_unlock_two(futex_bucket(&from), futex_bucket(&to));
		if (ret >= 0)
			break;
		ret = before_retry((int)ret, at);
	}
	kfree(&kernel_mm.slab, fresh);
	futex_put_key(page2);
	futex_put_key(page);
	return ret;
}

/* ---- the owner's end -------------------------------------------------------------------------------------- */

void futex_exit_pi(struct uthread *u)
{
	for (;;) {
		u64 flags = spin_lock_irqsave(&proc_lock);
		struct futex_key key = { 0 };
		struct pi_state *s = NULL;
		struct bucket *b;
		bool same;

		if (!list_empty(&u->pi_states)) {
			s = list_first_entry(&u->pi_states, struct pi_state, owned);
			key = s->key;
		}
		spin_unlock_irqrestore(&proc_lock, flags);
		if (!s)
			return;
		/* In the order of locks, hence again. */
		b = futex_bucket(&key);
		spin_lock(&b->lock);
		flags = spin_lock_irqsave(&proc_lock);
		same = !list_empty(&u->pi_states) && u->pi_states.next == &s->owned &&
		       futex_same_key(&s->key, &key);
		spin_unlock_irqrestore(&proc_lock, flags);
		if (same)
			hand_over(s, true);
		spin_unlock(&b->lock);
	}
}
