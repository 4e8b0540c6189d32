/* SPDX-License-Identifier: MIT */
/* vfs_questions.h - what the file system asks about the process that uses it: vfs_env's answers. */
#ifndef GUEST_PROCESS_VFS_QUESTIONS_H
#define GUEST_PROCESS_VFS_QUESTIONS_H

#include "guest/fs/vfs.h"

void vfs_send_sig(struct vfs_task *t, int sig);
int vfs_task_pgrp(const struct vfs_task *t);
int vfs_task_session(const struct vfs_task *t);
bool vfs_task_is_session_leader(const struct vfs_task *t);
bool vfs_task_sig_ignored(const struct vfs_task *t, int sig);
bool vfs_pgrp_is_orphaned(const struct vfs_task *t);
bool vfs_pid_exists(int pid);
int vfs_pgrp_session(int pgrp);

#endif
