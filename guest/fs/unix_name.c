/* SPDX-License-Identifier: MIT */
/*
 * unix_name.c - names of sockets: in the file system (a socket's inode stands for it), or abstract (a
 * leading NUL; each type has names of its own). unix(7)
 */
#include "guest/fs/calls.h"
#include "guest/fs/internal.h"
#include "guest/fs/unix_internal.h"
#include "guest/lib/hash.h"
#include "guest/lib/printf.h"
#include "guest/lib/string.h"

#define AUTO_NAMES (1u << 20) /* five hexadecimal digits */

static u16 family_of(const struct sockaddr_buf *a)
{
	u16 family;

	memcpy(&family, a->data, sizeof(family));
	return family;
}

int unix_check_addr(const struct sockaddr_buf *a)
{
	if (a->len <= 2 || a->len > UNIX_ADDR_MAX)
		return -EINVAL;
	return family_of(a) == AF_UNIX ? 0 : -EINVAL;
}

void unix_addr_put(struct vfs *vfs, struct unix_addr *a)
{
	if (atomic_dec_and_test(&a->refs))
		kfree(vfs->slab, a);
}

static struct unix_addr *addr_new(struct vfs *vfs, const void *data, u32 len)
{
	struct unix_addr *a = kzalloc(vfs->slab, sizeof(*a), GFP_KERNEL);

	if (a) {
		atomic_set(&a->refs, 1);
		memcpy(a->data, data, len);
		a->len = len;
	}
	return a;
}

void unix_copy_name(const struct unix_sock *s, struct sockaddr_buf *out)
{
	static const u16 family = AF_UNIX;

	out->len = s->addr ? s->addr->len : sizeof(family);
	memcpy(out->data, s->addr ? (const void *)s->addr->data : &family, out->len);
}

/* ---- finding: net->mutex held ----------------------------------------------------------------------------------- */

static u32 abstract_hash(const struct unix_addr *a, int type)
{
	return (name_hash((const char *)a->data, a->len) ^ (u32)type) % UNIX_HASH;
}

static u32 inode_hash(const struct inode *inode)
{
	return hash_ptr(inode, 6) % UNIX_HASH;
}

static struct unix_sock *find_abstract(struct unix_net *net, const struct unix_addr *a, int type)
{
	struct unix_sock *s;

	hlist_for_each_entry (s, &net->names[abstract_hash(a, type)], hash)
		if (!s->path.dentry && s->type == type && s->addr->len == a->len &&
		    !memcmp(s->addr->data, a->data, a->len))
			return s;
	return NULL;
}

static struct unix_sock *find_inode(struct unix_net *net, const struct inode *inode)
{
	struct unix_sock *s;

	hlist_for_each_entry (s, &net->names[inode_hash(inode)], hash)
		if (s->path.dentry && s->path.dentry->d_inode == inode)
			return s;
	return NULL;
}

static void enter(struct unix_sock *s, struct unix_addr *a, u32 hash)
{
	s->addr = a;
	hlist_add_head(&s->hash, &s->net->names[hash]);
}

void unix_unhash(struct unix_sock *s)
{
	if (!hlist_unhashed(&s->hash))
		hlist_del_init(&s->hash);
}

/* ---- bind(2) -------------------------------------------------------------------------------------------------------- */

static int bind_abstract(struct unix_sock *s, const struct sockaddr_buf *addr)
{
	struct unix_addr *a = addr_new(s->vfs, addr->data, addr->len);
	int err = 0;

	if (!a)
		return -ENOMEM;
	mutex_lock(&s->net->mutex);
	if (s->addr)
		err = -EINVAL;
	else if (find_abstract(s->net, a, s->type))
		err = -EADDRINUSE;
	else
		enter(s, a, abstract_hash(a, s->type));
	mutex_unlock(&s->net->mutex);
	if (err)
		unix_addr_put(s->vfs, a);
	return err;
}

static bool try_auto_name(struct unix_sock *s, struct unix_addr *a)
{
	u32 n = s->net->next_auto++ % AUTO_NAMES;

	kscnprintf((char *)a->data + 3, 6, "%05x", n);
	a->len = 8;
	if (find_abstract(s->net, a, s->type))
		return false;
	enter(s, a, abstract_hash(a, s->type));
	return true;
}

