/* SPDX-License-Identifier: MIT */
/*
 * loop.h - one epoll loop for everything that is not a vCPU: console, timers, signals, sockets.
 *
 * One thread runs it. Callbacks run on that thread, one at a time. Timers have nanosecond
 * deadlines on CLOCK_MONOTONIC and cost nothing while they are not armed.
 */
#ifndef VMM_LOOP_H
#define VMM_LOOP_H

#include "base/types.h"

struct loop;
struct loop_timer;

struct loop *loop_create(void); /* NULL with errno set */
void loop_destroy(struct loop *l);

/* CLOCK_MONOTONIC, ns. */
u64 loop_now(void);

/* Watches fd (see struct dev_env.watch_fd); a second call for the same fd changes its events. */
int loop_watch(struct loop *l, int fd, u32 events, void (*fn)(void *arg, u32 events), void *arg);
void loop_unwatch(struct loop *l, int fd);

struct loop_timer *loop_timer_create(struct loop *l, void (*fn)(void *arg), void *arg);
void loop_timer_destroy(struct loop_timer *t);
/* Any thread. Wakes the loop only when the new deadline is earlier than what it sleeps for. */
void loop_timer_arm(struct loop_timer *t, u64 deadline_ns);
void loop_timer_cancel(struct loop_timer *t);

/* Runs callbacks until loop_stop(). A stop asked for before the call makes it return at once. */
void loop_run(struct loop *l);
void loop_stop(struct loop *l); /* any thread, async-signal-safe */

#endif
