/* SPDX-License-Identifier: MIT */
/*
 * mm_user_lab.h - an address space for a test: memory, a file whose pages come when asked for, and a small
 * MMU that walks the page tables as the CPU does and calls the fault handler when they forbid an access.
 */
#ifndef TESTS_UNIT_GUEST_MM_USER_LAB_H
#define TESTS_UNIT_GUEST_MM_USER_LAB_H

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guest/lib/rand.h"
#include "guest/mm/rmap.h"
#include "guest/mm/user_pt.h"
#include "guest/mm/vma.h"
#include "tests/unit/guest/mm_env_host.h"
#include "tests/unit/guest/one_task.h"

#define MiB    (1UL << 20)
#define RW     (VM_READ | VM_WRITE)
#define MAY    (VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC)
#define TASKSZ 0x7ffffffff000UL

struct lab {
	struct world w;
	struct slab_sys s;
	struct mm_system sys;
	struct free_state boot;
	size_t env_allocs;
};

static u64 flushes;

static void count_flush(struct mm_struct *mm, u64 start, u64 end)
{
	CHECK(start < end);
	(void)mm;
	flushes++;
}

static void make(struct lab *l, unsigned levels)
{
	struct pgalloc_opts o = { .dma_end = 4 * MiB, .dma32_end = 8 * MiB };

	memset(l, 0, sizeof(*l));
	env_host_log_to_stderr(0);
	world_make(&l->w, 64 * MiB, &o);
	l->boot = free_state(&l->w);
	l->env_allocs = env_host_live_allocs();
	CHECK_EQ(slab_sys_init(&l->s, &l->w.pg, &slub_ops, 0), 0);
	l->sys = (struct mm_system){
		.pg = &l->w.pg,
		.levels = levels,
		.has_nx = true,
		.task_size = TASKSZ,
		.mmap_min_addr = 0x10000,
		.flush_tlb = count_flush,
	};
	CHECK_EQ(mm_system_init(&l->sys, &l->s), 0);
}

static void end(struct lab *l)
{
	struct free_state now;

	CHECK_EQ(mm_system_destroy(&l->sys), 0);
	CHECK_EQ(slab_sys_destroy(&l->s), 0);
	now = free_state(&l->w);
	CHECK(same_state(&l->boot, &now));
	CHECK_EQ(env_host_live_allocs(), l->env_allocs);
	world_check(&l->w);
	world_end(&l->w);
}

static void check_mm(struct mm_struct *mm)
{
	const char *broken = mm_check(mm);

	if (broken)
		ck_abort_msg("%s", broken);
}

/* ---- a file: eight pages that are "on disk" until they are asked for ---------------------------------- */

#define FILE_PAGES 8

struct test_file {
	struct lab *l;
	struct page *pages[FILE_PAGES];
	int refs;
	unsigned mkwrites;
};

static void file_open(struct vm_area_struct *vma)
{
	((struct test_file *)vma->vm_file)->refs++;
}

static void file_close(struct vm_area_struct *vma)
{
	((struct test_file *)vma->vm_file)->refs--;
}

static unsigned file_fault(struct vm_fault *vmf)
{
	struct test_file *f = vmf->vma->vm_file;
	struct pgalloc *pg = &f->l->w.pg;
	unsigned ret = 0;

	if (vmf->pgoff >= FILE_PAGES)
		return VM_FAULT_SIGBUS;
	if (!f->pages[vmf->pgoff]) {
		struct page *page = alloc_page(pg, GFP_KERNEL);

		if (!page)
			return VM_FAULT_OOM;
		memset(page_address(pg, page), 0xf0 + (int)vmf->pgoff, PAGE_SIZE);
		page->mapping = f;
		f->pages[vmf->pgoff] = page;
		ret = VM_FAULT_MAJOR;
	}
	vmf->page = f->pages[vmf->pgoff];
	CHECK(trylock_page(vmf->page));
	get_page(vmf->page);
	return ret | VM_FAULT_LOCKED;
}

/* Of those that are there, all but the last. */
static void file_neighbours(struct vm_area_struct *vma, u64 pgoff, unsigned n, struct page **pages)
{
	struct test_file *f = vma->vm_file;

	for (unsigned i = 0; i < n; i++) {
		pages[i] = pgoff + i < FILE_PAGES - 1 ? f->pages[pgoff + i] : NULL;
		if (pages[i]) {
			CHECK(trylock_page(pages[i]));
			get_page(pages[i]);
		}
	}
}

static void file_done(struct vm_fault *vmf, struct page *page)
{
	(void)vmf;
	CHECK(PageLocked(page));
	unlock_page(page);
}

static unsigned file_mkwrite(struct vm_fault *vmf)
{
	((struct test_file *)vmf->vma->vm_file)->mkwrites++;
	return 0;
}

static const struct vm_operations_struct file_ops = {
	.open = file_open,
	.close = file_close,
	.fault = file_fault,
	.neighbours = file_neighbours,
	.fault_done = file_done,
	.page_mkwrite = file_mkwrite,
};

static void file_free(struct test_file *f)
{
	CHECK_EQ(f->refs, 0);
	for (unsigned i = 0; i < FILE_PAGES; i++)
		if (f->pages[i]) {
			CHECK_EQ(page_mapcount(f->pages[i]), 0);
			CHECK_EQ(page_ref_count(f->pages[i]), 1);
			CHECK(!PageLocked(f->pages[i]));
			f->pages[i]->mapping = NULL;
			f->pages[i]->flags &= ~BIT(PG_dirty);
			put_page(&f->l->w.pg, f->pages[i]);
		}
}

/* ---- the MMU ---------------------------------------------------------------------------------------------- */

/* The byte's place if user mode may access it so, faulting as often as it takes. 0 or fault bits. */
static unsigned touch(struct mm_struct *mm, u64 addr, unsigned flags, u8 **p)
{
	for (int tries = 0; tries < 4; tries++) {
		u64 *pte = upt_find(mm, addr), e = pte ? *pte : 0;
		unsigned ret;

		if ((e & _PAGE_PRESENT) && (e & _PAGE_USER) &&
		    (!(flags & FAULT_WRITE) || (e & _PAGE_RW)) &&
		    (!(flags & FAULT_EXEC) || !(e & _PAGE_NX))) {
			*p = (u8 *)phys_to_virt(mm->sys->pg, e & PT_ADDR_MASK) +
			     (addr & (PAGE_SIZE - 1));
			return 0;
		}
		ret = handle_mm_fault(mm, addr, flags);
		if (ret & VM_FAULT_ERROR)
			return ret & VM_FAULT_ERROR;
	}
	ck_abort_msg("the fault at %#lx comes back for ever", (unsigned long)addr);
	return 0;
}

static unsigned peek(struct mm_struct *mm, u64 addr)
{
	u8 *p;
	unsigned err = touch(mm, addr, 0, &p);

	return err ? 0x1000 | err : *p;
}

static unsigned poke(struct mm_struct *mm, u64 addr, u8 v)
{
	u8 *p;
	unsigned err = touch(mm, addr, FAULT_WRITE, &p);

	if (!err)
		*p = v;
	return err;
}

#endif
