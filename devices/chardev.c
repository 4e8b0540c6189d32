/* SPDX-License-Identifier: MIT */
/*
 * chardev.c - the byte queues between a serial port and host file descriptors (host_fd.h).
 *
 * Everything lives in one anonymous mapping, so that buffers cost memory only once used.
 */
#include "devices/chardev.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdalign.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <time.h>

#include "devices/host_fd.h"

#define RING_MASK  (CHARDEV_RING - 1)
#define HIGH_WATER (CHARDEV_RING / 4)
#define IN_SIZE	   16384u

_Static_assert((CHARDEV_RING & RING_MASK) == 0, "free-running indices need a power of two");

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
	_Atomic bool lazy;	  /* see chardev_look() */

	/* Input: in_buf[in_start, in_end) waits for the client. Loop thread, but for in_blocked. */
	u32 in_start, in_end;
	bool in_eof;
	bool in_unpollable;	 /* a file: read by timer instead of by readiness */
	_Atomic bool in_blocked; /* the client takes no more until chardev_kick_input() */
};

#define STRUCT_ROOM  ALIGN_UP(sizeof(struct chardev), GUEST_PAGE_SIZE)
#define MAPPING_SIZE (STRUCT_ROOM + CHARDEV_RING + IN_SIZE)

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

/* Makes the bytes up to head visible, `used` with those before them, and has them written soon. */
static inline void publish(struct chardev *cd, u32 head, u32 used)
{
	/*
	 * Sequentially consistent, as is the load of cd->flush below: either the loop, which goes
	 * idle before it reads head, sees these bytes, or we see it idle.
	 */
	atomic_exchange(&cd->head, head);
	if (atomic_load(&cd->flush) < (used >= HIGH_WATER ? FLUSH_NOW : FLUSH_BATCH))
		arm_flush(cd, used);
}

