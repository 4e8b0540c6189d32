/* SPDX-License-Identifier: MIT */
/* sys_fs.c - system calls about names: strings come in, the file system's own functions answer. */
#include "guest/fs/notify.h"
#include "guest/process/sys_util.h"

int getname(u64 user, bool empty_ok, char **out)
{
	char *name = kmalloc(&kernel_mm.slab, PATH_MAX, GFP_KERNEL);
	s64 n = name ? strncpy_from_user(name, user, PATH_MAX) : -ENOMEM;

	*out = NULL;
	if (n == 0 && !empty_ok)
		n = -ENOENT;
	if (n < 0) {
		kfree(&kernel_mm.slab, name);
		return (int)n;
	}
	*out = name;
	return 0;
}

void putname(char *name)
{
	kfree(&kernel_mm.slab, name);
}

/* Evaluates `call` with the string at user address `addr` as `name`. */
#define WITH_NAME(addr, empty_ok, call)                        \
	({                                                     \
		char *name;                                    \
		s64 ret_ = getname((addr), (empty_ok), &name); \
		if (!ret_) {                                   \
			ret_ = (call);                         \
			putname(name);                         \
		}                                              \
		ret_;                                          \
	})

#define WITH_TWO_NAMES(addr, addr2, call)                     \
	({                                                    \
		char *name2;                                  \
		s64 ret2_ = getname((addr2), false, &name2);  \
		if (!ret2_) {                                 \
			ret2_ = WITH_NAME(addr, false, call); \
			putname(name2);                       \
		}                                             \
		ret2_;                                        \
	})

SYS(open)
{
	return WITH_NAME(a, false, fs_openat(vt(), AT_FDCWD, name, (u32)b, (u32)c));
}

SYS(openat)
{
	return WITH_NAME(b, false, fs_openat(vt(), (int)a, name, (u32)c, (u32)d));
}

SYS(creat)
{
	return WITH_NAME(a, false,
			 fs_openat(vt(), AT_FDCWD, name, O_CREAT | O_WRONLY | O_TRUNC, (u32)b));
}

SYS(close)
{
	return fs_close(vt(), (int)a);
}

SYS(close_range)
{
	struct files_struct *old = c & CLOSE_RANGE_UNSHARE ? files_get(vt()->files) : NULL;
	s64 ret = fs_close_range(vt(), (unsigned)a, (unsigned)b, (unsigned)c);
	u64 flags;

	if (old) {
		/* Whoever saw the table as ours, under the lock, has its own reference by now. */
		flags = spin_lock_irqsave(&proc_lock);
		spin_unlock_irqrestore(&proc_lock, flags);
		files_put(vt(), old);
	}
	return ret;
}

/* ---- stat ------------------------------------------------------------------------------------------------- */

static s64 stat_to_user(const struct kstat *st, u64 user)
{
	struct linux_stat out;

	kstat_to_linux(st, &out);
	return copy_to_user(user, &out, sizeof(out)) ? -EFAULT : 0;
}

static s64 stat_at(int dfd, u64 path, int flags, u64 user)
{
	struct kstat st;
	s64 err = WITH_NAME(path, flags & AT_EMPTY_PATH, fs_stat(vt(), dfd, name, flags, &st));

	return err ? err : stat_to_user(&st, user);
}

SYS(stat)
{
	return stat_at(AT_FDCWD, a, 0, b);
}

SYS(lstat)
{
	return stat_at(AT_FDCWD, a, AT_SYMLINK_NOFOLLOW, b);
}

SYS(fstat)
{
	struct kstat st;
	s64 err = fs_fstat(vt(), (int)a, &st);

	return err ? err : stat_to_user(&st, b);
}

SYS(newfstatat)
{
	if (d & ~(u64)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT))
		return -EINVAL;
	return stat_at((int)a, b, (int)d, c);
}

SYS(statx)
{
	struct linux_statx out;
	struct kstat st;
	s64 err;

	if ((d & 0x80000000) || (c & 0x6000) == 0x6000)
		return -EINVAL;
	err = WITH_NAME(b, c & AT_EMPTY_PATH, fs_stat(vt(), (int)a, name, (int)c, &st));
	if (err)
		return err;
	kstat_to_statx(&st, &out);
	return copy_to_user(e, &out, sizeof(out)) ? -EFAULT : 0;
}

SYS(statfs)
{
	struct linux_statfs st;
	s64 err = WITH_NAME(a, false, fs_statfs(vt(), name, &st));

	return err ? err : copy_to_user(b, &st, sizeof(st)) ? -EFAULT : 0;
}

