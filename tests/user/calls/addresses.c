/* SPDX-License-Identifier: MIT */
/*
 * addresses.c - each call that takes a pointer, given every kind of bad one: the kernel's, one that was
 * unmapped, one without access, one that is not canonical, the last byte. The answer is EFAULT and never
 * a signal, a crash or data.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/user/lib/check.h"

static void *bad[5];
static const char *const kinds[] = { "kernel", "unmapped", "no access", "not canonical",
				     "last byte" };

static void make(void)
{
	bad[0] = KERNEL_LINEAR;
	bad[1] = unmapped();
	bad[2] = no_access();
	bad[3] = NON_CANONICAL;
	bad[4] = LAST_BYTE;
}

/* The call, once with each address in the place of BAD. */
#define TRY(call, ...)                                                             \
	for (size_t k = 0; k < 5; k++) {                                           \
		void *BAD = bad[k];                                                \
		long ret_ = Q(call, __VA_ARGS__);                                  \
		if (ret_ != -14 || k == 0)                                         \
			say(#call "(" #__VA_ARGS__ ") %s: %s%ld", kinds[k],        \
			    ret_ == -14 ? "EFAULT " : "", ret_ == -14 ? 0 : ret_); \
	}

static void names(void)
{
	make();
	TRY(open, BAD, O_RDONLY);
	TRY(openat, AT_FDCWD, BAD, O_RDONLY);
	TRY(stat, BAD, BAD);
	TRY(access, BAD, 0);
	TRY(mkdir, BAD, 0755);
	TRY(rmdir, BAD);
	TRY(unlink, BAD);
	TRY(rename, BAD, "x");
	TRY(rename, "x", BAD);
	TRY(link, BAD, "x");
	TRY(symlink, BAD, "x");
	TRY(symlink, "x", BAD);
	TRY(readlink, BAD, BAD, 10);
	TRY(chmod, BAD, 0);
	TRY(chown, BAD, 0, 0);
	TRY(chdir, BAD);
	TRY(chroot, BAD);
	TRY(truncate, BAD, 0);
	TRY(mknod, BAD, S_IFREG, 0);
	TRY(utimensat, AT_FDCWD, BAD, NULL, 0);
	TRY(statfs, BAD, BAD);
	TRY(statfs, "/", BAD);
	TRY(mount, "a", BAD, "tmpfs", 0, NULL);
	TRY(umount2, BAD, 0);
	TRY(execve, BAD, NULL, NULL);
	TRY(execve, "/proc/self/exe", BAD, NULL);
	TRY(memfd_create, BAD, 0);
	TRY(sethostname, BAD, 4);
}

static void data(void)
{
	int fd, p[2], ep;
	char text[64];

	make();
	memset(text, 'x', sizeof(text));
	fd = (int)Q(open, "f", O_RDWR | O_CREAT, 0600);
	Q(write, fd, text, 64);
	Q(pipe, p);
	Q(write, p[1], text, 64);
	ep = (int)Q(epoll_create1, 0);
	TRY(pread64, fd, BAD, 16, 0);
	TRY(pwrite64, fd, BAD, 16, 0);
	TRY(read, p[0], BAD, 16);
	TRY(write, p[1], BAD, 16);
	TRY(readv, fd, BAD, 1);
	TRY(writev, fd, BAD, 1);
	TRY(fstat, fd, BAD);
	TRY(stat, "f", BAD);
	int dir = (int)Q(open, "/", O_RDONLY);
	TRY(getdents64, dir, BAD, 100);
	TRY(getcwd, BAD, 100);
	TRY(pipe, BAD);
	TRY(fcntl, fd, F_GETLK, BAD);
	TRY(ioctl, p[0], 0x541b, BAD);
	TRY(sendfile, fd, fd, BAD, 1);
	TRY(copy_file_range, fd, BAD, fd, NULL, 1, 0);
	TRY(poll, BAD, 1, 0);
	TRY(select, 1, BAD, NULL, NULL, NULL);
	TRY(epoll_ctl, ep, EPOLL_CTL_ADD, p[0], BAD);
	TRY(ppoll, NULL, 0, BAD, NULL, 0);
	TRY(statx, AT_FDCWD, "f", 0, 0x7ff, BAD);
	TRY(getrandom, BAD, 16, 0);
}

