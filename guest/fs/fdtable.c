/* SPDX-License-Identifier: MIT */
/* fdtable.c - see fdtable.h. */
#include "guest/fs/fdtable.h"
#include "guest/fs/calls.h"
#include "guest/fs/internal.h"
#include "guest/lib/bitmap.h"
#include "guest/lib/string.h"

#define MIN_FDS 64u

struct table {
	struct file **fd;
	u64 *open_fds, *close_on_exec;
};

/* One block: pointers, then the two bit maps. */
static size_t table_size(unsigned n)
{
	return n * sizeof(struct file *) + 2 * BITS_TO_WORDS(n) * sizeof(u64);
}

static int table_alloc(struct vfs *vfs, unsigned n, struct table *out)
{
	out->fd = kzalloc(vfs->slab, table_size(n), GFP_KERNEL);
	if (!out->fd)
		return -ENOMEM;
	out->open_fds = (u64 *)(out->fd + n);
	out->close_on_exec = out->open_fds + BITS_TO_WORDS(n);
	return 0;
}

static void use_table(struct files_struct *files, const struct table *tab, unsigned n)
{
	files->fd = tab->fd;
	files->open_fds = tab->open_fds;
	files->close_on_exec = tab->close_on_exec;
	files->max_fds = n;
}

static struct files_struct *files_alloc(struct vfs *vfs, unsigned n)
{
	struct files_struct *files = kzalloc(vfs->slab, sizeof(*files), GFP_KERNEL);
	struct table tab;

	if (!files)
		return NULL;
	if (table_alloc(vfs, n, &tab)) {
		kfree(vfs->slab, files);
		return NULL;
	}
	atomic_set(&files->count, 1);
	spin_lock_init(&files->lock);
	use_table(files, &tab, n);
	return files;
}

struct files_struct *files_new(struct vfs *vfs)
{
	return files_alloc(vfs, MIN_FDS);
}

/* How large a table for what old has open. */
static unsigned needed(const struct files_struct *old)
{
	size_t last = find_last_bit(old->open_fds, old->max_fds);

	return last >= old->max_fds ? MIN_FDS
				    : MAX((unsigned)roundup_pow_of_two(last + 1), MIN_FDS);
}

struct files_struct *files_dup(struct vfs *vfs, struct files_struct *old)
{
	struct files_struct *files;
	unsigned n;

	spin_lock(&old->lock);
	n = needed(old);
	spin_unlock(&old->lock);
	for (;;) {
		files = files_alloc(vfs, n);
		if (!files)
			return NULL;
		spin_lock(&old->lock);
		if (needed(old) <= n)
			break;
		n = needed(old);
		spin_unlock(&old->lock);
		kfree(vfs->slab, files->fd);
		kfree(vfs->slab, files);
	}
	for (unsigned i = 0; i < MIN(n, old->max_fds); i++) {
		struct file *f = old->fd[i];

		/* What is only reserved belongs to the call that reserved it. */
		if (!f)
			continue;
		files->fd[i] = get_file(f);
		__set_bit(i, files->open_fds);
		__assign_bit(i, files->close_on_exec, test_bit(i, old->close_on_exec));
	}
	spin_unlock(&old->lock);
	return files;
}

struct files_struct *files_get(struct files_struct *files)
{
	atomic_inc(&files->count);
	return files;
}

/* A close as a program sees it: flush, record locks, reference. */
static int filp_close(struct vfs_task *t, struct file *f)
{
	int err = 0;

	if (f->f_op && f->f_op->flush)
		err = f->f_op->flush(t, f);
	if (!(f->f_mode & FMODE_PATH))
		locks_remove_posix(t, f);
	fput(f);
	return err;
}

void files_put(struct vfs_task *t, struct files_struct *files)
{
	if (!files || !atomic_dec_and_test(&files->count))
		return;
	for (unsigned i = 0; i < files->max_fds; i++)
		if (files->fd[i])
			filp_close(t, files->fd[i]);
	kfree(t->vfs->slab, files->fd);
	kfree(t->vfs->slab, files);
}

/* ---- numbers ----------------------------------------------------------------------------------------------- */

/* Makes room for number nr; lock held, let go of in between. */
static int grow(struct vfs *vfs, struct files_struct *files, unsigned nr)
{
	unsigned n = MAX((unsigned)roundup_pow_of_two(nr + 1), MIN_FDS);
	struct table tab;
	void *old = NULL;
	int err;

	spin_unlock(&files->lock);
	err = table_alloc(vfs, n, &tab);
	spin_lock(&files->lock);
	if (err)
		return err;
	if (files->max_fds >= n) {
		old = tab.fd; /* somebody was faster */
	} else {
		old = files->fd;
		memcpy(tab.fd, files->fd, files->max_fds * sizeof(*tab.fd));
		bitmap_copy(tab.open_fds, files->open_fds, files->max_fds);
		bitmap_copy(tab.close_on_exec, files->close_on_exec, files->max_fds);
		use_table(files, &tab, n);
	}
	spin_unlock(&files->lock);
	kfree(vfs->slab, old);
	spin_lock(&files->lock);
	return 0;
}

