/* SPDX-License-Identifier: MIT */
/* super.c - super blocks and file system types; making and ending an instance. */
#include "guest/fs/internal.h"
#include "guest/fs/chrdev.h"
#include "guest/fs/chrdev_table.h"
#include "guest/fs/fdtable.h"
#include "guest/fs/memfs.h"
#include "guest/fs/notify.h"
#include "guest/fs/pipe.h"
#include "guest/fs/epoll_internal.h"
#include "guest/fs/pipe_internal.h"
#include "guest/fs/socket.h"
#include "guest/fs/tty_internal.h"
#include "guest/lib/printf.h"
#include "guest/lib/string.h"

struct super_block *sget(struct vfs *vfs, const struct file_system_type *type)
{
	struct super_block *sb = kzalloc(vfs->slab, sizeof(*sb), GFP_KERNEL);

	if (!sb)
		return NULL;
	sb->s_vfs = vfs;
	sb->s_type = type;
	sb->s_maxbytes = INT64_MAX;
	sb->s_blocksize = PAGE_SIZE;
	atomic_set(&sb->s_active, 1);
	init_rwsem(&sb->s_tree_sem);
	spin_lock_init(&sb->s_lock);
	INIT_LIST_HEAD(&sb->s_inodes);
	kscnprintf(sb->s_id, sizeof(sb->s_id), "%s", type->name);
	spin_lock(&vfs->sb_lock);
	/* Linux gives file systems without a device numbers of major 0. */
	sb->s_dev = MKDEV(0, ++vfs->next_anon_dev);
	list_add_tail(&sb->s_list, &vfs->supers);
	spin_unlock(&vfs->sb_lock);
	return sb;
}

static u64 super_free(struct super_block *sb)
{
	struct vfs *vfs = sb->s_vfs;
	u64 busy = 0;

	spin_lock(&vfs->sb_lock);
	list_del(&sb->s_list);
	spin_unlock(&vfs->sb_lock);
	notify_unmount(sb);
	if (sb->s_root)
		busy = d_genocide(sb->s_root);
	if (sb->s_op && sb->s_op->put_super)
		sb->s_op->put_super(sb);
	if (!list_empty(&sb->s_inodes))
		busy++;
	if (busy)
		env_log(ENV_ERR, "%s unmounted with %lu objects in use", sb->s_id, busy);
	kfree(vfs->slab, sb);
	return busy;
}

void deactivate_super(struct super_block *sb)
{
	if (atomic_dec_and_test(&sb->s_active))
		super_free(sb);
}

int register_filesystem(struct vfs *vfs, const struct file_system_type *type)
{
	int err = -ENOMEM;

	spin_lock(&vfs->sb_lock);
	for (unsigned i = 0; i < VFS_MAX_FS_TYPES; i++) {
		if (vfs->fs_types[i] && !strcmp(vfs->fs_types[i]->name, type->name)) {
			err = -EBUSY;
			break;
		}
		if (!vfs->fs_types[i]) {
			vfs->fs_types[i] = type;
			err = 0;
			break;
		}
	}
	spin_unlock(&vfs->sb_lock);
	return err;
}

const struct file_system_type *get_fs_type(struct vfs *vfs, const char *name, size_t len)
{
	const struct file_system_type *found = NULL;

	spin_lock(&vfs->sb_lock);
	for (unsigned i = 0; i < VFS_MAX_FS_TYPES && vfs->fs_types[i]; i++) {
		const char *n = vfs->fs_types[i]->name;

		if (strlen(n) == len && !memcmp(n, name, len))
			found = vfs->fs_types[i];
	}
	spin_unlock(&vfs->sb_lock);
	return found;
}

/* ---- the instance ---------------------------------------------------------------------------------------- */

static void *node_alloc(void *arg)
{
	return kmem_cache_zalloc(arg, GFP_NOWAIT);
}

static void node_free(void *arg, void *node)
{
	kmem_cache_free(arg, node);
}

