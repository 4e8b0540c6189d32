/* SPDX-License-Identifier: MIT */
/*
 * serial_socket.h - a serial port at a stream socket that somebody else listens on: one client at a
 * time talks to the guest, the next one waits until it has gone. What the guest says while there is
 * no client is dropped, as it is on a line with nobody at its end.
 */
#ifndef VMM_SERIAL_SOCKET_H
#define VMM_SERIAL_SOCKET_H

#include "base/error.h"
#include "base/types.h"

struct loop;
struct serial_socket;

/*
 * Adopts the listening socket (closed by serial_socket_close()). *guest_fd is the port's end, for
 * reading and writing, owned by the serial_socket. 0 or -errno with e filled.
 */
int serial_socket_open(int listener, struct serial_socket **out, int *guest_fd, struct error *e);

/* Takes clients from here on. Loop thread, or before the loop runs. 0 or -errno. */
int serial_socket_start(struct serial_socket *s, struct loop *loop);

/* Passes on what the guest had said last, waiting at most ms for a slow client. */
void serial_socket_drain(struct serial_socket *s, int ms);

void serial_socket_close(struct serial_socket *s); /* NULL is fine */

#endif
