/* SPDX-License-Identifier: MIT */
/*
 * mm_show.c - show=WORD,...: the tables of /proc and debugfs about memory, on the console. Their
 * text is made in guest/mm/show_*.c, where /proc finds it, too.
 */
#include "guest/kernel/mm_show.h"
#include "guest/arch/x86/kstack.h"
#include "guest/arch/x86/layout.h"
#include "guest/arch/x86/paging.h"
#include "guest/arch/x86/sections.h"
#include "guest/kernel/boot_info.h"
#include "guest/kernel/boot_mem.h"
#include "guest/kernel/mm.h"
#include "guest/kernel/printk.h"
#include "guest/lib/cmdline.h"
#include "guest/locking/mutex.h"
#include "guest/process/internal.h"
#include "devices/abi/pc.h"

static void to_console(void *unused, const char *text, size_t n)
{
	(void)unused;
	console_printf("%.*s", (int)n, text);
}

/* Pages of all address spaces, each counted once for each that has it. */
static void count_processes(struct mem_usage *u)
{
	const struct process *p;
	u64 flags = spin_lock_irqsave(&proc_lock);

	for_each_process (p) {
		const struct mm_struct *mm = p->leader ? p->leader->mm : NULL;

		if (!mm)
			continue;
		u->anon += (u64)atomic64_read(&mm->rss[MM_ANONPAGES]);
		u->mapped += (u64)atomic64_read(&mm->rss[MM_FILEPAGES]);
		u->page_tables += (u64)atomic64_read(&mm->nr_tables);
		u->mlocked += mm->locked_vm;
	}
	spin_unlock_irqrestore(&proc_lock, flags);
}

struct mem_usage mm_usage(void)
{
	/* All files live in memory: what is cached of them is all of them. */
	u64 files = (u64)atomic64_read(&kernel_vfs.nr_shmem);
	struct mem_usage u = {
		.cached = files,
		.shmem = files,
		.kernel_stack_kb = kstack_bytes() >> 10,
		.page_tables = READ_ONCE(kernel_mm.nr_table_pages),
	};

	count_processes(&u);
	return u;
}

static void buddyinfo(struct seq *s)
{
	show_buddyinfo(s, &kernel_mm.pg);
}

static void pagetypeinfo(struct seq *s)
{
	show_pagetypeinfo(s, &kernel_mm.pg);
}

static void zoneinfo(struct seq *s)
{
	show_zoneinfo(s, &kernel_mm.pg);
}

static void numastat(struct seq *s)
{
	for (unsigned n = 0; n < kernel_mm.pg.nr_nodes; n++) {
		seq_printf(s, "node%u\n", n);
		show_numastat(s, &kernel_mm.pg, n);
	}
}

static void extfrag(struct seq *s)
{
	seq_puts(s, "unusable_index\n");
	show_unusable_index(s, &kernel_mm.pg);
	seq_puts(s, "extfrag_index\n");
	show_extfrag_index(s, &kernel_mm.pg);
}

static void slabinfo(struct seq *s)
{
	show_slabinfo(s, &kernel_mm.slab);
}

static void vmallocinfo(struct seq *s)
{
	show_vmallocinfo(s, &kernel_mm.vmalloc);
}

static void meminfo(struct seq *s)
{
	struct mem_usage u = mm_usage();

	show_meminfo(s, &kernel_mm.pg, &kernel_mm.slab, &kernel_mm.vmalloc, &u);
}

static void vmstat(struct seq *s)
{
	struct mem_usage u = mm_usage();

	show_vmstat(s, &kernel_mm.pg, &kernel_mm.slab, &u);
}

/* ---- who owns which physical addresses --------------------------------------------------------------- */

#define MAX_RESOURCES (BOOT_MAX_MEM + 16)

struct iomem {
	struct resource root, res[MAX_RESOURCES];
	unsigned nr;
};

static void own(struct iomem *io, phys_t start, phys_t end, const char *name)
{
	struct resource *r = &io->res[io->nr];

	if (start >= end || io->nr == MAX_RESOURCES)
		return;
	*r = (struct resource){ .start = start, .end = end - 1, .name = name };
	io->nr += insert_resource(&io->root, r) == 0;
}

