/* SPDX-License-Identifier: MIT */
/* Unit tests of devices/block*.c, each with io_uring and without. */
#include "devices/block.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define SIZE (4 * MiB)

static char path[256];
static struct block *b;
static struct error e;

static void open_disk(const struct block_config *more, bool no_uring)
{
	struct block_config cfg = more ? *more : (struct block_config){ 0 };

	cfg.path = cfg.path ? cfg.path : path;
	cfg.no_uring = no_uring;
	ck_assert_msg(!block_open(&cfg, &b, &e), "%s", e.text);
	if (no_uring)
		ck_assert(!block_uses_uring(b));
}

static void setup(void)
{
	const char *dir = getenv("TMPDIR");
	int fd;

	snprintf(path, sizeof(path), "%s/disk.XXXXXX", dir ? dir : "/tmp");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, SIZE), 0);
	close(fd);
}

static void teardown(void)
{
	block_close(b);
	b = NULL;
	unlink(path);
}

struct counted {
	struct block_req req; /* first */
	struct iovec iov[3];
	u8 buf[3][4096];
	int calls, err;
};

static void count(struct block_req *req, int err)
{
	struct counted *c = (struct counted *)req;

	c->calls++;
	c->err = err;
}

static struct counted *request(enum block_op op, u64 offset, u64 len)
{
	struct counted *c = calloc(1, sizeof(*c));

	c->req = (struct block_req){ .op = op, .offset = offset, .len = len, .done = count };
	for (int i = 0; i < 3; i++)
		c->iov[i] = (struct iovec){ c->buf[i], i < 2 ? 512 : len - 1024 };
	c->req.iov = c->iov;
	c->req.nr_iov = 3;
	return c;
}

static int finish(struct counted *c)
{
	int err;

	ck_assert_int_eq(block_submit(b, &c->req), 0);
	block_drain(b);
	ck_assert_int_eq(c->calls, 1);
	err = c->err;
	free(c);
	return err;
}

START_TEST(what_is_written_is_read_and_lies_in_the_file)
{
	u8 out[2048], in[2048];
	int fd;

	open_disk(NULL, _i);
	ck_assert_uint_eq(block_size(b), SIZE);
	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (u8)(i * 13);
	ck_assert_int_eq(block_write(b, 3 * MiB, out, sizeof(out)), 0);
	ck_assert_int_eq(block_flush(b), 0);
	ck_assert_int_eq(block_read(b, 3 * MiB, in, sizeof(in)), 0);
	ck_assert_mem_eq(in, out, sizeof(in));
	fd = open(path, O_RDONLY);
	ck_assert_int_eq(pread(fd, in, sizeof(in), 3 * MiB), sizeof(in));
	close(fd);
	ck_assert_mem_eq(in, out, sizeof(in));
}
END_TEST

START_TEST(many_requests_end_once_each)
{
	struct counted *c[BLOCK_MAX_IN_FLIGHT], *one_more = request(BLOCK_READ, 0, 2048);

	open_disk(NULL, _i);
	for (unsigned i = 0; i < BLOCK_MAX_IN_FLIGHT; i++) {
		c[i] = request(i & 1 ? BLOCK_WRITE : BLOCK_READ, i * 4096UL, 2048);
		memset(c[i]->buf, (int)i, sizeof(c[i]->buf));
		ck_assert_int_eq(block_submit(b, &c[i]->req), 0);
	}
	ck_assert_int_eq(block_submit(b, &one_more->req), -EAGAIN);
	block_push(b);
	block_drain(b);
	for (unsigned i = 0; i < BLOCK_MAX_IN_FLIGHT; i++) {
		ck_assert_int_eq(c[i]->calls, 1);
		ck_assert_int_eq(c[i]->err, 0);
		ck_assert_uint_eq(c[i]->buf[1][7], i & 1 ? i : 0);
		free(c[i]);
	}
	ck_assert_int_eq(finish(one_more), 0);
}
END_TEST

START_TEST(completions_are_announced)
{
	struct counted *c = request(BLOCK_READ, 0, 2048);
	struct pollfd p;

	open_disk(NULL, _i);
	ck_assert_int_eq(block_submit(b, &c->req), 0);
	block_push(b);
	if (block_event_fd(b) < 0) {
		ck_assert_int_eq(c->calls, 1); /* done when pushed */
	} else {
		p = (struct pollfd){ .fd = block_event_fd(b), .events = POLLIN };
		ck_assert_int_eq(poll(&p, 1, 5000), 1);
		ck_assert_uint_eq(block_reap(b), 1);
		ck_assert_int_eq(c->calls, 1);
	}
	free(c);
}
END_TEST

