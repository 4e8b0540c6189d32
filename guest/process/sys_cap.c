/* SPDX-License-Identifier: MIT */
/* sys_cap.c - capabilities(7) as system calls: capget(2), capset(2), and their part of prctl(2). */
#include "guest/process/prctl.h"
#include "guest/process/sys_util.h"

#define CAP_VERSION_1 0x19980330u /* 32 of them */
#define CAP_VERSION_2 0x20071026u
#define CAP_VERSION_3 0x20080522u

enum { CAP_SETPCAP = 8 };

/* The halves of each set, as the calls pass them. */
struct cap_data {
	u32 effective, permitted, inheritable;
};

/* How many struct cap_data the header asks for; -EINVAL for a version of the future, which is told. */
static int read_header(u64 user, unsigned *words, s32 *pid)
{
	u32 version;

	if (get_user_u32(&version, user))
		return -EFAULT;
	*words = version == CAP_VERSION_1 ? 1 : 2;
	if (version != CAP_VERSION_1 && version != CAP_VERSION_2 && version != CAP_VERSION_3)
		return put_user_u32(user, CAP_VERSION_3) ? -EFAULT : -EINVAL;
	return get_user_u32((u32 *)pid, user + 4);
}

SYS(capget)
{
	struct cap_data d2[2];
	u64 sets[3] = { 0 }, flags;
	const struct uthread *u;
	unsigned words;
	s32 pid;
	int err = read_header(a, &words, &pid);

	if (err || !b)
		return err == -EINVAL && !b ? 0 : err;
	if (pid < 0)
		return -EINVAL;
	flags = spin_lock_irqsave(&proc_lock);
	u = pid ? find_uthread(pid) : current_uthread();
	if (u) {
		const struct cred *cr = u->vt.cred;

		sets[0] = cr->cap_effective;
		sets[1] = cr->cap_permitted;
		sets[2] = cr->cap_inheritable;
	}
	spin_unlock_irqrestore(&proc_lock, flags);
	if (!u)
		return -ESRCH;
	for (unsigned i = 0; i < 2; i++)
		d2[i] = (struct cap_data){ (u32)(sets[0] >> 32 * i), (u32)(sets[1] >> 32 * i),
					   (u32)(sets[2] >> 32 * i) };
	return copy_to_user(b, d2, words * sizeof(d2[0])) ? -EFAULT : 0;
}

/* capabilities(7), "Programmatically adjusting capability sets". */
static bool may_set(const struct cred *old, u64 e, u64 p, u64 i)
{
	if ((i & ~(old->cap_inheritable | old->cap_permitted)) && !cred_capable(old, CAP_SETPCAP))
		return false;
	return !(i & ~(old->cap_inheritable | old->cap_bset)) && !(p & ~old->cap_permitted) &&
	       !(e & ~p);
}

SYS(capset)
{
	struct cap_data in[2] = { 0 };
	const struct cred *old = vt()->cred;
	struct cred *n;
	unsigned words;
	u64 e2, p, i;
	s32 pid;
	int err = read_header(a, &words, &pid);

	if (err)
		return err;
	if (pid && pid != current_uthread()->tid)
		return -EPERM;
	if (copy_from_user(in, b, words * sizeof(in[0])))
		return -EFAULT;
	e2 = (in[0].effective | (u64)in[1].effective << 32) & CAP_FULL;
	p = (in[0].permitted | (u64)in[1].permitted << 32) & CAP_FULL;
	i = (in[0].inheritable | (u64)in[1].inheritable << 32) & CAP_FULL;
	if (!may_set(old, e2, p, i))
		return -EPERM;
	n = cred_copy(old);
	if (!n)
		return -ENOMEM;
	n->cap_effective = e2;
	n->cap_permitted = p;
	n->cap_inheritable = i;
	n->cap_ambient &= p & i;
	install_cred(n);
	return 0;
}

/* ---- prctl -------------------------------------------------------------------------------------------- */

