/* SPDX-License-Identifier: MIT */
/*
 * qmp_schema.c - what the rows of the tables say: which commands there are, what they take, and
 * how query-qmp-schema shows it (the SchemaInfo of QEMU's qapi/introspect.json).
 */
#include <stdio.h>
#include <string.h>

#include "vmm/qmp/qmp_priv.h"

#define MOST_LEVELS 8 /* of types within types, when arguments are checked */

bool qmp_is_hidden(const struct qmp_server *s, const char *name)
{
	for (size_t i = 0; i < s->nr_hidden; i++)
		if (!strcmp(s->hidden[i], name))
			return true;
	return false;
}

const struct qmp_command *qmp_find_command(const struct qmp_server *s, const char *name, void **arg)
{
	if (qmp_is_hidden(s, name))
		return NULL;
	for (size_t t = s->nr_tables; t-- > 0;) {
		const struct qmp_command *c = s->table[t].table->commands;

		for (; c && c->name; c++) {
			if (strcmp(c->name, name))
				continue;
			*arg = s->table[t].arg;
			return c;
		}
	}
	return NULL;
}

static const struct qmp_type *find_type(const struct qmp_server *s, const char *name)
{
	for (size_t t = s->nr_tables; t-- > 0;)
		for (const struct qmp_type *y = s->table[t].table->types; y && y->name; y++)
			if (!strcmp(y->name, name))
				return y;
	return NULL;
}

/* --- builtin types ----------------------------------------------------------------------------------- */

static bool is_any(const json_t *v)
{
	return v != NULL;
}

static bool is_string(const json_t *v)
{
	return json_is_string(v);
}

static bool is_integer(const json_t *v)
{
	return json_is_integer(v);
}

static bool is_number(const json_t *v)
{
	return json_is_number(v);
}

static bool is_boolean(const json_t *v)
{
	return json_is_boolean(v);
}

static bool is_null(const json_t *v)
{
	return json_is_null(v);
}

static const struct builtin {
	const char *name, *json_type;
	const char *expected; /* in QEMU's words */
	bool (*is)(const json_t *v);
} builtins[] = {
	{ "str", "string", "string", is_string },    { "int", "int", "integer", is_integer },
	{ "number", "number", "number", is_number }, { "bool", "boolean", "boolean", is_boolean },
	{ "any", "value", "value", is_any },	     { "null", "null", "null", is_null },
};

static const struct builtin *find_builtin(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(builtins); i++)
		if (!strcmp(builtins[i].name, name))
			return &builtins[i];
	return NULL;
}

/* "[T]" to "T"; false when name is no array. */
static bool element_of(const char *name, char *out, size_t size)
{
	size_t n = strlen(name);

	if (name[0] != '[' || n < 3 || n - 1 > size)
		return false;
	memcpy(out, name + 1, n - 2);
	out[n - 2] = 0;
	return true;
}

/* --- arguments -------------------------------------------------------------------------------------------- */

static int check_members(struct qmp_call *call, const struct qmp_member *members, json_t *object,
			 unsigned level);

static int wrong_type(struct qmp_call *call, const char *where, const char *expected)
{
	return qmp_fail(call, QMP_GENERIC, "Invalid parameter type for '%s', expected: %s", where,
			expected);
}

static int check_word(struct qmp_call *call, const struct qmp_type *type, const char *where,
		      const json_t *v)
{
	const char *word = json_string_value(v);

	if (!word)
		return wrong_type(call, where, "string");
	for (const char *const *w = type->values; *w; w++)
		if (!strcmp(*w, word))
			return 0;
	return qmp_fail(call, QMP_GENERIC, "Parameter '%s' does not accept value '%.80s'", where,
			word);
}

static int check_value(struct qmp_call *call, const char *type, const char *where, json_t *v,
		       unsigned level)
{
	const struct builtin *b = find_builtin(type);
	const struct qmp_type *t;
	char element[64];
	json_t *item;
	size_t i;

	if (b)
		return b->is(v) ? 0 : wrong_type(call, where, b->expected);
	if (level == MOST_LEVELS)
		return qmp_fail(call, QMP_GENERIC, "Parameter '%s' is nested too deeply", where);
	if (element_of(type, element, sizeof(element))) {
		if (!json_is_array(v))
			return wrong_type(call, where, "array");
		json_array_foreach(v, i, item) if (check_value(call, element, where, item,
							       level + 1)) return -1;
		return 0;
	}
	t = find_type(call->server, type);
	if (t && t->values)
		return check_word(call, t, where, v);
	if (!json_is_object(v))
		return wrong_type(call, where, "object");
	return check_members(call, t ? t->members : NULL, v, level + 1);
}

static const struct qmp_member *find_member(const struct qmp_member *m, const char *name)
{
	for (; m && m->name; m++)
		if (!strcmp(m->name, name))
			return m;
	return NULL;
}

static int check_members(struct qmp_call *call, const struct qmp_member *members, json_t *object,
			 unsigned level)
{
	const char *key;
	json_t *value;

	for (const struct qmp_member *m = members; m && m->name; m++) {
		value = json_object_get(object, m->name);
		if (!value && !m->optional)
			return qmp_fail(call, QMP_GENERIC, "Parameter '%s' is missing", m->name);
		if (value && check_value(call, m->type, m->name, value, level))
			return -1;
	}
	json_object_foreach(object, key, value) if (!find_member(members, key)) return qmp_fail(
		call, QMP_GENERIC, "Parameter '%.80s' is unexpected", key);
	return 0;
}

