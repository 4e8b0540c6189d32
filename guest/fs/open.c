/* SPDX-License-Identifier: MIT */
/* open.c - open(2), openat2(2): flags, the last component, permissions, and the file. */
#include "guest/fs/calls.h"
#include "guest/fs/namei_internal.h"
#include "guest/fs/notify.h"

#define O_PATH_FLAGS (O_DIRECTORY | O_NOFOLLOW | O_PATH | O_CLOEXEC)

struct open_request {
	u32 flags; /* O_* */
	u32 mode;
	int acc_mode; /* MAY_* */
	unsigned lookup;
};

/* The folder of the last component, as it was then. */
struct parent_info {
	u32 mode, uid;
};

/* ---- flags -------------------------------------------------------------------------------------------------- */

static int parse_how(const struct open_how *how, struct open_request *rq)
{
	static const u8 acc[] = { MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE, MAY_READ | MAY_WRITE };
	u32 flags = how->flags;

	if (flags & ~(u32)O_VALID || how->resolve & ~(u64)RESOLVE_VALID)
		return -EINVAL;
	if (how->resolve & RESOLVE_BENEATH && how->resolve & RESOLVE_IN_ROOT)
		return -EINVAL;
	if (flags & (O_CREAT | O_TMPFILE_BIT)) {
		if (how->mode & ~(u32)S_IALLUGO)
			return -EINVAL;
	} else if (how->mode) {
		return -EINVAL;
	}
	if ((flags & (O_DIRECTORY | O_CREAT)) == (O_DIRECTORY | O_CREAT))
		return -EINVAL;
	rq->acc_mode = acc[flags & O_ACCMODE];
	if (flags & O_TMPFILE_BIT) {
		if (!(flags & O_DIRECTORY) || !(rq->acc_mode & MAY_WRITE))
			return -EINVAL;
	}
	if (flags & O_PATH) {
		if (flags & ~(u32)O_PATH_FLAGS)
			return -EINVAL;
		rq->acc_mode = 0;
	}
	if (flags & O_TRUNC)
		rq->acc_mode |= MAY_WRITE;
	if (flags & O_APPEND)
		rq->acc_mode |= MAY_APPEND;
	rq->flags = flags;
	/* Not a flag of the file, where F_GETFL would show it. */
	if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
		flags |= O_NOFOLLOW;
	rq->mode = how->mode;
	rq->lookup = flags & O_NOFOLLOW ? 0 : LOOKUP_FOLLOW;
	if (flags & O_DIRECTORY)
		rq->lookup |= LOOKUP_DIRECTORY;
	if (how->resolve & RESOLVE_NO_XDEV)
		rq->lookup |= LOOKUP_NO_XDEV;
	if (how->resolve & RESOLVE_NO_MAGICLINKS)
		rq->lookup |= LOOKUP_NO_MAGICLINKS;
	if (how->resolve & RESOLVE_NO_SYMLINKS)
		rq->lookup |= LOOKUP_NO_SYMLINKS | LOOKUP_NO_MAGICLINKS;
	if (how->resolve & RESOLVE_BENEATH)
		rq->lookup |= LOOKUP_BENEATH;
	if (how->resolve & RESOLVE_IN_ROOT)
		rq->lookup |= LOOKUP_IN_ROOT;
	return 0;
}

/* ---- may it be opened ------------------------------------------------------------------------------------------ */

