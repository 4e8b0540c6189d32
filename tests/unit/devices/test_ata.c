/* SPDX-License-Identifier: MIT */
/* Unit tests of devices/ata*.c: the protocols of ATA/ATAPI-6 as a driver sees them. */
#include <check.h>
#include <stdlib.h>

#include "devices/abi/ata.h"
#include "devices/abi/pc.h"
#include "devices/ata.h"
#include "fake_block.h"
#include "mock_env.h"

#define READY (ATA_SR_DRDY | ATA_SR_DSC)
#define SIZE  (400000UL * BLOCK_SECTOR) /* more than 28 bits of address would not be tested faster */

static struct mock_env m;
static struct block disk;
static struct device *dev;

/* ---- a driver ------------------------------------------------------------------------------------ */

static u8 in(unsigned reg)
{
	return (u8)dev->class->read(dev, 0, reg, 1);
}

static void out(unsigned reg, unsigned value)
{
	dev->class->write(dev, 0, reg, 1, value);
}

static u8 alt_status(void)
{
	return (u8)dev->class->read(dev, 1, 0, 1);
}

static void control(unsigned value)
{
	dev->class->write(dev, 1, 0, 1, value);
}

static int line(void)
{
	return m.level[PC_ATA_IRQ];
}

static void command28(unsigned cmd, u32 lba, unsigned n)
{
	out(ATA_DEVICE, 0xe0 | lba >> 24);
	out(ATA_COUNT, n);
	out(ATA_LBA_LOW, lba & 0xff);
	out(ATA_LBA_MID, lba >> 8 & 0xff);
	out(ATA_LBA_HIGH, lba >> 16 & 0xff);
	out(ATA_COMMAND, cmd);
}

static void command48(unsigned cmd, u64 lba, unsigned n)
{
	out(ATA_DEVICE, 0x40);
	for (int high = 1; high >= 0; high--) {
		out(ATA_COUNT, n >> (8 * high) & 0xff);
		out(ATA_LBA_LOW, lba >> (24 * high) & 0xff);
		out(ATA_LBA_MID, lba >> (24 * high + 8) & 0xff);
		out(ATA_LBA_HIGH, lba >> (24 * high + 16) & 0xff);
	}
	out(ATA_COMMAND, cmd);
}

static void take(u8 *buf, size_t n)
{
	for (size_t i = 0; i < n; i += 2) {
		u64 v = dev->class->read(dev, 0, ATA_DATA, 2);

		memcpy(buf + i, &v, 2);
	}
}

static void give(const u8 *buf, size_t n)
{
	for (size_t i = 0; i < n; i += 2)
		dev->class->write(dev, 0, ATA_DATA, 2, (u64)buf[i] | (u64)buf[i + 1] << 8);
}

/* An interrupt has come; reading the status takes it back. */
static u8 interrupted(void)
{
	u8 s;

	ck_assert_int_eq(line(), 1);
	s = in(ATA_STATUS);
	ck_assert_int_eq(line(), 0);
	return s;
}

static void expect_error(u8 error)
{
	ck_assert_uint_eq(interrupted(), READY | ATA_SR_ERR);
	ck_assert_uint_eq(in(ATA_ERROR), error);
}

static u64 address48(void)
{
	u64 lba = 0;

	for (int high = 0; high < 2; high++) {
		control(high ? ATA_CTL_HOB : 0);
		lba |= (u64)in(ATA_LBA_LOW) << (24 * high) |
		       (u64)in(ATA_LBA_MID) << (24 * high + 8) |
		       (u64)in(ATA_LBA_HIGH) << (24 * high + 16);
	}
	control(0);
	return lba;
}

static void setup(void)
{
	const struct dev_range cmd = { DEV_PIO, PC_ATA_PORT, PC_ATA_LEN };
	const struct dev_range ctl = { DEV_PIO, PC_ATA_CONTROL, 1 };

	mock_init(&m);
	memset(&disk, 0, sizeof(disk));
	disk.size = SIZE;
	disk.bad_sector = FAKE_NOTHING;
	for (size_t i = 0; i < FAKE_MEMORY; i++)
		disk.bytes[i] = (u8)(i / BLOCK_SECTOR + i * 7);
	dev = ata_create(&m.env, &cmd, &ctl, mock_line(&m, PC_ATA_IRQ), &disk, "SN-1");
	ck_assert_ptr_nonnull(dev);
	dev->class->reset(dev);
}

static void teardown(void)
{
	dev->class->destroy(dev);
	ck_assert(disk.closed);
	close(m.epoll_fd);
}