int qmp_check_args(struct qmp_call *call)
{
	if (call->command->flags & QMP_FREE_FORM)
		return 0;
	return check_members(call, call->command->args, call->args, 0);
}

/* --- query-commands, query-qmp-schema ------------------------------------------------------------------------ */

/* Calls fn for every command that is there to be seen. */
static void each_command(const struct qmp_server *s,
			 void (*fn)(const struct qmp_server *s, const struct qmp_command *c,
				    json_t *out),
			 json_t *out)
{
	for (size_t t = 0; t < s->nr_tables; t++) {
		const struct qmp_command *c = s->table[t].table->commands;
		void *arg;

		for (; c && c->name; c++)
			if (!(c->flags & QMP_HIDDEN) && qmp_find_command(s, c->name, &arg) == c)
				fn(s, c, out);
	}
}

static void list_command(const struct qmp_server *s, const struct qmp_command *c, json_t *out)
{
	(void)s;
	json_array_append_new(out, json_pack("{s:s}", "name", c->name));
}

json_t *qmp_list_commands(const struct qmp_server *s)
{
	json_t *out = json_array();

	each_command(s, list_command, out);
	return out;
}

static const char empty_type[] = "empty";

static bool is_listed(const json_t *out, const char *name)
{
	json_t *item;
	size_t i;

	json_array_foreach(out, i, item)
	{
		const char *have = json_string_value(json_object_get(item, "name"));

		if (have && !strcmp(have, name))
			return true;
	}
	return false;
}

static void add_type(const struct qmp_server *s, const char *name, json_t *out);

static void add_object(const struct qmp_server *s, const char *name,
		       const struct qmp_member *members, json_t *out)
{
	json_t *list = json_array();

	json_array_append_new(out, json_pack("{s:s,s:s,s:O}", "name", name, "meta-type", "object",
					     "members", list));
	for (const struct qmp_member *m = members; m && m->name; m++) {
		json_t *member = json_pack("{s:s,s:s}", "name", m->name, "type", m->type);

		if (m->optional)
			json_object_set_new(member, "default", json_null());
		json_array_append_new(list, member);
		add_type(s, m->type, out);
	}
	json_decref(list);
}

static void add_enum(const struct qmp_type *t, json_t *out)
{
	json_t *values = json_array(), *members = json_array();

	for (const char *const *v = t->values; *v; v++) {
		json_array_append_new(values, json_string(*v));
		json_array_append_new(members, json_pack("{s:s}", "name", *v));
	}
	json_array_append_new(out, json_pack("{s:s,s:s,s:o,s:o}", "name", t->name, "meta-type",
					     "enum", "members", members, "values", values));
}

/* A type with all that it is made of, unless it is listed already. */
static void add_type(const struct qmp_server *s, const char *name, json_t *out)
{
	const struct builtin *b = find_builtin(name);
	const struct qmp_type *t;
	char element[64];

	if (is_listed(out, name))
		return;
	if (b) {
		json_array_append_new(out, json_pack("{s:s,s:s,s:s}", "name", name, "meta-type",
						     "builtin", "json-type", b->json_type));
	} else if (element_of(name, element, sizeof(element))) {
		json_array_append_new(out, json_pack("{s:s,s:s,s:s}", "name", name, "meta-type",
						     "array", "element-type", element));
		add_type(s, element, out);
	} else {
		t = find_type(s, name);
		if (t && t->values)
			add_enum(t, out);
		else
			add_object(s, name, t ? t->members : NULL, out);
	}
}

static const char *add_arguments(const struct qmp_server *s, const char *of,
				 const struct qmp_member *members, char *buf, size_t size,
				 json_t *out)
{
	if (!members || !members->name) {
		add_type(s, empty_type, out);
		return empty_type;
	}
	snprintf(buf, size, "%s-arg", of);
	add_object(s, buf, members, out);
	return buf;
}

static void describe_command(const struct qmp_server *s, const struct qmp_command *c, json_t *out)
{
	const char *returns = c->returns ? c->returns : empty_type, *arg;
	char buf[96];

	arg = add_arguments(s, c->name, c->args, buf, sizeof(buf), out);
	add_type(s, returns, out);
	json_array_append_new(out, json_pack("{s:s,s:s,s:s,s:s,s:b}", "name", c->name, "meta-type",
					     "command", "arg-type", arg, "ret-type", returns,
					     "allow-oob", 0));
}

json_t *qmp_list_schema(const struct qmp_server *s)
{
	json_t *out = json_array();
	char buf[96];

	each_command(s, describe_command, out);
	for (size_t t = 0; t < s->nr_tables; t++)
		for (const struct qmp_event_def *e = s->table[t].table->events; e && e->name; e++)
			json_array_append_new(out, json_pack("{s:s,s:s,s:s}", "name", e->name,
							     "meta-type", "event", "arg-type",
							     add_arguments(s, e->name, e->members,
									   buf, sizeof(buf), out)));
	return out;
}
