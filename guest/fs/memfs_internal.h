/* SPDX-License-Identifier: MIT */
/* memfs_internal.h - what the file systems in memory are made of. */
#ifndef GUEST_FS_MEMFS_INTERNAL_H
#define GUEST_FS_MEMFS_INTERNAL_H

#include "guest/fs/internal.h"
#include "guest/fs/memfs.h"
#include "guest/fs/pagecache.h"

struct memfs_sb {
	u64 max_blocks, max_inodes; /* 0: no limit */
	atomic64_t used_blocks, used_inodes;
	u32 mode, uid, gid;
	bool bogo; /* tmpfs: directories have a size, files can be allocated ahead */
};

struct memfs_inode {
	struct address_space mapping; /* regular files */
	struct xarray entries;	      /* directories: cookie -> dentry; s_tree_sem */
	u64 next_cookie;
};

/* Without an owner (root's). NULL: no memory or over the limit. */
struct inode *memfs_inode_new(struct super_block *sb, u32 mode, kdev_t dev);
void memfs_evict(struct inode *inode);
/* A super block of either kind; options as in tmpfs(5). */
int memfs_fill(struct vfs *vfs, const struct file_system_type *type, const char *options,
	       struct super_block **out);

/* d, negative, becomes a name of inode in dir (its reference goes along). s_tree_sem held. */
int memfs_link_in(struct inode *dir, struct dentry *d, struct inode *inode);
/* The child, maybe negative, referenced. s_tree_sem held. */
int memfs_lookup_child(struct dentry *parent, const char *name, size_t len, struct dentry **out);

/* The two entries every directory begins with; false: the reader is full. */
bool dir_emit_dots(struct file *f, struct dir_context *ctx);
s64 dir_llseek(struct file *f, s64 offset, int whence);
unsigned mode_to_dtype(u32 mode);

#endif
