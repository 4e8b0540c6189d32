/* SPDX-License-Identifier: MIT */
/*
 * entry.S - the way into the kernel for exceptions and interrupts, and the context switch.
 *
 * Every vector has a 16-byte stub that makes the stack look alike (vector and error code), then
 * joins one common path that saves the registers as struct pt_regs and calls trap_entry().
 */
#include "guest/arch/x86/layout.h"

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
	pushq $0
	.endif
	pushq $vector
	.if vector == 2 || vector == 8 || vector == 18
	jmp trap_paranoid
	.else
	jmp trap_common
	.endif
	.set vector, vector + 1
	.endr
	.size trap_stubs, . - trap_stubs

	.type trap_common, @function
trap_common:
	cld
	pushq %rdi
	pushq %rsi
	pushq %rdx
	pushq %rcx
	pushq %rax
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
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
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rax
	popq %rcx
	popq %rdx
	popq %rsi
	popq %rdi
	addq $16, %rsp			/* vector, error code */
	iretq
	.size trap_common, . - trap_common

/*
 * NMI, #DF and #MC may hit the few instructions of the kernel that run with the user's GS. Which one
 * it is tells its sign: per-CPU areas lie below the template, so the kernel's offset is negative.
 */
	.type trap_paranoid, @function
trap_paranoid:
	cld
	pushq %rdi
	pushq %rsi
	pushq %rdx
	pushq %rcx
	pushq %rax
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
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
	.size trap_paranoid, . - trap_paranoid

/*
 * `syscall`: RCX is the return address, R11 the flags, interrupts are off (MSR_SYSCALL_MASK), and RSP
 * is still the user's.
 */
	.globl syscall_entry
	.type syscall_entry, @function
	.balign 16
syscall_entry:
	swapgs
	movq %rsp, %gs:user_sp
	movq %gs:kernel_sp, %rsp
	pushq $USER_DS
	pushq %gs:user_sp
	pushq %r11
	pushq $USER_CS
	pushq %rcx
	pushq $0
	pushq $0x100			/* VECTOR_SYSCALL */
	pushq %rdi
	pushq %rsi
	pushq %rdx
	pushq %rcx
	pushq %rax
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, %rdi
	call syscall_trap
	.globl syscall_return
syscall_return:
	testb %al, %al			/* may it be sysret? */
	jz trap_return
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rax
	popq %rcx
	popq %rdx
	popq %rsi
	popq %rdi
	movq 40(%rsp), %rsp		/* past vector, error code, RIP, CS, RFLAGS */
	swapgs
	sysretq
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
	pushq %rbp
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, (%rsi)
	movq %rdx, %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	popq %rbp
	movq %rdi, %rax
	ret
	.size __switch_to_asm, . - __switch_to_asm

/* A new task's first return address; RAX is the task that was switched away from. */
	.globl ret_from_fork
	.type ret_from_fork, @function
ret_from_fork:
	movq %rax, %rdi
	call task_first_run
	ud2
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
