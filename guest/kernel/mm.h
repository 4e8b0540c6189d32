/* SPDX-License-Identifier: MIT */
/*
 * mm.h - the kernel's own instances of guest/mm: its page frames, its objects, its address space.
 *
 *	page = alloc_page(&kernel_mm.pg, GFP_KERNEL);
 *	p = kmalloc(&kernel_mm.slab, size, GFP_KERNEL);
 *	p = vmalloc(&kernel_mm.vmalloc, size);
 *	ptr = alloc_percpu_kernel(size, align);  per_cpu_ptr(ptr, cpu), this_cpu_ptr(ptr)
 *
 * The command line: memmodel=flat|discontig|sparse|vmemmap, slab=slub|slab|slob, slab_debug,
 * page_owner, kmemleak, highmem=SIZE, movable=SIZE, cma=SIZE.
 */
#ifndef GUEST_KERNEL_MM_H
#define GUEST_KERNEL_MM_H

#include "guest/arch/x86/layout.h"
#include "guest/mm/cma.h"
#include "guest/mm/kmap.h"
#include "guest/mm/kmemleak.h"
#include "guest/mm/page_alloc.h"
#include "guest/mm/percpu.h"
#include "guest/mm/slab.h"
#include "guest/mm/vmalloc.h"

struct kernel_mm {
	struct pgalloc pg;
	struct slab_sys slab;
	struct vmalloc_space vmalloc;
	struct pcpu pcpu;
	struct kmap kmap;
	struct kmemleak leak; /* in use with kmemleak */
	struct cma cma;	      /* in use with cma=SIZE */
	u64 nr_table_pages;   /* page tables from the page allocator */
	bool pages_up, slab_up;
	bool has_leak, has_cma;
};

extern struct kernel_mm kernel_mm;
extern const struct mm_env kernel_mm_env;

/* Boot steps, in this order. They panic when memory runs out. */
void mm_init_pages(void);   /* takes over what the boot's memory map has free */
void mm_init_slab(void);    /* env_alloc() works from here on */
void mm_init_vmalloc(void); /* vmalloc, per-CPU memory, kmap */

/* GFP_KERNEL, or GFP_ATOMIC where the caller must not wait. */
gfp_t mm_gfp(void);

/* Behind env_alloc() and env_free(). */
void *mm_env_alloc(size_t size);
void mm_env_free(void *ptr);

/* A zeroed page for a page table, or 0; any context. */
phys_t mm_table_alloc(void);
void mm_table_free(phys_t table);

/* Forgets the translations of [start, last] on every CPU. Interrupts on, or one CPU only. */
void kernel_flush_tlb(u64 start, u64 last);

/* As DEFINE_PER_CPU() at run time, zeroed: for per_cpu_ptr() and this_cpu_ptr(). NULL without
 * memory. Thread context. */
void *alloc_percpu_kernel(size_t size, size_t align);
void free_percpu_kernel(void *ptr);

/* What is free or could be at once: caches shrunk, per-CPU lists drained, addresses purged. Page
 * tables and, with slob, the free parts of pages in use count as free. For leak checks; thread context. */
u64 mm_settled_free_bytes(void);

/* show=WORD,...: prints tables of /proc and debugfs. False when a word is unknown. */
bool mm_show(const char *words);

/* With kmemleak: looks for objects that nothing leads to; how many more there are now. Thread
 * context. */
u64 mm_leak_scan(void);

/* demo=mm. Thread context. */
void demo_mm(void);

#endif
