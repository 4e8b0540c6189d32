/* SPDX-License-Identifier: MIT */
/*
 * chardev.c - the byte queues between a serial port and host file descriptors.
 *
 * The hard part is to write to a terminal or pipe without ever waiting for its reader. O_NONBLOCK
 * belongs to the open file description, which stdin and stdout share with the user's shell: to set
 * it there would break the shell. So chardev_create() opens terminals and pipes a second time
 * through /proc/self/fd, which gives a description of our own. Where that is refused (a terminal
 * of another user) we write only after poll(2) says so and only what then fits: PIPE_BUF bytes
 * into a pipe, a few into a terminal. Sockets have MSG_DONTWAIT; files and block devices never
 * make a writer wait for a reader and are written directly.
 *
 * Everything lives in one anonymous mapping, so that buffers cost memory only once used.
 */
#include "devices/chardev.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdalign.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define RING_MASK  (CHARDEV_RING - 1)
#define HIGH_WATER (CHARDEV_RING / 4)
#define IN_SIZE	   16384u
#define TTY_CHUNK  64u /* what a terminal that reports POLLOUT takes without a wait */

_Static_assert((CHARDEV_RING & RING_MASK) == 0, "free-running indices need a power of two");

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

/* Who will drain the ring next; a larger value wins over a smaller one. */
enum flush_state {
	FLUSH_IDLE,  /* nobody: the next put arms the timer */
	FLUSH_BATCH, /* the timer, within CHARDEV_BATCH_NS */
	FLUSH_NOW,   /* the timer, at once */
	FLUSH_FD,    /* the fd, when it can take bytes again */
};

struct chardev {
	const struct dev_env *env;
	struct chardev_client client;
	struct chardev_config cfg;
	struct host_fd in, out;
	struct dev_timer *out_timer, *in_timer;
	u8 *ring;
	u8 *in_buf;
	_Atomic bool discard; /* no output fd, or it died */
	int error;	      /* loop thread: errno the output fd died of */
	_Atomic u64 bytes, writes;

	/* Output. Indices run freely modulo 2^32; head is the putting thread's, tail the loop's. */
	alignas(64) _Atomic u32 head;
	alignas(64) _Atomic u32 tail;
	_Atomic int flush;	  /* enum flush_state */
	_Atomic bool room_wanted; /* the client is owed a writable() call */

	/* Input: in_buf[in_start, in_end) waits for the client. Loop thread, but for in_blocked. */
	u32 in_start, in_end;
	bool in_eof;
	bool in_unpollable;	 /* a file: read by timer instead of by readiness */
	_Atomic bool in_blocked; /* the client takes no more until chardev_kick_input() */
};

#define STRUCT_ROOM  ALIGN_UP(sizeof(struct chardev), GUEST_PAGE_SIZE)
#define MAPPING_SIZE (STRUCT_ROOM + CHARDEV_RING + IN_SIZE)

/* ---- host fds ---------------------------------------------------------------------------- */

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

/* Fills h with an fd of our own for the caller's fd. 0 or -errno. */
static int host_fd_open(struct host_fd *h, int fd, int access)
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

static void host_fd_unwatch(struct chardev *cd, struct host_fd *h)
{
	if (h->watched)
		cd->env->unwatch_fd(cd->env->ctx, h->fd);
	h->watched = false;
}

