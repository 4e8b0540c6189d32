/* SPDX-License-Identifier: MIT */
/* proc_pid.h - processes and kernel threads as folders of /proc. */
#ifndef GUEST_PROCESS_PROC_PID_H
#define GUEST_PROCESS_PROC_PID_H

#include "guest/process/proc_ref.h"

/* Adds /proc/PID, self and thread-self to the tree. 0 or -ENOMEM. Boot context. */
int proc_pid_init(struct pseudo_tree *tree);

/* Whom f names, an open /proc/PID: f keeps it. NULL: f is another file. */
struct proc_ref *proc_pid_of_folder(const struct file *f);

#endif
