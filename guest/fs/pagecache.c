/* SPDX-License-Identifier: MIT */
/*
 * pagecache.c - see pagecache.h: finding, filling and dropping pages, and reading and writing through
 * them.
 */
#include "guest/fs/pagecache.h"
#include "guest/fs/internal.h"
#include "guest/fs/seals.h"
#include "guest/lib/hash.h"
#include "guest/lib/string.h"

void address_space_init(struct address_space *as, struct inode *host,
			const struct address_space_operations *ops)
{
	memset(as, 0, sizeof(*as));
	as->host = host;
	as->a_ops = ops;
	spin_lock_init(&as->lock);
	xa_init(&as->pages, &host->i_sb->s_vfs->xa_mem);
	init_rwsem(&as->i_mmap_sem);
	INIT_LIST_HEAD(&as->i_mmap);
}

static struct vfs *vfs_of(const struct address_space *as)
{
	return as->host->i_sb->s_vfs;
}

/* ---- the page lock ------------------------------------------------------------------------------------------- */

static wait_queue_head_t *page_queue(struct vfs *vfs, const struct page *page)
{
	return &vfs->page_wait[hash_ptr(page, 4)];
}

void lock_page(struct vfs *vfs, struct page *page)
{
	if (!trylock_page(page))
		wait_event(page_queue(vfs, page), trylock_page(page));
}

void unlock_page_wake(struct vfs *vfs, struct page *page)
{
	unlock_page(page);
	smp_mb();
	if (waitqueue_active(page_queue(vfs, page)))
		wake_up_all(page_queue(vfs, page));
}

/* ---- finding and making ---------------------------------------------------------------------------------------- */

struct page *find_get_page(struct address_space *as, u64 index)
{
	u64 flags = spin_lock_irqsave(&as->lock);
	struct page *page = xa_load(&as->pages, index);

	if (page)
		get_page(page);
	spin_unlock_irqrestore(&as->lock, flags);
	return page;
}

static void count_pages(struct address_space *as, s64 n)
{
	as->nrpages += (u64)n;
	as->host->i_blocks += (u64)(n * (s64)(PAGE_SIZE / 512));
	atomic64_add(n, &vfs_of(as)->nr_shmem);
}

/* Puts a new page in, locked and with a reference for the caller. -EEXIST: somebody was faster. */
static int add_page(struct address_space *as, struct page *page, u64 index)
{
	u64 flags;
	int err = 0;

	__SetPageLocked(page);
	page->mapping = as;
	page->index = index;
	flags = spin_lock_irqsave(&as->lock);
	if (xa_load(&as->pages, index))
		err = -EEXIST;
	else
		err = xa_store(&as->pages, index, page, NULL);
	if (!err) {
		get_page(page);
		count_pages(as, 1);
	}
	spin_unlock_irqrestore(&as->lock, flags);
	if (err) {
		page->mapping = NULL;
		page->index = 0;
		__ClearPageLocked(page);
	}
	return err;
}

/* A page that was not there: quota, memory, contents (zeroes, unless all of it is about to be written and
 * nobody can look before). Locked. */
static int make_page(struct address_space *as, u64 index, bool zero, struct page **out)
{
	const struct address_space_operations *ops = as->a_ops;
	struct vfs *vfs = vfs_of(as);
	int err = ops->charge ? ops->charge(as, 1) : 0;
	struct page *page;

	if (err)
		return err;
	page = alloc_page(vfs->pg, GFP_USER);
	err = -ENOMEM;
	if (page) {
		if (zero)
			memset(page_address(vfs->pg, page), 0, PAGE_SIZE);
		err = add_page(as, page, index);
	}
	if (err) {
		if (page)
			put_page(vfs->pg, page);
		if (ops->uncharge)
			ops->uncharge(as, 1);
		return err;
	}
	if (ops->read_page) {
		err = ops->read_page(as, page); /* unlocks */
		if (err) {
			put_page(vfs->pg, page);
			return err;
		}
		lock_page(vfs, page);
	}
	*out = page;
	return 0;
}

static int get(struct address_space *as, u64 index, bool create, bool locked, bool zero,
	       struct page **out)
{
	struct vfs *vfs = vfs_of(as);
	struct page *page;
	int err;

	for (;;) {
		page = find_get_page(as, index);
		if (page) {
			if (!locked)
				break;
			lock_page(vfs, page);
			if (page->mapping == as)
				break;
			unlock_page_wake(vfs, page);
			put_page(vfs->pg, page);
			continue;
		}
		if (!create && !as->a_ops->read_page)
			break;
		err = make_page(as, index, zero, &page);
		if (err == -EEXIST)
			continue;
		if (err)
			return err;
		if (!locked)
			unlock_page_wake(vfs, page);
		break;
	}
	*out = page;
	return 0;
}

