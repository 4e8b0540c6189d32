/* SPDX-License-Identifier: MIT */
/* kmap.c - see kmap.h. */
#include "guest/mm/kmap.h"
#include "guest/lib/errno.h"
#include "guest/lib/string.h"

int kmap_init(struct kmap *km, struct pgalloc *pg, struct pgtable *pt, u64 base)
{
	memset(km, 0, sizeof(*km));
	km->pg = pg;
	km->pt = pt;
	km->base = base;
	spin_lock_init(&km->lock);
	km->local_depth = env_alloc(pg->nr_cpus);
	return km->local_depth ? 0 : -ENOMEM;
}

static bool is_high(const struct kmap *km, const struct page *page)
{
	return page_to_pfn(&km->pg->model, page) >= km->pg->highmem_pfn;
}

static u64 slot_addr(const struct kmap *km, unsigned slot)
{
	return km->base + slot * PAGE_SIZE;
}

static int map_slot(struct kmap *km, u64 addr, const struct page *page)
{
	return pgtable_map(km->pt, addr, PFN_PHYS(page_to_pfn(&km->pg->model, page)), PAGE_SIZE,
			   PAGE_KERNEL);
}

static void unmap_slot(struct kmap *km, u64 addr)
{
	int err = pgtable_unmap(km->pt, addr, PAGE_SIZE);

	BUG_ON(err); /* one small page: nothing to split */
}

/* Unmaps all slots that nobody uses; one flush. Lock held. */
static void flush_unused(struct kmap *km)
{
	for (unsigned i = 0; i < KMAP_SLOTS; i++) {
		if (km->count[i] != 1)
			continue;
		unmap_slot(km, slot_addr(km, i));
		km->page[i]->virtual = 0;
		km->page[i] = NULL;
		km->count[i] = 0;
	}
	mm_flush_tlb(&km->pg->env, km->base, km->base + KMAP_SLOTS * PAGE_SIZE - 1);
}

void kmap_exit(struct kmap *km)
{
	spin_lock(&km->lock);
	flush_unused(km);
	spin_unlock(&km->lock);
	for (unsigned i = 0; i < KMAP_SLOTS; i++)
		BUG_ON(km->count[i]);
	env_free(km->local_depth, km->pg->nr_cpus);
}

/* Lock held. Round robin, so that an unused slot stays mapped for long. */
static unsigned find_free(struct kmap *km)
{
	for (unsigned tries = 0; tries < 2; tries++) {
		for (unsigned i = 0; i < KMAP_SLOTS; i++) {
			unsigned slot = (km->next + i) % KMAP_SLOTS;

			if (!km->count[slot])
				return slot;
		}
		flush_unused(km);
	}
	return KMAP_SLOTS;
}

static void *map_new(struct kmap *km, struct page *page)
{
	unsigned slot = find_free(km);

	if (slot == KMAP_SLOTS || map_slot(km, slot_addr(km, slot), page))
		return NULL;
	km->page[slot] = page;
	km->count[slot] = 2;
	km->next = slot + 1;
	page->virtual = slot_addr(km, slot);
	return (void *)page->virtual;
}

void *kmap(struct kmap *km, struct page *page)
{
	void *addr;

	if (!is_high(km, page))
		return page_address(km->pg, page);
	spin_lock(&km->lock);
	if (page->virtual) {
		km->count[(page->virtual - km->base) >> PAGE_SHIFT]++;
		addr = (void *)page->virtual;
	} else {
		addr = map_new(km, page);
	}
	spin_unlock(&km->lock);
	return addr;
}

void kunmap(struct kmap *km, struct page *page)
{
	unsigned slot;

	if (!is_high(km, page))
		return;
	spin_lock(&km->lock);
	BUG_ON(!page->virtual);
	slot = (unsigned)((page->virtual - km->base) >> PAGE_SHIFT);
	BUG_ON(km->count[slot] < 2);
	km->count[slot]--;
	spin_unlock(&km->lock);
}

static u64 local_addr(const struct kmap *km, unsigned cpu, unsigned depth)
{
	return slot_addr(km, KMAP_SLOTS + cpu * KMAP_LOCAL_DEPTH + depth);
}

void *kmap_local_page(struct kmap *km, struct page *page)
{
	unsigned cpu = mm_cpu_enter(), depth = km->local_depth[cpu];
	u64 addr = local_addr(km, cpu, depth);
	int err = -ENOMEM;

	if (depth < KMAP_LOCAL_DEPTH) {
		spin_lock(&km->lock);
		err = map_slot(km, addr, page);
		spin_unlock(&km->lock);
	}
	if (err) {
		mm_cpu_exit();
		return NULL;
	}
	/* Preemption stays off: the mapping is this CPU's. */
	km->local_depth[cpu]++;
	return (void *)addr;
}

void kunmap_local(struct kmap *km, const void *addr)
{
	unsigned cpu = env_cpu(), depth = km->local_depth[cpu];

	BUG_ON(!depth || (u64)addr != local_addr(km, cpu, depth - 1));
	km->local_depth[cpu]--;
	spin_lock(&km->lock);
	unmap_slot(km, (u64)addr);
	spin_unlock(&km->lock);
	mm_flush_tlb(&km->pg->env, (u64)addr, (u64)addr + PAGE_SIZE - 1);
	mm_cpu_exit();
}