START_TEST(nothing_outside_the_disk_is_reached)
{
	static const struct {
		u64 offset, len;
	} bad[] = {
		{ SIZE, 2048 },	      { SIZE - 1024, 2048 },
		{ UINT64_MAX, 2048 }, { UINT64_MAX - 511, 2048 },
		{ 1ULL << 63, 2048 },
	};

	open_disk(NULL, _i);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		for (int op = BLOCK_READ; op <= BLOCK_WRITE_ZEROES; op++)
			if (op != BLOCK_FLUSH)
				ck_assert_int_eq(finish(request(op, bad[i].offset, bad[i].len)),
						 -EINVAL);
}
END_TEST

START_TEST(a_file_that_is_cut_short_gives_errors_and_stays_short)
{
	struct stat st;
	u8 buf[512];

	open_disk(NULL, _i);
	ck_assert_int_eq(truncate(path, MiB), 0);
	ck_assert_int_ne(block_read(b, 2 * MiB, buf, 512), 0);
	ck_assert_int_ne(block_write(b, 2 * MiB, buf, 512), 0);
	ck_assert_int_eq(block_write(b, MiB - 512, buf, 512), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_size, MiB);
	ck_assert_uint_eq(block_size(b), MiB);
	ck_assert_int_eq(truncate(path, 2 * MiB), 0);
	ck_assert(block_refresh_size(b));
	ck_assert(!block_refresh_size(b));
	ck_assert_int_eq(block_read(b, 2 * MiB - 512, buf, 512), 0);
}
END_TEST

START_TEST(a_host_that_refuses_to_write_is_an_error_of_the_request)
{
	struct rlimit limit = { MiB, MiB };
	u8 buf[512] = { 1 };

	open_disk(NULL, _i);
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ck_assert_int_eq(block_write(b, 2 * MiB, buf, 512), -EFBIG);
	ck_assert_int_eq(block_write(b, 0, buf, 512), 0);
}
END_TEST

static u64 blocks_used(void)
{
	struct stat st;

	ck_assert_int_eq(stat(path, &st), 0);
	return (u64)st.st_blocks * 512;
}

START_TEST(discard_frees_and_write_zeroes_clears)
{
	static u8 ones[256 * 1024];
	u8 in[4096], zero[4096] = { 0 };
	struct counted *c;
	u64 before;
	int err;

	memset(ones, 1, sizeof(ones));
	open_disk(NULL, _i);
	ck_assert_int_eq(block_write(b, 0, ones, sizeof(ones)), 0);
	ck_assert_int_eq(block_flush(b), 0);
	before = blocks_used();
	err = finish(request(BLOCK_WRITE_ZEROES, 4096, 8192));
	ck_assert_int_eq(err, 0);
	ck_assert_int_eq(block_read(b, 4096, in, 4096), 0);
	ck_assert_mem_eq(in, zero, 4096);
	ck_assert_int_eq(block_read(b, 0, in, 4096), 0);
	ck_assert_mem_eq(in, ones, 4096);
	c = request(BLOCK_WRITE_ZEROES, 65536, 65536);
	c->req.unmap = true;
	err = finish(c);
	ck_assert(!err || err == -EOPNOTSUPP);
	err = finish(request(BLOCK_DISCARD, 131072, 65536));
	ck_assert(!err || err == -EOPNOTSUPP);
	if (!err)
		ck_assert_uint_lt(blocks_used(), before);
	ck_assert_int_eq(block_read(b, 12288, in, 4096), 0);
	ck_assert_mem_eq(in, ones, 4096);
}
END_TEST

START_TEST(read_only_is_read_only)
{
	u8 buf[512];

	open_disk(&(struct block_config){ .read_only = true }, _i);
	ck_assert(block_read_only(b));
	ck_assert_int_eq(block_read(b, 0, buf, 512), 0);
	ck_assert_int_eq(block_write(b, 0, buf, 512), -EROFS);
	ck_assert_int_eq(finish(request(BLOCK_DISCARD, 0, 4096)), -EROFS);
	ck_assert_int_eq(block_flush(b), 0);
}
END_TEST

