/* SPDX-License-Identifier: MIT */
/*
 * ata.c - one request at a time: the registers name it, the command starts it, and the interrupt says
 * when data can be moved (ATA/ATAPI-6, 9.5 and 9.6). READ and WRITE MULTIPLE move several sectors
 * for each interrupt, a string instruction all of their words.
 */
#include "guest/drivers/ata.h"
#include "guest/arch/x86/asm.h"
#include "guest/drivers/block.h"
#include "guest/drivers/device.h"
#include "guest/kernel/printk.h"
#include "guest/kernel/time.h"
#include "guest/lib/errno.h"
#include "guest/lib/string.h"
#include "guest/locking/spinlock.h"
#include "devices/abi/ata.h"
#include "devices/abi/pc.h"

#define MULTIPLE   8u /* sectors for each interrupt: a page */
#define MOST_28	   0x10000000UL
#define PROBE_US   100000 /* a real disk that spins up may take longer; a disk image does not */
#define MAX_SECTOR 256u

static struct ata {
	struct blk_device blk;
	spinlock_t lock; /* all that follows, and the registers */
	struct list_head queue;
	struct blk_request *now; /* the one under way */
	u8 *buf;		 /* where its next block goes or comes from */
	u32 left;		 /* sectors */
	u8 device;		 /* as last written */
	unsigned multiple;	 /* 1: the disk does not know MULTIPLE */
} hda;

static u8 status(void)
{
	return inb(PC_ATA_PORT + ATA_STATUS);
}

static void out(unsigned reg, unsigned value)
{
	outb((u16)(PC_ATA_PORT + reg), (u8)value);
}

/* 32 bits at a time, which every IDE channel on a PCI board takes: half the exits of 16. KVM reads
 * ahead for string input, but hands string output out piece by piece. */
static void data_in(void *p, size_t bytes)
{
	size_t n = bytes / 4;

	__asm__ volatile("rep insl"
			 : "+D"(p), "+c"(n)
			 : "d"((u16)(PC_ATA_PORT + ATA_DATA))
			 : "memory");
}

static void data_out(const void *p, size_t bytes)
{
	size_t n = bytes / 4;

	__asm__ volatile("rep outsl"
			 : "+S"(p), "+c"(n)
			 : "d"((u16)(PC_ATA_PORT + ATA_DATA))
			 : "memory");
}

/* Until the disk is not busy: its status, or -ETIMEDOUT. Does not sleep. */
static int wait_idle(void)
{
	u64 deadline = clock_ns() + PROBE_US * NSEC_PER_USEC;

	do {
		u8 s = status();

		if (!(s & ATA_SR_BSY))
			return s;
		cpu_relax();
	} while (clock_ns() < deadline);
	return -ETIMEDOUT;
}

/* ---- requests ------------------------------------------------------------------------------------ */

static void select(struct ata *a, u8 device)
{
	if (a->device != device)
		out(ATA_DEVICE, device);
	a->device = device;
}

static void address(struct ata *a, u64 sector, u32 nr)
{
	bool ext = sector + nr > MOST_28;

	/* For 48 bits each register takes the high half first. */
	if (ext) {
		out(ATA_COUNT, nr >> 8);
		out(ATA_LBA_LOW, (unsigned)(sector >> 24));
		out(ATA_LBA_MID, (unsigned)(sector >> 32));
		out(ATA_LBA_HIGH, (unsigned)(sector >> 40));
	}
	select(a, (u8)(ATA_DEV_OBSOLETE | ATA_DEV_LBA | (ext ? 0 : sector >> 24 & 0x0f)));
	out(ATA_COUNT, nr);
	out(ATA_LBA_LOW, (unsigned)sector);
	out(ATA_LBA_MID, (unsigned)(sector >> 8));
	out(ATA_LBA_HIGH, (unsigned)(sector >> 16));
}

/* [op][48 bits][multiple] */
static const u8 transfer_command[2][2][2] = {
	[BLK_READ] = { { ATA_READ_SECTORS, ATA_READ_MULTI }, { ATA_READ_EXT, ATA_READ_MULTI_EXT } },
	[BLK_WRITE] = { { ATA_WRITE_SECTORS, ATA_WRITE_MULTI },
			{ ATA_WRITE_EXT, ATA_WRITE_MULTI_EXT } },
};

static u32 take_block(struct ata *a)
{
	u32 n = MIN(a->left, a->multiple);

	a->left -= n;
	return n;
}

static void send_block(struct ata *a)
{
	u32 n = take_block(a);

	data_out(a->buf, n * SECTOR_SIZE);
	a->buf += n * SECTOR_SIZE;
}

static void receive_block(struct ata *a)
{
	u32 n = take_block(a);

	data_in(a->buf, n * SECTOR_SIZE);
	a->buf += n * SECTOR_SIZE;
}