/* ---- tests ----------------------------------------------------------------------------------------- */

static void expect_signature(void)
{
	ck_assert_uint_eq(in(ATA_ERROR), ATA_DIAG_PASSED);
	ck_assert_uint_eq(in(ATA_COUNT), 1);
	ck_assert_uint_eq(in(ATA_LBA_LOW), 1);
	ck_assert_uint_eq(in(ATA_LBA_MID), 0);
	ck_assert_uint_eq(in(ATA_LBA_HIGH), 0);
	ck_assert_uint_eq(in(ATA_DEVICE), 0);
	ck_assert_uint_eq(in(ATA_STATUS), READY);
}

START_TEST(one_device)
{
	expect_signature();
	ck_assert_int_eq(line(), 0);
	/* Registers hold what is written, until there is nobody. */
	out(ATA_COUNT, 0x55);
	out(ATA_LBA_LOW, 0xaa);
	ck_assert_uint_eq(in(ATA_COUNT), 0x55);
	ck_assert_uint_eq(in(ATA_LBA_LOW), 0xaa);
	out(ATA_DEVICE, ATA_DEV_OBSOLETE | ATA_DEV_1);
	ck_assert_uint_eq(in(ATA_STATUS), 0);
	ck_assert_uint_eq(alt_status(), 0);
	out(ATA_COUNT, 0x77);
	out(ATA_COMMAND, ATA_IDENTIFY);
	ck_assert_uint_eq(in(ATA_STATUS), 0);
	ck_assert_int_eq(line(), 0);
	out(ATA_DEVICE, ATA_DEV_OBSOLETE);
	ck_assert_uint_eq(in(ATA_COUNT), 0x55);
	out(ATA_COMMAND, ATA_DIAGNOSTIC);
	ck_assert_int_eq(line(), 1);
	expect_signature();
}
END_TEST

static u16 word(const u8 *id, unsigned n)
{
	return (u16)(id[2 * n] | id[2 * n + 1] << 8);
}

START_TEST(identify)
{
	u8 id[512], sum = 0;

	out(ATA_COMMAND, ATA_IDENTIFY);
	ck_assert_uint_eq(interrupted(), READY | ATA_SR_DRQ);
	take(id, 512);
	ck_assert_uint_eq(in(ATA_STATUS), READY);
	ck_assert_int_eq(line(), 0); /* data-in ends without one */
	for (int i = 0; i < 512; i++)
		sum = (u8)(sum + id[i]);
	ck_assert_uint_eq(sum, 0);
	ck_assert_uint_eq(id[510], 0xa5);
	ck_assert_uint_eq(word(id, 60) | (u32)word(id, 61) << 16, 400000);
	ck_assert_uint_eq(word(id, 100) | (u32)word(id, 101) << 16, 400000);
	ck_assert_uint_eq(word(id, 49) & 0x300, 0x200); /* LBA, and no DMA */
	ck_assert_uint_eq(word(id, 83), 0x7400);
	ck_assert_uint_eq(word(id, 85), ATA_SUP_WCACHE | ATA_SUP_LOOK_AHEAD);
	ck_assert_uint_eq(word(id, 59), 0);
	ck_assert_mem_eq(id + 20, "NS1-", 4); /* pairs of characters are swapped */
	ck_assert_mem_eq(id + 54, "aParllxa", 8);
	ck_assert_uint_eq(dev->class->read(dev, 0, ATA_DATA, 2), UINT64_MAX); /* nothing is left */
}
END_TEST

START_TEST(reads)
{
	u8 buf[3 * 512];

	command28(ATA_READ_SECTORS, 5, 3);
	for (int i = 0; i < 3; i++) {
		ck_assert_uint_eq(interrupted(), READY | ATA_SR_DRQ);
		take(buf + 512 * i, 512);
	}
	ck_assert_uint_eq(alt_status(), READY);
	ck_assert_int_eq(line(), 0);
	ck_assert_mem_eq(buf, disk.bytes + 5UL * 512, sizeof(buf));
	ck_assert_uint_eq(disk.reads, 1); /* one system call for all of them */
	ck_assert_uint_eq(m.rises[PC_ATA_IRQ], 3);

	/* 32 bits at a time, and a byte. */
	command28(ATA_READ_SECTORS + 1, 7, 1);
	for (int i = 0; i < 512; i += 4) {
		u64 v = dev->class->read(dev, 0, ATA_DATA, i ? 4 : 1);

		memcpy(buf + i, &v, 4);
		if (!i)
			i = -3; /* the byte was only one */
	}
	ck_assert_mem_eq(buf + 1, disk.bytes + 7UL * 512 + 1, 508);
	ck_assert_uint_eq(in(ATA_STATUS), READY);
}
END_TEST

