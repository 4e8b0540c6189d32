/* SPDX-License-Identifier: MIT */
/*
 * Linux is the model: random operations run on a tmpfs of the machine this test runs on and on
 * guest/fs, and every result is compared: value or errno, bytes, attributes, signals. The seed and the
 * last operations are printed when they differ.
 */
#include <check.h>

#include "guest/fs/pagecache.h"
#include "guest/fs/pipe_internal.h"
#include "tests/unit/guest/fs_ops_host.h"
#include "tests/unit/guest/fs_ops_ours.h"
#include "tests/unit/guest/fs_ops_random.h"

#define STEPS 10000u

/* ---- running both ---------------------------------------------------------------------------------- */

static struct op history[12];
static struct op_result host_res, our_res;

static void print_op(const struct op *o)
{
	fprintf(stderr, "  %-12s fd %d fd2 %d a %#lx b %#lx n %#lx \"%.60s\" \"%.60s\"\n",
		op_name(o->kind), o->fd, o->fd2, o->a, o->b, o->n, o->path, o->path2);
}

static void explain(u64 seed, unsigned step, const char *mix)
{
	const struct op_stat *hs = (const void *)host_res.data, *os = (const void *)our_res.data;
	int kind = history[step % ARRAY_SIZE(history)].kind;

	fprintf(stderr, "seed %lu, step %u of \"%s\":\n", seed, step, mix);
	for (unsigned i = step + 1 < ARRAY_SIZE(history) ? 0 : step + 1 - ARRAY_SIZE(history);
	     i <= step; i++)
		print_op(&history[i % ARRAY_SIZE(history)]);
	fprintf(stderr, "Linux: %ld, %u bytes, %u signals; ours: %ld, %u bytes, %u signals\n",
		host_res.ret, host_res.len, host_res.signals, our_res.ret, our_res.len,
		our_res.signals);
	if ((kind == OP_FSTAT || kind == OP_FSTATAT) && !host_res.ret && !our_res.ret)
		fprintf(stderr,
			"Linux: mode %o nlink %lu uid %u gid %u size %lu rdev %lx blocks %lu moved %u %u\n"
			"ours:  mode %o nlink %lu uid %u gid %u size %lu rdev %lx blocks %lu moved %u %u\n",
			hs->mode, hs->nlink, hs->uid, hs->gid, hs->size, hs->rdev, hs->blocks,
			hs->atime_moved, hs->mtime_moved, os->mode, os->nlink, os->uid, os->gid,
			os->size, os->rdev, os->blocks, os->atime_moved, os->mtime_moved);
	else
		for (unsigned i = 0; i < host_res.len && i < our_res.len; i++)
			if (host_res.data[i] != our_res.data[i]) {
				fprintf(stderr, "first difference at byte %u: %02x, ours %02x\n", i,
					host_res.data[i], our_res.data[i]);
				break;
			}
}

static bool same(void)
{
	return host_res.ret == our_res.ret && host_res.len == our_res.len &&
	       host_res.signals == our_res.signals &&
	       !memcmp(host_res.data, our_res.data, our_res.len);
}

static unsigned sysctl(const char *name)
{
	char path[80];
	unsigned v = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/sys/fs/%s", name);
	f = fopen(path, "r");
	if (f && fscanf(f, "%u", &v) != 1)
		v = 0;
	if (f)
		fclose(f);
	return v;
}

/* Root of a container may lack some of root's powers. */
static u64 host_capabilities(void)
{
	u64 caps = CAP_FULL;
	char line[200];
	FILE *f = fopen("/proc/self/status", "r");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "CapEff: %lx", &caps) == 1)
			break;
	if (f)
		fclose(f);
	return caps & CAP_FULL;
}

static u32 coverage[NR_OPS];

/* FS_CHECK=1: what lies behind the end of a file is zeroes, or it would show when the file grows. */
static void check_tails(struct fs_lab *l)
{
	struct super_block *sb;
	struct inode *inode;

	list_for_each_entry (sb, &l->vfs.supers, s_list)
		list_for_each_entry (inode, &sb->s_inodes, i_sb_list) {
			struct address_space *as = inode->i_mapping;
			struct page *page;
			u64 index;

			if (!as)
				continue;
			ck_assert_msg(!pagecache_check(as), "%s", pagecache_check(as));
			xa_for_each (&as->pages, index, page) {
				const u8 *p = page_address(l->vfs.pg, page);

				for (unsigned i = 0; i < PAGE_SIZE; i++)
					CHECK((s64)(index * PAGE_SIZE + i) < inode->i_size ||
					      !p[i]);
			}
		}
}

/* Within one file Linux moves pages that it is writing to at the same time: what comes out depends on
 * how it buffers. */
static bool within_one_file(struct fs_lab *l, const struct op *o)
{
	struct file *a = fget(&l->task, o->fd), *b = fget(&l->task, o->fd2);
	bool same_file = a && b && a->f_inode == b->f_inode && S_ISREG(a->f_inode->i_mode);

	fput(a);
	fput(b);
	return same_file;
}

