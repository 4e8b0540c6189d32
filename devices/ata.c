/* SPDX-License-Identifier: MIT */
/* ata.c - the registers and commands of an ATA disk; rules A1 to A3 stand in ata.h. */
#include "devices/ata.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/aml.h"
#include "devices/ata_priv.h"

enum { RANGE_COMMAND, RANGE_CONTROL };

#define IDLE	       (ATA_SR_DRDY | ATA_SR_DSC)
#define CONTROL_KEPT   (ATA_CTL_NIEN | ATA_CTL_SRST | ATA_CTL_HOB)
#define DEFAULT_SERIAL "PARALLAX-0"

static struct ata *to_ata(struct device *dev)
{
	return container_of(dev, struct ata, dev);
}

/* Ends every access: the interrupt line follows (A2). Frees the lock. */
static void settle(struct ata *a)
{
	dev_outputs_level(&a->out, a->s.intrq && !(a->s.control & ATA_CTL_NIEN));
	dev_outputs_unlock(&a->out, &a->dev, &a->lock);
}

/* ---- how a command ends --------------------------------------------------------------------------- */

static void end(struct ata *a, u8 status, u8 error)
{
	a->s.phase = ATA_NO_DATA;
	a->s.status = status;
	a->s.error = error;
	a->s.intrq = true;
}

void ata_done(struct ata *a)
{
	end(a, IDLE, 0);
}

void ata_fail(struct ata *a, u8 error)
{
	end(a, IDLE | ATA_SR_ERR, error);
}

static void set_reg(struct ata_reg *r, u64 value, unsigned low_bit)
{
	r->now = (u8)(value >> low_bit);
	r->before = (u8)(value >> (low_bit + 24));
}

/* The address registers tell the first bad sector. */
void ata_fail_at(struct ata *a, u8 error, u64 lba)
{
	struct ata_state *s = &a->s;

	set_reg(&s->low, lba, 0);
	set_reg(&s->mid, lba, 8);
	set_reg(&s->high, lba, 16);
	if (!s->ext)
		s->device = (u8)((s->device & 0xf0) | (lba >> 24 & 0x0f));
	ata_fail(a, error);
}

/* After a reset and a diagnostic: that this is an ATA disk (9.12). */
void ata_signature(struct ata *a)
{
	struct ata_state *s = &a->s;

	s->phase = ATA_NO_DATA;
	s->count = s->low = (struct ata_reg){ .now = 1 };
	s->mid = s->high = s->features = (struct ata_reg){ 0 };
	s->device = 0;
	s->error = ATA_DIAG_PASSED;
	s->status = IDLE;
	s->intrq = false;
}

/* ---- commands ----------------------------------------------------------------------------------- */

/* What the registers name: false, with the command failed, when it cannot be (A3). */
static bool addressed(struct ata *a, u64 *lba, u32 *n)
{
	struct ata_state *s = &a->s;

	if (!(s->device & ATA_DEV_LBA)) {
		ata_fail(a, ATA_ER_ABRT); /* cylinders and heads are gone since ATA-6 */
		return false;
	}
	*lba = (u64)s->low.now | (u64)s->mid.now << 8 | (u64)s->high.now << 16;
	if (s->ext) {
		*lba |= (u64)s->low.before << 24 | (u64)s->mid.before << 32 |
			(u64)s->high.before << 40;
		*n = (u32)s->count.now | (u32)s->count.before << 8;
		*n = *n ? *n : 65536;
	} else {
		*lba |= (u64)(s->device & 0x0f) << 24;
		*n = s->count.now ? s->count.now : 256;
	}
	if (*lba < s->sectors && s->sectors - *lba >= *n)
		return true;
	ata_fail_at(a, ATA_ER_IDNF, MAX(*lba, s->sectors));
	return false;
}

static void transfer(struct ata *a, bool ext, bool write, bool multiple)
{
	unsigned block = multiple ? a->s.multiple : 1;
	u64 lba;
	u32 n;

	a->s.ext = ext;
	if (!block || (write && block_read_only(a->disk))) {
		ata_fail(a, ATA_ER_ABRT);
		return;
	}
	if (!addressed(a, &lba, &n))
		return;
	if (write)
		ata_start_write(a, lba, n, block);
	else
		ata_start_read(a, lba, n, block);
}

static void cmd_read(struct ata *a, u8 command)
{
	transfer(a, command == ATA_READ_EXT, false, false);
}

static void cmd_read_multi(struct ata *a, u8 command)
{
	transfer(a, command == ATA_READ_MULTI_EXT, false, true);
}

