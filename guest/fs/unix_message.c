/* SPDX-License-Identifier: MIT */
/* unix_message.c - what is sent and received: streams, and messages that keep their borders. */
#include "guest/fs/internal.h"
#include "guest/fs/unix_internal.h"
#include "guest/lib/string.h"

#define NOBODY 65534

/* ---- messages ------------------------------------------------------------------------------------------------ */

static bool is_small(const struct unix_msg *m)
{
	return m->part[0] == (const u8 *)&m->part[1];
}

void unix_msg_free(struct vfs *vfs, struct unix_msg *m)
{
	scm_destroy(vfs, &m->scm);
	unix_put(m->from);
	if (!is_small(m))
		for (size_t i = 0; i * UNIX_PART < m->len; i++)
			kfree(vfs->slab, m->part[i]);
	kfree(vfs->slab, m);
}

static struct unix_msg *msg_new(struct unix_sock *from, size_t len)
{
	struct slab_sys *slab = from->vfs->slab;
	size_t nr = MAX(PFN_UP(len), (size_t)1), left = len;
	bool small = len <= 512;
	struct unix_msg *m =
		kzalloc(slab, sizeof(*m) + nr * sizeof(u8 *) + (small ? len : 0), GFP_KERNEL);

	if (!m)
		return NULL;
	m->len = len;
	m->from = unix_get(from);
	if (small)
		m->part[0] = (u8 *)&m->part[1];
	for (size_t i = 0; !small && i < nr; i++, left -= MIN(left, UNIX_PART)) {
		m->part[i] = kmalloc(slab, MIN(left, UNIX_PART), GFP_KERNEL);
		if (!m->part[i]) {
			unix_msg_free(from->vfs, m);
			return NULL;
		}
	}
	return m;
}

static bool fill(struct unix_msg *m, struct iov_iter *from)
{
	for (size_t at = 0; at < m->len; at += UNIX_PART) {
		size_t n = MIN(m->len - at, UNIX_PART);

		if (copy_from_iter(m->part[at / UNIX_PART], n, from) < n)
			return false;
	}
	return true;
}

/* n bytes from `at` on; false: user memory faulted. */
static bool pour(const struct unix_msg *m, size_t at, size_t n, struct iov_iter *to)
{
	while (n) {
		size_t off = at % UNIX_PART, k = MIN(n, UNIX_PART - off);

		if (copy_to_iter(m->part[at / UNIX_PART] + off, k, to) < k)
			return false;
		at += k;
		n -= k;
	}
	return true;
}

/* ---- queues: net->mutex held ------------------------------------------------------------------------------------ */

bool unix_queue_full(const struct unix_sock *s)
{
	return READ_ONCE(s->queue_len) > READ_ONCE(s->backlog);
}

void unix_unlink_msg(struct unix_sock *s, struct unix_msg *m)
{
	bool was_full = unix_queue_full(s);
	struct unix_sock *client;

	list_del(&m->node);
	WRITE_ONCE(s->queue_len, s->queue_len - 1);
	WRITE_ONCE(m->from->sent, m->from->sent - m->charge);
	unix_inflight(s->net, m->scm.files, -1);
	wake_up_all(&m->from->wait);
	if (!was_full || unix_connects(s))
		return;
	wake_up_all(&s->room);
	list_for_each_entry (client, &s->clients, client_node)
		wake_up_all(&client->wait);
}

void unix_purge(struct unix_sock *s)
{
	struct unix_msg *m;

	while ((m = list_first_entry_or_null(&s->queue, struct unix_msg, node))) {
		unix_unlink_msg(s, m);
		list_add_tail(&m->node, &s->net->graveyard);
	}
}

static void enqueue(struct vfs_task *t, struct unix_sock *to, struct unix_msg *m)
{
	if (!m->scm.has_cred && (m->from->passcred || to->passcred || !to->file)) {
		m->scm.has_cred = true;
		m->scm.cred = (struct linux_ucred){ t->tgid, t->cred->uid, t->cred->gid };
	}
	list_add_tail(&m->node, &to->queue);
	WRITE_ONCE(to->queue_len, to->queue_len + 1);
	unix_inflight(to->net, m->scm.files, 1);
	wake_up_all(&to->wait);
}

