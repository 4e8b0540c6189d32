/* SPDX-License-Identifier: MIT */
/* pcp.c - filling and draining the per-CPU stocks; see pcp.h. */
#include "guest/mm/pcp.h"
#include "guest/lib/minmax.h"

void pcp_init(struct per_cpu_pages *pcp)
{
	pcp->busy = 0;
	pcp->count = 0;
	pcp->high = 0;
	pcp->batch = 1;
	pcp->nr_fast = pcp->nr_free = 0;
	for (unsigned i = 0; i < NR_PCP_LISTS; i++)
		INIT_LIST_HEAD(&pcp->lists[i]);
}

void zone_set_pcp_limits(struct zone *z)
{
	/* A thousandth of the zone, a quarter of that at once, 63 at most; one less than a power of
	 * two, so that CPUs in step do not all hit one cache colour (Linux zone_batchsize()). */
	u64 pages = MIN(z->managed / 1024, 512UL) / 4;
	u32 batch = (u32)clamp_t(u64, rounddown_pow_of_two(pages + pages / 2 + 1) - 1, 1, 63);

	for (unsigned c = 0; c < z->pg->nr_cpus; c++) {
		z->pcp[c].batch = batch;
		z->pcp[c].high = 6 * batch;
	}
}

bool pcp_refill(struct zone *z, struct per_cpu_pages *pcp, unsigned order, enum migratetype mt,
		unsigned buddy_flags)
{
	u32 n = MAX(pcp->batch >> order, 1u);
	struct list_head *list = &pcp->lists[pcp_index(order, mt)];
	u64 flags;

	if (pcp->busy)
		return false;
	/* Interrupts off, which is as good as busy. */
	flags = spin_lock_irqsave(&z->lock);
	while (n--) {
		struct page *page = buddy_alloc(&z->buddy, order, mt, buddy_flags);

		if (!page)
			break;
		/* To the tail: pages come in ascending order, which devices like. */
		list_add_tail(&page->lru, list);
		pcp->count += 1u << order;
	}
	spin_unlock_irqrestore(&z->lock, flags);
	return !list_empty(list);
}

void pcp_drain(struct zone *z, struct per_cpu_pages *pcp, u32 n)
{
	unsigned idx = 0;
	u64 flags = spin_lock_irqsave(&z->lock);

	n = MIN(n, pcp->count);
	/* Round robin, so that no type is drained dry for the others. */
	for (u32 done = 0; done < n; idx = (idx + 1) % NR_PCP_LISTS) {
		unsigned order = idx / MIGRATE_PCPTYPES;
		struct list_head *list = &pcp->lists[idx];
		struct page *page;

		if (list_empty(list))
			continue;
		page = list_last_entry(list, struct page, lru);
		list_unlink(&page->lru);
		pcp->count -= 1u << order;
		done += 1u << order;
		buddy_free(&z->buddy, page, page_to_pfn(z->buddy.model, page), order);
	}
	spin_unlock_irqrestore(&z->lock, flags);
}

struct drain_request {
	struct pgalloc *pg;
	bool skipped; /* some CPU was in the middle of something */
};

static void drain_this_cpu(void *arg)
{
	struct drain_request *req = arg;
	unsigned cpu = mm_cpu_enter();
	struct zone *z;

	for_each_zone(req->pg, z) {
		struct per_cpu_pages *pcp = &z->pcp[cpu];

		if (pcp->busy)
			WRITE_ONCE(req->skipped, true);
		else if (pcp->count)
			pcp_drain(z, pcp, pcp->count);
	}
	mm_cpu_exit();
}

void drain_local_pages(struct pgalloc *pg)
{
	struct drain_request req = { pg, false };

	drain_this_cpu(&req);
}

void drain_all_pages(struct pgalloc *pg)
{
	struct drain_request req = { pg, false };

	count_vm_events(pg, DRAIN_ALL, 1);
	do {
		req.skipped = false;
		mm_on_each_cpu(&pg->env, drain_this_cpu, &req);
	} while (req.skipped);
}
