/* SPDX-License-Identifier: MIT */
/*
 * sim_machine.c - CPUs that run scripts. After every event on a CPU settle() does what a kernel does
 * on its way out of an interrupt: switch if that is asked for, and let the current task go on.
 *
 * A task has no stack, so schedule() returns at once with another task current. What would follow it
 * in the code of a blocking call is done when the task runs again: see step_lock().
 */
#include "guest/env/sim_machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/lib/hash.h"
#include "guest/lib/printf.h"
#include "guest/sched/internal.h"
#include "guest/sched/stop.h"

struct sim_cpu_state {
	struct rq *rq;
	struct task_struct *curr;
	struct sim_event run, tick, timer, ipi;
	struct sim_task idle, stop;
	u64 idle_since, idle_ns;
};

struct sim_machine {
	struct sim *sim;
	struct sched *sched;
	struct sim_machine_config cfg;
	struct sim_stats *stats; /* sums over the tasks that are gone */
	struct sim_stats view;
	struct sim_lock *locks;
	struct list_head *tasks; /* by program */
	u64 next_pid;
	void (*on_event)(struct sim_machine *m, void *arg);
	void *on_event_arg;
	struct sim_cpu_state cpus[];
};

/* The seam has no instance argument: the machine that runs or is being made. */
static struct sim_machine *machine;

static struct sim_cpu_state *this_cpu_state(void)
{
	return &machine->cpus[env_cpu()];
}

static struct sim_task *sim_task_of(struct task_struct *t)
{
	return container_of(t, struct sim_task, t);
}

/* ---- sched_env.h -------------------------------------------------------------------------------------- */

struct task_struct *sched_env_current(void)
{
	return this_cpu_state()->curr;
}

struct rq *sched_env_this_rq(void)
{
	return this_cpu_state()->rq;
}

struct task_struct *sched_env_switch(struct task_struct *prev, struct task_struct *next)
{
	struct sim_cpu_state *cpu = this_cpu_state();
	struct sim_task *out = sim_task_of(prev), *in = sim_task_of(next);
	u64 now = env_now_ns();

	if (out->running) {
		u64 ran = now - out->run_start;

		out->left -= MIN(ran, out->left);
		out->running = false;
		sim_cancel(machine->sim, &cpu->run);
	}
	if (prev == cpu->rq->idle)
		cpu->idle_ns += now - cpu->idle_since;
	if (next == cpu->rq->idle)
		cpu->idle_since = now;
	if (machine->cfg.switch_ns)
		sim_spend(machine->sim, machine->cfg.switch_ns);
	if (in->woken_at && in->stats) {
		sim_histogram_add(&in->stats->latency, env_now_ns() - in->woken_at);
		in->woken_at = 0;
	}
	cpu->curr = next;
	return prev;
}

static void settle(unsigned cpu_nr);

static void on_ipi(struct sim *sim, struct sim_event *ev)
{
	(void)sim;
	settle(ev->cpu);
}

void sched_env_send_resched(unsigned cpu)
{
	struct sim_event *ev = &machine->cpus[cpu].ipi;

	if (!ev->queued)
		sim_schedule(machine->sim, ev, cpu, env_now_ns() + machine->cfg.ipi_ns, on_ipi);
}

static void on_timer(struct sim *sim, struct sim_event *ev)
{
	(void)sim;
	sched_timer_interrupt();
	settle(ev->cpu);
}

void sched_env_set_timer(unsigned cpu, u64 expires)
{
	struct sim_event *ev = &machine->cpus[cpu].timer;

	sim_cancel(machine->sim, ev);
	if (expires != UINT64_MAX)
		sim_schedule(machine->sim, ev, cpu, expires, on_timer);
}

u64 sched_env_stolen_ns(unsigned cpu)
{
	(void)cpu;
	return env_now_ns() / 100 * machine->cfg.stolen_percent;
}

static void add_up(struct sim_stats *s, const struct sim_task *st)
{
	s->run_ns += st->t.se.sum_exec_runtime;
	s->wait_ns += st->t.sched_info.run_delay;
	s->nvcsw += st->t.nvcsw;
	s->nivcsw += st->t.nivcsw;
	s->migrations += st->t.stats.nr_migrations;
	s->wakeups += st->t.stats.nr_wakeups;
	s->throttled += st->t.dl.nr_throttled;
}