static int take_error(struct unix_sock *s)
{
	int err = -s->err;

	s->err = 0;
	return err;
}

/* ---- sending --------------------------------------------------------------------------------------------------------- */

static bool may_send(const struct unix_sock *s, const void *unused)
{
	(void)unused;
	return READ_ONCE(s->sent) < READ_ONCE(s->sndbuf) || READ_ONCE(s->err) ||
	       READ_ONCE(s->shutdown) & SEND_SHUTDOWN;
}

/* Charges s once it has room at all; the last message may go beyond. */
static int reserve(struct vfs_task *t, struct unix_sock *s, u32 charge, u64 timeo)
{
	int err;

	for (;;) {
		mutex_lock(&s->net->mutex);
		err = unix_connects(s) && s->shutdown & SEND_SHUTDOWN ? -EPIPE : take_error(s);
		if (!err && s->shutdown & SEND_SHUTDOWN)
			err = -EPIPE;
		else if (!err && s->sent >= s->sndbuf)
			err = -EAGAIN;
		else if (!err)
			WRITE_ONCE(s->sent, s->sent + charge);
		mutex_unlock(&s->net->mutex);
		if (err != -EAGAIN)
			return err;
		err = unix_wait(t, &s->wait, timeo, may_send, s, NULL);
		if (err)
			return err;
	}
}

static void unreserve(struct unix_sock *s, u32 charge)
{
	mutex_lock(&s->net->mutex);
	WRITE_ONCE(s->sent, s->sent - charge);
	wake_up_all(&s->wait);
	mutex_unlock(&s->net->mutex);
}

/* The next len bytes, charged; scm goes along. */
static int prepare(struct vfs_task *t, struct unix_sock *s, struct iov_iter *data, size_t len,
		   u64 timeo, struct unix_msg **out)
{
	u32 charge = (u32)len + UNIX_OVERHEAD;
	struct unix_msg *m;
	int err = reserve(t, s, charge, timeo);

	if (err)
		return err;
	m = msg_new(s, len);
	if (m && fill(m, data)) {
		m->charge = charge;
		*out = m;
		return 0;
	}
	unreserve(s, charge);
	if (!m)
		return -ENOMEM;
	unix_msg_free(s->vfs, m);
	return -EFAULT;
}

static void discard(struct unix_sock *s, struct unix_msg *m)
{
	unreserve(s, m->charge);
	unix_msg_free(s->vfs, m);
}

static int deliver_stream(struct vfs_task *t, struct unix_sock *s, struct unix_msg *m)
{
	struct unix_sock *to;
	int err = 0;

	mutex_lock(&s->net->mutex);
	to = s->peer;
	if (!to || to->dead || to->shutdown & RCV_SHUTDOWN)
		err = -EPIPE;
	else
		enqueue(t, to, m);
	mutex_unlock(&s->net->mutex);
	if (err)
		discard(s, m);
	return err;
}

static s64 send_stream(struct vfs_task *t, struct file *f, struct socket_message *sm,
		       struct scm *scm)
{
	struct unix_sock *s = f->private_data;
	u64 timeo = unix_timeout(f, sm->flags, s->sndtimeo);
	size_t most = MIN(UNIX_STREAM_MAX, (size_t)s->sndbuf / 2);
	s64 done = 0;
	int err = 0;

	if (sm->to)
		return s->state == UNIX_ESTABLISHED ? -EISCONN : -EOPNOTSUPP;
	if (!READ_ONCE(s->peer))
		return -ENOTCONN;
	if (READ_ONCE(s->shutdown) & SEND_SHUTDOWN)
		err = -EPIPE;
	while (!err && iov_iter_count(sm->data)) {
		size_t n = MIN(iov_iter_count(sm->data), most);
		struct unix_msg *m;

		err = prepare(t, s, sm->data, n, timeo, &m);
		if (err)
			break;
		m->scm = *scm; /* with the first bytes */
		scm->files = NULL;
		err = deliver_stream(t, s, m);
		if (!err)
			done += (s64)n;
	}
	if (err == -EPIPE && !done && !(sm->flags & MSG_NOSIGNAL))
		t->vfs->env->send_sig(t, SIGPIPE);
	return done ? done : err;
}

