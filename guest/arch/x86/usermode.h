/* SPDX-License-Identifier: MIT */
/*
 * usermode.h - ring 3: how a CPU gets there and back. System calls come by `syscall` (SDM volume 2),
 * everything else through the IDT; both leave a struct pt_regs at the top of the thread's stack.
 *
 * On a hypervisor that runs `syscall` without raising the privilege level, the CPU faults on fetching
 * the entry, which user mode must not execute: error code 0x15 at LSTAR. If the very first system call
 * comes that way, that fault is taken as the system call from then on.
 */
#ifndef GUEST_ARCH_X86_USERMODE_H
#define GUEST_ARCH_X86_USERMODE_H

#include "guest/arch/x86/percpu.h"
#include "guest/arch/x86/ptrace.h"

/* A user thread's registers that are not in pt_regs. */
struct user_state {
	u8 fpu[512] __attribute__((aligned(16))); /* FXSAVE image */
	u64 fs_base, gs_base;
};

/* Vector number in pt_regs that says "system call". */
#define VECTOR_SYSCALL 0x100

DECLARE_PER_CPU(u64, kernel_sp);

/* FPU on, MSRs of `syscall`. Each CPU, once. */
void usermode_setup_cpu(void);

/* As after a reset of the FPU: what a new program finds. */
void user_state_init(struct user_state *s);

/* Of the running thread into s, and back. Preemption off. */
void user_state_save(struct user_state *s);
void user_state_load(const struct user_state *s);

/* Where a thread's user registers lie: at the very top of its kernel stack. */
static inline struct pt_regs *user_frame(u64 stack_top)
{
	return (struct pt_regs *)stack_top - 1;
}

/* Registers of a program that starts at rip with its stack at rsp. */
void user_frame_start(struct pt_regs *regs, u64 rip, u64 rsp);

/* Leaves for user mode with what the frame at the top of the stack says. IRQs off. */
_Noreturn void enter_user_mode(void);

/* Whether the segment base, instruction or flags may be loaded: never a fault in the kernel. */
static inline bool is_canonical_user(u64 addr)
{
	return addr < 0x0000800000000000;
}

/* FLAGS bits that a program may set itself (SDM volume 1, 3.4.3). */
#define USER_EFLAGS_MASK 0x50dd5UL

#endif
