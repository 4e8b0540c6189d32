/* SPDX-License-Identifier: MIT */
/*
 * explain.c - from two cells' counters to a sentence. Exits decide where there are any to speak of; else
 * the instructions that the guest executed, where the host counts them; else nothing does. Rates count
 * (for each tick, each request), because work that is bounded by time is done more or less often.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/contrast/contrast.h"

/* A difference below this is none: how often a tick falls into a run is chance. */
#define CLEAR 0.1

/* CPU time in ns below which one interrupt of the host decides. */
#define WORTH_TIMING 50000000UL

/* Instructions below which a tick that falls in between decides. */
#define WORTH_COUNTING 40000UL

static const struct {
	const char *name, *words;
} cause_words[] = {
	{ "uart16550", "accesses to the 16550" },
	{ "ata", "accesses to the ATA disk" },
	{ "ne2000", "accesses to the NE2000" },
	{ "ioapic", "accesses to the IOAPIC, which the VMM models" },
	{ "virtio-blk", "virtio disk registers" },
	{ "virtio-console", "virtio console registers" },
	{ "virtio-net", "virtio network card registers" },
	{ "acpi_pm", "ACPI registers" },
	{ "rtc", "CMOS registers" },
	{ "i8042", "keyboard controller registers" },
	{ "nothing there", "accesses that no device answers" },
	{ "hlt", "halts" },
	{ "intr", "signals to the VMM" },
	{ "ioapic-eoi", "ends of level interrupts" },
	{ "kvm:halt_exits", "halts" },
	{ "kvm:irq_exits", "host interrupts" },
	{ "kvm:irq_window_exits", "waits for the guest to take an interrupt" },
	{ "kvm:nmi_window_exits", "waits for the guest to take an NMI" },
	{ "kvm:request_irq_exits", "pauses for the VMM's interrupts" },
	{ "kvm:signal_exits", "signals" },
	{ "kvm:hypercalls", "hypercalls" },
	{ "kvm:pf_taken", "faults in KVM's page tables" },
	{ "kvm:invlpg", "TLB entries flushed" },
	{ "kvm:doorbell", "virtio doorbells" },
	{ CAUSE_UNNAMED, "exits KVM does not itemise (APIC and other registers)" },
};

const char *contrast_cause_words(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(cause_words); i++)
		if (!strcmp(cause_words[i].name, name))
			return cause_words[i].words;
	return NULL;
}

const char *contrast_number(u64 n, char buf[32])
{
	char digits[32];
	int len = snprintf(digits, sizeof(digits), "%lu", n), at = 0;

	for (int i = 0; i < len; i++) {
		buf[at++] = digits[i];
		if ((len - 1 - i) % 3 == 0 && i < len - 1)
			buf[at++] = ',';
	}
	buf[at] = 0;
	return buf;
}

const char *contrast_ratio(u64 from, u64 to, char buf[16])
{
	double r = from ? (double)to / (double)from : 0;

	buf[0] = 0;
	if (from)
		snprintf(buf, 16, r && r < 0.095 ? "%.3fx" : "%.2fx", r);
	return buf;
}

struct text {
	char *buf;
	size_t used;
};

static void __attribute__((format(printf, 2, 3))) say(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->buf + t->used, CONTRAST_WHY - t->used, fmt, ap);
	va_end(ap);
	if (n > 0)
		t->used = MIN(t->used + (size_t)n, (size_t)CONTRAST_WHY - 1);
}

static double per_n(const struct contrast_cell *c, u64 count)
{
	return (double)count / (double)MAX(c->v[CM_N], 1UL);
}

/*
 * Whether they are the work's own: not the run's ends, not ticks (a timer that is set anew, an interrupt
 * and its end) unless these are the work, and not rarer than every other time.
 */
