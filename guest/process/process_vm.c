/* SPDX-License-Identifier: MIT */
/* process_vm.c - process_vm_readv(2) and process_vm_writev(2): between two address spaces, by way of a
 * page of the kernel's. */
#include "guest/process/debug.h"
#include "guest/process/sys_util.h"

enum { IOV_MAX = 1024 };

struct remote_iov {
	u64 base, len;
};

/* One after the other, the two lists as streams of bytes. */
struct stream {
	u64 user; /* the list */
	u64 left; /* of its entries, without the current one */
	struct remote_iov now;
};

/* The current entry has something in it: 1; 0: the end; -EFAULT, -EINVAL. */
static int advance(struct stream *s)
{
	while (!s->now.len) {
		if (!s->left)
			return 0;
		if (copy_from_user(&s->now, s->user, sizeof(s->now)))
			return -EFAULT;
		if ((s64)s->now.len < 0)
			return -EINVAL;
		s->user += sizeof(s->now);
		s->left--;
	}
	return 1;
}

/* All of it, before anything is copied. */
static int check_list(const struct stream *list)
{
	struct stream s = *list;
	int ret;

	if (s.left > IOV_MAX)
		return -EINVAL;
	while ((ret = advance(&s)) > 0)
		s.now.len = 0;
	return ret;
}

/* One piece of at most a page; how much, 0: nothing more can be. */
static u64 copy_piece(struct mm_struct *mm, struct stream *local, struct stream *remote, void *page,
		      bool write)
{
	u64 n = MIN(local->now.len, remote->now.len), left;

	n = MIN(n, PAGE_SIZE);
	if (write) {
		n -= copy_from_user(page, local->now.base, n);
		n = mm_access(mm, remote->now.base, page, n, true, false);
	} else {
		n = mm_access(mm, remote->now.base, page, n, false, false);
		left = copy_to_user(local->now.base, page, n);
		n -= left;
	}
	local->now.base += n;
	local->now.len -= n;
	remote->now.base += n;
	remote->now.len -= n;
	return n;
}

static s64 copy_streams(struct mm_struct *mm, struct stream *local, struct stream *remote,
			bool write)
{
	void *page = kmalloc(&kernel_mm.slab, PAGE_SIZE, GFP_KERNEL);
	s64 done = 0;
	int err = 0;

	if (!page)
		return -ENOMEM;
	while (!current->fatal_signal_pending) {
		u64 n;

		err = advance(local);
		if (err > 0)
			err = advance(remote);
		if (err <= 0)
			break;
		n = copy_piece(mm, local, remote, page, write);
		err = n ? 0 : -EFAULT;
		if (!n)
			break;
		done += (s64)n;
	}
	kfree(&kernel_mm.slab, page);
	return done ? done : err;
}

static s64 process_vm(int pid, struct stream local, struct stream remote, u64 how, bool write)
{
	struct mm_struct *mm;
	s64 ret;

	if (how)
		return -EINVAL;
	ret = check_list(&local);
	if (!ret)
		ret = check_list(&remote);
	if (ret || !local.left)
		return ret;
	ret = mm_of_debuggee(pid, &mm);
	if (ret)
		return ret;
	ret = copy_streams(mm, &local, &remote, write);
	mmput(mm);
	return ret;
}

SYS(process_vm_readv)
{
	return process_vm((int)a, (struct stream){ .user = b, .left = c },
			  (struct stream){ .user = d, .left = e }, f, false);
}

SYS(process_vm_writev)
{
	return process_vm((int)a, (struct stream){ .user = b, .left = c },
			  (struct stream){ .user = d, .left = e }, f, true);
}
