/* SPDX-License-Identifier: MIT */
/* workqueue_pool.c - the workers, and how many of a pool run: see workqueue.h, Y1..Y5. */
#include "guest/defer/defer_env.h"
#include "guest/defer/workqueue_internal.h"

#define HIGHPRI_NICE	   (-20)
#define IDLE_NS		   300000000000ULL
#define IDLE_KEPT	   2 /* idle workers that nobody minds */
#define BUSY_FOR_EACH_IDLE 4

/* ---- who should run ------------------------------------------------------------------------------------ */

struct worker *wq_find_executing(struct worker_pool *pool, const struct work_struct *work)
{
	struct worker *w;

	/* The function too: the memory may have been freed and be another work by now. */
	list_for_each_entry (w, &pool->busy, node)
		if (w->current_work == work && w->current_fn == work->fn)
			return w;
	return NULL;
}

static bool need_more_worker(const struct worker_pool *pool)
{
	return !list_empty(&pool->worklist) && !pool->nr_running;
}

static void wake_up_worker(struct worker_pool *pool)
{
	/* The one that slept last: its stack is warm, and the others may end. */
	struct worker *w = list_first_entry_or_null(&pool->idle, struct worker, node);

	if (w && w->task)
		wake_up_process(w->task);
}

/* Sets whether w counts as running. */
static void set_not_running(struct worker *w, bool on)
{
	if (w->not_running == on)
		return;
	w->not_running = on;
	if (on)
		w->pool->nr_running--;
	else
		w->pool->nr_running++;
}

static struct worker *worker_of(struct task_sleep_hooks *hooks)
{
	return container_of(hooks, struct worker, hooks);
}

static void worker_sleeping(struct task_sleep_hooks *hooks)
{
	struct worker *w = worker_of(hooks);
	struct worker_pool *pool = w->pool;
	u64 flags;

	if (w->not_running || w->sleeping)
		return;
	flags = spin_lock_irqsave(&pool->lock);
	w->sleeping = true;
	pool->nr_running--;
	if (need_more_worker(pool)) { /* Y3 */
		pool->nr_rescued++;
		wake_up_worker(pool);
	}
	spin_unlock_irqrestore(&pool->lock, flags);
}

static void worker_running(struct task_sleep_hooks *hooks)
{
	struct worker *w = worker_of(hooks);
	u64 flags;

	if (!w->sleeping)
		return;
	flags = spin_lock_irqsave(&w->pool->lock);
	w->sleeping = false;
	w->pool->nr_running++;
	spin_unlock_irqrestore(&w->pool->lock, flags);
}

/* ---- works ----------------------------------------------------------------------------------------------- */

void wq_in_flight_dec(struct workqueue_struct *wq, u8 color)
{
	if (atomic_dec_and_test(&wq->in_flight[color]))
		wake_up_all(&wq->flushed);
}

void wq_activate(struct pool_workqueue *pwq, struct work_struct *work)
{
	struct worker_pool *pool = pwq->pool;

	pwq->nr_active++;
	work->inactive = false;
	list_add_tail(&work->entry, &pool->worklist);
	if (need_more_worker(pool))
		wake_up_worker(pool);
}

/* A work is out of the way: the next one of its queue may go to the pool. */
static void deactivate(struct pool_workqueue *pwq)
{
	BUG_ON(!pwq->nr_active);
	pwq->nr_active--;
	if (!list_empty(&pwq->inactive)) {
		struct work_struct *next =
			list_first_entry(&pwq->inactive, struct work_struct, entry);

		list_del_init(&next->entry);
		wq_activate(pwq, next);
	}
}

static void tell_flushers(struct list_head *flushers)
{
	while (!list_empty(flushers)) {
		struct wq_flusher *f = list_first_entry(flushers, struct wq_flusher, node);

		list_del(&f->node);
		complete(&f->done);
	}
}

void wq_take_back(struct work_struct *work)
{
	struct pool_workqueue *pwq = work->pwq;

	list_del_init(&work->entry);
	if (!work->inactive)
		deactivate(pwq);
	tell_flushers(&work->flushers);
	wq_in_flight_dec(pwq->wq, work->color);
}

