/* SPDX-License-Identifier: MIT */
/* test_locking.c - the sleeping locks, with threads on every CPU. */
#include "guest/arch/x86/smp.h"
#include "guest/kernel/kthread.h"
#include "guest/kernel/sched.h"
#include "guest/kernel/selftest/tests_decl.h"
#include "guest/kernel/time.h"
#include "guest/locking/mutex.h"
#include "guest/locking/rt_mutex.h"
#include "guest/locking/rwsem.h"
#include "guest/locking/semaphore.h"

#define THREADS 4u
#define ROUNDS	20u

struct room {
	struct mutex mutex;
	struct rt_mutex rt_mutex;
	struct semaphore sem;
	struct rw_semaphore rwsem;
	void (*enter)(struct room *r, unsigned round);
	void (*leave)(struct room *r, unsigned round);
	u64 n; /* not atomic: the lock guards it */
	atomic_t done;
};

/* Sleeps inside now and then, so that others really wait. */
static int visit(void *arg)
{
	struct room *r = arg;

	for (unsigned i = 0; i < ROUNDS; i++) {
		u64 n;

		r->enter(r, i);
		n = READ_ONCE(r->n);
		if (i % 8 == 0)
			do_sched_yield();
		WRITE_ONCE(r->n, n + 1);
		r->leave(r, i);
	}
	atomic_inc(&r->done);
	return 0;
}

static void run_visitors(struct ktest *t, struct room *r)
{
	struct task_struct *task[THREADS];

	for (unsigned i = 0; i < THREADS; i++) {
		task[i] = kthread_create(visit, r, "visit/%u", i);
		if (!task[i])
			env_panic(__FILE__, __LINE__, "no memory for a thread");
		kthread_bind(task[i], i % nr_cpus);
		kthread_start(task[i]);
	}
	for (unsigned i = 0; i < THREADS; i++)
		kthread_join(task[i]);
	KT_EXPECT_EQ(t, r->n, THREADS * ROUNDS);
	KT_EXPECT_EQ(t, atomic_read(&r->done), THREADS);
}

static void enter_mutex(struct room *r, unsigned round)
{
	(void)round;
	mutex_lock(&r->mutex);
}

static void leave_mutex(struct room *r, unsigned round)
{
	(void)round;
	mutex_unlock(&r->mutex);
}

void ktest_locking_mutex(struct ktest *t)
{
	static struct room r;

	r = (struct room){ .enter = enter_mutex, .leave = leave_mutex };
	mutex_init(&r.mutex);
	run_visitors(t, &r);
	KT_EXPECT(t, !mutex_is_locked(&r.mutex));
	KT_EXPECT(t, !mutex_check(&r.mutex));
	KT_EXPECT(t, mutex_trylock(&r.mutex));
	KT_EXPECT(t, mutex_owner(&r.mutex) == current);
	mutex_unlock(&r.mutex);
}

static void enter_rt_mutex(struct room *r, unsigned round)
{
	(void)round;
	rt_mutex_lock(&r->rt_mutex);
}

static void leave_rt_mutex(struct room *r, unsigned round)
{
	(void)round;
	rt_mutex_unlock(&r->rt_mutex);
}

void ktest_locking_rt_mutex(struct ktest *t)
{
	static struct room r;

	r = (struct room){ .enter = enter_rt_mutex, .leave = leave_rt_mutex };
	rt_mutex_init(&r.rt_mutex);
	run_visitors(t, &r);
	KT_EXPECT(t, !rt_mutex_check(&r.rt_mutex));
	KT_EXPECT(t, rt_mutex_trylock(&r.rt_mutex));
	rt_mutex_unlock(&r.rt_mutex);
}

static void enter_semaphore(struct room *r, unsigned round)
{
	(void)round;
	down(&r->sem);
}

static void leave_semaphore(struct room *r, unsigned round)
{
	(void)round;
	up(&r->sem);
}

void ktest_locking_semaphore(struct ktest *t)
{
	static struct room r;

	r = (struct room){ .enter = enter_semaphore, .leave = leave_semaphore };
	sema_init(&r.sem, 1);
	run_visitors(t, &r);
	KT_EXPECT(t, down_trylock(&r.sem));
	KT_EXPECT(t, !down_trylock(&r.sem));
	up(&r.sem);
}

