/* SPDX-License-Identifier: MIT */
/*
 * host_fd.h - writing to and reading from a terminal, pipe, socket or file of the host without ever
 * waiting for whoever is at its other end.
 *
 * O_NONBLOCK belongs to the open file description, which stdin and stdout share with the user's
 * shell: to set it there would break the shell. So terminals and pipes are opened a second time
 * through /proc/self/fd, which gives a description of our own. Where that is refused (a terminal of
 * another user) we write only after poll(2) says so and only what then fits: PIPE_BUF bytes into a
 * pipe, a few into a terminal. Sockets have MSG_DONTWAIT; files and block devices never make a
 * writer wait for a reader and are written directly.
 */
#ifndef DEVICES_HOST_FD_H
#define DEVICES_HOST_FD_H

#include <sys/types.h>
#include <sys/uio.h>

#include "devices/device.h"

/* How to use an fd without waiting for the other side. */
enum fd_kind {
	FD_NONBLOCK, /* O_NONBLOCK on a description of our own */
	FD_SOCKET,   /* MSG_DONTWAIT */
	FD_DIRECT,   /* a file: never waits for a reader */
	FD_POLLED,   /* poll(2) first, then at most `chunk` bytes */
};

struct host_fd {
	int fd; /* ours: reopened or duplicated; -1: none */
	enum fd_kind kind;
	bool pipe; /* a write may raise SIGPIPE */
	size_t chunk;
	bool watched; /* loop thread */
};

/* Fills h with an fd of our own for the caller's fd (-1: none). 0 or -errno. */
int host_fd_open(struct host_fd *h, int fd, int access);

/* Both on the loop thread; unwatching what is not watched is fine. */
void host_fd_unwatch(const struct dev_env *env, struct host_fd *h);
void host_fd_close(const struct dev_env *env, struct host_fd *h);

/* Writes what goes without waiting. Bytes written (> 0), or -errno; -EAGAIN: not now. */
ssize_t host_fd_write(const struct host_fd *h, struct iovec iov[2]);

/* Reads what is there. 0 at the end, or -errno; -EAGAIN: nothing now. */
ssize_t host_fd_read(const struct host_fd *h, u8 *buf, size_t n);

#endif
