/* SPDX-License-Identifier: MIT */
/* proc_text.c - see proc_text.h. */
#include "guest/fs/proc_text.h"
#include "guest/lib/bitmap.h"
#include "guest/lib/errno.h"
#include "guest/lib/parse.h"
#include "guest/lib/printf.h"
#include "guest/lib/string.h"
#include "guest/mm/page_size.h"

#define KB(pages) ((u64)(pages) << (PAGE_SHIFT - 10))

static u64 ticks(u64 ns)
{
	return ns / PROC_TICK_NS;
}

static u64 text_pages(const struct proc_mm_text *m)
{
	u64 start = m->start_code & PAGE_MASK;

	return (PAGE_ALIGN(m->end_code) - start) >> PAGE_SHIFT;
}

static u64 rss(const struct proc_mm_text *m)
{
	return m->rss_anon + m->rss_file + m->rss_shmem;
}

/* ---- stat, statm ----------------------------------------------------------------------------------------- */

void proc_show_stat(struct seq *s, const struct proc_task_text *t)
{
	static const struct proc_mm_text no_addresses;
	const struct proc_mm_text *m = &t->mm, *a = t->addresses ? m : &no_addresses;
	u64 low = (1UL << 31) - 1; /* signals 1 to 31 */

	seq_printf(s, "%d (%s) %c %d %d %d %d %d %u", t->pid, t->comm, t->state, t->ppid, t->pgrp,
		   t->sid, (int)t->tty, t->tpgid, t->flags);
	seq_printf(s, " %lu %lu %lu %lu %lu %lu %lu %lu", t->min_flt, t->cmin_flt, t->maj_flt,
		   t->cmaj_flt, ticks(t->utime), ticks(t->stime), ticks(t->cutime),
		   ticks(t->cstime));
	seq_printf(s, " %d %d %u 0 %lu %lu %lu %lu", t->prio - 100, t->nice, t->nr_threads,
		   ticks(t->start), m->total_vm << PAGE_SHIFT, rss(m), t->rss_limit);
	/* Without the right to know, the text's bounds are 1, all other addresses 0. */
	seq_printf(s, " %lu %lu %lu 0 0", t->has_mm && !t->addresses ? 1 : a->start_code,
		   t->has_mm && !t->addresses ? 1 : a->end_code, a->start_stack);
	seq_printf(s, " %lu %lu %lu %lu", t->pending & low, t->blocked & low, t->ignored & low,
		   t->caught & low);
	/* wchan's address has become a flag; swapped pages are not counted any more. */
	seq_printf(s, " %d 0 0 %d %u %u %u 0 0 0", t->addresses && t->state != 'R', t->exit_signal,
		   t->cpu, t->rt_priority, t->policy);
	seq_printf(s, " %lu %lu %lu %lu %lu %lu %lu %d\n", a->start_data, a->end_data, a->start_brk,
		   a->arg_start, a->arg_end, a->env_start, a->env_end,
		   t->addresses ? t->exit_code : 0);
}

void proc_show_statm(struct seq *s, const struct proc_task_text *t)
{
	const struct proc_mm_text *m = &t->mm;

	if (!t->has_mm) {
		seq_puts(s, "0 0 0 0 0 0 0\n");
		return;
	}
	seq_printf(s, "%lu %lu %lu %lu 0 %lu 0\n", m->total_vm, rss(m), m->rss_file + m->rss_shmem,
		   text_pages(m), m->data_vm + m->stack_vm);
}

/* ---- status ---------------------------------------------------------------------------------------------- */

static const char *state_text(char state)
{
	static const char *const texts[] = { "R (running)", "S (sleeping)",	"D (disk sleep)",
					     "T (stopped)", "t (tracing stop)", "Z (zombie)",
					     "X (dead)",    "I (idle)" };

	for (unsigned i = 0; i < ARRAY_SIZE(texts); i++)
		if (texts[i][0] == state)
			return texts[i];
	return "?";
}

/* A name may hold what would break the line: those two become escapes. */
static void show_name(struct seq *s, const char *name)
{
	for (; *name; name++) {
		if (*name == '\n' || *name == '\\')
			seq_puts(s, *name == '\n' ? "\\n" : "\\\\");
		else
			seq_printf(s, "%c", *name);
	}
}

