/* SPDX-License-Identifier: MIT */
/* percpu.c - see percpu.h. */
#include "guest/mm/percpu.h"
#include "guest/lib/errno.h"
#include "guest/lib/string.h"

struct chunk {
	struct list_head list;
	u8 *base; /* the first CPU's unit */
	u32 free; /* bits */
	unsigned order;
	u64 *used;  /* bits in use */
	u64 *bound; /* objects begin here; one bit more than there are */
	u64 bits[];
};

static u32 nr_bits(const struct pcpu *pc)
{
	return pc->unit_size / PCPU_GRAIN;
}

static size_t chunk_bytes(const struct pcpu *pc)
{
	return sizeof(struct chunk) +
	       (BITS_TO_WORDS(nr_bits(pc)) + BITS_TO_WORDS(nr_bits(pc) + 1)) * sizeof(u64);
}

static u64 span(const struct pcpu *pc)
{
	u64 end = 0;

	for (unsigned c = 0; c < pc->nr_cpus; c++)
		end = MAX(end, pc->unit_off[c] + pc->unit_size);
	return end;
}

static bool units_overlap(const struct pcpu *pc)
{
	for (unsigned a = 0; a < pc->nr_cpus; a++)
		for (unsigned b = 0; b < a; b++)
			if (pc->unit_off[a] < pc->unit_off[b] + pc->unit_size &&
			    pc->unit_off[b] < pc->unit_off[a] + pc->unit_size)
				return true;
	return false;
}

int pcpu_init(struct pcpu *pc, struct pgalloc *pg, u32 unit_size, const u64 *unit_off)
{
	*pc = (struct pcpu){ .pg = pg, .nr_cpus = pg->nr_cpus };
	pc->unit_size = (u32)PAGE_ALIGN(MAX(unit_size, PCPU_UNIT_MIN));
	spin_lock_init(&pc->lock);
	INIT_LIST_HEAD(&pc->chunks);
	pc->unit_off = env_alloc(pc->nr_cpus * sizeof(u64));
	if (!pc->unit_off)
		return -ENOMEM;
	for (unsigned c = 0; c < pc->nr_cpus; c++)
		pc->unit_off[c] = unit_off ? unit_off[c] : c * (u64)pc->unit_size;
	if (!units_overlap(pc) && span(pc) <= PAGE_SIZE << MAX_ORDER)
		return 0;
	env_free(pc->unit_off, pc->nr_cpus * sizeof(u64));
	return -EINVAL;
}

static void free_chunk(struct pcpu *pc, struct chunk *ch)
{
	free_pages(pc->pg, virt_to_page(pc->pg, ch->base), ch->order);
	env_free(ch, chunk_bytes(pc));
}

int pcpu_destroy(struct pcpu *pc)
{
	struct chunk *ch, *next;

	if (pc->used_bytes)
		return -EBUSY;
	list_for_each_entry_safe (ch, next, &pc->chunks, list) {
		list_del(&ch->list);
		free_chunk(pc, ch);
	}
	env_free(pc->unit_off, pc->nr_cpus * sizeof(u64));
	return 0;
}

static struct chunk *new_chunk(struct pcpu *pc, gfp_t gfp)
{
	struct chunk *ch = env_alloc(chunk_bytes(pc));
	struct page *page;

	if (!ch)
		return NULL;
	ch->order = order_base_2(PFN_UP(span(pc)));
	page = alloc_pages(pc->pg, gfp & ~(__GFP_MOVABLE | __GFP_HIGHMEM), ch->order);
	if (!page) {
		env_free(ch, chunk_bytes(pc));
		return NULL;
	}
	ch->base = page_address(pc->pg, page);
	ch->free = nr_bits(pc);
	ch->used = ch->bits;
	ch->bound = ch->bits + BITS_TO_WORDS(nr_bits(pc));
	return ch;
}

/* First fit in the chunk. Lock held. */
static void *take(struct pcpu *pc, struct chunk *ch, u32 bits, u32 align_bits)
{
	u64 at;

	if (ch->free < bits)
		return NULL;
	at = bitmap_find_next_zero_area(ch->used, nr_bits(pc), 0, bits, align_bits);
	if (at >= nr_bits(pc))
		return NULL;
	bitmap_set(ch->used, at, bits);
	__set_bit(at, ch->bound);
	__set_bit(at + bits, ch->bound);
	ch->free -= bits;
	pc->used_bytes += bits * (u64)PCPU_GRAIN;
	return ch->base + at * PCPU_GRAIN;
}

