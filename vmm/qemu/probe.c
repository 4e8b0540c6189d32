/* SPDX-License-Identifier: MIT */
/* probe.c - see probe.h. */
#include "vmm/qemu/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmm/loop.h"
#include "vmm/qemu/replies.h"
#include "vmm/qmp/qmp.h"

#define LAST_WORDS_MS 200

int qemu_write_pidfile(const char *path, struct error *e)
{
	char text[16];
	int fd, n, err = 0;

	if (!path)
		return 0;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return error_sys(e, -errno, "-pidfile %s", path);
	n = snprintf(text, sizeof(text), "%d\n", getpid());
	if (write(fd, text, (size_t)n) != n)
		err = error_sys(e, -errno, "-pidfile %s", path);
	close(fd);
	return err;
}

struct probe {
	struct loop *loop;
	struct qmp_server *server;
	bool seen; /* there was a client */
};

static void on_clients(void *arg, unsigned clients)
{
	struct probe *p = arg;

	if (clients)
		p->seen = true;
	else if (p->seen)
		loop_stop(p->loop);
}

static int set_up(struct probe *p, const struct qemu_command *c, struct error *e)
{
	int err = 0;

	p->loop = loop_create();
	p->server = p->loop ? qmp_server_create(p->loop, NULL) : NULL;
	if (!p->server)
		return error_sys(e, -errno, "event loop");
	qmp_server_on_clients(p->server, on_clients, p);
	err = qemu_replies_add(p->server, c);
	if (err)
		return error_sys(e, err, "QMP");
	for (int i = 0; !err && i < CONFIG_MAX_QMP; i++)
		if (c->cfg.control.qmp[i])
			err = qmp_server_listen(p->server, c->cfg.control.qmp[i], e);
	return err;
}

static void let_go_of_output(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int i = STDIN_FILENO; fd >= 0 && i <= STDERR_FILENO; i++)
		dup2(fd, i);
	if (fd >= 0)
		close(fd);
}

/* ready: told a byte once all is set up; -1: nobody waits. */
static int serve(const struct qemu_command *c, int ready, struct error *e)
{
	struct probe p = { 0 };
	int err = set_up(&p, c, e);

	if (!err)
		err = qemu_write_pidfile(c->pidfile, e);
	if (!err) {
		if (ready >= 0) {
			let_go_of_output();
			err = write(ready, "", 1) == 1 ? 0 : -EPIPE;
			close(ready);
		}
		if (!err)
			loop_run(p.loop);
		qmp_server_flush(p.server, LAST_WORDS_MS);
	}
	qmp_server_destroy(p.server);
	loop_destroy(p.loop);
	return err;
}

/* The child's part of -daemonize. */
static _Noreturn void serve_detached(const struct qemu_command *c, int ready)
{
	struct error e;
	int err;

	setsid();
	err = serve(c, ready, &e);
	/* The parent's standard error is still ours while nothing was said to be ready. */
	if (err && err != -EPIPE)
		fprintf(stderr, "parallax-qemu: %s\n", e.text);
	exit(err ? EXIT_FAILURE : EXIT_SUCCESS);
}

int qemu_probe(const struct qemu_command *c, struct error *e)
{
	int ready[2];
	pid_t child;
	ssize_t n;
	char byte;

	if (!c->daemonize)
		return serve(c, -1, e);
	if (pipe2(ready, O_CLOEXEC))
		return error_sys(e, -errno, "-daemonize");
	child = fork();
	if (child < 0)
		return error_sys(e, -errno, "-daemonize");
	if (!child) {
		close(ready[0]);
		serve_detached(c, ready[1]);
	}
	close(ready[1]);
	n = read(ready[0], &byte, 1);
	close(ready[0]);
	if (n == 1)
		return 0;
	waitpid(child, NULL, 0);
	return error_set(e, -EIO, "-daemonize: the child could not start");
}