static int may_open(struct vfs_task *t, const struct path *path, int acc_mode, u32 flags)
{
	struct inode *inode = path->dentry->d_inode;
	u32 mnt = path->mnt->mnt_flags;
	int err;

	switch (inode->i_mode & S_IFMT) {
	case S_IFLNK:
		return -ELOOP;
	case S_IFDIR:
		if (acc_mode & MAY_WRITE)
			return -EISDIR;
		if (acc_mode & MAY_EXEC)
			return -EACCES;
		break;
	case S_IFBLK:
	case S_IFCHR:
		if (mnt & MS_NODEV)
			return -EACCES;
		/* fall through */
	case S_IFIFO:
	case S_IFSOCK:
		if (acc_mode & MAY_EXEC)
			return -EACCES;
		break;
	default:
		if (acc_mode & MAY_EXEC && mnt & MS_NOEXEC)
			return -EACCES;
	}
	/* FMODE_WRITER is for contents; a device on a read-only mount may be written to. */
	err = inode_permission(t, inode, MAY_OPEN | acc_mode);
	if (err)
		return err;
	if (inode->i_flags & S_APPEND) {
		if ((flags & O_ACCMODE) != O_RDONLY && !(flags & O_APPEND))
			return -EPERM;
		if (flags & O_TRUNC)
			return -EPERM;
	}
	if (flags & O_NOATIME && !inode_owner_or_capable(t, inode))
		return -EPERM;
	return 0;
}

/* fs.protected_fifos and fs.protected_regular: O_CREAT does not open what somebody else has put into
 * a sticky folder, proc(5). */
static int may_create_in_sticky(struct vfs_task *t, const struct parent_info *dir,
				const struct inode *inode)
{
	struct vfs *vfs = t->vfs;
	unsigned level = 1; /* of what else lies there, as on Linux */

	if (S_ISFIFO(inode->i_mode))
		level = vfs->protected_fifos;
	else if (S_ISREG(inode->i_mode))
		level = vfs->protected_regular;
	if (!level || !(dir->mode & S_ISVTX) || inode->i_uid == dir->uid ||
	    inode->i_uid == t->cred->fsuid)
		return 0;
	if (dir->mode & 0002 || (dir->mode & 0020 && level >= 2))
		return -EACCES;
	return 0;
}

/* ---- the last component ----------------------------------------------------------------------------------------- */

/* Looks the last name up, and makes the file if there is none. s_tree_sem is held. */
static int lookup_or_create(struct walk *w, const struct open_request *rq, int read_only,
			    struct dentry **out, bool *created)
{
	struct dentry *dir = w->path.dentry, *d;
	int err = lookup_one(w->t, dir, w->last.name, w->last.len, &d);

	if (err)
		return err;
	if (d_is_negative(d)) {
		err = read_only ? read_only : vfs_create(w->t, dir->d_inode, d, rq->mode);
		if (err) {
			dput(d);
			return err;
		}
		*created = true;
	}
	*out = d;
	return 0;
}

/* O_CREAT; *text as in walk_last(). */
static int open_create(struct walk *w, const struct open_request *rq, bool *created,
		       const char **text)
{
	struct super_block *sb = w->path.dentry->d_sb;
	struct dentry *d = NULL;
	int read_only, err;

	if (w->last.trailing_slash)
		return -EISDIR;
	read_only = mnt_want_write(w->path.mnt);
	down_write(&sb->s_tree_sem);
	err = lookup_or_create(w, rq, read_only, &d, created);
	up_write(&sb->s_tree_sem);
	if (!read_only)
		mnt_drop_write(w->path.mnt);
	return err ? err : walk_into(w, d, true, w->flags & LOOKUP_FOLLOW, text);
}

static int open_walk(struct walk *w, const struct open_request *rq, const char *path, bool *created,
		     struct parent_info *dir)
{
	const char *text = path;
	int err = 0;

	while (!err && text) {
		err = walk_parents(w, text);
		if (err)
			break;
		dir->mode = w->path.dentry->d_inode->i_mode;
		dir->uid = w->path.dentry->d_inode->i_uid;
		if (rq->flags & O_CREAT && w->last.type == LAST_NORM)
			err = open_create(w, rq, created, &text);
		else
			err = walk_last(w, &text);
	}
	return err;
}

