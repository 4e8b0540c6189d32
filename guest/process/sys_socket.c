/* SPDX-License-Identifier: MIT */
/* sys_socket.c - system calls of sockets: addresses, vectors and control messages out of user memory. */
#include "guest/fs/socket.h"
#include "guest/lib/string.h"
#include "guest/process/sys_util.h"

enum { IOV_MAX = 1024, MMSG_MAX = 1024 };

struct linux_msghdr {
	u64 name;
	s32 namelen;
	u32 pad0;
	u64 iov, iovlen;
	u64 control, controllen;
	u32 flags, pad1;
};

struct linux_mmsghdr {
	struct linux_msghdr hdr;
	u32 len, pad;
};

_Static_assert(sizeof(struct linux_msghdr) == 56 && sizeof(struct linux_mmsghdr) == 64,
	       "x86-64 ABI");

/* ---- addresses ------------------------------------------------------------------------------------------------ */

static s64 get_addr(struct sockaddr_buf *a, u64 user, s32 len)
{
	if (len < 0 || len > SOCKADDR_MAX)
		return -EINVAL;
	a->len = (u32)len;
	return copy_from_user(a->data, user, a->len) ? -EFAULT : 0;
}

/* As much as the program has room for, and how much there is. */
static s64 put_addr(const struct sockaddr_buf *a, u64 user, u64 len_at)
{
	s32 room, len = (s32)a->len;

	if (copy_from_user(&room, len_at, sizeof(room)))
		return -EFAULT;
	if (room < 0)
		return -EINVAL;
	room = MIN(room, len);
	if (copy_to_user(user, a->data, (size_t)room) || copy_to_user(len_at, &len, sizeof(len)))
		return -EFAULT;
	return 0;
}

SYS(socket)
{
	return fs_socket(vt(), (int)a, (int)b, (int)c);
}

SYS(socketpair)
{
	int fd[2];
	s64 err = fs_socketpair(vt(), (int)a, (int)b, (int)c, fd);

	if (!err && copy_to_user(d, fd, sizeof(fd))) {
		fs_close(vt(), fd[0]);
		fs_close(vt(), fd[1]);
		err = -EFAULT;
	}
	return err;
}

/* bind, connect: what is no socket is said before the address is read. */
static s64 with_addr(u64 fd, u64 user, u64 len,
		     s64 (*call)(struct vfs_task *t, int fd, const struct sockaddr_buf *addr))
{
	struct sockaddr_buf addr;
	s64 err = fs_getsockname(vt(), (int)fd, &addr, false);

	if (!err)
		err = get_addr(&addr, user, (s32)len);
	return err ? err : call(vt(), (int)fd, &addr);
}

SYS(bind)
{
	return with_addr(a, b, c, fs_bind);
}

SYS(connect)
{
	return with_addr(a, b, c, fs_connect);
}

SYS(listen)
{
	return fs_listen(vt(), (int)a, (int)b);
}

static s64 do_accept(int fd, u64 user, u64 len_at, int flags)
{
	struct sockaddr_buf peer = { .len = 0 };
	s64 n = fs_accept4(vt(), fd, user ? &peer : NULL, flags), err;

	if (n < 0 || !user)
		return n;
	err = put_addr(&peer, user, len_at);
	if (!err)
		return n;
	fs_close(vt(), (int)n);
	return err;
}

SYS(accept)
{
	return do_accept((int)a, b, c, 0);
}

SYS(accept4)
{
	return do_accept((int)a, b, c, (int)d);
}

static s64 tell_name(u64 fd, u64 user, u64 len_at, bool peer)
{
	struct sockaddr_buf addr;
	s64 err = fs_getsockname(vt(), (int)fd, &addr, peer);

	return err ? err : put_addr(&addr, user, len_at);
}

SYS(getsockname)
{
	return tell_name(a, b, c, false);
}

SYS(getpeername)
{
	return tell_name(a, b, c, true);
}

SYS(shutdown)
{
	return fs_shutdown(vt(), (int)a, (int)b);
}

