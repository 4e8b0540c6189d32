/* SPDX-License-Identifier: MIT */
/* walk.c - see walk.h. */
#include "vmm/gdb/walk.h"

#include <errno.h>

#define CR0_PG	 (1UL << 31)
#define CR4_PSE	 (1UL << 4)
#define CR4_PAE	 (1UL << 5)
#define CR4_LA57 (1UL << 12)
#define EFER_LMA (1UL << 10)

#define ENTRY_P	 1UL
#define ENTRY_PS (1UL << 7)
#define ADDR52	 0x000ffffffffff000UL

/* One kind of paging: how a linear address is cut into table indexes. */
struct paging {
	const char *name;
	unsigned levels, index_bits, entry_bytes;
	u64 root_mask;
};

static const struct paging two_levels = { "32-bit", 2, 10, 4, 0xfffff000 };
static const struct paging pae = { "PAE", 3, 9, 8, 0xffffffe0 };
static const struct paging four_levels = { "4 levels", 4, 9, 8, ADDR52 };
static const struct paging five_levels = { "5 levels", 5, 9, 8, ADDR52 };

/* NULL: paging is off. */
static const struct paging *paging_of(const struct kvm_sregs *s)
{
	if (!(s->cr0 & CR0_PG))
		return NULL;
	if (!(s->cr4 & CR4_PAE))
		return &two_levels;
	if (!(s->efer & EFER_LMA))
		return &pae;
	return s->cr4 & CR4_LA57 ? &five_levels : &four_levels;
}

const char *walk_mode(const struct kvm_sregs *s)
{
	const struct paging *p = paging_of(s);

	return p ? p->name : "off";
}

static int not_mapped(struct walk *w, const char *why)
{
	w->why = why;
	return -EFAULT;
}

/* Levels count from the leaf table: 1 is the PT. */
static const char *level_name(unsigned level)
{
	static const char *const names[] = { "", "PT", "PD", "PDPT", "PML4", "PML5" };

	return names[level];
}

static bool is_leaf(const struct paging *p, const struct kvm_sregs *s, unsigned level, u64 entry)
{
	if (level == 1)
		return true;
	if (!(entry & ENTRY_PS) || level > 3)
		return false;
	if (p == &two_levels)
		return s->cr4 & CR4_PSE;
	return level == 2 || p->levels > 3; /* PAE's four top entries have no such bit */
}

static u64 leaf_base(const struct paging *p, u64 entry, u64 size)
{
	/* PSE-36: bits 39..32 of a 4 MiB page stand in bits 20..13 of its entry. */
	if (p == &two_levels && size > GUEST_PAGE_SIZE)
		return (entry & 0xffc00000) | (entry >> 13 & 0xff) << 32;
	return entry & ADDR52 & ~(size - 1);
}

static bool canonical(u64 linear, unsigned bits)
{
	s64 v = (s64)(linear << (64 - bits)) >> (64 - bits);

	return (u64)v == linear;
}

int walk_translate(const struct guest_mem *gm, const struct kvm_sregs *s, u64 linear,
		   struct walk *w)
{
	const struct paging *p = paging_of(s);
	u64 table;

	*w = (struct walk){ .page_size = 1UL << 32 };
	if (!(s->efer & EFER_LMA))
		linear = (u32)linear;
	if (!p) {
		w->gpa = GPA(linear);
		return 0;
	}
	if (p->levels >= 4 && !canonical(linear, 12 + 9 * p->levels))
		return not_mapped(w, "not a canonical address");
	table = s->cr3 & p->root_mask;
	for (unsigned level = p->levels; level; level--) {
		unsigned shift = 12 + p->index_bits * (level - 1);
		u64 index = linear >> shift & ((1UL << p->index_bits) - 1), value = 0;
		gpa_t at = GPA(table + index * p->entry_bytes);

		if (guest_mem_read(gm, at, &value, p->entry_bytes))
			return not_mapped(w, "its page table lies outside of memory");
		w->entry[w->nr++] = (struct walk_entry){ level_name(level), at, value };
		if (!(value & ENTRY_P))
			return not_mapped(w, "not present");
		if (is_leaf(p, s, level, value)) {
			w->page_size = 1UL << shift;
			w->gpa = GPA(leaf_base(p, value, w->page_size) |
				     (linear & (w->page_size - 1)));
			return 0;
		}
		table = value & (p == &two_levels ? 0xfffff000 : ADDR52);
	}
	return not_mapped(w, "no leaf");
}
