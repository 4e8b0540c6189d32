/* SPDX-License-Identifier: MIT */
/* socket.c - the calls of socket(2) by descriptor, and getsockopt(2), socket(7). */
#include "guest/fs/socket.h"
#include "guest/fs/fdtable.h"
#include "guest/fs/internal.h"
#include "guest/fs/unix_internal.h"
#include "guest/lib/string.h"

#define NR_FAMILIES 46
#define NR_TYPES    11

/* ---- descriptors --------------------------------------------------------------------------------------------- */

int sock_get(struct vfs_task *t, int fd, struct fd *f, struct unix_sock **s)
{
	*f = fdget(t, fd);
	if (!f->file)
		return -EBADF;
	*s = unix_of(f->file);
	if (*s)
		return 0;
	fdput(*f);
	return -ENOTSOCK;
}

/* A descriptor for s, whose reference goes along. */
static s64 sock_install(struct vfs_task *t, struct unix_sock *s, u32 flags)
{
	struct file *f;
	int fd = get_unused_fd(t, 0, flags & SOCK_CLOEXEC), err;

	if (fd < 0) {
		unix_put(s);
		return fd;
	}
	err = unix_file(t, s, flags, &f);
	if (err) {
		put_unused_fd(t, fd);
		return err;
	}
	fd_install(t, fd, f);
	return fd;
}

static int sock_create(struct vfs_task *t, int family, int type, int protocol,
		       struct unix_sock **out)
{
	if (type & ~(0xf | SOCK_CLOEXEC | SOCK_NONBLOCK))
		return -EINVAL;
	type &= 0xf;
	if (family < 0 || family >= NR_FAMILIES)
		return -EAFNOSUPPORT;
	if (type >= NR_TYPES)
		return -EINVAL;
	if (family != AF_UNIX)
		return -EAFNOSUPPORT;
	if (protocol && protocol != AF_UNIX)
		return -EPROTONOSUPPORT;
	if (type == SOCK_RAW)
		type = SOCK_DGRAM;
	if (type != SOCK_STREAM && type != SOCK_DGRAM && type != SOCK_SEQPACKET)
		return -ESOCKTNOSUPPORT;
	*out = unix_new(t->vfs, type);
	return *out ? 0 : -ENOMEM;
}

s64 fs_socket(struct vfs_task *t, int family, int type, int protocol)
{
	struct unix_sock *s;
	int err = sock_create(t, family, type, protocol, &s);

	return err ? err : sock_install(t, s, (u32)type);
}

static void pair_up(struct vfs_task *t, struct unix_sock *a, struct unix_sock *b)
{
	mutex_lock(&a->net->mutex);
	unix_set_peer(a, b);
	unix_set_peer(b, a);
	unix_tell_peer(a, t);
	unix_tell_peer(b, t);
	a->state = b->state = UNIX_ESTABLISHED;
	mutex_unlock(&a->net->mutex);
}

/* Both ends, each with a reference for its file. */
static int make_pair(struct vfs_task *t, int family, int type, int protocol, struct file *f[2])
{
	struct unix_sock *s[2];
	int err = sock_create(t, family, type, protocol, &s[0]);

	if (err)
		return err;
	err = sock_create(t, family, type, protocol, &s[1]);
	if (err) {
		unix_put(s[0]);
		return err;
	}
	err = unix_file(t, s[0], (u32)type, &f[0]);
	if (err) {
		unix_put(s[1]);
		return err;
	}
	err = unix_file(t, s[1], (u32)type, &f[1]);
	if (err) {
		fput(f[0]);
		return err;
	}
	pair_up(t, s[0], s[1]);
	return 0;
}

s64 fs_socketpair(struct vfs_task *t, int family, int type, int protocol, int fd[2])
{
	struct file *f[2];
	int err;

	if (type & ~(0xf | SOCK_CLOEXEC | SOCK_NONBLOCK))
		return -EINVAL;
	fd[0] = get_unused_fd(t, 0, type & SOCK_CLOEXEC);
	if (fd[0] < 0)
		return fd[0];
	fd[1] = get_unused_fd(t, 0, type & SOCK_CLOEXEC);
	err = fd[1] < 0 ? fd[1] : make_pair(t, family, type, protocol, f);
	if (err) {
		put_unused_fd(t, fd[0]);
		if (fd[1] >= 0)
			put_unused_fd(t, fd[1]);
		return err;
	}
	fd_install(t, fd[0], f[0]);
	fd_install(t, fd[1], f[1]);
	return 0;
}

