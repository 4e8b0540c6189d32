/* SPDX-License-Identifier: MIT */
/* traps.h - exceptions, for those who report them. */
#ifndef GUEST_ARCH_X86_TRAPS_H
#define GUEST_ARCH_X86_TRAPS_H

#include "guest/arch/x86/ptrace.h"

/* Vectors that somebody names (SDM volume 3, table 6-1). */
enum {
	X86_TRAP_NMI = 2,
	X86_TRAP_BP = 3,
	X86_TRAP_OF = 4,
	X86_TRAP_DF = 8,
	X86_TRAP_TS = 10,
	X86_TRAP_GP = 13,
	X86_TRAP_PF = 14
};

/* Prints what the exception in regs means: who tried what, and why that cannot be. */
void trap_explain(const struct pt_regs *regs);

#endif
