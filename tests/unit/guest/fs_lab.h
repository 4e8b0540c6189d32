/* SPDX-License-Identifier: MIT */
/*
 * fs_lab.h - a file system layer of its own for a test: memory, slabs, one struct vfs, one task that
 * asks. The task cannot sleep: waiting for somebody else is a failure, since there is nobody else.
 * Host headers that define what guest/fs/abi.h defines must not be included.
 */
#ifndef TESTS_UNIT_GUEST_FS_LAB_H
#define TESTS_UNIT_GUEST_FS_LAB_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "guest/fs/calls.h"
#include "guest/fs/epoll.h"
#include "guest/fs/eventfd.h"
#include "guest/fs/pipe.h"
#include "guest/fs/poll.h"
#include "guest/lib/rand.h"
#include "guest/sched/sched.h"
#include "tests/unit/guest/slab_lab.h"

#ifndef FS_LAB_SCHED
#include "tests/unit/guest/one_task.h"
#endif

struct fs_lab {
	struct lab mem;
	struct vfs vfs;
	struct vfs_task task;
	u64 rlimit[RLIM_NLIMITS];
	unsigned signals[65];
};

static struct fs_lab *the_lab;

/* User addresses are the test's own; what lies in this range faults. */
static u64 fault_from = ~0ULL, fault_to = ~0ULL;

static inline size_t lab_ok(u64 addr, size_t n)
{
	if (addr >= fault_from && addr < fault_to)
		return 0;
	if (addr < fault_from && addr + n > fault_from)
		return fault_from - addr;
	return n;
}

static size_t lab_copy_to(u64 to, const void *from, size_t n)
{
	size_t ok = lab_ok(to, n);

	memcpy((void *)to, from, ok);
	return n - ok;
}

static size_t lab_copy_from(void *to, u64 from, size_t n)
{
	size_t ok = lab_ok(from, n);

	memcpy(to, (const void *)from, ok);
	return n - ok;
}

static const struct uaccess_ops lab_ua = { lab_copy_to, lab_copy_from, 0 };

static inline struct iov_iter user_iter(void *buf, size_t n)
{
	struct iov_iter it;

	iov_iter_user(&it, &lab_ua, (u64)buf, n);
	return it;
}

static struct timespec64 lab_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (struct timespec64){ ts.tv_sec, ts.tv_nsec };
}

static void lab_random(void *buf, size_t n)
{
	static struct rand r = { { 1, 2, 3, 4 } };

	rand_fill(&r, buf, n);
}

static void lab_send_sig(struct vfs_task *t, int sig)
{
	(void)t;
	the_lab->signals[sig]++;
}

#ifndef FS_LAB_SLEEP
static void lab_sleep(u64 deadline)
{
	if (deadline == ~0ULL)
		ck_abort_msg("the only task waits for ever");
	env_host_set_now(deadline);
}
#define FS_LAB_SLEEP lab_sleep
#endif

static int lab_number(const struct vfs_task *t)
{
	(void)t;
	return 1;
}

static bool lab_yes(const struct vfs_task *t)
{
	(void)t;
	return true;
}

static bool lab_no(const struct vfs_task *t)
{
	(void)t;
	return false;
}

static bool lab_no_sig(const struct vfs_task *t, int sig)
{
	(void)t;
	(void)sig;
	return false;
}

static int lab_pgrp_session(int pgrp)
{
	return pgrp == 1 || pgrp == 2 ? 1 : -ESRCH;
}

static int lab_kill_pgrp(int pgrp, int sig)
{
	if (pgrp <= 0)
		return -ESRCH;
	the_lab->signals[sig]++;
	return 0;
}

static const struct vfs_env lab_env = {
	.ua = &lab_ua,
	.now = lab_now,
	.random = lab_random,
	.send_sig = lab_send_sig,
	.schedule_until = FS_LAB_SLEEP,
	.task_pgrp = lab_number,
	.task_session = lab_number,
	.task_is_session_leader = lab_yes,
	.task_sig_ignored = lab_no_sig,
	.pgrp_is_orphaned = lab_no,
	.pgrp_session = lab_pgrp_session,
	.kill_pgrp = lab_kill_pgrp,
};

static inline void fs_lab_task(struct fs_lab *l)
{
	for (unsigned i = 0; i < RLIM_NLIMITS; i++)
		l->rlimit[i] = RLIM_INFINITY;
	l->rlimit[RLIMIT_NOFILE] = 1024;
	l->task = (struct vfs_task){ .vfs = &l->vfs,
				     .cred = cred_copy(&init_cred),
				     .fs = fs_struct_new(&l->vfs),
				     .files = files_new(&l->vfs),
				     .rlimit = l->rlimit,
				     .tgid = 1 };
	CHECK(l->task.cred && l->task.fs && l->task.files);
}

static inline struct fs_lab *fs_lab_new(int allocator)
{
	struct fs_lab *l = calloc(1, sizeof(*l));

	the_lab = l;
	lab_make(&l->mem, allocator);
	CHECK_EQ(vfs_init(&l->vfs, &lab_env, &l->mem.s, &l->mem.w.pg), 0);
	fs_lab_task(l);
	return l;
}

static inline void fs_lab_check(struct fs_lab *l)
{
	const char *broken = vfs_check(&l->vfs);

	if (!broken)
		broken = files_check(l->task.files);
	if (broken)
		ck_abort_msg("%s", broken);
}

/* Everything closed and unmounted; then nothing may be left of it. */
static inline void fs_lab_free(struct fs_lab *l)
{
	u64 busy;

	fs_lab_check(l);
	files_put(&l->task, l->task.files);
	fs_struct_put(&l->vfs, l->task.fs);
	cred_put(l->task.cred);
	busy = vfs_destroy(&l->vfs);
	if (busy)
		ck_abort_msg("%lu objects were still in use", busy);
	lab_end(&l->mem);
	free(l);
	the_lab = NULL;
}

#endif
