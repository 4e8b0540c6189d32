/* SPDX-License-Identifier: MIT */
/* kvm_async_pf.c - see kvm_async_pf.h. */
#include "guest/platform/kvm_async_pf.h"
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/paging.h"
#include "guest/kernel/irq.h"
#include "guest/kernel/sched.h"
#include "guest/lib/list.h"
#include "guest/locking/spinlock.h"
#include "guest/locking/wait.h"

#define MSR_KVM_ASYNC_PF_EN  0x4b564d02
#define MSR_KVM_ASYNC_PF_INT 0x4b564d06
#define MSR_KVM_ASYNC_PF_ACK 0x4b564d07
#define ENABLED		     BIT(0)
#define BY_INTERRUPT	     BIT(3) /* that the memory is there */

struct waiter {
	struct list_head node;
	u32 token;
	struct completion done;
};

DEFINE_PER_CPU(struct async_pf, async_pf) __attribute__((aligned(64)));
static DEFINE_SPINLOCK(lock);
static LIST_HEAD(waiters); /* lock; few: one thread each */

static void wake(u32 token)
{
	u64 flags = spin_lock_irqsave(&lock);
	struct waiter *w, *next;

	list_for_each_entry_safe (w, next, &waiters, node) {
		if (w->token != token && token != ~0u)
			continue;
		list_del(&w->node);
		complete(&w->done);
	}
	spin_unlock_irqrestore(&lock, flags);
}

static void page_is_there(void *unused)
{
	(void)unused;
	wake(this_cpu_read(async_pf.token));
	/* In this order: the next one may come at once. */
	this_cpu_write(async_pf.token, 0);
	wrmsr(MSR_KVM_ASYNC_PF_ACK, 1);
}

void async_pf_init(void)
{
	irq_set_handler(VECTOR_HOST_PAGE, "host page ready", page_is_there, NULL, IRQ_ACK_LAPIC);
}

void async_pf_enable_cpu(void)
{
	wrmsr(MSR_KVM_ASYNC_PF_INT, VECTOR_HOST_PAGE);
	wrmsr(MSR_KVM_ASYNC_PF_EN, __pa(this_cpu_ptr(&async_pf)) | ENABLED | BY_INTERRUPT);
}

void async_pf_wait(u32 token)
{
	struct waiter w = { .token = token };
	u64 flags;

	init_completion(&w.done);
	this_cpu_write(async_pf.flags, 0);
	/* The interrupt comes to this CPU, and so after this. */
	flags = spin_lock_irqsave(&lock);
	list_add_tail(&w.node, &waiters);
	spin_unlock_irqrestore(&lock, flags);
	local_irq_enable();
	wait_for_completion(&w.done);
}