SYS(fstatfs)
{
	struct linux_statfs st;
	s64 err = fs_fstatfs(vt(), (int)a, &st);

	return err ? err : copy_to_user(b, &st, sizeof(st)) ? -EFAULT : 0;
}

SYS(access)
{
	return WITH_NAME(a, false, fs_faccessat(vt(), AT_FDCWD, name, (int)b, 0));
}

SYS(faccessat)
{
	return WITH_NAME(b, false, fs_faccessat(vt(), (int)a, name, (int)c, 0));
}

SYS(faccessat2)
{
	return WITH_NAME(b, d & AT_EMPTY_PATH, fs_faccessat(vt(), (int)a, name, (int)c, (int)d));
}

SYS(readlink)
{
	return sys_readlinkat((u64)(s64)AT_FDCWD, a, b, c, 0, 0);
}

SYS(readlinkat)
{
	struct iov_iter it;

	if ((s32)d <= 0)
		return -EINVAL;
	iter_user(&it, c, (u64)(s32)d);
	return WITH_NAME(b, true, fs_readlinkat(vt(), (int)a, name, &it));
}

/* ---- changing names ------------------------------------------------------------------------------------------ */

SYS(rename)
{
	return WITH_TWO_NAMES(a, b, fs_renameat2(vt(), AT_FDCWD, name, AT_FDCWD, name2, 0));
}

SYS(renameat)
{
	return WITH_TWO_NAMES(b, d, fs_renameat2(vt(), (int)a, name, (int)c, name2, 0));
}

SYS(renameat2)
{
	return WITH_TWO_NAMES(b, d, fs_renameat2(vt(), (int)a, name, (int)c, name2, (unsigned)e));
}

SYS(mkdir)
{
	return WITH_NAME(a, false, fs_mkdirat(vt(), AT_FDCWD, name, (u32)b));
}

SYS(mkdirat)
{
	return WITH_NAME(b, false, fs_mkdirat(vt(), (int)a, name, (u32)c));
}

SYS(rmdir)
{
	return WITH_NAME(a, false, fs_unlinkat(vt(), AT_FDCWD, name, AT_REMOVEDIR));
}

SYS(unlink)
{
	return WITH_NAME(a, false, fs_unlinkat(vt(), AT_FDCWD, name, 0));
}

SYS(unlinkat)
{
	return WITH_NAME(b, false, fs_unlinkat(vt(), (int)a, name, (int)c));
}

SYS(link)
{
	return WITH_TWO_NAMES(a, b, fs_linkat(vt(), AT_FDCWD, name, AT_FDCWD, name2, 0));
}

SYS(linkat)
{
	char *name2;
	s64 err = getname(d, false, &name2);

	if (err)
		return err;
	err = WITH_NAME(b, e & AT_EMPTY_PATH, fs_linkat(vt(), (int)a, name, (int)c, name2, (int)e));
	putname(name2);
	return err;
}

SYS(symlink)
{
	return WITH_TWO_NAMES(a, b, fs_symlinkat(vt(), name, AT_FDCWD, name2));
}

SYS(symlinkat)
{
	return WITH_TWO_NAMES(a, c, fs_symlinkat(vt(), name, (int)b, name2));
}

SYS(mknod)
{
	return WITH_NAME(a, false, fs_mknodat(vt(), AT_FDCWD, name, (u32)b, (u32)c));
}

SYS(mknodat)
{
	return WITH_NAME(b, false, fs_mknodat(vt(), (int)a, name, (u32)c, (u32)d));
}

SYS(chmod)
{
	return WITH_NAME(a, false, fs_fchmodat(vt(), AT_FDCWD, name, (u32)b, 0));
}

SYS(fchmod)
{
	return fs_fchmod(vt(), (int)a, (u32)b);
}

SYS(fchmodat)
{
	return WITH_NAME(b, false, fs_fchmodat(vt(), (int)a, name, (u32)c, 0));
}

SYS(chown)
{
	return WITH_NAME(a, false, fs_fchownat(vt(), AT_FDCWD, name, (u32)b, (u32)c, 0));
}

SYS(lchown)
{
	return WITH_NAME(a, false,
			 fs_fchownat(vt(), AT_FDCWD, name, (u32)b, (u32)c, AT_SYMLINK_NOFOLLOW));
}

SYS(fchown)
{
	return fs_fchown(vt(), (int)a, (u32)b, (u32)c);
}

SYS(fchownat)
{
	return WITH_NAME(b, e & AT_EMPTY_PATH,
			 fs_fchownat(vt(), (int)a, name, (u32)c, (u32)d, (int)e));
}

SYS(truncate)
{
	return WITH_NAME(a, false, fs_truncate(vt(), name, (s64)b));
}

