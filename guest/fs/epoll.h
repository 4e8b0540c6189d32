/* SPDX-License-Identifier: MIT */
/* epoll.h - epoll(7): a set of watched files, and the list of those that are ready. */
#ifndef GUEST_FS_EPOLL_H
#define GUEST_FS_EPOLL_H

#include "guest/fs/poll.h"

s64 fs_epoll_create1(struct vfs_task *t, u32 flags);
s64 fs_epoll_ctl(struct vfs_task *t, int epfd, int op, int fd, const struct linux_epoll_event *ev);
/* Up to max events to the iterator (struct linux_epoll_event); how many. deadline as fs_poll(). */
s64 fs_epoll_wait(struct vfs_task *t, int epfd, struct iov_iter *to, int max, u64 deadline);

/* The last reference of a watched file has gone. */
void eventpoll_release(struct file *f);

#endif
