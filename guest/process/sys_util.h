/* SPDX-License-Identifier: MIT */
/* sys_util.h - arguments of system calls: the same few kinds again and again. */
#ifndef GUEST_PROCESS_SYS_UTIL_H
#define GUEST_PROCESS_SYS_UTIL_H

#include "guest/arch/x86/uaccess.h"
#include "guest/fs/calls.h"
#include "guest/process/internal.h"
#include "guest/process/syscalls.h"

/* A call's parameters, those it does not use included: sys_NAME's whole signature in one word each. */
#define SYS(name)                                                                    \
	s64 sys_##name(u64 a __attribute__((unused)), u64 b __attribute__((unused)), \
		       u64 c __attribute__((unused)), u64 d __attribute__((unused)), \
		       u64 e __attribute__((unused)), u64 f __attribute__((unused)))

static inline struct vfs_task *vt(void)
{
	return &current_uthread()->vt;
}

/* A path in kernel memory: free it with putname(). -ENOENT for "" unless empty_ok. */
int getname(u64 user, bool empty_ok, char **out);
void putname(char *name);

/* 0 or -EFAULT, -EINVAL (not a valid time). */
int get_timespec(struct linux_timespec *ts, u64 user);
int put_timespec(u64 user, u64 ns);

static inline bool timespec_valid(const struct linux_timespec *ts)
{
	return ts->tv_sec >= 0 && ts->tv_nsec >= 0 && ts->tv_nsec < 1000000000;
}

static inline u64 timespec_ns(const struct linux_timespec *ts)
{
	/* 292 years are for ever. */
	return ts->tv_sec >= 9000000000 ? (u64)INT64_MAX
					: (u64)ts->tv_sec * 1000000000 + (u64)ts->tv_nsec;
}

/* A signal set argument of `size` bytes. */
static inline int get_sigset(u64 *set, u64 user, u64 size)
{
	return size != sizeof(u64) ? -EINVAL : get_user_u64(set, user);
}

static inline void iter_user(struct iov_iter *it, u64 addr, u64 len)
{
	iov_iter_user(it, &kernel_uaccess, addr, len);
}

/* Until then waits; the errors of nanosleep(2): 0, -EINTR kinds. deadline: clock_ns(). */
s64 sleep_until_signal(u64 deadline);

#endif