/* Drops and takes the lock. */
static void process_one(struct worker *w, struct work_struct *work, u64 *flags)
{
	struct pool_workqueue *pwq = work->pwq;
	struct worker_pool *pool = w->pool;
	struct worker *other = wq_find_executing(pool, work);
	bool intensive = pwq->wq->flags & WQ_CPU_INTENSIVE;
	u8 color = work->color;
	work_func_t fn = work->fn;

	if (other) { /* Y1: whoever runs it does it again afterwards */
		list_move_tail(&work->entry, &other->scheduled);
		return;
	}
	list_del_init(&work->entry);
	w->current_work = work;
	w->current_fn = fn;
	w->current_wq = pwq->wq;
	list_splice_init(&work->flushers, &w->flushers);
	list_add(&w->node, &pool->busy);
	pool->nr_works++;
	if (intensive)
		set_not_running(w, true);
	if (need_more_worker(pool))
		wake_up_worker(pool);
	__atomic_fetch_and(&work->state, ~WORK_PENDING, __ATOMIC_SEQ_CST); /* Y2, Y5 */
	spin_unlock_irqrestore(&pool->lock, *flags);

	fn(work);

	*flags = spin_lock_irqsave(&pool->lock);
	if (intensive && pool->cpu < pool->all->nr_cpus)
		set_not_running(w, false);
	list_del_init(&w->node);
	w->current_work = NULL;
	w->current_fn = NULL;
	w->current_wq = NULL;
	tell_flushers(&w->flushers);
	deactivate(pwq);
	wq_in_flight_dec(pwq->wq, color);
}

/* ---- workers ---------------------------------------------------------------------------------------------- */

static bool too_many_idle(const struct worker_pool *pool)
{
	unsigned busy = pool->nr_workers - pool->nr_idle - pool->nr_dying;

	return pool->nr_idle > IDLE_KEPT &&
	       (pool->nr_idle - IDLE_KEPT) * BUSY_FOR_EACH_IDLE >= busy;
}

static void enter_idle(struct worker *w)
{
	struct worker_pool *pool = w->pool;
	u64 now = timers_jiffies(pool->all->timers);

	w->idle = true;
	w->idle_since = now;
	list_add(&w->node, &pool->idle);
	pool->nr_idle++;
	if (too_many_idle(pool) && !timer_pending(&pool->idle_timer))
		mod_timer(&pool->idle_timer, now + pool->all->idle_jiffies);
}

static void leave_idle(struct worker *w)
{
	w->idle = false;
	list_del_init(&w->node);
	w->pool->nr_idle--;
}

/* It goes as soon as it has nothing to do. */
static void kill_worker(struct worker *w)
{
	w->die = true;
	w->pool->nr_dying++;
	if (w->idle)
		leave_idle(w);
	if (w->task)
		wake_up_process(w->task);
}

static void idle_timeout(struct timer_list *t)
{
	struct worker_pool *pool = container_of(t, struct worker_pool, idle_timer);
	u64 now = timers_jiffies(pool->all->timers), flags = spin_lock_irqsave(&pool->lock);

	/* Sleeps longest: at the end. */
	while (too_many_idle(pool)) {
		struct worker *w = list_last_entry(&pool->idle, struct worker, node);
		u64 until = w->idle_since + pool->all->idle_jiffies;

		if (until > now || !w->task) {
			mod_timer(t, MAX(until, now + 1));
			break;
		}
		kill_worker(w);
	}
	spin_unlock_irqrestore(&pool->lock, flags);
}

/* Lock not held; counts as idle from the start, so that nobody makes another one. */
static int create_worker(struct worker_pool *pool)
{
	struct worker *w = env_alloc(sizeof(*w));
	u64 flags;
	int err;

	if (!w)
		return -ENOMEM;
	w->pool = pool;
	w->hooks = (struct task_sleep_hooks){ worker_sleeping, worker_running };
	w->not_running = true;
	INIT_LIST_HEAD(&w->scheduled);
	INIT_LIST_HEAD(&w->flushers);
	flags = spin_lock_irqsave(&pool->lock);
	list_add_tail(&w->all, &pool->workers);
	pool->nr_workers++;
	enter_idle(w);
	spin_unlock_irqrestore(&pool->lock, flags);

	err = defer_env_create_worker(w, pool->cpu, pool->nice);

	flags = spin_lock_irqsave(&pool->lock);
	if (err) {
		leave_idle(w);
		list_del(&w->all);
		pool->nr_workers--;
		if (need_more_worker(pool))
			wake_up_worker(pool);
	} else {
		pool->nr_created++;
	}
	spin_unlock_irqrestore(&pool->lock, flags);
	if (err)
		env_free(w, sizeof(*w));
	return err;
}

/* Sees to it that somebody is idle, to take over; whether it made one. */
static bool manage(struct worker_pool *pool, u64 *flags)
{
	bool made;

	if (pool->nr_idle || pool->managing)
		return false;
	pool->managing = true;
	spin_unlock_irqrestore(&pool->lock, *flags);
	made = create_worker(pool) == 0;
	*flags = spin_lock_irqsave(&pool->lock);
	pool->managing = false;
	return made;
}

