/* SPDX-License-Identifier: MIT */
/*
 * workqueue.c - queueing, flushing and cancelling; see workqueue.h for the rules Y1..Y5. The workers
 * are in workqueue_pool.c.
 */
#include "guest/defer/workqueue_internal.h"

#include "guest/lib/string.h"

void INIT_WORK(struct work_struct *work, work_func_t fn)
{
	*work = (struct work_struct){ .fn = fn };
	INIT_LIST_HEAD(&work->entry);
	INIT_LIST_HEAD(&work->flushers);
}

/* ---- queueing --------------------------------------------------------------------------------------- */

/* Counts a work in; a flush that changes the colour in between would wait for the wrong one. */
static u8 in_flight_inc(struct workqueue_struct *wq)
{
	for (;;) {
		u8 color = READ_ONCE(wq->color);

		atomic_inc_return(&wq->in_flight[color]);
		if (color == READ_ONCE(wq->color))
			return color;
		wq_in_flight_dec(wq, color);
	}
}

/* The queue's share of the pool where the work runs right now (Y1), or of cpu's; its pool locked. */
static struct pool_workqueue *lock_pwq(struct workqueue_struct *wq, struct work_struct *work,
				       unsigned cpu)
{
	struct pool_workqueue *pwq = &wq->pwq[wq->nr_pwqs == 1 ? 0 : cpu];
	struct worker_pool *last = work->pool;

	if (last && last != pwq->pool) {
		struct worker *w;

		raw_spin_lock(&last->lock);
		w = wq_find_executing(last, work);
		if (w && w->current_wq == wq)
			return &wq->pwq[wq->nr_pwqs == 1 ? 0 : last->cpu];
		raw_spin_unlock(&last->lock);
	}
	raw_spin_lock(&pwq->pool->lock);
	return pwq;
}

/* The caller has set the pending bit; IRQs off. */
static void queue_pending(unsigned cpu, struct workqueue_struct *wq, struct work_struct *work)
{
	struct pool_workqueue *pwq;

	pwq = lock_pwq(wq, work, cpu);
	BUG_ON(!list_empty(&work->entry));
	WRITE_ONCE(work->pool, pwq->pool);
	work->pwq = pwq;
	work->color = in_flight_inc(wq);
	work->inactive = pwq->nr_active >= wq->max_active; /* Y4 */
	if (work->inactive)
		list_add_tail(&work->entry, &pwq->inactive);
	else
		wq_activate(pwq, work);
	raw_spin_unlock(&pwq->pool->lock);
}

static bool claim(struct work_struct *work)
{
	return !(__atomic_fetch_or(&work->state, WORK_PENDING, __ATOMIC_SEQ_CST) & WORK_PENDING);
}

bool queue_work_on(unsigned cpu, struct workqueue_struct *wq, struct work_struct *work)
{
	bool ret;
	u64 flags;

	env_preempt_disable();
	flags = env_irq_save();
	ret = claim(work); /* Y2 */
	if (ret)
		queue_pending(cpu < wq->all->nr_cpus ? cpu : env_cpu(), wq, work);
	env_irq_restore(flags);
	env_preempt_enable();
	return ret;
}

bool queue_work(struct workqueue_struct *wq, struct work_struct *work)
{
	return queue_work_on(wq->all->nr_cpus, wq, work);
}

/* ---- later ------------------------------------------------------------------------------------------- */

static void delay_is_over(struct timer_list *t)
{
	struct delayed_work *dw = container_of(t, struct delayed_work, timer);
	u64 flags = env_irq_save();

	queue_pending(dw->cpu, dw->wq, &dw->work);
	env_irq_restore(flags);
}

void INIT_DELAYED_WORK(struct workqueues *s, struct delayed_work *dw, work_func_t fn)
{
	INIT_WORK(&dw->work, fn);
	timer_setup(s->timers, &dw->timer, delay_is_over, 0);
	dw->wq = NULL;
}

/* The caller has set the pending bit; IRQs off. */
static void delay_pending(struct workqueue_struct *wq, struct delayed_work *dw, u64 jiffies)
{
	struct timers *timers = wq->all->timers;

	dw->wq = wq;
	dw->cpu = env_cpu();
	if (!jiffies)
		queue_pending(dw->cpu, wq, &dw->work);
	else /* whole ones: the one that has begun does not count */
		mod_timer(&dw->timer, timers_jiffies(timers) + jiffies + 1);
}

