/* SPDX-License-Identifier: MIT */
/* proc.c - see proc.h: the parts in their order. */
#include "guest/kernel/proc.h"
#include "guest/process/proc_pid.h"

int proc_init(struct pseudo_tree *proc, struct pseudo_tree *sys)
{
	static int (*const in_proc[])(struct pseudo_tree *) = {
		proc_pid_init,	   proc_mem_init,    proc_stat_init,
		proc_machine_init, proc_kernel_init, proc_sysctl_init,
	};
	static int (*const in_sys[])(struct pseudo_tree *) = { sysfs_cpu_init, sysfs_kernel_init };
	int err = 0;

	for (unsigned i = 0; !err && i < ARRAY_SIZE(in_proc); i++)
		err = in_proc[i](proc);
	for (unsigned i = 0; !err && i < ARRAY_SIZE(in_sys); i++)
		err = in_sys[i](sys);
	return err;
}