static void work_off(struct worker *w, u64 *flags)
{
	struct worker_pool *pool = w->pool;

	if (pool->cpu < pool->all->nr_cpus)
		set_not_running(w, false);
	/* Goes on while it is the only one running; a second one woken by mistake stops here. */
	while (!list_empty(&w->scheduled) ||
	       (!list_empty(&pool->worklist) && pool->nr_running <= 1)) {
		struct list_head *from =
			list_empty(&w->scheduled) ? &pool->worklist : &w->scheduled;

		process_one(w, list_first_entry(from, struct work_struct, entry), flags);
	}
	set_not_running(w, true);
}

void worker_thread(struct worker *w)
{
	struct worker_pool *pool = w->pool;
	u64 flags;

	current->sleep_hooks = &w->hooks;
	flags = spin_lock_irqsave(&pool->lock);
	while (!w->die) {
		leave_idle(w);
		/* The new one may have begun to work, and to sleep, by now: then it takes another. */
		while (need_more_worker(pool) && manage(pool, &flags))
			;
		if (need_more_worker(pool))
			work_off(w, &flags);
		if (w->die)
			break;
		enter_idle(w);
		set_current_state(TASK_INTERRUPTIBLE);
		spin_unlock_irqrestore(&pool->lock, flags);
		schedule();
		flags = spin_lock_irqsave(&pool->lock);
	}
	__set_current_state(TASK_RUNNING);
	list_del(&w->all);
	pool->nr_workers--;
	pool->nr_dying--;
	spin_unlock_irqrestore(&pool->lock, flags);
	current->sleep_hooks = NULL;
	env_free(w, sizeof(*w));
}

/* ---- pools -------------------------------------------------------------------------------------------------- */

static unsigned nr_pools(const struct workqueues *s)
{
	return 2 * (s->nr_cpus + 1);
}

int workqueues_init(struct workqueues *s, unsigned nr_cpus, struct timers *timers)
{
	*s = (struct workqueues){ .nr_cpus = nr_cpus, .timers = timers };
	s->idle_jiffies = IDLE_NS / timers->tick_ns;
	spin_lock_init(&s->lock);
	INIT_LIST_HEAD(&s->queues);
	init_waitqueue_head(&s->cancelled);
	s->pools = env_alloc(nr_pools(s) * sizeof(s->pools[0]));
	if (!s->pools)
		return -ENOMEM;
	for (unsigned i = 0; i < nr_pools(s); i++) {
		struct worker_pool *pool = &s->pools[i];

		spin_lock_init(&pool->lock);
		pool->cpu = i / 2;
		pool->nice = i % 2 ? HIGHPRI_NICE : 0;
		pool->all = s;
		INIT_LIST_HEAD(&pool->worklist);
		INIT_LIST_HEAD(&pool->idle);
		INIT_LIST_HEAD(&pool->busy);
		INIT_LIST_HEAD(&pool->workers);
		timer_setup(timers, &pool->idle_timer, idle_timeout, TIMER_DEFERRABLE);
	}
	return 0;
}

int workqueues_start(struct workqueues *s)
{
	for (unsigned i = 0; i < nr_pools(s); i++) {
		int err = create_worker(&s->pools[i]);

		if (err)
			return err;
	}
	return 0;
}

void workqueues_stop(struct workqueues *s)
{
	for (unsigned i = 0; i < nr_pools(s); i++) {
		struct worker_pool *pool = &s->pools[i];
		struct worker *w;
		u64 flags;

		timer_shutdown_sync(&pool->idle_timer);
		flags = spin_lock_irqsave(&pool->lock);
		list_for_each_entry (w, &pool->workers, all) {
			if (!w->die)
				kill_worker(w);
		}
		spin_unlock_irqrestore(&pool->lock, flags);
	}
}

void workqueues_free(struct workqueues *s)
{
	env_free(s->pools, nr_pools(s) * sizeof(s->pools[0]));
	s->pools = NULL;
}

static const char *pool_check(const struct worker_pool *pool)
{
	unsigned running = 0, idle = 0, workers = 0;
	const struct worker *w;

	list_for_each_entry (w, &pool->workers, all) {
		running += !w->not_running && !w->sleeping;
		workers++;
	}
	list_for_each_entry (w, &pool->idle, node) {
		idle++;
		if (w->current_work)
			return "Y5: an idle worker has a work";
	}
	if (running != pool->nr_running)
		return "Y3: the count of running workers is wrong";
	if (workers != pool->nr_workers || idle != pool->nr_idle)
		return "Y3: the count of workers is wrong";
	return NULL;
}

const char *workqueues_check(struct workqueues *s)
{
	const char *bad = NULL;

	for (unsigned i = 0; i < nr_pools(s) && !bad; i++) {
		struct worker_pool *pool = &s->pools[i];
		u64 flags = spin_lock_irqsave(&pool->lock);

		bad = pool_check(pool);
		spin_unlock_irqrestore(&pool->lock, flags);
	}
	return bad;
}
