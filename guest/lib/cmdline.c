/* SPDX-License-Identifier: MIT */
/* cmdline.c - words of a kernel command line, as views; nothing is copied to find something. */
#include "guest/lib/cmdline.h"

#include "guest/lib/errno.h"
#include "guest/lib/parse.h"
#include "guest/lib/string.h"

/* Strips a quote in front and, when there was one, the quote at the end. */
static void unquote(const char **s, size_t *len)
{
	if (!*len || **s != '"')
		return;
	++*s;
	--*len;
	if (*len && (*s)[*len - 1] == '"')
		--*len;
}

/* The word at *pos with its quotes; moves *pos behind it. False at the end of the text. */
static bool next_word(const char **pos, const char **word, size_t *len)
{
	const char *p = skip_spaces(*pos);
	bool quoted = false;

	*word = p;
	for (; *p && (quoted || !is_space(*p)); p++)
		if (*p == '"')
			quoted = !quoted;
	*len = (size_t)(p - *word);
	*pos = p;
	return *len;
}

static bool is_separator(const char *word, size_t len)
{
	return len == 2 && word[0] == '-' && word[1] == '-';
}

bool cmdline_next(const char **pos, struct cmdline_arg *arg)
{
	const char *at = *pos, *word, *equals;
	size_t len;

	if (!next_word(&at, &word, &len) || is_separator(word, len))
		return false;
	*pos = at;
	unquote(&word, &len);
	equals = memchr(word, '=', len);
	arg->key = word;
	arg->key_len = equals ? (size_t)(equals - word) : len;
	arg->value = equals ? equals + 1 : NULL;
	arg->value_len = equals ? len - arg->key_len - 1 : 0;
	if (equals)
		unquote(&arg->value, &arg->value_len);
	return true;
}

const char *cmdline_rest(const char *text)
{
	const char *word;
	size_t len;

	while (next_word(&text, &word, &len))
		if (is_separator(word, len))
			return skip_spaces(text);
	return NULL;
}

bool cmdline_is(const struct cmdline_arg *arg, const char *key)
{
	size_t i;

	for (i = 0; i < arg->key_len && key[i]; i++) {
		char a = arg->key[i] == '-' ? '_' : arg->key[i];
		char b = key[i] == '-' ? '_' : key[i];

		if (a != b)
			return false;
	}
	return i == arg->key_len && !key[i];
}

bool cmdline_find(const char *text, const char *key, struct cmdline_arg *arg)
{
	struct cmdline_arg word;
	bool found = false;

	while (cmdline_next(&text, &word)) {
		if (cmdline_is(&word, key)) {
			*arg = word;
			found = true;
		}
	}
	return found;
}

bool cmdline_has(const char *text, const char *key)
{
	struct cmdline_arg arg;

	return cmdline_find(text, key, &arg);
}

s64 cmdline_str(const char *text, const char *key, char *buf, size_t size)
{
	struct cmdline_arg arg;

	buf[0] = 0;
	if (!cmdline_find(text, key, &arg) || !arg.value)
		return -ENOENT;
	if (arg.value_len >= size)
		return -E2BIG;
	memcpy(buf, arg.value, arg.value_len);
	buf[arg.value_len] = 0;
	return (s64)arg.value_len;
}

int cmdline_u64(const char *text, const char *key, u64 *out)
{
	struct cmdline_arg arg;

	if (!cmdline_find(text, key, &arg) || !arg.value)
		return -ENOENT;
	return parse_size(arg.value, arg.value_len, out);
}

int cmdline_bool(const char *text, const char *key, bool *out)
{
	struct cmdline_arg arg;

	if (!cmdline_find(text, key, &arg))
		return -ENOENT;
	if (!arg.value) {
		*out = true;
		return 0;
	}
	return parse_bool(arg.value, arg.value_len, out);
}

bool cmdline_list_next(const struct cmdline_arg *arg, size_t *pos, const char **item, size_t *len)
{
	size_t i = *pos;

	while (i < arg->value_len && arg->value[i] == ',')
		i++;
	if (i >= arg->value_len)
		return false;
	*item = arg->value + i;
	while (i < arg->value_len && arg->value[i] != ',')
		i++;
	*len = (size_t)(arg->value + i - *item);
	*pos = i;
	return true;
}

bool cmdline_list_has(const char *text, const char *key, const char *item)
{
	struct cmdline_arg arg;
	size_t pos = 0, len;
	const char *s;

	if (!cmdline_find(text, key, &arg))
		return false;
	while (cmdline_list_next(&arg, &pos, &s, &len))
		if (strncmp(s, item, len) == 0 && !item[len])
			return true;
	return false;
}
