/* SPDX-License-Identifier: MIT */
/*
 * memfs.c - ramfs and tmpfs: names are pinned dentries, contents the page cache.
 *
 * M1 a directory's entries are in an array by the cookie that readdir's positions are made of, and on
 * the dentry's list of children in the order in which they came, the newest first. A cookie is never
 * used again for another entry of the directory, but by what is renamed over it.
 * M2 the sum of the pages of all files is used_blocks, of inodes and second names used_inodes, each
 * below its limit.
 */
#include "guest/fs/memfs_internal.h"
#include "guest/fs/seals.h"
#include "guest/lib/printf.h"
#include "guest/lib/string.h"

#define BOGO_DIRENT_SIZE 20 /* what an entry adds to a directory's size, as Linux's tmpfs counts */
#define FIRST_COOKIE	 3
#define END_OF_DIR	 INT32_MAX /* a reader who has seen the end stays there, as on Linux */
#define SHORT_SYMLINK	 128

static const struct inode_operations dir_iops, link_iops, special_iops;
static const struct file_operations dir_fops, file_fops;

static struct memfs_sb *sb_info(const struct super_block *sb)
{
	return sb->s_fs_info;
}

static struct memfs_inode *info(const struct inode *inode)
{
	return inode->i_fsdata;
}

/* ---- quotas: M2 --------------------------------------------------------------------------------------------- */

static bool take(atomic64_t *used, u64 limit, u64 n)
{
	if (!limit) {
		atomic64_add((s64)n, used);
		return true;
	}
	if ((u64)atomic64_add_return((s64)n, used) <= limit)
		return true;
	atomic64_sub((s64)n, used);
	return false;
}

static int charge(struct address_space *as, u64 pages)
{
	struct memfs_sb *s = sb_info(as->host->i_sb);

	return take(&s->used_blocks, s->max_blocks, pages) ? 0 : -ENOSPC;
}

static void uncharge(struct address_space *as, u64 pages)
{
	atomic64_sub((s64)pages, &sb_info(as->host->i_sb)->used_blocks);
}

static const struct address_space_operations memfs_aops = { .charge = charge,
							    .uncharge = uncharge };

/* ---- inodes --------------------------------------------------------------------------------------------------- */

/* Without an owner: the kernel's own. */
struct inode *memfs_inode_new(struct super_block *sb, u32 mode, kdev_t dev)
{
	struct memfs_sb *s = sb_info(sb);
	struct memfs_inode *mi;
	struct inode *inode;

	if (!take(&s->used_inodes, s->max_inodes, 1))
		return NULL;
	mi = kzalloc(sb->s_vfs->slab, sizeof(*mi), GFP_KERNEL);
	inode = mi ? new_inode(sb) : NULL;
	if (!inode) {
		kfree(sb->s_vfs->slab, mi);
		atomic64_sub(1, &s->used_inodes);
		return NULL;
	}
	inode->i_fsdata = mi;
	inode->i_mode = mode;
	xa_init(&mi->entries, &sb->s_vfs->xa_mem);
	mi->next_cookie = FIRST_COOKIE;
	switch (mode & S_IFMT) {
	case S_IFREG:
		inode->i_op = &special_iops;
		inode->i_fop = &file_fops;
		address_space_init(&mi->mapping, inode, &memfs_aops);
		inode->i_mapping = &mi->mapping;
		inode->i_seals = F_SEAL_SEAL;
		break;
	case S_IFDIR:
		inode->i_op = &dir_iops;
		inode->i_fop = &dir_fops;
		inode->i_nlink = 2;
		inode->i_size = s->bogo ? 2 * BOGO_DIRENT_SIZE : 0;
		break;
	case S_IFLNK:
		inode->i_op = &link_iops;
		break;
	default:
		inode->i_op = &special_iops;
		init_special_inode(inode, mode, dev);
	}
	return inode;
}

