/* SPDX-License-Identifier: MIT */
/* report_html.c - the report as one page that needs nothing else: no script, no font, no network. */
#include <errno.h>
#include <string.h>

#include "vmm/contrast/html.h"

void html_text(FILE *out, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '&':
			fputs("&amp;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		default:
			fputc(*text, out);
		}
	}
}

static u64 cpu_ns(const struct contrast_cell *c)
{
	return c->v[CM_USER_NS] + c->v[CM_SYS_NS];
}

static double per_n(const struct contrast_cell *c, u64 v)
{
	return (double)v / (double)MAX(c->v[CM_N], 1UL);
}

/* b for a, for each n; 0 where there is nothing to compare. */
static double ratio(const struct contrast_cell *a, u64 va, const struct contrast_cell *b, u64 vb)
{
	return va ? per_n(b, vb) / per_n(a, va) : 0;
}

/* ---- the overview ------------------------------------------------------------------------------------ */

static void put_ratio(FILE *out, const char *what, double r)
{
	char label[64];

	fprintf(out, "<span class=lab>%s</span>", what);
	snprintf(label, sizeof(label), r ? "%s: %.3g times" : "%s: none to compare", what, r);
	html_svg_ratio(out, label, r);
	if (r)
		fprintf(out, "<span class=num>%.*f&times;</span>", r < 0.095 ? 3 : 2, r);
	else
		fputs("<span class=\"num soft\">&ndash;</span>", out);
}

static void put_overview(FILE *out, const struct contrast_report *r)
{
	static const char scale[] =
		"<span class=\"th scale\"><span>0.001&times;</span><span>0.01</span>"
		"<span>0.1</span><span>1</span><span>10</span></span>"
		"<span class=th></span>";

	fputs("<h2>What is left of the cost</h2><div class=card>\n"
	      "<p class=soft>Each bar begins at 1&times;, what ",
	      out);
	html_text(out, r->mode[0].name);
	fputs(" takes for the same work: to the left is less, to the right is more. "
	      "The scale is logarithmic. Without a bar: no exits of its own, or too little time to tell.</p>\n<div class=sum>"
	      "<span class=\"th row\">workload</span><span class=th>exits</span><span class=th></span>"
	      "<span class=th>CPU time of the host</span><span class=th></span>\n",
	      out);
	for (unsigned i = 0; i < r->nr_rows; i++) {
		const struct contrast_row *row = &r->row[i];
		const struct contrast_cell *a = &row->cell[0];

		for (unsigned m = 1; m < r->nr_modes; m++) {
			const struct contrast_cell *b = &row->cell[m];

			if (a->skip[0] || b->skip[0])
				continue;
			fputs("<span class=row>", out);
			html_text(out, row->name);
			if (r->nr_modes > 2) {
				fputs(", ", out);
				html_text(out, r->mode[m].name);
			}
			fputs("</span>", out);
			put_ratio(out, "exits",
				  contrast_exits_matter(a, b)
					  ? ratio(a, a->v[CM_EXITS], b, b->v[CM_EXITS])
					  : 0);
			put_ratio(out, "CPU",
				  contrast_cpu_matters(a, b) ? ratio(a, cpu_ns(a), b, cpu_ns(b))
							     : 0);
			fputc('\n', out);
		}
	}
	fputs("<span class=\"th row\"></span>", out);
	fputs(scale, out);
	fputs(scale, out);
	fputs("</div></div>\n", out);
}

/* ---- one workload -------------------------------------------------------------------------------------- */

static u64 widest(const struct contrast_report *r, const struct contrast_row *row, bool cpu)
{
	u64 most = 1;

	for (unsigned m = 0; m < r->nr_modes; m++)
		most = MAX(most, cpu ? cpu_ns(&row->cell[m]) : row->cell[m].v[CM_EXITS]);
	return most;
}

