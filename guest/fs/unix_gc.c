/* SPDX-License-Identifier: MIT */
/*
 * unix_gc.c - sockets that only messages keep, and the end of messages.
 *
 * A socket can be sent through itself, or two through each other: then closing every descriptor leaves
 * their files referenced by messages that nobody can receive. Mark and sweep finds them: a socket whose
 * file has more references than messages have of it is in use; so is what lies in the queue of one that
 * is in use. All others' queues are emptied. It runs when a socket is closed while others are on their
 * way, under net->mutex, which also keeps a message from being received meanwhile.
 */
#include "guest/fs/internal.h"
#include "guest/fs/unix_internal.h"

void unix_inflight(struct unix_net *net, const struct scm_files *files, int by)
{
	if (!files)
		return;
	net->nr_inflight += (u64)((s64)files->nr * by);
	for (unsigned i = 0; i < files->nr; i++) {
		struct unix_sock *s = unix_of(files->file[i]);

		if (s) {
			s->inflight += (unsigned)by;
			net->nr_sockets_inflight += (u64)(s64)by;
		}
	}
}

static void reach(struct unix_sock *s, struct list_head *todo)
{
	if (s->reached)
		return;
	s->reached = true;
	list_add_tail(&s->todo, todo);
}

static void reach_queue(const struct unix_sock *s, struct list_head *todo)
{
	const struct unix_msg *m;

	list_for_each_entry (m, &s->queue, node) {
		if (!m->scm.files)
			continue;
		for (unsigned i = 0; i < m->scm.files->nr; i++) {
			struct unix_sock *sent = unix_of(m->scm.files->file[i]);

			if (sent)
				reach(sent, todo);
		}
	}
}

static void collect(struct unix_net *net)
{
	struct unix_sock *s, *embryo;
	struct list_head todo;

	INIT_LIST_HEAD(&todo);
	list_for_each_entry (s, &net->all, all)
		s->reached = false;
	list_for_each_entry (s, &net->all, all)
		if ((unsigned)atomic_read(&s->file->f_count) > s->inflight)
			reach(s, &todo);
	while ((s = list_first_entry_or_null(&todo, struct unix_sock, todo))) {
		list_del_init(&s->todo);
		reach_queue(s, &todo);
		list_for_each_entry (embryo, &s->embryos, embryo_node)
			reach_queue(embryo, &todo);
	}
	list_for_each_entry (s, &net->all, all) {
		if (s->reached)
			continue;
		unix_purge(s);
		list_for_each_entry (embryo, &s->embryos, embryo_node)
			unix_purge(embryo);
	}
}

void unix_clean(struct vfs *vfs)
{
	struct unix_net *net = vfs->unix_net;
	struct unix_msg *m;

	mutex_lock(&net->mutex);
	net->dirty = true;
	if (net->emptying) { /* who does, perhaps we further up, goes on: U4 */
		mutex_unlock(&net->mutex);
		return;
	}
	net->emptying = true;
	while (net->dirty) {
		net->dirty = false;
		if (net->nr_sockets_inflight)
			collect(net);
		while ((m = list_first_entry_or_null(&net->graveyard, struct unix_msg, node))) {
			list_del(&m->node);
			mutex_unlock(&net->mutex);
			unix_msg_free(vfs, m);
			mutex_lock(&net->mutex);
		}
	}
	net->emptying = false;
	mutex_unlock(&net->mutex);
}