START_TEST(multiple)
{
	u8 buf[20 * 512];

	command28(ATA_READ_MULTI, 0, 1); /* not set yet */
	expect_error(ATA_ER_ABRT);
	out(ATA_COUNT, 3);
	out(ATA_COMMAND, ATA_SET_MULTI);
	expect_error(ATA_ER_ABRT);
	out(ATA_COUNT, 32);
	out(ATA_COMMAND, ATA_SET_MULTI);
	expect_error(ATA_ER_ABRT);
	out(ATA_COUNT, 8);
	out(ATA_COMMAND, ATA_SET_MULTI);
	ck_assert_uint_eq(interrupted(), READY);
	m.rises[PC_ATA_IRQ] = 0;
	command48(ATA_READ_MULTI_EXT, 1, 20);
	for (int at = 0; at < 20; at += 8) {
		ck_assert_uint_eq(interrupted(), READY | ATA_SR_DRQ);
		take(buf + (size_t)512 * (unsigned)at, at == 16 ? 4UL * 512 : 8UL * 512);
	}
	ck_assert_uint_eq(in(ATA_STATUS), READY);
	ck_assert_uint_eq(m.rises[PC_ATA_IRQ], 3);
	ck_assert_mem_eq(buf, disk.bytes + 512, sizeof(buf));

	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = (u8)(i * 3 + i / 512);
	command28(ATA_WRITE_MULTI, 100, 20);
	ck_assert_int_eq(line(), 0); /* the first block is asked for without one */
	ck_assert_uint_eq(alt_status(), READY | ATA_SR_DRQ);
	give(buf, 8UL * 512);
	ck_assert_uint_eq(interrupted(), READY | ATA_SR_DRQ);
	give(buf + 8UL * 512, 8UL * 512);
	ck_assert_uint_eq(interrupted(), READY | ATA_SR_DRQ);
	give(buf + 16UL * 512, 4UL * 512);
	ck_assert_uint_eq(interrupted(), READY);
	ck_assert_mem_eq(disk.bytes + 100UL * 512, buf, sizeof(buf));
	ck_assert_uint_eq(disk.writes, 2);
}
END_TEST

START_TEST(writes)
{
	u8 buf[18 * 512];

	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = (u8)(i ^ i >> 8);
	command28(ATA_WRITE_SECTORS, 30, 18);
	for (int i = 0; i < 18; i++) {
		if (i)
			ck_assert_uint_eq(interrupted(), READY | ATA_SR_DRQ);
		give(buf + (size_t)512 * (unsigned)i, 512);
	}
	ck_assert_uint_eq(interrupted(), READY);
	ck_assert_mem_eq(disk.bytes + 30UL * 512, buf, sizeof(buf));
	ck_assert_uint_eq(disk.writes, 2);
	ck_assert_uint_eq(disk.flushes, 0);
	out(ATA_COMMAND, ATA_FLUSH);
	ck_assert_uint_eq(interrupted(), READY);
	ck_assert_uint_eq(disk.flushes, 1);
	/* Without a cache each command is durable when it ends. */
	out(ATA_FEATURES, ATA_FEAT_WCACHE_OFF);
	out(ATA_COMMAND, ATA_SET_FEATURES);
	ck_assert_uint_eq(interrupted(), READY);
	ck_assert_uint_eq(disk.flushes, 2);
	command28(ATA_WRITE_SECTORS, 0, 1);
	give(buf, 512);
	ck_assert_uint_eq(interrupted(), READY);
	ck_assert_uint_eq(disk.flushes, 3);
}
END_TEST

