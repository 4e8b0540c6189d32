/* SPDX-License-Identifier: MIT */
/* serial.c - see serial.h. */
#include "vmm/serial.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "vmm/serial_socket.h"

#define FILE_PREFIX   "file:"
#define APPEND_PREFIX "append:"
#define FD_PREFIX     "fd:"
#define LISTEN_PREFIX "listen:"

int serial_check(const char *spec, struct error *e)
{
	static const char *const words[] = { "stdio", "null", "none", "pty" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcmp(spec, words[i]))
			return 0;
	if (!strncmp(spec, FILE_PREFIX, strlen(FILE_PREFIX)) && spec[strlen(FILE_PREFIX)])
		return 0;
	if (!strncmp(spec, APPEND_PREFIX, strlen(APPEND_PREFIX)) && spec[strlen(APPEND_PREFIX)])
		return 0;
	return error_set(e, -EINVAL, "--serial %s: one of stdio, null, none, pty, file:PATH", spec);
}

static int open_pty(struct serial_backend *s, struct error *e)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK), slave = -1;
	struct termios raw;

	if (master < 0 || grantpt(master) || unlockpt(master) ||
	    ptsname_r(master, s->path, sizeof(s->path)))
		goto fail;
	/* Raw from the start, and held open: without a slave the master reads EIO for ever. */
	slave = open(s->path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0 || tcgetattr(slave, &raw))
		goto fail;
	cfmakeraw(&raw);
	tcsetattr(slave, TCSANOW, &raw);
	s->in_fd = s->out_fd = master;
	s->owned = true;
	s->slave_fd = slave;
	return 0;
fail:
	error_sys(e, -errno, "--serial pty: cannot make a pseudo-terminal");
	if (slave >= 0)
		close(slave);
	if (master >= 0)
		close(master);
	return -EIO;
}

static int open_file(struct serial_backend *s, const char *spec, const char *path, int how,
		     struct error *e)
{
	s->out_fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | how, 0644);
	if (s->out_fd < 0)
		return error_sys(e, -errno, "--serial %s: cannot open", spec);
	s->owned = true;
	return 0;
}

static int adopt_fd(struct serial_backend *s, const char *spec, int fd, struct error *e)
{
	int mode = fcntl(fd, F_GETFL);

	if (mode < 0)
		return error_sys(e, -errno, "--serial %s: not an open descriptor", spec);
	if ((mode & O_ACCMODE) == O_RDONLY)
		return error_set(e, -EBADF, "--serial %s: it cannot be written to", spec);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	s->out_fd = fd;
	s->owned = true;
	return 0;
}

int serial_open(struct serial_backend *s, const char *spec, struct error *e)
{
	*s = (struct serial_backend){ .in_fd = -1, .out_fd = -1, .slave_fd = -1 };
	if (!spec || !strcmp(spec, "none"))
		return 0;
	s->present = true;
	if (!strcmp(spec, "stdio")) {
		s->terminal = true;
		s->in_fd = STDIN_FILENO;
		s->out_fd = STDOUT_FILENO;
	} else if (!strcmp(spec, "pty")) {
		return open_pty(s, e);
	} else if (!strncmp(spec, FILE_PREFIX, strlen(FILE_PREFIX))) {
		return open_file(s, spec, spec + strlen(FILE_PREFIX), O_TRUNC, e);
	} else if (!strncmp(spec, APPEND_PREFIX, strlen(APPEND_PREFIX))) {
		return open_file(s, spec, spec + strlen(APPEND_PREFIX), O_APPEND, e);
	} else if (!strncmp(spec, FD_PREFIX, strlen(FD_PREFIX))) {
		return adopt_fd(s, spec, atoi(spec + strlen(FD_PREFIX)), e);
	} else if (!strncmp(spec, LISTEN_PREFIX, strlen(LISTEN_PREFIX))) {
		int err = serial_socket_open(atoi(spec + strlen(LISTEN_PREFIX)), &s->socket,
					     &s->in_fd, e);

		s->out_fd = s->in_fd;
		return err;
	}
	return 0;
}

int serial_start(struct serial_backend *s, struct loop *loop)
{
	return s->socket ? serial_socket_start(s->socket, loop) : 0;
}

void serial_drain(const struct serial_backend *s)
{
	const struct timespec step = { .tv_nsec = 5000000 };
	int unread = 0, before = 0;

	if (s->socket)
		serial_socket_drain(s->socket, SERIAL_DRAIN_MS);
	if (s->slave_fd < 0)
		return;
	for (int idle_ms = 0; idle_ms < SERIAL_DRAIN_MS; idle_ms += 5) {
		struct pollfd p = { .fd = s->slave_fd, .events = POLLIN };

		/* Bytes on their way to the reader's queue show up in poll(2), not in FIONREAD. */
		if (!poll(&p, 1, 0) || ioctl(s->slave_fd, FIONREAD, &unread))
			return;
		if (unread != before)
			idle_ms = 0;
		before = unread;
		nanosleep(&step, NULL);
	}
}

void serial_close(struct serial_backend *s)
{
	if (s->slave_fd >= 0)
		close(s->slave_fd);
	if (s->owned && s->out_fd >= 0)
		close(s->out_fd);
	serial_socket_close(s->socket);
	s->socket = NULL;
	s->owned = false;
	s->in_fd = s->out_fd = s->slave_fd = -1;
}
