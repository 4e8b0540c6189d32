/* SPDX-License-Identifier: MIT */
/*
 * initramfs.h - unpacking what the loader brought: "newc" cpio archives, plain or in gzip, one after
 * the other. Linux Documentation/driver-api/early-userspace/buffer-format.rst.
 */
#ifndef GUEST_FS_INITRAMFS_H
#define GUEST_FS_INITRAMFS_H

#include "guest/fs/vfs.h"

struct initramfs_result {
	u64 files, folders, links, nodes, bytes;
	size_t offset;	   /* of the input, where it ended or broke */
	const char *error; /* what was wrong, or NULL */
};

/* Unpacks into t's root. 0, -EINVAL (not an archive), -EIO (cut short, damaged), or what the file
 * system said; what was unpacked so far stays. */
int initramfs_unpack(struct vfs_task *t, const void *data, size_t len,
		     struct initramfs_result *res);

#endif
