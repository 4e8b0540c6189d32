/* SPDX-License-Identifier: MIT */
/* sys_unshare.c - unshare(2) and setns(2), as on a Linux built without namespaces. */
#include "guest/process/clone_flags.h"
#include "guest/process/sys_util.h"

#define CLONE_NEWNS_ETC 0x7e020080UL /* NEWNS, NEWCGROUP .. NEWNET, NEWTIME */

static int unshare_fs(struct uthread *u)
{
	struct fs_struct *mine, *old = u->vt.fs;
	u64 flags;

	if (atomic_read(&old->users) == 1)
		return 0;
	mine = fs_struct_copy(u->vt.vfs, old);
	if (!mine)
		return -ENOMEM;
	flags = spin_lock_irqsave(&proc_lock);
	u->vt.fs = mine;
	spin_unlock_irqrestore(&proc_lock, flags);
	fs_struct_put(u->vt.vfs, old);
	return 0;
}

static int unshare_files(struct uthread *u)
{
	struct files_struct *mine, *old = u->vt.files;
	u64 flags;

	if (atomic_read(&old->count) == 1)
		return 0;
	mine = files_dup(u->vt.vfs, old);
	if (!mine)
		return -ENOMEM;
	flags = spin_lock_irqsave(&proc_lock);
	u->vt.files = mine;
	spin_unlock_irqrestore(&proc_lock, flags);
	files_put(&u->vt, old);
	return 0;
}

SYS(unshare)
{
	struct uthread *u = current_uthread();
	int err = 0;

	if (a & ~(CLONE_FS | CLONE_FILES | CLONE_SYSVSEM | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM |
		  CLONE_NEWNS_ETC))
		return -EINVAL;
	/* Leaving the other threads is for those who have none. */
	if ((a & (CLONE_THREAD | CLONE_SIGHAND | CLONE_VM)) && u->proc->nr_live > 1)
		return -EINVAL;
	if ((a & CLONE_NEWNS_ETC) && !cred_capable(u->vt.cred, CAP_SYS_ADMIN))
		return -EPERM;
	if (a & CLONE_NEWNS_ETC)
		return -EINVAL;
	if (a & CLONE_FS)
		err = unshare_fs(u);
	return err || !(a & CLONE_FILES) ? err : unshare_files(u);
}

/* No file names a namespace here. */
SYS(setns)
{
	struct fd file = fdget(vt(), (int)a);
	s64 err = file.file ? -EINVAL : -EBADF;

	fdput(file);
	return err;
}
