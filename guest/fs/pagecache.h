/* SPDX-License-Identifier: MIT */
/*
 * pagecache.h - the pages of a file in memory: struct address_space, an array of struct page by page
 * index.
 *
 * A page in it has page->mapping and page->index set and one reference of the cache. Who maps a page
 * takes its own reference and counts in page->_mapcount. PG_locked guards contents that are being
 * filled and the page's membership: whoever holds it knows that page->mapping stays. A page that is
 * not there is zeroes (a hole) in a file system that lives in memory.
 * Order: i_rwsem -> page lock -> mapping->lock.
 */
#ifndef GUEST_FS_PAGECACHE_H
#define GUEST_FS_PAGECACHE_H

#include "guest/fs/vfs.h"

#define PAGECACHE_DIRTY XA_MARK_0
/* Made by fallocate(2) and not written since: a page that still counts as a hole. */
#define PAGECACHE_UNWRITTEN XA_MARK_1

struct address_space_operations {
	/* Fills a locked page that is new; unlocks it. NULL: zeroes. */
	int (*read_page)(struct address_space *as, struct page *page);
	/* May a page be added / one has gone: quotas. No page lock is held; optional. */
	int (*charge)(struct address_space *as, u64 pages);
	void (*uncharge)(struct address_space *as, u64 pages);
};

struct address_space {
	struct inode *host;
	const struct address_space_operations *a_ops;
	spinlock_t lock;
	struct xarray pages; /* lock */
	u64 nrpages;	     /* lock */
	/* Who maps it; the address-space code keeps them. */
	struct rw_semaphore i_mmap_sem;
	struct list_head i_mmap; /* areas that map it; i_mmap_sem */
	u32 i_mmap_writable;	 /* shared writable mappings; i_mmap_sem */
};

void address_space_init(struct address_space *as, struct inode *host,
			const struct address_space_operations *ops);

/* With a reference, or NULL: not there. Any context. */
struct page *find_get_page(struct address_space *as, u64 index);

/*
 * The page, made if it is not there (zeroed), with a reference: what a fault on a file mapping asks
 * for. locked: with PG_locked; then page->mapping == as is certain. -ENOMEM, -ENOSPC (quota),
 * -EIO. `create` false and a hole: *out NULL and 0.
 */
int pagecache_get(struct address_space *as, u64 index, bool create, bool locked, struct page **out);

/* Makes a page that is not there, as PAGECACHE_UNWRITTEN; *made: whether. -ENOMEM, -ENOSPC. */
int pagecache_allocate(struct address_space *as, u64 index, bool *made);
/* Takes such pages away again. i_rwsem held. */
void pagecache_drop_unwritten(struct address_space *as, u64 first, u64 last);

/*
 * A fault of a process at page `index`: as above, but -EFAULT when the file ends before it (SIGBUS).
 * The page comes locked, and i_size is checked under the lock, so that a truncation either sees the
 * mapping made before unlocking or makes the fault fail.
 */
int filemap_fault(struct address_space *as, u64 index, struct page **out);

/*
 * Those of the n pages from index `first` that can be had at once, each locked and with a reference, i_size
 * checked; NULL for the others. Pages that still count as holes are left out. Never sleeps.
 */
void filemap_ready(struct address_space *as, u64 first, unsigned n, struct page **pages);

void lock_page(struct vfs *vfs, struct page *page); /* sleeps */
void unlock_page_wake(struct vfs *vfs, struct page *page);

/* Drops every page from first on, whole ones only; unmaps them. i_rwsem held. */
void truncate_pages(struct address_space *as, u64 first, u64 last);
/* i_size becomes size: pages beyond go, the rest of the last one is zeroed. i_rwsem held. */
/* Bytes [start, end) become zeroes, whole pages of them holes. i_rwsem held. */
void pagecache_zero_range(struct address_space *as, s64 start, s64 end);
void truncate_setsize(struct inode *inode, s64 size);

/* read_iter / write_iter of files whose contents are their page cache. */
s64 generic_file_read_iter(struct kiocb *io, struct iov_iter *to);
s64 generic_file_write_iter(struct kiocb *io, struct iov_iter *from);
/* The checks before a write: limits, O_APPEND; bytes to write, 0 or -errno. i_rwsem held. */
s64 generic_write_checks(struct kiocb *io, struct iov_iter *from);
/* SEEK_DATA and SEEK_HOLE over what is there. */
s64 pagecache_seek(struct file *f, s64 offset, int whence);

const char *pagecache_check(struct address_space *as);

#endif
