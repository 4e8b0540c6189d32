/* SPDX-License-Identifier: MIT */
/* table.c - the report for a terminal: a line for each mode, and under them why. */
#include <string.h>

#include "vmm/contrast/contrast.h"

#define WIDTH 96

void contrast_print_head(FILE *out, const struct contrast_report *r)
{
	fprintf(out, "%s\n", r->host);
	if (r->instructions[0])
		fprintf(out, "Instructions are counted: %s.\n", r->instructions);
	fprintf(out, "\n%-18s %-12s %11s %11s %11s %12s %8s %8s\n", "workload", "mode", "exits",
		"to the VMM", "CPU ms", "guest us", "exits", "CPU");
}

/* Words in lines of at most WIDTH, each after an indent. */
static void print_wrapped(FILE *out, const char *text)
{
	const char *indent = "    ";
	size_t at = 0;

	while (*text) {
		size_t n = strcspn(text, " ");

		if (!at || at + 1 + n > WIDTH) {
			fprintf(out, "%s%s", at ? "\n" : "", indent);
			at = strlen(indent);
		} else {
			fputc(' ', out);
			at++;
		}
		fwrite(text, 1, n, out);
		at += n;
		text += n;
		text += *text == ' ';
	}
	fputc('\n', out);
}

static void print_cell(FILE *out, const struct contrast_row *row, const struct contrast_mode *mode,
		       const struct contrast_cell *first, const struct contrast_cell *c, bool name)
{
	u64 cpu = c->v[CM_USER_NS] + c->v[CM_SYS_NS], n = MAX(c->v[CM_N], 1UL);
	char exits[32], vmm[32], r1[16] = "", r2[16] = "", what[64];

	if (name)
		snprintf(what, sizeof(what), "%s", row->name);
	else
		snprintf(what, sizeof(what), "  n=%lu", c->v[CM_N]);
	fprintf(out, "%-18s %-12s ", what, mode->name);
	if (c->skip[0]) {
		fprintf(out, "%s\n", c->skip);
		return;
	}
	if (c != first && !first->skip[0]) {
		u64 base = first->v[CM_USER_NS] + first->v[CM_SYS_NS];
		u64 n0 = MAX(first->v[CM_N], 1UL);

		contrast_ratio(first->v[CM_EXITS] * n, c->v[CM_EXITS] * n0, r1);
		contrast_ratio(base * n, cpu * n0, r2);
	}
	fprintf(out, "%11s %11s %11.1f %12.2f %8s %8s\n", contrast_number(c->v[CM_EXITS], exits),
		contrast_number(c->v[CM_VMM_EXITS], vmm), (double)cpu / 1e6,
		(double)c->v[CM_GUEST_NS] / 1e3 / (double)n, r1, r2);
}

void contrast_print_row(FILE *out, const struct contrast_report *r, const struct contrast_row *row)
{
	char why[CONTRAST_WHY];

	for (unsigned m = 0; m < r->nr_modes; m++)
		print_cell(out, row, &r->mode[m], &row->cell[0], &row->cell[m], m == 0);
	for (unsigned m = 1; m < r->nr_modes; m++) {
		contrast_explain(row, &r->mode[0], &row->cell[0], &r->mode[m], &row->cell[m], why);
		print_wrapped(out, why);
	}
	fflush(out);
}
