/* SPDX-License-Identifier: MIT */
/*
 * load.c - what a Linux guest does with its devices while it is measured; each prints "LOAD NAME NS COUNT".
 *
 *	load NAME read|write DEVICE COUNT SIZE   requests past the page cache, at places in a fixed disorder
 *	load NAME console DEVICE BYTES           lines of 64 bytes
 *	load NAME send|receive ADDRESS PORT BYTES
 *	load NAME serve ADDRESS PORT BYTES       the other side of both, until it is killed: a source of BYTES
 *	                                         at PORT, a sink at the next one
 *
 * Its clock is the guest's; where time is counted in instructions, so is what it prints.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define SPAN  (4L << 20) /* of a disk: what the host holds in its cache */
#define CHUNK 65536

static char *buffer;

static long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000L + t.tv_nsec;
}

static int fail(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	return 1;
}

static int disk(int write, const char *path, long count, long size)
{
	int fd = open(path, (write ? O_WRONLY : O_RDONLY) | O_DIRECT);
	unsigned long place = 1;

	if (fd < 0)
		return fail(path);
	for (long i = 0; i < count; i++) {
		off_t at = (off_t)(place >> 33) % (SPAN / size) * size;
		ssize_t n = write ? pwrite(fd, buffer, (size_t)size, at)
				  : pread(fd, buffer, (size_t)size, at);

		if (n != size)
			return fail(path);
		place = place * 6364136223846793005UL + 1442695040888963407UL;
	}
	close(fd);
	return 0;
}

static int console(const char *path, long bytes)
{
	int fd = open(path, O_WRONLY | O_NOCTTY);

	if (fd < 0)
		return fail(path);
	for (long left = bytes; left > 0; left -= 64)
		if (write(fd, buffer, 64) != 64)
			return fail(path);
	tcdrain(fd);
	close(fd);
	return 0;
}

static int network(int send_it, const char *address, int port, long bytes)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons((unsigned short)port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	inet_pton(AF_INET, address, &sa.sin_addr);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof(sa)))
		return fail(address);
	while (bytes > 0) {
		size_t some = (size_t)(bytes < CHUNK ? bytes : CHUNK);
		ssize_t n = send_it ? send(fd, buffer, some, 0) : recv(fd, buffer, some, 0);

		if (n <= 0)
			return fail(address);
		bytes -= n;
	}
	/* Sent is what the other side has read to its end. */
	if (send_it && (shutdown(fd, SHUT_WR) || recv(fd, buffer, 1, 0) != 0))
		return fail(address);
	close(fd);
	return 0;
}

static int listener(int port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons((unsigned short)port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) || listen(fd, 4))
		return -1;
	return fd;
}

static int serve(int port, long bytes)
{
	struct pollfd p[] = { { .fd = listener(port), .events = POLLIN },
			      { .fd = listener(port + 1), .events = POLLIN } };

	if (p[0].fd < 0 || p[1].fd < 0)
		return fail("serve");
	while (poll(p, 2, -1) > 0) {
		int sink = !(p[0].revents & POLLIN), fd = accept(p[sink].fd, NULL, NULL);

		for (long left = sink ? 1 : bytes; left > 0;) {
			ssize_t n =
				sink ? recv(fd, buffer, CHUNK, 0)
				     : send(fd, buffer, (size_t)(left < CHUNK ? left : CHUNK), 0);

			if (n <= 0)
				break;
			left -= sink ? 0 : n;
		}
		close(fd);
	}
	return fail("poll");
}

int main(int argc, char **argv)
{
	const char *what = argc > 4 ? argv[2] : "";
	long start, a, b = argc > 5 ? atol(argv[5]) : 0;
	int status = 2;

	if (posix_memalign((void **)&buffer, 4096, CHUNK * 4))
		return 1;
	memset(buffer, 'x', CHUNK * 4);
	for (long i = 63; i < CHUNK * 4; i += 64)
		buffer[i] = '\n';
	start = now();
	a = argc > 4 ? atol(argv[4]) : 0;
	if (!strcmp(what, "read") || !strcmp(what, "write"))
		status = disk(what[0] == 'w', argv[3], a, b);
	else if (!strcmp(what, "console"))
		status = console(argv[3], b = a);
	else if (!strcmp(what, "send") || !strcmp(what, "receive"))
		status = network(what[0] == 's', argv[3], (int)a, b);
	else if (!strcmp(what, "serve"))
		status = serve((int)a, b);
	if (!status)
		printf("LOAD %s %ld %ld\n", argv[1], now() - start,
		       !strcmp(what, "read") || !strcmp(what, "write") ? a : b);
	return status;
}
