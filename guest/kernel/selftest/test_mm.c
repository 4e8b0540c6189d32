/* SPDX-License-Identifier: MIT */
/* test_mm.c - the rules P1..P4 of paging.h, read back from the tables and tried out. */
#include "guest/arch/x86/extable.h"
#include "guest/arch/x86/cpu.h"
#include "guest/arch/x86/kstack.h"
#include "guest/arch/x86/paging.h"
#include "guest/arch/x86/sections.h"
#include "guest/kernel/boot_info.h"
#include "guest/kernel/boot_mem.h"
#include "guest/kernel/selftest/tests_decl.h"
#include "guest/kernel/task.h"

static bool check_wx(void *arg, const struct pt_leaf *leaf)
{
	if ((leaf->entry & _PAGE_RW) && !(leaf->entry & _PAGE_NX))
		ktest_fail(arg, __FILE__, __LINE__, "P1: %#lx is writable and executable (%#lx)",
			   leaf->va, leaf->entry);
	return true;
}

void ktest_mm_write_xor_execute(struct ktest *t)
{
	if (!cpu_features.nx)
		ktest_skip(t, "this CPU has no NX");
	else
		pgtable_walk(&kernel_pt, 0, ~0UL, check_wx, t);
}

static void expect_prot(struct ktest *t, const char *start, const char *end, u64 want)
{
	const u64 mask = _PAGE_PRESENT | _PAGE_RW | _PAGE_USER | (cpu_features.nx ? _PAGE_NX : 0);

	for (u64 va = (u64)start; va < (u64)end; va += PAGE_SIZE) {
		struct pt_leaf leaf = { 0 };

		if (!pgtable_lookup(&kernel_pt, va, &leaf) ||
		    (leaf.entry & mask) != (want & mask)) {
			ktest_fail(t, __FILE__, __LINE__, "%#lx has entry %#lx", va, leaf.entry);
			return;
		}
	}
}

void ktest_mm_image(struct ktest *t)
{
	expect_prot(t, _text, __start_rodata, PAGE_KERNEL_ROX);
	expect_prot(t, __start_rodata, __end_rodata, PAGE_KERNEL_RO);
	expect_prot(t, _sdata, __bss_start, PAGE_KERNEL);
	expect_prot(t, boot_stack, _end, PAGE_KERNEL);
}

void ktest_mm_text_alias(struct ktest *t)
{
	const char *start = __va(__pa(_text)), *end = __va(__pa(__end_rodata));

	expect_prot(t, start, end, PAGE_KERNEL_RO);
	KT_EXPECT_EQ(t, ex_vector(try_write8((void *)(u64)start, 0x90)), 14);
}

/* Mapped to the right frame, writable, and readable: writing there is the owner's business. */
static void probe(struct ktest *t, phys_t pa)
{
	struct pt_leaf leaf = { 0 };
	u8 v;

	linear_map_reach(pa, 1); /* as for every frame that is handed out */
	if (try_read8(__va(pa), &v) || !pgtable_lookup(&kernel_pt, (u64)__va(pa), &leaf) ||
	    leaf.pa != pa)
		ktest_fail(t, __FILE__, __LINE__, "RAM at %#lx has entry %#lx", pa, leaf.entry);
	else if (!(leaf.entry & _PAGE_RW) && (pa < __pa(_text) || pa >= __pa(__end_rodata)))
		ktest_fail(t, __FILE__, __LINE__, "RAM at %#lx is read-only", pa);
}

void ktest_mm_linear_map(struct ktest *t)
{
	const struct memblock *mb = boot_mem_map();

	for (size_t i = 0; i < mb->memory.count; i++) {
		const struct memblock_region *r = &mb->memory.region[i];
		phys_t start = ALIGN_UP(r->base, PAGE_SIZE);
		phys_t end = MIN(ALIGN_DOWN(r->base + r->size, PAGE_SIZE), boot_mem_highmem());

		if (start >= end)
			continue;
		probe(t, start);
		probe(t, start + PAGE_SIZE - 1);
		probe(t, (start + end) / 2);
		probe(t, end - PAGE_SIZE);
		probe(t, end - 1);
	}
}

static bool is_mapped(void *arg, const struct pt_leaf *leaf)
{
	ktest_fail(arg, __FILE__, __LINE__, "P3: %#lx is mapped (%#lx)", leaf->va, leaf->entry);
	return false;
}

void ktest_mm_low_half(struct ktest *t)
{
	/* The trampoline's tables may remain, empty. */
	pgtable_walk(&kernel_pt, 0, (pt_size_of(kernel_pt.levels) << 8) - 1, is_mapped, t);
	KT_EXPECT_EQ(t, ex_vector(try_write8(NULL, 1)), 14);
}

void ktest_mm_guards(struct ktest *t)
{
	u64 top = kstack_alloc(TASK_STACK_SIZE);
	u8 v;

	KT_EXPECT(t, top != 0);
	KT_EXPECT_EQ(t, try_write8((u8 *)top - TASK_STACK_SIZE, 1), 0);
	KT_EXPECT_EQ(t, ex_vector(try_write8((u8 *)top - TASK_STACK_SIZE - 1, 1)), 14);
	KT_EXPECT(t, kstack_is_guard(top - TASK_STACK_SIZE - 1));
	kstack_free(top);
	KT_EXPECT_EQ(
		t, ex_vector(try_read8((u8 *)thread_of(current)->stack - TASK_STACK_SIZE - 1, &v)),
		14);
	KT_EXPECT_EQ(t, ex_vector(try_read8((u8 *)boot_stack_guard, &v)), 14);
}

void ktest_mm_faulting_write(struct ktest *t)
{
	volatile u8 *text = (volatile u8 *)(u64)ktest_mm_faulting_write;
	u8 before = *text;
	u64 r = try_write8(text, 0x90);

	KT_EXPECT_EQ(t, ex_vector(r), 14);
	KT_EXPECT_EQ(t, ex_error_code(r), 3); /* present, write, kernel */
	KT_EXPECT_EQ(t, *text, before);
}

/* Jumps to a `ret` in .data. If it runs, it returns to 2 with RAX 0; if it faults, as it must, the
 * exception table leads to 3, where the return address is still on the stack. */
static u64 try_execute_data(void)
{
	u64 r;

	__asm__ volatile(".pushsection .data\n\t"
			 "1: ret\n\t"
			 ".popsection\n\t"
			 "leaq 2f(%%rip), %%rax\n\t"
			 "pushq %%rax\n\t"
			 "xorl %%eax, %%eax\n\t"
			 "jmp 1b\n\t"
			 "3: addq $8, %%rsp\n\t"
			 "2:\n\t" EX_TABLE("1b", "3b")
			 : "=&a"(r)
			 :
			 : "memory", "cc");
	return r;
}

void ktest_mm_faulting_exec(struct ktest *t)
{
	u64 r;

	if (!cpu_features.nx) {
		ktest_skip(t, "this CPU has no NX");
		return;
	}
	r = try_execute_data();
	KT_EXPECT_EQ(t, ex_vector(r), 14);
	KT_EXPECT_EQ(t, ex_error_code(r), 0x11); /* present, fetch */
}
