/* SPDX-License-Identifier: MIT */
/*
 * timer.c - see timer.h for the wheel and the rules W1..W4.
 *
 * G. Varghese, T. Lauck, "Hashed and hierarchical timing wheels", SOSP 1987, scheme 7 without the
 * migration between levels, as the authors propose for timers that need not be exact.
 */
#include "guest/time/timer.h"
#include "guest/lib/bitops.h"
#include "guest/lib/errno.h"
#include "guest/time/time_env.h"

#define WIDTH_SHIFT  3 /* a level's buckets are 8 times as wide as those below */
#define NSEC_PER_SEC 1000000000ULL
#define NO_BUCKET    UINT16_MAX /* taken out of the wheel, about to run */

static unsigned shift_of(unsigned level)
{
	return level * WIDTH_SHIFT;
}

/* Distances from here on belong to a level above. */
static u64 reach_of(unsigned level)
{
	return (u64)(WHEEL_SLOTS - 1) << shift_of(level);
}

/* The first boundary of a level at or after j, counted in widths. */
static u64 round_up(u64 j, unsigned level)
{
	return (j + BIT(shift_of(level)) - 1) >> shift_of(level);
}

int timers_init(struct timers *s, unsigned nr_cpus, u64 tick_ns)
{
	*s = (struct timers){ .nr_cpus = nr_cpus, .tick_ns = tick_ns };
	s->base = env_alloc(nr_cpus * sizeof(s->base[0]));
	if (!s->base)
		return -ENOMEM;
	for (unsigned cpu = 0; cpu < nr_cpus; cpu++) {
		for (unsigned i = 0; i < TIMER_NR_BASES; i++) {
			struct timer_base *b = &s->base[cpu][i];

			b->cpu = cpu;
			b->all = s;
			b->clk = timers_jiffies(s);
			b->next_expiry = TIMER_NEVER;
		}
	}
	return 0;
}

void timers_free(struct timers *s)
{
	env_free(s->base, s->nr_cpus * sizeof(s->base[0]));
	s->base = NULL;
}

u64 timers_jiffies(const struct timers *s)
{
	return env_now_ns() / s->tick_ns;
}

u64 timers_after_ns(const struct timers *s, u64 ns)
{
	u64 now = env_now_ns(), then = ns > UINT64_MAX - now ? UINT64_MAX : now + ns;

	return then / s->tick_ns + (then % s->tick_ns != 0);
}

void timer_setup(struct timers *s, struct timer_list *t, void (*fn)(struct timer_list *t),
		 unsigned flags)
{
	unsigned i = flags & TIMER_DEFERRABLE ? TIMER_BASE_DEF : TIMER_BASE_STD;

	*t = (struct timer_list){ .fn = fn, .base = &s->base[env_cpu()][i], .flags = (u8)flags };
}

/* IRQs off. */
static struct timer_base *lock_base(const struct timer_list *t)
{
	for (;;) {
		struct timer_base *b = READ_ONCE(t->base);

		if (likely(b != NULL)) {
			raw_spin_lock(&b->lock);
			if (likely(b == READ_ONCE(t->base)))
				return b;
			raw_spin_unlock(&b->lock);
		}
		env_relax();
	}
}

/* ---- buckets ---------------------------------------------------------------------------------------- */

/* Where a timer for `expires` goes, and when that bucket is served. */
static unsigned bucket_for(const struct timer_base *b, u64 expires, u64 *served)
{
	unsigned level = 0;
	u64 n;

	if (expires < b->clk)
		expires = b->clk;
	if (expires - b->clk >= reach_of(WHEEL_LEVELS - 1))
		expires = b->clk + reach_of(WHEEL_LEVELS - 1) - 1;
	while (expires - b->clk >= reach_of(level))
		level++;
	n = round_up(expires, level);
	*served = n << shift_of(level);
	return level * WHEEL_SLOTS + (unsigned)(n % WHEEL_SLOTS);
}

