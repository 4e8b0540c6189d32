/* SPDX-License-Identifier: MIT */
/*
 * internal.h - what the files of the VFS itself share, beyond what file systems see.
 */
#ifndef GUEST_FS_INTERNAL_H
#define GUEST_FS_INTERNAL_H

#include "guest/fs/namei.h"
#include "guest/fs/vfs.h"

/* ---- dcache.c --------------------------------------------------------------------------------- */

int dcache_init(struct vfs *vfs);
void dcache_destroy(struct vfs *vfs);
/* After unlink: negative if nobody else holds it, else unfindable. Takes no reference. */
void d_delete(struct dentry *d);
/* d takes the name and place of target, which becomes unfindable. s_tree_sem held for writing. */
void d_move(struct dentry *d, struct dentry *target);
void d_exchange(struct dentry *a, struct dentry *b);
/* Whether d lies below (or is) ancestor. */
bool d_is_ancestor(struct dentry *ancestor, struct dentry *d);
/* The positive child that comes after prev (NULL: the first), without a reference: s_tree_sem is held
 * and keeps it. */
struct dentry *d_next_child(struct dentry *parent, struct dentry *prev);
/* d becomes the first of its parent's children. */
void d_to_front(struct dentry *d);
/* The parent, referenced. */
struct dentry *dget_parent(struct dentry *d);
/* The file system's own reference, for trees that live in memory. */
void d_pin(struct dentry *d);
void d_unpin(struct dentry *d);
/* Throws away a whole tree, which nobody uses any more; how many dentries somebody does use. */
u64 d_genocide(struct dentry *root);
/* Throws away what is unused below d. */
void d_prune_children(struct dentry *d);
const char *dcache_check(struct vfs *vfs);

static inline bool d_unhashed(const struct dentry *d)
{
	return READ_ONCE(d->d_flags) & DCACHE_UNHASHED;
}

static inline bool is_mountpoint(const struct dentry *d)
{
	return READ_ONCE(d->d_flags) & DCACHE_MOUNTED;
}

static inline bool d_is_dir(const struct dentry *d)
{
	const struct inode *inode = READ_ONCE(d->d_inode);

	return inode && S_ISDIR(inode->i_mode);
}

/* ---- inode.c, attr.c ---------------------------------------------------------------------------- */

/* Names of an inode; one that has none is counted by its file system until it is evicted. */
void inc_nlink(struct inode *inode);
void drop_nlink(struct inode *inode);
void clear_nlink(struct inode *inode);
/* The mode of a new file in dir: without the group bit that it may not have, which is seen before the umask,
 * and without what the umask takes; of the bits in mask. */
u32 vfs_prepare_mode(const struct vfs_task *t, const struct inode *dir, u32 mode, u32 mask,
		     u32 type);
void inode_touch_ctime(struct inode *inode);
void inode_touch_mctime(struct inode *inode);
int do_truncate(struct vfs_task *t, struct dentry *d, s64 len, u32 extra);
/* 0, or -EROFS; ended by mnt_drop_write(). */
int mnt_want_write(struct mount *m);
void mnt_drop_write(struct mount *m);
int get_write_access(struct inode *inode); /* -ETXTBSY */
void put_write_access(struct inode *inode);

/* ---- mount.c ------------------------------------------------------------------------------------- */

int mounts_init(struct vfs *vfs);
/* Unmounts everything; how many mounts somebody still used. */
u64 mounts_destroy(struct vfs *vfs);
const char *mounts_check(struct vfs *vfs);
/* The topmost mount on path, referenced, or NULL. */
struct mount *lookup_mnt(struct vfs *vfs, const struct path *path);
/* If something is mounted on it, goes there; references move along. Whether it did. */
bool follow_mount(struct vfs *vfs, struct path *path);
/* From a mount's root up to where it is mounted; false at the top. */
bool follow_up(struct vfs *vfs, struct path *path);
/* A mount of sb (its active reference is taken over) that is in no tree. */
struct mount *mount_alloc(struct vfs *vfs, struct super_block *sb, struct dentry *root,
			  const char *devname, u32 flags);
/* Of a type, for the kernel itself. */
int kern_mount(struct vfs *vfs, const struct file_system_type *type, const char *options,
	       struct mount **out);
u32 mount_statfs_flags(const struct mount *m);

/* ---- namei.c ------------------------------------------------------------------------------------- */

/* Whether b is where unlinking, renaming from dir is allowed (sticky bit and so on). */
int may_delete(struct vfs_task *t, struct inode *dir, struct dentry *victim, bool isdir);
int may_create(struct vfs_task *t, struct inode *dir, struct dentry *child);
/* Making d in dir, whose tree is locked (start_creating()). */
int vfs_create(struct vfs_task *t, struct inode *dir, struct dentry *d, u32 mode);
int vfs_mkdir(struct vfs_task *t, struct inode *dir, struct dentry *d, u32 mode);
/* user_dev: as mknod(2) has it. mode's type is one that may_mknod() allows: 0, -EPERM or -EINVAL. */
int vfs_mknod(struct vfs_task *t, struct inode *dir, struct dentry *d, u32 mode, u32 user_dev);
int may_mknod(u32 mode);
int vfs_symlink(struct vfs_task *t, struct inode *dir, struct dentry *d, const char *target);
int vfs_open_file(struct vfs_task *t, const struct path *path, struct file *f);
/* Ends a file that was never opened. */
void file_discard(struct vfs *vfs, struct file *f);
/* The last component's parent and name; for creating. last: the rest of path, slashes too. */
struct last_name {
	const char *name;
	size_t len;
	int type; /* LAST_* */
	bool trailing_slash;
};
enum { LAST_NORM, LAST_ROOT, LAST_DOT, LAST_DOTDOT };
int path_parent(struct vfs_task *t, int dfd, const char *path, unsigned lookup, struct path *parent,
		struct last_name *last);
/* The child by looking into the cache, then the file system. s_tree_sem of dir held. *out referenced,
 * maybe negative. */
int lookup_one(struct vfs_task *t, struct dentry *dir, const char *name, size_t len,
	       struct dentry **out);
/* Prepares making a name: parent's write access and s_tree_sem are taken. -EEXIST, ... */
int start_creating(struct vfs_task *t, int dfd, const char *path, bool want_dir,
		   struct path *parent, struct dentry **child);
void end_creating(struct path *parent, struct dentry *child);
/* mknod(2) of neither file nor device, and the path of what was made, referenced. */
int mknod_path(struct vfs_task *t, const char *path, u32 mode, struct path *out);

static inline u32 current_umask(const struct vfs_task *t)
{
	return READ_ONCE(t->fs->umask);
}

/* ---- file locks: locks.c -------------------------------------------------------------------------- */

void locks_remove_file(struct file *f);
void locks_remove_posix(struct vfs_task *t, struct file *f);
s64 fcntl_lock(struct vfs_task *t, struct file *f, unsigned cmd, u64 arg);

static inline size_t copy_to_task(const struct vfs_task *t, u64 to, const void *from, size_t n)
{
	return t->vfs->env->ua->copy_to_user(to, from, n);
}

static inline size_t copy_from_task(const struct vfs_task *t, void *to, u64 from, size_t n)
{
	return t->vfs->env->ua->copy_from_user(to, from, n);
}

/* xattr.c: of an inode that goes. */
void inode_drop_xattrs(struct inode *inode);

#endif
