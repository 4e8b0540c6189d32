/* SPDX-License-Identifier: MIT */
/* sys_cred.c - system calls about users and groups, credentials(7). A change is a new struct cred. */
#include "guest/lib/sort.h"
#include "guest/lib/string.h"
#include "guest/process/exec.h"
#include "guest/process/prctl.h"
#include "guest/process/sys_util.h"

#define UNCHANGED UINT32_MAX

/* capabilities(7): CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER, FSETID, LINUX_IMMUTABLE, MKNOD and
 * MAC_OVERRIDE. */
#define CAP_FS_SET (0x1fUL | 1UL << 9 | 1UL << 27 | 1UL << 32)

static const struct cred *cred(void)
{
	return vt()->cred;
}

/* capabilities(7), "Effect of user ID changes on capabilities". */
static void fix_capabilities(struct cred *n, const struct cred *old)
{
	bool was_root = !old->uid || !old->euid || !old->suid;

	if (was_root && n->uid && n->euid && n->suid) {
		if (!(old->securebits & SECURE_KEEP_CAPS))
			n->cap_permitted = 0;
		n->cap_ambient = 0;
	}
	if (!old->euid && n->euid)
		n->cap_effective = 0;
	if (old->euid && !n->euid)
		n->cap_effective = n->cap_permitted;
	n->cap_effective &= n->cap_permitted;
}

static void commit(struct cred *new_cred)
{
	const struct cred *old = cred();

	new_cred->fsuid = new_cred->euid;
	new_cred->fsgid = new_cred->egid;
	if (!(old->securebits & SECURE_NO_SETUID_FIXUP))
		fix_capabilities(new_cred, old);
	install_cred(new_cred);
}

void install_cred(struct cred *new_cred)
{
	struct uthread *u = current_uthread();
	const struct cred *old = u->vt.cred;
	u64 flags = spin_lock_irqsave(&proc_lock);

	u->vt.cred = new_cred;
	if (u == u->proc->leader)
		u->proc->uid = new_cred->uid;
	if (old->euid != new_cred->euid || old->egid != new_cred->egid ||
	    old->fsuid != new_cred->fsuid || old->fsgid != new_cred->fsgid ||
	    (new_cred->cap_permitted & ~old->cap_permitted)) {
		u->proc->dumpable = false;
		u->pdeath_signal = 0;
	}
	spin_unlock_irqrestore(&proc_lock, flags);
	cred_put(old);
}

SYS(getuid)
{
	return cred()->uid;
}

SYS(geteuid)
{
	return cred()->euid;
}

SYS(getgid)
{
	return cred()->gid;
}

SYS(getegid)
{
	return cred()->egid;
}

SYS(getresuid)
{
	return put_user_u32(a, cred()->uid) || put_user_u32(b, cred()->euid) ||
			       put_user_u32(c, cred()->suid)
		       ? -EFAULT
		       : 0;
}

SYS(getresgid)
{
	return put_user_u32(a, cred()->gid) || put_user_u32(b, cred()->egid) ||
			       put_user_u32(c, cred()->sgid)
		       ? -EFAULT
		       : 0;
}

static bool one_of(u32 id, u32 x, u32 y, u32 z)
{
	return id == UNCHANGED || id == x || id == y || id == z;
}

static s64 set_uids(u32 r, u32 e, u32 s)
{
	struct cred *n;

	if (!cred_capable(cred(), CAP_SETUID) &&
	    (!one_of(r, cred()->uid, cred()->euid, cred()->suid) ||
	     !one_of(e, cred()->uid, cred()->euid, cred()->suid) ||
	     !one_of(s, cred()->uid, cred()->euid, cred()->suid)))
		return -EPERM;
	n = cred_copy(cred());
	if (!n)
		return -ENOMEM;
	n->uid = r == UNCHANGED ? n->uid : r;
	n->euid = e == UNCHANGED ? n->euid : e;
	n->suid = s == UNCHANGED ? n->suid : s;
	commit(n);
	return 0;
}

static s64 set_gids(u32 r, u32 e, u32 s)
{
	struct cred *n;

	if (!cred_capable(cred(), CAP_SETGID) &&
	    (!one_of(r, cred()->gid, cred()->egid, cred()->sgid) ||
	     !one_of(e, cred()->gid, cred()->egid, cred()->sgid) ||
	     !one_of(s, cred()->gid, cred()->egid, cred()->sgid)))
		return -EPERM;
	n = cred_copy(cred());
	if (!n)
		return -ENOMEM;
	n->gid = r == UNCHANGED ? n->gid : r;
	n->egid = e == UNCHANGED ? n->egid : e;
	n->sgid = s == UNCHANGED ? n->sgid : s;
	commit(n);
	return 0;
}

SYS(setuid)
{
	u32 id = (u32)a;

	if (id == UNCHANGED)
		return -EINVAL;
	if (cred_capable(cred(), CAP_SETUID))
		return set_uids(id, id, id);
	return one_of(id, cred()->uid, cred()->suid, cred()->suid)
		       ? set_uids(UNCHANGED, id, UNCHANGED)
		       : -EPERM;
}

SYS(setgid)
{
	u32 id = (u32)a;

	if (id == UNCHANGED)
		return -EINVAL;
	if (cred_capable(cred(), CAP_SETGID))
		return set_gids(id, id, id);
	return one_of(id, cred()->gid, cred()->sgid, cred()->sgid)
		       ? set_gids(UNCHANGED, id, UNCHANGED)
		       : -EPERM;
}

