/* SPDX-License-Identifier: MIT */
/* futex.h - waiting for a word of user memory to change, futex(2). */
#ifndef GUEST_PROCESS_FUTEX_H
#define GUEST_PROCESS_FUTEX_H

#include "guest/lib/types.h"

struct uthread;

/* Boot. */
void futex_init(void);

/* futex(2) without its timespec: deadline in ns of env_now_ns(), UINT64_MAX: none. */
s64 do_futex(u64 uaddr, int op, u32 val, u64 deadline, u64 uaddr2, u32 val2, u32 val3);

/* One waiter at a word of the running thread's address space: clear_child_tid. */
void futex_wake(u64 uaddr, unsigned nr);

/* What a thread held that ends or loses its memory: robust mutexes are marked and a waiter of each
 * woken, PI ones go to the best waiter. */
void futex_exit(struct uthread *u);

#endif
