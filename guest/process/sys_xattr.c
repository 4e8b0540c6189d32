/* SPDX-License-Identifier: MIT */
/* sys_xattr.c - the calls of xattr(7): each by path, by the path of a link itself, by descriptor. */
#include "guest/fs/internal.h"
#include "guest/lib/string.h"
#include "guest/process/sys_util.h"

/* What a call is about: a file, and for most an attribute's name. */
struct target {
	struct path path; /* referenced */
	char name[XATTR_NAME_MAX + 1];
};

static int get_attribute_name(char name[XATTR_NAME_MAX + 1], u64 user)
{
	s64 n = strncpy_from_user(name, user, XATTR_NAME_MAX + 1);

	if (n < 0)
		return n == -ENAMETOOLONG ? -ERANGE : (int)n;
	return n ? 0 : -ERANGE;
}

static int open_target(struct target *at, int fd)
{
	struct fd f = fdget(vt(), fd);

	if (!f.file)
		return -EBADF;
	at->path = f.file->f_path;
	path_get(&at->path);
	fdput(f);
	return 0;
}

static int named_target(struct target *at, u64 user, unsigned how)
{
	char *path;
	int err = getname(user, false, &path);

	if (err)
		return err;
	err = user_path_at(vt(), AT_FDCWD, path, how, &at->path);
	putname(path);
	return err;
}

typedef s64 (*xattr_fn)(const struct target *at, u64 c, u64 d, u64 e);

static s64 list(const struct target *at, u64 to, u64 size, u64 unused);

static s64 by_path(u64 path, unsigned how, u64 name, xattr_fn fn, u64 c, u64 d, u64 e)
{
	struct target at = { 0 };
	s64 ret = fn == list ? 0 : get_attribute_name(at.name, name);

	if (!ret)
		ret = named_target(&at, path, how);
	if (ret)
		return ret;
	ret = fn(&at, c, d, e);
	path_put(&at.path);
	return ret;
}

static s64 by_fd(u64 fd, u64 name, xattr_fn fn, u64 c, u64 d, u64 e)
{
	struct target at = { 0 };
	s64 ret = fn == list ? 0 : get_attribute_name(at.name, name);

	if (!ret)
		ret = open_target(&at, (int)fd);
	if (ret)
		return ret;
	ret = fn(&at, c, d, e);
	path_put(&at.path);
	return ret;
}

static s64 set(const struct target *at, u64 value, u64 size, u64 flags)
{
	return fs_setxattr(vt(), &at->path, at->name, value, size, (int)flags);
}

static s64 get(const struct target *at, u64 value, u64 size, u64 unused)
{
	(void)unused;
	return fs_getxattr(vt(), &at->path, at->name, value, size);
}

static s64 list(const struct target *at, u64 to, u64 size, u64 unused)
{
	(void)unused;
	return fs_listxattr(vt(), &at->path, to, size);
}

static s64 drop(const struct target *at, u64 unused, u64 unused2, u64 unused3)
{
	(void)unused;
	(void)unused2;
	(void)unused3;
	return fs_removexattr(vt(), &at->path, at->name);
}

SYS(setxattr)
{
	return by_path(a, LOOKUP_FOLLOW, b, set, c, d, e);
}

SYS(lsetxattr)
{
	return by_path(a, 0, b, set, c, d, e);
}

SYS(fsetxattr)
{
	return by_fd(a, b, set, c, d, e);
}

SYS(getxattr)
{
	return by_path(a, LOOKUP_FOLLOW, b, get, c, d, 0);
}

SYS(lgetxattr)
{
	return by_path(a, 0, b, get, c, d, 0);
}

SYS(fgetxattr)
{
	return by_fd(a, b, get, c, d, 0);
}

SYS(listxattr)
{
	return by_path(a, LOOKUP_FOLLOW, 0, list, b, c, 0);
}

SYS(llistxattr)
{
	return by_path(a, 0, 0, list, b, c, 0);
}

SYS(flistxattr)
{
	return by_fd(a, 0, list, b, c, 0);
}

SYS(removexattr)
{
	return by_path(a, LOOKUP_FOLLOW, b, drop, 0, 0, 0);
}

SYS(lremovexattr)
{
	return by_path(a, 0, b, drop, 0, 0, 0);
}

SYS(fremovexattr)
{
	return by_fd(a, b, drop, 0, 0, 0);
}