/* The name before a bar; false: nothing was measured in that mode. */
static bool put_mode(FILE *out, const struct contrast_report *r, const struct contrast_row *row,
		     unsigned m)
{
	if (row->cell[m].skip[0])
		return false;
	fputs("<span>", out);
	html_text(out, r->mode[m].name);
	fputs("</span>", out);
	return true;
}

static void put_bars(FILE *out, const struct contrast_report *r, const struct contrast_row *row)
{
	char n[32], label[96];

	fputs("<div class=bars><span class=what>exits, by cause</span>", out);
	for (unsigned m = 0; m < r->nr_modes; m++) {
		const struct contrast_cell *c = &row->cell[m];

		if (!put_mode(out, r, row, m))
			continue;
		snprintf(label, sizeof(label), "%s: %lu exits", r->mode[m].name, c->v[CM_EXITS]);
		html_svg_stack(out, label, &c->causes, widest(r, row, false));
		fprintf(out, "<span class=num>%s</span>", contrast_number(c->v[CM_EXITS], n));
	}
	fputs("<span class=what>CPU time of the host</span>", out);
	for (unsigned m = 0; m < r->nr_modes; m++) {
		const struct contrast_cell *c = &row->cell[m];

		if (!put_mode(out, r, row, m))
			continue;
		snprintf(label, sizeof(label), "%s: %.1f ms", r->mode[m].name,
			 (double)cpu_ns(c) / 1e6);
		html_svg_bar(out, label, cpu_ns(c), widest(r, row, true), m ? "plain2" : "plain");
		fprintf(out, "<span class=num>%.1f ms</span>", (double)cpu_ns(c) / 1e6);
	}
	fputs("</div>\n", out);
}

/* What the colours of this workload mean. */
static void put_legend(FILE *out, const struct contrast_report *r, const struct contrast_row *row)
{
	struct contrast_counts all = { .nr = 0 };

	for (unsigned m = 0; m < r->nr_modes; m++)
		for (size_t i = 0; i < row->cell[m].causes.nr; i++)
			contrast_count_add(&all, row->cell[m].causes.c[i].name,
					   row->cell[m].causes.c[i].count);
	if (!all.nr)
		return;
	fputs("<ul class=legend>", out);
	for (size_t i = 0; i < all.nr; i++) {
		const char *words = contrast_cause_words(all.c[i].name);

		fprintf(out, "<li><span class=\"key c%u\"></span>",
			html_cause_colour(all.c[i].name));
		html_text(out, words ? words : all.c[i].name);
		fputs("</li>", out);
	}
	fputs("</ul>\n", out);
}

static void put_row(FILE *out, const struct contrast_report *r, const struct contrast_row *row)
{
	static const struct {
		const char *class, *words;
	} badges[] = {
		[VERDICT_NONE] = { "none", "not compared" },
		[VERDICT_WINS] = { "wins", "wins" },
		[VERDICT_EVEN] = { "even", "no clear difference" },
		[VERDICT_LOSES] = { "loses", "does not win" },
	};
	char why[CONTRAST_WHY];

	fputs("<div class=card><div class=head><h3>", out);
	html_text(out, row->workload->title);
	fputs("</h3><span>", out);
	for (unsigned m = 1; m < r->nr_modes; m++) {
		enum contrast_verdict v = contrast_verdict(row, &row->cell[0], &row->cell[m]);

		fprintf(out, " <span class=\"badge %s\">", badges[v].class);
		html_text(out, r->mode[m].name);
		fprintf(out, " %s</span>", badges[v].words);
	}
	fputs("</span></div><p class=soft>", out);
	html_text(out, row->name);
	if (row->cell[0].v[CM_N] > 1) {
		fprintf(out, ", %lu &times; ", row->cell[0].v[CM_N]);
		html_text(out, row->workload->unit);
	}
	fputs("</p>\n", out);
	for (unsigned m = 1; m < r->nr_modes; m++) {
		contrast_explain(row, &r->mode[0], &row->cell[0], &r->mode[m], &row->cell[m], why);
		fputs("<p>", out);
		html_text(out, why);
		fputs("</p>\n", out);
	}
	put_bars(out, r, row);
	put_legend(out, r, row);
	fputs("</div>\n", out);
}

