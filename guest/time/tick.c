/* SPDX-License-Identifier: MIT */
/* tick.c - see tick.h for the rules K1..K3. */
#include "guest/time/tick.h"
#include "guest/lib/bitops.h"
#include "guest/time/time_env.h"

static void catch_up(struct tick_sched *ts)
{
	ts->jiffies = MAX(ts->jiffies, env_now_ns() / ts->tick_ns);
}

static enum hrtimer_restart tick_fires(struct hrtimer *timer)
{
	struct tick_sched *ts = container_of(timer, struct tick_sched, timer);

	ts->ticks++;
	catch_up(ts);
	time_env_tick(ts);
	if (ts->stopped)
		return HRTIMER_NORESTART; /* it was the wheel's wake-up: tick_idle_enter() goes on */
	hrtimer_forward(timer, env_now_ns(), ts->tick_ns);
	return HRTIMER_RESTART;
}

void tick_start(struct tick_sched *ts, struct hrtimers *h, struct timers *wheel)
{
	unsigned cpu = env_cpu();

	*ts = (struct tick_sched){
		.hrtimers = &h->base[cpu], .wheel = wheel, .cpu = cpu, .tick_ns = wheel->tick_ns
	};
	ts->jiffies = ts->first_jiffy = env_now_ns() / ts->tick_ns;
	hrtimer_init(h, &ts->timer, HRTIMER_MODE_ABS, tick_fires);
	hrtimer_start(&ts->timer, (ts->jiffies + 1) * ts->tick_ns, HRTIMER_MODE_ABS);
}

void tick_end(struct tick_sched *ts)
{
	hrtimer_cancel(&ts->timer);
}

/* The wheel's next bucket as a time; it may be beyond what 64 bits of nanoseconds hold. */
static u64 wheel_event(struct tick_sched *ts)
{
	u64 j = timers_idle_enter(ts->wheel, ts->cpu);

	return j > UINT64_MAX / ts->tick_ns ? UINT64_MAX : j * ts->tick_ns;
}

static void stop(struct tick_sched *ts, u64 wheel)
{
	if (!ts->stopped) {
		ts->stopped = true;
		ts->idle_sleeps++;
	}
	/* The tick's timer stands in for the wheel, whose turn comes in a tick. */
	if (wheel == UINT64_MAX)
		hrtimer_try_to_cancel(&ts->timer);
	else if (!ts->timer.queued || ts->timer.expires != wheel)
		hrtimer_start(&ts->timer, wheel, HRTIMER_MODE_ABS);
}

static void restart(struct tick_sched *ts)
{
	catch_up(ts); /* K3 */
	ts->stopped = false;
	hrtimer_start(&ts->timer, (ts->jiffies + 1) * ts->tick_ns, HRTIMER_MODE_ABS);
}

/* K1; says and counts why the tick goes on. */
static bool keep(struct tick_sched *ts, unsigned dep)
{
	ts->kept[__ffs(dep)]++;
	if (ts->stopped)
		restart(ts);
	return false;
}

bool tick_idle_enter(struct tick_sched *ts, u64 now, unsigned deps)
{
	u64 wheel, next;

	if (!ts->idle) {
		ts->idle = true;
		ts->idle_entered = now;
		ts->idle_calls++;
	}
	if (deps)
		return keep(ts, deps);
	if (!ts->stopped && ts->slept_shortly && now < ts->idle_entered + ts->tick_ns)
		return keep(ts, TICK_DEP_SHORT);
	wheel = wheel_event(ts);
	next = MIN(wheel, hrtimer_next_event(ts->hrtimers, &ts->timer));
	if (ts->stopped && next == ts->next_event)
		return true;
	if (next <= now + ts->tick_ns)
		return keep(ts, TICK_DEP_NEAR);
	ts->next_event = next;
	stop(ts, wheel);
	return true;
}

void tick_idle_exit(struct tick_sched *ts, u64 now)
{
	u64 slept = now - MIN(now, ts->idle_entered);

	if (!ts->idle)
		return;
	ts->idle = false;
	ts->idle_ns += slept;
	ts->slept_shortly = slept < ts->tick_ns;
	timers_idle_exit(ts->wheel, ts->cpu);
	if (ts->stopped)
		restart(ts);
}

const char *tick_check(const struct tick_sched *ts)
{
	if (ts->stopped && !ts->idle)
		return "K1: a busy CPU without a tick";
	if (!ts->stopped && !ts->timer.queued && !ts->hrtimers->in_interrupt)
		return "K1: the tick is not set";
	if (ts->stopped && ts->hrtimers->expires_next > ts->next_event)
		return "K2: the hardware comes later than the next event";
	if (!ts->stopped && ts->timer.queued && ts->timer.expires % ts->tick_ns)
		return "K3: a tick off the grid";
	return NULL;
}
