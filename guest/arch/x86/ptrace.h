/* SPDX-License-Identifier: MIT */
/* ptrace.h - the registers that entry.S leaves on the stack when the CPU is interrupted. */
#ifndef GUEST_ARCH_X86_PTRACE_H
#define GUEST_ARCH_X86_PTRACE_H

#include "guest/lib/types.h"

struct pt_regs {
	u64 r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	u64 vector;	/* pushed by the entry stub */
	u64 error_code; /* pushed by the CPU, or 0 by the stub */
	u64 rip, cs, eflags, rsp, ss;
};

static inline bool user_mode(const struct pt_regs *regs)
{
	return (regs->cs & 3) != 0;
}

#endif
