/* SPDX-License-Identifier: MIT */
/* vfs_questions.c - see vfs_questions.h. */
#include "guest/process/vfs_questions.h"
#include "guest/process/groups.h"
#include "guest/process/internal.h"

static struct uthread *of_task(const struct vfs_task *t)
{
	return container_of((struct vfs_task *)t, struct uthread, vt);
}

void vfs_send_sig(struct vfs_task *t, int sig)
{
	struct uthread *u = of_task(t);

	send_signal(u->proc, u, sig, NULL);
}

int vfs_task_pgrp(const struct vfs_task *t)
{
	return of_task(t)->proc->pgid;
}

int vfs_task_session(const struct vfs_task *t)
{
	return of_task(t)->proc->sid;
}

bool vfs_task_is_session_leader(const struct vfs_task *t)
{
	return of_task(t)->proc->sid == of_task(t)->proc->tgid;
}

bool vfs_task_sig_ignored(const struct vfs_task *t, int sig)
{
	const struct uthread *u = of_task(t);

	return (u->blocked & sigbit(sig)) || sig_ignored(u->proc, sig);
}

bool vfs_pgrp_is_orphaned(const struct vfs_task *t)
{
	u64 flags = spin_lock_irqsave(&proc_lock);
	bool is = group_is_orphaned(of_task(t)->proc->pgid, NULL);

	spin_unlock_irqrestore(&proc_lock, flags);
	return is;
}

bool vfs_pid_exists(int pid)
{
	u64 flags = spin_lock_irqsave(&proc_lock);
	bool is = find_process(pid) || find_uthread(pid);

	spin_unlock_irqrestore(&proc_lock, flags);
	return is;
}

int vfs_pgrp_session(int pgrp)
{
	u64 flags = spin_lock_irqsave(&proc_lock);
	int sid = group_session(pgrp);

	spin_unlock_irqrestore(&proc_lock, flags);
	return sid;
}
