/* SPDX-License-Identifier: MIT */
/*
 * pseudo_fs.c - the file system over a tree of pseudo.h. An inode stands for an entry of the tree, or
 * for a line of a table and the object that the table is about (/proc/12/stat: "stat" and process 12).
 */
#include "guest/fs/memfs_internal.h"
#include "guest/fs/pseudo_internal.h"
#include "guest/lib/string.h"

/* inode->i_fsdata */
struct pnode {
	struct pseudo_entry *entry;	    /* of the tree, held; or NULL: */
	const struct pseudo_desc *desc;	    /* a table's line, */
	const struct pseudo_dynamic *owner; /* and who counts obj */
	void *obj;			    /* held */
};

static const struct inode_operations dir_iops, file_iops, link_iops;
static const struct file_operations dir_fops, file_fops;

static struct pnode *pnode_of(const struct inode *inode)
{
	return inode->i_fsdata;
}

static struct pseudo_tree *tree_of(const struct inode *inode)
{
	return inode->i_sb->s_fs_info;
}

static const struct pseudo_ops *ops_of(const struct pnode *p)
{
	static const struct pseudo_ops none;
	const struct pseudo_ops *ops = p->entry ? p->entry->ops : p->desc->ops;

	return ops ? ops : &none;
}

static void *arg_of(const struct pnode *p)
{
	return p->entry ? p->entry->arg : p->obj;
}

void *pseudo_object(const struct file *f, const struct pseudo_desc *desc)
{
	const struct pnode *p;

	if (f->f_op != &dir_fops)
		return NULL;
	p = pnode_of(f->f_inode);
	return !p->entry && p->desc == desc ? p->obj : NULL;
}

/* ---- inodes ---------------------------------------------------------------------------------------------- */

static struct inode *inode_new(struct super_block *sb, u32 mode, const struct pseudo_ops *ops)
{
	struct inode *inode = new_inode(sb);
	struct pnode *p;

	if (!inode)
		return NULL;
	p = kzalloc(sb->s_vfs->slab, sizeof(*p), GFP_KERNEL);
	inode->i_fsdata = p;
	if (!p) {
		iput(inode);
		return NULL;
	}
	inode->i_mode = mode & S_IFMT ? mode : S_IFREG | mode;
	inode->i_size = ops ? ops->size : 0;
	switch (inode->i_mode & S_IFMT) {
	case S_IFDIR:
		inode->i_op = &dir_iops;
		inode->i_fop = &dir_fops;
		break;
	case S_IFLNK:
		inode->i_op = &link_iops;
		break;
	default:
		inode->i_op = &file_iops;
		inode->i_fop = &file_fops;
	}
	return inode;
}

/* tree->lock held. */
static struct inode *inode_of_entry(struct super_block *sb, struct pseudo_entry *e)
{
	struct inode *inode = inode_new(sb, e->mode, e->ops);

	if (!inode)
		return NULL;
	atomic_inc(&e->count);
	pnode_of(inode)->entry = e;
	inode->i_ino = e->ino;
	inode->i_uid = e->uid;
	inode->i_gid = e->gid;
	if (S_ISDIR(e->mode))
		inode->i_nlink = 2 + e->nr_dirs;
	return inode;
}

/* Takes obj's reference over, on failure too. */
static struct inode *inode_of_desc(struct super_block *sb, const struct pseudo_desc *desc,
				   const struct pseudo_dynamic *owner, void *obj)
{
	struct inode *inode = inode_new(sb, desc->mode, desc->ops);
	struct pnode *p;

	if (!inode) {
		owner->put(obj);
		return NULL;
	}
	p = pnode_of(inode);
	p->desc = desc;
	p->owner = owner;
	p->obj = obj;
	if (S_ISDIR(inode->i_mode))
		inode->i_nlink = 2;
	if (owner->owner)
		owner->owner(obj, &inode->i_uid, &inode->i_gid);
	return inode;
}

