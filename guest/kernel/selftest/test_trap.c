/* SPDX-License-Identifier: MIT */
/* test_trap.c - exceptions are delivered, recognised and survived. */
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/backtrace.h"
#include "guest/arch/x86/cpu.h"
#include "guest/arch/x86/extable.h"
#include "guest/kernel/selftest/tests_decl.h"

void ktest_trap_page_fault(struct ktest *t)
{
	u8 *nowhere = (u8 *)0x123456789000, v;
	u64 r = try_read8(nowhere, &v);

	KT_EXPECT_EQ(t, ex_vector(r), 14);
	KT_EXPECT_EQ(t, ex_error_code(r), 0); /* not present, read, kernel */
	KT_EXPECT_EQ(t, read_cr2(), nowhere);
	r = try_write8(nowhere + 7, 1);
	KT_EXPECT_EQ(t, ex_error_code(r), 2);
	KT_EXPECT_EQ(t, read_cr2(), nowhere + 7);
}

void ktest_trap_invalid_opcode(struct ktest *t)
{
	u64 r;

	__asm__ volatile("1: ud2\n\t2:\n\t" EX_TABLE("1b", "2b") : "=a"(r) : "a"(0UL));
	KT_EXPECT_EQ(t, ex_vector(r), 6);
	KT_EXPECT(t, r & EX_FAULT);
}

void ktest_trap_divide_error(struct ktest *t)
{
	u64 r;

	__asm__ volatile("1: divl %%ecx\n\t2:\n\t" EX_TABLE("1b", "2b")
			 : "=a"(r)
			 : "a"(1UL), "d"(0), "c"(0)
			 : "cc");
	KT_EXPECT(t, r & EX_FAULT);
	KT_EXPECT_EQ(t, ex_vector(r), 0);
}

void ktest_trap_general_protection(struct ktest *t)
{
	u64 r = try_write8((void *)0x8000000000000000, 1);

	KT_EXPECT_EQ(t, ex_vector(r), 13);
	KT_EXPECT_EQ(t, ex_error_code(r), 0);
}

void ktest_trap_no_fpu(struct ktest *t)
{
	u64 r;

	KT_EXPECT(t, read_cr0() & CR0_EM);
	__asm__ volatile("1: fninit\n\t2:\n\t" EX_TABLE("1b", "2b") : "=a"(r) : "a"(0UL));
	KT_EXPECT(t, r & EX_FAULT);
	KT_EXPECT_EQ(t, ex_vector(r), 7);
}

void ktest_trap_breakpoint(struct ktest *t)
{
	/* A host that emulates ring 0 in software stops the machine at int3 instead of delivering
	 * #BP, and nothing tells such a host apart without trying: the try could be the end. */
	ktest_skip(t, "cannot be probed without risking the machine; debuggers test it");
}

__attribute__((noinline)) static size_t inner(u64 *pc, size_t max)
{
	return backtrace_save(NULL, __builtin_frame_address(0), pc, max);
}

__attribute__((noinline)) static size_t outer(u64 *pc, size_t max)
{
	size_t n = inner(pc, max);

	barrier();
	return n;
}

static bool lies_in(u64 pc, const void *fn)
{
	struct ksym sym;

	return ksym_lookup(&kernel_symbols, pc, &sym) && pc - sym.offset == (u64)fn;
}

void ktest_trap_backtrace(struct ktest *t)
{
	u64 pc[16];
	size_t n = outer(pc, ARRAY_SIZE(pc));

	KT_EXPECT(t, n >= 3);
	KT_EXPECT(t, lies_in(pc[0], (void *)(u64)outer));
	KT_EXPECT(t, lies_in(pc[1], (void *)(u64)ktest_trap_backtrace));
}

void ktest_cpu_protections(struct ktest *t)
{
	const struct cpu_features *f = &cpu_features;
	u64 cr4 = read_cr4();

	KT_EXPECT(t, read_cr0() & CR0_WP);
	KT_EXPECT_EQ(t, !!(rdmsr(MSR_EFER) & EFER_NXE), f->nx);
	KT_EXPECT_EQ(t, !!(cr4 & CR4_PGE), f->pge);
	KT_EXPECT_EQ(t, !!(cr4 & CR4_SMEP), f->smep);
	KT_EXPECT_EQ(t, !!(cr4 & CR4_SMAP), f->smap);
	KT_EXPECT_EQ(t, !!(cr4 & CR4_UMIP), f->umip);
}
