/* SPDX-License-Identifier: MIT */
/* cred.c - see cred.h. */
#include "guest/fs/cred.h"
#include "guest/lib/env.h"

struct cred init_cred = {
	.usage = ATOMIC_INIT(1),
	.cap_permitted = CAP_FULL,
	.cap_effective = CAP_FULL,
	.cap_bset = CAP_FULL,
};

struct cred *cred_copy(const struct cred *old)
{
	struct cred *c = env_alloc(sizeof(*c));

	if (!c)
		return NULL;
	*c = *old;
	atomic_set(&c->usage, 1);
	return c;
}

void cred_put(const struct cred *c)
{
	if (c && atomic_dec_and_test(&((struct cred *)c)->usage) && c != &init_cred)
		env_free((struct cred *)c, sizeof(*c));
}

bool cred_in_group(const struct cred *c, u32 gid)
{
	if (c->fsgid == gid)
		return true;
	for (u32 i = 0; i < c->ngroups; i++)
		if (c->groups[i] == gid)
			return true;
	return false;
}
