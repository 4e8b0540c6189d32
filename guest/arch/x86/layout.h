/* SPDX-License-Identifier: MIT */
/*
 * layout.h - the address space on one page; numbers only, so that assembly and the linker script
 * read the same file.
 *
 *   0000000000000000  user space (page 0 is never mapped)
 *   ffff888000000000  linear map of all RAM: __va(pa) = pa + PAGE_OFFSET
 *   ffffc90000000000  vmalloc: stacks and other mapped areas, each followed by a guard page
 *   ffffea0000000000  struct pages, with memmodel=vmemmap
 *   ffffffff80000000  kernel image, linked at this base plus its physical address
 *   ffffffffc0000000  kmap: temporary addresses of pages that the linear map leaves out
 *   ffffffffff000000  fixmap: device registers at addresses known at compile time
 */
#ifndef GUEST_ARCH_X86_LAYOUT_H
#define GUEST_ARCH_X86_LAYOUT_H

#ifdef __ASSEMBLER__
#define LAYOUT_UL(x) x
#else
#define LAYOUT_UL(x) x##UL
#endif

#define PAGE_SHIFT 12
#ifdef __ASSEMBLER__
#define PAGE_SIZE 0x1000
#else
#define PAGE_SIZE 0x1000UL /* as guest/mm/page_size.h has it */
#endif

#define KERNEL_PHYS	 LAYOUT_UL(0x100000)
#define START_KERNEL_MAP LAYOUT_UL(0xffffffff80000000)
#define PAGE_OFFSET	 LAYOUT_UL(0xffff888000000000)
#define VMALLOC_START	 LAYOUT_UL(0xffffc90000000000)
#define VMALLOC_END	 LAYOUT_UL(0xffffe90000000000)
#define VMEMMAP_START	 LAYOUT_UL(0xffffea0000000000)
#define KMAP_START	 LAYOUT_UL(0xffffffffc0000000)
#define FIXADDR_START	 LAYOUT_UL(0xffffffffff000000)

/* What boot.S maps before the real page tables exist: the first 4 GiB, low and at PAGE_OFFSET. */
#define EARLY_MAP_SIZE	LAYOUT_UL(0x100000000)

#define BOOT_STACK_SIZE LAYOUT_UL(0x4000)
#define TASK_STACK_SIZE LAYOUT_UL(0x4000)
#define IST_STACK_SIZE	LAYOUT_UL(0x2000)

/* Real-mode code that application processors start in; SIPI vector 0x08. */
#define TRAMPOLINE_PHYS LAYOUT_UL(0x8000)

/* Segment selectors, in the order that syscall/sysret require. */
#define KERNEL32_CS  0x08
#define KERNEL_CS    0x10
#define KERNEL_DS    0x18
#define USER32_CS    0x23
#define USER_DS	     0x2b
#define USER_CS	     0x33
#define TSS_SELECTOR 0x40

#endif
