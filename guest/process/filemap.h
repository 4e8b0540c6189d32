/* SPDX-License-Identifier: MIT */
/* filemap.h - files in address spaces: the pages of a mapping are those of the page cache. */
#ifndef GUEST_PROCESS_FILEMAP_H
#define GUEST_PROCESS_FILEMAP_H

#include "guest/fs/vfs.h"
#include "guest/mm/mm_struct.h"

/*
 * Completes a request for a mapping of f (its ops, flags, mapping): by f's own mmap operation, or as
 * an ordinary file in the page cache. 0, -EACCES, -ENODEV, -EPERM, or what the file says. The file's
 * reference stays the caller's; the area takes one of its own. filemap_mapped() follows once the area
 * exists, or will not.
 */
int filemap_prepare(struct file *f, struct mmap_request *req);
void filemap_mapped(struct file *f, const struct mmap_request *req);

/* Shared anonymous memory: a nameless file of so many bytes behind the request. -ENOMEM. */
int shmem_prepare(struct vfs_task *t, struct mmap_request *req, struct file **out);

/*
 * MADV_REMOVE: holes in the files behind [addr, addr + len), whole pages. -EACCES where an area is not
 * shared and writable, -EINVAL where it is locked or of no file, -ENOMEM where nothing is mapped.
 */
int filemap_remove(struct vfs_task *t, struct mm_struct *mm, u64 addr, u64 len);

/* mm_system.exe_get, exe_put: f counts once more, once less as the program of an address space. */
void exe_file_get(void *f);
void exe_file_put(void *f);

/* mm_system.lock_mapping. */
void filemap_lock(struct address_space *as, bool lock);

/* vfs_env.unmap_mapping. */
void filemap_unmap(struct address_space *as, u64 first, u64 last);

extern const struct vm_operations_struct filemap_vm_ops;

#endif
