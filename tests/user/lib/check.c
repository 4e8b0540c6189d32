/* SPDX-License-Identifier: MIT */
/* check.c - see check.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/user/lib/check.h"

#define PATIENCE 30 /* seconds for one test; a slow emulator runs them too */
#define PAGE	 4096

static const char *the_area = "?", *the_test = "?";

/* ---- words -------------------------------------------------------------------------------------- */

static const char *const errs[] = {
#define E(n) [n] = #n
	E(EPERM),
	E(ENOENT),
	E(ESRCH),
	E(EINTR),
	E(EIO),
	E(ENXIO),
	E(E2BIG),
	E(ENOEXEC),
	E(EBADF),
	E(ECHILD),
	E(EAGAIN),
	E(ENOMEM),
	E(EACCES),
	E(EFAULT),
	E(ENOTBLK),
	E(EBUSY),
	E(EEXIST),
	E(EXDEV),
	E(ENODEV),
	E(ENOTDIR),
	E(EISDIR),
	E(EINVAL),
	E(ENFILE),
	E(EMFILE),
	E(ENOTTY),
	E(ETXTBSY),
	E(EFBIG),
	E(ENOSPC),
	E(ESPIPE),
	E(EROFS),
	E(EMLINK),
	E(EPIPE),
	E(EDOM),
	E(ERANGE),
	E(EDEADLK),
	E(ENAMETOOLONG),
	E(ENOLCK),
	E(ENOSYS),
	E(ENOTEMPTY),
	E(ELOOP),
	E(ENODATA),
	E(ETIME),
	E(EOVERFLOW),
	E(EILSEQ),
	E(EUSERS),
	E(ENOTSOCK),
	E(EOPNOTSUPP),
	E(EADDRINUSE),
	E(ENOBUFS),
	E(EISCONN),
	E(ENOTCONN),
	E(ETIMEDOUT),
	E(ECONNREFUSED),
	E(EALREADY),
	E(EINPROGRESS),
	E(ESTALE),
	E(EDQUOT),
	E(ECANCELED),
	E(EOWNERDEAD),
	E(ENOTRECOVERABLE),
	E(EPROTO),
	E(EBADMSG),
	E(ENOKEY),
	E(EMEDIUMTYPE),
	E(EMSGSIZE),
	E(EPROTOTYPE),
	E(ENOPROTOOPT),
	E(EPROTONOSUPPORT),
	E(ESOCKTNOSUPPORT),
	E(EAFNOSUPPORT),
	E(ECONNRESET),
	E(ETOOMANYREFS),
	E(EDESTADDRREQ),
#undef E
};

const char *err_name(long err)
{
	static char other[24];

	if (err < 0)
		err = -err;
	if ((size_t)err < sizeof(errs) / sizeof(errs[0]) && errs[err])
		return errs[err];
	snprintf(other, sizeof(other), "E%ld", err);
	return other;
}

void say(const char *fmt, ...)
{
	char line[1024];
	size_t n = (size_t)snprintf(line, sizeof(line), "@%s.%s ", the_area, the_test);
	va_list ap;
	int more;

	va_start(ap, fmt);
	more = vsnprintf(line + n, sizeof(line) - n - 1, fmt, ap);
	va_end(ap);
	n += more < 0 ? 0 : (size_t)more;
	if (n > sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n++] = '\n';
	if (write(1, line, n) != (ssize_t)n)
		_exit(98);
}

static bool is_error(long ret)
{
	return ret < 0 && ret >= -4095;
}

long check_told(const char *what, long ret)
{
	if (is_error(ret))
		say("%s = -%s", what, err_name(ret));
	else
		say("%s = %ld", what, ret);
	return ret;
}

long check_okay(const char *what, long ret)
{
	if (is_error(ret))
		say("%s = -%s", what, err_name(ret));
	else
		say("%s ok", what);
	return ret;
}

long check_lib(const char *what, long ret)
{
	return check_told(what, ret == -1 ? -errno : ret);
}

const char *wait_words(int status)
{
	static char text[48];

	if (WIFEXITED(status))
		snprintf(text, sizeof(text), "exit %d", WEXITSTATUS(status));
	else if (WIFSIGNALED(status))
		snprintf(text, sizeof(text), "killed by %d%s", WTERMSIG(status),
			 WCOREDUMP(status) ? ", core" : "");
	else if (WIFCONTINUED(status))
		snprintf(text, sizeof(text), "continued");
	else
		snprintf(text, sizeof(text), "stopped by %d", WSTOPSIG(status));
	return text;
}

/* ---- helpers ------------------------------------------------------------------------------------ */

static void broke(const char *what)
{
	say("the test cannot go on: %s: %s", what, err_name(errno));
	_exit(97);
}

void put_file(const char *name, const void *data, size_t len)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, data, len) != (ssize_t)len)
		broke(name);
	close(fd);
}