/* ---- all figures ------------------------------------------------------------------------------------------ */

static void put_figures(FILE *out, const struct contrast_report *r)
{
	char n[32];

	fputs("<h2>All figures</h2><div class=\"card scroll\"><table><thead><tr><th>workload<th>mode"
	      "<th class=num>times<th class=num>exits<th class=num>to the VMM<th class=num>doorbells"
	      "<th class=num>EOIs spared<th class=num>CPU user, ms<th class=num>system, ms"
	      "<th class=num>guest &micro;s each<th class=num>instructions</tr></thead><tbody>\n",
	      out);
	for (unsigned i = 0; i < r->nr_rows; i++) {
		for (unsigned m = 0; m < r->nr_modes; m++) {
			const struct contrast_cell *c = &r->row[i].cell[m];
			static const enum contrast_metric shown[] = { CM_N, CM_EXITS, CM_VMM_EXITS,
								      CM_DOORBELLS, CM_EOI_SPARED };

			fputs("<tr><td>", out);
			html_text(out, m ? "" : r->row[i].name);
			fputs("<td>", out);
			html_text(out, r->mode[m].name);
			if (c->skip[0]) {
				fputs("<td colspan=9>", out);
				html_text(out, c->skip);
				continue;
			}
			for (size_t k = 0; k < ARRAY_SIZE(shown); k++)
				fprintf(out, "<td class=num>%s",
					contrast_number(c->v[shown[k]], n));
			fprintf(out, "<td class=num>%.1f<td class=num>%.1f<td class=num>%.2f",
				(double)c->v[CM_USER_NS] / 1e6, (double)c->v[CM_SYS_NS] / 1e6,
				per_n(c, c->v[CM_GUEST_NS]) / 1e3);
			fprintf(out, "<td class=num>%s\n",
				c->v[CM_INSTRUCTIONS] ? contrast_number(c->v[CM_INSTRUCTIONS], n)
						      : "&ndash;");
		}
	}
	fputs("</tbody></table></div>\n", out);
}

static void put_page(FILE *out, const struct contrast_report *r)
{
	fprintf(out,
		"<!doctype html>\n<html lang=en><head><meta charset=utf-8>"
		"<meta name=viewport content=\"width=device-width,initial-scale=1\">"
		"<title>Full and para</title><style>%s</style></head><body>\n",
		html_style);
	fputs("<h1>Full and para, side by side</h1>\n<p class=soft>One kernel, the same work; ",
	      out);
	for (unsigned m = 0; m < r->nr_modes; m++) {
		fputs(m ? ", " : "", out);
		html_text(out, r->mode[m].name);
	}
	fputs(". Host: ", out);
	html_text(out, r->host);
	fprintf(out, ". %s %u boot%s each.", r->runs > 1 ? "Medians of" : "Figures of", r->runs,
		r->runs == 1 ? "" : "s");
	if (r->instructions[0]) {
		fputs(" Instructions: ", out);
		html_text(out, r->instructions);
		fputc('.', out);
	}
	fputs("</p>\n", out);
	put_overview(out, r);
	fputs("<h2>Why</h2>\n", out);
	for (unsigned i = 0; i < r->nr_rows; i++)
		put_row(out, r, &r->row[i]);
	put_figures(out, r);
	fputs("<p class=soft>Exits are counted between two marks of the guest and hardly depend on how "
	      "busy the host is; times do. Written by parallax contrast " PARALLAX_VERSION
	      ".</p>\n</body></html>\n",
	      out);
}

int contrast_write_html(const struct contrast_report *r, const char *path, struct error *e)
{
	FILE *out = fopen(path, "we");
	bool bad;

	if (!out)
		return error_sys(e, -errno, "--html %s", path);
	put_page(out, r);
	bad = ferror(out);
	bad |= fclose(out) != 0;
	return bad ? error_sys(e, errno ? -errno : -EIO, "--html %s: cannot write", path) : 0;
}
