/* SPDX-License-Identifier: MIT */
/* init.h - what happens after the boot, as the command line asks. */
#ifndef GUEST_KERNEL_INIT_H
#define GUEST_KERNEL_INIT_H

#include "guest/lib/types.h"

/* The first thread: runs what the command line asks for, then ends the machine. */
int init_main(void *unused);

/*
 * demo=switch: threads that never yield share CPUs, then the price of what the platforms do
 * differently. Prints two tables; takes about a tenth of a second. Thread context.
 */
void demo_switch(void);

/*
 * demo=sched: the same threads under each fair policy, then priority inversion without and with
 * inheritance. Prints tables; takes about two seconds. Thread context.
 */
void demo_sched(void);

/*
 * demo=time: how late timers are, ticks that idle CPUs are spared, work queues, softirqs. Prints
 * tables; takes about three seconds. Thread context.
 */
void demo_time(void);

/* demo=io: requests to the first disk and lines of console, as many as reads=, writes=, depth= and lines=
 * say; what they cost is counted outside. Thread context. */
void demo_io(void);

/* demo=sequence: numbered blocks to the first disk, a flush and a word after each batch; what was
 * promised can be checked from outside. Thread context. */
void demo_sequence(void);

/* demo=net: an address by DHCP, echo requests, and an echo service for others. Thread context. */
void demo_net(void);

/* panic=NAME: does the damage of that name. Returns (with a message) when there is no such name. */
void crash_demo(const char *name);

/* prompt: obeys lines typed at the console. Returns never. Thread context. */
_Noreturn void prompt_run(void);

/* selftest=...: runs the tests and prints TAP. Whether all passed. */
bool selftest_run(const char *selection);

#endif
