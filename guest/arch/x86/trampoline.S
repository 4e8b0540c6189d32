/* SPDX-License-Identifier: MIT */
/*
 * trampoline.S - where an application processor starts: copied to TRAMPOLINE_PHYS, entered in real
 * mode by SIPI with CS = TRAMPOLINE_PHYS >> 4, leaves in long mode at ap_start() in the high half.
 * smp.c fills the parameters at the end before each start; one CPU starts at a time.
 */
#include "guest/arch/x86/layout.h"

#define AT(x) ((x) - trampoline_start + TRAMPOLINE_PHYS)

	.section .rodata, "a"
	.balign 16
	.globl trampoline_start
trampoline_start:
	.code16
	cli
	cld
	movw %cs, %ax
	movw %ax, %ds
	lgdtl trampoline_gdt_pointer - trampoline_start
	movl %cr0, %eax
	orb $1, %al			/* PE */
	movl %eax, %cr0
	ljmpl $KERNEL32_CS, $AT(trampoline_32)

	.code32
trampoline_32:
	movl $KERNEL_DS, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl AT(trampoline_cr4), %eax
	movl %eax, %cr4
	movl AT(trampoline_cr3), %eax
	movl %eax, %cr3
	movl $0xc0000080, %ecx
	rdmsr
	orl AT(trampoline_efer), %eax	/* LME, and NXE before any NX entry is walked */
	wrmsr
	movl AT(trampoline_cr0), %eax
	movl %eax, %cr0
	ljmp $KERNEL_CS, $AT(trampoline_64)

	.code64
trampoline_64:
	movq AT(trampoline_stack), %rsp
	movl AT(trampoline_cpu), %edi
	xorl %ebp, %ebp
	movq $ap_start, %rax
	jmp *%rax

	.balign 8
trampoline_gdt:
	.quad 0
	.quad 0x00cf9b000000ffff
	.quad 0x00af9b000000ffff
	.quad 0x00cf93000000ffff
trampoline_gdt_pointer:
	.word . - trampoline_gdt - 1
	.long AT(trampoline_gdt)

	.balign 8
	.globl trampoline_params
trampoline_params:			/* struct trampoline_params in smp.c */
trampoline_stack:
	.quad 0
trampoline_cr3:
	.long 0
trampoline_cr4:
	.long 0
trampoline_cr0:
	.long 0
trampoline_efer:
	.long 0
trampoline_cpu:
	.long 0
	.globl trampoline_end
trampoline_end:
