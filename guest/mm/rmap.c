/* SPDX-License-Identifier: MIT */
/* rmap.c - families of anon_vmas; see rmap.h. */
#include "guest/mm/rmap.h"
#include "guest/lib/errno.h"

static struct anon_vma *anon_vma_alloc(struct mm_system *sys, struct anon_vma *root)
{
	struct anon_vma *av = kmem_cache_alloc(sys->anon_vma_cache, GFP_KERNEL);

	if (!av)
		return NULL;
	spin_lock_init(&av->lock);
	INIT_LIST_HEAD(&av->chain);
	atomic_set(&av->refs, 0);
	av->root = root ? root : av;
	if (root)
		atomic_inc(&root->refs);
	return av;
}

static void anon_vma_put(struct mm_system *sys, struct anon_vma *av)
{
	while (atomic_dec_and_test(&av->refs)) {
		struct anon_vma *root = av->root;

		kmem_cache_free(sys->anon_vma_cache, av);
		if (root == av)
			return;
		av = root;
	}
}

static void link(struct vm_area_struct *vma, struct anon_vma_chain *avc, struct anon_vma *av)
{
	avc->vma = vma;
	avc->anon_vma = av;
	list_add_tail(&avc->same_vma, &vma->anon_vma_chain);
	atomic_inc(&av->refs);
	spin_lock(&av->root->lock);
	list_add_tail(&avc->same_anon_vma, &av->chain);
	spin_unlock(&av->root->lock);
}

static void unlink_one(struct mm_system *sys, struct anon_vma_chain *avc)
{
	struct anon_vma *av = avc->anon_vma;

	spin_lock(&av->root->lock);
	list_del(&avc->same_anon_vma);
	spin_unlock(&av->root->lock);
	list_del(&avc->same_vma);
	kmem_cache_free(sys->avc_cache, avc);
	anon_vma_put(sys, av);
}

void unlink_anon_vmas(struct vm_area_struct *vma)
{
	struct anon_vma_chain *avc, *next;

	list_for_each_entry_safe (avc, next, &vma->anon_vma_chain, same_vma)
		unlink_one(vma->vm_mm->sys, avc);
	vma->anon_vma = NULL;
}

/* A new anon_vma (of root's family) for the area, not yet its own; the caller publishes it. */
static struct anon_vma *attach_new(struct vm_area_struct *vma, struct anon_vma *root)
{
	struct mm_system *sys = vma->vm_mm->sys;
	struct anon_vma_chain *avc = kmem_cache_alloc(sys->avc_cache, GFP_KERNEL);
	struct anon_vma *av = avc ? anon_vma_alloc(sys, root) : NULL;

	if (!av) {
		if (avc)
			kmem_cache_free(sys->avc_cache, avc);
		return NULL;
	}
	link(vma, avc, av);
	return av;
}

int anon_vma_prepare(struct vm_area_struct *vma)
{
	struct mm_struct *mm = vma->vm_mm;
	struct mm_system *sys = mm->sys;
	struct anon_vma_chain *avc;
	struct anon_vma *av;

	if (likely(READ_ONCE(vma->anon_vma)))
		return 0;
	avc = kmem_cache_alloc(sys->avc_cache, GFP_KERNEL);
	av = avc ? anon_vma_alloc(sys, NULL) : NULL;
	if (!av) {
		if (avc)
			kmem_cache_free(sys->avc_cache, avc);
		return -ENOMEM;
	}
	/* Two threads may fault in the same area at once. */
	spin_lock(&mm->page_table_lock);
	if (!vma->anon_vma) {
		link(vma, avc, av);
		WRITE_ONCE(vma->anon_vma, av);
		avc = NULL;
	}
	spin_unlock(&mm->page_table_lock);
	if (avc) {
		kmem_cache_free(sys->avc_cache, avc);
		kmem_cache_free(sys->anon_vma_cache, av);
	}
	return 0;
}

/* dst gets a link to each anon_vma that src has one to. */
static int clone_links(struct vm_area_struct *dst, struct vm_area_struct *src)
{
	struct mm_system *sys = src->vm_mm->sys;
	struct anon_vma_chain *from;

	list_for_each_entry (from, &src->anon_vma_chain, same_vma) {
		struct anon_vma_chain *avc = kmem_cache_alloc(sys->avc_cache, GFP_KERNEL);

		if (!avc) {
			unlink_anon_vmas(dst);
			return -ENOMEM;
		}
		link(dst, avc, from->anon_vma);
	}
	return 0;
}

int anon_vma_clone(struct vm_area_struct *dst, struct vm_area_struct *src)
{
	int err = clone_links(dst, src);

	if (!err)
		dst->anon_vma = src->anon_vma;
	return err;
}

int anon_vma_fork(struct vm_area_struct *dst, struct vm_area_struct *src)
{
	int err;

	dst->anon_vma = NULL;
	if (!src->anon_vma)
		return 0;
	err = clone_links(dst, src);
	if (err)
		return err;
	dst->anon_vma = attach_new(dst, src->anon_vma->root);
	if (!dst->anon_vma) {
		unlink_anon_vmas(dst);
		return -ENOMEM;
	}
	return 0;
}

void page_add_new_anon_rmap(struct page *page, struct vm_area_struct *vma, u64 addr)
{
	page->index = linear_page_index(vma, addr);
	WRITE_ONCE(page->mapping, (void *)((u64)vma->anon_vma | PAGE_MAPPING_ANON));
	atomic_set(&page->_mapcount, 0);
}

void rmap_walk_anon(struct page *page, bool (*fn)(void *arg, struct vm_area_struct *vma, u64 addr),
		    void *arg)
{
	struct anon_vma *av = (struct anon_vma *)((u64)page->mapping & ~PAGE_MAPPING_ANON);
	struct anon_vma_chain *avc;

	spin_lock(&av->root->lock);
	list_for_each_entry (avc, &av->chain, same_anon_vma) {
		struct vm_area_struct *vma = avc->vma;

		if (page->index < vma->vm_pgoff || page->index - vma->vm_pgoff >= vma_pages(vma))
			continue;
		if (!fn(arg, vma, vma->vm_start + ((page->index - vma->vm_pgoff) << PAGE_SHIFT)))
			break;
	}
	spin_unlock(&av->root->lock);
}
