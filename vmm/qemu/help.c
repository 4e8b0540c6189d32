/* SPDX-License-Identifier: MIT */
/* help.c - `parallax qemu --help`: one screen, made from the tables. */
#include <string.h>

#include "vmm/qemu/command.h"

#define WIDTH 78

/* Words behind a heading, broken at WIDTH. */
static void put_word(FILE *out, const char *word, size_t *column)
{
	size_t len = strlen(word) + 1;

	if (*column + len > WIDTH) {
		fputs("\n   ", out);
		*column = 3;
	}
	fprintf(out, " %s", word);
	*column += len;
}

static void put_kinds(FILE *out, const char *option)
{
	size_t n, column = 0;
	const struct qemu_kind *k = qemu_kinds(option, &n);

	for (size_t i = 0; i < n; i++) {
		if (k[i].refuse)
			continue;
		if (!column)
			column = (size_t)fprintf(out, "  -%s:", option);
		put_word(out, k[i].name, &column);
	}
	if (column)
		fputc('\n', out);
}

/* Options whose one value is what happens anyway need no line each. */
static bool has_line(const struct qemu_option *o)
{
	return o->what && o->what[0] && o->take != qemu_take_blockdev &&
	       o->take != qemu_take_netdev;
}

void qemu_command_help(FILE *out)
{
	static const char *const kinds[] = { "chardev", "device", "object", "blockdev", "netdev" };
	size_t column = 0;

	fprintf(out, "usage: parallax qemu OPTIONS      (or parallax-qemu OPTIONS)\n\n"
		     "A machine from a QEMU command line, as libvirt writes it.\n\n");
	for (size_t i = 0; i < qemu_nr_options; i++) {
		const struct qemu_option *o = &qemu_options[i];
		char left[32];

		if (!has_line(o))
			continue;
		snprintf(left, sizeof(left), "-%s %s", o->name, o->arg ? o->arg : "");
		fprintf(out, "  %-22s %s\n", left, o->what);
	}
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		put_kinds(out, kinds[i]);
	fputs("\nTaken, where it says what holds anyway:\n ", out);
	for (size_t i = 0; i < qemu_nr_options; i++) {
		char word[32];

		if (!qemu_options[i].what || qemu_options[i].what[0])
			continue;
		snprintf(word, sizeof(word), "-%s", qemu_options[i].name);
		put_word(out, word, &column);
	}
	fputs("\nAnything else is refused by name.\n\n"
	      "  --help                 this text; --version: the version\n",
	      out);
}
