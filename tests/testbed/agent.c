/* SPDX-License-Identifier: MIT */
/*
 * agent.c - process 1 of the testbed's outer Linux: makes the machine ready, runs the commands of the
 * plan one after the other, and reports over one virtio port.
 *
 * Rule A1: only this process writes to the port, so frames never mix and order is kept.
 * Rule A2: nothing started by a command outlives it: process 1 kills every other process.
 * Rule A3: the host owns the clock of timeouts; the agent kills when told to. Unless a command runs
 * into its timeout nothing flows towards the guest, so that instruction-counted runs are repeatable.
 *
 * A frame is 8 bytes, little endian: u8 type, u8 zero, u16 command, u32 length; then the payload.
 *   to the host:  h hello   b begin   o stdout   e stderr   K next kept path   t its tar stream
 *                 x exit (u32 wait status, u64 nanoseconds)   z all done
 *   to the guest: k kill the command that is running   i input for its terminal
 *                 w size of the terminal (u16 rows, u16 columns)
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "quirks.h"

#define CHUNK		  65536
#define NUL_SEPARATED_MAX 64
#define PORT_NAME	  "testbed"
#define INPUT_MAX	  1024 /* longest input frame */
#define TMPDIR		  "/run/tmp"

struct frame {
	uint8_t type;
	uint8_t zero;
	uint16_t job;
	uint32_t len;
};

struct plan {
	char *text; /* the file, NUL-separated words; everything below points into it */
	size_t size;
	const char *cwd;
	const char *hugepages;
	const char *keep[NUL_SEPARATED_MAX];
	unsigned int keeps;
	bool tty;   /* the command gets a pseudo-terminal and no pipes */
	bool merge; /* stderr goes where stdout goes, in order */
	unsigned short rows, cols;
};

struct agent {
	struct plan plan;
	int port;
	int children; /* signalfd of SIGCHLD */
	char input[INPUT_MAX];
	size_t input_len; /* bytes the terminal has not taken yet; none is read from the port meanwhile */
};

/* Ends the machine with one line on the console, which the host shows. */
__attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fprintf(stderr, "testbed-agent: ");
	vfprintf(stderr, fmt, ap);
	fprintf(stderr, ": %s\n", strerror(errno));
	va_end(ap);
	fflush(stderr);
	reboot(RB_POWER_OFF);
	_exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* ---- the machine -------------------------------------------------------------------------------- */

static void mount_all(void)
{
	static const struct {
		const char *type, *where, *options;
	} table[] = {
		{ "proc", "/proc", "" },
		{ "sysfs", "/sys", "" },
		{ "devtmpfs", "/dev", "" },
		{ "devpts", "/dev/pts", "ptmxmode=0666" },
		{ "tmpfs", "/dev/shm", "mode=1777" },
		{ "tmpfs", "/run", "mode=0755" },
		{ "hugetlbfs", "/dev/hugepages", "" },
		{ "debugfs", "/sys/kernel/debug", "" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		mkdir(table[i].where, 0755);
		if (mount(table[i].type, table[i].where, table[i].type, 0, table[i].options) &&
		    strcmp(table[i].type, "debugfs") != 0)
			fail("mount %s", table[i].where);
	}
	if (symlink("/proc/self/fd", "/dev/fd") || symlink("/proc/self/fd/0", "/dev/stdin") ||
	    symlink("/proc/self/fd/1", "/dev/stdout") || symlink("/proc/self/fd/2", "/dev/stderr"))
		fail("symlink in /dev");
}

static void load_modules(void)
{
	char path[512];
	FILE *list = fopen("/testbed/modules", "re");

	if (!list)
		fail("/testbed/modules");
	while (fgets(path, sizeof(path), list)) {
		int fd;

		path[strcspn(path, "\n")] = '\0';
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) && errno != EEXIST))
			fail("load %s", path);
		close(fd);
	}
	fclose(list);
}

static void loopback_up(void)
{
	struct ifreq req = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &req))
		fail("network interface lo");
	close(fd);
}

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		fail("%s", path);
	close(fd);
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	if (ftw->level > 0)
		remove(path);
	return 0;
}

