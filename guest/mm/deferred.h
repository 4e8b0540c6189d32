/* SPDX-License-Identifier: MIT */
/* deferred.h - inside page allocation: making struct pages ready (deferred.c). */
#ifndef GUEST_MM_DEFERRED_H
#define GUEST_MM_DEFERRED_H

#include "guest/mm/zone.h"

/* Makes the struct pages of all MAX_ORDER blocks that [start, end) touches, as reserved frames of
 * the zone. Blocks that are ready already are left alone. */
void init_struct_pages(struct zone *z, pfn_t start, pfn_t end);

/* Walks the frames below limit that the boot's memory map has free: begin with *pos at the first. */
bool next_free_frames(const struct pgalloc *pg, pfn_t *pos, pfn_t limit, pfn_t *start, pfn_t *end);

#endif
