/* SPDX-License-Identifier: MIT */
/*
 * outputs.h - a device's interrupt line and timer, decided under its lock, driven without it.
 *
 * Raising a line or arming a timer may be a system call, which a dev_lock must not span. So the
 * device notes what it wants under the lock, and dev_outputs_unlock() makes it so afterwards.
 * Rule O1: one thread at a time drives; wishes noted meanwhile are played by it, in order.
 * Rule O2: a line that was to fall and rise again does both, so that no edge is lost.
 */
#ifndef DEVICES_OUTPUTS_H
#define DEVICES_OUTPUTS_H

#include "devices/device.h"

#define DEV_NEVER UINT64_MAX

/* All fields under the device's lock. */
struct dev_outputs {
	struct dev_timer *timer; /* NULL: none */
	u64 deadline;		 /* wanted, in now_ns time, or DEV_NEVER */
	u64 armed;		 /* as last told to the timer */
	bool level;		 /* wanted */
	bool driven;		 /* as last told to the line */
	bool fell;		 /* wanted low at some moment since it was last driven high */
	bool busy;		 /* a thread is driving */
};

static inline void dev_outputs_init(struct dev_outputs *o, struct dev_timer *timer)
{
	*o = (struct dev_outputs){ .timer = timer, .deadline = DEV_NEVER, .armed = DEV_NEVER };
}

static inline void dev_outputs_level(struct dev_outputs *o, bool level)
{
	o->fell |= o->level && !level;
	o->level = level;
}

/* First thing in a timer callback, under the lock: the one-shot timer is spent. */
static inline void dev_outputs_fired(struct dev_outputs *o)
{
	o->armed = DEV_NEVER;
}

/* After a state was loaded: the interrupt controller's own state already has the line's level. */
static inline void dev_outputs_loaded(struct dev_outputs *o, bool level)
{
	o->level = o->driven = level;
	o->fell = false;
}

/* Drives one thing that is not as wanted; false when all is. Lock held, but for the driving. */
static inline bool dev_outputs_step(struct dev_outputs *o, const struct device *dev,
				    struct dev_lock *lock)
{
	const struct dev_env *env = dev->env;
	bool level = o->level && !(o->fell && o->driven);
	u64 deadline = o->deadline;

	o->fell = false;
	if (level != o->driven) {
		o->driven = level;
		dev_unlock(lock);
		irq_set(&dev->irq, level);
	} else if (o->timer && deadline != o->armed) {
		o->armed = deadline;
		dev_unlock(lock);
		if (deadline == DEV_NEVER)
			env->timer_cancel(env->ctx, o->timer);
		else
			env->timer_arm(env->ctx, o->timer, deadline);
	} else {
		return false;
	}
	dev_lock(lock);
	return true;
}

/* Makes the outputs as wanted. Lock held at the call, free at return. */
static inline void dev_outputs_unlock(struct dev_outputs *o, const struct device *dev,
				      struct dev_lock *lock)
{
	if (!o->busy) {
		o->busy = true;
		while (dev_outputs_step(o, dev, lock))
			;
		o->busy = false;
	}
	dev_unlock(lock);
}

#endif
