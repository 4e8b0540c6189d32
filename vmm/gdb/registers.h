/* SPDX-License-Identifier: MIT */
/*
 * registers.h - one vCPU's registers, in the order and size in which gdb gets them.
 *
 * One table makes both the target description and the layout of the g packet, so they cannot
 * disagree. General, segment, x87, SSE and AVX registers are gdb's own features
 * (GDB manual, appendix G, "i386 Features"); k_gs_base, cr0 to cr8 and efer bear QEMU's names.
 */
#ifndef VMM_GDB_REGISTERS_H
#define VMM_GDB_REGISTERS_H

#include <linux/kvm.h>

#include "vmm/gdb/target.h"
#include "vmm/vcpu.h"

#define GDB_REG_RIP 16u

/* Bytes that a target description takes. */
#define GDB_FEATURES_MAX 12288

/* A stopped vCPU's state, fetched when first asked for, and written through at once. */
struct gdb_regs {
	struct vcpu *v;
	bool avx;	      /* the guest's CPUID has it */
	bool valid, fp_valid; /* regs, sregs and k_gs_base; the XSAVE area */
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	u64 k_gs_base;
	struct kvm_xsave xsave;
};

/* The machine runs: nothing that was fetched holds any longer. */
void gdb_regs_forget(struct gdb_regs *r);

/* Fetches regs and sregs. 0 or -errno. */
int gdb_regs_fetch(struct gdb_regs *r);

/* A register's bytes: its size, or -errno (-ENOENT: no such number). */
int gdb_regs_get(struct gdb_regs *r, unsigned reg, u8 buf[GDB_MAX_REG]);
int gdb_regs_set(struct gdb_regs *r, unsigned reg, const u8 *buf, size_t n);

/* All of them, as in the g packet: bytes, 0 when they cannot be read. */
size_t gdb_regs_get_all(struct gdb_regs *r, u8 *buf, size_t size);
int gdb_regs_set_all(struct gdb_regs *r, const u8 *buf, size_t n);

/* Writes the target description. */
void gdb_regs_describe(bool avx, char out[GDB_FEATURES_MAX]);

/* The address that rip stands for: with the base of CS outside of 64-bit code. */
static inline u64 gdb_linear_pc(const struct kvm_regs *r, const struct kvm_sregs *s)
{
	return s->cs.l ? r->rip : (u32)(s->cs.base + r->rip);
}

#endif
