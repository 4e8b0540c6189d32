/* SPDX-License-Identifier: MIT */
/* mmap.c - the calls that make, cut, join and change areas, with Linux's answers to bad requests. */
#include "guest/lib/errno.h"
#include "guest/mm/rmap.h"
#include "guest/mm/vma.h"
#include "guest/mm/zap.h"

/* What a stack keeps free below it. */
#define STACK_GUARD_GAP (256 * PAGE_SIZE)
/* Where MAP_32BIT looks for room. */
#define LOW_MAP_START 0x40000000ull
#define LOW_MAP_END   0x80000000ull

static u64 page_align(u64 x)
{
	return (x + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
}

/* Whole pages in user space? */
static int check_range(const struct mm_struct *mm, u64 addr, u64 len)
{
	if ((addr & (PAGE_SIZE - 1)) || addr > mm->sys->task_size ||
	    len > mm->sys->task_size - addr)
		return -EINVAL;
	return 0;
}

static bool may_expand(const struct mm_struct *mm, u64 vm_flags, u64 pages)
{
	u64 bytes = pages << PAGE_SHIFT;

	if ((mm->total_vm << PAGE_SHIFT) + bytes > mm->limits.as)
		return false;
	return (vm_flags & (VM_WRITE | VM_SHARED | VM_GROWSDOWN)) != VM_WRITE ||
	       (mm->data_vm << PAGE_SHIFT) + bytes <= mm->limits.data;
}

static bool may_lock(const struct mm_struct *mm, u64 pages)
{
	return (mm->locked_vm + pages) << PAGE_SHIFT <= mm->limits.memlock ||
	       mm->limits.memlock == UINT64_MAX;
}

/* ---- unmapping ------------------------------------------------------------------------------------- */

/* Cuts areas at start and end, so that the range is made of whole ones. */
static int split_range(struct mm_struct *mm, u64 start, u64 end)
{
	struct vm_area_struct *vma = find_vma(mm, start);
	int err;

	if (vma && vma->vm_start < start) {
		/* A hole in one area makes one more, and a cut that fails later must not show. */
		if (vma->vm_end > end && mm->map_count >= MM_MAX_AREAS)
			return -ENOMEM;
		err = vma_split(vma, start, NULL);
		if (err)
			return err;
	}
	vma = find_vma(mm, end);
	return vma && vma->vm_start < end ? vma_split(vma, end, NULL) : 0;
}

/* Removes the areas of [start, end), whole ones. */
static void remove_areas(struct mm_struct *mm, u64 start, u64 end)
{
	struct vm_area_struct *vma = find_vma(mm, start), *prev, *next;
	u64 floor;

	if (!vma || vma->vm_start >= end)
		return;
	prev = vma_prev(vma);
	floor = prev ? prev->vm_end : 0;
	start = vma->vm_start;
	for (next = vma; next && next->vm_start < end; next = vma_next(next))
		zap_range(next, next->vm_start, next->vm_end);
	/* Behind the last area nobody needs a table: the topmost reach beyond user space. */
	upt_free(mm, start, end, floor, next ? next->vm_start : UINT64_MAX);
	while (vma != next) {
		struct vm_area_struct *after = vma_next(vma);

		if (vma->vm_flags & VM_LOCKED)
			mm->locked_vm -= vma_pages(vma);
		vm_account(mm, vma->vm_flags, vma->vm_file, -(s64)vma_pages(vma));
		vma_remove(vma);
		if (vma->vm_ops && vma->vm_ops->close)
			vma->vm_ops->close(vma);
		unlink_anon_vmas(vma);
		vma_free(vma);
		vma = after;
	}
}

int mm_unmap_locked(struct mm_struct *mm, u64 addr, u64 len)
{
	int err;

	if (!vma_intersects(mm, addr, addr + len))
		return 0;
	err = split_range(mm, addr, addr + len);
	if (!err)
		remove_areas(mm, addr, addr + len);
	return err;
}

int mm_munmap(struct mm_struct *mm, u64 addr, u64 len)
{
	int err = check_range(mm, addr, len);

	len = page_align(len);
	if (err || !len)
		return -EINVAL;
	down_write(&mm->mmap_lock);
	err = mm_unmap_locked(mm, addr, len);
	up_write(&mm->mmap_lock);
	return err;
}

/* ---- mapping ------------------------------------------------------------------------------------------ */

/* Where the new area goes; -errno. */
static s64 place(struct mm_struct *mm, const struct mmap_request *req, u64 len)
{
	u64 low = mm->sys->mmap_min_addr, addr = req->addr;

	if (len > mm->sys->task_size)
		return -ENOMEM;
	if (req->flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
		if (addr & (PAGE_SIZE - 1))
			return -EINVAL;
		if (addr > mm->sys->task_size - len)
			return -ENOMEM;
		if (addr < low && !req->low)
			return -EPERM;
		if ((req->flags & MAP_FIXED_NOREPLACE) && vma_intersects(mm, addr, addr + len))
			return -EEXIST;
		return (s64)addr;
	}
	addr &= ~(PAGE_SIZE - 1);
	if (addr && addr < low)
		addr = low;
	if (addr && addr <= mm->sys->task_size - len && !vma_intersects(mm, addr, addr + len)) {
		const struct vm_area_struct *next = find_vma(mm, addr);

		if (!next || !(next->vm_flags & VM_GROWSDOWN) ||
		    next->vm_start - (addr + len) >= STACK_GUARD_GAP)
			return (s64)addr;
	}
	if (req->flags & MAP_32BIT) {
		addr = vma_unmapped_area(mm, len, LOW_MAP_START, LOW_MAP_END);
		return addr ? (s64)addr : -ENOMEM;
	}
	addr = vma_unmapped_area(mm, len, low, mm->mmap_base);
	if (!addr) /* above the stack there may be more */
		addr = vma_unmapped_area(mm, len, low, mm->sys->task_size);
	return addr ? (s64)addr : -ENOMEM;
}

/* An area in a place that is free. */
static int add_area(struct mm_struct *mm, const struct mmap_request *req, u64 addr, u64 len)
{
	struct vm_area_struct *vma = vma_alloc(mm, NULL);

	if (!vma)
		return -ENOMEM;
	vma->vm_start = addr;
	vma->vm_end = addr + len;
	vma->vm_flags = req->vm_flags | mm->def_flags;
	/* So that a private area and what is cut from it and moved keep their indices. */
	vma->vm_pgoff = req->ops ? req->pgoff : addr >> PAGE_SHIFT;
	vma->vm_ops = req->ops;
	vma->vm_file = req->file;
	vma->vm_mapping = req->mapping;
	if (vma->vm_ops && vma->vm_ops->open)
		vma->vm_ops->open(vma);
	vma_insert(mm, vma);
	vm_account(mm, vma->vm_flags, vma->vm_file, (s64)(len >> PAGE_SHIFT));
	if (vma->vm_flags & VM_LOCKED)
		mm->locked_vm += len >> PAGE_SHIFT;
	vma_merge(vma);
	return 0;
}

static s64 map_locked(struct mm_struct *mm, const struct mmap_request *req, u64 len)
{
	s64 addr = place(mm, req, len);
	u64 flags = req->vm_flags | mm->def_flags;
	int err;

	if (addr < 0)
		return addr;
	if ((flags & VM_LOCKED) && !may_lock(mm, len >> PAGE_SHIFT))
		return -EAGAIN;
	if (req->flags & MAP_FIXED) {
		err = mm_unmap_locked(mm, (u64)addr, len);
		if (err)
			return err;
	}
	if (mm->map_count >= MM_MAX_AREAS || !may_expand(mm, flags, len >> PAGE_SHIFT))
		return -ENOMEM;
	err = add_area(mm, req, (u64)addr, len);
	return err ? err : addr;
}

s64 mm_mmap(struct mm_struct *mm, const struct mmap_request *req)
{
	u64 len = page_align(req->len);
	s64 addr;

	if (!req->len)
		return -EINVAL;
	if (!len || req->pgoff + (len >> PAGE_SHIFT) < req->pgoff)
		return !len ? -ENOMEM : -EOVERFLOW;
	down_write(&mm->mmap_lock);
	addr = map_locked(mm, req, len);
	up_write(&mm->mmap_lock);
	/* As on Linux, what cannot be filled in now comes, or fails, when it is touched. */
	if (addr >= 0 &&
	    ((req->flags & MAP_POPULATE) || ((req->vm_flags | mm->def_flags) & VM_LOCKED)))
		mm_populate(mm, (u64)addr, (u64)addr + len);
	return addr;
}

u64 mm_brk(struct mm_struct *mm, u64 brk)
{
	struct mmap_request req = {
		.vm_flags = VM_READ | VM_WRITE | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC | VM_ACCOUNT,
		.flags = MAP_FIXED_NOREPLACE,
	};
	u64 old_end, new_end, result;
	bool grown = false;

	down_write(&mm->mmap_lock);
	result = mm->brk;
	if (brk < mm->start_brk || brk > mm->sys->task_size ||
	    brk - mm->start_brk + (mm->end_data - mm->start_data) > mm->limits.data)
		goto out;
	old_end = page_align(mm->brk);
	new_end = page_align(brk);
	if (new_end < old_end) {
		if (mm_unmap_locked(mm, new_end, old_end - new_end))
			goto out;
	} else if (new_end > old_end) {
		struct vm_area_struct *next = find_vma(mm, old_end);

		/* A page stays free between the heap and whatever comes next. */
		if (next && new_end + PAGE_SIZE > next->vm_start)
			goto out;
		req.addr = old_end;
		if (map_locked(mm, &req, new_end - old_end) < 0)
			goto out;
		grown = mm->def_flags & VM_LOCKED;
	}
	result = mm->brk = brk;
out:
	up_write(&mm->mmap_lock);
	if (grown)
		mm_populate(mm, old_end, new_end);
	return result;
}

/* ---- changing ----------------------------------------------------------------------------------------- */

/* Cuts the area down to its part in [start, end). NULL: no memory. */
static struct vm_area_struct *isolate(struct vm_area_struct *vma, u64 start, u64 end)
{
	if (vma->vm_start < start && vma_split(vma, start, &vma))
		return NULL;
	if (vma->vm_end > end && vma_split(vma, end, NULL))
		return NULL;
	return vma;
}

struct change {
	/* 0 or -errno; changes the area, which is whole. */
	int (*apply)(struct vm_area_struct *vma, u64 arg);
	/* Whether the area may be changed so; 0 or -errno. May be NULL. */
	int (*check)(const struct vm_area_struct *vma, u64 arg);
	u64 arg;
};

/* Changes [start, end) area by area. -ENOMEM where there is a hole; what comes before is changed. */
static int change_range(struct mm_struct *mm, u64 start, u64 end, const struct change *c)
{
	struct vm_area_struct *vma;
	int err;

	while (start < end) {
		vma = find_vma(mm, start);
		if (!vma || vma->vm_start > start)
			return -ENOMEM;
		err = c->check ? c->check(vma, c->arg) : 0;
		if (err)
			return err;
		vma = isolate(vma, start, end);
		if (!vma)
			return -ENOMEM;
		start = vma->vm_end;
		err = c->apply(vma, c->arg);
		vma_merge(vma);
		if (err)
			return err;
	}
	return 0;
}

static int may_protect(const struct vm_area_struct *vma, u64 access)
{
	/* The MAY bits are the rights shifted by four. */
	return access & ~(vma->vm_flags >> 4) & VM_ACCESS_FLAGS ? -EACCES : 0;
}

static int protect(struct vm_area_struct *vma, u64 access)
{
	struct mm_struct *mm = vma->vm_mm;
	u64 flags = (vma->vm_flags & ~(u64)VM_ACCESS_FLAGS) | access;

	if (flags == vma->vm_flags)
		return 0;
	vm_account(mm, vma->vm_flags, vma->vm_file, -(s64)vma_pages(vma));
	if (!(vma->vm_flags & VM_WRITE) && !may_expand(mm, flags, vma_pages(vma))) {
		vm_account(mm, vma->vm_flags, vma->vm_file, (s64)vma_pages(vma));
		return -ENOMEM;
	}
	vma->vm_flags = flags;
	vm_account(mm, flags, vma->vm_file, (s64)vma_pages(vma));
	protect_range(vma, vma->vm_start, vma->vm_end);
	return 0;
}

int mm_mprotect(struct mm_struct *mm, u64 addr, u64 len, u64 access)
{
	const struct change c = { protect, may_protect, access };
	int err;

	if (addr & (PAGE_SIZE - 1))
		return -EINVAL;
	len = page_align(len);
	if (!len)
		return 0;
	if (addr + len < addr || check_range(mm, addr, len))
		return -ENOMEM;
	down_write(&mm->mmap_lock);
	err = change_range(mm, addr, addr + len, &c);
	up_write(&mm->mmap_lock);
	return err;
}

static int set_locked(struct vm_area_struct *vma, u64 lock)
{
	struct mm_struct *mm = vma->vm_mm;

	if (!!(vma->vm_flags & VM_LOCKED) == !!lock || (vma->vm_flags & (VM_PFNMAP | VM_IO)))
		return 0;
	if (lock && !may_lock(mm, vma_pages(vma)))
		return -ENOMEM;
	vma->vm_flags ^= VM_LOCKED;
	mm->locked_vm += lock ? vma_pages(vma) : -vma_pages(vma);
	return 0;
}

int mm_mlock(struct mm_struct *mm, u64 addr, u64 len, bool lock)
{
	const struct change c = { set_locked, NULL, lock };
	int err;

	len = page_align(len + (addr & (PAGE_SIZE - 1)));
	addr &= ~(PAGE_SIZE - 1);
	if (!len)
		return 0;
	if (addr + len < addr || check_range(mm, addr, len))
		return -EINVAL;
	if (lock && !mm->limits.memlock)
		return -EPERM;
	down_write(&mm->mmap_lock);
	err = change_range(mm, addr, addr + len, &c);
	up_write(&mm->mmap_lock);
	return err || !lock ? err : mm_populate(mm, addr, addr + len);
}
