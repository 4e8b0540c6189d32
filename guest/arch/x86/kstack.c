/* SPDX-License-Identifier: MIT */
/*
 * kstack.c - stacks are areas of vmalloc: the guard page of the area before lies below each, and
 * below the first of all there is nothing. What is freed is kept for the next thread; where a dead
 * thread is let go of, nobody may wait, so that a work gives back what is too many.
 */
#include "guest/arch/x86/kstack.h"
#include "guest/arch/x86/paging.h"
#include "guest/kernel/mm.h"
#include "guest/kernel/softirq.h"
#include "guest/lib/env.h"
#include "guest/locking/spinlock.h"

#define MAX_KEPT 4

/* At the low end of a kept stack. */
struct kept {
	struct kept *next;
};

static DEFINE_SPINLOCK(lock);
static struct kept *kept; /* lock; of TASK_STACK_SIZE each */
static unsigned nr_kept;  /* lock */
static u64 total;	  /* bytes of all stacks, kept ones too */

/* One of those that are more than `spared`; its top, or 0. */
static u64 take(unsigned spared)
{
	u64 flags = spin_lock_irqsave(&lock);
	struct kept *k = nr_kept > spared ? kept : NULL;

	if (k) {
		kept = k->next;
		nr_kept--;
	}
	spin_unlock_irqrestore(&lock, flags);
	return k ? (u64)k + TASK_STACK_SIZE : 0;
}

u64 kstack_alloc(u64 size)
{
	u64 top = size == TASK_STACK_SIZE ? take(0) : 0;
	u8 *p;

	if (top)
		return top;
	p = __vmalloc(&kernel_mm.vmalloc, size, mm_gfp(), PAGE_KERNEL, (u64)kstack_alloc);
	if (!p)
		return 0;
	__atomic_fetch_add(&total, size, __ATOMIC_RELAXED);
	return (u64)p + size;
}

static void give_back(unsigned spared)
{
	u64 top;

	while ((top = take(spared))) {
		__atomic_fetch_sub(&total, TASK_STACK_SIZE, __ATOMIC_RELAXED);
		vfree(&kernel_mm.vmalloc, (void *)(top - TASK_STACK_SIZE));
	}
}

static void trim(struct work_struct *work)
{
	(void)work;
	give_back(MAX_KEPT);
}

void kstack_free(u64 top)
{
	static struct work_struct trimming;
	struct kept *k = (struct kept *)(top - TASK_STACK_SIZE);
	u64 flags = spin_lock_irqsave(&lock);
	bool many;

	if (!trimming.fn)
		INIT_WORK(&trimming, trim);
	k->next = kept;
	kept = k;
	many = ++nr_kept > MAX_KEPT;
	spin_unlock_irqrestore(&lock, flags);
	if (many && system_wq)
		queue_work(system_wq, &trimming);
}

void kstack_drain(void)
{
	give_back(0);
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
