/* SPDX-License-Identifier: MIT */
/* cell.c - one workload in one mode: a boot, and what was counted between the guest's marks. */
#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/contrast/contrast.h"
#include "vmm/machine.h"

#define SCRATCH	     "PARALLAX SCRATCH DISK"
#define SCRATCH_SIZE (8 * MiB)
#define TIMEOUT_S    120
#define MAX_OUTPUT   (1 * MiB)

void contrast_count_add(struct contrast_counts *cs, const char *name, u64 count)
{
	if (!count)
		return;
	for (size_t i = 0; i < cs->nr; i++) {
		if (!strcmp(cs->c[i].name, name)) {
			cs->c[i].count += count;
			return;
		}
	}
	if (cs->nr == CONTRAST_MAX_COUNTS)
		return;
	snprintf(cs->c[cs->nr].name, sizeof(cs->c[0].name), "%s", name);
	cs->c[cs->nr++].count = count;
}

u64 contrast_count_of(const struct contrast_counts *cs, const char *name)
{
	for (size_t i = 0; i < cs->nr; i++)
		if (!strcmp(cs->c[i].name, name))
			return cs->c[i].count;
	return 0;
}

/* ---- what the guest says ---------------------------------------------------------------------------- */

/* The value of key in a line of key=value and key="value"; false when it is not there. */
static bool result_value(const char *line, const char *key, char *buf, size_t size)
{
	char pattern[32];
	const char *p;
	size_t n;

	snprintf(pattern, sizeof(pattern), " %s=", key);
	p = strstr(line, pattern);
	if (!p)
		return false;
	p += strlen(pattern);
	n = *p == '"' ? strcspn(++p, "\"\n") : strcspn(p, " \r\n");
	snprintf(buf, size, "%.*s", (int)n, p);
	return true;
}

static u64 result_number(const char *line, const char *key)
{
	char buf[32];

	return result_value(line, key, buf, sizeof(buf)) ? strtoull(buf, NULL, 10) : 0;
}

/* The guest's word: its RESULT line, or what it said instead. */
static void read_result(struct contrast_cell *cell, const char *text)
{
	static const struct {
		const char *key;
		enum contrast_metric m;
	} keys[] = {
		{ "n", CM_N },
		{ "ns", CM_GUEST_NS },
		{ "eoi-written", CM_EOI_WRITTEN },
		{ "eoi-spared", CM_EOI_SPARED },
		{ "switches", CM_SWITCHES },
		{ "ticks", CM_TICKS },
		{ "stolen-ns", CM_STOLEN_NS },
		{ "lock-sleeps", CM_LOCK_SLEEPS },
		{ "flushes-asked", CM_FLUSHES_ASKED },
		{ "flushes-left", CM_FLUSHES_LEFT },
	};
	const char *line = NULL, *p = text;
	char line_copy[512];

	while ((p = strstr(p, "RESULT workload=")) != NULL)
		line = p++;
	if (!line) {
		snprintf(cell->skip, sizeof(cell->skip), "the guest gave no result");
		return;
	}
	snprintf(line_copy, sizeof(line_copy), "%.*s", (int)strcspn(line, "\r\n"), line);
	if (result_value(line_copy, "skip", cell->skip, sizeof(cell->skip)))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		cell->v[keys[i].m] = result_number(line_copy, keys[i].key);
	result_value(line_copy, "clock", cell->clock, sizeof(cell->clock));
	if (!cell->v[CM_N])
		snprintf(cell->skip, sizeof(cell->skip), "the guest did the work no time");
}

/* ---- what was counted --------------------------------------------------------------------------------- */

static u64 grown(u64 from, u64 to)
{
	return to > from ? to - from : 0;
}

static u64 kvm_counter(const struct machine_stats *s, const char *name)
{
	for (size_t i = 0; i < s->nr_kvm; i++)
		if (!strcmp(s->kvm[i].name, name))
			return s->kvm[i].value;
	return 0;
}

static u64 place_count(const struct machine_stats *s, const struct exit_place *like)
{
	for (u32 i = 0; s->exits.detailed && i < STATS_MAX_PLACES; i++) {
		const struct exit_place *p = &s->exits.place[i];

		if (p->used && p->addr == like->addr && p->mmio == like->mmio &&
		    p->write == like->write)
			return p->count;
	}
	return 0;
}

