/* SPDX-License-Identifier: MIT */
/*
 * pipe.c - pipe(2), fifo(7).
 *
 * A write fills a page of its own, or goes on in the last one if all of it fits there (P1: a write of
 * PIPE_BUF or less lies in one buffer). pipe->mutex guards everything and is let go of to sleep.
 */
#include "guest/fs/calls.h"
#include "guest/fs/internal.h"
#include "guest/fs/pipe_internal.h"
#include "guest/fs/poll.h"
#include "guest/lib/printf.h"
#include "guest/lib/string.h"

static const struct file_operations pipe_fops;

static bool empty(const struct pipe_inode_info *p)
{
	return READ_ONCE(p->head) == READ_ONCE(p->tail);
}

static bool full(const struct pipe_inode_info *p)
{
	return READ_ONCE(p->head) - READ_ONCE(p->tail) >= READ_ONCE(p->ring_size);
}

static struct pipe_buffer *buf_at(struct pipe_inode_info *p, u32 i)
{
	return &p->bufs[i & (p->ring_size - 1)];
}

static void wake_readers(struct pipe_inode_info *p)
{
	wake_up_key(&p->rd_wait, TASK_INTERRUPTIBLE, 1, POLLIN | POLLRDNORM);
}

/* As on Linux, reading and writing leaves those of a pipe without a name alone: nobody looks. */
static bool has_times(const struct inode *inode)
{
	return inode->i_sb != inode->i_sb->s_vfs->pipe_sb;
}

/* ---- making and ending ---------------------------------------------------------------------------------------- */

static struct pipe_inode_info *pipe_new(struct vfs *vfs)
{
	struct pipe_inode_info *p = kmem_cache_zalloc(vfs->pipe_cache, GFP_KERNEL);

	if (!p)
		return NULL;
	p->bufs = kzalloc(vfs->slab, PIPE_DEF_BUFFERS * sizeof(*p->bufs), GFP_KERNEL);
	if (!p->bufs) {
		kmem_cache_free(vfs->pipe_cache, p);
		return NULL;
	}
	p->vfs = vfs;
	p->ring_size = PIPE_DEF_BUFFERS;
	p->r_counter = p->w_counter = 1;
	mutex_init(&p->mutex);
	init_waitqueue_head(&p->rd_wait);
	init_waitqueue_head(&p->wr_wait);
	return p;
}

/* One page is kept: a pipe that is emptied as it is filled needs no allocator. */
static void put_buffer_page(struct pipe_inode_info *p, struct page *page)
{
	if (!p->spare && page_ref_count(page) == 1)
		p->spare = page;
	else
		put_page(p->vfs->pg, page);
}

static struct page *get_buffer_page(struct pipe_inode_info *p)
{
	struct page *page = p->spare;

	p->spare = NULL;
	return page ? page : alloc_page(p->vfs->pg, GFP_USER);
}

static void pipe_free(struct pipe_inode_info *p)
{
	struct vfs *vfs = p->vfs;

	for (; p->tail != p->head; p->tail++)
		put_page(vfs->pg, buf_at(p, p->tail)->page);
	if (p->spare)
		put_page(vfs->pg, p->spare);
	kfree(vfs->slab, p->bufs);
	kmem_cache_free(vfs->pipe_cache, p);
}