static void process(void)
{
	struct timespec ts = { 0, 0 };

	make();
	TRY(rt_sigaction, SIGUSR1, BAD, NULL, 8);
	TRY(rt_sigaction, SIGUSR1, NULL, BAD, 8);
	TRY(rt_sigprocmask, SIG_BLOCK, BAD, NULL, 8);
	TRY(rt_sigprocmask, SIG_BLOCK, NULL, BAD, 8);
	TRY(rt_sigpending, BAD, 8);
	TRY(rt_sigsuspend, BAD, 8);
	TRY(rt_sigtimedwait, BAD, NULL, &ts, 8);
	TRY(rt_sigqueueinfo, getpid(), SIGUSR1, BAD);
	TRY(sigaltstack, BAD, NULL);
	TRY(sigaltstack, NULL, BAD);
	TRY(nanosleep, BAD, NULL);
	TRY(clock_gettime, CLOCK_REALTIME, BAD);
	TRY(clock_getres, CLOCK_REALTIME, BAD);
	TRY(gettimeofday, BAD, NULL);
	TRY(time, BAD);
	TRY(times, BAD);
	TRY(setitimer, 0, BAD, NULL);
	TRY(getitimer, 0, BAD);
	TRY(getrlimit, 1, BAD);
	TRY(setrlimit, 1, BAD);
	TRY(getrusage, 0, BAD);
	TRY(uname, BAD);
	TRY(sysinfo, BAD);
	TRY(setgroups, 1, BAD);
	TRY(getresuid, BAD, BAD, BAD);
	TRY(sched_getparam, 0, BAD);
	TRY(sched_setparam, 0, BAD);
	TRY(sched_getaffinity, 0, 128, BAD);
	TRY(sched_setaffinity, 0, 128, BAD);
	TRY(sched_rr_get_interval, 0, BAD);
	TRY(prctl, 16, BAD);
	TRY(arch_prctl, 0x1003, BAD);
	TRY(getcpu, BAD, NULL);
	TRY(futex, BAD, 1, 1);
	TRY(futex, BAD, 0, 0, &ts);
	TRY(get_robust_list, 0, BAD, BAD);
	TRY(clone3, BAD, 64);
	TRY(mincore, (long)make & ~4095l, 4096, BAD);
	TRY(syslog, 3, BAD, 100);
}

/* The last bytes of a page, with nothing behind it. */
static void edges(void)
{
	char *p = pages(2), *end = p + 4096;
	int fd = (int)Q(open, "f", O_RDWR | O_CREAT, 0600);

	munmap(end, 4096);
	memcpy(end - 2, "f", 2);
	OK(open, end - 2, O_RDONLY);
	X(open, end - 1, O_RDONLY | O_CREAT);
	memset(end - 5, '/', 5);
	X(open, end - 5, O_RDONLY);
	X(stat, "f", end - 100);
	X(clock_gettime, CLOCK_MONOTONIC, end - 8);
	X(clock_gettime, CLOCK_MONOTONIC, end - 16);
	memset(end - 16, 0, 16);
	X(nanosleep, end - 16, NULL);
	X(nanosleep, end - 15, NULL);
	X(uname, end - 100);
	X(write, fd, end - 3, 3);
	X(write, fd, end - 3, 4);
	X(write, fd, end, 1);
	X(write, fd, end, 0);
	X(pread64, fd, end - 3, 6, 0);
	X(read, fd, KERNEL_LINEAR, 0);
	X(write, fd, KERNEL_LINEAR, 0);
	X(write, fd, p, ~0ul >> 1);
	X(write, fd, (char *)0x7ffffffff000ul, 8192);
	X(rt_sigprocmask, 0, NULL, end - 4, 8);
}

/* Memory that goes away in another thread's hands while the kernel copies is in threads and in the fuzzer;
 * here: a buffer over a file that was cut. */
static void cut_file(void)
{
	int fd = (int)Q(open, "g", O_RDWR | O_CREAT, 0600),
	    out = (int)Q(open, "h", O_RDWR | O_CREAT, 0600);
	char *p;

	Q(ftruncate, fd, 8192);
	p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	Q(ftruncate, fd, 4096);
	X(write, out, p + 4096, 10);
	X(write, out, p + 4090, 10);
	X(pread64, out, p + 4096, 4, 0);
	X(clock_gettime, CLOCK_MONOTONIC, p + 4096);
	X(open, p + 4096, O_RDONLY);
}

/* How far up the lowest pages are root's alone is a setting; the first one always is. */
static int low_map(void *root)
{
	char *page = pages(1);

	if (!root)
		Q(setresuid, 1000, 1000, 1000);
	say(root ? "root" : "somebody");
	X(mmap, 0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	X(munmap, 0, 4096);
	X(mremap, page, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, 0);
	page = mmap((void *)5, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	IS(page > (char *)0x10000); /* not a hint */
	return 0;
}

static void lowest(void)
{
	int p[2];

	in_child(low_map, NULL);
	in_child(low_map, p);
	X(mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	Q(pipe, p);
	X(write, p[1], "zero", 4);
	X(read, p[0], 0, 100);
	X(write, p[1], 0, 4);
	X(munmap, 0, 4096);
	X(write, p[1], 0, 4);
}

static const struct test tests[] = {
	T(names), T(data), T(process), T(edges), T(cut_file), T(lowest),
};
MAIN("addresses", tests)