int unix_autobind(struct unix_sock *s)
{
	static const u8 head[4] = { AF_UNIX, 0, 0, 0 };
	struct unix_addr *a = addr_new(s->vfs, head, sizeof(head));
	bool done = false;

	if (!a)
		return -ENOMEM;
	mutex_lock(&s->net->mutex);
	if (s->addr) {
		mutex_unlock(&s->net->mutex);
		unix_addr_put(s->vfs, a);
		return 0;
	}
	for (u32 i = 0; i < AUTO_NAMES && !done; i++)
		done = try_auto_name(s, a);
	mutex_unlock(&s->net->mutex);
	if (!done)
		unix_addr_put(s->vfs, a);
	return done ? 0 : -ENOSPC;
}

/* The name as a C string; how long it is. */
static size_t path_of(const struct sockaddr_buf *addr, char path[UNIX_PATH_MAX + 1])
{
	memcpy(path, addr->data + 2, addr->len - 2);
	path[addr->len - 2] = '\0';
	return strlen(path);
}

static int bind_path(struct vfs_task *t, struct unix_sock *s, const struct sockaddr_buf *addr)
{
	char path[UNIX_PATH_MAX + 1];
	size_t len = path_of(addr, path);
	struct unix_addr *a = addr_new(s->vfs, addr->data, (u32)(2 + len));
	struct path at;
	int err;

	if (!a)
		return -ENOMEM;
	a->len = (u32)(2 + len + 1);
	err = mknod_path(t, path, S_IFSOCK | 0777, &at);
	if (err == -EEXIST)
		err = -EADDRINUSE;
	if (err)
		goto out_addr;
	mutex_lock(&s->net->mutex);
	if (s->addr) {
		err = -EINVAL;
	} else {
		s->path = at;
		enter(s, a, inode_hash(at.dentry->d_inode));
	}
	mutex_unlock(&s->net->mutex);
	if (!err)
		return 0;
	path_put(&at);
	fs_unlinkat(t, AT_FDCWD, path, 0);
out_addr:
	unix_addr_put(s->vfs, a);
	return err;
}

int unix_bind(struct vfs_task *t, struct unix_sock *s, const struct sockaddr_buf *addr)
{
	int err;

	if (addr->len == 2 && family_of(addr) == AF_UNIX)
		return unix_autobind(s);
	err = unix_check_addr(addr);
	if (err)
		return err;
	return addr->data[2] ? bind_path(t, s, addr) : bind_abstract(s, addr);
}

/* ---- to whom ---------------------------------------------------------------------------------------------------------- */

static int find_by_path(struct vfs_task *t, const struct sockaddr_buf *addr, int type,
			struct unix_sock **out)
{
	struct unix_net *net = t->vfs->unix_net;
	char name[UNIX_PATH_MAX + 1];
	struct unix_sock *s;
	struct path path;
	int err;

	path_of(addr, name);
	err = user_path_at(t, AT_FDCWD, name, LOOKUP_FOLLOW, &path);
	if (err)
		return err;
	err = inode_permission(t, path.dentry->d_inode, MAY_WRITE);
	if (!err) {
		mutex_lock(&net->mutex);
		s = find_inode(net, path.dentry->d_inode);
		if (!s)
			err = -ECONNREFUSED;
		else if (s->type != type)
			err = -EPROTOTYPE;
		else
			*out = unix_get(s);
		mutex_unlock(&net->mutex);
	}
	if (!err)
		touch_atime(&path);
	path_put(&path);
	return err;
}

int unix_find(struct vfs_task *t, const struct sockaddr_buf *addr, int type, struct unix_sock **out)
{
	struct unix_net *net = t->vfs->unix_net;
	struct unix_addr a = { .len = addr->len };
	struct unix_sock *s;

	if (addr->data[2])
		return find_by_path(t, addr, type, out);
	memcpy(a.data, addr->data, addr->len);
	mutex_lock(&net->mutex);
	s = find_abstract(net, &a, type);
	if (s)
		*out = unix_get(s);
	mutex_unlock(&net->mutex);
	return s ? 0 : -ECONNREFUSED;
}
