/* SPDX-License-Identifier: MIT */
/*
 * serial.h - what stands at the host end of a serial port: --serial stdio|null|none|pty|file:PATH,
 * append:PATH; and for front ends that inherited a descriptor, fd:N, an open file, and listen:N, a
 * listening socket (both are closed in the end).
 */
#ifndef VMM_SERIAL_H
#define VMM_SERIAL_H

#include "base/error.h"
#include "base/types.h"

struct loop;

struct serial_backend {
	bool present;	   /* "none": the guest has no such port */
	bool terminal;	   /* stdio: the console's keys apply */
	int in_fd, out_fd; /* -1: none */
	int slave_fd;	   /* pty: kept open so that the master never reads EIO; -1: none */
	bool owned;	   /* out_fd is closed by serial_close() */
	struct serial_socket *socket; /* at a socket; NULL: not */
	char path[64];		      /* pty: its name, to be told to the user */
};

/* Checks the words alone. 0 or -EINVAL with e filled. */
int serial_check(const char *spec, struct error *e);

/* Opens it. 0 or -errno with e filled. A NULL spec means "none". */
int serial_open(struct serial_backend *s, const char *spec, struct error *e);

/* What a socket needs of the loop; nothing for the others. 0 or -errno. */
int serial_start(struct serial_backend *s, struct loop *loop);

/*
 * Waits until whoever reads a pty has read it all, because closing it drops what is unread; gives
 * up once nothing was read for SERIAL_DRAIN_MS. Everything else is drained already.
 */
#define SERIAL_DRAIN_MS 300
void serial_drain(const struct serial_backend *s);
void serial_close(struct serial_backend *s);

#endif