static void evict(struct inode *inode)
{
	struct pnode *p = pnode_of(inode);

	if (!p)
		return;
	if (p->entry)
		pseudo_entry_put(p->entry);
	if (p->obj)
		p->owner->put(p->obj);
	kfree(inode->i_sb->s_vfs->slab, p);
}

/* ---- names ------------------------------------------------------------------------------------------------- */

static int add_inode(struct dentry *d, struct inode *inode)
{
	if (!inode)
		return -ENOMEM;
	d_add(d, inode);
	return 0;
}

/* In a dynamic part: what is not there now may be there the next time. */
static int lookup_dynamic(struct vfs_task *t, struct dentry *d, const struct pseudo_dynamic *dyn,
			  void *arg)
{
	const struct pseudo_desc *desc;
	void *obj = NULL;

	d->d_flags |= DCACHE_DYNAMIC;
	desc = dyn ? dyn->lookup(t, arg, d->d_name.name, d->d_name.len, &obj) : NULL;
	if (desc)
		return add_inode(d, inode_of_desc(d->d_sb, desc, dyn, obj));
	/* In /proc what is not there cannot be made either, whoever asks; /sys asks who it is first. */
	if (d->d_sb->s_magic == PROC_SUPER_MAGIC)
		return -ENOENT;
	d_add(d, NULL);
	return 0;
}

static int lookup_table(struct vfs_task *t, struct dentry *d, const struct pnode *p)
{
	const struct pseudo_desc *desc;

	d->d_flags |= DCACHE_DYNAMIC;
	for (desc = p->desc->children; desc && desc->name; desc++) {
		if (strlen(desc->name) != d->d_name.len ||
		    memcmp(desc->name, d->d_name.name, d->d_name.len))
			continue;
		p->owner->get(p->obj);
		return add_inode(d, inode_of_desc(d->d_sb, desc, p->owner, p->obj));
	}
	return lookup_dynamic(t, d, p->desc->dynamic, p->obj);
}

static int lookup(struct vfs_task *t, struct inode *dir, struct dentry *d)
{
	struct pseudo_tree *tree = tree_of(dir);
	struct pnode *p = pnode_of(dir);
	struct pseudo_entry *e;
	struct inode *inode = NULL;

	if (!p->entry)
		return lookup_table(t, d, p);
	down_read(&tree->lock);
	e = pseudo_child(p->entry, d->d_name.name, d->d_name.len);
	if (e)
		inode = inode_of_entry(d->d_sb, e);
	up_read(&tree->lock);
	if (e)
		return add_inode(d, inode);
	return lookup_dynamic(t, d, p->entry->dynamic, p->entry->dynamic_arg);
}

static bool revalidate(struct dentry *d)
{
	const struct inode *inode = READ_ONCE(d->d_inode);
	const struct pnode *p;

	if (!inode)
		return !(d->d_flags & DCACHE_DYNAMIC);
	p = pnode_of(inode);
	if (p->entry)
		return !READ_ONCE(p->entry->dead);
	return !p->owner->alive || p->owner->alive(p->obj);
}

static const struct dentry_operations dops = { .d_revalidate = revalidate };

/* ---- listing ------------------------------------------------------------------------------------------------ */

static bool list_entries(struct dir_context *ctx, struct pseudo_entry *dir)
{
	struct pseudo_entry *e;

	list_for_each_entry (e, &dir->children, node) {
		if ((s64)e->cookie < ctx->pos)
			continue;
		ctx->pos = (s64)e->cookie;
		if (!ctx->actor(ctx, e->name, e->len, ctx->pos, e->ino, mode_to_dtype(e->mode)))
			return false;
		ctx->pos++;
	}
	return true;
}

static bool list_table(struct dir_context *ctx, const struct pseudo_desc *table)
{
	s64 pos = FIRST_ENTRY;

	for (; table && table->name; table++, pos++) {
		if (pos < ctx->pos)
			continue;
		ctx->pos = pos;
		if (!ctx->actor(ctx, table->name, strlen(table->name), pos, (u64)pos,
				mode_to_dtype(table->mode & S_IFMT ? table->mode : S_IFREG)))
			return false;
		ctx->pos++;
	}
	return true;
}

