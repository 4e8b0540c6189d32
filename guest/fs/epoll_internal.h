/* SPDX-License-Identifier: MIT */
/* epoll_internal.h - what epoll is made of. */
#ifndef GUEST_FS_EPOLL_INTERNAL_H
#define GUEST_FS_EPOLL_INTERNAL_H

#include "guest/fs/epoll.h"
#include "guest/lib/rbtree.h"

struct eventpoll {
	struct mutex mutex;	/* the tree; taking events */
	spinlock_t lock;	/* ready list; taken from wake-ups */
	struct rb_root items;	/* by (file, fd); mutex */
	struct list_head ready; /* lock */
	struct list_head late;	/* lock; found ready while events are taken, see deliver() */
	bool taking;		/* lock; mutex to change */
	wait_queue_head_t wait, poll_wait;
	struct file *file;
	struct vfs *vfs;
};

#define EPI_QUEUES 2 /* queues one file may wait on: reading and writing ends */

struct epitem_queue {
	struct wait_queue_entry w;
	wait_queue_head_t *q;
	struct epitem *epi;
};

struct epitem {
	struct rb_node node;
	struct eventpoll *ep;
	struct file *file; /* not held: it removes its items when it goes */
	int fd;
	struct linux_epoll_event event; /* ep->lock to change */
	struct list_head
		ready_entry;	     /* ep->lock, or the mutex while ep->taking; empty: not ready */
	struct list_head late_entry; /* ep->lock; empty: not on ep->late */
	struct list_head file_entry; /* file->f_ep; vfs->epoll_mutex */
	unsigned nr_queues;
	struct epitem_queue queues[EPI_QUEUES];
};

#endif
