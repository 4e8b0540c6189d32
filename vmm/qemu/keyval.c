/* SPDX-License-Identifier: MIT */
/* keyval.c - see keyval.h. Reading JSON is jansson's work; its depth and size are bounded here. */
#include "vmm/qemu/keyval.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static int put_byte(struct keyvals *k, char c)
{
	if (k->used == k->room)
		return -ENOMEM;
	k->text[k->used++] = c;
	return 0;
}

static int add(struct keyvals *k, const char *key, const char *value, struct error *e)
{
	for (size_t i = 0; i < k->n; i++)
		if (!strcmp(k->kv[i].key, key))
			return error_set(e, -EINVAL, "%s: %s is given twice", k->option, key);
	if (k->n == KEYVAL_MAX)
		return error_set(e, -EINVAL, "%s: more than %d settings", k->option, KEYVAL_MAX);
	k->kv[k->n++] = (struct keyval){ .key = key, .value = value };
	return 0;
}

/* Names and paths end up in messages and in other files, of one line each. */
static int check_text(const struct keyvals *k, const char *s, struct error *e)
{
	for (; *s; s++)
		if ((unsigned char)*s < ' ')
			return error_set(e, -EINVAL, "%s: a control character in it", k->option);
	return 0;
}

/* ---- key=value ------------------------------------------------------------------------------ */

/* One piece up to a single comma; `,,` is a comma. Returns what follows it. */
static const char *copy_piece(struct keyvals *k, const char *s)
{
	for (; *s; s++) {
		if (*s == ',') {
			if (s[1] != ',')
				break;
			s++;
		}
		put_byte(k, *s);
	}
	put_byte(k, 0);
	return s;
}

static int parse_pieces(struct keyvals *k, const char *text, const char *first, struct error *e)
{
	const char *s = text;

	for (;;) {
		char *piece = k->text + k->used, *equals;
		bool is_first = s == text;
		int err;

		s = copy_piece(k, s);
		equals = strchr(piece, '=');
		if (equals)
			*equals = 0;
		if (!*piece)
			return error_set(e, -EINVAL, "%s %s: a setting without a name", k->option,
					 text);
		if (equals)
			err = add(k, piece, equals + 1, e);
		else if (is_first && first)
			err = add(k, first, piece, e);
		else
			err = add(k, piece, "on", e);
		if (err)
			return err;
		if (!*s)
			return 0;
		s++;
		if (!*s)
			return error_set(e, -EINVAL, "%s %s: ends in a comma", k->option, text);
	}
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static char *put_text(struct keyvals *k, const char *prefix, const char *s)
{
	char *start = k->text + k->used;

	for (; *prefix; prefix++)
		if (put_byte(k, *prefix))
			return NULL;
	for (; *s; s++)
		if (put_byte(k, *s))
			return NULL;
	return put_byte(k, 0) ? NULL : start;
}

static int flatten(struct keyvals *k, const char *prefix, const json_t *object, unsigned depth,
		   struct error *e);

static int flatten_one(struct keyvals *k, const char *key, const json_t *v, unsigned depth,
		       struct error *e)
{
	char number[32];
	const char *value = NULL;

	switch (json_typeof(v)) {
	case JSON_OBJECT: {
		char *prefix = put_text(k, key, ".");

		if (!prefix)
			break;
		return flatten(k, prefix, v, depth + 1, e);
	}
	case JSON_STRING:
		value = put_text(k, "", json_string_value(v));
		break;
	case JSON_INTEGER:
		snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(v));
		value = put_text(k, "", number);
		break;
	case JSON_TRUE:
		value = "on";
		break;
	case JSON_FALSE:
		value = "off";
		break;
	case JSON_NULL:
		value = "null";
		break;
	case JSON_REAL:
	case JSON_ARRAY:
		return error_set(e, -EINVAL, "%s: %s is neither text, a whole number nor a boolean",
				 k->option, key);
	}
	if (!value)
		return error_set(e, -EINVAL, "%s: longer than %lu bytes", k->option,
				 KEYVAL_MAX_TEXT);
	return add(k, key, value, e);
}

static int flatten(struct keyvals *k, const char *prefix, const json_t *object, unsigned depth,
		   struct error *e)
{
	const char *key;
	json_t *v;

	if (depth > KEYVAL_MAX_DEPTH)
		return error_set(e, -EINVAL, "%s: more than %d objects within each other",
				 k->option, KEYVAL_MAX_DEPTH);
	/* Reading an object does not change it, but the library's macro wants it mutable. */
	json_object_foreach((json_t *)object, key, v)
	{
		char *full = *key ? put_text(k, prefix, key) : NULL;
		int err;

		if (!*key)
			return error_set(e, -EINVAL, "%s: a setting without a name", k->option);
		err = check_text(k, key, e);
		if (!err && json_is_string(v))
			err = check_text(k, json_string_value(v), e);
		if (err)
			return err;
		if (!full)
			return error_set(e, -EINVAL, "%s: longer than %lu bytes", k->option,
					 KEYVAL_MAX_TEXT);
		err = flatten_one(k, full, v, depth, e);
		if (err)
			return err;
	}
	return 0;
}

static int parse_json(struct keyvals *k, const char *text, struct error *e)
{
	json_error_t why;
	json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &why);
	int err;

	if (!root)
		return error_set(e, -EINVAL, "%s: bad JSON at column %d: %s", k->option, why.column,
				 why.text);
	err = flatten(k, "", root, 0, e);
	json_decref(root);
	return err;
}

/* ---- the interface -------------------------------------------------------------------------- */

int keyvals_parse(struct keyvals *k, const char *option, const char *text, const char *first,
		  struct error *e)
{
	size_t len = strlen(text);
	bool json = text[0] == '{';
	int err;

	memset(k, 0, sizeof(*k));
	k->option = option;
	if (!len)
		return error_set(e, -EINVAL, "%s: its value is empty", option);
	if (len > KEYVAL_MAX_TEXT)
		return error_set(e, -EINVAL, "%s: longer than %lu bytes", option, KEYVAL_MAX_TEXT);
	/* Pieces never grow, JSON does: each dotted key repeats the ones around it. */
	k->room = json ? 2 * KEYVAL_MAX_TEXT : len + 1;
	k->text = malloc(k->room);
	if (!k->text)
		return error_sys(e, -ENOMEM, "%s", option);
	if (json)
		return parse_json(k, text, e);
	err = check_text(k, text, e);
	return err ? err : parse_pieces(k, text, first, e);
}

void keyvals_free(struct keyvals *k)
{
	free(k->text);
	k->text = NULL;
	k->n = 0;
}

const char *keyvals_take(struct keyvals *k, const char *key)
{
	for (size_t i = 0; i < k->n; i++) {
		if (strcmp(k->kv[i].key, key) != 0)
			continue;
		k->kv[i].taken = true;
		return k->kv[i].value;
	}
	return NULL;
}

const struct keyval *keyvals_left(const struct keyvals *k)
{
	for (size_t i = 0; i < k->n; i++)
		if (!k->kv[i].taken)
			return &k->kv[i];
	return NULL;
}