static void list_dynamic(struct vfs_task *t, struct dir_context *ctx,
			 const struct pseudo_dynamic *dyn, void *arg)
{
	char name[NAME_MAX + 1];
	u32 type = S_IFDIR;
	u64 key;

	if (!dyn || !dyn->next)
		return;
	ctx->pos = MAX(ctx->pos, FIRST_DYNAMIC);
	for (;;) {
		key = (u64)(ctx->pos - FIRST_DYNAMIC);
		if (!dyn->next(t, arg, &key, name, &type))
			return;
		ctx->pos = FIRST_DYNAMIC + (s64)key;
		if (!ctx->actor(ctx, name, strlen(name), ctx->pos, key + 1, mode_to_dtype(type)))
			return;
		ctx->pos++;
	}
}

static int iterate(struct file *f, struct dir_context *ctx)
{
	struct pnode *p = pnode_of(f->f_inode);
	struct pseudo_tree *tree = tree_of(f->f_inode);
	bool more;

	if (!dir_emit_dots(f, ctx))
		return 0;
	if (!p->entry) {
		if (list_table(ctx, p->desc->children))
			list_dynamic(ctx->task, ctx, p->desc->dynamic, p->obj);
		return 0;
	}
	down_read(&tree->lock);
	more = list_entries(ctx, p->entry);
	up_read(&tree->lock);
	if (more)
		list_dynamic(ctx->task, ctx, p->entry->dynamic, p->entry->dynamic_arg);
	return 0;
}

/* ---- files -------------------------------------------------------------------------------------------------- */

/* -ENODEV, -ESRCH: what it was about has gone. */
static int still_there(const struct pnode *p)
{
	if (p->entry)
		return READ_ONCE(p->entry->dead) ? -ENODEV : 0;
	return p->owner->alive && !p->owner->alive(p->obj) ? -ESRCH : 0;
}

static int show(struct seq *s, void *arg)
{
	const struct pnode *p = arg;
	int err = still_there(p);

	if (err)
		return err;
	return ops_of(p)->show ? ops_of(p)->show(s, arg_of(p)) : 0;
}

static int file_open(struct vfs_task *t, struct inode *inode, struct file *f)
{
	const struct pnode *p = pnode_of(inode);
	const struct pseudo_ops *ops = ops_of(p);
	int err = still_there(p);

	if (err)
		return err;
	if (ops->fop) {
		f->f_op = ops->fop;
		f->private_data = arg_of(p);
		return ops->fop->open ? ops->fop->open(t, inode, f) : 0;
	}
	if (ops->seq)
		return seq_open(t, f, ops->seq, arg_of(p));
	return single_open(t, f, show, pnode_of(inode));
}

