/* SPDX-License-Identifier: MIT */
/* user_traps.h - what happens when user mode is interrupted, and on the way back to it. */
#ifndef GUEST_ARCH_X86_USER_TRAPS_H
#define GUEST_ARCH_X86_USER_TRAPS_H

#include "guest/arch/x86/ptrace.h"

/* An exception of a user program: served, or made a signal. IRQs off on entry, on while it works. */
void user_trap(struct pt_regs *regs, u64 address);

/* The kernel touched user memory on a program's behalf: whether the page is there now. */
bool user_memory_fault(struct pt_regs *regs, u64 address);

/* Switches to better tasks and delivers signals until neither is due. Returns with IRQs off. */
void exit_to_user_mode(struct pt_regs *regs);

/* From entry.S: one system call. Whether sysret may end it. IRQs off on entry and return. */
bool syscall_trap(struct pt_regs *regs);

#endif
