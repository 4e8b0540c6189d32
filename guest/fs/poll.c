/* SPDX-License-Identifier: MIT */
/* poll.c - poll(2) and select(2): enter every file's queues once, then look, sleep, look again. */
#include "guest/fs/poll.h"
#include "guest/fs/fdtable.h"
#include "guest/fs/internal.h"
#include "guest/lib/bitmap.h"

#define INLINE_ENTRIES 8
#define BLOCK_ENTRIES  32

struct poll_entry {
	struct wait_queue_entry w;
	wait_queue_head_t *q;
	struct file *file; /* held, or the queue could go */
	struct waiter *waiter;
};

struct poll_block {
	struct poll_block *next;
	struct poll_entry entry[BLOCK_ENTRIES];
};

struct waiter {
	struct poll_table pt;
	struct vfs *vfs;
	struct task_struct *task;
	bool triggered;
	int err;
	unsigned nr;
	struct poll_block *blocks;
	struct poll_entry entry[INLINE_ENTRIES];
};

u32 vfs_poll(struct file *f, struct poll_table *pt)
{
	if (!f->f_op || !f->f_op->poll)
		return POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
	return f->f_op->poll(f, pt);
}

static bool poll_wake(struct wait_queue_entry *w, unsigned state, u32 key)
{
	struct waiter *pw = container_of(w, struct poll_entry, w)->waiter;

	(void)key; /* it looks again anyhow, and sleeps on if that was not for it */
	WRITE_ONCE(pw->triggered, true);
	smp_mb();
	return wake_up_state(pw->task, state);
}

static struct poll_entry *new_entry(struct waiter *pw)
{
	unsigned n = pw->nr;

	if (n < INLINE_ENTRIES) {
		pw->nr++;
		return &pw->entry[n];
	}
	n = (n - INLINE_ENTRIES) % BLOCK_ENTRIES;
	if (!n) {
		struct poll_block *b = kmalloc(pw->vfs->slab, sizeof(*b), GFP_KERNEL);

		if (!b)
			return NULL;
		b->next = pw->blocks;
		pw->blocks = b;
	}
	pw->nr++;
	return &pw->blocks->entry[n];
}

static void enter_queue(struct poll_table *pt, struct file *f, wait_queue_head_t *q)
{
	struct waiter *pw = container_of(pt, struct waiter, pt);
	struct poll_entry *e = new_entry(pw);

	if (!e) {
		pw->err = -ENOMEM;
		return;
	}
	*e = (struct poll_entry){ .w.func = poll_wake, .q = q, .file = get_file(f), .waiter = pw };
	INIT_LIST_HEAD(&e->w.node);
	add_wait_queue(q, &e->w);
}

static void leave(struct poll_entry *e)
{
	remove_wait_queue(e->q, &e->w);
	fput(e->file);
}

static void waiter_end(struct waiter *pw)
{
	struct poll_block *next;

	while (pw->nr > INLINE_ENTRIES) {
		unsigned n = (--pw->nr - INLINE_ENTRIES) % BLOCK_ENTRIES;

		leave(&pw->blocks->entry[n]);
		if (!n) {
			next = pw->blocks->next;
			kfree(pw->vfs->slab, pw->blocks);
			pw->blocks = next;
		}
	}
	/* A block that was made for an entry that could not be had does not exist. */
	while (pw->nr)
		leave(&pw->entry[--pw->nr]);
}

/* Looks with scan() until it finds something (> 0), fails (< 0), the time is over or a signal comes.
 * scan() enters queues on its first call only. */
static s64 wait_for_any(struct vfs_task *t, u64 deadline,
			s64 (*scan)(struct vfs_task *t, void *arg, struct poll_table *pt),
			void *arg)
{
	struct waiter pw = { .pt.queue = enter_queue, .vfs = t->vfs, .task = current };
	struct poll_table *pt = deadline ? &pw.pt : NULL;
	s64 ret;

	for (;;) {
		ret = scan(t, arg, pt);
		pt = NULL;
		if (!ret)
			ret = pw.err;
		if (ret || !deadline)
			break;
		if (signal_pending_state(TASK_INTERRUPTIBLE, current)) {
			ret = -EINTR;
			break;
		}
		if (env_now_ns() >= deadline)
			break;
		set_current_state(TASK_INTERRUPTIBLE);
		if (!READ_ONCE(pw.triggered))
			t->vfs->env->schedule_until(deadline);
		__set_current_state(TASK_RUNNING);
		WRITE_ONCE(pw.triggered, false);
		smp_mb();
	}
	waiter_end(&pw);
	return ret;
}