static void host_fd_close(struct chardev *cd, struct host_fd *h)
{
	host_fd_unwatch(cd, h);
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

/* Writes what goes without waiting. Bytes written (> 0), or -errno; -EAGAIN: not now. */
static ssize_t host_fd_write(const struct host_fd *h, struct iovec iov[2])
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

static ssize_t host_fd_read(const struct host_fd *h, u8 *buf, size_t n)
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

/* ---- output ------------------------------------------------------------------------------ */

static u32 ring_used(const struct chardev *cd)
{
	return atomic_load(&cd->head) - atomic_load(&cd->tail);
}

/* Sees to it that `used` bytes get written soon. Any thread. */
static void arm_flush(struct chardev *cd, u32 used)
{
	int want = used >= HIGH_WATER ? FLUSH_NOW : FLUSH_BATCH;
	int cur = atomic_load(&cd->flush);
	u64 now;

	do {
		if (cur >= want)
			return;
	} while (!atomic_compare_exchange_weak(&cd->flush, &cur, want));
	now = cd->env->now_ns(cd->env->ctx);
	cd->env->timer_arm(cd->env->ctx, cd->out_timer,
			   want == FLUSH_NOW ? now : now + CHARDEV_BATCH_NS);
}

/* Copies into the ring what fits and publishes it. */
static size_t ring_store(struct chardev *cd, const u8 *buf, size_t n)
{
	u32 head = atomic_load_explicit(&cd->head, memory_order_relaxed);
	u32 used = head - atomic_load(&cd->tail);
	size_t take = MIN(n, (size_t)(CHARDEV_RING - used));
	u32 at = head & RING_MASK;
	size_t first;

	if (take == 1) {
		cd->ring[at] = *buf;
	} else {
		first = MIN(take, (size_t)(CHARDEV_RING - at));
		memcpy(cd->ring + at, buf, first);
		memcpy(cd->ring, buf + first, take - first);
	}
	if (take) {
		/*
		 * Sequentially consistent, as is the load of cd->flush below: either the loop,
		 * which goes idle before it reads head, sees these bytes, or we see it idle.
		 */
		atomic_exchange(&cd->head, head + (u32)take);
		used += (u32)take;
		if (atomic_load(&cd->flush) < (used >= HIGH_WATER ? FLUSH_NOW : FLUSH_BATCH))
			arm_flush(cd, used);
	}
	return take;
}

size_t chardev_put(struct chardev *cd, const u8 *buf, size_t n)
{
	size_t done;

	if (atomic_load_explicit(&cd->discard, memory_order_acquire))
		return n;
	done = ring_store(cd, buf, n);
	/*
	 * Full: ask for a call, then look again, since the loop may have made room before it could
	 * see the question. Already asked: it has yet to answer, and answers after making room.
	 */
	while (done < n && !atomic_exchange(&cd->room_wanted, true)) {
		if (atomic_load_explicit(&cd->discard, memory_order_acquire))
			return n;
		done += ring_store(cd, buf + done, n - done);
	}
	return done;
}

size_t chardev_room(const struct chardev *cd)
{
	if (atomic_load_explicit(&cd->discard, memory_order_acquire))
		return CHARDEV_RING;
	return CHARDEV_RING - ring_used(cd);
}

static void out_ready(void *arg, u32 events);

/* The fd takes no more: wait for it. A watch that cannot be had is replaced by the timer. */
static void wait_for_fd(struct chardev *cd)
{
	const struct dev_env *env = cd->env;

	atomic_store(&cd->flush, FLUSH_FD);
	if (!cd->out.watched)
		cd->out.watched = env->watch_fd(env->ctx, cd->out.fd, EPOLLOUT, out_ready, cd) == 0;
	if (!cd->out.watched) {
		atomic_store(&cd->flush, FLUSH_IDLE);
		arm_flush(cd, 1);
	}
}

static void ring_to_iov(const struct chardev *cd, u32 tail, u32 used, struct iovec iov[2])
{
	u32 at = tail & RING_MASK;
	size_t total = MIN((size_t)used, cd->out.chunk);
	size_t first = MIN(total, (size_t)(CHARDEV_RING - at));

	iov[0] = (struct iovec){ cd->ring + at, first };
	iov[1] = (struct iovec){ cd->ring, total - first };
}

/* The reader is gone or the disk is full: the guest goes on, its output is dropped from here. */
static void out_die(struct chardev *cd, int err)
{
	cd->error = err;
	atomic_store(&cd->discard, true);
	atomic_store(&cd->tail, atomic_load(&cd->head));
	host_fd_unwatch(cd, &cd->out);
}

/* Writes what the fd takes, at most one ring's worth, so that a flood does not own the loop. */
static void drain(struct chardev *cd)
{
	u32 tail = atomic_load_explicit(&cd->tail, memory_order_relaxed);
	struct iovec iov[2];
	size_t done = 0;
	ssize_t r = 0;
	u32 used;

	atomic_exchange(&cd->flush, FLUSH_IDLE);
	while (done < CHARDEV_RING && !cd->error) {
		used = atomic_load(&cd->head) - tail;
		if (!used)
			break;
		ring_to_iov(cd, tail, used, iov);
		r = host_fd_write(&cd->out, iov);
		if (r < 0)
			break;
		tail += (u32)r;
		done += (size_t)r;
		atomic_store(&cd->tail, tail);
		atomic_fetch_add_explicit(&cd->bytes, (u64)r, memory_order_relaxed);
		atomic_fetch_add_explicit(&cd->writes, 1, memory_order_relaxed);
	}
	if (r == -EAGAIN)
		wait_for_fd(cd);
	else if (r < 0)
		out_die(cd, (int)-r);
	else
		host_fd_unwatch(cd, &cd->out);

	used = cd->error ? 0 : ring_used(cd);
	if (used)
		arm_flush(cd, used);
	if (used < CHARDEV_RING && atomic_exchange(&cd->room_wanted, false) && cd->client.writable)
		cd->client.writable(cd->client.arg);
}

static void out_tick(void *arg)
{
	struct chardev *cd = arg;

	if (atomic_load(&cd->flush) != FLUSH_FD)
		drain(cd);
}

static void out_ready(void *arg, u32 events)
{
	(void)events; /* EPOLLERR and EPOLLHUP: the write says what it is */
	drain(arg);
}

static s64 monotonic_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (s64)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int chardev_flush(struct chardev *cd, int timeout_ms)
{
	s64 deadline = monotonic_ms() + timeout_ms;
	struct pollfd p = { .fd = cd->out.fd, .events = POLLOUT };
	int err = 0;
	s64 left;

	while (cd->out.fd >= 0 && !cd->error) {
		drain(cd);
		if (cd->error || !ring_used(cd))
			break;
		left = deadline - monotonic_ms();
		if (left <= 0) {
			err = -ETIMEDOUT;
			break;
		}
		poll(&p, 1, (int)left);
	}
	return cd->error ? -cd->error : err;
}

/* ---- input ------------------------------------------------------------------------------- */

static void in_ready(void *arg, u32 events);

/* Hands waiting bytes to the client until it has enough. */
static void offer_input(struct chardev *cd)
{
	size_t n, took;

	while (cd->in_start < cd->in_end && cd->client.receive) {
		/* Before the question: a kick that comes right after the client's "no" counts. */
		atomic_store(&cd->in_blocked, true);
		n = cd->in_end - cd->in_start;
		took = cd->client.receive(cd->client.arg, cd->in_buf + cd->in_start, n);
		cd->in_start += (u32)MIN(took, n);
		if (took < n)
			return;
	}
	if (cd->in_start == cd->in_end)
		cd->in_start = cd->in_end = 0;
	atomic_store(&cd->in_blocked, false);
}

/* Room to read into; waiting bytes move to the front once half the buffer has been taken. */
static u32 in_room(struct chardev *cd)
{
	if (cd->in_end == IN_SIZE && cd->in_start >= IN_SIZE / 2) {
		memmove(cd->in_buf, cd->in_buf + cd->in_start, cd->in_end - cd->in_start);
		cd->in_end -= cd->in_start;
		cd->in_start = 0;
	}
	return IN_SIZE - cd->in_end;
}

/* Watches the input fd exactly while there is something to gain from a read. */
static void watch_input(struct chardev *cd)
{
	const struct dev_env *env = cd->env;
	bool want = !cd->in_eof && in_room(cd);

	if (cd->in_unpollable) {
		if (want && !atomic_load(&cd->in_blocked))
			env->timer_arm(env->ctx, cd->in_timer, env->now_ns(env->ctx));
	} else if (!want) {
		host_fd_unwatch(cd, &cd->in);
	} else if (!cd->in.watched) {
		cd->in.watched = env->watch_fd(env->ctx, cd->in.fd, EPOLLIN, in_ready, cd) == 0;
	}
}

/*
 * Reads on even while the guest takes nothing (up to IN_SIZE), so that the filter's keys work on
 * a guest that hangs.
 */
static void read_input(struct chardev *cd)
{
	u32 room = in_room(cd);
	ssize_t r;
	size_t n;

	if (!room)
		return;
	r = host_fd_read(&cd->in, cd->in_buf + cd->in_end, room);
	if (r == -EAGAIN)
		return;
	if (r <= 0) { /* end of file; EIO from a terminal that hung up */
		cd->in_eof = true;
		return;
	}
	n = (size_t)r;
	if (cd->cfg.filter)
		n = MIN(n, cd->cfg.filter(cd->cfg.filter_arg, cd->in_buf + cd->in_end, n));
	cd->in_end += (u32)n;
}

static void in_ready(void *arg, u32 events)
{
	struct chardev *cd = arg;

	(void)events;
	read_input(cd);
	offer_input(cd);
	watch_input(cd);
}

/* The client can take input again, or a file is to be read on. */
static void in_tick(void *arg)
{
	struct chardev *cd = arg;

	if (cd->in_unpollable && !cd->in_eof)
		read_input(cd);
	offer_input(cd);
	watch_input(cd);
}

void chardev_kick_input(struct chardev *cd)
{
	const struct dev_env *env = cd->env;

	if (atomic_load(&cd->in_blocked) && atomic_exchange(&cd->in_blocked, false))
		env->timer_arm(env->ctx, cd->in_timer, env->now_ns(env->ctx));
}

/* ---- life -------------------------------------------------------------------------------- */

struct chardev *chardev_create(const struct dev_env *env, const struct chardev_config *cfg)
{
	struct chardev *cd = mmap(NULL, MAPPING_SIZE, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (cd == MAP_FAILED)
		return NULL;
	cd->env = env;
	cd->cfg = *cfg;
	cd->ring = (u8 *)cd + STRUCT_ROOM;
	cd->in_buf = cd->ring + CHARDEV_RING;
	cd->in.fd = cd->out.fd = -1;
	cd->out_timer = env->timer_create(env->ctx, out_tick, cd);
	cd->in_timer = env->timer_create(env->ctx, in_tick, cd);
	if (!cd->out_timer || !cd->in_timer) {
		munmap(cd, MAPPING_SIZE);
		return NULL;
	}
	cd->error = -host_fd_open(&cd->out, cfg->out_fd, O_WRONLY);
	atomic_store(&cd->discard, cd->out.fd < 0);
	/* A bad input fd is chardev_start()'s to report. */
	if (host_fd_open(&cd->in, cfg->in_fd, O_RDONLY) < 0)
		cd->in.fd = -1;
	return cd;
}

void chardev_destroy(struct chardev *cd)
{
	const struct dev_env *env;

	if (!cd)
		return;
	env = cd->env;
	env->timer_cancel(env->ctx, cd->out_timer);
	env->timer_cancel(env->ctx, cd->in_timer);
	host_fd_close(cd, &cd->in);
	host_fd_close(cd, &cd->out);
	munmap(cd, MAPPING_SIZE);
}

void chardev_set_client(struct chardev *cd, const struct chardev_client *client)
{
	cd->client = *client;
}

int chardev_start(struct chardev *cd)
{
	const struct dev_env *env = cd->env;
	int err;

	if (cd->cfg.in_fd < 0)
		return 0;
	if (cd->in.fd < 0)
		return -EBADF;
	err = env->watch_fd(env->ctx, cd->in.fd, EPOLLIN, in_ready, cd);
	cd->in.watched = err == 0;
	if (err == -EPERM) {
		cd->in_unpollable = true;
		watch_input(cd);
		err = 0;
	}
	return err;
}

void chardev_stats(const struct chardev *cd, u64 *bytes, u64 *writes)
{
	*bytes = atomic_load_explicit(&cd->bytes, memory_order_relaxed);
	*writes = atomic_load_explicit(&cd->writes, memory_order_relaxed);
}
