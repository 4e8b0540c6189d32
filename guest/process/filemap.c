/* SPDX-License-Identifier: MIT */
/* filemap.c - see filemap.h. */
#include "guest/process/filemap.h"
#include "guest/fs/calls.h"
#include "guest/fs/memfs.h"
#include "guest/fs/pagecache.h"
#include "guest/fs/seals.h"
#include "guest/lib/string.h"
#include "guest/mm/rmap.h"
#include "guest/mm/zap.h"
#include "guest/process/internal.h"

static void filemap_open(struct vm_area_struct *vma)
{
	struct address_space *as = vma->vm_mapping;

	get_file(vma->vm_file);
	down_write(&as->i_mmap_sem);
	list_add_tail(&vma->mapping_node, &as->i_mmap);
	if ((vma->vm_flags & (VM_SHARED | VM_MAYWRITE)) == (VM_SHARED | VM_MAYWRITE))
		as->i_mmap_writable++;
	up_write(&as->i_mmap_sem);
}

static void filemap_close(struct vm_area_struct *vma)
{
	struct address_space *as = vma->vm_mapping;

	down_write(&as->i_mmap_sem);
	list_del(&vma->mapping_node);
	if ((vma->vm_flags & (VM_SHARED | VM_MAYWRITE)) == (VM_SHARED | VM_MAYWRITE))
		as->i_mmap_writable--;
	up_write(&as->i_mmap_sem);
	fput(vma->vm_file);
}

static unsigned filemap_vm_fault(struct vm_fault *vmf)
{
	int err = filemap_fault(vmf->vma->vm_mapping, vmf->pgoff, &vmf->page);

	if (!err)
		return VM_FAULT_LOCKED;
	return err == -ENOMEM ? VM_FAULT_OOM : VM_FAULT_SIGBUS;
}

static void filemap_neighbours(struct vm_area_struct *vma, u64 pgoff, unsigned n,
			       struct page **pages)
{
	filemap_ready(vma->vm_mapping, pgoff, n, pages);
}

static void filemap_done(struct vm_fault *vmf, struct page *page)
{
	(void)vmf;
	unlock_page_wake(&kernel_vfs, page);
}

static unsigned filemap_mkwrite(struct vm_fault *vmf)
{
	SetPageDirty(vmf->page);
	return 0;
}

const struct vm_operations_struct filemap_vm_ops = {
	.open = filemap_open,
	.close = filemap_close,
	.fault = filemap_vm_fault,
	.neighbours = filemap_neighbours,
	.fault_done = filemap_done,
	.page_mkwrite = filemap_mkwrite,
};

static int check_modes(const struct file *f, struct mmap_request *req)
{
	bool shared = req->vm_flags & VM_SHARED;

	if (!(f->f_mode & FMODE_READ))
		return -EACCES;
	if (shared && (req->vm_flags & VM_WRITE) && !(f->f_mode & FMODE_WRITE))
		return -EACCES;
	if (shared && !(f->f_mode & FMODE_WRITE))
		req->vm_flags &= ~(u64)VM_MAYWRITE;
	return 0;
}

static int heed_seals(struct inode *inode, struct mmap_request *req)
{
	bool may_write = req->vm_flags & VM_MAYWRITE;
	int err = seals_map_shared(inode, req->vm_flags & VM_WRITE, &may_write, &req->pledged);

	if (!may_write)
		req->vm_flags &= ~(u64)VM_MAYWRITE;
	return err;
}

int filemap_prepare(struct file *f, struct mmap_request *req)
{
	struct vm_area_struct like = { .vm_flags = req->vm_flags,
				       .vm_pgoff = req->pgoff,
				       .vm_end = req->len };
	int err = check_modes(f, req);

	if (err)
		return err;
	req->file = f;
	if (f->f_op && f->f_op->mmap) {
		like.vm_flags = req->vm_flags;
		err = f->f_op->mmap(f, &like);
		if (err)
			return err;
		/* It may have made it something else: /dev/zero becomes anonymous memory. */
		req->vm_flags = like.vm_flags;
		req->pgoff = like.vm_pgoff;
		req->ops = like.vm_ops;
		req->mapping = like.vm_mapping;
		if (!req->ops)
			req->file = NULL;
		return 0;
	}
	if (!f->f_inode->i_mapping || !S_ISREG(f->f_inode->i_mode))
		return -ENODEV;
	req->ops = &filemap_vm_ops;
	req->mapping = f->f_inode->i_mapping;
	return req->vm_flags & VM_SHARED ? heed_seals(f->f_inode, req) : 0;
}

void filemap_mapped(struct file *f, const struct mmap_request *req)
{
	if (req->pledged)
		seals_mapped(f->f_inode);
}

int shmem_prepare(struct vfs_task *t, struct mmap_request *req, struct file **out)
{
	int err = shmem_file_setup(t, "dev/zero", (s64)req->len, O_RDWR, out);

	if (err)
		return err;
	req->ops = &filemap_vm_ops;
	req->file = *out;
	req->mapping = (*out)->f_inode->i_mapping;
	req->pgoff = 0;
	return 0;
}

void exe_file_get(void *f)
{
	deny_write_access(get_file(f));
}

void exe_file_put(void *f)
{
	allow_write_access(f);
	fput(f);
}

void filemap_lock(struct address_space *as, bool lock)
{
	if (lock)
		down_write(&as->i_mmap_sem);
	else
		up_write(&as->i_mmap_sem);
}

void filemap_unmap(struct address_space *as, u64 first, u64 last)
{
	struct vm_area_struct *vma;

	/* Areas keep their ends while this is held: see mm_system.lock_mapping. */
	down_read(&as->i_mmap_sem);
	list_for_each_entry (vma, &as->i_mmap, mapping_node) {
		u64 end = vma->vm_pgoff + vma_pages(vma);
		u64 from = MAX(first, vma->vm_pgoff);
		u64 to = last >= end ? end : last + 1;

		if (from >= to)
			continue;
		zap_range(vma, vma->vm_start + ((from - vma->vm_pgoff) << PAGE_SHIFT),
			  vma->vm_start + ((to - vma->vm_pgoff) << PAGE_SHIFT));
	}
	up_read(&as->i_mmap_sem);
}

static int may_remove(const struct vm_area_struct *vma)
{
	if ((vma->vm_flags & (VM_LOCKED | VM_PFNMAP)) || !vma->vm_file)
		return -EINVAL;
	return (vma->vm_flags & (VM_SHARED | VM_WRITE)) == (VM_SHARED | VM_WRITE) ? 0 : -EACCES;
}

int filemap_remove(struct vfs_task *t, struct mm_struct *mm, u64 addr, u64 len)
{
	u64 end = addr + len;
	int err = 0, hole = 0;

	while (addr < end && !err) {
		const struct vm_area_struct *vma;
		struct file *f = NULL;
		u64 stop = end, pos = 0;

		down_read(&mm->mmap_lock);
		vma = find_vma(mm, addr);
		if (!vma || vma->vm_start >= end) {
			hole = -ENOMEM;
		} else {
			if (vma->vm_start > addr)
				hole = -ENOMEM;
			addr = MAX(addr, vma->vm_start);
			stop = MIN(end, vma->vm_end);
			pos = linear_page_index(vma, addr) << PAGE_SHIFT;
			err = may_remove(vma);
			if (!err)
				f = get_file(vma->vm_file);
		}
		up_read(&mm->mmap_lock);
		if (f) {
			err = vfs_fallocate(t, f, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
					    (s64)pos, (s64)(stop - addr));
			fput(f);
		}
		addr = stop;
	}
	return err ? err : hole;
}
