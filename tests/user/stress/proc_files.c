/* SPDX-License-Identifier: MIT */
/*
 * proc_files.c - reads every file below /proc and /sys, twice, while processes are born and die beside it,
 * and asks some files for what must be true, as root on a machine that it may change. Prints a line for
 * each thing that is not, and "ok FILES files, BYTES bytes" at the end; its status is the number of wrong
 * answers.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static unsigned wrong;
static unsigned long files, bytes;

__attribute__((format(printf, 2, 3))) static void check(bool ok, const char *fmt, ...)
{
	va_list ap;

	if (ok)
		return;
	wrong++;
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

static void phase(const char *name)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	printf("%ld.%03ld %s\n", (long)ts.tv_sec, ts.tv_nsec / 1000000, name);
}

/* ---- everything ------------------------------------------------------------------------------------------ */

/* What a file may say instead of its text: it went away, is for writing, or would have to wait. */
static bool excused(int err)
{
	return err == ENOENT || err == ESRCH || err == EACCES || err == EIO || err == EINVAL ||
	       err == EAGAIN || err == EPERM;
}

static void read_file(const char *path, size_t piece)
{
	static char buf[1 << 16];
	int fd = open(path, O_RDONLY | O_NONBLOCK);
	ssize_t n;

	if (fd < 0) {
		check(excused(errno), "open %s: %s", path, strerror(errno));
		return;
	}
	files++;
	for (unsigned reads = 0; (n = read(fd, buf, piece)) > 0; reads++) {
		bytes += (unsigned long)n;
		if (reads > 20 && piece < sizeof(buf))
			piece = sizeof(buf);
	}
	check(n == 0 || excused(errno), "read %s: %s", path, strerror(errno));
	close(fd);
}

static void walk(const char *path, size_t piece, bool numbers);

static void visit(const char *path, size_t piece, bool numbers)
{
	char target[PATH_MAX];
	struct stat st;

	if (lstat(path, &st))
		check(excused(errno), "lstat %s: %s", path, strerror(errno));
	else if (S_ISDIR(st.st_mode))
		walk(path, piece, numbers);
	else if (S_ISREG(st.st_mode))
		read_file(path, piece);
	else if (S_ISLNK(st.st_mode) && readlink(path, target, sizeof(target)) < 0)
		check(excused(errno), "readlink %s: %s", path, strerror(errno));
}

/* All kernel threads are alike: one will do. */
static bool is_boring(const char *path, const char *name)
{
	char exe[PATH_MAX];

	snprintf(exe, sizeof(exe), "/proc/%s/exe", name);
	return !strcmp(path, "/proc") && strcmp(name, "2") && access(exe, F_OK) && errno == ENOENT;
}

/* Names first: who is born while we read is somebody else's to meet. */
static void walk(const char *path, size_t piece, bool numbers)
{
	char *names[512];
	unsigned n = 0;
	DIR *d = opendir(path);
	struct dirent *e;

	if (!d) {
		check(excused(errno), "opendir %s: %s", path, strerror(errno));
		return;
	}
	while (n < 512 && (e = readdir(d)))
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			names[n++] = strdup(e->d_name);
	closedir(d);
	for (unsigned i = 0; i < n; i++) {
		bool number = *names[i] >= '0' && *names[i] <= '9';
		char sub[PATH_MAX];

		snprintf(sub, sizeof(sub), "%s/%s", path, names[i]);
		if (!number || (numbers && !is_boring(path, names[i])))
			visit(sub, piece, numbers);
		free(names[i]);
	}
}

static void *idle_thread(void *unused)
{
	(void)unused;
	usleep(2000);
	return NULL;
}

/* Processes that live a moment: some with a second thread, some left as zombies for a while. */
static void be_born_and_die(void)
{
	for (unsigned i = 0;; i++) {
		pthread_t t;
		pid_t pid = fork();

		if (pid == 0) {
			if (i % 3 == 0 && !pthread_create(&t, NULL, idle_thread, NULL))
				pthread_join(t, NULL);
			_exit(0);
		}
		if (i % 4 == 3)
			while (waitpid(-1, NULL, WNOHANG) > 0)
				;
		usleep(500000);
	}
}

