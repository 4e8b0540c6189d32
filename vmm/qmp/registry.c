/* SPDX-License-Identifier: MIT */
/* registry.c - see registry.h. */
#include "vmm/qmp/registry.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/suggest.h"

#define MOST_TRIES   1000
#define BUSY_SECONDS 2
#define SOCKET_NAME  "qmp"

int registry_check_name(const char *name, struct error *e)
{
	size_t n = strlen(name);

	if (!n || n > REGISTRY_MAX_NAME)
		return error_set(e, -EINVAL, "--name '%.60s': a name has 1 to %d characters", name,
				 REGISTRY_MAX_NAME);
	if (name[0] == '.' || name[0] == '-')
		return error_set(e, -EINVAL, "--name '%s': a name does not start with '%c'", name,
				 name[0]);
	for (const char *p = name; *p; p++)
		if (*p == '/' || (unsigned char)*p <= ' ' || *p == 0x7f)
			return error_set(e, -EINVAL, "--name '%s': a name has no '/' and no blanks",
					 name);
	return 0;
}

/* --- the runtime directory ------------------------------------------------------------------------ */

/* As the kernel told at exec: geteuid() lies alone on pages of libc that nothing else would touch. */
static uid_t own_uid(void)
{
	return (uid_t)getauxval(AT_EUID);
}

static bool is_own_dir(const char *path)
{
	struct stat st;

	return !lstat(path, &st) && S_ISDIR(st.st_mode) && st.st_uid == own_uid();
}

/* Its path. The same for whoever starts a guest and whoever looks for it. */
static int base_path(char *buf, size_t size, struct error *e)
{
	const char *xdg = getenv("XDG_RUNTIME_DIR");
	char run[64];
	int n;

	snprintf(run, sizeof(run), "/run/user/%u", own_uid());
	if (xdg && xdg[0] == '/' && is_own_dir(xdg))
		n = snprintf(buf, size, "%s/parallax", xdg);
	else if (is_own_dir(run))
		n = snprintf(buf, size, "%s/parallax", run);
	else
		n = snprintf(buf, size, "/tmp/parallax-%u", own_uid());
	if ((size_t)n >= size)
		return error_set(e, -ENAMETOOLONG,
				 "XDG_RUNTIME_DIR=%s is too long for a socket below it", xdg);
	return 0;
}

/* Opens and locks it. An fd, or -errno with e filled; -ENOENT without e when it is not there. */
static int base_lock(char *base, size_t size, bool create, struct error *e)
{
	struct stat st;
	int fd, err = base_path(base, size, e);

	if (err)
		return err;
	if (create && mkdir(base, 0700) && errno != EEXIST)
		return error_sys(e, -errno, "%s", base);
	fd = open(base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT && !create ? -ENOENT : error_sys(e, -errno, "%s", base);
	if (fstat(fd, &st) || st.st_uid != own_uid() || st.st_mode & 077) {
		close(fd);
		return error_set(e, -EPERM,
				 "%s: has to be your own and closed to others (mode 0700); "
				 "remove it or set XDG_RUNTIME_DIR",
				 base);
	}
	while (flock(fd, LOCK_EX))
		if (errno != EINTR) {
			err = error_sys(e, -errno, "%s: cannot lock", base);
			close(fd);
			return err;
		}
	return fd;
}

/* --- one guest's directory ------------------------------------------------------------------------- */

/* Waits a little for one that is busy; an fd, or -errno: -EAGAIN when it stays so. */
static int connect_to(const char *socket_path)
{
	const struct timeval patience = { .tv_sec = BUSY_SECONDS };
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", socket_path);
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa))) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

static void remove_empty_log(const char *dir)
{
	char path[112];
	struct stat st;

	snprintf(path, sizeof(path), "%s.log", dir);
	if (!lstat(path, &st) && S_ISREG(st.st_mode) && !st.st_size)
		unlink(path);
}

/* Of a guest whose process is gone; with the lock held. True when there is nothing left of it. */
static bool remove_dead(const char *dir, const char *socket_path)
{
	int fd = connect_to(socket_path);

	if (fd >= 0) {
		close(fd);
		return false;
	}
	if (fd != -ECONNREFUSED && fd != -ENOENT)
		return false;
	unlink(socket_path);
	remove_empty_log(dir);
	return !rmdir(dir) || errno == ENOENT;
}

static bool make_dir(struct registry_claim *c)
{
	if (!mkdir(c->dir, 0700))
		return true;
	return errno == EEXIST && remove_dead(c->dir, c->socket) && !mkdir(c->dir, 0700);
}

static int fill_paths(struct registry_claim *c, const char *base, struct error *e)
{
	size_t n = (size_t)snprintf(c->dir, sizeof(c->dir), "%s/%s", base, c->name);

	if (n >= sizeof(c->dir) || (size_t)snprintf(c->socket, sizeof(c->socket), "%s/" SOCKET_NAME,
						    c->dir) >= sizeof(c->socket))
		return error_set(e, -ENAMETOOLONG, "--name %s: too long below %s", c->name, base);
	return 0;
}

