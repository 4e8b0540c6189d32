/* SPDX-License-Identifier: MIT */
/*
 * vfs.h - the objects of the file system layer: one struct vfs holds dentries, inodes, mounts, file
 * systems and devices; a struct vfs_task says who asks.
 *
 * Locks, outermost first:
 *   vfs->namespace_sem   the mount tree
 *   sb->s_tree_sem       names of one file system: write for what the cache does not know and for
 *                        changing them, read for listing
 *   inode->i_rwsem       contents and attributes of one inode
 *   page lock, mapping->lock, vfs->mount_lock, vfs->dcache_lock (spinlocks, innermost)
 *
 * References: a dentry holds its inode, its parent and (while positive, in a file system that lives
 * in memory) itself; a struct file holds its path; a mount holds its root and its parent mount.
 * All int results are 0 or -errno, all s64 results a count or -errno.
 */
#ifndef GUEST_FS_VFS_H
#define GUEST_FS_VFS_H

#include "guest/fs/abi.h"
#include "guest/fs/cred.h"
#include "guest/fs/uio.h"
#include "guest/lib/atomic.h"
#include "guest/lib/errno.h"
#include "guest/lib/list.h"
#include "guest/lib/xarray.h"
#include "guest/locking/mutex.h"
#include "guest/locking/rwsem.h"
#include "guest/locking/wait.h"
#include "guest/mm/seq.h"
#include "guest/mm/slab.h"

struct address_space;
struct chrdev_table;
struct dentry;
struct file;
struct file_operations;
struct file_system_type;
struct files_struct;
struct fs_struct;
struct inode;
struct inode_operations;
struct mount;
struct poll_table;
struct super_block;
struct tty_core;
struct tty_struct;
struct unix_net;
struct vfs;
struct vfs_task;
struct vm_area_struct;

/*
 * A call that a signal interrupted and that may be begun again: the system-call layer makes -EINTR of
 * it, or restarts (signal(7), SA_RESTART). Calls that are never restarted return -EINTR themselves.
 */
#define ERESTARTSYS 512

struct timespec64 {
	s64 tv_sec;
	s64 tv_nsec;
};

/* Device numbers inside the kernel: major 12 bits, minor 20. */
typedef u32 kdev_t;
#define MKDEV(ma, mi) ((kdev_t)(ma) << 20 | (kdev_t)(mi))
#define MAJOR(dev)    ((unsigned)((dev) >> 20))
#define MINOR(dev)    ((unsigned)((dev)&0xfffff))

/* ---- the world around --------------------------------------------------------------------------- */

/* Questions about the process that asks; t is never NULL. Complete but for what says otherwise. */
struct vfs_env {
	const struct uaccess_ops *ua;
	/* Wall-clock time. Any context. */
	struct timespec64 (*now)(void);
	/* Fills buf; any context. */
	void (*random)(void *buf, size_t n);
	/* A signal to the asking thread (SIGPIPE, SIGXFSZ). */
	void (*send_sig)(struct vfs_task *t, int sig);
	/* Sleeps in the state set before, until woken or env_now_ns() is deadline (UINT64_MAX: no
	 * deadline). */
	void (*schedule_until)(u64 deadline_ns);
	/* Unmaps user pages of a file, from page index first to last, because they go away. NULL:
	 * nothing is ever mapped. The mapping's pages are not locked. */
	void (*unmap_mapping)(struct address_space *as, u64 first, u64 last);

	/* Whether there is such a process; NULL: there may be. */
	bool (*pid_exists)(int pid);

	/* Job control for terminals, by process group and session number. */
	int (*task_pgrp)(const struct vfs_task *t);
	int (*task_session)(const struct vfs_task *t);
	bool (*task_is_session_leader)(const struct vfs_task *t);
	bool (*task_sig_ignored)(const struct vfs_task *t, int sig); /* or blocked */
	bool (*pgrp_is_orphaned)(const struct vfs_task *t);
	int (*pgrp_session)(int pgrp); /* -ESRCH: no such group */
	/* Any context, IRQs off too. -ESRCH when there is nobody. */
	int (*kill_pgrp)(int pgrp, int sig);
};

