/* SPDX-License-Identifier: MIT */
/* softirq.c - see softirq.h for the rules Q1..Q4. */
#include "guest/defer/softirq.h"
#include "guest/defer/defer_env.h"
#include "guest/lib/bitops.h"
#include "guest/sched/sched.h"

int softirqs_init(struct softirqs *s, unsigned nr_cpus)
{
	*s = (struct softirqs){ .nr_cpus = nr_cpus };
	s->cpu = env_alloc(nr_cpus * sizeof(s->cpu[0]));
	return s->cpu ? 0 : -ENOMEM;
}

void softirqs_free(struct softirqs *s)
{
	env_free(s->cpu, s->nr_cpus * sizeof(s->cpu[0]));
	s->cpu = NULL;
}

const char *softirq_name(unsigned nr)
{
#define SOFTIRQ_NAME(name) #name,
	static const char *const names[] = { SOFTIRQ_VECTORS(SOFTIRQ_NAME) };

	return nr < NR_SOFTIRQS ? names[nr] : "?";
}

void open_softirq(struct softirqs *s, unsigned nr, softirq_fn fn, void *arg)
{
	BUG_ON(nr >= NR_SOFTIRQS || s->action[nr].fn);
	s->action[nr].arg = arg;
	s->action[nr].fn = fn;
}

void raise_softirq(struct softirqs *s, unsigned nr)
{
	u64 flags = env_irq_save();
	struct softirq_cpu *c = &s->cpu[env_cpu()];

	BUG_ON(nr >= NR_SOFTIRQS || !s->action[nr].fn);
	c->pending |= BIT(nr);
	/* Q3: otherwise the way out of the interrupt, or the end of the section, sees it. */
	if (!c->bh_disabled && !defer_env_in_irq())
		defer_env_wake_ksoftirqd(s, env_cpu());
	env_irq_restore(flags);
}

/* One vector after the other, with IRQs on. */
static void serve(struct softirqs *s, struct softirq_cpu *c, u32 pending)
{
	while (pending) {
		unsigned nr = __ffs(pending);

		pending &= pending - 1;
		c->count[nr]++;
		s->action[nr].fn(env_cpu(), s->action[nr].arg);
	}
}

/* IRQs and preemption off, bh_disabled set by the caller. */
static void run(struct softirqs *s, struct softirq_cpu *c)
{
	u64 end = env_now_ns() + SOFTIRQ_MAX_NS;
	unsigned rounds = 0;

	c->running = true;
	do {
		u32 pending = c->pending;

		c->pending = 0;
		defer_env_irq_enable();
		serve(s, c, pending);
		defer_env_irq_disable();
	} while (c->pending && ++rounds < SOFTIRQ_MAX_ROUNDS && env_now_ns() < end &&
		 !need_resched());
	c->running = false;
}

void softirq_irq_exit(struct softirqs *s)
{
	struct softirq_cpu *c = &s->cpu[env_cpu()];

	if (likely(!c->pending) || c->bh_disabled)
		return; /* Q2 */
	env_preempt_disable();
	c->bh_disabled++;
	run(s, c);
	c->bh_disabled--;
	if (c->pending) { /* Q4 */
		c->handed_over++;
		defer_env_wake_ksoftirqd(s, env_cpu());
	}
	/* Whoever runs this on the way out looks for a better task itself, once. */
	sched_env_preempt_enable_no_resched();
}

void local_bh_disable(struct softirqs *s)
{
	env_preempt_disable();
	s->cpu[env_cpu()].bh_disabled++;
}

void local_bh_enable(struct softirqs *s)
{
	u64 flags = env_irq_save(); /* or an interrupt could raise one between look and end */
	struct softirq_cpu *c = &s->cpu[env_cpu()];

	BUG_ON(!c->bh_disabled);
	if (--c->bh_disabled == 0 && c->pending && !defer_env_in_irq())
		softirq_irq_exit(s);
	env_irq_restore(flags);
	env_preempt_enable();
}

bool in_serving_softirq(const struct softirqs *s)
{
	u64 flags = env_irq_save();
	bool running = s->cpu[env_cpu()].running;

	env_irq_restore(flags);
	return running;
}

void ksoftirqd_run(struct softirqs *s)
{
	struct softirq_cpu *c;
	u64 flags;

	set_current_state(TASK_INTERRUPTIBLE);
	if (!softirq_pending(s, env_cpu())) /* the thread is bound: its CPU does not change */
		schedule();
	set_current_state(TASK_RUNNING);

	env_preempt_disable();
	flags = env_irq_save();
	c = &s->cpu[env_cpu()];
	if (c->pending && !c->bh_disabled) {
		c->bh_disabled++;
		run(s, c);
		c->bh_disabled--;
	}
	env_irq_restore(flags);
	env_preempt_enable(); /* tasks get their turn between two runs */
}