static bool may_queue(const struct unix_sock *to, const void *unused)
{
	(void)unused;
	return !unix_queue_full(to) || READ_ONCE(to->dead) ||
	       READ_ONCE(to->shutdown) & RCV_SHUTDOWN;
}

/* The one it was connected to has gone. net->mutex held. */
static struct unix_sock *forget_peer(struct unix_sock *s)
{
	struct unix_sock *peer = s->peer;

	s->state = UNIX_CLOSE;
	unix_set_peer(s, NULL);
	return peer;
}

/* And with it what it had sent. Nothing is held. */
static void bury_peer(struct unix_sock *s, struct unix_sock *gone)
{
	mutex_lock(&s->reading); /* U2 */
	mutex_lock(&s->net->mutex);
	if (!s->peer) /* nor has it found another one since */
		unix_purge(s);
	mutex_unlock(&s->net->mutex);
	mutex_unlock(&s->reading);
	unix_put(gone);
	unix_clean(s->vfs);
}

/* One try: 0, -EAGAIN (its queue is full) or the error; *gone is to be put. */
static int deliver_dgram(struct vfs_task *t, struct unix_sock *s, struct unix_sock *to,
			 struct unix_msg *m, struct unix_sock **gone)
{
	int err = 0;

	mutex_lock(&s->net->mutex);
	if (to->dead) {
		err = s->type == SOCK_SEQPACKET ? -EPIPE : -ECONNREFUSED;
		if (s->type == SOCK_DGRAM && s->peer == to)
			*gone = forget_peer(s);
	} else if (!unix_connects(s) && to->peer && to->peer != s) {
		err = -EPERM;
	} else if (to->shutdown & RCV_SHUTDOWN) {
		err = -EPIPE;
	} else if (to != s && to->peer != s && unix_queue_full(to)) {
		err = -EAGAIN;
	} else {
		enqueue(t, to, m);
	}
	mutex_unlock(&s->net->mutex);
	return err;
}

/* Whom a message is for, with a reference. */
static int receiver(struct vfs_task *t, struct unix_sock *s, const struct sockaddr_buf *addr,
		    struct unix_sock **out)
{
	if (addr && !unix_connects(s))
		return unix_find(t, addr, s->type, out);
	mutex_lock(&s->net->mutex);
	*out = s->peer ? unix_get(s->peer) : NULL;
	mutex_unlock(&s->net->mutex);
	return *out ? 0 : -ECONNRESET;
}

static int check_dgram(struct unix_sock *s, const struct socket_message *sm)
{
	int err = 0;

	if (unix_connects(s)) {
		mutex_lock(&s->net->mutex);
		err = take_error(s);
		if (!err && s->state != UNIX_ESTABLISHED)
			err = -ENOTCONN;
		mutex_unlock(&s->net->mutex);
	} else if (sm->to) {
		err = unix_check_addr(sm->to);
	} else if (!READ_ONCE(s->peer)) {
		err = -ENOTCONN;
	}
	if (!err && s->passcred && !s->addr)
		err = unix_autobind(s);
	if (!err && iov_iter_count(sm->data) > s->sndbuf - 32)
		err = -EMSGSIZE;
	return err;
}

static s64 send_dgram(struct vfs_task *t, struct file *f, struct socket_message *sm,
		      struct scm *scm)
{
	struct unix_sock *s = f->private_data, *to = NULL, *gone = NULL;
	u64 timeo = unix_timeout(f, sm->flags, s->sndtimeo);
	size_t len = iov_iter_count(sm->data);
	struct unix_msg *m;
	int err = check_dgram(s, sm);

	if (!err)
		err = prepare(t, s, sm->data, len, timeo, &m);
	if (err)
		return err;
	m->scm = *scm;
	scm->files = NULL;
	for (;;) {
		err = receiver(t, s, sm->to, &to);
		if (err)
			break;
		err = deliver_dgram(t, s, to, m, &gone);
		if (err == -EAGAIN)
			err = unix_wait(t, &to->room, timeo, may_queue, to, NULL) ?: 1;
		unix_put(to);
		if (err <= 0)
			break;
	}
	if (err)
		discard(s, m);
	if (gone)
		bury_peer(s, gone);
	return err ? err : (s64)len;
}

