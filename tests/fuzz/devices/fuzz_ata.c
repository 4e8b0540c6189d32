/* SPDX-License-Identifier: MIT */
/*
 * fuzz_ata.c - an ATA disk under any order of register accesses, also from "another vCPU" while it does
 * I/O, with bad sectors, resets and reloads of saved state (good and damaged).
 *
 * Input: operations of 4 bytes: what, register and width, value, extra. Besides what the sanitizers
 * see, it must hold that no request leaves the disk, and that the line follows INTRQ and nIEN.
 */
#include <stdlib.h>

#include "devices/abi/ata.h"
#include "devices/abi/pc.h"
#include "devices/ata.h"
#include "tests/unit/devices/fake_block.h"
#include "tests/unit/devices/mock_env.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SECTORS 300u

struct world {
	struct mock_env m;
	struct block disk;
	struct device *dev;
	const u8 *data;
	size_t left;
	unsigned depth;
	bool unsure; /* a damaged state was loaded: the line need not agree with it */
};

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void one(struct world *w);

static void during(void *arg)
{
	struct world *w = arg;

	check(((u8)w->dev->class->read(w->dev, 1, 0, 1) & ~ATA_SR_BSY) == 0);
	if (w->depth > 2)
		return;
	w->depth++;
	one(w);
	one(w);
	w->depth--;
}

static void save_and_load(struct world *w, u8 where, u8 value)
{
	const struct device_class *c = w->dev->class;
	u8 *state = (u8 *)w->dev + c->state_offset, *copy;

	if (w->depth)
		return; /* a machine that is saved stands still */
	copy = malloc(c->state_size);
	check(copy);
	memcpy(copy, state, c->state_size);
	if (value)
		state[(u32)where * 3 % (c->state_size - 8192)] ^= value;
	if (c->post_load(w->dev)) {
		check(value); /* a good state is always taken */
		memcpy(state, copy, c->state_size);
		check(!c->post_load(w->dev));
	} else {
		w->unsure |= value != 0;
	}
	free(copy);
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
	reg = d[1] & 7;
	width = 1u << (d[1] >> 3 & 3);
	width = reg + width > 8 ? 1 : width;
	switch (d[0] & 15) {
	case 0 ... 4:
		c->write(w->dev, 0, reg, width, (u64)d[2] | (u64)d[3] << 8 | (u64)d[2] << 24);
		break;
	case 5 ... 6:
		c->read(w->dev, 0, reg, width);
		break;
	case 7: /* a driver in a hurry */
		for (unsigned i = 0; i < d[2] * 64u; i++)
			c->read(w->dev, 0, ATA_DATA, 2);
		break;
	case 8:
		for (unsigned i = 0; i < d[2] * 64u; i++)
			c->write(w->dev, 0, ATA_DATA, 2, d[3]);
		break;
	case 9:
		c->write(w->dev, 1, 0, 1, d[2]);
		break;
	case 10:
		check(c->read(w->dev, 1, 0, 1) <= 0xff);
		break;
	case 11:
		w->disk.bad_sector = d[2] & 1 ? d[3] : FAKE_NOTHING;
		w->disk.flush_error = d[2] & 2 ? -EIO : 0;
		break;
	case 12:
		w->disk.read_only = d[2] & 1;
		break;
	case 13:
		if (!w->depth)
			c->reset(w->dev);
		break;
	case 14:
		save_and_load(w, d[2], d[3]);
		break;
	case 15: /* a plausible command */
		c->write(w->dev, 0, ATA_DEVICE, 1, ATA_DEV_LBA);
		c->write(w->dev, 0, ATA_LBA_LOW, 1, d[2]);
		c->write(w->dev, 0, ATA_COUNT, 1, d[3] & 31);
		c->write(w->dev, 0, ATA_COMMAND, 1, d[1]);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct dev_range cmd = { DEV_PIO, PC_ATA_PORT, PC_ATA_LEN };
	const struct dev_range ctl = { DEV_PIO, PC_ATA_CONTROL, 1 };
	struct world *w = calloc(1, sizeof(*w));

	check(w);
	if (size > 1024)
		size = 1024;
	mock_init(&w->m);
	w->data = data;
	w->left = size;
	w->disk.size = (u64)SECTORS * BLOCK_SECTOR;
	w->disk.bad_sector = FAKE_NOTHING;
	w->disk.during = during;
	w->disk.arg = w;
	w->dev = ata_create(&w->m.env, &cmd, &ctl, mock_line(&w->m, PC_ATA_IRQ), &w->disk, "");
	check(w->dev);
	w->dev->class->reset(w->dev);
	while (w->left >= 4)
		one(w);
	/* Whatever it went through, a reset brings it back. */
	w->disk.during = NULL;
	w->dev->class->write(w->dev, 1, 0, 1, ATA_CTL_SRST);
	w->dev->class->write(w->dev, 1, 0, 1, 0);
	check(w->dev->class->read(w->dev, 0, ATA_STATUS, 1) == (ATA_SR_DRDY | ATA_SR_DSC));
	check(w->unsure || !w->m.level[PC_ATA_IRQ]);
	w->dev->class->destroy(w->dev);
	close(w->m.epoll_fd);
	free(w);
	return 0;
}