bool queue_delayed_work(struct workqueue_struct *wq, struct delayed_work *dw, u64 jiffies)
{
	bool ret;
	u64 flags;

	env_preempt_disable();
	flags = env_irq_save();
	ret = claim(&dw->work);
	if (ret)
		delay_pending(wq, dw, jiffies);
	env_irq_restore(flags);
	env_preempt_enable();
	return ret;
}

/* ---- taking back -------------------------------------------------------------------------------------- */

/* The pool that knows most about the work, locked; NULL: it was never queued. IRQs off. */
static struct worker_pool *lock_pool_of(struct work_struct *work)
{
	for (;;) {
		struct worker_pool *pool = READ_ONCE(work->pool);

		if (!pool)
			return NULL;
		raw_spin_lock(&pool->lock);
		if (pool == READ_ONCE(work->pool))
			return pool;
		raw_spin_unlock(&pool->lock);
	}
}

/*
 * Makes the caller the owner of the pending bit with the work on no list and no timer. 1: it was
 * pending; 0: it was not; -EAGAIN: somebody is about to put it on a list; -ENOENT: somebody else
 * cancels it. IRQs off.
 */
static int grab(struct work_struct *work, struct delayed_work *dw)
{
	struct worker_pool *pool;

	if (dw && del_timer(&dw->timer))
		return 1;
	if (claim(work))
		return 0;
	pool = lock_pool_of(work);
	if (pool) {
		if (!list_empty(&work->entry)) {
			wq_take_back(work);
			raw_spin_unlock(&pool->lock);
			return 1;
		}
		raw_spin_unlock(&pool->lock);
	}
	return READ_ONCE(work->state) & WORK_CANCELING ? -ENOENT : -EAGAIN;
}

static void release(struct work_struct *work)
{
	__atomic_store_n(&work->state, 0, __ATOMIC_SEQ_CST);
}

/* 1 or 0 of grab(); -ENOENT unless `wait`. IRQs as in *flags before, off afterwards. */
static int grab_for_sure(struct work_struct *work, struct delayed_work *dw, bool wait, u64 *flags)
{
	for (;;) {
		struct worker_pool *pool;
		int ret;

		env_preempt_disable();
		*flags = env_irq_save();
		ret = grab(work, dw);
		if (ret >= 0 || (ret == -ENOENT && !wait))
			return ret;
		env_irq_restore(*flags);
		env_preempt_enable();
		pool = READ_ONCE(work->pool);
		if (ret == -ENOENT && pool)
			wait_event(&pool->all->cancelled,
				   !(READ_ONCE(work->state) & WORK_CANCELING));
		else
			env_relax();
	}
}

static void ungrab(u64 flags)
{
	env_irq_restore(flags);
	env_preempt_enable();
}

bool mod_delayed_work(struct workqueue_struct *wq, struct delayed_work *dw, u64 jiffies)
{
	u64 flags;
	int ret = grab_for_sure(&dw->work, dw, false, &flags);

	if (ret >= 0)
		delay_pending(wq, dw, jiffies);
	ungrab(flags);
	return ret > 0;
}

static bool cancel(struct work_struct *work, struct delayed_work *dw)
{
	u64 flags;
	int ret = grab_for_sure(work, dw, false, &flags);

	if (ret >= 0)
		release(work);
	ungrab(flags);
	return ret > 0;
}

static bool cancel_sync(struct work_struct *work, struct delayed_work *dw)
{
	struct worker_pool *pool;
	u64 flags;
	int ret;

	might_sleep();
	ret = grab_for_sure(work, dw, true, &flags);
	__atomic_fetch_or(&work->state, WORK_CANCELING, __ATOMIC_SEQ_CST);
	ungrab(flags);
	flush_work(work); /* it is on no list: this waits for its function alone */
	pool = work->pool;
	release(work);
	if (pool)
		wake_up_all(&pool->all->cancelled);
	return ret > 0;
}

bool cancel_work(struct work_struct *work)
{
	return cancel(work, NULL);
}

bool cancel_delayed_work(struct delayed_work *dw)
{
	return cancel(&dw->work, dw);
}

bool cancel_work_sync(struct work_struct *work)
{
	return cancel_sync(work, NULL);
}

bool cancel_delayed_work_sync(struct delayed_work *dw)
{
	return cancel_sync(&dw->work, dw);
}

/* ---- waiting ------------------------------------------------------------------------------------------- */

