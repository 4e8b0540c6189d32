/* SPDX-License-Identifier: MIT */
/* Unit tests of vmm/gdb/session.c, commands.c and query.c, on a target that is a few arrays. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/vmm/fake_target.h"

static struct fake fake;
static struct gdb_session *session;
static struct gdb_reader reader;
static char reply[GDB_PACKET_MAX + 1];

static void setup(void)
{
	memset(&fake, 0, sizeof(fake));
	memset(&reader, 0, sizeof(reader));
	fake.nr_cpus = 2;
	fake.running = true;
	for (int i = 0; i < FAKE_REGS; i++)
		fake.reg[0][i] = (u64)i;
	for (int i = 0; i < FAKE_MEM; i++)
		fake.mem[i] = (u8)i;
	session = gdb_session_create(&fake_ops, &fake);
	ck_assert_ptr_nonnull(session);
	gdb_session_open(session);
}

static void teardown(void)
{
	gdb_session_close(session);
	gdb_session_destroy(session);
}

/* The next frame of the output, or NULL; acknowledgments are dropped. */
static const char *next_reply(void)
{
	size_t n, done = 0;
	const u8 *buf = gdb_session_output(session, &n);
	enum gdb_event ev = GDB_NOTHING;

	while (done < n && ev != GDB_PACKET) {
		done += gdb_read(&reader, buf + done, n - done, &ev);
		ck_assert_int_ne(ev, GDB_BAD_SUM);
	}
	gdb_session_sent(session, done);
	if (ev != GDB_PACKET)
		return NULL;
	memcpy(reply, reader.data, reader.len + 1);
	return reply;
}

static void send_packet(const void *payload, size_t n)
{
	static u8 frame[GDB_FRAME_MAX];
	struct gdb_writer w = { .buf = frame, .size = sizeof(frame) };

	gdb_begin(&w);
	gdb_put(&w, payload, n);
	gdb_end(&w);
	ck_assert_uint_eq(gdb_session_input(session, frame, w.used), w.used);
}

static const char *ask(const char *payload)
{
	send_packet(payload, strlen(payload));
	return next_reply();
}

START_TEST(opening_halts)
{
	ck_assert_uint_eq(fake.halts, 1);
	ck_assert(!fake.running);
	ck_assert_str_eq(
		ask("?"),
		"T05thread:1;core:0;06:0600000000000000;07:0700000000000000;10:1000000000000000;");
}
END_TEST

START_TEST(registers)
{
	ck_assert_str_eq(ask("p10"), "1000000000000000");
	ck_assert_str_eq(ask("P10=8877665544332211"), "OK");
	ck_assert_uint_eq(fake.reg[0][16], 0x1122334455667788);
	ck_assert_str_eq(ask("pff"), "E02");
	ck_assert_str_eq(ask("p"), "E16");
	ck_assert_str_eq(ask("P10=00"), "E16");
	ck_assert_str_eq(ask("P10=000000000000000000000000000000000000"), "E16");
	ck_assert_uint_eq(strlen(ask("g")), sizeof(fake.reg[0]) * 2);
	ck_assert_str_eq(ask("Hg2"), "OK");
	fake.reg[1][0] = 0xab;
	ck_assert_str_eq(ask("p0"), "ab00000000000000");
	ck_assert_str_eq(ask("Hg3"), "E16");
	ck_assert_str_eq(ask("qC"), "QC2");
}
END_TEST

START_TEST(all_registers)
{
	char text[2 + 2 * sizeof(fake.reg[0])] = "G";

	memcpy(text + 1, ask("g"), 2 * sizeof(fake.reg[0]));
	text[1] = '7';
	ck_assert_str_eq(ask(text), "OK");
	ck_assert_uint_eq(fake.reg[0][0], 0x70);
	text[3] = 'x';
	ck_assert_str_eq(ask(text), "E16");
	ck_assert_str_eq(ask("G00"), "E16");
}
END_TEST