int pagecache_get(struct address_space *as, u64 index, bool create, bool locked, struct page **out)
{
	return get(as, index, create, locked, true, out);
}

/* Somebody writes to the page, or may: it is data from now on. It is locked. */
static void mark_written(struct address_space *as, u64 index)
{
	u64 flags;

	if (likely(!xa_marked(&as->pages, PAGECACHE_UNWRITTEN)))
		return;
	flags = spin_lock_irqsave(&as->lock);
	xa_clear_mark(&as->pages, index, PAGECACHE_UNWRITTEN);
	spin_unlock_irqrestore(&as->lock, flags);
}

int pagecache_allocate(struct address_space *as, u64 index, bool *made)
{
	struct vfs *vfs = vfs_of(as);
	struct page *page = find_get_page(as, index);
	u64 flags;
	int err = 0;

	*made = !page;
	if (!page)
		err = make_page(as, index, true, &page);
	if (err) {
		*made = false;
		return err == -EEXIST ? 0 : err;
	}
	if (*made) {
		flags = spin_lock_irqsave(&as->lock);
		xa_set_mark(&as->pages, index, PAGECACHE_UNWRITTEN);
		spin_unlock_irqrestore(&as->lock, flags);
		unlock_page_wake(vfs, page);
	} else {
		mark_written(as, index); /* asked for twice: as on Linux */
	}
	put_page(vfs->pg, page);
	return 0;
}

int filemap_fault(struct address_space *as, u64 index, struct page **out)
{
	struct vfs *vfs = vfs_of(as);
	struct page *page;
	int err;

	if (index >= PFN_UP((u64)READ_ONCE(as->host->i_size)))
		return -EFAULT;
	err = pagecache_get(as, index, true, true, &page);
	if (err)
		return err;
	if (index >= PFN_UP((u64)READ_ONCE(as->host->i_size))) {
		unlock_page_wake(vfs, page);
		put_page(vfs->pg, page);
		return -EFAULT;
	}
	mark_written(as, index);
	*out = page;
	return 0;
}

static struct page *next_page(struct address_space *as, u64 *index, u64 last)
{
	u64 flags = spin_lock_irqsave(&as->lock);
	struct page *page = xa_find(&as->pages, index, last);

	if (page)
		get_page(page);
	spin_unlock_irqrestore(&as->lock, flags);
	return page;
}

void filemap_ready(struct address_space *as, u64 first, unsigned n, struct page **pages)
{
	struct vfs *vfs = vfs_of(as);
	u64 flags = spin_lock_irqsave(&as->lock), end;
	bool holes = xa_marked(&as->pages, PAGECACHE_UNWRITTEN);

	xa_load_range(&as->pages, first, n, (void **)pages);
	for (unsigned i = 0; i < n; i++) {
		if (!pages[i])
			continue;
		if ((holes && xa_get_mark(&as->pages, first + i, PAGECACHE_UNWRITTEN)) ||
		    !trylock_page(pages[i]))
			pages[i] = NULL;
		else
			get_page(pages[i]);
	}
	spin_unlock_irqrestore(&as->lock, flags);
	/* Under the pages' locks: see filemap_fault(). */
	end = PFN_UP((u64)READ_ONCE(as->host->i_size));
	for (unsigned i = end > first ? (unsigned)MIN(end - first, n) : 0; i < n; i++) {
		if (!pages[i])
			continue;
		unlock_page_wake(vfs, pages[i]);
		put_page(vfs->pg, pages[i]);
		pages[i] = NULL;
	}
}

/* ---- dropping ----------------------------------------------------------------------------------------------------- */

/* Takes a locked page out; the cache's reference is the caller's. */
static void remove_page(struct address_space *as, struct page *page)
{
	u64 flags = spin_lock_irqsave(&as->lock);

	xa_erase(&as->pages, page->index);
	count_pages(as, -1);
	page->mapping = NULL;
	page->index = 0;
	spin_unlock_irqrestore(&as->lock, flags);
	if (as->a_ops->uncharge)
		as->a_ops->uncharge(as, 1);
}