bool flush_work(struct work_struct *work)
{
	struct wq_flusher flusher;
	struct worker_pool *pool;
	struct list_head *on = NULL;
	u64 flags;

	might_sleep();
	init_completion(&flusher.done);
	env_preempt_disable();
	flags = env_irq_save();
	pool = lock_pool_of(work);
	if (pool) {
		struct worker *w = wq_find_executing(pool, work);

		/* The last queueing: the one on a list, before the one that runs. */
		if (!list_empty(&work->entry))
			on = &work->flushers;
		else if (w)
			on = &w->flushers;
		if (on)
			list_add_tail(&flusher.node, on);
		raw_spin_unlock(&pool->lock);
	}
	env_irq_restore(flags);
	env_preempt_enable();
	if (on)
		wait_for_completion(&flusher.done);
	return on != NULL;
}

bool flush_delayed_work(struct delayed_work *dw)
{
	bool waited;
	u64 flags;

	env_preempt_disable();
	flags = env_irq_save();
	waited = del_timer_sync(&dw->timer);
	if (waited)
		queue_pending(dw->cpu, dw->wq, &dw->work);
	env_irq_restore(flags);
	env_preempt_enable();
	return flush_work(&dw->work) || waited; /* it may be done already */
}

void flush_workqueue(struct workqueue_struct *wq)
{
	u8 old;

	mutex_lock(&wq->flush_lock);
	old = wq->color;
	WRITE_ONCE(wq->color, (u8)!old);
	smp_mb();
	wait_event(&wq->flushed, atomic_read(&wq->in_flight[old]) == 0);
	mutex_unlock(&wq->flush_lock);
}

void drain_workqueue(struct workqueue_struct *wq)
{
	do
		flush_workqueue(wq);
	while (atomic_read(&wq->in_flight[0]) || atomic_read(&wq->in_flight[1]));
}

/* ---- queues ---------------------------------------------------------------------------------------------- */

struct workqueue_struct *alloc_workqueue(struct workqueues *s, const char *name, unsigned flags,
					 unsigned max_active)
{
	struct workqueue_struct *wq = env_alloc(sizeof(*wq));
	u64 irq;

	if (!wq)
		return NULL;
	if (flags & WQ_ORDERED) {
		flags |= WQ_UNBOUND;
		max_active = 1;
	}
	wq->all = s;
	wq->flags = flags;
	wq->max_active = MIN(max_active ? max_active : WQ_DFL_ACTIVE, WQ_MAX_ACTIVE);
	strscpy(wq->name, name, sizeof(wq->name));
	mutex_init(&wq->flush_lock);
	init_waitqueue_head(&wq->flushed);
	wq->nr_pwqs = flags & WQ_UNBOUND ? 1 : s->nr_cpus;
	wq->pwq = env_alloc(wq->nr_pwqs * sizeof(wq->pwq[0]));
	if (!wq->pwq) {
		env_free(wq, sizeof(*wq));
		return NULL;
	}
	for (unsigned i = 0; i < wq->nr_pwqs; i++) {
		unsigned cpu = flags & WQ_UNBOUND ? s->nr_cpus : i;

		wq->pwq[i].wq = wq;
		wq->pwq[i].pool = &s->pools[2 * cpu + !!(flags & WQ_HIGHPRI)];
		INIT_LIST_HEAD(&wq->pwq[i].inactive);
	}
	irq = spin_lock_irqsave(&s->lock);
	list_add_tail(&wq->node, &s->queues);
	spin_unlock_irqrestore(&s->lock, irq);
	return wq;
}

void destroy_workqueue(struct workqueue_struct *wq)
{
	struct workqueues *s = wq->all;
	u64 flags;

	drain_workqueue(wq);
	/* The last worker tells of its last work with the pool locked: it is done with the queue when
	 * the lock has been free once. */
	for (unsigned i = 0; i < wq->nr_pwqs; i++) {
		flags = spin_lock_irqsave(&wq->pwq[i].pool->lock);
		BUG_ON(wq->pwq[i].nr_active);
		spin_unlock_irqrestore(&wq->pwq[i].pool->lock, flags);
	}
	flags = spin_lock_irqsave(&s->lock);
	list_del(&wq->node);
	spin_unlock_irqrestore(&s->lock, flags);
	env_free(wq->pwq, wq->nr_pwqs * sizeof(wq->pwq[0]));
	env_free(wq, sizeof(*wq));
}
