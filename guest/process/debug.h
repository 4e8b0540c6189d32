/* SPDX-License-Identifier: MIT */
/* debug.h - looking into other processes, ptrace(2): who may. */
#ifndef GUEST_PROCESS_DEBUG_H
#define GUEST_PROCESS_DEBUG_H

#include "guest/process/process.h"

/* ptrace(2), "Ptrace access mode checking": whether the running thread may debug that one, by its real
 * credentials. proc_lock held. */
bool ptrace_may_access(const struct uthread *u);

/* The address space of a thread that the caller may debug, with a use: mmput(). -ESRCH, -EPERM. */
int mm_of_debuggee(int tid, struct mm_struct **mm);

#endif