/* Exits to the VMM: those of port and MMIO by the device that answered, the rest by reason. */
static void vmm_causes(struct contrast_cell *cell, const struct machine_stats *a,
		       const struct machine_stats *b)
{
	for (u32 r = 0; r < STATS_MAX_REASON; r++) {
		u64 n = grown(a->exits.count[r], b->exits.count[r]);

		/* The mark at the end is an exit as well. */
		if (r == KVM_EXIT_IO && n)
			n--;
		cell->v[CM_VMM_EXITS] += n;
		if (r != KVM_EXIT_IO && r != KVM_EXIT_MMIO)
			contrast_count_add(&cell->causes, exit_reason_name(r), n);
	}
	for (u32 i = 0; b->exits.detailed && i < STATS_MAX_PLACES; i++) {
		const struct exit_place *p = &b->exits.place[i];

		if (p->used && !(p->device && !strcmp(p->device, "post")))
			contrast_count_add(&cell->causes, p->device ? p->device : "nothing there",
					   grown(place_count(a, p), p->count));
	}
}

/*
 * What KVM handled itself and counts by name. Its io_exits and mmio_exits are those that the VMM has seen,
 * or doorbells: not again.
 */
static void kvm_causes(struct contrast_cell *cell, bool interpreted)
{
	static const char *const named[] = {
		"halt_exits", "irq_exits", "irq_window_exits",	"nmi_window_exits", "hypercalls",
		"pf_taken",   "invlpg",	   "request_irq_exits", "signal_exits",
	};
	u64 left = cell->v[CM_EXITS];
	char name[48];

	left -= MIN(left, cell->v[CM_VMM_EXITS]);
	for (size_t i = 0; i < ARRAY_SIZE(named); i++) {
		u64 n = MIN(left, contrast_count_of(&cell->kvm, named[i]));

		snprintf(name, sizeof(name), "kvm:%s", named[i]);
		contrast_count_add(&cell->causes, name, n);
		left -= n;
	}
	if (cell->v[CM_DOORBELLS]) {
		u64 n = MIN(left, cell->v[CM_DOORBELLS]);

		contrast_count_add(&cell->causes, "kvm:doorbell", n);
		left -= n;
	}
	/*
	 * An interpreter counts each of its turns as an exit, whatever ended it; registers that would make
	 * hardware exit it reads on the way.
	 */
	if (interpreted) {
		cell->v[CM_TURNS] = left;
		cell->v[CM_INSTRUCTIONS] = contrast_count_of(&cell->kvm, "insn_emulation");
		cell->v[CM_EXITS] -= left;
	} else {
		contrast_count_add(&cell->causes, CAUSE_UNNAMED, left);
	}
}

static void read_counts(struct contrast_cell *cell, const struct machine_stats *a,
			const struct machine_stats *b)
{
	u64 exits;

	cell->v[CM_WALL_NS] = grown(a->wall_ns, b->wall_ns);
	cell->v[CM_USER_NS] = grown(a->cpu_user_ns, b->cpu_user_ns);
	cell->v[CM_SYS_NS] = grown(a->cpu_sys_ns, b->cpu_sys_ns);
	cell->v[CM_SERIAL_BYTES] = grown(a->serial_bytes, b->serial_bytes);
	for (unsigned i = 0; i < b->nr_virtio; i++) {
		cell->v[CM_DOORBELLS] += grown(a->virtio[i].doorbells, b->virtio[i].doorbells);
		cell->v[CM_INTERRUPTS] += grown(a->virtio[i].interrupts, b->virtio[i].interrupts);
	}
	for (size_t i = 0; i < b->nr_kvm; i++)
		contrast_count_add(&cell->kvm, b->kvm[i].name,
				   grown(kvm_counter(a, b->kvm[i].name), b->kvm[i].value));
	vmm_causes(cell, a, b);
	exits = contrast_count_of(&cell->kvm, "exits");
	cell->v[CM_EXITS] = MAX(exits ? exits - 1 : 0, cell->v[CM_VMM_EXITS]);
	kvm_causes(cell, b->interpreted);
}

/* ---- one run -------------------------------------------------------------------------------------------- */

/* A disk of its own in memory: the same on both sides, and no other file is at risk. */
static int scratch_disk(char path[32])
{
	int fd = memfd_create("contrast-disk", MFD_CLOEXEC);

	if (fd >= 0 && (ftruncate(fd, SCRATCH_SIZE) ||
			pwrite(fd, SCRATCH, strlen(SCRATCH), 0) != (ssize_t)strlen(SCRATCH))) {
		close(fd);
		return -1;
	}
	snprintf(path, 32, "/proc/self/fd/%d", fd);
	return fd;
}

static char *read_output(int fd)
{
	char *text = calloc(1, MAX_OUTPUT + 1);
	off_t size = lseek(fd, 0, SEEK_END);
	ssize_t n;

	if (!text)
		return NULL;
	n = pread(fd, text, MAX_OUTPUT, MAX(size - (off_t)MAX_OUTPUT, (off_t)0));
	text[MAX(n, (ssize_t)0)] = 0;
	return text;
}