s64 unix_send(struct vfs_task *t, struct file *f, struct socket_message *m, struct scm *scm)
{
	const struct unix_sock *s = f->private_data;

	if (m->flags & MSG_OOB)
		return -EOPNOTSUPP;
	return s->type == SOCK_STREAM ? send_stream(t, f, m, scm) : send_dgram(t, f, m, scm);
}

/* ---- receiving --------------------------------------------------------------------------------------------------------- */

static bool has_message(const struct unix_sock *s, const void *unused)
{
	(void)unused;
	return READ_ONCE(s->queue_len) || READ_ONCE(s->err) ||
	       READ_ONCE(s->shutdown) & RCV_SHUTDOWN;
}

static struct linux_ucred cred_of(const struct unix_msg *m)
{
	return m->scm.has_cred ? m->scm.cred : (struct linux_ucred){ 0, NOBODY, NOBODY };
}

static bool same_cred(const struct linux_ucred *a, const struct linux_ucred *b)
{
	return a->pid == b->pid && a->uid == b->uid && a->gid == b->gid;
}

static void tell_sender(struct unix_sock *s, const struct unix_msg *m, struct sockaddr_buf *from)
{
	if (!from)
		return;
	mutex_lock(&s->net->mutex);
	from->len = 0;
	if (m->from->addr)
		unix_copy_name(m->from, from);
	mutex_unlock(&s->net->mutex);
}

/* The message behind `last` (NULL: the first); else what its lack means: 0 the end, -EAGAIN, an error, which
 * is told once, so not to who has enough (why NULL). */
static struct unix_msg *next_message(struct unix_sock *s, const struct unix_msg *last, int *why)
{
	struct list_head *at;
	struct unix_msg *m = NULL;

	mutex_lock(&s->net->mutex);
	at = last ? last->node.next : s->queue.next;
	if (at != &s->queue)
		m = list_entry(at, struct unix_msg, node);
	else if (why)
		*why = take_error(s) ?: (s->shutdown & RCV_SHUTDOWN ? 0 : -EAGAIN);
	mutex_unlock(&s->net->mutex);
	return m;
}

/* n bytes of m have been received. */
static void consume(struct unix_sock *s, struct unix_msg *m, size_t n, struct scm *scm)
{
	bool all;

	mutex_lock(&s->net->mutex);
	m->pos += n;
	all = m->pos == m->len;
	if (m->scm.files) {
		unix_inflight(s->net, m->scm.files, -1);
		scm->files = m->scm.files;
		m->scm.files = NULL;
	}
	if (all)
		unix_unlink_msg(s, m);
	mutex_unlock(&s->net->mutex);
	if (all)
		unix_msg_free(s->vfs, m);
}

struct stream_read {
	struct socket_message *sm;
	struct scm *scm;
	bool peek, begun;
	struct unix_msg *last; /* looked at */
	s64 done;
};

/* One message's part; 1: go on, 0: enough, or the error. */
static int read_part(struct unix_sock *s, struct unix_msg *m, struct stream_read *r)
{
	size_t n = MIN(m->len - m->pos, iov_iter_count(r->sm->data));
	struct linux_ucred cred = cred_of(m);
	bool files = m->scm.files;
	int err;

	/* What different senders wrote is not read together, where it matters. */
	if (r->begun && r->scm->has_cred && !same_cred(&cred, &r->scm->cred))
		return 0;
	if (!r->begun) {
		r->scm->has_cred = s->passcred;
		r->scm->cred = cred;
		tell_sender(s, m, r->sm->from);
		r->begun = true;
	}
	if (!pour(m, m->pos, n, r->sm->data))
		return -EFAULT;
	r->done += (s64)n;
	r->last = m;
	if (!r->peek) {
		consume(s, m, n, r->scm);
		return !files;
	}
	err = files ? scm_copy(s->vfs, &m->scm, r->scm) : 0;
	return err ? err : !files;
}

