/* SPDX-License-Identifier: MIT */
/* memory_files.c - files in memory without a name, and their seals. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/user/lib/check.h"

static void contents(void)
{
	char b[8] = { 0 };
	int fd = (int)OK(memfd_create, "name", 1);

	X(fcntl, fd, F_GETFD);
	X(write, fd, "abc", 3);
	X(pread64, fd, b, 8, 0);
	X(ftruncate, fd, 8192);
	char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	say("%.3s", p);
	p[1] = 'X';
	X(pread64, fd, b, 3, 0);
	say("%.3s", b);
	HEX(Q(fcntl, fd, F_GET_SEALS));
	X(memfd_create, "x", 0x100);
	X(memfd_create, unmapped(), 0);
	fd = (int)OK(memfd_create, "sealed", 2);
	X(fcntl, fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW);
	X(write, fd, "x", 1);
	X(ftruncate, fd, 10);
}

/* What each seal forbids, fcntl(2). A shared read-only mapping of what F_SEAL_WRITE protects is not asked
 * for: later Linuxes allow it. */
static void seals(void)
{
	char name[64] = "", path[64];
	int fd = (int)OK(memfd_create, "s", MFD_ALLOW_SEALING), ro;
	char *p;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	Q(readlink, path, name, 63);
	say("%s", name);
	X(fcntl, fd, F_GET_SEALS);
	Q(ftruncate, fd, 8192);
	ro = (int)OK(open, path, O_RDONLY);
	X(fcntl, ro, F_GET_SEALS);
	X(fcntl, ro, F_ADD_SEALS, F_SEAL_GROW);
	X(fcntl, fd, F_ADD_SEALS, 0x1000);
	X(fcntl, fd, F_ADD_SEALS, 0);
	X(fcntl, fd, F_ADD_SEALS, F_SEAL_SHRINK);
	X(ftruncate, fd, 8191);
	X(ftruncate, fd, 8192);
	X(ftruncate, fd, 9000);
	X(fallocate, fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096);
	X(fcntl, fd, F_ADD_SEALS, F_SEAL_GROW);
	X(ftruncate, fd, 9001);
	X(fallocate, fd, 0, 0, 9001);
	X(fallocate, fd, FALLOC_FL_KEEP_SIZE, 8999, 2);
	X(fallocate, fd, 0, 0, 9000);
	X(pwrite64, fd, "abc", 3, 8998);
	X(pwrite64, fd, "abc", 3, 8997);
	X(pwrite64, fd, "abc", 3, 9000);
	X(fcntl, fd, F_GET_SEALS);
	p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	X(fcntl, fd, F_ADD_SEALS, F_SEAL_WRITE);
	X(fcntl, fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE);
	X(mprotect, p, 4096, PROT_READ | PROT_WRITE);
	p[0] = 'm';
	X(pwrite64, fd, "x", 1, 0);
	X(mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	char *q = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	say("sees %c", q[0]);
	X(mprotect, q, 4096, PROT_READ | PROT_WRITE);
	X(madvise, p, 4096, MADV_REMOVE);
	munmap(q, 4096);
	munmap(p, 4096);
	X(fcntl, fd, F_ADD_SEALS, F_SEAL_WRITE);
	X(fallocate, fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096);
	X(mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	p[1] = 'p';
	say("private %.2s", p);
	q = mmap(NULL, 4096, PROT_READ, MAP_SHARED, ro, 0);
	say("by reader %c", q[0]);
	X(mprotect, q, 4096, PROT_READ | PROT_WRITE);
	X(fcntl, fd, F_ADD_SEALS, F_SEAL_SEAL);
	X(fcntl, fd, F_ADD_SEALS, F_SEAL_SEAL);
	X(fcntl, fd, F_GET_SEALS);
}

static const struct test tests[] = { T(contents), T(seals) };
MAIN("memory_files", tests)
