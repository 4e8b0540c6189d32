/* SPDX-License-Identifier: MIT */
/* read_write.c - read(2), write(2), pread(2), lseek(2), sendfile(2), getdents64(2), fsync(2). */
#include "guest/fs/calls.h"
#include "guest/fs/internal.h"
#include "guest/fs/notify.h"
#include "guest/fs/pipe.h"
#include "guest/lib/string.h"

/* ---- one read or write ---------------------------------------------------------------------------------------- */

static int kiocb_init(struct kiocb *io, struct vfs_task *t, struct file *f, s64 pos, u32 rwf)
{
	if (rwf & ~(u32)(RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND))
		return -EOPNOTSUPP;
	*io = (struct kiocb){ .filp = f, .task = t, .pos = pos };
	if (f->f_flags & O_APPEND || rwf & RWF_APPEND)
		io->flags |= IOCB_APPEND;
	if (f->f_flags & O_NONBLOCK)
		io->flags |= IOCB_NOWAIT;
	if (rwf & RWF_NOWAIT) {
		if (!(f->f_mode & FMODE_NOWAIT))
			return -EOPNOTSUPP;
		io->flags |= IOCB_NOWAIT;
	}
	return 0;
}

/* A range that does not end within s64 is nowhere; streams have no positions, addresses no sign. */
static bool bad_range(const struct file *f, s64 pos, size_t n)
{
	return !(f->f_mode & (FMODE_STREAM | FMODE_UNSIGNED)) &&
	       (pos < 0 || n > (u64)(INT64_MAX - pos));
}

s64 vfs_read_iter(struct vfs_task *t, struct file *f, struct iov_iter *to, s64 *pos, u32 rwf)
{
	struct kiocb io;
	s64 ret;

	if (!(f->f_mode & FMODE_READ))
		return -EBADF;
	if (!S_ISDIR(f->f_inode->i_mode) && (!f->f_op || !f->f_op->read_iter))
		return -EINVAL;
	if (to->outside)
		return -EFAULT;
	if (iov_iter_is_empty_vector(to))
		return 0;
	if (bad_range(f, *pos, iov_iter_count(to)))
		return -EINVAL;
	if (S_ISDIR(f->f_inode->i_mode))
		return -EISDIR;
	ret = kiocb_init(&io, t, f, *pos, rwf);
	if (ret)
		return ret;
	ret = f->f_op->read_iter(&io, to);
	*pos = io.pos;
	if (ret > 0) {
		if (t->rchar)
			*t->rchar += (u64)ret;
		notify_file(t->vfs, f, IN_ACCESS);
	}
	if (t->syscr)
		++*t->syscr;
	return ret;
}

/* extra: IOCB_* that no caller in user mode can ask for. */
static s64 write_iter(struct vfs_task *t, struct file *f, struct iov_iter *from, s64 *pos, u32 rwf,
		      u32 extra)
{
	struct kiocb io;
	s64 ret;

	if (!(f->f_mode & FMODE_WRITE))
		return -EBADF;
	if (!f->f_op || !f->f_op->write_iter)
		return -EINVAL;
	if (from->outside)
		return -EFAULT;
	if (iov_iter_is_empty_vector(from))
		return 0;
	if (bad_range(f, *pos, iov_iter_count(from)))
		return -EINVAL;
	ret = kiocb_init(&io, t, f, *pos, rwf);
	if (ret)
		return ret;
	io.flags |= extra;
	ret = f->f_op->write_iter(&io, from);
	*pos = io.pos;
	if (ret > 0) {
		if (t->wchar)
			*t->wchar += (u64)ret;
		notify_file(t->vfs, f, IN_MODIFY);
	}
	if (t->syscw)
		++*t->syscw;
	return ret;
}

s64 vfs_write_iter(struct vfs_task *t, struct file *f, struct iov_iter *from, s64 *pos, u32 rwf)
{
	return write_iter(t, f, from, pos, rwf, 0);
}

s64 kernel_read(struct vfs_task *t, struct file *f, void *buf, size_t n, s64 *pos)
{
	struct iov_iter it;

	iov_iter_kernel(&it, buf, n);
	return vfs_read_iter(t, f, &it, pos, 0);
}

