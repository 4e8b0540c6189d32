/* SPDX-License-Identifier: MIT */
/* zap.h - taking pages out of an address space, moving and re-protecting their entries. Inside
 * guest/mm; mmap_lock held (zapping: for reading is enough). */
#ifndef GUEST_MM_ZAP_H
#define GUEST_MM_ZAP_H

#include "guest/mm/user_pt.h"

/* Which counter a page that is mapped there counts under. */
enum mm_counter mm_counter_of(const struct page *page);

/* Empties the entries of [start, end), which lies in the area; flushes, then lets the pages go. */
void zap_range(struct vm_area_struct *vma, u64 start, u64 end);

/* Rewrites the entries of [start, end) for the area's present flags; flushes. Write access that needs
 * a copy or a notice first is left to the fault. */
void protect_range(struct vm_area_struct *vma, u64 start, u64 end);

/* Shares the pages of the area with its copy in another address space. 0 or -ENOMEM. */
int copy_range(struct vm_area_struct *dst, struct vm_area_struct *src);

/* Moves the entries of [from, from + len) to `to`, in the same address space; the ranges do not
 * overlap, nothing is mapped at `to`. 0, or -ENOMEM with a first part moved: *moved bytes. */
int move_range(struct vm_area_struct *vma, u64 from, u64 to, u64 len, u64 *moved);

#endif
