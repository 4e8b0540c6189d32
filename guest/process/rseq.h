/* SPDX-License-Identifier: MIT */
/*
 * rseq.h - restartable sequences, rseq(2): a thread tells where the kernel writes its CPU's number, and
 * which of its instructions must not be interrupted. When they are, it goes on at another place.
 *
 * Q1 a thread that has registered and was switched to since it last left the kernel has
 * task_struct.rseq_event set; the way to user mode tests it and nothing else.
 */
#ifndef GUEST_PROCESS_RSEQ_H
#define GUEST_PROCESS_RSEQ_H

#include "guest/arch/x86/ptrace.h"
#include "guest/lib/types.h"

struct uthread;

/* What the auxiliary vector tells of it: bytes that mean something, and where the area may begin. */
#define RSEQ_FEATURE_SIZE 28
#define RSEQ_ALIGN	  32

struct rseq_area {
	u64 addr; /* user address; 0: not registered */
	u32 len, signature;
};

/* Both flags of rseq(2) are known: registers the running thread's area, or takes it back. */
s64 do_rseq(u64 addr, u32 len, u32 flags, u32 signature);

/* clone(2): a child with memory of its own goes on with what the parent has. */
void rseq_fork(struct uthread *child, const struct uthread *parent, bool shares_memory);
void rseq_exec(struct uthread *u);

/* On the way to user mode, task_struct.rseq_event set; and before a handler's frame takes the registers
 * down. May force SIGSEGV; may sleep. */
void rseq_resume(struct uthread *u, struct pt_regs *r);

#endif