bool contrast_exits_matter(const struct contrast_cell *a, const struct contrast_cell *b)
{
	u64 most = MAX(a->v[CM_EXITS], b->v[CM_EXITS]);
	u64 ticks = MAX(a->v[CM_TICKS], b->v[CM_TICKS]);

	return most > 24 && 2 * most >= b->v[CM_N] &&
	       (most > 3 * ticks || a->v[CM_N] == a->v[CM_TICKS] || b->v[CM_N] == b->v[CM_TICKS]);
}

static bool instructions_matter(const struct contrast_row *row, const struct contrast_cell *a,
				const struct contrast_cell *b)
{
	return !row->workload->chance &&
	       MIN(a->v[CM_INSTRUCTIONS], b->v[CM_INSTRUCTIONS]) > WORTH_COUNTING;
}

static enum contrast_verdict judge(double a, double b)
{
	if (b < a * (1 - CLEAR))
		return VERDICT_WINS;
	return b > a * (1 + CLEAR) ? VERDICT_LOSES : VERDICT_EVEN;
}

static u64 cpu_ns(const struct contrast_cell *c)
{
	return c->v[CM_USER_NS] + c->v[CM_SYS_NS];
}

bool contrast_cpu_matters(const struct contrast_cell *a, const struct contrast_cell *b)
{
	return cpu_ns(a) && cpu_ns(b) && MAX(cpu_ns(a), cpu_ns(b)) >= WORTH_TIMING;
}

static double cpu_ratio(const struct contrast_cell *a, const struct contrast_cell *b)
{
	return per_n(b, cpu_ns(b)) / per_n(a, cpu_ns(a));
}

/* Time says little where chance plays a part, unless it is a lot and there is a reason. */
static enum contrast_verdict judge_locks(const struct contrast_cell *a,
					 const struct contrast_cell *b)
{
	u64 sleeps_a = a->v[CM_LOCK_SLEEPS], sleeps_b = b->v[CM_LOCK_SLEEPS];

	if (!sleeps_a == !sleeps_b || !contrast_cpu_matters(a, b))
		return VERDICT_EVEN;
	if (sleeps_b)
		return cpu_ratio(a, b) < 0.67 ? VERDICT_WINS : VERDICT_EVEN;
	return cpu_ratio(a, b) > 1.5 ? VERDICT_LOSES : VERDICT_EVEN;
}

enum contrast_verdict contrast_verdict(const struct contrast_row *row,
				       const struct contrast_cell *a, const struct contrast_cell *b)
{
	if (a->skip[0] || b->skip[0])
		return VERDICT_NONE;
	if (contrast_exits_matter(a, b))
		return judge(per_n(a, a->v[CM_EXITS]), per_n(b, b->v[CM_EXITS]));
	if (instructions_matter(row, a, b))
		return judge(per_n(a, a->v[CM_INSTRUCTIONS]), per_n(b, b->v[CM_INSTRUCTIONS]));
	return judge_locks(a, b);
}

/* ---- where it went ---------------------------------------------------------------------------------- */

struct change {
	const char *name;
	u64 a, b;
	double by; /* for each n; > 0: fewer in b */
};

static int largest_first(const void *x, const void *y)
{
	double a = ((const struct change *)x)->by, b = ((const struct change *)y)->by;

	a = a < 0 ? -a : a;
	b = b < 0 ? -b : b;
	return a < b ? 1 : a > b ? -1 : 0;
}

/* Every cause of either, by how much it changed. */
static size_t changes(const struct contrast_cell *a, const struct contrast_cell *b,
		      struct change *out)
{
	size_t n = 0;

	for (size_t i = 0; i < a->causes.nr; i++)
		out[n++] =
			(struct change){ .name = a->causes.c[i].name,
					 .a = a->causes.c[i].count,
					 .b = contrast_count_of(&b->causes, a->causes.c[i].name) };
	for (size_t i = 0; i < b->causes.nr; i++)
		if (!contrast_count_of(&a->causes, b->causes.c[i].name))
			out[n++] = (struct change){ .name = b->causes.c[i].name,
						    .b = b->causes.c[i].count };
	for (size_t i = 0; i < n; i++)
		out[i].by = per_n(a, out[i].a) - per_n(b, out[i].b);
	qsort(out, n, sizeof(*out), largest_first);
	return n;
}

static void say_change(struct text *t, const struct change *c)
{
	const char *words = contrast_cause_words(c->name);
	char na[32], nb[32];

	say(t, "%s %s against %s", words ? words : c->name, contrast_number(c->b, nb),
	    contrast_number(c->a, na));
}

/* The changes that make up most of the difference in its own direction, two at most. */
static void say_changes(struct text *t, const struct contrast_cell *a,
			const struct contrast_cell *b)
{
	struct change c[2 * CONTRAST_MAX_COUNTS];
	size_t n = changes(a, b, c);
	double total = per_n(a, a->v[CM_EXITS]) - per_n(b, b->v[CM_EXITS]), said = 0;
	const char *sep = ": ";

	for (size_t i = 0, nr = 0; i < n && nr < 2; i++) {
		if (c[i].by * total <= 0)
			continue; /* it went the other way */
		if (nr && said / total > 0.85)
			break;
		say(t, "%s", sep);
		say_change(t, &c[i]);
		said += c[i].by;
		sep = "; ";
		nr++;
	}
}

/* What both spend most on. */
static void say_common(struct text *t, const struct contrast_cell *a, const struct contrast_cell *b)
{
	const struct contrast_count *top = NULL;
	char na[32], nb[32];
	const char *words;

	for (size_t i = 0; i < b->causes.nr; i++)
		if (!top || b->causes.c[i].count > top->count)
			top = &b->causes.c[i];
	if (!top)
		return;
	words = contrast_cause_words(top->name);
	say(t, ", most of both being %s (%s against %s)", words ? words : top->name,
	    contrast_number(top->count, nb),
	    contrast_number(contrast_count_of(&a->causes, top->name), na));
}

/* ---- what did the work instead ---------------------------------------------------------------------- */

static void say_count(struct text *t, u64 n, const char *what)
{
	char buf[32];

	say(t, "%s %s%s", contrast_number(n, buf), what, n == 1 ? "" : "s");
}

static void say_virtio(struct text *t, const struct contrast_cell *b)
{
	/* A line for the console's own sake is not the work's. */
	if (b->v[CM_DOORBELLS] + b->v[CM_INTERRUPTS] < 10)
		return;
	say(t, " Virtio took ");
	say_count(t, b->v[CM_DOORBELLS], "doorbell");
	say(t, " and ");
	say_count(t, b->v[CM_INTERRUPTS], "interrupt");
	say(t, ", none of which the VMM's vCPU threads see.");
}

static void say_eoi(struct text *t, const struct contrast_mode *mb, const struct contrast_cell *b)
{
	u64 all = b->v[CM_EOI_SPARED] + b->v[CM_EOI_WRITTEN];
	char n1[32], n2[32];

	if (mb->virt != VIRT_PARA || all < 10 || strstr(mb->pv, "-eoi"))
		return;
	if (b->v[CM_EOI_SPARED])
		say(t, " PV EOI spared %s of %s ends of interrupt.",
		    contrast_number(b->v[CM_EOI_SPARED], n1), contrast_number(all, n2));
	else
		say(t, " PV EOI spared none of %s ends of interrupt on this host.",
		    contrast_number(all, n2));
}

static void say_help(struct text *t, const struct contrast_cell *b)
{
	if (b->v[CM_LOCK_SLEEPS]) {
		say(t, " PV kick: vCPUs that waited for a lock went to sleep ");
		say_count(t, b->v[CM_LOCK_SLEEPS], "time");
		say(t, ".");
	}
	if (b->v[CM_FLUSHES_LEFT]) {
		say(t, " PV TLB flush spared ");
		say_count(t, b->v[CM_FLUSHES_LEFT], "call");
		say(t, " to vCPUs that did not run.");
	}
}

