/* SPDX-License-Identifier: MIT */
/* scm.c - control messages of AF_UNIX: open files and credentials, cmsg(3), unix(7). */
#include "guest/fs/fdtable.h"
#include "guest/fs/internal.h"
#include "guest/fs/unix_internal.h"
#include "guest/lib/string.h"

struct cmsghdr {
	u64 len; /* header and data */
	s32 level, type;
};

#define cmsg_align(n) (((n) + 7) & ~7UL)

void scm_destroy(struct vfs *vfs, struct scm *scm)
{
	struct scm_files *files = scm->files;

	scm->files = NULL;
	if (!files)
		return;
	for (unsigned i = 0; i < files->nr; i++)
		fput(files->file[i]);
	kfree(vfs->slab, files);
}

static struct scm_files *files_alloc(struct vfs *vfs, unsigned nr)
{
	return kzalloc(vfs->slab, sizeof(struct scm_files) + nr * sizeof(struct file *),
		       GFP_KERNEL);
}

int scm_copy(struct vfs *vfs, const struct scm *from, struct scm *to)
{
	struct scm_files *files = files_alloc(vfs, from->files->nr);

	if (!files)
		return -ENOMEM;
	files->nr = from->files->nr;
	for (unsigned i = 0; i < files->nr; i++)
		files->file[i] = get_file(from->files->file[i]);
	to->files = files;
	return 0;
}

/* ---- sending ------------------------------------------------------------------------------------------------- */

/* room: how many there can be in all, so that one does not cost the memory of many. */
static int parse_rights(struct vfs_task *t, const u8 *data, size_t len, size_t room,
			struct scm *scm)
{
	size_t nr = len / sizeof(s32);
	struct scm_files *files = scm->files;

	if (!nr)
		return 0;
	if (nr > SCM_MAX_FD)
		return -EINVAL;
	if (!files) {
		files = scm->files = files_alloc(t->vfs, (unsigned)MIN(room, (size_t)SCM_MAX_FD));
		if (!files)
			return -ENOMEM;
	}
	if (files->nr + nr > SCM_MAX_FD)
		return -EINVAL;
	for (size_t i = 0; i < nr; i++) {
		struct file *f;
		s32 fd;

		memcpy(&fd, data + i * sizeof(fd), sizeof(fd));
		f = fget_raw(t, fd);
		if (!f)
			return -EBADF;
		files->file[files->nr++] = f;
	}
	return 0;
}

static int parse_credentials(struct vfs_task *t, const u8 *data, size_t len, struct scm *scm)
{
	const struct cred *c = t->cred;
	struct linux_ucred u;

	if (len != sizeof(u))
		return -EINVAL;
	memcpy(&u, data, sizeof(u));
	if ((u.pid != t->tgid && !vfs_capable(t, CAP_SYS_ADMIN)) ||
	    (u.uid != c->uid && u.uid != c->euid && u.uid != c->suid &&
	     !vfs_capable(t, CAP_SETUID)) ||
	    (u.gid != c->gid && u.gid != c->egid && u.gid != c->sgid &&
	     !vfs_capable(t, CAP_SETGID)))
		return -EPERM;
	if (u.pid != t->tgid && t->vfs->env->pid_exists && !t->vfs->env->pid_exists(u.pid))
		return -ESRCH;
	scm->has_cred = true;
	scm->cred = u;
	return 0;
}

/* So many files may be on their way, in all: unix_internal.h. */
static int check_limit(const struct vfs_task *t, const struct scm *scm)
{
	u64 nr = READ_ONCE(t->vfs->unix_net->nr_inflight);

	return scm->files && nr > t->rlimit[RLIMIT_NOFILE] && !vfs_capable(t, CAP_SYS_RESOURCE) &&
			       !vfs_capable(t, CAP_SYS_ADMIN)
		       ? -ETOOMANYREFS
		       : 0;
}

