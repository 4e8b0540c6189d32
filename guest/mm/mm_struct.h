/* SPDX-License-Identifier: MIT */
/*
 * mm_struct.h - an address space: what a process may touch (areas) and what is there (page tables).
 *
 * Locking, outermost first: mmap_lock (readers fault, writers change the areas), the anon_vma's root
 * lock, page_table_lock (each change of an entry). Tables are freed with mmap_lock held for writing,
 * so a fault may walk them without more.
 */
#ifndef GUEST_MM_MM_STRUCT_H
#define GUEST_MM_MM_STRUCT_H

#include "guest/lib/list.h"
#include "guest/lib/rbtree.h"
#include "guest/locking/rwsem.h"
#include "guest/mm/page_alloc.h"
#include "guest/mm/slab.h"

struct address_space;
struct anon_vma;
struct mm_struct;
struct vm_area_struct;
struct vm_fault;

/* What an area allows and is; Linux's values, which /proc/PID/smaps shows by two letters each. */
enum vm_flags {
	VM_READ = 0x1,
	VM_WRITE = 0x2,
	VM_EXEC = 0x4,
	VM_SHARED = 0x8,
	VM_MAYREAD = 0x10, /* mprotect() may grant it */
	VM_MAYWRITE = 0x20,
	VM_MAYEXEC = 0x40,
	VM_MAYSHARE = 0x80,
	VM_GROWSDOWN = 0x100,
	VM_PFNMAP = 0x400, /* frames without struct page in mind: never copied, counted or freed */
	VM_LOCKED = 0x2000,
	VM_IO = 0x4000,
	VM_SEQ_READ = 0x8000,
	VM_RAND_READ = 0x10000,
	VM_DONTCOPY = 0x20000,
	VM_DONTEXPAND = 0x40000,
	VM_ACCOUNT = 0x100000,
	VM_NORESERVE = 0x200000,
	VM_WIPEONFORK = 0x2000000, /* a child finds zeroes */
	VM_DONTDUMP = 0x4000000,
};
#define VM_ACCESS_FLAGS (VM_READ | VM_WRITE | VM_EXEC)
/* Shared file areas were once private in spirit: a page written here belongs to this process alone. */
#define vm_is_cow(flags) (((flags) & (VM_SHARED | VM_MAYWRITE)) == VM_MAYWRITE)

struct vm_operations_struct {
	void (*open)(struct vm_area_struct *vma);  /* one more area like it */
	void (*close)(struct vm_area_struct *vma); /* gone */
	/* Puts the page at vmf->pgoff into vmf->page with a reference, or maps something itself and
	 * leaves it NULL (VM_PFNMAP). 0 or enum vm_fault_result bits. May sleep. */
	unsigned (*fault)(struct vm_fault *vmf);
	/* Which of n pages from pgoff on can be mapped without waiting, beside one that is: each as fault()
	 * leaves it with VM_FAULT_LOCKED; NULL: not. All have one mm_counter_of(). May be NULL. */
	void (*neighbours)(struct vm_area_struct *vma, u64 pgoff, unsigned n, struct page **pages);
	/* The page is mapped, or not: undoes what fault() did beyond the reference (VM_FAULT_LOCKED). */
	void (*fault_done)(struct vm_fault *vmf, struct page *page);
	/* The page of a shared area is about to become writable. As fault(). NULL: nothing to do. */
	unsigned (*page_mkwrite)(struct vm_fault *vmf);
	const char *(*name)(const struct vm_area_struct *vma); /* "[vdso]", ...; may be NULL */
};

struct vm_area_struct {
	struct rb_node node;
	struct list_head link; /* all areas by address */
	u64 vm_start, vm_end;  /* [start, end), whole pages */
	u64 gap;	       /* free bytes between the area before and this one */
	u64 max_gap;	       /* the largest gap of the subtree */
	u64 vm_flags;
	u64 vm_pgoff; /* of the first page, in pages: of the file; anonymous: of where it began */
	struct mm_struct *vm_mm;
	const struct vm_operations_struct *vm_ops; /* NULL: anonymous */
	void *vm_file;				   /* the owner of vm_ops knows what it is */
	struct address_space *vm_mapping;
	struct list_head mapping_node; /* the mapping's list of areas: its keeper's */
	struct anon_vma *anon_vma;     /* where new private pages of this area belong */
	struct list_head anon_vma_chain;
};

enum mm_counter { MM_FILEPAGES, MM_ANONPAGES, MM_SWAPENTS, MM_SHMEMPAGES, NR_MM_COUNTERS };

