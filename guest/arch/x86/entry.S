/* SPDX-License-Identifier: MIT */
/*
 * entry.S - the way into the kernel for exceptions and interrupts, and the context switch.
 *
 * Every vector has a 16-byte stub that makes the stack look alike (vector and error code), then
 * joins one common path that saves the registers as struct pt_regs and calls trap_entry().
 *
 * Where each register is at each instruction is told to debuggers, so that a backtrace leads from a
 * handler to what was interrupted. The canonical frame address is the end of struct pt_regs.
 */
#include "guest/arch/x86/layout.h"

	.cfi_sections .debug_frame

	.macro PUSH_VALUE value
	pushq \value
	.cfi_adjust_cfa_offset 8
	.endm

	.macro SAVE reg
	pushq %\reg
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset \reg, 0
	.endm

	.macro RESTORE reg
	popq %\reg
	.cfi_adjust_cfa_offset -8
	.cfi_restore \reg
	.endm

	/* rip, cs, eflags, rsp, ss lie below the frame address, and \more bytes below them. */
	.macro TRAP_FRAME more
	.cfi_startproc simple
	.cfi_signal_frame
	.cfi_def_cfa rsp, 40 + \more
	.cfi_offset rip, -40
	.cfi_offset rsp, -16
	.endm

	.macro SAVE_REGS
	SAVE rdi
	SAVE rsi
	SAVE rdx
	SAVE rcx
	SAVE rax
	SAVE r8
	SAVE r9
	SAVE r10
	SAVE r11
	SAVE rbx
	SAVE rbp
	SAVE r12
	SAVE r13
	SAVE r14
	SAVE r15
	.endm

	.macro RESTORE_REGS
	RESTORE r15
	RESTORE r14
	RESTORE r13
	RESTORE r12
	RESTORE rbp
	RESTORE rbx
	RESTORE r11
	RESTORE r10
	RESTORE r9
	RESTORE r8
	RESTORE rax
	RESTORE rcx
	RESTORE rdx
	RESTORE rsi
	RESTORE rdi
	.endm

	.section .entry.text, "ax"
	.code64

	.globl trap_stubs
	.type trap_stubs, @function
	.balign 16
trap_stubs:
	.set vector, 0
	.rept 256
	.balign 16
	/* #DF, #TS, #NP, #SS, #GP, #PF, #AC, #CP, #VC, #SX push an error code themselves. */
	.if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
	TRAP_FRAME 0
	PUSH_VALUE $0
	.else
	TRAP_FRAME 8
	.endif
	PUSH_VALUE $vector
	.if vector == 2 || vector == 8 || vector == 18
	jmp trap_paranoid
	.else
	jmp trap_common
	.endif
	.cfi_endproc
	.set vector, vector + 1
	.endr
	.size trap_stubs, . - trap_stubs

	.type trap_common, @function
trap_common:
	TRAP_FRAME 16
	cld
	SAVE_REGS
	testb $3, 18*8(%rsp)		/* CS: did it come from user mode? */
	jz 1f
	swapgs
1:	movq %rsp, %rdi
	call trap_entry
	.globl trap_return
trap_return:				/* the backtrace knows this address: pt_regs lie above it */
	testb $3, 18*8(%rsp)
	jz .Lrestore
	swapgs
.Lrestore:
	RESTORE_REGS
	addq $16, %rsp			/* vector, error code */
	.cfi_adjust_cfa_offset -16
	iretq
	.cfi_endproc
	.size trap_common, . - trap_common

/*
 * NMI, #DF and #MC may hit the few instructions of the kernel that run with the user's GS. Which one
 * it is tells its sign: per-CPU areas lie below the template, so the kernel's offset is negative.
 */
	.type trap_paranoid, @function
trap_paranoid:
	TRAP_FRAME 16
	cld
	SAVE_REGS
	xorl %ebx, %ebx
	movl $0xc0000101, %ecx		/* MSR_GS_BASE */
	rdmsr
	testl %edx, %edx
	js 1f
	swapgs
	incl %ebx
1:	movq %rsp, %rdi
	call trap_entry
	.globl paranoid_return
paranoid_return:
	testl %ebx, %ebx
	jz .Lrestore
	swapgs
	jmp .Lrestore
	.cfi_endproc
	.size trap_paranoid, . - trap_paranoid

/*
 * `syscall`: RCX is the return address, R11 the flags, interrupts are off (MSR_SYSCALL_MASK), and RSP
 * is still the user's.
 */
	.globl syscall_entry
	.type syscall_entry, @function
	.balign 16
syscall_entry:
	.cfi_startproc simple
	.cfi_signal_frame
	.cfi_def_cfa rsp, 0
	.cfi_register rip, rcx
	swapgs
	movq %rsp, %gs:user_sp
	movq %gs:kernel_sp, %rsp
	pushq $USER_DS
	pushq %gs:user_sp
	pushq %r11
	pushq $USER_CS
	pushq %rcx
	.cfi_def_cfa rsp, 40
	.cfi_offset rip, -40
	.cfi_offset rsp, -16
	PUSH_VALUE $0
	PUSH_VALUE $0x100		/* VECTOR_SYSCALL */
	SAVE_REGS
	movq %rsp, %rdi
	call syscall_trap
	.globl syscall_return
syscall_return:
	testb %al, %al			/* may it be sysret? */
	jz trap_return
	RESTORE_REGS
	movq 40(%rsp), %rsp		/* past vector, error code, RIP, CS, RFLAGS */
	swapgs
	sysretq
	.cfi_endproc
	.size syscall_entry, . - syscall_entry

/* enter_user_mode(frame): what a thread's first return to user mode needs on its stack is there. */
	.globl enter_user_frame
	.type enter_user_frame, @function
enter_user_frame:
	movq %rdi, %rsp
	jmp trap_return
	.size enter_user_frame, . - enter_user_frame

/*
 * struct task_struct *__switch_to_asm(struct task_struct *prev, u64 *prev_sp, u64 next_sp)
 * Saves what the ABI calls callee-saved, swaps stacks, returns prev on the new stack.
 */
	.globl __switch_to_asm
	.type __switch_to_asm, @function
__switch_to_asm:
	.cfi_startproc
	SAVE rbp
	SAVE rbx
	SAVE r12
	SAVE r13
	SAVE r14
	SAVE r15
	movq %rsp, (%rsi)
	movq %rdx, %rsp
	RESTORE r15
	RESTORE r14
	RESTORE r13
	RESTORE r12
	RESTORE rbx
	RESTORE rbp
	movq %rdi, %rax
	ret
	.cfi_endproc
	.size __switch_to_asm, . - __switch_to_asm

/* A new task's first return address; RAX is the task that was switched away from. */
	.globl ret_from_fork
	.type ret_from_fork, @function
ret_from_fork:
	.cfi_startproc
	.cfi_undefined rip		/* nobody called it */
	movq %rax, %rdi
	call task_first_run
	ud2
	.cfi_endproc
	.size ret_from_fork, . - ret_from_fork

/* load_segments(void): CS and the data segments after a new GDT. FS and GS keep their bases. */
	.globl load_segments
	.type load_segments, @function
load_segments:
	popq %rax
	pushq $KERNEL_CS
	pushq %rax
	movl $KERNEL_DS, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	lretq
	.size load_segments, . - load_segments
