/* SPDX-License-Identifier: MIT */
/* Unpacking: inflate against zlib's deflate, archives of every kind of file, and broken ones. */
#include <check.h>

#include "guest/fs/initramfs.h"
#include "guest/lib/inflate.h"
#include "tests/unit/guest/cpio_maker.h"
#include "tests/unit/guest/fs_lab.h"

/* ---- inflate ---------------------------------------------------------------------------------------- */

struct sink {
	u8 *data;
	size_t len, room, fail_at;
};

static int collect(void *arg, const void *data, size_t n)
{
	struct sink *s = arg;

	CHECK(n <= 32768);
	if (s->fail_at && s->len + n > s->fail_at)
		return -77;
	CHECK(s->len + n <= s->room);
	memcpy(s->data + s->len, data, n);
	s->len += n;
	return 0;
}

/* Text of some redundancy, noise, runs. */
static void make_data(struct rand *r, u8 *p, size_t n)
{
	size_t at = 0;

	while (at < n) {
		size_t len = MIN(n - at, 1 + rand_below(r, 3000));

		switch (rand_below(r, 4)) {
		case 0:
			rand_fill(r, p + at, len);
			break;
		case 1:
			memset(p + at, (int)rand_below(r, 256), len);
			break;
		case 2:
			for (size_t i = 0; i < len; i++)
				p[at + i] = "the quick brown fox "[rand_below(r, 20)];
			break;
		default:
			if (at) {
				size_t dist = 1 + rand_below(r, MIN(at, (size_t)40000));

				for (size_t i = 0; i < len; i++)
					p[at + i] = p[at + i - dist];
			}
		}
		at += len;
	}
}

