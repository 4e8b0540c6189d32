/* SPDX-License-Identifier: MIT */
/*
 * socket.h - sockets of AF_UNIX, unix(7): the calls of socket(2) and its kin, one function each, as in
 * calls.h. Other address families are -EAFNOSUPPORT.
 */
#ifndef GUEST_FS_SOCKET_H
#define GUEST_FS_SOCKET_H

#include "guest/fs/vfs.h"

#define AF_UNSPEC	 0
#define AF_UNIX		 1

#define SOCK_STREAM	 1
#define SOCK_DGRAM	 2
#define SOCK_RAW	 3
#define SOCK_SEQPACKET	 5
#define SOCK_NONBLOCK	 O_NONBLOCK
#define SOCK_CLOEXEC	 O_CLOEXEC

#define MSG_OOB		 0x1
#define MSG_PEEK	 0x2
#define MSG_CTRUNC	 0x8
#define MSG_TRUNC	 0x20
#define MSG_DONTWAIT	 0x40
#define MSG_EOR		 0x80
#define MSG_WAITALL	 0x100
#define MSG_NOSIGNAL	 0x4000
#define MSG_CMSG_CLOEXEC 0x40000000

#define SOL_SOCKET	 1
#define SCM_RIGHTS	 1
#define SCM_CREDENTIALS	 2
#define SCM_MAX_FD	 253
#define SCM_MAX_CONTROL	 20480 /* net.core.optmem_max */

#define SOCKADDR_MAX	 128 /* sizeof(struct sockaddr_storage) */

struct sockaddr_buf {
	u32 len; /* 0: none */
	u8 data[SOCKADDR_MAX];
};

struct linux_ucred {
	s32 pid;
	u32 uid, gid;
};

/* One message on its way between a program and a socket. */
struct socket_message {
	struct iov_iter *data;
	const struct sockaddr_buf *to; /* sending; NULL: the peer */
	struct sockaddr_buf *from;     /* receiving; may be NULL */
	/* Control messages: sending: kernel memory. Receiving: where they go in user memory; both are
	 * moved past what has been written. */
	const void *control_in;
	u64 control, control_len;
	u32 flags; /* MSG_*; receiving: those that the receiver is told */
};

s64 fs_socket(struct vfs_task *t, int family, int type, int protocol);
s64 fs_socketpair(struct vfs_task *t, int family, int type, int protocol, int fd[2]);
s64 fs_bind(struct vfs_task *t, int fd, const struct sockaddr_buf *addr);
s64 fs_connect(struct vfs_task *t, int fd, const struct sockaddr_buf *addr);
s64 fs_listen(struct vfs_task *t, int fd, int backlog);
/* *peer is the new connection's other end; may be NULL. */
s64 fs_accept4(struct vfs_task *t, int fd, struct sockaddr_buf *peer, int flags);
s64 fs_getsockname(struct vfs_task *t, int fd, struct sockaddr_buf *addr, bool peer);
s64 fs_sendmsg(struct vfs_task *t, int fd, struct socket_message *m);
s64 fs_recvmsg(struct vfs_task *t, int fd, struct socket_message *m);
s64 fs_shutdown(struct vfs_task *t, int fd, int how);
/* User addresses. */
s64 fs_setsockopt(struct vfs_task *t, int fd, int level, int name, u64 value, u32 len);
s64 fs_getsockopt(struct vfs_task *t, int fd, int level, int name, u64 value, u64 len);

/* What all sockets of an instance share. 0 or -ENOMEM. */
int unix_init(struct vfs *vfs);
void unix_destroy(struct vfs *vfs);
/* /proc/net/unix; arg: the struct vfs. */
int unix_show(struct seq *s, void *arg);

#endif
