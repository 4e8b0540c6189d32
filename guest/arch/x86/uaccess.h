/* SPDX-License-Identifier: MIT */
/*
 * uaccess.h - reaching into user memory from the kernel. Any address is fine to ask for: what is not
 * user memory of the right kind gives an error, never a crash. Pages are faulted in; may sleep.
 */
#ifndef GUEST_ARCH_X86_UACCESS_H
#define GUEST_ARCH_X86_UACCESS_H

#include "guest/lib/errno.h"
#include "guest/lib/types.h"

#define USER_TASK_SIZE 0x7ffffffff000UL

/* How many bytes at the end were not copied; 0: all. */
size_t copy_to_user(u64 to, const void *from, size_t n);
size_t copy_from_user(void *to, u64 from, size_t n);
size_t clear_user(u64 to, size_t n);

/* Kernel memory that may be anything, or nothing: how many bytes at the end were not copied. */
size_t copy_kernel_nofault(void *to, const void *from, size_t n);

/* A string with its NUL into buf: its length without, -EFAULT, -ENAMETOOLONG. */
s64 strncpy_from_user(char *buf, u64 from, size_t size);

/* 0 or -EFAULT. */
static inline int put_user_u32(u64 to, u32 v)
{
	return copy_to_user(to, &v, sizeof(v)) ? -EFAULT : 0;
}

static inline int put_user_u64(u64 to, u64 v)
{
	return copy_to_user(to, &v, sizeof(v)) ? -EFAULT : 0;
}

static inline int get_user_u32(u32 *v, u64 from)
{
	return copy_from_user(v, from, sizeof(*v)) ? -EFAULT : 0;
}

static inline int get_user_u64(u64 *v, u64 from)
{
	return copy_from_user(v, from, sizeof(*v)) ? -EFAULT : 0;
}

/* Stores new_value where *old stands; *old becomes what was there. 0 or -EFAULT. */
int cmpxchg_user_u32(u64 addr, u32 *old, u32 new_value);

#endif
