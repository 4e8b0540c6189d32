/* SPDX-License-Identifier: MIT */
/* user_init.h - from a booted kernel to the first program. */
#ifndef GUEST_PROCESS_USER_INIT_H
#define GUEST_PROCESS_USER_INIT_H

#include "guest/locking/wait.h"

/* Boot step: caches, futexes, address spaces; this CPU's way to user mode. */
void process_init(void);

/*
 * Starts pid 1: the program that init= names, else /init, /sbin/init, /bin/sh; words behind "--" on
 * the command line are its arguments. -errno when none could be started. Thread context; the machine
 * ends with init.
 */
int start_init(void);

/* A program that runs as pid 1 when the kernel has a use for it, and does not end the machine. */
struct first_program {
	const char *path;
	char arg[24]; /* argv[1] */
	struct completion loaded, go, ended;
	int err;    /* 0: it stands at its first instruction, and runs on when go is completed */
	int status; /* as wait4() has it, once `ended` is completed */
};

/* In place of start_init(). Returns f->err when the program is loaded, or is not. Thread context. */
int start_first_program(struct first_program *f);

#endif
