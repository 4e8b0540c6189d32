/* SPDX-License-Identifier: MIT */
/*
 * heap.h - small zeroed blocks for the kernel's own bookkeeping until a slab allocator stands:
 * one free list for each power of two from 64 bytes up, filled from boot memory a page at a time.
 * A block never returns to another size.
 */
#ifndef GUEST_KERNEL_HEAP_H
#define GUEST_KERNEL_HEAP_H

#include "guest/lib/types.h"

/* Zeroed, aligned to 16 (to its size, if that is a power of two); NULL without memory. Any context. */
void *heap_alloc(size_t size);

/* size as it was asked for. ptr may be NULL. */
void heap_free(void *ptr, size_t size);

#endif
