/* SPDX-License-Identifier: MIT */
/* chrdev_table.h - the table behind chrdev.h, as part of an instance's life. */
#ifndef GUEST_FS_CHRDEV_TABLE_H
#define GUEST_FS_CHRDEV_TABLE_H

#include "guest/fs/vfs.h"

int chrdev_table_init(struct vfs *vfs);
void chrdev_table_destroy(struct vfs *vfs);

#endif
