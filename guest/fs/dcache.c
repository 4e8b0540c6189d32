/* SPDX-License-Identifier: MIT */
/*
 * dcache.c - names that are known: a hash table of (parent, name), and the tree they form.
 *
 * D1 a count becomes 0, or more than 0 again, only under dcache_lock. D2 a dentry that is not a root
 * is on its parent's list of children and holds a reference of it. D3 unused dentries are on the LRU
 * list; it may also have some in use, which are taken off when met.
 */
#include "guest/fs/internal.h"
#include "guest/fs/notify.h"
#include "guest/lib/hash.h"
#include "guest/lib/printf.h"
#include "guest/lib/string.h"

u32 name_hash(const char *name, size_t len)
{
	u64 h = hash_bytes(name, len);

	return (u32)(h ^ h >> 32);
}

static struct hlist_head *bucket(struct vfs *vfs, const struct dentry *parent, u32 hash)
{
	u64 key = (u64)(uintptr_t)parent / sizeof(*parent) + ((u64)hash << 20);

	return &vfs->dcache[hash_64(key, vfs->dcache_bits)];
}

int dcache_init(struct vfs *vfs)
{
	vfs->dcache_bits = 10;
	vfs->dcache = kzalloc(vfs->slab, sizeof(*vfs->dcache) << vfs->dcache_bits, GFP_KERNEL);
	if (!vfs->dcache)
		return -ENOMEM;
	spin_lock_init(&vfs->dcache_lock);
	INIT_LIST_HEAD(&vfs->dcache_lru);
	vfs->max_unused = 4096;
	return 0;
}

void dcache_destroy(struct vfs *vfs)
{
	kfree(vfs->slab, vfs->dcache);
}

/* ---- making ------------------------------------------------------------------------------------- */

static int set_name(struct vfs *vfs, struct dentry *d, const struct qstr *name)
{
	char *p = d->d_iname;

	if (name->len >= DNAME_INLINE_LEN) {
		p = kmalloc(vfs->slab, name->len + 1, GFP_KERNEL);
		if (!p)
			return -ENOMEM;
	}
	memcpy(p, name->name, name->len);
	p[name->len] = 0;
	d->d_name = (struct qstr){ .name = p, .len = name->len, .hash = name->hash };
	return 0;
}

static void free_name(struct vfs *vfs, struct dentry *d)
{
	if (d->d_name.name != d->d_iname)
		kfree(vfs->slab, d->d_name.name);
}

static struct dentry *dentry_new(struct super_block *sb, const struct qstr *name)
{
	struct vfs *vfs = sb->s_vfs;
	struct dentry *d = kmem_cache_zalloc(vfs->dentry_cache, GFP_KERNEL);

	if (!d)
		return NULL;
	if (set_name(vfs, d, name)) {
		kmem_cache_free(vfs->dentry_cache, d);
		return NULL;
	}
	atomic_set(&d->d_count, 1);
	d->d_flags = DCACHE_UNHASHED;
	d->d_sb = sb;
	d->d_op = sb->s_d_op;
	d->d_parent = d;
	INIT_LIST_HEAD(&d->d_child);
	INIT_LIST_HEAD(&d->d_children);
	INIT_LIST_HEAD(&d->d_lru);
	return d;
}

struct dentry *d_alloc(struct dentry *parent, const struct qstr *name)
{
	struct vfs *vfs = parent->d_sb->s_vfs;
	struct dentry *d = dentry_new(parent->d_sb, name);
	u64 unused;

	if (!d)
		return NULL;
	spin_lock(&vfs->dcache_lock);
	d->d_parent = dget(parent);
	list_add(&d->d_child, &parent->d_children);
	vfs->nr_dentry++;
	unused = vfs->nr_unused;
	spin_unlock(&vfs->dcache_lock);
	if (unused > vfs->max_unused)
		vfs_shrink(vfs, unused / 4);
	return d;
}

struct dentry *d_make_root(struct inode *root)
{
	static const struct qstr slash = { .name = "/", .len = 1 };
	struct dentry *d;

	if (!root)
		return NULL;
	d = dentry_new(root->i_sb, &slash);
	if (!d) {
		iput(root);
		return NULL;
	}
	d->d_inode = root;
	spin_lock(&root->i_sb->s_vfs->dcache_lock);
	root->i_sb->s_vfs->nr_dentry++;
	spin_unlock(&root->i_sb->s_vfs->dcache_lock);
	return d;
}

static void hash_locked(struct vfs *vfs, struct dentry *d)
{
	hlist_add_head(&d->d_hash, bucket(vfs, d->d_parent, d->d_name.hash));
	d->d_flags &= ~DCACHE_UNHASHED;
}