/* One open file less; the last one takes the pipe along. */
static void put_pipe(struct inode *inode, struct pipe_inode_info *p)
{
	bool last;

	mutex_lock(&inode->i_lock);
	last = !--p->files;
	if (last)
		inode->i_pipe = NULL;
	mutex_unlock(&inode->i_lock);
	if (last)
		pipe_free(p);
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

/* What one look at the pipe gives: > 0 bytes, 0 nothing there, or -errno. */
static s64 take(struct pipe_inode_info *p, struct iov_iter *to)
{
	u8 *base;
	s64 done = 0;

	while (!empty(p) && iov_iter_count(to)) {
		struct pipe_buffer *b = buf_at(p, p->tail);
		size_t n = MIN((size_t)b->len, iov_iter_count(to)), moved;
		struct iov_iter before = *to;

		base = page_address(p->vfs->pg, b->page);
		moved = copy_to_iter(base + b->offset, n, to);
		if (moved < n) {
			*to = before;
			return done ? done : -EFAULT;
		}
		done += (s64)n;
		b->offset += (u32)n;
		b->len -= (u32)n;
		if (b->packet) { /* what did not fit of a packet is lost */
			b->len = 0;
			iov_iter_truncate(to, 0);
		}
		if (!b->len) {
			put_buffer_page(p, b->page);
			WRITE_ONCE(p->tail, p->tail + 1);
		}
	}
	return done;
}

static s64 pipe_read(struct kiocb *io, struct iov_iter *to)
{
	struct pipe_inode_info *p = io->filp->private_data;
	bool was_full;
	s64 ret;

	if (!iov_iter_count(to))
		return 0;
	mutex_lock(&p->mutex);
	for (;;) {
		was_full = full(p);
		ret = take(p, to);
		if (ret || !p->writers)
			break;
		if (io->flags & IOCB_NOWAIT) {
			ret = -EAGAIN;
			break;
		}
		mutex_unlock(&p->mutex);
		if (wait_event_interruptible(&p->rd_wait, !empty(p) || !READ_ONCE(p->writers)))
			return -ERESTARTSYS;
		mutex_lock(&p->mutex);
	}
	mutex_unlock(&p->mutex);
	if (ret > 0) {
		if (was_full && !full(p))
			wake_up_key(&p->wr_wait, TASK_NORMAL, 0, POLLOUT | POLLWRNORM);
		if (has_times(io->filp->f_inode))
			file_accessed(io->filp);
	}
	return ret;
}

/* ---- writing ------------------------------------------------------------------------------------------------------- */

/* The odd end of a write goes on in the last page if it fits: bytes, 0 or -EFAULT. */
static s64 merge(struct pipe_inode_info *p, struct iov_iter *from)
{
	size_t chars = iov_iter_count(from) % PAGE_SIZE, end;
	struct pipe_buffer *b;

	if (!chars || empty(p))
		return 0;
	b = buf_at(p, p->head - 1);
	end = b->offset + b->len;
	if (!b->can_merge || end + chars > PAGE_SIZE)
		return 0;
	if (copy_from_iter((u8 *)page_address(p->vfs->pg, b->page) + end, chars, from) < chars)
		return -EFAULT;
	b->len += (u32)chars;
	return (s64)chars;
}

static s64 append(struct pipe_inode_info *p, struct iov_iter *from, bool packet, bool can_merge)
{
	struct page *page = get_buffer_page(p);
	size_t n = MIN(iov_iter_count(from), (size_t)PAGE_SIZE), moved;

	if (!page)
		return -ENOMEM;
	moved = copy_from_iter(page_address(p->vfs->pg, page), n, from);
	if (moved < n) {
		put_buffer_page(p, page);
		return -EFAULT;
	}
	*buf_at(p, p->head) = (struct pipe_buffer){
		.page = page, .len = (u32)n, .can_merge = can_merge, .packet = packet
	};
	WRITE_ONCE(p->head, p->head + 1);
	return (s64)n;
}

static s64 no_reader(struct vfs_task *t)
{
	t->vfs->env->send_sig(t, SIGPIPE);
	return -EPIPE;
}

/* Writes what there is room for; 0: none. */
static s64 fill(struct kiocb *io, struct pipe_inode_info *p, struct iov_iter *from)
{
	bool splice = io->flags & IOCB_SPLICE, packet = !splice && io->filp->f_flags & O_DIRECT;
	s64 done = 0;

	while (iov_iter_count(from) && !full(p)) {
		s64 n = append(p, from, packet, !packet && !splice);

		if (n < 0)
			return done ? done : n;
		done += n;
	}
	return done;
}

static s64 pipe_write(struct kiocb *io, struct iov_iter *from)
{
	struct pipe_inode_info *p = io->filp->private_data;
	s64 done = 0, n;

	if (!iov_iter_count(from))
		return 0;
	mutex_lock(&p->mutex);
	n = !p->readers ? no_reader(io->task) : io->flags & IOCB_SPLICE ? 0 : merge(p, from);
	for (;;) {
		bool was_empty = p->head - p->tail <= 1;

		if (n > 0)
			done += n;
		if (n < 0 || !iov_iter_count(from))
			break;
		n = fill(io, p, from);
		if (n) {
			if (was_empty)
				wake_readers(p);
			continue;
		}
		if (io->flags & IOCB_NOWAIT) {
			n = -EAGAIN;
			break;
		}
		mutex_unlock(&p->mutex);
		wake_readers(p);
		n = wait_event_interruptible(&p->wr_wait, !full(p) || !READ_ONCE(p->readers));
		mutex_lock(&p->mutex);
		if (n)
			n = -ERESTARTSYS;
		else if (!p->readers)
			n = no_reader(io->task);
	}
	mutex_unlock(&p->mutex);
	/* Whatever came of it: on Linux an edge is told once more even then. */
	wake_readers(p);
	if (done && !(io->flags & IOCB_SPLICE) && has_times(io->filp->f_inode))
		file_modified(io->task, io->filp);
	return done ? done : n;
}

s64 pipe_wait_room(struct vfs_task *t, struct file *f)
{
	struct pipe_inode_info *p = f->private_data;
	s64 room;

	if (f->f_op != &pipe_fops)
		return INT64_MAX;
	for (;;) {
		mutex_lock(&p->mutex);
		room = !p->readers ? no_reader(t) : (s64)p->ring_size - (s64)(p->head - p->tail);
		mutex_unlock(&p->mutex);
		if (room)
			return room;
		if (f->f_flags & O_NONBLOCK)
			return -EAGAIN;
		if (wait_event_interruptible(&p->wr_wait, !full(p) || !READ_ONCE(p->readers)))
			return -ERESTARTSYS;
	}
}

/* ---- the rest --------------------------------------------------------------------------------------------------------- */

static u32 pipe_poll(struct file *f, struct poll_table *pt)
{
	struct pipe_inode_info *p = f->private_data;
	u32 mask = 0;

	if (f->f_mode & FMODE_READ)
		poll_wait(f, &p->rd_wait, pt);
	if (f->f_mode & FMODE_WRITE)
		poll_wait(f, &p->wr_wait, pt);
	if (f->f_mode & FMODE_READ) {
		if (!empty(p))
			mask |= POLLIN | POLLRDNORM;
		/* Not before there has been a writer since this reader opened. */
		if (!READ_ONCE(p->writers) && f->f_version != p->w_counter)
			mask |= POLLHUP;
	}
	if (f->f_mode & FMODE_WRITE) {
		if (!full(p))
			mask |= POLLOUT | POLLWRNORM;
		if (!READ_ONCE(p->readers))
			mask |= POLLERR;
	}
	return mask;
}

static s64 pipe_ioctl(struct vfs_task *t, struct file *f, u32 cmd, u64 arg)
{
	struct pipe_inode_info *p = f->private_data;
	s32 n = 0;

	if (cmd != FIONREAD)
		return -ENOTTY;
	mutex_lock(&p->mutex);
	for (u32 i = p->tail; i != p->head; i++)
		n += (s32)buf_at(p, i)->len;
	mutex_unlock(&p->mutex);
	return copy_to_task(t, arg, &n, sizeof(n)) ? -EFAULT : 0;
}

static void drop_ends(struct pipe_inode_info *p, u32 mode)
{
	mutex_lock(&p->mutex);
	if (mode & FMODE_READ)
		p->readers--;
	if (mode & FMODE_WRITE)
		p->writers--;
	mutex_unlock(&p->mutex);
	if (!p->readers != !p->writers) {
		wake_up_all(&p->rd_wait);
		wake_up_all(&p->wr_wait);
	}
}

static void pipe_release(struct inode *inode, struct file *f)
{
	struct pipe_inode_info *p = f->private_data;

	drop_ends(p, f->f_mode);
	put_pipe(inode, p);
}

/* Waits for somebody to open the other end. */
static int wait_for_partner(struct pipe_inode_info *p, const u32 *counter)
{
	u32 seen = *counter;
	int err;

	mutex_unlock(&p->mutex);
	err = wait_event_interruptible(&p->rd_wait, READ_ONCE(*counter) != seen);
	mutex_lock(&p->mutex);
	return err ? -ERESTARTSYS : 0;
}

/* p->mutex held. */
static int open_end(struct pipe_inode_info *p, struct file *f, bool has_name)
{
	bool nonblock = f->f_flags & O_NONBLOCK;
	u32 mode = f->f_mode & (FMODE_READ | FMODE_WRITE);

	if (mode == FMODE_WRITE && nonblock && !p->readers && has_name)
		return -ENXIO;
	if (mode & FMODE_READ) {
		WRITE_ONCE(p->r_counter, p->r_counter + 1);
		p->readers++;
	}
	if (mode & FMODE_WRITE) {
		WRITE_ONCE(p->w_counter, p->w_counter + 1);
		p->writers++;
	}
	wake_up_all(&p->rd_wait);
	if (!has_name)
		return 0;
	if (mode == FMODE_READ && !p->writers) {
		if (!nonblock)
			return wait_for_partner(p, &p->w_counter);
		f->f_version = p->w_counter;
	}
	if (mode == FMODE_WRITE && !p->readers)
		return wait_for_partner(p, &p->r_counter);
	return 0;
}

static void make_stream(struct file *f)
{
	f->f_mode &= ~(u32)(FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE);
	f->f_mode |= FMODE_STREAM;
}

static int fifo_open(struct vfs_task *t, struct inode *inode, struct file *f)
{
	struct pipe_inode_info *p;
	int err;

	mutex_lock(&inode->i_lock);
	if (!inode->i_pipe)
		inode->i_pipe = pipe_new(t->vfs);
	p = inode->i_pipe;
	if (p)
		p->files++;
	mutex_unlock(&inode->i_lock);
	if (!p)
		return -ENOMEM;
	mutex_lock(&p->mutex);
	err = f->f_mode & (FMODE_READ | FMODE_WRITE)
		      ? open_end(p, f, inode->i_sb != t->vfs->pipe_sb)
		      : -EINVAL;
	mutex_unlock(&p->mutex);
	if (err) {
		if (err == -ERESTARTSYS) /* waited as an end that counts */
			drop_ends(p, f->f_mode);
		put_pipe(inode, p);
		return err;
	}
	f->private_data = p;
	f->f_op = &pipe_fops;
	make_stream(f);
	return 0;
}

static const struct file_operations pipe_fops = {
	.read_iter = pipe_read,
	.write_iter = pipe_write,
	.poll = pipe_poll,
	.ioctl = pipe_ioctl,
	.release = pipe_release,
};

const struct file_operations fifo_fops = { .open = fifo_open };

/* ---- pipe2(2) ---------------------------------------------------------------------------------------------------------- */

static int pipe_dname(struct dentry *d, char *buf, size_t size)
{
	return kscnprintf(buf, size, "pipe:[%lu]", d->d_inode->i_ino);
}

static const struct dentry_operations pipe_dops = { .d_dname = pipe_dname };

static struct dentry *pipe_dentry(struct vfs_task *t)
{
	static const struct qstr name = { .name = "", .len = 0 };
	struct vfs *vfs = t->vfs;
	struct dentry *d = d_alloc(vfs->pipe_sb->s_root, &name);
	struct inode *inode = d ? new_inode(vfs->pipe_sb) : NULL;

	if (inode) {
		inode_init_owner(t, inode, NULL, S_IFIFO | 0600);
		inode->i_fop = &fifo_fops; /* opened again through /proc/PID/fd */
		inode->i_pipe = pipe_new(vfs);
		if (inode->i_pipe) {
			d->d_op = &pipe_dops;
			d_instantiate(d, inode);
			return d;
		}
		iput(inode);
	}
	dput(d);
	return NULL;
}

static void attach_end(struct file *f, struct mount *mnt, struct dentry *d)
{
	struct pipe_inode_info *p = d->d_inode->i_pipe;

	f->f_path = (struct path){ mntget(mnt), dget(d) };
	f->f_inode = d->d_inode;
	f->f_op = &pipe_fops;
	f->private_data = p;
	p->files++;
	if (f->f_mode & FMODE_READ)
		p->readers++;
	else
		p->writers++;
	make_stream(f);
}

int create_pipe_files(struct vfs_task *t, struct file *out[2], u32 flags)
{
	struct vfs *vfs = t->vfs;
	struct dentry *d;
	int err = alloc_empty_file(t, O_RDONLY | (flags & O_NONBLOCK), &out[0]);

	if (err)
		return err;
	err = alloc_empty_file(t, O_WRONLY | (flags & (O_NONBLOCK | O_DIRECT)), &out[1]);
	if (err) {
		file_discard(vfs, out[0]);
		return err;
	}
	d = pipe_dentry(t);
	if (!d) {
		file_discard(vfs, out[0]);
		file_discard(vfs, out[1]);
		return -ENFILE;
	}
	attach_end(out[0], vfs->pipe_mnt, d);
	attach_end(out[1], vfs->pipe_mnt, d);
	dput(d);
	return 0;
}

s64 fs_pipe2(struct vfs_task *t, int fd[2], u32 flags)
{
	struct file *f[2];
	int err;

	if (flags & ~(u32)(O_CLOEXEC | O_NONBLOCK | O_DIRECT))
		return -EINVAL;
	err = create_pipe_files(t, f, flags);
	if (err)
		return err;
	fd[0] = get_unused_fd(t, 0, flags & O_CLOEXEC);
	if (fd[0] < 0) {
		err = fd[0];
		goto err_files;
	}
	fd[1] = get_unused_fd(t, 0, flags & O_CLOEXEC);
	if (fd[1] < 0) {
		err = fd[1];
		put_unused_fd(t, fd[0]);
		goto err_files;
	}
	fd_install(t, fd[0], f[0]);
	fd_install(t, fd[1], f[1]);
	return 0;
err_files:
	fput(f[0]);
	fput(f[1]);
	return err;
}

/* ---- F_SETPIPE_SZ --------------------------------------------------------------------------------------------------------- */

static s64 resize(struct vfs_task *t, struct pipe_inode_info *p, u64 arg)
{
	struct vfs *vfs = t->vfs;
	struct pipe_buffer *bufs;
	u64 size, slots;
	u32 used;

	if (arg > 1UL << 31)
		return -EINVAL;
	size = roundup_pow_of_two(MAX(arg, PAGE_SIZE));
	slots = size / PAGE_SIZE;
	if (slots > p->ring_size && size > vfs->pipe_max_size && !vfs_capable(t, CAP_SYS_RESOURCE))
		return -EPERM;
	used = p->head - p->tail;
	if (slots < used)
		return -EBUSY;
	bufs = kzalloc(vfs->slab, slots * sizeof(*bufs), GFP_KERNEL);
	if (!bufs)
		return -ENOMEM;
	for (u32 i = 0; i < used; i++)
		bufs[i] = *buf_at(p, p->tail + i);
	kfree(vfs->slab, p->bufs);
	p->bufs = bufs;
	p->tail = 0;
	p->head = used;
	p->ring_size = (u32)slots;
	wake_up_all(&p->wr_wait);
	return (s64)size;
}

s64 pipe_fcntl(struct vfs_task *t, struct file *f, unsigned cmd, u64 arg)
{
	struct pipe_inode_info *p;
	s64 ret;

	if (f->f_op != &pipe_fops)
		return -EBADF;
	p = f->private_data;
	mutex_lock(&p->mutex);
	ret = cmd == F_GETPIPE_SZ ? (s64)(p->ring_size * PAGE_SIZE) : resize(t, p, (u32)arg);
	mutex_unlock(&p->mutex);
	return ret;
}
