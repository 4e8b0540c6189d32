/* SPDX-License-Identifier: MIT */
/*
 * workload_user.c - processes: a program of the kernel's own (arch/x86/fork_program.S) runs as pid 1, forks, and
 * waits for each child. Page tables are copied, pages copied on write, and switches between address spaces made,
 * all by the guest alone.
 */
#include "guest/arch/x86/paging.h"
#include "guest/fs/calls.h"
#include "guest/fs/fdtable.h"
#include "guest/fs/namei.h"
#include "guest/kernel/fs.h"
#include "guest/kernel/workload.h"
#include "guest/lib/printf.h"
#include "guest/process/user_init.h"

#define PROGRAM "/fork-storm"

extern const u8 fork_program[], fork_program_end[];

static struct first_program storm = { .path = PROGRAM };

static int write_program(void)
{
	static u64 limits[RLIM_NLIMITS];
	struct vfs_task t = { .vfs = &kernel_vfs,
			      .cred = &init_cred,
			      .fs = fs_struct_new(&kernel_vfs),
			      .files = files_new(&kernel_vfs),
			      .rlimit = limits };
	size_t size = (size_t)(fork_program_end - fork_program);
	struct file *f;
	s64 pos = 0, n = -ENOMEM;

	for (unsigned i = 0; i < RLIM_NLIMITS; i++)
		limits[i] = RLIM_INFINITY;
	if (t.fs && t.files)
		n = filp_open(&t, PROGRAM, O_WRONLY | O_CREAT | O_TRUNC, 0755, &f);
	if (!n) {
		n = kernel_write(&t, f, fork_program, size, &pos);
		fput(f);
	}
	if (t.files)
		files_put(&t, t.files);
	if (t.fs)
		fs_struct_put(&kernel_vfs, t.fs);
	return n == (s64)size ? 0 : -ENOSPC;
}

static void prepare_fork(struct work *w)
{
	ksnprintf(storm.arg, sizeof(storm.arg), "%lu", w->n);
	if (write_program() || start_first_program(&storm))
		w->skip = "the program cannot be started";
}

static void run_fork(struct work *w)
{
	complete(&storm.go);
	wait_for_completion(&storm.ended);
	if (storm.status)
		w->n = 0; /* no figure is better than that of half the work */
}

const struct workload user_workloads[] = {
	{ "fork", 32, 1, prepare_fork, run_fork, NULL },
	{ NULL, 0, 0, NULL, NULL, NULL },
};