static void unhash_locked(struct dentry *d)
{
	if (!(d->d_flags & DCACHE_UNHASHED)) {
		hlist_del_init(&d->d_hash);
		d->d_flags |= DCACHE_UNHASHED;
	}
}

void d_add(struct dentry *d, struct inode *inode)
{
	struct vfs *vfs = d->d_sb->s_vfs;

	spin_lock(&vfs->dcache_lock);
	WRITE_ONCE(d->d_inode, inode);
	if (d->d_flags & DCACHE_UNHASHED)
		hash_locked(vfs, d);
	spin_unlock(&vfs->dcache_lock);
}

void d_instantiate(struct dentry *d, struct inode *inode)
{
	struct vfs *vfs = d->d_sb->s_vfs;

	spin_lock(&vfs->dcache_lock);
	BUG_ON(d->d_inode);
	WRITE_ONCE(d->d_inode, inode);
	spin_unlock(&vfs->dcache_lock);
}

void d_drop(struct dentry *d)
{
	struct vfs *vfs = d->d_sb->s_vfs;

	spin_lock(&vfs->dcache_lock);
	unhash_locked(d);
	spin_unlock(&vfs->dcache_lock);
}

/* ---- finding and letting go ----------------------------------------------------------------------- */

struct dentry *d_lookup(struct dentry *parent, const struct qstr *name)
{
	struct vfs *vfs = parent->d_sb->s_vfs;
	struct dentry *d;

	spin_lock(&vfs->dcache_lock);
	hlist_for_each_entry (d, bucket(vfs, parent, name->hash), d_hash) {
		if (d->d_name.hash != name->hash || d->d_parent != parent ||
		    d->d_name.len != name->len || memcmp(d->d_name.name, name->name, name->len))
			continue;
		atomic_inc(&d->d_count);
		break;
	}
	spin_unlock(&vfs->dcache_lock);
	return d;
}

struct dentry *dget(struct dentry *d)
{
	atomic_inc(&d->d_count);
	return d;
}

struct dentry *dget_parent(struct dentry *d)
{
	struct vfs *vfs = d->d_sb->s_vfs;
	struct dentry *parent;

	spin_lock(&vfs->dcache_lock);
	parent = dget(d->d_parent);
	spin_unlock(&vfs->dcache_lock);
	return parent;
}

static void lru_del(struct vfs *vfs, struct dentry *d)
{
	if (d->d_flags & DCACHE_LRU) {
		list_del_init(&d->d_lru);
		d->d_flags &= ~DCACHE_LRU;
		vfs->nr_unused--;
	}
}

/* Takes d, which nobody uses, out of everything; its parent's reference is the caller's now. Lock
 * held on entry, not on return. */
static struct dentry *kill(struct vfs *vfs, struct dentry *d)
{
	struct dentry *parent = d->d_parent;
	struct inode *inode = d->d_inode;

	BUG_ON(!list_empty(&d->d_children));
	lru_del(vfs, d);
	unhash_locked(d);
	list_del_init(&d->d_child);
	vfs->nr_dentry--;
	spin_unlock(&vfs->dcache_lock);
	if (inode) {
		notify_gone(inode);
		iput(inode);
	}
	free_name(vfs, d);
	kmem_cache_free(vfs->dentry_cache, d);
	return parent == d ? NULL : parent;
}

/* One reference less; false when it was the last, and then the lock is held. */
static bool dec_unless_last(struct vfs *vfs, struct dentry *d)
{
	if (atomic_add_unless(&d->d_count, -1, 1))
		return true;
	spin_lock(&vfs->dcache_lock);
	if (!atomic_dec_and_test(&d->d_count)) {
		spin_unlock(&vfs->dcache_lock);
		return true;
	}
	return false;
}

void dput(struct dentry *d)
{
	struct vfs *vfs;

	if (!d)
		return;
	vfs = d->d_sb->s_vfs;
	while (d && !dec_unless_last(vfs, d)) {
		if (!(d->d_flags & (DCACHE_UNHASHED | DCACHE_DYNAMIC))) {
			if (d->d_flags & DCACHE_LRU) {
				list_move_tail(&d->d_lru, &vfs->dcache_lru);
			} else { /* D3 */
				list_add_tail(&d->d_lru, &vfs->dcache_lru);
				d->d_flags |= DCACHE_LRU;
				vfs->nr_unused++;
			}
			spin_unlock(&vfs->dcache_lock);
			return;
		}
		d = kill(vfs, d);
	}
}

