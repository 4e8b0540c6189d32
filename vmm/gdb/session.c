/* SPDX-License-Identifier: MIT */
/* session.c - framing, acknowledgment, and when a packet may be obeyed; see session.h. */
#include "vmm/gdb/session.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/gdb/session_priv.h"

void gdb_text(struct gdb_text *t, const char *fmt, ...)
{
	static const char cut[] = "... (cut here)\n";
	size_t room = sizeof(t->buf) - sizeof(cut);
	va_list ap;
	int n;

	if (t->used >= room)
		return;
	va_start(ap, fmt);
	n = vsnprintf(t->buf + t->used, room - t->used, fmt, ap);
	va_end(ap);
	if (n > 0)
		t->used += (size_t)n;
	if (t->used >= room) {
		memcpy(t->buf + room - 1, cut, sizeof(cut));
		t->used = room - 1 + sizeof(cut) - 1;
	}
}

struct gdb_session *gdb_session_create(const struct gdb_target_ops *ops, void *target)
{
	struct gdb_session *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->ops = ops;
	s->target = target;
	s->out = (struct gdb_writer){ .buf = s->out_buf, .size = sizeof(s->out_buf) };
	return s;
}

void gdb_session_destroy(struct gdb_session *s)
{
	free(s);
}

bool gdb_session_done(const struct gdb_session *s)
{
	return s->done;
}

bool gdb_session_running(const struct gdb_session *s)
{
	return s->running;
}

unsigned gdb_nr_cpus(const struct gdb_session *s)
{
	return MIN(s->ops->nr_cpus(s->target), GDB_MAX_CPUS);
}

void gdb_session_open(struct gdb_session *s)
{
	s->open = true;
	s->done = s->running = s->ended = false;
	s->no_ack = s->swbreak = s->hwbreak = false;
	s->in.state = GDB_IDLE;
	s->out.used = s->last_len = 0;
	s->stop = s->ops->halt(s->target, GDB_SIGTRAP);
	s->cpu_g = s->cpu_c = s->stop.cpu;
}

void gdb_session_close(struct gdb_session *s)
{
	if (s->open && !s->done)
		s->ops->release(s->target, false);
	s->open = s->running = false;
}

/* ---- replies ----------------------------------------------------------------------------------- */

enum gdb_reply gdb_ok(struct gdb_session *s)
{
	gdb_puts(&s->out, "OK");
	return GDB_REPLY;
}

enum gdb_reply gdb_error(struct gdb_session *s, int err)
{
	gdb_printf(&s->out, "E%02x", (unsigned)-err & 0xff);
	return GDB_REPLY;
}

static void open_reply(struct gdb_session *s)
{
	gdb_begin(&s->out);
}

static void close_reply(struct gdb_session *s)
{
	gdb_end(&s->out);
	s->last_len = s->out.used - s->out.start;
	memcpy(s->last, s->out.buf + s->out.start, s->last_len);
}

static void put_expedited(struct gdb_session *s, unsigned cpu)
{
	static const unsigned regs[] = { 6, 7, 16 }; /* rbp, rsp, rip */

	for (size_t i = 0; i < ARRAY_SIZE(regs); i++) {
		u8 buf[GDB_MAX_REG];
		int n = s->ops->reg_read(s->target, cpu, regs[i], buf);

		if (n <= 0)
			continue;
		gdb_printf(&s->out, "%02x:", regs[i]);
		gdb_put_hex(&s->out, buf, (size_t)n);
		gdb_puts(&s->out, ";");
	}
}

void gdb_put_stop(struct gdb_session *s, const struct gdb_stop *stop)
{
	gdb_printf(&s->out, "T%02xthread:%x;core:%x;", stop->signal, stop->cpu + 1, stop->cpu);
	switch (stop->kind) {
	case GDB_STOP_SWBREAK:
		if (s->swbreak)
			gdb_puts(&s->out, "swbreak:;");
		break;
	case GDB_STOP_HWBREAK:
		if (s->hwbreak)
			gdb_puts(&s->out, "hwbreak:;");
		break;
	case GDB_STOP_WATCH:
		gdb_printf(&s->out, "watch:%lx;", stop->addr);
		break;
	case GDB_STOP_RWATCH:
		gdb_printf(&s->out, "rwatch:%lx;", stop->addr);
		break;
	case GDB_STOP_AWATCH:
		gdb_printf(&s->out, "awatch:%lx;", stop->addr);
		break;
	case GDB_STOP_SIGNAL:
		break;
	}
	put_expedited(s, stop->cpu);
}

