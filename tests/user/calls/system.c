/* SPDX-License-Identifier: MIT */
/* system.c - what a kernel tells of itself and of a process: uname, sysinfo, prctl, random, syslog, mounts. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/user/lib/check.h"

static void names(void)
{
	struct utsname u;

	X(uname, &u);
	say("%s %s", u.sysname, u.machine);
	X(uname, unmapped());
	X(sethostname, "a-new-name", 10);
	Q(uname, &u);
	say("%s", u.nodename);
	X(sethostname, "abc", 2);
	Q(uname, &u);
	say("%s", u.nodename);
	X(sethostname, "x", -1);
	X(sethostname, "x", 65);
	X(sethostname, unmapped(), 3);
	char text[64];
	get_file("/proc/sys/kernel/hostname", text, sizeof(text));
	say("%s", strtok(text, "\n"));
}

static void information(void)
{
	struct sysinfo s;

	X(sysinfo, &s);
	IS(s.totalram > 0 && s.freeram < s.totalram && s.mem_unit == 1);
	IS(s.procs > 1);
	X(sysinfo, unmapped());
	X(sysinfo, KERNEL_LINEAR);
}

static void chance(void)
{
	unsigned char a[64] = { 0 }, b[64] = { 0 };
	static unsigned char big[100000];
	int fd, ones = 0;

	X(getrandom, a, 64, 0);
	X(getrandom, b, 64, 1);
	IS(memcmp(a, b, 64) != 0);
	X(getrandom, a, 0, 0);
	X(getrandom, big, sizeof(big), 0);
	for (size_t i = 0; i < sizeof(big); i++)
		ones += __builtin_popcount(big[i]);
	/* Half of 800,000 bits, six standard deviations off at most. */
	IS(ones > 397300 && ones < 402700);
	X(getrandom, a, 8, 0x10);
	X(getrandom, a, 8, 6);
	X(getrandom, unmapped(), 8, 0);
	fd = (int)Q(open, "/dev/urandom", O_RDWR);
	X(read, fd, a, 64);
	X(write, fd, a, 64);
	fd = (int)Q(open, "/dev/random", O_RDONLY);
	X(read, fd, a, 64);
}