static void start_next(struct ata *a)
{
	struct blk_request *rq;
	bool ext;

	if (a->now || list_empty(&a->queue))
		return;
	rq = list_first_entry(&a->queue, struct blk_request, entry);
	list_del(&rq->entry);
	a->now = rq;
	if (rq->op == BLK_FLUSH) {
		out(ATA_COMMAND, ATA_FLUSH);
		return;
	}
	a->buf = rq->buf;
	a->left = rq->nr;
	ext = rq->sector + rq->nr > MOST_28;
	address(a, rq->sector, rq->nr);
	out(ATA_COMMAND, transfer_command[rq->op][ext][a->multiple > 1]);
	/* The first block of a write is asked for without an interrupt. */
	if (rq->op == BLK_WRITE && (wait_idle() & ATA_SR_DRQ))
		send_block(a);
}

/* Moves what can be moved; the request, when it has ended. */
static struct blk_request *advance(struct ata *a, u8 s)
{
	struct blk_request *rq = a->now;

	if (!rq || (s & ATA_SR_BSY))
		return NULL;
	if (s & (ATA_SR_ERR | ATA_SR_DF)) {
		rq->err = -EIO;
	} else if (rq->op == BLK_READ) {
		if (s & ATA_SR_DRQ)
			receive_block(a);
		if (a->left)
			return NULL;
	} else if (rq->op == BLK_WRITE && (s & ATA_SR_DRQ)) {
		send_block(a);
		return NULL;
	}
	a->now = NULL;
	return rq;
}

static void ata_interrupt(void *arg)
{
	struct ata *a = arg;
	struct blk_request *rq;

	spin_lock(&a->lock);
	rq = advance(a, status());
	start_next(a);
	spin_unlock(&a->lock);
	if (rq)
		blk_done(rq);
}

static void ata_submit(struct blk_device *dev, struct blk_request *rq, bool more)
{
	struct ata *a = container_of(dev, struct ata, blk);
	u64 flags = spin_lock_irqsave(&a->lock);

	(void)more; /* there is no way to tell this disk of two at once */
	list_add_tail(&rq->entry, &a->queue);
	start_next(a);
	spin_unlock_irqrestore(&a->lock, flags);
}

static const struct blk_ops ata_ops = { .submit = ata_submit };

/* ---- finding it ------------------------------------------------------------------------------------ */

/* Registers of a disk that is there hold what is written. */
static bool answers(void)
{
	out(ATA_DEVICE, ATA_DEV_OBSOLETE);
	out(ATA_COUNT, 0x55);
	out(ATA_LBA_LOW, 0xaa);
	return inb(PC_ATA_PORT + ATA_COUNT) == 0x55 && inb(PC_ATA_PORT + ATA_LBA_LOW) == 0xaa;
}

/* A command without an address, by polling: its status, or -errno. */
static int simple_command(u8 command)
{
	int s;

	out(ATA_COMMAND, command);
	s = wait_idle();
	return s >= 0 && (s & (ATA_SR_ERR | ATA_SR_DF)) ? -EIO : s;
}

static void copy_text(char *to, const u16 *words, size_t chars)
{
	for (size_t i = 0; i < chars; i++)
		to[i] = (char)(words[i / 2] >> (i % 2 ? 0 : 8));
	for (to[chars] = 0; chars && to[chars - 1] == ' '; chars--)
		to[chars - 1] = 0;
}

static bool identify(struct ata *a)
{
	u16 id[ATA_SECTOR / 2];
	int s = simple_command(ATA_IDENTIFY);

	if (s < 0 || !(s & ATA_SR_DRQ))
		return false;
	data_in(id, sizeof(id));
	if (!(id[ATA_ID_CAPABILITY] & ATA_CAP_LBA))
		return false;
	a->blk.sectors = id[ATA_ID_SECTORS_28] | (u64)id[ATA_ID_SECTORS_28 + 1] << 16;
	if (id[ATA_ID_SUPPORTED + 1] & ATA_SUP_LBA48)
		memcpy(&a->blk.sectors, &id[ATA_ID_SECTORS_48], sizeof(u64));
	copy_text(a->blk.serial, &id[ATA_ID_SERIAL], sizeof(a->blk.serial) - 1);
	return a->blk.sectors != 0;
}

unsigned ata_probe(void)
{
	struct ata *a = &hda;

	if (status() == 0xff || !answers() || wait_idle() < 0)
		return 0;
	outb(PC_ATA_CONTROL, ATA_CTL_NIEN);
	if (!identify(a))
		return 0;
	a->multiple = 1;
	out(ATA_COUNT, MULTIPLE);
	if (simple_command(ATA_SET_MULTI) >= 0)
		a->multiple = MULTIPLE;
	a->device = ATA_DEV_OBSOLETE;
	spin_lock_init(&a->lock);
	INIT_LIST_HEAD(&a->queue);
	a->blk.name = "hda";
	a->blk.driver = "ATA, programmed I/O";
	a->blk.max_sectors = MAX_SECTOR;
	a->blk.ops = &ata_ops;
	if (!device_irq(PC_ATA_IRQ, "hda", ata_interrupt, a))
		return 0;
	status(); /* what was left over from the probe */
	outb(PC_ATA_CONTROL, 0);
	blk_register(&a->blk);
	return 1;
}
