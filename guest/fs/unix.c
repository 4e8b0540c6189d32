/* SPDX-License-Identifier: MIT */
/* unix.c - sockets of AF_UNIX as objects and as files: made, watched, closed. unix(7) */
#include "guest/fs/internal.h"
#include "guest/fs/poll.h"
#include "guest/fs/unix_internal.h"
#include "guest/lib/printf.h"
#include "guest/lib/string.h"

/* ---- making and ending -------------------------------------------------------------------------------------- */

struct unix_sock *unix_new(struct vfs *vfs, int type)
{
	struct unix_sock *s = kzalloc(vfs->slab, sizeof(*s), GFP_KERNEL);

	if (!s)
		return NULL;
	atomic_set(&s->refs, 1);
	s->vfs = vfs;
	s->net = vfs->unix_net;
	s->type = type;
	s->sndbuf = s->rcvbuf = SOCK_BUF_DEFAULT;
	s->rcvtimeo = s->sndtimeo = UINT64_MAX;
	s->backlog = UNIX_DGRAM_QUEUE;
	s->peer_cred = (struct linux_ucred){ 0, (u32)-1, (u32)-1 };
	mutex_init(&s->reading);
	init_waitqueue_head(&s->wait);
	init_waitqueue_head(&s->room);
	INIT_LIST_HEAD(&s->all);
	INIT_LIST_HEAD(&s->clients);
	INIT_LIST_HEAD(&s->client_node);
	INIT_LIST_HEAD(&s->queue);
	INIT_LIST_HEAD(&s->embryos);
	INIT_LIST_HEAD(&s->embryo_node);
	INIT_LIST_HEAD(&s->todo);
	INIT_HLIST_NODE(&s->hash);
	return s;
}

void unix_put(struct unix_sock *s)
{
	if (!s || !atomic_dec_and_test(&s->refs))
		return;
	BUG_ON(!list_empty(&s->queue) || s->peer || s->path.dentry);
	if (s->addr)
		unix_addr_put(s->vfs, s->addr);
	cred_put(s->peer_groups);
	kfree(s->vfs->slab, s);
}

void unix_set_peer(struct unix_sock *s, struct unix_sock *peer)
{
	list_del_init(&s->client_node);
	s->peer = peer ? unix_get(peer) : NULL;
	if (peer)
		list_add(&s->client_node, &peer->clients);
}

/* Nobody can use it any more. Returns what it held, to be put without locks. net->mutex held. */
static struct unix_sock *bury(struct unix_sock *s)
{
	struct unix_sock *peer = s->peer, *client, *tmp;
	bool unread = !list_empty(&s->queue) || !s->file;

	s->dead = true;
	s->file = NULL;
	s->state = UNIX_CLOSE;
	s->shutdown = SHUTDOWN_MASK;
	unix_unhash(s);
	list_del_init(&s->all);
	unix_purge(s);
	list_del_init(&s->client_node);
	s->peer = NULL;
	if (peer && unix_connects(s)) {
		peer->shutdown = SHUTDOWN_MASK;
		if (unread)
			peer->err = ECONNRESET;
	}
	list_for_each_entry_safe (client, tmp, &s->clients, client_node) {
		list_del_init(&client->client_node);
		wake_up_all(&client->wait);
	}
	wake_up_all(&s->room);
	wake_up_all(&s->wait);
	if (peer)
		wake_up_all(&peer->wait);
	return peer;
}

void unix_abandon(struct unix_sock *s)
{
	struct unix_sock *peer;

	mutex_lock(&s->net->mutex);
	peer = bury(s);
	mutex_unlock(&s->net->mutex);
	unix_put(peer);
	unix_clean(s->vfs);
	unix_put(s);
}

static void unix_release(struct inode *inode, struct file *f)
{
	struct unix_sock *s = f->private_data, *embryo;
	struct unix_net *net = s->net;
	struct vfs *vfs = s->vfs;
	struct unix_sock *peer;
	struct path path;

	(void)inode;
	mutex_lock(&net->mutex);
	net->nr--;
	while ((embryo = list_first_entry_or_null(&s->embryos, struct unix_sock, embryo_node))) {
		list_del_init(&embryo->embryo_node);
		s->nr_embryos--;
		peer = bury(embryo);
		mutex_unlock(&net->mutex);
		unix_put(peer);
		unix_put(embryo);
		mutex_lock(&net->mutex);
	}
	peer = bury(s);
	path = s->path;
	s->path = (struct path){ NULL, NULL };
	mutex_unlock(&net->mutex);
	if (path.dentry)
		path_put(&path);
	unix_put(peer);
	unix_put(s);
	unix_clean(vfs);
}

