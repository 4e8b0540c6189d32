/* SPDX-License-Identifier: MIT */
/*
 * unix_internal.h - what sockets of AF_UNIX are made of.
 *
 * U1 net->mutex guards every socket's state, queues and counters; it is never held around user memory,
 *    sleeping or fput(). U2 sock->reading is held by who takes from the queue of a socket in use, user
 *    memory included, so that a message found there stays; it comes before net->mutex. U3 a file in a
 *    message counts once in its reference count and, if it is a socket, in `inflight`. U4 messages that
 *    die go to the graveyard, which is emptied without recursion: a socket in the queue of a socket in
 *    the queue ... is as long as somebody likes.
 *
 * Memory: what is sent and not yet received is charged to the sender, up to its SO_SNDBUF. Files in
 * messages are at most RLIMIT_NOFILE of who sends one more, in the whole machine.
 */
#ifndef GUEST_FS_UNIX_INTERNAL_H
#define GUEST_FS_UNIX_INTERNAL_H

#include "guest/fs/fdtable.h"
#include "guest/fs/socket.h"

#define UNIX_HASH	 64
#define UNIX_PATH_MAX	 108
#define UNIX_ADDR_MAX	 (2 + UNIX_PATH_MAX)
#define UNIX_PART	 PAGE_SIZE	 /* of a message's data, in one allocation */
#define UNIX_STREAM_MAX	 (8 * UNIX_PART) /* of a stream, in one message */
#define UNIX_DGRAM_QUEUE 10		 /* net.unix.max_dgram_qlen */
#define UNIX_OVERHEAD	 512		 /* a message's charge above its data */
#define SOCK_BUF_DEFAULT 212992		 /* net.core.wmem_default, wmem_max */
#define SOMAXCONN	 4096u

#define RCV_SHUTDOWN	 1
#define SEND_SHUTDOWN	 2
#define SHUTDOWN_MASK	 3

/* A name, shared by a listener and its connections. */
struct unix_addr {
	atomic_t refs;
	u32 len;
	u8 data[UNIX_ADDR_MAX + 1]; /* struct sockaddr_un */
};

/* Files on their way. */
struct scm_files {
	unsigned nr;
	struct file *file[];
};

struct scm {
	struct scm_files *files; /* NULL: none */
	bool has_cred;
	struct linux_ucred cred;
};

struct unix_msg {
	struct list_head node;
	struct unix_sock *from; /* held */
	u32 charge;
	size_t len, pos; /* stream: up to pos it has been read */
	struct scm scm;
	u8 *part[]; /* UNIX_PART bytes each; small ones lie behind the array */
};

enum unix_state { UNIX_CLOSE, UNIX_ESTABLISHED, UNIX_LISTEN };

struct unix_sock {
	atomic_t refs;
	struct vfs *vfs;
	struct unix_net *net;
	int type;
	struct file *file; /* not held; NULL: not accepted yet, or dead */
	enum unix_state state;
	bool dead;
	u32 shutdown;
	int err; /* told once */
	struct unix_addr *addr;
	struct path path; /* of a name in the file system */
	struct hlist_node hash;
	u32 hash_of;
	struct list_head all;
	struct unix_sock *peer;		       /* held */
	struct list_head clients, client_node; /* whose peer it is */
	struct list_head queue;		       /* messages */
	unsigned queue_len;
	struct list_head embryos, embryo_node; /* connections not accepted yet */
	unsigned nr_embryos, backlog;
	wait_queue_head_t wait; /* its users and watchers */
	wait_queue_head_t room; /* who wants to put something into its queue or backlog */
	struct mutex reading;
	u64 sent; /* bytes charged */
	u32 sndbuf, rcvbuf;
	u64 rcvtimeo, sndtimeo; /* ns; UINT64_MAX: none */
	u32 options;		/* plain switches, by number */
	bool passcred;
	s32 linger[2];
	struct linux_ucred peer_cred;
	const struct cred *peer_groups; /* whose groups go with it; NULL: nobody is there */
	unsigned inflight;		/* U3 */
	bool reached;			/* by the collector */
	struct list_head todo;
};

struct unix_net {
	struct mutex mutex;
	struct hlist_head names[UNIX_HASH];
	struct list_head all;
	unsigned nr;
	u64 nr_inflight; /* files in messages */
	u64 nr_sockets_inflight;
	struct list_head graveyard;
	bool emptying, dirty;
	u32 next_auto;
};

extern const struct file_operations unix_fops;

static inline bool unix_connects(const struct unix_sock *s)
{
	return s->type != SOCK_DGRAM;
}

static inline struct unix_sock *unix_of(const struct file *f)
{
	return f->f_op == &unix_fops ? f->private_data : NULL;
}

