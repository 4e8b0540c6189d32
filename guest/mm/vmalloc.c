/* SPDX-License-Identifier: MIT */
/* vmalloc.c - pages behind address ranges; see vmalloc.h. */
#include "guest/mm/vmalloc.h"
#include "guest/lib/errno.h"
#include "guest/mm/vmap_area.h"

#define CALLER() ((u64)__builtin_return_address(0))

int vmalloc_init(struct vmalloc_space *vs, struct pgalloc *pg, struct slab_sys *slab,
		 struct pgtable *pt, u64 start, u64 end)
{
	struct kmem_cache_args args = { .name = "vmap_area",
					.size = sizeof(struct vmap_area),
					.flags = SLAB_NO_MERGE };
	struct vmap_area *all;

	*vs = (struct vmalloc_space){
		.pg = pg, .slab = slab, .pt = pt, .start = start, .end = end
	};
	spin_lock_init(&vs->lock);
	spin_lock_init(&vs->map_lock);
	INIT_LIST_HEAD(&vs->lazy);
	/* 32 MiB, more with more CPUs, since a flush disturbs them all (Linux lazy_max_pages()). */
	vs->lazy_max = fls(pg->nr_cpus) * (32UL << 20 >> PAGE_SHIFT);
	vs->area_cache = kmem_cache_create(slab, &args);
	if (!vs->area_cache)
		return -ENOMEM;
	all = kmem_cache_zalloc(vs->area_cache, GFP_KERNEL);
	if (!all) {
		kmem_cache_destroy(vs->area_cache);
		return -ENOMEM;
	}
	all->start = start;
	all->end = end;
	all->subtree_max = end - start;
	rb_link_node(&all->rb, NULL, &vs->free_root.node);
	rb_insert_color(&all->rb, &vs->free_root);
	return 0;
}

int vmalloc_destroy(struct vmalloc_space *vs)
{
	if (!RB_EMPTY_ROOT(&vs->busy_root))
		return -EBUSY;
	vmalloc_purge(vs);
	kmem_cache_free(vs->area_cache, rb_entry(vs->free_root.node, struct vmap_area, rb));
	vs->free_root = RB_ROOT;
	return kmem_cache_destroy(vs->area_cache);
}

/* ---- areas -------------------------------------------------------------------------------------------- */

struct vm_struct *get_vm_area(struct vmalloc_space *vs, u64 size, u64 align, u32 flags, u64 caller)
{
	struct vm_struct *vm;
	struct vmap_area *va;
	u64 irq;

	if (!size || size > vs->end - vs->start)
		return NULL;
	size = PAGE_ALIGN(size);
	vm = kzalloc(vs->slab, sizeof(*vm), GFP_KERNEL);
	if (!vm)
		return NULL;
	if (!(flags & VM_NO_GUARD))
		size += PAGE_SIZE;
	va = alloc_vmap_area(vs, size, align, GFP_KERNEL);
	if (!va) {
		kfree(vs->slab, vm);
		return NULL;
	}
	vm->addr = (void *)va->start;
	vm->size = size;
	vm->flags = flags;
	vm->caller = caller;
	irq = spin_lock_irqsave(&vs->lock);
	va->vm = vm;
	spin_unlock_irqrestore(&vs->lock, irq);
	return vm;
}

static u64 mapped_size(const struct vm_struct *vm)
{
	return vm->flags & VM_NO_GUARD ? vm->size : vm->size - PAGE_SIZE;
}

/* Takes the area whose first address is addr from all others; NULL: there is none. */
static struct vmap_area *detach(struct vmalloc_space *vs, const void *addr, u32 flags,
				struct vm_struct **vm)
{
	u64 irq = spin_lock_irqsave(&vs->lock);
	struct vmap_area *va = find_vmap_area(vs, (u64)addr);

	if (va && (va->start != (u64)addr || !va->vm || !(va->vm->flags & flags)))
		va = NULL;
	*vm = va ? va->vm : NULL;
	if (va)
		va->vm = NULL;
	spin_unlock_irqrestore(&vs->lock, irq);
	return va;
}

static void unmap_area(struct vmalloc_space *vs, const struct vm_struct *vm)
{
	u64 irq = spin_lock_irqsave(&vs->map_lock);
	int err = pgtable_unmap(vs->pt, (u64)vm->addr, mapped_size(vm));

	spin_unlock_irqrestore(&vs->map_lock, irq);
	/* Areas are mapped in pages that end where they end: there is nothing to split. */
	BUG_ON(err);
}

static void release(struct vmalloc_space *vs, struct vmap_area *va, struct vm_struct *vm)
{
	unmap_area(vs, vm);
	free_vmap_area_lazy(vs, va);
}

