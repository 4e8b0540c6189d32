/* SPDX-License-Identifier: MIT */
/* monitor.c - `monitor ...` in gdb: what the VMM knows about the guest and gdb cannot ask for. */
#include <stdlib.h>
#include <string.h>

#include "vmm/bus.h"
#include "vmm/gdb/walk.h"
#include "vmm/gdb/x86_priv.h"
#include "vmm/kvm.h"
#include "vmm/stats.h"

#define MAX_WORDS 4

struct call {
	struct gdb_x86 *t;
	struct gdb_cpu *c; /* the chosen one */
	int argc;
	char *argv[MAX_WORDS];
	struct gdb_text *out;
};

const char *gdb_x86_cpu_state(void *arg, unsigned cpu)
{
	struct gdb_x86 *t = arg;
	struct kvm_mp_state mp;

	if (t->cpu[cpu].event == CRASH_EVENT)
		return "crashed";
	if (kvm_get_mp_state(t->cpu[cpu].v->fd, &mp))
		return "?";
	switch (mp.mp_state) {
	case KVM_MP_STATE_RUNNABLE:
		return "running";
	case KVM_MP_STATE_HALTED:
		return "halted";
	case KVM_MP_STATE_UNINITIALIZED:
	case KVM_MP_STATE_INIT_RECEIVED:
	case KVM_MP_STATE_SIPI_RECEIVED:
		return "not started";
	default:
		return "?";
	}
}

/* A number of the user's: decimal, or 0x hex. */
static bool number(const char *text, u64 *out)
{
	char *end;

	*out = strtoull(text, &end, 0);
	return *text && !*end;
}

/* ---- regs ------------------------------------------------------------------------------------------ */

static void put_segment(struct gdb_text *out, const char *name, const struct kvm_segment *s)
{
	gdb_text(out, "%-4s %04x  base %016lx  limit %08x  type %x%s%s%s  dpl %u\n", name,
		 s->selector, (u64)s->base, s->limit, s->type, s->present ? "" : " absent",
		 s->l ? " long" : "", s->db ? " 32-bit" : "", s->dpl);
}

static void cmd_regs(struct call *k)
{
	struct gdb_text *out = k->out;
	const struct kvm_regs *r = &k->c->regs.regs;
	const struct kvm_sregs *s = &k->c->regs.sregs;

	if (gdb_regs_fetch(&k->c->regs)) {
		gdb_text(out, "its registers cannot be read\n");
		return;
	}
	gdb_text(out, "CPU#%u: %s, cpl %u, interrupts %s, paging %s\n", k->c->v->id,
		 gdb_x86_cpu_state(k->t, k->c->v->id), s->ss.dpl,
		 r->rflags & (1u << 9) ? "on" : "off", walk_mode(s));
	gdb_text(out, "rip  %016lx  rflags %08lx\n", (u64)r->rip, (u64)r->rflags);
	gdb_text(out, "rax  %016lx  rbx  %016lx  rcx  %016lx  rdx  %016lx\n", (u64)r->rax,
		 (u64)r->rbx, (u64)r->rcx, (u64)r->rdx);
	gdb_text(out, "rsi  %016lx  rdi  %016lx  rbp  %016lx  rsp  %016lx\n", (u64)r->rsi,
		 (u64)r->rdi, (u64)r->rbp, (u64)r->rsp);
	gdb_text(out, "r8   %016lx  r9   %016lx  r10  %016lx  r11  %016lx\n", (u64)r->r8,
		 (u64)r->r9, (u64)r->r10, (u64)r->r11);
	gdb_text(out, "r12  %016lx  r13  %016lx  r14  %016lx  r15  %016lx\n", (u64)r->r12,
		 (u64)r->r13, (u64)r->r14, (u64)r->r15);
	put_segment(out, "cs", &s->cs);
	put_segment(out, "ss", &s->ss);
	put_segment(out, "ds", &s->ds);
	put_segment(out, "es", &s->es);
	put_segment(out, "fs", &s->fs);
	put_segment(out, "gs", &s->gs);
	put_segment(out, "tr", &s->tr);
	put_segment(out, "ldt", &s->ldt);
	gdb_text(out, "gdt  base %016lx  limit %04x\nidt  base %016lx  limit %04x\n",
		 (u64)s->gdt.base, s->gdt.limit, (u64)s->idt.base, s->idt.limit);
	gdb_text(out, "cr0  %016lx  cr2  %016lx  cr3  %016lx\n", (u64)s->cr0, (u64)s->cr2,
		 (u64)s->cr3);
	gdb_text(out, "cr4  %016lx  cr8  %016lx  efer %016lx\n", (u64)s->cr4, (u64)s->cr8,
		 (u64)s->efer);
	gdb_text(out, "k_gs_base %016lx\n", k->c->regs.k_gs_base);
}

/* ---- walk ------------------------------------------------------------------------------------------ */