void sched_env_task_dead(struct task_struct *p)
{
	struct sim_task *st = sim_task_of(p);

	add_up(st->stats, st);
	st->stats->exited++;
	list_del(&st->node);
	sched_task_free(p);
	free(st);
}

/* One event at a time: nobody goes while another one looks. */
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
	env_preempt_enable();
}

const char *sched_env_atomic(void)
{
	return sim_preempt_count(machine->sim, env_cpu()) ? "preemption is off" : NULL;
}

void sched_env_backtrace(void)
{
	const struct task_struct *t = current;

	fprintf(stderr, "simulated task %d (%s) on CPU %u\n", t->pid, t->comm, env_cpu());
}

/* ---- scripts -------------------------------------------------------------------------------------------- */

static u64 draw(struct sim_task *st, const struct sim_op *op)
{
	return rand_range(&st->rand, (u64)op->a, (u64)MAX(op->b, op->a));
}

static void on_wake(struct sim *sim, struct sim_event *ev)
{
	struct sim_task *st = container_of(ev, struct sim_task, wake);

	(void)sim;
	st->woken_at = env_now_ns();
	wake_up_process(&st->t);
	settle(ev->cpu);
}

static void sleep_until(struct sim_task *st, u64 time)
{
	sim_schedule(machine->sim, &st->wake, env_cpu(), time, on_wake);
	set_current_state(TASK_INTERRUPTIBLE);
	schedule();
}

/* The blocking call in two halves: poll, and sleep when it was in vain. */
static void step_lock(struct sim_task *st, const struct sim_op *op)
{
	struct sim_lock *l = &machine->locks[op->a];

	if (!st->in_lock) {
		st->lock_since = env_now_ns();
		if (sim_lock_begin(l, &st->waiter) == 0)
			goto got;
		st->in_lock = true;
	}
	if (!sim_lock_poll(l, &st->waiter)) {
		schedule();
		return;
	}
got:
	st->in_lock = false;
	sim_histogram_add(&st->stats->lock_wait, env_now_ns() - st->lock_since);
	st->pc++;
}

static bool spawn_one(struct sim_machine *m, unsigned program, struct task_struct *parent, u64 at);

static void step_period(struct sim_task *st, u64 period)
{
	u64 now = env_now_ns();

	st->release += period;
	st->stats->jobs++;
	if (now > st->release) {
		st->stats->missed++;
		st->stats->worst_late_ns = MAX(st->stats->worst_late_ns, now - st->release);
		return; /* the next job is due already */
	}
	sleep_until(st, st->release);
}

/* One op of current's script. It may end with another task current. */
static void step(struct sim_task *st)
{
	const struct sim_op *op, exit = { .code = OP_EXIT };

	op = st->pc < st->prog->nr_ops ? &st->prog->ops[st->pc] : &exit;
	if (op->code == OP_LOCK) {
		step_lock(st, op);
		return;
	}
	st->pc++;
	switch (op->code) {
	case OP_RUN:
		st->left = draw(st, op);
		break;
	case OP_SLEEP:
		sleep_until(st, env_now_ns() + draw(st, op));
		break;
	case OP_UNLOCK:
		sim_lock_release(&machine->locks[op->a]);
		break;
	case OP_YIELD:
		do_sched_yield();
		break;
	case OP_NICE:
		set_user_nice(&st->t, (int)op->a);
		break;
	case OP_SETATTR:
		task_setattr(&st->t, &op->attr, NULL);
		break;
	case OP_FORK:
		for (s64 i = 0; i < op->b; i++)
			spawn_one(machine, (unsigned)op->a, &st->t, 0);
		break;
	case OP_PERIOD:
		step_period(st, (u64)op->a);
		break;
	case OP_POLICY:
		sched_switch_fair(machine->sched, op->fair);
		break;
	case OP_LOOP:
		if (!op->a || ++st->loops < op->a)
			st->pc = 0;
		break;
	default:
		WRITE_ONCE(st->t.state, TASK_DEAD);
		schedule();
	}
}

/* ---- a CPU -------------------------------------------------------------------------------------------------- */

static void on_run_end(struct sim *sim, struct sim_event *ev)
{
	struct sim_task *st = sim_task_of(machine->cpus[ev->cpu].curr);

	(void)sim;
	st->left = 0;
	st->running = false;
	settle(ev->cpu);
}

static void on_tick(struct sim *sim, struct sim_event *ev)
{
	(void)sim;
	sched_tick();
	settle(ev->cpu);
}