s64 kernel_write(struct vfs_task *t, struct file *f, const void *buf, size_t n, s64 *pos)
{
	struct iov_iter it;

	iov_iter_kernel(&it, buf, n);
	return vfs_write_iter(t, f, &it, pos, 0);
}

/* ---- at the file's position ------------------------------------------------------------------------------------ */

/* Threads that share a regular file or directory take turns at its position; a pipe's or terminal's
 * reader must not keep the writer of the same file out. */
static bool lock_pos(struct file *f)
{
	if (!S_ISREG(f->f_inode->i_mode) && !S_ISDIR(f->f_inode->i_mode))
		return false;
	mutex_lock(&f->f_pos_lock);
	return true;
}

static s64 rw_at_pos(struct vfs_task *t, int fd, struct iov_iter *it,
		     s64 (*op)(struct vfs_task *, struct file *, struct iov_iter *, s64 *, u32),
		     u32 rwf)
{
	struct fd f = fdget(t, fd);
	bool locked;
	s64 pos, ret;

	if (!f.file)
		return -EBADF;
	locked = lock_pos(f.file);
	pos = f.file->f_mode & FMODE_STREAM ? 0 : f.file->f_pos;
	ret = op(t, f.file, it, &pos, rwf);
	if (ret >= 0)
		f.file->f_pos = pos;
	if (locked)
		mutex_unlock(&f.file->f_pos_lock);
	fdput(f);
	return ret;
}

s64 fs_read(struct vfs_task *t, int fd, struct iov_iter *to)
{
	return rw_at_pos(t, fd, to, vfs_read_iter, 0);
}

s64 fs_write(struct vfs_task *t, int fd, struct iov_iter *from)
{
	return rw_at_pos(t, fd, from, vfs_write_iter, 0);
}

/* preadv2(2): position -1 is the file's own. */
static s64 rw_positioned(struct vfs_task *t, int fd, struct iov_iter *it, s64 pos, u32 rwf,
			 u32 mode,
			 s64 (*op)(struct vfs_task *, struct file *, struct iov_iter *, s64 *, u32))
{
	struct fd f;
	s64 ret;

	if (pos < 0)
		return -EINVAL;
	f = fdget(t, fd);
	if (!f.file)
		return -EBADF;
	ret = f.file->f_mode & mode ? op(t, f.file, it, &pos, rwf) : -ESPIPE;
	fdput(f);
	return ret;
}

s64 fs_pread(struct vfs_task *t, int fd, struct iov_iter *to, s64 pos, u32 rwf)
{
	return rw_positioned(t, fd, to, pos, rwf, FMODE_PREAD, vfs_read_iter);
}

s64 fs_pwrite(struct vfs_task *t, int fd, struct iov_iter *from, s64 pos, u32 rwf)
{
	return rw_positioned(t, fd, from, pos, rwf, FMODE_PWRITE, vfs_write_iter);
}

s64 fs_preadv2(struct vfs_task *t, int fd, struct iov_iter *to, s64 pos, u32 rwf)
{
	return pos == -1 ? rw_at_pos(t, fd, to, vfs_read_iter, rwf) : fs_pread(t, fd, to, pos, rwf);
}

s64 fs_pwritev2(struct vfs_task *t, int fd, struct iov_iter *from, s64 pos, u32 rwf)
{
	return pos == -1 ? rw_at_pos(t, fd, from, vfs_write_iter, rwf)
			 : fs_pwrite(t, fd, from, pos, rwf);
}

/* ---- position ------------------------------------------------------------------------------------------------------ */

s64 generic_llseek_size(struct file *f, s64 offset, int whence, s64 maxsize, s64 eof)
{
	switch (whence) {
	case SEEK_SET:
		break;
	case SEEK_CUR:
		if (!offset)
			return f->f_pos;
		offset = (s64)((u64)offset + (u64)f->f_pos);
		break;
	case SEEK_END:
		offset = (s64)((u64)offset + (u64)eof);
		break;
	case SEEK_DATA:
		if ((u64)offset >= (u64)eof)
			return -ENXIO;
		break;
	case SEEK_HOLE:
		if ((u64)offset >= (u64)eof)
			return -ENXIO;
		offset = eof;
		break;
	default:
		return -EINVAL;
	}
	if (offset < 0 || offset > maxsize)
		return -EINVAL;
	f->f_pos = offset;
	return offset;
}