/* sendfile(2) lends a pipe the file's own pages on Linux: what is written there shows, if it has not been
 * read yet. Here it is a copy. Which of the two the manual leaves open. */
static bool reads_lent_pages(struct fs_lab *l, const struct op *o)
{
	struct file *f = fget(&l->task, o->fd);
	struct pipe_inode_info *p = f && S_ISFIFO(f->f_inode->i_mode) ? f->f_inode->i_pipe : NULL;
	bool lent = false;

	for (u32 i = p ? p->tail : 0; p && i != p->head; i++) {
		const struct pipe_buffer *b = &p->bufs[i & (p->ring_size - 1)];

		lent |= !b->can_merge && !b->packet;
	}
	fput(f);
	return lent && (o->kind == OP_READ || o->kind == OP_READV);
}

/* All eventfds and epolls of a machine are one inode, so that any process of Linux's can have it locked. */
static bool locks_what_all_share(struct fs_lab *l, const struct op *o)
{
	struct file *f = fget(&l->task, o->fd);
	bool is = f && !(f->f_inode->i_mode & S_IFMT);

	fput(f);
	return is;
}

/* In the last page that a file can have Linux's search for data and holes overflows. */
static bool seeks_in_last_page(struct fs_lab *l, const struct op *o)
{
	struct file *f = fget(&l->task, o->fd);
	bool is = f && (int)o->b >= SEEK_DATA && S_ISREG(f->f_inode->i_mode) &&
		  f->f_inode->i_size > INT64_MAX - (s64)PAGE_SIZE;

	fput(f);
	return is;
}

static void run_mix(const struct mix *m, u64 seed, unsigned steps)
{
	struct fs_host host;
	struct fs_lab *l;
	struct cred *root;
	const char *why = fs_host_too_old();

	if (!why)
		why = fs_host_start(&host);
	if (why) {
		printf("SKIP guest/test_mix: %s\n", why);
		return;
	}
	rand_init(&rng, seed);
	l = fs_ours_start((int)(seed % 6));
	root = cred_copy(l->task.cred);
	root->cap_permitted = root->cap_effective = host_capabilities();
	cred_put(l->task.cred);
	l->task.cred = root;
	l->vfs.protected_symlinks = sysctl("protected_symlinks");
	l->vfs.protected_hardlinks = sysctl("protected_hardlinks");
	l->vfs.protected_fifos = sysctl("protected_fifos");
	l->vfs.protected_regular = sysctl("protected_regular");
	for (unsigned step = 0; step < steps; step++) {
		struct op *o = &history[step % ARRAY_SIZE(history)];
		bool lent;

		random_op(o, m);
		if (o->kind == OP_SENDFILE && within_one_file(l, o))
			o->kind = OP_FSYNC;
		if ((o->kind == OP_FLOCK || o->kind == OP_SETLK) && locks_what_all_share(l, o))
			o->kind = OP_FSYNC;
		if (o->kind == OP_LSEEK && seeks_in_last_page(l, o))
			o->kind = OP_FSYNC;
		lent = reads_lent_pages(l, o);
		fs_host_run(&host, o, &host_res);
		fs_ours_run(l, o, &our_res);
		if (getenv("FS_TRACE") && (strstr(getenv("FS_TRACE"), op_name(o->kind)) ||
					   step + 40 > (unsigned)atoi(getenv("FS_TRACE")))) {
			fprintf(stderr, "%u: %ld", step, host_res.ret);
			print_op(o);
		}
		coverage[o->kind] += our_res.ret >= 0;
		if (getenv("FS_CHECK"))
			check_tails(l);
		if (lent)
			memcpy(our_res.data, host_res.data, MIN(our_res.len, host_res.len));
		if (!same()) {
			if (getenv("FS_GO_ON") && host_res.ret < 0 && our_res.ret < 0) {
				fprintf(stderr, "%ld, ours %ld:", host_res.ret, our_res.ret);
				print_op(o);
				continue;
			}
			explain(seed, step, m->name);
			ck_abort_msg("%s: %s differs", m->name, op_name(o->kind));
		}
		if (step % 256 == 0)
			fs_lab_check(l);
	}
	fs_host_stop(&host);
	fs_lab_free(l);
}

START_TEST(test_mix)
{
	const char *seed = getenv("FS_SEED"), *steps = getenv("FS_STEPS"), *mix = getenv("FS_MIX");

	if (mix && strcmp(mix, mixes[_i].name))
		return;
	run_mix(&mixes[_i], seed ? strtoull(seed, NULL, 0) : 1000 + (u64)_i,
		steps ? (unsigned)atoi(steps) : STEPS);
	if (getenv("FS_COVERAGE"))
		for (int i = 0; i < NR_OPS; i++)
			fprintf(stderr, "%s %u\n", op_name(i), coverage[i]);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("fs_conform");
	TCase *tc = tcase_create("against Linux");
	SRunner *r;
	int failed;

	tcase_set_timeout(tc, 150);
	tcase_add_loop_test(tc, test_mix, 0, ARRAY_SIZE(mixes));
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
