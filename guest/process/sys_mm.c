/* SPDX-License-Identifier: MIT */
/* sys_mm.c - system calls about the address space. */
#include "guest/process/filemap.h"
#include "guest/process/sys_util.h"

enum {
	PROT_READ = 1,
	PROT_WRITE = 2,
	PROT_EXEC = 4,
	PROT_GROWSDOWN = 0x01000000,
	PROT_GROWSUP = 0x02000000
};
enum { MAP_TYPE = 0xf, MAP_SHARED_VALIDATE = 3, MAP_STACK = 0x20000, MAP_DENYWRITE = 0x800 };

static struct mm_struct *mm(void)
{
	return current_uthread()->mm;
}

static u64 prot_to_vm(u64 prot)
{
	return (prot & PROT_READ ? VM_READ : 0) | (prot & PROT_WRITE ? VM_WRITE : 0) |
	       (prot & PROT_EXEC ? VM_EXEC : 0);
}

static s64 map_file(struct mmap_request *req, int fd)
{
	struct fd file = fdget(vt(), fd);
	s64 ret;

	if (!file.file)
		return -EBADF;
	ret = filemap_prepare(file.file, req);
	if (!ret) {
		ret = mm_mmap(mm(), req);
		filemap_mapped(file.file, req);
	}
	fdput(file);
	return ret;
}

static s64 map_shared_memory(struct mmap_request *req)
{
	struct file *file;
	s64 ret = shmem_prepare(vt(), req, &file);

	if (ret)
		return ret;
	ret = mm_mmap(mm(), req);
	fput(file);
	return ret;
}

SYS(mmap)
{
	u64 type = d & MAP_TYPE;
	struct mmap_request req = {
		.addr = a,
		.len = b,
		.vm_flags = prot_to_vm(c) | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC,
		.pgoff = f >> PAGE_SHIFT,
		.flags = (unsigned)d,
		.low = vfs_capable(vt(), CAP_SYS_RAWIO),
	};

	if (f & (PAGE_SIZE - 1))
		return -EINVAL;
	if (type != MAP_SHARED && type != MAP_PRIVATE && type != MAP_SHARED_VALIDATE)
		return -EINVAL;
	if (type != MAP_PRIVATE)
		req.vm_flags |= VM_SHARED | VM_MAYSHARE;
	if (d & MAP_GROWSDOWN)
		req.vm_flags |= VM_GROWSDOWN;
	if (d & MAP_LOCKED)
		req.vm_flags |= VM_LOCKED;
	if (d & MAP_NORESERVE)
		req.vm_flags |= VM_NORESERVE;
	if (!b)
		return -EINVAL;
	if (!(d & MAP_ANONYMOUS))
		return map_file(&req, (int)e);
	return type == MAP_PRIVATE ? mm_mmap(mm(), &req) : map_shared_memory(&req);
}

SYS(munmap)
{
	return mm_munmap(mm(), a, b);
}

SYS(mprotect)
{
	if (c & ~(u64)(PROT_READ | PROT_WRITE | PROT_EXEC))
		return -EINVAL;
	return mm_mprotect(mm(), a, b, prot_to_vm(c));
}

SYS(mremap)
{
	if (d & ~(u64)(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP))
		return -EINVAL;
	return mm_mremap(mm(), a, b, c,
			 (unsigned)d | (vfs_capable(vt(), CAP_SYS_RAWIO) ? MREMAP_LOW : 0), e);
}

SYS(brk)
{
	return (s64)mm_brk(mm(), a);
}

enum { MADV_REMOVE = 9 };

SYS(madvise)
{
	u64 len = (b + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);

	if ((int)c == MADV_REMOVE && !(a & (PAGE_SIZE - 1)) && len >= b && a + len >= a)
		return filemap_remove(vt(), mm(), a, len);
	return mm_madvise(mm(), a, b, (int)c);
}

SYS(mlock)
{
	return mm_mlock(mm(), a, b, true);
}

enum { MLOCK_ONFAULT = 1 };

SYS(mlock2)
{
	/* ONFAULT too brings all pages in at once: locked they would be anyway, only later. */
	return c & ~(u64)MLOCK_ONFAULT ? -EINVAL : mm_mlock(mm(), a, b, true);
}

SYS(munlock)
{
	return mm_mlock(mm(), a, b, false);
}

static s64 lock_all(bool lock)
{
	u64 addr = 0;
	s64 err = 0;

	/* Area by area: each is whole. */
	for (;;) {
		struct vm_area_struct *vma;
		u64 start = 0, end = 0;

		down_read(&mm()->mmap_lock);
		vma = find_vma(mm(), addr);
		if (vma) {
			start = vma->vm_start;
			end = vma->vm_end;
		}
		up_read(&mm()->mmap_lock);
		if (!vma)
			return err;
		if (mm_mlock(mm(), start, end - start, lock) && lock)
			err = -ENOMEM;
		addr = end;
	}
}

SYS(mlockall)
{
	if (!a || (a & ~7UL) || a == 4)
		return -EINVAL;
	mm()->def_flags = a & 2 ? VM_LOCKED : 0;
	return a & 1 ? lock_all(true) : 0;
}

SYS(munlockall)
{
	mm()->def_flags = 0;
	return lock_all(false);
}

SYS(msync)
{
	u64 end = a + ((b + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1)), addr = a;
	s64 err = 0;

	if ((a & (PAGE_SIZE - 1)) || (c & ~7UL) || (c & 5) == 5)
		return -EINVAL;
	if (end < a)
		return -ENOMEM;
	/* What is mapped shares the page cache: there is nothing to write, only holes to report. */
	down_read(&mm()->mmap_lock);
	while (addr < end && !err) {
		const struct vm_area_struct *vma = find_vma(mm(), addr);

		if (!vma || vma->vm_start > addr)
			err = -ENOMEM;
		else if ((c & 2) && (vma->vm_flags & VM_LOCKED))
			err = -EBUSY;
		else
			addr = vma->vm_end;
	}
	up_read(&mm()->mmap_lock);
	return err;
}

SYS(mincore)
{
	u64 pages = (b + PAGE_SIZE - 1) >> PAGE_SHIFT;
	u8 vec[256];

	if (a & (PAGE_SIZE - 1))
		return -EINVAL;
	for (u64 done = 0; done < pages;) {
		u64 n = MIN(pages - done, sizeof(vec));
		int err = mm_mincore(mm(), a + (done << PAGE_SHIFT), n << PAGE_SHIFT, vec);

		if (err)
			return err;
		if (copy_to_user(c + done, vec, n))
			return -EFAULT;
		done += n;
	}
	return 0;
}
