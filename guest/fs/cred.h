/* SPDX-License-Identifier: MIT */
/*
 * cred.h - who asks: user, groups and capabilities, credentials(7). Immutable once shared: a process
 * that changes its own makes a copy and replaces its pointer.
 */
#ifndef GUEST_FS_CRED_H
#define GUEST_FS_CRED_H

#include "guest/fs/abi.h"
#include "guest/lib/atomic.h"

#define NGROUPS_MAX 64

struct cred {
	atomic_t usage;
	u32 uid, gid;	  /* real */
	u32 suid, sgid;	  /* saved */
	u32 euid, egid;	  /* effective */
	u32 fsuid, fsgid; /* for files */
	u32 securebits;
	u64 cap_inheritable, cap_permitted, cap_effective, cap_bset, cap_ambient;
	u32 ngroups;
	u32 groups[NGROUPS_MAX];
};

/* Root with every capability; static, never freed. */
extern struct cred init_cred;

/* A copy with one reference, to be changed before anybody else sees it; NULL without memory. */
struct cred *cred_copy(const struct cred *old);

static inline const struct cred *cred_get(const struct cred *c)
{
	atomic_inc(&((struct cred *)c)->usage);
	return c;
}

void cred_put(const struct cred *c);

static inline bool cred_capable(const struct cred *c, unsigned cap)
{
	return c->cap_effective >> cap & 1;
}

/* Whether gid is the file group or one of the supplementary ones. */
bool cred_in_group(const struct cred *c, u32 gid);

#endif