static void cmd_write(struct ata *a, u8 command)
{
	transfer(a, command == ATA_WRITE_EXT, true, false);
}

static void cmd_write_multi(struct ata *a, u8 command)
{
	transfer(a, command == ATA_WRITE_MULTI_EXT, true, true);
}

static void cmd_verify(struct ata *a, u8 command)
{
	u64 lba;
	u32 n;

	a->s.ext = command == ATA_VERIFY_EXT;
	if (addressed(a, &lba, &n))
		ata_start_verify(a, lba, n);
}

static void cmd_flush(struct ata *a, u8 command)
{
	(void)command;
	ata_start_flush(a);
}

static void cmd_identify(struct ata *a, u8 command)
{
	(void)command;
	ata_identify(a, a->s.buf);
	ata_give(a, ATA_SECTOR);
}

static void cmd_set_multi(struct ata *a, u8 command)
{
	u8 n = a->s.count.now;

	(void)command;
	if (n > ATA_MAX_MULTI || (n & (n - 1))) {
		a->s.multiple = 0; /* 8.37: and multiple commands are disabled */
		ata_fail(a, ATA_ER_ABRT);
		return;
	}
	a->s.multiple = n;
	ata_done(a);
}

static void cmd_set_features(struct ata *a, u8 command)
{
	struct ata_state *s = &a->s;
	u8 mode = s->count.now;

	(void)command;
	switch (s->features.now) {
	case ATA_FEAT_WCACHE_ON:
		s->write_cache = true;
		break;
	case ATA_FEAT_WCACHE_OFF:
		s->write_cache = false;
		ata_start_flush(a); /* what was cached must not be left behind */
		return;
	case ATA_FEAT_AHEAD_ON:
		s->look_ahead = true;
		break;
	case ATA_FEAT_AHEAD_OFF:
		s->look_ahead = false;
		break;
	case ATA_FEAT_XFER_MODE:
		/* The default PIO modes, and PIO 0 to 4 with flow control; no DMA. */
		if (mode > 1 && (mode < 8 || mode > 12)) {
			ata_fail(a, ATA_ER_ABRT);
			return;
		}
		break;
	default:
		ata_fail(a, ATA_ER_ABRT);
		return;
	}
	ata_done(a);
}

static void cmd_diagnostic(struct ata *a, u8 command)
{
	(void)command;
	ata_signature(a);
	a->s.intrq = true;
}

static void cmd_check_power(struct ata *a, u8 command)
{
	(void)command;
	a->s.count.now = ATA_POWER_ACTIVE;
	ata_done(a);
}

/* Parameters of cylinders and heads, spinning down: nothing that a file would need. */
static void cmd_accept(struct ata *a, u8 command)
{
	(void)command;
	ata_done(a);
}

static const struct {
	u8 first, last;
	void (*fn)(struct ata *a, u8 command);
} commands[] = {
	{ ATA_READ_SECTORS, ATA_READ_SECTORS + 1, cmd_read }, /* with and without retries */
	{ ATA_READ_EXT, ATA_READ_EXT, cmd_read },
	{ ATA_READ_MULTI_EXT, ATA_READ_MULTI_EXT, cmd_read_multi },
	{ ATA_WRITE_SECTORS, ATA_WRITE_SECTORS + 1, cmd_write },
	{ ATA_WRITE_EXT, ATA_WRITE_EXT, cmd_write },
	{ ATA_WRITE_MULTI_EXT, ATA_WRITE_MULTI_EXT, cmd_write_multi },
	{ ATA_VERIFY, ATA_VERIFY + 1, cmd_verify },
	{ ATA_VERIFY_EXT, ATA_VERIFY_EXT, cmd_verify },
	{ ATA_DIAGNOSTIC, ATA_DIAGNOSTIC, cmd_diagnostic },
	{ ATA_INIT_PARAMETERS, ATA_INIT_PARAMETERS, cmd_accept },
	{ ATA_READ_MULTI, ATA_READ_MULTI, cmd_read_multi },
	{ ATA_WRITE_MULTI, ATA_WRITE_MULTI, cmd_write_multi },
	{ ATA_SET_MULTI, ATA_SET_MULTI, cmd_set_multi },
	{ ATA_STANDBY_NOW, ATA_IDLE, cmd_accept },
	{ ATA_CHECK_POWER, ATA_CHECK_POWER, cmd_check_power },
	{ ATA_SLEEP, ATA_SLEEP, cmd_accept },
	{ ATA_FLUSH, ATA_FLUSH, cmd_flush },
	{ ATA_FLUSH_EXT, ATA_FLUSH_EXT, cmd_flush },
	{ ATA_IDENTIFY, ATA_IDENTIFY, cmd_identify },
	{ ATA_SET_FEATURES, ATA_SET_FEATURES, cmd_set_features },
};