static unsigned fd_limit(const struct vfs_task *t)
{
	return (unsigned)MIN(t->rlimit[RLIMIT_NOFILE], (u64)t->vfs->nr_open);
}

static int reserve(struct vfs_task *t, unsigned start, unsigned limit, bool cloexec)
{
	struct files_struct *files = t->files;
	unsigned from;
	size_t fd;
	int err;

	for (;;) {
		from = MAX(start, files->next_fd);
		fd = from < files->max_fds
			     ? find_next_zero_bit(files->open_fds, files->max_fds, from)
			     : from;
		if (fd >= limit)
			return -EMFILE;
		if (fd < files->max_fds)
			break;
		err = grow(t->vfs, files, (unsigned)fd);
		if (err)
			return err;
	}
	if (start <= files->next_fd)
		files->next_fd = (unsigned)fd + 1;
	__set_bit(fd, files->open_fds);
	__assign_bit(fd, files->close_on_exec, cloexec);
	return (int)fd;
}

int get_unused_fd(struct vfs_task *t, unsigned start, bool cloexec)
{
	int fd;

	spin_lock(&t->files->lock);
	fd = reserve(t, start, fd_limit(t), cloexec);
	spin_unlock(&t->files->lock);
	return fd;
}

static void release_number(struct files_struct *files, unsigned fd)
{
	__clear_bit(fd, files->open_fds);
	__clear_bit(fd, files->close_on_exec);
	files->next_fd = MIN(files->next_fd, fd); /* D2 */
}

void put_unused_fd(struct vfs_task *t, int fd)
{
	spin_lock(&t->files->lock);
	BUG_ON(t->files->fd[fd]);
	release_number(t->files, (unsigned)fd);
	spin_unlock(&t->files->lock);
}

void fd_install(struct vfs_task *t, int fd, struct file *f)
{
	spin_lock(&t->files->lock);
	BUG_ON(t->files->fd[fd] || !test_bit((unsigned)fd, t->files->open_fds));
	t->files->fd[fd] = f;
	spin_unlock(&t->files->lock);
}

/* ---- looking up ---------------------------------------------------------------------------------------------- */

/* lock held, or nobody else has the table */
static struct file *at(const struct files_struct *files, int fd)
{
	return (unsigned)fd < files->max_fds ? READ_ONCE(files->fd[fd]) : NULL;
}

static struct file *fget_mode(struct vfs_task *t, int fd, u32 without)
{
	struct file *f;

	spin_lock(&t->files->lock);
	f = at(t->files, fd);
	if (f && f->f_mode & without)
		f = NULL;
	if (f)
		get_file(f);
	spin_unlock(&t->files->lock);
	return f;
}

struct file *fget(struct vfs_task *t, int fd)
{
	return fget_mode(t, fd, FMODE_PATH);
}

struct file *fget_raw(struct vfs_task *t, int fd)
{
	return fget_mode(t, fd, 0);
}

static struct fd fdget_mode(struct vfs_task *t, int fd, u32 without)
{
	struct file *f;

	if (atomic_read(&t->files->count) != 1)
		return (struct fd){ fget_mode(t, fd, without), true };
	f = at(t->files, fd);
	return (struct fd){ f && !(f->f_mode & without) ? f : NULL, false };
}

struct fd fdget(struct vfs_task *t, int fd)
{
	struct fd f = fdget_mode(t, fd, FMODE_PATH);

	f.need_put = f.need_put && f.file;
	return f;
}

struct fd fdget_raw(struct vfs_task *t, int fd)
{
	struct fd f = fdget_mode(t, fd, 0);

	f.need_put = f.need_put && f.file;
	return f;
}

struct file *files_lookup(struct files_struct *files, unsigned fd, u32 *flags_out)
{
	struct file *f = NULL;

	spin_lock(&files->lock);
	if (fd < files->max_fds && files->fd[fd]) {
		f = get_file(files->fd[fd]);
		*flags_out = f->f_flags | (test_bit(fd, files->close_on_exec) ? O_CLOEXEC : 0);
	}
	spin_unlock(&files->lock);
	return f;
}

int files_next_fd(struct files_struct *files, unsigned fd)
{
	int found = -1;

	spin_lock(&files->lock);
	for (; fd < files->max_fds && found < 0; fd++)
		if (files->fd[fd])
			found = (int)fd;
	spin_unlock(&files->lock);
	return found;
}

