/* SPDX-License-Identifier: MIT */
/* debug.c - see debug.h. */
#include "guest/process/debug.h"
#include "guest/process/internal.h"

enum { CAP_SYS_PTRACE = 19 };

bool ptrace_may_access(const struct uthread *u)
{
	const struct uthread *me = current_uthread();
	const struct cred *c = me->vt.cred, *t = u->vt.cred;

	if (u->proc == me->proc || cred_capable(c, CAP_SYS_PTRACE))
		return true;
	return c->uid == t->euid && c->uid == t->suid && c->uid == t->uid && c->gid == t->egid &&
	       c->gid == t->sgid && c->gid == t->gid && u->proc->dumpable &&
	       !(t->cap_permitted & ~c->cap_permitted);
}

int mm_of_debuggee(int tid, struct mm_struct **mm)
{
	u64 flags = spin_lock_irqsave(&proc_lock);
	const struct uthread *u = find_uthread(tid);
	int err = 0;

	if (!u || !u->mm) {
		err = -ESRCH;
	} else if (!ptrace_may_access(u)) {
		err = -EPERM;
	} else {
		*mm = u->mm;
		mmget(*mm);
	}
	spin_unlock_irqrestore(&proc_lock, flags);
	return err;
}