static struct inode *inode_for(struct vfs_task *t, struct inode *dir, u32 mode, kdev_t dev)
{
	struct inode *inode = memfs_inode_new(dir->i_sb, mode, dev);

	if (inode)
		inode_init_owner(t, inode, dir, mode);
	return inode;
}

void memfs_evict(struct inode *inode)
{
	struct memfs_inode *mi = info(inode);
	struct vfs *vfs = inode->i_sb->s_vfs;

	if (S_ISLNK(inode->i_mode)) {
		if (inode->i_size >= SHORT_SYMLINK)
			atomic64_sub(1, &sb_info(inode->i_sb)->used_blocks);
		kfree(vfs->slab, inode->i_link);
	}
	xa_destroy(&mi->entries);
	kfree(vfs->slab, mi);
	atomic64_sub(1, &sb_info(inode->i_sb)->used_inodes);
}

/* ---- names: M1 -------------------------------------------------------------------------------------------------- */

static u64 cookie_of(const struct dentry *d)
{
	return (u64)(uintptr_t)d->d_fsdata;
}

static void grow_dir(struct inode *dir, int entries)
{
	if (sb_info(dir->i_sb)->bogo)
		dir->i_size += entries * BOGO_DIRENT_SIZE;
}

static int enter(struct inode *dir, struct dentry *d)
{
	struct memfs_inode *mi = info(dir);
	u64 cookie = mi->next_cookie;

	if (xa_store(&mi->entries, cookie, d, NULL))
		return -ENOSPC;
	mi->next_cookie++;
	d_to_front(d);
	d->d_fsdata = (void *)(uintptr_t)cookie;
	grow_dir(dir, 1);
	inode_touch_mctime(dir);
	return 0;
}

static void leave(struct inode *dir, struct dentry *d)
{
	xa_erase(&info(dir)->entries, cookie_of(d));
	d->d_fsdata = NULL;
	grow_dir(dir, -1);
	inode_touch_mctime(dir);
}

static int lookup(struct vfs_task *t, struct inode *dir, struct dentry *d)
{
	(void)t;
	(void)dir;
	/* What exists is pinned, so what is not in the cache does not exist. */
	d_add(d, NULL);
	return 0;
}

/* d gets the inode as a new name in dir. */
int memfs_link_in(struct inode *dir, struct dentry *d, struct inode *inode)
{
	int err = enter(dir, d);

	if (err)
		return err;
	d_instantiate(d, inode);
	d_pin(d);
	return 0;
}

static int mknod(struct vfs_task *t, struct inode *dir, struct dentry *d, u32 mode, kdev_t dev)
{
	struct inode *inode = inode_for(t, dir, mode, dev);
	int err;

	if (!inode)
		return -ENOSPC;
	err = memfs_link_in(dir, d, inode);
	if (err) {
		iput(inode);
		return err;
	}
	if (S_ISDIR(mode))
		inc_nlink(dir);
	return 0;
}

static int create(struct vfs_task *t, struct inode *dir, struct dentry *d, u32 mode)
{
	return mknod(t, dir, d, mode, 0);
}

static int symlink(struct vfs_task *t, struct inode *dir, struct dentry *d, const char *target)
{
	struct super_block *sb = dir->i_sb;
	size_t len = strlen(target) + 1;
	struct inode *inode;
	char *text;
	int err;

	if (len > PAGE_SIZE)
		return -ENAMETOOLONG;
	inode = inode_for(t, dir, S_IFLNK | 0777, 0);
	if (!inode)
		return -ENOSPC;
	if (len > SHORT_SYMLINK) {
		if (!take(&sb_info(sb)->used_blocks, sb_info(sb)->max_blocks, 1)) {
			iput(inode);
			return -ENOSPC;
		}
		inode->i_blocks = PAGE_SIZE / 512;
	}
	text = kmalloc(sb->s_vfs->slab, len, GFP_KERNEL);
	/* From here on memfs_evict() frees the text and gives the block back. */
	inode->i_size = (s64)len - 1;
	inode->i_link = text;
	err = text ? 0 : -ENOMEM;
	if (!err) {
		memcpy(text, target, len);
		err = memfs_link_in(dir, d, inode);
	}
	if (err)
		iput(inode);
	return err;
}

