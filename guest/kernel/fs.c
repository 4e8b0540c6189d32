/* SPDX-License-Identifier: MIT */
/* fs.c - see fs.h. */
#include "guest/kernel/fs.h"
#include "guest/arch/x86/paging.h"
#include "guest/fs/calls.h"
#include "guest/fs/initramfs.h"
#include "guest/fs/memfs.h"
#include "guest/fs/procfs.h"
#include "guest/fs/tty.h"
#include "guest/kernel/boot_info.h"
#include "guest/kernel/memdev.h"
#include "guest/kernel/mm.h"
#include "guest/kernel/printk.h"
#include "guest/kernel/proc.h"
#include "guest/kernel/random.h"
#include "guest/kernel/sched.h"
#include "guest/kernel/tty_console.h"
#include "guest/kernel/wallclock.h"
#include "guest/process/filemap.h"
#include "guest/process/internal.h"
#include "guest/process/vfs_questions.h"

struct vfs kernel_vfs;

static struct timespec64 now(void)
{
	u64 ns = wallclock_ns();

	return (struct timespec64){ (s64)(ns / 1000000000), (s64)(ns % 1000000000) };
}

static const struct vfs_env env = {
	.ua = &kernel_uaccess,
	.now = now,
	.random = random_bytes,
	.schedule_until = schedule_until,
	.unmap_mapping = filemap_unmap,
	.send_sig = vfs_send_sig,
	.task_pgrp = vfs_task_pgrp,
	.pid_exists = vfs_pid_exists,
	.task_session = vfs_task_session,
	.task_is_session_leader = vfs_task_is_session_leader,
	.task_sig_ignored = vfs_task_sig_ignored,
	.pgrp_is_orphaned = vfs_pgrp_is_orphaned,
	.pgrp_session = vfs_pgrp_session,
	.kill_pgrp = kill_pgrp,
};

static u64 limits[RLIM_NLIMITS];
static struct procfs procfs;
static struct sysfs sysfs;

/* Types of file systems and devices, so that init finds them to mount. */
static int make_devices(void)
{
	int err = devtmpfs_init(&kernel_vfs);

	if (!err)
		err = memdev_init(&kernel_vfs, &kernel_memdev);
	if (!err)
		err = pty_init(&kernel_vfs);
	if (!err)
		err = procfs_init(&procfs, &kernel_vfs);
	if (!err)
		err = sysfs_init(&sysfs, &kernel_vfs);
	return err;
}

/* The least that an initramfs without nodes needs; what it brings wins. */
static void make_root(struct vfs_task *t)
{
	fs_mkdirat(t, AT_FDCWD, "/dev", 0755);
	fs_mknodat(t, AT_FDCWD, "/dev/console", S_IFCHR | 0600, 5 << 8 | 1);
	fs_mkdirat(t, AT_FDCWD, "/root", 0700);
}

static void unpack_initrd(struct vfs_task *t)
{
	struct initramfs_result res;
	int err;

	if (!boot_info.initrd)
		return;
	err = initramfs_unpack(t, __va(boot_info.initrd), boot_info.initrd_size, &res);
	pr_info("  initrd: %lu files, %lu folders, %lu links, %lu KiB", res.files, res.folders,
		res.links, res.bytes >> 10);
	if (err)
		pr_err("  initrd: error %d at byte %lu: %s", -err, res.offset,
		       res.error ? res.error : "the file system said no");
}

void fs_init(void)
{
	struct vfs_task t;
	int err = vfs_init(&kernel_vfs, &env, &kernel_mm.slab, &kernel_mm.pg);

	if (!err)
		err = make_devices();
	if (err)
		env_panic(__FILE__, __LINE__, "no memory for the file system");
	tty_console_init();
	if (proc_init(&procfs.tree, &sysfs.tree))
		env_panic(__FILE__, __LINE__, "no memory for /proc and /sys");
	for (unsigned i = 0; i < RLIM_NLIMITS; i++)
		limits[i] = RLIM_INFINITY;
	t = (struct vfs_task){ .vfs = &kernel_vfs,
			       .cred = &init_cred,
			       .fs = fs_struct_new(&kernel_vfs),
			       .files = files_new(&kernel_vfs),
			       .rlimit = limits };
	make_root(&t);
	unpack_initrd(&t);
	/* Also for an init that mounts nothing, a shell say. */
	err = (int)fs_mount(&t, "devtmpfs", "/dev", "devtmpfs", 0, NULL);
	if (err)
		pr_warn("/dev stays as it is: error %d", -err);
	files_put(&t, t.files);
	fs_struct_put(&kernel_vfs, t.fs);
}