/* When the first bucket in use is served. */
static u64 first_bucket(const struct timer_base *b)
{
	u64 next = TIMER_NEVER;

	for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
		u64 n = round_up(b->clk, level); /* the level's next bucket to be served */

		if (b->used[level])
			next = MIN(next, (n + __ffs(ror64(b->used[level], n % WHEEL_SLOTS)))
						 << shift_of(level));
	}
	return next;
}

static void put_in(struct timer_base *b, struct timer_list *t, unsigned bucket, u64 served)
{
	unsigned level = bucket / WHEEL_SLOTS, slot = bucket % WHEEL_SLOTS;

	hlist_add_head(&t->entry, &b->bucket[level][slot]);
	b->used[level] |= BIT(slot); /* W4 */
	t->bucket = (u16)bucket;
	b->nr_pending++;
	if (served >= b->next_expiry)
		return;
	b->next_expiry = served; /* W3 */
	if (b->idle && !(t->flags & TIMER_DEFERRABLE))
		time_env_kick(b->cpu);
}

/* False when it is not pending. */
static bool take_out(struct timer_base *b, struct timer_list *t)
{
	unsigned level = t->bucket / WHEEL_SLOTS, slot = t->bucket % WHEEL_SLOTS;

	if (!timer_pending(t))
		return false;
	hlist_del_init(&t->entry);
	if (t->bucket != NO_BUCKET && hlist_empty(&b->bucket[level][slot])) {
		b->used[level] &= ~BIT(slot);
		b->stale = true;
	}
	b->nr_pending--;
	return true;
}

/* clk as near to now as it can be without passing a timer: distances count from it. */
static void forward(struct timer_base *b)
{
	u64 j = timers_jiffies(b->all);

	if (j > b->clk)
		b->clk = MIN(j, b->next_expiry);
}

/* ---- starting and stopping ------------------------------------------------------------------------------ */

/* Moves t, locked and not pending, to a base of that CPU; one whose function runs stays, so that
 * del_timer_sync() finds it. */
static struct timer_base *move_to(struct timer_list *t, struct timer_base *b, unsigned cpu)
{
	struct timer_base *to =
		&b->all->base[cpu][t->flags & TIMER_DEFERRABLE ? TIMER_BASE_DEF : TIMER_BASE_STD];

	if (to == b || b->running == t)
		return b;
	WRITE_ONCE(t->base, NULL);
	raw_spin_unlock(&b->lock);
	raw_spin_lock(&to->lock);
	WRITE_ONCE(t->base, to);
	return to;
}

enum how { MOD, MOD_IF_EARLIER, ADD_ON };

static bool start(struct timer_list *t, u64 expires, enum how how, unsigned cpu)
{
	bool pending = false;
	struct timer_base *b;
	unsigned bucket;
	u64 flags, served;

	env_preempt_disable();
	flags = env_irq_save();
	b = lock_base(t);
	if (!t->fn)
		goto out;
	pending = timer_pending(t);
	if (pending && (t->expires == expires || (how == MOD_IF_EARLIER && t->expires < expires)))
		goto out;
	forward(b);
	bucket = bucket_for(b, expires, &served);
	/* A timeout that is put off again and again mostly stays in its bucket. */
	if (pending && bucket == t->bucket) {
		t->expires = expires;
		goto out;
	}
	take_out(b, t);
	if (how == ADD_ON)
		b = move_to(t, b, cpu);
	else if (!(t->flags & TIMER_PINNED))
		b = move_to(t, b, env_cpu());
	forward(b);
	t->expires = expires;
	bucket = bucket_for(b, expires, &served);
	put_in(b, t, bucket, served);
out:
	raw_spin_unlock(&b->lock);
	env_irq_restore(flags);
	env_preempt_enable();
	return pending;
}

bool mod_timer(struct timer_list *t, u64 expires)
{
	return start(t, expires, MOD, 0);
}