/* Bytes; UINT64_MAX: unlimited. Set by whoever keeps the process's rlimits. */
struct mm_limits {
	u64 as, data, stack, memlock;
};

/* What all address spaces have in common. */
struct mm_system {
	struct pgalloc *pg;
	struct kmem_cache *mm_cache, *vma_cache, *anon_vma_cache, *avc_cache;
	struct page *zero_page; /* what reading untouched anonymous memory shows */
	unsigned levels;	/* of page tables: 4 or 5 */
	bool has_nx;
	u64 task_size;	   /* the first address that is not user space */
	u64 mmap_min_addr; /* nothing is mapped below */
	phys_t kernel_pgd; /* its upper half is everybody's; 0: none */
	/* Forgets translations of [start, end) of that mm wherever it runs. NULL: no TLB. */
	void (*flush_tlb)(struct mm_struct *mm, u64 start, u64 end);
	/* Keeps others from looking for areas by their file while their ends or entries move. NULL:
	 * nobody does. May sleep. */
	void (*lock_mapping)(struct address_space *as, bool lock);
	/* One more, one less address space whose exe_file it is. NULL: there are none. May sleep. */
	void (*exe_get)(void *file), (*exe_put)(void *file);
};

enum { MM_AUXV_WORDS = 2 * 20 };

struct mm_struct {
	struct mm_system *sys;
	phys_t pgd;
	struct rb_root areas;
	struct list_head area_list;
	unsigned map_count;
	struct rw_semaphore mmap_lock;
	spinlock_t page_table_lock;
	atomic_t mm_users; /* tasks in it: the last one empties it */
	atomic_t mm_count; /* and others who look at it: the last one frees it */
	u64 mmap_base;	   /* areas are placed downwards from here */
	u64 start_code, end_code, start_data, end_data;
	u64 start_brk, brk, start_stack;
	u64 arg_start, arg_end, env_start, env_end;
	u64 auxv[MM_AUXV_WORDS]; /* as exec wrote it on the stack: pairs, the last of type 0 */
	u64 total_vm, data_vm, exec_vm, stack_vm, locked_vm; /* pages */
	u64 def_flags; /* VM_LOCKED after mlockall(MCL_FUTURE) */
	atomic64_t rss[NR_MM_COUNTERS];
	u64 hiwater_rss, hiwater_vm;
	atomic64_t nr_tables;
	struct mm_limits limits;
	u64 cpu_mask[4]; /* CPUs that may hold translations of it */
	void *exe_file;	 /* its program, which nobody may write to meanwhile; NULL: none */
};

#define MM_MAX_AREAS 65530 /* vm.max_map_count */

/* Sets up the caches and the zero page; the fields above them are filled in. 0 or -ENOMEM. */
int mm_system_init(struct mm_system *sys, struct slab_sys *slab);
/* -EBUSY while an address space exists. */
int mm_system_destroy(struct mm_system *sys);

/* An empty address space with one user; NULL without memory. */
struct mm_struct *mm_alloc(struct mm_system *sys);
static inline void mmget(struct mm_struct *mm)
{
	atomic_inc(&mm->mm_users);
}
/* The last user unmaps everything. May sleep. */
void mmput(struct mm_struct *mm);
static inline void mmgrab(struct mm_struct *mm)
{
	atomic_inc(&mm->mm_count);
}
void mmdrop(struct mm_struct *mm);

/* fork(): a copy that shares every private page until one of both writes. NULL without memory. */
struct mm_struct *mm_dup(struct mm_struct *old);

/* ---- areas; mmap_lock held ------------------------------------------------------------------- */

/* The first area that ends above addr (it may begin above it too), or NULL. */
struct vm_area_struct *find_vma(const struct mm_struct *mm, u64 addr);
struct vm_area_struct *vma_next(const struct vm_area_struct *vma);
struct vm_area_struct *vma_prev(const struct vm_area_struct *vma);

static inline u64 vma_pages(const struct vm_area_struct *vma)
{
	return (vma->vm_end - vma->vm_start) >> PAGE_SHIFT;
}

/* The offset, in pages, that belongs to an address of the area. */
static inline u64 linear_page_index(const struct vm_area_struct *vma, u64 addr)
{
	return vma->vm_pgoff + ((addr - vma->vm_start) >> PAGE_SHIFT);
}

#define for_each_vma(mm, vma) list_for_each_entry (vma, &(mm)->area_list, link)

/* ---- the calls: -errno in the form of Linux's system calls; they take mmap_lock --------------- */

