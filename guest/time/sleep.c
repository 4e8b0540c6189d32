/* SPDX-License-Identifier: MIT */
/* sleep.c - see sleep.h. The timers are on the sleeper's stack, which it leaves when they are gone. */
#include "guest/time/sleep.h"
#include "guest/sched/sched.h"

struct hr_sleeper {
	struct hrtimer timer;
	struct task_struct *task; /* NULL: the time has come */
};

static enum hrtimer_restart hr_wakes(struct hrtimer *t)
{
	struct hr_sleeper *s = container_of(t, struct hr_sleeper, timer);
	struct task_struct *p = s->task;

	WRITE_ONCE(s->task, NULL);
	wake_up_process(p); /* it cannot leave: hrtimer_cancel() waits for this function */
	return HRTIMER_NORESTART;
}

bool schedule_hrtimeout_range(struct hrtimers *h, u64 time, u64 slack)
{
	struct hr_sleeper me = { .task = current };

	hrtimer_init(h, &me.timer, HRTIMER_MODE_ABS, hr_wakes);
	hrtimer_start_range_ns(&me.timer, time, slack, HRTIMER_MODE_ABS);
	schedule();
	hrtimer_cancel(&me.timer);
	__set_current_state(TASK_RUNNING);
	return !me.task;
}

struct wheel_sleeper {
	struct timer_list timer;
	struct task_struct *task;
};

static void wheel_wakes(struct timer_list *t)
{
	wake_up_process(container_of(t, struct wheel_sleeper, timer)->task);
}

u64 schedule_timeout_jiffies(struct timers *s, u64 jiffies)
{
	struct wheel_sleeper me = { .task = current };
	u64 until = timers_jiffies(s) + jiffies + 1, now;

	timer_setup(s, &me.timer, wheel_wakes, 0);
	mod_timer(&me.timer, until);
	schedule();
	del_timer_sync(&me.timer);
	__set_current_state(TASK_RUNNING);
	now = timers_jiffies(s);
	return now < until ? until - now : 0;
}
