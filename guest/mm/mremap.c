/* SPDX-License-Identifier: MIT */
/* mremap.c - mremap(), madvise(), mincore(): calls about ranges that exist. */
#include "guest/lib/errno.h"
#include "guest/lib/string.h"
#include "guest/mm/rmap.h"
#include "guest/mm/vma.h"
#include "guest/mm/zap.h"

enum {
	MADV_NORMAL = 0,
	MADV_RANDOM = 1,
	MADV_SEQUENTIAL = 2,
	MADV_WILLNEED = 3,
	MADV_DONTNEED = 4,
	MADV_FREE = 8,
	MADV_DONTFORK = 10,
	MADV_DOFORK = 11,
	MADV_MERGEABLE = 12,
	MADV_UNMERGEABLE = 13,
	MADV_HUGEPAGE = 14,
	MADV_NOHUGEPAGE = 15,
	MADV_DONTDUMP = 16,
	MADV_DODUMP = 17,
	MADV_WIPEONFORK = 18,
	MADV_KEEPONFORK = 19,
	MADV_POPULATE_READ = 22,
	MADV_POPULATE_WRITE = 23,
};

static u64 page_align(u64 x)
{
	return (x + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
}

/* ---- mremap ------------------------------------------------------------------------------------------ */

/* The area at addr if it may be moved or grown from there over old_len; else NULL and *err. */
static struct vm_area_struct *vma_to_resize(struct mm_struct *mm, u64 addr, u64 old_len,
					    u64 new_len, s64 *err)
{
	struct vm_area_struct *vma = find_vma(mm, addr);
	u64 grow = new_len > old_len ? (new_len - old_len) >> PAGE_SHIFT : 0;

	*err = -EFAULT;
	if (!vma || vma->vm_start > addr || old_len > vma->vm_end - addr)
		return NULL;
	*err = -EINVAL;
	if (!old_len && !(vma->vm_flags & (VM_SHARED | VM_MAYSHARE)))
		return NULL;
	*err = -EFAULT;
	if (grow && (vma->vm_flags & (VM_DONTEXPAND | VM_PFNMAP)))
		return NULL;
	*err = -EAGAIN;
	if ((vma->vm_flags & VM_LOCKED) && mm->limits.memlock != UINT64_MAX &&
	    (mm->locked_vm + grow) << PAGE_SHIFT > mm->limits.memlock)
		return NULL;
	*err = -ENOMEM;
	if (((mm->total_vm + grow) << PAGE_SHIFT) > mm->limits.as)
		return NULL;
	*err = 0;
	return vma;
}

/* More room right behind an area that ends at the end of the range. */
static bool grow_in_place(struct vm_area_struct *vma, u64 addr, u64 old_len, u64 new_len)
{
	struct mm_struct *mm = vma->vm_mm;
	u64 grow = new_len - old_len;

	if (vma->vm_end != addr + old_len || vma->vm_end > mm->sys->task_size - grow ||
	    vma_intersects(mm, vma->vm_end, vma->vm_end + grow))
		return false;
	vma_set_range(vma, vma->vm_start, vma->vm_end + grow);
	vm_account(mm, vma->vm_flags, vma->vm_file, (s64)(grow >> PAGE_SHIFT));
	if (vma->vm_flags & VM_LOCKED)
		mm->locked_vm += grow >> PAGE_SHIFT;
	vma_merge(vma);
	return true;
}

/* A copy of the area's description at `to`, and its pages moved there. The old range stays mapped,
 * empty. */
static int copy_vma(struct vm_area_struct *vma, u64 addr, u64 move_len, u64 to, u64 new_len)
{
	struct mm_struct *mm = vma->vm_mm;
	struct vm_area_struct *copy;
	u64 moved, back;
	int err;

	if (mm->map_count >= MM_MAX_AREAS)
		return -ENOMEM;
	copy = vma_alloc(mm, vma);
	if (!copy)
		return -ENOMEM;
	copy->vm_pgoff = linear_page_index(vma, addr);
	copy->vm_start = to;
	copy->vm_end = to + new_len;
	err = anon_vma_clone(copy, vma);
	if (err) {
		vma_free(copy);
		return err;
	}
	if (copy->vm_ops && copy->vm_ops->open)
		copy->vm_ops->open(copy);
	vma_insert(mm, copy);
	vm_account(mm, copy->vm_flags, copy->vm_file, (s64)(new_len >> PAGE_SHIFT));
	if (copy->vm_flags & VM_LOCKED)
		mm->locked_vm += new_len >> PAGE_SHIFT;
	err = move_range(vma, addr, to, move_len, &moved);
	/* Back again: the tables they came from are still there, this needs no memory. */
	if (err)
		move_range(copy, to, addr, moved, &back);
	return err;
}

static s64 move_to(struct mm_struct *mm, u64 addr, u64 old_len, u64 new_len, unsigned flags, u64 to)
{
	s64 err;
	struct vm_area_struct *vma = vma_to_resize(mm, addr, old_len, new_len, &err);

	if (!vma)
		return err;
	err = copy_vma(vma, addr, MIN(old_len, new_len), to, new_len);
	if (err == -ENOMEM && vma_intersects(mm, to, to + new_len))
		mm_unmap_locked(mm, to, new_len);
	if (err)
		return err;
	/* The old part of a shared area of length 0 stays: a second view of the same pages. With
	 * DONTUNMAP the old range stays as well, empty. */
	if (flags & MREMAP_DONTUNMAP) {
		if (vma->vm_flags & VM_LOCKED)
			mm->locked_vm -= vma_pages(vma);
		vma->vm_flags &= ~(u64)VM_LOCKED; /* there is nothing in it that could be kept */
	} else if (old_len) {
		mm_unmap_locked(mm, addr, old_len);
	}
	vma = find_vma(mm, to);
	vma_merge(vma);
	return (s64)to;
}

static s64 remap_fixed(struct mm_struct *mm, u64 addr, u64 old_len, u64 new_len, unsigned flags,
		       u64 to)
{
	int err;

	if ((to & (PAGE_SIZE - 1)) || new_len > mm->sys->task_size ||
	    to > mm->sys->task_size - new_len)
		return -EINVAL;
	if (to < addr + old_len && addr < to + new_len)
		return -EINVAL;
	if (to < mm->sys->mmap_min_addr && !(flags & MREMAP_LOW))
		return -EPERM;
	err = mm_unmap_locked(mm, to, new_len);
	if (err)
		return err;
	if (new_len < old_len) {
		err = mm_unmap_locked(mm, addr + new_len, old_len - new_len);
		if (err)
			return err;
		old_len = new_len;
	}
	return move_to(mm, addr, old_len, new_len, flags, to);
}

static s64 remap_locked(struct mm_struct *mm, u64 addr, u64 old_len, u64 new_len, unsigned flags,
			u64 new_addr)
{
	struct vm_area_struct *vma;
	s64 err;

	if (flags & MREMAP_FIXED)
		return remap_fixed(mm, addr, old_len, new_len, flags, new_addr);
	if (new_len <= old_len && old_len && !(flags & MREMAP_DONTUNMAP)) {
		vma = find_vma(mm, addr);
		if (!vma || vma->vm_start > addr)
			return -EFAULT;
		err = old_len > new_len ? mm_unmap_locked(mm, addr + new_len, old_len - new_len)
					: 0;
		return err ? err : (s64)addr;
	}
	vma = vma_to_resize(mm, addr, old_len, new_len, &err);
	if (!vma)
		return err;
	if (old_len && !(flags & MREMAP_DONTUNMAP) && grow_in_place(vma, addr, old_len, new_len))
		return (s64)addr;
	if (!(flags & MREMAP_MAYMOVE))
		return -ENOMEM;
	new_addr = vma_unmapped_area(mm, new_len, mm->sys->mmap_min_addr, mm->mmap_base);
	return new_addr ? move_to(mm, addr, old_len, new_len, flags, new_addr) : -ENOMEM;
}

s64 mm_mremap(struct mm_struct *mm, u64 addr, u64 old_len, u64 new_len, unsigned flags,
	      u64 new_addr)
{
	bool locked = false;
	s64 ret;

	old_len = page_align(old_len);
	new_len = page_align(new_len);
	if ((flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP | MREMAP_LOW)) ||
	    (addr & (PAGE_SIZE - 1)) || !new_len)
		return -EINVAL;
	if ((flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) && !(flags & MREMAP_MAYMOVE))
		return -EINVAL;
	if ((flags & MREMAP_DONTUNMAP) && old_len != new_len)
		return -EINVAL;
	if (addr > mm->sys->task_size || old_len > mm->sys->task_size - addr)
		return -EFAULT;
	down_write(&mm->mmap_lock);
	ret = remap_locked(mm, addr, old_len, new_len, flags, new_addr);
	if (ret >= 0) {
		const struct vm_area_struct *vma = find_vma(mm, (u64)ret);

		locked = vma && (vma->vm_flags & VM_LOCKED);
	}
	up_write(&mm->mmap_lock);
	if (locked && new_len > old_len)
		mm_populate(mm, (u64)ret + old_len, (u64)ret + new_len);
	return ret;
}

