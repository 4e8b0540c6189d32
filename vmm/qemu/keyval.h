/* SPDX-License-Identifier: MIT */
/*
 * keyval.h - the value of a QEMU option as a list of keys and values.
 *
 * Two forms say the same: `type,key=value,key=value` with a literal comma doubled, where the first
 * piece may lack its key and a piece without `=` means `on`; and a JSON object, whose inner objects
 * are flattened to dotted keys ("cache.direct"), whose booleans read "on" and "off". The pieces are
 * handed out one by one with keyval_take(), so that whatever nobody knew is left over and can be
 * refused by name.
 */
#ifndef VMM_QEMU_KEYVAL_H
#define VMM_QEMU_KEYVAL_H

#include "base/error.h"
#include "base/types.h"

#define KEYVAL_MAX	 128	    /* pieces of one option */
#define KEYVAL_MAX_DEPTH 8	    /* objects within objects */
#define KEYVAL_MAX_TEXT	 (64 * KiB) /* bytes of one option */

struct keyval {
	const char *key, *value;
	bool taken;
};

struct keyvals {
	const char *option; /* "-chardev", for messages; borrowed */
	struct keyval kv[KEYVAL_MAX];
	size_t n;
	char *text; /* owns keys and values */
	size_t used, room;
};

/*
 * Reads text. first is the key of a first piece without `=`, NULL when there is none. A key that
 * comes twice is refused: QEMU lets the last one win, which hides mistakes. 0, -EINVAL with e
 * filled, or -ENOMEM. Free it in every case.
 */
int keyvals_parse(struct keyvals *k, const char *option, const char *text, const char *first,
		  struct error *e) must_check;
void keyvals_free(struct keyvals *k);

/* The value of key, now taken; NULL when it is not there. Valid until keyvals_free(). */
const char *keyvals_take(struct keyvals *k, const char *key);

/* The first piece that nobody took, or NULL. */
const struct keyval *keyvals_left(const struct keyvals *k);

#endif
