/* SPDX-License-Identifier: MIT */
/* kstack.c - stacks are cut from the mapped area upward and never unmapped, only reused. */
#include "guest/arch/x86/kstack.h"
#include "guest/arch/x86/paging.h"
#include "guest/kernel/boot_mem.h"
#include "guest/lib/env.h"
#include "guest/locking/spinlock.h"

/* Lives in the first bytes of a free stack. */
struct free_stack {
	struct free_stack *next;
	u64 size;
};

static DEFINE_SPINLOCK(lock);
static u64 next_va = VMALLOC_START;  /* lock */
static struct free_stack *free_list; /* lock */

static u64 reuse(u64 size)
{
	for (struct free_stack **p = &free_list; *p; p = &(*p)->next) {
		struct free_stack *f = *p;

		if (f->size != size)
			continue;
		*p = f->next;
		return (u64)f + size;
	}
	return 0;
}

u64 kstack_alloc(u64 size)
{
	u64 flags = spin_lock_irqsave(&lock);
	u64 top = reuse(size);
	phys_t pa;

	if (top)
		goto out;
	pa = boot_mem_alloc(size, PAGE_SIZE, 0);
	if (!pa)
		goto out;
	/* P4: one page stays unmapped below. */
	if (pt_map(&kernel_pt, next_va + PAGE_SIZE, pa, size, PROT_RW) == 0)
		top = next_va + PAGE_SIZE + size;
	next_va += PAGE_SIZE + size;
out:
	spin_unlock_irqrestore(&lock, flags);
	return top;
}

void kstack_free(u64 top, u64 size)
{
	struct free_stack *f = (struct free_stack *)(top - size);
	u64 flags = spin_lock_irqsave(&lock);

	f->size = size;
	f->next = free_list;
	free_list = f;
	spin_unlock_irqrestore(&lock, flags);
}

bool kstack_is_guard(u64 addr)
{
	unsigned level;

	return addr >= VMALLOC_START && addr < READ_ONCE(next_va) &&
	       !pt_lookup(&kernel_pt, addr, &level);
}