/* ---- waiting -------------------------------------------------------------------------------------------------- */

int unix_wait(struct vfs_task *t, wait_queue_head_t *q, u64 timeout_ns,
	      bool (*ready)(const struct unix_sock *s, const void *arg), const struct unix_sock *s,
	      const void *arg)
{
	struct wait_queue_entry w = { .node = { &w.node, &w.node } };
	u64 now = env_now_ns(), deadline = timeout_ns + now < now ? UINT64_MAX : timeout_ns + now;
	int ret;

	for (;;) {
		prepare_to_wait(q, &w, TASK_INTERRUPTIBLE);
		ret = 0;
		if (ready(s, arg))
			break;
		ret = -EAGAIN;
		if (!timeout_ns || env_now_ns() >= deadline)
			break;
		ret = timeout_ns == UINT64_MAX ? -ERESTARTSYS : -EINTR;
		if (signal_pending_state(TASK_INTERRUPTIBLE, current))
			break;
		t->vfs->env->schedule_until(deadline);
	}
	finish_wait(q, &w);
	return ret;
}

/* A quarter of the buffer must be taken before it is worth waking a writer. */
static bool writable(const struct unix_sock *s)
{
	const struct unix_sock *peer = s->peer;

	if (s->state == UNIX_LISTEN || s->sent * 4 > s->sndbuf)
		return false;
	return s->type != SOCK_DGRAM || !peer || peer->peer == s || !unix_queue_full(peer);
}

static u32 unix_poll(struct file *f, struct poll_table *pt)
{
	struct unix_sock *s = f->private_data;
	u32 mask = 0;

	poll_wait(f, &s->wait, pt);
	mutex_lock(&s->net->mutex);
	if (s->err)
		mask |= POLLERR;
	if (s->shutdown == SHUTDOWN_MASK)
		mask |= POLLHUP;
	if (s->shutdown & RCV_SHUTDOWN)
		mask |= POLLRDHUP | POLLIN | POLLRDNORM;
	if (!list_empty(&s->queue) || !list_empty(&s->embryos))
		mask |= POLLIN | POLLRDNORM;
	if (unix_connects(s) && s->state == UNIX_CLOSE)
		mask |= POLLHUP;
	if (writable(s))
		mask |= POLLOUT | POLLWRNORM | POLLWRBAND;
	mutex_unlock(&s->net->mutex);
	return mask;
}

/* ---- as a file -------------------------------------------------------------------------------------------------- */

static s64 unix_read(struct kiocb *io, struct iov_iter *to)
{
	struct socket_message m = { .data = to };
	struct scm scm = { 0 };
	s64 n;

	if (!iov_iter_count(to))
		return 0;
	m.flags = io->flags & IOCB_NOWAIT ? MSG_DONTWAIT : 0;
	n = unix_recv(io->task, io->filp, &m, &scm);
	scm_destroy(io->task->vfs, &scm);
	return n;
}

static s64 unix_write(struct kiocb *io, struct iov_iter *from)
{
	struct socket_message m = { .data = from };
	struct scm scm = { 0 };

	m.flags = io->flags & IOCB_NOWAIT ? MSG_DONTWAIT : 0;
	return unix_send(io->task, io->filp, &m, &scm);
}

static s64 unix_ioctl(struct vfs_task *t, struct file *f, u32 cmd, u64 arg)
{
	struct unix_sock *s = f->private_data;
	const struct unix_msg *m;
	u64 n = 0;
	s32 value;

	if (cmd != FIONREAD && cmd != TIOCOUTQ)
		return -ENOTTY;
	mutex_lock(&s->net->mutex);
	if (cmd == TIOCOUTQ) {
		n = s->sent;
	} else {
		list_for_each_entry (m, &s->queue, node) {
			n += m->len - m->pos;
			if (!unix_connects(s))
				break;
		}
	}
	mutex_unlock(&s->net->mutex);
	if (cmd == FIONREAD && s->state == UNIX_LISTEN)
		return -EINVAL;
	value = (s32)n;
	return copy_to_task(t, arg, &value, sizeof(value)) ? -EFAULT : 0;
}

