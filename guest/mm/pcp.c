/* SPDX-License-Identifier: MIT */
/* pcp.c - filling and draining the per-CPU stocks; see pcp.h. */
#include "guest/mm/pcp.h"
#include "guest/lib/minmax.h"
#include "guest/lib/string.h"

static struct pcp_list empty_list(u32 limit)
{
	return (struct pcp_list){ .room = (s32)limit, .limit = limit };
}

void pcp_set_limit(struct pcp_list *l, u32 limit)
{
	l->room += (s32)(limit - l->limit);
	l->limit = limit;
}

void pcp_init(struct per_cpu_pages *pcp, struct zone *z)
{
	memset(pcp, 0, sizeof(*pcp));
	pcp->zone = z;
	pcp->batch = 1;
	for (unsigned i = 0; i < NR_PCP_LISTS; i++)
		pcp->list[i] = empty_list(2);
}

void zone_set_pcp_limits(struct zone *z)
{
	/* A thousandth of the zone, a quarter of that at once, 63 at most; one less than a power of
	 * two, so that CPUs in step do not all hit one cache colour (Linux zone_batchsize()). */
	u64 pages = MIN(z->managed / 1024, 512UL) / 4;
	u32 batch = (u32)clamp_t(u64, rounddown_pow_of_two(pages + pages / 2 + 1) - 1, 1, 63);

	for (unsigned c = 0; c < z->pg->nr_cpus; c++) {
		struct per_cpu_pages *pcp = &z->pcp[c];

		pcp->batch = batch;
		/* Three batches hot and three cold; of larger blocks a batch's worth each. */
		for (unsigned i = 0; i < NR_PCP_LISTS; i++) {
			unsigned order = i / MIGRATE_PCPTYPES;

			pcp_set_limit(&pcp->list[i], order ? MAX(batch >> order, 1u) : 3 * batch);
		}
	}
}

static struct page *next_of(const struct page *page)
{
	return (struct page *)page->lru.next;
}

bool pcp_refill(struct zone *z, struct per_cpu_pages *pcp, unsigned order, enum migratetype mt,
		unsigned buddy_flags)
{
	struct pcp_list *l = &pcp->list[pcp_index(order, mt)];
	struct page *first = NULL, **link = &first;
	u32 n = 0;
	u64 flags;

	if (pcp->busy)
		return false;
	if (!l->hot && l->cold) {
		/* No interrupt between the stores: the other half is enough. */
		flags = env_irq_save();
		l->hot = l->cold;
		l->room = (s32)(l->limit - l->nr_cold);
		l->cold = NULL;
		l->nr_cold = 0;
		env_irq_restore(flags);
		return true;
	}
	flags = spin_lock_irqsave(&z->lock);
	/* In the order in which they come, which is ascending: devices like that. */
	for (; n < MAX(pcp->batch >> order, 1u); n++) {
		*link = buddy_alloc(&z->buddy, order, mt, buddy_flags);
		if (!*link)
			break;
		link = (struct page **)&(*link)->lru.next;
	}
	*link = l->hot;
	l->hot = first;
	l->room -= (s32)n;
	pcp->nr_in += n;
	spin_unlock_irqrestore(&z->lock, flags);
	return l->hot != NULL;
}

/* A chain of blocks back to the buddy. */
static void give_back(struct per_cpu_pages *pcp, struct page *page, unsigned order)
{
	struct zone *z = pcp->zone;
	u64 flags = spin_lock_irqsave(&z->lock);
	struct page *next;

	for (; page; page = next) {
		next = next_of(page);
		buddy_free(&z->buddy, page, page_to_pfn(z->buddy.model, page), order);
		pcp->nr_out++;
	}
	spin_unlock_irqrestore(&z->lock, flags);
}

void pcp_overflow(struct per_cpu_pages *pcp, struct pcp_list *l)
{
	struct page *coldest = l->cold;

	l->cold = l->hot;
	l->nr_cold = pcp_nr_hot(l);
	l->hot = NULL;
	l->room = (s32)l->limit;
	if (coldest)
		give_back(pcp, coldest, (unsigned)(l - pcp->list) / MIGRATE_PCPTYPES);
	barrier();
	pcp->busy = 0;
}

struct page *pcp_pop_cold(struct per_cpu_pages *pcp, unsigned order, enum migratetype mt)
{
	struct pcp_list *l = &pcp->list[pcp_index(order, mt)];
	struct page *page;

	if (!l->cold)
		return pcp_pop(pcp, order, mt);
	if (pcp->busy)
		return NULL;
	pcp->busy = 1;
	barrier();
	page = l->cold;
	l->cold = next_of(page);
	l->nr_cold--;
	pcp->nr_pop++;
	barrier();
	pcp->busy = 0;
	return page;
}

static void pcp_drain(struct per_cpu_pages *pcp)
{
	pcp->busy = 1;
	barrier();
	for (unsigned idx = 0; idx < NR_PCP_LISTS; idx++) {
		struct pcp_list l = pcp->list[idx];

		pcp->list[idx] = empty_list(l.limit);
		if (l.hot)
			give_back(pcp, l.hot, idx / MIGRATE_PCPTYPES);
		if (l.cold)
			give_back(pcp, l.cold, idx / MIGRATE_PCPTYPES);
	}
	barrier();
	pcp->busy = 0;
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

	for_each_zone (req->pg, z) {
		struct per_cpu_pages *pcp = &z->pcp[cpu];

		if (pcp->busy)
			WRITE_ONCE(req->skipped, true);
		else
			pcp_drain(pcp);
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

u64 pcp_count(const struct per_cpu_pages *pcp)
{
	u64 pages = 0;

	for (unsigned i = 0; i < NR_PCP_LISTS; i++)
		pages += (u64)(pcp_nr_hot(&pcp->list[i]) + pcp->list[i].nr_cold)
			 << i / MIGRATE_PCPTYPES;
	return pages;
}

u64 pcp_nr_free(const struct per_cpu_pages *pcp)
{
	u64 blocks = 0;

	for (unsigned i = 0; i < NR_PCP_LISTS; i++)
		blocks += pcp_nr_hot(&pcp->list[i]) + pcp->list[i].nr_cold;
	/* What is there or has left, and did not come from the buddy. */
	return blocks + pcp->nr_pop + pcp->nr_out - pcp->nr_in;
}