SYS(setsockopt)
{
	return fs_setsockopt(vt(), (int)a, (int)b, (int)c, d, (u32)e);
}

SYS(getsockopt)
{
	return fs_getsockopt(vt(), (int)a, (int)b, (int)c, d, e);
}

/* ---- one buffer ----------------------------------------------------------------------------------------------- */

SYS(sendto)
{
	struct sockaddr_buf to;
	struct iov_iter it;
	struct socket_message m = { .data = &it, .flags = (u32)d };
	s64 err;

	iter_user(&it, b, c);
	if (it.outside)
		return -EFAULT;
	if (e) {
		err = fs_getsockname(vt(), (int)a, &to, false);
		if (!err)
			err = get_addr(&to, e, (s32)f);
		if (err)
			return err;
		m.to = to.len ? &to : NULL;
	}
	return fs_sendmsg(vt(), (int)a, &m);
}

SYS(recvfrom)
{
	struct sockaddr_buf from;
	struct iov_iter it;
	struct socket_message m = { .data = &it, .from = e ? &from : NULL, .flags = (u32)d };
	s64 n, err;

	iter_user(&it, b, c);
	if (it.outside)
		return -EFAULT;
	n = fs_recvmsg(vt(), (int)a, &m);
	if (n < 0 || !e)
		return n;
	err = put_addr(&from, e, f);
	return err ? err : n;
}

/* ---- whole messages -------------------------------------------------------------------------------------------- */

/* The vector of a message; *iov is to be freed. */
static s64 get_vector(const struct linux_msghdr *h, iovec_t **iov, struct iov_iter *it)
{
	s64 err;

	*iov = NULL;
	if (h->iovlen > IOV_MAX)
		return -EMSGSIZE;
	*iov = kmalloc(&kernel_mm.slab, MAX(h->iovlen, 1UL) * sizeof(**iov), GFP_KERNEL);
	if (!*iov)
		return -ENOMEM;
	err = copy_from_user(*iov, h->iov, h->iovlen * sizeof(**iov)) ? -EFAULT : 0;
	if (!err)
		err = iov_iter_vec(it, &kernel_uaccess, *iov, h->iovlen);
	if (err) {
		kfree(&kernel_mm.slab, *iov);
		*iov = NULL;
	}
	return err;
}

/* Control messages of a sender in kernel memory, to be freed; NULL: none. */
static s64 get_control(const struct linux_msghdr *h, void **control)
{
	*control = NULL;
	if (!h->controllen || !h->control)
		return 0;
	if (h->controllen > SCM_MAX_CONTROL)
		return -ENOBUFS;
	*control = kmalloc(&kernel_mm.slab, h->controllen, GFP_KERNEL);
	if (!*control)
		return -ENOMEM;
	if (!copy_from_user(*control, h->control, h->controllen))
		return 0;
	kfree(&kernel_mm.slab, *control);
	*control = NULL;
	return -EFAULT;
}

static s64 send_header(int fd, const struct linux_msghdr *h, u32 flags)
{
	struct sockaddr_buf to = { .len = 0 };
	struct iov_iter it;
	struct socket_message m = { .data = &it, .flags = flags };
	iovec_t *iov;
	void *control;
	s64 ret = h->namelen < 0 ? -EINVAL : 0;

	if (!ret && h->name)
		ret = get_addr(&to, h->name, MIN(h->namelen, SOCKADDR_MAX));
	if (ret)
		return ret;
	ret = get_vector(h, &iov, &it);
	if (ret)
		return ret;
	ret = get_control(h, &control);
	if (!ret) {
		m.to = to.len ? &to : NULL;
		m.control_in = control;
		m.control_len = control ? h->controllen : 0;
		ret = fs_sendmsg(vt(), fd, &m);
		kfree(&kernel_mm.slab, control);
	}
	kfree(&kernel_mm.slab, iov);
	return ret;
}