static void say_cost(struct text *t, const struct contrast_row *row, const struct contrast_cell *a,
		     const struct contrast_cell *b, enum contrast_verdict verdict)
{
	double instructions = 0, cpu;
	char r[16];

	if (instructions_matter(row, a, b))
		instructions = per_n(b, b->v[CM_INSTRUCTIONS]) / per_n(a, a->v[CM_INSTRUCTIONS]);
	if (!contrast_cpu_matters(a, b))
		return;
	cpu = cpu_ratio(a, b);
	snprintf(r, sizeof(r), "%.2fx", cpu);
	if (verdict == VERDICT_WINS && cpu > 1 + CLEAR)
		say(t, " Yet its CPU time is %s", r);
	else if (verdict == VERDICT_LOSES && cpu < 1 - CLEAR)
		say(t, " All the same its CPU time is %s", r);
	else
		say(t, " CPU time %s", r);
	if (instructions)
		say(t, ", instructions %.2fx", instructions);
	say(t, ".");
}

static void say_exits(struct text *t, const struct contrast_row *row,
		      const struct contrast_mode *ma, const struct contrast_cell *a,
		      const struct contrast_mode *mb, const struct contrast_cell *b,
		      enum contrast_verdict verdict)
{
	char na[32], nb[32];

	(void)ma;
	if (verdict == VERDICT_WINS)
		say(t, "%s wins: ", mb->name);
	else if (verdict == VERDICT_LOSES)
		say(t, "%s does not win: ", mb->name);
	else
		say(t, "No clear difference: ");
	say(t, "%.4g exits for each %s against %.4g (%s, %s)", per_n(b, b->v[CM_EXITS]),
	    row->workload->unit, per_n(a, a->v[CM_EXITS]), contrast_number(b->v[CM_EXITS], nb),
	    contrast_number(a->v[CM_EXITS], na));
	if (verdict == VERDICT_EVEN)
		say_common(t, a, b);
	else
		say_changes(t, a, b);
	say(t, ".");
	say_virtio(t, b);
	say_eoi(t, mb, b);
}

static void say_no_exits(struct text *t, const struct contrast_row *row,
			 const struct contrast_mode *mb, const struct contrast_cell *a,
			 const struct contrast_cell *b, enum contrast_verdict verdict)
{
	/* Only who reads it all the time is the slower for it. */
	bool clocks = strcmp(a->clock, b->clock) && !strcmp(row->workload->guest, "clock");
	char na[32], nb[32];

	if (verdict == VERDICT_WINS)
		say(t, "%s wins, but not by exits", mb->name);
	else if (verdict == VERDICT_LOSES)
		say(t, "%s does not win", mb->name);
	else
		say(t, "No clear difference");
	say(t,
	    ": the work itself takes no exits (%s against %s, ticks and the run's ends among them)",
	    contrast_number(b->v[CM_EXITS], nb), contrast_number(a->v[CM_EXITS], na));
	if (verdict != VERDICT_EVEN)
		say(t, "; how much the guest executes makes the difference%s%s%s%s",
		    clocks ? ", its clock being " : "", clocks ? b->clock : "",
		    clocks ? " against " : "", clocks ? a->clock : "");
	say(t, ".");
}

void contrast_explain(const struct contrast_row *row, const struct contrast_mode *ma,
		      const struct contrast_cell *a, const struct contrast_mode *mb,
		      const struct contrast_cell *b, char why[CONTRAST_WHY])
{
	struct text t = { .buf = why };
	enum contrast_verdict verdict = contrast_verdict(row, a, b);

	why[0] = 0;
	if (verdict == VERDICT_NONE) {
		say(&t, "Not compared: %s: %s.", a->skip[0] ? ma->name : mb->name,
		    a->skip[0] ? a->skip : b->skip);
		return;
	}
	if (contrast_exits_matter(a, b))
		say_exits(&t, row, ma, a, mb, b, verdict);
	else
		say_no_exits(&t, row, mb, a, b, verdict);
	say_help(&t, b);
	say_cost(&t, row, a, b, verdict);
}
