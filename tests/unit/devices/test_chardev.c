/* SPDX-License-Identifier: MIT */
/* Unit tests of devices/chardev.c: output, on real pipes, sockets, files and terminals. */
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>

#include "tests/unit/devices/chardev_fixture.h"

static void put_string(struct chardev *cd, const char *s)
{
	ck_assert_uint_eq(chardev_put(cd, (const u8 *)s, strlen(s)), strlen(s));
}

static void expect_read(int fd, const char *want)
{
	char buf[256];
	ssize_t n = read(fd, buf, sizeof(buf) - 1);

	ck_assert_int_ge(n, 0);
	buf[n] = 0;
	ck_assert_str_eq(buf, want);
}

START_TEST(batches_are_written_once)
{
	struct chardev *cd;
	u64 bytes, writes;
	int p[2];

	make_pipe(p);
	cd = open_chardev(-1, p[1]);
	for (int i = 0; i < 100; i++)
		put_string(cd, "x");
	ck_assert_uint_eq(m.timer_arms, 1); /* woken by the first byte only */
	mock_advance(&m, CHARDEV_BATCH_NS - 1);
	chardev_stats(cd, &bytes, &writes);
	ck_assert_uint_eq(bytes, 0);
	mock_advance(&m, 1);
	chardev_stats(cd, &bytes, &writes);
	ck_assert_uint_eq(bytes, 100);
	ck_assert_uint_eq(writes, 1);
	put_string(cd, "y"); /* and again after going idle */
	ck_assert_uint_eq(m.timer_arms, 2);
	mock_advance(&m, CHARDEV_BATCH_NS);
	chardev_stats(cd, &bytes, &writes);
	ck_assert_uint_eq(bytes, 101);
	chardev_destroy(cd);
	close(p[0]);
	close(p[1]);
}
END_TEST

START_TEST(high_water_flushes_at_once)
{
	struct chardev *cd;
	u64 bytes, writes;
	int p[2];

	make_pipe(p);
	cd = open_chardev(-1, p[1]);
	for (unsigned i = 0; i < CHARDEV_RING / 2; i++)
		put_string(cd, "z");
	ck_assert_uint_eq(m.timer_arms, 2); /* one for the batch, one for the mark */
	mock_advance(&m, 0);
	chardev_stats(cd, &bytes, &writes);
	ck_assert_uint_eq(bytes, CHARDEV_RING / 2);
	ck_assert_uint_eq(chardev_room(cd), CHARDEV_RING);
	chardev_destroy(cd);
	close(p[0]);
	close(p[1]);
}
END_TEST

struct tapped {
	u8 got[2 * CHARDEV_RING];
	size_t n;
};

static struct tapped tapped;

static void tap(void *arg, const u8 *buf, size_t n)
{
	struct tapped *t = arg;

	ck_assert_uint_le(n, sizeof(t->got) - t->n);
	memcpy(t->got + t->n, buf, n);
	t->n += n;
}

static void put_pattern(struct chardev *cd, u64 *at, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		ck_assert(chardev_put_byte(cd, pattern((*at)++)));
}

/* Without an fd, and nobody behind the tap, output wakes the loop by the quarter ring. */
START_TEST(nobody_looks)
{
	const struct chardev_config cfg = {
		.in_fd = -1, .out_fd = -1, .tap = tap, .tap_arg = &tapped
	};
	struct chardev *cd = chardev_create(&m.env, &cfg);
	unsigned arms;
	u64 at = 0;

	tapped.n = 0;
	put_pattern(cd, &at, 100);
	mock_advance(&m, 10 * CHARDEV_BATCH_NS);
	ck_assert_uint_eq(m.timer_arms, 0);
	ck_assert_uint_eq(tapped.n, 0);
	chardev_look(cd, true); /* who comes sees what waits, and then all in time */
	ck_assert_uint_eq(tapped.n, 100);
	put_pattern(cd, &at, 1);
	ck_assert_uint_eq(m.timer_arms, 1);
	mock_advance(&m, CHARDEV_BATCH_NS);
	ck_assert_uint_eq(tapped.n, 101);
	put_pattern(cd, &at, 1);
	chardev_look(cd, false); /* who went has set the timer, which goes off once more */
	mock_advance(&m, 10 * CHARDEV_BATCH_NS);
	ck_assert_uint_eq(tapped.n, 102);
	arms = m.timer_arms;
	put_pattern(cd, &at, CHARDEV_RING / 4 - 1);
	mock_advance(&m, 10 * CHARDEV_BATCH_NS);
	ck_assert_uint_eq(m.timer_arms, arms);
	put_pattern(cd, &at, 1);
	ck_assert_uint_eq(m.timer_arms, arms + 1);
	mock_advance(&m, 0);
	ck_assert_uint_eq(tapped.n, at);
	put_pattern(cd, &at, 7);
	ck_assert_int_eq(chardev_flush(cd, 0), 0);
	ck_assert_uint_eq(tapped.n, at);
	for (u64 i = 0; i < at; i++)
		ck_assert_uint_eq(tapped.got[i], pattern(i));
	chardev_destroy(cd);
}
END_TEST

