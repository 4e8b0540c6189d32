/* SPDX-License-Identifier: MIT */
/* Address spaces against a model: random calls, and what a program would see at every address. */
#include "tests/unit/guest/mm_user_lab.h"

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

int main(void)
{
	Suite *s = suite_create("user address spaces, at random");
	TCase *t = tcase_create("mm");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, test_random, 0, 6);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
