/* SPDX-License-Identifier: MIT */
/* syscalls.c - from a number to a function. */
#include "guest/process/syscalls.h"
#include "guest/kernel/printk.h"
#include "guest/kernel/time.h"
#include "guest/lib/errno.h"
#include "guest/process/process.h"

typedef s64 (*syscall_fn)(u64 a, u64 b, u64 c, u64 d, u64 e, u64 f);

static const struct {
	syscall_fn fn;
	const char *name;
} table[] = {
#define SYSCALL(nr, n) [nr] = { sys_##n, #n },
#include "guest/process/syscall_table.h"
#undef SYSCALL
};

u64 syscall_count(void)
{
	u64 n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		n += table[i].fn != NULL;
	return n;
}

const char *syscall_name(u64 nr)
{
	return nr < ARRAY_SIZE(table) ? table[nr].name : NULL;
}

/* One line a second at most: a program may ask for nonsense for ever. */
static s64 unknown_call(u64 nr)
{
	static u64 last;
	u64 now = clock_ns(), before = READ_ONCE(last);

	if ((!before || now - before > NSEC_PER_SEC) && try_cmpxchg(&last, &before, now))
		pr_info("%s[%d]: system call %lu is not known here", current->comm, current->pid,
			nr);
	return -ENOSYS;
}

void syscall_dispatch(struct pt_regs *regs)
{
	u64 nr = (u32)regs->rax; /* only these bits count */

	/* As on Linux: for who restarts or debugs the call. */
	regs->vector = VECTOR_SYSCALL;
	regs->error_code = nr;
	if (likely(nr < ARRAY_SIZE(table) && table[nr].fn))
		regs->rax = (u64)table[nr].fn(regs->rdi, regs->rsi, regs->rdx, regs->r10, regs->r8,
					      regs->r9);
	else
		regs->rax = (u64)unknown_call(nr);
}