void truncate_pages(struct address_space *as, u64 first, u64 last)
{
	struct vfs *vfs = vfs_of(as);
	struct page *page;
	u64 index = first;

	if (!as->nrpages)
		return;
	if (vfs->env->unmap_mapping)
		vfs->env->unmap_mapping(as, first, last);
	while ((page = next_page(as, &index, last))) {
		lock_page(vfs, page);
		if (page->mapping == as) {
			/* A fault may have come between unmapping and the lock. */
			if (vfs->env->unmap_mapping && atomic_read(&page->_mapcount) >= 0)
				vfs->env->unmap_mapping(as, index, index);
			remove_page(as, page);
			__ClearPageDirty(page);
			unlock_page_wake(vfs, page);
			put_page(vfs->pg, page);
		} else {
			unlock_page_wake(vfs, page);
		}
		put_page(vfs->pg, page);
		if (index++ == last)
			break;
	}
}

void pagecache_drop_unwritten(struct address_space *as, u64 first, u64 last)
{
	for (u64 index = first; index <= last; index++) {
		u64 flags = spin_lock_irqsave(&as->lock);
		bool any = xa_find_marked(&as->pages, &index, last, PAGECACHE_UNWRITTEN);

		spin_unlock_irqrestore(&as->lock, flags);
		if (!any)
			break;
		truncate_pages(as, index, index);
	}
}

/* Zeroes bytes [from, to) of one page, if it is there. */
static void zero_part(struct address_space *as, u64 index, unsigned from, unsigned to)
{
	struct vfs *vfs = vfs_of(as);
	struct page *page = find_get_page(as, index);

	if (!page)
		return;
	lock_page(vfs, page);
	if (page->mapping == as)
		memset((u8 *)page_address(vfs->pg, page) + from, 0, to - from);
	unlock_page_wake(vfs, page);
	put_page(vfs->pg, page);
}

void pagecache_zero_range(struct address_space *as, s64 start, s64 end)
{
	u64 first = PFN_DOWN((u64)start), last = PFN_DOWN((u64)end);

	if (first == last) {
		zero_part(as, first, start % PAGE_SIZE, end % PAGE_SIZE);
		return;
	}
	if (start % PAGE_SIZE)
		zero_part(as, first++, start % PAGE_SIZE, PAGE_SIZE);
	if (end % PAGE_SIZE)
		zero_part(as, last, 0, end % PAGE_SIZE);
	if (first < last)
		truncate_pages(as, first, last - 1);
}

void truncate_setsize(struct inode *inode, s64 size)
{
	s64 old = inode->i_size;

	WRITE_ONCE(inode->i_size, size);
	/* The same size again takes away what fallocate(2) put behind it. */
	if (size > old || !inode->i_mapping)
		return;
	if (size % PAGE_SIZE)
		zero_part(inode->i_mapping, PFN_DOWN((u64)size), size % PAGE_SIZE, PAGE_SIZE);
	truncate_pages(inode->i_mapping, PFN_UP((u64)size), ~0ULL);
}

/* ---- reading and writing --------------------------------------------------------------------------------------------- */

s64 generic_file_read_iter(struct kiocb *io, struct iov_iter *to)
{
	struct inode *inode = io->filp->f_inode;
	struct address_space *as = inode->i_mapping;
	struct vfs *vfs = vfs_of(as);
	s64 done = 0;
	int err = 0;

	while (iov_iter_count(to)) {
		s64 size = READ_ONCE(inode->i_size);
		unsigned off = io->pos % PAGE_SIZE;
		struct page *page;
		size_t n, moved;

		if (io->pos >= size)
			break;
		n = MIN((size_t)(size - io->pos), (size_t)(PAGE_SIZE - off));
		n = MIN(n, iov_iter_count(to));
		err = pagecache_get(as, PFN_DOWN((u64)io->pos), false, false, &page);
		if (err)
			break;
		if (page) {
			moved = copy_to_iter((u8 *)page_address(vfs->pg, page) + off, n, to);
			put_page(vfs->pg, page);
		} else {
			moved = iov_iter_zero(n, to);
		}
		io->pos += (s64)moved;
		done += (s64)moved;
		if (moved < n) {
			err = -EFAULT;
			break;
		}
	}
	file_accessed(io->filp);
	return done ? done : err;
}

s64 generic_write_checks(struct kiocb *io, struct iov_iter *from)
{
	struct inode *inode = io->filp->f_inode;
	u64 limit = io->task->rlimit[RLIMIT_FSIZE];
	s64 max = inode->i_sb->s_maxbytes;

	if (!iov_iter_count(from))
		return 0;
	if (io->flags & IOCB_APPEND)
		io->pos = inode->i_size;
	if (limit != RLIM_INFINITY) {
		if ((u64)io->pos >= limit) {
			io->task->vfs->env->send_sig(io->task, SIGXFSZ);
			return -EFBIG;
		}
		iov_iter_truncate(from, limit - (u64)io->pos);
	}
	if (io->pos >= max)
		return -EFBIG;
	iov_iter_truncate(from, (u64)(max - io->pos));
	return (s64)iov_iter_count(from);
}

