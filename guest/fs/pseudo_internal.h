/* SPDX-License-Identifier: MIT */
/* pseudo_internal.h - what the tree and the file system over it share. */
#ifndef GUEST_FS_PSEUDO_INTERNAL_H
#define GUEST_FS_PSEUDO_INTERNAL_H

#include "guest/fs/internal.h"
#include "guest/fs/pseudo.h"

#define FIRST_ENTRY   2		  /* readdir's positions of the entries */
#define FIRST_DYNAMIC (1LL << 40) /* and of dynamic ones: + key */

struct pseudo_entry {
	struct pseudo_tree *tree;
	struct pseudo_entry *parent;
	struct list_head node, children; /* tree->lock */
	atomic_t count;
	u32 mode, uid, gid, nr_dirs;
	u64 ino, cookie, next_cookie;
	const struct pseudo_ops *ops;
	void *arg;
	const struct pseudo_dynamic *dynamic;
	void *dynamic_arg;
	char *link; /* a symlink's text */
	bool dead;  /* removed; tree->lock */
	u32 len;
	char name[];
};

/* tree->lock held. */
struct pseudo_entry *pseudo_child(struct pseudo_entry *dir, const char *name, size_t len);
void pseudo_entry_put(struct pseudo_entry *e);

#endif