static void start(struct ata *a, u8 command)
{
	a->s.intrq = false;
	a->s.error = 0;
	a->s.phase = ATA_NO_DATA; /* a transfer that was under way is given up */
	a->s.ext = false;
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (command < commands[i].first || command > commands[i].last)
			continue;
		commands[i].fn(a, command);
		return;
	}
	ata_fail(a, ATA_ER_ABRT);
}

/* ---- registers ----------------------------------------------------------------------------------- */

static bool other_device(const struct ata *a)
{
	return a->s.device & ATA_DEV_1;
}

/* n bytes through the data register: what lies beyond a block is not there. */
static u64 read_data(struct ata *a, unsigned n)
{
	struct ata_state *s = &a->s;
	u64 value = 0;

	if (!(s->status & ATA_SR_DRQ) || s->phase != ATA_DATA_IN)
		return UINT64_MAX;
	n = MIN(n, s->block_end - s->pos);
	memcpy(&value, s->buf + s->pos, n);
	s->pos += n;
	if (s->pos == s->block_end)
		ata_block_read(a);
	return value;
}

static void write_data(struct ata *a, unsigned n, u64 value)
{
	struct ata_state *s = &a->s;

	if (!(s->status & ATA_SR_DRQ) || s->phase != ATA_DATA_OUT)
		return;
	n = MIN(n, s->block_end - s->pos);
	memcpy(s->buf + s->pos, &value, n);
	s->pos += n;
	if (s->pos == s->block_end)
		ata_block_written(a);
}

static u8 status(const struct ata *a)
{
	if (other_device(a))
		return 0; /* as device 0 answers for one that is not there (9.16.2) */
	return a->s.control & ATA_CTL_SRST ? ATA_SR_BSY : a->s.status;
}

static u8 two_bytes(const struct ata *a, const struct ata_reg *r)
{
	return a->s.control & ATA_CTL_HOB ? r->before : r->now;
}

static u8 read_byte(struct ata *a, unsigned reg)
{
	struct ata_state *s = &a->s;

	switch (reg) {
	case ATA_ERROR:
		return s->error;
	case ATA_COUNT:
		return two_bytes(a, &s->count);
	case ATA_LBA_LOW:
		return two_bytes(a, &s->low);
	case ATA_LBA_MID:
		return two_bytes(a, &s->mid);
	case ATA_LBA_HIGH:
		return two_bytes(a, &s->high);
	case ATA_DEVICE:
		return s->device;
	case ATA_STATUS:
		if (!other_device(a))
			s->intrq = false;
		return status(a);
	}
	return 0xff;
}

static void push(struct ata_reg *r, u8 value)
{
	r->before = r->now;
	r->now = value;
}

static void write_byte(struct ata *a, unsigned reg, u8 value)
{
	struct ata_state *s = &a->s;

	if (s->owned || (s->control & ATA_CTL_SRST))
		return;
	s->control &= (u8)~ATA_CTL_HOB; /* 6.2: any write to the command block clears it */
	if (other_device(a) && reg != ATA_DEVICE &&
	    !(reg == ATA_COMMAND && value == ATA_DIAGNOSTIC))
		return;
	switch (reg) {
	case ATA_FEATURES:
		push(&s->features, value);
		break;
	case ATA_COUNT:
		push(&s->count, value);
		break;
	case ATA_LBA_LOW:
		push(&s->low, value);
		break;
	case ATA_LBA_MID:
		push(&s->mid, value);
		break;
	case ATA_LBA_HIGH:
		push(&s->high, value);
		break;
	case ATA_DEVICE:
		s->device = value;
		break;
	case ATA_COMMAND:
		start(a, value);
		break;
	}
}

static void write_control(struct ata *a, u8 value)
{
	struct ata_state *s = &a->s;
	bool ends = (s->control & ATA_CTL_SRST) && !(value & ATA_CTL_SRST);

	s->control = value & CONTROL_KEPT;
	if (!ends)
		return;
	/* 9.2: registers are those of a diagnostic; features stay as they were set. */
	if (s->owned)
		s->reset = true; /* whoever owns the disk does it when the host lets go */
	else
		ata_signature(a);
}

static u64 ata_read(struct device *dev, unsigned range, u64 offset, unsigned size)
{
	struct ata *a = to_ata(dev);
	u64 value = 0;

	dev_lock(&a->lock);
	if (range == RANGE_COMMAND && offset == ATA_DATA) {
		value = read_data(a, size);
		settle(a);
		return value;
	}
	for (unsigned i = 0; i < size; i++) {
		u8 byte = range == RANGE_CONTROL ? status(a) : read_byte(a, (unsigned)offset + i);

		value |= (u64)byte << (8 * i);
	}
	settle(a);
	return value;
}

