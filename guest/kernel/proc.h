/* SPDX-License-Identifier: MIT */
/* proc.h - what /proc and /sys tell about the kernel itself. Processes: guest/process/proc_pid.h. */
#ifndef GUEST_KERNEL_PROC_H
#define GUEST_KERNEL_PROC_H

#include "guest/fs/pseudo.h"

/* Boot context, once; 0, or -ENOMEM, -EEXIST. Each adds its files to the tree. */
int proc_mem_init(struct pseudo_tree *proc);	 /* meminfo, zoneinfo, slabinfo, ... */
int proc_stat_init(struct pseudo_tree *proc);	 /* stat, loadavg, interrupts, schedstat, ... */
int proc_machine_init(struct pseudo_tree *proc); /* cpuinfo, version, disks, consoles, ... */
int proc_kernel_init(struct pseudo_tree *proc);	 /* kallsyms, kmsg */
int proc_sysctl_init(struct pseudo_tree *proc);	 /* sys/kernel, sys/vm */
int sysfs_cpu_init(struct pseudo_tree *sys);	 /* devices/system/cpu and node */
int sysfs_kernel_init(struct pseudo_tree *sys);	 /* kernel, class */

/* All of them. */
int proc_init(struct pseudo_tree *proc, struct pseudo_tree *sys);

#endif
