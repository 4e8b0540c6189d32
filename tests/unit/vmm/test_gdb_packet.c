/* SPDX-License-Identifier: MIT */
/* Unit tests of vmm/gdb/packet.c: frames, checksums, escapes, bounds. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/gdb/packet.h"

static struct gdb_reader reader;

static void fresh(void)
{
	memset(&reader, 0, sizeof(reader));
}

/* Feeds a text byte by byte as often as whole: both give the same last event. */
static enum gdb_event read_text(const char *text)
{
	enum gdb_event ev, last = GDB_NOTHING;
	size_t n = strlen(text), done = 0;

	fresh();
	while (done < n) {
		done += gdb_read(&reader, (const u8 *)text + done, n - done, &ev);
		if (ev != GDB_NOTHING)
			last = ev;
	}
	fresh();
	for (size_t i = 0; i < n; i++) {
		enum gdb_event one;

		ck_assert_uint_eq(gdb_read(&reader, (const u8 *)text + i, 1, &one), 1);
		if (one != GDB_NOTHING)
			ev = one;
	}
	if (last != GDB_NOTHING)
		ck_assert_int_eq(ev, last);
	return last;
}

START_TEST(frames)
{
	ck_assert_int_eq(read_text("$?#3f"), GDB_PACKET);
	ck_assert_str_eq((char *)reader.data, "?");
	ck_assert_int_eq(read_text("$#00"), GDB_PACKET);
	ck_assert_uint_eq(reader.len, 0);
	ck_assert_int_eq(read_text("$m10,4#2E"), GDB_PACKET); /* digits in either case */
	ck_assert_int_eq(read_text("noise$?#3f"), GDB_PACKET);
	ck_assert_int_eq(read_text("+"), GDB_ACK);
	ck_assert_int_eq(read_text("-"), GDB_NAK);
	ck_assert_int_eq(read_text("\x03"), GDB_INTERRUPT);
}
END_TEST

START_TEST(bad_frames)
{
	ck_assert_int_eq(read_text("$?#3e"), GDB_BAD_SUM);
	ck_assert_int_eq(read_text("$?#zz"), GDB_NOTHING + GDB_BAD_SUM);
	ck_assert_int_eq(read_text("$?#3z"), GDB_BAD_SUM);
	ck_assert_int_eq(read_text("$?#"), GDB_NOTHING);
	ck_assert_int_eq(read_text("$?"), GDB_NOTHING);
	/* Cut off by the next frame; that one counts. */
	ck_assert_int_eq(read_text("$m0,$?#3f"), GDB_PACKET);
	ck_assert_str_eq((char *)reader.data, "?");
	ck_assert_int_eq(read_text("$m}$?#3f"), GDB_PACKET);
	ck_assert_str_eq((char *)reader.data, "?");
}
END_TEST

START_TEST(escapes)
{
	/* '}' 0x03 is '#'; an interrupt byte within a frame is data. */
	ck_assert_int_eq(read_text("$}\x03\x03}]#5d"), GDB_PACKET);
	ck_assert_uint_eq(reader.len, 3);
	ck_assert_mem_eq(reader.data, "#\x03}", 3);
}
END_TEST

START_TEST(too_long)
{
	static u8 buf[3 * GDB_PACKET_MAX];
	static const size_t lens[] = { GDB_PACKET_MAX, GDB_PACKET_MAX + 1, 2 * GDB_PACKET_MAX };

	for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
		enum gdb_event ev;
		char tail[4];
		u8 sum = (u8)(lens[i] * 'a');

		fresh();
		buf[0] = '$';
		memset(buf + 1, 'a', lens[i]);
		snprintf(tail, sizeof(tail), "#%02x", sum);
		memcpy(buf + 1 + lens[i], tail, 3);
		ck_assert_uint_eq(gdb_read(&reader, buf, lens[i] + 4, &ev), lens[i] + 4);
		ck_assert_int_eq(ev, i ? GDB_TOO_LONG : GDB_PACKET);
		ck_assert_uint_le(reader.len, GDB_PACKET_MAX);
		ck_assert_int_eq(reader.data[reader.len], 0);
	}
}
END_TEST

/* Everything that is written is read back as it was. */
START_TEST(round_trip)
{
	static u8 buf[GDB_FRAME_MAX], data[4096];
	u32 x = 12345;

	for (int round = 0; round < 200; round++) {
		struct gdb_writer w = { .buf = buf, .size = sizeof(buf) };
		size_t n = (size_t)round * 20;
		enum gdb_event ev;

		for (size_t i = 0; i < n; i++) {
			x = x * 1664525 + 1013904223;
			data[i] = round & 1 ? (u8)(x >> 24) : (u8) "#$}*"[x >> 30];
		}
		gdb_begin(&w);
		gdb_put(&w, data, n);
		gdb_end(&w);
		fresh();
		ck_assert_uint_eq(gdb_read(&reader, buf, w.used, &ev), w.used);
		ck_assert_int_eq(ev, GDB_PACKET);
		ck_assert_uint_eq(reader.len, n);
		ck_assert_mem_eq(reader.data, data, n);
	}
}
END_TEST

START_TEST(writer_is_bounded)
{
	u8 buf[64];

	memset(buf, 0xee, sizeof(buf));
	for (size_t size = 0; size < 32; size++) {
		struct gdb_writer w = { .buf = buf, .size = size };

		gdb_begin(&w);
		gdb_puts(&w, "a reply that is longer than what is left");
		gdb_end(&w);
		ck_assert_uint_le(w.used, size);
		if (size >= 7)
			ck_assert_mem_eq(buf, "$E5a#db", 7);
		else
			ck_assert_uint_eq(w.used, 0);
		ck_assert_uint_eq(buf[32], 0xee);
	}
}
END_TEST

START_TEST(numbers)
{
	static const struct {
		const char *text;
		bool ok;
		u64 value;
		char next;
	} cases[] = {
		{ "0", true, 0, 0 },
		{ "ffffffffffffffff,", true, UINT64_MAX, ',' },
		{ "DeadBeef;", true, 0xdeadbeef, ';' },
		{ "00000000000000001", false, 0, 0 },
		{ "", false, 0, 0 },
		{ ",4", false, 0, 0 },
		{ "-1", false, 0, 0 },
		{ "0x10", true, 0, 'x' },
	};
	const char *p = "00ffA5x";
	u8 bytes[4];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *q = cases[i].text;
		u64 v = 0;

		ck_assert_int_eq(gdb_hex(&q, &v), cases[i].ok);
		if (!cases[i].ok)
			continue;
		ck_assert_uint_eq(v, cases[i].value);
		ck_assert_int_eq(*q, cases[i].next);
	}
	ck_assert(gdb_hex_bytes(&p, bytes, 3));
	ck_assert_mem_eq(bytes, "\x00\xff\xa5", 3);
	ck_assert_int_eq(*p, 'x');
	ck_assert(!gdb_hex_bytes(&p, bytes, 1));
	p = "1";
	ck_assert(!gdb_hex_bytes(&p, bytes, 1));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("gdb packet");
	TCase *t = tcase_create("packet");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(t, frames);
	tcase_add_test(t, bad_frames);
	tcase_add_test(t, escapes);
	tcase_add_test(t, too_long);
	tcase_add_test(t, round_trip);
	tcase_add_test(t, writer_is_bounded);
	tcase_add_test(t, numbers);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