/* ---- closing, duplicating --------------------------------------------------------------------------------------- */

/* Takes the file out; lock held. */
static struct file *pick(struct files_struct *files, unsigned fd)
{
	struct file *f = at(files, (int)fd);

	if (f) {
		files->fd[fd] = NULL;
		release_number(files, fd);
	}
	return f;
}

int close_fd(struct vfs_task *t, int fd)
{
	struct file *f;

	spin_lock(&t->files->lock);
	f = pick(t->files, (unsigned)fd);
	spin_unlock(&t->files->lock);
	return f ? filp_close(t, f) : -EBADF;
}

void files_close_on_exec(struct vfs_task *t)
{
	for (unsigned i = 0; i < t->files->max_fds; i++)
		if (test_bit(i, t->files->close_on_exec))
			close_fd(t, (int)i);
}

s64 fs_close_range(struct vfs_task *t, unsigned first, unsigned last, unsigned flags)
{
	if (flags & ~(unsigned)(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC) || first > last)
		return -EINVAL;
	if (flags & CLOSE_RANGE_UNSHARE && atomic_read(&t->files->count) > 1) {
		struct files_struct *own = files_dup(t->vfs, t->files), *old = t->files;

		if (!own)
			return -ENOMEM;
		t->files = own;
		files_put(t, old);
	}
	for (unsigned fd = first; fd <= last; fd++) {
		if (fd >= t->files->max_fds)
			break;
		if (!(flags & CLOSE_RANGE_CLOEXEC)) {
			close_fd(t, (int)fd);
			continue;
		}
		spin_lock(&t->files->lock);
		if (at(t->files, (int)fd))
			__set_bit(fd, t->files->close_on_exec);
		spin_unlock(&t->files->lock);
	}
	return 0;
}

s64 fs_dup(struct vfs_task *t, int fd)
{
	struct file *f = fget_raw(t, fd);
	int new_fd;

	if (!f)
		return -EBADF;
	new_fd = get_unused_fd(t, 0, false);
	if (new_fd < 0)
		fput(f);
	else
		fd_install(t, new_fd, f);
	return new_fd;
}

s64 fs_dupfd(struct vfs_task *t, struct file *f, u64 start, bool cloexec)
{
	int fd;

	if (start >= t->rlimit[RLIMIT_NOFILE])
		return -EINVAL;
	fd = get_unused_fd(t, (unsigned)start, cloexec);
	if (fd >= 0)
		fd_install(t, fd, get_file(f));
	return fd;
}

/* Puts f (a reference goes along) at exactly that number. */
static s64 replace_fd(struct vfs_task *t, unsigned fd, struct file *f, bool cloexec)
{
	struct files_struct *files = t->files;
	struct file *old;
	int err = 0;

	spin_lock(&files->lock);
	if (fd >= files->max_fds)
		err = grow(t->vfs, files, fd);
	if (!err && !files->fd[fd] && test_bit(fd, files->open_fds))
		err = -EBUSY; /* another thread is opening there just now */
	if (err) {
		spin_unlock(&files->lock);
		fput(f);
		return err;
	}
	old = files->fd[fd];
	files->fd[fd] = f;
	__set_bit(fd, files->open_fds);
	__assign_bit(fd, files->close_on_exec, cloexec);
	spin_unlock(&files->lock);
	if (old)
		filp_close(t, old);
	return fd;
}

s64 fs_dup3(struct vfs_task *t, int oldfd, int newfd, u32 flags)
{
	struct file *f;

	if (flags & ~(u32)O_CLOEXEC || oldfd == newfd)
		return -EINVAL;
	if ((unsigned)newfd >= fd_limit(t))
		return -EBADF;
	f = fget_raw(t, oldfd);
	return f ? replace_fd(t, (unsigned)newfd, f, flags & O_CLOEXEC) : -EBADF;
}

s64 fs_dup2(struct vfs_task *t, int oldfd, int newfd)
{
	struct fd f;

	if (oldfd != newfd)
		return fs_dup3(t, oldfd, newfd, 0);
	f = fdget_raw(t, oldfd);
	if (!f.file)
		return -EBADF;
	fdput(f);
	return newfd;
}

const char *files_check(const struct files_struct *files)
{
	for (unsigned i = 0; i < files->max_fds; i++) {
		bool open = test_bit(i, files->open_fds);

		if (files->fd[i] && !open)
			return "D1: an open file without its bit";
		if (!open && test_bit(i, files->close_on_exec))
			return "D1: close-on-exec of a free number";
		if (!open && i < files->next_fd)
			return "D2: a free number below next_fd";
	}
	return NULL;
}
