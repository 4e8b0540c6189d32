/* SPDX-License-Identifier: MIT */
/* rules.c - see rules.h. */
#include "vmm/qemu/rules.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/suggest.h"
#include "vmm/options.h"

struct text_node {
	struct text_node *next;
	char text[];
};

const char *text_keep(struct text_pool *pool, const char *s)
{
	size_t size = strlen(s) + 1;
	struct text_node *n = malloc(sizeof(*n) + size);

	if (!n)
		return NULL;
	memcpy(n->text, s, size);
	n->next = pool->first;
	pool->first = n;
	return n->text;
}

const char *text_format(struct text_pool *pool, const char *fmt, ...)
{
	char text[TEXT_FORMAT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return text_keep(pool, text);
}

void text_pool_free(struct text_pool *pool)
{
	while (pool->first) {
		struct text_node *n = pool->first;

		pool->first = n->next;
		free(n);
	}
}

bool rule_bool(const char *text, bool *out)
{
	static const char *const yes[] = { "on", "yes", "true", "y" };
	static const char *const no[] = { "off", "no", "false", "n" };

	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		if (!strcmp(text, yes[i]) || !strcmp(text, no[i])) {
			*out = !strcmp(text, yes[i]);
			return true;
		}
	}
	return false;
}

/* Whether text is one of the words of "a|b|c". */
static bool one_of(const char *words, const char *text)
{
	size_t len = strlen(text);

	for (const char *w = words;;) {
		size_t n = strcspn(w, "|");

		if (n == len && !memcmp(w, text, n))
			return true;
		if (!w[n])
			return false;
		w += n + 1;
	}
}

static int store_size(const char *what, const char *key, const char *v, u64 *out, struct error *e)
{
	int err = size_parse(v, out);

	if (err)
		return error_set(e, -EINVAL, "%s: %s=%s is no size such as 512, 512M or 4G", what,
				 key, v);
	return 0;
}

static int store_number(const char *what, const char *key, const char *v, s64 *out, struct error *e)
{
	char name[96];
	u64 n;
	int err;

	snprintf(name, sizeof(name), "%.40s: %.40s", what, key);
	err = option_number(name, v, INT64_MAX, &n, e);
	if (!err)
		*out = (s64)n;
	return err;
}

static int apply(const struct key_rule *r, const char *what, const char *v, void *target,
		 struct text_pool *pool, struct error *e)
{
	void *at = (char *)target + r->offset;
	const char *kept;

	switch (r->kind) {
	case RULE_TEXT:
		kept = text_keep(pool, v);
		if (!kept)
			return error_sys(e, -ENOMEM, "%s", what);
		*(const char **)at = kept;
		return 0;
	case RULE_BOOL:
		if (!rule_bool(v, at))
			return error_set(e, -EINVAL, "%s: %s=%.100s is neither on nor off", what,
					 r->key, v);
		return 0;
	case RULE_NUMBER:
		return store_number(what, r->key, v, at, e);
	case RULE_SIZE:
		return store_size(what, r->key, v, at, e);
	case RULE_ONLY:
		if (one_of(r->only, v))
			return 0;
		return error_set(e, -EINVAL, "%s: %s=%.100s is not supported, only %s%s%s", what,
				 r->key, v, r->only, r->why ? "; " : "", r->why ? r->why : "");
	case RULE_LABEL:
		return 0;
	case RULE_REFUSE:
		break;
	}
	return error_set(e, -EINVAL, "%s: %s is not supported%s%s", what, r->key,
			 r->why ? "; " : "", r->why ? r->why : "");
}

#define MAX_RULES 48

static int refuse(const struct key_rule *rules, size_t n, const struct keyval *kv, const char *what,
		  struct error *e)
{
	const char *keys[MAX_RULES], *near;
	size_t nr = 0;

	for (; nr < n && nr < MAX_RULES; nr++)
		keys[nr] = rules[nr].key;
	near = suggest(kv->key, keys, nr);
	return error_set(e, -EINVAL, "%s: %.60s=%.60s is not supported%s%s%s", what, kv->key,
			 kv->value, near ? "; did you mean " : "", near ? near : "",
			 near ? "?" : "");
}

int rules_apply(const struct key_rule *rules, size_t n, struct keyvals *k, const char *what,
		void *target, struct text_pool *pool, struct error *e)
{
	const struct keyval *left;

	for (size_t i = 0; i < n; i++) {
		const char *v = keyvals_take(k, rules[i].key);
		int err = v ? apply(&rules[i], what, v, target, pool, e) : 0;

		if (err)
			return err;
	}
	left = keyvals_left(k);
	return left ? refuse(rules, n, left, what, e) : 0;
}
