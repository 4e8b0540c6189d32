/* SPDX-License-Identifier: MIT */
/* chrdev.h - character devices by number: who answers when a device node is opened. */
#ifndef GUEST_FS_CHRDEV_H
#define GUEST_FS_CHRDEV_H

#include "guest/fs/vfs.h"

/* Minors [minor, minor + count) of major. An open file begins with arg as its private_data. -EBUSY,
 * -ENOMEM. What the pointers lead to stays. */
int chrdev_register(struct vfs *vfs, unsigned major, unsigned minor, unsigned count,
		    const char *name, const struct file_operations *fop, void *arg);
void chrdev_unregister(struct vfs *vfs, unsigned major, unsigned minor);
/* What was registered for the device of inode; NULL: nobody. */
const struct file_operations *chrdev_find(struct vfs *vfs, kdev_t dev, void **arg);
/* Text of /proc/devices. */
void show_devices(struct seq *s, struct vfs *vfs);

#endif
