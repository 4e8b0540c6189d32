/* SPDX-License-Identifier: MIT */
/* ne2000_priv.h - the inside of an NE2000; for ne2000.c and ne2000_wire.c only. */
#ifndef DEVICES_NE2000_PRIV_H
#define DEVICES_NE2000_PRIV_H

#include "devices/abi/ne2000.h"
#include "devices/ne2000.h"
#include "devices/outputs.h"

/* Plain data, for snapshots: any byte may be loaded. */
struct ne2000_state {
	u8 cr, isr, tsr, rsr, curr, missed;
	u8 set[16]; /* page 0 as it was written, but for what has a field of its own */
	u8 par[6], mar[8];
	u16 rsar, rbcr, clda;
	u8 ram[NE_RAM_LEN];
};

struct ne2000 {
	struct device dev;
	struct net_backend *backend; /* loop thread */
	u8 prom[NE_PROM_LEN];	     /* constant */
	u8 frame[NE_FRAME_MAX];	     /* on its way out; loop thread */
	struct dev_lock lock;
	struct dev_outputs out; /* its timer: there is work for the loop thread */
	bool sending;		/* lock; the loop thread has taken the frame of this TXP */
	bool starved;		/* lock; the backend waits for room */
	struct ne2000_state s;	/* lock */
};

static inline bool ne2000_running(const struct ne2000_state *s)
{
	return !(s->cr & NE_CR_STP);
}

/* ne2000.c. Lock held; N1. */
u8 ne2000_mem_read(const struct ne2000 *n, u16 addr);

/* Ends every access: the line and the timer follow what has changed. Frees the lock. */
void ne2000_settle(struct ne2000 *n);

/* ---- ne2000_wire.c ------------------------------------------------------------------------------ */

/* Whether a largest frame would not be missed. Lock held. */
bool ne2000_would_take(const struct ne2000_state *s);

/* The transmit command in loopback. Lock held. */
void ne2000_loop_back(struct ne2000 *n);

/* Plugs the backend in; the timer's function. */
void ne2000_plug(struct ne2000 *n, struct net_backend *backend);
void ne2000_on_timer(void *arg);

#endif