static void put_entry(struct gdb_text *out, const struct walk_entry *e)
{
	static const struct {
		u64 bit;
		const char *name;
	} flags[] = { { 1UL << 1, "W" },   { 1UL << 2, "U" }, { 1UL << 3, "PWT" },
		      { 1UL << 4, "PCD" }, { 1UL << 5, "A" }, { 1UL << 6, "D" },
		      { 1UL << 7, "PS" },  { 1UL << 8, "G" }, { 1UL << 63, "NX" } };

	gdb_text(out, "%-5s at %012lx: %016lx ", e->name, e->at.v, e->value);
	gdb_text(out, "%s", e->value & 1 ? " P" : " -");
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if (e->value & 1 & (e->value & flags[i].bit ? 1u : 0u))
			gdb_text(out, " %s", flags[i].name);
	gdb_text(out, "\n");
}

static void cmd_walk(struct call *k)
{
	struct gdb_text *out = k->out;
	struct walk w;
	u64 addr;

	if (k->argc != 2 || !number(k->argv[1], &addr)) {
		gdb_text(out, "usage: monitor walk ADDRESS\n");
		return;
	}
	if (gdb_regs_fetch(&k->c->regs)) {
		gdb_text(out, "its registers cannot be read\n");
		return;
	}
	walk_translate(k->t->m.mem, &k->c->regs.sregs, addr, &w);
	gdb_text(out, "CPU#%u, paging %s, cr3 %lx\n", k->c->v->id, walk_mode(&k->c->regs.sregs),
		 (u64)k->c->regs.sregs.cr3);
	for (unsigned i = 0; i < w.nr; i++)
		put_entry(out, &w.entry[i]);
	if (w.why)
		gdb_text(out, "%lx: %s\n", addr, w.why);
	else
		gdb_text(out, "%lx -> physical %lx%s\n", addr, w.gpa.v,
			 w.page_size == 1UL << 30 ? ", 1G page"
			 : w.page_size == 4 * MiB ? ", 4M page"
			 : w.page_size == 2 * MiB ? ", 2M page"
			 : w.page_size == 4 * KiB ? ", 4K page"
						  : "");
}

/* ---- phys ------------------------------------------------------------------------------------------ */

#define PHYS_MOST 1024u

static void cmd_phys(struct call *k)
{
	u64 addr, n = 64;

	if (k->argc < 2 || k->argc > 3 || !number(k->argv[1], &addr) ||
	    (k->argc == 3 && !number(k->argv[2], &n))) {
		gdb_text(k->out, "usage: monitor phys ADDRESS [BYTES]\n");
		return;
	}
	n = MIN(n, (u64)PHYS_MOST);
	for (u64 at = 0; at < n; at += 16) {
		size_t len = (size_t)MIN(n - at, 16UL);
		u8 b[16];

		if (guest_mem_read(k->t->m.mem, GPA(addr + at), b, len)) {
			gdb_text(k->out, "%012lx: not memory\n", addr + at);
			return;
		}
		points_hide(&k->t->points, GPA(addr + at), b, len);
		gdb_text(k->out, "%012lx:", addr + at);
		for (size_t i = 0; i < len; i++)
			gdb_text(k->out, " %02x", b[i]);
		gdb_text(k->out, "%*s", (int)(3 * (16 - len) + 2), "");
		for (size_t i = 0; i < len; i++)
			gdb_text(k->out, "%c", b[i] >= ' ' && b[i] < 127 ? b[i] : '.');
		gdb_text(k->out, "\n");
	}
}

/* ---- exits, irq, io ------------------------------------------------------------------------------ */

static void cmd_exits(struct call *k)
{
	u64 total = 0;

	for (u32 r = 0; r < STATS_MAX_REASON; r++) {
		u64 sum = 0;

		for (unsigned i = 0; i < k->t->m.nr_vcpus; i++)
			sum += k->t->m.vcpu[i].stats.count[r];
		total += sum;
		if (!sum)
			continue;
		gdb_text(k->out, "%-16s %10lu ", exit_reason_name(r), sum);
		for (unsigned i = 0; i < k->t->m.nr_vcpus; i++)
			gdb_text(k->out, " %lu", k->t->m.vcpu[i].stats.count[r]);
		gdb_text(k->out, "\n");
	}
	gdb_text(k->out, "%-16s %10lu  (all CPUs, then each)\n", "total", total);
}

static u32 lapic(const struct kvm_lapic_state *s, u32 offset)
{
	u32 v;

	memcpy(&v, s->regs + offset, 4);
	return v;
}

static void put_vectors(struct call *k, const struct kvm_lapic_state *s, const char *name, u32 at)
{
	bool any = false;

	gdb_text(k->out, "  %s", name);
	for (unsigned v = 0; v < 256; v++) {
		if (!(lapic(s, at + (v / 32) * 0x10) >> (v % 32) & 1))
			continue;
		gdb_text(k->out, " %02x", v);
		any = true;
	}
	gdb_text(k->out, "%s\n", any ? "" : " none");
}

