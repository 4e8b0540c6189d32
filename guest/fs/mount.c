/* SPDX-License-Identifier: MIT */
/*
 * mount.c - the tree of mounts: which file system is seen where.
 *
 * N1 a mount in the tree is in the hash under (parent, mountpoint), on its parent's list of children,
 * and holds the parent's and the mountpoint's references. N2 the mountpoint's d_nr_mounts counts the
 * mounts on it, whatever their parents; DCACHE_MOUNTED is set exactly while it is not 0. The tree
 * holds one reference of each mount in it.
 */
#include "guest/fs/internal.h"
#include "guest/fs/mount_internal.h"
#include "guest/lib/hash.h"
#include "guest/lib/string.h"

static struct hlist_head *mnt_bucket(struct vfs *vfs, const struct mount *parent,
				     const struct dentry *d)
{
	u64 key = (u64)(uintptr_t)parent ^ (u64)(uintptr_t)d << 1;

	return &vfs->mount_hash[hash_64(key, VFS_MOUNT_HASH_BITS)];
}

int mounts_init(struct vfs *vfs)
{
	spin_lock_init(&vfs->mount_lock);
	init_rwsem(&vfs->namespace_sem);
	INIT_LIST_HEAD(&vfs->mounts);
	return 0;
}

struct mount *mount_alloc(struct vfs *vfs, struct super_block *sb, struct dentry *root,
			  const char *devname, u32 flags)
{
	struct mount *m = kmem_cache_zalloc(vfs->mount_cache, GFP_KERNEL);
	size_t len = devname ? strlen(devname) + 1 : 0;

	if (!m)
		return NULL;
	if (len) {
		m->mnt_devname = kmalloc(vfs->slab, len, GFP_KERNEL);
		if (!m->mnt_devname) {
			kmem_cache_free(vfs->mount_cache, m);
			return NULL;
		}
		memcpy(m->mnt_devname, devname, len);
	}
	atomic_set(&m->mnt_count, 1);
	m->mnt_sb = sb;
	m->mnt_root = dget(root);
	m->mnt_parent = m;
	m->mnt_mountpoint = root;
	m->mnt_flags = flags;
	m->mnt_id = (u64)atomic64_inc_return(&vfs->next_mnt_id);
	INIT_LIST_HEAD(&m->mnt_list);
	INIT_LIST_HEAD(&m->mnt_child);
	INIT_LIST_HEAD(&m->mnt_children);
	INIT_HLIST_NODE(&m->mnt_hash);
	return m;
}

int kern_mount(struct vfs *vfs, const struct file_system_type *type, const char *options,
	       struct mount **out)
{
	struct mount_request req = { .source = type->name, .options = options };
	struct super_block *sb;
	int err = type->mount(type, vfs, &req, &sb);

	if (err)
		return err;
	*out = mount_alloc(vfs, sb, sb->s_root, type->name, MS_RELATIME);
	if (*out)
		return 0;
	deactivate_super(sb);
	return -ENOMEM;
}

struct mount *mntget(struct mount *m)
{
	atomic_inc(&m->mnt_count);
	return m;
}

void mntput(struct mount *m)
{
	struct vfs *vfs;
	struct super_block *sb;

	if (!m || !atomic_dec_and_test(&m->mnt_count))
		return;
	sb = m->mnt_sb;
	vfs = sb->s_vfs;
	BUG_ON(!hlist_unhashed(&m->mnt_hash));
	dput(m->mnt_root);
	kfree(vfs->slab, m->mnt_devname);
	kmem_cache_free(vfs->mount_cache, m);
	deactivate_super(sb);
}

void path_get(const struct path *p)
{
	mntget(p->mnt);
	dget(p->dentry);
}

void path_put(const struct path *p)
{
	dput(p->dentry);
	mntput(p->mnt);
}

/* ---- walking ---------------------------------------------------------------------------------------------- */

/* Without a reference; mount_lock held. */
static struct mount *find_mnt(struct vfs *vfs, const struct mount *parent, const struct dentry *d)
{
	struct mount *m;

	hlist_for_each_entry (m, mnt_bucket(vfs, parent, d), mnt_hash)
		if (m->mnt_parent == parent && m->mnt_mountpoint == d)
			return m;
	return NULL;
}

struct mount *lookup_mnt(struct vfs *vfs, const struct path *path)
{
	struct mount *m;

	spin_lock(&vfs->mount_lock);
	m = find_mnt(vfs, path->mnt, path->dentry);
	if (m)
		mntget(m);
	spin_unlock(&vfs->mount_lock);
	return m;
}

bool follow_mount(struct vfs *vfs, struct path *path)
{
	bool moved = false;

	while (READ_ONCE(path->dentry->d_flags) & DCACHE_MOUNTED) {
		struct mount *m = lookup_mnt(vfs, path);

		if (!m)
			break;
		path_put(path);
		path->mnt = m;
		path->dentry = dget(m->mnt_root);
		moved = true;
	}
	return moved;
}

