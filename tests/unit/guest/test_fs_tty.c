/* SPDX-License-Identifier: MIT */
/*
 * Terminals against Linux's: two pseudo terminals get the same modes, the same typing and the same
 * output, and what comes out at both ends is compared. Linux moves bytes through a work queue, so a
 * difference counts only if it is still there when the whole run is repeated with more patience.
 */
#include <check.h>

#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest/fs/chrdev.h"
#include "guest/fs/tty.h"
#include "tests/unit/guest/fs_lab.h"

#define STEPS 3000

static struct rand rng;

#define HOST(...)                                    \
	({                                           \
		s64 host_r_ = syscall(__VA_ARGS__);  \
		host_r_ < 0 ? -(s64)errno : host_r_; \
	})

static struct fs_lab *tty_lab(void)
{
	struct fs_lab *l = fs_lab_new(0);
	struct vfs_task *t = &l->task;

	CHECK_EQ(devtmpfs_init(&l->vfs), 0);
	CHECK_EQ(pty_init(&l->vfs), 0);
	CHECK_EQ(fs_mkdirat(t, AT_FDCWD, "/dev", 0755), 0);
	CHECK_EQ(fs_mount(t, "dev", "/dev", "devtmpfs", 0, NULL), 0);
	CHECK_EQ(fs_mkdirat(t, AT_FDCWD, "/dev/pts", 0755), 0);
	CHECK_EQ(fs_mount(t, "devpts", "/dev/pts", "devpts", 0, NULL), 0);
	return l;
}

static s64 ours_rw(struct vfs_task *t, int fd, void *buf, size_t n, bool write)
{
	struct iov_iter it = user_iter(buf, n);

	return write ? fs_write(t, fd, &it) : fs_read(t, fd, &it);
}

/* ---- against Linux ------------------------------------------------------------------------------------ */

struct pair {
	struct fs_lab *l;
	int hm, hs, om, os; /* master and slave, Linux's and ours */
	unsigned patience;  /* us */
};

