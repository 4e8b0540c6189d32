/* SPDX-License-Identifier: MIT */
/*
 * vma.h - the areas of an address space as a set: an address-ordered list, and a red-black tree whose
 * nodes know the largest gap below them. Inside guest/mm; mmap_lock is held for writing.
 */
#ifndef GUEST_MM_VMA_H
#define GUEST_MM_VMA_H

#include "guest/mm/mm_struct.h"

/* A new area like `like` (NULL: empty), in no address space's set yet; NULL without memory. */
struct vm_area_struct *vma_alloc(struct mm_struct *mm, const struct vm_area_struct *like);
/* Of an area that is in no set and has no anon_vma links. */
void vma_free(struct vm_area_struct *vma);

/* Puts it into the set; nothing overlaps it. */
void vma_insert(struct mm_struct *mm, struct vm_area_struct *vma);
void vma_remove(struct vm_area_struct *vma);
/* Moves its ends, without touching a neighbour. */
void vma_set_range(struct vm_area_struct *vma, u64 start, u64 end);

/* Makes two areas of one, cut at addr; the upper one is new and returned in *upper if that is not
 * NULL. 0, or -ENOMEM with nothing changed. */
int vma_split(struct vm_area_struct *vma, u64 addr, struct vm_area_struct **upper);

/* Joins an area with its neighbours where they are alike; the area that it is part of now. */
struct vm_area_struct *vma_merge(struct vm_area_struct *vma);

/* Whether something is mapped in [start, end). */
bool vma_intersects(const struct mm_struct *mm, u64 start, u64 end);

/* The highest free place of that size that ends at or below `high` (0: none). */
u64 vma_unmapped_area(const struct mm_struct *mm, u64 len, u64 low, u64 high);

/* Books an area's pages under total_vm and its kind. */
void vm_account(struct mm_struct *mm, u64 vm_flags, bool file, s64 pages);

/* munmap() for callers that hold mmap_lock for writing: whole pages. 0, or -ENOMEM with nothing
 * unmapped. */
int mm_unmap_locked(struct mm_struct *mm, u64 addr, u64 len);

/* NULL, or what is wrong with list, tree or gaps. */
const char *vma_check(const struct mm_struct *mm);

#endif
