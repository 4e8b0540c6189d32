/* SPDX-License-Identifier: MIT */
/*
 * device.h - what a device is, and everything it may ask of the machine around it.
 *
 * A device is data: a const struct device_class plus an instance whose first member is a struct
 * device. It is handed its interrupt line, guest memory and the event loop, and never calls up
 * into vmm/. All values from the guest (offset, size, data) are hostile; the bus guarantees only
 * that offset + size lies inside the device's range and size is 1, 2, 4 or 8.
 *
 * Context: read() and write() run on vCPU threads, several at a time; a device that has shared
 * state locks it itself (struct dev_lock, uncontended cost one atomic exchange). fd and timer
 * callbacks run on the event-loop thread.
 */
#ifndef DEVICES_DEVICE_H
#define DEVICES_DEVICE_H

#include <stdatomic.h>

#include "base/types.h"
#include "mm/guest_mem.h"

struct device;
struct aml;

/* An interrupt input of the machine: level 1 asserts, 0 deasserts; an edge is 1 then 0. */
struct irq_line {
	void (*set)(void *ctx, u32 gsi, int level); /* any thread; NULL: not connected */
	void *ctx;
	u32 gsi;
};

static inline void irq_set(const struct irq_line *line, int level)
{
	if (line->set)
		line->set(line->ctx, line->gsi, level);
}

/* What a guest may ask of the machine through a device. */
enum machine_request {
	MACHINE_POWER_OFF,  /* ACPI S5 */
	MACHINE_RESET,	    /* i8042, port 0xcf9, ACPI reset register */
	MACHINE_GUEST_EXIT, /* the exit device; status says with what */
};

struct dev_timer; /* one-shot, owned by the loop */

enum dev_space { DEV_PIO, DEV_MMIO };

struct dev_range {
	enum dev_space space;
	u64 base;
	u64 len;
};

/*
 * The machine's services, one table for every device of a machine. ctx is passed back as first
 * argument. All calls may be made from any thread unless said otherwise.
 */
struct dev_env {
	void *ctx;
	struct guest_mem *mem;

	/* CLOCK_MONOTONIC in ns; the guest-visible wall clock in ns since the Unix epoch. */
	u64 (*now_ns)(void *ctx);
	u64 (*wall_ns)(void *ctx);

	/* Ends the machine. status is used with MACHINE_GUEST_EXIT only (0..255). */
	void (*request)(void *ctx, enum machine_request what, int status);

	/*
	 * Watch fd for EPOLL* events; fn runs on the loop thread. events 0 keeps the fd registered but
	 * quiet. Returns 0 or -errno (-EPERM for regular files, as epoll_ctl(2)). Loop thread or
	 * before the loop runs.
	 */
	int (*watch_fd)(void *ctx, int fd, u32 events, void (*fn)(void *arg, u32 events),
			void *arg);
	void (*unwatch_fd)(void *ctx, int fd);

	/*
	 * Timers. create before the machine runs (NULL when out of memory); arm (deadline in now_ns
	 * time, replaces an earlier one) and cancel from any thread.
	 */
	struct dev_timer *(*timer_create)(void *ctx, void (*fn)(void *arg), void *arg);
	void (*timer_arm)(void *ctx, struct dev_timer *t, u64 deadline_ns);
	void (*timer_cancel)(void *ctx, struct dev_timer *t);

	/* Interrupt controllers only. Deliver a message; keep gsi's KVM route in step with it. */
	void (*msi_send)(void *ctx, u64 addr, u32 data);
	void (*msi_route)(void *ctx, u32 gsi, u64 addr, u32 data);

	/*
	 * Shortcuts through the kernel; NULL, or -errno: there are none, and write() is called and the
	 * line driven as ever. doorbell_fd: a guest's write of range->len bytes at range->base
	 * signals eventfd. irq_fd: a signal of eventfd is an edge on gsi. Before the machine runs, and
	 * with attach false after it.
	 */
	int (*doorbell_fd)(void *ctx, int eventfd, const struct dev_range *range, bool attach);
	int (*irq_fd)(void *ctx, int eventfd, u32 gsi, bool attach);
};

#define DEV_MAX_RANGES 4

struct device_class {
	const char *name;	 /* "uart16550"; also the name in --stats and in snapshots */
	const char *description; /* a few words for people */

	/* Power-on state. Called once after creation and at every machine reset. */
	void (*reset)(struct device *dev);
	/*
	 * range is the index into dev->range, offset is relative to it. A read returns all-ones in
	 * the low `size` bytes where no register answers; a write there is dropped.
	 */
	u64 (*read)(struct device *dev, unsigned range, u64 offset, unsigned size);
	void (*write)(struct device *dev, unsigned range, u64 offset, unsigned size, u64 value);
	void (*destroy)(struct device *dev); /* frees the instance; NULL: free() */

	/* The plain-data part of the instance that a snapshot holds; post_load may be NULL. */
	u32 state_offset;
	u32 state_size;
	int (*post_load)(struct device *dev); /* 0, or -EINVAL for a state that cannot be */

	/* How it describes itself; NULL: not at all. fdt is libfdt sequential-write; 0 or -FDT_ERR. */
	int (*describe_fdt)(const struct device *dev, void *fdt);
	/* Appends a Device object to the DSDT's \_SB scope. */
	void (*describe_acpi)(const struct device *dev, struct aml *a);
};

struct device {
	const struct device_class *class;
	const struct dev_env *env;
	struct irq_line irq;
	struct dev_range range[DEV_MAX_RANGES];
	unsigned nr_ranges;
};

/* A tiny lock for register state: held for nanoseconds, never across a system call. */
struct dev_lock {
	atomic_flag held;
};

static inline void dev_lock(struct dev_lock *l)
{
	while (atomic_flag_test_and_set_explicit(&l->held, memory_order_acquire))
		__builtin_ia32_pause();
}

static inline void dev_unlock(struct dev_lock *l)
{
	atomic_flag_clear_explicit(&l->held, memory_order_release);
}

#endif
