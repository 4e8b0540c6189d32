/* SPDX-License-Identifier: MIT */
/* groups.c - process groups and sessions; see groups.h. */
#include "guest/process/groups.h"
#include "guest/process/internal.h"

bool group_is_orphaned(int pgid, const struct process *ignoring)
{
	const struct process *p;

	for_each_process (p) {
		const struct process *parent = p->real_parent;

		if (p->pgid != pgid || p == ignoring || p->state != PROC_ALIVE || !parent ||
		    parent == init_process)
			continue;
		if (parent->pgid != pgid && parent->sid == p->sid && parent != ignoring)
			return false;
	}
	return true;
}

static bool has_stopped_member(int pgid)
{
	const struct process *p;

	for_each_process (p)
		if (p->pgid == pgid && p->group_stopped)
			return true;
	return false;
}

void kill_orphaned_group(int pgid, const struct process *gone)
{
	struct process *p;

	if (!group_is_orphaned(pgid, gone) || !has_stopped_member(pgid))
		return;
	for_each_process (p) {
		if (p->pgid != pgid)
			continue;
		send_signal_locked(p, NULL, SIGHUP, NULL);
		send_signal_locked(p, NULL, SIGCONT, NULL);
	}
}

int group_session(int pgid)
{
	const struct process *p;

	for_each_process (p)
		if (p->pgid == pgid)
			return p->sid;
	return -ESRCH;
}

s64 do_setsid(void)
{
	struct process *p = current_process();
	u64 flags = spin_lock_irqsave(&proc_lock);
	s64 ret = p->tgid;

	if (group_session(p->tgid) >= 0) {
		ret = -EPERM;
	} else {
		p->pgid = p->sid = p->tgid;
	}
	spin_unlock_irqrestore(&proc_lock, flags);
	return ret;
}

static s64 setpgid_locked(struct process *me, struct process *p, int pgid)
{
	if (!p || (p != me && p->real_parent != me))
		return -ESRCH;
	if (p != me && p->sid != me->sid)
		return -EPERM;
	if (p != me && p->did_exec)
		return -EACCES;
	if (p->sid == p->tgid)
		return -EPERM;
	if (pgid != p->tgid && group_session(pgid) != me->sid)
		return -EPERM;
	p->pgid = pgid;
	return 0;
}

s64 do_setpgid(int pid, int pgid)
{
	struct process *me = current_process();
	u64 flags;
	s64 ret;

	pid = pid ? pid : me->tgid;
	pgid = pgid ? pgid : pid;
	if (pgid < 0)
		return -EINVAL;
	flags = spin_lock_irqsave(&proc_lock);
	ret = setpgid_locked(me, find_process(pid), pgid);
	spin_unlock_irqrestore(&proc_lock, flags);
	return ret;
}
