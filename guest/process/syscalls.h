/* SPDX-License-Identifier: MIT */
/*
 * syscalls.h - Linux's system calls for x86-64, by number. One table; a call takes its six registers
 * as they are and returns a value or -errno.
 */
#ifndef GUEST_PROCESS_SYSCALLS_H
#define GUEST_PROCESS_SYSCALLS_H

#include "guest/arch/x86/ptrace.h"

/* Runs the call that RAX asks for; its result goes to RAX. IRQs on. An unknown number is -ENOSYS and,
 * now and then, a line on the log. */
void syscall_dispatch(struct pt_regs *regs);

/* How many there are. */
u64 syscall_count(void);

/* "read", "write", ...; NULL: no such call. */
const char *syscall_name(u64 nr);

#define SYSCALL(nr, name) s64 sys_##name(u64 a, u64 b, u64 c, u64 d, u64 e, u64 f);
#include "guest/process/syscall_table.h"
#undef SYSCALL

#endif
