/* SPDX-License-Identifier: MIT */
/*
 * rcu.c - see rcu.h. One mask for all CPUs instead of Linux's tree of them: good for tens of CPUs,
 * where a tree only pays with thousands.
 */
#include "guest/locking/rcu.h"

#include "guest/lib/printf.h"
#include "guest/locking/wait.h"

struct rcu *rcu_create(unsigned nr_cpus, u64 stall_ns)
{
	struct rcu *rcu = env_alloc(sizeof(*rcu));

	if (!rcu)
		return NULL;
	spin_lock_init(&rcu->lock);
	rcu->nr_cpus = nr_cpus;
	rcu->stall_ns = stall_ns;
	rcu->qs_mask = env_alloc(BITS_TO_WORDS(nr_cpus) * sizeof(u64));
	rcu->cpus = env_alloc(nr_cpus * sizeof(*rcu->cpus));
	if (!rcu->qs_mask || !rcu->cpus) {
		rcu_destroy(rcu);
		return NULL;
	}
	for (unsigned i = 0; i < nr_cpus; i++) {
		rcu->cpus[i].tail = &rcu->cpus[i].head;
		rcu->cpus[i].idle = true;
	}
	return rcu;
}

void rcu_destroy(struct rcu *rcu)
{
	env_free(rcu->qs_mask, BITS_TO_WORDS(rcu->nr_cpus) * sizeof(u64));
	env_free(rcu->cpus, rcu->nr_cpus * sizeof(*rcu->cpus));
	env_free(rcu, sizeof(*rcu));
}

/* ---- grace periods; lock held ------------------------------------------------------------------------ */

static void start_gp(struct rcu *rcu)
{
	rcu->gp++;
	rcu->gp_start = env_now_ns();
	rcu->next_report = rcu->gp_start + rcu->stall_ns;
	for (unsigned cpu = 0; cpu < rcu->nr_cpus; cpu++)
		__set_bit(cpu, rcu->qs_mask);
	/* What was unpublished before is seen by whoever leaves idle after the look below. */
	smp_mb();
	for (unsigned cpu = 0; cpu < rcu->nr_cpus; cpu++)
		if (smp_load_acquire(&rcu->cpus[cpu].idle))
			__clear_bit(cpu, rcu->qs_mask);
}

static bool gp_running(const struct rcu *rcu)
{
	return rcu->completed < rcu->gp;
}

/* Ends and begins as far as it goes: with idle CPUs only, at once. */
static void advance(struct rcu *rcu)
{
	for (;;) {
		if (gp_running(rcu)) {
			if (!bitmap_empty(rcu->qs_mask, rcu->nr_cpus))
				return;
			smp_store_release(&rcu->completed, rcu->gp); /* U1 */
		}
		if (rcu->wanted <= rcu->completed)
			return;
		start_gp(rcu);
	}
}

static void quiescent_locked(struct rcu *rcu, unsigned cpu)
{
	if (!__test_and_clear_bit(cpu, rcu->qs_mask))
		return;
	advance(rcu);
}

void rcu_quiescent(struct rcu *rcu)
{
	u64 flags;

	if (!test_bit(env_cpu(), rcu->qs_mask))
		return; /* the usual case: no lock, no shared line written */
	flags = spin_lock_irqsave(&rcu->lock);
	quiescent_locked(rcu, env_cpu());
	spin_unlock_irqrestore(&rcu->lock, flags);
}

void rcu_idle_enter(struct rcu *rcu)
{
	smp_store_release(&rcu->cpus[env_cpu()].idle, true);
	smp_mb(); /* pairs with start_gp(): it sees idle, or we see its bit */
	rcu_quiescent(rcu);
}

void rcu_idle_exit(struct rcu *rcu)
{
	WRITE_ONCE(rcu->cpus[env_cpu()].idle, false);
	smp_mb();
}

/* ---- callbacks --------------------------------------------------------------------------------------------- */

void call_rcu(struct rcu *rcu, struct rcu_head *head, void (*fn)(struct rcu_head *head))
{
	u64 flags = spin_lock_irqsave(&rcu->lock);
	struct rcu_cpu *c = &rcu->cpus[env_cpu()];

	head->fn = fn;
	head->next = NULL;
	/* U2: one that runs already may have begun too early for us. */
	head->gp = rcu->gp + 1;
	*c->tail = head;
	c->tail = &head->next;
	c->nr_queued++;
	rcu->wanted = MAX(rcu->wanted, head->gp);
	if (!gp_running(rcu))
		advance(rcu);
	spin_unlock_irqrestore(&rcu->lock, flags);
}