/* The saved one follows the effective when the real one is set, setreuid(2). */
SYS(setreuid)
{
	u32 r = (u32)a, e2 = (u32)b, eff = e2 == UNCHANGED ? cred()->euid : e2;
	bool save = r != UNCHANGED || (e2 != UNCHANGED && e2 != cred()->uid);

	if (!cred_capable(cred(), CAP_SETUID) &&
	    (!one_of(r, cred()->uid, cred()->euid, cred()->euid) ||
	     !one_of(e2, cred()->uid, cred()->euid, cred()->suid)))
		return -EPERM;
	return set_uids(r, e2, save ? eff : UNCHANGED);
}

SYS(setregid)
{
	u32 r = (u32)a, e2 = (u32)b, eff = e2 == UNCHANGED ? cred()->egid : e2;
	bool save = r != UNCHANGED || (e2 != UNCHANGED && e2 != cred()->gid);

	if (!cred_capable(cred(), CAP_SETGID) &&
	    (!one_of(r, cred()->gid, cred()->egid, cred()->egid) ||
	     !one_of(e2, cred()->gid, cred()->egid, cred()->sgid)))
		return -EPERM;
	return set_gids(r, e2, save ? eff : UNCHANGED);
}

SYS(setresuid)
{
	return set_uids((u32)a, (u32)b, (u32)c);
}

SYS(setresgid)
{
	return set_gids((u32)a, (u32)b, (u32)c);
}

/* Only for files; the old one comes back, whether it was allowed or not. */
SYS(setfsuid)
{
	u32 id = (u32)a, old = cred()->fsuid;
	struct cred *n;

	if (id == UNCHANGED || id == old ||
	    (!cred_capable(cred(), CAP_SETUID) && id != cred()->uid && id != cred()->euid &&
	     id != cred()->suid))
		return old;
	n = cred_copy(cred());
	if (n) {
		n->fsuid = id;
		/* What makes files accessible goes and comes with root's file identity. */
		if (!(n->securebits & SECURE_NO_SETUID_FIXUP) && !old)
			n->cap_effective &= ~CAP_FS_SET;
		if (!(n->securebits & SECURE_NO_SETUID_FIXUP) && !id)
			n->cap_effective |= n->cap_permitted & CAP_FS_SET;
		install_cred(n);
	}
	return old;
}

SYS(setfsgid)
{
	u32 id = (u32)a, old = cred()->fsgid;
	struct cred *n;

	if (id == UNCHANGED || id == old ||
	    (!cred_capable(cred(), CAP_SETGID) && id != cred()->gid && id != cred()->egid &&
	     id != cred()->sgid))
		return old;
	n = cred_copy(cred());
	if (n) {
		n->fsgid = id;
		install_cred(n);
	}
	return old;
}

SYS(getgroups)
{
	s32 n = (s32)a;

	if (n < 0)
		return -EINVAL;
	if (n && n < (s32)cred()->ngroups)
		return -EINVAL;
	if (n && copy_to_user(b, cred()->groups, cred()->ngroups * sizeof(u32)))
		return -EFAULT;
	return cred()->ngroups;
}

static int compare_gids(const void *x, const void *y, void *unused)
{
	u32 gid = *(const u32 *)x, other = *(const u32 *)y;

	(void)unused;
	return gid < other ? -1 : gid > other;
}

SYS(setgroups)
{
	struct cred *n;

	if (!cred_capable(cred(), CAP_SETGID))
		return -EPERM;
	if (a > NGROUPS_MAX)
		return -EINVAL;
	n = cred_copy(cred());
	if (!n)
		return -ENOMEM;
	if (copy_from_user(n->groups, b, a * sizeof(u32))) {
		cred_put(n);
		return -EFAULT;
	}
	sort_r(n->groups, a, sizeof(n->groups[0]), compare_gids, NULL);
	n->ngroups = (u32)a;
	commit(n);
	return 0;
}

int prepare_exec_creds(struct uthread *u, const struct file *f, struct cred **out, bool *secure)
{
	const struct inode *inode = f->f_inode;
	struct cred *n = cred_copy(u->vt.cred);

	if (!n)
		return -ENOMEM;
	if (!u->no_new_privs) {
		if (inode->i_mode & S_ISUID)
			n->euid = inode->i_uid;
		if ((inode->i_mode & (S_ISGID | 0010)) == (S_ISGID | 0010))
			n->egid = inode->i_gid;
	}
	*secure = n->euid != n->uid || n->egid != n->gid;
	/* capabilities(7), "Transformation of capabilities during execve()": a program that changes
	 * who it runs as has none of the ambient ones, and root's is one with all capabilities. */
	if (n->euid != u->vt.cred->euid || n->egid != u->vt.cred->egid)
		n->cap_ambient = 0;
	n->suid = n->fsuid = n->euid;
	n->sgid = n->fsgid = n->egid;
	n->cap_permitted = n->cap_effective = n->cap_ambient;
	if (!(n->securebits & SECURE_NOROOT) && (n->euid == 0 || n->uid == 0)) {
		n->cap_permitted |= n->cap_bset | n->cap_inheritable;
		if (n->euid == 0)
			n->cap_effective = n->cap_permitted;
	}
	n->securebits &= ~(u32)SECURE_KEEP_CAPS;
	*out = n;
	return 0;
}
