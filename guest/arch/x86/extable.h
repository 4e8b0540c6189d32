/* SPDX-License-Identifier: MIT */
/*
 * extable.h - instructions that are allowed to fault, and where to go on when they do.
 *
 * EX_TABLE(from, to) inside an asm statement: an exception at label `from` resumes at `to` with
 * RAX = EX_FAULT | vector << 32 | error code. The try_*() functions are what tests and probes use.
 */
#ifndef GUEST_ARCH_X86_EXTABLE_H
#define GUEST_ARCH_X86_EXTABLE_H

#include "guest/arch/x86/ptrace.h"

struct ex_entry {
	u64 from, to;
};

#define EX_FAULT (1ULL << 63)

#define EX_TABLE(from, to)                  \
	".pushsection .ex_table, \"a\"\n\t" \
	".balign 8\n\t"                     \
	".quad " from ", " to "\n\t"        \
	".popsection\n\t"

/* The vector of a fault reported in RAX, and its error code. */
static inline unsigned ex_vector(u64 result)
{
	return result >> 32 & 0xff;
}

static inline u32 ex_error_code(u64 result)
{
	return (u32)result;
}

/* If regs->rip is in the table: changes regs to resume there and returns true. */
bool ex_fixup(struct pt_regs *regs);

/* One byte read / written: 0, or EX_FAULT with details. */
static inline u64 try_write8(volatile void *p, u8 v)
{
	u64 r;

	__asm__ volatile("1: movb %2, (%1)\n\t"
			 "xorl %%eax, %%eax\n\t"
			 "2:\n\t" EX_TABLE("1b", "2b")
			 : "=&a"(r)
			 : "r"(p), "q"(v)
			 : "memory");
	return r;
}

static inline u64 try_read8(const volatile void *p, u8 *out)
{
	u64 r;
	u8 v = 0;

	__asm__ volatile("1: movb (%2), %1\n\t"
			 "xorl %%eax, %%eax\n\t"
			 "2:\n\t" EX_TABLE("1b", "2b")
			 : "=&a"(r), "=&q"(v)
			 : "r"(p)
			 : "memory");
	*out = v;
	return r;
}

static inline u64 try_wrmsr(u32 msr, u64 v)
{
	u64 r;

	__asm__ volatile("1: wrmsr\n\t"
			 "xorl %%eax, %%eax\n\t"
			 "2:\n\t" EX_TABLE("1b", "2b")
			 : "=a"(r)
			 : "c"(msr), "a"((u32)v), "d"((u32)(v >> 32))
			 : "memory");
	return r;
}

#endif