static inline struct unix_sock *unix_get(struct unix_sock *s)
{
	atomic_inc(&s->refs);
	return s;
}

/* ---- unix.c ------------------------------------------------------------------------------------------- */

struct unix_sock *unix_new(struct vfs *vfs,
			   int type); /* one reference, in no list; NULL without memory */
void unix_put(struct unix_sock *s);
/* The same for the last one of a socket that never got its file. */
void unix_abandon(struct unix_sock *s);
/* Its file; the reference goes along, also on failure. */
int unix_file(struct vfs_task *t, struct unix_sock *s, u32 flags, struct file **out);
/* Who it is told to talk to: t, or whom another one is told. net->mutex held. */
void unix_tell_peer(struct unix_sock *s, const struct vfs_task *t);
void unix_tell_same_peer(struct unix_sock *s, const struct unix_sock *other);
/* net->mutex held. */
void unix_set_peer(struct unix_sock *s, struct unix_sock *peer);
/*
 * Waits until ready(s, arg), which is asked without locks. 0; when the time is over -EAGAIN; a signal:
 * -ERESTARTSYS, or -EINTR where the wait has an end.
 */
int unix_wait(struct vfs_task *t, wait_queue_head_t *q, u64 timeout_ns,
	      bool (*ready)(const struct unix_sock *s, const void *arg), const struct unix_sock *s,
	      const void *arg);
static inline u64 unix_timeout(const struct file *f, u32 flags, u64 timeo)
{
	return f->f_flags & O_NONBLOCK || flags & MSG_DONTWAIT ? 0 : timeo;
}

/* ---- socket.c ------------------------------------------------------------------------------------------ */

/* The socket of a descriptor, to be ended with fdput(*f). -EBADF, -ENOTSOCK. */
int sock_get(struct vfs_task *t, int fd, struct fd *f, struct unix_sock **s);

/* ---- unix_name.c ---------------------------------------------------------------------------------------- */

int unix_check_addr(const struct sockaddr_buf *addr);
int unix_bind(struct vfs_task *t, struct unix_sock *s, const struct sockaddr_buf *addr);
int unix_autobind(struct unix_sock *s);
/* The socket of that name and type, with a reference. -ECONNREFUSED, -EPROTOTYPE, what a path says. */
int unix_find(struct vfs_task *t, const struct sockaddr_buf *addr, int type,
	      struct unix_sock **out);
void unix_unhash(struct unix_sock *s); /* net->mutex held */
void unix_addr_put(struct vfs *vfs, struct unix_addr *a);
/* s's name, or the one of nobody. net->mutex held. */
void unix_copy_name(const struct unix_sock *s, struct sockaddr_buf *out);

/* ---- unix_connect.c --------------------------------------------------------------------------------------- */

int unix_connect(struct vfs_task *t, struct file *f, const struct sockaddr_buf *addr);
int unix_listen(struct vfs_task *t, struct unix_sock *s, int backlog);
int unix_accept(struct vfs_task *t, struct file *f, struct unix_sock **out);
int unix_shutdown(struct unix_sock *s, int how);

/* ---- unix_message.c --------------------------------------------------------------------------------------- */

s64 unix_send(struct vfs_task *t, struct file *f, struct socket_message *m, struct scm *scm);
s64 unix_recv(struct vfs_task *t, struct file *f, struct socket_message *m, struct scm *scm);
void unix_msg_free(struct vfs *vfs, struct unix_msg *m);
/* All messages go to the graveyard. net->mutex held. */
void unix_purge(struct unix_sock *s);
/* Out of the queue: uncharged, its sender and who waits for room woken. net->mutex held. */
void unix_unlink_msg(struct unix_sock *s, struct unix_msg *m);
bool unix_queue_full(const struct unix_sock *s);

/* ---- unix_gc.c ---------------------------------------------------------------------------------------------- */

/* A message with files enters a queue, leaves it. net->mutex held. */
void unix_inflight(struct unix_net *net, const struct scm_files *files, int by);
/* Frees what is in the graveyard, and what only circles of messages keep. Nothing is held. */
void unix_clean(struct vfs *vfs);

/* ---- scm.c ---------------------------------------------------------------------------------------------------- */

/* Control messages of a sender: *scm to be ended with scm_destroy(). */
int scm_parse(struct vfs_task *t, const void *control, size_t len, struct scm *scm);
void scm_destroy(struct vfs *vfs, struct scm *scm);
/* To a receiver: files are installed or dropped; MSG_CTRUNC in m->flags. */
void scm_deliver(struct vfs_task *t, struct socket_message *m, struct scm *scm, bool passcred,
		 bool cloexec);
/* A copy with references of its own, for MSG_PEEK. -ENOMEM. */
int scm_copy(struct vfs *vfs, const struct scm *from, struct scm *to);

#endif
