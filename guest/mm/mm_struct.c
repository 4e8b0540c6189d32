/* SPDX-License-Identifier: MIT */
/* mm_struct.c - address spaces come, are copied, and go. */
#include "guest/mm/mm_struct.h"
#include "guest/lib/errno.h"
#include "guest/lib/string.h"
#include "guest/mm/rmap.h"
#include "guest/mm/vma.h"
#include "guest/mm/zap.h"

int mm_system_init(struct mm_system *sys, struct slab_sys *slab)
{
	static const struct {
		const char *name;
		size_t size;
		size_t offset;
	} caches[] = {
		{ "mm_struct", sizeof(struct mm_struct), offsetof(struct mm_system, mm_cache) },
		{ "vm_area_struct", sizeof(struct vm_area_struct),
		  offsetof(struct mm_system, vma_cache) },
		{ "anon_vma", sizeof(struct anon_vma), offsetof(struct mm_system, anon_vma_cache) },
		{ "anon_vma_chain", sizeof(struct anon_vma_chain),
		  offsetof(struct mm_system, avc_cache) },
	};

	sys->zero_page = NULL;
	sys->mm_cache = sys->vma_cache = sys->anon_vma_cache = sys->avc_cache = NULL;
	for (unsigned i = 0; i < ARRAY_SIZE(caches); i++) {
		struct kmem_cache **c = (struct kmem_cache **)((u8 *)sys + caches[i].offset);

		*c = kmem_cache_create(slab, &(struct kmem_cache_args){ .name = caches[i].name,
									.size = caches[i].size });
		if (!*c)
			goto fail;
	}
	sys->zero_page = alloc_page(sys->pg, GFP_KERNEL | __GFP_ZERO);
	if (sys->zero_page)
		return 0;
fail:
	mm_system_destroy(sys);
	return -ENOMEM;
}

int mm_system_destroy(struct mm_system *sys)
{
	struct kmem_cache **caches[] = { &sys->mm_cache, &sys->vma_cache, &sys->anon_vma_cache,
					 &sys->avc_cache };

	for (unsigned i = 0; i < ARRAY_SIZE(caches); i++) {
		if (*caches[i] && kmem_cache_destroy(*caches[i]))
			return -EBUSY;
		*caches[i] = NULL;
	}
	if (sys->zero_page)
		__free_page(sys->pg, sys->zero_page);
	sys->zero_page = NULL;
	return 0;
}

struct mm_struct *mm_alloc(struct mm_system *sys)
{
	struct mm_struct *mm = kmem_cache_zalloc(sys->mm_cache, GFP_KERNEL);

	if (!mm)
		return NULL;
	mm->sys = sys;
	INIT_LIST_HEAD(&mm->area_list);
	init_rwsem(&mm->mmap_lock);
	spin_lock_init(&mm->page_table_lock);
	atomic_set(&mm->mm_users, 1);
	atomic_set(&mm->mm_count, 1);
	mm->mmap_base = sys->task_size;
	mm->limits = (struct mm_limits){ UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX };
	if (upt_init(mm)) {
		kmem_cache_free(sys->mm_cache, mm);
		return NULL;
	}
	return mm;
}

static void exit_mmap(struct mm_struct *mm)
{
	struct vm_area_struct *vma, *next;

	for_each_vma (mm, vma)
		zap_range(vma, vma->vm_start, vma->vm_end);
	for_each_vma (mm, vma) {
		next = vma_next(vma);
		upt_free(mm, vma->vm_start, vma->vm_end, 0, next ? next->vm_start : UINT64_MAX);
	}
	list_for_each_entry_safe (vma, next, &mm->area_list, link) {
		if (vma->vm_ops && vma->vm_ops->close)
			vma->vm_ops->close(vma);
		unlink_anon_vmas(vma);
		vma_free(vma);
	}
	INIT_LIST_HEAD(&mm->area_list);
	mm->areas = RB_ROOT;
	mm->map_count = 0;
}

void mmput(struct mm_struct *mm)
{
	if (!atomic_dec_and_test(&mm->mm_users))
		return;
	exit_mmap(mm);
	if (mm->exe_file)
		mm->sys->exe_put(mm->exe_file);
	mm->exe_file = NULL;
	mmdrop(mm);
}

void mmdrop(struct mm_struct *mm)
{
	if (!atomic_dec_and_test(&mm->mm_count))
		return;
	upt_destroy(mm);
	kmem_cache_free(mm->sys->mm_cache, mm);
}

static void copy_limits_and_marks(struct mm_struct *mm, const struct mm_struct *old)
{
	mm->mmap_base = old->mmap_base;
	mm->start_code = old->start_code;
	mm->end_code = old->end_code;
	mm->start_data = old->start_data;
	mm->end_data = old->end_data;
	mm->start_brk = old->start_brk;
	mm->brk = old->brk;
	mm->start_stack = old->start_stack;
	mm->arg_start = old->arg_start;
	mm->arg_end = old->arg_end;
	mm->env_start = old->env_start;
	mm->env_end = old->env_end;
	memcpy(mm->auxv, old->auxv, sizeof(mm->auxv));
	mm->limits = old->limits;
	mm->exe_file = old->exe_file;
	if (mm->exe_file)
		mm->sys->exe_get(mm->exe_file);
}

/* One area of the parent, and its pages. */
static int dup_vma(struct mm_struct *mm, struct vm_area_struct *from)
{
	struct vm_area_struct *vma = vma_alloc(mm, from);
	int err;

	if (!vma)
		return -ENOMEM;
	/* mlock() is not inherited. */
	vma->vm_flags &= ~(u64)VM_LOCKED;
	err = vma->vm_flags & VM_WIPEONFORK ? 0 : anon_vma_fork(vma, from);
	if (err) {
		vma_free(vma);
		return err;
	}
	if (vma->vm_ops && vma->vm_ops->open)
		vma->vm_ops->open(vma);
	vma_insert(mm, vma);
	vm_account(mm, vma->vm_flags, vma->vm_file, (s64)vma_pages(vma));
	return vma->vm_flags & VM_WIPEONFORK ? 0 : copy_range(vma, from);
}

struct mm_struct *mm_dup(struct mm_struct *old)
{
	struct mm_struct *mm = mm_alloc(old->sys);
	struct vm_area_struct *vma;
	int err = 0;

	if (!mm)
		return NULL;
	down_write(&old->mmap_lock);
	copy_limits_and_marks(mm, old);
	for_each_vma (old, vma) {
		if (vma->vm_flags & VM_DONTCOPY)
			continue;
		err = dup_vma(mm, vma);
		if (err)
			break;
	}
	up_write(&old->mmap_lock);
	mm->hiwater_rss = mm_rss(mm);
	if (!err)
		return mm;
	mmput(mm);
	return NULL;
}
