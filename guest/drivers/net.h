/* SPDX-License-Identifier: MIT */
/*
 * net.h - network cards: a driver's frames meet guest/net in a struct net_device. Whoever calls guest/net
 * for its nif holds the lock with IRQs off; frames arrive in interrupts.
 */
#ifndef GUEST_DRIVERS_NET_H
#define GUEST_DRIVERS_NET_H

#include "guest/locking/wait.h"
#include "guest/net/net.h"

struct net_device {
	const char *name;
	spinlock_t lock; /* nif */
	struct net_if nif;
	wait_queue_head_t arrived; /* who waits for frames */
};

/* A driver's: before frames come, and when it is up. Boot context. */
void net_device_init(struct net_device *dev, const char *name, const u8 mac[6],
		     int (*send)(struct net_if *nif, const void *frame, size_t n), void *driver);
void net_register(struct net_device *dev);

/* A driver's: a frame from the wire. The lock is held. */
void net_input(struct net_device *dev, const void *frame, size_t n);

/* The first card, or NULL. */
struct net_device *net_find(void);

/*
 * Waits until done(nif) or for ms; keeps what is due by time going. Whether it was done. Thread
 * context.
 */
bool net_wait(struct net_device *dev, bool (*done)(const struct net_if *nif), u64 ms);

/* An address by DHCP; false: nobody gives one. Thread context. */
bool net_configure(struct net_device *dev);

/* An echo request with n bytes, and its answer: 0, -ETIMEDOUT, or what net_ping() says. Thread context. */
int net_echo(struct net_device *dev, u32 to, u16 seq, size_t n);

#endif
