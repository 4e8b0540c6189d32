/* SPDX-License-Identifier: MIT */
/*
 * bench.c - one CPU with n runnable tasks: the running one goes to sleep, the next is picked, and the
 * sleeper wakes again, over and over. callgrind counts the instructions of op_enqueue(), op_pick(),
 * op_switch() and op_dequeue(); op_schedule() and op_wakeup() are the same through the whole of core.c.
 *
 *	bench POLICY N ROUNDS [whole]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/lib/rand.h"
#include "guest/sched/internal.h"

static u64 now;
static struct sched *sched;
static struct task_struct idle;

/* ---- env.h and sched_env.h, as small as they can be: what is counted is the scheduler ------------------ */

void env_log(enum env_level level, const char *fmt, ...)
{
	(void)level;
	fprintf(stderr, "%s\n", fmt);
}

_Noreturn void env_panic(const char *file, int line, const char *fmt, ...)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, fmt);
	abort();
}

u64 env_now_ns(void)
{
	return now;
}

unsigned env_cpu(void)
{
	return 0;
}

unsigned env_nr_cpus(void)
{
	return 1;
}

u64 env_irq_save(void)
{
	return 0;
}

void env_irq_restore(u64 state)
{
	(void)state;
}

void env_preempt_disable(void)
{
}

void env_preempt_enable(void)
{
}

void *env_alloc(size_t size)
{
	size = ALIGN_UP(size, 64);
	return memset(aligned_alloc(64, size), 0, size);
}

void env_free(void *ptr, size_t size)
{
	(void)size;
	free(ptr);
}

void env_relax(void)
{
}

struct task_struct *sched_env_current(void)
{
	return sched->rq[0]->curr;
}

struct rq *sched_env_this_rq(void)
{
	return sched->rq[0];
}

struct task_struct *sched_env_switch(struct task_struct *prev, struct task_struct *next)
{
	(void)next;
	return prev;
}

void sched_env_send_resched(unsigned cpu)
{
	(void)cpu;
}

void sched_env_set_timer(unsigned cpu, u64 expires)
{
	(void)cpu;
	(void)expires;
}

u64 sched_env_stolen_ns(unsigned cpu)
{
	(void)cpu;
	return 0;
}

void sched_env_task_dead(struct task_struct *p)
{
	(void)p;
}

void sched_env_task_hold(struct task_struct *p)
{
	(void)p;
}

void sched_env_task_drop(struct task_struct *p)
{
	(void)p;
}

void sched_env_preempt_enable_no_resched(void)
{
}

const char *sched_env_atomic(void)
{
	return NULL;
}

void sched_env_backtrace(void)
{
}

/* ---- what is counted ------------------------------------------------------------------------------------- */

#define COUNTED __attribute__((noinline, noclone))
void op_enqueue(struct rq *rq, struct task_struct *p);
struct task_struct *op_pick(struct rq *rq);
void op_switch(struct rq *rq, struct task_struct *next);
void op_dequeue(struct rq *rq, struct task_struct *p);
void op_schedule(void);
void op_wakeup(struct task_struct *p);

COUNTED void op_enqueue(struct rq *rq, struct task_struct *p)
{
	if (p->se.sched_delayed)
		enqueue_task(rq, p, ENQUEUE_DELAYED);
	else
		activate_task(rq, p, ENQUEUE_WAKEUP);
}

COUNTED struct task_struct *op_pick(struct rq *rq)
{
	return rq->curr->sched_class->pick_task(rq);
}

COUNTED void op_switch(struct rq *rq, struct task_struct *next)
{
	struct task_struct *prev = rq->curr;

	if (next == prev)
		return;
	prev->sched_class->put_prev_task(rq, prev);
	next->sched_class->set_next_task(rq, next, true);
	rq->curr = next;
}

COUNTED void op_dequeue(struct rq *rq, struct task_struct *p)
{
	if (dequeue_task(rq, p, DEQUEUE_SLEEP))
		p->on_rq = 0;
}

COUNTED void op_schedule(void)
{
	current->state = TASK_INTERRUPTIBLE;
	schedule();
}

COUNTED void op_wakeup(struct task_struct *p)
{
	wake_up_process(p);
}

/* ---- the machine ------------------------------------------------------------------------------------------- */

static struct task_struct *new_task(const char *policy, struct rand *r)
{
	struct task_struct *p = env_alloc(sizeof(*p));
	struct sched_attr attr = { .nice = (int)rand_below(r, 11) - 5 };

	if (!strcmp(policy, "rt"))
		attr = (struct sched_attr){ .policy = SCHED_FIFO,
					    .priority = (unsigned)rand_range(r, 1, 99) };
	/* Never admitted in such numbers by a machine of one CPU: admission is switched off below. */
	if (!strcmp(policy, "deadline"))
		attr = (struct sched_attr){ .policy = SCHED_DEADLINE,
					    .runtime = 400000000,
					    .deadline = rand_range(r, 500000000, 1000000000),
					    .period = 1000000000 };
	if (sched_fork(sched, p, NULL) || task_setattr(p, &attr, NULL)) {
		fprintf(stderr, "bench: a task of policy %s is refused\n", policy);
		exit(1);
	}
	wake_up_new_task(p);
	return p;
}

int main(int argc, char **argv)
{
	struct sched_topology_desc topo = {
		.nr_cpus = 1, .threads_per_core = 1, .cores_per_llc = 1, .llcs_per_node = 1
	};
	unsigned long n, rounds;
	struct sched_tunables tun;
	const struct sched_class *fair;
	struct rand r;
	struct rq *rq;

	if (argc < 4) {
		fprintf(stderr, "usage: bench POLICY N ROUNDS [whole]\n");
		return 2;
	}
	n = strtoul(argv[2], NULL, 10);
	rounds = strtoul(argv[3], NULL, 10);
	fair = sched_fair_by_name(argv[1]);
	sched_tunables_default(&tun, 1);
	tun.rt_runtime = RUNTIME_INF;
	sched = sched_create(&topo, &tun, fair ? fair : &eevdf_sched_class);
	rq = sched->rq[0];
	sched_init_idle(sched, &idle, 0);
	sched_cpu_online(sched, 0);
	rand_init(&r, 1);
	for (unsigned long i = 0; i < n; i++)
		new_task(argv[1], &r);
	schedule();

	for (unsigned long i = 0; i < rounds; i++) {
		struct task_struct *p = rq->curr;

		now += rand_range(&r, 200000, 1500000);
		if (argc > 4) {
			op_schedule();
			now += 1000;
			op_wakeup(p);
			continue;
		}
		op_dequeue(rq, p);
		op_switch(rq, op_pick(rq));
		now += 1000;
		op_enqueue(rq, p);
		rq->need_resched = false;
	}
	printf("%s %lu: %llu switches\n", argv[1], n, (unsigned long long)rq->nr_switches);
	return 0;
}
