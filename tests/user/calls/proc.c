/* SPDX-License-Identifier: MIT */
/* proc.c - /proc as programs read it: names, fields and formats; figures only where they are bound to agree. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "tests/user/lib/check.h"

static char text[1 << 18];

/* A line with every number, in any base that Linux prints, as "#". */
static const char *shape(const char *line)
{
	static char out[512];
	size_t n = 0;

	while (*line && *line != '\n' && n < sizeof(out) - 2) {
		if (isdigit((unsigned char)*line)) {
			out[n++] = '#';
			while (isxdigit((unsigned char)*line))
				line++;
		} else {
			out[n++] = *line++;
		}
	}
	out[n] = '\0';
	return out;
}

/* The first line of a file that begins with KEY, as a shape; KEY NULL: the first line. */
static void line_of(const char *file, const char *key)
{
	char *line;

	if (get_file(file, text, sizeof(text)) < 0) {
		say("%s: none", file);
		return;
	}
	for (line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
		if (!key || strncmp(line, key, strlen(key)) == 0) {
			say("%s: %s", file, shape(line));
			return;
		}
	say("%s: no line %s", file, key ? key : "");
}

static const char *value_of(const char *file, const char *key)
{
	char *line, *end;

	if (get_file(file, text, sizeof(text)) < 0)
		return "no file";
	line = strncmp(text, key, strlen(key)) == 0 ? text : NULL;
	for (char *at = text; !line && (at = strstr(at, key)); at++)
		if (at[-1] == '\n')
			line = at;
	if (!line)
		return "no line";
	end = strchr(line, '\n');
	if (end)
		*end = '\0';
	return line + strlen(key);
}

static void global(void)
{
	static const char *const mem[] = {
		"MemTotal:",	"MemFree:",    "MemAvailable:", "Buffers:",	 "Cached:",
		"SwapCached:",	"Active:",     "Inactive:",	"SwapTotal:",	 "SwapFree:",
		"Dirty:",	"AnonPages:",  "Mapped:",	"Shmem:",	 "Slab:",
		"KernelStack:", "PageTables:", "CommitLimit:",	"Committed_AS:", "VmallocTotal:",
		"VmallocUsed:"
	};

	/* Columns are padded to the figures' width: only the words count here. */
	for (size_t i = 0; i < sizeof(mem) / sizeof(mem[0]); i++) {
		const char *v = value_of("/proc/meminfo", mem[i]);
		long kb = strtol(v, NULL, 10);
		const char *unit = strrchr(v, ' ');
		say("%s %s%s", mem[i],
		    kb >= 0 && isdigit((unsigned char)v[strspn(v, " ")]) ? "#" : v,
		    unit ? unit : "");
	}
	line_of("/proc/uptime", NULL);
	line_of("/proc/loadavg", NULL);
	line_of("/proc/stat", "cpu ");
	line_of("/proc/stat", "cpu0 ");
	line_of("/proc/stat", "ctxt ");
	line_of("/proc/stat", "btime ");
	line_of("/proc/stat", "processes ");
	line_of("/proc/stat", "procs_running ");
	line_of("/proc/stat", "procs_blocked ");
	line_of("/proc/cpuinfo", "processor");
	line_of("/proc/vmstat", "nr_free_pages ");
	line_of("/proc/vmstat", "pgfault ");
	line_of("/proc/vmstat", "pgmajfault ");
	say("%.14s", (get_file("/proc/version", text, sizeof(text)), text));
	say("%s", get_file("/proc/filesystems", text, sizeof(text)) > 0 &&
				  strstr(text, "nodev\tproc\n") && strstr(text, "nodev\ttmpfs\n") &&
				  strstr(text, "nodev\tsysfs\n")
			  ? "file systems"
			  : "none");
	line_of("/proc/devices", NULL);
	IS(get_file("/proc/devices", text, sizeof(text)) > 0 && strstr(text, "\n  1 mem\n") &&
	   strstr(text, "\n  5 /dev/tty\n"));
	IS(get_file("/proc/cmdline", text, sizeof(text)) > 0 && strchr(text, '\n'));
	IS(get_file("/proc/interrupts", text, sizeof(text)) > 0 && strstr(text, "CPU0") &&
	   strstr(text, "LOC:"));
	IS(get_file("/proc/softirqs", text, sizeof(text)) > 0 && strstr(text, "TIMER:") &&
	   strstr(text, "SCHED:"));
	IS(get_file("/proc/buddyinfo", text, sizeof(text)) > 0 &&
	   strncmp(text, "Node 0, zone", 12) == 0);
	IS(get_file("/proc/zoneinfo", text, sizeof(text)) > 0 &&
	   strncmp(text, "Node 0, zone", 12) == 0);
	IS(get_file("/proc/slabinfo", text, sizeof(text)) > 0 &&
	   strncmp(text, "slabinfo - version: 2.1\n", 24) == 0);
	IS(get_file("/proc/kallsyms", text, sizeof(text)) > 0);
	IS(get_file("/proc/iomem", text, sizeof(text)) > 0 && strstr(text, "System RAM"));
	X(open, "/proc/none", O_RDONLY);
	X(open, "/proc/uptime", O_RDWR | O_CREAT, 0600);
	X(unlink, "/proc/uptime");
}

static const char *const status_keys[] = {
	"Name:",
	"Umask:",
	"State:",
	"Tgid:",
	"Ngid:",
	"Pid:",
	"PPid:",
	"TracerPid:",
	"Uid:",
	"Gid:",
	"FDSize:",
	"Groups:",
	"VmPeak:",
	"VmSize:",
	"VmLck:",
	"VmHWM:",
	"VmRSS:",
	"RssAnon:",
	"VmData:",
	"VmStk:",
	"VmExe:",
	"VmLib:",
	"VmPTE:",
	"VmSwap:",
	"Threads:",
	"SigQ:",
	"SigPnd:",
	"ShdPnd:",
	"SigBlk:",
	"SigIgn:",
	"SigCgt:",
	"CapInh:",
	"CapPrm:",
	"CapEff:",
	"CapBnd:",
	"CapAmb:",
	"NoNewPrivs:",
	"Seccomp:",
	"Cpus_allowed:",
	"Cpus_allowed_list:",
	"Mems_allowed_list:",
	"voluntary_ctxt_switches:",
	"nonvoluntary_ctxt_switches:",
};

static void ignores(int sig)
{
	(void)sig;
}

static void status(void)
{
	for (size_t i = 0; i < sizeof(status_keys) / sizeof(status_keys[0]); i++) {
		const char *v = value_of("/proc/self/status", status_keys[i]);
		if (strncmp(status_keys[i], "Vm", 2) == 0 || strncmp(status_keys[i], "Rss", 3) == 0)
			say("%s %s", status_keys[i], strstr(v, " kB") ? "# kB" : v);
		else
			say("%s%s", status_keys[i], shape(v));
	}
	say("%s", value_of("/proc/self/status", "State:"));
	say("%s", value_of("/proc/self/status", "Umask:"));
	say("%s", value_of("/proc/self/status", "Uid:"));
	IS(atoi(value_of("/proc/self/status", "Pid:")) == getpid());
	IS(atoi(value_of("/proc/self/status", "PPid:")) == getppid());
	unsigned long m = 1ul << (SIGUSR1 - 1);
	Q(rt_sigprocmask, SIG_BLOCK, &m, NULL, 8);
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, ignores);
	Q(kill, getpid(), SIGUSR1);
	say("%s", value_of("/proc/self/status", "SigBlk:"));
	say("%s", value_of("/proc/self/status", "ShdPnd:"));
	say("%s", value_of("/proc/self/status", "SigIgn:"));
	say("%s", value_of("/proc/self/status", "SigCgt:"));
}

