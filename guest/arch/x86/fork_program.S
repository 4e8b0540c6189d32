/* SPDX-License-Identifier: MIT */
/*
 * fork_program.S - an ELF program for user mode, in the kernel's read-only data: it makes argv[1] processes, one
 * after the other, and waits for each. A child writes to every page of data that it shares with its parent, so
 * that each is copied, and ends. Status 0, or 1 when a system call failed.
 */
#define BASE	   0x400000
#define DATA	   0x500000
#define DATA_PAGES 16
#define PAGE	   4096

#define SYS_fork       57
#define SYS_wait4      61
#define SYS_exit_group 231

	.section .rodata, "a"
	.balign 16
	.globl fork_program, fork_program_end
fork_program:
	.ascii "\177ELF"
	.byte 2, 1, 1, 0		/* 64 bits, little-endian, ELF 1, System V */
	.quad 0
	.short 2, 62			/* ET_EXEC, EM_X86_64 */
	.long 1
	.quad BASE + start - fork_program
	.quad headers - fork_program
	.quad 0
	.long 0
	.short headers - fork_program, 56, 2, 0, 0, 0
headers:
	.long 1, 5			/* PT_LOAD, readable and executable: this file */
	.quad 0, BASE, BASE
	.quad fork_program_end - fork_program, fork_program_end - fork_program
	.quad PAGE
	.long 1, 6			/* PT_LOAD, readable and writable: zeroes */
	.quad 0, DATA, DATA
	.quad 0, DATA_PAGES * PAGE
	.quad PAGE

	.code64
start:
	movq 16(%rsp), %rsi		/* argv[1], a number */
	xorl %ebx, %ebx
digit:
	movzbl (%rsi), %eax
	subl $'0', %eax
	cmpl $9, %eax
	ja numbered
	imulq $10, %rbx
	addq %rax, %rbx
	incq %rsi
	jmp digit
numbered:
	call touch			/* there is something to be shared */
next:
	testq %rbx, %rbx
	jz good
	movl $SYS_fork, %eax
	syscall
	testq %rax, %rax
	js bad
	jz child
	movq %rax, %r12
	movq %rax, %rdi
	xorl %esi, %esi
	xorl %edx, %edx
	xorl %r10d, %r10d
	movl $SYS_wait4, %eax
	syscall
	cmpq %rax, %r12
	jne bad
	decq %rbx
	jmp next
child:
	call touch
good:
	xorl %edi, %edi
	jmp end
bad:
	movl $1, %edi
end:
	movl $SYS_exit_group, %eax
	syscall
	ud2

touch:
	movl $DATA, %edi
	movl $DATA_PAGES, %ecx
1:	incb (%rdi)
	addl $PAGE, %edi
	loop 1b
	ret
fork_program_end:
