/* SPDX-License-Identifier: MIT */
/* unix_connect.c - who is joined to whom: connect(2), listen(2), accept(2), shutdown(2). */
#include "guest/fs/internal.h"
#include "guest/fs/unix_internal.h"
#include "guest/lib/string.h"

static bool has_room(const struct unix_sock *s, const void *unused)
{
	(void)unused;
	return READ_ONCE(s->nr_embryos) <= READ_ONCE(s->backlog) || READ_ONCE(s->dead) ||
	       READ_ONCE(s->shutdown) || READ_ONCE(s->state) != UNIX_LISTEN;
}

/* -EAGAIN: the backlog is full. `fresh` becomes the other end; one reference goes into the backlog. */
static int join(struct vfs_task *t, struct unix_sock *s, struct unix_sock *listener,
		struct unix_sock *fresh)
{
	struct unix_net *net = s->net;
	int err = 0;

	mutex_lock(&net->mutex);
	if (listener->state != UNIX_LISTEN || listener->shutdown & RCV_SHUTDOWN)
		err = -ECONNREFUSED;
	else if (listener->nr_embryos > listener->backlog)
		err = -EAGAIN;
	else if (s->state == UNIX_ESTABLISHED)
		err = -EISCONN;
	else if (s->state != UNIX_CLOSE)
		err = -EINVAL;
	if (!err) {
		fresh->state = s->state = UNIX_ESTABLISHED;
		unix_tell_peer(fresh, t);
		unix_tell_same_peer(s, listener);
		fresh->passcred = listener->passcred;
		fresh->addr = listener->addr;
		atomic_inc(&fresh->addr->refs);
		unix_set_peer(fresh, s);
		unix_set_peer(s, fresh);
		list_add_tail(&fresh->embryo_node, &listener->embryos);
		WRITE_ONCE(listener->nr_embryos, listener->nr_embryos + 1);
		wake_up_all(&listener->wait);
		wake_up_all(&s->wait);
	}
	mutex_unlock(&net->mutex);
	return err;
}

static int connect_stream(struct vfs_task *t, struct file *f, const struct sockaddr_buf *addr)
{
	struct unix_sock *s = f->private_data, *listener, *fresh;
	u64 timeo = unix_timeout(f, 0, s->sndtimeo);
	int err = unix_check_addr(addr);

	if (!err && s->passcred && !s->addr)
		err = unix_autobind(s);
	if (err)
		return err;
	fresh = unix_new(t->vfs, s->type);
	if (!fresh)
		return -ENOMEM;
	for (;;) {
		err = unix_find(t, addr, s->type, &listener);
		if (err)
			break;
		err = join(t, s, listener, fresh);
		if (err == -EAGAIN && timeo)
			err = unix_wait(t, &listener->room, timeo, has_room, listener, NULL) ?: 1;
		unix_put(listener);
		if (err <= 0)
			break;
	}
	if (err)
		unix_put(fresh);
	return err;
}

/* ---- datagrams: only an address to send to, and who may send here -------------------------------------------------- */

/* Another peer than before: what has come from the old one is lost. s->reading held. */
static void change_peer(struct unix_sock *s, struct unix_sock *peer)
{
	struct unix_sock *old;

	mutex_lock(&s->net->mutex);
	old = s->peer;
	if (old != peer) {
		unix_set_peer(s, peer);
		if (old && !list_empty(&s->queue)) {
			unix_purge(s);
			if (!old->dead && old->peer == s) {
				old->err = ECONNRESET;
				wake_up_all(&old->wait);
			}
		}
	} else {
		old = NULL;
	}
	s->state = peer ? UNIX_ESTABLISHED : UNIX_CLOSE;
	if (peer) {
		peer->state = UNIX_ESTABLISHED;
		unix_tell_same_peer(s, peer);
	}
	wake_up_all(&s->wait);
	mutex_unlock(&s->net->mutex);
	unix_put(old);
	unix_clean(s->vfs);
}