/* ---- particular files ------------------------------------------------------------------------------------- */

static char text[1 << 16];

static const char *slurp(const char *fmt, ...)
{
	char path[PATH_MAX];
	va_list ap;
	size_t len = 0;
	ssize_t n;
	int fd;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	fd = open(path, O_RDONLY);
	check(fd >= 0, "open %s: %s", path, strerror(errno));
	while (fd >= 0 && (n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = 0;
	close(fd);
	return text;
}

static int put(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY), err = 0;

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		err = errno;
	close(fd);
	return err;
}

static char state_of(pid_t pid)
{
	const char *p = strrchr(slurp("/proc/%d/stat", pid), ')');

	return p ? p[2] : '?';
}

static void check_states(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		pause();
		_exit(0);
	}
	usleep(100000);
	check(state_of(pid) == 'S', "a waiting process is %c", state_of(pid));
	kill(pid, SIGSTOP);
	waitpid(pid, NULL, WUNTRACED);
	check(state_of(pid) == 'T', "a stopped process is %c", state_of(pid));
	kill(pid, SIGKILL);
	usleep(100000);
	check(state_of(pid) == 'Z', "a dead process is %c", state_of(pid));
	check(!*slurp("/proc/%d/cmdline", pid), "a zombie has arguments");
	waitpid(pid, NULL, 0);
	check(open("/proc/1/../0", O_RDONLY) < 0, "there is a process 0");
}

/* A debugger and what it stopped. */
static void check_traced(void)
{
	char line[64];
	pid_t pid = fork();

	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	snprintf(line, sizeof(line), "\nTracerPid:\t%d\n", getpid());
	check(state_of(pid) == 't', "a process stopped by its debugger is %c", state_of(pid));
	check(!!strstr(slurp("/proc/%d/status", pid), line), "status of a traced process: %s",
	      text);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void check_self(const char *me)
{
	char target[64] = "";
	unsigned fields = 1;
	const char *p = strrchr(slurp("/proc/self/stat"), ')');

	for (; p && *p; p++)
		fields += *p == ' ';
	check(fields + 1 == 52, "stat has %u fields", fields + 1);
	check(!strcmp(slurp("/proc/self/cmdline"), me), "cmdline is %s", text);
	check(readlink("/proc/self/exe", target, sizeof(target) - 1) > 0 && !strcmp(target, me),
	      "exe is %s", target);
	check(!!strstr(slurp("/proc/self/maps"), "[stack]"), "maps has no stack:\n%s", text);
	check(!!strstr(slurp("/proc/self/smaps"), "VmFlags: rd wr "), "smaps has no writable area");
	check(!!strstr(slurp("/proc/self/status"), "\nThreads:\t1\n"), "status: %s", text);
	check(!put("/proc/self/comm", "renamed"), "comm cannot be written");
	check(!!strstr(slurp("/proc/self/stat"), "(renamed)"), "stat: %s", text);
	check(!put("/proc/self/oom_score_adj", "-500"), "oom_score_adj cannot be written");
	check(atoi(slurp("/proc/self/oom_score_adj")) == -500, "oom_score_adj is %s", text);
	check(put("/proc/self/oom_score_adj", "1001") == EINVAL, "oom_score_adj takes 1001");
	check(put("/proc/2/comm", "x") == EINVAL, "another's comm can be written");
}

static void check_descriptors(void)
{
	char target[64] = "", path[64];
	int fd[2];

	check(!pipe(fd), "no pipe");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd[0]);
	check(readlink(path, target, sizeof(target) - 1) > 0 && !strncmp(target, "pipe:[", 6),
	      "%s is %s", path, target);
	check(!!strstr(slurp("/proc/self/fdinfo/%d", fd[0]), "flags:\t00\n"), "fdinfo: %s", text);
	close(fd[0]);
	check(readlink(path, target, sizeof(target) - 1) < 0, "a closed descriptor leads to %s",
	      target);
	close(fd[1]);
}

