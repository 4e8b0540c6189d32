/* SPDX-License-Identifier: MIT */
/* sys_rw.c - system calls that move bytes or wait for files. */
#include "guest/fs/epoll.h"
#include "guest/fs/eventfd.h"
#include "guest/fs/memfs.h"
#include "guest/fs/pipe.h"
#include "guest/fs/poll.h"
#include "guest/kernel/time.h"
#include "guest/lib/string.h"
#include "guest/process/sys_util.h"

SYS(read)
{
	struct iov_iter it;

	iter_user(&it, b, c);
	return fs_read(vt(), (int)a, &it);
}

SYS(write)
{
	struct iov_iter it;

	iter_user(&it, b, c);
	return fs_write(vt(), (int)a, &it);
}

SYS(pread64)
{
	struct iov_iter it;

	iter_user(&it, b, c);
	return fs_pread(vt(), (int)a, &it, (s64)d, 0);
}

SYS(pwrite64)
{
	struct iov_iter it;

	iter_user(&it, b, c);
	return fs_pwrite(vt(), (int)a, &it, (s64)d, 0);
}

enum { IOV_FAST = 8, IOV_MAX = 1024 };

/* An iovec array argument: kept in `fast` if it is short. *out is freed with kfree(). */
static s64 get_iov(u64 user, u64 nr, iovec_t fast[IOV_FAST], iovec_t **out, struct iov_iter *it)
{
	iovec_t *iov = fast;
	s64 err;

	*out = NULL;
	if (nr > IOV_MAX)
		return -EINVAL;
	if (nr > IOV_FAST) {
		iov = kmalloc(&kernel_mm.slab, nr * sizeof(*iov), GFP_KERNEL);
		if (!iov)
			return -ENOMEM;
	}
	err = copy_from_user(iov, user, nr * sizeof(*iov)) ? -EFAULT : 0;
	if (!err)
		err = iov_iter_vec(it, &kernel_uaccess, iov, nr);
	if (err && iov != fast)
		kfree(&kernel_mm.slab, iov);
	else if (iov != fast)
		*out = iov;
	return err;
}

typedef s64 (*vector_fn)(struct vfs_task *t, int fd, struct iov_iter *it, s64 pos, u32 rwf);

static s64 do_vector(vector_fn fn, int fd, u64 user, u64 nr, s64 pos, u32 rwf)
{
	iovec_t fast[IOV_FAST], *iov;
	struct iov_iter it;
	s64 n = get_iov(user, nr, fast, &iov, &it);

	if (n)
		return n;
	n = fn(vt(), fd, &it, pos, rwf);
	kfree(&kernel_mm.slab, iov);
	return n;
}

SYS(readv)
{
	return do_vector(fs_preadv2, (int)a, b, c, -1, 0);
}

SYS(writev)
{
	return do_vector(fs_pwritev2, (int)a, b, c, -1, 0);
}

SYS(preadv)
{
	return do_vector(fs_pread, (int)a, b, c, (s64)d, 0);
}

SYS(pwritev)
{
	return do_vector(fs_pwrite, (int)a, b, c, (s64)d, 0);
}

/* The fifth register is the high half of a position for machines with 32 bits. */
SYS(preadv2)
{
	return do_vector(fs_preadv2, (int)a, b, c, (s64)d, (u32)f);
}

SYS(pwritev2)
{
	return do_vector(fs_pwritev2, (int)a, b, c, (s64)d, (u32)f);
}

SYS(lseek)
{
	return fs_lseek(vt(), (int)a, (s64)b, (int)c);
}

SYS(sendfile)
{
	s64 pos, n;

	if (!c)
		return fs_sendfile(vt(), (int)a, (int)b, NULL, d);
	if (copy_from_user(&pos, c, sizeof(pos)))
		return -EFAULT;
	n = fs_sendfile(vt(), (int)a, (int)b, &pos, d);
	return copy_to_user(c, &pos, sizeof(pos)) ? -EFAULT : n;
}

SYS(copy_file_range)
{
	s64 in, out, n;

	if ((b && copy_from_user(&in, b, sizeof(in))) ||
	    (d && copy_from_user(&out, d, sizeof(out))))
		return -EFAULT;
	n = fs_copy_file_range(vt(), (int)a, b ? &in : NULL, (int)c, d ? &out : NULL, e,
			       (unsigned)f);
	if (n > 0 &&
	    ((b && copy_to_user(b, &in, sizeof(in))) || (d && copy_to_user(d, &out, sizeof(out)))))
		return -EFAULT;
	return n;
}

SYS(getdents64)
{
	struct iov_iter it;

	iter_user(&it, b, c);
	return fs_getdents64(vt(), (int)a, &it);
}

SYS(fsync)
{
	return fs_fsync(vt(), (int)a, false);
}

SYS(fdatasync)
{
	return fs_fsync(vt(), (int)a, true);
}