START_TEST(counts_and_addresses)
{
	static u8 buf[512];

	command28(ATA_READ_SECTORS, 0, 0); /* 256 */
	for (int i = 0; i < 256; i++) {
		ck_assert_uint_eq(interrupted(), READY | ATA_SR_DRQ);
		take(buf, 512);
	}
	ck_assert_uint_eq(in(ATA_STATUS), READY);
	command48(ATA_READ_EXT, 300000, 0); /* 65536 */
	for (int i = 0; i < 65536; i++) {
		ck_assert_uint_eq(interrupted(), READY | ATA_SR_DRQ);
		take(buf, 512);
	}
	ck_assert_uint_eq(in(ATA_STATUS), READY);
	command48(ATA_VERIFY_EXT, 399000, 1000);
	ck_assert_uint_eq(interrupted(), READY);
	/* Beyond the end: the first sector that is not there is told. */
	command48(ATA_VERIFY_EXT, 399000, 1001);
	expect_error(ATA_ER_IDNF);
	ck_assert_uint_eq(address48(), 400000);
	command48(ATA_READ_EXT, 0xfedcba987654, 1);
	expect_error(ATA_ER_IDNF);
	ck_assert_uint_eq(address48(), 0xfedcba987654);
	command28(ATA_WRITE_SECTORS, 400000, 1);
	expect_error(ATA_ER_IDNF);
	ck_assert_uint_eq(disk.writes, 0);
	/* Cylinders, heads and sectors are not understood. */
	out(ATA_DEVICE, ATA_DEV_OBSOLETE);
	out(ATA_COMMAND, ATA_READ_SECTORS);
	expect_error(ATA_ER_ABRT);
}
END_TEST

START_TEST(bad_sectors)
{
	u8 buf[512];

	disk.bad_sector = 12;
	command28(ATA_READ_SECTORS, 10, 8);
	for (int i = 0; i < 2; i++) { /* the good ones before it are given */
		ck_assert_uint_eq(interrupted(), READY | ATA_SR_DRQ);
		take(buf, 512);
		ck_assert_mem_eq(buf, disk.bytes + (10UL + (unsigned)i) * 512, 512);
	}
	expect_error(ATA_ER_UNC);
	ck_assert_uint_eq(address48() & 0xffffff, 12);
	command48(ATA_VERIFY_EXT, 0, 200);
	expect_error(ATA_ER_UNC);
	ck_assert_uint_eq(address48(), 12);
	command28(ATA_WRITE_SECTORS, 12, 1);
	give(buf, 512);
	expect_error(ATA_ER_ABRT);
	disk.flush_error = -EIO;
	out(ATA_COMMAND, ATA_FLUSH_EXT);
	expect_error(ATA_ER_ABRT);
	/* The disk itself goes on. */
	command28(ATA_READ_SECTORS, 13, 1);
	ck_assert_uint_eq(interrupted(), READY | ATA_SR_DRQ);
}
END_TEST

START_TEST(refused)
{
	static const u8 unknown[] = { 0x00, 0x08, 0x25, 0x35, 0xa0, 0xa1, 0xc8, 0xca, 0xff };

	for (size_t i = 0; i < sizeof(unknown); i++) {
		out(ATA_COMMAND, unknown[i]);
		expect_error(ATA_ER_ABRT);
	}
	disk.read_only = true;
	command28(ATA_WRITE_SECTORS, 0, 1);
	expect_error(ATA_ER_ABRT);
	ck_assert_uint_eq(disk.writes, 0);
	out(ATA_FEATURES, ATA_FEAT_XFER_MODE);
	out(ATA_COUNT, 0x45); /* Ultra DMA */
	out(ATA_COMMAND, ATA_SET_FEATURES);
	expect_error(ATA_ER_ABRT);
	out(ATA_COUNT, 0x0c); /* PIO 4 */
	out(ATA_COMMAND, ATA_SET_FEATURES);
	ck_assert_uint_eq(interrupted(), READY);
	out(ATA_COMMAND, ATA_CHECK_POWER);
	ck_assert_uint_eq(interrupted(), READY);
	ck_assert_uint_eq(in(ATA_COUNT), ATA_POWER_ACTIVE);
}
END_TEST

START_TEST(interrupts_held_back)
{
	control(ATA_CTL_NIEN);
	out(ATA_COMMAND, ATA_IDENTIFY);
	ck_assert_int_eq(line(), 0);
	control(0); /* it was only held back */
	ck_assert_int_eq(line(), 1);
	ck_assert_uint_eq(alt_status(), READY | ATA_SR_DRQ);
	ck_assert_int_eq(line(), 1); /* the alternate status acknowledges nothing */
	out(ATA_COMMAND, ATA_FLUSH); /* a command does, and gives up the transfer */
	ck_assert_uint_eq(m.rises[PC_ATA_IRQ], 2);
	ck_assert_uint_eq(interrupted(), READY);
}
END_TEST

/* What another vCPU sees and does while the disk works for the first one. */
static void meddle(void *arg)
{
	unsigned *seen = arg;

	++*seen;
	ck_assert_uint_eq(alt_status(), ATA_SR_BSY);
	out(ATA_COUNT, 9);
	out(ATA_COMMAND, ATA_IDENTIFY);
	ck_assert_uint_eq(dev->class->read(dev, 0, ATA_DATA, 2), UINT64_MAX);
	dev->class->write(dev, 0, ATA_DATA, 2, 0xdead);
	ck_assert_uint_eq(in(ATA_STATUS), ATA_SR_BSY);
}

