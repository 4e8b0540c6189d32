/* SPDX-License-Identifier: MIT */
/* exec.h - starting programs from inside the kernel. */
#ifndef GUEST_PROCESS_EXEC_H
#define GUEST_PROCESS_EXEC_H

#include "guest/process/process.h"

/* execve() of the running thread with the kernel's own strings; argv[0] is the path too. 0: the frame
 * at the top of the stack is the program's; -errno. */
int kernel_execve(const char *const *argv, const char *const *envp);

/* The credentials that the file gives its program; *secure: more than the user had. */
int prepare_exec_creds(struct uthread *u, const struct file *f, struct cred **out, bool *secure);

#endif