int scm_parse(struct vfs_task *t, const void *control, size_t len, struct scm *scm)
{
	size_t room = len / sizeof(s32);
	const u8 *at = control;
	int err = 0;

	while (!err && len >= sizeof(struct cmsghdr)) {
		struct cmsghdr h;

		memcpy(&h, at, sizeof(h));
		if (h.len < sizeof(h) || h.len > len)
			return -EINVAL;
		if (h.level == SOL_SOCKET && h.type == SCM_RIGHTS)
			err = parse_rights(t, at + sizeof(h), h.len - sizeof(h), room, scm);
		else if (h.level == SOL_SOCKET && h.type == SCM_CREDENTIALS)
			err = parse_credentials(t, at + sizeof(h), h.len - sizeof(h), scm);
		else if (h.level == SOL_SOCKET)
			err = -EINVAL;
		at += MIN(cmsg_align(h.len), len);
		len -= MIN(cmsg_align(h.len), len);
	}
	return err ? err : check_limit(t, scm);
}

/* ---- receiving --------------------------------------------------------------------------------------------------- */

static void advance(struct socket_message *m, u64 len)
{
	len = MIN(cmsg_align(len), m->control_len);
	m->control += len;
	m->control_len -= len;
}

static bool put_header(struct vfs_task *t, const struct socket_message *m, s32 type, u64 len)
{
	struct cmsghdr h = { .len = sizeof(h) + len, .level = SOL_SOCKET, .type = type };

	return !copy_to_task(t, m->control, &h, sizeof(h));
}

static void put_credentials(struct vfs_task *t, struct socket_message *m,
			    const struct linux_ucred *u)
{
	size_t len = sizeof(*u);

	if (m->control_len < sizeof(struct cmsghdr)) {
		m->flags |= MSG_CTRUNC;
		return;
	}
	if (m->control_len < sizeof(struct cmsghdr) + len) {
		m->flags |= MSG_CTRUNC;
		len = m->control_len - sizeof(struct cmsghdr);
	}
	if (put_header(t, m, SCM_CREDENTIALS, len) &&
	    !copy_to_task(t, m->control + sizeof(struct cmsghdr), u, len))
		advance(m, sizeof(struct cmsghdr) + len);
}

/* A descriptor for the file, told to the program; its reference stays the caller's. */
static bool put_file_at(struct vfs_task *t, u64 to, struct file *f, bool cloexec)
{
	s32 fd = get_unused_fd(t, 0, cloexec);

	if (fd < 0)
		return false;
	if (copy_to_task(t, to, &fd, sizeof(fd))) {
		put_unused_fd(t, fd);
		return false;
	}
	fd_install(t, fd, get_file(f));
	return true;
}

static void put_files(struct vfs_task *t, struct socket_message *m, const struct scm_files *files,
		      bool cloexec)
{
	u64 room = m->control_len < sizeof(struct cmsghdr)
			   ? 0
			   : (m->control_len - sizeof(struct cmsghdr)) / sizeof(s32);
	unsigned n = 0;

	while (n < MIN(room, files->nr) &&
	       put_file_at(t, m->control + sizeof(struct cmsghdr) + n * sizeof(s32), files->file[n],
			   cloexec))
		n++;
	if (n && put_header(t, m, SCM_RIGHTS, n * sizeof(s32)))
		advance(m, sizeof(struct cmsghdr) + n * sizeof(s32));
	if (n < files->nr)
		m->flags |= MSG_CTRUNC;
}

void scm_deliver(struct vfs_task *t, struct socket_message *m, struct scm *scm, bool passcred,
		 bool cloexec)
{
	if (!m->control) {
		if (passcred || scm->files)
			m->flags |= MSG_CTRUNC;
	} else {
		if (passcred && scm->has_cred)
			put_credentials(t, m, &scm->cred);
		if (scm->files)
			put_files(t, m, scm->files, cloexec);
	}
	scm_destroy(t->vfs, scm);
}