SYS(ftruncate)
{
	return fs_ftruncate(vt(), (int)a, (s64)b);
}

SYS(fallocate)
{
	return fs_fallocate(vt(), (int)a, (int)b, (s64)c, (s64)d);
}

/* ---- times --------------------------------------------------------------------------------------------------------- */

static s64 set_times(int dfd, u64 path, const struct linux_timespec *times, int flags)
{
	if (!path)
		return fs_utimensat(vt(), dfd, NULL, times, flags);
	return WITH_NAME(path, flags & AT_EMPTY_PATH, fs_utimensat(vt(), dfd, name, times, flags));
}

SYS(utimensat)
{
	struct linux_timespec ts[2];

	if (c && copy_from_user(ts, c, sizeof(ts)))
		return -EFAULT;
	return set_times((int)a, b, c ? ts : NULL, (int)d);
}

static s64 set_times_us(int dfd, u64 path, u64 user)
{
	struct linux_timespec ts[2];

	if (user && copy_from_user(ts, user, sizeof(ts)))
		return -EFAULT;
	for (int i = 0; user && i < 2; i++) {
		if (ts[i].tv_nsec < 0 || ts[i].tv_nsec >= 1000000)
			return -EINVAL;
		ts[i].tv_nsec *= 1000;
	}
	return set_times(dfd, path, user ? ts : NULL, 0);
}

SYS(utimes)
{
	return set_times_us(AT_FDCWD, a, b);
}

SYS(futimesat)
{
	return set_times_us((int)a, b, c);
}

SYS(utime)
{
	struct linux_timespec ts[2] = { { 0 }, { 0 } };
	s64 t[2];

	if (b && copy_from_user(t, b, sizeof(t)))
		return -EFAULT;
	if (b) {
		ts[0].tv_sec = t[0];
		ts[1].tv_sec = t[1];
	}
	return set_times(AT_FDCWD, a, b ? ts : NULL, 0);
}

/* ---- where one is, what is mounted --------------------------------------------------------------------------------- */

SYS(getcwd)
{
	char *buf = kmalloc(&kernel_mm.slab, PATH_MAX, GFP_KERNEL);
	s64 n;

	if (!buf)
		return -ENOMEM;
	n = fs_getcwd(vt(), buf, PATH_MAX);
	if (n > 0 && (u64)n > b)
		n = -ERANGE;
	if (n > 0 && copy_to_user(a, buf, (size_t)n))
		n = -EFAULT;
	kfree(&kernel_mm.slab, buf);
	return n;
}

SYS(chdir)
{
	return WITH_NAME(a, false, fs_chdir(vt(), name));
}

SYS(fchdir)
{
	return fs_fchdir(vt(), (int)a);
}

SYS(chroot)
{
	return WITH_NAME(a, false, fs_chroot(vt(), name));
}

SYS(umask)
{
	return fs_umask(vt(), (u32)a);
}

/* A string that may be missing. */
static int get_optional(u64 user, char **out)
{
	*out = NULL;
	return user ? getname(user, true, out) : 0;
}

SYS(mount)
{
	char *source, *type = NULL, *options = NULL;
	s64 err = get_optional(a, &source);

	if (!err)
		err = get_optional(c, &type);
	if (!err)
		err = get_optional(e, &options);
	if (!err)
		err = WITH_NAME(b, false, fs_mount(vt(), source, name, type, d, options));
	putname(source);
	putname(type);
	putname(options);
	return err;
}

SYS(umount2)
{
	return WITH_NAME(a, false, fs_umount2(vt(), name, (int)b));
}

SYS(pivot_root)
{
	return WITH_TWO_NAMES(a, b, fs_pivot_root(vt(), name, name2));
}

SYS(execve)
{
	return WITH_NAME(a, false, do_execveat(AT_FDCWD, name, b, c, 0));
}

SYS(execveat)
{
	return WITH_NAME(b, e & AT_EMPTY_PATH, do_execveat((int)a, name, c, d, (int)e));
}

/* ---- inotify(7) ------------------------------------------------------------------------------------------------ */

SYS(inotify_init)
{
	return fs_inotify_init1(vt(), 0);
}

SYS(inotify_init1)
{
	return fs_inotify_init1(vt(), (int)a);
}

SYS(inotify_add_watch)
{
	char *name = NULL;
	s64 err = getname(b, false, &name), ret;

	ret = fs_inotify_add_watch(vt(), (int)a, name, err, (u32)c);
	if (!err)
		putname(name);
	return ret;
}

SYS(inotify_rm_watch)
{
	return fs_inotify_rm_watch(vt(), (int)a, (int)b);
}
