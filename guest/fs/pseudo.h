/* SPDX-License-Identifier: MIT */
/*
 * pseudo.h - file systems whose files are functions: a tree of named entries, kept in memory, that
 * procfs and sysfs show. An entry is data: name, mode, what shows it, what a write does.
 *
 * A tree and its entries live as long as the struct vfs (entries may be removed before). Directories
 * may also have a dynamic part (/proc/PID), whose entries are made when asked for.
 */
#ifndef GUEST_FS_PSEUDO_H
#define GUEST_FS_PSEUDO_H

#include "guest/fs/seq_file.h"
#include "guest/fs/vfs.h"

struct pseudo_entry;

/* What a file does. All optional; without show it reads as empty / -EIO, without store -EIO. */
struct pseudo_ops {
	/* The whole text; called once for an open file that reads from the start. May sleep. A
	 * result < 0 is read()'s. */
	int (*show)(struct seq *s, void *arg);
	/* One write; data ends with a NUL that len does not count, at most PAGE_SIZE - 1 bytes. Bytes
	 * taken, or -errno. */
	s64 (*store)(struct vfs_task *t, void *arg, const char *data, size_t len);
	/* Instead of show: large lists, piece by piece. */
	const struct seq_operations *seq;
	/* Instead of all of them. */
	const struct file_operations *fop;
	u32 size;	 /* what stat says; sysfs: PAGE_SIZE */
	bool mode_binds; /* root too, whatever its capabilities: /proc/sys */
	/* A symlink's text, made anew for each reader; 0 or -errno. */
	int (*readlink)(struct vfs_task *t, void *arg, char *buf, size_t size);
	/* Or where it leads. */
	int (*jump)(struct vfs_task *t, void *arg, struct path *out);
};

/* One entry as data: tables of these make a directory. */
struct pseudo_desc {
	const char *name; /* NULL ends the table */
	u32 mode;	  /* type and permissions; type 0: S_IFREG */
	const struct pseudo_ops *ops;
	const struct pseudo_desc *children;   /* S_IFDIR */
	void *arg;			      /* NULL: the directory's */
	const struct pseudo_dynamic *dynamic; /* S_IFDIR: further entries, for the same arg */
};

/*
 * The dynamic part of a directory. Objects are counted: lookup() gives a reference, get() one more,
 * each is undone by put(). Below an object its table of entries goes on with the object as arg.
 */
struct pseudo_dynamic {
	/* The object called name, or NULL; its desc tells what it is (its name is ignored). */
	const struct pseudo_desc *(*lookup)(struct vfs_task *t, void *dir_arg, const char *name,
					    size_t len, void **obj);
	/* The first object whose key is >= *key: its key and name; false: no more. */
	bool (*next)(struct vfs_task *t, void *dir_arg, u64 *key, char name[NAME_MAX + 1],
		     u32 *type);
	void (*get)(void *obj);
	void (*put)(void *obj);
	/* Whether a name that was found before still is that object. */
	bool (*alive)(void *obj);
	/* Who owns the entries of obj. */
	void (*owner)(void *obj, u32 *uid, u32 *gid);
	/* May t look into it (NULL: by mode only)? */
	int (*permission)(struct vfs_task *t, void *obj, int mask);
};

struct pseudo_tree {
	struct vfs *vfs;
	struct pseudo_entry *root;
	struct rw_semaphore lock; /* entries */
	struct super_block *sb;	  /* the one mount's; NULL before */
	u64 magic;
	atomic64_t next_ino;
};

int pseudo_tree_init(struct pseudo_tree *tree, struct vfs *vfs, u64 magic);
void pseudo_tree_destroy(struct pseudo_tree *tree);

/* New entries below dir (NULL: the root). NULL: no memory, or the name exists. */
struct pseudo_entry *pseudo_dir(struct pseudo_tree *tree, struct pseudo_entry *dir,
				const char *name, u32 mode);
struct pseudo_entry *pseudo_file(struct pseudo_tree *tree, struct pseudo_entry *dir,
				 const char *name, u32 mode, const struct pseudo_ops *ops,
				 void *arg);
struct pseudo_entry *pseudo_symlink(struct pseudo_tree *tree, struct pseudo_entry *dir,
				    const char *name, const char *target);
/* Everything of a table; arg for entries without their own. 0, -ENOMEM, -EEXIST. */
int pseudo_add(struct pseudo_tree *tree, struct pseudo_entry *dir, const struct pseudo_desc *table,
	       void *arg);
/* Adds a dynamic part to a directory; before it is looked at. */
void pseudo_set_dynamic(struct pseudo_entry *dir, const struct pseudo_dynamic *dyn, void *arg);
/* By path below the root ("sys/kernel"); NULL: none. */
struct pseudo_entry *pseudo_find(struct pseudo_tree *tree, const char *path);
/* Removes it with what is below; open files then give -ENODEV. */
void pseudo_remove(struct pseudo_tree *tree, struct pseudo_entry *entry);

/* The object that f, an open folder, stands for by the line desc of a dynamic part. f keeps it; NULL:
 * f is something else. */
void *pseudo_object(const struct file *f, const struct pseudo_desc *desc);

/* The super block of the tree, for a file system type's mount; all mounts share it. */
int pseudo_mount(struct pseudo_tree *tree, const struct file_system_type *type,
		 struct super_block **out);

/* Ready-made: a number in memory as text, *arg. Writable through the file's mode. */
extern const struct pseudo_ops pseudo_u32_ops, pseudo_u64_ops;

#endif