/*
 * One page's part. The copy may fault, and the fault may need this very page (a file written from its
 * own mapping), so user memory is copied to a bounce page first, without the page lock.
 */
static s64 write_part(struct kiocb *io, struct iov_iter *from, u8 *bounce)
{
	struct inode *inode = io->filp->f_inode;
	struct address_space *as = inode->i_mapping;
	struct vfs *vfs = vfs_of(as);
	unsigned off = io->pos % PAGE_SIZE;
	size_t n = MIN((size_t)(PAGE_SIZE - off), iov_iter_count(from)), moved;
	struct page *page;
	int err;

	if (from->ua) {
		n = copy_from_iter(bounce, n, from);
		if (!n)
			return -EFAULT;
	}
	if (seals_forbid_write(inode, io->pos + (s64)n))
		return -EPERM;
	/* Beyond the end nobody reads before the size says so, which is last. */
	err = get(as, PFN_DOWN((u64)io->pos), true, true, n < PAGE_SIZE || io->pos < inode->i_size,
		  &page);
	if (err)
		return err;
	if (from->ua) {
		memcpy((u8 *)page_address(vfs->pg, page) + off, bounce, n);
		moved = n;
	} else {
		moved = copy_from_iter((u8 *)page_address(vfs->pg, page) + off, n, from);
	}
	mark_written(as, PFN_DOWN((u64)io->pos));
	io->pos += (s64)moved;
	if (io->pos > inode->i_size)
		WRITE_ONCE(inode->i_size, io->pos);
	unlock_page_wake(vfs, page);
	put_page(vfs->pg, page);
	return (s64)moved;
}

s64 generic_file_write_iter(struct kiocb *io, struct iov_iter *from)
{
	struct inode *inode = io->filp->f_inode;
	struct vfs *vfs = io->task->vfs;
	u8 *bounce = NULL;
	s64 done = 0, ret;

	down_write(&inode->i_rwsem);
	ret = generic_write_checks(io, from);
	if (ret > 0 && from->ua) {
		bounce = kmalloc(vfs->slab, PAGE_SIZE, GFP_KERNEL);
		if (!bounce)
			ret = -ENOMEM;
	}
	if (ret > 0)
		ret = file_modified(io->task, io->filp) ?: ret;
	if (ret > 0) {
		while (iov_iter_count(from)) {
			ret = write_part(io, from, bounce);
			if (ret <= 0)
				break;
			done += ret;
		}
	}
	up_write(&inode->i_rwsem);
	kfree(vfs->slab, bounce);
	return done ? done : ret;
}

/* The first page from *index on that is data. lock held. */
static bool next_data(struct address_space *as, u64 *index, u64 last)
{
	for (; xa_find(&as->pages, index, last); ++*index) {
		if (!xa_get_mark(&as->pages, *index, PAGECACHE_UNWRITTEN))
			return true;
		if (*index == last)
			break;
	}
	return false;
}

/* The first page from *index on that is not. lock held. */
static bool next_hole(struct address_space *as, u64 *index, u64 last)
{
	u64 gap = last, unwritten = *index;
	bool found = xa_find_gap(&as->pages, *index, last, &gap);

	if (xa_find_marked(&as->pages, &unwritten, gap, PAGECACHE_UNWRITTEN)) {
		gap = unwritten;
		found = true;
	}
	*index = gap;
	return found;
}

s64 pagecache_seek(struct file *f, s64 offset, int whence)
{
	struct inode *inode = f->f_inode;
	struct address_space *as = inode->i_mapping;
	s64 size = inode->i_size;
	u64 index = PFN_DOWN((u64)offset), last = PFN_DOWN((u64)size - 1), flags;
	bool found;

	if (offset < 0 || offset >= size)
		return -ENXIO;
	flags = spin_lock_irqsave(&as->lock);
	found = whence == SEEK_DATA ? next_data(as, &index, last) : next_hole(as, &index, last);
	spin_unlock_irqrestore(&as->lock, flags);
	if (!found)
		return whence == SEEK_DATA ? -ENXIO : size;
	return MAX(offset, (s64)PFN_PHYS(index));
}

const char *pagecache_check(struct address_space *as)
{
	const char *broken = xa_check(&as->pages);
	struct page *page;
	u64 index;

	if (broken)
		return broken;
	if (as->pages.count != as->nrpages)
		return "A1: nrpages is not the number of pages";
	xa_for_each (&as->pages, index, page) {
		if (page->mapping != as || page->index != index)
			return "A2: a page does not know where it is";
		if (page_ref_count(page) < 1)
			return "A3: a page of the cache is not held";
	}
	return NULL;
}
