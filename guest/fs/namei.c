/* SPDX-License-Identifier: MIT */
/*
 * namei.c - walking a path, path_resolution(7).
 *
 * A walk stands on w->path (referenced). A symlink in the middle puts what is left of the path on a
 * stack and goes on with the link's text; one at the end is followed by the caller's loop. Rules:
 * W1 searching a directory needs permission before its entries are looked at; W2 at most
 * MAXSYMLINKS links in one walk; W3 ".." never leaves w->root.
 */
#include "guest/fs/namei_internal.h"
#include "guest/lib/string.h"

/* ---- one component --------------------------------------------------------------------------------------- */

static struct dentry *lookup_cached(struct dentry *dir, const struct qstr *name)
{
	struct dentry *d = d_lookup(dir, name);

	if (d && d->d_op && d->d_op->d_revalidate && !d->d_op->d_revalidate(d)) {
		d_prune_children(d);
		d_drop(d);
		dput(d);
		return NULL;
	}
	return d;
}

int lookup_one(struct vfs_task *t, struct dentry *dir, const char *name, size_t len,
	       struct dentry **out)
{
	struct qstr q = { .name = name, .len = (u32)len, .hash = name_hash(name, len) };
	struct inode *inode = dir->d_inode;
	struct dentry *d;
	int err;

	if (len > NAME_MAX) /* a removed folder has no names at all */
		return inode->i_flags & S_DEAD ? -ENOENT : -ENAMETOOLONG;
	d = lookup_cached(dir, &q);
	if (d) {
		*out = d;
		return 0;
	}
	if (inode->i_flags & S_DEAD)
		return -ENOENT;
	if (!inode->i_op || !inode->i_op->lookup)
		return -ENOTDIR;
	d = d_alloc(dir, &q);
	if (!d)
		return -ENOMEM;
	err = inode->i_op->lookup(t, inode, d);
	if (err) {
		dput(d);
		return err;
	}
	*out = d;
	return 0;
}

static int lookup_component(struct walk *w, const char *name, size_t len, struct dentry **out)
{
	struct qstr q = { .name = name, .len = (u32)len, .hash = name_hash(name, len) };
	struct dentry *dir = w->path.dentry;
	int err;

	*out = lookup_cached(dir, &q);
	if (*out)
		return 0;
	down_write(&dir->d_sb->s_tree_sem);
	err = lookup_one(w->t, dir, name, len, out);
	up_write(&dir->d_sb->s_tree_sem);
	return err;
}

static void walk_to(struct walk *w, struct path to)
{
	path_put(&w->path);
	w->path = to;
}

static bool at_root(const struct walk *w)
{
	return w->path.dentry == w->root.dentry && w->path.mnt == w->root.mnt;
}

static int cross_mounts(struct walk *w, struct path *p)
{
	if (!(READ_ONCE(p->dentry->d_flags) & DCACHE_MOUNTED))
		return 0;
	return follow_mount(w->vfs, p) && w->flags & LOOKUP_NO_XDEV ? -EXDEV : 0;
}

/* RESOLVE_NO_XDEV at the root of a mount: what lies on the walk's root is no way up, and one stays. */
static int stay_in_mount(struct walk *w)
{
	struct path up = w->path;
	int err = 0;

	path_get(&up);
	while (!err && follow_up(w->vfs, &up)) {
		if (up.mnt == w->root.mnt && up.dentry == w->root.dentry)
			break;
		if (up.dentry != up.mnt->mnt_root)
			err = -EXDEV;
	}
	path_put(&up);
	if (!err && w->flags & LOOKUP_BENEATH)
		err = -EXDEV;
	return err ? err : cross_mounts(w, &w->path);
}

/* W3 */
static int walk_up(struct walk *w)
{
	w->root_used = true;
	for (;;) {
		struct dentry *parent;

		if (at_root(w)) {
			if (w->flags & LOOKUP_BENEATH)
				return -EXDEV;
			break;
		}
		if (w->path.dentry != w->path.mnt->mnt_root) {
			parent = dget_parent(w->path.dentry);
			dput(w->path.dentry);
			w->path.dentry = parent;
			break;
		}
		if (w->flags & LOOKUP_NO_XDEV)
			return stay_in_mount(w);
		if (!follow_up(w->vfs, &w->path))
			break;
	}
	return cross_mounts(w, &w->path);
}

/* ---- symlinks ----------------------------------------------------------------------------------------------- */

/* fs.protected_symlinks: in a sticky folder that everybody may write to, only one's own links and
 * those of the folder's owner are followed; proc(5). */
static int may_follow_link(struct walk *w, const struct inode *link)
{
	const struct inode *dir = w->path.dentry->d_inode;

	if (!w->vfs->protected_symlinks || w->t->cred->fsuid == link->i_uid)
		return 0;
	if ((dir->i_mode & (S_ISVTX | 0002)) != (S_ISVTX | 0002) || dir->i_uid == link->i_uid)
		return 0;
	return -EACCES;
}

