/* SPDX-License-Identifier: MIT */
/*
 * A debugger that sends anything. Input: pieces of a length byte and that many bytes of the
 * connection, the length's top bit saying "as a frame, with a correct checksum". Between pieces the
 * output is taken, the running target stops, or the debugger goes and another one comes. Aborts
 * when a CPU that does not exist is touched, a running target is touched (fake_target.h), output
 * that is no sequence of frames comes out, or the session stops taking input for good.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/vmm/fake_target.h"

/* Everything that comes out is acknowledgments and frames with correct checksums. */
static void check_output(struct gdb_session *s, struct gdb_reader *r)
{
	size_t n, done = 0;
	const u8 *buf = gdb_session_output(s, &n);

	while (done < n) {
		enum gdb_event ev;

		done += gdb_read(r, buf + done, n - done, &ev);
		if (ev == GDB_BAD_SUM || ev == GDB_TOO_LONG || ev == GDB_INTERRUPT)
			abort();
	}
	gdb_session_sent(s, n);
}

static void give(struct gdb_session *s, struct gdb_reader *r, const u8 *buf, size_t n)
{
	while (n) {
		size_t taken = gdb_session_input(s, buf, n), waiting;

		gdb_session_output(s, &waiting);
		if (!taken && !waiting)
			abort();
		check_output(s, r);
		buf += taken;
		n -= taken;
	}
}

static void give_frame(struct gdb_session *s, struct gdb_reader *r, const u8 *buf, size_t n)
{
	u8 frame[2 * 128 + 4];
	struct gdb_writer w = { .buf = frame, .size = sizeof(frame) };

	gdb_begin(&w);
	gdb_put(&w, buf, n);
	gdb_end(&w);
	give(s, r, frame, w.used);
}

static void meanwhile(struct gdb_session *s, struct fake *f, struct gdb_reader *r, u8 what)
{
	struct gdb_stop stop = {
		.cpu = what % f->nr_cpus,
		.kind = (enum gdb_stop_kind)(what % 6),
		.signal = GDB_SIGTRAP,
		.addr = what,
	};

	if (gdb_session_done(s) || what == 255) {
		gdb_session_close(s);
		memset(r, 0, sizeof(*r));
		gdb_session_open(s);
	} else if (gdb_session_running(s) && what & 1) {
		f->running = false;
		gdb_session_stopped(s, &stop);
	}
	check_output(s, r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fake f;
	static struct gdb_reader r;
	struct gdb_session *s;
	size_t at = 1;

	if (!size)
		return 0;
	memset(&f, 0, sizeof(f));
	memset(&r, 0, sizeof(r));
	f.nr_cpus = data[0] % 5 ? data[0] % 5 : GDB_MAX_CPUS;
	f.running = true;
	s = gdb_session_create(&fake_ops, &f);
	if (!s)
		abort();
	gdb_session_open(s);
	while (at + 1 < size) {
		size_t n = data[at] & 0x7f;
		bool framed = data[at] & 0x80;
		u8 what = data[at + 1];

		at += 2;
		n = n < size - at ? n : size - at;
		if (framed)
			give_frame(s, &r, data + at, n);
		else
			give(s, &r, data + at, n);
		at += n;
		meanwhile(s, &f, &r, what);
	}
	if (!gdb_session_done(s))
		gdb_session_ended(s, 3);
	gdb_session_close(s);
	gdb_session_destroy(s);
	return 0;
}