struct cache_desc {
	size_t member;
	const char *name;
	size_t size;
};

#define CACHE(field, type)                                              \
	{                                                               \
		offsetof(struct vfs, field), #type, sizeof(struct type) \
	}

static const struct cache_desc caches[] = {
	CACHE(dentry_cache, dentry), CACHE(inode_cache, inode),
	CACHE(file_cache, file),     CACHE(mount_cache, mount),
	CACHE(epitem_cache, epitem), CACHE(pipe_cache, pipe_inode_info),
};

static struct kmem_cache **cache_of(struct vfs *vfs, unsigned i)
{
	return (struct kmem_cache **)((char *)vfs + caches[i].member);
}

static void destroy_caches(struct vfs *vfs)
{
	for (unsigned i = 0; i < ARRAY_SIZE(caches); i++)
		if (*cache_of(vfs, i))
			kmem_cache_destroy(*cache_of(vfs, i));
	if (vfs->node_cache)
		kmem_cache_destroy(vfs->node_cache);
}

static int create_caches(struct vfs *vfs)
{
	struct kmem_cache_args nodes = { .name = "radix_tree_node",
					 .size = xa_node_size,
					 .flags = SLAB_RECLAIM_ACCOUNT };

	for (unsigned i = 0; i < ARRAY_SIZE(caches); i++) {
		struct kmem_cache_args args = { .name = caches[i].name, .size = caches[i].size };

		*cache_of(vfs, i) = kmem_cache_create(vfs->slab, &args);
		if (!*cache_of(vfs, i))
			return -ENOMEM;
	}
	vfs->node_cache = kmem_cache_create(vfs->slab, &nodes);
	vfs->xa_mem = (struct xa_mem){ node_alloc, node_free, vfs->node_cache };
	return vfs->node_cache ? 0 : -ENOMEM;
}

/* Where files without a name live: pipes and anonymous inodes. */
static int internal_mount(const struct file_system_type *type, struct vfs *vfs,
			  const struct mount_request *req, struct super_block **out)
{
	struct super_block *sb = sget(vfs, type);
	struct inode *root;

	(void)req;
	if (!sb)
		return -ENOMEM;
	sb->s_magic = type->name[0] == 'p'   ? PIPEFS_MAGIC
		      : type->name[0] == 's' ? SOCKFS_MAGIC
					     : ANON_INODE_FS_MAGIC;
	root = new_inode(sb);
	if (root) {
		root->i_mode = S_IFDIR | 0600;
		root->i_nlink = 2;
		sb->s_root = d_make_root(root);
	}
	if (!sb->s_root) {
		deactivate_super(sb);
		return -ENOMEM;
	}
	*out = sb;
	return 0;
}

static const struct file_system_type pipefs_type = { .name = "pipefs",
						     .fs_flags = FS_INTERNAL,
						     .mount = internal_mount };
static const struct file_system_type sockfs_type = { .name = "sockfs",
						     .fs_flags = FS_INTERNAL,
						     .mount = internal_mount };
static const struct file_system_type anonfs_type = { .name = "anon_inodefs",
						     .fs_flags = FS_INTERNAL,
						     .mount = internal_mount };

/* All files without a name share one inode: nobody changes it. */
static int anon_setattr(struct vfs_task *t, struct dentry *d, struct iattr *attr)
{
	(void)t;
	(void)d;
	(void)attr;
	return -EOPNOTSUPP;
}

static const struct inode_operations anon_iops = { .setattr = anon_setattr };

