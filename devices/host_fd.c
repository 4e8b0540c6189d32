/* SPDX-License-Identifier: MIT */
/* host_fd.c - see host_fd.h. */
#include "devices/host_fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#define TTY_CHUNK 64u /* what a terminal that reports POLLOUT takes without a wait */

/* A terminal that may be opened again; to open a pty master's /dev/ptmx makes a new pty. */
static bool reopenable_tty(int fd, const struct stat *st)
{
	return S_ISCHR(st->st_mode) && isatty(fd) && st->st_rdev != makedev(5, 2);
}

static int reopen(int fd, int access)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, access | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

int host_fd_open(struct host_fd *h, int fd, int access)
{
	struct stat st;
	int flags;

	h->fd = -1;
	h->watched = false;
	if (fd < 0)
		return 0;
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fstat(fd, &st) < 0)
		return -errno;

	h->pipe = S_ISFIFO(st.st_mode);
	h->chunk = SIZE_MAX;
	if (h->pipe || reopenable_tty(fd, &st)) {
		h->kind = FD_NONBLOCK;
		h->fd = reopen(fd, access);
		if (h->fd >= 0)
			return 0;
	}
	if (S_ISSOCK(st.st_mode)) {
		h->kind = FD_SOCKET;
	} else if (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode)) {
		h->kind = FD_DIRECT;
	} else if (flags & O_NONBLOCK) {
		h->kind = FD_NONBLOCK;
	} else {
		h->kind = FD_POLLED;
		if (h->pipe)
			h->chunk = PIPE_BUF;
		else if (isatty(fd))
			h->chunk = TTY_CHUNK;
	}
	/* A number of its own even where in and out are one fd: epoll tells watches apart by it. */
	h->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return h->fd < 0 ? -errno : 0;
}

void host_fd_unwatch(const struct dev_env *env, struct host_fd *h)
{
	if (h->watched)
		env->unwatch_fd(env->ctx, h->fd);
	h->watched = false;
}

void host_fd_close(const struct dev_env *env, struct host_fd *h)
{
	host_fd_unwatch(env, h);
	if (h->fd >= 0)
		close(h->fd);
	h->fd = -1;
}

static bool poll_ready(const struct host_fd *h, short events)
{
	struct pollfd p = { .fd = h->fd, .events = events };

	return h->kind != FD_POLLED || poll(&p, 1, 0) == 1;
}

/* writev() to a pipe, a SIGPIPE swallowed: the process need not ignore it for us. */
static ssize_t writev_quietly(int fd, const struct iovec *iov, int n)
{
	const struct timespec zero = { 0 };
	sigset_t sigpipe, old;
	ssize_t r;
	int err;

	sigemptyset(&sigpipe);
	sigaddset(&sigpipe, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &sigpipe, &old);
	r = writev(fd, iov, n);
	err = errno;
	if (r < 0 && err == EPIPE)
		sigtimedwait(&sigpipe, NULL, &zero);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	errno = err;
	return r;
}

ssize_t host_fd_write(const struct host_fd *h, struct iovec iov[2])
{
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t r;

	if (!poll_ready(h, POLLOUT))
		return -EAGAIN;
	do {
		if (h->kind == FD_SOCKET)
			r = sendmsg(h->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
		else if (h->pipe)
			r = writev_quietly(h->fd, iov, 2);
		else
			r = writev(h->fd, iov, 2);
	} while (r < 0 && errno == EINTR);
	if (r == 0)
		return -EIO; /* POSIX allows 0 for device files; to repeat it would spin */
	return r < 0 ? -errno : r;
}

ssize_t host_fd_read(const struct host_fd *h, u8 *buf, size_t n)
{
	ssize_t r;

	if (!poll_ready(h, POLLIN))
		return -EAGAIN;
	do {
		if (h->kind == FD_SOCKET)
			r = recv(h->fd, buf, n, MSG_DONTWAIT);
		else
			r = read(h->fd, buf, n);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r;
}
