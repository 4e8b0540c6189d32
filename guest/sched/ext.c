/* SPDX-License-Identifier: MIT */
/*
 * ext.c - the slot between fair and idle, for a class that comes from outside while the machine runs.
 *
 * While nobody is there the slot is not in sched->active[], so picking does not even see it; policy
 * SCHED_EXT is refused. When the class goes, tasks keep the policy, and the fair class runs them.
 */
#include "guest/sched/internal.h"

int sched_ext_load(struct sched *s, const struct sched_class *ext)
{
	if (ext->slot != SLOT_EXT || ext->fair || !ext->pick_task || !ext->enqueue_task ||
	    !ext->dequeue_task || !ext->check)
		return -EINVAL;
	return sched_set_slot(s, SLOT_EXT, ext);
}

void sched_ext_unload(struct sched *s)
{
	sched_set_slot(s, SLOT_EXT, NULL);
}