static void *take_any(struct pcpu *pc, u32 bits, u32 align_bits)
{
	u64 flags = spin_lock_irqsave(&pc->lock);
	struct chunk *ch;
	void *p = NULL;

	list_for_each_entry (ch, &pc->chunks, list) {
		p = take(pc, ch, bits, align_bits);
		if (p)
			break;
	}
	spin_unlock_irqrestore(&pc->lock, flags);
	return p;
}

void *alloc_percpu(struct pcpu *pc, size_t size, size_t align, gfp_t gfp)
{
	u32 bits, align_bits;
	void *p;

	if (!size || size > pc->unit_size || align > PCPU_MAX_ALIGN || (align & (align - 1)))
		return NULL;
	bits = (u32)(ALIGN_UP(size, PCPU_GRAIN) / PCPU_GRAIN);
	align_bits = (u32)(MAX(align, PCPU_GRAIN) / PCPU_GRAIN);
	while (!(p = take_any(pc, bits, align_bits))) {
		struct chunk *ch = new_chunk(pc, gfp);
		u64 flags;

		if (!ch)
			return NULL;
		flags = spin_lock_irqsave(&pc->lock);
		/* At the end: older chunks fill up first, and new ones may become empty. */
		list_add_tail(&ch->list, &pc->chunks);
		pc->nr_chunks++;
		spin_unlock_irqrestore(&pc->lock, flags);
	}
	for (unsigned c = 0; c < pc->nr_cpus; c++)
		memset(percpu_ptr(pc, p, c), 0, size);
	return p;
}

void free_percpu(struct pcpu *pc, void *ptr)
{
	struct chunk *ch, *found = NULL;
	u64 flags, at, end;
	bool empty;

	if (!ptr)
		return;
	flags = spin_lock_irqsave(&pc->lock);
	list_for_each_entry (ch, &pc->chunks, list)
		if ((u8 *)ptr >= ch->base && (u8 *)ptr < ch->base + pc->unit_size)
			found = ch;
	BUG_ON(!found);
	at = (u64)((u8 *)ptr - found->base) / PCPU_GRAIN;
	BUG_ON(!test_bit(at, found->used) || !test_bit(at, found->bound));
	end = find_next_bit(found->bound, nr_bits(pc) + 1, at + 1);
	bitmap_clear(found->used, at, end - at);
	found->free += (u32)(end - at);
	pc->used_bytes -= (end - at) * PCPU_GRAIN;
	/* A mark stays while an object still ends or begins there. */
	if (!at || !test_bit(at - 1, found->used))
		__clear_bit(at, found->bound);
	if (end == nr_bits(pc) || !test_bit(end, found->used))
		__clear_bit(end, found->bound);
	/* One empty chunk is kept for the next one who needs it. */
	empty = found->free == nr_bits(pc) && pc->nr_chunks > 1;
	if (empty) {
		list_del(&found->list);
		pc->nr_chunks--;
	}
	spin_unlock_irqrestore(&pc->lock, flags);
	if (empty)
		free_chunk(pc, found);
}

static const char *check_chunk(const struct pcpu *pc, const struct chunk *ch)
{
	u64 used = 0;

	if (bitmap_weight(ch->used, nr_bits(pc)) + ch->free != nr_bits(pc))
		return "P3: free differs from the bits";
	for (u64 i = 0; i < nr_bits(pc); i++) {
		bool before = i && test_bit(i - 1, ch->used), here = test_bit(i, ch->used);

		if (before != here && !test_bit(i, ch->bound))
			return "P2: an object begins or ends without a mark";
		if (!before && !here && test_bit(i, ch->bound))
			return "P2: a mark in free space";
		used += here;
	}
	return used + ch->free == nr_bits(pc) ? NULL : "P1: bits are missing";
}

const char *pcpu_check(struct pcpu *pc)
{
	const struct chunk *ch;
	u64 used = 0;

	list_for_each_entry (ch, &pc->chunks, list) {
		const char *broken = check_chunk(pc, ch);

		if (broken)
			return broken;
		used += (nr_bits(pc) - ch->free) * (u64)PCPU_GRAIN;
	}
	return used == pc->used_bytes ? NULL : "P3: used_bytes differs from the chunks";
}