/* Fields of /proc/PID/stat by their number in proc(5); 3 is the state. */
static long field(const char *path, int number)
{
	const char *p;

	get_file(path, text, sizeof(text));
	p = strrchr(text, ')');
	for (int n = 2; p && n < number; n++)
		p = strchr(p + 1, ' ');
	return p ? strtol(p + 1, NULL, 10) : -999;
}

static void stat_line(void)
{
	int spaces = 0;

	get_file("/proc/self/stat", text, sizeof(text));
	for (const char *p = strrchr(text, ')'); p && *p; p++)
		spaces += *p == ' ';
	NUM(spaces);
	IS(atoi(text) == getpid());
	say("%.8s", strchr(text, '('));
	IS(field("/proc/self/stat", 4) == getppid());
	IS(field("/proc/self/stat", 5) == getpgrp());
	IS(field("/proc/self/stat", 6) == getsid(0));
	NUM(field("/proc/self/stat", 18));
	NUM(field("/proc/self/stat", 19));
	NUM(field("/proc/self/stat", 20));
	Q(setpriority, PRIO_PROCESS, 0, 4);
	NUM(field("/proc/self/stat", 18));
	NUM(field("/proc/self/stat", 19));
	IS(field("/proc/self/stat", 23) > 100000);
	IS(field("/proc/self/stat", 24) >= 0);
	NUM(field("/proc/self/stat", 40));
	NUM(field("/proc/self/stat", 41));
	get_file("/proc/self/statm", text, sizeof(text));
	say("%s", shape(text));
	get_file("/proc/self/stat", text, sizeof(text));
	IS(text[strlen(text) - 1] == '\n');
}