static void reset_it(void *arg)
{
	++*(unsigned *)arg;
	control(ATA_CTL_SRST);
	control(0);
	ck_assert_uint_eq(alt_status(), ATA_SR_BSY);
}

START_TEST(while_busy)
{
	unsigned seen = 0;
	u8 buf[512];

	disk.during = meddle;
	disk.arg = &seen;
	command28(ATA_READ_SECTORS, 3, 1);
	ck_assert_uint_eq(seen, 1);
	ck_assert_uint_eq(interrupted(), READY | ATA_SR_DRQ);
	take(buf, 512);
	ck_assert_mem_eq(buf, disk.bytes + 3UL * 512, 512);
	ck_assert_uint_eq(in(ATA_COUNT), 1);

	disk.during = reset_it;
	for (int i = 0; i < 3; i++) {
		static const u8 cmd[] = { ATA_READ_SECTORS, ATA_WRITE_SECTORS, ATA_FLUSH };

		command28(cmd[i], 3, 1);
		if (cmd[i] == ATA_WRITE_SECTORS)
			give(buf, 512);
		expect_signature();
		ck_assert_int_eq(line(), 0);
	}
	ck_assert_uint_eq(seen, 4);
}
END_TEST

START_TEST(software_reset)
{
	out(ATA_COUNT, 8);
	out(ATA_COMMAND, ATA_SET_MULTI);
	command28(ATA_READ_SECTORS, 3, 4);
	control(ATA_CTL_SRST | ATA_CTL_NIEN);
	ck_assert_uint_eq(alt_status(), ATA_SR_BSY);
	out(ATA_COMMAND, ATA_IDENTIFY); /* not heard */
	control(ATA_CTL_NIEN);
	expect_signature();
	ck_assert_uint_eq(dev->class->read(dev, 0, ATA_DATA, 2), UINT64_MAX);
	control(0);
	ck_assert_int_eq(line(), 0);
	command28(ATA_READ_MULTI, 0, 8); /* what was set survives */
	ck_assert_uint_eq(interrupted(), READY | ATA_SR_DRQ);
}
END_TEST

START_TEST(saved_and_loaded)
{
	u8 *state = (u8 *)dev + dev->class->state_offset, *copy = malloc(dev->class->state_size);
	u8 buf[1024];

	ck_assert_ptr_nonnull(copy);
	command28(ATA_READ_SECTORS, 5, 2);
	take(buf, 100);
	memcpy(copy, state, dev->class->state_size);
	dev->class->reset(dev);
	memcpy(state, copy, dev->class->state_size);
	ck_assert_int_eq(dev->class->post_load(dev), 0);
	take(buf + 100, 412);
	ck_assert_uint_eq(in(ATA_STATUS), READY | ATA_SR_DRQ);
	take(buf + 512, 512);
	ck_assert_mem_eq(buf, disk.bytes + 5UL * 512, 1024);
	/* On a smaller disk it must be refused. */
	disk.size = 6UL * 512;
	memcpy(state, copy, dev->class->state_size);
	ck_assert_int_eq(dev->class->post_load(dev), -EINVAL);
	disk.size = SIZE;
	/* Nonsense never gets through to an access out of bounds. */
	for (unsigned i = 0; i < 200000; i++) {
		memcpy(state, copy, dev->class->state_size);
		state[(u64)i * 2654435761u % (dev->class->state_size - 8192)] = (u8)(i >> 3);
		state[(u64)i * 40503u % (dev->class->state_size - 8192)] = (u8)(i >> 7);
		if (dev->class->post_load(dev))
			continue;
		for (int k = 0; k < 4; k++)
			dev->class->read(dev, 0, ATA_DATA, 4);
		dev->class->write(dev, 0, ATA_DATA, 4, 0);
	}
	free(copy);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ata");
	TCase *t = tcase_create("ata");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 30);
	tcase_add_test(t, one_device);
	tcase_add_test(t, identify);
	tcase_add_test(t, reads);
	tcase_add_test(t, multiple);
	tcase_add_test(t, writes);
	tcase_add_test(t, counts_and_addresses);
	tcase_add_test(t, bad_sectors);
	tcase_add_test(t, refused);
	tcase_add_test(t, interrupts_held_back);
	tcase_add_test(t, while_busy);
	tcase_add_test(t, software_reset);
	tcase_add_test(t, saved_and_loaded);
	suite_add_tcase(s, t);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
