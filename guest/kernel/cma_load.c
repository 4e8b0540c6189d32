/* SPDX-License-Identifier: MIT */
/* cma_load.c - see cma_load.h. */
#include "guest/kernel/cma_load.h"
#include "guest/arch/x86/smp.h"
#include "guest/kernel/kthread.h"
#include "guest/kernel/mm.h"
#include "guest/kernel/sched.h"
#include "guest/kernel/time.h"
#include "guest/lib/errno.h"
#include "guest/lib/rand.h"
#include "guest/mm/migrate.h"

#define MAX_THREADS 8
#define SLOTS	    2400 /* of all threads together: half of them hold a page */
#define PIN_TURNS   4	 /* how long a pin lasts at most */
#define MOVABLE	    (GFP_NOWAIT | __GFP_MOVABLE | __GFP_HIGHMEM)

/* A page and who it belongs to. The lock is what an owner has for his pages: who holds it knows that the
 * page stays where it is. */
struct slot {
	spinlock_t lock;
	struct page *page; /* lock; page->private is the slot's number */
	u64 stamp;	   /* lock; the page is full of it */
	u16 pin;	   /* lock; turns left */
	bool isolated;	   /* lock */
};

static struct load {
	struct mm_lab *lab;
	struct slot *slot;
	unsigned nr_threads, slots_each;
	bool stop;
	struct churner {
		struct task_struct *task;
		unsigned number;
		u64 churned, wrong;
	} churner[MAX_THREADS];
	atomic64_t pinned;
} load;

static bool isolate_slot(struct page *page)
{
	struct slot *s = &load.slot[page->private];
	bool ok;

	spin_lock(&s->lock);
	/* It may have been given up since it was looked at. */
	ok = s->page == page && !s->pin;
	if (s->page == page && s->pin)
		atomic64_inc(&load.pinned);
	if (ok)
		s->isolated = true;
	spin_unlock(&s->lock);
	return ok;
}

static int migrate_slot(struct pgalloc *pg, struct page *dst, struct page *src)
{
	struct slot *s = &load.slot[src->private];

	spin_lock(&s->lock);
	migrate_copy_page(pg, dst, src);
	dst->private = src->private;
	s->page = dst;
	s->isolated = false;
	spin_unlock(&s->lock);
	return 0;
}

static void putback_slot(struct page *page)
{
	struct slot *s = &load.slot[page->private];

	spin_lock(&s->lock);
	s->isolated = false;
	spin_unlock(&s->lock);
}

static const struct movable_ops slot_ops = { isolate_slot, migrate_slot, putback_slot };

static void fill(const struct page *page, u64 stamp)
{
	u64 *va = page_address(&load.lab->pg, page);

	for (unsigned i = 0; i < PAGE_SIZE / sizeof(u64); i += 64)
		va[i] = stamp;
}

static bool holds(const struct page *page, u64 stamp)
{
	const u64 *va = page_address(&load.lab->pg, page);

	for (unsigned i = 0; i < PAGE_SIZE / sizeof(u64); i += 64)
		if (va[i] != stamp)
			return false;
	return true;
}

static void take_page(struct slot *s, u64 stamp)
{
	struct page *page = alloc_page(&load.lab->pg, MOVABLE);

	if (!page)
		return;
	fill(page, stamp);
	page->private = (u64)(s - load.slot);
	spin_lock(&s->lock);
	s->page = page;
	s->stamp = stamp;
	SetPageMovableOps(page, &slot_ops);
	spin_unlock(&s->lock);
}

/* False: it is being moved at the moment, or pinned. */
static bool give_page(struct churner *me, struct slot *s)
{
	struct page *page;

	spin_lock(&s->lock);
	page = s->page;
	me->wrong += page && !holds(page, s->stamp);
	if (!page || s->isolated || s->pin) {
		s->pin -= s->pin > 0;
		spin_unlock(&s->lock);
		return !page;
	}
	s->page = NULL;
	ClearPageMovable(page);
	spin_unlock(&s->lock);
	__free_page(&load.lab->pg, page);
	me->churned++;
	return true;
}