static int make_internal(struct vfs *vfs)
{
	int err = kern_mount(vfs, &pipefs_type, "", &vfs->pipe_mnt);

	if (!err)
		err = kern_mount(vfs, &anonfs_type, "", &vfs->anon_mnt);
	if (!err)
		err = kern_mount(vfs, &sockfs_type, "", &vfs->sock_mnt);
	if (!err)
		err = unix_init(vfs);
	if (err)
		return err;
	/* What is shared without a name is no file that somebody keeps: only memory is the limit. */
	err = kern_mount(vfs, &tmpfs_fs_type, "size=0,nr_inodes=0", &vfs->shm_mnt);
	if (err)
		return err;
	vfs->pipe_sb = vfs->pipe_mnt->mnt_sb;
	vfs->anon_sb = vfs->anon_mnt->mnt_sb;
	vfs->anon_inode = new_inode(vfs->anon_sb);
	if (!vfs->anon_inode)
		return -ENOMEM;
	vfs->anon_inode->i_mode = 0600;
	vfs->anon_inode->i_op = &anon_iops;
	return 0;
}

int vfs_init(struct vfs *vfs, const struct vfs_env *env, struct slab_sys *slab, struct pgalloc *pg)
{
	struct mount *root;
	int err;

	memset(vfs, 0, sizeof(*vfs));
	vfs->env = env;
	vfs->slab = slab;
	vfs->pg = pg;
	spin_lock_init(&vfs->sb_lock);
	INIT_LIST_HEAD(&vfs->supers);
	mutex_init(&vfs->epoll_mutex);
	mutex_init(&vfs->notify_mutex);
	INIT_LIST_HEAD(&vfs->inotifies);
	vfs->inotify_max_events = 16384;
	vfs->inotify_max_instances = 128;
	vfs->inotify_max_watches = 8192;
	init_waitqueue_head(&vfs->lock_wait);
	for (unsigned i = 0; i < ARRAY_SIZE(vfs->page_wait); i++)
		init_waitqueue_head(&vfs->page_wait[i]);
	vfs->max_files = nr_managed_pages(pg) / 10 + 1024;
	vfs->nr_open = 1024 * 1024;
	vfs->pipe_max_size = 1024 * 1024;
	err = create_caches(vfs);
	if (!err)
		err = dcache_init(vfs);
	if (!err)
		err = mounts_init(vfs);
	if (!err)
		err = chrdev_table_init(vfs);
	if (!err)
		err = tty_core_init(vfs);
	if (!err)
		err = make_internal(vfs);
	if (!err)
		err = register_filesystem(vfs, &ramfs_fs_type);
	if (!err)
		err = register_filesystem(vfs, &tmpfs_fs_type);
	if (!err)
		err = kern_mount(vfs, &ramfs_fs_type, "", &root);
	if (err) {
		vfs_destroy(vfs);
		return err;
	}
	vfs->root = root;
	list_add_tail(&root->mnt_list, &vfs->mounts);
	return 0;
}

u64 vfs_destroy(struct vfs *vfs)
{
	struct super_block *sb, *tmp;
	u64 busy = 0;

	if (vfs->anon_inode)
		iput(vfs->anon_inode);
	if (vfs->root)
		busy += mounts_destroy(vfs);
	if (vfs->pipe_mnt)
		mntput(vfs->pipe_mnt);
	if (vfs->anon_mnt)
		mntput(vfs->anon_mnt);
	if (vfs->sock_mnt)
		mntput(vfs->sock_mnt);
	if (vfs->unix_net)
		unix_destroy(vfs);
	if (vfs->shm_mnt)
		mntput(vfs->shm_mnt);
	if (vfs->ttys)
		pty_destroy(vfs);
	if (vfs->devtmpfs_sb)
		deactivate_super(vfs->devtmpfs_sb);
	list_for_each_entry_safe (sb, tmp, &vfs->supers, s_list)
		busy += 1 + super_free(sb);
	if (vfs->ttys)
		tty_core_destroy(vfs);
	if (vfs->chrdevs)
		chrdev_table_destroy(vfs);
	busy += (u64)atomic64_read(&vfs->nr_inodes) + (u64)atomic64_read(&vfs->nr_files) +
		vfs->nr_dentry;
	if (vfs->dcache)
		dcache_destroy(vfs);
	destroy_caches(vfs);
	return busy;
}

const char *vfs_check(struct vfs *vfs)
{
	const char *broken = dcache_check(vfs);

	return broken ? broken : mounts_check(vfs);
}
