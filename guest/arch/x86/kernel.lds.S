/* SPDX-License-Identifier: MIT */
/*
 * kernel.lds.S - text, rodata and data each on pages of their own, so that each can have its own
 * permissions. The symbol table (.kallsyms) comes after all text: filling it moves no function.
 */
#include "guest/arch/x86/layout.h"

OUTPUT_FORMAT("elf64-x86-64")
ENTRY(pvh_start_phys)

PHDRS
{
	text PT_LOAD FLAGS(5);
	rodata PT_LOAD FLAGS(4);
	data PT_LOAD FLAGS(6);
	note PT_NOTE FLAGS(4);
}

SECTIONS
{
	. = START_KERNEL_MAP + KERNEL_PHYS;
	_text = .;
	.text : AT(ADDR(.text) - START_KERNEL_MAP) {
		*(.head.text)
		*(.text .text.*)
		. = ALIGN(16);
		__entry_text_start = .;
		*(.entry.text)
		__entry_text_end = .;
	} :text
	_etext = .;

	. = ALIGN(PAGE_SIZE);
	__start_rodata = .;
	.rodata : AT(ADDR(.rodata) - START_KERNEL_MAP) {
		*(.rodata .rodata.*)
		. = ALIGN(8);
		__start_ex_table = .;
		*(.ex_table)
		__stop_ex_table = .;
	} :rodata
	.notes : AT(ADDR(.notes) - START_KERNEL_MAP) {
		*(.note.pvh)
	} :rodata :note
	.kallsyms : AT(ADDR(.kallsyms) - START_KERNEL_MAP) {
		*(.kallsyms)
	} :rodata
	. = ALIGN(PAGE_SIZE);
	__end_rodata = .;

	_sdata = .;
	.data : AT(ADDR(.data) - START_KERNEL_MAP) {
		*(.data.boot_page_tables)
		. = ALIGN(64);
		__per_cpu_start = .;
		*(.data..percpu)
		. = ALIGN(64);
		__per_cpu_end = .;
		*(.data .data.*)
	} :data
	_edata = .;

	. = ALIGN(PAGE_SIZE);
	__bss_start = .;
	.bss : AT(ADDR(.bss) - START_KERNEL_MAP) {
		/* The page below the boot stack stays unmapped: an overflow faults at once. */
		boot_stack_guard = .;
		. += PAGE_SIZE;
		boot_stack = .;
		. += BOOT_STACK_SIZE;
		boot_stack_top = .;
		*(.bss .bss.* COMMON)
	} :data
	. = ALIGN(PAGE_SIZE);
	_end = .;

	pvh_start_phys = pvh_start - START_KERNEL_MAP;

	/DISCARD/ : { *(.comment) *(.note.GNU-stack) *(.note.gnu.*) *(.eh_frame*) }
}
