/* SPDX-License-Identifier: MIT */
/* groups.h - process groups and sessions: what job control is made of, POSIX 3.146 ff. */
#ifndef GUEST_PROCESS_GROUPS_H
#define GUEST_PROCESS_GROUPS_H

#include "guest/process/process.h"

/* Whether no member has a parent in another group of the same session, `ignoring` apart. proc_lock. */
bool group_is_orphaned(int pgid, const struct process *ignoring);

/* Of a group that becomes orphaned by the end of `gone` while members are stopped: SIGHUP and SIGCONT
 * for everybody. proc_lock held. */
void kill_orphaned_group(int pgid, const struct process *gone);

/* The session of a group, or -ESRCH. proc_lock held. */
int group_session(int pgid);

#endif
