/* SPDX-License-Identifier: MIT */
/* console_hub.c - see console_hub.h. */
#include "vmm/console_hub.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmm/loop.h"

#define RING_MASK (CONSOLE_HISTORY - 1)
#define TYPED	  512u
#define UNWATCHED UINT32_MAX /* differs from whatever is wanted first, nothing included */

_Static_assert((CONSOLE_HISTORY & RING_MASK) == 0, "indices run freely");

struct watcher {
	struct console_hub *hub;
	struct watcher *next;
	int fd;
	u32 watched;
	u64 seen;  /* bytes of output that it has, or has lost */
	bool gone; /* freed once nobody walks the list */
	u8 typed[TYPED];
	size_t typed_at, typed_n; /* what the guest has not taken yet */
};

struct console_hub {
	struct loop *loop;
	struct chardev *port;
	u8 *ring;  /* CONSOLE_HISTORY bytes, made when the first one comes */
	u64 total; /* bytes of output so far */
	struct watcher *watchers;
	unsigned nr, busy;
};

struct console_hub *console_hub_create(struct loop *loop)
{
	struct console_hub *h = calloc(1, sizeof(*h));

	if (h)
		h->loop = loop;
	return h;
}

static void drop(struct watcher *w)
{
	loop_unwatch(w->hub->loop, w->fd);
	close(w->fd);
	w->gone = true;
}

static void reap(struct console_hub *h)
{
	struct watcher **p = &h->watchers;

	while (!h->busy && *p) {
		struct watcher *w = *p;

		if (!w->gone) {
			p = &w->next;
			continue;
		}
		*p = w->next;
		h->nr--;
		free(w);
		if (!h->nr && h->port)
			chardev_look(h->port, false);
	}
}

/* --- to the watchers ----------------------------------------------------------------------------- */

