/* SPDX-License-Identifier: MIT */
/*
 * kstack.c - stacks are areas of vmalloc: the guard page of the area before lies below each, and
 * below the first of all there is nothing. Some that were freed are kept for the next thread. Where a
 * dead thread is let go of, interrupts may be off; an area cannot be freed there, but by an RCU thread.
 */
#include "guest/arch/x86/kstack.h"
#include "guest/arch/x86/paging.h"
#include "guest/kernel/mm.h"
#include "guest/kernel/rcu.h"
#include "guest/lib/env.h"
#include "guest/locking/spinlock.h"

#define MAX_KEPT 4

static DEFINE_SPINLOCK(lock);
static u64 kept[MAX_KEPT]; /* lock; tops of stacks of TASK_STACK_SIZE */
static unsigned nr_kept;   /* lock */
static u64 total;	   /* bytes of all stacks, kept ones too */
static u32 on_the_way;	   /* stacks that RCU threads will free */

static u64 reuse(void)
{
	u64 flags = spin_lock_irqsave(&lock);
	u64 top = nr_kept ? kept[--nr_kept] : 0;

	spin_unlock_irqrestore(&lock, flags);
	return top;
}

static bool keep(u64 top)
{
	u64 flags = spin_lock_irqsave(&lock);
	bool room = nr_kept < MAX_KEPT;

	if (room)
		kept[nr_kept++] = top;
	spin_unlock_irqrestore(&lock, flags);
	return room;
}

u64 kstack_alloc(u64 size)
{
	u64 top = size == TASK_STACK_SIZE ? reuse() : 0;
	u8 *p;

	if (top)
		return top;
	p = __vmalloc(&kernel_mm.vmalloc, size, mm_gfp(), PAGE_KERNEL, (u64)kstack_alloc);
	if (!p)
		return 0;
	__atomic_fetch_add(&total, size, __ATOMIC_RELAXED);
	return (u64)p + size;
}

static void give_back(void *base)
{
	vfree(&kernel_mm.vmalloc, base);
	__atomic_fetch_sub(&total, TASK_STACK_SIZE, __ATOMIC_RELAXED);
}

static void free_later(struct rcu_head *head)
{
	give_back(head);
	__atomic_fetch_sub(&on_the_way, 1, __ATOMIC_RELEASE);
}

void kstack_free(u64 top)
{
	if (keep(top))
		return;
	__atomic_fetch_add(&on_the_way, 1, __ATOMIC_RELAXED);
	call_rcu(kernel_rcu, (struct rcu_head *)(top - TASK_STACK_SIZE), free_later);
}

void kstack_drain(void)
{
	u64 top;

	while ((top = reuse()))
		give_back((void *)(top - TASK_STACK_SIZE));
	while (__atomic_load_n(&on_the_way, __ATOMIC_ACQUIRE))
		synchronize_rcu(kernel_rcu);
}

u64 kstack_bytes(void)
{
	return READ_ONCE(total);
}

bool kstack_is_guard(u64 addr)
{
	struct pt_leaf leaf;
	u64 caller;

	if (addr < VMALLOC_START - PAGE_SIZE || addr >= VMALLOC_END ||
	    pgtable_lookup(&kernel_pt, addr, &leaf))
		return false;
	/* A lock that the faulting code holds is not waited for; then the layout has to do. */
	if (!vmalloc_try_caller(&kernel_mm.vmalloc, (void *)(addr + PAGE_SIZE), &caller))
		return pgtable_lookup(&kernel_pt, addr + PAGE_SIZE, &leaf);
	return caller == (u64)kstack_alloc;
}
