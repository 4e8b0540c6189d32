/* SPDX-License-Identifier: MIT */
/*
 * machine_balloon.c - the balloon as a user sees it: bytes that the guest has, not pages that it gave.
 */
#include <errno.h>

#include "devices/virtio/balloon.h"
#include "mm/guest_mem.h"
#include "vmm/machine_priv.h"

#define QUIET_NS 1000000000u /* a driver tells after every 1 MiB; QEMU passes one on in a second */

static u64 actual(void *arg)
{
	struct machine *m = arg;
	u64 size = guest_mem_size(m->mem);
	struct virtio_balloon_info info;

	virtio_balloon_info(m->balloon, &info);
	/* The driver's account is the driver's word. */
	return size - MIN(info.actual, size);
}

static void target(void *arg, u64 bytes)
{
	struct machine *m = arg;
	u64 size = guest_mem_size(m->mem);

	virtio_balloon_set_target(m->balloon, size - MIN(bytes, size));
}

/* A vCPU's thread. */
static void on_change(void *arg)
{
	struct machine *m = arg;

	loop_timer_arm(m->balloon_timer, atomic_load(&m->balloon_told) + QUIET_NS);
}

static void on_timer(void *arg)
{
	struct machine *m = arg;

	atomic_store(&m->balloon_told, loop_now());
	machine_tell(m, MACHINE_BALLOON, CAUSE_NONE);
}

int machine_watch_balloon(struct machine *m)
{
	m->balloon_timer = loop_timer_create(m->loop, on_timer, m);
	if (!m->balloon_timer)
		return -ENOMEM;
	virtio_balloon_on_change(m->balloon, on_change, m);
	m->balloon_ops = (struct machine_balloon){ .arg = m, .actual = actual, .target = target };
	return 0;
}
