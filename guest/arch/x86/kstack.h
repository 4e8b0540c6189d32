/* SPDX-License-Identifier: MIT */
/*
 * kstack.h - kernel stacks in the mapped area, each above an unmapped guard page, so that running
 * off the end faults instead of overwriting a neighbour.
 */
#ifndef GUEST_ARCH_X86_KSTACK_H
#define GUEST_ARCH_X86_KSTACK_H

#include "guest/lib/types.h"

/*
 * Returns the top of a fresh stack of `size` bytes (a multiple of the page size), or 0 when there
 * is no memory. Not zeroed. Thread context.
 */
u64 kstack_alloc(u64 size);

/* Gives back a stack of TASK_STACK_SIZE. Nobody may be on it. Any context. */
void kstack_free(u64 top);

/* Frees the stacks that are kept for the next thread. Thread context. */
void kstack_drain(void);

/* Bytes of memory in stacks: KernelStack of meminfo. */
u64 kstack_bytes(void);

/* Whether addr lies in the guard page below some stack. */
bool kstack_is_guard(u64 addr);

#endif