START_TEST(full_ring_owes_a_writable_call)
{
	static u8 big[CHARDEV_RING];
	struct chardev *cd;
	static u8 rest[2 * CHARDEV_RING];
	size_t in_pipe;
	int p[2];

	make_pipe(p);
	in_pipe = (size_t)fcntl(p[1], F_GETPIPE_SZ);
	ck_assert_uint_le(in_pipe, sizeof(rest));
	cd = open_chardev(-1, p[1]);
	ck_assert_uint_eq(chardev_put(cd, big, sizeof(big)), CHARDEV_RING);
	mock_advance(&m, 0);
	for (size_t left = CHARDEV_RING + in_pipe - sizeof(big); left;)
		left -= chardev_put(cd, big, MIN(left, sizeof(big)));
	ck_assert_uint_eq(chardev_put(cd, big, 1), 0);
	mock_advance(&m, CHARDEV_BATCH_NS);
	ck_assert_uint_eq(mock_poll(&m), 0); /* pipe full: no spinning */
	ck_assert_uint_eq(sink.writable_calls, 0);
	ck_assert_int_eq(read(p[0], rest, sizeof(rest)), (int)in_pipe);
	ck_assert_uint_eq(mock_poll(&m), 1);
	ck_assert_uint_eq(sink.writable_calls, 1);
	ck_assert_uint_eq(chardev_put(cd, big, 1), 1);
	chardev_destroy(cd);
	close(p[0]);
	close(p[1]);
}
END_TEST

/* A mebibyte to a reader that stalls at random: every byte arrives, in order. */
static void transfer(int write_fd, int read_fd, unsigned seed)
{
	struct chardev *cd = open_chardev(-1, write_fd);
	u64 sent = 0, got = 0, mismatches = 0;
	const u64 total = MiB;
	unsigned idle = 0;
	u8 buf[8192];
	ssize_t n;

	srand(seed);
	fcntl(read_fd, F_SETFL, fcntl(read_fd, F_GETFL) | O_NONBLOCK);
	while (got < total && idle < 1000) {
		size_t want = MIN((u64)rand() % 5000, total - sent);
		size_t took;

		for (size_t i = 0; i < want; i++)
			buf[i] = pattern(sent + i);
		took = chardev_put(cd, buf, want);
		ck_assert_uint_le(took, want);
		sent += took;
		mock_advance(&m, (u64)rand() % (2 * CHARDEV_BATCH_NS));
		mock_poll(&m);
		n = 0;
		if (rand() % 4 == 0 || sent == total)
			n = read(read_fd, buf, 1 + (size_t)rand() % sizeof(buf));
		for (ssize_t i = 0; i < n; i++)
			mismatches += buf[i] != pattern(got + (u64)i);
		got += n > 0 ? (u64)n : 0;
		idle = n > 0 || took ? 0 : idle + 1;
	}
	ck_assert_uint_eq(got, total);
	ck_assert_uint_eq(mismatches, 0);
	ck_assert_uint_gt(sink.writable_calls, 0);
	ck_assert_int_eq(chardev_flush(cd, 0), 0);
	chardev_destroy(cd);
}

START_TEST(slow_pipe_gets_everything)
{
	int p[2];

	make_pipe(p);
	transfer(p[1], p[0], 1);
	ck_assert_int_eq(fcntl(p[1], F_GETFL) & O_NONBLOCK, 0); /* the shared flag is untouched */
	close(p[0]);
	close(p[1]);
}
END_TEST

START_TEST(slow_socket_gets_everything)
{
	int p[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, p), 0);
	transfer(p[1], p[0], 2);
	ck_assert_int_eq(fcntl(p[1], F_GETFL) & O_NONBLOCK, 0);
	close(p[0]);
	close(p[1]);
}
END_TEST

/* A pipe end that cannot be opened anew (as one of another user's): poll and small writes. */
START_TEST(pipe_without_reopen_gets_everything)
{
	bool root = geteuid() == 0;
	int p[2];

	make_pipe(p);
	ck_assert_int_eq(fchmod(p[1], 0), 0);
	if (root)
		ck_assert_int_eq(seteuid(65534), 0);
	transfer(p[1], p[0], 3);
	if (root)
		ck_assert_int_eq(seteuid(0), 0);
	prctl(PR_SET_DUMPABLE, 1); /* which seteuid() took away, and LeakSanitizer needs */
	ck_assert_int_eq(fcntl(p[1], F_GETFL) & O_NONBLOCK, 0);
	close(p[0]);
	close(p[1]);
}
END_TEST