static void show_identity(struct seq *s, const struct proc_task_text *t)
{
	seq_puts(s, "Name:\t");
	show_name(s, t->comm);
	seq_puts(s, "\n");
	if (t->umask >= 0)
		seq_printf(s, "Umask:\t%04o\n", (unsigned)t->umask);
	seq_printf(s, "State:\t%s\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t%d\n",
		   state_text(t->state), t->tgid, t->pid, t->ppid, t->tracer);
	seq_printf(s, "Uid:\t%u\t%u\t%u\t%u\n", t->uid[0], t->uid[1], t->uid[2], t->uid[3]);
	seq_printf(s, "Gid:\t%u\t%u\t%u\t%u\n", t->gid[0], t->gid[1], t->gid[2], t->gid[3]);
	seq_printf(s, "FDSize:\t%u\nGroups:\t", t->fd_size);
	for (u32 i = 0; i < t->nr_groups; i++)
		seq_printf(s, i ? " %u" : "%u", t->groups[i]);
	seq_puts(s, " \n");
	seq_printf(s, "NStgid:\t%d\nNSpid:\t%d\nNSpgid:\t%d\nNSsid:\t%d\n", t->tgid, t->pid,
		   t->pgrp, t->sid);
}

static void show_kb(struct seq *s, const char *name, u64 kb)
{
	seq_printf(s, "%s:\t%8lu kB\n", name, kb);
}

static void show_memory(struct seq *s, const struct proc_mm_text *m)
{
	u64 text = text_pages(m), exec = MAX(m->exec_vm, text);

	show_kb(s, "VmPeak", KB(MAX(m->hiwater_vm, m->total_vm)));
	show_kb(s, "VmSize", KB(m->total_vm));
	show_kb(s, "VmLck", KB(m->locked_vm));
	show_kb(s, "VmPin", 0);
	show_kb(s, "VmHWM", KB(MAX(m->hiwater_rss, rss(m))));
	show_kb(s, "VmRSS", KB(rss(m)));
	show_kb(s, "RssAnon", KB(m->rss_anon));
	show_kb(s, "RssFile", KB(m->rss_file));
	show_kb(s, "RssShmem", KB(m->rss_shmem));
	show_kb(s, "VmData", KB(m->data_vm));
	show_kb(s, "VmStk", KB(m->stack_vm));
	show_kb(s, "VmExe", KB(text));
	show_kb(s, "VmLib", KB(exec - text));
	show_kb(s, "VmPTE", m->table_bytes >> 10);
	show_kb(s, "VmSwap", 0);
}

static void show_signals(struct seq *s, const struct proc_task_text *t)
{
	seq_printf(s, "Threads:\t%u\nSigQ:\t%lu/%lu\n", t->nr_threads, t->nr_queued, t->max_queued);
	seq_printf(s, "SigPnd:\t%016lx\nShdPnd:\t%016lx\nSigBlk:\t%016lx\n", t->pending,
		   t->shared_pending, t->blocked);
	seq_printf(s, "SigIgn:\t%016lx\nSigCgt:\t%016lx\n", t->ignored, t->caught);
}

void proc_show_status(struct seq *s, const struct proc_task_text *t)
{
	static const char *const caps[] = { "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb" };
	const u64 nodes = (t->nr_nodes < 64 ? 1UL << t->nr_nodes : 0) - 1;

	show_identity(s, t);
	if (t->has_mm)
		show_memory(s, &t->mm);
	show_signals(s, t);
	for (unsigned i = 0; i < ARRAY_SIZE(caps); i++)
		seq_printf(s, "%s:\t%016lx\n", caps[i], t->cap[i]);
	seq_printf(s, "NoNewPrivs:\t%d\nSeccomp:\t0\n", t->no_new_privs);
	seq_puts(s, "Cpus_allowed:\t");
	proc_show_cpumask(s, t->cpus, t->nr_cpus);
	seq_puts(s, "\nCpus_allowed_list:\t");
	proc_show_cpulist(s, t->cpus, t->nr_cpus);
	seq_puts(s, "\nMems_allowed:\t");
	proc_show_cpumask(s, &nodes, t->nr_nodes);
	seq_puts(s, "\nMems_allowed_list:\t");
	proc_show_cpulist(s, &nodes, t->nr_nodes);
	seq_printf(s, "\nvoluntary_ctxt_switches:\t%lu\nnonvoluntary_ctxt_switches:\t%lu\n",
		   t->nvcsw, t->nivcsw);
}

/* ---- limits ---------------------------------------------------------------------------------------------- */

static void show_limit(struct seq *s, u64 value)
{
	if (value == RLIM_INFINITY)
		seq_printf(s, "%-20s ", "unlimited");
	else
		seq_printf(s, "%-20lu ", value);
}

