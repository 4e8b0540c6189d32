/* SPDX-License-Identifier: MIT */
/* memdev.h - what /dev/mem, kmem, port and kmsg reach: this machine's memory, ports and log. */
#ifndef GUEST_KERNEL_MEMDEV_H
#define GUEST_KERNEL_MEMDEV_H

#include "guest/fs/chrdev.h"

extern const struct memdev_ops kernel_memdev;

/* From the tick: wakes who waits for the log to grow. */
void kmsg_tick(void);

#endif
