/* SPDX-License-Identifier: MIT */
/* oom.h - when memory has run out for good. */
#ifndef GUEST_PROCESS_OOM_H
#define GUEST_PROCESS_OOM_H

/* Ends the process whose memory is worth most, with a line that says why it; `what` wanted memory.
 * Process context. */
void out_of_memory(const char *what);

#endif
