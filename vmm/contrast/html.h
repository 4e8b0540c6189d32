/* SPDX-License-Identifier: MIT */
/* html.h - for the html_*.c files and report_html.c: one page, nothing fetched. */
#ifndef VMM_CONTRAST_HTML_H
#define VMM_CONTRAST_HTML_H

#include "vmm/contrast/contrast.h"

/* With what HTML takes for markup made harmless; also inside quotes. */
void html_text(FILE *out, const char *text);

extern const char html_style[];

#define HTML_OTHERS \
	10 /* the last of the classes c0.. of the style: causes without a colour of their own */
unsigned html_cause_colour(const char *name);

/* Exits by cause, as long as their sum is of widest. */
void html_svg_stack(FILE *out, const char *label, const struct contrast_counts *causes, u64 widest);
void html_svg_bar(FILE *out, const char *label, u64 value, u64 widest, const char *class);
/* From 1 to the left (less) or right (more), logarithmically, 0.001 to 10. */
void html_svg_ratio(FILE *out, const char *label, double ratio);

#endif