void proc_show_limits(struct seq *s, const u64 soft[RLIM_NLIMITS], const u64 hard[RLIM_NLIMITS])
{
	static const struct {
		const char *name, *unit;
	} rows[RLIM_NLIMITS] = {
		{ "Max cpu time", "seconds" },	   { "Max file size", "bytes" },
		{ "Max data size", "bytes" },	   { "Max stack size", "bytes" },
		{ "Max core file size", "bytes" }, { "Max resident set", "bytes" },
		{ "Max processes", "processes" },  { "Max open files", "files" },
		{ "Max locked memory", "bytes" },  { "Max address space", "bytes" },
		{ "Max file locks", "locks" },	   { "Max pending signals", "signals" },
		{ "Max msgqueue size", "bytes" },  { "Max nice priority", NULL },
		{ "Max realtime priority", NULL }, { "Max realtime timeout", "us" },
	};

	seq_printf(s, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
	for (unsigned i = 0; i < RLIM_NLIMITS; i++) {
		seq_printf(s, "%-25s ", rows[i].name);
		show_limit(s, soft[i]);
		show_limit(s, hard[i]);
		if (rows[i].unit)
			seq_printf(s, "%-10s\n", rows[i].unit);
		else
			seq_puts(s, "\n");
	}
}

/* ---- sets of CPUs ---------------------------------------------------------------------------------------- */

void proc_show_cpulist(struct seq *s, const u64 *mask, unsigned nr)
{
	size_t first = find_next_bit(mask, nr, 0);
	const char *sep = "";

	while (first < nr) {
		size_t end = find_next_zero_bit(mask, nr, first);

		seq_printf(s, end - first > 1 ? "%s%lu-%lu" : "%s%lu", sep, first, end - 1);
		sep = ",";
		first = find_next_bit(mask, nr, end);
	}
}

/* Groups of 32 bits, the highest first, with as many digits as there are CPUs. */
void proc_show_cpumask(struct seq *s, const u64 *mask, unsigned nr)
{
	unsigned chunk = (nr + 31) / 32, digits = ((nr - 1) % 32) / 4 + 1;

	while (nr && chunk--) {
		u64 word = mask[chunk / 2] >> (chunk % 2 * 32) & UINT32_MAX;

		if ((chunk + 1) * 32 > nr && nr % 32)
			word &= (1UL << nr % 32) - 1;
		seq_printf(s, "%0*lx%s", (int)digits, word, chunk ? "," : "");
		digits = 8;
	}
}

static const char *parse_cpu(const char *p, unsigned nr, u64 *out)
{
	const char *end = p;

	while (is_digit(*end))
		end++;
	if (parse_u64(p, (size_t)(end - p), 10, out) || *out >= nr)
		return NULL;
	return end;
}

int proc_parse_cpulist(const char *text, u64 *mask, unsigned nr)
{
	u64 first, last;

	bitmap_zero(mask, nr);
	for (;;) {
		text = parse_cpu(text, nr, &first);
		if (!text)
			return -EINVAL;
		last = first;
		if (*text == '-')
			text = parse_cpu(text + 1, nr, &last);
		if (!text || last < first)
			return -EINVAL;
		bitmap_set(mask, first, last - first + 1);
		if (*text != ',')
			return *skip_spaces(text) ? -EINVAL : 0;
		text++;
	}
}

/* ---- maps ------------------------------------------------------------------------------------------------ */

#define AREA_NAME_COLUMN 73

void proc_show_area(struct seq *s, const struct proc_area_text *a)
{
	char line[128];
	int n = kscnprintf(line, sizeof(line), "%08lx-%08lx %c%c%c%c %08lx %02x:%02x %lu ",
			   a->start, a->end, a->read ? 'r' : '-', a->write ? 'w' : '-',
			   a->exec ? 'x' : '-', a->shared ? 's' : 'p', a->offset, a->dev_major,
			   a->dev_minor, a->ino);

	seq_printf(s, "%-*s", a->name ? MAX(n, AREA_NAME_COLUMN) : n, line);
	for (const char *p = a->name; p && *p; p++) {
		if (*p == '\n')
			seq_puts(s, "\\012");
		else
			s->write(s->arg, p, 1);
	}
	seq_puts(s, "\n");
}

/* ---- load averages --------------------------------------------------------------------------------------- */

#define FSHIFT	11
#define FIXED_1 (1UL << FSHIFT)

void loadavg_update(struct loadavg *l, unsigned active)
{
	/* exp(-5 s / 1, 5, 15 min) in fixed point. */
	static const u64 decay[3] = { 1884, 2014, 2037 };

	for (unsigned i = 0; i < 3; i++) {
		u64 target = active * FIXED_1,
		    sum = l->avg[i] * decay[i] + target * (FIXED_1 - decay[i]);

		/* Rounded towards the target, or it would never be reached. */
		if (target >= l->avg[i])
			sum += FIXED_1 - 1;
		l->avg[i] = sum / FIXED_1;
	}
}

void proc_show_loadavg(struct seq *s, const struct loadavg *l)
{
	for (unsigned i = 0; i < 3; i++) {
		u64 v = l->avg[i] + FIXED_1 / 200; /* to the nearest hundredth */

		seq_printf(s, "%s%lu.%02lu", i ? " " : "", v >> FSHIFT,
			   (v & (FIXED_1 - 1)) * 100 >> FSHIFT);
	}
}
