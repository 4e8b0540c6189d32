/* SPDX-License-Identifier: MIT */
/* proc_pid.h - processes and kernel threads as folders of /proc. */
#ifndef GUEST_PROCESS_PROC_PID_H
#define GUEST_PROCESS_PROC_PID_H

#include "guest/fs/pseudo.h"

/* Adds /proc/PID, self and thread-self to the tree. 0 or -ENOMEM. Boot context. */
int proc_pid_init(struct pseudo_tree *tree);

#endif