static int jump_to(struct walk *w, const struct link_target *target)
{
	int err = 0;

	if (w->flags & LOOKUP_NO_MAGICLINKS)
		err = -ELOOP;
	else if (w->flags & LOOKUP_NO_XDEV && target->jump.mnt != w->path.mnt)
		err = -EXDEV;
	else if (w->flags & (LOOKUP_BENEATH | LOOKUP_IN_ROOT))
		err = -EXDEV;
	if (err) {
		path_put(&target->jump);
		return err;
	}
	walk_to(w, target->jump);
	return 0;
}

/*
 * Follows the link at p (whose references are taken over): *text is what to walk next, from w->path;
 * NULL when the link has led to its end itself. The link stays held by the newest frame.
 */
static int pick_link(struct walk *w, struct path *p, bool last, const char **text)
{
	struct inode *inode = p->dentry->d_inode;
	struct link_target target = { .text = NULL };
	struct frame *f;
	int err;

	*text = NULL;
	if (w->nr_links++ >= MAXSYMLINKS || w->flags & LOOKUP_NO_SYMLINKS ||
	    p->mnt->mnt_flags & MS_NOSYMFOLLOW)
		err = -ELOOP; /* W2 */
	else
		err = last ? may_follow_link(w, inode) : 0;
	if (!err) {
		touch_atime(p);
		err = inode->i_op->get_link(w->t, p->dentry, inode, &target);
	}
	if (err) {
		path_put(p);
		return err;
	}
	if (!target.text) {
		path_put(p);
		return jump_to(w, &target);
	}
	f = &w->frames[w->nr_frames++];
	*f = (struct frame){ .link = *p, .owned = target.owned };
	*text = target.text;
	if (*target.text == '/') {
		if (w->flags & LOOKUP_BENEATH)
			return -EXDEV;
		if (w->flags & LOOKUP_NO_XDEV && (!w->root_used || w->path.mnt != w->root.mnt))
			return -EXDEV;
		w->root_used = true;
		path_get(&w->root);
		walk_to(w, w->root);
	}
	return *target.text ? 0 : -ENOENT;
}

static void pop_frame(struct walk *w)
{
	struct frame *f = &w->frames[--w->nr_frames];

	kfree(w->vfs->slab, f->owned);
	path_put(&f->link);
}

/* d (referenced) becomes where the walk stands, mounts crossed. A link that is to be followed comes
 * back as text, with the walk still on its folder. */
int walk_into(struct walk *w, struct dentry *d, bool last, bool follow, const char **text)
{
	struct path p = { mntget(w->path.mnt), d };
	int err = cross_mounts(w, &p);

	*text = NULL;
	if (!err && d_is_negative(p.dentry))
		err = -ENOENT;
	if (err) {
		path_put(&p);
		return err;
	}
	if (S_ISLNK(p.dentry->d_inode->i_mode) && (follow || !last))
		return pick_link(w, &p, last, text);
	walk_to(w, p);
	return 0;
}

/* ---- the walk ------------------------------------------------------------------------------------------------- */

static int component_type(const char *name, size_t len)
{
	if (name[0] == '.') {
		if (len == 1)
			return LAST_DOT;
		if (len == 2 && name[1] == '.')
			return LAST_DOTDOT;
	}
	return LAST_NORM;
}

static int may_lookup(struct walk *w)
{
	struct inode *inode = w->path.dentry->d_inode;

	if (!S_ISDIR(inode->i_mode))
		return -ENOTDIR;
	return inode_permission(w->t, inode, MAY_EXEC);
}

/* From inside a followed link's text back to what came after the link. */
static const char *outer_rest(struct walk *w, unsigned base)
{
	const char *rest = NULL;

	while (!rest && w->nr_frames > base) {
		rest = w->frames[w->nr_frames - 1].rest;
		pop_frame(w);
	}
	return rest;
}

