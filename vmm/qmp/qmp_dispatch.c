/* SPDX-License-Identifier: MIT */
/*
 * qmp_dispatch.c - from a JSON text to an answer.
 *
 * The shape of requests, answers and errors, and most of their words, are those of QEMU's
 * docs/interop/qmp-spec.txt, so that clients which look at them work.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "vmm/qmp/qmp_priv.h"

static const char *const class_names[] = {
	[QMP_GENERIC] = "GenericError",
	[QMP_COMMAND_NOT_FOUND] = "CommandNotFound",
	[QMP_DEVICE_NOT_ACTIVE] = "DeviceNotActive",
	[QMP_DEVICE_NOT_FOUND] = "DeviceNotFound",
	[QMP_KVM_MISSING_CAP] = "KVMMissingCap",
};

json_t *qmp_string(const char *text)
{
	json_t *s = json_string(text);
	char safe[512];

	if (s)
		return s;
	snprintf(safe, sizeof(safe), "%s", text);
	for (char *p = safe; *p; p++)
		if (*p & 0x80)
			*p = '?';
	return json_string(safe);
}

json_t *qmp_error_reply(enum qmp_error_class class, const char *desc, json_t *id)
{
	json_t *reply = json_pack("{s:{s:s,s:o}}", "error", "class", class_names[class], "desc",
				  qmp_string(desc));

	if (reply && id)
		json_object_set(reply, "id", id);
	return reply;
}

json_t *qmp_version(const struct qmp_server *s)
{
	return json_pack("{s:{s:i,s:i,s:i},s:s}", "qemu", "micro", s->micro, "minor", s->minor,
			 "major", s->major, "package", s->package);
}

json_t *qmp_greeting(const struct qmp_server *s)
{
	return json_pack("{s:{s:o,s:[]}}", "QMP", "version", qmp_version(s), "capabilities");
}

int qmp_fail(struct qmp_call *call, enum qmp_error_class class, const char *fmt, ...)
{
	va_list ap;

	if (call->failed)
		return -1;
	call->failed = true;
	call->class = class;
	va_start(ap, fmt);
	vsnprintf(call->desc, sizeof(call->desc), fmt, ap);
	va_end(ap);
	return -1;
}

const char *qmp_arg_str(const struct qmp_call *call, const char *name)
{
	return json_string_value(json_object_get(call->args, name));
}

s64 qmp_arg_int(const struct qmp_call *call, const char *name, s64 otherwise)
{
	const json_t *v = json_object_get(call->args, name);

	return json_is_integer(v) ? json_integer_value(v) : otherwise;
}

bool qmp_arg_bool(const struct qmp_call *call, const char *name, bool otherwise)
{
	const json_t *v = json_object_get(call->args, name);

	return json_is_boolean(v) ? json_is_true(v) : otherwise;
}

/* --- one request ---------------------------------------------------------------------------------- */

/* The members that a request may have. NULL, or what is wrong. */
static const char *check_request(json_t *request, char *buf, size_t size)
{
	json_t *value;
	const char *key;

	if (!json_is_object(request))
		return "QMP input must be a JSON object";
	json_object_foreach(request, key, value)
	{
		if (!strcmp(key, "id"))
			continue;
		if (!strcmp(key, "execute") && !json_is_string(value))
			return "QMP input member 'execute' must be a string";
		if (!strcmp(key, "arguments") && !json_is_object(value))
			return "QMP input member 'arguments' must be an object";
		if (strcmp(key, "execute") && strcmp(key, "arguments")) {
			snprintf(buf, size, "QMP input member '%.80s' is unexpected", key);
			return buf;
		}
	}
	return json_object_get(request, "execute") ? NULL : "QMP input lacks member 'execute'";
}

static int execute(struct qmp_call *call, const char *name)
{
	struct qmp_session *c = call->session;

	call->command = qmp_find_command(call->server, name, &call->arg);
	if (!c->negotiated && !(call->command && call->command->flags & QMP_EARLY))
		return qmp_fail(call, QMP_COMMAND_NOT_FOUND,
				"Expecting capabilities negotiation with 'qmp_capabilities'");
	if (!call->command)
		return qmp_fail(call, QMP_COMMAND_NOT_FOUND, "The command %.80s has not been found",
				name);
	if (call->command->flags & QMP_MACHINE && !call->machine)
		return qmp_fail(call, QMP_GENERIC, "%s: there is no machine here", name);
	if (qmp_check_args(call))
		return -1;
	return call->command->run(call);
}

static void answer(struct qmp_session *c, json_t *request)
{
	json_t *id = json_is_object(request) ? json_object_get(request, "id") : NULL, *reply;
	json_t *args = json_object_get(request, "arguments"), *none = NULL;
	struct qmp_call call = {
		.server = c->server,
		.session = c,
		.machine = c->server->machine,
	};
	char buf[160];
	const char *wrong = check_request(request, buf, sizeof(buf));

	if (wrong) {
		qmp_session_send(c, qmp_error_reply(QMP_GENERIC, wrong, id));
		return;
	}
	if (!args)
		args = none = json_object();
	call.args = args;
	if (execute(&call, json_string_value(json_object_get(request, "execute"))) || call.failed) {
		json_decref(call.ret);
		reply = qmp_error_reply(call.class, call.desc, id);
	} else {
		reply = json_pack("{s:o}", "return", call.ret ? call.ret : json_object());
		if (reply && id)
			json_object_set(reply, "id", id);
	}
	json_decref(none);
	qmp_session_send(c, reply);
}

void qmp_dispatch(struct qmp_session *c, const char *text, size_t n)
{
	json_error_t why;
	json_t *request = json_loadb(text, n, JSON_REJECT_DUPLICATES, &why);
	char desc[240];

	if (!request) {
		snprintf(desc, sizeof(desc), "JSON parse error, %s", why.text);
		qmp_session_send(c, qmp_error_reply(QMP_GENERIC, desc, NULL));
		return;
	}
	answer(c, request);
	json_decref(request);
}
