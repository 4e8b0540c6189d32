/* SPDX-License-Identifier: MIT */
/* net.c - see net.h. */
#include "guest/drivers/net.h"
#include "guest/kernel/sched.h"
#include "guest/kernel/time.h"

#define STEP_MS 10

static struct net_device *first; /* written at boot only */

void net_device_init(struct net_device *dev, const char *name, const u8 mac[6],
		     int (*send)(struct net_if *nif, const void *frame, size_t n), void *driver)
{
	dev->name = name;
	spin_lock_init(&dev->lock);

	net_init(&dev->nif, mac, send, driver);
}

void net_register(struct net_device *dev)
{
	if (!first)
		first = dev;
}

struct net_device *net_find(void)
{
	return first;
}

bool net_wait(struct net_device *dev, bool (*done)(const struct net_if *nif), u64 ms)
{
	u64 deadline = clock_ns() + ms * NSEC_PER_MSEC;

	for (;;) {
		u64 flags = spin_lock_irqsave(&dev->lock);
		bool is_done;

		net_tick(&dev->nif, clock_ns());
		is_done = done(&dev->nif);
		spin_unlock_irqrestore(&dev->lock, flags);
		if (is_done || clock_ns() > deadline)
			return is_done;
		msleep(STEP_MS);
	}
}