s64 generic_file_llseek(struct file *f, s64 offset, int whence)
{
	return generic_llseek_size(f, offset, whence, f->f_inode->i_sb->s_maxbytes,
				   READ_ONCE(f->f_inode->i_size));
}

s64 noop_llseek(struct file *f, s64 offset, int whence)
{
	(void)offset;
	(void)whence;
	return f->f_pos;
}

s64 fs_lseek(struct vfs_task *t, int fd, s64 offset, int whence)
{
	struct fd f = fdget(t, fd);
	s64 ret = -EINVAL;

	if (!f.file)
		return -EBADF;
	if (whence >= SEEK_SET && whence <= SEEK_HOLE) {
		mutex_lock(&f.file->f_pos_lock);
		ret = f.file->f_mode & FMODE_LSEEK ? f.file->f_op->llseek(f.file, offset, whence)
						   : -ESPIPE;
		mutex_unlock(&f.file->f_pos_lock);
	}
	fdput(f);
	return ret;
}

/* ---- between files ------------------------------------------------------------------------------------------------- */

/* What is left of a short write is tried again, so that its error or signal comes: *err. */
static s64 write_all(struct vfs_task *t, struct file *out, const u8 *buf, s64 n, s64 *pos, s64 *err)
{
	struct iov_iter it;
	s64 done = 0;

	while (done < n) {
		iov_iter_kernel(&it, buf + done, (size_t)(n - done));
		*err = write_iter(t, out, &it, pos, 0, IOCB_SPLICE);
		if (*err <= 0)
			break;
		done += *err;
	}
	return done;
}

/* Page by page of the source, MAX_PAGES of them at most. */
static s64 splice_files(struct vfs_task *t, struct file *in, s64 *in_pos, struct file *out,
			s64 *out_pos, size_t count, u64 max_pages)
{
	void *buf = kmalloc(t->vfs->slab, PAGE_SIZE, GFP_KERNEL);
	s64 done = 0, n = 0, err;

	if (!buf)
		return -ENOMEM;
	for (; (size_t)done < count && max_pages; max_pages--) {
		s64 at = *in_pos, wrote;
		size_t room = PAGE_SIZE;

		if (S_ISREG(in->f_inode->i_mode))
			room -= (u64)at % PAGE_SIZE;
		n = kernel_read(t, in, buf, MIN(count - (size_t)done, room), &at);
		if (n <= 0)
			break;
		wrote = write_all(t, out, buf, n, out_pos, &err);
		*in_pos += wrote;
		done += wrote;
		if (wrote < n) {
			n = err;
			break;
		}
		if (signal_pending_state(TASK_INTERRUPTIBLE, current)) {
			n = -EINTR;
			break;
		}
	}
	kfree(t->vfs->slab, buf);
	return done ? done : MIN(n, 0);
}

/* What is wrong with the source is told before the destination is looked at. */
static s64 check_source(const struct file *in, const s64 *pos, size_t count)
{
	if (!(in->f_mode & FMODE_READ))
		return -EBADF;
	if (pos && !(in->f_mode & FMODE_PREAD))
		return -ESPIPE;
	return bad_range(in, pos ? *pos : in->f_pos, count) ? -EINVAL : 0;
}

/* Linux takes only what can give pages: not pipes, nor files without a type like eventfd(2). */
static bool gives_pages(const struct file *f)
{
	return f->f_op && f->f_op->read_iter &&
	       (S_ISREG(f->f_inode->i_mode) || S_ISCHR(f->f_inode->i_mode));
}

/* Files without a type do not, either, once there is something. */
static bool takes_pages(const struct file *out, const struct file *in, s64 in_pos)
{
	return out->f_inode->i_mode & S_IFMT ||
	       (S_ISREG(in->f_inode->i_mode) && in_pos >= in->f_inode->i_size);
}

