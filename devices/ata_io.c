/* SPDX-License-Identifier: MIT */
/*
 * ata_io.c - the transfers of an ATA disk: blocks between the data register and the buffer, and the
 * buffer between them and the image.
 *
 * The protocols are those of ATA/ATAPI-6, 9.5 (data-in: BSY, then for each block DRQ and INTRQ) and
 * 9.6 (data-out: DRQ for the first block, INTRQ after each). Several blocks are moved by one system
 * call, as a real drive's buffer would.
 */
#include "devices/ata_priv.h"

#define IDLE (ATA_SR_DRDY | ATA_SR_DSC)

/* ---- what a thread does while it owns the disk (A1) ------------------------------------------- */

static void own(struct ata *a)
{
	a->s.status = ATA_SR_BSY;
	a->s.owned = true;
	a->s.intrq = false;
	dev_outputs_level(&a->out, false);
	dev_outputs_unlock(&a->out, &a->dev, &a->lock);
}

/* False when a reset came in between: whatever was done is nobody's. */
static bool disown(struct ata *a)
{
	dev_lock(&a->lock);
	a->s.owned = false;
	a->s.status = IDLE;
	if (!a->s.reset)
		return true;
	a->s.reset = false;
	ata_signature(a);
	return false;
}

/* ---- data-in ------------------------------------------------------------------------------------- */

static void offer_block(struct ata *a)
{
	struct ata_state *s = &a->s;

	s->block_end = MIN(s->pos + (u32)s->block * ATA_SECTOR, s->filled);
	s->status = IDLE | ATA_SR_DRQ;
	s->intrq = true;
}

void ata_give(struct ata *a, u32 bytes)
{
	a->s.phase = ATA_DATA_IN;
	a->s.block = 1;
	a->s.lba = 0;
	a->s.left = bytes / ATA_SECTOR;
	a->s.pos = 0;
	a->s.filled = bytes;
	offer_block(a);
}

/*
 * Fills the buffer with what comes next. When that fails, with the one sector that comes next: good
 * ones before a bad one are given.
 */
static void fill(struct ata *a)
{
	struct ata_state *s = &a->s;
	u32 n = MIN(s->left, (u32)ATA_MAX_MULTI);
	int err;

	own(a);
	err = block_read(a->disk, s->lba * ATA_SECTOR, s->buf, (u64)n * ATA_SECTOR);
	if (err && n > 1) {
		n = 1;
		err = block_read(a->disk, s->lba * ATA_SECTOR, s->buf, ATA_SECTOR);
	}
	if (!disown(a))
		return;
	if (err) {
		ata_fail_at(a, ATA_ER_UNC, s->lba);
		return;
	}
	s->pos = 0;
	s->filled = n * ATA_SECTOR;
	offer_block(a);
}

void ata_start_read(struct ata *a, u64 lba, u32 n, unsigned block)
{
	a->s.phase = ATA_DATA_IN;
	a->s.lba = lba;
	a->s.left = n;
	a->s.block = (u8)block;
	fill(a);
}

void ata_block_read(struct ata *a)
{
	struct ata_state *s = &a->s;

	if (s->pos < s->filled) {
		offer_block(a);
		return;
	}
	s->left -= s->filled / ATA_SECTOR;
	s->lba += s->filled / ATA_SECTOR;
	if (s->left) {
		fill(a);
		return;
	}
	/* The guest has its data; there is no further interrupt (9.5). */
	s->phase = ATA_NO_DATA;
	s->status = IDLE;
}

/* ---- data-out ------------------------------------------------------------------------------------ */

static void ask_block(struct ata *a)
{
	struct ata_state *s = &a->s;
	u32 rest = s->left * ATA_SECTOR - s->pos; /* at most 65536 sectors */

	s->block_end = s->pos + MIN((u32)s->block * ATA_SECTOR, rest);
	s->status = IDLE | ATA_SR_DRQ;
}

void ata_start_write(struct ata *a, u64 lba, u32 n, unsigned block)
{
	a->s.phase = ATA_DATA_OUT;
	a->s.lba = lba;
	a->s.left = n;
	a->s.block = (u8)block;
	a->s.pos = 0;
	ask_block(a);
}

/* Whether the block after this one still fits the buffer. */
static bool room_for_more(const struct ata_state *s)
{
	return s->pos < s->left * ATA_SECTOR && s->pos + (u32)s->block * ATA_SECTOR <= ATA_BUFFER;
}

void ata_block_written(struct ata *a)
{
	struct ata_state *s = &a->s;
	u32 n = s->pos / ATA_SECTOR;
	bool last = n == s->left;
	int err;

	if (room_for_more(s)) {
		ask_block(a);
		s->intrq = true;
		return;
	}
	own(a);
	err = block_write(a->disk, s->lba * ATA_SECTOR, s->buf, s->pos);
	if (!err && last && !s->write_cache)
		err = block_flush(a->disk);
	if (!disown(a))
		return;
	if (err) {
		ata_fail_at(a, ATA_ER_ABRT, s->lba);
		return;
	}
	s->left -= n;
	s->lba += n;
	s->pos = 0;
	if (last) {
		ata_done(a);
		return;
	}
	ask_block(a);
	s->intrq = true;
}

/* ---- without data ------------------------------------------------------------------------------ */

void ata_start_verify(struct ata *a, u64 lba, u32 n)
{
	u32 most = ATA_MAX_MULTI;

	own(a);
	while (n) {
		u32 some = MIN(n, most);
		int err = block_read(a->disk, lba * ATA_SECTOR, a->s.buf, (u64)some * ATA_SECTOR);

		if (err && some == 1)
			break;
		if (err) {
			most = 1; /* which of them is it? */
			continue;
		}
		lba += some;
		n -= some;
	}
	if (!disown(a))
		return;
	if (n)
		ata_fail_at(a, ATA_ER_UNC, lba);
	else
		ata_done(a);
}

void ata_start_flush(struct ata *a)
{
	int err;

	own(a);
	err = block_flush(a->disk);
	if (!disown(a))
		return;
	if (err)
		ata_fail(a, ATA_ER_ABRT);
	else
		ata_done(a);
}
