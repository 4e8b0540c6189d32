/* SPDX-License-Identifier: MIT */
/* hrtimer.c - see hrtimer.h for the rules H1..H4. */
#include "guest/time/hrtimer.h"
#include "guest/lib/errno.h"
#include "guest/time/time_env.h"

#define MAX_RETRIES 3
#define MAX_HANG_NS 100000000ULL

static struct hrtimer *timer_of(struct rb_node *node)
{
	return rb_entry(node, struct hrtimer, node);
}

static bool expires_less(const struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct hrtimer, node)->expires <
	       rb_entry(b, struct hrtimer, node)->expires;
}

static struct hrtimer *first_of(const struct hrtimer_cpu_base *b, unsigned kind)
{
	return rb_entry_safe(rb_first_cached(&b->tree[kind]), struct hrtimer, node);
}

int hrtimers_init(struct hrtimers *h, unsigned nr_cpus)
{
	h->nr_cpus = nr_cpus;
	h->base = env_alloc(nr_cpus * sizeof(h->base[0]));
	if (!h->base)
		return -ENOMEM;
	for (unsigned cpu = 0; cpu < nr_cpus; cpu++) {
		h->base[cpu].cpu = cpu;
		h->base[cpu].all = h;
		h->base[cpu].expires_next = UINT64_MAX;
	}
	return 0;
}

void hrtimers_free(struct hrtimers *h)
{
	env_free(h->base, h->nr_cpus * sizeof(h->base[0]));
	h->base = NULL;
}

void hrtimer_init(struct hrtimers *h, struct hrtimer *t, unsigned mode,
		  enum hrtimer_restart (*fn)(struct hrtimer *t))
{
	*t = (struct hrtimer){ .fn = fn,
			       .base = &h->base[env_cpu()],
			       .kind = mode & HRTIMER_MODE_SOFT ? HRTIMER_SOFT : HRTIMER_HARD };
}

/* The base of t, which may move until its lock is held. IRQs off. */
static struct hrtimer_cpu_base *lock_base(const struct hrtimer *t)
{
	for (;;) {
		struct hrtimer_cpu_base *b = READ_ONCE(t->base);

		if (likely(b != NULL)) {
			raw_spin_lock(&b->lock);
			if (likely(b == READ_ONCE(t->base)))
				return b;
			raw_spin_unlock(&b->lock);
		}
		env_relax();
	}
}

/* ---- the trees and the hardware ------------------------------------------------------------------ */

static u64 next_event(const struct hrtimer_cpu_base *b, const struct hrtimer *but)
{
	u64 next = UINT64_MAX;

	/* Once the softirq is on its way the hardware need not remind us of soft timers. */
	for (unsigned kind = 0; kind < (b->soft_raised ? HRTIMER_SOFT : HRTIMER_NR_KINDS); kind++) {
		const struct hrtimer *t = first_of(b, kind);

		if (t && t == but)
			t = rb_entry_safe(rb_next(&t->node), struct hrtimer, node);
		if (t)
			next = MIN(next, t->expires);
	}
	return next;
}

/* Keeps H3, on the CPU itself. Elsewhere a first timer that goes leaves an event for nothing. */
static void program(struct hrtimer_cpu_base *b)
{
	u64 next;

	if (b->in_interrupt || b->cpu != env_cpu())
		return;
	next = next_event(b, NULL);
	if (next == b->expires_next)
		return;
	b->expires_next = next;
	time_env_set_event(b->cpu, next);
}

static void enqueue(struct hrtimer_cpu_base *b, struct hrtimer *t)
{
	rb_add_cached(&t->node, &b->tree[t->kind], expires_less);
	t->queued = true;
}

static void dequeue(struct hrtimer_cpu_base *b, struct hrtimer *t)
{
	rb_erase_cached(&t->node, &b->tree[t->kind]);
	t->queued = false;
}

/* ---- starting and stopping ------------------------------------------------------------------------- */

/* Moves t, locked and not queued, to this CPU's base; H4 may keep it where it is. */
static struct hrtimer_cpu_base *move_here(struct hrtimer *t, struct hrtimer_cpu_base *b)
{
	struct hrtimer_cpu_base *here = &b->all->base[env_cpu()];

	if (here == b || b->running[t->kind] == t)
		return b; /* that CPU sets its hardware when fn has returned */
	WRITE_ONCE(t->base, NULL);
	raw_spin_unlock(&b->lock);
	raw_spin_lock(&here->lock);
	WRITE_ONCE(t->base, here);
	return here;
}

void hrtimer_start_range_ns(struct hrtimer *t, u64 time, u64 slack, unsigned mode)
{
	struct hrtimer_cpu_base *b;
	u64 flags;

	env_preempt_disable();
	flags = env_irq_save();
	b = lock_base(t);
	if (t->queued)
		dequeue(b, t);
	b = move_here(t, b);
	if (mode & HRTIMER_MODE_REL) {
		u64 now = env_now_ns();

		time = time > UINT64_MAX - now ? UINT64_MAX : now + time;
	}
	t->softexpires = time;
	t->expires = slack > UINT64_MAX - time ? UINT64_MAX : time + slack;
	enqueue(b, t);
	program(b);
	raw_spin_unlock(&b->lock);
	env_irq_restore(flags);
	env_preempt_enable();
}

int hrtimer_try_to_cancel(struct hrtimer *t)
{
	struct hrtimer_cpu_base *b;
	int ret = 0;
	u64 flags;

	env_preempt_disable();
	flags = env_irq_save();
	b = lock_base(t);
	if (b->running[t->kind] == t) {
		ret = -1;
	} else if (t->queued) {
		dequeue(b, t);
		program(b);
		ret = 1;
	}
	raw_spin_unlock(&b->lock);
	env_irq_restore(flags);
	env_preempt_enable();
	return ret;
}

