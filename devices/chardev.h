/* SPDX-License-Identifier: MIT */
/*
 * chardev.h - the host side of a serial line: two byte queues between vCPU threads and host fds.
 *
 * Output: vCPU threads put bytes into a ring; the loop thread writes them out in batches. The
 * loop is woken (by arming a timer CHARDEV_BATCH_NS ahead) only when the ring turns non-empty or
 * passes its high-water mark, so that a byte costs a ring store and no system call.
 * Rule C1: a vCPU never blocks here and never makes a system call per byte.
 * Rule C2: a byte accepted by chardev_put() is written to the fd, whatever its speed, or the fd
 *          is dead (EPIPE, ENOSPC ...); chardev_flush() at machine exit writes the rest.
 * Rule C3: flow control instead of loss: chardev_put() says when the ring is full; the UART then
 *          keeps THRE clear, and writable() tells it when there is room again.
 */
#ifndef DEVICES_CHARDEV_H
#define DEVICES_CHARDEV_H

#include "devices/device.h"

#define CHARDEV_BATCH_NS 2000000ULL
#define CHARDEV_RING	 65536u

struct chardev;

struct chardev_client {
	void *arg;
	/* Loop thread: n bytes came from the host; returns how many were taken (the rest is kept and
	 * offered again after chardev_kick_input()). */
	size_t (*receive)(void *arg, const u8 *buf, size_t n);
	/* Loop thread: the output ring has room again after chardev_put() said it had none. */
	void (*writable)(void *arg);
};

struct chardev_config {
	int in_fd;  /* -1: no input. Must be non-blocking-safe: read only after epoll says so. */
	int out_fd; /* -1: bytes are discarded at once (null), or go to the tap alone */
	/*
	 * Optional filter over input bytes (the console's Ctrl-a keys): rewrites buf in place, returns
	 * the bytes left for the guest. Loop thread.
	 */
	size_t (*filter)(void *arg, u8 *buf, size_t n);
	void *filter_arg;
	/*
	 * Optional: sees every byte of output as it leaves the ring, also where there is no out_fd or it
	 * died; room says that chardev_feed() takes bytes again. Loop thread.
	 */
	void (*tap)(void *arg, const u8 *buf, size_t n);
	void (*room)(void *arg);
	void *tap_arg;
};

/* fds stay owned by the caller. NULL when out of memory. */
struct chardev *chardev_create(const struct dev_env *env, const struct chardev_config *cfg);
void chardev_destroy(struct chardev *cd);
void chardev_set_client(struct chardev *cd, const struct chardev_client *client);

/* Starts watching in_fd. Before the loop runs. 0 or -errno. */
int chardev_start(struct chardev *cd);

/*
 * Queues bytes for output; returns how many were taken (fewer than n only when the ring is full;
 * the caller is then owed a writable() call). Callers on several threads serialise themselves
 * (the UART's lock does). No system call on the common path.
 */
size_t chardev_put(struct chardev *cd, const u8 *buf, size_t n);

/* chardev_put() of one byte: whether it was taken. */
bool chardev_put_byte(struct chardev *cd, u8 byte);

/*
 * Whether somebody looks at what the tap gets, from now on: then it has each byte within CHARDEV_BATCH_NS,
 * and at once what has waited. While nobody does, as at first, and there is no out_fd, bytes wait in the
 * ring until they fill a quarter of it: output that nobody reads wakes nobody. Loop thread; not from the tap
 * when it is true.
 */
void chardev_look(struct chardev *cd, bool looks);

/* Room left in the ring, in bytes. */
size_t chardev_room(const struct chardev *cd);

/*
 * Input from elsewhere than in_fd, as if it had come there (past the filter). Returns how many bytes
 * were taken; fewer than n: room() will be called. Loop thread.
 */
size_t chardev_feed(struct chardev *cd, const u8 *buf, size_t n);

/* The client can take input again. Any thread; cheap when no input is pending. */
void chardev_kick_input(struct chardev *cd);

/*
 * Writes out everything that is queued, waiting at most timeout_ms for a slow reader. Loop thread,
 * after the vCPUs have stopped. 0, or -ETIMEDOUT / the fd's -errno (then bytes were lost).
 */
int chardev_flush(struct chardev *cd, int timeout_ms);

/* Bytes written to the fd and number of write calls, for --stats. */
void chardev_stats(const struct chardev *cd, u64 *bytes, u64 *writes);

#endif
