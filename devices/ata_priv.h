/* SPDX-License-Identifier: MIT */
/* ata_priv.h - the inside of an ATA disk; for ata.c, ata_io.c and ata_identify.c only. */
#ifndef DEVICES_ATA_PRIV_H
#define DEVICES_ATA_PRIV_H

#include "devices/abi/ata.h"
#include "devices/ata.h"
#include "devices/outputs.h"

#define ATA_MAX_MULTI 16 /* sectors in one block, and in the buffer */
#define ATA_BUFFER    (ATA_MAX_MULTI * ATA_SECTOR)

/* A register of 48-bit commands: what was written last, and the value before that. */
struct ata_reg {
	u8 now, before;
};

enum ata_phase { ATA_NO_DATA, ATA_DATA_IN, ATA_DATA_OUT };

/* Plain data, for snapshots. */
struct ata_state {
	struct ata_reg features, count, low, mid, high;
	u8 device, status, error, control;
	u8 multiple;		    /* sectors of a block of READ and WRITE MULTIPLE; 0: not set */
	u8 write_cache, look_ahead; /* yes or no, as those below: any byte may be loaded */
	u8 intrq;		    /* asserted, unless nIEN holds it back */
	u8 phase;		    /* enum ata_phase */
	u8 ext;			    /* the command has 48-bit addresses */
	u8 owned;		    /* A1: some thread does I/O; its result is dropped when ... */
	u8 reset;		    /* ... a software reset came meanwhile */
	u8 block;		    /* sectors of a block of this command */
	u64 sectors;		    /* capacity */
	u64 lba;		    /* of the buffer's first byte */
	u32 left;		    /* sectors of the command, those in the buffer included */
	u32 pos, block_end, filled; /* bytes in the buffer */
	u8 buf[ATA_BUFFER];
};

struct ata {
	struct device dev;
	struct block *disk; /* constant */
	char serial[21];
	struct dev_lock lock;
	struct dev_outputs out;
	struct ata_state s; /* lock; buf belongs to the owner while owned */
};

/* ata_identify.c: 512 bytes. */
void ata_identify(const struct ata *a, u8 out[ATA_SECTOR]);

/*
 * ata_io.c: the transfers. Lock held at call and return; dropped while the host's I/O runs (A1).
 */
void ata_start_read(struct ata *a, u64 lba, u32 n, unsigned block);
void ata_start_write(struct ata *a, u64 lba, u32 n, unsigned block);
void ata_start_verify(struct ata *a, u64 lba, u32 n);
void ata_start_flush(struct ata *a);
void ata_give(struct ata *a, u32 bytes); /* data-in of what stands in the buffer: one block */
void ata_block_read(struct ata *a);	 /* the guest has taken a whole block */
void ata_block_written(struct ata *a);	 /* or given one */

/* ata.c: how commands end. Lock held. */
void ata_done(struct ata *a);
void ata_fail(struct ata *a, u8 error);
void ata_fail_at(struct ata *a, u8 error, u64 lba);
void ata_signature(struct ata *a);

#endif