static void own_folder(void)
{
	char b[512];
	long n;

	n = get_file("/proc/self/cmdline", b, sizeof(b));
	IS(n > 0 && b[n - 1] == '\0' && strstr(b, "proc"));
	get_file("/proc/self/comm", b, sizeof(b));
	say("%s", strtok(b, "\n"));
	n = readlink("/proc/self/exe", b, sizeof(b) - 1);
	b[n > 0 ? n : 0] = '\0';
	IS(strstr(b, "/proc") != NULL);
	n = readlink("/proc/self/cwd", b, sizeof(b) - 1);
	b[n > 0 ? n : 0] = '\0';
	say("%s", b);
	n = readlink("/proc/self/root", b, sizeof(b) - 1);
	b[n > 0 ? n : 0] = '\0';
	say("%s", b);
	n = readlink("/proc/self", b, sizeof(b) - 1);
	b[n > 0 ? n : 0] = '\0';
	IS(atoi(b) == getpid());
	n = readlink("/proc/thread-self", b, sizeof(b) - 1);
	b[n > 0 ? n : 0] = '\0';
	IS(strstr(b, "/task/") != NULL);
	get_file("/proc/self/limits", text, sizeof(text));
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		say("%.26s", line);
	say("%s", shape(value_of("/proc/self/io", "rchar:")));
	get_file("/proc/self/oom_score_adj", b, sizeof(b));
	say("%s", strtok(b, "\n"));
	get_file("/proc/self/schedstat", b, sizeof(b));
	say("%s", shape(b));
	int fd = (int)Q(open, "/proc/self/comm", O_WRONLY);
	X(write, fd, "renamed by proc and long", 24);
	get_file("/proc/self/comm", b, sizeof(b));
	say("%s", strtok(b, "\n"));
	get_file("/proc/self/environ", b, sizeof(b));
	say("%s", b);
}

/* What a debugger reads of a program that it has not yet seen run. */
static void auxiliary(void)
{
	unsigned long v[64] = { 0 };
	struct stat st;
	int fd = (int)OK(open, "/proc/self/auxv", O_RDONLY);
	long n = Q(read, fd, v, sizeof(v)), last = n / (long)sizeof(v[0]) - 2;
	int different = 0; /* from what is on the stack */

	IS(n > 16 && n % 16 == 0 && n < (long)sizeof(v));
	for (long i = 0; i < last; i += 2)
		different += getauxval(v[i]) != v[i + 1];
	NUM(different);
	NUM(v[last]);
	X(read, fd, v, sizeof(v));
	IS(Q(lseek, fd, n - 16, SEEK_SET) == n - 16);
	X(read, fd, v, sizeof(v));
	Q(fstat, fd, &st);
	say("mode %o, %lld bytes", st.st_mode, (long long)st.st_size);
	X(write, fd, v, 16);
	X(open, "/proc/self/auxv", O_WRONLY);
}

static void open_files(void)
{
	char b[256], path[64];
	int fd, p[2];
	long n;

	put_file("f", "12345", 5);
	fd = (int)Q(open, "f", O_RDWR | O_APPEND | O_CLOEXEC);
	Q(read, fd, b, 2);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, b, sizeof(b) - 1);
	b[n > 0 ? n : 0] = '\0';
	say("%s", b);
	unlink("f");
	n = readlink(path, b, sizeof(b) - 1);
	b[n > 0 ? n : 0] = '\0';
	say("%s", b);
	Q(pipe, p);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", p[0]);
	n = readlink(path, b, sizeof(b) - 1);
	b[n > 0 ? n : 0] = '\0';
	say("%s", shape(b));
	int again = (int)OK(open, path, O_WRONLY);
	X(write, again, "x", 1);
	X(read, p[0], b, 10);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	say("%s", value_of(path, "pos:"));
	say("%s", value_of(path, "flags:"));
	X(access, "/proc/self/fd/999", F_OK);
	X(readlink, "/proc/self/fd/999", b, 10);
	struct stat st;
	Q(lstat, "/proc/self/fd/0", &st);
	HEX(st.st_mode & S_IFMT);
	DIR *d = opendir("/proc/self/fd");
	struct dirent *e;
	int count = 0;
	while ((e = readdir(d)))
		count += isdigit((unsigned char)e->d_name[0]) != 0;
	closedir(d);
	NUM(count);
}