bool timer_reduce(struct timer_list *t, u64 expires)
{
	return start(t, expires, MOD_IF_EARLIER, 0);
}

void add_timer_on(struct timer_list *t, u64 expires, unsigned cpu)
{
	BUG_ON(timer_pending(t));
	start(t, expires, ADD_ON, cpu);
}

static int take(struct timer_list *t, bool wait, bool for_good)
{
	struct timer_base *b;
	u64 flags;
	int ret;

	env_preempt_disable();
	flags = env_irq_save();
	b = lock_base(t);
	if (for_good)
		t->fn = NULL;
	ret = wait && b->running == t ? -1 : take_out(b, t);
	raw_spin_unlock(&b->lock);
	env_irq_restore(flags);
	env_preempt_enable();
	return ret;
}

bool del_timer(struct timer_list *t)
{
	return take(t, false, false) > 0;
}

int try_to_del_timer_sync(struct timer_list *t)
{
	return take(t, true, false);
}

static bool take_and_wait(struct timer_list *t, bool for_good)
{
	int ret;

	while ((ret = take(t, true, for_good)) < 0)
		env_relax();
	return ret > 0;
}

bool del_timer_sync(struct timer_list *t)
{
	return take_and_wait(t, false);
}

bool timer_shutdown_sync(struct timer_list *t)
{
	return take_and_wait(t, true);
}

u64 round_jiffies(const struct timers *s, u64 j, unsigned cpu)
{
	u64 second = MAX(NSEC_PER_SEC / s->tick_ns, 1ULL), skew = 3ULL * cpu, rest, r;

	rest = (j + skew) % second;
	/* Down only when that is near: a timer that was asked for should not be much too early. */
	r = rest < second / 4 ? j - rest : j + second - rest;
	return r > timers_jiffies(s) && r <= j + second ? r : j;
}

/* ---- running ---------------------------------------------------------------------------------------------- */

/* All timers of the buckets that end at clk. */
static void collect(struct timer_base *b, struct hlist_head *due)
{
	u64 n = b->clk;

	for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
		unsigned slot = n % WHEEL_SLOTS;
		struct hlist_head *head = &b->bucket[level][slot];
		struct hlist_node *last = head->first;

		if (b->used[level] & BIT(slot) && last) { /* W4: the one means the other */
			b->used[level] &= ~BIT(slot);
			hlist_entry(last, struct timer_list, entry)->bucket = NO_BUCKET;
			while (last->next) {
				last = last->next;
				hlist_entry(last, struct timer_list, entry)->bucket = NO_BUCKET;
			}
			/* The whole chain before what is there already. */
			last->next = due->first;
			if (due->first)
				due->first->pprev = &last->next;
			due->first = head->first;
			due->first->pprev = &due->first;
			head->first = NULL;
		}
		if (n & (BIT(WIDTH_SHIFT) - 1))
			break; /* not the end of a wider bucket */
		n >>= WIDTH_SHIFT;
	}
}

static void run_list(struct timer_base *b, struct hlist_head *due, u64 *flags)
{
	while (due->first) {
		struct timer_list *t = hlist_entry(due->first, struct timer_list, entry);
		void (*fn)(struct timer_list * t) = t->fn;

		hlist_del_init(&t->entry);
		b->nr_pending--;
		if (!fn)
			continue;
		b->running = t;
		raw_spin_unlock(&b->lock);
		env_irq_restore(*flags);
		fn(t); /* t may be gone afterwards */
		*flags = env_irq_save();
		raw_spin_lock(&b->lock);
		b->running = NULL;
	}
}

