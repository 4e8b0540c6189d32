/* SPDX-License-Identifier: MIT */
/*
 * chrdev.h - character devices by number, devtmpfs that shows them, and the memory devices
 * (null zero full random urandom kmsg mem kmem port).
 */
#ifndef GUEST_FS_CHRDEV_H
#define GUEST_FS_CHRDEV_H

#include "guest/fs/vfs.h"

#define MEM_MAJOR    1
#define TTY_MAJOR    4
#define TTYAUX_MAJOR 5
#define HVC_MAJOR    229

/* Minors [minor, minor + count) of major. An open file begins with arg as its private_data. -EBUSY,
 * -ENOMEM. What the pointers lead to stays. */
int chrdev_register(struct vfs *vfs, unsigned major, unsigned minor, unsigned count,
		    const char *name, const struct file_operations *fop, void *arg);
void chrdev_unregister(struct vfs *vfs, unsigned major, unsigned minor);
/* What was registered for the device of inode; NULL: nobody. */
const struct file_operations *chrdev_find(struct vfs *vfs, kdev_t dev, void **arg);
/* Text of /proc/devices. */
void show_devices(struct seq *s, struct vfs *vfs);

/* devtmpfs: type "devtmpfs", one tree. A node appears in every mount of it; name may have folders
 * ("input/event0"). */
int devtmpfs_init(struct vfs *vfs);
int devtmpfs_create_node(struct vfs *vfs, const char *name, u32 mode, kdev_t dev);

/* What the memory devices need of the machine; a NULL function: that device is not there. */
struct memdev_ops {
	/* Physical memory; how many of n bytes could be copied, -EFAULT for none. */
	s64 (*read_phys)(u64 pa, void *buf, size_t n);
	s64 (*write_phys)(u64 pa, const void *buf, size_t n);
	/* Kernel virtual memory. */
	s64 (*read_virt)(u64 va, void *buf, size_t n);
	s64 (*write_virt)(u64 va, const void *buf, size_t n);
	u8 (*inb)(u16 port);
	void (*outb)(u16 port, u8 value);
	/* The log: the record at *seq or the oldest after it, as /dev/kmsg shows it; its length, 0 when
	 * there is none, *seq becomes its number. `lost` when some were pushed out. */
	s64 (*kmsg_read)(u64 *seq, char *buf, size_t size, bool *lost);
	u64 (*kmsg_first)(void);
	u64 (*kmsg_next)(void); /* the number the next record will get */
	void (*kmsg_write)(int level, const char *text, size_t len);
	/* Woken for new records. */
	wait_queue_head_t *kmsg_wait;
};

/* Registers them and their nodes in devtmpfs. ops stays. */
int memdev_init(struct vfs *vfs, const struct memdev_ops *ops);

#endif
