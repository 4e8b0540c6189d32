/* SPDX-License-Identifier: MIT */
/* command.c - reading the words of a QEMU command line by the tables; see command.h. */
#include "vmm/qemu/command.h"

#include <errno.h>
#include <string.h>

#include "base/suggest.h"

#define MAX_OPTIONS 128

static const struct qemu_option *find(const char *name)
{
	for (size_t i = 0; i < qemu_nr_options; i++)
		if (!strcmp(qemu_options[i].name, name))
			return &qemu_options[i];
	return NULL;
}

static int unknown(const char *word, const char *name, struct error *e)
{
	const char *names[MAX_OPTIONS], *near;
	size_t n = 0;

	for (; n < qemu_nr_options && n < MAX_OPTIONS; n++)
		names[n] = qemu_options[n].name;
	near = suggest(name, names, n);
	return error_set(e, -EINVAL, "%.100s: unknown option%s%s%s", word,
			 near ? "; did you mean -" : "; `parallax qemu --help` lists them",
			 near ? near : "", near ? "?" : "");
}

static int take_settings(struct qemu_command *c, const struct qemu_option *o, const char *value,
			 struct error *e)
{
	char what[48];
	struct keyvals kv;
	int err;

	snprintf(what, sizeof(what), "-%s", o->name);
	err = keyvals_parse(&kv, what, value, o->first, e);
	if (!err)
		err = rules_apply(o->keys, o->nr_keys, &kv, what, c, &c->pool, e);
	keyvals_free(&kv);
	return err;
}

static int take(struct qemu_command *c, const struct qemu_option *o, const char *value,
		struct error *e)
{
	if (o->refuse)
		return error_set(e, -EINVAL, "-%s: not supported; %s", o->name, o->refuse);
	if (o->take)
		return o->take(c, value, e);
	if (o->keys)
		return take_settings(c, o, value, e);
	/* The words of main() outlive the machine. */
	if (o->text != QEMU_NO_FIELD)
		*(const char **)((char *)c + o->text) = value;
	if (o->flag != QEMU_NO_FIELD) {
		bool *flag = (bool *)((char *)c + o->flag);

		*flag = flag != &c->acpi; /* -no-acpi is the one that takes away */
	}
	return 0;
}

/* What holds until an option says otherwise. */
static void set_defaults(struct qemu_command *c)
{
	memset(c, 0, sizeof(*c));
	config_init(&c->cfg);
	c->cfg.serial[0] = NULL;
	c->machine = "microvm";
	c->mem_size = 128 * MiB;
	c->acpi = c->dump_guest_core = true;
	c->smp = (struct qemu_smp){ -1, -1, -1, -1 };
}

/* The option at argv[*i], and its value; *i is then the last word of the two. */
static int take_word(struct qemu_command *c, int argc, char **argv, int *i, struct error *e)
{
	const char *word = argv[*i], *name = word, *value = NULL;
	const struct qemu_option *o;

	if (word[0] != '-' || !word[1])
		return error_set(e, -EINVAL,
				 "%.100s: a disk image alone is not taken; see -blockdev", word);
	name += word[1] == '-' ? 2 : 1;
	o = find(name);
	if (!o)
		return unknown(word, name, e);
	if (o->arg) {
		if (*i + 1 == argc)
			return error_set(e, -EINVAL, "-%s: needs a value (%s)", o->name, o->arg);
		value = argv[++*i];
	}
	return take(c, o, value, e);
}

int qemu_command_parse(struct qemu_command *c, int argc, char **argv, struct error *e)
{
	struct error later;
	int first = 0;

	set_defaults(c);
	for (int i = 1; i < argc; i++) {
		int err = take_word(c, argc, argv, &i, first ? &later : e);

		/* The rest may still say where the manager waits for an answer. */
		if (!first)
			first = err;
	}
	return first;
}

void qemu_command_free(struct qemu_command *c)
{
	text_pool_free(&c->pool);
}

bool qemu_command_is_probe(const struct qemu_command *c)
{
	return !strcmp(c->machine, "none");
}

const struct qemu_chardev *qemu_chardev_find(const struct qemu_command *c, const char *id)
{
	for (size_t i = 0; i < c->nr_chardevs; i++)
		if (!strcmp(c->chardev[i].id, id))
			return &c->chardev[i];
	return NULL;
}