/* ---- poll(2) ------------------------------------------------------------------------------------------------ */

struct poll_args {
	struct linux_pollfd *fds;
	unsigned nr;
};

static s64 scan_pollfds(struct vfs_task *t, void *arg, struct poll_table *pt)
{
	struct poll_args *a = arg;
	s64 ready = 0;

	for (unsigned i = 0; i < a->nr; i++) {
		struct linux_pollfd *p = &a->fds[i];
		u32 mask = 0, want = ((u32)(u16)p->events) | POLLERR | POLLHUP;

		if (p->fd >= 0) {
			struct fd f = fdget(t, p->fd);

			if (pt)
				pt->events = want;
			mask = f.file ? vfs_poll(f.file, pt) & want : POLLNVAL;
			fdput(f);
		}
		p->revents = (s16)mask;
		if (mask) {
			ready++;
			pt = NULL; /* there will be no sleep */
		}
	}
	return ready;
}

s64 fs_poll(struct vfs_task *t, struct linux_pollfd *fds, unsigned nr, u64 deadline)
{
	struct poll_args a = { fds, nr };

	if (nr > t->rlimit[RLIMIT_NOFILE])
		return -EINVAL;
	return wait_for_any(t, deadline, scan_pollfds, &a);
}

/* ---- select(2) ------------------------------------------------------------------------------------------------ */

#define SELECT_IN  (POLLRDNORM | POLLRDBAND | POLLIN | POLLHUP | POLLERR | POLLNVAL)
#define SELECT_OUT (POLLWRBAND | POLLWRNORM | POLLOUT | POLLERR | POLLNVAL)
#define SELECT_EX  (POLLPRI | POLLNVAL)

struct select_args {
	unsigned nr;
	const u64 *want[3]; /* NULL: none */
	u64 *got[3];
};

static s64 scan_sets(struct vfs_task *t, void *arg, struct poll_table *pt)
{
	static const u32 masks[3] = { SELECT_IN, SELECT_OUT, SELECT_EX };
	struct select_args *a = arg;
	s64 ready = 0;

	for (unsigned set = 0; set < 3; set++)
		if (a->got[set])
			bitmap_zero(a->got[set], a->nr);
	for (unsigned i = 0; i < a->nr; i++) {
		u32 wanted = 0, mask;
		struct fd f;

		for (unsigned set = 0; set < 3; set++)
			if (a->want[set] && test_bit(i, a->want[set]))
				wanted |= masks[set];
		if (!wanted)
			continue;
		f = fdget_raw(t, (int)i);
		if (!f.file)
			return -EBADF;
		if (pt)
			pt->events = wanted;
		/* O_PATH: open, but not for this. */
		mask = f.file->f_mode & FMODE_PATH ? POLLNVAL : vfs_poll(f.file, pt);
		fdput(f);
		for (unsigned set = 0; set < 3; set++) {
			if (!a->want[set] || !test_bit(i, a->want[set]) || !(mask & masks[set]))
				continue;
			__set_bit(i, a->got[set]);
			ready++;
			pt = NULL;
		}
	}
	return ready;
}

s64 fs_select(struct vfs_task *t, int nr, u64 *in, u64 *out, u64 *ex, u64 deadline)
{
	u64 *sets[3] = { in, out, ex };
	struct select_args a = { 0 };
	size_t words;
	u64 *copy;
	s64 ret;

	if (nr < 0)
		return -EINVAL;
	a.nr = MIN((unsigned)nr, READ_ONCE(t->files->max_fds));
	words = BITS_TO_WORDS(a.nr);
	copy = kzalloc(t->vfs->slab, 3 * words * sizeof(u64) + 1, GFP_KERNEL);
	if (!copy)
		return -ENOMEM;
	for (unsigned i = 0; i < 3; i++) {
		if (!sets[i])
			continue;
		bitmap_copy(copy + i * words, sets[i], a.nr);
		a.want[i] = copy + i * words;
		a.got[i] = sets[i];
	}
	ret = wait_for_any(t, deadline, scan_sets, &a);
	/* On failure the sets are as they were. */
	for (unsigned i = 0; i < 3 && ret < 0; i++)
		if (sets[i])
			bitmap_copy(sets[i], a.want[i], a.nr);
	kfree(t->vfs->slab, copy);
	return ret;
}
