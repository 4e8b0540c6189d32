/* SPDX-License-Identifier: MIT */
/*
 * init.c - pid 1 of the conformance image: mounts, runs the programs that /tests/list names one
 * after the other, and ends the machine. In a chroot and a pid namespace of the host it does the same, so that both have one environment.
 *
 * Each program's lines come between "@@ begin NAME" and "@@ end NAME STATUS"; "@@ done" is the last.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_PROGRAMS 256
#define MAX_TESTS    64

static void must_mount(const char *type, const char *where, const char *options)
{
	mkdir(where, 0755);
	if (mount(type, where, type, 0, options) && errno != EBUSY)
		dprintf(1, "@@ mount %s on %s: %s\n", type, where, strerror(errno));
}

/* The words of /tests/list, split in place. */
static size_t read_list(char *text, size_t size, char **names)
{
	int fd = open("/tests/list", O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);
	size_t count = 0;

	if (fd >= 0)
		close(fd);
	if (n < 0) {
		dprintf(1, "@@ /tests/list: %s\n", strerror(errno));
		return 0;
	}
	text[n] = '\0';
	for (char *save, *w = strtok_r(text, "\n", &save); w && count < MAX_PROGRAMS;
	     w = strtok_r(NULL, "\n", &save))
		names[count++] = w;
	return count;
}

/* Whoever started this may have had signals ignored, those of the C library's own included. */
static void forget_signals(void)
{
	static const unsigned long all_default[4], none;

	for (long sig = 1; sig <= 64; sig++)
		syscall(SYS_rt_sigaction, sig, all_default, NULL, sizeof(none));
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof(none));
}

/* LINE is a program's name and, if it is not to run all its tests, theirs. */
static void run(char *line)
{
	char path[256];
	char *const env[] = { "PATH=/bin:/sbin", "HOME=/", NULL };
	char *argv[MAX_TESTS + 2] = { path };
	char *save, *name = strtok_r(line, " ", &save);
	int status = 0;
	pid_t pid;

	for (int i = 1; i <= MAX_TESTS && (argv[i] = strtok_r(NULL, " ", &save)); i++)
		;
	snprintf(path, sizeof(path), "/tests/%s", name);
	dprintf(1, "@@ begin %s\n", name);
	pid = fork();
	if (!pid) {
		setsid();
		forget_signals();
		execve(path, argv, env);
		dprintf(1, "@@ exec %s: %s\n", path, strerror(errno));
		_exit(127);
	}
	if (pid < 0) {
		dprintf(1, "@@ fork: %s\n", strerror(errno));
		return;
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	kill(-1, SIGKILL);
	while (waitpid(-1, NULL, 0) > 0)
		;
	dprintf(1, "@@ end %s %d\n", name,
		WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

int main(void)
{
	static char text[16384];
	static char *names[MAX_PROGRAMS];
	size_t n;

	must_mount("proc", "/proc", NULL);
	must_mount("sysfs", "/sys", NULL);
	must_mount("devtmpfs", "/dev", NULL);
	must_mount("devpts", "/dev/pts", "newinstance,ptmxmode=666,mode=620");
	must_mount("tmpfs", "/tmp", "mode=1777");
	umask(022);
	sethostname("parallax", 8);
	n = read_list(text, sizeof(text), names);
	for (size_t i = 0; i < n; i++)
		run(names[i]);
	dprintf(1, "@@ done\n");
	sync();
	reboot(RB_POWER_OFF);
	return 0;
}
