/* SPDX-License-Identifier: MIT */
/* socket_options.c - getsockopt(2), setsockopt(2): those of level SOL_SOCKET, socket(7), unix(7). */
#include "guest/fs/fdtable.h"
#include "guest/fs/internal.h"
#include "guest/fs/unix_internal.h"
#include "guest/lib/string.h"

enum {
	SO_DEBUG = 1,
	SO_REUSEADDR = 2,
	SO_TYPE = 3,
	SO_ERROR = 4,
	SO_DONTROUTE = 5,
	SO_BROADCAST = 6,
	SO_SNDBUF = 7,
	SO_RCVBUF = 8,
	SO_KEEPALIVE = 9,
	SO_OOBINLINE = 10,
	SO_LINGER = 13,
	SO_PASSCRED = 16,
	SO_PEERCRED = 17,
	SO_RCVLOWAT = 18,
	SO_SNDLOWAT = 19,
	SO_RCVTIMEO = 20,
	SO_SNDTIMEO = 21,
	SO_PEERNAME = 28,
	SO_ACCEPTCONN = 30,
	SO_SNDBUFFORCE = 32,
	SO_RCVBUFFORCE = 33,
	SO_PROTOCOL = 38,
	SO_DOMAIN = 39,
	SO_PEERGROUPS = 59,
};

#define SWITCHES                                                                     \
	(BIT(SO_DEBUG) | BIT(SO_REUSEADDR) | BIT(SO_DONTROUTE) | BIT(SO_BROADCAST) | \
	 BIT(SO_KEEPALIVE) | BIT(SO_OOBINLINE))
#define SNDBUF_MIN    4608
#define RCVBUF_MIN    2304
#define CAP_NET_ADMIN 12

struct timeval {
	s64 sec, usec;
};

static bool is_switch(int name)
{
	return name > 0 && name < 32 && BIT(name) & SWITCHES;
}

/* Twice what is asked for, since overhead counts too; at most the system's limit unless forced. */
static u32 buffer_size(s32 want, u32 min, bool force)
{
	u32 n = force ? MIN((u32)MAX(want, 0), (u32)INT32_MAX / 2)
		      : MIN((u32)want, (u32)SOCK_BUF_DEFAULT);

	return MAX(n * 2, min);
}

static s64 set_timeout(struct vfs_task *t, u64 *timeo, u64 value, u32 len)
{
	struct timeval tv;

	if (len < sizeof(tv))
		return -EINVAL;
	if (copy_from_task(t, &tv, value, sizeof(tv)))
		return -EFAULT;
	if (tv.usec < 0 || tv.usec >= 1000000)
		return -EDOM;
	if (tv.sec < 0)
		*timeo = 0;
	else if ((!tv.sec && !tv.usec) || tv.sec > INT32_MAX)
		*timeo = UINT64_MAX;
	else
		*timeo = (u64)tv.sec * 1000000000 + (u64)tv.usec * 1000;
	return 0;
}

static s64 set_number(struct vfs_task *t, struct unix_sock *s, int name, s32 n)
{
	bool admin = vfs_capable(t, CAP_NET_ADMIN);

	switch (name) {
	case SO_SNDBUF:
		s->sndbuf = buffer_size(n, SNDBUF_MIN, false);
		break;
	case SO_RCVBUF:
		s->rcvbuf = buffer_size(n, RCVBUF_MIN, false);
		break;
	case SO_SNDBUFFORCE:
	case SO_RCVBUFFORCE:
		if (!admin)
			return -EPERM;
		if (name == SO_SNDBUFFORCE)
			s->sndbuf = buffer_size(n, SNDBUF_MIN, true);
		else
			s->rcvbuf = buffer_size(n, RCVBUF_MIN, true);
		break;
	case SO_PASSCRED:
		s->passcred = n;
		break;
	case SO_TYPE:
	case SO_PROTOCOL:
	case SO_DOMAIN:
	case SO_ERROR:
	default:
		if (!is_switch(name))
			return -ENOPROTOOPT;
		if (name == SO_DEBUG && n && !admin)
			return -EACCES;
		s->options = (s->options & ~(u32)BIT(name)) | (n ? (u32)BIT(name) : 0);
	}
	wake_up_all(&s->wait);
	return 0;
}

static s64 set_option(struct vfs_task *t, struct unix_sock *s, int name, u64 value, u32 len)
{
	s32 n;

	if (len < sizeof(n))
		return -EINVAL;
	if (copy_from_task(t, &n, value, sizeof(n)))
		return -EFAULT;
	switch (name) {
	case SO_LINGER:
		if (len < sizeof(s->linger))
			return -EINVAL;
		if (copy_from_task(t, s->linger, value, sizeof(s->linger)))
			return -EFAULT;
		s->linger[0] = !!s->linger[0];
		return 0;
	case SO_RCVTIMEO:
		return set_timeout(t, &s->rcvtimeo, value, len);
	case SO_SNDTIMEO:
		return set_timeout(t, &s->sndtimeo, value, len);
	default:
		return set_number(t, s, name, n);
	}
}

