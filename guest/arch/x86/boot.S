/* SPDX-License-Identifier: MIT */
/*
 * boot.S - from the PVH entry to C.
 *
 * The loader jumps here in 32-bit protected mode with paging off, flat segments, and EBX holding
 * the physical address of struct hvm_start_info (Xen's PVH ABI, docs/misc/pvh.pandoc). The first
 * page tables are constants in the image: nothing has to be filled in, and the loader has zeroed
 * .bss as the ELF program header says.
 */
#include "devices/abi/pc.h"
#include "guest/arch/x86/layout.h"

#define PA(x) ((x) - START_KERNEL_MAP)

#define XEN_ELFNOTE_PHYS32_ENTRY 18

	.section .note.pvh, "a", @note
	.balign 4
	.long 4, 4, XEN_ELFNOTE_PHYS32_ENTRY
	.asciz "Xen"
	.long PA(pvh_start)

	.section .head.text, "ax"
	.code32
	.globl pvh_start
	.type pvh_start, @function
pvh_start:
	cld
	cli
	lgdt PA(early_gdt_pointer_low)

	movl %ebx, %ebp			/* cpuid overwrites EBX */
	movl $0x80000001, %eax
	cpuid
	btl $29, %edx			/* LM: is there a long mode at all? */
	jnc no_long_mode

	movl $0x20, %esi		/* CR4.PAE */
	movl $PA(early_pgd), %edi
	xorl %eax, %eax
	cpuid
	cmpl $7, %eax
	jb 1f
	movl $7, %eax
	xorl %ecx, %ecx
	cpuid
	btl $16, %ecx			/* LA57: a fifth level above the others (SDM volume 3, 4.5) */
	jnc 1f
	orl $0x1000, %esi		/* only while paging is off can CR4.LA57 be set */
	movl $PA(early_pgd5), %edi
1:	movl %cr4, %eax
	orl %esi, %eax
	movl %eax, %cr4
	movl %edi, %cr3
	movl $0xc0000080, %ecx		/* EFER: LME now; NXE when CPUID has been read */
	rdmsr
	orl $0x100, %eax
	wrmsr
	movl %cr0, %eax
	orl $0x80010001, %eax		/* PG, WP, PE */
	movl %eax, %cr0
	ljmp $KERNEL_CS, $PA(start64_low)

/* Says so on COM1 as best as it can and ends the machine with the status of a panic. */
no_long_mode:
	movl $PA(no_long_mode_text), %esi
	movl $(no_long_mode_end - no_long_mode_text), %ecx
	movl $PC_COM1_PORT, %edx
	rep outsb
	movl $99, %eax
	movl $PC_EXIT_PORT, %edx
	outb %al, %dx
1:	hlt
	jmp 1b

	.code64
start64_low:
	movabsq $start64, %rax
	jmp *%rax
start64:
	lgdt early_gdt_pointer(%rip)
	movl $KERNEL_DS, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	xorl %eax, %eax
	movl %eax, %fs
	movl %eax, %gs
	xorl %edx, %edx
	movl $0xc0000101, %ecx		/* GS base 0: the per-CPU template serves until there are areas */
	wrmsr
	movq $boot_stack_top, %rsp
	movl %ebp, %edi
	xorl %ebp, %ebp			/* ends every backtrace */
	call kernel_main
	ud2
	.size pvh_start, . - pvh_start

	.section .rodata, "a"
no_long_mode_text:
	.ascii "parallax: this CPU has no 64-bit mode; the kernel needs one\r\n"
no_long_mode_end:

	.balign 8
	.globl early_gdt
early_gdt:
	.quad 0
	.quad 0x00cf9b000000ffff	/* 32-bit code */
	.quad 0x00af9b000000ffff	/* 64-bit code */
	.quad 0x00cf93000000ffff	/* data */
early_gdt_end:
early_gdt_pointer_low:
	.word early_gdt_end - early_gdt - 1
	.long PA(early_gdt)
	.balign 8
early_gdt_pointer:
	.word early_gdt_end - early_gdt - 1
	.quad early_gdt

/*
 * 2 MiB pages over the first 4 GiB, seen at 0, at PAGE_OFFSET and (first GiB) at START_KERNEL_MAP.
 * Only used until paging_init(): everything is writable and executable here.
 */
#define TABLE  0x003			/* present, writable */
#define LARGE  0x083			/* present, writable, page size */

	.section .data.boot_page_tables, "aw"
	.balign 4096
	.globl early_pgd
early_pgd:
	.quad PA(early_pud_low) + TABLE
	.fill 272, 8, 0
	.quad PA(early_pud_low) + TABLE		/* index 273: PAGE_OFFSET */
	.fill 237, 8, 0
	.quad PA(early_pud_high) + TABLE	/* index 511: START_KERNEL_MAP */
early_pgd5:
	.quad PA(early_pgd) + TABLE
	.fill 510, 8, 0
	.quad PA(early_pgd) + TABLE		/* the high half of 48 bits lies at the end of 57 */
early_pud_low:
	.quad PA(early_pmd) + TABLE
	.quad PA(early_pmd) + 0x1000 + TABLE
	.quad PA(early_pmd) + 0x2000 + TABLE
	.quad PA(early_pmd) + 0x3000 + TABLE
	.fill 508, 8, 0
early_pud_high:
	.fill 510, 8, 0
	.quad PA(early_pmd) + TABLE
	.quad 0
early_pmd:
	.set page, 0
	.rept 2048
	.quad page + LARGE
	.set page, page + 0x200000
	.endr
