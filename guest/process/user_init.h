/* SPDX-License-Identifier: MIT */
/* user_init.h - from a booted kernel to the first program. */
#ifndef GUEST_PROCESS_USER_INIT_H
#define GUEST_PROCESS_USER_INIT_H

/* Boot step: caches, futexes, address spaces; this CPU's way to user mode. */
void process_init(void);

/*
 * Starts pid 1: the program that init= names, else /init, /sbin/init, /bin/sh; words behind "--" on
 * the command line are its arguments. -errno when none could be started. Thread context; the machine
 * ends with init.
 */
int start_init(void);

#endif