/* Local APIC registers: SDM volume 3, table 10-1. */
static void cmd_irq(struct call *k)
{
	for (unsigned i = 0; i < k->t->m.nr_vcpus; i++) {
		struct gdb_cpu *c = &k->t->cpu[i];
		struct kvm_vcpu_events ev;
		struct kvm_lapic_state s;

		if (gdb_regs_fetch(&c->regs) || kvm_get_lapic(c->v->fd, &s) ||
		    kvm_get_events(c->v->fd, &ev)) {
			gdb_text(k->out, "CPU#%u: cannot be read\n", i);
			continue;
		}
		gdb_text(k->out, "CPU#%u: %s, interrupts %s%s%s\n", i, gdb_x86_cpu_state(k->t, i),
			 c->regs.regs.rflags & (1u << 9) ? "on" : "off",
			 ev.interrupt.shadow ? ", in a shadow" : "",
			 ev.nmi.pending ? ", NMI pending" : "");
		gdb_text(k->out, "  apic base %lx, tpr %x, spurious %x, timer lvt %x, count %u\n",
			 (u64)c->regs.sregs.apic_base, lapic(&s, 0x80), lapic(&s, 0xf0),
			 lapic(&s, 0x320), lapic(&s, 0x390));
		put_vectors(k, &s, "in service", 0x100);
		put_vectors(k, &s, "requested ", 0x200);
	}
}

static void put_bus(struct call *k, const struct bus *bus, const char *what)
{
	for (u32 i = 0; i < bus->nr; i++)
		gdb_text(k->out, "%-5s %012lx-%012lx  %s\n", what, bus->entry[i].base,
			 bus->entry[i].end - 1, bus->entry[i].dev->class->name);
}

static void cmd_io(struct call *k)
{
	put_bus(k, k->c->v->pio, "port");
	put_bus(k, k->c->v->mmio, "mmio");
}

static void cmd_debugging(struct call *k)
{
	static const char *const means[] = { "int3", "debug register", "stepping" };
	static const char *const types[] = { "break", "hbreak", "watch", "rwatch", "awatch" };
	const struct gdb_support *s = &k->t->points.support;

	gdb_text(k->out,
		 "this host: int3 %s; debug registers stop at instructions: %s, at data: %s\n",
		 s->int3 == GDB_INT3_REPORTED	    ? "is reported"
		 : s->int3 == GDB_INT3_NOT_EMULATED ? "is seen as an emulation failure"
						    : "goes to the guest",
		 s->execute ? "yes" : "no", s->data ? "yes" : "no");
	for (unsigned i = 0; i < k->t->points.nr; i++) {
		const struct point *pt = k->t->points.point[i];

		gdb_text(k->out, "%-6s %016lx by %s\n", types[pt->type], pt->addr,
			 means[pt->means]);
	}
}

/* ---- dispatch ---------------------------------------------------------------------------------- */

static void cmd_help(struct call *k);

static const struct {
	const char *name;
	void (*fn)(struct call *k);
	const char *help;
} commands[] = {
	{ "help", cmd_help, "this list" },
	{ "regs", cmd_regs, "all registers of the chosen CPU, with the hidden parts of segments" },
	{ "walk", cmd_walk, "ADDRESS: its page table entries" },
	{ "tlb", cmd_walk, "the same as walk" },
	{ "phys", cmd_phys, "ADDRESS [BYTES]: physical memory" },
	{ "exits", cmd_exits, "exits to the VMM so far, by reason" },
	{ "irq", cmd_irq, "each CPU's local APIC" },
	{ "io", cmd_io, "which device answers where" },
	{ "points", cmd_debugging, "break- and watchpoints while they are set, and how" },
};

static void cmd_help(struct call *k)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		gdb_text(k->out, "%-7s %s\n", commands[i].name, commands[i].help);
	gdb_text(k->out, "%-7s %s\n", "reset",
		 "power-on again; the guest stands at its first instruction");
	gdb_text(k->out, "%-7s %s\n", "quit", "ends the machine");
}

bool gdb_x86_monitor(void *arg, unsigned cpu, const char *line, struct gdb_text *out)
{
	struct gdb_x86 *t = arg;
	struct call k = { .t = t, .c = &t->cpu[cpu], .out = out };
	char copy[256], *save = NULL;

	snprintf(copy, sizeof(copy), "%s", line);
	for (char *w = strtok_r(copy, " ", &save); w && k.argc < MAX_WORDS;
	     w = strtok_r(NULL, " ", &save))
		k.argv[k.argc++] = w;
	if (!k.argc) {
		cmd_help(&k);
		return true;
	}
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (!strcmp(commands[i].name, k.argv[0])) {
			commands[i].fn(&k);
			return true;
		}
	}
	return false;
}
