/* SPDX-License-Identifier: MIT */
/* net.c - see net.h. */
#include "guest/drivers/net.h"
#include "guest/kernel/sched.h"
#include "guest/kernel/time.h"
#include "guest/lib/errno.h"

#define STEP_MS	  10
#define DHCP_MS	  20000
#define ANSWER_MS 2000

static struct net_device *first; /* written at boot only */

void net_device_init(struct net_device *dev, const char *name, const u8 mac[6],
		     int (*send)(struct net_if *nif, const void *frame, size_t n), void *driver)
{
	dev->name = name;
	spin_lock_init(&dev->lock);
	init_waitqueue_head(&dev->arrived);
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

void net_input(struct net_device *dev, const void *frame, size_t n)
{
	net_receive(&dev->nif, frame, n, clock_ns());
	wake_up_all(&dev->arrived);
}

bool net_wait(struct net_device *dev, bool (*done)(const struct net_if *nif), u64 ms)
{
	u64 deadline = clock_ns() + ms * NSEC_PER_MSEC;

	for (;;) {
		struct wait_queue_entry w = { .node = { &w.node, &w.node } };
		bool is_done;
		u64 flags;

		prepare_to_wait(&dev->arrived, &w, TASK_UNINTERRUPTIBLE);
		flags = spin_lock_irqsave(&dev->lock);
		net_tick(&dev->nif, clock_ns());
		is_done = done(&dev->nif);
		spin_unlock_irqrestore(&dev->lock, flags);
		if (!is_done && clock_ns() <= deadline)
			schedule_timeout(STEP_MS * NSEC_PER_MSEC);
		finish_wait(&dev->arrived, &w);
		if (is_done || clock_ns() > deadline)
			return is_done;
	}
}

static bool bound(const struct net_if *nif)
{
	return nif->dhcp.state == DHCP_BOUND;
}

bool net_configure(struct net_device *dev)
{
	u64 flags = spin_lock_irqsave(&dev->lock);

	net_dhcp_start(&dev->nif, (u32)clock_ns(), clock_ns());
	spin_unlock_irqrestore(&dev->lock, flags);
	return net_wait(dev, bound, DHCP_MS);
}

static bool answered(const struct net_if *nif)
{
	return nif->ping.answered;
}

int net_echo(struct net_device *dev, u32 to, u16 seq, size_t n)
{
	u64 flags = spin_lock_irqsave(&dev->lock);
	int err = net_ping(&dev->nif, to, 1, seq, n, clock_ns());

	spin_unlock_irqrestore(&dev->lock, flags);
	if (err)
		return err;
	return net_wait(dev, answered, ANSWER_MS) ? 0 : -ETIMEDOUT;
}