/* Every command finds these as if it were the first. */
static void fresh_state(const struct plan *plan)
{
	static const char *const folders[] = { TMPDIR, "/dev/shm", "/dev/hugepages" };

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		nftw(folders[i], remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	mkdir(TMPDIR, 01777);
	write_text("/proc/sys/vm/nr_hugepages", plan->hugepages);
}

/* ---- the port ----------------------------------------------------------------------------------- */

/* Finds the port by the name QEMU gave it; its device node appears a moment after the module is in. */
static int open_port(void)
{
	static const char sys[] = "/sys/class/virtio-ports";

	for (int tries = 0; tries < 10000; tries++) {
		DIR *dir = opendir(sys);
		struct dirent *entry;

		while (dir && (entry = readdir(dir))) {
			char path[600], name[64] = "";
			FILE *f;

			snprintf(path, sizeof(path), "%s/%s/name", sys, entry->d_name);
			f = fopen(path, "re");
			if (!f)
				continue;
			if (fgets(name, sizeof(name), f))
				name[strcspn(name, "\n")] = '\0';
			fclose(f);
			snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
			if (strcmp(name, PORT_NAME) == 0 && access(path, F_OK) == 0) {
				closedir(dir);
				return open(path, O_RDWR | O_CLOEXEC);
			}
		}
		if (dir)
			closedir(dir);
		usleep(1000);
	}
	errno = ENODEV;
	return -1;
}

static void port_write(int port, const void *data, size_t len)
{
	const char *at = data;

	while (len) {
		ssize_t n = write(port, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			fail("write to the port");
		at += n;
		len -= (size_t)n;
	}
}

/* Header and payload leave in one write: half the exits, and no reader ever waits for the rest. */
static void send_frame(const struct agent *a, char type, unsigned int job, const void *data,
		       size_t len)
{
	static char buf[sizeof(struct frame) + CHUNK];
	struct frame head = { .type = (uint8_t)type, .job = (uint16_t)job, .len = (uint32_t)len };

	memcpy(buf, &head, sizeof(head));
	if (len)
		memcpy(buf + sizeof(head), data, len);
	port_write(a->port, buf, sizeof(head) + len);
}

/* ---- the plan ----------------------------------------------------------------------------------- */

/* The next word of the plan, or NULL at its end. */
static char *plan_word(struct plan *plan, size_t *at)
{
	char *word = plan->text + *at;

	if (*at >= plan->size)
		return NULL;
	*at += strlen(word) + 1;
	return word;
}

static void plan_read(struct plan *plan)
{
	int fd = open("/testbed/plan", O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		fail("/testbed/plan");
	plan->size = (size_t)st.st_size;
	plan->text = calloc(1, plan->size + 1);
	if (!plan->text || read(fd, plan->text, plan->size) != (ssize_t)plan->size)
		fail("read /testbed/plan");
	close(fd);
	plan->hugepages = "0";
	plan->cwd = "/";
}

/* Takes in the words up to the first command; returns where that starts. Format: run-in-testbed. */
static size_t plan_settings(struct plan *plan)
{
	size_t at = 0, before = 0;
	char *key, *value;

	while ((key = plan_word(plan, &at)) && strcmp(key, "job") != 0) {
		value = plan_word(plan, &at);
		if (!value)
			fail("plan ends after %s", key);
		if (strcmp(key, "cwd") == 0)
			plan->cwd = value;
		else if (strcmp(key, "hugepages") == 0)
			plan->hugepages = value;
		else if (strcmp(key, "keep") == 0 && plan->keeps < NUL_SEPARATED_MAX)
			plan->keep[plan->keeps++] = value;
		else if (strcmp(key, "env") == 0)
			putenv(value);
		else if (strcmp(key, "merge") == 0)
			plan->merge = true;
		else if (strcmp(key, "tty") == 0)
			plan->tty = sscanf(value, "%hux%hu", &plan->rows, &plan->cols) == 2;
		before = at;
	}
	return before;
}

/* Reads "job ID ARGC ARG..." at *AT; returns the argument vector (caller frees it) or NULL at the end. */
static char **plan_job(struct plan *plan, size_t *at, unsigned int *job)
{
	char *key = plan_word(plan, at), *id = plan_word(plan, at), *count = plan_word(plan, at);
	unsigned int n = count ? (unsigned int)strtoul(count, NULL, 10) : 0;
	char **argv;

	if (!key || !n)
		return NULL;
	*job = (unsigned int)strtoul(id, NULL, 10);
	argv = calloc(n + 1, sizeof(*argv));
	for (unsigned int i = 0; argv && i < n; i++)
		argv[i] = plan_word(plan, at);
	return argv;
}

/* ---- one command -------------------------------------------------------------------------------- */

struct stream {
	int fd; /* read end, -1 when there is none or after end of file */
	char type;
};

/* The controlling terminal of the new session becomes all three standard streams. */
static void child_tty(const char *name)
{
	int fd = open(name, O_RDWR);

	ioctl(fd, TIOCSCTTY, 0);
	for (int i = 0; i < 3; i++)
		dup2(fd, i);
	if (fd > 2)
		close(fd);
}

static void child_exec(const struct plan *plan, char **argv, const char *tty, int out, int err)
{
	sigset_t none;

	setsid();
	if (tty) {
		child_tty(tty);
	} else {
		int in = open("/dev/null", O_RDONLY | O_CLOEXEC);

		dup2(in, 0);
		dup2(out, 1);
		dup2(err, 2);
	}
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (chdir(plan->cwd))
		fprintf(stderr, "testbed: %s: %s\n", plan->cwd, strerror(errno));
	execvp(argv[0], argv);
	fprintf(stderr, "testbed: %s: %s\n", argv[0], strerror(errno));
	fflush(stderr);
	_exit(errno == ENOENT ? 127 : 126);
}

/* Forwards what is there; closes the stream at its end. */
static void forward(const struct agent *a, struct stream *s, unsigned int job)
{
	static char buf[CHUNK];
	ssize_t n = read(s->fd, buf, sizeof(buf));

	if (n > 0) {
		send_frame(a, s->type, job, buf, (size_t)n);
	} else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
		close(s->fd);
		s->fd = -1;
	}
}

/* Reaps all that ended; returns true when PID was among them and sets *STATUS. */
static bool reap(const struct agent *a, pid_t pid, int *status)
{
	struct signalfd_siginfo info;
	bool found = false;
	int one;
	pid_t who;

	if (read(a->children, &info, sizeof(info)) < 0 && errno != EAGAIN)
		fail("signalfd");
	while ((who = waitpid(-1, &one, WNOHANG)) > 0) {
		if (who == pid) {
			*status = one;
			found = true;
		}
	}
	return found;
}

static void kill_everything(void)
{
	kill(-1, SIGKILL); /* from process 1: every process but itself and kernel threads */
}

static void port_read(const struct agent *a, void *data, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = read(a->port, (char *)data + done, len - done);

		if (n <= 0 && errno != EINTR)
			fail("read from the port");
		done += n > 0 ? (size_t)n : 0;
	}
}

static void port_request(struct agent *a, int tty)
{
	struct frame head;

	port_read(a, &head, sizeof(head));
	if (head.len > sizeof(a->input)) {
		errno = EMSGSIZE;
		fail("frame from the host");
	}
	port_read(a, a->input, head.len);
	if (head.type == 'k') {
		kill_everything();
	} else if (head.type == 'i' && tty >= 0) {
		a->input_len = head.len;
	} else if (head.type == 'w' && tty >= 0 && head.len == 2 * sizeof(uint16_t)) {
		struct winsize size = { 0 };

		memcpy(&size.ws_row, a->input, sizeof(uint16_t));
		memcpy(&size.ws_col, a->input + sizeof(uint16_t), sizeof(uint16_t));
		ioctl(tty, TIOCSWINSZ, &size);
	}
}

static void type_input(struct agent *a, int tty)
{
	ssize_t n = write(tty, a->input, a->input_len);

	if (n < 0 && errno != EAGAIN && errno != EINTR)
		n = (ssize_t)a->input_len; /* nobody has the terminal open any more */
	if (n > 0) {
		a->input_len -= (size_t)n;
		memmove(a->input, a->input + n, a->input_len);
	}
}

/* Relays until PID has ended and both streams are at their end; returns the wait status. */
static int relay(struct agent *a, pid_t pid, struct stream s[2], bool tty, unsigned int job,
		 uint64_t *end)
{
	int status = 0;
	bool ended = false;

	a->input_len = 0;
	while (!ended || s[0].fd >= 0 || s[1].fd >= 0) {
		struct pollfd fds[] = {
			{ .fd = s[0].fd,
			  .events = (short)(a->input_len ? POLLIN | POLLOUT : POLLIN) },
			{ .fd = s[1].fd, .events = POLLIN },
			{ .fd = a->children, .events = POLLIN },
			{ .fd = a->input_len ? -1 : a->port, .events = POLLIN },
		};

		if (poll(fds, 4, -1) < 0)
			continue;
		if (fds[0].revents & POLLOUT)
			type_input(a, s[0].fd);
		for (int i = 0; i < 2; i++) {
			if (fds[i].revents & ~POLLOUT)
				forward(a, &s[i], job);
		}
		if (s[0].fd < 0)
			a->input_len = 0;
		if (fds[2].revents && reap(a, pid, &status)) {
			*end = now_ns();
			ended = true;
			kill_everything();
		}
		if (fds[3].revents & POLLIN)
			port_request(a, tty ? s[0].fd : -1);
	}
	return status;
}

static int open_tty(const struct plan *plan, char *name, size_t size)
{
	struct winsize window = { .ws_row = plan->rows, .ws_col = plan->cols };
	int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || grantpt(fd) || unlockpt(fd) || ptsname_r(fd, name, size) ||
	    ioctl(fd, TIOCSWINSZ, &window))
		fail("open a pseudo-terminal");
	return fd;
}

