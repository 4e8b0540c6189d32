/* SPDX-License-Identifier: MIT */
/* memfs_super.c - mounting ramfs and tmpfs: options, limits, statfs; files without a name. tmpfs(5) */
#include "guest/fs/memfs_internal.h"
#include "guest/lib/math.h"
#include "guest/lib/parse.h"
#include "guest/lib/printf.h"
#include "guest/lib/string.h"

static struct memfs_sb *sb_info(const struct super_block *sb)
{
	return sb->s_fs_info;
}

/* ---- options -------------------------------------------------------------------------------------------------- */

/* size= is in bytes with a suffix, or in percent of memory. */
static int parse_blocks(struct vfs *vfs, const char *v, size_t len, bool bytes, u64 *out)
{
	u64 n;

	if (bytes && len && v[len - 1] == '%') {
		if (parse_u64(v, len - 1, 10, &n) || n > 1000)
			return -EINVAL;
		*out = nr_managed_pages(vfs->pg) * n / 100;
		return 0;
	}
	if (parse_size(v, len, &n))
		return -EINVAL;
	*out = bytes ? PFN_UP(n) : n;
	return 0;
}

/* Of a tmpfs that was not given one: blocks, and as many inodes. */
static u64 default_limit(const struct vfs *vfs)
{
	return nr_managed_pages(vfs->pg) / 2;
}

static bool is(const char *opt, size_t len, const char *name)
{
	return strlen(name) == len && !memcmp(opt, name, len);
}

static int parse_one(struct vfs *vfs, struct memfs_sb *s, const char *opt, size_t len)
{
	const char *eq = memchr(opt, '=', len);
	size_t klen = eq ? (size_t)(eq - opt) : len, vlen = eq ? len - klen - 1 : 0;
	const char *v = eq ? eq + 1 : opt + len;
	u64 n = 0;
	int err = 0;

	if (is(opt, klen, "size"))
		return parse_blocks(vfs, v, vlen, true, &s->max_blocks);
	if (is(opt, klen, "nr_blocks"))
		return parse_blocks(vfs, v, vlen, false, &s->max_blocks);
	if (is(opt, klen, "nr_inodes"))
		return parse_blocks(vfs, v, vlen, false, &s->max_inodes);
	if (is(opt, klen, "mode")) {
		err = parse_u64(v, vlen, 8, &n);
		s->mode = (u32)n & S_IALLUGO;
	} else if (is(opt, klen, "uid")) {
		err = parse_u64(v, vlen, 10, &n);
		s->uid = (u32)n;
	} else if (is(opt, klen, "gid")) {
		err = parse_u64(v, vlen, 10, &n);
		s->gid = (u32)n;
	} else if (is(opt, klen, "inode32") || is(opt, klen, "inode64")) {
		return 0;
	} else {
		err = -EINVAL;
	}
	return err ? -EINVAL : 0;
}

static int parse_options(struct vfs *vfs, struct memfs_sb *s, const char *options)
{
	while (*options) {
		const char *end = strchr(options, ',');
		size_t len = end ? (size_t)(end - options) : strlen(options);
		int err = len ? parse_one(vfs, s, options, len) : 0;

		if (err)
			return err;
		options += len + (end ? 1 : 0);
	}
	return 0;
}

/* ---- the super block ----------------------------------------------------------------------------------------------- */

static int statfs(struct super_block *sb, struct linux_statfs *st)
{
	const struct memfs_sb *s = sb_info(sb);
	u64 blocks = (u64)atomic64_read(&s->used_blocks);
	u64 inodes = (u64)atomic64_read(&s->used_inodes);

	if (s->max_blocks) {
		st->f_blocks = s->max_blocks;
		st->f_bfree = st->f_bavail = s->max_blocks - MIN(blocks, s->max_blocks);
	}
	if (s->max_inodes) {
		st->f_files = s->max_inodes;
		st->f_ffree = s->max_inodes - MIN(inodes, s->max_inodes);
	}
	return 0;
}

static void put_super(struct super_block *sb)
{
	kfree(sb->s_vfs->slab, sb->s_fs_info);
}

static int remount(struct super_block *sb, u32 *flags, const char *options)
{
	struct memfs_sb *s = sb_info(sb), want = *s;
	int err = parse_options(sb->s_vfs, &want, options);

	(void)flags;
	if (err)
		return err;
	if (want.max_blocks && (u64)atomic64_read(&s->used_blocks) > want.max_blocks)
		return -EINVAL;
	if (want.max_inodes && (u64)atomic64_read(&s->used_inodes) > want.max_inodes)
		return -EINVAL;
	s->max_blocks = want.max_blocks;
	s->max_inodes = want.max_inodes;
	return 0;
}