static void ata_write(struct device *dev, unsigned range, u64 offset, unsigned size, u64 value)
{
	struct ata *a = to_ata(dev);

	dev_lock(&a->lock);
	if (range == RANGE_CONTROL)
		write_control(a, (u8)value);
	else if (offset == ATA_DATA)
		write_data(a, size, value);
	else
		for (unsigned i = 0; i < size; i++)
			write_byte(a, (unsigned)offset + i, (u8)(value >> (8 * i)));
	settle(a);
}

/* ---- life ------------------------------------------------------------------------------------------ */

static void ata_reset(struct device *dev)
{
	struct ata *a = to_ata(dev);
	u64 sectors;

	block_refresh_size(a->disk); /* nothing is under way: the machine stands still */
	sectors = block_size(a->disk) / ATA_SECTOR;
	dev_lock(&a->lock);
	a->s = (struct ata_state){ .sectors = MIN(sectors, (1UL << 48) - 1),
				   .write_cache = true,
				   .look_ahead = true };
	ata_signature(a);
	settle(a);
}

static int ata_post_load(struct device *dev)
{
	struct ata *a = to_ata(dev);
	struct ata_state *s = &a->s;
	bool in = s->phase == ATA_DATA_IN, out = s->phase == ATA_DATA_OUT;
	u64 most = MIN((u64)ATA_BUFFER, (u64)s->left * ATA_SECTOR);

	/* A transfer that is under way must fit the buffer and the disk; nobody owns a saved disk. */
	if (s->owned || s->reset || s->phase > ATA_DATA_OUT || s->multiple > ATA_MAX_MULTI ||
	    s->sectors > block_size(a->disk) / ATA_SECTOR)
		return -EINVAL;
	if (in && (s->filled > most || s->filled % ATA_SECTOR || s->block_end > s->filled))
		return -EINVAL;
	if ((in || out) &&
	    (!s->block || s->block > ATA_MAX_MULTI || s->pos >= s->block_end || !s->left ||
	     s->left > 65536 || s->block_end > most || s->block_end % ATA_SECTOR ||
	     s->lba > s->sectors || s->sectors - s->lba < s->left))
		return -EINVAL;
	if (!in && !out)
		s->status &= (u8)~ATA_SR_DRQ;
	s->control &= CONTROL_KEPT;
	dev_outputs_loaded(&a->out, s->intrq && !(s->control & ATA_CTL_NIEN));
	return 0;
}

static void ata_destroy(struct device *dev)
{
	block_close(to_ata(dev)->disk);
	free(to_ata(dev));
}

static void ata_describe_acpi(const struct device *dev, struct aml *aml)
{
	aml_device_begin(aml, "IDE0");
	aml_name_eisaid(aml, "_HID", "PNP0600");
	aml_resources_begin(aml, "_CRS");
	aml_resource_io(aml, (u16)dev->range[RANGE_COMMAND].base,
			(u8)dev->range[RANGE_COMMAND].len);
	aml_resource_io(aml, (u16)dev->range[RANGE_CONTROL].base, 1);
	aml_resource_irq(aml, dev->irq.gsi);
	aml_resources_end(aml);
	aml_device_end(aml);
}

struct device *ata_create(const struct dev_env *env, const struct dev_range *command,
			  const struct dev_range *control, struct irq_line irq, struct block *disk,
			  const char *serial)
{
	struct ata *a = calloc(1, sizeof(*a));

	if (!a) {
		block_close(disk);
		return NULL;
	}
	a->dev = (struct device){
		.class = &ata_class,
		.env = env,
		.irq = irq,
		.range = { [RANGE_COMMAND] = *command, [RANGE_CONTROL] = *control },
		.nr_ranges = 2
	};
	a->disk = disk;
	snprintf(a->serial, sizeof(a->serial), "%s", *serial ? serial : DEFAULT_SERIAL);
	dev_outputs_init(&a->out, NULL);
	return &a->dev;
}

const struct device_class ata_class = {
	.name = "ata",
	.description = "ATA disk on the primary IDE channel, PIO",
	.reset = ata_reset,
	.read = ata_read,
	.write = ata_write,
	.destroy = ata_destroy,
	.state_offset = offsetof(struct ata, s),
	.state_size = sizeof(struct ata_state),
	.post_load = ata_post_load,
	.describe_acpi = ata_describe_acpi,
};