static void process_control(void)
{
	char name[17] = { 0 };
	int v = -1;

	X(prctl, PR_SET_NAME, "0123456789abcdefgh");
	X(prctl, PR_GET_NAME, name);
	say("%s", name);
	X(prctl, PR_SET_NAME, unmapped());
	X(prctl, PR_GET_NAME, unmapped());
	char text[64];
	get_file("/proc/self/comm", text, sizeof(text));
	say("%s", strtok(text, "\n"));
	X(prctl, PR_SET_PDEATHSIG, SIGTERM);
	X(prctl, PR_GET_PDEATHSIG, &v);
	NUM(v);
	X(prctl, PR_SET_PDEATHSIG, 65);
	X(prctl, PR_SET_PDEATHSIG, 0);
	X(prctl, PR_GET_PDEATHSIG, unmapped());
	X(prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
	X(prctl, PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0);
	X(prctl, PR_SET_NO_NEW_PRIVS, 1, 1, 0, 0);
	X(prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	X(prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
	X(prctl, PR_GET_NO_NEW_PRIVS, 1, 0, 0, 0);
	X(prctl, PR_GET_CHILD_SUBREAPER, &v);
	NUM(v);
	X(prctl, PR_SET_CHILD_SUBREAPER, 1);
	X(prctl, PR_GET_CHILD_SUBREAPER, &v);
	NUM(v);
	X(prctl, PR_GET_TIMERSLACK);
	X(prctl, PR_SET_TIMERSLACK, 70000);
	X(prctl, PR_GET_TIMERSLACK);
	X(prctl, PR_SET_TIMERSLACK, 0);
	X(prctl, PR_GET_TIMERSLACK);
	X(prctl, 0x7777);
	X(prctl, PR_GET_TSC, &v);
	NUM(v);
	X(prctl, PR_GET_SECCOMP);
}

static int dies_after_parent(void *arg)
{
	const int *p = arg;

	if (!fork()) {
		Q(prctl, PR_SET_PDEATHSIG, SIGTERM);
		Q(close, p[0]);
		Q(write, p[1], "r", 1);
		nap(10000);
		Q(write, p[1], "x", 1);
		_exit(0);
	}
	char b;
	Q(read, p[0], &b, 1);
	return 0;
}

static void death_signal(void)
{
	char b;
	int p[2];

	Q(pipe, p);
	in_child(dies_after_parent, p);
	Q(close, p[1]);
	/* The grandchild held the other end. */
	X(read, p[0], &b, 1);
}

static void segment_bases(void)
{
	unsigned long fs = 0, gs = 1;
	static unsigned long word = 0x1122334455667788ul;
	unsigned long got = 0;

	X(arch_prctl, 0x1003, &fs);
	IS(fs != 0);
	X(arch_prctl, 0x1004, &gs);
	NUM(gs);
	X(arch_prctl, 0x1001, &word);
	__asm__ volatile("mov %%gs:0, %0" : "=r"(got));
	HEX(got);
	X(sched_yield);
	nap(5);
	__asm__ volatile("mov %%gs:0, %0" : "=r"(got));
	HEX(got);
	X(arch_prctl, 0x1002, KERNEL_LINEAR);
	X(arch_prctl, 0x1002, NON_CANONICAL);
	X(arch_prctl, 0x1003, unmapped());
	X(arch_prctl, 0x7777, 0);
}

static void kernel_log(void)
{
	static char text[1 << 20];

	IS(Q(syslog, 10, NULL, 0) > 0);
	IS(Q(syslog, 3, text, sizeof(text)) >= 0);
	X(syslog, 3, NULL, 10);
	X(syslog, 3, text, -1);
	X(syslog, 3, text, 0);
	X(syslog, 99, text, 10);
	X(syslog, 8, NULL, 0);
	X(syslog, 8, NULL, 9);
	int fd = (int)OK(open, "/dev/kmsg", O_WRONLY);
	X(write, fd, "<6>a line of the suite\n", 23);
}

static void mounting(void)
{
	char text[4096];

	Q(mkdir, "m", 0755);
	put_file("f", "x", 1);
	X(mount, "tmpfs", "m", "tmpfs", 0, "size=1m,mode=700");
	put_file("m/inside", "x", 1);
	X(access, "m/inside", F_OK);
	get_file("/proc/mounts", text, sizeof(text));
	IS(strstr(text, "/system.mounting/m tmpfs rw") != NULL);
	X(mount, "none", "m", NULL, MS_REMOUNT | MS_RDONLY, NULL);
	X(open, "m/new", O_RDWR | O_CREAT, 0600);
	X(open, "m/inside", O_RDWR);
	X(unlink, "m/inside");
	X(chmod, "m/inside", 0600);
	OK(open, "m/inside", O_RDONLY);
	X(mount, "none", "m", NULL, MS_REMOUNT, NULL);
	int fd = (int)OK(open, "m/inside", O_RDWR);
	X(umount2, "m", 0);
	Q(close, fd);
	X(rmdir, "m");
	X(rename, "m", "n");
	X(rename, "f", "m/f");
	X(link, "f", "m/f");
	Q(chdir, "m");
	X(umount2, "../m", 0);
	X(umount2, "../m", MNT_DETACH);
	X(access, "inside", F_OK);
	X(access, "../m", F_OK);
	Q(chdir, "/tmp/system.mounting");
	X(access, "m/inside", F_OK);
	X(umount2, "m", 0);
	X(umount2, "none", 0);
	X(umount2, "f", 0);
	X(umount2, "m", 0x100);
	X(mount, "x", "m", "no-such-fs", 0, NULL);
	X(mount, "x", "none", "tmpfs", 0, NULL);
	X(mount, "x", "f", "tmpfs", 0, NULL);
	X(mount, "x", unmapped(), "tmpfs", 0, NULL);
	X(mount, "x", "m", unmapped(), 0, NULL);
	X(mount, "x", "m", NULL, 0, NULL);
	Q(mkdir, "from", 0755);
	put_file("from/a", "x", 1);
	X(mount, "from", "m", NULL, MS_BIND, NULL);
	X(access, "m/a", F_OK);
	X(rmdir, "m");
	X(umount2, "m", 0);
	X(mount, "f", "m", NULL, MS_BIND, NULL);
	X(mount, "none", "m", NULL, MS_BIND, NULL);
	put_file("target", "t", 1);
	X(mount, "f", "target", NULL, MS_BIND, NULL);
	get_file("target", text, sizeof(text));
	say("%s", text);
	X(umount2, "target", 0);
	X(mount, "tmpfs", "m", "tmpfs", MS_NOEXEC | MS_NODEV | MS_NOSUID, NULL);
	Q(mknod, "m/null", S_IFCHR | 0666, 0x103);
	X(open, "m/null", O_RDONLY);
	put_file("m/x", "#!/bin/sh\n", 10);
	Q(chmod, "m/x", 0755);
	char *argv[] = { "x", NULL };
	X(execve, "m/x", argv, argv + 1);
	X(access, "m/x", X_OK);
	X(umount2, "m", 0);
	X(mount, "tmpfs", "m", "tmpfs", 0, "size=64k");
	static char big[200000];
	fd = (int)Q(open, "m/full", O_RDWR | O_CREAT, 0600);
	X(write, fd, big, sizeof(big));
	X(write, fd, big, 1);
	Q(close, fd);
	X(umount2, "m", 0);
}

static void devices(void)
{
	char b[64];
	int fd;

	memset(b, 'x', sizeof(b));
	fd = (int)OK(open, "/dev/null", O_RDWR);
	X(read, fd, b, 10);
	X(write, fd, unmapped(), 10);
	X(lseek, fd, 100, SEEK_SET);
	fd = (int)OK(open, "/dev/zero", O_RDWR);
	X(read, fd, b, 10);
	NUM(b[9] + b[10]);
	X(write, fd, b, 10);
	X(read, fd, unmapped(), 10);
	X(read, fd, read_only(), 10);
	fd = (int)OK(open, "/dev/full", O_RDWR);
	X(read, fd, b, 10);
	X(write, fd, b, 10);
	X(write, fd, b, 0);
	struct stat st;
	const char *const nodes[] = { "null", "zero", "full",	 "random", "urandom",
				      "kmsg", "tty",  "console", "ptmx" };
	char path[32];
	for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
		snprintf(path, sizeof(path), "/dev/%s", nodes[i]);
		if (stat(path, &st))
			say("%s: %s", nodes[i], err_name(errno));
		else
			say("%s: %o %d,%d", nodes[i], st.st_mode & S_IFMT, (int)(st.st_rdev >> 8),
			    (int)(st.st_rdev & 255));
	}
	X(open, "/dev/null/x", O_RDONLY);
	X(open, "/dev/none", O_RDONLY);
}

/* The machine itself; a host may hide these. */
static void machine_devices(void)
{
	char b[64];
	int fd;

	fd = (int)OK(open, "/dev/port", O_RDONLY);
	X(lseek, fd, 0x71, SEEK_SET);
	X(read, fd, b, 1);
	X(pread64, fd, b, 1, 70000);
	X(read, fd, unmapped(), 1);
	fd = (int)OK(open, "/dev/mem", O_RDONLY);
	X(pread64, fd, b, 16, 0xf0000);
	X(pread64, fd, unmapped(), 16, 0xf0000);
	X(lseek, fd, 0x400, SEEK_SET);
	X(read, fd, b, 16);
	Q(setresuid, 1000, 1000, 1000);
	X(open, "/dev/mem", O_RDONLY);
	X(open, "/dev/port", O_RDWR);
}

static void power(void)
{
	X(reboot, 0, 0, 0x4321fedc, 0);
	X(reboot, 0xfee1dead, 0, 0x4321fedc, 0);
	X(reboot, 0xfee1dead, 672274793, 0x1111, 0);
}

static const struct test tests[] = {
	T(names),	 T(information),     T(chance),	    T(process_control),
	T(death_signal), T(segment_bases),   T(kernel_log), T(mounting),
	T(devices),	 T(machine_devices), T(power),
};
MAIN("system", tests)