/* ---- names and connections -------------------------------------------------------------------------------------- */

s64 fs_bind(struct vfs_task *t, int fd, const struct sockaddr_buf *addr)
{
	struct unix_sock *s;
	struct fd f;
	s64 err = sock_get(t, fd, &f, &s);

	if (err)
		return err;
	err = unix_bind(t, s, addr);
	fdput(f);
	return err;
}

s64 fs_connect(struct vfs_task *t, int fd, const struct sockaddr_buf *addr)
{
	struct unix_sock *s;
	struct fd f;
	s64 err = sock_get(t, fd, &f, &s);

	if (err)
		return err;
	err = unix_connect(t, f.file, addr);
	fdput(f);
	return err;
}

s64 fs_listen(struct vfs_task *t, int fd, int backlog)
{
	struct unix_sock *s;
	struct fd f;
	s64 err = sock_get(t, fd, &f, &s);

	if (err)
		return err;
	err = unix_listen(t, s, backlog);
	fdput(f);
	return err;
}

s64 fs_accept4(struct vfs_task *t, int fd, struct sockaddr_buf *peer, int flags)
{
	struct unix_sock *s, *fresh;
	struct file *file;
	struct fd f;
	s64 err;
	int n;

	if (flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK))
		return -EINVAL;
	err = sock_get(t, fd, &f, &s);
	if (err)
		return err;
	n = get_unused_fd(t, 0, flags & SOCK_CLOEXEC);
	err = n < 0 ? n : unix_accept(t, f.file, &fresh);
	fdput(f);
	if (err)
		goto err_fd;
	if (peer) {
		mutex_lock(&fresh->net->mutex);
		if (fresh->peer)
			unix_copy_name(fresh->peer, peer);
		mutex_unlock(&fresh->net->mutex);
	}
	err = unix_file(t, fresh, (u32)flags, &file);
	if (err)
		goto err_fd;
	fd_install(t, n, file);
	return n;
err_fd:
	if (n >= 0)
		put_unused_fd(t, n);
	return err;
}

s64 fs_getsockname(struct vfs_task *t, int fd, struct sockaddr_buf *addr, bool peer)
{
	struct unix_sock *s;
	struct fd f;
	s64 err = sock_get(t, fd, &f, &s);

	if (err)
		return err;
	mutex_lock(&s->net->mutex);
	if (peer && !s->peer)
		err = -ENOTCONN;
	else
		unix_copy_name(peer ? s->peer : s, addr);
	mutex_unlock(&s->net->mutex);
	fdput(f);
	return err;
}

s64 fs_shutdown(struct vfs_task *t, int fd, int how)
{
	struct unix_sock *s;
	struct fd f;
	s64 err = sock_get(t, fd, &f, &s);

	if (err)
		return err;
	err = unix_shutdown(s, how);
	fdput(f);
	return err;
}

/* ---- messages ------------------------------------------------------------------------------------------------------ */

s64 fs_sendmsg(struct vfs_task *t, int fd, struct socket_message *m)
{
	struct scm scm = { 0 };
	struct unix_sock *s;
	struct fd f;
	s64 ret = sock_get(t, fd, &f, &s);

	if (ret)
		return ret;
	if (m->control_len)
		ret = scm_parse(t, m->control_in, m->control_len, &scm);
	if (!ret)
		ret = unix_send(t, f.file, m, &scm);
	scm_destroy(t->vfs, &scm);
	fdput(f);
	if (ret > 0 && t->wchar)
		*t->wchar += (u64)ret;
	return ret;
}

s64 fs_recvmsg(struct vfs_task *t, int fd, struct socket_message *m)
{
	bool cloexec = m->flags & MSG_CMSG_CLOEXEC;
	struct scm scm = { 0 };
	struct unix_sock *s;
	struct fd f;
	s64 ret = sock_get(t, fd, &f, &s);

	if (ret)
		return ret;
	ret = unix_recv(t, f.file, m, &scm);
	if (ret >= 0) {
		scm_deliver(t, m, &scm, s->passcred, cloexec);
		if (cloexec)
			m->flags |= MSG_CMSG_CLOEXEC;
	}
	scm_destroy(t->vfs, &scm);
	fdput(f);
	if (ret > 0 && t->rchar)
		*t->rchar += (u64)ret;
	return ret;
}