static void turn(struct churner *me, struct rand *r)
{
	struct slot *s = &load.slot[me->number * load.slots_each + rand_below(r, load.slots_each)];

	/* Only this thread fills and empties it; others move what is there. */
	if (!READ_ONCE(s->page)) {
		take_page(s, rand_u64(r));
	} else if (rand_one_in(r, 256)) {
		spin_lock(&s->lock);
		s->pin = s->isolated ? 0 : (u16)rand_range(r, 1, PIN_TURNS);
		spin_unlock(&s->lock);
	} else {
		give_page(me, s);
	}
}

static int churn(void *arg)
{
	struct churner *me = arg;
	struct rand r;

	rand_init(&r, me->number + 1);
	while (!READ_ONCE(load.stop)) {
		for (unsigned i = 0; i < 16; i++)
			turn(me, &r);
		schedule();
	}
	for (unsigned i = 0; i < load.slots_each; i++)
		while (!give_page(me, &load.slot[me->number * load.slots_each + i]))
			schedule(); /* somebody is about to give it back */
	return 0;
}

/* A part of the area, which is nobody else's while it is ours. */
static void ask_back(struct cma_load *res, struct rand *r)
{
	struct cma *cma = &load.lab->cma;
	u64 nr = rand_range(r, 1, cma->count / 4), start = clock_ns(), stamp = rand_u64(r);
	struct page *page = cma_alloc(&load.lab->pg, cma, nr, 0);

	res->ns_longest = MAX(res->ns_longest, clock_ns() - start);
	if (!page) {
		res->refused++;
		return;
	}
	res->taken++;
	res->frames += nr;
	for (u64 i = 0; i < nr; i++)
		fill(page + i, stamp + i);
	schedule();
	for (u64 i = 0; i < nr; i++)
		res->wrong += !holds(page + i, stamp + i) || page_ref_count(page + i) != 1;
	res->wrong += !cma_release(&load.lab->pg, cma, page, nr);
}

static void start_threads(struct cma_load *res)
{
	for (unsigned i = 0; i < load.nr_threads; i++) {
		struct churner *c = &load.churner[i];

		*c = (struct churner){ .number = i };
		c->task = kthread_run(churn, c, "churn/%u", i);
		res->threads += c->task != NULL;
	}
}

static void join_threads(struct cma_load *res)
{
	WRITE_ONCE(load.stop, true);
	for (unsigned i = 0; i < load.nr_threads; i++) {
		struct churner *c = &load.churner[i];

		if (c->task)
			kthread_join(c->task);
		res->churned += c->churned;
		res->wrong += c->wrong;
	}
}

int cma_load_run(struct mm_lab *lab, unsigned rounds, struct cma_load *res)
{
	u64 moved = vm_event(&lab->pg, PGMIGRATE_SUCCESS);
	struct rand r;

	*res = (struct cma_load){ 0 };
	load = (struct load){ .lab = lab, .nr_threads = MIN(2 * nr_cpus, (unsigned)MAX_THREADS) };
	load.slots_each = SLOTS / load.nr_threads;
	load.slot = vzalloc(&kernel_mm.vmalloc, SLOTS * sizeof(*load.slot));
	if (!load.slot)
		return -ENOMEM;
	for (unsigned i = 0; i < SLOTS; i++)
		spin_lock_init(&load.slot[i].lock);
	start_threads(res);
	rand_init(&r, 99);
	for (unsigned i = 0; i < rounds && res->threads; i++) {
		ask_back(res, &r);
		msleep(1); /* the area is lent again */
	}
	join_threads(res);
	res->moved = vm_event(&lab->pg, PGMIGRATE_SUCCESS) - moved;
	res->pinned = (u64)atomic64_read(&load.pinned);
	vfree(&kernel_mm.vmalloc, load.slot);
	return res->threads ? 0 : -ENOMEM;
}