static void enter_rwsem(struct room *r, unsigned round)
{
	if (round % 4 == 3) { /* as a reader first: others may be here, too, but no writer */
		down_read(&r->rwsem);
		up_read(&r->rwsem);
	}
	down_write(&r->rwsem);
}

static void leave_rwsem(struct room *r, unsigned round)
{
	if (round % 4 == 0) {
		downgrade_write(&r->rwsem);
		up_read(&r->rwsem);
	} else {
		up_write(&r->rwsem);
	}
}

void ktest_locking_rwsem(struct ktest *t)
{
	static struct room r;

	r = (struct room){ .enter = enter_rwsem, .leave = leave_rwsem };
	init_rwsem(&r.rwsem);
	run_visitors(t, &r);
	KT_EXPECT(t, !rwsem_check(&r.rwsem));
	KT_EXPECT(t, down_read_trylock(&r.rwsem) && down_read_trylock(&r.rwsem));
	KT_EXPECT(t, !down_write_trylock(&r.rwsem));
	up_read(&r.rwsem);
	up_read(&r.rwsem);
}

/* ---- waiting for something ------------------------------------------------------------------------ */

struct station {
	wait_queue_head_t wait;
	struct completion departed;
	u32 train;
	atomic_t woken;
};

static int passenger(void *arg)
{
	struct station *s = arg;

	wait_event(&s->wait, READ_ONCE(s->train) != 0);
	atomic_inc(&s->woken);
	wait_for_completion(&s->departed);
	return 0;
}

void ktest_locking_wait(struct ktest *t)
{
	struct station s = { 0 };
	struct task_struct *task[THREADS];

	init_waitqueue_head(&s.wait);
	init_completion(&s.departed);
	for (unsigned i = 0; i < THREADS; i++) {
		task[i] = kthread_run(passenger, &s, "passenger/%u", i);
		BUG_ON(!task[i]);
	}
	msleep(10);
	KT_EXPECT_EQ(t, atomic_read(&s.woken), 0);
	WRITE_ONCE(s.train, 1);
	wake_up_all(&s.wait);
	KT_EXPECT(t, ktest_eventually((unsigned)atomic_read(&s.woken) == THREADS));
	complete(&s.departed); /* one of them */
	complete_all(&s.departed);
	for (unsigned i = 0; i < THREADS; i++)
		kthread_join(task[i]);
	KT_EXPECT(t, completion_done(&s.departed));
	KT_EXPECT(t, !waitqueue_active(&s.wait));
}

/* ---- inheritance -------------------------------------------------------------------------------------- */

struct loan {
	struct rt_mutex lock;
	bool held, let_go;
	int prio_after; /* the holder's, once it has let go */
};

static int holder(void *arg)
{
	struct loan *l = arg;

	rt_mutex_lock(&l->lock);
	WRITE_ONCE(l->held, true);
	while (!READ_ONCE(l->let_go))
		msleep(1);
	rt_mutex_unlock(&l->lock);
	l->prio_after = current->prio;
	return 0;
}

static int borrower(void *arg)
{
	struct loan *l = arg;

	rt_mutex_lock(&l->lock);
	rt_mutex_unlock(&l->lock);
	return 0;
}

void ktest_locking_inheritance(struct ktest *t)
{
	struct loan l = { 0 };
	struct task_struct *h, *b;

	rt_mutex_init(&l.lock);
	h = kthread_run(holder, &l, "holder");
	b = kthread_create(borrower, &l, "borrower");
	BUG_ON(!h || !b);
	KT_EXPECT_EQ(t, task_setscheduler(b, SCHED_FIFO, 40, NULL), 0);
	KT_EXPECT(t, ktest_eventually(READ_ONCE(l.held)));
	KT_EXPECT_EQ(t, h->prio, DEFAULT_PRIO);
	kthread_start(b);
	KT_EXPECT(t, ktest_eventually(READ_ONCE(h->prio) != DEFAULT_PRIO));
	KT_EXPECT_EQ(t, h->prio, MAX_RT_PRIO - 1 - 40);
	KT_EXPECT(t, h->sched_class == &rt_sched_class);
	WRITE_ONCE(l.let_go, true);
	kthread_join(h);
	kthread_join(b);
	KT_EXPECT_EQ(t, l.prio_after, DEFAULT_PRIO);
}