/* A program's view of the file system. The process layer embeds one in each thread. */
struct vfs_task {
	struct vfs *vfs;
	const struct cred *cred;    /* one reference */
	struct fs_struct *fs;	    /* one reference; shared with CLONE_FS */
	struct files_struct *files; /* one reference; shared with CLONE_FILES */
	const u64 *rlimit;	    /* [RLIM_NLIMITS], soft limits */
	u64 *rchar, *wchar;	    /* bytes moved; may be NULL */
	u64 *syscr, *syscw;	    /* calls that moved them; may be NULL */
	int tgid;
};

static inline bool vfs_capable(const struct vfs_task *t, unsigned cap)
{
	return cred_capable(t->cred, cap);
}

/* ---- paths and names ------------------------------------------------------------------------------ */

struct path {
	struct mount *mnt;
	struct dentry *dentry;
};

struct qstr {
	const char *name; /* ends with a NUL in a dentry, not elsewhere */
	u32 len;
	u32 hash;
};

#define DNAME_INLINE_LEN 40
#define DCACHE_MOUNTED	 0x01 /* mount_lock */
#define DCACHE_LRU	 0x02
#define DCACHE_PINNED	 0x04 /* the file system holds a reference */
#define DCACHE_UNHASHED	 0x08
#define DCACHE_DYNAMIC	 0x10 /* not kept when unused */

struct dentry_operations {
	/* Whether a cached entry still says the truth; optional. s_tree_sem may be held. */
	bool (*d_revalidate)(struct dentry *d);
	/* What stands for the whole path of an object without one ("pipe:[12]"); optional. */
	int (*d_dname)(struct dentry *d, char *buf, size_t size);
};

struct dentry {
	atomic_t d_count;
	u32 d_flags; /* dcache_lock */
	struct hlist_node d_hash;
	struct dentry *d_parent; /* itself at a root; dcache_lock */
	struct qstr d_name;	 /* dcache_lock */
	struct inode *d_inode;	 /* NULL: there is no such file; s_tree_sem */
	struct super_block *d_sb;
	const struct dentry_operations *d_op; /* may be NULL */
	struct list_head d_child, d_children; /* dcache_lock */
	struct list_head d_lru;		      /* dcache_lock */
	void *d_fsdata;
	u32 d_nr_mounts; /* mount_lock */
	char d_iname[DNAME_INLINE_LEN];
};

static inline bool d_is_negative(const struct dentry *d)
{
	return !READ_ONCE(d->d_inode);
}

/* ---- inodes ---------------------------------------------------------------------------------------- */

/* What link_target leads to: text to be walked, or (magic links of /proc) an object itself. */
struct link_target {
	const char *text; /* NULL: jump */
	struct path jump; /* referenced for the receiver */
	char *owned;	  /* to be freed with kfree(); may be NULL */
};

struct kstat {
	u32 dev, rdev;
	u64 ino;
	u32 mode, nlink, uid, gid;
	s64 size;
	u64 blocks; /* of 512 bytes */
	u32 blksize;
	u64 attributes, mnt_id;
	struct timespec64 atime, mtime, ctime, btime;
	bool has_btime;
};

#define ATTR_MODE      BIT(0)
#define ATTR_UID       BIT(1)
#define ATTR_GID       BIT(2)
#define ATTR_SIZE      BIT(3)
#define ATTR_ATIME     BIT(4)
#define ATTR_MTIME     BIT(5)
#define ATTR_CTIME     BIT(6)
#define ATTR_ATIME_SET BIT(7)
#define ATTR_MTIME_SET BIT(8)
#define ATTR_FORCE     BIT(9) /* no permission check */
#define ATTR_KILL_SUID BIT(11)
#define ATTR_KILL_SGID BIT(12)
#define ATTR_OPEN      BIT(15) /* O_TRUNC */
#define ATTR_TIMES_SET BIT(16) /* not both of them to now */
#define ATTR_TOUCH     BIT(17) /* utimes(NULL): both times become now */

struct iattr {
	u32 valid;
	u32 mode, uid, gid;
	s64 size;
	struct timespec64 atime, mtime, ctime;
};

#define MAY_EXEC   0x01
#define MAY_WRITE  0x02
#define MAY_READ   0x04
#define MAY_APPEND 0x08
#define MAY_ACCESS 0x10
#define MAY_OPEN   0x20
#define MAY_CHDIR  0x40

/*
 * All calls on names run under s_tree_sem, write-locked, since a lookup adds a dentry too;
 * iterate() has it read-locked. setattr runs under i_rwsem. Permissions have been checked.
 * A NULL operation is -EPERM for create, link, ..., -ENOTDIR for lookup.
 */