u64 rcu_process_callbacks(struct rcu *rcu)
{
	struct rcu_cpu *c = &rcu->cpus[env_cpu()];
	u64 n = 0;

	for (;;) {
		u64 flags = env_irq_save();
		struct rcu_head *head = c->head;

		if (!head || head->gp > smp_load_acquire(&rcu->completed)) {
			env_irq_restore(flags);
			return n;
		}
		c->head = head->next;
		if (!c->head)
			c->tail = &c->head;
		c->nr_invoked++;
		env_irq_restore(flags);
		head->fn(head);
		n++;
	}
}

void rcu_adopt(struct rcu *rcu, unsigned dead)
{
	struct rcu_cpu *c = &rcu->cpus[env_cpu()], *d = &rcu->cpus[dead];
	struct rcu_head *head;

	raw_spin_lock(&rcu->lock);
	/* At the end of the order, so with a later grace period than they need. */
	while ((head = d->head)) {
		d->head = head->next;
		d->nr_queued--;
		head->next = NULL;
		head->gp = rcu->gp + 1;
		*c->tail = head;
		c->tail = &head->next;
		c->nr_queued++;
		rcu->wanted = head->gp;
	}
	d->tail = &d->head;
	if (!gp_running(rcu))
		advance(rcu);
	raw_spin_unlock(&rcu->lock);
}

struct rcu_wait {
	struct rcu_head head;
	struct completion done;
};

static void wake_waiter(struct rcu_head *head)
{
	complete(&container_of(head, struct rcu_wait, head)->done);
}

void synchronize_rcu(struct rcu *rcu)
{
	struct rcu_wait w;

	might_sleep();
	init_completion(&w.done);
	call_rcu(rcu, &w.head, wake_waiter);
	wait_for_completion(&w.done);
	completion_done(&w.done); /* the waker has let go of w */
}

bool rcu_check_stall(struct rcu *rcu)
{
	u64 now = env_now_ns(), flags;
	char cpus[120] = "";
	size_t n = 0, cpu;

	if (!gp_running(rcu) || now < READ_ONCE(rcu->next_report))
		return false;
	flags = spin_lock_irqsave(&rcu->lock);
	if (!gp_running(rcu) || now < rcu->next_report) {
		spin_unlock_irqrestore(&rcu->lock, flags);
		return false; /* another CPU reports it */
	}
	rcu->next_report = now + 3 * rcu->stall_ns;
	rcu->nr_stalls++;
	for_each_set_bit (cpu, rcu->qs_mask, rcu->nr_cpus)
		n += (size_t)kscnprintf(cpus + n, sizeof(cpus) - n, " %zu", cpu);
	spin_unlock_irqrestore(&rcu->lock, flags);
	env_log(ENV_ERR, "rcu: stall: grace period %llu runs for %llu ms, waiting for CPUs:%s",
		(unsigned long long)rcu->gp,
		(unsigned long long)((now - rcu->gp_start) / NSEC_PER_MSEC_), cpus);
	return true;
}

const char *rcu_check(struct rcu *rcu)
{
	if (rcu->completed > rcu->gp || rcu->gp - rcu->completed > 1)
		return "U1: more than one grace period at a time";
	if (!gp_running(rcu) && !bitmap_empty(rcu->qs_mask, rcu->nr_cpus))
		return "U1: CPUs are waited for without a grace period";
	for (unsigned i = 0; i < rcu->nr_cpus; i++) {
		const struct rcu_cpu *c = &rcu->cpus[i];
		const struct rcu_head *h;
		u64 n = 0, last = 0;

		for (h = c->head; h; h = h->next, n++) {
			if (h->gp < last || h->gp > rcu->wanted)
				return "U2: callbacks out of order";
			last = h->gp;
		}
		if (n != c->nr_queued - c->nr_invoked)
			return "U2: a callback is lost";
		if (c->idle && test_bit(i, rcu->qs_mask))
			return "U1: an idle CPU is waited for";
	}
	return NULL;
}
