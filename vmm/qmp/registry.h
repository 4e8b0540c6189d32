/* SPDX-License-Identifier: MIT */
/*
 * registry.h - the user's running guests: one directory each, NAME, below the runtime directory.
 *
 * The runtime directory is $XDG_RUNTIME_DIR/parallax, else /run/user/UID/parallax, else
 * /tmp/parallax-UID: 0700, and refused when somebody else owns it. NAME holds the socket `qmp`
 * (0600). A guest that died without cleaning up leaves a socket that nobody listens at; whoever
 * comes across it removes it. A lock on the runtime directory keeps two from deciding at once.
 */
#ifndef VMM_QMP_REGISTRY_H
#define VMM_QMP_REGISTRY_H

#include <sys/types.h>

#include "base/error.h"
#include "base/types.h"

#define REGISTRY_MAX_NAME 48

struct registry_claim {
	char name[REGISTRY_MAX_NAME +
		  8]; /* "": none; the name that was asked for, or that and "-N" */
	char dir[96];
	char socket[104];
	int lock; /* held until registry_settle(); -1: not held */
};

/* Names that can be had: no '/', no leading dot or dash, printable. 0 or -EINVAL with e filled. */
int registry_check_name(const char *name, struct error *e);

/*
 * Makes the directory of name. With any, a taken name gets a number ("guest-2"); otherwise it is
 * -EEXIST. 0 with the lock held (listen, then registry_settle()), or -errno with e filled.
 */
int registry_claim(struct registry_claim *c, const char *name, bool any, struct error *e);
void registry_settle(struct registry_claim *c);

/* Removes socket and directory; once its listener is closed. Nothing claimed is fine. */
void registry_release(struct registry_claim *c);

/* One that runs, as far as can be told without talking to it. */
struct registry_guest {
	char name[REGISTRY_MAX_NAME + 8];
	int fd;	   /* connected to its socket; whoever gets it closes it */
	pid_t pid; /* of the process that listens */
};

/*
 * Calls fn for every live guest, in the order of names, and removes the leftovers of dead ones,
 * which are counted in *dead. 0 or -errno with e filled.
 */
int registry_each(int (*fn)(void *arg, struct registry_guest *g), void *arg, unsigned *dead,
		  struct error *e);

/* Connects to one. 0, -ENOENT (no such guest; with a near name in e), or -errno; e filled. */
int registry_connect(const char *name, struct registry_guest *g, struct error *e);

/* Where the messages of a detached guest go: NAME.log in the runtime directory, which outlives it. */
int registry_log_path(const char *name, char *buf, size_t size, struct error *e);

#endif
