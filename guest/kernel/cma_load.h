/* SPDX-License-Identifier: MIT */
/*
 * cma_load.h - a contiguous area under load: threads own movable pages, take more, give some up and pin
 * a few for a moment, on all CPUs; meanwhile parts of the area are asked back and given again.
 */
#ifndef GUEST_KERNEL_CMA_LOAD_H
#define GUEST_KERNEL_CMA_LOAD_H

#include "guest/kernel/mm_lab.h"

struct cma_load {
	u64 taken, refused; /* ranges asked back: got, not to be had at the moment */
	u64 frames;	    /* in those that were got */
	u64 moved;	    /* pages that moved away for them */
	u64 pinned;	    /* isolations that an owner refused for his pin */
	u64 churned;	    /* pages that the threads took and gave up */
	u64 ns_longest;	    /* of one request */
	u64 wrong; /* pages or frames that did not hold what was written: none, one hopes */
	unsigned threads;
};

/* Asks `rounds` times for a part of lab's area. 0, or -ENOMEM: no threads, no tables. All that was taken
 * has been given back. One at a time; thread context. */
int cma_load_run(struct mm_lab *lab, unsigned rounds, struct cma_load *result);

#endif