struct inode_operations {
	/* Fills d with an inode by d_add(), or leaves it negative by d_add(d, NULL). */
	int (*lookup)(struct vfs_task *t, struct inode *dir, struct dentry *d);
	int (*create)(struct vfs_task *t, struct inode *dir, struct dentry *d, u32 mode);
	int (*link)(struct dentry *old, struct inode *dir, struct dentry *d);
	int (*unlink)(struct inode *dir, struct dentry *d);
	int (*symlink)(struct vfs_task *t, struct inode *dir, struct dentry *d, const char *target);
	int (*mkdir)(struct vfs_task *t, struct inode *dir, struct dentry *d, u32 mode);
	int (*rmdir)(struct inode *dir, struct dentry *d);
	int (*mknod)(struct vfs_task *t, struct inode *dir, struct dentry *d, u32 mode, kdev_t dev);
	int (*rename)(struct vfs_task *t, struct inode *old_dir, struct dentry *old,
		      struct inode *new_dir, struct dentry *new_d, unsigned flags);
	int (*tmpfile)(struct vfs_task *t, struct inode *dir, struct dentry *d, u32 mode);
	int (*get_link)(struct vfs_task *t, struct dentry *d, struct inode *inode,
			struct link_target *out);
	int (*permission)(struct vfs_task *t, struct inode *inode, int mask); /* NULL: generic */
	int (*setattr)(struct vfs_task *t, struct dentry *d, struct iattr *attr); /* NULL: simple */
	int (*getattr)(struct inode *inode, struct kstat *st); /* NULL: generic */
};

struct inode {
	atomic_t i_count;
	u32 i_mode; /* i_rwsem, like the other attributes */
	u32 i_uid, i_gid;
	u32 i_nlink;
	kdev_t i_rdev;
	u64 i_ino;
	s64 i_size;
	u64 i_blocks; /* of 512 bytes */
	struct timespec64 i_atime, i_mtime, i_ctime, i_btime;
	struct super_block *i_sb;
	const struct inode_operations *i_op;
	const struct file_operations *i_fop;
	struct address_space *i_mapping; /* NULL: no page cache */
	struct rw_semaphore i_rwsem;
	atomic_t i_writecount; /* open for writing; negative: being executed */
	u32 i_flags;	       /* S_* below */
	u32 i_seals;	       /* F_SEAL_*: seals.h; i_rwsem */
	union {
		struct pipe_inode_info *i_pipe; /* FIFO */
		char *i_link;			/* a symlink's text */
		void *i_private;
	};
	struct list_head i_sb_list;  /* sb->s_lock */
	struct mutex i_lock;	     /* opening a FIFO; record locks */
	struct list_head i_flock;    /* i_lock */
	void *i_fsdata;		     /* the file system's own */
	struct hlist_head i_watches; /* of inotify; vfs->notify_mutex */
	struct list_head i_xattrs;   /* i_rwsem */
	size_t i_xattr_bytes;	     /* what they take; i_rwsem */
};

#define S_NOATIME   0x02
#define S_APPEND    0x04
#define S_IMMUTABLE 0x08
#define S_DEAD	    0x10 /* removed directory: nothing can be made in it */
#define S_LINKABLE  0x20 /* O_TMPFILE without O_EXCL: may be given its first name */

/* ---- open files --------------------------------------------------------------------------------------- */

#define FMODE_READ     0x0001
#define FMODE_WRITE    0x0002
#define FMODE_LSEEK    0x0004
#define FMODE_PREAD    0x0008
#define FMODE_PWRITE   0x0010
#define FMODE_EXEC     0x0020
#define FMODE_PATH     0x4000 /* O_PATH: names a file, cannot be used for I/O */
#define FMODE_CREATED  0x8000
#define FMODE_STREAM   0x10000 /* no position */
#define FMODE_NOWAIT   0x20000
#define FMODE_UNSIGNED 0x80000 /* positions are addresses: negative ones are the upper half */
#define FMODE_WRITER   0x40000 /* counts in i_writecount and the mount's writers */