static s64 file_write(struct kiocb *io, struct iov_iter *from)
{
	const struct pnode *p = pnode_of(io->filp->f_inode);
	struct vfs *vfs = io->task->vfs;
	size_t n = MIN(iov_iter_count(from), (size_t)PAGE_SIZE - 1);
	s64 ret = still_there(p);
	char *buf;

	if (ret)
		return ret;
	if (!ops_of(p)->store)
		return -EIO;
	buf = kmalloc(vfs->slab, n + 1, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	if (copy_from_iter(buf, n, from) != n) {
		ret = -EFAULT;
	} else {
		buf[n] = 0;
		ret = ops_of(p)->store(io->task, arg_of(p), buf, n);
	}
	kfree(vfs->slab, buf);
	return ret;
}

/* O_TRUNC and truncate() are for programs that believe they write a file; owner and mode can be set
 * where they are kept. */
static int setattr(struct vfs_task *t, struct dentry *d, struct iattr *attr)
{
	struct inode *inode = d->d_inode;
	struct pseudo_entry *e = pnode_of(inode)->entry;
	int err;

	attr->valid &= ~(u32)ATTR_SIZE;
	if (!e)
		return attr->valid & (ATTR_MODE | ATTR_UID | ATTR_GID) ? -EPERM : 0;
	err = setattr_prepare(t, inode, attr);
	if (err)
		return err;
	setattr_copy(t, inode, attr);
	e->mode = inode->i_mode;
	e->uid = inode->i_uid;
	e->gid = inode->i_gid;
	return 0;
}

/* Root's bits are the owner's, and no capability is above them. */
static int bound_permission(const struct vfs_task *t, const struct inode *inode, int mask)
{
	u32 bits = inode->i_mode;

	if (!t->cred->euid)
		bits >>= 6;
	else if (cred_in_group(t->cred, 0))
		bits >>= 3;
	return (u32)mask & (MAY_READ | MAY_WRITE | MAY_EXEC) & ~bits ? -EACCES : 0;
}

static int permission(struct vfs_task *t, struct inode *inode, int mask)
{
	const struct pnode *p = pnode_of(inode);

	if (p->entry && p->entry->ops && p->entry->ops->mode_binds)
		return bound_permission(t, inode, mask);

	if (!p->entry && p->owner->permission) {
		int err = p->owner->permission(t, p->obj, mask);

		if (err)
			return err;
	}
	return generic_permission(t, inode, mask);
}

static int get_link(struct vfs_task *t, struct dentry *d, struct inode *inode,
		    struct link_target *out)
{
	const struct pnode *p = pnode_of(inode);
	const struct pseudo_ops *ops = ops_of(p);
	int err = still_there(p);
	char *buf;

	(void)d;
	if (err)
		return err;
	if (p->entry && p->entry->link) {
		out->text = p->entry->link;
		return 0;
	}
	if (ops->jump)
		return ops->jump(t, arg_of(p), &out->jump);
	if (!ops->readlink)
		return -EINVAL;
	buf = kmalloc(t->vfs->slab, PATH_MAX, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	err = ops->readlink(t, arg_of(p), buf, PATH_MAX);
	if (err) {
		kfree(t->vfs->slab, buf);
		return err;
	}
	out->text = out->owned = buf;
	return 0;
}

static const struct inode_operations dir_iops = { .lookup = lookup,
						  .setattr = setattr,
						  .permission = permission };
static const struct inode_operations file_iops = { .setattr = setattr, .permission = permission };
static const struct inode_operations link_iops = { .get_link = get_link, .setattr = setattr };

static const struct file_operations dir_fops = { .llseek = dir_llseek, .iterate = iterate };
static const struct file_operations file_fops = {
	.llseek = seq_lseek,
	.read_iter = seq_read_iter,
	.write_iter = file_write,
	.open = file_open,
	.release = seq_release,
};

/* ---- mounting ------------------------------------------------------------------------------------------------ */

static void put_super(struct super_block *sb)
{
	struct pseudo_tree *tree = sb->s_fs_info;

	if (!tree)
		return;
	down_write(&tree->lock);
	if (tree->sb == sb)
		tree->sb = NULL;
	up_write(&tree->lock);
}

static const struct super_operations sops = { .evict_inode = evict, .put_super = put_super };

static int new_super(struct pseudo_tree *tree, const struct file_system_type *type)
{
	struct super_block *sb = sget(tree->vfs, type);
	struct inode *root;

	if (!sb)
		return -ENOMEM;
	sb->s_op = &sops;
	sb->s_d_op = &dops;
	sb->s_magic = tree->magic;
	root = inode_of_entry(sb, tree->root);
	sb->s_root = d_make_root(root);
	if (!sb->s_root) {
		deactivate_super(sb);
		return -ENOMEM;
	}
	sb->s_fs_info = tree;
	tree->sb = sb;
	return 0;
}

int pseudo_mount(struct pseudo_tree *tree, const struct file_system_type *type,
		 struct super_block **out)
{
	int err = 0;

	down_write(&tree->lock);
	if (!tree->sb || !atomic_inc_not_zero(&tree->sb->s_active))
		err = new_super(tree, type);
	*out = tree->sb;
	up_write(&tree->lock);
	return err;
}