s64 fs_setsockopt(struct vfs_task *t, int fd, int level, int name, u64 value, u32 len)
{
	struct unix_sock *s;
	struct fd f;
	s64 err = (s32)len < 0 ? -EINVAL : sock_get(t, fd, &f, &s);

	if (err)
		return err;
	err = level == SOL_SOCKET ? set_option(t, s, name, value, len) : -EOPNOTSUPP;
	fdput(f);
	return err;
}

/* ---- asking --------------------------------------------------------------------------------------------------- */

union value {
	s32 n;
	s32 linger[2];
	struct linux_ucred cred;
	struct timeval tv;
	struct sockaddr_buf name;
	u32 groups[NGROUPS_MAX];
};

static u32 get_number(struct unix_sock *s, int name, s32 *n)
{
	switch (name) {
	case SO_TYPE:
		*n = s->type;
		break;
	case SO_ERROR:
		mutex_lock(&s->net->mutex);
		*n = s->err;
		s->err = 0;
		mutex_unlock(&s->net->mutex);
		break;
	case SO_SNDBUF:
		*n = (s32)s->sndbuf;
		break;
	case SO_RCVBUF:
		*n = (s32)s->rcvbuf;
		break;
	case SO_PASSCRED:
		*n = s->passcred;
		break;
	case SO_RCVLOWAT:
	case SO_SNDLOWAT:
		*n = 1;
		break;
	case SO_ACCEPTCONN:
		*n = s->state == UNIX_LISTEN;
		break;
	case SO_PROTOCOL:
		*n = 0;
		break;
	case SO_DOMAIN:
		*n = AF_UNIX;
		break;
	default:
		if (!is_switch(name))
			return 0;
		*n = !!(s->options & BIT(name));
	}
	return sizeof(*n);
}

static struct timeval timeout_of(u64 ns)
{
	if (ns == UINT64_MAX)
		return (struct timeval){ 0, 0 };
	return (struct timeval){ (s64)(ns / 1000000000), (s64)(ns % 1000000000 / 1000) };
}

/* Fills *v; how long it is, or -errno. */
static s64 get_option(struct unix_sock *s, int name, union value *v, const void **data)
{
	u32 len;

	*data = v;
	switch (name) {
	case SO_LINGER:
		memcpy(v->linger, s->linger, sizeof(v->linger));
		return sizeof(v->linger);
	case SO_RCVTIMEO:
	case SO_SNDTIMEO:
		v->tv = timeout_of(name == SO_RCVTIMEO ? s->rcvtimeo : s->sndtimeo);
		return sizeof(v->tv);
	case SO_PEERCRED:
		mutex_lock(&s->net->mutex);
		v->cred = s->peer_cred;
		mutex_unlock(&s->net->mutex);
		return sizeof(v->cred);
	case SO_PEERNAME:
		mutex_lock(&s->net->mutex);
		v->name.len = 0;
		if (s->peer)
			unix_copy_name(s->peer, &v->name);
		mutex_unlock(&s->net->mutex);
		*data = v->name.data;
		return v->name.len ? (s64)v->name.len : -ENOTCONN;
	case SO_PEERGROUPS:
		mutex_lock(&s->net->mutex);
		len = s->peer_groups ? s->peer_groups->ngroups * (u32)sizeof(v->groups[0])
				     : UINT32_MAX;
		if (len <= sizeof(v->groups))
			memcpy(v->groups, s->peer_groups->groups, len);
		mutex_unlock(&s->net->mutex);
		return len <= sizeof(v->groups) ? (s64)len : -ENODATA;
	default:
		len = get_number(s, name, &v->n);
		return len ? (s64)len : -ENOPROTOOPT;
	}
}

static s64 tell_option(struct vfs_task *t, struct unix_sock *s, int name, u64 value, u64 len_at)
{
	union value v = { 0 };
	const void *data;
	s32 room, n;
	s64 len;

	if (copy_from_task(t, &room, len_at, sizeof(room)))
		return -EFAULT;
	if (room < 0)
		return -EINVAL;
	len = get_option(s, name, &v, &data);
	if (len < 0)
		return len;
	if (name == SO_PEERNAME && len < room) /* a name is told whole */
		return -EINVAL;
	/* So are groups, and who has too little room is told how much it takes. */
	if (name == SO_PEERGROUPS && len > room) {
		n = (s32)len;
		return copy_to_task(t, len_at, &n, sizeof(n)) ? -EFAULT : -ERANGE;
	}
	n = MIN((s32)len, room);
	if (copy_to_task(t, value, data, (size_t)n) || copy_to_task(t, len_at, &n, sizeof(n)))
		return -EFAULT;
	return 0;
}

s64 fs_getsockopt(struct vfs_task *t, int fd, int level, int name, u64 value, u64 len)
{
	struct unix_sock *s;
	struct fd f;
	s64 err = sock_get(t, fd, &f, &s);

	if (err)
		return err;
	err = level == SOL_SOCKET ? tell_option(t, s, name, value, len) : -EOPNOTSUPP;
	fdput(f);
	return err;
}