u64 vfs_shrink(struct vfs *vfs, u64 nr)
{
	u64 freed = 0;

	while (freed < nr) {
		struct dentry *d, *parent;

		spin_lock(&vfs->dcache_lock);
		d = list_first_entry_or_null(&vfs->dcache_lru, struct dentry, d_lru);
		if (!d) {
			spin_unlock(&vfs->dcache_lock);
			break;
		}
		if (atomic_read(&d->d_count)) { /* D3 */
			lru_del(vfs, d);
			spin_unlock(&vfs->dcache_lock);
			continue;
		}
		parent = kill(vfs, d);
		freed++;
		dput(parent);
	}
	return freed;
}

void d_pin(struct dentry *d)
{
	struct vfs *vfs = d->d_sb->s_vfs;

	spin_lock(&vfs->dcache_lock);
	BUG_ON(d->d_flags & DCACHE_PINNED);
	d->d_flags |= DCACHE_PINNED;
	atomic_inc(&d->d_count);
	spin_unlock(&vfs->dcache_lock);
}

void d_unpin(struct dentry *d)
{
	struct vfs *vfs = d->d_sb->s_vfs;

	spin_lock(&vfs->dcache_lock);
	BUG_ON(!(d->d_flags & DCACHE_PINNED));
	d->d_flags &= ~DCACHE_PINNED;
	spin_unlock(&vfs->dcache_lock);
	dput(d);
}

void d_delete(struct dentry *d)
{
	struct vfs *vfs = d->d_sb->s_vfs;
	struct inode *inode = NULL;

	spin_lock(&vfs->dcache_lock);
	if (atomic_read(&d->d_count) == 1) {
		inode = d->d_inode;
		WRITE_ONCE(d->d_inode, NULL);
	} else {
		unhash_locked(d);
	}
	spin_unlock(&vfs->dcache_lock);
	if (inode) {
		notify_gone(inode);
		iput(inode);
	}
}

/* Some dentry below (or at) top that has no children; lock held. */
static struct dentry *deepest(struct dentry *top)
{
	struct dentry *d = top;

	while (!list_empty(&d->d_children))
		d = list_first_entry(&d->d_children, struct dentry, d_child);
	return d;
}

u64 d_genocide(struct dentry *root)
{
	struct vfs *vfs = root->d_sb->s_vfs;
	u64 busy = 0;

	for (;;) {
		struct dentry *d, *parent;
		int users;

		spin_lock(&vfs->dcache_lock);
		d = deepest(root);
		users = atomic_read(&d->d_count);
		if (d->d_flags & DCACHE_PINNED || d == root)
			users--;
		if (users) { /* somebody's leak: cut it off so that the rest can go */
			busy++;
			atomic_set(&d->d_count, 0);
		}
		parent = kill(vfs, d);
		if (d == root)
			return busy;
		atomic_dec(&parent->d_count);
	}
}

void d_prune_children(struct dentry *d)
{
	struct vfs *vfs = d->d_sb->s_vfs;
	struct dentry *child, *tmp, *parent;
again:
	spin_lock(&vfs->dcache_lock);
	list_for_each_entry_safe (child, tmp, &d->d_children, d_child) {
		struct dentry *leaf = deepest(child);

		if (atomic_read(&leaf->d_count))
			continue;
		parent = kill(vfs, leaf);
		dput(parent);
		goto again;
	}
	spin_unlock(&vfs->dcache_lock);
}

/* ---- renaming ---------------------------------------------------------------------------------------- */

bool d_is_ancestor(struct dentry *ancestor, struct dentry *d)
{
	struct vfs *vfs = d->d_sb->s_vfs;
	bool is = false;

	spin_lock(&vfs->dcache_lock);
	for (;; d = d->d_parent) {
		is = d == ancestor;
		if (is || d == d->d_parent)
			break;
	}
	spin_unlock(&vfs->dcache_lock);
	return is;
}

/* Names inside the dentry cannot be swapped by their pointers. */
static void swap_names(struct dentry *a, struct dentry *b)
{
	char tmp[DNAME_INLINE_LEN];
	struct qstr an = a->d_name, bn = b->d_name;
	bool a_inline = an.name == a->d_iname, b_inline = bn.name == b->d_iname;

	memcpy(tmp, a->d_iname, sizeof(tmp));
	memcpy(a->d_iname, b->d_iname, sizeof(tmp));
	memcpy(b->d_iname, tmp, sizeof(tmp));
	a->d_name = bn;
	b->d_name = an;
	if (b_inline)
		a->d_name.name = a->d_iname;
	if (a_inline)
		b->d_name.name = b->d_iname;
}

