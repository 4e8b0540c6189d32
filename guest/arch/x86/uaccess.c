/* SPDX-License-Identifier: MIT */
/* uaccess.c - see uaccess.h. Faults on the marked instructions are handled by traps.c: it brings the
 * page in, or goes on behind the instruction. */
#include "guest/arch/x86/uaccess.h"
#include "guest/arch/x86/cpu.h"
#include "guest/arch/x86/extable.h"
#include "guest/lib/string.h"

/* SMAP: user memory is out of reach but between these two (SDM volume 3, 4.6). */
static inline void user_access_begin(void)
{
	if (cpu_features.smap)
		__asm__ volatile("stac" ::: "memory");
}

static inline void user_access_end(void)
{
	if (cpu_features.smap)
		__asm__ volatile("clac" ::: "memory");
}

static bool in_user_space(u64 addr, size_t n)
{
	return addr <= USER_TASK_SIZE && n <= USER_TASK_SIZE - addr;
}

static size_t copy_bytes(void *to, const void *from, size_t n)
{
	__asm__ volatile("1: rep movsb\n\t"
			 "2:\n\t" EX_TABLE("1b", "2b")
			 : "+D"(to), "+S"(from), "+c"(n)
			 :
			 : "rax", "memory");
	return n;
}

static size_t copy(void *to, const void *from, size_t n)
{
	size_t words = n / 8, rest;

	user_access_begin();
	__asm__ volatile("1: rep movsq\n\t"
			 "2:\n\t" EX_TABLE("1b", "2b")
			 : "+D"(to), "+S"(from), "+c"(words)
			 :
			 : "rax", "memory");
	/* Byte by byte to the very place where it ends or cannot go on. */
	rest = words * 8 + n % 8;
	if (rest)
		rest = copy_bytes(to, from, rest);
	user_access_end();
	return rest;
}

size_t copy_to_user(u64 to, const void *from, size_t n)
{
	return in_user_space(to, n) ? copy((void *)to, from, n) : n;
}

size_t copy_from_user(void *to, u64 from, size_t n)
{
	return in_user_space(from, n) ? copy(to, (const void *)from, n) : n;
}

size_t copy_kernel_nofault(void *to, const void *from, size_t n)
{
	return copy(to, from, n);
}

size_t clear_user(u64 to, size_t n)
{
	u64 p = to;

	if (!in_user_space(to, n))
		return n;
	user_access_begin();
	__asm__ volatile("1: rep stosb\n\t"
			 "2:\n\t" EX_TABLE("1b", "2b")
			 : "+D"(p), "+c"(n)
			 : "a"(0)
			 : "memory");
	user_access_end();
	return n;
}

s64 strncpy_from_user(char *buf, u64 from, size_t size)
{
	/* Piece by piece, none over the end of a page: the string may end right before a hole. */
	for (size_t done = 0; done < size;) {
		size_t page_rest = 4096 - ((from + done) & 4095), n = MIN(size - done, 64ul);
		size_t left;
		const char *nul;

		n = MIN(n, page_rest);
		left = copy_from_user(buf + done, from + done, n);
		nul = memchr(buf + done, '\0', n - left);

		if (nul)
			return nul - buf;
		if (left)
			return -EFAULT;
		done += n;
	}
	return -ENAMETOOLONG;
}

int cmpxchg_user_u32(u64 addr, u32 *old, u32 new_value)
{
	u32 expected = *old;
	u64 fault = 0;

	if (!in_user_space(addr, sizeof(u32)) || (addr & 3))
		return -EFAULT;
	user_access_begin();
	/* A fault leaves its mark, with the highest bit, in RAX; a value is 32 bits wide. */
	fault = expected;
	__asm__ volatile("1: lock cmpxchgl %2, (%1)\n\t"
			 "2:\n\t" EX_TABLE("1b", "2b")
			 : "+a"(fault)
			 : "r"(addr), "r"(new_value)
			 : "memory", "cc");
	user_access_end();
	if (fault & EX_FAULT)
		return -EFAULT;
	*old = (u32)fault;
	return 0;
}
