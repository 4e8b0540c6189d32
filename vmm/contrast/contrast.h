/* SPDX-License-Identifier: MIT */
/*
 * contrast.h - the same kernel, the same work, several ways to be virtual: what each costs, and why.
 *
 * A workload is a boot of the tiny kernel with workload=NAME; a cell is one workload in one mode, measured
 * between the marks that the guest sets (devices/abi/post.h). Exits are counted and hardly depend on what
 * else the host does; times are measured and do.
 */
#ifndef VMM_CONTRAST_CONTRAST_H
#define VMM_CONTRAST_CONTRAST_H

#include <stdio.h>

#include "base/error.h"
#include "vmm/config.h"

/* ---- what to run ------------------------------------------------------------------------------ */

struct contrast_workload {
	const char *name;
	const char *title;
	const char *unit;  /* what one of its n is */
	const char *guest; /* its name in the guest */
	unsigned hz;	   /* tick rate; 0: the kernel's own */
	unsigned cpus;	   /* 0: twice the host's, so that they do not fit */
	bool disk, net;
	bool by_backing; /* worth a row for each kind of memory */
	bool chance; /* how much is executed says nothing: it waits, or lasts as long as it lasts */
};

extern const struct contrast_workload contrast_workloads[];
extern const size_t contrast_nr_workloads;
const struct contrast_workload *contrast_workload_find(const char *name, size_t len);

/* full, para, and para without some of what KVM offers: para-eoi, para-clock-steal. */
#define CONTRAST_MAX_MODES 6
struct contrast_mode {
	char name[48];
	enum virt_mode virt;
	char pv[48]; /* for the guest's pv=; "" when it may use everything */
};
int contrast_mode_parse(const char *text, size_t len, struct contrast_mode *out, struct error *e);

/* ---- what came out ------------------------------------------------------------------------------ */

enum contrast_metric {
	CM_N,		 /* how often the work was done */
	CM_GUEST_NS,	 /* by the guest's clock */
	CM_WALL_NS,	 /* by the host's */
	CM_USER_NS,	 /* CPU time of the process */
	CM_SYS_NS,	 /* ... the guest's own included */
	CM_EXITS,	 /* all, by KVM's count; the VMM's where KVM has none */
	CM_TURNS,	 /* not among them: an interpreting KVM comes and goes as it likes */
	CM_VMM_EXITS,	 /* those that reached the VMM */
	CM_INSTRUCTIONS, /* 0: this host does not count them */
	CM_EOI_WRITTEN,
	CM_EOI_SPARED,
	CM_SWITCHES,
	CM_TICKS,
	CM_STOLEN_NS,
	CM_LOCK_SLEEPS,	  /* of a vCPU that waited for a lock */
	CM_FLUSHES_ASKED, /* a vCPU was called to flush its TLB */
	CM_FLUSHES_LEFT,  /* ... and was not, since the host does it */
	CM_DOORBELLS,	  /* virtio's, that ended in the kernel */
	CM_INTERRUPTS,
	CM_SERIAL_BYTES,
	CONTRAST_METRICS,
};
const char *contrast_metric_name(enum contrast_metric m); /* as in JSON */

/* Exits by cause: "uart16550", "hlt" (to the VMM), "kvm:halt_exits" (not). Together they are CM_EXITS. */
#define CONTRAST_MAX_COUNTS 96
struct contrast_count {
	char name[48];
	u64 count;
};
struct contrast_counts {
	struct contrast_count c[CONTRAST_MAX_COUNTS];
	size_t nr;
};
void contrast_count_add(struct contrast_counts *cs, const char *name, u64 count);
u64 contrast_count_of(const struct contrast_counts *cs, const char *name);

/* "kvm:" causes that KVM has no counter for. */
#define CAUSE_UNNAMED "kvm:unnamed"

struct contrast_cell {
	u64 v[CONTRAST_METRICS];
	u64 guest_ns_low, guest_ns_high; /* of all runs */
	struct contrast_counts causes;
	struct contrast_counts kvm; /* every counter of KVM that moved */
	unsigned runs;
	char clock[24]; /* what the guest reads */
	char skip[160]; /* why there is nothing of the above; "" when there is */
};

struct contrast_row {
	const struct contrast_workload *workload;
	enum mem_backing backing;
	char name[48];		    /* of the workload, with the backing if there are several */
	struct contrast_cell *cell; /* one for each mode */
};

struct contrast_report {
	struct contrast_mode mode[CONTRAST_MAX_MODES];
	unsigned nr_modes;
	struct contrast_row *row;
	unsigned nr_rows;
	unsigned runs;
	char instructions[96]; /* what counts them, "" for nobody */
	char host[320], kernel[160];
	unsigned host_cpus;
};

/* ---- doing it ------------------------------------------------------------------------------------- */

struct contrast_run {
	const struct machine_config *base; /* everything that the rest does not decide */
	const struct contrast_workload *workload;
	const struct contrast_mode *mode;
	enum mem_backing backing;
	u64 n;	     /* 0: the guest's own idea */
	bool icount; /* nanoseconds are instructions */
};

/*
 * One boot. The cell is filled, or says why not (what this machine lacks, a guest that crashed). 0;
 * -EINTR when the user ended it; -EIO when there can be no guest at all, with e filled.
 */
int contrast_run(const struct contrast_run *r, struct contrast_cell *cell, struct error *e);

/*
 * Several runs as one: the counts of the one with the median number of exits, the medians of the times. Cells
 * that were skipped do not count unless all were.
 */
void contrast_median(const struct contrast_cell *runs, unsigned n, struct contrast_cell *out);

/*
 * Whether time is instructions here (QEMU's -icount with one to the nanosecond): loops of known length are
 * timed. A few milliseconds.
 */
bool contrast_host_counts_instructions(void);

/* The same guest in two modes, its console shown, then the exits. Status as of `run`. */
int contrast_own_guest(const struct machine_config *base);

/* ---- telling it ------------------------------------------------------------------------------------- */

/* One sentence or two that follow from the counters: why b is cheaper than a, dearer, or neither. */
#define CONTRAST_WHY 640
void contrast_explain(const struct contrast_row *row, const struct contrast_mode *ma,
		      const struct contrast_cell *a, const struct contrast_mode *mb,
		      const struct contrast_cell *b, char why[CONTRAST_WHY]);

enum contrast_verdict { VERDICT_NONE, VERDICT_WINS, VERDICT_EVEN, VERDICT_LOSES };
enum contrast_verdict contrast_verdict(const struct contrast_row *row,
				       const struct contrast_cell *a,
				       const struct contrast_cell *b);

/* Whether the exits of the two are the work's own, and not the run's ends and stray ticks. */
bool contrast_exits_matter(const struct contrast_cell *a, const struct contrast_cell *b);

/* Whether there is enough of their CPU time for a ratio to mean something. */
bool contrast_cpu_matters(const struct contrast_cell *a, const struct contrast_cell *b);

/* What a cause is, for people; NULL when its name says it. */
const char *contrast_cause_words(const char *name);

/* v[0] beside v[1]: "0.38x", or "" when there is nothing to compare. */
const char *contrast_ratio(u64 from, u64 to, char buf[16]);
/* 1234567 as 1,234,567. */
const char *contrast_number(u64 n, char buf[32]);

void contrast_print_row(FILE *out, const struct contrast_report *r, const struct contrast_row *row);
void contrast_print_head(FILE *out, const struct contrast_report *r);
/* 0 or -errno with e filled. */
int contrast_write_json(const struct contrast_report *r, const char *path, struct error *e);
int contrast_write_html(const struct contrast_report *r, const char *path, struct error *e);

#endif