static void swap_places(struct dentry *a, struct dentry *b)
{
	struct dentry *pa = a->d_parent, *pb = b->d_parent;

	swap_names(a, b);
	a->d_parent = pb;
	b->d_parent = pa;
	list_move(&b->d_child, &pa->d_children);
	list_move(&a->d_child, &pb->d_children);
}

void d_move(struct dentry *d, struct dentry *target)
{
	struct vfs *vfs = d->d_sb->s_vfs;
	struct dentry *old_parent = d->d_parent;
	const char *left = NULL;
	char *room = d->d_iname;

	if (target->d_name.len >= DNAME_INLINE_LEN)
		room = kmalloc(vfs->slab, target->d_name.len + 1, GFP_KERNEL);
	spin_lock(&vfs->dcache_lock);
	unhash_locked(d);
	unhash_locked(target);
	if (room) {
		if (d->d_name.name != d->d_iname)
			left = d->d_name.name;
		memcpy(room, target->d_name.name, target->d_name.len + 1);
		d->d_name = target->d_name;
		d->d_name.name = room;
	} else { /* no memory: what has been deleted goes by a name that is not its own */
		swap_names(d, target);
	}
	d->d_parent = dget(target->d_parent);
	list_move(&d->d_child, &d->d_parent->d_children);
	hash_locked(vfs, d);
	spin_unlock(&vfs->dcache_lock);
	kfree(vfs->slab, left);
	dput(old_parent);
}

void d_exchange(struct dentry *a, struct dentry *b)
{
	struct vfs *vfs = a->d_sb->s_vfs;

	spin_lock(&vfs->dcache_lock);
	unhash_locked(a);
	unhash_locked(b);
	swap_places(a, b);
	hash_locked(vfs, a);
	hash_locked(vfs, b);
	spin_unlock(&vfs->dcache_lock);
}

/* ---- listing ---------------------------------------------------------------------------------------- */

struct dentry *d_next_child(struct dentry *parent, struct dentry *prev)
{
	struct vfs *vfs = parent->d_sb->s_vfs;
	struct list_head *pos;
	struct dentry *found = NULL;

	spin_lock(&vfs->dcache_lock);
	pos = prev ? prev->d_child.next : parent->d_children.next;
	for (; !found && pos != &parent->d_children; pos = pos->next) {
		struct dentry *d = list_entry(pos, struct dentry, d_child);

		if (d->d_inode && !(d->d_flags & DCACHE_UNHASHED))
			found = d;
	}
	spin_unlock(&vfs->dcache_lock);
	return found;
}

void d_to_front(struct dentry *d)
{
	struct vfs *vfs = d->d_sb->s_vfs;

	spin_lock(&vfs->dcache_lock);
	list_move(&d->d_child, &d->d_parent->d_children);
	spin_unlock(&vfs->dcache_lock);
}

/* ---- proof ---------------------------------------------------------------------------------------------- */

static const char *check_bucket(struct vfs *vfs, unsigned i, u64 *hashed)
{
	struct dentry *d;

	hlist_for_each_entry (d, &vfs->dcache[i], d_hash) {
		++*hashed;
		if (d->d_flags & DCACHE_UNHASHED)
			return "D4: a dentry in the table says that it is not";
		if (bucket(vfs, d->d_parent, d->d_name.hash) != &vfs->dcache[i])
			return "D4: a dentry is in another chain than its name says";
		if (name_hash(d->d_name.name, d->d_name.len) != d->d_name.hash)
			return "D4: a name's hash is wrong";
		if (list_empty(&d->d_child))
			return "D2: a child is on no list";
		if (!atomic_read(&d->d_count) && !(d->d_flags & DCACHE_LRU))
			return "D3: an unused dentry is not on the LRU list";
		if (atomic_read(&d->d_parent->d_count) <= 0)
			return "D2: a parent is not held";
	}
	return NULL;
}

const char *dcache_check(struct vfs *vfs)
{
	const char *broken = list_check(&vfs->dcache_lru, vfs->nr_unused + 1);
	struct dentry *d;
	u64 n = 0;

	for (unsigned i = 0; !broken && i < 1u << vfs->dcache_bits; i++)
		broken = check_bucket(vfs, i, &n);
	if (broken)
		return broken;
	if (n > vfs->nr_dentry)
		return "D5: more dentries in the table than there are";
	n = 0;
	list_for_each_entry (d, &vfs->dcache_lru, d_lru)
		n++;
	return n == vfs->nr_unused ? NULL : "D3: the LRU list's length is not what is counted";
}