void free_vm_area(struct vmalloc_space *vs, struct vm_struct *vm)
{
	struct vm_struct *found;
	struct vmap_area *va = detach(vs, vm->addr, ~0u, &found);

	BUG_ON(!va || found != vm);
	release(vs, va, vm);
	kfree(vs->slab, vm);
}

static int map_range(struct vmalloc_space *vs, u64 va, phys_t pa, u64 size, u64 prot)
{
	u64 irq = spin_lock_irqsave(&vs->map_lock);
	int err = pgtable_map(vs->pt, va, pa, size, prot);

	spin_unlock_irqrestore(&vs->map_lock, irq);
	return err;
}

/* Maps pages one behind the other; neighbours in memory at once. */
static int map_pages(struct vmalloc_space *vs, u64 va, struct page **pages, u32 nr, u64 prot)
{
	for (u32 i = 0; i < nr;) {
		pfn_t pfn = page_to_pfn(&vs->pg->model, pages[i]);
		u32 n = 1;
		int err;

		while (i + n < nr && page_to_pfn(&vs->pg->model, pages[i + n]) == pfn + n)
			n++;
		err = map_range(vs, va + i * PAGE_SIZE, PFN_PHYS(pfn), n * PAGE_SIZE, prot);
		if (err)
			return err;
		i += n;
	}
	return 0;
}

/* ---- vmalloc ------------------------------------------------------------------------------------------- */

_Static_assert(sizeof(struct page_chunk) <= PAGE_SIZE, "a chunk is a page");

static void free_vm_pages(struct vmalloc_space *vs, struct vm_struct *vm)
{
	struct page_chunk *c, *next;

	for (c = vm->chunks; c; c = next) {
		next = c->next;
		for (u64 i = 0; i < c->nr; i++)
			free_pages(vs->pg, c->page[i], 0);
		free_pages(vs->pg, virt_to_page(vs->pg, c), 0);
	}
	__atomic_fetch_sub(&vs->nr_pages, vm->nr_pages, __ATOMIC_RELAXED);
	vm->chunks = NULL;
	vm->nr_pages = 0;
}

static bool fill_chunk(struct vmalloc_space *vs, struct page_chunk *c, u64 want, gfp_t gfp)
{
	for (c->nr = 0; c->nr < MIN(want, (u64)PAGES_PER_CHUNK); c->nr++) {
		struct page *page = alloc_page(vs->pg, gfp);

		if (!page)
			return false;
		c->page[c->nr] = page;
	}
	return true;
}

static int get_vm_pages(struct vmalloc_space *vs, struct vm_struct *vm, u64 nr, gfp_t gfp)
{
	struct page_chunk **link = &vm->chunks;
	bool ok = true;

	while (nr && ok) {
		struct page *page = alloc_page(vs->pg, GFP_KERNEL);
		struct page_chunk *c;

		if (!page)
			break;
		c = page_address(vs->pg, page);
		c->next = NULL;
		ok = fill_chunk(vs, c, nr, gfp);
		*link = c;
		link = &c->next;
		nr -= c->nr;
		vm->nr_pages += c->nr;
		__atomic_fetch_add(&vs->nr_pages, c->nr, __ATOMIC_RELAXED);
	}
	if (!nr && ok)
		return 0;
	free_vm_pages(vs, vm);
	return -ENOMEM;
}

static int map_vm_pages(struct vmalloc_space *vs, const struct vm_struct *vm, u64 prot)
{
	u64 at = (u64)vm->addr;

	for (struct page_chunk *c = vm->chunks; c; c = c->next) {
		int err = map_pages(vs, at, c->page, (u32)c->nr, prot);

		if (err)
			return err;
		at += c->nr * PAGE_SIZE;
	}
	return 0;
}

void *__vmalloc(struct vmalloc_space *vs, u64 size, gfp_t gfp, u64 prot, u64 caller)
{
	struct vm_struct *vm;
	u64 nr = PFN_UP(size);

	if (!size || nr > nr_managed_pages(vs->pg))
		return NULL;
	vm = get_vm_area(vs, size, PAGE_SIZE, VM_ALLOC, caller);
	if (!vm)
		return NULL;
	if (get_vm_pages(vs, vm, nr, gfp))
		goto err_area;
	if (map_vm_pages(vs, vm, prot))
		goto err_pages;
	return vm->addr;
err_pages:
	unmap_area(vs, vm);
	free_vm_pages(vs, vm);
err_area:
	free_vm_area(vs, vm);
	return NULL;
}

void *vmalloc(struct vmalloc_space *vs, u64 size)
{
	return __vmalloc(vs, size, GFP_KERNEL | __GFP_HIGHMEM, PAGE_KERNEL, CALLER());
}

void *vzalloc(struct vmalloc_space *vs, u64 size)
{
	/* Pages without a linear address could not be zeroed on the way. */
	return __vmalloc(vs, size, GFP_KERNEL | __GFP_ZERO, PAGE_KERNEL, CALLER());
}