/* Tickless when idle; busy CPUs' ticks are spread over the period. */
static void set_tick(struct sim_cpu_state *cpu, unsigned nr)
{
	u64 tick = machine->cfg.tun.tick, now = env_now_ns(), skew;

	if (cpu->curr == cpu->rq->idle) {
		sim_cancel(machine->sim, &cpu->tick);
	} else if (!cpu->tick.queued) {
		skew = tick * nr / machine->sched->nr_cpus;
		sim_schedule(machine->sim, &cpu->tick, nr, now + tick - (now + tick - skew) % tick,
			     on_tick);
	}
}

#define MAX_STEPS 100000u /* in no time: a script that never runs nor sleeps */

static void settle(unsigned nr)
{
	struct sim_cpu_state *cpu = &machine->cpus[nr];

	for (unsigned steps = 0;; steps++) {
		struct sim_task *st;

		BUG_ON(steps > MAX_STEPS);
		if (need_resched()) {
			if (cpu->curr == cpu->rq->idle)
				schedule();
			else
				preempt_schedule_irq();
		}
		st = sim_task_of(cpu->curr);
		if (st == &cpu->idle)
			break;
		if (st == &cpu->stop) {
			cpu_stop_run(cpu->rq);
			schedule();
			continue;
		}
		if (st->running)
			break;
		if (st->left) {
			st->running = true;
			st->run_start = env_now_ns();
			sim_schedule(machine->sim, &cpu->run, nr, st->run_start + st->left,
				     on_run_end);
			break;
		}
		step(st);
	}
	set_tick(cpu, nr);
	if (machine->on_event)
		machine->on_event(machine, machine->on_event_arg);
}

/* ---- setting up ------------------------------------------------------------------------------------------------ */

static void on_birth(struct sim *sim, struct sim_event *ev)
{
	struct sim_task *st = container_of(ev, struct sim_task, wake);

	(void)sim;
	st->release = env_now_ns();
	wake_up_new_task(&st->t);
	settle(ev->cpu);
}

static bool spawn_one(struct sim_machine *m, unsigned program, struct task_struct *parent, u64 at)
{
	const struct sim_program *prog = &m->cfg.programs[program];
	struct sim_task *st = aligned_alloc(64, ALIGN_UP(sizeof(*st), 64));
	u64 id[2] = { m->cfg.seed, m->next_pid };

	if (!st)
		return false;
	memset(st, 0, sizeof(*st));
	st->prog = prog;
	st->stats = &m->stats[program];
	st->t.pid = st->t.tgid = (int)++m->next_pid;
	memcpy(st->t.comm, prog->name, sizeof(st->t.comm));
	rand_init(&st->rand, hash_bytes(id, sizeof(id)));
	if (sched_fork(m->sched, &st->t, NULL)) {
		free(st);
		return false;
	}
	if (parent)
		set_task_cpu(&st->t, parent->cpu);
	if (prog->affinity)
		set_cpus_allowed(&st->t, prog->affinity);
	if (prog->group)
		task_group_move(&st->t, prog->group);
	if (task_setattr(&st->t, &prog->attr, NULL)) {
		sched_task_free(&st->t);
		free(st);
		return false;
	}
	st->stats->tasks++;
	list_add_tail(&st->node, &m->tasks[program]);
	if (parent) {
		st->release = env_now_ns();
		wake_up_new_task(&st->t);
	} else {
		sim_schedule(m->sim, &st->wake, st->t.cpu, at, on_birth);
	}
	return true;
}

bool sim_machine_spawn(struct sim_machine *m, unsigned program, u64 count)
{
	machine = m;
	for (u64 i = 0; i < count; i++)
		if (!spawn_one(m, program, NULL, m->cfg.programs[program].start))
			return false;
	return true;
}

static void boot_cpu(struct sim_machine *m, unsigned nr)
{
	struct sim_cpu_state *cpu = &m->cpus[nr];

	cpu->rq = m->sched->rq[nr];
	ksnprintf(cpu->idle.t.comm, TASK_COMM_LEN, "swapper/%u", nr);
	ksnprintf(cpu->stop.t.comm, TASK_COMM_LEN, "migration/%u", nr);
	sched_init_idle(m->sched, &cpu->idle.t, nr);
	sched_init_stop(m->sched, &cpu->stop.t, nr);
	cpu->curr = &cpu->idle.t;
	sched_cpu_online(m->sched, nr);
}