bool follow_up(struct vfs *vfs, struct path *path)
{
	struct path up;

	spin_lock(&vfs->mount_lock);
	up.mnt = path->mnt->mnt_parent;
	if (up.mnt == path->mnt) {
		spin_unlock(&vfs->mount_lock);
		return false;
	}
	up.dentry = path->mnt->mnt_mountpoint;
	path_get(&up);
	spin_unlock(&vfs->mount_lock);
	path_put(path);
	*path = up;
	return true;
}

/* ---- the tree: namespace_sem is held for writing ----------------------------------------------------------- */

void mount_attach(struct vfs *vfs, struct mount *m, const struct path *where)
{
	path_get(where);
	spin_lock(&vfs->mount_lock);
	m->mnt_parent = where->mnt;
	m->mnt_mountpoint = where->dentry;
	hlist_add_head(&m->mnt_hash, mnt_bucket(vfs, where->mnt, where->dentry));
	list_add_tail(&m->mnt_child, &where->mnt->mnt_children);
	where->dentry->d_nr_mounts++;
	spin_lock(&vfs->dcache_lock);
	where->dentry->d_flags |= DCACHE_MOUNTED;
	spin_unlock(&vfs->dcache_lock);
	spin_unlock(&vfs->mount_lock);
}

void mount_detach(struct vfs *vfs, struct mount *m, struct path *was)
{
	spin_lock(&vfs->mount_lock);
	*was = (struct path){ m->mnt_parent, m->mnt_mountpoint };
	hlist_del_init(&m->mnt_hash);
	list_del_init(&m->mnt_child);
	m->mnt_parent = m;
	m->mnt_mountpoint = m->mnt_root;
	if (!--was->dentry->d_nr_mounts) {
		spin_lock(&vfs->dcache_lock);
		was->dentry->d_flags &= ~(u32)DCACHE_MOUNTED;
		spin_unlock(&vfs->dcache_lock);
	}
	spin_unlock(&vfs->mount_lock);
}

void umount_tree(struct vfs *vfs, struct mount *top)
{
	for (;;) {
		struct mount *m = top;
		struct path was;

		while (!list_empty(&m->mnt_children))
			m = list_first_entry(&m->mnt_children, struct mount, mnt_child);
		list_del_init(&m->mnt_list);
		m->mnt_detached = true;
		if (m->mnt_parent != m) {
			mount_detach(vfs, m, &was);
			path_put(&was);
		}
		if (m == top) {
			mntput(m);
			return;
		}
		mntput(m);
	}
}

u64 mounts_destroy(struct vfs *vfs)
{
	struct mount *m;
	u64 busy = 0;

	list_for_each_entry (m, &vfs->mounts, mnt_list) {
		struct mount *c;
		s32 expected = 1;

		list_for_each_entry (c, &m->mnt_children, mnt_child)
			expected++;
		if (atomic_read(&m->mnt_count) != expected)
			busy++;
	}
	umount_tree(vfs, vfs->root);
	vfs->root = NULL;
	return busy;
}

/* ---- writers ------------------------------------------------------------------------------------------------ */

int mnt_want_write(struct mount *m)
{
	atomic_inc(&m->mnt_writers);
	if ((READ_ONCE(m->mnt_flags) | READ_ONCE(m->mnt_sb->s_flags)) & MS_RDONLY) {
		atomic_dec(&m->mnt_writers);
		return -EROFS;
	}
	return 0;
}

void mnt_drop_write(struct mount *m)
{
	atomic_dec(&m->mnt_writers);
}

u32 mount_statfs_flags(const struct mount *m)
{
	static const struct {
		u32 ms, st;
	} map[] = {
		{ MS_NOSUID, ST_NOSUID },	    { MS_NODEV, ST_NODEV },
		{ MS_NOEXEC, ST_NOEXEC },	    { MS_NOATIME, ST_NOATIME },
		{ MS_NODIRATIME, ST_NODIRATIME },   { MS_RELATIME, ST_RELATIME },
		{ MS_NOSYMFOLLOW, ST_NOSYMFOLLOW }, { MS_RDONLY, ST_RDONLY },
	};
	u32 flags = m->mnt_flags | (m->mnt_sb->s_flags & MS_RDONLY), st = ST_VALID;

	for (unsigned i = 0; i < ARRAY_SIZE(map); i++)
		if (flags & map[i].ms)
			st |= map[i].st;
	return st;
}

const char *mounts_check(struct vfs *vfs)
{
	struct mount *m;

	list_for_each_entry (m, &vfs->mounts, mnt_list) {
		if (atomic_read(&m->mnt_count) < 1)
			return "N3: a mount in the tree is not held by it";
		if (m == vfs->root)
			continue;
		if (hlist_unhashed(&m->mnt_hash) || list_empty(&m->mnt_child))
			return "N1: a mount is not where its mountpoint can find it";
		if (!m->mnt_mountpoint->d_nr_mounts ||
		    !(m->mnt_mountpoint->d_flags & DCACHE_MOUNTED))
			return "N2: a mountpoint does not know of its mount";
	}
	return NULL;
}