const struct file_operations unix_fops = {
	.read_iter = unix_read,
	.write_iter = unix_write,
	.poll = unix_poll,
	.ioctl = unix_ioctl,
	.release = unix_release,
};

static int sock_dname(struct dentry *d, char *buf, size_t size)
{
	return kscnprintf(buf, size, "socket:[%lu]", d->d_inode->i_ino);
}

static const struct dentry_operations sock_dops = { .d_dname = sock_dname };

static struct dentry *sock_dentry(struct vfs_task *t)
{
	static const struct qstr name = { .name = "", .len = 0 };
	struct super_block *sb = t->vfs->sock_mnt->mnt_sb;
	struct dentry *d = d_alloc(sb->s_root, &name);
	struct inode *inode = d ? new_inode(sb) : NULL;

	if (!inode) {
		dput(d);
		return NULL;
	}
	inode_init_owner(t, inode, NULL, S_IFSOCK | 0777);
	init_special_inode(inode, S_IFSOCK | 0777, 0);
	d->d_op = &sock_dops;
	d_instantiate(d, inode);
	return d;
}

int unix_file(struct vfs_task *t, struct unix_sock *s, u32 flags, struct file **out)
{
	struct dentry *d;
	struct file *f;
	int err = alloc_empty_file(t, O_RDWR | (flags & O_NONBLOCK), &f);

	if (err) {
		unix_abandon(s);
		return err;
	}
	d = sock_dentry(t);
	if (!d) {
		file_discard(t->vfs, f);
		unix_abandon(s);
		return -ENFILE;
	}
	f->f_path = (struct path){ mntget(t->vfs->sock_mnt), d };
	f->f_inode = d->d_inode;
	f->f_op = &unix_fops;
	f->private_data = s;
	f->f_mode |= FMODE_STREAM;
	mutex_lock(&s->net->mutex);
	s->file = f;
	s->net->nr++;
	list_add_tail(&s->all, &s->net->all);
	mutex_unlock(&s->net->mutex);
	*out = f;
	return 0;
}

static void tell_peer(struct unix_sock *s, struct linux_ucred cred, const struct cred *groups)
{
	const struct cred *old = s->peer_groups;

	s->peer_cred = cred;
	s->peer_groups = groups ? cred_get(groups) : NULL;
	cred_put(old);
}

void unix_tell_peer(struct unix_sock *s, const struct vfs_task *t)
{
	tell_peer(s, (struct linux_ucred){ t->tgid, t->cred->euid, t->cred->egid }, t->cred);
}

void unix_tell_same_peer(struct unix_sock *s, const struct unix_sock *other)
{
	tell_peer(s, other->peer_cred, other->peer_groups);
}

/* ---- the instance ------------------------------------------------------------------------------------------------- */

int unix_init(struct vfs *vfs)
{
	struct unix_net *net = kzalloc(vfs->slab, sizeof(*net), GFP_KERNEL);

	if (!net)
		return -ENOMEM;
	mutex_init(&net->mutex);
	INIT_LIST_HEAD(&net->all);
	INIT_LIST_HEAD(&net->graveyard);
	vfs->unix_net = net;
	return 0;
}

void unix_destroy(struct vfs *vfs)
{
	kfree(vfs->slab, vfs->unix_net);
}

/* As /proc/net/unix has them: the state is the old one of struct socket, 1 to 4. */
int unix_show(struct seq *out, void *arg)
{
	struct vfs *vfs = arg;
	const struct unix_sock *s;

	seq_puts(out, "Num       RefCount Protocol Flags    Type St Inode Path\n");
	mutex_lock(&vfs->unix_net->mutex);
	list_for_each_entry (s, &vfs->unix_net->all, all) {
		seq_printf(out, "%016lx: %08X 00000000 %08X %04X %02X %5lu", 0UL,
			   (u32)atomic_read(&s->refs), s->state == UNIX_LISTEN ? 0x10000u : 0u,
			   (u32)s->type, s->state == UNIX_ESTABLISHED ? 3u : 1u,
			   s->file ? s->file->f_inode->i_ino : 0);
		if (s->addr) {
			bool abstract = !s->addr->data[2];
			u32 len = s->addr->len - 2 - !abstract;

			seq_puts(out, " ");
			for (u32 i = 0; i < len; i++) {
				u8 c = s->addr->data[2 + i];

				seq_printf(out, "%c", c ? c : '@');
			}
		}
		seq_puts(out, "\n");
	}
	mutex_unlock(&vfs->unix_net->mutex);
	return 0;
}