static int tmpfile(struct vfs_task *t, struct inode *dir, struct dentry *d, u32 mode)
{
	struct inode *inode = inode_for(t, dir, mode, 0);

	if (!inode)
		return -ENOSPC;
	clear_nlink(inode);
	inode->i_flags |= S_LINKABLE;
	d_instantiate(d, inode);
	return 0;
}

static int link(struct dentry *old, struct inode *dir, struct dentry *d)
{
	struct inode *inode = old->d_inode;
	struct memfs_sb *s = sb_info(dir->i_sb);
	bool another = inode->i_nlink; /* not the first name of an O_TMPFILE */
	int err;

	/* Each further name counts as an inode, since it takes memory like one. */
	if (another && !take(&s->used_inodes, s->max_inodes, 1))
		return -ENOSPC;
	err = memfs_link_in(dir, d, inode);
	if (err) {
		if (another)
			atomic64_sub(1, &s->used_inodes);
		return err;
	}
	igrab(inode);
	inc_nlink(inode);
	inode_touch_ctime(inode);
	return 0;
}

static int unlink(struct inode *dir, struct dentry *d)
{
	struct inode *inode = d->d_inode;

	if (inode->i_nlink > 1 && !S_ISDIR(inode->i_mode))
		atomic64_sub(1, &sb_info(dir->i_sb)->used_inodes);
	leave(dir, d);
	drop_nlink(inode);
	inode_touch_ctime(inode);
	d_unpin(d);
	return 0;
}

static int rmdir(struct inode *dir, struct dentry *d)
{
	if (info(d->d_inode)->entries.count)
		return -ENOTEMPTY;
	drop_nlink(d->d_inode); /* its "." */
	unlink(dir, d);
	drop_nlink(dir);
	return 0;
}

static int exchange(struct inode *old_dir, struct dentry *old, struct inode *new_dir,
		    struct dentry *new)
{
	int is_dir = S_ISDIR(old->d_inode->i_mode), new_is_dir = S_ISDIR(new->d_inode->i_mode);
	u64 oc = cookie_of(old), nc = cookie_of(new);

	/* Both places exist: storing does not need memory. */
	BUG_ON(xa_store(&info(old_dir)->entries, oc, new, NULL));
	BUG_ON(xa_store(&info(new_dir)->entries, nc, old, NULL));
	old->d_fsdata = (void *)(uintptr_t)nc;
	new->d_fsdata = (void *)(uintptr_t)oc;
	old_dir->i_nlink += (u32)(new_is_dir - is_dir); /* never to 0 */
	new_dir->i_nlink += (u32)(is_dir - new_is_dir);
	inode_touch_mctime(old_dir);
	inode_touch_mctime(new_dir);
	inode_touch_ctime(old->d_inode);
	inode_touch_ctime(new->d_inode);
	return 0;
}

/* old takes new's place, and its cookie; new's inode loses a name. */
static void replace(struct inode *old_dir, struct dentry *old, struct inode *new_dir,
		    struct dentry *new)
{
	struct inode *target = new->d_inode;
	u64 oc = cookie_of(old), nc = cookie_of(new);

	if (S_ISDIR(target->i_mode)) {
		drop_nlink(target);
		drop_nlink(new_dir);
	} else if (target->i_nlink > 1) {
		atomic64_sub(1, &sb_info(new_dir->i_sb)->used_inodes);
	}
	/* The place exists: storing does not need memory. */
	BUG_ON(xa_store(&info(new_dir)->entries, nc, old, NULL));
	xa_erase(&info(old_dir)->entries, oc);
	old->d_fsdata = (void *)(uintptr_t)nc;
	new->d_fsdata = NULL;
	grow_dir(old_dir, -1);
	drop_nlink(target);
	inode_touch_ctime(target);
	d_unpin(new);
}

