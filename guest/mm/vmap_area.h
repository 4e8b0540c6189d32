/* SPDX-License-Identifier: MIT */
/* vmap_area.h - inside vmalloc: which address ranges are free, in use, or wait for a flush. */
#ifndef GUEST_MM_VMAP_AREA_H
#define GUEST_MM_VMAP_AREA_H

#include "guest/mm/vmalloc.h"

/* The lowest free range of that size and alignment, moved to the busy tree; NULL: no memory or no
 * addresses. May sleep. */
struct vmap_area *alloc_vmap_area(struct vmalloc_space *vs, u64 size, u64 align, gfp_t gfp);

/* The busy area that addr lies in. Lock held. */
struct vmap_area *find_vmap_area(struct vmalloc_space *vs, u64 addr);

/* A busy area, unmapped already, waits for the next purge from now on. */
void free_vmap_area_lazy(struct vmalloc_space *vs, struct vmap_area *va);

#endif