int hrtimer_cancel(struct hrtimer *t)
{
	int ret;

	while ((ret = hrtimer_try_to_cancel(t)) < 0)
		env_relax();
	return ret;
}

u64 hrtimer_forward(struct hrtimer *t, u64 now, u64 interval)
{
	u64 n;

	BUG_ON(t->queued);
	if (now < t->softexpires)
		return 0;
	n = (now - t->softexpires) / interval + 1;
	t->softexpires += n * interval;
	t->expires += n * interval;
	return n;
}

bool hrtimer_active(const struct hrtimer *t)
{
	struct hrtimer_cpu_base *b;
	u64 flags = env_irq_save();
	bool active;

	b = lock_base(t);
	active = t->queued || b->running[t->kind] == t;
	raw_spin_unlock(&b->lock);
	env_irq_restore(flags);
	return active;
}

s64 hrtimer_remaining(const struct hrtimer *t)
{
	return (s64)(READ_ONCE(t->softexpires) - env_now_ns());
}

u64 hrtimer_next_event(struct hrtimer_cpu_base *b, const struct hrtimer *but)
{
	u64 next;

	raw_spin_lock(&b->lock);
	next = next_event(b, but);
	raw_spin_unlock(&b->lock);
	return next;
}

/* ---- running ----------------------------------------------------------------------------------------- */

/* Runs what is due, in order of expiry. Locked; the lock is dropped around each function, with IRQs
 * as `flags` says in softirq and off in the interrupt (NULL). */
static void run_due(struct hrtimer_cpu_base *b, unsigned kind, u64 now, u64 *flags)
{
	struct hrtimer *t;

	while ((t = first_of(b, kind)) && t->softexpires <= now) { /* H1 */
		enum hrtimer_restart again;

		dequeue(b, t);
		b->running[kind] = t;
		b->nr_events++;
		raw_spin_unlock(&b->lock);
		if (flags)
			env_irq_restore(*flags);
		again = t->fn(t);
		if (flags)
			*flags = env_irq_save();
		raw_spin_lock(&b->lock);
		b->running[kind] = NULL;
		/* Somebody else may have started it again meanwhile: that counts. */
		if (again == HRTIMER_RESTART && !t->queued)
			enqueue(b, t);
	}
}

void hrtimer_interrupt(struct hrtimer_cpu_base *b)
{
	u64 entry = env_now_ns(), now = entry, next;

	raw_spin_lock(&b->lock);
	b->in_interrupt = true;
	for (unsigned tries = 0; tries < MAX_RETRIES; tries++) {
		const struct hrtimer *soft = first_of(b, HRTIMER_SOFT);

		if (soft && soft->expires <= now && !b->soft_raised) {
			b->soft_raised = true;
			time_env_raise(TIME_SOFTIRQ_HRTIMER);
		}
		run_due(b, HRTIMER_HARD, now, NULL);
		next = next_event(b, NULL);
		now = env_now_ns();
		if (next > now)
			goto out;
		b->nr_retries++;
	}
	/* Timers come due as fast as they are served: the rest of the machine gets as much time as
	 * they have just had. */
	b->nr_hangs++;
	next = now + MIN(now - entry + 1, MAX_HANG_NS);
out:
	b->in_interrupt = false;
	b->expires_next = next;
	time_env_set_event(b->cpu, next);
	raw_spin_unlock(&b->lock);
}

void hrtimer_run_softirq(struct hrtimer_cpu_base *b)
{
	u64 flags = env_irq_save();

	raw_spin_lock(&b->lock);
	run_due(b, HRTIMER_SOFT, env_now_ns(), &flags);
	b->soft_raised = false;
	program(b);
	raw_spin_unlock(&b->lock);
	env_irq_restore(flags);
}

void hrtimers_adopt(struct hrtimer_cpu_base *to, struct hrtimer_cpu_base *dead)
{
	struct hrtimer_cpu_base *one = to->cpu < dead->cpu ? to : dead;
	struct hrtimer_cpu_base *two = one == to ? dead : to;

	raw_spin_lock(&one->lock);
	raw_spin_lock(&two->lock);
	for (unsigned kind = 0; kind < HRTIMER_NR_KINDS; kind++) {
		struct hrtimer *t;

		BUG_ON(dead->running[kind]);
		while ((t = first_of(dead, kind))) {
			dequeue(dead, t);
			WRITE_ONCE(t->base, to);
			enqueue(to, t);
		}
	}
	dead->expires_next = UINT64_MAX;
	dead->soft_raised = false;
	program(to);
	raw_spin_unlock(&two->lock);
	raw_spin_unlock(&one->lock);
}

const char *hrtimer_check(struct hrtimer_cpu_base *b)
{
	for (unsigned kind = 0; kind < HRTIMER_NR_KINDS; kind++) {
		const char *bad = rb_check_cached(&b->tree[kind], expires_less, NULL);
		struct rb_node *node = rb_first_cached(&b->tree[kind]);

		if (bad)
			return bad;
		for (; node; node = rb_next(node)) {
			const struct hrtimer *t = timer_of(node);

			if (!t->queued || t->base != b || t->kind != kind)
				return "H2: a timer in a tree that is not its own";
			if (t->softexpires > t->expires)
				return "H1: a timer expires before it may run";
		}
	}
	if (!b->in_interrupt && next_event(b, NULL) < b->expires_next)
		return "H3: the hardware was told a later time than the first expiry";
	return NULL;
}
