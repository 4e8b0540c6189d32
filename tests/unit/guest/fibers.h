/* SPDX-License-Identifier: MIT */
/*
 * fibers.h - sched_env.h for tests of blocking calls: each task has a stack, one thread plays all the
 * CPUs. fibers_run() lets a random CPU go on until its task comes to a checkpoint() (or goes to sleep
 * and another one comes to its own), so calls interleave at every place where a test says so.
 */
#ifndef TESTS_UNIT_GUEST_FIBERS_H
#define TESTS_UNIT_GUEST_FIBERS_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "guest/env/host.h"
#include "guest/lib/rand.h"
#include "guest/locking/debug.h"
#include "guest/sched/sched.h"
#include "guest/sched/stop.h"
#include "tests/unit/guest/fast_check.h"

#define FIBER_STACK 65536
#define MAX_FIBERS  64
#define FIBER_CPUS  4

/* A stack that waits. ASan is told of every change, or it would take one stack for another. */
struct fiber_ctx {
	void *sp;
	void *fake_stack;
	const void *bottom;
	size_t size;
};

struct fiber {
	struct task_struct t;
	struct task_lockdep lockdep;
	struct fiber_ctx ctx;
	void (*fn)(void *arg);
	void *arg;
	bool done;
	unsigned char stack[FIBER_STACK] __attribute__((aligned(16)));
};

static struct {
	struct sched *sched;
	unsigned nr_cpus, nr;
	struct fiber *idle[FIBER_CPUS], *curr[FIBER_CPUS];
	struct fiber *fibers[MAX_FIBERS];
	struct task_struct
		*prev[FIBER_CPUS]; /* who ran before a switch, for the one that comes in */
	struct fiber_ctx driver;
	struct rand rand;
	u64 now;
	unsigned backtraces;
} fb;

#if defined(__SANITIZE_ADDRESS__)
void __sanitizer_start_switch_fiber(void **fake_stack, const void *bottom, size_t size);
void __sanitizer_finish_switch_fiber(void *fake_stack, const void **bottom, size_t *size);
#else
#define __sanitizer_start_switch_fiber(fake, bottom, size)  ((void)0)
#define __sanitizer_finish_switch_fiber(fake, bottom, size) ((void)0)
#endif

/* ucontext(3) would do, but that ASan warns of it. What a function has to preserve is saved on the
 * old stack, System V ABI 3.2.1. */
void fiber_swap_sp(void **old_sp, void *new_sp);
__asm__(".text\n"
	"fiber_swap_sp:\n"
	"	pushq %rbp\n	pushq %rbx\n	pushq %r12\n"
	"	pushq %r13\n	pushq %r14\n	pushq %r15\n"
	"	movq %rsp, (%rdi)\n"
	"	movq %rsi, %rsp\n"
	"	popq %r15\n	popq %r14\n	popq %r13\n"
	"	popq %r12\n	popq %rbx\n	popq %rbp\n"
	"	ret\n");

/* Who went, for the one that comes in on a new stack. */
static struct fiber_ctx *fiber_from;

static void fiber_arrived(void *fake_stack)
{
	(void)fake_stack;
	__sanitizer_finish_switch_fiber(fake_stack, &fiber_from->bottom, &fiber_from->size);
}

static void fiber_switch(struct fiber_ctx *from, struct fiber_ctx *to)
{
	fiber_from = from;
	__sanitizer_start_switch_fiber(&from->fake_stack, to->bottom, to->size);
	fiber_swap_sp(&from->sp, to->sp);
	fiber_arrived(from->fake_stack);
}

static struct fiber *fiber_of(struct task_struct *t)
{
	return container_of(t, struct fiber, t);
}

struct task_struct *sched_env_current(void)
{
	return fb.sched ? &fb.curr[env_cpu()]->t : NULL;
}

struct rq *sched_env_this_rq(void)
{
	return fb.sched->rq[env_cpu()];
}

struct task_struct *sched_env_switch(struct task_struct *prev, struct task_struct *next)
{
	unsigned cpu = env_cpu();

	fb.prev[cpu] = prev;
	fb.curr[cpu] = fiber_of(next);
	fiber_switch(&fiber_of(prev)->ctx, &fiber_of(next)->ctx);
	return fb.prev[env_cpu()]; /* maybe on another CPU by now */
}

void sched_env_send_resched(unsigned cpu)
{
	(void)cpu; /* every CPU looks at need_resched when it is its turn */
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
	fiber_of(p)->done = true;
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
	env_preempt_enable();
}

const char *sched_env_atomic(void)
{
	return env_host_preempt_count() ? "preemption is off" : NULL;
}

void sched_env_backtrace(void)
{
	fb.backtraces++;
}