struct file {
	atomic_t f_count;
	u32 f_mode;
	u32 f_flags; /* O_*; f_lock */
	spinlock_t f_lock;
	struct path f_path;
	struct inode *f_inode;
	const struct file_operations *f_op;
	s64 f_pos; /* f_pos_lock */
	struct mutex f_pos_lock;
	const struct cred *f_cred; /* who opened it */
	void *private_data;
	int f_owner;	       /* F_SETOWN */
	struct list_head f_ep; /* epoll items that watch it; see epoll.h */
	u64 f_version;
};

/* One read or write. */
struct kiocb {
	struct file *filp;
	struct vfs_task *task;
	s64 pos;
	u32 flags; /* IOCB_* */
};
#define IOCB_APPEND 0x1
#define IOCB_NOWAIT 0x2
#define IOCB_DSYNC  0x4
#define IOCB_SPLICE 0x8 /* moved from another file, not written: see pipe.h */

/* A reader of a directory. actor: false when it is full; then the entry comes again next time. */
struct dir_context {
	bool (*actor)(struct dir_context *ctx, const char *name, size_t len, s64 pos, u64 ino,
		      unsigned type);
	s64 pos;
	struct vfs_task *task; /* who reads */
};

/*
 * All optional: without read_iter and write_iter a file gives -EINVAL, without llseek -ESPIPE,
 * without iterate -ENOTDIR, without ioctl -ENOTTY, without poll it is always ready. They may sleep.
 * iterate: s_tree_sem of the file system is held for reading, f_pos_lock is held.
 */
struct file_operations {
	s64 (*llseek)(struct file *f, s64 offset, int whence);
	s64 (*read_iter)(struct kiocb *io, struct iov_iter *to);
	s64 (*write_iter)(struct kiocb *io, struct iov_iter *from);
	int (*iterate)(struct file *f, struct dir_context *ctx);
	u32 (*poll)(struct file *f, struct poll_table *pt);
	s64 (*ioctl)(struct vfs_task *t, struct file *f, u32 cmd, u64 arg);
	int (*mmap)(struct file *f, struct vm_area_struct *vma);
	int (*open)(struct vfs_task *t, struct inode *inode, struct file *f);
	int (*flush)(struct vfs_task *t, struct file *f); /* each close of a descriptor */
	void (*release)(struct inode *inode, struct file *f);
	int (*fsync)(struct file *f, bool datasync);
	int (*fallocate)(struct file *f, int mode, s64 offset, s64 len);
	void (*show_fdinfo)(struct seq *s, struct file *f);
};

/* ---- mounted file systems --------------------------------------------------------------------------- */

struct super_operations {
	/* The last name and user have gone: frees what hangs on i_fsdata. */
	void (*evict_inode)(struct inode *inode);
	int (*statfs)(struct super_block *sb, struct linux_statfs *st);
	void (*put_super)(struct super_block *sb);
	int (*remount)(struct super_block *sb, u32 *flags, const char *options);
	void (*show_options)(struct seq *s, struct super_block *sb); /* ",size=4k" */
};

struct super_block {
	struct vfs *s_vfs;
	const struct file_system_type *s_type;
	const struct super_operations *s_op;
	const struct dentry_operations *s_d_op; /* for its dentries; may be NULL */
	struct dentry *s_root;
	u32 s_flags; /* MS_RDONLY */
	kdev_t s_dev;
	u64 s_magic;
	s64 s_maxbytes;
	u32 s_blocksize;
	atomic_t s_active; /* mounts and open internal users */
	struct rw_semaphore s_tree_sem;
	atomic64_t s_removed; /* inodes without a name that somebody uses */
	spinlock_t s_lock;
	struct list_head s_inodes; /* s_lock */
	atomic64_t s_next_ino;
	struct list_head s_list; /* vfs->sb_lock */
	void *s_fs_info;
	bool s_keeps_xattrs; /* with the inodes; before it is mounted */
	char s_id[32];
};

struct mount_request {
	struct vfs_task *task;
	u32 flags; /* MS_RDONLY, ... */
	const char *source;
	const char *options; /* "size=4k,mode=755"; never NULL */
};

struct file_system_type {
	const char *name;
	u32 fs_flags;
	/* Makes (or finds) the super block, with one s_active reference for the mount. */
	int (*mount)(const struct file_system_type *type, struct vfs *vfs,
		     const struct mount_request *req, struct super_block **out);
};
#define FS_REQUIRES_DEV 1
#define FS_INTERNAL	2 /* cannot be mounted by name */

