/* SPDX-License-Identifier: MIT */
/* traps.h - exceptions, for those who report them. */
#ifndef GUEST_ARCH_X86_TRAPS_H
#define GUEST_ARCH_X86_TRAPS_H

#include "guest/arch/x86/ptrace.h"

/* Prints what the exception in regs means: who tried what, and why that cannot be. */
void trap_explain(const struct pt_regs *regs);

#endif
