/* SPDX-License-Identifier: MIT */
/*
 * backtrace.h - who called whom, by frame pointers, with names from the built-in symbol table.
 *
 * A chain begins at interrupted registers, or at a frame (__builtin_frame_address(0) of a function
 * begins with that function's caller). Only addresses on mapped pages are followed, so a broken
 * chain ends the list and nothing else.
 */
#ifndef GUEST_ARCH_X86_BACKTRACE_H
#define GUEST_ARCH_X86_BACKTRACE_H

#include "guest/arch/x86/ptrace.h"
#include "guest/lib/kallsyms.h"

/* The kernel's own table, filled by the second link; empty (count 0) in the first. */
extern const struct ksym_table kernel_symbols;

/* Lets %pS print symbols. Before that it prints numbers. */
void backtrace_init(void);

/* Registers, control registers, what RIP lies in and the bytes there. */
void show_regs(const struct pt_regs *regs);

/* Prints the chain from regs, or from frame when regs is NULL; a repeated caller takes one line. */
void backtrace_print(const struct pt_regs *regs, const void *frame);

/* Stores up to max code addresses of the chain, innermost first; returns how many. */
size_t backtrace_save(const struct pt_regs *regs, const void *frame, u64 *pc, size_t max);

#endif
