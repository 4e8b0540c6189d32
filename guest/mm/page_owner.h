/* SPDX-License-Identifier: MIT */
/*
 * page_owner.h - who took and who freed each frame, for reports of misuse: 64 bytes a frame, only with
 * pgalloc_opts.page_owner. Then every page goes the slow way, past the per-CPU lists.
 */
#ifndef GUEST_MM_PAGE_OWNER_H
#define GUEST_MM_PAGE_OWNER_H

#include "guest/mm/zone.h"

#define OWNER_STACK 4

struct page_owner {
	u64 alloc_pc[OWNER_STACK],
		free_pc[OWNER_STACK]; /* return addresses, end with 0 if shorter */
};

/* Of a frame that is initialised; NULL: nobody keeps books. */
static inline struct page_owner *page_owner_of(const struct pgalloc *pg, const struct page *page)
{
	return pg->owner ? &pg->owner[page_to_pfn(&pg->model, page)] : NULL;
}

/* The caller's stack is that of who takes / frees these frames. */
void page_owner_note(struct pgalloc *pg, const struct page *page, unsigned order, bool free);

/* On the log: both stacks of the frame if they are known, and where the caller is. */
void page_owner_log(const struct pgalloc *pg, const struct page *page);

/* One line on the log of up to `max` return addresses that end with 0 if fewer. */
void mm_log_stack(const char *what, const u64 *pc, unsigned max);

#endif