/* What of the header the receiver is told. */
static s64 put_header(u64 user, const struct linux_msghdr *h, const struct socket_message *m,
		      const struct sockaddr_buf *from)
{
	u64 control_used = m->control - h->control;
	u32 flags = m->flags;

	if (h->name) {
		s64 err = put_addr(from, h->name, user + offsetof(struct linux_msghdr, namelen));

		if (err)
			return err;
	}
	if (copy_to_user(user + offsetof(struct linux_msghdr, flags), &flags, sizeof(flags)) ||
	    copy_to_user(user + offsetof(struct linux_msghdr, controllen), &control_used,
			 sizeof(control_used)))
		return -EFAULT;
	return 0;
}

static s64 recv_header(int fd, u64 user, const struct linux_msghdr *h, u32 flags)
{
	struct sockaddr_buf from = { .len = 0 };
	struct iov_iter it;
	struct socket_message m = { .data = &it,
				    .from = h->name ? &from : NULL,
				    .control = h->control,
				    .control_len = h->controllen,
				    .flags = flags };
	iovec_t *iov;
	s64 n, err;

	if (h->namelen < 0)
		return -EINVAL;
	n = get_vector(h, &iov, &it);
	if (n)
		return n;
	n = fs_recvmsg(vt(), fd, &m);
	kfree(&kernel_mm.slab, iov);
	if (n < 0)
		return n;
	err = put_header(user, h, &m, &from);
	return err ? err : n;
}

/* A socket, or -EBADF, -ENOTSOCK: told before anything is read. */
static s64 is_socket(int fd)
{
	struct sockaddr_buf name;

	return fs_getsockname(vt(), fd, &name, false);
}

SYS(sendmsg)
{
	struct linux_msghdr h;
	s64 err = is_socket((int)a);

	if (err)
		return err;
	return copy_from_user(&h, b, sizeof(h)) ? -EFAULT : send_header((int)a, &h, (u32)c);
}

SYS(recvmsg)
{
	struct linux_msghdr h;
	s64 err = is_socket((int)a);

	if (err)
		return err;
	return copy_from_user(&h, b, sizeof(h)) ? -EFAULT : recv_header((int)a, b, &h, (u32)c);
}

enum { MSG_WAITFORONE = 0x10000 };

static s64 one_of_many(bool send, int fd, u64 at, u32 flags)
{
	struct linux_msghdr h;
	u32 len;
	s64 n;

	if (copy_from_user(&h, at, sizeof(h)))
		return -EFAULT;
	n = send ? send_header(fd, &h, flags)
		 : recv_header(fd, at, &h, flags & ~(u32)MSG_WAITFORONE);
	len = (u32)n;
	if (n >= 0 && copy_to_user(at + offsetof(struct linux_mmsghdr, len), &len, sizeof(len)))
		return -EFAULT;
	return n;
}

/* How many were moved; an error only if it was none. deadline: clock_ns(). */
static s64 many(bool send, int fd, u64 at, u32 nr, u32 flags, u64 deadline)
{
	s64 n = is_socket(fd);
	u32 done = 0;

	if (n)
		return n;
	for (nr = MIN(nr, (u32)MMSG_MAX); done < nr; done++, at += sizeof(struct linux_mmsghdr)) {
		n = one_of_many(send, fd, at, flags);
		if (n < 0)
			break;
		if (flags & MSG_WAITFORONE)
			flags |= MSG_DONTWAIT;
		if (clock_ns() >= deadline) {
			done++;
			break;
		}
	}
	return done ? done : MIN(n, 0);
}

SYS(sendmmsg)
{
	return many(true, (int)a, b, (u32)c, (u32)d, UINT64_MAX);
}

SYS(recvmmsg)
{
	struct linux_timespec ts;
	u64 deadline = UINT64_MAX;
	s64 err;

	if (e) {
		err = get_timespec(&ts, e);
		if (err)
			return err;
		if (!timespec_valid(&ts))
			return -EINVAL;
		deadline = clock_ns() + timespec_ns(&ts);
	}
	return many(false, (int)a, b, (u32)c, (u32)d, deadline);
}
