/* SPDX-License-Identifier: MIT */
/* sys_prctl.c - prctl(2) but for capabilities, and personality(2). */
#include "guest/lib/string.h"
#include "guest/process/prctl.h"
#include "guest/process/sys_util.h"

enum {
	PR_SET_PDEATHSIG = 1,
	PR_GET_PDEATHSIG = 2,
	PR_GET_DUMPABLE = 3,
	PR_SET_DUMPABLE = 4,
	PR_GET_TIMING = 13,
	PR_SET_TIMING = 14,
	PR_SET_NAME = 15,
	PR_GET_NAME = 16,
	PR_GET_TSC = 25,
	PR_SET_TSC = 26,
	PR_GET_SECCOMP = 21,
	PR_SET_TIMERSLACK = 29,
	PR_GET_TIMERSLACK = 30,
	PR_SET_CHILD_SUBREAPER = 36,
	PR_GET_CHILD_SUBREAPER = 37,
	PR_SET_NO_NEW_PRIVS = 38,
	PR_GET_NO_NEW_PRIVS = 39,
	PR_GET_TID_ADDRESS = 40,
	PR_SET_THP_DISABLE = 41,
	PR_GET_THP_DISABLE = 42,
};
enum { PR_TSC_ENABLE = 1 };

static s64 set_name(struct uthread *u, u64 from)
{
	char name[TASK_COMM_LEN];

	/* A longer one is cut. */
	if (strncpy_from_user(name, from, sizeof(name)) == -EFAULT)
		return -EFAULT;
	name[sizeof(name) - 1] = '\0';
	strscpy(u->th->t.comm, name, sizeof(u->th->t.comm));
	return 0;
}

static s64 set_timerslack(struct uthread *u, u64 ns)
{
	u->timer_slack = (s64)ns <= 0 ? u->default_slack : ns;
	return 0;
}

/* What a process says about itself. -ENOSYS: not one of these. */
static s64 of_process(struct process *p, u64 op, u64 b, bool more)
{
	switch (op) {
	case PR_GET_DUMPABLE:
		return p->dumpable;
	case PR_SET_DUMPABLE:
		if (b > 1)
			return -EINVAL;
		p->dumpable = b;
		return 0;
	case PR_SET_CHILD_SUBREAPER:
		p->child_subreaper = b != 0;
		return 0;
	case PR_GET_CHILD_SUBREAPER:
		return put_user_u32(b, p->child_subreaper);
	case PR_SET_THP_DISABLE:
		if (more)
			return -EINVAL;
		p->thp_disabled = b != 0;
		return 0;
	case PR_GET_THP_DISABLE:
		return b || more ? -EINVAL : p->thp_disabled;
	default:
		return -ENOSYS;
	}
}

SYS(prctl)
{
	struct uthread *u = current_uthread();
	s64 ret;

	a = (u32)a;
	if (prctl_capabilities(a, b, c, d, e, &ret))
		return ret;
	ret = of_process(u->proc, a, b, c || d || e);
	if (ret != -ENOSYS)
		return ret;
	switch (a) {
	case PR_SET_PDEATHSIG:
		if (b > NSIG)
			return -EINVAL;
		u->pdeath_signal = (int)b;
		return 0;
	case PR_GET_PDEATHSIG:
		return put_user_u32(b, (u32)u->pdeath_signal);
	case PR_GET_SECCOMP: /* nothing is ever forbidden */
	case PR_GET_TIMING:  /* by the tick, as times(2) says */
		return 0;
	case PR_SET_TIMING:
		return b ? -EINVAL : 0;
	case PR_SET_NAME:
		return set_name(u, b);
	case PR_GET_NAME:
		return copy_to_user(b, u->th->t.comm, TASK_COMM_LEN) ? -EFAULT : 0;
	case PR_GET_TSC:
		return put_user_u32(b, PR_TSC_ENABLE);
	case PR_SET_TSC:
		return b == PR_TSC_ENABLE ? 0 : -EINVAL;
	case PR_SET_TIMERSLACK:
		return set_timerslack(u, b);
	case PR_GET_TIMERSLACK:
		return (s64)u->timer_slack;
	case PR_SET_NO_NEW_PRIVS:
		if (b != 1 || c || d || e)
			return -EINVAL;
		u->no_new_privs = true;
		return 0;
	case PR_GET_NO_NEW_PRIVS:
		return b || c || d || e ? -EINVAL : u->no_new_privs;
	case PR_GET_TID_ADDRESS:
		return put_user_u64(b, u->clear_child_tid);
	default:
		return -EINVAL;
	}
}

/* Only Linux's own; the flags that ask for special treatment are kept and told. */
SYS(personality)
{
	struct process *p = current_process();
	u32 old = p->personality;

	if ((u32)a != UINT32_MAX)
		p->personality = (u32)a;
	return old;
}
