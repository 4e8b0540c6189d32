/* SPDX-License-Identifier: MIT */
/*
 * sockets.c - threads that make, name, join, close and send sockets of AF_UNIX through each other without
 * regard for what the others do with the same descriptors. In the end nobody has any: no socket may be
 * left, in circles of messages either, and the memory comes back.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILES	 24
#define THREADS	 4
#define CALLS	 1500 /* of each thread */
#define ROUNDS	 3
#define NAMES	 6
#define MOST	 9000
#define LEAK_KIB 8192

static volatile int files[FILES];
static int epoll;

static unsigned draw(unsigned long *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (unsigned)(*state >> 11);
}

/* fd takes a place; what was there is closed, whoever uses it. */
static void keep(int fd, unsigned place)
{
	int old = __sync_lock_test_and_set(&files[place % FILES], fd);

	if (old >= 0)
		close(old);
}

static void send_one(int fd, int sent, size_t len, int with_file)
{
	static char bytes[MOST];
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec v = { bytes, len };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
	struct cmsghdr *c = (void *)control;

	if (with_file) {
		m.msg_control = control;
		m.msg_controllen = sizeof(control);
		c->cmsg_len = CMSG_LEN(sizeof(int));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		memcpy(CMSG_DATA(c), &sent, sizeof(int));
	}
	sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void receive_one(int fd, size_t len, int peek, unsigned long *state)
{
	char bytes[MOST], control[256];
	struct iovec v = { bytes, len };
	struct msghdr m = { .msg_iov = &v,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };

	if (recvmsg(fd, &m, MSG_DONTWAIT | (peek ? MSG_PEEK : 0)) < 0)
		return;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
		for (size_t i = 0;
		     c->cmsg_type == SCM_RIGHTS && CMSG_LEN((i + 1) * sizeof(int)) <= c->cmsg_len;
		     i++)
			keep(((int *)(void *)CMSG_DATA(c))[i], draw(state));
}

static void make(unsigned long *state)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET };
	int type = types[draw(state) % 3] | SOCK_NONBLOCK, p[2];

	if (draw(state) % 2) {
		keep(socket(AF_UNIX, type, 0), draw(state));
	} else if (!socketpair(AF_UNIX, type, 0, p)) {
		keep(p[0], draw(state));
		keep(p[1], draw(state));
	}
}

static void name_or_join(int fd, unsigned long *state)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int abstract = draw(state) % 2;

	sprintf(a.sun_path + abstract, "name%u", draw(state) % NAMES);
	if (draw(state) % 2) {
		connect(fd, (void *)&a, sizeof(a));
		return;
	}
	bind(fd, (void *)&a, sizeof(a));
	listen(fd, (int)(draw(state) % 5));
	if (!abstract)
		unlink(a.sun_path);
}

static void watch(int fd, int other)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLOUT };
	struct pollfd p[2] = { { fd, POLLIN | POLLOUT, 0 }, { other, POLLIN, 0 } };

	epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e);
	epoll_wait(epoll, &e, 1, 0);
	poll(p, 2, 0);
}

static void *worker(void *arg)
{
	unsigned long state = 0x9e3779b97f4a7c15ul * ((unsigned long)arg + 1);

	for (int i = 0; i < CALLS; i++) {
		int fd = files[draw(&state) % FILES], other = files[draw(&state) % FILES];

		switch (draw(&state) % 12) {
		case 0:
		case 1:
			make(&state);
			break;
		case 2:
		case 3:
			name_or_join(fd, &state);
			break;
		case 4:
			keep(accept4(fd, NULL, NULL, SOCK_NONBLOCK), draw(&state));
			break;
		case 5:
		case 6:
		case 7:
			send_one(fd, other, draw(&state) % MOST, draw(&state) % 4);
			break;
		case 8:
		case 9:
			receive_one(fd, draw(&state) % MOST, draw(&state) % 4 == 0, &state);
			break;
		case 10:
			shutdown(fd, (int)(draw(&state) % 3));
			break;
		default:
			watch(fd, other);
		}
	}
	return NULL;
}

static void round_of(long number)
{
	pthread_t t[THREADS];

	epoll = epoll_create1(0);
	for (int i = 0; i < FILES; i++)
		files[i] = -1;
	for (long i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, worker, (void *)(number * THREADS + i));
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	_exit(0);
}

static long free_kib(void)
{
	struct sysinfo s;

	sysinfo(&s);
	return (long)(s.freeram * s.mem_unit / 1024);
}

static int sockets_left(void)
{
	FILE *f = fopen("/proc/net/unix", "r");
	char line[256];
	int n = -1; /* the heading */

	while (f && fgets(line, sizeof(line), f))
		n++;
	if (f)
		fclose(f);
	return n;
}

int main(void)
{
	long before = free_kib();
	int status, ended = 0;

	if (access("/fuzz-me", F_OK) || chdir("/tmp")) {
		fprintf(stderr, "sockets: only for guests: there is no /fuzz-me\n");
		return 1;
	}
	for (long i = 0; i < ROUNDS; i++) {
		pid_t pid = fork();

		if (!pid)
			round_of(i);
		ended += waitpid(pid, &status, 0) == pid && !status;
	}
	printf("@sockets.rounds %s\n", ended == ROUNDS ? "all ended" : "broken");
	printf("@sockets.left %d\n", sockets_left());
	printf("@sockets.memory %s\n", before - free_kib() < LEAK_KIB ? "came back" : "is missing");
	return 0;
}
