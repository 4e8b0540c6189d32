/* SPDX-License-Identifier: MIT */
/* procfs.c - /proc and /sys as far as the file system layer can fill them: proc(5), sysfs(5). */
#include "guest/fs/procfs.h"
#include "guest/fs/chrdev.h"
#include "guest/fs/internal.h"
#include "guest/fs/socket.h"
#include "guest/lib/string.h"

/* ---- mounts ------------------------------------------------------------------------------------------------ */

static const char blanks[] = " \t\n\\";

static void show_flags(struct seq *s, u32 flags)
{
	static const struct {
		u32 flag;
		const char *name;
	} names[] = {
		{ MS_NOSUID, ",nosuid" },	    { MS_NODEV, ",nodev" },
		{ MS_NOEXEC, ",noexec" },	    { MS_NOATIME, ",noatime" },
		{ MS_NODIRATIME, ",nodiratime" },   { MS_RELATIME, ",relatime" },
		{ MS_NOSYMFOLLOW, ",nosymfollow" },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		if (flags & names[i].flag)
			seq_puts(s, names[i].name);
}

static const char *ro(u32 flags)
{
	return flags & MS_RDONLY ? "ro" : "rw";
}

static void show_path(struct seq *s, const struct path *path, const struct path *root, char *buf)
{
	char *text = d_path(path, root, buf, PATH_MAX, NULL);

	seq_escape(s, text ? text : "?", blanks);
}

struct mount_line {
	struct seq *s;
	struct vfs *vfs;
	const struct path *root;
	char *buf;
};

static void show_mount(const struct mount_line *l, struct mount *m)
{
	struct path at = { m, m->mnt_root };
	struct super_block *sb = m->mnt_sb;

	seq_escape(l->s, m->mnt_devname ? m->mnt_devname : "rootfs", blanks);
	seq_puts(l->s, " ");
	show_path(l->s, &at, l->root, l->buf);
	seq_printf(l->s, " %s %s", sb->s_type->name, ro(m->mnt_flags | sb->s_flags));
	show_flags(l->s, m->mnt_flags);
	if (sb->s_op && sb->s_op->show_options)
		sb->s_op->show_options(l->s, sb);
	seq_puts(l->s, " 0 0\n");
}

static void show_info(const struct mount_line *l, struct mount *m)
{
	struct super_block *sb = m->mnt_sb;
	struct path at = { m, m->mnt_root }, inside = { m, m->mnt_root };
	struct path top = { m, sb->s_root };
	char *text;

	seq_printf(l->s, "%lu %lu %u:%u ", m->mnt_id, m->mnt_parent->mnt_id, MAJOR(sb->s_dev),
		   MINOR(sb->s_dev));
	/* Which part of its file system a bind mount shows. */
	text = d_path(&inside, &top, l->buf, PATH_MAX, NULL);
	seq_escape(l->s, m->mnt_root == sb->s_root || !text ? "/" : text, blanks);
	seq_puts(l->s, " ");
	show_path(l->s, &at, l->root, l->buf);
	seq_printf(l->s, " %s", ro(m->mnt_flags));
	show_flags(l->s, m->mnt_flags);
	seq_printf(l->s, " - %s ", sb->s_type->name);
	seq_escape(l->s, m->mnt_devname ? m->mnt_devname : "rootfs", blanks);
	seq_printf(l->s, " %s", ro(sb->s_flags));
	if (sb->s_op && sb->s_op->show_options)
		sb->s_op->show_options(l->s, sb);
	seq_puts(l->s, "\n");
}

static void for_each_mount (struct seq *s, struct vfs * vfs, const struct path *root,
			    void (*show)(const struct mount_line *l, struct mount *m))
{
	struct mount_line l = { s, vfs, root, kmalloc(vfs->slab, PATH_MAX, GFP_KERNEL) };
	struct mount *m;

	if (!l.buf)
		return;
	down_read(&vfs->namespace_sem);
	list_for_each_entry (m, &vfs->mounts, mnt_list)
		show(&l, m);
	up_read(&vfs->namespace_sem);
	kfree(vfs->slab, l.buf);
}

void show_mounts(struct seq *s, struct vfs *vfs, const struct path *root)
{
	for_each_mount (s, vfs, root, show_mount)
		;
}

void show_mountinfo(struct seq *s, struct vfs *vfs, const struct path *root)
{
	for_each_mount (s, vfs, root, show_info)
		;
}

void show_filesystems(struct seq *s, struct vfs *vfs)
{
	for (unsigned i = 0; i < VFS_MAX_FS_TYPES && vfs->fs_types[i]; i++) {
		const struct file_system_type *type = vfs->fs_types[i];

		seq_printf(s, "%s\t%s\n", type->fs_flags & FS_REQUIRES_DEV ? "" : "nodev",
			   type->name);
	}
}

/* ---- /proc -------------------------------------------------------------------------------------------------- */

static int filesystems(struct seq *s, void *arg)
{
	show_filesystems(s, arg);
	return 0;
}

static int devices(struct seq *s, void *arg)
{
	show_devices(s, arg);
	return 0;
}

static int file_nr(struct seq *s, void *arg)
{
	struct vfs *vfs = arg;

	seq_printf(s, "%ld\t0\t%lu\n", atomic64_read(&vfs->nr_files), vfs->max_files);
	return 0;
}

static int dentry_state(struct seq *s, void *arg)
{
	struct vfs *vfs = arg;

	seq_printf(s, "%lu\t%lu\t45\t0\t0\t0\n", vfs->nr_dentry, vfs->nr_unused);
	return 0;
}

static int inode_nr(struct seq *s, void *arg)
{
	struct vfs *vfs = arg;

	seq_printf(s, "%ld\t0\n", atomic64_read(&vfs->nr_inodes));
	return 0;
}

static const struct pseudo_ops filesystems_ops = { .show = filesystems };
static const struct pseudo_ops devices_ops = { .show = devices };
static const struct pseudo_ops file_nr_ops = { .show = file_nr };
static const struct pseudo_ops dentry_state_ops = { .show = dentry_state };
static const struct pseudo_ops inode_nr_ops = { .show = inode_nr };

static const struct pseudo_desc fs_files[] = {
	{ .name = "dentry-state", .mode = 0444, .ops = &dentry_state_ops },
	{ .name = "file-nr", .mode = 0444, .ops = &file_nr_ops },
	{ .name = "inode-nr", .mode = 0444, .ops = &inode_nr_ops },
	{ .name = NULL },
};

static const struct pseudo_desc sys_dirs[] = {
	{ .name = "fs", .mode = S_IFDIR | 0555, .children = fs_files },
	{ .name = "kernel", .mode = S_IFDIR | 0555 },
	{ .name = "vm", .mode = S_IFDIR | 0555 },
	{ .name = NULL },
};

static const struct pseudo_ops unix_ops = { .show = unix_show };

static const struct pseudo_desc net_files[] = {
	{ .name = "unix", .mode = 0444, .ops = &unix_ops },
	{ .name = NULL },
};

static const struct pseudo_desc proc_root[] = {
	{ .name = "devices", .mode = 0444, .ops = &devices_ops },
	{ .name = "filesystems", .mode = 0444, .ops = &filesystems_ops },
	{ .name = "net", .mode = S_IFDIR | 0555, .children = net_files },
	{ .name = "sys", .mode = S_IFDIR | 0555, .children = sys_dirs },
	{ .name = NULL },
};

static int add_inotify_numbers(struct procfs *p, struct vfs *vfs, struct pseudo_entry *fs)
{
	struct pseudo_entry *dir = pseudo_dir(&p->tree, fs, "inotify", 0555);

	if (!dir ||
	    !pseudo_file(&p->tree, dir, "max_queued_events", 0644, &pseudo_u32_ops,
			 &vfs->inotify_max_events) ||
	    !pseudo_file(&p->tree, dir, "max_user_instances", 0644, &pseudo_u32_ops,
			 &vfs->inotify_max_instances) ||
	    !pseudo_file(&p->tree, dir, "max_user_watches", 0644, &pseudo_u32_ops,
			 &vfs->inotify_max_watches))
		return -ENOMEM;
	return 0;
}

/* The numbers of an instance that can be read and set. */
static int add_numbers(struct procfs *p, struct vfs *vfs)
{
	const struct {
		const char *name;
		const struct pseudo_ops *ops;
		void *value;
	} numbers[] = {
		{ "file-max", &pseudo_u64_ops, &vfs->max_files },
		{ "nr_open", &pseudo_u32_ops, &vfs->nr_open },
		{ "pipe-max-size", &pseudo_u32_ops, &vfs->pipe_max_size },
		{ "protected_fifos", &pseudo_u32_ops, &vfs->protected_fifos },
		{ "protected_hardlinks", &pseudo_u32_ops, &vfs->protected_hardlinks },
		{ "protected_regular", &pseudo_u32_ops, &vfs->protected_regular },
		{ "protected_symlinks", &pseudo_u32_ops, &vfs->protected_symlinks },
	};
	struct pseudo_entry *dir = pseudo_find(&p->tree, "sys/fs");

	for (unsigned i = 0; i < ARRAY_SIZE(numbers); i++)
		if (!pseudo_file(&p->tree, dir, numbers[i].name, 0644, numbers[i].ops,
				 numbers[i].value))
			return -ENOMEM;
	return add_inotify_numbers(p, vfs, dir);
}

static int proc_mount(const struct file_system_type *type, struct vfs *vfs,
		      const struct mount_request *req, struct super_block **out)
{
	(void)vfs;
	(void)req;
	return pseudo_mount(&container_of(type, struct procfs, type)->tree, type, out);
}

int procfs_init(struct procfs *p, struct vfs *vfs)
{
	int err = pseudo_tree_init(&p->tree, vfs, PROC_SUPER_MAGIC);

	if (err)
		return err;
	p->type = (struct file_system_type){ .name = "proc", .mount = proc_mount };
	err = pseudo_add(&p->tree, NULL, proc_root, vfs);
	if (!err)
		err = add_numbers(p, vfs);
	if (!err && !pseudo_symlink(&p->tree, NULL, "mounts", "self/mounts"))
		err = -ENOMEM;
	return err ? err : register_filesystem(vfs, &p->type);
}

void procfs_destroy(struct procfs *p)
{
	pseudo_tree_destroy(&p->tree);
}

/* ---- /sys ---------------------------------------------------------------------------------------------------- */

static const struct pseudo_desc cpu_dir[] = {
	{ .name = "cpu", .mode = S_IFDIR | 0755 },
	{ .name = "node", .mode = S_IFDIR | 0755 },
	{ .name = NULL },
};

static const struct pseudo_desc device_dirs[] = {
	{ .name = "system", .mode = S_IFDIR | 0755, .children = cpu_dir },
	{ .name = "virtual", .mode = S_IFDIR | 0755 },
	{ .name = NULL },
};

static const struct pseudo_desc kernel_dirs[] = {
	{ .name = "debug", .mode = S_IFDIR | 0700 },
	{ .name = "mm", .mode = S_IFDIR | 0755 },
	{ .name = NULL },
};

static const struct pseudo_desc sys_root[] = {
	{ .name = "block", .mode = S_IFDIR | 0755 },
	{ .name = "bus", .mode = S_IFDIR | 0755 },
	{ .name = "class", .mode = S_IFDIR | 0755 },
	{ .name = "dev", .mode = S_IFDIR | 0755 },
	{ .name = "devices", .mode = S_IFDIR | 0755, .children = device_dirs },
	{ .name = "firmware", .mode = S_IFDIR | 0755 },
	{ .name = "fs", .mode = S_IFDIR | 0755 },
	{ .name = "kernel", .mode = S_IFDIR | 0755, .children = kernel_dirs },
	{ .name = "module", .mode = S_IFDIR | 0755 },
	{ .name = "power", .mode = S_IFDIR | 0755 },
	{ .name = NULL },
};

static int sys_mount(const struct file_system_type *type, struct vfs *vfs,
		     const struct mount_request *req, struct super_block **out)
{
	(void)vfs;
	(void)req;
	return pseudo_mount(&container_of(type, struct sysfs, type)->tree, type, out);
}

int sysfs_init(struct sysfs *s, struct vfs *vfs)
{
	int err = pseudo_tree_init(&s->tree, vfs, SYSFS_MAGIC);

	if (err)
		return err;
	s->type = (struct file_system_type){ .name = "sysfs", .mount = sys_mount };
	err = pseudo_add(&s->tree, NULL, sys_root, NULL);
	return err ? err : register_filesystem(vfs, &s->type);
}

void sysfs_destroy(struct sysfs *s)
{
	pseudo_tree_destroy(&s->tree);
}