enum {
	MAP_SHARED = 0x1,
	MAP_PRIVATE = 0x2,
	MAP_FIXED = 0x10,
	MAP_ANONYMOUS = 0x20,
	MAP_32BIT = 0x40, /* in the second GiB of the address space, where there is room */
	MAP_GROWSDOWN = 0x100,
	MAP_LOCKED = 0x2000,
	MAP_NORESERVE = 0x4000,
	MAP_POPULATE = 0x8000,
	MAP_FIXED_NOREPLACE = 0x100000,
};

struct mmap_request {
	u64 addr, len;
	u64 vm_flags; /* VM_ACCESS_FLAGS, VM_MAY*, VM_SHARED ... */
	u64 pgoff;
	unsigned flags;				/* MAP_FIXED, _FIXED_NOREPLACE, _POPULATE, _32BIT */
	bool low;				/* also below mmap_min_addr, by MAP_FIXED */
	bool pledged;				/* the file's keeper has something to undo */
	const struct vm_operations_struct *ops; /* NULL: anonymous and private */
	void *file;				/* ops->open() is called for the new area */
	struct address_space *mapping;
};

/* The address, or -errno (as an s64 below 0): EINVAL, ENOMEM, EEXIST, EAGAIN. */
s64 mm_mmap(struct mm_struct *mm, const struct mmap_request *req);
int mm_munmap(struct mm_struct *mm, u64 addr, u64 len);
int mm_mprotect(struct mm_struct *mm, u64 addr, u64 len, u64 access);
enum { MREMAP_MAYMOVE = 1, MREMAP_FIXED = 2, MREMAP_DONTUNMAP = 4 };
#define MREMAP_LOW (1u << 31) /* not a user's: also below mmap_min_addr */
s64 mm_mremap(struct mm_struct *mm, u64 addr, u64 old_len, u64 new_len, unsigned flags,
	      u64 new_addr);
/* The new break, or the old one where it cannot be moved. */
u64 mm_brk(struct mm_struct *mm, u64 brk);
int mm_madvise(struct mm_struct *mm, u64 addr, u64 len, int advice);
int mm_mlock(struct mm_struct *mm, u64 addr, u64 len, bool lock);
int mm_mincore(struct mm_struct *mm, u64 addr, u64 len, u8 *vec);

/* ---- faults ------------------------------------------------------------------------------------ */

enum fault_flags { FAULT_WRITE = 1, FAULT_EXEC = 2 }; /* neither: read */

enum vm_fault_result {
	VM_FAULT_OOM = 1,
	VM_FAULT_SIGBUS = 2,  /* beyond the end of the file */
	VM_FAULT_MAPERR = 4,  /* nothing there */
	VM_FAULT_ACCERR = 8,  /* not that way */
	VM_FAULT_MAJOR = 16,  /* had to be read from somewhere; not an error */
	VM_FAULT_LOCKED = 32, /* fault_done() is to be called */
};
#define VM_FAULT_ERROR (VM_FAULT_OOM | VM_FAULT_SIGBUS | VM_FAULT_MAPERR | VM_FAULT_ACCERR)

struct vm_fault {
	struct vm_area_struct *vma;
	u64 address; /* page aligned */
	u64 pgoff;
	unsigned flags; /* enum fault_flags */
	struct page *page;
};

/* Brings in or copies the page at addr so that the access can be repeated. Takes mmap_lock for
 * reading. May sleep. */
unsigned handle_mm_fault(struct mm_struct *mm, u64 addr, unsigned flags);

/* Maps a frame of a VM_PFNMAP area, for ops->fault(). 0 or VM_FAULT_OOM. */
unsigned vmf_insert_pfn(struct vm_fault *vmf, pfn_t pfn, u64 cache_bits);

/* Copies between kernel memory and any address space through the linear map, by its areas' rights;
 * how many bytes were copied. force (a debugger's right): the area's MAY bits count instead. */
u64 mm_access(struct mm_struct *mm, u64 addr, void *buf, u64 len, bool write, bool force);

/* The page behind addr with a reference, faulted in; NULL where the access is not allowed. */
struct page *mm_get_page(struct mm_struct *mm, u64 addr, unsigned flags);

/* All pages of [start, end) that may be. For MAP_POPULATE and mlock(). */
int mm_populate(struct mm_struct *mm, u64 start, u64 end);

static inline u64 mm_rss(const struct mm_struct *mm)
{
	return (u64)(atomic64_read(&mm->rss[MM_FILEPAGES]) + atomic64_read(&mm->rss[MM_ANONPAGES]) +
		     atomic64_read(&mm->rss[MM_SHMEMPAGES]));
}

/* NULL, or the broken invariant. O(pages); nobody changes the mm meanwhile. */
const char *mm_check(struct mm_struct *mm);

#endif
