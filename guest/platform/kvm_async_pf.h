/* SPDX-License-Identifier: MIT */
/*
 * kvm_async_pf.h - faults of the host, told to the guest (Linux, Documentation/virt/kvm/x86/msr.rst,
 * MSR_KVM_ASYNC_PF_*). When the host has to fetch guest memory from its swap, it says so by a page
 * fault, and by an interrupt when the memory is there. Meanwhile another thread runs, where otherwise the
 * virtual CPU would stand still. Asked for in user mode only: a kernel may hold locks.
 */
#ifndef GUEST_PLATFORM_KVM_ASYNC_PF_H
#define GUEST_PLATFORM_KVM_ASYNC_PF_H

#include "guest/arch/x86/percpu.h"
#include "guest/lib/types.h"

/* Shared with the host; 64 bytes, aligned to them. */
struct async_pf {
	u32 flags; /* 1: the page fault under way is the host's, and CR2 is its token */
	u32 token; /* whose memory has come; ~0: everybody's */
	u8 pad[56];
};
DECLARE_PER_CPU(struct async_pf, async_pf);

/* Boot CPU: the interrupt. Then each CPU. IRQs off. */
void async_pf_init(void);
void async_pf_enable_cpu(void);

/* Whether a page fault from user mode is the host's. First thing, IRQs off. */
static inline bool async_pf_came(void)
{
	return unlikely(this_cpu_read(async_pf.flags) & 1);
}

/* Then: sleeps until its memory is there. Comes with IRQs off, returns with IRQs on. */
void async_pf_wait(u32 token);

#endif