/* Checks what was found before it is opened. */
static int check_found(struct walk *w, const struct open_request *rq, bool created,
		       const struct parent_info *dir)
{
	struct dentry *d = w->path.dentry;
	int err;

	if (rq->flags & O_CREAT && !created) {
		if (rq->flags & O_EXCL)
			return -EEXIST;
		if (d_is_dir(d))
			return -EISDIR;
		err = may_create_in_sticky(w->t, dir, d->d_inode);
		if (err)
			return err;
	}
	return w->flags & LOOKUP_DIRECTORY && !d_is_dir(d) ? -ENOTDIR : 0;
}

static int truncate_opened(struct vfs_task *t, struct dentry *d)
{
	int err = get_write_access(d->d_inode);

	if (err)
		return err;
	err = do_truncate(t, d, 0, ATTR_OPEN | ATTR_MTIME | ATTR_CTIME);
	put_write_access(d->d_inode);
	return err;
}

/* *opened: f is an open file from here on, whatever the result. */
static int open_found(struct vfs_task *t, const struct path *path, const struct open_request *rq,
		      bool created, struct file *f, bool *opened)
{
	bool truncate = !created && rq->flags & O_TRUNC && S_ISREG(path->dentry->d_inode->i_mode);
	int err = truncate ? mnt_want_write(path->mnt) : 0;

	if (err)
		return err;
	if (created)
		f->f_mode |= FMODE_CREATED;
	err = may_open(t, path, created ? 0 : rq->acc_mode, rq->flags);
	if (!err) {
		err = vfs_open_file(t, path, f);
		*opened = !err;
	}
	if (!err && truncate)
		err = truncate_opened(t, path->dentry);
	if (truncate)
		mnt_drop_write(path->mnt);
	return err;
}

/* O_TMPFILE: a file without a name, in the file system of a folder. */
static int open_tmpfile(struct walk *w, const struct open_request *rq, struct file *f, bool *opened)
{
	static const struct qstr name = { .name = "#tmpfile", .len = 8 };
	struct dentry *dir = w->path.dentry;
	struct inode *inode = dir->d_inode;
	struct path path = { w->path.mnt, NULL };
	int err = mnt_want_write(w->path.mnt);

	if (err)
		return err;
	err = inode_permission(w->t, inode, MAY_WRITE | MAY_EXEC);
	if (!err && (!inode->i_op || !inode->i_op->tmpfile))
		err = -EOPNOTSUPP;
	if (!err) {
		path.dentry = d_alloc(dir, &name);
		err = path.dentry ? 0 : -ENOMEM;
	}
	if (!err) {
		down_write(&dir->d_sb->s_tree_sem);
		err = inode->i_op->tmpfile(w->t, inode, path.dentry,
					   vfs_prepare_mode(w->t, inode, rq->mode, S_IALLUGO,
							    S_IFREG));
		up_write(&dir->d_sb->s_tree_sem);
	}
	if (!err)
		err = may_open(w->t, &path, 0, rq->flags & ~(u32)O_TRUNC);
	if (!err) {
		err = vfs_open_file(w->t, &path, f);
		*opened = !err;
	}
	dput(path.dentry);
	mnt_drop_write(w->path.mnt);
	return err;
}

static int walk_and_open(struct walk *w, const struct open_request *rq, const char *path,
			 struct file *f, bool *opened)
{
	struct parent_info dir = { 0, 0 };
	bool created = false;
	int err;

	if (rq->flags & O_TMPFILE_BIT)
		w->flags |= LOOKUP_DIRECTORY;
	err = open_walk(w, rq, path, &created, &dir);
	if (!err)
		err = check_found(w, rq, created, &dir);
	if (err)
		return err;
	if (rq->flags & O_TMPFILE_BIT)
		return open_tmpfile(w, rq, f, opened);
	if (rq->flags & O_PATH) {
		f->f_mode = FMODE_PATH;
		*opened = true;
		return vfs_open_file(w->t, &w->path, f);
	}
	return open_found(w->t, &w->path, rq, created, f, opened);
}

