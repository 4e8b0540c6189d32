/* SPDX-License-Identifier: MIT */
/*
 * proc_maps.c - maps, smaps, smaps_rollup of /proc/PID: the areas of its address space. An area is shown under mmap_lock; between two reads areas may come and go, and reading goes on at the
 * address where it stopped.
 */
#include "guest/fs/pagecache.h"
#include "guest/fs/proc_text.h"
#include "guest/lib/string.h"
#include "guest/mm/user_pt.h"
#include "guest/process/internal.h"
#include "guest/process/proc_internal.h"

/* ---- what an area is called ------------------------------------------------------------------------------ */

/* From buf, of PATH_MAX bytes; NULL: nothing. */
static const char *area_name(const struct vm_area_struct *vma, const struct path *root, char *buf)
{
	const struct mm_struct *mm = vma->vm_mm;
	const struct file *f = vma->vm_file;
	const char *name = vma->vm_ops && vma->vm_ops->name ? vma->vm_ops->name(vma) : NULL;

	if (name)
		return name;
	if (f) {
		name = d_path(&f->f_path, root, buf, PATH_MAX, NULL);
		return name ? name : "?";
	}
	if (vma->vm_start < mm->brk && vma->vm_end > mm->start_brk)
		return "[heap]";
	if (vma->vm_start <= mm->start_stack && vma->vm_end >= mm->start_stack)
		return "[stack]";
	return NULL;
}

static void show_header(struct seq *s, const struct vm_area_struct *vma, const struct path *root,
			char *buf)
{
	const struct file *f = vma->vm_file;
	struct proc_area_text a = {
		.start = vma->vm_start,
		.end = vma->vm_end,
		.read = vma->vm_flags & VM_READ,
		.write = vma->vm_flags & VM_WRITE,
		.exec = vma->vm_flags & VM_EXEC,
		.shared = vma->vm_flags & VM_MAYSHARE,
		.name = area_name(vma, root, buf),
	};

	if (f) {
		kdev_t dev = f->f_inode->i_sb->s_dev;

		a.offset = vma->vm_pgoff << PAGE_SHIFT;
		a.ino = f->f_inode->i_ino;
		a.dev_major = MAJOR(dev);
		a.dev_minor = MINOR(dev);
	}
	proc_show_area(s, &a);
}

/* ---- what is really there -------------------------------------------------------------------------------- */

struct usage {
	u64 rss, pss, pss_dirty; /* bytes; pss with 12 bits of fraction */
	u64 shared_clean, shared_dirty, private_clean, private_dirty;
	u64 referenced, anonymous, locked;
};

#define PSS_SHIFT 12

static void count_page(struct usage *u, u64 e, const struct page *page, bool locked)
{
	bool dirty = e & _PAGE_DIRTY || PageDirty(page);
	u64 share = MAX(page_mapcount(page), 1), part = (PAGE_SIZE << PSS_SHIFT) / share;

	u->rss += PAGE_SIZE;
	u->pss += part;
	u->pss_dirty += dirty ? part : 0;
	u->anonymous += PageAnon(page) ? PAGE_SIZE : 0;
	u->referenced += e & _PAGE_ACCESSED ? PAGE_SIZE : 0;
	if (locked)
		u->locked += part;
	if (share > 1)
		*(dirty ? &u->shared_dirty : &u->shared_clean) += PAGE_SIZE;
	else
		*(dirty ? &u->private_dirty : &u->private_clean) += PAGE_SIZE;
}

static void count_area(struct usage *u, const struct vm_area_struct *vma)
{
	struct mm_struct *mm = vma->vm_mm;
	u64 va = vma->vm_start, *e;
	unsigned n;

	if (vma->vm_flags & VM_PFNMAP)
		return;
	/* Tables stay while mmap_lock is held; the lock of entries keeps each page. */
	while ((e = upt_run(mm, &va, vma->vm_end, &n))) {
		spin_lock(&mm->page_table_lock);
		for (unsigned i = 0; i < n; i++)
			if (pte_has_page(e[i]) && !(e[i] & _PAGE_SPECIAL))
				count_page(u, e[i], pfn_to_page(&mm->sys->pg->model, pte_pfn(e[i])),
					   vma->vm_flags & VM_LOCKED);
		spin_unlock(&mm->page_table_lock);
		va += (u64)n << PAGE_SHIFT;
	}
}

static void show_kb(struct seq *s, const char *name, u64 bytes)
{
	seq_printf(s, "%-16s%8lu kB\n", name, bytes >> 10);
}

static void show_usage(struct seq *s, const struct usage *u)
{
	show_kb(s, "Rss:", u->rss);
	show_kb(s, "Pss:", u->pss >> PSS_SHIFT);
	show_kb(s, "Pss_Dirty:", u->pss_dirty >> PSS_SHIFT);
	show_kb(s, "Shared_Clean:", u->shared_clean);
	show_kb(s, "Shared_Dirty:", u->shared_dirty);
	show_kb(s, "Private_Clean:", u->private_clean);
	show_kb(s, "Private_Dirty:", u->private_dirty);
	show_kb(s, "Referenced:", u->referenced);
	show_kb(s, "Anonymous:", u->anonymous);
	show_kb(s, "Swap:", 0);
	show_kb(s, "SwapPss:", 0);
	show_kb(s, "Locked:", u->locked >> PSS_SHIFT);
}