struct mount {
	struct mount *mnt_parent;      /* itself at the root; mount_lock */
	struct dentry *mnt_mountpoint; /* in the parent */
	struct dentry *mnt_root;
	struct super_block *mnt_sb;
	u32 mnt_flags; /* MS_* per-mount subset; mount_lock */
	atomic_t mnt_count;
	atomic_t mnt_writers;
	bool mnt_detached;
	u64 mnt_id;
	struct hlist_node mnt_hash;		  /* by (parent, mountpoint); mount_lock */
	struct list_head mnt_list;		  /* vfs->mounts */
	struct list_head mnt_child, mnt_children; /* mount_lock */
	char *mnt_devname;
};

/* ---- the instance -------------------------------------------------------------------------------------- */

#define VFS_MOUNT_HASH_BITS 6
#define VFS_MAX_FS_TYPES    16

struct vfs {
	const struct vfs_env *env;
	struct slab_sys *slab;
	struct pgalloc *pg;
	struct kmem_cache *dentry_cache, *inode_cache, *file_cache, *mount_cache, *node_cache,
		*epitem_cache, *pipe_cache;
	struct xa_mem xa_mem;

	spinlock_t dcache_lock;
	struct hlist_head *dcache; /* dcache_lock */
	unsigned dcache_bits;
	struct list_head dcache_lru; /* dcache_lock */
	u64 nr_dentry, nr_unused;    /* dcache_lock */
	u64 max_unused;

	spinlock_t mount_lock;
	struct rw_semaphore namespace_sem;
	struct hlist_head mount_hash[1 << VFS_MOUNT_HASH_BITS];
	struct list_head mounts; /* namespace_sem */
	struct mount *root;	 /* of the one namespace */
	atomic64_t next_mnt_id;
	u32 next_anon_dev; /* sb_lock */

	spinlock_t sb_lock;
	struct list_head supers;
	const struct file_system_type *fs_types[VFS_MAX_FS_TYPES]; /* sb_lock */
	struct chrdev_table *chrdevs;
	struct tty_core *ttys;
	struct super_block *anon_sb, *pipe_sb; /* for objects without a name */
	struct mount *anon_mnt, *pipe_mnt, *shm_mnt, *sock_mnt;
	struct unix_net *unix_net;
	struct inode *anon_inode;
	struct super_block *devtmpfs_sb;
	atomic64_t next_ino;
	wait_queue_head_t page_wait[16]; /* lock_page(), by address */
	wait_queue_head_t lock_wait;	 /* for file locks */
	atomic64_t lock_changes;
	struct mutex epoll_mutex; /* changes of who watches whom */

	struct mutex notify_mutex;  /* inotify.c */
	struct list_head inotifies; /* notify_mutex, as what follows */
	unsigned nr_watches, notify_cookie;
	unsigned inotify_max_events, inotify_max_instances, inotify_max_watches;

	atomic64_t nr_files, nr_inodes;
	atomic64_t nr_shmem; /* pages of memory file systems */
	u64 max_files;
	unsigned nr_open; /* the highest RLIMIT_NOFILE that counts */
	unsigned pipe_max_size;
	unsigned protected_symlinks, protected_hardlinks, protected_fifos, protected_regular;
};

/* Makes an instance with an empty ramfs as its root. 0 or -ENOMEM. Boot context. */
int vfs_init(struct vfs *vfs, const struct vfs_env *env, struct slab_sys *slab, struct pgalloc *pg);
/* Frees everything; every task and file is gone. How many objects were still in use (leaks). */
u64 vfs_destroy(struct vfs *vfs);
/* Gives back up to nr unused dentries and their inodes; how many. */
u64 vfs_shrink(struct vfs *vfs, u64 nr);
/* NULL, or the broken rule. Nothing runs meanwhile. */
const char *vfs_check(struct vfs *vfs);

static inline struct timespec64 vfs_now(const struct vfs *vfs)
{
	return vfs->env->now();
}

/* ---- references and building blocks for file systems ---------------------------------------------------- */

struct dentry *dget(struct dentry *d);
void dput(struct dentry *d); /* may sleep; NULL is fine */
void path_get(const struct path *p);
void path_put(const struct path *p);
struct mount *mntget(struct mount *m);
void mntput(struct mount *m);
struct inode *igrab(struct inode *inode);
void iput(struct inode *inode); /* may sleep */

