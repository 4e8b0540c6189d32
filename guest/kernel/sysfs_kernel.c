/* SPDX-License-Identifier: MIT */
/*
 * sysfs_kernel.c - the rest of /sys: terminals as devices, and debugfs, a file system of its own that is
 * mounted on /sys/kernel/debug by whoever wants to see it.
 */
#include "guest/fs/seq_file.h"
#include "guest/fs/tty.h"
#include "guest/kernel/fs.h"
#include "guest/kernel/mm.h"
#include "guest/kernel/mm_show.h"
#include "guest/kernel/proc.h"
#include "guest/kernel/tty_console.h"

#define DEBUGFS_MAGIC 0x64626720

/* ---- class/tty --------------------------------------------------------------------------------------------- */

static int show_dev(struct seq *s, void *arg)
{
	const struct tty_struct *tty = arg;

	seq_printf(s, "%u:%u\n", MAJOR(tty->dev), MINOR(tty->dev));
	return 0;
}

static int show_active(struct seq *s, void *arg)
{
	const struct tty_struct *tty = arg;

	seq_printf(s, "%s\n", tty->name);
	return 0;
}

static const struct pseudo_ops dev_ops = { .show = show_dev, .size = 4096 };
static const struct pseudo_ops active_ops = { .show = show_active, .size = 4096 };

static const struct pseudo_desc tty_files[] = {
	{ .name = "dev", .mode = 0444, .ops = &dev_ops },
	{ .name = NULL },
};
static const struct pseudo_desc console_files[] = {
	{ .name = "active", .mode = 0444, .ops = &active_ops },
	{ .name = NULL },
};

static int add_terminals(struct pseudo_tree *sys)
{
	struct pseudo_entry *class = pseudo_dir(sys, pseudo_find(sys, "class"), "tty", 0755), *dir;
	struct tty_struct *tty = (struct tty_struct *)console_tty();
	int err;

	dir = class ? pseudo_dir(sys, class, tty->name, 0755) : NULL;
	err = dir ? pseudo_add(sys, dir, tty_files, tty) : -ENOMEM;
	if (err)
		return err;
	dir = pseudo_dir(sys, class, "console", 0755);
	return dir ? pseudo_add(sys, dir, console_files, tty) : -ENOMEM;
}

/* ---- debugfs ----------------------------------------------------------------------------------------------- */

static struct pseudo_tree debug_tree;

static int of_pages(struct seq *s, void *show)
{
	((void (*)(struct seq * s, struct pgalloc * pg)) show)(s, &kernel_mm.pg);
	return 0;
}

static int pagetables(struct seq *s, void *arg)
{
	(void)arg;
	mm_show_pagetables(s);
	return 0;
}

static const struct pseudo_ops pages_ops = { .show = of_pages };
static const struct pseudo_ops pagetables_ops = { .show = pagetables };

static const struct pseudo_desc extfrag_files[] = {
	{ .name = "extfrag_index", .mode = 0444, .ops = &pages_ops, .arg = show_extfrag_index },
	{ .name = "unusable_index", .mode = 0444, .ops = &pages_ops, .arg = show_unusable_index },
	{ .name = NULL },
};

static const struct pseudo_desc debug_files[] = {
	{ .name = "extfrag", .mode = S_IFDIR | 0755, .children = extfrag_files },
	{ .name = "kernel_page_tables", .mode = 0400, .ops = &pagetables_ops },
	{ .name = NULL },
};

static int debugfs_mount(const struct file_system_type *type, struct vfs *vfs,
			 const struct mount_request *req, struct super_block **out)
{
	(void)vfs;
	(void)req;
	return pseudo_mount(&debug_tree, type, out);
}

static const struct file_system_type debugfs_type = { .name = "debugfs", .mount = debugfs_mount };

int sysfs_kernel_init(struct pseudo_tree *sys)
{
	int err = add_terminals(sys);

	if (!err)
		err = pseudo_tree_init(&debug_tree, &kernel_vfs, DEBUGFS_MAGIC);
	if (!err)
		err = pseudo_add(&debug_tree, NULL, debug_files, NULL);
	return err ? err : register_filesystem(&kernel_vfs, &debugfs_type);
}