static s64 sendfile(struct vfs_task *t, struct file *out, struct file *in, s64 *pos, size_t count)
{
	s64 in_pos = pos ? *pos : in->f_pos, out_pos = out->f_pos, pages, ret;

	if (!(out->f_mode & FMODE_WRITE))
		return -EBADF;
	if (bad_range(out, out_pos, count))
		return -EINVAL;
	pages = pipe_wait_room(t, out);
	if (pages < 0)
		return pages;
	/* Data that has been taken must not be lost, so the source can be gone back in. */
	if (!S_ISFIFO(out->f_inode->i_mode) &&
	    (!(in->f_mode & FMODE_LSEEK) || out->f_flags & O_APPEND))
		return -EINVAL;
	if (!count) {
		if (!S_ISFIFO(out->f_inode->i_mode))
			file_accessed(in); /* as on Linux, which has begun by now */
		return 0;
	}
	if (!gives_pages(in) || !takes_pages(out, in, in_pos)) {
		if (in->f_mode & FMODE_LSEEK)
			file_accessed(in);
		return -EINVAL;
	}
	ret = splice_files(t, in, &in_pos, out, &out_pos, MIN(count, MAX_RW_COUNT), (u64)pages);
	if (ret > 0) {
		if (pos)
			*pos = in_pos;
		else
			in->f_pos = in_pos;
		out->f_pos = out_pos;
	}
	return ret;
}

s64 fs_sendfile(struct vfs_task *t, int out_fd, int in_fd, s64 *pos, size_t count)
{
	struct fd in = fdget(t, in_fd), out;
	s64 ret;

	if (!in.file)
		return -EBADF;
	ret = check_source(in.file, pos, count);
	if (!ret) {
		out = fdget(t, out_fd);
		ret = -EBADF;
		if (out.file) {
			ret = sendfile(t, out.file, in.file, pos, count);
			fdput(out);
		}
	}
	fdput(in);
	return ret;
}

/* How much may be written from pos on; -EFBIG at the limits. */
static s64 write_limit(struct vfs_task *t, const struct file *out, s64 pos)
{
	u64 limit = t->rlimit[RLIMIT_FSIZE];
	s64 max = out->f_inode->i_sb->s_maxbytes;

	if ((u64)pos >= limit) {
		t->vfs->env->send_sig(t, SIGXFSZ);
		return -EFBIG;
	}
	if (pos >= max)
		return -EFBIG;
	return (s64)MIN(limit, (u64)max) - pos;
}

static s64 copy_range(struct vfs_task *t, struct file *in, s64 *in_pos, struct file *out,
		      s64 *out_pos, size_t len)
{
	s64 ip = in_pos ? *in_pos : in->f_pos, op = out_pos ? *out_pos : out->f_pos, ret;

	if (S_ISDIR(in->f_inode->i_mode) || S_ISDIR(out->f_inode->i_mode))
		return -EISDIR;
	if (!S_ISREG(in->f_inode->i_mode) || !S_ISREG(out->f_inode->i_mode))
		return -EINVAL;
	if (!(in->f_mode & FMODE_READ) || !(out->f_mode & FMODE_WRITE) || out->f_flags & O_APPEND)
		return -EBADF;
	if (in->f_inode->i_sb != out->f_inode->i_sb)
		return -EXDEV;
	if (ip < 0 || op < 0)
		return -EINVAL;
	if ((u64)ip + len < len || (u64)op + len < len)
		return -EOVERFLOW;
	len = MIN(len, MAX_RW_COUNT);
	/* Only what is there; ranges of one file must not overlap. */
	len = ip >= in->f_inode->i_size ? 0 : MIN(len, (size_t)(in->f_inode->i_size - ip));
	ret = write_limit(t, out, op);
	if (ret < 0)
		return ret;
	len = MIN(len, (size_t)ret);
	if (in->f_inode == out->f_inode && op + (s64)len > ip && op < ip + (s64)len)
		return -EINVAL;
	if (!len)
		return 0;
	ret = splice_files(t, in, &ip, out, &op, len, UINT64_MAX);
	if (ret > 0) {
		if (in_pos)
			*in_pos = ip;
		else
			in->f_pos = ip;
		if (out_pos)
			*out_pos = op;
		else
			out->f_pos = op;
	}
	return ret;
}