long get_file(const char *name, char *buf, size_t size)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	ssize_t n;
	size_t have = 0;

	buf[0] = '\0';
	if (fd < 0)
		return -errno;
	while (have < size - 1 && (n = read(fd, buf + have, size - 1 - have)) > 0)
		have += (size_t)n;
	close(fd);
	buf[have] = '\0';
	return (long)have;
}

pid_t start(int (*fn)(void *), void *arg)
{
	pid_t pid = fork();

	if (pid < 0)
		broke("fork");
	if (!pid)
		_exit(fn(arg));
	return pid;
}

int finish(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return status;
}

int in_child(int (*fn)(void *), void *arg)
{
	return finish(start(fn, arg));
}

void nap(int milliseconds)
{
	struct timespec ts = { milliseconds / 1000, milliseconds % 1000 * 1000000L };

	while (nanosleep(&ts, &ts) < 0 && errno == EINTR)
		;
}

long long now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

bool await_state(pid_t pid, const char *states)
{
	char path[40], text[512];

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	for (int i = 0; i < 400; i++) {
		const char *end;

		if (get_file(path, text, sizeof(text)) < 0) {
			nap(200); /* without /proc there is only patience */
			return false;
		}
		if ((end = strrchr(text, ')')) && strchr(states, end[2]))
			return true;
		nap(10);
	}
	return false;
}

char *pages(size_t n)
{
	char *p = mmap(NULL, n * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		broke("mmap");
	return p;
}

void *unmapped(void)
{
	char *p = pages(3);

	munmap(p, 3 * PAGE);
	return p + PAGE;
}

void *read_only(void)
{
	char *p = pages(1);

	*p = 'r';
	mprotect(p, PAGE, PROT_READ);
	return p;
}

void *no_access(void)
{
	char *p = pages(1);

	mprotect(p, PAGE, PROT_NONE);
	return p;
}

/* ---- running ------------------------------------------------------------------------------------ */

static void remove_all(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	const struct dirent *e;
	DIR *dir;

	if (fd >= 0 && (dir = fdopendir(fd))) {
		while ((e = readdir(dir)))
			if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..") &&
			    unlinkat(fd, e->d_name, 0) && (errno == EISDIR || errno == EPERM))
				remove_all(fd, e->d_name);
		closedir(dir);
	}
	unlinkat(at, name, AT_REMOVEDIR);
}

/* Waits with patience; a test that does not end is killed with all that it started in its group. */
static int await_test(pid_t pid, bool *late)
{
	/* SIGCHLD wakes; a kernel that loses it costs time and no answers. */
	const struct timespec slice = { 0, 100000000 };
	long long until = now_ns() + PATIENCE * 1000000000LL;
	sigset_t chld;
	int status = 0;

	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	while (!waitpid(pid, &status, WNOHANG)) {
		if (now_ns() >= until) {
			*late = true;
			kill(-pid, SIGKILL);
			waitpid(pid, &status, 0);
			break;
		}
		if (sigtimedwait(&chld, NULL, &slice) < 0 && errno == ENOSYS)
			nap(10);
	}
	kill(-pid, SIGKILL);
	return status;
}

static bool run_one(const char *area, const struct test *t)
{
	char folder[96];
	sigset_t chld, old;
	bool late = false;
	pid_t pid;
	int status;

	snprintf(folder, sizeof(folder), "/tmp/%s.%s", area, t->name);
	remove_all(AT_FDCWD, folder);
	the_test = t->name;
	if (mkdir(folder, 0777) || chmod(folder, 0777))
		broke(folder);
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, &old);
	pid = fork();
	if (pid < 0)
		broke("fork");
	if (!pid) {
		setpgid(0, 0);
		sigprocmask(SIG_SETMASK, &old, NULL);
		umask(022);
		if (chdir(folder))
			broke(folder);
		t->run();
		_exit(0);
	}
	setpgid(pid, pid);
	status = await_test(pid, &late);
	sigprocmask(SIG_SETMASK, &old, NULL);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	if (status)
		say("ended: %s%s", wait_words(status), late ? ", too late" : "");
	remove_all(AT_FDCWD, folder);
	return !status;
}

void check_as(const char *area, const char *test)
{
	the_area = area;
	the_test = test;
}

static bool chosen(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], name) == 0)
			return true;
	return argc < 2;
}

int check_main(const char *area, const struct test *tests, size_t n, int argc, char **argv)
{
	bool fine = true;

	the_area = area;
	/* A shell may leave signals ignored; the tests want the defaults. */
	for (int s = 1; s < 32; s++)
		signal(s, SIG_DFL);
	for (size_t i = 0; i < n; i++) {
		if (argc > 1 && strcmp(argv[1], "--list") == 0)
			printf("%s\n", tests[i].name);
		else if (chosen(tests[i].name, argc, argv))
			fine = run_one(area, &tests[i]) && fine;
	}
	return fine ? 0 : 1;
}
