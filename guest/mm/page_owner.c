/* SPDX-License-Identifier: MIT */
/* page_owner.c - see page_owner.h. */
#include "guest/mm/page_owner.h"
#include "guest/lib/printf.h"

static void stack_here(const struct pgalloc *pg, u64 *pc)
{
	unsigned n = mm_backtrace(&pg->env, pc, OWNER_STACK);

	for (; n < OWNER_STACK; n++)
		pc[n] = 0;
}

void page_owner_note(struct pgalloc *pg, const struct page *page, unsigned order, bool free)
{
	struct page_owner *o = page_owner_of(pg, page);
	u64 pc[OWNER_STACK];

	if (!o)
		return;
	stack_here(pg, pc);
	/* A block's frames are neighbours, here too. */
	for (u64 i = 0; i < 1UL << order; i++)
		for (unsigned k = 0; k < OWNER_STACK; k++)
			*(free ? &o[i].free_pc[k] : &o[i].alloc_pc[k]) = pc[k];
}

void mm_log_stack(const char *what, const u64 *pc, unsigned max)
{
	char line[320];
	int n = 0;

	line[0] = 0;
	for (unsigned i = 0; i < max && pc[i]; i++)
		n += kscnprintf(line + n, sizeof(line) - (size_t)n, " %pS", (void *)pc[i]);
	env_log(ENV_ERR, "  %s:%s", what, n ? line : " not known");
}

void page_owner_log(const struct pgalloc *pg, const struct page *page)
{
	const struct page_owner *o = page_owner_of(pg, page);
	u64 pc[OWNER_STACK];

	if (o) {
		mm_log_stack("allocated at", o->alloc_pc, OWNER_STACK);
		mm_log_stack("freed at", o->free_pc, OWNER_STACK);
	}
	stack_here(pg, pc);
	mm_log_stack("seen at", pc, OWNER_STACK);
}