s64 fs_copy_file_range(struct vfs_task *t, int in_fd, s64 *in_pos, int out_fd, s64 *out_pos,
		       size_t len, unsigned flags)
{
	struct fd in = fdget(t, in_fd), out;
	s64 ret = -EBADF;

	if (!in.file)
		return -EBADF;
	out = fdget(t, out_fd);
	if (out.file) {
		ret = flags ? -EINVAL : copy_range(t, in.file, in_pos, out.file, out_pos, len);
		fdput(out);
	}
	fdput(in);
	return ret;
}

/* ---- directories ------------------------------------------------------------------------------------------------------ */

/* An entry says where the next one begins, so it waits here until that is known. */
struct dents {
	struct dir_context ctx;
	struct iov_iter *to;
	s64 done, err;
	struct {
		struct linux_dirent64 d;
		char name[NAME_MAX + 8];
	} rec; /* d_reclen 0: none waits */
};

static bool flush_dirent(struct dents *out, s64 next_pos)
{
	size_t len = out->rec.d.d_reclen;

	if (!len)
		return true;
	out->rec.d.d_off = next_pos;
	if (copy_to_iter(&out->rec, len, out->to) < len) {
		out->err = -EFAULT;
		return false;
	}
	out->rec.d.d_reclen = 0;
	out->done += (s64)len;
	return true;
}

static bool emit_dirent(struct dir_context *ctx, const char *name, size_t len, s64 pos, u64 ino,
			unsigned type)
{
	struct dents *out = container_of(ctx, struct dents, ctx);
	size_t reclen = ALIGN_UP(offsetof(struct linux_dirent64, d_name) + len + 1, (size_t)8);

	if (reclen + out->rec.d.d_reclen > iov_iter_count(out->to)) {
		out->err = -EINVAL;
		return false;
	}
	if (out->rec.d.d_reclen && signal_pending_state(TASK_INTERRUPTIBLE, current)) {
		out->err = -EINTR;
		return false;
	}
	if (!flush_dirent(out, pos))
		return false;
	memset(&out->rec, 0, reclen);
	out->rec.d.d_ino = ino;
	out->rec.d.d_reclen = (u16)reclen;
	out->rec.d.d_type = (u8)type;
	memcpy(out->rec.d.d_name, name, len);
	return true;
}

static s64 iterate_dir(struct file *f, struct dents *out)
{
	struct super_block *sb = f->f_inode->i_sb;
	int err = -ENOENT;

	if (!f->f_op || !f->f_op->iterate)
		return -ENOTDIR;
	mutex_lock(&f->f_pos_lock);
	down_read(&sb->s_tree_sem);
	if (!(f->f_inode->i_flags & S_DEAD)) {
		out->ctx.pos = f->f_pos;
		err = f->f_op->iterate(f, &out->ctx);
		f->f_pos = out->ctx.pos;
		file_accessed(f);
	}
	up_read(&sb->s_tree_sem);
	mutex_unlock(&f->f_pos_lock);
	if (!err)
		notify_file(sb->s_vfs, f, IN_ACCESS);
	return err;
}

s64 fs_getdents64(struct vfs_task *t, int fd, struct iov_iter *to)
{
	struct dents out = { .ctx.actor = emit_dirent, .ctx.task = t, .to = to };
	struct fd f = fdget(t, fd);
	s64 err;

	if (!f.file)
		return -EBADF;
	err = iterate_dir(f.file, &out);
	fdput(f);
	if (out.err != -EFAULT)
		flush_dirent(&out, out.ctx.pos);
	if (out.done)
		return out.done;
	return err ? err : out.err;
}

s64 fs_fsync(struct vfs_task *t, int fd, bool datasync)
{
	struct fd f = fdget(t, fd);
	s64 err;

	if (!f.file)
		return -EBADF;
	err = f.file->f_op && f.file->f_op->fsync ? f.file->f_op->fsync(f.file, datasync) : -EINVAL;
	fdput(f);
	return err;
}
