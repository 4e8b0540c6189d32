/* SPDX-License-Identifier: MIT */
/* prctl.h - the parts of prctl(2), and of credentials that it changes. */
#ifndef GUEST_PROCESS_PRCTL_H
#define GUEST_PROCESS_PRCTL_H

#include "guest/fs/cred.h"

/* struct cred.securebits: each bit's lock is the next higher one. */
enum {
	SECURE_NOROOT = 1 << 0,
	SECURE_NO_SETUID_FIXUP = 1 << 2,
	SECURE_KEEP_CAPS = 1 << 4,
	SECURE_KEEP_CAPS_LOCKED = 1 << 5,
	SECURE_NO_CAP_AMBIENT_RAISE = 1 << 6,
	SECURE_ALL_BITS = 0x55,
	SECURE_ALL_LOCKS = 0xaa,
};

/* n, with the caller's reference, becomes the running thread's. */
void install_cred(struct cred *n);

/* Whether the operation is one about capabilities; then its result is in *ret. */
bool prctl_capabilities(u64 op, u64 b, u64 c, u64 d, u64 e, s64 *ret);

#endif