enum {
	PR_GET_KEEPCAPS = 7,
	PR_SET_KEEPCAPS = 8,
	PR_CAPBSET_READ = 23,
	PR_CAPBSET_DROP = 24,
	PR_GET_SECUREBITS = 27,
	PR_SET_SECUREBITS = 28,
	PR_CAP_AMBIENT = 47,
};
enum { AMBIENT_IS_SET = 1, AMBIENT_RAISE, AMBIENT_LOWER, AMBIENT_CLEAR_ALL };

static s64 set_securebits(u64 bits)
{
	const struct cred *old = vt()->cred;
	u64 locked = (old->securebits & SECURE_ALL_LOCKS) >> 1;
	struct cred *n;

	/* A lock holds its bit and itself for good. */
	if ((locked & (old->securebits ^ bits)) || (old->securebits & SECURE_ALL_LOCKS & ~bits) ||
	    (bits & ~(u64)(SECURE_ALL_LOCKS | SECURE_ALL_BITS)) || !cred_capable(old, CAP_SETPCAP))
		return -EPERM;
	n = cred_copy(old);
	if (!n)
		return -ENOMEM;
	n->securebits = (u32)bits;
	install_cred(n);
	return 0;
}

static s64 set_keepcaps(u64 on)
{
	const struct cred *old = vt()->cred;
	struct cred *n;

	if (on > 1)
		return -EINVAL;
	if (old->securebits & SECURE_KEEP_CAPS_LOCKED)
		return -EPERM;
	n = cred_copy(old);
	if (!n)
		return -ENOMEM;
	n->securebits = (old->securebits & ~(u32)SECURE_KEEP_CAPS) | (on ? SECURE_KEEP_CAPS : 0);
	install_cred(n);
	return 0;
}

static s64 drop_from_bounding_set(u64 cap)
{
	const struct cred *old = vt()->cred;
	struct cred *n;

	if (!cred_capable(old, CAP_SETPCAP))
		return -EPERM;
	if (cap > CAP_LAST)
		return -EINVAL;
	n = cred_copy(old);
	if (!n)
		return -ENOMEM;
	n->cap_bset &= ~(1UL << cap);
	install_cred(n);
	return 0;
}

static s64 ambient(u64 op, u64 cap, u64 d, u64 e)
{
	const struct cred *old = vt()->cred;
	u64 bit = 1UL << (cap & 63);
	struct cred *n;

	if (d || e || (op == AMBIENT_CLEAR_ALL ? cap != 0 : cap > CAP_LAST))
		return -EINVAL;
	if (op == AMBIENT_IS_SET)
		return old->cap_ambient >> cap & 1;
	if (op != AMBIENT_RAISE && op != AMBIENT_LOWER && op != AMBIENT_CLEAR_ALL)
		return -EINVAL;
	if (op == AMBIENT_RAISE && (!(old->cap_permitted & old->cap_inheritable & bit) ||
				    (old->securebits & SECURE_NO_CAP_AMBIENT_RAISE)))
		return -EPERM;
	n = cred_copy(old);
	if (!n)
		return -ENOMEM;
	n->cap_ambient = op == AMBIENT_RAISE   ? n->cap_ambient | bit
			 : op == AMBIENT_LOWER ? n->cap_ambient & ~bit
					       : 0;
	install_cred(n);
	return 0;
}

bool prctl_capabilities(u64 op, u64 b, u64 c, u64 d, u64 e, s64 *ret)
{
	switch (op) {
	case PR_GET_KEEPCAPS:
		*ret = (vt()->cred->securebits & SECURE_KEEP_CAPS) != 0;
		return true;
	case PR_SET_KEEPCAPS:
		*ret = set_keepcaps(b);
		return true;
	case PR_CAPBSET_READ:
		*ret = b > CAP_LAST ? -EINVAL : (s64)(vt()->cred->cap_bset >> b & 1);
		return true;
	case PR_CAPBSET_DROP:
		*ret = drop_from_bounding_set(b);
		return true;
	case PR_GET_SECUREBITS:
		*ret = vt()->cred->securebits;
		return true;
	case PR_SET_SECUREBITS:
		*ret = set_securebits(b);
		return true;
	case PR_CAP_AMBIENT:
		*ret = ambient(b, c, d, e);
		return true;
	default:
		return false;
	}
}
