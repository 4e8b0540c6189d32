/* SPDX-License-Identifier: MIT */
/* disk.c - see disk.h. */
#include "vmm/disk.h"

#include <errno.h>
#include <string.h>

#include "vmm/spec.h"

static int parse_word(const char *spec, const char *word, struct disk_spec *d, struct error *e)
{
	const char *serial = spec_value(word, "serial");

	if (!strcmp(word, "ro")) {
		d->read_only = true;
	} else if (!strcmp(word, "direct")) {
		d->direct = true;
	} else if (serial) {
		if (strlen(serial) > DISK_SERIAL_MAX)
			return error_set(e, -EINVAL,
					 "--disk %s: a serial has at most %d characters", spec,
					 DISK_SERIAL_MAX);
		strcpy(d->serial, serial);
	} else {
		return error_set(e, -EINVAL,
				 "--disk %s: '%s': one of ro, direct, serial=TEXT "
				 "(write ,, for a comma in a name)",
				 spec, word);
	}
	return 0;
}

int disk_parse(const char *spec, struct disk_spec *out, struct error *e)
{
	struct disk_spec scratch, *d = out ? out : &scratch;
	const char *at = spec;
	char word[64];
	int got;

	d->read_only = d->direct = false;
	memset(d->serial, 0, sizeof(d->serial));
	got = spec_next(&at, d->path, sizeof(d->path));
	if (got < 0 || !d->path[0])
		return error_set(e, -EINVAL, "--disk %s: begins with the name of a file", spec);
	while ((got = spec_next(&at, word, sizeof(word))) > 0) {
		int err = parse_word(spec, word, d, e);

		if (err)
			return err;
	}
	return got ? error_set(e, -EINVAL, "--disk %s: a word is too long", spec) : 0;
}