/* ---- madvise, mincore ----------------------------------------------------------------------------------- */

static const struct {
	u8 advice;
	u64 set, clear;
} advice_flags[] = {
	{ MADV_NORMAL, 0, VM_RAND_READ | VM_SEQ_READ },
	{ MADV_RANDOM, VM_RAND_READ, VM_SEQ_READ },
	{ MADV_SEQUENTIAL, VM_SEQ_READ, VM_RAND_READ },
	{ MADV_DONTFORK, VM_DONTCOPY, 0 },
	{ MADV_DOFORK, 0, VM_DONTCOPY },
	{ MADV_DONTDUMP, VM_DONTDUMP, 0 },
	{ MADV_DODUMP, 0, VM_DONTDUMP },
	{ MADV_WIPEONFORK, VM_WIPEONFORK, 0 },
	{ MADV_KEEPONFORK, 0, VM_WIPEONFORK },
	/* Understood, and without effect on correctness. */
	{ MADV_WILLNEED, 0, 0 },
	{ MADV_MERGEABLE, 0, 0 },
	{ MADV_UNMERGEABLE, 0, 0 },
	{ MADV_HUGEPAGE, 0, 0 },
	{ MADV_NOHUGEPAGE, 0, 0 },
};

static int discard(struct mm_struct *mm, struct vm_area_struct *vma, u64 start, u64 end,
		   bool lazily)
{
	if (vma->vm_flags & (VM_LOCKED | VM_PFNMAP) || (lazily && vma->vm_ops))
		return -EINVAL;
	(void)mm;
	zap_range(vma, start, end);
	return 0;
}