START_TEST(memory)
{
	ck_assert_str_eq(ask("m1010,4"), "10111213");
	ck_assert_str_eq(ask("m10fe,10"), "feff"); /* up to where it ends */
	ck_assert_str_eq(ask("m0,4"), "E0e");
	ck_assert_str_eq(ask("m1000,0"), "");
	ck_assert_str_eq(ask("mffffffffffffffff,ffffffffffffffff"), "E0e");
	ck_assert_str_eq(ask("M1000,3:aabbcc"), "OK");
	ck_assert_mem_eq(fake.mem, "\xaa\xbb\xcc\x03", 4);
	ck_assert_str_eq(ask("M1000,3:aabb"), "E16");
	ck_assert_str_eq(ask("M1000,3:aabbccdd"), "E16");
	ck_assert_str_eq(ask("M0,1:00"), "E0e");
	send_packet("X1000,5:#$}\0\x03", 13);
	ck_assert_str_eq(next_reply(), "OK");
	ck_assert_mem_eq(fake.mem, "#$}\0\x03\x05", 6);
	ck_assert_str_eq(ask("X1000,0:"), "OK"); /* how gdb asks whether X is there */
	ck_assert_str_eq(ask("X1000,2:a"), "E16");
	send_packet("x1000,5", 7);
	next_reply();
	ck_assert_uint_eq(reader.len, 6);
	ck_assert_mem_eq(reader.data, "b#$}\0\x03", 6);
}
END_TEST

START_TEST(running)
{
	struct gdb_stop stop = {
		.cpu = 1, .kind = GDB_STOP_WATCH, .signal = GDB_SIGTRAP, .addr = 0x1234
	};

	ck_assert_ptr_null(ask("vCont;s:2;c"));
	ck_assert_int_eq(fake.action[0].run, GDB_CONTINUE);
	ck_assert_int_eq(fake.action[1].run, GDB_STEP);
	ck_assert_str_eq(ask("g"), "E10"); /* G4 */
	ck_assert_str_eq(ask("vCont;c"), "E10");
	ck_assert_uint_eq(fake.resumes, 1);
	fake.running = false;
	gdb_session_stopped(session, &stop);
	ck_assert_str_eq(next_reply(),
			 "T05thread:2;core:1;watch:1234;06:0000000000000000;07:0000000000000000;"
			 "10:0000000000000000;");
	ck_assert_str_eq(ask("qC"), "QC2");
	gdb_session_stopped(session, &stop); /* told already */
	ck_assert_ptr_null(next_reply());
	ck_assert_ptr_null(ask("vCont;r1000,2000:1"));
	ck_assert_int_eq(fake.action[0].run, GDB_STEP_RANGE);
	ck_assert_uint_eq(fake.action[0].end, 0x2000);
	ck_assert_int_eq(fake.action[1].run, GDB_STAY);
	ck_assert_uint_eq(gdb_session_input(session, (const u8 *)"\x03\x03", 2), 2);
	ck_assert_int_eq(strncmp(next_reply(), "T02thread:1;", 12), 0);
	ck_assert_ptr_null(next_reply());
	ck_assert_ptr_null(ask("C05"));
	ck_assert_int_eq(fake.action[1].run, GDB_CONTINUE);
}
END_TEST

START_TEST(bad_actions)
{
	static const char *const bad[] = { "vCont",    "vCont;",      "vCont;x", "vCont;c:3",
					   "vCont;r1", "vCont;r1,2;", "vCont;C", "vCont;c:",
					   "c1000",    "C",	      "Sx" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const char *got = ask(bad[i]);

		ck_assert_msg(got && (!*got || *got == 'E'), "%s: %s", bad[i], got);
	}
	ck_assert_uint_eq(fake.resumes, 0);
	ck_assert_str_eq(ask("vCont?"), "vCont;c;C;s;S;r");
}
END_TEST

START_TEST(points)
{
	ck_assert_str_eq(ask("Z0,1000,1"), "OK");
	ck_assert_str_eq(ask("Z3,1000,1"), ""); /* no such kind here */
	ck_assert_str_eq(ask("Z5,1000,1"), "");
	ck_assert_str_eq(ask("Z0,1000,1;X3,220027"), "E5f"); /* conditions were not offered */
	ck_assert_str_eq(ask("Z0,1000"), "E16");
	ck_assert_str_eq(ask("z0,1000,1"), "OK");
	ck_assert_str_eq(ask("z0,1000,1"), "E02");
}
END_TEST

