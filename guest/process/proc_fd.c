/* SPDX-License-Identifier: MIT */
/*
 * proc_fd.c - what leads from /proc/PID to files: exe, cwd, root, fd/N (magic links: they lead to the
 * object itself, not to its name), fdinfo/N, mounts, mountinfo.
 */
#include "guest/fs/fdtable.h"
#include "guest/fs/procfs.h"
#include "guest/lib/parse.h"
#include "guest/lib/printf.h"
#include "guest/lib/string.h"
#include "guest/process/internal.h"
#include "guest/process/proc_internal.h"

/* ---- exe, cwd, root -------------------------------------------------------------------------------------- */

static int jump_exe(struct vfs_task *t, void *arg, struct path *out)
{
	struct mm_struct *mm;
	struct file *f;

	if (!proc_ref_may_read(t, arg))
		return -EACCES;
	mm = proc_ref_mm(arg);
	if (!mm)
		return -ENOENT;
	f = mm->exe_file ? get_file(mm->exe_file) : NULL; /* until the last user goes */
	mmput(mm);
	if (!f)
		return -ENOENT;
	*out = f->f_path;
	path_get(out);
	fput(f);
	return 0;
}

static int jump_fs(struct vfs_task *t, void *arg, struct path *out,
		   void (*get)(struct fs_struct *fs, struct path *p))
{
	struct fs_struct *fs;

	if (!proc_ref_may_read(t, arg))
		return -EACCES;
	fs = proc_ref_fs(arg);
	if (!fs)
		return -ENOENT;
	get(fs, out);
	fs_struct_put(t->vfs, fs);
	return 0;
}

static int jump_cwd(struct vfs_task *t, void *arg, struct path *out)
{
	return jump_fs(t, arg, out, get_fs_pwd);
}

static int jump_root(struct vfs_task *t, void *arg, struct path *out)
{
	return jump_fs(t, arg, out, get_fs_root);
}

/* ---- mounts ---------------------------------------------------------------------------------------------- */

static int mounts(struct seq *s, void *arg,
		  void (*show)(struct seq *s, struct vfs *vfs, const struct path *root))
{
	struct fs_struct *fs = proc_ref_fs(arg);
	struct path root;

	if (!fs)
		return -EINVAL;
	get_fs_root(fs, &root);
	show(s, &kernel_vfs, &root);
	path_put(&root);
	fs_struct_put(&kernel_vfs, fs);
	return 0;
}

static int show_mounts_of(struct seq *s, void *arg)
{
	return mounts(s, arg, show_mounts);
}

static int show_mountinfo_of(struct seq *s, void *arg)
{
	return mounts(s, arg, show_mountinfo);
}

/* ---- fd/N, fdinfo/N -------------------------------------------------------------------------------------- */

struct fd_ref {
	atomic_t refs;
	struct proc_ref *owner; /* held */
	unsigned fd;
	u32 mode; /* FMODE_READ, FMODE_WRITE as it was found */
};

static void fd_get(void *arg)
{
	atomic_inc(&((struct fd_ref *)arg)->refs);
}

static void fd_put(void *arg)
{
	struct fd_ref *ref = arg;

	if (!atomic_dec_and_test(&ref->refs))
		return;
	proc_ref_put(ref->owner);
	kfree(&kernel_mm.slab, ref);
}

/* The open file with a reference, or NULL. */
static struct file *fd_file(const struct proc_ref *owner, struct vfs_task *t, unsigned fd,
			    u32 *flags)
{
	struct files_struct *files = proc_ref_files(owner);
	struct file *f;

	if (!files)
		return NULL;
	f = files_lookup(files, fd, flags);
	files_put(t, files);
	return f;
}

/* Still open, and for the same: else the link's permissions would be wrong. */
static bool fd_alive(void *arg)
{
	const struct fd_ref *ref = arg;
	struct uthread *me = current_uthread();
	struct file *f;
	u32 flags, mode;

	if (!proc_ref_alive(ref->owner) || !me)
		return false;
	f = fd_file(ref->owner, &me->vt, ref->fd, &flags);
	if (!f)
		return false;
	mode = f->f_mode;
	fput(f);
	return !((mode ^ ref->mode) & (FMODE_READ | FMODE_WRITE));
}

static void fd_owner(void *arg, u32 *uid, u32 *gid)
{
	proc_ref_owner(((struct fd_ref *)arg)->owner, uid, gid);
}

static struct fd_ref *fd_find(struct vfs_task *t, struct proc_ref *owner, const char *name,
			      size_t len)
{
	struct fd_ref *ref;
	struct file *f;
	u32 flags, mode;
	u64 fd;

	if (parse_u64(name, len, 10, &fd) || fd > INT32_MAX || (len > 1 && *name == '0'))
		return NULL;
	f = fd_file(owner, t, (unsigned)fd, &flags);
	if (!f)
		return NULL;
	mode = f->f_mode;
	fput(f);
	ref = kzalloc(&kernel_mm.slab, sizeof(*ref), GFP_KERNEL);
	if (!ref)
		return NULL;
	proc_ref_get(owner);
	*ref = (struct fd_ref){ .refs = { 1 }, .owner = owner, .fd = (unsigned)fd, .mode = mode };
	return ref;
}