/* Over all areas in the range; a hole is skipped and said at the end, as on Linux. */
static int advise_areas(struct mm_struct *mm, u64 addr, u64 end, int advice, u64 set, u64 clear)
{
	struct vm_area_struct *vma = find_vma(mm, addr);
	int err = 0, hole = 0;

	for (; vma && addr < end && !err; vma = find_vma(mm, addr)) {
		u64 start = MAX(addr, vma->vm_start), stop = MIN(end, vma->vm_end);

		if (start >= end)
			break;
		if (vma->vm_start > addr)
			hole = -ENOMEM;
		addr = stop;
		if (advice == MADV_DONTNEED || advice == MADV_FREE) {
			err = discard(mm, vma, start, stop, advice == MADV_FREE);
		} else if ((set & VM_WIPEONFORK) && (vma->vm_file || (vma->vm_flags & VM_SHARED))) {
			err = -EINVAL; /* what others see cannot be wiped for one */
		} else if (((vma->vm_flags & ~clear) | set) != vma->vm_flags) {
			if ((vma->vm_start < start && vma_split(vma, start, &vma)) ||
			    (vma->vm_end > stop && vma_split(vma, stop, NULL)))
				return -ENOMEM;
			vma->vm_flags = (vma->vm_flags & ~clear) | set;
			vma_merge(vma);
		}
	}
	return err ? err : addr < end ? -ENOMEM : hole;
}

int mm_madvise(struct mm_struct *mm, u64 addr, u64 len, int advice)
{
	u64 set = 0, clear = 0;
	bool known = advice == MADV_DONTNEED || advice == MADV_FREE;
	int err;

	if ((addr & (PAGE_SIZE - 1)) || (len && !page_align(len)) || addr + page_align(len) < addr)
		return -EINVAL;
	len = page_align(len);
	if (advice == MADV_POPULATE_READ || advice == MADV_POPULATE_WRITE) {
		err = mm_populate(mm, addr, addr + len);
		return err == -EAGAIN ? -ENOMEM : err;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(advice_flags); i++)
		if (advice_flags[i].advice == advice) {
			known = true;
			set = advice_flags[i].set;
			clear = advice_flags[i].clear;
		}
	if (!known)
		return -EINVAL;
	if (!len)
		return 0;
	down_write(&mm->mmap_lock);
	err = advise_areas(mm, addr, addr + len, advice, set, clear);
	up_write(&mm->mmap_lock);
	return err;
}

int mm_mincore(struct mm_struct *mm, u64 addr, u64 len, u8 *vec)
{
	u64 end = addr + page_align(len);
	int err = 0;

	if (addr & (PAGE_SIZE - 1))
		return -EINVAL;
	if (end < addr || end > mm->sys->task_size)
		return -ENOMEM;
	down_read(&mm->mmap_lock);
	for (u64 va = addr; va < end && !err; va += PAGE_SIZE) {
		const struct vm_area_struct *vma = find_vma(mm, va);
		const u64 *pte = upt_find(mm, va);

		if (!vma || vma->vm_start > va)
			err = -ENOMEM;
		else
			*vec++ = pte && pte_has_page(*pte);
	}
	up_read(&mm->mmap_lock);
	return err;
}