static void bad_free(const char *what, const void *addr)
{
	env_log(ENV_ERR, "BUG: %s: %p is not the start of such an area; nothing is freed", what,
		addr);
}

void vfree(struct vmalloc_space *vs, const void *addr)
{
	struct vm_struct *vm;
	struct vmap_area *va;

	if (!addr)
		return;
	va = detach(vs, addr, VM_ALLOC, &vm);
	if (!va) {
		bad_free("vfree", addr);
		return;
	}
	release(vs, va, vm);
	free_vm_pages(vs, vm);
	kfree(vs->slab, vm);
}

/* ---- mapping what exists --------------------------------------------------------------------------------- */

void *vmap(struct vmalloc_space *vs, struct page **pages, u32 nr, u64 prot)
{
	struct vm_struct *vm = get_vm_area(vs, nr * PAGE_SIZE, PAGE_SIZE, VM_MAP, CALLER());

	if (!vm)
		return NULL;
	if (map_pages(vs, (u64)vm->addr, pages, nr, prot)) {
		free_vm_area(vs, vm);
		return NULL;
	}
	return vm->addr;
}

static void unmap_by_addr(struct vmalloc_space *vs, const void *addr, u32 flags, const char *what)
{
	struct vm_struct *vm;
	struct vmap_area *va = detach(vs, addr, flags, &vm);

	if (!va) {
		bad_free(what, addr);
		return;
	}
	release(vs, va, vm);
	kfree(vs->slab, vm);
}

void vunmap(struct vmalloc_space *vs, const void *addr)
{
	if (addr)
		unmap_by_addr(vs, addr, VM_MAP, "vunmap");
}

static void *remap(struct vmalloc_space *vs, phys_t phys, u64 size, u64 prot, u64 caller)
{
	u64 offset = phys & ~PAGE_MASK;
	struct vm_struct *vm;

	if (!size || phys + size < phys)
		return NULL;
	vm = get_vm_area(vs, offset + size, PAGE_SIZE, VM_IOREMAP, caller);
	if (!vm)
		return NULL;
	vm->phys = phys - offset;
	if (map_range(vs, (u64)vm->addr, vm->phys, mapped_size(vm), prot)) {
		free_vm_area(vs, vm);
		return NULL;
	}
	return (u8 *)vm->addr + offset;
}

void *ioremap(struct vmalloc_space *vs, phys_t phys, u64 size)
{
	return remap(vs, phys, size, PAGE_KERNEL_IO, CALLER());
}

void *memremap(struct vmalloc_space *vs, phys_t phys, u64 size)
{
	return remap(vs, phys, size, PAGE_KERNEL, CALLER());
}

void iounmap(struct vmalloc_space *vs, const void *addr)
{
	if (addr)
		unmap_by_addr(vs, (const void *)((u64)addr & PAGE_MASK), VM_IOREMAP, "iounmap");
}

/* ---- asking ------------------------------------------------------------------------------------------------ */

struct vm_struct *find_vm_area(struct vmalloc_space *vs, const void *addr)
{
	u64 irq = spin_lock_irqsave(&vs->lock);
	struct vmap_area *va = find_vmap_area(vs, (u64)addr);
	struct vm_struct *vm = va ? va->vm : NULL;

	spin_unlock_irqrestore(&vs->lock, irq);
	return vm;
}

bool vmalloc_try_caller(struct vmalloc_space *vs, const void *addr, u64 *caller)
{
	u64 irq = env_irq_save();
	bool locked = spin_trylock(&vs->lock);

	if (locked) {
		const struct vmap_area *va = find_vmap_area(vs, (u64)addr);

		*caller = va && va->vm ? va->vm->caller : 0;
		spin_unlock(&vs->lock);
	}
	env_irq_restore(irq);
	return locked;
}

struct page *vmalloc_to_page(struct vmalloc_space *vs, const void *addr)
{
	struct pt_leaf leaf;

	if (!is_vmalloc_addr(vs, addr) || !pgtable_lookup(vs->pt, (u64)addr, &leaf) ||
	    !pfn_online(vs->pg, PFN_DOWN(leaf.pa)))
		return NULL;
	return pfn_to_page(&vs->pg->model, PFN_DOWN(leaf.pa));
}

void vmalloc_for_each (struct vmalloc_space *vs, void (*fn)(void *arg, const struct vm_struct *vm),
		       void *arg)
{
	u64 irq = spin_lock_irqsave(&vs->lock);

	for (struct rb_node *rb = rb_first(&vs->busy_root); rb; rb = rb_next(rb)) {
		const struct vmap_area *va = rb_entry(rb, struct vmap_area, rb);

		if (va->vm)
			fn(arg, va->vm);
	}
	spin_unlock_irqrestore(&vs->lock, irq);
}