int registry_claim(struct registry_claim *c, const char *name, bool any, struct error *e)
{
	char base[80];
	int err = registry_check_name(name, e), fd;

	c->name[0] = 0;
	c->lock = -1;
	if (err)
		return err;
	fd = base_lock(base, sizeof(base), true, e);
	if (fd < 0)
		return fd;
	for (int i = 1; i <= MOST_TRIES; i++) {
		if (i == 1)
			snprintf(c->name, sizeof(c->name), "%s", name);
		else
			snprintf(c->name, sizeof(c->name), "%s-%d", name, i);
		err = fill_paths(c, base, e);
		if (!err && make_dir(c)) {
			c->lock = fd;
			return 0;
		}
		if (err || !any)
			break;
	}
	c->name[0] = 0;
	close(fd);
	return err ? err
		   : error_set(e, -EEXIST,
			       "--name %s: such a guest runs already; see `parallax ps`, or "
			       "`parallax stop %s`",
			       name, name);
}

void registry_settle(struct registry_claim *c)
{
	if (c->lock >= 0)
		close(c->lock);
	c->lock = -1;
}

void registry_release(struct registry_claim *c)
{
	struct error e;
	char base[80];
	int fd;

	if (!c->name[0])
		return;
	registry_settle(c);
	fd = base_lock(base, sizeof(base), false, &e);
	/* Not what a namesake has made since. */
	remove_dead(c->dir, c->socket);
	if (fd >= 0)
		close(fd);
	c->name[0] = 0;
}

/* --- looking for guests ------------------------------------------------------------------------------ */

static int open_guest(const char *base, const char *name, struct registry_guest *g)
{
	struct registry_claim c;
	struct ucred peer;
	socklen_t n = sizeof(peer);

	snprintf(c.name, sizeof(c.name), "%s", name);
	if (fill_paths(&c, base, NULL))
		return -ENAMETOOLONG;
	g->fd = connect_to(c.socket);
	if (g->fd < 0)
		return g->fd;
	snprintf(g->name, sizeof(g->name), "%s", name);
	g->pid = getsockopt(g->fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) ? 0 : peer.pid;
	return 0;
}

static int sort_names(const struct dirent **a, const struct dirent **b)
{
	return strverscmp((*a)->d_name, (*b)->d_name);
}

static int is_guest(const struct dirent *d)
{
	return d->d_name[0] != '.' && (d->d_type == DT_DIR || d->d_type == DT_UNKNOWN) &&
	       strlen(d->d_name) < sizeof(((struct registry_guest *)0)->name);
}

/* All live guests, connected, with the lock held; removes the dead. The count. */
static size_t collect(const char *base, struct registry_guest **out, unsigned *dead)
{
	struct dirent **list = NULL;
	int n = scandir(base, &list, is_guest, sort_names);
	struct registry_guest *all = n > 0 ? calloc((size_t)n, sizeof(*all)) : NULL;
	size_t nr = 0;

	for (int i = 0; i < n; i++) {
		struct registry_claim c;
		int r = all ? open_guest(base, list[i]->d_name, &all[nr]) : -ENOMEM;

		nr += !r;
		snprintf(c.name, sizeof(c.name), "%.55s", list[i]->d_name);
		if ((r == -ECONNREFUSED || r == -ENOENT) && !fill_paths(&c, base, NULL) &&
		    remove_dead(c.dir, c.socket))
			++*dead;
		free(list[i]);
	}
	free(list);
	*out = all;
	return nr;
}

int registry_each(int (*fn)(void *arg, struct registry_guest *g), void *arg, unsigned *dead,
		  struct error *e)
{
	struct registry_guest *all;
	char base[80];
	int err = 0, fd = base_lock(base, sizeof(base), false, e);
	size_t n;

	*dead = 0;
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	n = collect(base, &all, dead);
	/* A guest that does not answer must not keep others from starting. */
	close(fd);
	for (size_t i = 0; i < n; i++) {
		if (!err)
			err = fn(arg, &all[i]);
		else
			close(all[i].fd);
	}
	free(all);
	return err;
}

static int no_such_guest(const char *base, const char *name, struct error *e)
{
	struct dirent **list = NULL;
	const char *names[64], *near = NULL;
	int n = base ? scandir(base, &list, is_guest, sort_names) : 0;
	size_t nr = 0;

	for (int i = 0; i < n && nr < ARRAY_SIZE(names); i++)
		names[nr++] = list[i]->d_name;
	if (nr)
		near = suggest(name, names, nr);
	if (near)
		error_set(e, -ENOENT, "%s: no such guest runs; did you mean %s?", name, near);
	else
		error_set(e, -ENOENT, "%s: no such guest runs; `parallax ps` lists them", name);
	for (int i = 0; i < n; i++)
		free(list[i]);
	free(list);
	return -ENOENT;
}

int registry_connect(const char *name, struct registry_guest *g, struct error *e)
{
	char base[80];
	int fd, err;

	if (registry_check_name(name, NULL))
		return no_such_guest(NULL, name, e);
	fd = base_lock(base, sizeof(base), false, e);
	if (fd == -ENOENT)
		return no_such_guest(NULL, name, e);
	if (fd < 0)
		return fd;
	err = open_guest(base, name, g);
	if (err == -ENOENT || err == -ECONNREFUSED)
		err = no_such_guest(base, name, e);
	else if (err)
		error_sys(e, err, "%s: its socket", name);
	close(fd);
	return err;
}

int registry_log_path(const char *name, char *buf, size_t size, struct error *e)
{
	char base[80];
	int fd = base_lock(base, sizeof(base), true, e);

	if (fd < 0)
		return fd;
	close(fd);
	if ((size_t)snprintf(buf, size, "%s/%s.log", base, name) >= size)
		return error_set(e, -ENAMETOOLONG, "%s: too long a name", name);
	return 0;
}
