/* SPDX-License-Identifier: MIT */
/* backtrace.h - who called whom, by frame pointers, with names from the built-in symbol table. */
#ifndef GUEST_ARCH_X86_BACKTRACE_H
#define GUEST_ARCH_X86_BACKTRACE_H

#include "guest/arch/x86/ptrace.h"
#include "guest/lib/kallsyms.h"

/* The kernel's own table, filled by the second link; empty (count 0) in the first. */
extern const struct ksym_table kernel_symbols;

/* Lets %pS print symbols. Before that it prints numbers. */
void backtrace_init(void);

/* Registers, control registers and what RIP lies in. */
void show_regs(const struct pt_regs *regs);

/*
 * Prints the call chain that led to regs, or to the caller when regs is NULL. Follows only
 * addresses on mapped stacks, upward, so a broken chain ends the list and nothing else.
 */
void backtrace_print(const struct pt_regs *regs);

/* Stores up to max return addresses, innermost first; returns how many. */
size_t backtrace_save(const struct pt_regs *regs, u64 *pc, size_t max);

#endif
