/* SPDX-License-Identifier: MIT */
/* tasklet.c - see tasklet.h. */
#include "guest/defer/tasklet.h"
#include "guest/lib/env.h"
#include "guest/lib/errno.h"
#include "guest/sched/sched.h"

#define SCHEDULED 1u
#define RUNNING	  2u

static void put(struct tasklets *s, struct tasklet *t)
{
	u64 flags = env_irq_save();

	list_add_tail(&t->node, &s->queue[env_cpu()]);
	raise_softirq(s->softirqs, TASKLET_SOFTIRQ);
	env_irq_restore(flags);
}

static void run_queue(unsigned cpu, void *arg)
{
	struct tasklets *s = arg;
	LIST_HEAD(mine);
	u64 flags = env_irq_save();

	list_splice_init(&s->queue[cpu], &mine);
	env_irq_restore(flags);
	while (!list_empty(&mine)) {
		struct tasklet *t = list_first_entry(&mine, struct tasklet, node);

		list_del_init(&t->node);
		if (__atomic_fetch_or(&t->state, RUNNING, __ATOMIC_ACQUIRE) & RUNNING) {
			put(s, t); /* it runs on another CPU */
			continue;
		}
		if (atomic_read(&t->disabled)) {
			__atomic_fetch_and(&t->state, ~RUNNING, __ATOMIC_RELEASE);
			put(s, t);
			continue;
		}
		/* From here on a request means one run more. */
		__atomic_fetch_and(&t->state, ~SCHEDULED, __ATOMIC_SEQ_CST);
		t->fn(t);
		__atomic_fetch_and(&t->state, ~RUNNING, __ATOMIC_RELEASE);
	}
}

int tasklets_init(struct tasklets *s, struct softirqs *softirqs)
{
	*s = (struct tasklets){ .softirqs = softirqs, .nr_cpus = softirqs->nr_cpus };
	s->queue = env_alloc(s->nr_cpus * sizeof(s->queue[0]));
	if (!s->queue)
		return -ENOMEM;
	for (unsigned i = 0; i < s->nr_cpus; i++)
		INIT_LIST_HEAD(&s->queue[i]);
	open_softirq(softirqs, TASKLET_SOFTIRQ, run_queue, s);
	return 0;
}

void tasklets_free(struct tasklets *s)
{
	env_free(s->queue, s->nr_cpus * sizeof(s->queue[0]));
	s->queue = NULL;
}

void tasklet_setup(struct tasklet *t, void (*fn)(struct tasklet *t))
{
	*t = (struct tasklet){ .node = LIST_HEAD_INIT(t->node), .fn = fn };
}

void tasklet_schedule(struct tasklets *s, struct tasklet *t)
{
	if (!(__atomic_fetch_or(&t->state, SCHEDULED, __ATOMIC_SEQ_CST) & SCHEDULED))
		put(s, t);
}

void tasklet_disable(struct tasklet *t)
{
	atomic_inc(&t->disabled);
	smp_mb();
	while (READ_ONCE(t->state) & RUNNING)
		env_relax();
}

void tasklet_enable(struct tasklet *t)
{
	smp_mb();
	atomic_dec(&t->disabled);
}

void tasklet_kill(struct tasklet *t)
{
	while (READ_ONCE(t->state) & (SCHEDULED | RUNNING))
		do_sched_yield();
}