static size_t deflate_all(u8 *out, size_t room, const u8 *in, size_t n, int level, int strategy,
			  int window)
{
	z_stream z = { .next_in = (u8 *)in,
		       .avail_in = (unsigned)n,
		       .next_out = out,
		       .avail_out = (unsigned)room };

	CHECK_EQ(deflateInit2(&z, level, Z_DEFLATED, window, 8, strategy), Z_OK);
	CHECK_EQ(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return z.total_out;
}

#define DATA_MAX (300u << 10)

START_TEST(test_inflate)
{
	static const int strategies[] = { Z_DEFAULT_STRATEGY, Z_FILTERED, Z_HUFFMAN_ONLY, Z_RLE,
					  Z_FIXED };
	u8 *plain = malloc(DATA_MAX), *packed = malloc(2 * DATA_MAX);
	struct sink s = { .data = malloc(DATA_MAX), .room = DATA_MAX };
	struct rand r;

	rand_init(&r, 5);
	for (unsigned i = 0; i < 60; i++) {
		size_t n = rand_below(&r, i % 3 ? DATA_MAX : 300), len, used = 0;
		bool gzip = i & 1;

		make_data(&r, plain, n);
		len = deflate_all(packed, 2 * DATA_MAX, plain, n, (int)(i % 10), strategies[i % 5],
				  gzip ? 31 : -15);
		memset(packed + len, 0xaa, 20); /* not part of it */
		s.len = 0;
		CHECK_EQ((gzip ? inflate_gzip : inflate_raw)(packed, len + 20, &used, collect, &s),
			 0);
		CHECK_EQ(used, len);
		CHECK_EQ(s.len, n);
		CHECK(!memcmp(s.data, plain, n));
		/* Cut short, damaged, or not wanted any more. */
		s.len = 0;
		CHECK((gzip ? inflate_gzip : inflate_raw)(packed, rand_below(&r, len), &used,
							  collect, &s) < 0);
		if (gzip) {
			packed[len - 1 - rand_below(&r, 8)] ^= 1;
			s.len = 0;
			CHECK_EQ(inflate_gzip(packed, len, &used, collect, &s), -EIO);
			s.len = 0;
			s.fail_at = n / 2;
			CHECK(n < 2 || inflate_gzip(packed, len, &used, collect, &s) == -77);
			s.fail_at = 0;
		}
	}
	CHECK_EQ(env_host_live_allocs(), 0);
	free(plain);
	free(packed);
	free(s.data);
}
END_TEST

/* ---- archives ------------------------------------------------------------------------------------------ */

static u8 big[70000];

static void make_archive(struct cpio *c)
{
	const struct cpio_entry entries[] = {
		{ .name = "bin", .mode = S_IFDIR | 0755, .mtime = 1000 },
		{ .name = "bin/tool",
		  .mode = S_IFREG | 04755,
		  .uid = 3,
		  .gid = 4,
		  .mtime = 1234,
		  .data = big,
		  .len = sizeof(big) },
		{ .name = "bin/sh", .mode = S_IFLNK | 0777, .data = "tool", .len = 4 },
		{ .name = "./dev", .mode = S_IFDIR | 0700 },
		{ .name = "/dev/null", .mode = S_IFCHR | 0666, .rdev_major = 1, .rdev_minor = 3 },
		{ .name = "fifo", .mode = S_IFIFO | 0644 },
		{ .name = "one", .mode = S_IFREG | 0600, .nlink = 3, .ino = 77 },
		{ .name = "two", .mode = S_IFREG | 0600, .nlink = 3, .ino = 77 },
		{ .name = "three",
		  .mode = S_IFREG | 0600,
		  .nlink = 3,
		  .ino = 77,
		  .data = "linked",
		  .len = 6 },
		{ .name = "empty", .mode = S_IFREG | 0644 },
		{ .name = "summed", .mode = S_IFREG | 0644, .data = "abc", .len = 3, .bad_sum = 1 },
		{ .name = "../../up", .mode = S_IFREG | 0644, .data = "x", .len = 1 },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(entries); i++)
		cpio_add(c, &entries[i]);
	cpio_end(c);
}

static void check_file(struct vfs_task *t, const char *path, u32 mode, const void *data, size_t len)
{
	static u8 buf[sizeof(big)];
	struct file *f;
	struct kstat st;
	s64 pos = 0;

	ck_assert_msg(fs_stat(t, AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, &st) == 0, "%s", path);
	ck_assert_msg(st.mode == mode, "%s: %o", path, st.mode);
	if (!data)
		return;
	CHECK_EQ(st.size, (s64)len);
	CHECK_EQ(filp_open(t, path, O_RDONLY, 0, &f), 0);
	CHECK_EQ(kernel_read(t, f, buf, sizeof(buf), &pos), (s64)len);
	CHECK(!memcmp(buf, data, len));
	fput(f);
}

static void check_tree(struct vfs_task *t)
{
	struct kstat st;

	check_file(t, "/bin", S_IFDIR | 0755, NULL, 0);
	check_file(t, "/bin/tool", S_IFREG | 04755, big, sizeof(big));
	CHECK_EQ(fs_stat(t, AT_FDCWD, "/bin/sh", 0, &st), 0);
	CHECK(st.uid == 3 && st.gid == 4 && st.mtime.tv_sec == 1234 && st.size == sizeof(big));
	check_file(t, "/bin/sh", S_IFLNK | 0777, NULL, 0);
	CHECK_EQ(fs_stat(t, AT_FDCWD, "/dev/null", 0, &st), 0);
	CHECK(st.mode == (S_IFCHR | 0666) && st.rdev == MKDEV(1, 3));
	check_file(t, "/fifo", S_IFIFO | 0644, NULL, 0);
	check_file(t, "/one", S_IFREG | 0600, "linked", 6);
	check_file(t, "/two", S_IFREG | 0600, "linked", 6);
	CHECK_EQ(fs_stat(t, AT_FDCWD, "/three", 0, &st), 0);
	CHECK_EQ(st.nlink, 3);
	check_file(t, "/empty", S_IFREG | 0644, "", 0);
	check_file(t, "/summed", S_IFREG | 0644, "abc", 3);
	check_file(t, "/up", S_IFREG | 0644, "x", 1); /* the root is where ".." ends */
}

/* How the archive is given: plain, compressed, two in a row, twice over. */
START_TEST(test_unpack)
{
	struct fs_lab *l = fs_lab_new(_i % 6);
	struct initramfs_result res;
	struct cpio c = { 0 }, second = { 0 };
	u32 mask = l->task.fs->umask;

	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (u8)(i * i >> 7);
	make_archive(&c);
	if (_i & 1)
		cpio_gzip(&c, 6);
	if (_i >= 2) {
		cpio_add(&second, &(struct cpio_entry){ .name = "bin/second",
							.mode = S_IFREG | 0644,
							.data = "2",
							.len = 1 });
		cpio_end(&second);
		if (_i & 2)
			cpio_gzip(&second, 1);
		cpio_bytes(&c, second.data, second.len);
	}
	CHECK_EQ(initramfs_unpack(&l->task, c.data, c.len, &res), 0);
	CHECK_EQ(res.offset, c.len);
	CHECK_EQ(res.folders, 2);
	CHECK_EQ(res.nodes, 2);
	CHECK_EQ(res.files, (u64)(_i >= 2 ? 6 : 5));
	CHECK_EQ(res.bytes, sizeof(big) + 10 + (_i >= 2));
	check_tree(&l->task);
	if (_i >= 2)
		check_file(&l->task, "/bin/second", S_IFREG | 0644, "2", 1);
	/* Over what is there already. */
	CHECK_EQ(initramfs_unpack(&l->task, c.data, c.len, &res), 0);
	check_tree(&l->task);
	CHECK_EQ(l->task.fs->umask, mask);
	free(c.data);
	free(second.data);
	fs_lab_free(l);
}
END_TEST

START_TEST(test_broken)
{
	static const struct {
		size_t offset;
		u8 byte;
		int err;
	} damage[] = {
		{ 0, 'x', -EINVAL }, { 5, '3', -EINVAL }, { 20, 'g', -EIO },
		{ 101, '0', -EIO },  { 94, 'f', -EIO },
	};
	struct fs_lab *l = fs_lab_new(0);
	struct initramfs_result res;
	struct cpio c = { 0 }, bad = { 0 };

	make_archive(&c);
	for (unsigned i = 0; i < ARRAY_SIZE(damage); i++) {
		u8 was = c.data[damage[i].offset];

		c.data[damage[i].offset] = damage[i].byte;
		CHECK_EQ(initramfs_unpack(&l->task, c.data, c.len, &res), damage[i].err);
		CHECK(res.error != NULL);
		c.data[damage[i].offset] = was;
	}
	for (size_t cut = 1; cut < 600; cut += 7) {
		int err = initramfs_unpack(&l->task, c.data, cut, &res);

		CHECK(err == -EIO || (!err && cut % 4 == 0));
	}
	CHECK_EQ(initramfs_unpack(&l->task, "\0\0\0", 3, &res), 0);
	CHECK_EQ(initramfs_unpack(&l->task, c.data, 0, &res), 0);
	cpio_add(&bad,
		 &(struct cpio_entry){
			 .name = "sum", .mode = S_IFREG, .data = "abc", .len = 3, .bad_sum = -1 });
	CHECK_EQ(initramfs_unpack(&l->task, bad.data, bad.len, &res), -EIO);
	bad.len = 0;
	cpio_add(&bad, &(struct cpio_entry){ .name = "no/such/folder", .mode = S_IFREG | 0644 });
	CHECK_EQ(initramfs_unpack(&l->task, bad.data, bad.len, &res), -ENOENT);
	free(c.data);
	free(bad.data);
	fs_lab_free(l);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("fs_initramfs");
	TCase *tc = tcase_create("unpacking");
	SRunner *r;
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_inflate);
	tcase_add_loop_test(tc, test_unpack, 0, 6);
	tcase_add_test(tc, test_broken);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