static int rename(struct vfs_task *t, struct inode *old_dir, struct dentry *old,
		  struct inode *new_dir, struct dentry *new, unsigned flags)
{
	struct inode *target = new->d_inode;
	struct dentry ghost = { .d_fsdata = old->d_fsdata };
	int err;

	(void)t;
	if (flags & RENAME_WHITEOUT)
		return -EINVAL;
	if (flags & RENAME_EXCHANGE)
		return exchange(old_dir, old, new_dir, new);
	if (target && S_ISDIR(target->i_mode) && info(target)->entries.count)
		return -ENOTEMPTY;
	if (target) {
		replace(old_dir, old, new_dir, new);
	} else {
		err = enter(new_dir, old);
		if (err)
			return err;
		leave(old_dir, &ghost);
	}
	inode_touch_mctime(old_dir);
	inode_touch_mctime(new_dir);
	if (S_ISDIR(old->d_inode->i_mode) && old_dir != new_dir) {
		drop_nlink(old_dir);
		inc_nlink(new_dir);
	}
	inode_touch_ctime(old->d_inode);
	return 0;
}

int memfs_lookup_child(struct dentry *parent, const char *name, size_t len, struct dentry **out)
{
	struct qstr q = { .name = name, .len = (u32)len, .hash = name_hash(name, len) };

	*out = d_lookup(parent, &q);
	if (*out)
		return 0;
	*out = d_alloc(parent, &q);
	if (!*out)
		return -ENOMEM;
	d_add(*out, NULL);
	return 0;
}

/* ---- listing -------------------------------------------------------------------------------------------------- */

unsigned mode_to_dtype(u32 mode)
{
	return mode >> 12 & 15;
}

bool dir_emit_dots(struct file *f, struct dir_context *ctx)
{
	struct dentry *d = f->f_path.dentry, *parent;
	u64 ino;

	if (ctx->pos == 0) {
		if (!ctx->actor(ctx, ".", 1, 0, d->d_inode->i_ino, DT_DIR))
			return false;
		ctx->pos = 1;
	}
	if (ctx->pos == 1) {
		parent = dget_parent(d);
		ino = parent->d_inode->i_ino;
		dput(parent);
		if (!ctx->actor(ctx, "..", 2, 1, ino, DT_DIR))
			return false;
		ctx->pos = 2;
	}
	return true;
}

/* Newest first, as Linux's tmpfs: what is made while somebody reads is behind the reader. A position
 * is the cookie of the next entry; if that has gone, the one with the next lower cookie is next. */
static int iterate(struct file *f, struct dir_context *ctx)
{
	struct memfs_inode *mi = info(f->f_inode);
	struct dentry *d;
	u64 cookie;

	if (!dir_emit_dots(f, ctx) || ctx->pos == END_OF_DIR)
		return 0;
	cookie = (u64)ctx->pos;
	if (ctx->pos == 2)
		d = d_next_child(f->f_path.dentry, NULL);
	else
		d = xa_find_rev(&mi->entries, &cookie, FIRST_COOKIE);
	for (; d; d = d_next_child(f->f_path.dentry, d)) {
		ctx->pos = (s64)cookie_of(d);
		if (!ctx->actor(ctx, d->d_name.name, d->d_name.len, ctx->pos, d->d_inode->i_ino,
				mode_to_dtype(d->d_inode->i_mode)))
			return 0;
	}
	ctx->pos = END_OF_DIR;
	return 0;
}

s64 dir_llseek(struct file *f, s64 offset, int whence)
{
	if (whence == SEEK_CUR)
		offset = (s64)((u64)offset + (u64)f->f_pos);
	else if (whence != SEEK_SET)
		return -EINVAL;
	if (offset < 0)
		return -EINVAL;
	f->f_pos = offset;
	return offset;
}

