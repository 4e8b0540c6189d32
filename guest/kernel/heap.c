/* SPDX-License-Identifier: MIT */
/* heap.c - see heap.h. */
#include "guest/kernel/heap.h"
#include "guest/arch/x86/paging.h"
#include "guest/kernel/boot_mem.h"
#include "guest/lib/bitops.h"
#include "guest/lib/string.h"
#include "guest/locking/spinlock.h"

#define MIN_ORDER 6u
#define MAX_ORDER 22u

struct free_block {
	struct free_block *next;
};

static DEFINE_SPINLOCK(lock);
static struct free_block *free_list[MAX_ORDER + 1]; /* lock */

/* The order whose blocks hold size bytes, or MAX_ORDER + 1. */
static unsigned order_of(size_t size)
{
	if (size > 1UL << MAX_ORDER)
		return MAX_ORDER + 1;
	return MAX(order_base_2(size), MIN_ORDER);
}

/* Cuts a fresh page (or one large block) into free blocks. Lock held. */
static bool refill(unsigned order)
{
	u64 block = 1UL << order, size = MAX(block, PAGE_SIZE);
	phys_t pa = boot_mem_alloc(size, size, 0);

	if (!pa)
		return false;
	for (u64 at = size; at; at -= block) {
		struct free_block *b = __va(pa + at - block);

		b->next = free_list[order];
		free_list[order] = b;
	}
	return true;
}

void *heap_alloc(size_t size)
{
	unsigned order = order_of(size);
	struct free_block *b = NULL;
	u64 flags;

	if (!size || order > MAX_ORDER)
		return NULL;
	flags = spin_lock_irqsave(&lock);
	if (free_list[order] || refill(order)) {
		b = free_list[order];
		free_list[order] = b->next;
	}
	spin_unlock_irqrestore(&lock, flags);
	return b ? memset(b, 0, size) : NULL;
}

void heap_free(void *ptr, size_t size)
{
	unsigned order = order_of(size);
	struct free_block *b = ptr;
	u64 flags;

	if (!ptr)
		return;
	BUG_ON(order > MAX_ORDER);
	flags = spin_lock_irqsave(&lock);
	b->next = free_list[order];
	free_list[order] = b;
	spin_unlock_irqrestore(&lock, flags);
}