/* One that fell behind is told, and goes on with what there is. False: there is no room to tell it. */
static bool catch_up(struct watcher *w)
{
	u64 oldest = w->hub->total > CONSOLE_HISTORY ? w->hub->total - CONSOLE_HISTORY : 0;
	char text[64];
	int n;

	if (w->seen >= oldest)
		return true;
	n = snprintf(text, sizeof(text), "\r\n[%lu bytes were not read in time]\r\n",
		     oldest - w->seen);
	if (send(w->fd, text, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return false;
	w->seen = oldest;
	return true;
}

/* False when it takes no more for now, or is gone. */
static bool show(struct watcher *w)
{
	struct console_hub *h = w->hub;

	while (!w->gone && w->seen < h->total) {
		u32 at;
		size_t n;
		ssize_t sent;

		if (!catch_up(w))
			return false;
		at = (u32)w->seen & RING_MASK;
		n = MIN((size_t)(h->total - w->seen), (size_t)(CONSOLE_HISTORY - at));
		sent = send(w->fd, h->ring + at, n, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && errno != EAGAIN)
			drop(w);
		if (sent < 0)
			return false;
		w->seen += (u64)sent;
	}
	return !w->gone;
}

static void on_watcher(void *arg, u32 events);

static void wait_on(struct watcher *w)
{
	u32 want = 0;

	if (w->gone)
		return;
	if (!w->typed_n)
		want |= EPOLLIN;
	if (w->seen < w->hub->total)
		want |= EPOLLOUT;
	if (want == w->watched)
		return;
	w->watched = want;
	if (loop_watch(w->hub->loop, w->fd, want, on_watcher, w))
		drop(w);
}

static void store(struct console_hub *h, const u8 *buf, size_t n)
{
	if (!h->ring)
		h->ring = malloc(CONSOLE_HISTORY);
	if (!h->ring)
		return;
	for (size_t i = n > CONSOLE_HISTORY ? n - CONSOLE_HISTORY : 0; i < n;) {
		u32 at = (u32)(h->total + i) & RING_MASK;
		size_t len = MIN(n - i, (size_t)(CONSOLE_HISTORY - at));

		memcpy(h->ring + at, buf + i, len);
		i += len;
	}
	h->total += n;
}

static void on_output(void *arg, const u8 *buf, size_t n)
{
	struct console_hub *h = arg;

	store(h, buf, n);
	h->busy++;
	for (struct watcher *w = h->watchers; w; w = w->next) {
		/* One that waits for room gets it all later. */
		if (!w->gone && !(w->watched & EPOLLOUT))
			show(w);
		wait_on(w);
	}
	h->busy--;
	reap(h);
}

/* --- to the guest --------------------------------------------------------------------------------- */

static void type(struct watcher *w)
{
	while (w->typed_at < w->typed_n) {
		size_t took = chardev_feed(w->hub->port, w->typed + w->typed_at,
					   w->typed_n - w->typed_at);

		if (!took)
			return;
		w->typed_at += took;
	}
	w->typed_at = w->typed_n = 0;
}

static void on_room(void *arg)
{
	struct console_hub *h = arg;

	for (struct watcher *w = h->watchers; w; w = w->next) {
		if (!w->gone)
			type(w);
		wait_on(w);
	}
}

static void on_watcher(void *arg, u32 events)
{
	struct watcher *w = arg;
	struct console_hub *h = w->hub;
	ssize_t n;

	h->busy++;
	if (events & (EPOLLERR | EPOLLHUP) && !(events & EPOLLIN))
		drop(w);
	if (!w->gone && events & EPOLLIN && !w->typed_n) {
		n = recv(w->fd, w->typed, sizeof(w->typed), MSG_DONTWAIT);
		if (n > 0) {
			w->typed_n = (size_t)n;
			type(w);
		} else if (!n || (errno != EAGAIN && errno != EINTR)) {
			drop(w);
		}
	}
	if (!w->gone && events & EPOLLOUT)
		show(w);
	wait_on(w);
	h->busy--;
	reap(h);
}

/* --- life ------------------------------------------------------------------------------------------ */

void console_hub_hook(struct console_hub *h, struct chardev_config *cfg)
{
	cfg->tap = on_output;
	cfg->room = on_room;
	cfg->tap_arg = h;
}

void console_hub_bind(struct console_hub *h, struct chardev *cd)
{
	h->port = cd;
}

size_t console_hub_recent(struct console_hub *h)
{
	if (h->port) {
		chardev_look(h->port, true);
		chardev_look(h->port, h->nr);
	}
	return MIN((size_t)h->total, (size_t)CONSOLE_HISTORY);
}

bool console_hub_full(const struct console_hub *h)
{
	return h->nr >= CONSOLE_MAX_WATCHERS;
}

void console_hub_attach(struct console_hub *h, int fd, const u8 *early, size_t n)
{
	struct watcher *w = console_hub_full(h) ? NULL : calloc(1, sizeof(*w));

	if (!w) {
		close(fd);
		return;
	}
	if (h->port)
		chardev_look(h->port, true);
	w->hub = h;
	w->fd = fd;
	w->watched = UNWATCHED;
	w->seen = h->total > CONSOLE_HISTORY ? h->total - CONSOLE_HISTORY : 0;
	w->typed_n = MIN(n, sizeof(w->typed));
	if (w->typed_n)
		memcpy(w->typed, early, w->typed_n);
	w->next = h->watchers;
	h->watchers = w;
	h->nr++;
	h->busy++;
	type(w);
	show(w);
	wait_on(w);
	h->busy--;
	reap(h);
}

void console_hub_destroy(struct console_hub *h, int ms)
{
	u64 until = loop_now() + (u64)ms * 1000000u, now;

	if (!h)
		return;
	h->busy++;
	for (struct watcher *w = h->watchers; w; w = w->next) {
		struct pollfd p = { .fd = w->fd, .events = POLLOUT };

		if (w->gone)
			continue;
		while (!show(w) && !w->gone && (now = loop_now()) < until)
			poll(&p, 1, (int)((until - now) / 1000000u) + 1);
		if (!w->gone)
			drop(w);
	}
	h->busy--;
	reap(h);
	free(h->ring);
	free(h);
}