void mm_show_iomem(struct seq *s)
{
	static struct iomem io; /* lock */
	static DEFINE_MUTEX(lock);
	const struct memblock *mb = boot_mem_map();

	mutex_lock(&lock);
	io.root = (struct resource){ .end = ~0UL, .name = "PCI mem" };
	io.nr = 0;
	for (size_t i = 0; i < mb->memory.count; i++)
		own(&io, mb->memory.region[i].base,
		    mb->memory.region[i].base + mb->memory.region[i].size, "System RAM");
	own(&io, __pa(_text), __pa(_etext), "Kernel code");
	own(&io, __pa(__start_rodata), __pa(__end_rodata), "Kernel rodata");
	own(&io, __pa(_sdata), __pa(_edata), "Kernel data");
	own(&io, __pa(__bss_start), __pa(_end), "Kernel bss");
	for (size_t i = 0; i < boot_info.nr_kept; i++)
		own(&io, boot_info.kept[i].base, boot_info.kept[i].base + boot_info.kept[i].size,
		    boot_info.kept[i].base == boot_info.fdt_phys ? "Device tree" : "RAM disk");
	own(&io, boot_info.ioapic, boot_info.ioapic + (boot_info.ioapic ? PAGE_SIZE : 0),
	    "IOAPIC 0");
	own(&io, PC_LAPIC_BASE, PC_LAPIC_BASE + PAGE_SIZE, "Local APIC");
	show_iomem(s, &io.root);
	mutex_unlock(&lock);
}

void mm_show_pagetables(struct seq *s)
{
	static const struct pt_marker markers[] = {
		{ 0, "User Space" },
		{ PAGE_OFFSET, "Linear Mapping" },
		{ VMALLOC_START, "vmalloc() Area" },
		{ VMEMMAP_START, "Vmemmap" },
		{ START_KERNEL_MAP, "High Kernel Mapping" },
		{ KMAP_START, "kmap() Area" },
		{ FIXADDR_START, "Fixmap Area" },
		{ 0, NULL },
	};

	show_pagetable(s, &kernel_pt, 0, ~0UL, markers);
}

/* ---- kmemleak ------------------------------------------------------------------------------------------ */

#define MAX_STACKS 64

struct stacks {
	const void *start[MAX_STACKS];
	u64 size[MAX_STACKS];
	unsigned nr;
};

static void note_stack(void *arg, const struct vm_struct *vm)
{
	struct stacks *st = arg;

	if (vm->caller != (u64)kstack_alloc || st->nr == MAX_STACKS)
		return;
	st->start[st->nr] = vm->addr;
	st->size[st->nr++] = vm->size - PAGE_SIZE; /* without the guard */
}

u64 mm_leak_scan(void)
{
	struct kmemleak *kl = &kernel_mm.leak;
	struct stacks st = { .nr = 0 };
	u64 found = 0;

	vmalloc_for_each (&kernel_mm.vmalloc, note_stack, &st)
		;
	for (unsigned i = 0; i < st.nr; i++)
		if (kmemleak_add_root(kl, st.start[i], st.size[i]))
			st.nr = i;
	/* A block is reported when two scans agree. */
	for (unsigned i = 0; i < 2; i++)
		found += kmemleak_scan(kl);
	for (unsigned i = 0; i < st.nr; i++)
		kmemleak_remove_root(kl, st.start[i]);
	return found;
}

static void leaks(struct seq *s)
{
	if (!kernel_mm.has_leak) {
		seq_puts(s, "kmemleak is off: it must be on the command line from the start\n");
		return;
	}
	mm_leak_scan();
	kmemleak_show(&kernel_mm.leak, s);
	seq_printf(s, "%lu objects, %lu of them unreferenced\n", kernel_mm.leak.nr_objects,
		   kernel_mm.leak.nr_leaks);
}

/* ---- the words ------------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	void (*show)(struct seq *s);
} tables[] = {
	{ "buddyinfo", buddyinfo },
	{ "pagetypeinfo", pagetypeinfo },
	{ "zoneinfo", zoneinfo },
	{ "numastat", numastat },
	{ "extfrag", extfrag },
	{ "slabinfo", slabinfo },
	{ "vmallocinfo", vmallocinfo },
	{ "meminfo", meminfo },
	{ "vmstat", vmstat },
	{ "iomem", mm_show_iomem },
	{ "pagetables", mm_show_pagetables },
	{ "kmemleak", leaks },
};

static bool show_one(const char *name, size_t len)
{
	struct seq s = { .write = to_console };

	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		if (strlen(tables[i].name) != len || strncmp(tables[i].name, name, len) != 0)
			continue;
		tables[i].show(&s);
		return true;
	}
	pr_err("show=%.*s: there is no such table. There are:", (int)len, name);
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
		pr_err("  show=%s", tables[i].name);
	return false;
}

bool mm_show(const char *words)
{
	struct cmdline_arg arg = { .value = words, .value_len = strlen(words) };
	const char *item;
	size_t pos = 0, len;
	bool ok = true;

	while (ok && cmdline_list_next(&arg, &pos, &item, &len))
		ok = show_one(item, len);
	return ok;
}