START_TEST(acknowledgment)
{
	size_t n;

	gdb_session_input(session, (const u8 *)"$qC#00", 6);
	ck_assert_uint_eq(*gdb_session_output(session, &n), '-');
	ck_assert_uint_eq(n, 1);
	gdb_session_sent(session, 1);
	ck_assert_str_eq(ask("qC"), "QC1");
	gdb_session_input(session, (const u8 *)"-", 1); /* once more, please */
	ck_assert_str_eq(next_reply(), "QC1");
	ck_assert_str_eq(ask("QStartNoAckMode"), "OK");
	gdb_session_input(session, (const u8 *)"+$qC#b4", 7);
	ck_assert_uint_eq(*gdb_session_output(session, &n), '$');
	ck_assert_str_eq(next_reply(), "QC1");
	ck_assert_str_eq(ask("p10"), "1000000000000000");
	gdb_session_input(session, (const u8 *)"$qC#00", 6);
	ck_assert_str_eq(next_reply(), "E4a"); /* nobody would ask again */
}
END_TEST

START_TEST(documents)
{
	char whole[4096] = "", request[64];
	const char *got;

	do {
		snprintf(request, sizeof(request), "qXfer:threads:read::%zx,20", strlen(whole));
		got = ask(request);
		ck_assert(*got == 'm' || *got == 'l');
		ck_assert_uint_le(strlen(got), 33);
		strcat(whole, got + 1);
	} while (*got == 'm');
	ck_assert_ptr_nonnull(
		strstr(whole, "<thread id=\"2\" core=\"1\" name=\"CPU#1\">running</thread>"));
	ck_assert_str_eq(ask("qXfer:features:read:target.xml:0,1000"), "l<target>}*#$</target>");
	ck_assert_str_eq(ask("qXfer:features:read:target.xml:8,4"), "m}*#$");
	ck_assert_str_eq(ask("qXfer:features:read:target.xml:1000,4"), "E16");
	ck_assert_str_eq(ask("qXfer:features:read:other.xml:0,4"), "");
	ck_assert_ptr_nonnull(strstr(ask("qXfer:memory-map:read::0,1000"), "0x8000000000000000"));
	ck_assert_ptr_nonnull(strstr(ask("qSupported:swbreak+;hwbreak+"), "PacketSize=4000"));
	ck_assert_str_eq(ask("qAttached"), "1");
	ck_assert_str_eq(ask("qNothing"), "");
}
END_TEST

START_TEST(breakpoint_kinds)
{
	struct gdb_stop stop = { .kind = GDB_STOP_SWBREAK, .signal = GDB_SIGTRAP };

	for (int announced = 0; announced < 2; announced++) {
		if (announced)
			ask("qSupported:swbreak+");
		ck_assert_ptr_null(ask("c"));
		fake.running = false;
		gdb_session_stopped(session, &stop);
		ck_assert_int_eq(!!strstr(next_reply(), "swbreak:;"), announced);
	}
}
END_TEST

START_TEST(many_cpus)
{
	unsigned seen = 0;
	const char *got;

	fake.nr_cpus = GDB_MAX_CPUS;
	for (got = ask("qfThreadInfo"); *got == 'm'; got = ask("qsThreadInfo"))
		for (const char *p = got; p; p = strchr(p + 1, ','))
			seen++;
	ck_assert_str_eq(got, "l");
	ck_assert_uint_eq(seen, GDB_MAX_CPUS);
	ck_assert_str_eq(ask("T100"), "OK");
	ck_assert_str_eq(ask("T101"), "E03");
	got = ask("qXfer:threads:read::0,1000"); /* it goes on */
	ck_assert_int_eq(*got, 'm');
}
END_TEST

