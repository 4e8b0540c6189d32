/* SPDX-License-Identifier: MIT */
/* page_tables.c - the identity map under which a 64-bit entry starts (Intel SDM volume 3, 4.5). */
#include "vmm/boot/job.h"

#include <errno.h>
#include <stdlib.h>

#define PTE_PRESENT  (1ULL << 0)
#define PTE_WRITE    (1ULL << 1)
#define PTE_LARGE    (1ULL << 7)
#define PT_ENTRIES   512
#define MAPPED_GIB   4
#define PD_PAGE_SIZE (2 * MiB)

/* One page each for PML4 and PDPT, then a page directory for each GiB. */
struct tables {
	u64 pml4[PT_ENTRIES];
	u64 pdpt[PT_ENTRIES];
	u64 pd[MAPPED_GIB * PT_ENTRIES];
};

int boot_identity_map(struct boot_job *job, u64 *cr3, struct error *e)
{
	struct tables *t;
	gpa_t at;
	int err = place_find(&job->place, sizeof(*t), GUEST_PAGE_SIZE, "page tables", &at, e);

	if (err)
		return err;
	t = calloc(1, sizeof(*t));
	if (!t)
		return error_sys(e, -ENOMEM, "%s: page tables", job->place.path);
	t->pml4[0] = (at.v + offsetof(struct tables, pdpt)) | PTE_PRESENT | PTE_WRITE;
	for (u64 i = 0; i < MAPPED_GIB; i++)
		t->pdpt[i] = (at.v + offsetof(struct tables, pd[i * PT_ENTRIES])) | PTE_PRESENT |
			     PTE_WRITE;
	for (u64 i = 0; i < ARRAY_SIZE(t->pd); i++)
		t->pd[i] = i * PD_PAGE_SIZE | PTE_PRESENT | PTE_WRITE | PTE_LARGE;
	err = guest_mem_write(job->gm, at, t, sizeof(*t));
	free(t);
	if (err)
		return error_sys(e, err, "%s: cannot write the page tables", job->place.path);
	*cr3 = at.v;
	return 0;
}
