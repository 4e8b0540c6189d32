/* SPDX-License-Identifier: MIT */
/* balloon.c - `parallax balloon`: how much memory a guest has, and how much it should have. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "vmm/cmd/client.h"
#include "vmm/cmd/cmd.h"
#include "vmm/machine.h"
#include "vmm/options.h"

static const struct option_def options[] = {
	{ "json", 0, NULL, "the answer as JSON", verb_set_json },
};

static const char text[] =
	"balloon [--json] NAME [SIZE]\n\n"
	"Says how much memory the guest has; with SIZE, asks it to shrink or grow to that.\n";

static json_t *ask(struct client *c, const char *size, u64 bytes, struct error *e)
{
	if (size)
		return client_execute(c, "balloon", json_pack("{s:I}", "value", (json_int_t)bytes),
				      e);
	return client_execute(c, "query-balloon", NULL, e);
}

int cmd_balloon(int argc, char **argv)
{
	struct verb v = { 0 };
	struct client c;
	struct error e;
	json_t *reply;
	const char *size;
	u64 bytes = 0;
	char out[SIZE_TEXT];
	int r = verb_parse(&v, argc, argv, options, ARRAY_SIZE(options), text);

	if (r >= 0)
		return r;
	size = v.nr == 2 ? v.name[1] : NULL;
	if (!v.nr || v.nr > 2)
		r = error_set(&e, -EINVAL, "which guest? NAME, and perhaps a SIZE such as 128M");
	else if (size && (size_parse(size, &bytes) || bytes > INT64_MAX))
		r = error_set(&e, -EINVAL, "%s: a size such as 128M or 1G", size);
	else
		r = 0;
	if (r)
		return cmd_fail("balloon", &e, EXIT_BAD_USAGE);
	if (client_open(&c, v.name[0], &e))
		return cmd_fail("balloon", &e, 1);
	reply = ask(&c, size, bytes, &e);
	client_close(&c);
	if (!reply)
		return cmd_fail("balloon", &e, 1);
	if (v.json) {
		print_json(reply);
		return 0;
	}
	if (!size) {
		size_format((u64)json_integer_value(json_object_get(reply, "actual")), out);
		puts(out);
	}
	json_decref(reply);
	return 0;
}
