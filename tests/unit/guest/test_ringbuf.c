/* SPDX-License-Identifier: MIT */
/* Unit tests of guest/lib/ringbuf.[ch]: against an array of everything ever written. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "guest/env/host.h"
#include "guest/lib/rand.h"
#include "guest/lib/ringbuf.h"
#include "tests/unit/guest/fast_check.h"

enum { N = 5000, TEXT = 80 };

static struct written {
	char text[TEXT];
	u32 len;
	u64 time;
	u8 level;
	u16 cpu;
} all[N];

static void read_all(const struct ringbuf *rb, struct ringbuf_cursor *cur, u64 *expect_seq)
{
	struct ringbuf_rec rec;
	char text[TEXT + 1];
	u64 lost;

	while (ringbuf_read(rb, cur, &rec, text, sizeof(text), &lost)) {
		const struct written *w = &all[rec.seq];

		*expect_seq += lost;
		CHECK_EQ(rec.seq, *expect_seq);
		CHECK(rec.len == w->len && rec.time_ns == w->time && rec.level == w->level &&
		      rec.cpu == w->cpu);
		CHECK(memcmp(text, w->text, w->len) == 0 && text[w->len] == 0);
		++*expect_seq;
	}
	CHECK_EQ(*expect_seq, rb->next_seq);
}

static void run(size_t size, u64 seed)
{
	u8 *buf = malloc(size);
	struct ringbuf rb;
	struct ringbuf_cursor lazy = { 0 }, eager = { 0 };
	u64 lazy_seq = 0, eager_seq = 0;
	size_t most = size / 4 < TEXT ? size / 4 : TEXT;
	struct rand r;

	rand_init(&r, seed);
	ringbuf_init(&rb, buf, size);
	for (u64 i = 0; i < N; i++) {
		struct written *w = &all[i];
		size_t len = rand_below(&r, TEXT);

		rand_fill(&r, w->text, len);
		w->len = (u32)(len < most ? len : most);
		w->time = rand_u64(&r);
		w->level = (u8)rand_below(&r, 8);
		w->cpu = (u16)rand_below(&r, 4096);
		CHECK_EQ(ringbuf_write(&rb, w->level, w->cpu, w->time, w->text, len), i);
		CHECK(!ringbuf_check(&rb));
		/* As many records are kept as fit: within one largest record of full. */
		CHECK(rb.first == 0 || rb.next - rb.first + 24 + most > size);
		if (rand_one_in(&r, 2))
			read_all(&rb, &eager, &eager_seq);
		if (rand_one_in(&r, 100))
			read_all(&rb, &lazy, &lazy_seq);
	}
	free(buf);
}

START_TEST(readers_see_what_was_written)
{
	run(64, 20);
	run(256, 21);
	run(4096, 22);
	run(1 << 20, 23);
}
END_TEST

START_TEST(short_buffers_and_lost_records)
{
	u8 buf[64];
	struct ringbuf rb;
	struct ringbuf_cursor cur = { 0 };
	struct ringbuf_rec rec;
	char text[4];
	u64 lost;

	ringbuf_init(&rb, buf, sizeof(buf));
	ck_assert(!ringbuf_read(&rb, &cur, &rec, text, sizeof(text), &lost));
	ck_assert_uint_eq(lost, 0);
	for (u64 i = 0; i < 10; i++)
		ringbuf_write(&rb, 6, 1, i, "abcdefgh", 8);
	ck_assert(ringbuf_read(&rb, &cur, &rec, text, sizeof(text), &lost));
	ck_assert_uint_eq(lost, 8);
	ck_assert_uint_eq(rec.seq, 8);
	ck_assert_uint_eq(rec.len, 8);
	ck_assert_str_eq(text, "abc");
	ck_assert(ringbuf_read(&rb, &cur, &rec, NULL, 0, NULL));
	ck_assert_uint_eq(rec.time_ns, 9);
	ck_assert(!ringbuf_read(&rb, &cur, &rec, text, sizeof(text), &lost));
	ringbuf_write(&rb, 6, 1, 0, "x", 1);
	ringbuf_seek_end(&rb, &cur);
	ck_assert(!ringbuf_read(&rb, &cur, &rec, text, sizeof(text), &lost));
	ringbuf_write(&rb, 6, 1, 0, "y", 1);
	ck_assert(ringbuf_read(&rb, &cur, &rec, text, sizeof(text), &lost));
	ck_assert_str_eq(text, "y");
}
END_TEST

START_TEST(check_finds_damage)
{
	u8 buf[256];
	struct ringbuf rb;

	ringbuf_init(&rb, buf, sizeof(buf));
	for (u64 i = 0; i < 5; i++)
		ringbuf_write(&rb, 6, 1, i, "abcdefgh", 8);
	ck_assert_ptr_null(ringbuf_check(&rb));
	buf[8]++;
	buf[8] += 7;
	ck_assert_ptr_nonnull(ringbuf_check(&rb));
	buf[8] -= 8;
	rb.next_seq++;
	ck_assert_ptr_nonnull(ringbuf_check(&rb));
	if (!env_host_expect_panic()) {
		ringbuf_init(&rb, buf, 100);
		ck_abort_msg("a size that is no power of two was accepted");
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ringbuf");
	TCase *t = tcase_create("ringbuf");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_set_timeout(t, 30);
	tcase_add_test(t, readers_see_what_was_written);
	tcase_add_test(t, short_buffers_and_lost_records);
	tcase_add_test(t, check_finds_damage);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