static void pair_open(struct pair *p)
{
	struct vfs_task *t;
	char name[32];
	s32 zero = 0, n = -1;

	p->l = tty_lab();
	t = &p->l->task;
	p->hm = (int)HOST(SYS_openat, AT_FDCWD, "/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK);
	p->om = (int)fs_openat(t, AT_FDCWD, "/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK, 0);
	CHECK(p->om >= 0);
	CHECK_EQ(fs_openat(t, AT_FDCWD, "/dev/pts/0", O_RDWR, 0), -EIO); /* still locked */
	CHECK_EQ(fs_ioctl(t, p->om, TIOCSPTLCK, (u64)&zero), 0);
	p->os = (int)fs_openat(t, AT_FDCWD, "/dev/pts/0", O_RDWR | O_NOCTTY | O_NONBLOCK, 0);
	CHECK(p->os >= 0);
	if (p->hm < 0)
		return;
	CHECK_EQ(HOST(SYS_ioctl, p->hm, TIOCSPTLCK, &zero), 0);
	CHECK_EQ(HOST(SYS_ioctl, p->hm, TIOCGPTN, &n), 0);
	snprintf(name, sizeof(name), "/dev/pts/%d", n);
	p->hs = (int)HOST(SYS_openat, AT_FDCWD, name, O_RDWR | O_NOCTTY | O_NONBLOCK);
}

static void pair_close(struct pair *p)
{
	close(p->hm);
	close(p->hs);
	CHECK_EQ(fs_close(&p->l->task, p->om), 0);
	CHECK_EQ(fs_close(&p->l->task, p->os), 0);
	fs_lab_free(p->l);
}

static s32 host_pending(int fd)
{
	s32 n = -1;

	HOST(SYS_ioctl, fd, FIONREAD, &n);
	return n;
}

static s32 ours_pending(struct pair *p, int fd)
{
	s32 n = -1;

	fs_ioctl(&p->l->task, fd, FIONREAD, (u64)&n);
	return n;
}

/* Until Linux's work queue is through: asking an empty terminal waits for it, a full one has to be
 * given time. */
static void settle(struct pair *p)
{
	struct linux_timespec zero = { 0, 0 };
	struct linux_pollfd fds[2] = { { p->hs, POLLIN, 0 }, { p->hm, POLLIN, 0 } };

	for (unsigned i = 0; i < 50; i++) {
		HOST(SYS_ppoll, fds, 2, &zero, NULL, 8);
		if (host_pending(p->hs) == ours_pending(p, p->os) &&
		    host_pending(p->hm) == ours_pending(p, p->om))
			break;
		usleep(p->patience);
	}
	if (host_pending(p->hs))
		usleep(p->patience);
	HOST(SYS_ppoll, fds, 2, &zero, NULL, 8);
}

static void random_termios(struct linux_termios *tio)
{
	static const u32 iflags[] = { ICRNL, IXON,    INLCR, IGNCR, ISTRIP,
				      IUCLC, IMAXBEL, IUTF8, IXANY };
	static const u32 oflags[] = { OPOST, ONLCR, OCRNL, ONOCR, ONLRET, OLCUC, XTABS };
	static const u32 lflags[] = { ISIG,   ICANON,  ECHO,	ECHOE,	ECHOK, ECHONL,
				      NOFLSH, ECHOCTL, ECHOPRT, ECHOKE, IEXTEN };
	static const u8 cc[NCCS] = { 3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0 };

	*tio = (struct linux_termios){ .c_iflag = ICRNL | IXON,
				       .c_oflag = OPOST | ONLCR,
				       .c_cflag = B38400 | CS8 | CREAD,
				       .c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL |
						  ECHOKE | IEXTEN };
	memcpy(tio->c_cc, cc, NCCS);
	for (u64 n = rand_below(&rng, 4); n; n--)
		tio->c_iflag ^= iflags[rand_below(&rng, ARRAY_SIZE(iflags))];
	for (u64 n = rand_below(&rng, 3); n; n--)
		tio->c_oflag ^= oflags[rand_below(&rng, ARRAY_SIZE(oflags))];
	for (u64 n = rand_below(&rng, 4); n; n--)
		tio->c_lflag ^= lflags[rand_below(&rng, ARRAY_SIZE(lflags))];
	if (rand_one_in(&rng, 4))
		tio->c_cc[VEOL] = 'e';
	if (rand_one_in(&rng, 4))
		tio->c_cc[VMIN] = (u8)rand_below(&rng, 3);
}

static size_t random_text(u8 *buf, bool typed)
{
	static const u8 special[] = { 3,  4,  8,  17,  18,   19,   21,	 22,
				      23, 26, 28, 127, '\r', '\n', '\n', '\t' };
	static const u8 plain[] = "aBc d_e1  \xc3\xa4\xff\t";
	size_t n = 1 + rand_below(&rng, 12);

	for (size_t i = 0; i < n; i++)
		buf[i] = rand_below(&rng, 3) || !typed ? plain[rand_below(&rng, sizeof(plain) - 1)]
						       : special[rand_below(&rng, sizeof(special))];
	if (!typed && rand_one_in(&rng, 2))
		buf[n - 1] = '\n';
	return n;
}

static char why[800];

static int print_around(char *out, size_t size, const u8 *p, s64 n, s64 at)
{
	int len = 0;

	for (s64 i = MAX(at - 30, 0); p && i < MIN(n, at + 20); i++)
		len += snprintf(out + len, size - (size_t)len, i == at ? " [%02x]" : " %02x", p[i]);
	return len;
}

static bool differs(const char *what, unsigned step, s64 h, s64 o, const u8 *hb, const u8 *ob)
{
	s64 at = 0;
	int len;

	if (h == o && (h <= 0 || !hb || !memcmp(hb, ob, (size_t)h)))
		return false;
	while (hb && at < h && at < o && hb[at] == ob[at])
		at++;
	len = snprintf(why, sizeof(why), "step %u, %s: Linux %ld:", step, what, h);
	len += print_around(why + len, sizeof(why) - (size_t)len, hb, h, at);
	len += snprintf(why + len, sizeof(why) - (size_t)len, "; ours %ld:", o);
	print_around(why + len, sizeof(why) - (size_t)len, ob, o, at);
	return true;
}

/* TTY_TRACE=1: what has been done. */
static void trace(unsigned step, const char *what, const u8 *p, size_t n)
{
	if (!getenv("TTY_TRACE"))
		return;
	fprintf(stderr, "%u %s", step, what);
	while (n--)
		fprintf(stderr, " %02x", *p++);
	fprintf(stderr, "\n");
}

/* True: they differ, `why` says where. */
static bool step_differs(struct pair *p, unsigned step)
{
	static u8 hb[512], ob[512];
	struct vfs_task *t = &p->l->task;
	struct linux_termios tio;
	size_t n;
	u64 arg;

	switch (rand_below(&rng, 12)) {
	case 0:
		random_termios(&tio);
		trace(step, "modes", (const u8 *)&tio, 16);
		n = (size_t)(TCSETS + rand_below(&rng, 3));
		return differs("termios", step, HOST(SYS_ioctl, p->hs, n, &tio),
			       fs_ioctl(t, p->os, (u32)n, (u64)&tio), NULL, NULL);
	case 1:
		arg = rand_below(&rng, 3);
		if (rand_below(&rng, 4))
			return false;
		return differs("flush", step, HOST(SYS_ioctl, p->hs, TCFLSH, arg),
			       fs_ioctl(t, p->os, TCFLSH, arg), NULL, NULL);
	case 2:
	case 3:
		n = random_text(hb, false);
		memcpy(ob, hb, n);
		trace(step, "write", hb, n);
		return differs("output", step, HOST(SYS_write, p->hs, hb, n),
			       ours_rw(t, p->os, ob, n, true), NULL, NULL);
	case 4:
	case 5:
		n = rand_below(&rng, 3) ? sizeof(hb) : rand_below(&rng, 6);
		return differs("input", step, HOST(SYS_read, p->hs, hb, n),
			       ours_rw(t, p->os, ob, n, false), hb, ob);
	case 6:
	case 7:
		return differs("echo", step, HOST(SYS_read, p->hm, hb, sizeof(hb)),
			       ours_rw(t, p->om, ob, sizeof(ob), false), hb, ob);
	case 8:
		return differs("FIONREAD", step, host_pending(p->hs), ours_pending(p, p->os), NULL,
			       NULL);
	default:
		n = random_text(hb, true);
		memcpy(ob, hb, n);
		trace(step, "type", hb, n);
		return differs("typing", step, HOST(SYS_write, p->hm, hb, n),
			       ours_rw(t, p->om, ob, n, true), NULL, NULL);
	}
}

static bool run(u64 seed, unsigned patience)
{
	struct pair p = { .patience = patience };
	bool bad = false;

	rand_init(&rng, seed);
	trace((unsigned)seed, "is the seed", NULL, 0);
	pair_open(&p);
	if (p.hm < 0 || p.hs < 0) {
		printf("SKIP guest/test_against_linux: no pseudo terminals here\n");
		pair_close(&p);
		return false;
	}
	for (unsigned step = 0; step < STEPS && !bad; step++) {
		settle(&p);
		bad = step_differs(&p, step);
	}
	pair_close(&p);
	return bad;
}

START_TEST(test_against_linux)
{
	static const unsigned patience[] = { 50, 2000, 10000 };
	u64 seed = getenv("TTY_SEED") ? strtoull(getenv("TTY_SEED"), NULL, 0) : 77 + (u64)_i;

	for (unsigned i = 0; i < ARRAY_SIZE(patience); i++)
		if (!run(seed, patience[i]))
			return;
	ck_abort_msg("seed %lu, %s", seed, why);
}
END_TEST

/* ---- by itself ------------------------------------------------------------------------------------------ */

static void expect(struct vfs_task *t, int fd, const char *text)
{
	char buf[256];
	s64 n = ours_rw(t, fd, buf, sizeof(buf) - 1, false);

	buf[n > 0 ? n : 0] = 0;
	ck_assert_str_eq(buf, text);
}

START_TEST(test_session)
{
	struct fs_lab *l = tty_lab();
	struct vfs_task *t = &l->task;
	struct linux_winsize ws = { 24, 80, 0, 0 };
	s32 zero = 0, v = 0, other = 2;
	int m = (int)fs_openat(t, AT_FDCWD, "/dev/ptmx", O_RDWR | O_NONBLOCK, 0), s;
	char c = 3;

	CHECK_EQ(fs_ioctl(t, m, TIOCSPTLCK, (u64)&zero), 0);
	s = (int)fs_openat(t, AT_FDCWD, "/dev/pts/0", O_RDWR | O_NONBLOCK, 0);
	CHECK(s >= 0);
	/* The session leader's first terminal is its controlling one. */
	CHECK_EQ(fs_ioctl(t, s, TIOCGPGRP, (u64)&v), 0);
	CHECK_EQ(v, 1);
	CHECK_EQ(fs_ioctl(t, s, TIOCGSID, (u64)&v), 0);
	CHECK_EQ(v, 1);
	CHECK_EQ(ours_rw(t, m, &c, 1, true), 1);
	CHECK_EQ(l->signals[SIGINT], 1);
	expect(t, m, "^C");
	CHECK_EQ(fs_ioctl(t, m, TIOCSWINSZ, (u64)&ws), 0);
	CHECK_EQ(l->signals[SIGWINCH], 1);
	CHECK_EQ(fs_ioctl(t, m, TIOCSWINSZ, (u64)&ws), 0);
	CHECK_EQ(l->signals[SIGWINCH], 1);
	/* Another group in the foreground: reading stops us. */
	CHECK_EQ(fs_ioctl(t, s, TIOCSPGRP, (u64)&other), 0);
	CHECK_EQ(ours_rw(t, s, &c, 1, false), -ERESTARTSYS);
	CHECK_EQ(l->signals[SIGTTIN], 1);
	other = 99;
	CHECK_EQ(fs_ioctl(t, s, TIOCSPGRP, (u64)&other), -ERESTARTSYS);
	CHECK_EQ(l->signals[SIGTTOU], 1);
	/* The master goes: hang-up, end of file, no more output. */
	CHECK_EQ(fs_close(t, m), 0);
	CHECK_EQ(l->signals[SIGHUP], 2); /* the group, and the session's leader */
	CHECK_EQ(ours_rw(t, s, &c, 1, false), 0);
	CHECK_EQ(ours_rw(t, s, &c, 1, true), -EIO);
	CHECK_EQ(fs_openat(t, AT_FDCWD, "/dev/pts/0", O_RDWR, 0), -ENOENT);
	CHECK_EQ(fs_close(t, s), 0);
	fs_lab_free(l);
}
END_TEST

START_TEST(test_vmin_vtime)
{
	struct fs_lab *l = tty_lab();
	struct vfs_task *t = &l->task;
	struct linux_termios tio;
	s32 zero = 0;
	int m = (int)fs_openat(t, AT_FDCWD, "/dev/ptmx", O_RDWR | O_NOCTTY, 0), s;
	char buf[8];

	fs_ioctl(t, m, TIOCSPTLCK, (u64)&zero);
	s = (int)fs_openat(t, AT_FDCWD, "/dev/pts/0", O_RDWR | O_NOCTTY, 0);
	CHECK_EQ(fs_ioctl(t, s, TCGETS, (u64)&tio), 0);
	tio.c_lflag &= ~(u32)(ICANON | ECHO);
	tio.c_cc[VMIN] = 0;
	tio.c_cc[VTIME] = 5;
	CHECK_EQ(fs_ioctl(t, s, TCSETS, (u64)&tio), 0);
	CHECK_EQ(ours_rw(t, s, buf, 8, false), 0); /* half a second of virtual time later */
	CHECK_EQ(env_now_ns(), 500000000);
	CHECK_EQ(ours_rw(t, m, buf, 3, true), 3);
	CHECK_EQ(ours_rw(t, s, buf, 8, false), 3);
	tio.c_cc[VMIN] = 6;
	CHECK_EQ(fs_ioctl(t, s, TCSETS, (u64)&tio), 0);
	CHECK_EQ(ours_rw(t, m, buf, 3, true), 3);
	CHECK_EQ(ours_rw(t, s, buf, 8, false), 3); /* the time between bytes is over */
	CHECK_EQ(env_now_ns(), 1000000000);
	CHECK_EQ(fs_close(t, m), 0);
	CHECK_EQ(fs_close(t, s), 0);
	fs_lab_free(l);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("fs_tty");
	TCase *tc = tcase_create("terminals");
	SRunner *r;
	int failed;

	tcase_set_timeout(tc, 170);
	tcase_add_loop_test(tc, test_against_linux, 0, 3);
	tcase_add_test(tc, test_session);
	tcase_add_test(tc, test_vmin_vtime);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
