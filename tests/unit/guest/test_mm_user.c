/* SPDX-License-Identifier: MIT */
/*
 * Address spaces against a model: what a program would see at every address, through a small MMU
 * that walks the page tables as the CPU does and calls the fault handler when they forbid an access.
 */
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
	get_page(vmf->page);
	return ret;
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
	.page_mkwrite = file_mkwrite,
};

static void file_free(struct test_file *f)
{
	CHECK_EQ(f->refs, 0);
	for (unsigned i = 0; i < FILE_PAGES; i++)
		if (f->pages[i]) {
			CHECK_EQ(page_mapcount(f->pages[i]), 0);
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

static s64 map_anon(struct mm_struct *mm, u64 addr, u64 len, u64 access, unsigned flags)
{
	return mm_mmap(
		mm, &(struct mmap_request){
			    .addr = addr, .len = len, .vm_flags = access | MAY, .flags = flags });
}

/* ---- directed tests ----------------------------------------------------------------------------------------- */

START_TEST(test_lazy_and_zero)
{
	struct lab l;
	struct mm_struct *mm;
	u64 a;

	make(&l, _i ? 5 : 4);
	mm = mm_alloc(&l.sys);
	a = (u64)map_anon(mm, 0, 16 * PAGE_SIZE, RW, 0);
	CHECK_EQ(a, TASKSZ - 16 * PAGE_SIZE);
	CHECK_EQ(mm_rss(mm), 0);
	CHECK_EQ(peek(mm, a + 5), 0); /* the zero page is not counted */
	CHECK_EQ(mm_rss(mm), 0);
	CHECK_EQ(poke(mm, a + 5, 7), 0);
	CHECK_EQ(poke(mm, a + 3 * PAGE_SIZE, 9), 0);
	CHECK_EQ(mm_rss(mm), 2);
	CHECK_EQ(peek(mm, a + 5), 7);
	CHECK_EQ(peek(mm, a + 4), 0);
	CHECK_EQ(peek(mm, a - 1), 0x1000 | VM_FAULT_MAPERR);
	check_mm(mm);
	CHECK_EQ(mm_madvise(mm, a, 4 * PAGE_SIZE, 4), 0);
	CHECK_EQ(mm_rss(mm), 0);
	CHECK_EQ(peek(mm, a + 5), 0);
	CHECK_EQ(mm_munmap(mm, a + 4 * PAGE_SIZE, 4 * PAGE_SIZE), 0);
	CHECK_EQ(mm->map_count, 2);
	CHECK_EQ(peek(mm, a + 4 * PAGE_SIZE), 0x1000 | VM_FAULT_MAPERR);
	check_mm(mm);
	mmput(mm);
	end(&l);
}
END_TEST

START_TEST(test_copy_on_write)
{
	struct lab l;
	struct mm_struct *mm, *child, *grandchild;
	u64 a, used;

	make(&l, 4);
	mm = mm_alloc(&l.sys);
	a = (u64)map_anon(mm, 0, 4 * PAGE_SIZE, RW, 0);
	for (u64 i = 0; i < 4; i++)
		poke(mm, a + i * PAGE_SIZE, (u8)(1 + i));
	child = mm_dup(mm);
	CHECK_EQ(mm_rss(child), 4);
	used = nr_free_pages(&l.w.pg);
	for (u64 i = 0; i < 4; i++)
		CHECK_EQ(peek(child, a + i * PAGE_SIZE), 1 + i);
	CHECK_EQ(nr_free_pages(&l.w.pg), used); /* reading shares */
	CHECK_EQ(poke(child, a, 77), 0);
	CHECK_EQ(peek(mm, a), 1);
	CHECK_EQ(peek(child, a), 77);
	CHECK_EQ(poke(mm, a + PAGE_SIZE, 55), 0);
	CHECK_EQ(peek(child, a + PAGE_SIZE), 2);
	grandchild = mm_dup(child);
	CHECK_EQ(poke(grandchild, a + 2 * PAGE_SIZE, 33), 0);
	CHECK_EQ(peek(mm, a + 2 * PAGE_SIZE), 3);
	CHECK_EQ(peek(child, a + 2 * PAGE_SIZE), 3);
	check_mm(mm);
	check_mm(child);
	check_mm(grandchild);
	mmput(child);
	/* The last sharer writes in place: no copy. */
	mmput(grandchild);
	used = (u64)nr_free_pages(&l.w.pg);
	CHECK_EQ(poke(mm, a + 3 * PAGE_SIZE, 44), 0);
	CHECK_EQ((u64)nr_free_pages(&l.w.pg), used);
	check_mm(mm);
	mmput(mm);
	end(&l);
}
END_TEST

static bool count_place(void *arg, struct vm_area_struct *vma, u64 addr)
{
	u64 *pte = upt_find(vma->vm_mm, addr);

	if (pte && (*pte & _PAGE_PRESENT))
		(*(unsigned *)arg)++;
	return true;
}

START_TEST(test_rmap)
{
	struct lab l;
	struct mm_struct *mm, *kids[5];
	struct page *page;
	unsigned n = 0;
	u64 a, b;

	make(&l, 4);
	mm = mm_alloc(&l.sys);
	a = (u64)map_anon(mm, 0, 8 * PAGE_SIZE, RW, 0);
	poke(mm, a + 3 * PAGE_SIZE, 1);
	for (unsigned i = 0; i < 5; i++)
		kids[i] = mm_dup(i < 3 ? mm : kids[i - 1]);
	/* One moves it, one cuts its area in two, one drops it. */
	b = (u64)mm_mremap(kids[0], a, 8 * PAGE_SIZE, 8 * PAGE_SIZE, 3, 0x40000000);
	CHECK_EQ(b, 0x40000000);
	CHECK_EQ(peek(kids[0], b + 3 * PAGE_SIZE), 1);
	CHECK_EQ(mm_mprotect(kids[1], a + 3 * PAGE_SIZE, PAGE_SIZE, VM_READ), 0);
	CHECK_EQ(mm_munmap(kids[2], a + 3 * PAGE_SIZE, PAGE_SIZE), 0);
	page = mm_get_page(mm, a + 3 * PAGE_SIZE, 0);
	CHECK(page != NULL && PageAnon(page));
	rmap_walk_anon(page, count_place, &n);
	CHECK_EQ(page_mapcount(page), 5);
	CHECK_EQ(n, 5);
	put_page(&l.w.pg, page);
	check_mm(mm);
	mmput(mm);
	for (unsigned i = 0; i < 5; i++) {
		check_mm(kids[i]);
		mmput(kids[i]);
	}
	end(&l);
}
END_TEST

START_TEST(test_file_mappings)
{
	struct lab l;
	struct test_file f = { .l = &l };
	struct mm_struct *mm, *child;
	struct mmap_request req = {
		.len = 10 * PAGE_SIZE, .vm_flags = RW | MAY, .ops = &file_ops, .file = &f
	};
	u64 priv, shared;

	make(&l, 4);
	mm = mm_alloc(&l.sys);
	priv = (u64)mm_mmap(mm, &req);
	req.vm_flags |= VM_SHARED | VM_MAYSHARE;
	shared = (u64)mm_mmap(mm, &req);
	CHECK_EQ(peek(mm, priv), 0xf0);
	CHECK_EQ(peek(mm, shared + PAGE_SIZE), 0xf1);
	CHECK_EQ(peek(mm, shared + 8 * PAGE_SIZE), 0x1000 | VM_FAULT_SIGBUS);
	CHECK_EQ(poke(mm, priv, 1), 0); /* stays private */
	CHECK_EQ(peek(mm, shared), 0xf0);
	CHECK_EQ(poke(mm, shared + PAGE_SIZE, 2), 0);
	CHECK_EQ(peek(mm, priv + PAGE_SIZE), 2);
	CHECK_EQ(f.mkwrites, 1);
	child = mm_dup(mm);
	CHECK_EQ(f.refs, 4);
	CHECK_EQ(poke(child, shared + PAGE_SIZE, 3), 0);
	CHECK_EQ(peek(mm, shared + PAGE_SIZE), 3);
	CHECK_EQ(poke(child, priv, 9), 0);
	CHECK_EQ(peek(mm, priv), 1);
	check_mm(mm);
	check_mm(child);
	mmput(mm);
	mmput(child);
	file_free(&f);
	end(&l);
}
END_TEST

START_TEST(test_stack_grows)
{
	struct lab l;
	struct mm_struct *mm;
	u64 top = 0x7fff00000000;

	make(&l, 4);
	mm = mm_alloc(&l.sys);
	CHECK_EQ(map_anon(mm, top - PAGE_SIZE, PAGE_SIZE, RW | VM_GROWSDOWN, MAP_FIXED),
		 (s64)(top - PAGE_SIZE));
	mm->limits.stack = 64 * PAGE_SIZE;
	CHECK_EQ(poke(mm, top - 10 * PAGE_SIZE, 1), 0);
	CHECK_EQ(mm->stack_vm, 10);
	CHECK_EQ(poke(mm, top - 64 * PAGE_SIZE, 1), 0);
	CHECK_EQ(poke(mm, top - 65 * PAGE_SIZE, 1), VM_FAULT_MAPERR);
	/* Not into the gap above another area. */
	mm->limits.stack = UINT64_MAX;
	CHECK(map_anon(mm, top - 600 * PAGE_SIZE, PAGE_SIZE, RW, MAP_FIXED) > 0);
	CHECK_EQ(poke(mm, top - 400 * PAGE_SIZE, 1), VM_FAULT_MAPERR);
	CHECK_EQ(poke(mm, top - 343 * PAGE_SIZE, 1), 0);
	check_mm(mm);
	mmput(mm);
	end(&l);
}
END_TEST

START_TEST(test_errors_as_linux)
{
	struct lab l;
	struct mm_struct *mm;
	u64 a;

	make(&l, 4);
	mm = mm_alloc(&l.sys);
	CHECK_EQ(map_anon(mm, 0, 0, RW, 0), -EINVAL);
	CHECK_EQ(map_anon(mm, 0, UINT64_MAX - 5, RW, 0), -ENOMEM);
	CHECK_EQ(map_anon(mm, 0, TASKSZ + PAGE_SIZE, RW, 0), -ENOMEM);
	CHECK_EQ(map_anon(mm, 0x20001, PAGE_SIZE, RW, MAP_FIXED), -EINVAL);
	CHECK_EQ(map_anon(mm, 0, PAGE_SIZE, RW, MAP_FIXED), -EPERM);
	a = (u64)map_anon(mm, 0x20000, 4 * PAGE_SIZE, VM_READ, MAP_FIXED);
	CHECK_EQ(a, 0x20000);
	CHECK_EQ(map_anon(mm, a, PAGE_SIZE, RW, MAP_FIXED_NOREPLACE), -EEXIST);
	CHECK_EQ(mm_munmap(mm, a + 1, PAGE_SIZE), -EINVAL);
	CHECK_EQ(mm_munmap(mm, a, 0), -EINVAL);
	CHECK_EQ(mm_munmap(mm, TASKSZ, PAGE_SIZE), -EINVAL);
	CHECK_EQ(mm_munmap(mm, 0x80000000, PAGE_SIZE), 0); /* nothing there: fine */
	CHECK_EQ(mm_mprotect(mm, a + 1, PAGE_SIZE, RW), -EINVAL);
	CHECK_EQ(mm_mprotect(mm, a, 0, RW), 0);
	CHECK_EQ(mm_mprotect(mm, a, 8 * PAGE_SIZE, RW), -ENOMEM);
	CHECK_EQ(poke(mm, a, 1), 0); /* what came before the hole is changed */
	CHECK_EQ(mm_mprotect(mm, a, PAGE_SIZE, 0), 0);
	CHECK_EQ(peek(mm, a), 0x1000 | VM_FAULT_ACCERR);
	CHECK_EQ(mm_mprotect(mm, a, PAGE_SIZE, VM_READ), 0);
	CHECK_EQ(peek(mm, a), 1);
	CHECK_EQ(poke(mm, a, 1), VM_FAULT_ACCERR);
	CHECK_EQ(mm_mremap(mm, 0x80000000, PAGE_SIZE, PAGE_SIZE, 0, 0), -EFAULT);
	CHECK_EQ(mm_mremap(mm, a, PAGE_SIZE, 0, 0, 0), -EINVAL);
	CHECK_EQ(mm_mremap(mm, a, PAGE_SIZE, 4 * PAGE_SIZE, 0, 0), -ENOMEM);
	CHECK_EQ(mm_madvise(mm, a, PAGE_SIZE, 999), -EINVAL);
	mm->limits.as = (mm->total_vm + 2) * PAGE_SIZE;
	CHECK_EQ(map_anon(mm, 0, 3 * PAGE_SIZE, RW, 0), -ENOMEM);
	mm->start_brk = mm->brk = 0x1000000;
	CHECK_EQ(mm_brk(mm, 0), 0x1000000);
	CHECK_EQ(mm_brk(mm, 0x1000000 + 100), 0x1000000 + 100);
	CHECK_EQ(poke(mm, 0x1000000, 4), 0);
	CHECK_EQ(mm_brk(mm, 0x1000000 + 100 * PAGE_SIZE), 0x1000000 + 100);
	CHECK_EQ(mm_brk(mm, 0x1000000), 0x1000000);
	CHECK_EQ(peek(mm, 0x1000000), 0x1000 | VM_FAULT_MAPERR);
	check_mm(mm);
	mmput(mm);
	end(&l);
}
END_TEST

START_TEST(test_access_from_outside)
{
	struct lab l;
	struct mm_struct *mm, *child;
	u64 a, b;
	u8 buf[3 * PAGE_SIZE];

	make(&l, 4);
	mm = mm_alloc(&l.sys);
	a = (u64)map_anon(mm, 0x20000, 2 * PAGE_SIZE, RW, MAP_FIXED);
	memset(buf, 5, sizeof(buf));
	CHECK_EQ(mm_access(mm, a + 10, buf, sizeof(buf), true, false), 2 * PAGE_SIZE - 10);
	CHECK_EQ(peek(mm, a + 10), 5);
	CHECK_EQ(peek(mm, a + 9), 0);
	child = mm_dup(mm);
	/* A breakpoint in read-only text: only this process sees it. */
	CHECK_EQ(mm_mprotect(child, a, PAGE_SIZE, VM_READ | VM_EXEC), 0);
	buf[0] = 0xcc;
	CHECK_EQ(mm_access(child, a + 10, buf, 1, true, false), 0);
	CHECK_EQ(mm_access(child, a + 10, buf, 1, true, true), 1);
	CHECK_EQ(peek(child, a + 10), 0xcc);
	CHECK_EQ(peek(mm, a + 10), 5);
	CHECK_EQ(poke(child, a + 10, 1), VM_FAULT_ACCERR);
	b = (u64)map_anon(mm, 0x90000, PAGE_SIZE, 0, MAP_FIXED);
	CHECK_EQ(mm_access(mm, b, buf, 1, false, false), 0);
	check_mm(mm);
	check_mm(child);
	mmput(mm);
	mmput(child);
	end(&l);
}
END_TEST

/* ---- random operations against a model -------------------------------------------------------------------- */

#define WINDOW	64
#define BASE	0x40000000UL
#define MAX_MMS 6
#define PRIVATE (-1)

struct model_page {
	bool mapped;
	u64 access;
	int file; /* the file page shown, or PRIVATE */
	bool shared;
	u8 value; /* private: what the first byte is */
};

struct model_mm {
	struct mm_struct *mm;
	struct model_page page[WINDOW];
};

struct run {
	struct lab l;
	struct test_file f;
	u8 file_value[FILE_PAGES];
	struct model_mm mms[MAX_MMS];
	unsigned n;
	struct rand rnd;
};

static unsigned expect_read(struct run *r, const struct model_page *p)
{
	if (!p->mapped)
		return 0x1000 | VM_FAULT_MAPERR;
	if (!p->access)
		return 0x1000 | VM_FAULT_ACCERR;
	if (p->file >= FILE_PAGES)
		return 0x1000 | VM_FAULT_SIGBUS;
	return p->file == PRIVATE ? p->value : r->file_value[p->file];
}

static void op_write(struct run *r, struct model_mm *m, unsigned i, u8 v)
{
	struct model_page *p = &m->page[i];
	unsigned got = poke(m->mm, BASE + i * PAGE_SIZE, v);

	if (!p->mapped) {
		CHECK_EQ(got, VM_FAULT_MAPERR);
	} else if (!(p->access & VM_WRITE)) {
		CHECK_EQ(got, VM_FAULT_ACCERR);
	} else if (p->file >= FILE_PAGES) {
		CHECK_EQ(got, VM_FAULT_SIGBUS);
	} else {
		CHECK_EQ(got, 0);
		if (p->file != PRIVATE && p->shared) {
			r->file_value[p->file] = v;
		} else {
			p->file = PRIVATE;
			p->value = v;
		}
	}
}

static u64 random_access(struct run *r)
{
	static const u64 kinds[] = { 0, VM_READ, RW, VM_READ | VM_EXEC, RW | VM_EXEC };

	return kinds[rand_below(&r->rnd, ARRAY_SIZE(kinds))];
}

static void op_map(struct run *r, struct model_mm *m, unsigned i, unsigned n)
{
	struct mmap_request req = { .addr = BASE + i * PAGE_SIZE,
				    .len = n * PAGE_SIZE,
				    .vm_flags = random_access(r) | MAY,
				    .flags = MAP_FIXED };
	unsigned pgoff = (unsigned)rand_below(&r->rnd, FILE_PAGES);
	bool file = rand_below(&r->rnd, 2), shared = file && rand_below(&r->rnd, 2);

	if (file) {
		req.ops = &file_ops;
		req.file = &r->f;
		req.pgoff = pgoff;
		req.vm_flags |= shared ? VM_SHARED | VM_MAYSHARE : 0;
	}
	CHECK_EQ(mm_mmap(m->mm, &req), (s64)req.addr);
	for (unsigned k = 0; k < n; k++)
		m->page[i + k] = (struct model_page){ .mapped = true,
						      .access = req.vm_flags & VM_ACCESS_FLAGS,
						      .shared = shared,
						      .file = file ? (int)(pgoff + k) : PRIVATE };
}

static void op_protect(struct run *r, struct model_mm *m, unsigned i, unsigned n)
{
	u64 access = random_access(r);
	int err = mm_mprotect(m->mm, BASE + i * PAGE_SIZE, n * PAGE_SIZE, access);

	for (unsigned k = 0; k < n; k++) {
		if (!m->page[i + k].mapped) {
			CHECK_EQ(err, -ENOMEM);
			return;
		}
		m->page[i + k].access = access;
	}
	CHECK_EQ(err, 0);
}

static void op_move(struct run *r, struct model_mm *m, unsigned i, unsigned n, unsigned to)
{
	struct model_page copy[WINDOW];
	bool overlap = to < i + n && i < to + n, one_area = true;
	const struct vm_area_struct *vma = find_vma(m->mm, BASE + i * PAGE_SIZE);
	s64 got;

	/* Whether one area holds it all is the kernel's word; that no page is missing is ours. */
	for (unsigned k = 0; k < n; k++)
		one_area &= m->page[i + k].mapped;
	one_area &= vma && vma->vm_end >= BASE + (i + n) * PAGE_SIZE;
	got = mm_mremap(m->mm, BASE + i * PAGE_SIZE, n * PAGE_SIZE, n * PAGE_SIZE, 3,
			BASE + to * PAGE_SIZE);
	if (overlap) {
		CHECK_EQ(got, -EINVAL);
		return;
	}
	/* The target is cleared before the source is looked at, as on Linux. */
	memcpy(copy, &m->page[i], sizeof(copy[0]) * n);
	memset(&m->page[to], 0, sizeof(copy[0]) * n);
	if (!one_area) {
		CHECK_EQ(got, -EFAULT);
		return;
	}
	CHECK_EQ(got, (s64)(BASE + to * PAGE_SIZE));
	memset(&m->page[i], 0, sizeof(copy[0]) * n);
	memcpy(&m->page[to], copy, sizeof(copy[0]) * n);
	(void)r;
}

static void op_discard(struct run *r, struct model_mm *m, unsigned i, unsigned n)
{
	/* Only where every page is anonymous: a private page of a file would show the file again. */
	for (unsigned k = 0; k < n; k++) {
		const struct vm_area_struct *vma = find_vma(m->mm, BASE + (i + k) * PAGE_SIZE);

		if (!m->page[i + k].mapped || vma->vm_ops)
			return;
	}
	CHECK_EQ(mm_madvise(m->mm, BASE + i * PAGE_SIZE, n * PAGE_SIZE, 4), 0);
	for (unsigned k = 0; k < n; k++)
		m->page[i + k].value = 0;
	(void)r;
}

static void op_fork_or_exit(struct run *r, unsigned which)
{
	if (r->n < MAX_MMS) {
		r->mms[r->n] = r->mms[which];
		r->mms[r->n].mm = mm_dup(r->mms[which].mm);
		CHECK(r->mms[r->n].mm != NULL);
		r->n++;
	} else {
		mmput(r->mms[which].mm);
		r->mms[which] = r->mms[--r->n];
	}
}

static void verify(struct run *r)
{
	for (unsigned m = 0; m < r->n; m++) {
		for (unsigned i = 0; i < WINDOW; i++)
			CHECK_EQ(peek(r->mms[m].mm, BASE + i * PAGE_SIZE),
				 expect_read(r, &r->mms[m].page[i]));
		check_mm(r->mms[m].mm);
	}
}

static void one_op(struct run *r)
{
	struct model_mm *m = &r->mms[rand_below(&r->rnd, r->n)];
	unsigned i = (unsigned)rand_below(&r->rnd, WINDOW), op = (unsigned)rand_below(&r->rnd, 100);
	unsigned n = 1 + (unsigned)rand_below(&r->rnd, MIN(WINDOW - i, 12u));
	u64 addr = BASE + i * PAGE_SIZE;

	if (op < 50) {
		op_write(r, m, i, (u8)rand_below(&r->rnd, 256));
	} else if (op < 62) {
		op_map(r, m, i, n);
	} else if (op < 72) {
		CHECK_EQ(mm_munmap(m->mm, addr, n * PAGE_SIZE), 0);
		memset(&m->page[i], 0, sizeof(m->page[0]) * n);
	} else if (op < 84) {
		op_protect(r, m, i, n);
	} else if (op < 90) {
		op_move(r, m, i, n, (unsigned)rand_below(&r->rnd, WINDOW - n + 1));
	} else if (op < 95) {
		op_discard(r, m, i, n);
	} else {
		op_fork_or_exit(r, (unsigned)(m - r->mms));
	}
}

START_TEST(test_random)
{
	struct run r = { .n = 1 };

	make(&r.l, 4);
	r.f.l = &r.l;
	for (unsigned i = 0; i < FILE_PAGES; i++)
		r.file_value[i] = (u8)(0xf0 + i);
	rand_init(&r.rnd, 1000 + (u64)_i);
	r.mms[0].mm = mm_alloc(&r.l.sys);
	for (unsigned k = 0; k < 20000; k++) {
		one_op(&r);
		if (k % 500 == 0)
			verify(&r);
	}
	verify(&r);
	while (r.n)
		mmput(r.mms[--r.n].mm);
	file_free(&r.f);
	end(&r.l);
}
END_TEST

/* Places: against a search over a bitmap of the window. */
START_TEST(test_unmapped_area)
{
	struct lab l;
	struct mm_struct *mm;
	struct rand rnd;
	bool used[256] = { false };
	const u64 low = 0x100000;

	make(&l, 4);
	mm = mm_alloc(&l.sys);
	rand_init(&rnd, 7 + (u64)_i);
	for (unsigned k = 0; k < 3000; k++) {
		unsigned n = 1 + (unsigned)rand_below(&rnd, 20);
		unsigned top = 1 + (unsigned)rand_below(&rnd, 256);
		int at = (int)top - (int)n;
		u64 got = vma_unmapped_area(mm, n * PAGE_SIZE, low, low + top * PAGE_SIZE);

		for (unsigned run = 0; at >= 0; at--) {
			for (run = 0; run < n && !used[(unsigned)at + run]; run++)
				;
			if (run == n)
				break;
		}
		CHECK_EQ(got, at < 0 ? 0 : low + (unsigned)at * PAGE_SIZE);
		/* Areas of different kinds, so that they do not all join. */
		if (at >= 0 && rand_below(&rnd, 3)) {
			CHECK_EQ(map_anon(mm, got, n * PAGE_SIZE, k % 2 ? VM_READ : RW, MAP_FIXED),
				 (s64)got);
			memset(&used[at], 1, n);
		} else {
			unsigned i = (unsigned)rand_below(&rnd, 256 - n);

			CHECK_EQ(mm_munmap(mm, low + i * PAGE_SIZE, n * PAGE_SIZE), 0);
			memset(&used[i], 0, n);
		}
	}
	check_mm(mm);
	mmput(mm);
	end(&l);
}
END_TEST

/* Every allocation fails once: nothing leaks, what was there is still right. */
START_TEST(test_out_of_memory)
{
	struct lab l;
	struct mm_struct *mm, *child;
	struct page *hog[16384];
	unsigned n = 0;
	u64 a;

	make(&l, 4);
	mm = mm_alloc(&l.sys);
	a = (u64)map_anon(mm, 0, 64 * PAGE_SIZE, RW, 0);
	for (u64 i = 0; i < 32; i++)
		CHECK_EQ(poke(mm, a + i * PAGE_SIZE, (u8)i), 0);
	while ((hog[n] = alloc_page(&l.w.pg, GFP_KERNEL | __GFP_NOWARN)) && n < 16383)
		n++;
	for (unsigned give = 0; give < 24; give++) {
		/* That many pages are free now. */
		for (unsigned i = 0; i < give && n; i++)
			__free_page(&l.w.pg, hog[--n]);
		child = mm_dup(mm);
		if (child) {
			poke(child, a, 99);
			check_mm(child);
			mmput(child);
		}
		poke(mm, a + (32 + give) * PAGE_SIZE, 1);
		check_mm(mm);
		for (u64 i = 0; i < 32; i++)
			CHECK_EQ(peek(mm, a + i * PAGE_SIZE), i);
		while ((hog[n] = alloc_page(&l.w.pg, GFP_KERNEL | __GFP_NOWARN)) && n < 16383)
			n++;
	}
	while (n)
		__free_page(&l.w.pg, hog[--n]);
	mmput(mm);
	end(&l);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("user address spaces");
	TCase *t = tcase_create("mm");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, test_lazy_and_zero, 0, 2);
	tcase_add_test(t, test_copy_on_write);
	tcase_add_test(t, test_rmap);
	tcase_add_test(t, test_file_mappings);
	tcase_add_test(t, test_stack_grows);
	tcase_add_test(t, test_errors_as_linux);
	tcase_add_test(t, test_access_from_outside);
	tcase_add_loop_test(t, test_random, 0, 6);
	tcase_add_loop_test(t, test_unmapped_area, 0, 4);
	tcase_add_test(t, test_out_of_memory);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
