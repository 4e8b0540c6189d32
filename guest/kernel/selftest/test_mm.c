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

/* Calls fn for each leaf entry under table; va is the address the table begins at. */
static void walk(struct ktest *t, const u64 *table, unsigned level, u64 va,
		 void (*fn)(struct ktest *t, u64 va, u64 entry))
{
	for (unsigned i = 0; i < PT_ENTRIES; i++) {
		u64 e = table[i], at = va + i * pt_level_size(level);

		if (!(e & PTE_P))
			continue;
		if (level == kernel_pt.levels && i >= PT_ENTRIES / 2)
			at |= ~0UL << (PAGE_SHIFT + 9 * kernel_pt.levels); /* sign extension */
		if (level == 1 || (e & PTE_PS))
			fn(t, at, e);
		else
			walk(t, __va(e & PTE_ADDR), level - 1, at, fn);
	}
}

static void check_wx(struct ktest *t, u64 va, u64 entry)
{
	if ((entry & PTE_W) && !(entry & PTE_NX))
		ktest_fail(t, __FILE__, __LINE__, "P1: %#lx is writable and executable (%#lx)", va,
			   entry);
}

void ktest_mm_write_xor_execute(struct ktest *t)
{
	if (!cpu_features.nx)
		ktest_skip(t, "this CPU has no NX");
	else
		walk(t, kernel_pt.root, kernel_pt.levels, 0, check_wx);
}

static void expect_prot(struct ktest *t, const char *start, const char *end, u64 want)
{
	const u64 mask = PTE_P | PTE_W | PTE_U | (cpu_features.nx ? PTE_NX : 0);

	for (u64 va = (u64)start; va < (u64)end; va += PAGE_SIZE) {
		unsigned level;
		u64 *e = pt_lookup(&kernel_pt, va, &level);

		if (!e || (*e & mask) != (want & mask)) {
			ktest_fail(t, __FILE__, __LINE__, "%#lx has entry %#lx", va, e ? *e : 0);
			return;
		}
	}
}

void ktest_mm_image(struct ktest *t)
{
	expect_prot(t, _text, __start_rodata, PROT_RX);
	expect_prot(t, __start_rodata, __end_rodata, PROT_RO);
	expect_prot(t, _sdata, __bss_start, PROT_RW);
	expect_prot(t, boot_stack, _end, PROT_RW);
}

void ktest_mm_text_alias(struct ktest *t)
{
	const char *start = __va(__pa(_text)), *end = __va(__pa(__end_rodata));

	expect_prot(t, start, end, PROT_RO);
	KT_EXPECT_EQ(t, ex_vector(try_write8((void *)(u64)start, 0x90)), 14);
}

static void probe(struct ktest *t, phys_t pa)
{
	volatile u8 *p = __va(pa);
	u8 old;

	/* Writes back what was read, then tries a pattern only where nobody else has data. */
	if (try_read8(p, &old)) {
		ktest_fail(t, __FILE__, __LINE__, "RAM at %#lx cannot be read", pa);
		return;
	}
	if (memblock_is_reserved(boot_mem_map(), pa, 1))
		return;
	KT_EXPECT_EQ(t, try_write8(p, 0x5a), 0);
	KT_EXPECT_EQ(t, *p, 0x5a);
	KT_EXPECT_EQ(t, try_write8(p, 0xa5), 0);
	KT_EXPECT_EQ(t, *p, 0xa5);
	*p = old;
}

void ktest_mm_linear_map(struct ktest *t)
{
	const struct memblock *mb = boot_mem_map();

	for (size_t i = 0; i < mb->memory.count; i++) {
		phys_t start = ALIGN_UP(mb->memory.region[i].base, PAGE_SIZE);
		phys_t end = ALIGN_DOWN(mb->memory.region[i].base + mb->memory.region[i].size,
					PAGE_SIZE);

		probe(t, start);
		probe(t, start + PAGE_SIZE - 1);
		probe(t, (start + end) / 2);
		probe(t, end - PAGE_SIZE);
		probe(t, end - 1);
	}
}

void ktest_mm_low_half(struct ktest *t)
{
	for (unsigned i = 0; i < PT_ENTRIES / 2; i++) {
		u64 e = kernel_pt.root[i];

		/* The trampoline's tables may remain, empty. */
		if (e & PTE_P)
			walk(t, __va(e & PTE_ADDR), kernel_pt.levels - 1,
			     i * pt_level_size(kernel_pt.levels), check_wx);
	}
	for (u64 va = 0; va < 0x200000; va += PAGE_SIZE) {
		unsigned level;

		KT_EXPECT(t, !pt_lookup(&kernel_pt, va, &level));
	}
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
	kstack_free(top, TASK_STACK_SIZE);
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