static pid_t start(const struct plan *plan, char **argv, struct stream s[2])
{
	int out[2] = { -1, -1 }, err[2] = { -1, -1 };
	char tty[64];
	pid_t pid;

	if (plan->tty)
		out[0] = open_tty(plan, tty, sizeof(tty));
	else if (pipe2(out, O_CLOEXEC) || (!plan->merge && pipe2(err, O_CLOEXEC)))
		fail("pipe");
	pid = fork();
	if (pid == 0)
		child_exec(plan, argv, plan->tty ? tty : NULL, out[1],
			   plan->merge ? out[1] : err[1]);
	if (pid < 0)
		fail("fork");
	if (out[1] >= 0)
		close(out[1]);
	if (err[1] >= 0)
		close(err[1]);
	s[0] = (struct stream){ .fd = out[0], .type = 'o' };
	s[1] = (struct stream){ .fd = err[0], .type = 'e' };
	return pid;
}

/* Sends the kept paths that exist, each as "K path" and a tar stream. */
static void send_kept(struct agent *a, unsigned int job)
{
	for (unsigned int i = 0; i < a->plan.keeps; i++) {
		const char *path = a->plan.keep[i];
		char rest[4096];
		char *argv[] = { "tar", "-c", "-f", "-", "-C", "/", rest, NULL };
		struct plan quiet = { .cwd = "/" };
		struct stream s[2];
		uint64_t end;
		pid_t pid;

		if (access(path, F_OK))
			continue;
		snprintf(rest, sizeof(rest), "%s", path + strspn(path, "/"));
		send_frame(a, 'K', job, path, strlen(path));
		pid = start(&quiet, argv, s);
		s[0].type = 't';
		relay(a, pid, s, false, job, &end);
	}
}

