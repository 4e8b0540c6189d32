/* SPDX-License-Identifier: MIT */
/* chrdev.c - the table of character devices, and opening one by its number. */
#include "guest/fs/chrdev.h"
#include "guest/fs/chrdev_table.h"
#include "guest/fs/internal.h"

#define MAX_CHRDEVS 64

struct chrdev {
	unsigned major, minor, count;
	const char *name;
	const struct file_operations *fop;
	void *arg;
};

struct chrdev_table {
	spinlock_t lock;
	unsigned nr;
	struct chrdev dev[MAX_CHRDEVS]; /* by number; lock */
};

int chrdev_table_init(struct vfs *vfs)
{
	vfs->chrdevs = kzalloc(vfs->slab, sizeof(*vfs->chrdevs), GFP_KERNEL);
	if (!vfs->chrdevs)
		return -ENOMEM;
	spin_lock_init(&vfs->chrdevs->lock);
	return 0;
}

void chrdev_table_destroy(struct vfs *vfs)
{
	kfree(vfs->slab, vfs->chrdevs);
}

static bool before(const struct chrdev *a, const struct chrdev *b)
{
	return a->major != b->major ? a->major < b->major : a->minor < b->minor;
}

int chrdev_register(struct vfs *vfs, unsigned major, unsigned minor, unsigned count,
		    const char *name, const struct file_operations *fop, void *arg)
{
	struct chrdev_table *tab = vfs->chrdevs;
	struct chrdev dev = { major, minor, count, name, fop, arg };
	unsigned i;
	int err = -ENOMEM;

	spin_lock(&tab->lock);
	for (i = 0; i < tab->nr; i++) {
		const struct chrdev *d = &tab->dev[i];

		if (d->major == major && d->minor < minor + count && minor < d->minor + d->count) {
			err = -EBUSY;
			goto out;
		}
	}
	if (tab->nr == MAX_CHRDEVS)
		goto out;
	for (i = tab->nr++; i && before(&dev, &tab->dev[i - 1]); i--)
		tab->dev[i] = tab->dev[i - 1];
	tab->dev[i] = dev;
	err = 0;
out:
	spin_unlock(&tab->lock);
	return err;
}

void chrdev_unregister(struct vfs *vfs, unsigned major, unsigned minor)
{
	struct chrdev_table *tab = vfs->chrdevs;

	spin_lock(&tab->lock);
	for (unsigned i = 0; i < tab->nr; i++) {
		if (tab->dev[i].major != major || tab->dev[i].minor != minor)
			continue;
		for (tab->nr--; i < tab->nr; i++)
			tab->dev[i] = tab->dev[i + 1];
	}
	spin_unlock(&tab->lock);
}

const struct file_operations *chrdev_find(struct vfs *vfs, kdev_t dev, void **arg)
{
	struct chrdev_table *tab = vfs->chrdevs;
	const struct file_operations *fop = NULL;

	spin_lock(&tab->lock);
	for (unsigned i = 0; i < tab->nr; i++) {
		const struct chrdev *d = &tab->dev[i];

		if (d->major == MAJOR(dev) && MINOR(dev) - d->minor < d->count) {
			fop = d->fop;
			*arg = d->arg;
			break;
		}
	}
	spin_unlock(&tab->lock);
	return fop;
}

void show_devices(struct seq *s, struct vfs *vfs)
{
	struct chrdev_table *tab = vfs->chrdevs;
	const char *last = NULL;

	seq_puts(s, "Character devices:\n");
	for (unsigned i = 0; i < tab->nr; i++) {
		if (tab->dev[i].name == last)
			continue;
		last = tab->dev[i].name;
		seq_printf(s, "%3u %s\n", tab->dev[i].major, last);
	}
	seq_puts(s, "\nBlock devices:\n");
}

static int chrdev_open(struct vfs_task *t, struct inode *inode, struct file *f)
{
	void *arg = NULL;
	const struct file_operations *fop = chrdev_find(t->vfs, inode->i_rdev, &arg);

	if (!fop)
		return -ENXIO;
	f->f_op = fop;
	f->private_data = arg;
	return fop->open ? fop->open(t, inode, f) : 0;
}

/* llseek is the device's once it is open; here it only says that there may be one. */
const struct file_operations def_chr_fops = { .open = chrdev_open, .llseek = noop_llseek };