/* ---- from the target ------------------------------------------------------------------------- */

static void report_stop(struct gdb_session *s, const struct gdb_stop *stop)
{
	s->running = false;
	s->stop = *stop;
	s->cpu_g = s->cpu_c = stop->cpu;
	open_reply(s);
	gdb_put_stop(s, stop);
	close_reply(s);
}

void gdb_session_stopped(struct gdb_session *s, const struct gdb_stop *stop)
{
	/* Requests are refused while the machine runs, but their replies may still wait. */
	if (s->open && s->running && !s->done)
		report_stop(s, stop);
}

enum gdb_reply gdb_put_end(struct gdb_session *s)
{
	s->done = true;
	s->running = false;
	gdb_printf(&s->out, "W%02x", (unsigned)s->status & 0xff);
	return GDB_REPLY;
}

void gdb_session_ended(struct gdb_session *s, int status)
{
	if (!s->open || s->done)
		return;
	s->ended = true;
	s->status = status;
	if (!s->running)
		return;
	open_reply(s);
	gdb_put_end(s);
	close_reply(s);
}

/* ---- input ----------------------------------------------------------------------------------- */

static void on_packet(struct gdb_session *s)
{
	const char *packet = (const char *)s->in.data, *args = NULL;
	gdb_command command = gdb_find_command(packet, &args);
	enum gdb_reply reply = GDB_REPLY;

	open_reply(s);
	if (s->running)
		reply = gdb_error(s, -EBUSY); /* G4 */
	else if (command)
		reply = command(s, args);
	if (reply == GDB_REPLY)
		close_reply(s);
	else
		s->out.used = s->out.start;
}

static void refuse(struct gdb_session *s, int err)
{
	open_reply(s);
	gdb_error(s, err);
	close_reply(s);
}

static void acknowledge(struct gdb_session *s, char c)
{
	if (!s->no_ack && s->out.used < s->out.size)
		s->out.buf[s->out.used++] = (u8)c;
}

static void on_event(struct gdb_session *s, enum gdb_event ev)
{
	switch (ev) {
	case GDB_NOTHING:
	case GDB_ACK:
		return;
	case GDB_NAK:
		if (!s->no_ack && s->last_len <= s->out.size - s->out.used) {
			memcpy(s->out.buf + s->out.used, s->last, s->last_len);
			s->out.used += s->last_len;
		}
		return;
	case GDB_INTERRUPT:
		if (s->running) {
			struct gdb_stop stop = s->ops->halt(s->target, GDB_SIGINT);

			report_stop(s, &stop);
		}
		return;
	case GDB_BAD_SUM:
		if (s->no_ack)
			refuse(s, -EBADMSG);
		else
			acknowledge(s, '-');
		return;
	case GDB_TOO_LONG:
		acknowledge(s, '+');
		refuse(s, -EMSGSIZE);
		return;
	case GDB_PACKET:
		acknowledge(s, '+');
		on_packet(s);
		return;
	}
}

size_t gdb_session_input(struct gdb_session *s, const u8 *buf, size_t n)
{
	size_t taken = 0;

	/* G3: a reply takes at most one frame. */
	while (taken < n && !s->done && s->out.used < s->out.size - GDB_FRAME_MAX) {
		enum gdb_event ev;

		taken += gdb_read(&s->in, buf + taken, n - taken, &ev);
		on_event(s, ev);
	}
	return s->done ? n : taken;
}

const u8 *gdb_session_output(const struct gdb_session *s, size_t *n)
{
	*n = s->out.used;
	return s->out.buf;
}

void gdb_session_sent(struct gdb_session *s, size_t n)
{
	s->out.used -= n;
	memmove(s->out.buf, s->out.buf + n, s->out.used);
}
