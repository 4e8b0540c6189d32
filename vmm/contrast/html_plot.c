/* SPDX-License-Identifier: MIT */
/*
 * html_plot.c - bars as inline SVG. Each is stretched to its place on the page, so that there is no text
 * inside: labels are the page's.
 */
#include <string.h>

#include "vmm/contrast/html.h"

#define UNITS 1000 /* across a bar */

static const struct {
	const char *name;
	unsigned colour;
} colours[] = {
	{ "uart16550", 0 },	 { "ata", 1 },		{ "ioapic", 2 },
	{ "ioapic-eoi", 2 },	 { "virtio-blk", 3 },	{ "virtio-console", 3 },
	{ "ne2000", 1 },	 { "virtio-net", 3 },	{ "kvm:doorbell", 4 },
	{ "kvm:halt_exits", 5 }, { "hlt", 5 },		{ "kvm:irq_window_exits", 6 },
	{ "kvm:irq_exits", 7 },	 { "kvm:pf_taken", 8 }, { CAUSE_UNNAMED, 9 },
};

unsigned html_cause_colour(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(colours); i++)
		if (!strcmp(colours[i].name, name))
			return colours[i].colour;
	return HTML_OTHERS;
}

static void open_svg(FILE *out, const char *label)
{
	fprintf(out,
		"<svg class=bar viewBox=\"0 0 %d 10\" preserveAspectRatio=none role=img aria-label=\"",
		UNITS);
	html_text(out, label);
	fputs("\"><rect class=track width=100% height=10 />", out);
}

static double share(u64 value, u64 widest)
{
	double w = widest ? (double)value * UNITS / (double)widest : 0;

	/* What is there is seen. */
	return value && w < 2 ? 2 : w;
}

void html_svg_stack(FILE *out, const char *label, const struct contrast_counts *causes, u64 widest)
{
	double x = 0;
	char n[32];

	open_svg(out, label);
	for (size_t i = 0; i < causes->nr; i++) {
		const struct contrast_count *c = &causes->c[i];
		const char *words = contrast_cause_words(c->name);
		double w = share(c->count, widest);

		fprintf(out, "<rect class=c%u x=%.1f width=%.1f height=10><title>",
			html_cause_colour(c->name), x, w);
		html_text(out, contrast_number(c->count, n));
		fputc(' ', out);
		html_text(out, words ? words : c->name);
		fputs("</title></rect>", out);
		x += w;
	}
	fputs("</svg>", out);
}

void html_svg_bar(FILE *out, const char *label, u64 value, u64 widest, const char *class)
{
	open_svg(out, label);
	fprintf(out, "<rect class=%s width=%.1f height=10 /></svg>", class, share(value, widest));
}

/* 1/1000 .. 1 .. 10 as -3 .. 0 .. 1, drawn from the 1 outward. */
#define LOWEST	-3.0
#define HIGHEST 1.0

/* By halving and squaring: libm would be one library more at every start of the program. */
static double log10_of(double x)
{
	double log2 = 0, bit = 1;

	while (x >= 2) {
		x /= 2;
		log2++;
	}
	while (x < 1) {
		x *= 2;
		log2--;
	}
	for (int i = 0; i < 16; i++) {
		x *= x;
		bit /= 2;
		if (x >= 2) {
			x /= 2;
			log2 += bit;
		}
	}
	return log2 * 0.30103;
}

static double at(double log10_ratio)
{
	double v = log10_ratio < LOWEST ? LOWEST : log10_ratio > HIGHEST ? HIGHEST : log10_ratio;

	return (v - LOWEST) / (HIGHEST - LOWEST) * UNITS;
}

void html_svg_ratio(FILE *out, const char *label, double ratio)
{
	double one = at(0), x = ratio > 0 ? at(log10_of(ratio)) : one;

	open_svg(out, label);
	for (int decade = (int)LOWEST; decade <= (int)HIGHEST; decade++)
		fprintf(out, "<rect class=grid x=%.1f width=1.5 height=10 />",
			at(decade) - (decade == (int)HIGHEST ? 1.5 : 0));
	fprintf(out, "<rect class=%s x=%.1f y=2 width=%.1f height=6 />", x < one ? "less" : "more",
		x < one ? x : one, x < one ? one - x : x - one);
	fprintf(out, "<rect class=one x=%.1f width=2.5 height=10 /></svg>", one - 1);
}