/* A new inode with one reference, times now, nlink 1; NULL without memory. */
struct inode *new_inode(struct super_block *sb);
/* Owner, group and mode of something new in dir (NULL: no folder). */
void inode_init_owner(struct vfs_task *t, struct inode *inode, const struct inode *dir, u32 mode);
/* Operations for devices, FIFOs and sockets. */
void init_special_inode(struct inode *inode, u32 mode, kdev_t dev);

/* A root dentry for the inode (its reference is taken over, on failure too); NULL without memory. */
struct dentry *d_make_root(struct inode *root);
/* A child that is not hashed yet; NULL without memory. */
struct dentry *d_alloc(struct dentry *parent, const struct qstr *name);
/* Joins d and inode (reference taken over; NULL: negative) and makes it findable. */
void d_add(struct dentry *d, struct inode *inode);
/* The same for a dentry that is findable already. */
void d_instantiate(struct dentry *d, struct inode *inode);
/* Makes it unfindable. */
void d_drop(struct dentry *d);
/* The cached child with a reference, or NULL. */
struct dentry *d_lookup(struct dentry *parent, const struct qstr *name);
u32 name_hash(const char *name, size_t len);

/* The path as text from the end of buf; relative to root; " (deleted)" added. Pointer into buf or
 * NULL: -ENAMETOOLONG. *reachable (may be NULL): whether root was met. */
char *d_path(const struct path *path, const struct path *root, char *buf, size_t size,
	     bool *reachable);

/* A super block with s_active 1; root to be set by the caller. */
struct super_block *sget(struct vfs *vfs, const struct file_system_type *type);
/* Drops an active reference; the last one evicts every inode and frees it. */
void deactivate_super(struct super_block *sb);
int register_filesystem(struct vfs *vfs, const struct file_system_type *type);
const struct file_system_type *get_fs_type(struct vfs *vfs, const char *name, size_t len);

/* Whether t may do mask to inode, capabilities included: 0, -EACCES, -EPERM, -EROFS. */
int inode_permission(struct vfs_task *t, struct inode *inode, int mask);
int generic_permission(struct vfs_task *t, const struct inode *inode, int mask);
bool inode_owner_or_capable(const struct vfs_task *t, const struct inode *inode);
void generic_fillattr(const struct inode *inode, struct kstat *st);
/* The checks of chmod, chown, utimes, truncate; then storing. */
int setattr_prepare(struct vfs_task *t, struct inode *inode, struct iattr *attr);
void setattr_copy(struct vfs_task *t, struct inode *inode, const struct iattr *attr);
/* All of an attribute change: i_rwsem is held for writing. */
int notify_change(struct vfs_task *t, struct dentry *d, struct iattr *attr);
/* Access time by the mount's rules. */
void touch_atime(const struct path *path);
void file_accessed(struct file *f);
/* Before writing: clears set-user-ID bits, sets times. i_rwsem held. */
int file_modified(struct vfs_task *t, struct file *f);

/* A file that is not open yet, without a path; -ENFILE. */
int alloc_empty_file(struct vfs_task *t, u32 flags, struct file **out);
/* A file for an object without a name, on anon_inode ("anon_inode:[name]"). *out has one reference. */
int anon_file(struct vfs_task *t, const char *name, const struct file_operations *fop, void *priv,
	      u32 flags, struct file **out);
struct file *get_file(struct file *f);
void fput(struct file *f); /* may sleep */

s64 generic_file_llseek(struct file *f, s64 offset, int whence);
s64 noop_llseek(struct file *f, s64 offset, int whence);
/* Position arithmetic of the above for a file that ends at eof. */
s64 generic_llseek_size(struct file *f, s64 offset, int whence, s64 maxsize, s64 eof);
extern const struct file_operations fifo_fops, def_chr_fops, no_open_fops;

/* ---- reading and writing from inside the kernel ------------------------------------------------------------ */

s64 vfs_read_iter(struct vfs_task *t, struct file *f, struct iov_iter *to, s64 *pos, u32 rwf);
s64 vfs_write_iter(struct vfs_task *t, struct file *f, struct iov_iter *from, s64 *pos, u32 rwf);
/* Kernel memory; for exec, initramfs and tests. */
s64 kernel_read(struct vfs_task *t, struct file *f, void *buf, size_t n, s64 *pos);
s64 kernel_write(struct vfs_task *t, struct file *f, const void *buf, size_t n, s64 *pos);

#endif