/* Back to the driver; another CPU goes on. Sometimes the task loses its CPU too. */
static void checkpoint(void)
{
	struct fiber *self = fb.curr[env_cpu()];

	fiber_switch(&self->ctx, &fb.driver);
	if (need_resched())
		preempt_schedule_irq();
}

static void fiber_main(void)
{
	struct fiber *f;

	fiber_arrived(NULL);
	schedule_tail(fb.prev[env_cpu()]);
	f = fb.curr[env_cpu()];
	/* What __schedule() and its caller took for the task that went. */
	env_irq_restore(0);
	env_preempt_enable();
	f->fn(f->arg);
	lockdep_check_exit(&f->t);
	WRITE_ONCE(f->t.state, TASK_DEAD);
	schedule();
	ck_abort_msg("a dead task ran");
}

static void idle_main(void)
{
	fiber_arrived(NULL);
	for (;;) {
		fiber_switch(&fb.curr[env_cpu()]->ctx, &fb.driver);
		if (need_resched())
			schedule();
	}
}

static struct fiber *fiber_new(void (*entry)(void))
{
	struct fiber *f = aligned_alloc(16, sizeof(*f));
	void **sp;

	ck_assert_ptr_nonnull(f);
	memset(f, 0, sizeof(*f));
	f->ctx.bottom = f->stack;
	f->ctx.size = sizeof(f->stack);
	/* Six registers, the entry, and a return address that is never used. */
	sp = (void **)(f->stack + sizeof(f->stack)) - 8;
	sp[6] = (void *)(uintptr_t)entry;
	f->ctx.sp = sp;
	return f;
}

static inline void fibers_init(unsigned nr_cpus, u64 seed)
{
	struct sched_topology_desc topo = { .nr_cpus = nr_cpus,
					    .threads_per_core = 1,
					    .cores_per_llc = nr_cpus,
					    .llcs_per_node = 1 };
	struct sched_tunables tun;

	memset(&fb, 0, sizeof(fb));
	env_host_reset();
	env_host_set_nr_cpus(nr_cpus);
	rand_init(&fb.rand, seed);
	sched_tunables_default(&tun, nr_cpus);
	fb.sched = sched_create(&topo, &tun, NULL);
	fb.nr_cpus = nr_cpus;
	for (unsigned i = 0; i < nr_cpus; i++) {
		fb.idle[i] = fb.curr[i] = fiber_new(idle_main);
		sched_init_idle(fb.sched, &fb.idle[i]->t, i);
		sched_cpu_online(fb.sched, i);
	}
}

static inline struct fiber *fiber_spawn(void (*fn)(void *arg), void *arg)
{
	struct fiber *f = fiber_new(fiber_main);

	f->fn = fn;
	f->arg = arg;
	f->t.pid = (int)++fb.nr;
	memcpy(f->t.comm, "fiber", 6);
	ck_assert_int_eq(sched_fork(fb.sched, &f->t, NULL), 0);
	lockdep_task_init(&f->t, &f->lockdep);
	fb.fibers[fb.nr - 1] = f;
	env_host_set_cpu(0);
	wake_up_new_task(&f->t);
	return f;
}

/* One turn of a random CPU. */
static inline void fibers_step(void)
{
	unsigned cpu = (unsigned)rand_below(&fb.rand, fb.nr_cpus);

	fb.now += rand_range(&fb.rand, 1000, 800000);
	env_host_set_now(fb.now);
	env_host_set_cpu(cpu);
	if (rand_one_in(&fb.rand, 3)) {
		u64 flags = env_irq_save();

		sched_tick();
		env_irq_restore(flags);
	}
	fiber_switch(&fb.driver, &fb.curr[cpu]->ctx);
	CHECK(!env_host_irqs_off() && !env_host_preempt_count());
}

static inline bool fibers_done(void)
{
	for (unsigned i = 0; i < fb.nr; i++)
		if (!fb.fibers[i]->done)
			return false;
	return true;
}

/* Until all have ended; a deadlock shows as too many steps. */
static inline void fibers_run(unsigned max_steps)
{
	while (!fibers_done()) {
		CHECK(max_steps-- > 0);
		fibers_step();
	}
	ck_assert_msg(!sched_check(fb.sched), "%s", sched_check(fb.sched));
}

static inline void fibers_exit(void)
{
	for (unsigned i = 0; i < fb.nr; i++) {
		sched_task_free(&fb.fibers[i]->t);
		free(fb.fibers[i]);
	}
	for (unsigned i = 0; i < fb.nr_cpus; i++)
		free(fb.idle[i]);
	sched_destroy(fb.sched);
	fb.sched = NULL;
	ck_assert_uint_eq(env_host_live_allocs(), 0);
}

#endif
