/* SPDX-License-Identifier: MIT */
/*
 * rules.h - what the settings of an option mean, as tables: each setting is put into a struct, or
 * must say what this machine does anyway, or is refused by name.
 */
#ifndef VMM_QEMU_RULES_H
#define VMM_QEMU_RULES_H

#include "vmm/qemu/keyval.h"

enum rule_kind {
	RULE_TEXT,   /* const char * */
	RULE_BOOL,   /* bool, from on/off, yes/no, true/false */
	RULE_NUMBER, /* s64, not negative */
	RULE_SIZE,   /* u64 bytes; a bare number is MiB, K M G T count in 1024 */
	RULE_ONLY, /* stored nowhere: one of `only` ("off|auto"), which is what happens in any case */
	RULE_LABEL,  /* stored nowhere: a name that nothing refers to */
	RULE_REFUSE, /* known, and not to be had */
};

struct key_rule {
	const char *key;
	enum rule_kind kind;
	size_t offset;	  /* in the target, for the first four */
	const char *only; /* RULE_ONLY */
	const char *
		why; /* RULE_ONLY, RULE_REFUSE: why nothing else is to be had; NULL: no more words */
};

#define KEY_TEXT(type, key, field)                                       \
	{                                                                \
		key, RULE_TEXT, offsetof(struct type, field), NULL, NULL \
	}
#define KEY_BOOL(type, key, field)                                       \
	{                                                                \
		key, RULE_BOOL, offsetof(struct type, field), NULL, NULL \
	}
#define KEY_NUMBER(type, key, field)                                       \
	{                                                                  \
		key, RULE_NUMBER, offsetof(struct type, field), NULL, NULL \
	}
#define KEY_SIZE(type, key, field)                                       \
	{                                                                \
		key, RULE_SIZE, offsetof(struct type, field), NULL, NULL \
	}
#define KEY_ONLY(key, only, why)             \
	{                                    \
		key, RULE_ONLY, 0, only, why \
	}
#define KEY_LABEL(key)                         \
	{                                      \
		key, RULE_LABEL, 0, NULL, NULL \
	}
#define KEY_REFUSE(key, why)                   \
	{                                      \
		key, RULE_REFUSE, 0, NULL, why \
	}

/* Texts that outlive the option they came from. */
struct text_pool {
	struct text_node *first;
};

/* A copy of s that lives until text_pool_free(); NULL without memory. */
const char *text_keep(struct text_pool *pool, const char *s);
/* The same of a formatted text; too long a one is cut at TEXT_FORMAT_MAX. */
#define TEXT_FORMAT_MAX 8192
const char *text_format(struct text_pool *pool, const char *fmt, ...) printf_like(2, 3);
void text_pool_free(struct text_pool *pool);

/*
 * Takes every setting that rules[] knows out of k into target, then refuses the first one left, by
 * name. what says whose settings they are ("-device isa-serial"). 0, -EINVAL with e filled, -ENOMEM.
 */
int rules_apply(const struct key_rule *rules, size_t n, struct keyvals *k, const char *what,
		void *target, struct text_pool *pool, struct error *e) must_check;

/* on/off and their kin. */
bool rule_bool(const char *text, bool *out);

#endif
