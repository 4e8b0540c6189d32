/* SPDX-License-Identifier: MIT */
/*
 * fuzz_ne2000.c - an NE2000 under any order of register accesses and frames, on a wire that answers some frames
 * at once and touches registers while it sends, as another vCPU would; with reloads of any state.
 *
 * Input: operations of 4 bytes: what, register and width, value, extra. Besides what the sanitizers see, it must
 * hold that the line follows ISR and IMR, that no frame leaves that Ethernet has not, that a transmission ends
 * at the loop's next turn, and that a reset brings the card back.
 */
#include <stdlib.h>

#include "devices/abi/ne2000.h"
#include "devices/abi/pc.h"
#include "devices/ne2000.h"
#include "tests/unit/devices/mock_env.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
	struct net_backend nb; /* first */
	struct mock_env m;
	struct device *dev;
	const u8 *data;
	size_t left;
	unsigned depth;
	u8 frame[2048];
};

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void one(struct world *w);

static u8 in(struct world *w, unsigned reg)
{
	return (u8)w->dev->class->read(w->dev, 0, reg, 1);
}

static void out(struct world *w, unsigned reg, u8 value)
{
	w->dev->class->write(w->dev, 0, reg, 1, value);
}

static void deliver(struct world *w, size_t len)
{
	const struct net_client *c = &w->nb.client;
	const struct virtio_net_hdr hdr = { 0 };

	check(c->receive(c->arg, &hdr, w->frame, MIN(len, sizeof(w->frame))));
}

static void wire_send(struct net_backend *nb, const struct iovec *iov, unsigned n, size_t len)
{
	struct world *w = (struct world *)nb;

	check(n == 2 && iov[0].iov_len == sizeof(struct virtio_net_hdr));
	check(iov[1].iov_len && iov[1].iov_len <= NE_FRAME_MAX && len == 12 + iov[1].iov_len);
	memcpy(w->frame, iov[1].iov_base, iov[1].iov_len);
	if (w->depth > 2)
		return;
	w->depth++;
	one(w);
	deliver(w, len);
	one(w);
	w->depth--;
}

static void wire_resume(struct net_backend *nb)
{
	deliver((struct world *)nb, NE_FRAME_MAX);
}

static void wire_destroy(struct net_backend *nb)
{
	(void)nb;
}

static const struct net_ops wire_ops = {
	.name = "wire", .send = wire_send, .resume = wire_resume, .destroy = wire_destroy
};

static void load(struct world *w, u8 where, u8 value)
{
	const struct device_class *c = w->dev->class;
	u8 *state = (u8 *)w->dev + c->state_offset;

	if (w->depth)
		return; /* a machine that is saved stands still */
	state[where % (c->state_size - NE_RAM_LEN)] ^= value;
	check(c->post_load(w->dev) == 0);
	/* The interrupt controller's own state would have had the level. */
	out(w, NE_CR, in(w, NE_CR) & 0x3f);
	out(w, NE_IMR, 0);
	w->m.level[PC_NE2000_IRQ] = 0;
}

static void one(struct world *w)
{
	const struct device_class *c = w->dev->class;
	const u8 *d = w->data;
	unsigned reg, width;

	if (w->left < 4)
		return;
	w->data += 4;
	w->left -= 4;
	reg = d[1] & 31;
	width = 1u << (d[1] >> 5 & 3);
	width = reg + width > 32 ? 1 : width;
	switch (d[0] & 15) {
	case 0 ... 4:
		c->write(w->dev, 0, reg, width, (u64)d[2] | (u64)d[3] << 8 | (u64)d[2] << 24);
		break;
	case 5:
		c->read(w->dev, 0, reg, width);
		break;
	case 6: /* a driver in a hurry */
		for (unsigned i = 0; i < d[2] * 16u; i++)
			c->read(w->dev, 0, NE_DATA, width);
		break;
	case 7:
		for (unsigned i = 0; i < d[2] * 16u; i++)
			c->write(w->dev, 0, NE_DATA, width, i * d[3]);
		break;
	case 8 ... 10:
		memset(w->frame, d[1], 6);
		if (d[0] & 16)
			memset(w->frame, 0xff, 6);
		deliver(w, (size_t)d[2] << 3 | (d[3] & 7));
		break;
	case 11:
		w->nb.client.can_receive(w->nb.client.arg);
		break;
	case 12:
		if (!w->depth)
			mock_advance(&w->m, 0);
		check(w->depth || !(in(w, NE_CR) & NE_CR_TXP));
		break;
	case 13: /* a plausible driver */
		out(w, NE_CR, NE_CR_STP | NE_CR_RD_NONE);
		out(w, NE_DCR, d[1]);
		out(w, NE_RCR, d[2] | NE_RCR_AB);
		out(w, NE_TCR, d[3] & 7 ? 0 : d[3]);
		out(w, NE_PSTART, 0x46);
		out(w, NE_PSTOP, 0x80);
		out(w, NE_BNRY, 0x46);
		out(w, NE_IMR, 0x7f);
		out(w, NE_CR, NE_CR_STP | NE_CR_RD_NONE | NE_CR_PAGE(1));
		out(w, NE_CURR, 0x47);
		out(w, NE_CR, NE_CR_STA | NE_CR_RD_NONE);
		break;
	case 14:
		load(w, d[2], d[3]);
		break;
	case 15:
		out(w, NE_TPSR, d[1]);
		out(w, NE_TBCR0, d[2]);
		out(w, NE_TBCR1, d[3] & 7);
		out(w, NE_CR, NE_CR_STA | NE_CR_TXP | NE_CR_RD_NONE);
		break;
	}
}

static void line_follows(struct world *w)
{
	u8 cr = in(w, NE_CR) & (u8)~NE_CR_TXP, isr, imr;

	out(w, NE_CR, cr & 0x3f);
	isr = in(w, NE_ISR);
	out(w, NE_CR, (u8)((cr & 0x3f) | NE_CR_PAGE(2)));
	imr = in(w, NE_IMR);
	out(w, NE_CR, cr);
	check(w->m.level[PC_NE2000_IRQ] == !!(isr & imr & 0x7f));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct dev_range ports = { DEV_PIO, PC_NE2000_PORT, PC_NE2000_LEN };
	const u8 mac[6] = { 2 };
	struct world *w = calloc(1, sizeof(*w));

	check(w);
	mock_init(&w->m);
	w->nb.ops = &wire_ops;
	w->nb.env = &w->m.env;
	w->data = data;
	w->left = MIN(size, (size_t)2048);
	w->dev = ne2000_create(&w->m.env, &ports, mock_line(&w->m, PC_NE2000_IRQ), &w->nb, mac);
	check(w->dev);
	w->dev->class->reset(w->dev);
	while (w->left >= 4) {
		one(w);
		line_follows(w);
	}
	mock_advance(&w->m, 0);
	check(!(in(w, NE_CR) & NE_CR_TXP));
	in(w, NE_RESET);
	check(in(w, NE_CR) == (NE_CR_STP | NE_CR_RD_NONE) && in(w, NE_ISR) == NE_ISR_RST);
	check(!w->m.level[PC_NE2000_IRQ]);
	w->dev->class->destroy(w->dev);
	mock_fini(&w->m);
	free(w);
	return 0;
}
