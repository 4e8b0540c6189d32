/* SPDX-License-Identifier: MIT */
/* ata_identify.c - what IDENTIFY DEVICE tells (ATA/ATAPI-6, 8.15, table 27). */
#include <stdio.h>
#include <string.h>

#include "devices/ata_priv.h"

#define MOST_28	   0x0fffffffUL
#define FIXED_DISK 0x0040
#define MOST_CHS   16383 /* cylinders, at 16 heads and 63 sectors: "larger than that" */

static void put(u8 *out, unsigned word, u64 value, unsigned words)
{
	for (unsigned i = 0; i < 2 * words; i++)
		out[2 * word + i] = (u8)(value >> (8 * i));
}

/* Padded with blanks; the first character of each pair is the high byte. */
static void put_text(u8 *out, unsigned word, const char *text, unsigned chars)
{
	size_t n = strlen(text);

	for (unsigned i = 0; i < chars; i++)
		out[2 * word + (i ^ 1)] = i < n ? (u8)text[i] : ' ';
}

void ata_identify(const struct ata *a, u8 out[ATA_SECTOR])
{
	const struct ata_state *s = &a->s;
	u64 cylinders = s->sectors / (16 * 63);
	u16 commands = (u16)((s->write_cache ? ATA_SUP_WCACHE : 0) |
			     (s->look_ahead ? ATA_SUP_LOOK_AHEAD : 0));
	u8 sum = 0;

	memset(out, 0, ATA_SECTOR);
	put(out, ATA_ID_CONFIG, FIXED_DISK, 1);
	/* Heads, cylinders: long obsolete, and some loaders still look. */
	put(out, 1, MIN(cylinders, (u64)MOST_CHS), 1);
	put(out, 3, 16, 1);
	put(out, 6, 63, 1);
	put_text(out, ATA_ID_SERIAL, a->serial, 20);
	put_text(out, ATA_ID_FIRMWARE, "1.0", 8);
	put_text(out, ATA_ID_MODEL, "Parallax ATA disk", 40);
	put(out, ATA_ID_MAX_MULTI, 0x8000 | ATA_MAX_MULTI, 1);
	put(out, ATA_ID_CAPABILITY, ATA_CAP_LBA | ATA_CAP_IORDY, 1);
	put(out, ATA_ID_CAPABILITY + 1, ATA_SUP_VALID, 1);
	put(out, ATA_ID_VALID, 2, 1); /* words 64 to 70 */
	put(out, ATA_ID_MULTI, s->multiple ? 0x100u | s->multiple : 0, 1);
	put(out, ATA_ID_SECTORS_28, MIN(s->sectors, MOST_28), 2);
	put(out, ATA_ID_PIO_MODES, 3, 1); /* 3 and 4 */
	put(out, ATA_ID_PIO_CYCLE, 120, 1);
	put(out, ATA_ID_PIO_CYCLE + 1, 120, 1);
	put(out, ATA_ID_VERSION, 0x70, 1); /* ATA-4 to ATA/ATAPI-6 */
	put(out, ATA_ID_SUPPORTED, ATA_SUP_WCACHE | ATA_SUP_LOOK_AHEAD, 1);
	put(out, ATA_ID_SUPPORTED + 1,
	    ATA_SUP_VALID | ATA_SUP_LBA48 | ATA_SUP_FLUSH | ATA_SUP_FLUSH_EXT, 1);
	put(out, ATA_ID_SUPPORTED + 2, ATA_SUP_VALID, 1);
	put(out, ATA_ID_ENABLED, commands, 1);
	put(out, ATA_ID_ENABLED + 1, ATA_SUP_LBA48 | ATA_SUP_FLUSH | ATA_SUP_FLUSH_EXT, 1);
	put(out, ATA_ID_ENABLED + 2, ATA_SUP_VALID, 1);
	put(out, ATA_ID_RESET_RESULT, 0x4001, 1);
	put(out, ATA_ID_SECTORS_48, s->sectors, 4);
	/* The last word: a mark, and what makes the sum of all bytes 0. */
	out[2 * ATA_ID_INTEGRITY] = 0xa5;
	for (unsigned i = 0; i < ATA_SECTOR - 1; i++)
		sum = (u8)(sum + out[i]);
	out[ATA_SECTOR - 1] = (u8)-sum;
}