static void run_job(struct agent *a, unsigned int job, char **argv)
{
	struct {
		uint32_t status;
		uint32_t ns_low, ns_high;
	} result;
	struct stream s[2];
	uint64_t begin, end = 0;
	int status;

	fresh_state(&a->plan);
	send_frame(a, 'b', job, NULL, 0);
	begin = now_ns();
	status = relay(a, start(&a->plan, argv, s), s, a->plan.tty, job, &end);
	send_kept(a, job);
	result.status = (uint32_t)status;
	result.ns_low = (uint32_t)(end - begin);
	result.ns_high = (uint32_t)((end - begin) >> 32);
	send_frame(a, 'x', job, &result, sizeof(result));
}

int main(void)
{
	struct agent a = { .port = -1 };
	unsigned int job = 0;
	sigset_t chld;
	char **argv;
	const char *failed;
	size_t at;

	mount_all();
	load_modules();
	failed = hold_static_keys();
	if (!failed)
		failed =
			keep_beating(getenv("HEARTBEAT")); /* a word of the kernel's command line */
	if (failed)
		fail("%s", failed);
	loopback_up();
	plan_read(&a.plan);
	at = plan_settings(&a.plan);
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, NULL);
	a.children = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK);
	a.port = open_port();
	if (a.children < 0 || a.port < 0)
		fail("open the port named " PORT_NAME);
	send_frame(&a, 'h', 0, NULL, 0);
	while ((argv = plan_job(&a.plan, &at, &job))) {
		run_job(&a, job, argv);
		free(argv);
	}
	send_frame(&a, 'z', 0, NULL, 0);
	reboot(RB_POWER_OFF);
	return 0;
}