static void check_tunables(void)
{
	check(!put("/proc/sys/kernel/hostname", "tested\n"), "hostname cannot be written");
	check(!strcmp(slurp("/proc/sys/kernel/hostname"), "tested\n"), "hostname is %s", text);
	check(!put("/proc/sys/kernel/sched_schedstats", "1"), "no sched_schedstats");
	check(!!strstr(slurp("/proc/self/sched"), "\nwait_sum "), "sched without statistics:\n%s",
	      text);
	check(!put("/proc/sys/kernel/sched_schedstats", "0"), "sched_schedstats stays on");
	check(!strstr(slurp("/proc/self/sched"), "\nwait_sum "), "statistics though they are off");
	check(put("/proc/sys/kernel/pid_max", "5") != 0, "pid_max can be written");
	check(put("/proc/sys/kernel/sched_rt_runtime_us", "2000000") == EINVAL,
	      "runtime above the period");
	check(!put("/proc/sys/vm/compact_memory", "1"), "compact_memory");
	check(!put("/proc/sys/vm/drop_caches", "3"), "drop_caches");
}

static void check_hotplug(void)
{
	const char *online = "/sys/devices/system/cpu/cpu1/online";

	if (access(online, F_OK))
		return;
	check(!put(online, "0"), "cpu1 does not go: %s", strerror(errno));
	check(!strcmp(slurp("/sys/devices/system/cpu/online"), "0\n"), "online: %s", text);
	check(!strstr(slurp("/proc/stat"), "cpu1 "), "stat shows a CPU that is off");
	check(!put(online, "1"), "cpu1 does not come: %s", strerror(errno));
	check(!strcmp(slurp("/sys/devices/system/cpu/online"), "0-1\n"), "online: %s", text);
}

/* Another user sees names and numbers, but neither memory nor addresses. */
static void check_rights(void)
{
	pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		unsigned bad = 0;

		if (setgid(1000) || setuid(1000))
			_exit(99);
		bad += open("/proc/1/environ", O_RDONLY) >= 0;
		bad += read(open("/proc/1/maps", O_RDONLY), text, 10) >= 0;
		bad += opendir("/proc/1/fd") != NULL;
		bad += readlink("/proc/1/exe", text, 10) >= 0;
		bad += open("/proc/slabinfo", O_RDONLY) >= 0;
		bad += open("/proc/1/stack", O_RDONLY) >= 0;
		bad += open("/proc/iomem", O_RDONLY) >= 0;
		bad += strncmp(slurp("/proc/kallsyms"), "0000000000000000 ", 17) != 0;
		bad += !strstr(slurp("/proc/1/status"), "Uid:\t0");
		bad += !strstr(slurp("/proc/self/maps"), "[stack]");
		_exit((int)bad);
	}
	waitpid(pid, &status, 0);
	check(status == 0, "rights: status %x", status);
}

int main(int argc, char **argv)
{
	pid_t pid;

	(void)argc;
	setvbuf(stdout, NULL, _IOLBF, 0);
	check(!mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL), "debugfs: %s",
	      strerror(errno));
	phase("states");
	check_states();
	check_traced();
	phase("itself");
	check_self(argv[0]);
	check_descriptors();
	check_tunables();
	phase("rights");
	check_rights();
	pid = fork();
	if (pid == 0)
		be_born_and_die();
	phase("all, whole");
	walk("/proc", sizeof(text), true);
	walk("/sys", sizeof(text), true);
	phase("all, in pieces");
	walk("/proc", 777, false);
	walk("/proc/1", 77, false);
	walk("/sys/devices", 3, true);
	phase("read");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	check_hotplug();
	printf("%s %lu files, %lu bytes\n", wrong ? "not ok" : "ok", files, bytes);
	return (int)wrong;
}