static void show_options(struct seq *seq, struct super_block *sb)
{
	const struct memfs_sb *s = sb_info(sb);

	if (!s->bogo)
		return;
	if (s->max_blocks != default_limit(sb->s_vfs))
		seq_printf(seq, ",size=%luk", s->max_blocks << (PAGE_SHIFT - 10));
	if (s->max_inodes != default_limit(sb->s_vfs))
		seq_printf(seq, ",nr_inodes=%lu", s->max_inodes);
	if (s->mode != 01777)
		seq_printf(seq, ",mode=%03o", s->mode);
	if (s->uid)
		seq_printf(seq, ",uid=%u", s->uid);
	if (s->gid)
		seq_printf(seq, ",gid=%u", s->gid);
}

static const struct super_operations sops = {
	.evict_inode = memfs_evict,
	.statfs = statfs,
	.put_super = put_super,
	.remount = remount,
	.show_options = show_options,
};

int memfs_fill(struct vfs *vfs, const struct file_system_type *type, const char *options,
	       struct super_block **out)
{
	bool tmpfs = type != &ramfs_fs_type;
	struct super_block *sb = sget(vfs, type);
	struct memfs_sb *s;
	struct inode *root;
	int err = -ENOMEM;

	if (!sb)
		return -ENOMEM;
	s = kzalloc(vfs->slab, sizeof(*s), GFP_KERNEL);
	if (!s)
		goto err_sb;
	sb->s_fs_info = s;
	sb->s_op = &sops;
	sb->s_magic = tmpfs ? TMPFS_MAGIC : RAMFS_MAGIC;
	s->bogo = tmpfs;
	sb->s_keeps_xattrs = tmpfs;
	s->mode = tmpfs ? 01777 : 0755;
	if (tmpfs)
		s->max_blocks = s->max_inodes = default_limit(vfs);
	err = parse_options(vfs, s, options);
	if (err && tmpfs)
		goto err_sb;
	root = memfs_inode_new(sb, S_IFDIR | s->mode, 0);
	err = -ENOMEM;
	if (!root)
		goto err_sb;
	root->i_uid = s->uid;
	root->i_gid = s->gid;
	sb->s_root = d_make_root(root);
	if (!sb->s_root)
		goto err_sb;
	*out = sb;
	return 0;
err_sb:
	deactivate_super(sb);
	return err;
}

static int memfs_mount(const struct file_system_type *type, struct vfs *vfs,
		       const struct mount_request *req, struct super_block **out)
{
	return memfs_fill(vfs, type, req->options, out);
}

const struct file_system_type ramfs_fs_type = { .name = "ramfs", .mount = memfs_mount };
const struct file_system_type tmpfs_fs_type = { .name = "tmpfs", .mount = memfs_mount };

/* ---- for the kernel itself ---------------------------------------------------------------------------------------- */

int shmem_file_setup(struct vfs_task *t, const char *name, s64 size, u32 flags, struct file **out)
{
	struct vfs *vfs = t->vfs;
	struct qstr q = { .name = name, .len = (u32)strlen(name) };
	struct path path = { vfs->shm_mnt, NULL };
	struct inode *inode;
	int err = alloc_empty_file(t, flags, out);

	if (err)
		return err;
	path.dentry = d_alloc(vfs->shm_mnt->mnt_root, &q);
	inode = path.dentry ? memfs_inode_new(vfs->shm_mnt->mnt_sb, S_IFREG | 0777, 0) : NULL;
	if (!inode) {
		dput(path.dentry);
		file_discard(vfs, *out);
		return -ENOMEM;
	}
	inode_init_owner(t, inode, NULL, S_IFREG | 0777);
	clear_nlink(inode);
	inode->i_size = size;
	d_instantiate(path.dentry, inode);
	err = vfs_open_file(t, &path, *out);
	dput(path.dentry);
	if (err)
		file_discard(vfs, *out);
	return err;
}

int memfs_make_node(struct super_block *sb, struct dentry *parent, const char *name, u32 mode,
		    kdev_t dev, u32 uid, u32 gid)
{
	struct inode *dir = parent->d_inode, *inode;
	struct dentry *d;
	int err;

	down_write(&sb->s_tree_sem);
	err = memfs_lookup_child(parent, name, strlen(name), &d);
	if (!err && !d_is_negative(d)) {
		dput(d);
		err = -EEXIST;
	}
	if (err)
		goto out;
	inode = memfs_inode_new(sb, mode, dev);
	err = -ENOSPC;
	if (inode) {
		inode->i_uid = uid;
		inode->i_gid = gid;
		err = memfs_link_in(dir, d, inode);
		if (err)
			iput(inode);
		else if (S_ISDIR(mode))
			inc_nlink(dir);
	}
	dput(d);
out:
	up_write(&sb->s_tree_sem);
	return err;
}

void memfs_remove_node(struct super_block *sb, const char *name)
{
	struct dentry *d;

	down_write(&sb->s_tree_sem);
	if (!memfs_lookup_child(sb->s_root, name, strlen(name), &d)) {
		if (!d_is_negative(d)) {
			sb->s_root->d_inode->i_op->unlink(sb->s_root->d_inode, d);
			d_delete(d);
		}
		dput(d);
	}
	up_write(&sb->s_tree_sem);
}