START_TEST(monitor)
{
	const char *got;

	ck_assert_str_eq(ask("qRcmd,68656c6c6f"), "68656c6c6f0a");
	got = ask("qRcmd,6c6f6e67");
	ck_assert_uint_gt(strlen(got), 15000);
	ck_assert_ptr_nonnull(strstr(got, "63757420")); /* "cut " */
	got = ask("qRcmd,7878");			/* xx */
	ck_assert_int_eq(strncmp(got, "6e6f20737563", 12), 0);
	ck_assert_str_eq(ask("qRcmd,6"), "E16");
	got = ask("qRcmd,7265736574"); /* reset */
	ck_assert_int_eq(strncmp(got, "746865206d616368696e65", 22), 0);
	ck_assert_str_eq(ask("qRcmd,7265736574"), "6e6f207265736574206e6f770a");
	ck_assert(!gdb_session_done(session));
	ck_assert_uint_eq(fake.resets, 2);
	ck_assert_ptr_null(ask("R00"));
	ck_assert_uint_eq(fake.resets, 3);
	ck_assert_str_eq(ask("qRcmd,71756974"), "OK"); /* quit */
	ck_assert_uint_eq(fake.finishes, 1);
	ck_assert(gdb_session_done(session));
}
END_TEST

START_TEST(leaving)
{
	ck_assert_str_eq(ask("D"), "OK");
	ck_assert(gdb_session_done(session));
	ck_assert_uint_eq(fake.releases, 1);
	ck_assert(fake.detached);
	ck_assert_ptr_null(ask("g")); /* nothing is obeyed any more */
	gdb_session_close(session);
	ck_assert_uint_eq(fake.releases, 1);

	gdb_session_open(session); /* the next one */
	ck_assert_str_eq(ask("qC"), "QC1");
	gdb_session_close(session); /* gone without a word */
	ck_assert_uint_eq(fake.releases, 2);
	ck_assert(!fake.detached);

	gdb_session_open(session);
	ck_assert_ptr_null(ask("k"));
	ck_assert_uint_eq(fake.finishes, 1);
	gdb_session_close(session);
	ck_assert_uint_eq(fake.releases, 2);

	gdb_session_open(session);
	ck_assert_ptr_null(ask("c"));
	gdb_session_ended(session, 7);
	ck_assert_str_eq(next_reply(), "W07");
	gdb_session_close(session);

	gdb_session_open(session); /* it ends while somebody looks at it */
	gdb_session_ended(session, 8);
	ck_assert_ptr_null(next_reply());
	ck_assert_str_eq(ask("p10"), "1000000000000000");
	ck_assert_str_eq(ask("vCont;c"), "W08");
	ck_assert(gdb_session_done(session));
}
END_TEST

/* G3: a peer that does not read makes the session stop taking, not grow. */
START_TEST(back_pressure)
{
	static const u8 request[] = "$g#67";
	size_t taken, n, rounds = 0;

	do {
		taken = gdb_session_input(session, request, 5);
		ck_assert_uint_lt(rounds++, 10000);
	} while (taken == 5);
	gdb_session_output(session, &n);
	ck_assert_uint_ge(n, GDB_FRAME_MAX);
	ck_assert_uint_le(n, 2 * GDB_FRAME_MAX);
	while (next_reply())
		;
	ck_assert_uint_eq(gdb_session_input(session, request + taken, 5 - taken), 5 - taken);
	ck_assert_ptr_nonnull(next_reply());
}
END_TEST

int main(void)
{
	Suite *s = suite_create("gdb session");
	TCase *t = tcase_create("session");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, opening_halts);
	tcase_add_test(t, registers);
	tcase_add_test(t, all_registers);
	tcase_add_test(t, memory);
	tcase_add_test(t, running);
	tcase_add_test(t, bad_actions);
	tcase_add_test(t, points);
	tcase_add_test(t, acknowledgment);
	tcase_add_test(t, documents);
	tcase_add_test(t, breakpoint_kinds);
	tcase_add_test(t, many_cpus);
	tcase_add_test(t, monitor);
	tcase_add_test(t, leaving);
	tcase_add_test(t, back_pressure);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
