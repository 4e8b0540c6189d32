/* SPDX-License-Identifier: MIT */
/* devtmpfs.c - a tmpfs that shows the devices there are: one tree, however often it is mounted. */
#include "guest/fs/chrdev.h"
#include "guest/fs/memfs_internal.h"
#include "guest/lib/string.h"

static int devtmpfs_mount(const struct file_system_type *type, struct vfs *vfs,
			  const struct mount_request *req, struct super_block **out)
{
	(void)type;
	(void)req;
	atomic_inc(&vfs->devtmpfs_sb->s_active);
	*out = vfs->devtmpfs_sb;
	return 0;
}

static const struct file_system_type devtmpfs_type = { .name = "devtmpfs",
						       .mount = devtmpfs_mount };

int devtmpfs_init(struct vfs *vfs)
{
	/* devtmpfs_sb keeps it while it is not mounted. */
	int err = memfs_fill(vfs, &devtmpfs_type, "mode=755", &vfs->devtmpfs_sb);

	return err ? err : register_filesystem(vfs, &devtmpfs_type);
}

/* The folder of that name, made if it is not there; referenced. */
static int subdir(struct super_block *sb, struct dentry *dir, const char *name, size_t len,
		  struct dentry **out)
{
	char text[NAME_MAX + 1];
	int err;

	if (len > NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(text, name, len);
	text[len] = 0;
	err = memfs_make_node(sb, dir, text, S_IFDIR | 0755, 0, 0, 0);
	if (err && err != -EEXIST)
		return err;
	down_write(&sb->s_tree_sem);
	err = memfs_lookup_child(dir, name, len, out);
	up_write(&sb->s_tree_sem);
	if (!err && !d_is_dir(*out)) {
		dput(*out);
		err = -ENOTDIR;
	}
	return err;
}

int devtmpfs_create_node(struct vfs *vfs, const char *name, u32 mode, kdev_t dev)
{
	struct super_block *sb = vfs->devtmpfs_sb;
	struct dentry *dir, *next;
	const char *slash;
	int err = 0;

	if (!sb)
		return -ENODEV;
	dir = dget(sb->s_root);
	while (!err && (slash = strchr(name, '/'))) {
		err = subdir(sb, dir, name, (size_t)(slash - name), &next);
		if (!err) {
			dput(dir);
			dir = next;
		}
		name = slash + 1;
	}
	if (!err)
		err = memfs_make_node(sb, dir, name, mode, dev, 0, 0);
	dput(dir);
	return err;
}
