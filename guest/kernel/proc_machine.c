/* SPDX-License-Identifier: MIT */
/* proc_machine.c - what the machine and the kernel are: version, cmdline, disks, consoles. */
#include "guest/drivers/block.h"
#include "guest/fs/seq_file.h"
#include "guest/fs/tty.h"
#include "guest/kernel/boot_info.h"
#include "guest/kernel/fs.h"
#include "guest/kernel/proc.h"
#include "guest/kernel/time.h"
#include "guest/kernel/tty_console.h"
#include "guest/lib/string.h"
#include "guest/process/uts.h"

static int version(struct seq *s, void *arg)
{
	(void)arg;
	seq_printf(s, "%s version %s (%s@%s) (%s) %s\n", kernel_uts.sysname, kernel_uts.release,
		   "parallax", "parallax",
#ifdef __clang__
		   __VERSION__,
#else
		   "gcc " __VERSION__,
#endif
		   kernel_uts.version);
	return 0;
}

static int cmdline(struct seq *s, void *arg)
{
	(void)arg;
	seq_puts(s, boot_info.cmdline);
	seq_puts(s, "\n");
	return 0;
}

/* ---- disks ----------------------------------------------------------------------------------------------- */

/* Numbers as Linux gives them: IDE's own, the first dynamic one for virtio. */
static unsigned major_of(const struct blk_device *dev)
{
	return dev->name[0] == 'h' ? 3 : 254;
}

static int partitions(struct seq *s, void *arg)
{
	const struct blk_device *dev;
	unsigned minor = 0;

	(void)arg;
	seq_puts(s, "major minor  #blocks  name\n\n");
	for (dev = blk_next(NULL); dev; dev = blk_next(dev), minor += 16)
		seq_printf(s, "%4u  %7u %10lu %s\n", major_of(dev), minor, dev->sectors / 2,
			   dev->name);
	return 0;
}

static u64 ms(u64 ns)
{
	return ns / NSEC_PER_MSEC;
}

/* Requests are never merged or discarded. */
static void show_disk(struct seq *s, const struct blk_device *dev, unsigned minor)
{
	struct blk_stats st;

	blk_read_stats((struct blk_device *)dev, &st);
	seq_printf(s, "%4u %7u %s %lu 0 %lu %lu %lu 0 %lu %lu", major_of(dev), minor, dev->name,
		   st.ios[BLK_READ], st.sectors[BLK_READ], ms(st.ns[BLK_READ]), st.ios[BLK_WRITE],
		   st.sectors[BLK_WRITE], ms(st.ns[BLK_WRITE]));
	seq_printf(s, " %u %lu %lu 0 0 0 0 %lu %lu\n", st.in_flight, ms(st.busy_ns),
		   ms(st.ns[BLK_READ] + st.ns[BLK_WRITE] + st.ns[BLK_FLUSH]), st.ios[BLK_FLUSH],
		   ms(st.ns[BLK_FLUSH]));
}

static int diskstats(struct seq *s, void *arg)
{
	const struct blk_device *dev;
	unsigned minor = 0;

	(void)arg;
	for (dev = blk_next(NULL); dev; dev = blk_next(dev), minor += 16)
		show_disk(s, dev, minor);
	return 0;
}

/* ---- consoles -------------------------------------------------------------------------------------------- */

/* Enabled, the preferred one, shows old messages too; a serial line may print at any time. */
static int consoles(struct seq *s, void *arg)
{
	const struct tty_struct *tty = console_tty();
	bool serial = MAJOR(tty->dev) == 4;

	(void)arg;
	seq_printf(s, "%-21s-W- (EC p %c) %4u:%u\n", tty->name, serial ? 'a' : ' ', MAJOR(tty->dev),
		   MINOR(tty->dev));
	return 0;
}

static const struct pseudo_ops version_ops = { .show = version };
static const struct pseudo_ops cmdline_ops = { .show = cmdline };
static const struct pseudo_ops partitions_ops = { .show = partitions };
static const struct pseudo_ops diskstats_ops = { .show = diskstats };
static const struct pseudo_ops consoles_ops = { .show = consoles };
extern const struct pseudo_ops cpuinfo_ops;

int proc_machine_init(struct pseudo_tree *proc)
{
	static const struct pseudo_desc files[] = {
		{ .name = "cmdline", .mode = 0444, .ops = &cmdline_ops },
		{ .name = "consoles", .mode = 0444, .ops = &consoles_ops },
		{ .name = "cpuinfo", .mode = 0444, .ops = &cpuinfo_ops },
		{ .name = "diskstats", .mode = 0444, .ops = &diskstats_ops },
		{ .name = "partitions", .mode = 0444, .ops = &partitions_ops },
		{ .name = "version", .mode = 0444, .ops = &version_ops },
		{ .name = NULL },
	};

	return pseudo_add(proc, NULL, files, NULL);
}