static s64 recv_stream(struct vfs_task *t, struct file *f, struct socket_message *sm, u32 flags,
		       struct scm *scm)
{
	struct unix_sock *s = f->private_data;
	u64 timeo = unix_timeout(f, flags, s->rcvtimeo);
	s64 target = (s64)(flags & MSG_WAITALL ? iov_iter_count(sm->data)
					       : MIN(iov_iter_count(sm->data), 1UL));
	struct stream_read r = { .sm = sm, .scm = scm, .peek = flags & MSG_PEEK };
	int err = 1;

	if (s->state != UNIX_ESTABLISHED)
		return -EINVAL;
	mutex_lock(&s->reading);
	while (iov_iter_count(sm->data) && err > 0) {
		bool enough = r.done >= target || (r.peek && r.done);
		struct unix_msg *m = next_message(s, r.peek ? r.last : NULL, enough ? NULL : &err);

		if (m) {
			err = read_part(s, m, &r);
			continue;
		}
		if (enough || err != -EAGAIN || !timeo)
			break;
		mutex_unlock(&s->reading);
		err = unix_wait(t, &s->wait, timeo, has_message, s, NULL) ?: 1;
		mutex_lock(&s->reading);
	}
	mutex_unlock(&s->reading);
	return r.done ? r.done : MIN(err, 0);
}

/* The first message, out of the queue unless it is only looked at; -EAGAIN or why there is none. */
static int first_message(struct unix_sock *s, bool peek, struct unix_msg **out)
{
	int err;

	mutex_lock(&s->net->mutex);
	err = take_error(s);
	*out = err ? NULL : list_first_entry_or_null(&s->queue, struct unix_msg, node);
	if (*out && !peek)
		unix_unlink_msg(s, *out);
	else if (!*out && !err)
		err = s->shutdown & RCV_SHUTDOWN ? 1 : -EAGAIN;
	mutex_unlock(&s->net->mutex);
	return err;
}

static s64 recv_one(struct unix_sock *s, struct unix_msg *m, struct socket_message *sm, u32 flags,
		    struct scm *scm)
{
	size_t n = MIN(m->len, iov_iter_count(sm->data));
	s64 ret = (s64)(flags & MSG_TRUNC ? m->len : n);

	tell_sender(s, m, sm->from);
	if (n < m->len)
		sm->flags |= MSG_TRUNC;
	if (!pour(m, 0, n, sm->data))
		return -EFAULT;
	scm->has_cred = s->passcred;
	scm->cred = cred_of(m);
	if (flags & MSG_PEEK)
		return m->scm.files ? scm_copy(s->vfs, &m->scm, scm) ?: ret : ret;
	scm->files = m->scm.files;
	m->scm.files = NULL;
	return ret;
}

static s64 recv_dgram(struct vfs_task *t, struct file *f, struct socket_message *sm, u32 flags,
		      struct scm *scm)
{
	struct unix_sock *s = f->private_data;
	u64 timeo = unix_timeout(f, flags, s->rcvtimeo);
	bool peek = flags & MSG_PEEK;
	struct unix_msg *m;
	s64 ret;
	int err;

	if (unix_connects(s) && s->state != UNIX_ESTABLISHED)
		return -ENOTCONN;
	for (;;) {
		mutex_lock(&s->reading);
		err = first_message(s, peek, &m);
		if (m)
			break;
		mutex_unlock(&s->reading);
		/* The end of what can come: a socket that does not wait is told only if it has a peer. */
		if (err == 1)
			return timeo || unix_connects(s) ? 0 : -EAGAIN;
		if (err == -EAGAIN)
			err = unix_wait(t, &s->wait, timeo, has_message, s, NULL);
		if (err)
			return err;
	}
	ret = recv_one(s, m, sm, flags, scm);
	mutex_unlock(&s->reading);
	if (!peek)
		unix_msg_free(s->vfs, m);
	return ret;
}

s64 unix_recv(struct vfs_task *t, struct file *f, struct socket_message *m, struct scm *scm)
{
	const struct unix_sock *s = f->private_data;
	u32 flags = m->flags;

	m->flags = 0;
	if (m->from)
		m->from->len = 0;
	if (flags & MSG_OOB)
		return -EOPNOTSUPP;
	return s->type == SOCK_STREAM ? recv_stream(t, f, m, flags, scm)
				      : recv_dgram(t, f, m, flags, scm);
}
