/* SPDX-License-Identifier: MIT */
/* Address spaces: what a program sees at an address after each call, and when memory runs out. */
#include "tests/unit/guest/mm_user_lab.h"

static s64 map_anon(struct mm_struct *mm, u64 addr, u64 len, u64 access, unsigned flags)
{
	return mm_mmap(
		mm, &(struct mmap_request){
			    .addr = addr, .len = len, .vm_flags = access | MAY, .flags = flags });
}

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

/* One read fault maps what the file has at hand around it, and nothing twice or for ever. */
START_TEST(test_around_a_fault)
{
	struct lab l;
	struct test_file f = { .l = &l };
	struct mm_struct *mm;
	struct mmap_request req = {
		.len = 6 * PAGE_SIZE, .pgoff = 1, .vm_flags = RW | MAY, .ops = &file_ops, .file = &f
	};
	u64 a, b;

	make(&l, 4);
	mm = mm_alloc(&l.sys);
	a = (u64)mm_mmap(mm, &req);
	for (unsigned i = 0; i < 6; i++)
		CHECK_EQ(peek(mm, a + i * PAGE_SIZE), 0xf1 + i);
	CHECK_EQ(atomic64_read(&mm->rss[MM_FILEPAGES]), 6);
	b = (u64)mm_mmap(mm, &req);
	CHECK_EQ(poke(mm, b + 4 * PAGE_SIZE, 7), 0); /* brings nothing along, and stays */
	CHECK_EQ(atomic64_read(&mm->rss[MM_FILEPAGES]), 6);
	CHECK_EQ(peek(mm, b + 2 * PAGE_SIZE), 0xf3);
	for (unsigned i = 0; i < 6; i++) {
		CHECK(*upt_find(mm, b + i * PAGE_SIZE) & _PAGE_PRESENT);
		CHECK_EQ(page_mapcount(f.pages[i + 1]), i == 4 ? 1 : 2);
	}
	CHECK_EQ(atomic64_read(&mm->rss[MM_FILEPAGES]), 11);
	CHECK_EQ(peek(mm, b + 4 * PAGE_SIZE), 7);
	/* The file's first and last page are outside of the area. */
	CHECK(!f.pages[0] && !f.pages[7]);
	CHECK_EQ(mm_munmap(mm, a, 6 * PAGE_SIZE), 0);
	CHECK_EQ(atomic64_read(&mm->rss[MM_FILEPAGES]), 5);
	check_mm(mm);
	mmput(mm);
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
	tcase_add_test(t, test_around_a_fault);
	tcase_add_test(t, test_stack_grows);
	tcase_add_test(t, test_errors_as_linux);
	tcase_add_test(t, test_access_from_outside);
	tcase_add_loop_test(t, test_unmapped_area, 0, 4);
	tcase_add_test(t, test_out_of_memory);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
