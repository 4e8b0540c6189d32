/* SPDX-License-Identifier: MIT */
/* mount_internal.h - changing the tree of mounts; namespace_sem is held for writing. */
#ifndef GUEST_FS_MOUNT_INTERNAL_H
#define GUEST_FS_MOUNT_INTERNAL_H

#include "guest/fs/vfs.h"

/* Puts m, whose tree reference goes along, on top of where. */
void mount_attach(struct vfs *vfs, struct mount *m, const struct path *where);
/* Takes it off; *was gets the references that it held. */
void mount_detach(struct vfs *vfs, struct mount *m, struct path *was);
/* Takes m and all below it off, and drops the tree's references. */
void umount_tree(struct vfs *vfs, struct mount *top);

#endif