SYS(sync)
{
	return 0; /* every file system here lives in memory */
}

SYS(syncfs)
{
	struct fd file = fdget(vt(), (int)a);
	bool known = file.file;

	fdput(file);
	return known ? 0 : -EBADF;
}

SYS(ioctl)
{
	return fs_ioctl(vt(), (int)a, (u32)b, c);
}

SYS(fcntl)
{
	return fs_fcntl(vt(), (int)a, (unsigned)b, c);
}

SYS(flock)
{
	return fs_flock(vt(), (int)a, (unsigned)b);
}

SYS(dup)
{
	return fs_dup(vt(), (int)a);
}

SYS(dup2)
{
	return fs_dup2(vt(), (int)a, (int)b);
}

SYS(dup3)
{
	return fs_dup3(vt(), (int)a, (int)b, (u32)c);
}

SYS(pipe2)
{
	int fd[2];
	s64 err = fs_pipe2(vt(), fd, (u32)b);

	if (err || !copy_to_user(a, fd, sizeof(fd)))
		return err;
	fs_close(vt(), fd[0]);
	fs_close(vt(), fd[1]);
	return -EFAULT;
}

SYS(pipe)
{
	return sys_pipe2(a, 0, 0, 0, 0, 0);
}

SYS(eventfd)
{
	return fs_eventfd2(vt(), (u32)a, 0);
}

SYS(eventfd2)
{
	return fs_eventfd2(vt(), (u32)a, (u32)b);
}

SYS(memfd_create)
{
	char name[6 + 250] = "memfd:";
	struct file *file;
	s64 n = strncpy_from_user(name + 6, a, sizeof(name) - 6);
	int fd;

	if (n < 0)
		return n == -ENAMETOOLONG ? -EINVAL : n;
	if (b & ~(u64)(MFD_CLOEXEC | MFD_ALLOW_SEALING))
		return -EINVAL;
	fd = get_unused_fd(vt(), 0, b & MFD_CLOEXEC);
	if (fd < 0)
		return fd;
	n = shmem_file_setup(vt(), name, 0, O_RDWR, &file);
	if (n) {
		put_unused_fd(vt(), fd);
		return n;
	}
	if (b & MFD_ALLOW_SEALING)
		file->f_inode->i_seals = 0;
	fd_install(vt(), fd, file);
	return fd;
}

/* ---- waiting ------------------------------------------------------------------------------------------------- */

/* 0: do not wait; the clock need not be read for that. */
static u64 deadline_in(u64 ns)
{
	u64 now = ns ? clock_ns() : 0;

	return ns > UINT64_MAX - now ? UINT64_MAX : now + ns;
}

static u64 deadline_ms(s32 ms)
{
	return ms < 0 ? UINT64_MAX : deadline_in((u64)ms * NSEC_PER_MSEC);
}

/* A timespec argument as a deadline; NULL: none. */
static s64 deadline_arg(u64 user, u64 *deadline)
{
	struct linux_timespec ts;
	s64 err;

	*deadline = UINT64_MAX;
	if (!user)
		return 0;
	err = get_timespec(&ts, user);
	if (!err)
		*deadline = deadline_in(timespec_ns(&ts));
	return err;
}

static s64 poll_until(u64 user, u64 nr, u64 deadline)
{
	struct linux_pollfd *fds;
	s64 n;

	if (nr > vt()->rlimit[RLIMIT_NOFILE])
		return -EINVAL;
	fds = kmalloc(&kernel_mm.slab, MAX(nr, 1ul) * sizeof(*fds), GFP_KERNEL);
	if (!fds)
		return -ENOMEM;
	n = copy_from_user(fds, user, nr * sizeof(*fds))
		    ? -EFAULT
		    : fs_poll(vt(), fds, (unsigned)nr, deadline);
	if (n >= 0)
		for (u64 i = 0; i < nr; i++)
			if (copy_to_user(user + i * sizeof(*fds) + 6, &fds[i].revents, 2))
				n = -EFAULT;
	kfree(&kernel_mm.slab, fds);
	return n == -EINTR ? -ERESTARTNOHAND : n;
}

SYS(poll)
{
	return poll_until(a, b, deadline_ms((s32)c));
}

/* The mask in force while the call waits; put back by the way to user mode. */
static s64 set_waiting_mask(u64 user, u64 size)
{
	struct uthread *u = current_uthread();
	u64 mask;
	s64 err;

	if (!user)
		return 0;
	err = get_sigset(&mask, user, size);
	if (err)
		return err;
	u->saved_blocked = u->blocked;
	u->restore_blocked = true;
	set_blocked(u, mask);
	return 0;
}

/* After the wait: a signal that came restores the mask once its handler has been set up. */
static s64 end_waiting_mask(s64 ret)
{
	struct uthread *u = current_uthread();

	if (u->restore_blocked && ret != -ERESTARTNOHAND && ret != -EINTR) {
		u->restore_blocked = false;
		set_blocked(u, u->saved_blocked);
	}
	return ret;
}