static void maps(void)
{
	char *p = mmap((void *)0x300000000l, 3 * 4096, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	int fd;

	*p = 1;
	put_file("mapped", "x", 1);
	fd = (int)Q(open, "mapped", O_RDWR);
	mmap(p + 4096 * 8, 4096, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0);
	for (int i = 0; i < 2; i++) {
		const char *v = value_of("/proc/self/maps",
					 i ? "300008000-300009000 " : "300000000-300003000 ");
		say("%.4s", v);
		if (strrchr(v, ' '))
			say("%s", strrchr(v, ' ') + 1);
	}
	get_file("/proc/self/maps", text, sizeof(text));
	IS(strstr(text, "[stack]\n") != NULL);
	IS(strstr(text, "[heap]\n") != NULL);
	get_file("/proc/self/smaps", text, sizeof(text));
	char *at = strstr(text, "300000000-300003000");
	for (const char *key = "Size:\0Rss:\0Private_Dirty:\0"; at && *key;
	     key += strlen(key) + 1) {
		char *line = strstr(at, key);
		if (line)
			say("%s %ld", key, strtol(line + strlen(key), NULL, 10));
	}
	/* Another process's memory, by pread and pwrite. */
	fd = (int)OK(open, "/proc/self/mem", O_RDWR);
	char b[4] = { 0 };
	strcpy(p, "mem");
	X(pread64, fd, b, 3, p);
	say("%s", b);
	X(pwrite64, fd, "NEW", 3, p);
	say("%s", p);
	X(pread64, fd, b, 3, 4096);
	X(pread64, fd, b, 3, KERNEL_LINEAR);
}

static int sleeps(void *arg)
{
	(void)arg;
	nap(10000);
	return 0;
}

static void others(void)
{
	char path[64], b[128];
	pid_t pid = start(sleeps, NULL);

	IS(await_state(pid, "S"));
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	say("%s", value_of(path, "State:"));
	IS(atoi(value_of(path, "PPid:")) == getpid());
	snprintf(path, sizeof(path), "/proc/%d/task/%d/comm", pid, pid);
	NUM(get_file(path, b, sizeof(b)));
	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	DIR *d = opendir(path);
	struct dirent *e;
	int tasks = 0;
	while (d && (e = readdir(d)))
		tasks += isdigit((unsigned char)e->d_name[0]) != 0;
	NUM(tasks);
	Q(kill, pid, SIGSTOP);
	IS(await_state(pid, "T"));
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	say("%s", value_of(path, "State:"));
	int fd = (int)Q(open, path, O_RDONLY);
	Q(kill, pid, SIGKILL);
	IS(await_state(pid, "Z"));
	say("%s", value_of(path, "State:"));
	finish(pid);
	X(read, fd, b, 10);
	X(open, path, O_RDONLY);
	/* All who are there are listed, and they are folders. */
	bool me = false, one = false;
	d = opendir("/proc");
	while ((e = readdir(d))) {
		me |= atoi(e->d_name) == getpid();
		one |= strcmp(e->d_name, "1") == 0;
	}
	IS(me && one);
	X(access, "/proc/12345678", F_OK);
	X(access, "/proc/0", F_OK);
	X(access, "/proc/01", F_OK);
}

static void settings(void)
{
	char b[128];
	static const char *const names[] = { "kernel/pid_max",
					     "kernel/ostype",
					     "kernel/hostname",
					     "vm/overcommit_memory",
					     "fs/file-max",
					     "kernel/sched_rt_period_us",
					     "kernel/sched_rt_runtime_us",
					     "vm/max_map_count",
					     "vm/swappiness" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[64];
		snprintf(path, sizeof(path), "/proc/sys/%s", names[i]);
		say("%s %s", names[i],
		    get_file(path, b, sizeof(b)) > 0 && strchr(b, '\n') ? "there" : "none");
	}
	get_file("/proc/sys/kernel/sched_rt_period_us", b, sizeof(b));
	say("%s", strtok(b, "\n"));
	X(open, "/proc/sys/kernel/none", O_RDONLY);
	int fd = (int)Q(open, "/proc/sys/kernel/ostype", O_WRONLY);
	say("%d", fd < 0 ? fd : 0);
	fd = (int)OK(open, "/proc/sys/kernel/hostname", O_WRONLY);
	X(write, fd, "by-proc\n", 8);
	get_file("/proc/sys/kernel/hostname", b, sizeof(b));
	say("%s", strtok(b, "\n"));
}

static const struct test tests[] = {
	T(global), T(status), T(stat_line), T(own_folder), T(open_files),
	T(maps),   T(others), T(settings),  T(auxiliary),
};
MAIN("proc", tests)
