/* SPDX-License-Identifier: MIT */
/* oom.h - when memory has run out for good. */
#ifndef GUEST_PROCESS_OOM_H
#define GUEST_PROCESS_OOM_H

#include "guest/lib/types.h"

struct process;

/* Ends the process whose memory is worth most, with a line that says why it; `what` wanted memory.
 * Process context. */
void out_of_memory(const char *what);

/* /proc/PID/oom_score: 0 (never ended) to 2000 (the first). proc_lock held. */
u64 oom_score(const struct process *p);

#endif