static int connect_dgram(struct vfs_task *t, struct unix_sock *s, const struct sockaddr_buf *addr)
{
	struct unix_sock *peer = NULL;
	u16 family;
	int err = 0;

	if (addr->len < sizeof(family))
		return -EINVAL;
	memcpy(&family, addr->data, sizeof(family));
	if (family != AF_UNSPEC) {
		err = unix_check_addr(addr);
		if (!err && s->passcred && !s->addr)
			err = unix_autobind(s);
		if (!err)
			err = unix_find(t, addr, s->type, &peer);
		if (!err && READ_ONCE(peer->peer) && peer->peer != s)
			err = -EPERM;
	}
	if (!err) {
		mutex_lock(&s->reading);
		change_peer(s, peer);
		mutex_unlock(&s->reading);
	}
	unix_put(peer);
	return err;
}

int unix_connect(struct vfs_task *t, struct file *f, const struct sockaddr_buf *addr)
{
	struct unix_sock *s = f->private_data;

	return unix_connects(s) ? connect_stream(t, f, addr) : connect_dgram(t, s, addr);
}

/* ---- the other side ------------------------------------------------------------------------------------------------------ */

int unix_listen(struct vfs_task *t, struct unix_sock *s, int backlog)
{
	int err = 0;

	if (!unix_connects(s))
		return -EOPNOTSUPP;
	mutex_lock(&s->net->mutex);
	if (!s->addr || s->state == UNIX_ESTABLISHED) {
		err = -EINVAL;
	} else {
		WRITE_ONCE(s->backlog, MIN((unsigned)backlog, SOMAXCONN));
		s->state = UNIX_LISTEN;
		unix_tell_peer(s, t);
		wake_up_all(&s->room);
	}
	mutex_unlock(&s->net->mutex);
	return err;
}

static bool has_embryo(const struct unix_sock *s, const void *unused)
{
	(void)unused;
	return READ_ONCE(s->nr_embryos) || READ_ONCE(s->shutdown) & RCV_SHUTDOWN;
}

/* The oldest connection; -EAGAIN: none. */
static int take_embryo(struct unix_sock *s, struct unix_sock **out)
{
	int err = -EAGAIN;

	mutex_lock(&s->net->mutex);
	if (s->state != UNIX_LISTEN) {
		err = -EINVAL;
	} else if (s->nr_embryos) {
		*out = list_first_entry(&s->embryos, struct unix_sock, embryo_node);
		list_del_init(&(*out)->embryo_node);
		WRITE_ONCE(s->nr_embryos, s->nr_embryos - 1);
		wake_up_all(&s->room);
		err = 0;
	} else if (s->shutdown & RCV_SHUTDOWN) {
		err = -EINVAL;
	}
	mutex_unlock(&s->net->mutex);
	return err;
}

int unix_accept(struct vfs_task *t, struct file *f, struct unix_sock **out)
{
	struct unix_sock *s = f->private_data;
	u64 timeo = unix_timeout(f, 0, s->rcvtimeo);
	int err;

	if (!unix_connects(s))
		return -EOPNOTSUPP;
	while ((err = take_embryo(s, out)) == -EAGAIN) {
		err = unix_wait(t, &s->wait, timeo, has_embryo, s, NULL);
		if (err)
			break;
	}
	return err;
}

int unix_shutdown(struct unix_sock *s, int how)
{
	struct unix_sock *peer;
	u32 mine = (u32)how + 1, theirs;

	if (how < 0 || how > 2)
		return -EINVAL;
	theirs = (mine & RCV_SHUTDOWN ? SEND_SHUTDOWN : 0) |
		 (mine & SEND_SHUTDOWN ? RCV_SHUTDOWN : 0);
	mutex_lock(&s->net->mutex);
	WRITE_ONCE(s->shutdown, s->shutdown | mine);
	peer = s->peer;
	if (peer && unix_connects(s)) {
		WRITE_ONCE(peer->shutdown, peer->shutdown | theirs);
		wake_up_all(&peer->wait);
	}
	wake_up_all(&s->wait);
	wake_up_all(&s->room);
	mutex_unlock(&s->net->mutex);
	return 0;
}
