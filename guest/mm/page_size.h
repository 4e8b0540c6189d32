/* SPDX-License-Identifier: MIT */
/* page_size.h - how large a page frame is: in the very words of the architecture's layout.h, so that
 * a kernel file may include both. */
#ifndef GUEST_MM_PAGE_SIZE_H
#define GUEST_MM_PAGE_SIZE_H

#define PAGE_SHIFT	12
#define PAGE_SIZE	0x1000UL
#define PAGE_MASK	(~(PAGE_SIZE - 1))

#define PAGE_ALIGN(x)	(((x) + PAGE_SIZE - 1) & PAGE_MASK)
#define PFN_DOWN(x)	((x) >> PAGE_SHIFT)
#define PFN_UP(x)	(((x) + PAGE_SIZE - 1) >> PAGE_SHIFT)
#define PFN_PHYS(x)	((phys_t)(x) << PAGE_SHIFT)

#define MAX_ORDER	10 /* the largest block: 4 MiB */
#define MAX_ORDER_PAGES (1UL << MAX_ORDER)
#define NR_PAGE_ORDERS	(MAX_ORDER + 1)
#define PAGEBLOCK_ORDER 9 /* pages are grouped by mobility in blocks of 2 MiB */
#define PAGEBLOCK_PAGES (1UL << PAGEBLOCK_ORDER)

#endif