static int get_link(struct vfs_task *t, struct dentry *d, struct inode *inode,
		    struct link_target *out)
{
	(void)t;
	(void)d;
	out->text = inode->i_link;
	return 0;
}

/* ---- attributes, contents ------------------------------------------------------------------------------------------ */

static int setattr(struct vfs_task *t, struct dentry *d, struct iattr *attr)
{
	struct inode *inode = d->d_inode;
	int err = setattr_prepare(t, inode, attr);

	if (err)
		return err;
	if (attr->valid & ATTR_SIZE) {
		if (seals_forbid_size(inode, attr->size))
			return -EPERM;
		/* As on Linux, a size that stays is no change of a file without pages; ftruncate(2) asks
		 * for the times itself. */
		if (attr->size != inode->i_size || inode->i_blocks)
			attr->valid |= ATTR_MTIME | ATTR_CTIME;
		truncate_setsize(inode, attr->size);
	}
	setattr_copy(t, inode, attr);
	return 0;
}

/* All of the range, or nothing: what is allocated and unwritten goes again. */
static int allocate(struct inode *inode, s64 offset, s64 end)
{
	u64 first = PFN_DOWN((u64)offset), last = PFN_UP((u64)end), i;
	int err = 0;

	for (i = first; i < last && !err; i++) {
		bool made;

		err = pagecache_allocate(inode->i_mapping, i, &made);
	}
	if (err)
		pagecache_drop_unwritten(inode->i_mapping, first, i);
	return err;
}

static int fallocate(struct file *f, int mode, s64 offset, s64 len)
{
	struct inode *inode = f->f_inode;
	struct memfs_sb *s = sb_info(inode->i_sb);
	int err;

	if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE))
		return -EOPNOTSUPP;
	if (!s->bogo) /* ramfs */
		return -EOPNOTSUPP;
	if (mode & FALLOC_FL_PUNCH_HOLE) {
		if (inode->i_seals & SEALS_OF_WRITING)
			return -EPERM;
		pagecache_zero_range(inode->i_mapping, offset, offset + len);
		return 0;
	}
	if (seals_forbid_size(inode, MAX(inode->i_size, offset + len)))
		return -EPERM;
	if (s->max_blocks && PFN_UP((u64)(offset + len)) - PFN_DOWN((u64)offset) > s->max_blocks)
		return -ENOSPC;
	err = allocate(inode, offset, offset + len);
	if (err)
		return err;
	if (!(mode & FALLOC_FL_KEEP_SIZE) && offset + len > inode->i_size)
		WRITE_ONCE(inode->i_size, offset + len);
	return 0;
}

static s64 file_llseek(struct file *f, s64 offset, int whence)
{
	if (whence == SEEK_DATA || whence == SEEK_HOLE) {
		if (!sb_info(f->f_inode->i_sb)->bogo)
			return generic_file_llseek(f, offset, whence);
		offset = pagecache_seek(f, offset, whence);
		if (offset >= 0)
			f->f_pos = offset;
		return offset;
	}
	return generic_file_llseek(f, offset, whence);
}

static int no_fsync(struct file *f, bool datasync)
{
	(void)f;
	(void)datasync;
	return 0;
}

static const struct inode_operations dir_iops = {
	.lookup = lookup,
	.create = create,
	.link = link,
	.unlink = unlink,
	.symlink = symlink,
	.mkdir = create,
	.rmdir = rmdir,
	.mknod = mknod,
	.rename = rename,
	.tmpfile = tmpfile,
	.setattr = setattr,
};

static const struct inode_operations link_iops = { .get_link = get_link, .setattr = setattr };
static const struct inode_operations special_iops = { .setattr = setattr };

static const struct file_operations dir_fops = { .llseek = dir_llseek,
						 .iterate = iterate,
						 .fsync = no_fsync };

static const struct file_operations file_fops = {
	.llseek = file_llseek,
	.read_iter = generic_file_read_iter,
	.write_iter = generic_file_write_iter,
	.fsync = no_fsync,
	.fallocate = fallocate,
};
