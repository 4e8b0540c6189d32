/* SPDX-License-Identifier: MIT */
/* backing.c - see backing.h. */
#include "mm/backing.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/size.h"
#include "mm/hugetlb.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

#define HUGE_2M (2 * MiB)

u64 backing_page_size(enum mem_backing kind)
{
	switch (kind) {
	case MEM_BACKING_2M:
		return HUGE_2M;
	case MEM_BACKING_1G:
		return GiB;
	default:
		return GUEST_PAGE_SIZE;
	}
}

u64 backing_unit(enum mem_backing kind)
{
	return MAX(backing_page_size(kind), HUGE_2M);
}

/* Address space with the guards of K2 and room to align for K1. */
static int reserve(struct backing *b, u64 align, struct error *e)
{
	char text[SIZE_TEXT];
	void *p;

	b->reservation_len = b->len + align + 2 * GUEST_PAGE_SIZE;
	p = mmap(NULL, b->reservation_len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		 -1, 0);
	if (p == MAP_FAILED) {
		int err = -errno;

		size_format(b->len, text);
		return error_set(e, err,
				 "guest memory: the host refuses %s of address space: %s; "
				 "see ulimit -v",
				 text, strerror(-err));
	}
	b->reservation = p;
	b->ram = (u8 *)ALIGN_UP((uintptr_t)p + GUEST_PAGE_SIZE, align);
	return 0;
}

static int commit_anon(struct backing *b, enum mem_backing kind, struct error *e)
{
	char text[SIZE_TEXT];
	u64 huge;

	/* The NORESERVE of the reservation still holds here, but not under strict accounting. */
	if (mprotect(b->ram, b->len, PROT_READ | PROT_WRITE)) {
		int err = -errno;

		size_format(b->len, text);
		return error_set(e, err,
				 "guest memory: the host refuses %s: %s; see "
				 "/proc/sys/vm/overcommit_memory",
				 text, strerror(-err));
	}
	/*
	 * Advice fails only on a kernel without transparent huge pages, which is as good. KVM cannot
	 * map the 2 MiB around the VGA hole, nor a partial tail, as one page, so where huge pages are
	 * the host's default they are declined there: a guest that touches one byte would pay for 2 MiB.
	 */
	huge = kind == MEM_BACKING_4K ? 0 : ALIGN_DOWN(b->len, HUGE_2M);
	if (huge <= HUGE_2M) {
		(void)madvise(b->ram, b->len, MADV_NOHUGEPAGE);
		return 0;
	}
	(void)madvise(b->ram, HUGE_2M, MADV_NOHUGEPAGE);
	(void)madvise(b->ram + HUGE_2M, huge - HUGE_2M, MADV_HUGEPAGE);
	if (b->len > huge)
		(void)madvise(b->ram + huge, b->len - huge, MADV_NOHUGEPAGE);
	return 0;
}

/*
 * One file whose offsets are RAM offsets. The page around the VGA hole serves both of its sides.
 * Without MAP_NORESERVE, mmap() takes the pages from the pool or fails here and now.
 */
static int commit_hugetlb(struct backing *b, u64 page_size, struct error *e)
{
	int fd = hugetlb_memfd(page_size);
	int err = fd < 0 ? fd : 0;

	if (!err && ftruncate(fd, (off_t)b->len))
		err = -errno;
	if (!err && mmap(b->ram, b->len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) ==
			    MAP_FAILED)
		err = -errno;
	if (fd >= 0)
		close(fd);
	if (err)
		return hugetlb_explain(HUGETLB_SYSFS, page_size, b->len / page_size, err, e);
	return 0;
}

int backing_map(u64 size, enum mem_backing kind, struct backing *out, struct error *e)
{
	u64 page_size = backing_page_size(kind);
	struct backing b = { .len = ALIGN_UP(size, page_size) };
	int err = reserve(&b, backing_unit(kind), e);

	if (err)
		return err;
	if (page_size == GUEST_PAGE_SIZE)
		err = commit_anon(&b, kind, e);
	else
		err = commit_hugetlb(&b, page_size, e);
	if (err) {
		backing_unmap(&b);
		return err;
	}
	*out = b;
	return 0;
}

void backing_unmap(struct backing *b)
{
	munmap(b->reservation, b->reservation_len);
}

int backing_clear(struct backing *b, enum mem_backing kind)
{
	/* Anonymous pages are zero when next touched; of a file's, a hole is what reads as zero. */
	int advice = backing_page_size(kind) == GUEST_PAGE_SIZE ? MADV_DONTNEED : MADV_REMOVE;

	return madvise(b->ram, b->len, advice) ? -errno : 0;
}

void backing_touch(u8 *host, u64 len, u64 page_size)
{
	uintptr_t p = (uintptr_t)host, end = p + len;

	/* The first page may be entered in its middle, behind the VGA hole. */
	for (; p < end; p = ALIGN_DOWN(p, page_size) + page_size) {
		volatile u8 *byte = (volatile u8 *)p;
		u8 value = *byte;

		*byte = value;
	}
}

int backing_populate(u8 *host, u64 len, u64 page_size)
{
	while (madvise(host, len, MADV_POPULATE_WRITE)) {
		if (errno == EINTR)
			continue;
		if (errno != EINVAL)
			return -errno;
		backing_touch(host, len, page_size);
		break;
	}
	return 0;
}
