/* SPDX-License-Identifier: MIT */
/*
 * pseudo.c - the tree of entries, kept by name under tree->lock. What a mounted file system makes of
 * it is in pseudo_fs.c.
 *
 * Y1 an entry's name is unique in its folder. Y2 entries are found in the order in which they were
 * made; a cookie is never used again. Y3 an entry is freed when it was removed and no inode leads to
 * it any more.
 */
#include "guest/fs/pseudo_internal.h"
#include "guest/lib/parse.h"
#include "guest/lib/string.h"

static struct pseudo_entry *entry_new(struct pseudo_tree *tree, const char *name, size_t len,
				      u32 mode)
{
	struct pseudo_entry *e = kzalloc(tree->vfs->slab, sizeof(*e) + len + 1, GFP_KERNEL);

	if (!e)
		return NULL;
	memcpy(e->name, name, len);
	e->len = (u32)len;
	e->mode = mode;
	e->tree = tree;
	atomic_set(&e->count, 1);
	e->ino = (u64)atomic64_inc_return(&tree->next_ino);
	e->next_cookie = FIRST_ENTRY;
	INIT_LIST_HEAD(&e->children);
	INIT_LIST_HEAD(&e->node);
	return e;
}

void pseudo_entry_put(struct pseudo_entry *e)
{
	if (!atomic_dec_and_test(&e->count))
		return;
	kfree(e->tree->vfs->slab, e->link);
	kfree(e->tree->vfs->slab, e);
}

int pseudo_tree_init(struct pseudo_tree *tree, struct vfs *vfs, u64 magic)
{
	memset(tree, 0, sizeof(*tree));
	tree->vfs = vfs;
	tree->magic = magic;
	init_rwsem(&tree->lock);
	tree->root = entry_new(tree, "", 0, S_IFDIR | 0555);
	return tree->root ? 0 : -ENOMEM;
}

struct pseudo_entry *pseudo_child(struct pseudo_entry *dir, const char *name, size_t len)
{
	struct pseudo_entry *e;

	list_for_each_entry (e, &dir->children, node)
		if (e->len == len && !memcmp(e->name, name, len))
			return e;
	return NULL;
}

static struct pseudo_entry *add(struct pseudo_tree *tree, struct pseudo_entry *dir,
				const char *name, u32 mode, const struct pseudo_ops *ops, void *arg)
{
	size_t len = strlen(name);
	struct pseudo_entry *e = entry_new(tree, name, len, mode);

	if (!e)
		return NULL;
	if (!dir)
		dir = tree->root;
	e->ops = ops;
	e->arg = arg;
	down_write(&tree->lock);
	if (dir->dead || pseudo_child(dir, name, len)) {
		up_write(&tree->lock);
		pseudo_entry_put(e);
		return NULL;
	}
	e->parent = dir;
	e->cookie = dir->next_cookie++;
	dir->nr_dirs += S_ISDIR(mode);
	list_add_tail(&e->node, &dir->children); /* Y2 */
	up_write(&tree->lock);
	return e;
}

struct pseudo_entry *pseudo_dir(struct pseudo_tree *tree, struct pseudo_entry *dir,
				const char *name, u32 mode)
{
	return add(tree, dir, name, S_IFDIR | mode, NULL, NULL);
}

struct pseudo_entry *pseudo_file(struct pseudo_tree *tree, struct pseudo_entry *dir,
				 const char *name, u32 mode, const struct pseudo_ops *ops,
				 void *arg)
{
	return add(tree, dir, name, mode & S_IFMT ? mode : S_IFREG | mode, ops, arg);
}

struct pseudo_entry *pseudo_symlink(struct pseudo_tree *tree, struct pseudo_entry *dir,
				    const char *name, const char *target)
{
	struct pseudo_entry *e;
	size_t len = strlen(target) + 1;
	char *text = kmalloc(tree->vfs->slab, len, GFP_KERNEL);

	if (!text)
		return NULL;
	memcpy(text, target, len);
	e = add(tree, dir, name, S_IFLNK | 0777, NULL, NULL);
	if (e)
		e->link = text;
	else
		kfree(tree->vfs->slab, text);
	return e;
}

int pseudo_add(struct pseudo_tree *tree, struct pseudo_entry *dir, const struct pseudo_desc *table,
	       void *arg)
{
	for (; table->name; table++) {
		void *own = table->arg ? table->arg : arg;
		struct pseudo_entry *e =
			pseudo_file(tree, dir, table->name, table->mode, table->ops, own);
		int err;

		if (!e)
			return -EEXIST;
		if (table->dynamic)
			pseudo_set_dynamic(e, table->dynamic, own);
		err = table->children ? pseudo_add(tree, e, table->children, own) : 0;
		if (err)
			return err;
	}
	return 0;
}

void pseudo_set_dynamic(struct pseudo_entry *dir, const struct pseudo_dynamic *dyn, void *arg)
{
	dir->dynamic = dyn;
	dir->dynamic_arg = arg;
}

struct pseudo_entry *pseudo_find(struct pseudo_tree *tree, const char *path)
{
	struct pseudo_entry *e = tree->root;

	down_read(&tree->lock);
	while (e && *path) {
		const char *end = strchr(path, '/');
		size_t len = end ? (size_t)(end - path) : strlen(path);

		if (len)
			e = pseudo_child(e, path, len);
		path += len + (end ? 1 : 0);
	}
	up_read(&tree->lock);
	return e;
}

/* lock held for writing */
static void remove_locked(struct pseudo_entry *e)
{
	while (!list_empty(&e->children))
		remove_locked(list_first_entry(&e->children, struct pseudo_entry, node));
	e->dead = true;
	if (e->parent) {
		list_del_init(&e->node);
		e->parent->nr_dirs -= S_ISDIR(e->mode);
	}
	pseudo_entry_put(e);
}

void pseudo_remove(struct pseudo_tree *tree, struct pseudo_entry *entry)
{
	down_write(&tree->lock);
	remove_locked(entry);
	up_write(&tree->lock);
}

void pseudo_tree_destroy(struct pseudo_tree *tree)
{
	if (tree->root)
		pseudo_remove(tree, tree->root);
	tree->root = NULL;
}

/* ---- numbers as files ------------------------------------------------------------------------------------------- */

static s64 parse_number(const char *data, size_t len, u64 max, u64 *out)
{
	char *text = (char *)data;
	int err;

	text = strim(text);
	err = parse_u64(text, strlen(text), 0, out);
	if (err || *out > max)
		return -EINVAL;
	return (s64)len;
}

static int show_u32(struct seq *s, void *arg)
{
	seq_printf(s, "%u\n", READ_ONCE(*(u32 *)arg));
	return 0;
}

static s64 store_u32(struct vfs_task *t, void *arg, const char *data, size_t len)
{
	u64 v;
	s64 ret = parse_number(data, len, UINT32_MAX, &v);

	(void)t;
	if (ret >= 0)
		WRITE_ONCE(*(u32 *)arg, (u32)v);
	return ret;
}

static int show_u64(struct seq *s, void *arg)
{
	seq_printf(s, "%lu\n", READ_ONCE(*(u64 *)arg));
	return 0;
}

static s64 store_u64(struct vfs_task *t, void *arg, const char *data, size_t len)
{
	u64 v;
	s64 ret = parse_number(data, len, ~0ULL, &v);

	(void)t;
	if (ret >= 0)
		WRITE_ONCE(*(u64 *)arg, v);
	return ret;
}

const struct pseudo_ops pseudo_u32_ops = { .show = show_u32, .store = store_u32 };
const struct pseudo_ops pseudo_u64_ops = { .show = show_u64, .store = store_u64 };