static void open_pty(int *master, int *slave)
{
	struct termios t;

	*master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	ck_assert_int_ge(*master, 0);
	ck_assert_int_eq(grantpt(*master), 0);
	ck_assert_int_eq(unlockpt(*master), 0);
	*slave = open(ptsname(*master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	ck_assert_int_ge(*slave, 0);
	tcgetattr(*slave, &t);
	cfmakeraw(&t);
	tcsetattr(*slave, TCSANOW, &t);
}

/* The guest writes to the user's terminal: the slave end, shared with the shell. */
START_TEST(slow_terminal_gets_everything)
{
	int master, slave;

	open_pty(&master, &slave);
	transfer(slave, master, 4);
	ck_assert_int_eq(fcntl(slave, F_GETFL) & O_NONBLOCK, 0);
	close(master);
	close(slave);
}
END_TEST

/* --serial pty: the master end. Opening /dev/ptmx anew would make another pty. */
START_TEST(pty_master_reaches_its_own_slave)
{
	struct chardev *cd;
	int master, slave;

	open_pty(&master, &slave);
	cd = open_chardev(master, master);
	put_string(cd, "login: ");
	mock_advance(&m, CHARDEV_BATCH_NS);
	expect_read(slave, "login: ");
	ck_assert_int_eq(write(slave, "root", 4), 4);
	for (int i = 0; sink.n < 4 && i < 1000; i++) { /* the kernel's pty works by itself */
		usleep(1000);
		mock_poll(&m);
	}
	ck_assert_uint_eq(sink.n, 4);
	ck_assert_int_eq(memcmp(sink.got, "root", 4), 0);
	chardev_destroy(cd);
	close(master);
	close(slave);
}
END_TEST

/* Ctrl-S: the terminal takes nothing, the loop must not wait in write(). */
START_TEST(stopped_terminal_does_not_block)
{
	static u8 big[CHARDEV_RING];
	struct chardev *cd;
	int master, slave;

	open_pty(&master, &slave);
	cd = open_chardev(-1, slave);
	ck_assert_int_eq(tcflow(slave, TCOOFF), 0);
	chardev_put(cd, big, sizeof(big));
	mock_advance(&m, CHARDEV_BATCH_NS); /* would hang here, and the test time out */
	ck_assert_int_eq(chardev_flush(cd, 10), -ETIMEDOUT);
	ck_assert_int_eq(tcflow(slave, TCOON), 0);
	chardev_destroy(cd);
	close(master);
	close(slave);
}
END_TEST

START_TEST(regular_file_is_written_and_read)
{
	char path[] = "/tmp/parallax-chardev-XXXXXX";
	int fd = mkstemp(path), in;
	struct chardev *cd;
	u8 buf[100];

	ck_assert_int_ge(fd, 0);
	cd = open_chardev(-1, fd);
	put_string(cd, "to a file\n");
	ck_assert_int_eq(chardev_flush(cd, 0), 0);
	chardev_destroy(cd);
	ck_assert_int_eq(pread(fd, buf, sizeof(buf), 0), 10);
	ck_assert_int_eq(memcmp(buf, "to a file\n", 10), 0);

	in = open(path, O_RDONLY);
	sink.limit = 3;
	cd = open_chardev(in, -1);
	mock_advance(&m, 0);
	ck_assert_uint_eq(sink.n, 3);
	sink.limit = 100;
	chardev_kick_input(cd);
	ck_assert_uint_lt(mock_advance(&m, 0), 1000); /* stops at the end of the file */
	ck_assert_uint_eq(sink.n, 10);
	ck_assert_int_eq(memcmp(sink.got, "to a file\n", 10), 0);
	chardev_destroy(cd);
	close(in);
	close(fd);
	unlink(path);
}
END_TEST

START_TEST(null_discards_at_once)
{
	static u8 big[3 * CHARDEV_RING];
	struct chardev *cd = open_chardev(-1, -1);

	ck_assert_uint_eq(chardev_put(cd, big, sizeof(big)), sizeof(big));
	ck_assert_uint_eq(chardev_room(cd), CHARDEV_RING);
	ck_assert_uint_eq(m.timer_arms, 0);
	ck_assert_int_eq(chardev_flush(cd, 0), 0);
	chardev_destroy(cd);
}
END_TEST

/* SIGPIPE keeps its default action here: it would kill the test. */
START_TEST(dead_reader_is_survived)
{
	static u8 big[2 * CHARDEV_RING];
	struct chardev *cd;
	int p[2];

	signal(SIGPIPE, SIG_DFL);
	make_pipe(p);
	cd = open_chardev(-1, p[1]);
	close(p[0]);
	chardev_put(cd, big, sizeof(big));
	mock_advance(&m, CHARDEV_BATCH_NS);
	ck_assert_uint_eq(sink.writable_calls, 1); /* the owed call comes in death, too */
	ck_assert_uint_eq(chardev_put(cd, big, sizeof(big)), sizeof(big));
	ck_assert_uint_eq(chardev_room(cd), CHARDEV_RING);
	ck_assert_uint_eq(mock_poll(&m), 0);
	ck_assert_int_eq(chardev_flush(cd, 100), -EPIPE);
	chardev_destroy(cd);
	close(p[1]);
}
END_TEST

START_TEST(full_disk_is_survived)
{
	int fd = open("/dev/full", O_WRONLY);
	struct chardev *cd;

	ck_assert_int_ge(fd, 0);
	cd = open_chardev(-1, fd);
	put_string(cd, "x");
	ck_assert_int_eq(chardev_flush(cd, 100), -ENOSPC);
	put_string(cd, "more");
	chardev_destroy(cd);
	close(fd);
}
END_TEST

START_TEST(flush_waits_for_a_slow_reader)
{
	static u8 big[CHARDEV_RING];
	struct chardev *cd;
	int p[2], status;
	size_t got = 0;
	ssize_t n;
	pid_t pid;

	make_pipe(p);
	fcntl(p[1], F_SETPIPE_SZ, 4096);
	cd = open_chardev(-1, p[1]);
	chardev_put(cd, big, sizeof(big));
	ck_assert_int_eq(chardev_flush(cd, 10), -ETIMEDOUT);
	pid = fork();
	if (pid == 0) {
		close(p[1]);
		while (got < sizeof(big) && (n = read(p[0], big, 1000)) > 0) {
			got += (size_t)n;
			usleep(100);
		}
		_exit(got == sizeof(big) ? 0 : 1);
	}
	ck_assert_int_eq(chardev_flush(cd, 20000), 0);
	chardev_destroy(cd);
	close(p[1]);
	waitpid(pid, &status, 0);
	ck_assert_int_eq(status, 0);
	close(p[0]);
}
END_TEST

/* A vCPU thread against the loop thread: no wake-up may get lost between them. */
struct race {
	struct chardev *cd;
	_Atomic bool writable;
	u64 total;
};

static void race_writable(void *arg)
{
	atomic_store(&((struct race *)arg)->writable, true);
}

static void *race_producer(void *arg)
{
	struct race *r = arg;

	for (u64 i = 0; i < r->total; i++) {
		u8 b = pattern(i);

		atomic_store(&r->writable, false);
		while (chardev_put(r->cd, &b, 1) == 0) {
			while (!atomic_load(&r->writable))
				sched_yield();
			atomic_store(&r->writable, false);
		}
		if (i % 97 == 0)
			sched_yield();
	}
	return NULL;
}

START_TEST(no_wakeup_is_lost_between_threads)
{
	struct race r = { .total = 400000 };
	const struct chardev_client client = { .arg = &r, .writable = race_writable };
	u64 got = 0, mismatches = 0;
	u8 buf[4096];
	pthread_t t;
	ssize_t n;
	int p[2];

	make_pipe(p);
	fcntl(p[1], F_SETPIPE_SZ, 4096);
	fcntl(p[0], F_SETFL, O_NONBLOCK);
	r.cd = open_chardev(-1, p[1]);
	chardev_set_client(r.cd, &client);
	pthread_create(&t, NULL, race_producer, &r);
	while (got < r.total) { /* a lost wake-up hangs here until the test times out */
		mock_advance(&m, CHARDEV_BATCH_NS / 8);
		mock_poll(&m);
		n = read(p[0], buf, sizeof(buf));
		for (ssize_t i = 0; i < n; i++)
			mismatches += buf[i] != pattern(got + (u64)i);
		got += n > 0 ? (u64)n : 0;
		if (n <= 0)
			sched_yield();
	}
	pthread_join(t, NULL);
	ck_assert_uint_eq(got, r.total);
	ck_assert_uint_eq(mismatches, 0);
	chardev_destroy(r.cd);
	close(p[0]);
	close(p[1]);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		batches_are_written_once,
		high_water_flushes_at_once,
		nobody_looks,
		full_ring_owes_a_writable_call,
		slow_pipe_gets_everything,
		slow_socket_gets_everything,
		pipe_without_reopen_gets_everything,
		slow_terminal_gets_everything,
		pty_master_reaches_its_own_slave,
		stopped_terminal_does_not_block,
		regular_file_is_written_and_read,
		null_discards_at_once,
		dead_reader_is_survived,
		full_disk_is_survived,
		flush_waits_for_a_slow_reader,
		no_wakeup_is_lost_between_threads,
	};

	return run_tests("chardev", tests, ARRAY_SIZE(tests));
}