static bool fd_next(struct vfs_task *t, void *dir_arg, u64 *key, char name[NAME_MAX + 1], u32 *type)
{
	struct files_struct *files;
	int fd = -1;

	if (*key > INT32_MAX || !proc_ref_may_read(t, dir_arg))
		return false;
	files = proc_ref_files(dir_arg);
	if (files) {
		fd = files_next_fd(files, (unsigned)*key);
		files_put(t, files);
	}
	if (fd < 0)
		return false;
	*key = (u64)fd;
	*type = S_IFLNK;
	kscnprintf(name, NAME_MAX + 1, "%d", fd);
	return true;
}

static bool fdinfo_next(struct vfs_task *t, void *dir_arg, u64 *key, char name[NAME_MAX + 1],
			u32 *type)
{
	bool found = fd_next(t, dir_arg, key, name, type);

	*type = S_IFREG;
	return found;
}

/* The open file, with a reference, or an error pointer. */
static struct file *fd_seen_by(struct vfs_task *t, const struct fd_ref *ref, u32 *flags)
{
	struct file *f;

	if (!proc_ref_may_read(t, ref->owner))
		return ERR_PTR(-EACCES);
	f = fd_file(ref->owner, t, ref->fd, flags);
	return f ? f : ERR_PTR(-ENOENT);
}

static int jump_fd(struct vfs_task *t, void *arg, struct path *out)
{
	const struct fd_ref *ref = arg;
	u32 flags;
	struct file *f = fd_seen_by(t, ref, &flags);

	if (IS_ERR(f))
		return (int)PTR_ERR(f);
	*out = f->f_path;
	path_get(out);
	fput(f);
	return 0;
}

static int show_fdinfo(struct seq *s, void *arg)
{
	const struct fd_ref *ref = arg;
	struct vfs_task *t = proc_reader(s);
	u32 flags;
	struct file *f = fd_seen_by(t, ref, &flags);

	if (IS_ERR(f))
		return (int)PTR_ERR(f);
	seq_printf(s, "pos:\t%ld\nflags:\t0%o\nmnt_id:\t%lu\nino:\t%lu\n", READ_ONCE(f->f_pos),
		   flags, f->f_path.mnt->mnt_id, f->f_inode->i_ino);
	if (f->f_op && f->f_op->show_fdinfo)
		f->f_op->show_fdinfo(s, f);
	fput(f);
	return 0;
}

static const struct pseudo_ops fd_ops = { .jump = jump_fd };
static const struct pseudo_ops fdinfo_ops = { .show = show_fdinfo };

/* By what the file is open for: bit 0 read, bit 1 write. */
static const struct pseudo_desc fd_desc[] = {
	{ .mode = S_IFLNK, .ops = &fd_ops },
	{ .mode = S_IFLNK | 0500, .ops = &fd_ops },
	{ .mode = S_IFLNK | 0300, .ops = &fd_ops },
	{ .mode = S_IFLNK | 0700, .ops = &fd_ops },
};
static const struct pseudo_desc fdinfo_desc = { .mode = S_IFREG | 0400, .ops = &fdinfo_ops };

static const struct pseudo_desc *fd_lookup(struct vfs_task *t, void *dir_arg, const char *name,
					   size_t len, void **obj)
{
	struct fd_ref *ref = fd_find(t, dir_arg, name, len);

	*obj = ref;
	if (!ref)
		return NULL;
	return &fd_desc[(ref->mode & FMODE_READ ? 1 : 0) + (ref->mode & FMODE_WRITE ? 2 : 0)];
}

static const struct pseudo_desc *fdinfo_lookup(struct vfs_task *t, void *dir_arg, const char *name,
					       size_t len, void **obj)
{
	*obj = fd_find(t, dir_arg, name, len);
	return *obj ? &fdinfo_desc : NULL;
}

const struct pseudo_dynamic proc_fd_dynamic = {
	.lookup = fd_lookup,
	.next = fd_next,
	.get = fd_get,
	.put = fd_put,
	.alive = fd_alive,
	.owner = fd_owner,
};
const struct pseudo_dynamic proc_fdinfo_dynamic = {
	.lookup = fdinfo_lookup,
	.next = fdinfo_next,
	.get = fd_get,
	.put = fd_put,
	.alive = fd_alive,
	.owner = fd_owner,
};

const struct pseudo_ops proc_exe_ops = { .jump = jump_exe };
const struct pseudo_ops proc_cwd_ops = { .jump = jump_cwd };
const struct pseudo_ops proc_root_ops = { .jump = jump_root };
const struct pseudo_ops proc_mounts_ops = { .show = show_mounts_of };
const struct pseudo_ops proc_mountinfo_ops = { .show = show_mountinfo_of };