/* Linux tells how much of the time was left. */
static s64 tell_rest(u64 user, u64 deadline, s64 ret)
{
	u64 now = clock_ns();

	/* What cannot be told is no error of the call. */
	if (user)
		(void)put_timespec(user, deadline > now ? deadline - now : 0);
	return ret;
}

SYS(ppoll)
{
	u64 deadline;
	s64 err = deadline_arg(c, &deadline);

	if (!err)
		err = set_waiting_mask(d, e);
	return err ? err : tell_rest(c, deadline, end_waiting_mask(poll_until(a, b, deadline)));
}

/* ---- select ---------------------------------------------------------------------------------------------------- */

static s64 select_until(int nr, const u64 user[3], u64 deadline)
{
	u64 words, *bits, *set[3];
	s64 n = 0;

	if (nr < 0)
		return -EINVAL;
	words = ((u64)nr + 63) / 64;
	words = MIN(words, 65536ul / 64);
	bits = kzalloc(&kernel_mm.slab, MAX(words, 1ul) * 3 * sizeof(u64), GFP_KERNEL);
	if (!bits)
		return -ENOMEM;
	for (int i = 0; i < 3; i++) {
		set[i] = user[i] ? bits + (u64)i * words : NULL;
		if (set[i] && copy_from_user(set[i], user[i], words * sizeof(u64)))
			n = -EFAULT;
	}
	if (!n)
		n = fs_select(vt(), nr, set[0], set[1], set[2], deadline);
	for (int i = 0; n >= 0 && i < 3; i++)
		if (set[i] && copy_to_user(user[i], set[i], words * sizeof(u64)))
			n = -EFAULT;
	kfree(&kernel_mm.slab, bits);
	return n == -EINTR ? -ERESTARTNOHAND : n;
}

SYS(select)
{
	const u64 sets[3] = { b, c, d };
	u64 deadline = UINT64_MAX, left;
	s64 tv[2], n;

	if (e) {
		if (copy_from_user(tv, e, sizeof(tv)))
			return -EFAULT;
		if (tv[0] < 0 || tv[1] < 0)
			return -EINVAL;
		deadline = tv[0] > 1000000000
				   ? UINT64_MAX
				   : deadline_in((u64)tv[0] * NSEC_PER_SEC + (u64)tv[1] * 1000);
	}
	n = select_until((int)a, sets, deadline);
	if (e && deadline != UINT64_MAX) {
		/* Linux tells how much was left. */
		left = deadline > clock_ns() ? deadline - clock_ns() : 0;
		tv[0] = (s64)(left / NSEC_PER_SEC);
		tv[1] = (s64)(left % NSEC_PER_SEC / 1000);
		if (copy_to_user(e, tv, sizeof(tv)) && n >= 0)
			return -EFAULT;
	}
	return n;
}

SYS(pselect6)
{
	const u64 sets[3] = { b, c, d };
	u64 deadline, mask[2] = { 0, 0 };
	s64 err = deadline_arg(e, &deadline);

	if (!err && f && copy_from_user(mask, f, sizeof(mask)))
		err = -EFAULT;
	if (!err)
		err = set_waiting_mask(mask[0], mask[1]);
	return err ? err
		   : tell_rest(e, deadline, end_waiting_mask(select_until((int)a, sets, deadline)));
}

/* ---- epoll ------------------------------------------------------------------------------------------------------- */

SYS(epoll_create)
{
	return (s32)a <= 0 ? -EINVAL : fs_epoll_create1(vt(), 0);
}

SYS(epoll_create1)
{
	return fs_epoll_create1(vt(), (u32)a);
}

SYS(epoll_ctl)
{
	struct linux_epoll_event ev = { 0 };

	if (b != 2 /* EPOLL_CTL_DEL */ && copy_from_user(&ev, d, sizeof(ev)))
		return -EFAULT;
	return fs_epoll_ctl(vt(), (int)a, (int)b, (int)c, &ev);
}

static s64 epoll_until(int fd, u64 events, int max, u64 deadline)
{
	struct iov_iter it;

	if (max <= 0 || (u64)max > (u64)INT32_MAX / sizeof(struct linux_epoll_event))
		return -EINVAL;
	iter_user(&it, events, (u64)max * sizeof(struct linux_epoll_event));
	return fs_epoll_wait(vt(), fd, &it, max, deadline);
}

SYS(epoll_wait)
{
	return epoll_until((int)a, b, (int)c, deadline_ms((s32)d));
}

SYS(epoll_pwait)
{
	s64 err = set_waiting_mask(e, f);

	return err ? err : end_waiting_mask(epoll_until((int)a, b, (int)c, deadline_ms((s32)d)));
}