static void run_base(struct timer_base *b)
{
	u64 flags, j = timers_jiffies(b->all);

	if (READ_ONCE(b->next_expiry) > j)
		return;
	flags = env_irq_save();
	raw_spin_lock(&b->lock);
	while (b->next_expiry <= j) {
		struct hlist_head due = { NULL };

		BUG_ON(b->clk > b->next_expiry);
		b->clk = b->next_expiry;
		collect(b, &due);
		/* What is started from now on, by the functions too, goes to a later jiffy. */
		b->clk++;
		b->next_expiry = first_bucket(b);
		b->stale = false;
		run_list(b, &due, &flags);
	}
	raw_spin_unlock(&b->lock);
	env_irq_restore(flags);
}

bool timers_due(const struct timers *s, unsigned cpu)
{
	u64 j = timers_jiffies(s);

	for (unsigned i = 0; i < TIMER_NR_BASES; i++)
		if (READ_ONCE(s->base[cpu][i].next_expiry) <= j)
			return true;
	return false;
}

void timer_run_softirq(struct timers *s, unsigned cpu)
{
	for (unsigned i = 0; i < TIMER_NR_BASES; i++)
		run_base(&s->base[cpu][i]);
}

/* ---- idle, and CPUs that go --------------------------------------------------------------------------------- */

u64 timers_idle_enter(struct timers *s, unsigned cpu)
{
	struct timer_base *b = &s->base[cpu][TIMER_BASE_STD];
	u64 next;

	raw_spin_lock(&b->lock);
	/* Exact: an old, too early value would wake the CPU for nothing. */
	if (b->stale)
		b->next_expiry = first_bucket(b);
	b->stale = false;
	next = b->next_expiry;
	b->idle = true;
	raw_spin_unlock(&b->lock);
	return next;
}

void timers_idle_exit(struct timers *s, unsigned cpu)
{
	struct timer_base *b = &s->base[cpu][TIMER_BASE_STD];

	raw_spin_lock(&b->lock);
	b->idle = false;
	raw_spin_unlock(&b->lock);
}

void timers_adopt(struct timers *s, unsigned to, unsigned dead)
{
	for (unsigned i = 0; i < TIMER_NR_BASES; i++) {
		struct timer_base *from = &s->base[dead][i], *b = &s->base[to][i];

		raw_spin_lock(&(to < dead ? b : from)->lock);
		raw_spin_lock(&(to < dead ? from : b)->lock);
		BUG_ON(from->running);
		forward(b);
		for (unsigned n = 0; n < WHEEL_LEVELS * WHEEL_SLOTS; n++) {
			struct hlist_head *head = &from->bucket[n / WHEEL_SLOTS][n % WHEEL_SLOTS];

			while (head->first) {
				struct timer_list *t =
					hlist_entry(head->first, struct timer_list, entry);
				unsigned bucket;
				u64 served;

				take_out(from, t);
				WRITE_ONCE(t->base, b);
				bucket = bucket_for(b, t->expires, &served);
				put_in(b, t, bucket, served);
			}
		}
		from->next_expiry = TIMER_NEVER;
		raw_spin_unlock(&(to < dead ? from : b)->lock);
		raw_spin_unlock(&(to < dead ? b : from)->lock);
	}
}

const char *timer_base_check(struct timer_base *b)
{
	u64 n = 0;

	for (unsigned i = 0; i < WHEEL_LEVELS * WHEEL_SLOTS; i++) {
		unsigned level = i / WHEEL_SLOTS, slot = i % WHEEL_SLOTS;
		const struct timer_list *t;

		if (!!(b->used[level] & BIT(slot)) == hlist_empty(&b->bucket[level][slot]))
			return "W4: bit and bucket disagree";
		hlist_for_each_entry (t, &b->bucket[level][slot], entry) {
			if (t->base != b || t->bucket != i)
				return "W4: a timer in a bucket that is not its own";
			n++;
		}
	}
	if (n != b->nr_pending && !b->running)
		return "W4: the count of timers is wrong";
	if (first_bucket(b) < b->next_expiry)
		return "W3: a bucket is served before next_expiry";
	if (b->next_expiry < b->clk)
		return "W3: next_expiry has been passed";
	return NULL;
}