static void choose(const struct contrast_run *r, struct machine_config *cfg)
{
	const struct contrast_workload *w = r->workload;
	long host = sysconf(_SC_NPROCESSORS_ONLN);

	*cfg = *r->base;
	cfg->virt = r->mode->virt;
	cfg->mem.backing = r->backing;
	cfg->cpus = w->cpus ? w->cpus : (unsigned)MIN(MAX(2 * host, 2L), 16L);
	cfg->stats = STATS_TABLE;
	cfg->moments = true;
	cfg->no_reboot = true;
	cfg->control = (struct control_config){ 0 };
	if (!cfg->timeout_s)
		cfg->timeout_s = TIMEOUT_S;
}

static void set_words(const struct contrast_run *r, char *buf, size_t size)
{
	const struct contrast_workload *w = r->workload;
	int n = snprintf(buf, size, "quiet %s workload=%s", r->base->append ? r->base->append : "",
			 w->guest);

	if (r->n)
		n += snprintf(buf + n, size - (size_t)n, ",n=%lu", r->n);
	if (w->hz)
		n += snprintf(buf + n, size - (size_t)n, " hz=%u", w->hz);
	if (r->mode->pv[0])
		snprintf(buf + n, size - (size_t)n, " pv=%s", r->mode->pv);
}

static int run_machine(const struct contrast_run *r, const struct machine_config *cfg, int out,
		       struct contrast_cell *cell, struct error *e)
{
	const struct machine_result *res;
	const struct machine_stats *a, *b;
	struct machine *m;
	int err = machine_create(cfg, &m, e);
	char *text;

	if (err) {
		bool special = r->workload->net ||
			       (r->workload->by_backing && r->backing != MEM_BACKING_THP);

		/* What the host has not, memory of a kind or libslirp, is no reason to give up on the rest. */
		snprintf(cell->skip, sizeof(cell->skip), "%.159s", e->text);
		return special ? 0 : -EIO;
	}
	res = machine_run(m);
	text = read_output(out);
	fputs(res->report, stderr); /* of a crash or a timeout: where it was */
	a = res->moment[strcmp(r->workload->guest, "boot") == 0 ? MOMENT_START : MOMENT_BEGIN];
	b = res->moment[strcmp(r->workload->guest, "boot") == 0 ? MOMENT_BEGIN : MOMENT_END];
	read_result(cell, text ? text : "");
	if (res->end == MACHINE_END_USER)
		err = -EINTR;
	else if (res->end == MACHINE_END_TIMEOUT || res->end == MACHINE_END_CRASH)
		snprintf(cell->skip, sizeof(cell->skip), "%.*s", (int)strcspn(res->report, "\n"),
			 res->report);
	else if (!cell->skip[0] && (!a || !b))
		snprintf(cell->skip, sizeof(cell->skip), "the guest set no marks");
	if (!cell->skip[0] && a && b)
		read_counts(cell, a, b);
	free(text);
	machine_destroy(m);
	return err;
}

int contrast_run(const struct contrast_run *r, struct contrast_cell *cell, struct error *e)
{
	struct machine_config cfg;
	char words[2048], console[24], disk[32] = "";
	int out = memfd_create("contrast-console", MFD_CLOEXEC), disk_fd = -1, err;

	memset(cell, 0, sizeof(*cell));
	cell->runs = 1;
	if (out < 0)
		return error_sys(e, -errno, "memfd_create");
	choose(r, &cfg);
	set_words(r, words, sizeof(words));
	cfg.append = words;
	/* The descriptor that a port is given is its own to close. */
	snprintf(console, sizeof(console), "fd:%d", dup(out));
	if (cfg.virt == VIRT_PARA) {
		cfg.console[0] = console;
		cfg.serial[0] = "none";
	} else {
		cfg.serial[0] = console;
	}
	if (r->workload->disk && !cfg.disk[0]) {
		disk_fd = scratch_disk(disk);
		cfg.disk[0] = disk;
	}
	if (r->workload->net && !cfg.net[0])
		cfg.net[0] = "user";
	err = run_machine(r, &cfg, out, cell, e);
	if (r->icount)
		cell->v[CM_INSTRUCTIONS] = cell->v[CM_WALL_NS];
	cell->guest_ns_low = cell->guest_ns_high = cell->v[CM_GUEST_NS];
	if (disk_fd >= 0)
		close(disk_fd);
	close(out);
	return err;
}