struct sim_machine *sim_machine_create(const struct sim_machine_config *cfg)
{
	unsigned n = cfg->topo.nr_cpus;
	struct sim_machine *m = calloc(1, sizeof(*m) + n * sizeof(m->cpus[0]));

	if (!m)
		return NULL;
	machine = m;
	m->cfg = *cfg;
	m->sim = sim_new(n);
	m->sched = sched_create(&cfg->topo, &cfg->tun, cfg->fair);
	m->stats = calloc(cfg->nr_programs + 1, sizeof(*m->stats));
	m->tasks = calloc(cfg->nr_programs + 1, sizeof(*m->tasks));
	m->locks = calloc(cfg->nr_locks + 1, sizeof(*m->locks));
	if (!m->sim || !m->sched || !m->stats || !m->tasks || !m->locks) {
		sim_machine_destroy(m);
		return NULL;
	}
	for (unsigned i = 0; i < n; i++)
		boot_cpu(m, i);
	for (unsigned i = 0; i <= cfg->nr_programs; i++)
		INIT_LIST_HEAD(&m->tasks[i]);
	for (unsigned i = 0; i < cfg->nr_locks; i++)
		sim_lock_init(&m->locks[i], cfg->locks[i]);
	return m;
}

void sim_machine_destroy(struct sim_machine *m)
{
	machine = m;
	for (unsigned i = 0; m->tasks && i < m->cfg.nr_programs; i++) {
		struct sim_task *st, *tmp;

		if (!m->tasks[i].next)
			continue;
		list_for_each_entry_safe (st, tmp, &m->tasks[i], node) {
			sched_task_free(&st->t);
			free(st);
		}
	}
	free(m->tasks);
	free(m->stats);
	free(m->locks);
	if (m->sched)
		sched_destroy(m->sched);
	sim_free(m->sim);
	free(m);
	machine = NULL;
}

u64 sim_machine_run(struct sim_machine *m, u64 until)
{
	machine = m;
	/* Calls made between two runs come from CPU 0, which has had no event to notice them. */
	for (unsigned i = 0; i < m->sched->nr_cpus; i++)
		if (m->cpus[i].rq->need_resched)
			sched_env_send_resched(i);
	return sim_run(m->sim, until);
}

struct sched *sim_machine_sched(struct sim_machine *m)
{
	return m->sched;
}

struct sim *sim_machine_engine(struct sim_machine *m)
{
	return m->sim;
}

struct sim_lock *sim_machine_lock(struct sim_machine *m, unsigned lock)
{
	return &m->locks[lock];
}

/* Charges who runs up to now, so that the sums are what the clock says. */
static void charge_running(struct sim_machine *m)
{
	for (unsigned i = 0; i < m->sched->nr_cpus; i++) {
		struct rq *rq = m->sched->rq[i];

		raw_spin_lock(&rq->lock);
		if (sim_now(m->sim) > rq->clock) {
			rq->clock_task += sim_now(m->sim) - rq->clock;
			rq->clock = sim_now(m->sim);
		}
		rq->curr->sched_class->update_curr(rq);
		raw_spin_unlock(&rq->lock);
	}
}

const struct sim_stats *sim_machine_stats(struct sim_machine *m, unsigned program)
{
	struct sim_task *st;

	machine = m;
	charge_running(m);
	m->view = m->stats[program];
	list_for_each_entry (st, &m->tasks[program], node)
		add_up(&m->view, st);
	return &m->view;
}

struct sim_task *sim_machine_task(struct sim_machine *m, unsigned program, unsigned index)
{
	struct sim_task *st;

	list_for_each_entry (st, &m->tasks[program], node)
		if (index-- == 0)
			return st;
	return NULL;
}

u64 sim_machine_switches(struct sim_machine *m)
{
	u64 n = 0;

	for (unsigned i = 0; i < m->sched->nr_cpus; i++)
		n += m->sched->rq[i]->nr_switches;
	return n;
}

u64 sim_machine_idle_ns(struct sim_machine *m, unsigned cpu)
{
	const struct sim_cpu_state *c = &m->cpus[cpu];

	return c->idle_ns + (c->curr == c->rq->idle ? sim_now(m->sim) - c->idle_since : 0);
}

void sim_machine_on_event(struct sim_machine *m, void (*fn)(struct sim_machine *m, void *arg),
			  void *arg)
{
	m->on_event = fn;
	m->on_event_arg = arg;
}