/* Copies into the ring what fits and publishes it. */
static size_t ring_store(struct chardev *cd, const u8 *buf, size_t n)
{
	u32 head = atomic_load_explicit(&cd->head, memory_order_relaxed);
	u32 used = head - atomic_load(&cd->tail);
	size_t take = MIN(n, (size_t)(CHARDEV_RING - used));
	u32 at = head & RING_MASK;
	size_t first;

	first = MIN(take, (size_t)(CHARDEV_RING - at));
	memcpy(cd->ring + at, buf, first);
	memcpy(cd->ring, buf + first, take - first);
	if (take)
		publish(cd, head + (u32)take, used + (u32)take);
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

/* Not inlined: a byte in memory would put a stack canary into the common path. */
static __attribute__((noinline)) bool put_byte_into_full_ring(struct chardev *cd, u8 byte)
{
	return chardev_put(cd, &byte, 1) == 1;
}

bool chardev_put_byte(struct chardev *cd, u8 byte)
{
	u32 head, used;

	if (atomic_load_explicit(&cd->discard, memory_order_acquire))
		return true;
	head = atomic_load_explicit(&cd->head, memory_order_relaxed);
	used = head - atomic_load(&cd->tail);
	if (used == CHARDEV_RING)
		return put_byte_into_full_ring(cd, byte);
	cd->ring[head & RING_MASK] = byte;
	publish(cd, head + 1, used + 1);
	return true;
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

/* Where the next byte to leave lies. */
static u32 ring_at(const struct chardev *cd)
{
	return atomic_load_explicit(&cd->tail, memory_order_relaxed) & RING_MASK;
}

static void ring_to_iov(const struct chardev *cd, u32 tail, u32 used, struct iovec iov[2])
{
	u32 at = tail & RING_MASK;
	size_t total = cd->out.fd < 0 ? used : MIN((size_t)used, cd->out.chunk);
	size_t first = MIN(total, (size_t)(CHARDEV_RING - at));

	iov[0] = (struct iovec){ cd->ring + at, first };
	iov[1] = (struct iovec){ cd->ring, total - first };
}

/* The reader is gone or the disk is full: the guest goes on, its output is dropped from here. */
static void out_die(struct chardev *cd, int err)
{
	cd->error = err;
	if (cd->cfg.tap) {
		host_fd_unwatch(cd->env, &cd->out);
		return;
	}
	atomic_store(&cd->discard, true);
	atomic_store(&cd->tail, atomic_load(&cd->head));
	host_fd_unwatch(cd->env, &cd->out);
}

/* No bytes go anywhere any more. */
static bool is_mute(const struct chardev *cd)
{
	return cd->error && !cd->cfg.tap;
}

/* To the fd, if there is one that lives, and what it took to the tap. */
static ssize_t put_out(struct chardev *cd, struct iovec iov[2])
{
	size_t first = iov[0].iov_len;
	ssize_t r = (ssize_t)(first + iov[1].iov_len);

	if (cd->out.fd >= 0 && !cd->error)
		r = host_fd_write(&cd->out, iov);
	if (r <= 0 || !cd->cfg.tap)
		return r;
	first = MIN(first, (size_t)r);
	cd->cfg.tap(cd->cfg.tap_arg, cd->ring + ring_at(cd), first);
	if ((size_t)r > first)
		cd->cfg.tap(cd->cfg.tap_arg, cd->ring, (size_t)r - first);
	return r;
}

/* As if the timer were armed, where a batch need not leave: only a fuller ring wakes the loop then. */
static int resting(const struct chardev *cd)
{
	return atomic_load(&cd->lazy) ? FLUSH_BATCH : FLUSH_IDLE;
}

/*
 * Writes what the fd takes, at most one ring's worth, so that a flood does not own the loop. `next` is
 * the state from here on: FLUSH_IDLE, or FLUSH_BATCH when the caller has armed the timer.
 */
static void drain(struct chardev *cd, enum flush_state next)
{
	u32 tail = atomic_load_explicit(&cd->tail, memory_order_relaxed);
	struct iovec iov[2];
	size_t done = 0;
	ssize_t r = 0;
	u32 used;

	atomic_exchange(&cd->flush, next == FLUSH_IDLE ? resting(cd) : (int)next);
	while (done < CHARDEV_RING && !is_mute(cd)) {
		used = atomic_load(&cd->head) - tail;
		if (!used)
			break;
		ring_to_iov(cd, tail, used, iov);
		r = put_out(cd, iov);
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
		host_fd_unwatch(cd->env, &cd->out);

	used = is_mute(cd) ? 0 : ring_used(cd);
	if (used)
		arm_flush(cd, used);
	if (used < CHARDEV_RING && atomic_exchange(&cd->room_wanted, false) && cd->client.writable)
		cd->client.writable(cd->client.arg);
}

static void out_tick(void *arg)
{
	struct chardev *cd = arg;
	const struct dev_env *env = cd->env;

	if (atomic_load(&cd->flush) == FLUSH_FD)
		return;
	if (!ring_used(cd) || atomic_load(&cd->lazy)) {
		drain(cd, FLUSH_IDLE);
		return;
	}
	/*
	 * More will follow, as a rule: the timer goes on until it finds nothing, so that in the
	 * midst of output no put has to wake this thread. Armed before the state says so.
	 */
	env->timer_arm(env->ctx, cd->out_timer, env->now_ns(env->ctx) + CHARDEV_BATCH_NS);
	drain(cd, FLUSH_BATCH);
}

static void out_ready(void *arg, u32 events)
{
	(void)events; /* EPOLLERR and EPOLLHUP: the write says what it is */
	drain(arg, FLUSH_IDLE);
}

void chardev_look(struct chardev *cd, bool looks)
{
	atomic_store(&cd->lazy, !looks && cd->out.fd < 0 && cd->cfg.tap);
	/* After that: a byte that this does not see finds the ring idle, and arms the timer. */
	if (looks)
		drain(cd, FLUSH_IDLE);
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
		drain(cd, FLUSH_IDLE);
		if (cd->error || !ring_used(cd))
			break;
		left = deadline - monotonic_ms();
		if (left <= 0) {
			err = -ETIMEDOUT;
			break;
		}
		poll(&p, 1, (int)left);
	}
	/* The tap never has to be waited for. */
	while (cd->cfg.tap && (cd->out.fd < 0 || cd->error) && ring_used(cd))
		drain(cd, FLUSH_IDLE);
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

	if (cd->in.fd < 0)
		return;
	if (cd->in_unpollable) {
		if (want && !atomic_load(&cd->in_blocked))
			env->timer_arm(env->ctx, cd->in_timer, env->now_ns(env->ctx));
	} else if (!want) {
		host_fd_unwatch(cd->env, &cd->in);
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
	if (cd->cfg.room && in_room(cd))
		cd->cfg.room(cd->cfg.tap_arg);
}

size_t chardev_feed(struct chardev *cd, const u8 *buf, size_t n)
{
	size_t take = MIN(n, (size_t)in_room(cd));

	memcpy(cd->in_buf + cd->in_end, buf, take);
	cd->in_end += (u32)take;
	/* Blocked: a kick will come, and with it room. */
	if (!atomic_load(&cd->in_blocked))
		offer_input(cd);
	watch_input(cd);
	return take;
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
	atomic_store(&cd->discard, cd->out.fd < 0 && !cfg->tap);
	chardev_look(cd, false);
	atomic_store(&cd->flush, resting(cd));
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
	host_fd_close(cd->env, &cd->in);
	host_fd_close(cd->env, &cd->out);
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
