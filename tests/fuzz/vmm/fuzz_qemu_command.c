/* SPDX-License-Identifier: MIT */
/*
 * A QEMU command line of anything: the input's words, parted by zero bytes, are read and resolved.
 * Aborts when a line is refused without words or with several lines of them, or when one that is
 * taken makes no machine.
 */
#include <stdlib.h>
#include <string.h>

#include "vmm/qemu/command.h"

#define MAX_WORDS 64

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void check(const struct qemu_command *c, int err, const struct error *e)
{
	const struct machine_config *cfg = &c->cfg;

	if (err && (!e->text[0] || strchr(e->text, '\n')))
		abort();
	if (err || qemu_command_is_probe(c))
		return;
	if (!cfg->kernel || !cfg->cpus || cfg->cpus > CONFIG_MAX_CPUS || !cfg->cores ||
	    cfg->cpus % cfg->cores || !cfg->mem.size)
		abort();
	for (int i = 0; i < CONFIG_MAX_SERIALS; i++)
		if (cfg->serial_label[i] && !cfg->serial[i])
			abort();
}

/* A newline that was in the input may be quoted back; that is no second line of ours. */
static void no_newlines(char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (text[i] == '\n')
			text[i] = ' ';
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	char *text = malloc(size + 1), *argv[MAX_WORDS];
	struct qemu_command *c = malloc(sizeof(*c));
	struct error e = { 0 };
	int argc = 1, err;

	if (!text || !c)
		abort();
	memcpy(text, data, size);
	text[size] = 0;
	no_newlines(text, size);
	argv[0] = "parallax-qemu";
	for (size_t at = 0; at < size && argc < MAX_WORDS; at += strlen(text + at) + 1)
		argv[argc++] = text + at;
	err = qemu_command_parse(c, argc, argv, &e);
	if (!err)
		err = qemu_command_resolve(c, &e);
	check(c, err, &e);
	qemu_command_free(c);
	free(c);
	free(text);
	return 0;
}
