/* SPDX-License-Identifier: MIT */
/* sections.h - where the linker script put things. */
#ifndef GUEST_ARCH_X86_SECTIONS_H
#define GUEST_ARCH_X86_SECTIONS_H

extern char _text[], _etext[], __entry_text_start[], __entry_text_end[];
extern char __start_rodata[], __end_rodata[];
extern char _sdata[], _edata[], __bss_start[], _end[];
extern char __per_cpu_start[], __per_cpu_end[];
extern char boot_stack_guard[], boot_stack[], boot_stack_top[];

#endif
