/* SPDX-License-Identifier: MIT */
/* namei_internal.h - a path walk in pieces, for opening. */
#ifndef GUEST_FS_NAMEI_INTERNAL_H
#define GUEST_FS_NAMEI_INTERNAL_H

#include "guest/fs/fdtable.h"
#include "guest/fs/internal.h"

/* A link whose text is being walked; the text belongs to it. */
struct frame {
	const char *rest; /* of the path around it; NULL: nothing */
	char *owned;	  /* the text, if it was made for us */
	struct path link;
};

struct walk {
	struct vfs_task *t;
	struct vfs *vfs;
	struct path path, root;
	unsigned flags; /* LOOKUP_* */
	/* Whether the walk has needed the root so far. Until then Linux takes every absolute link for
	 * one that leaves the mount (RESOLVE_NO_XDEV). */
	bool root_used;
	unsigned nr_links, nr_frames;
	struct last_name last;
	struct frame frames[MAXSYMLINKS];
};

/* Starts; ended by walk_end() also after a failure. */
int walk_begin(struct walk *w, struct vfs_task *t, int dfd, const char *path, unsigned flags);
/* All but the last component, which is in w->last. */
int walk_parents(struct walk *w, const char *name);
/* The last one. *text: a link to follow by walk_parents() again; NULL: arrived. */
int walk_last(struct walk *w, const char **text);
int walk_last_inner(struct walk *w, const char **text);
int walk_into(struct walk *w, struct dentry *d, bool last, bool follow, const char **text);
void walk_end(struct walk *w);

#endif