static int open_request(struct vfs_task *t, int dfd, const char *path,
			const struct open_request *rq, struct file **out)
{
	bool opened = false;
	struct walk w;
	struct file *f;
	int err = alloc_empty_file(t, rq->flags, &f);

	if (err)
		return err;
	err = walk_begin(&w, t, dfd, path, rq->lookup);
	if (!err)
		err = walk_and_open(&w, rq, path, f, &opened);
	walk_end(&w);
	if (!err) {
		*out = f;
		if (!(f->f_mode & FMODE_PATH))
			notify_file(t->vfs, f, IN_OPEN);
	} else if (opened)
		fput(f);
	else
		file_discard(t->vfs, f);
	return err;
}

int do_filp_open(struct vfs_task *t, int dfd, const char *path, const struct open_how *how,
		 struct file **out)
{
	struct open_request rq;
	int err = parse_how(how, &rq);

	return err ? err : open_request(t, dfd, path, &rq, out);
}

int filp_open(struct vfs_task *t, const char *path, u32 flags, u32 mode, struct file **out)
{
	struct open_how how = { .flags = flags | O_LARGEFILE,
				.mode = flags & (O_CREAT | O_TMPFILE_BIT) ? mode : 0 };

	return do_filp_open(t, AT_FDCWD, path, &how, out);
}

int open_exec(struct vfs_task *t, int dfd, const char *path, unsigned lookup, struct file **out)
{
	struct open_request rq = { .flags = O_LARGEFILE,
				   .acc_mode = MAY_EXEC | MAY_OPEN,
				   .lookup = lookup };
	struct file *f;
	s32 n;
	int err = open_request(t, dfd, path, &rq, &f);

	if (err)
		return err;
	if (!S_ISREG(f->f_inode->i_mode) || f->f_path.mnt->mnt_flags & MS_NOEXEC) {
		fput(f);
		return -EACCES;
	}
	n = atomic_read(&f->f_inode->i_writecount);
	do {
		if (n > 0) {
			fput(f);
			return -ETXTBSY;
		}
	} while (!atomic_try_cmpxchg(&f->f_inode->i_writecount, &n, n - 1));
	*out = f;
	return 0;
}

/* ---- the calls ------------------------------------------------------------------------------------------------------ */

static s64 open_how_fd(struct vfs_task *t, int dfd, const char *path, const struct open_how *how)
{
	struct open_request rq;
	struct file *f;
	int fd, err = parse_how(how, &rq);

	if (err)
		return err;
	if (!*path) /* no name at all is said before there is no number left */
		return -ENOENT;
	fd = get_unused_fd(t, 0, how->flags & O_CLOEXEC);
	if (fd < 0)
		return fd;
	err = open_request(t, dfd, path, &rq, &f);
	if (err) {
		put_unused_fd(t, fd);
		return err;
	}
	fd_install(t, fd, f);
	return fd;
}

s64 fs_openat(struct vfs_task *t, int dfd, const char *path, u32 flags, u32 mode)
{
	struct open_how how = { .flags = (flags | O_LARGEFILE) & O_VALID,
				.mode = mode & S_IALLUGO };

	/* The older call ignores what it does not know, and a mode that nobody needs. */
	if (how.flags & O_PATH)
		how.flags &= O_PATH_FLAGS;
	if (!(how.flags & (O_CREAT | O_TMPFILE_BIT)))
		how.mode = 0;
	return open_how_fd(t, dfd, path, &how);
}

s64 fs_openat2(struct vfs_task *t, int dfd, const char *path, u64 flags, u64 mode, u64 resolve)
{
	struct open_how how = { .flags = (u32)flags, .mode = (u32)mode, .resolve = resolve };

	if (flags >> 32 || mode >> 32)
		return -EINVAL;
	if (!(how.flags & O_PATH))
		how.flags |= O_LARGEFILE;
	return open_how_fd(t, dfd, path, &how);
}

s64 fs_close(struct vfs_task *t, int fd)
{
	return close_fd(t, fd);
}