static void show_vm_flags(struct seq *s, u64 flags)
{
	static const struct {
		u64 flag;
		const char *name;
	} names[] = {
		{ VM_READ, "rd" },	 { VM_WRITE, "wr" },	 { VM_EXEC, "ex" },
		{ VM_SHARED, "sh" },	 { VM_MAYREAD, "mr" },	 { VM_MAYWRITE, "mw" },
		{ VM_MAYEXEC, "me" },	 { VM_MAYSHARE, "ms" },	 { VM_GROWSDOWN, "gd" },
		{ VM_PFNMAP, "pf" },	 { VM_LOCKED, "lo" },	 { VM_IO, "io" },
		{ VM_SEQ_READ, "sr" },	 { VM_RAND_READ, "rr" }, { VM_DONTCOPY, "dc" },
		{ VM_DONTEXPAND, "de" }, { VM_ACCOUNT, "ac" },	 { VM_NORESERVE, "nr" },
		{ VM_WIPEONFORK, "wf" }, { VM_DONTDUMP, "dd" },
	};

	seq_puts(s, "VmFlags: ");
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		if (flags & names[i].flag)
			seq_printf(s, "%s ", names[i].name);
	seq_puts(s, "\n");
}

/* ---- maps and smaps -------------------------------------------------------------------------------------- */

/* Behind one call of start(): what show() needs, until stop(). */
struct walk {
	struct mm_struct *mm;
	struct vm_area_struct *vma; /* where it stands */
	struct path root;
	char name[PATH_MAX];
};

static void walk_end(struct vfs_task *t, struct walk *w)
{
	up_read(&w->mm->mmap_lock);
	mmput(w->mm);
	path_put(&w->root);
	kfree(t->vfs->slab, w);
}

/* With mmap_lock held; NULL: there is no memory to be shown. */
static struct walk *walk_start(struct vfs_task *t, const struct proc_ref *ref)
{
	struct mm_struct *mm;
	struct walk *w;

	if (!proc_ref_may_read(t, ref))
		return ERR_PTR(-EACCES);
	mm = proc_ref_mm(ref);
	if (!mm)
		return NULL;
	w = kmalloc(t->vfs->slab, sizeof(*w), GFP_KERNEL);
	if (!w) {
		mmput(mm);
		return ERR_PTR(-ENOMEM);
	}
	w->mm = mm;
	get_fs_root(t->fs, &w->root);
	down_read(&mm->mmap_lock);
	return w;
}

static void *maps_start(struct seq_file *m, s64 *pos)
{
	struct walk *w = walk_start(m->task, m->arg);

	if (!w || IS_ERR(w))
		return w;
	w->vma = *pos < 0 ? NULL : find_vma(w->mm, (u64)*pos);
	if (w->vma)
		return w;
	walk_end(m->task, w);
	return NULL;
}

static void *maps_next(struct seq_file *m, void *v, s64 *pos)
{
	struct walk *w = v;
	/* Where the next read goes on, whatever becomes of this area. */
	u64 end = w->vma->vm_end;

	w->vma = vma_next(w->vma);
	*pos = (s64)(w->vma ? MAX(w->vma->vm_start, end) : end);
	if (w->vma)
		return w;
	*pos = -1;
	walk_end(m->task, w);
	return NULL;
}

static void maps_stop(struct seq_file *m, void *v)
{
	if (v)
		walk_end(m->task, v);
}

static int maps_show(struct seq_file *m, void *v)
{
	struct walk *w = v;

	show_header(&m->seq, w->vma, &w->root, w->name);
	return 0;
}

static int smaps_show(struct seq_file *m, void *v)
{
	struct walk *w = v;
	struct usage u = { 0 };

	count_area(&u, w->vma);
	show_header(&m->seq, w->vma, &w->root, w->name);
	show_kb(&m->seq, "Size:", w->vma->vm_end - w->vma->vm_start);
	show_kb(&m->seq, "KernelPageSize:", PAGE_SIZE);
	show_kb(&m->seq, "MMUPageSize:", PAGE_SIZE);
	show_usage(&m->seq, &u);
	seq_puts(&m->seq, "THPeligible:           0\n");
	show_vm_flags(&m->seq, w->vma->vm_flags);
	return 0;
}

static const struct seq_operations maps_seq = {
	.start = maps_start, .next = maps_next, .stop = maps_stop, .show = maps_show
};
static const struct seq_operations smaps_seq = {
	.start = maps_start, .next = maps_next, .stop = maps_stop, .show = smaps_show
};

/* All areas as one. */
static int show_rollup(struct seq *s, void *arg)
{
	struct vfs_task *t = proc_reader(s);
	struct walk *w = walk_start(t, arg);
	struct vm_area_struct *vma;
	struct usage u = { 0 };
	struct proc_area_text a = { .name = "[rollup]" };

	if (IS_ERR(w))
		return (int)PTR_ERR(w);
	if (!w)
		return -ESRCH;
	list_for_each_entry (vma, &w->mm->area_list, link) {
		a.start = a.end ? a.start : vma->vm_start;
		a.end = vma->vm_end;
		count_area(&u, vma);
	}
	walk_end(t, w);
	proc_show_area(s, &a);
	show_usage(s, &u);
	return 0;
}

const struct pseudo_ops proc_maps_ops = { .seq = &maps_seq };
const struct pseudo_ops proc_smaps_ops = { .seq = &smaps_seq };
const struct pseudo_ops proc_smaps_rollup_ops = { .show = show_rollup };