int walk_parents(struct walk *w, const char *name)
{
	/* Frames below this are links at the end of the path: nothing comes after them. */
	unsigned base = w->nr_frames;

	w->last = (struct last_name){ .type = LAST_ROOT, .name = "" };
	while (*name == '/')
		name++;
	while (*name) {
		const char *comp = name, *text = NULL, *rest;
		struct dentry *d;
		size_t len;
		int err = may_lookup(w); /* W1 */

		if (err)
			return err;
		while (*name && *name != '/')
			name++;
		len = (size_t)(name - comp);
		rest = name;
		while (*rest == '/')
			rest++;
		if (!*rest) {
			const char *outer;

			/* The end of a link's text is not the end of the path. */
			w->last = (struct last_name){ .name = comp,
						      .len = len,
						      .type = component_type(comp, len),
						      .trailing_slash = *name == '/' };
			if (w->nr_frames == base)
				return 0;
			/* Looked up before its text goes with the frame. */
			err = walk_last_inner(w, &text);
			if (err)
				return err;
			if (text) {
				/* The newest frame is the new link's; it takes over what comes
				 * after the old one. */
				outer = NULL;
				name = text;
				while (*name == '/')
					name++;
				if (!*name) {
					outer = outer_rest(w, base);
					name = outer ? outer : "";
				}
				continue;
			}
			outer = outer_rest(w, base);
			name = outer ? outer : "";
			continue;
		}
		name = rest;
		switch (component_type(comp, len)) {
		case LAST_DOT:
			continue;
		case LAST_DOTDOT:
			err = walk_up(w);
			break;
		default:
			err = lookup_component(w, comp, len, &d);
			if (!err)
				err = walk_into(w, d, false, true, &text);
			break;
		}
		if (err)
			return err;
		if (!text)
			continue;
		w->frames[w->nr_frames - 1].rest = name;
		name = text;
		while (*name == '/')
			name++;
		if (!*name) /* the link is "/" */
			name = outer_rest(w, base);
	}
	return 0;
}

/* The last component of a link's text in the middle of a path. */
int walk_last_inner(struct walk *w, const char **text)
{
	struct dentry *d;
	int err;

	*text = NULL;
	switch (w->last.type) {
	case LAST_DOT:
		return 0;
	case LAST_DOTDOT:
		return walk_up(w);
	default:
		err = lookup_component(w, w->last.name, w->last.len, &d);
		return err ? err : walk_into(w, d, false, true, text);
	}
}

int walk_last(struct walk *w, const char **text)
{
	bool follow = w->flags & LOOKUP_FOLLOW;
	struct dentry *d;
	int err;

	*text = NULL;
	if (w->last.type == LAST_ROOT || w->last.type == LAST_DOT)
		return 0;
	if (w->last.type == LAST_DOTDOT)
		return walk_up(w);
	if (w->last.trailing_slash) {
		w->flags |= LOOKUP_FOLLOW | LOOKUP_DIRECTORY;
		follow = true;
	}
	err = lookup_component(w, w->last.name, w->last.len, &d);
	return err ? err : walk_into(w, d, true, follow, text);
}

int walk_begin(struct walk *w, struct vfs_task *t, int dfd, const char *path, unsigned flags)
{
	struct fd f;

	w->t = t;
	w->vfs = t->vfs;
	w->flags = flags;
	w->nr_links = w->nr_frames = 0;
	w->root_used = *path == '/' || flags & (LOOKUP_BENEATH | LOOKUP_IN_ROOT);
	w->path = w->root = (struct path){ NULL, NULL };
	if (!*path && !(flags & LOOKUP_EMPTY))
		return -ENOENT;
	if (*path == '/' && !(flags & (LOOKUP_IN_ROOT | LOOKUP_BENEATH))) {
		get_fs_root(t->fs, &w->root);
		w->path = w->root;
		path_get(&w->path);
		return 0;
	}
	if (*path == '/' && flags & LOOKUP_BENEATH)
		return -EXDEV;
	if (dfd == AT_FDCWD) {
		get_fs_pwd(t->fs, &w->path);
	} else {
		f = fdget_raw(t, dfd);
		if (!f.file)
			return -EBADF;
		if (*path && !d_is_dir(f.file->f_path.dentry)) {
			fdput(f);
			return -ENOTDIR;
		}
		w->path = f.file->f_path;
		path_get(&w->path);
		fdput(f);
	}
	if (flags & (LOOKUP_BENEATH | LOOKUP_IN_ROOT)) {
		w->root = w->path;
		path_get(&w->root);
	} else {
		get_fs_root(t->fs, &w->root);
	}
	return 0;
}

void walk_end(struct walk *w)
{
	while (w->nr_frames)
		pop_frame(w);
	if (w->path.dentry)
		path_put(&w->path);
	if (w->root.dentry)
		path_put(&w->root);
}

int user_path_at(struct vfs_task *t, int dfd, const char *path, unsigned lookup, struct path *out)
{
	const char *text = path;
	struct walk w;
	int err = walk_begin(&w, t, dfd, path, lookup);

	while (!err && text) {
		err = walk_parents(&w, text);
		if (!err)
			err = walk_last(&w, &text);
	}
	if (!err && w.flags & LOOKUP_DIRECTORY && !d_is_dir(w.path.dentry))
		err = -ENOTDIR;
	if (!err) {
		*out = w.path;
		path_get(out);
	}
	walk_end(&w);
	return err;
}

int path_parent(struct vfs_task *t, int dfd, const char *path, unsigned lookup, struct path *parent,
		struct last_name *last)
{
	struct walk w;
	int err = walk_begin(&w, t, dfd, path, lookup);

	if (!err)
		err = walk_parents(&w, path);
	if (!err) {
		*last = w.last;
		*parent = w.path;
		path_get(parent);
	}
	walk_end(&w);
	return err;
}
