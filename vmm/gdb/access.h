/* SPDX-License-Identifier: MIT */
/*
 * access.h - which memory an instruction is about to read and write, by decoding it.
 *
 * For hosts whose debug registers do not watch data: a CPU that is stepped is asked before each
 * instruction. Zydis decodes; it is loaded when the first such watchpoint is set.
 *
 * Limit: tables that the CPU reads by itself (descriptors, page tables, an interrupt's frame) are
 * no operands and are not seen, as debug registers do not see all of them either.
 */
#ifndef VMM_GDB_ACCESS_H
#define VMM_GDB_ACCESS_H

#include <linux/kvm.h>

#include "base/types.h"

#define ACCESS_MAX	10 /* operands of one instruction */
#define ACCESS_INSN_MAX 15

struct access_list {
	unsigned nr;
	struct {
		u64 addr, len; /* linear */
		bool read, write;
	} by[ACCESS_MAX];
	u64 pc, next; /* linear; it goes on at next, or at pc again (rep), unless */
	bool jumps;   /* it goes anywhere */
};

struct access_decoder;

/* 0, or -ENOTSUP when the library is not installed. */
int access_decoder_open(struct access_decoder **out);
void access_decoder_close(struct access_decoder *d); /* NULL is fine */

/* The instruction in buf, n bytes, that stands at rip. Empty when it is none. Any thread. */
void access_decode(const struct access_decoder *d, const struct kvm_regs *r,
		   const struct kvm_sregs *s, const u8 *buf, size_t n, struct access_list *out);

/* Whether [addr, addr + len) is read, or written. */
bool access_reads(const struct access_list *a, u64 addr, u64 len);
bool access_writes(const struct access_list *a, u64 addr, u64 len);

#endif
