/* SPDX-License-Identifier: MIT */
/* hugetlb.c - see hugetlb.h; counters as in Documentation/admin-guide/mm/hugetlbpage.rst. */
#include "mm/hugetlb.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <sys/mman.h>

int hugetlb_memfd(u64 page_size)
{
	unsigned shift = (unsigned)__builtin_ctzll(page_size);
	int fd = memfd_create("guest-ram", MFD_CLOEXEC | MFD_HUGETLB | shift << MFD_HUGE_SHIFT);

	return fd < 0 ? -errno : fd;
}

static bool read_counter(const char *dir, const char *name, u64 *out)
{
	char path[PATH_MAX];
	bool ok;
	FILE *f;

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
		return false;
	f = fopen(path, "re");
	if (!f)
		return false;
	ok = fscanf(f, "%" SCNu64, out) == 1;
	fclose(f);
	return ok;
}

int hugetlb_explain(const char *root, u64 page_size, u64 wanted, int cause, struct error *e)
{
	const char *name = page_size == GiB ? "1 GiB" : "2 MiB";
	const char *plural = wanted == 1 ? "" : "s";
	u64 nr, free_pages, promised;
	char dir[256];

	snprintf(dir, sizeof(dir), "%s/hugepages-%" PRIu64 "kB", root, (u64)(page_size / KiB));
	if (!read_counter(dir, "nr_hugepages", &nr) ||
	    !read_counter(dir, "free_hugepages", &free_pages) ||
	    !read_counter(dir, "resv_hugepages", &promised))
		return error_set(
			e, -ENODEV,
			"guest memory: the host kernel has no %s pages; use --hugepages thp", name);
	/* A page that another mapping has reserved counts as free until it is touched. */
	free_pages = free_pages > promised ? free_pages - promised : 0;
	if (free_pages >= wanted)
		return error_sys(e, cause, "guest memory: %" PRIu64 " huge page%s of %s", wanted,
				 plural, name);
	return error_set(e, -ENOMEM,
			 "guest memory: %" PRIu64 " huge page%s of %s wanted, %" PRIu64
			 " free; run: echo %" PRIu64 " > %s/nr_hugepages",
			 wanted, plural, name, free_pages, nr + (wanted - free_pages), dir);
}