START_TEST(o_direct_takes_any_alignment)
{
	static u8 raw[12288 + 64];
	u8 *odd = raw + 3, in[512];

	if (block_open(&(struct block_config){ .path = path, .direct = true }, &b, &e)) {
		ck_assert_ptr_nonnull(strstr(e.text, "O_DIRECT")); /* tmpfs of older kernels */
		return;
	}
	memset(raw, 0x5a, sizeof(raw));
	ck_assert_int_eq(block_write(b, 512, odd, 1024), 0);
	ck_assert_int_eq(block_write(b, 8192, (u8 *)ALIGN_UP((uintptr_t)raw, 4096), 4096), 0);
	ck_assert_int_eq(block_read(b, 1024, in, 512), 0);
	ck_assert_mem_eq(in, odd, 512);
	ck_assert_int_eq(block_read(b, 8192, in, 512), 0);
	ck_assert_mem_eq(in, odd, 512);
	ck_assert_uint_ge(block_logical_size(b), 512);
}
END_TEST

START_TEST(one_writer_or_many_readers)
{
	struct block_config rw = { .path = path }, ro = { .path = path, .read_only = true };
	struct block *b2, *b3;

	open_disk(NULL, false);
	ck_assert_int_eq(block_open(&rw, &b2, &e), -EBUSY);
	ck_assert_ptr_nonnull(strstr(e.text, "in use"));
	ck_assert_int_eq(block_open(&ro, &b2, &e), -EBUSY);
	block_close(b);
	b = NULL;
	ck_assert_int_eq(block_open(&ro, &b2, &e), 0);
	ck_assert_int_eq(block_open(&ro, &b3, &e), 0);
	ck_assert_int_eq(block_open(&rw, &b, &e), -EBUSY);
	b = NULL;
	block_close(b2);
	block_close(b3);
	ck_assert_int_eq(block_open(&rw, &b, &e), 0);
}
END_TEST

START_TEST(what_is_no_disk_is_refused_in_words)
{
	static const struct {
		const char *path, *words;
		int err;
	} bad[] = {
		{ "/nonexistent/disk", "No such file", -ENOENT },
		{ "/tmp", "Is a directory", -EISDIR },
		{ "/dev/null", "not a file", -EINVAL },
	};
	struct block_config cfg = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		cfg.path = bad[i].path;
		ck_assert_int_eq(block_open(&cfg, &b, &e), bad[i].err);
		ck_assert_msg(strstr(e.text, bad[i].words), "%s", e.text);
		b = NULL;
	}
	ck_assert_int_eq(truncate(path, 100), 0);
	cfg.path = path;
	ck_assert_int_eq(block_open(&cfg, &b, &e), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.text, "empty"));
	b = NULL;
}
END_TEST

START_TEST(a_write_that_syncs_works_and_odd_sizes_round_down)
{
	struct counted *c;

	ck_assert_int_eq(truncate(path, SIZE - 100), 0);
	open_disk(NULL, _i);
	ck_assert_uint_eq(block_size(b), SIZE - 512);
	c = request(BLOCK_WRITE, 0, 2048);
	c->req.sync = true;
	ck_assert_int_eq(finish(c), 0);
	ck_assert_int_eq(finish(request(BLOCK_READ, SIZE - 2560, 2048)), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("block");
	TCase *t = tcase_create("both");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, what_is_written_is_read_and_lies_in_the_file, 0, 2);
	tcase_add_loop_test(t, many_requests_end_once_each, 0, 2);
	tcase_add_loop_test(t, completions_are_announced, 0, 2);
	tcase_add_loop_test(t, nothing_outside_the_disk_is_reached, 0, 2);
	tcase_add_loop_test(t, a_file_that_is_cut_short_gives_errors_and_stays_short, 0, 2);
	tcase_add_loop_test(t, a_host_that_refuses_to_write_is_an_error_of_the_request, 0, 2);
	tcase_add_loop_test(t, discard_frees_and_write_zeroes_clears, 0, 2);
	tcase_add_loop_test(t, read_only_is_read_only, 0, 2);
	tcase_add_test(t, o_direct_takes_any_alignment);
	tcase_add_test(t, one_writer_or_many_readers);
	tcase_add_test(t, what_is_no_disk_is_refused_in_words);
	tcase_add_loop_test(t, a_write_that_syncs_works_and_odd_sizes_round_down, 0, 2);
	suite_add_tcase(s, t);

	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
