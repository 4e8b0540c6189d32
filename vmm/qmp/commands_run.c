/* SPDX-License-Identifier: MIT */
/* commands_run.c - the protocol's own commands, and those that change what the machine does. */
#include "vmm/machine.h"
#include "vmm/qmp/qmp_priv.h"

/* --- the protocol ------------------------------------------------------------------------------- */

static int capabilities(struct qmp_call *call)
{
	if (call->session->negotiated)
		return qmp_fail(call, QMP_COMMAND_NOT_FOUND,
				"Capabilities negotiation is already complete, command ignored");
	if (json_array_size(json_object_get(call->args, "enable")))
		return qmp_fail(call, QMP_GENERIC, "no capability is offered here");
	call->session->negotiated = true;
	return 0;
}

static int query_version(struct qmp_call *call)
{
	call->ret = qmp_version(call->server);
	return 0;
}

static int query_commands(struct qmp_call *call)
{
	call->ret = qmp_list_commands(call->server);
	return 0;
}

static int query_schema(struct qmp_call *call)
{
	call->ret = qmp_list_schema(call->server);
	return 0;
}

static const struct qmp_member enable_args[] = { { "enable", "[str]", true }, { 0 } };

static const struct qmp_member triple_members[] = {
	{ "major", "int", false }, { "minor", "int", false }, { "micro", "int", false }, { 0 }
};
static const struct qmp_member version_members[] = { { "qemu", "VersionTriple", false },
						     { "package", "str", false },
						     { 0 } };
static const struct qmp_member name_members[] = { { "name", "str", false }, { 0 } };
static const struct qmp_member schema_members[] = { { "name", "str", false },
						    { "meta-type", "str", false },
						    { 0 } };

const struct qmp_table qmp_core_table = {
	.commands =
		(const struct qmp_command[]){
			{ "qmp_capabilities", enable_args, NULL, capabilities, QMP_EARLY },
			{ "query-version", NULL, "VersionInfo", query_version, 0 },
			{ "query-commands", NULL, "[CommandInfo]", query_commands, 0 },
			{ "query-qmp-schema", NULL, "[SchemaInfo]", query_schema, 0 },
			{ 0 } },
	.types = (const struct qmp_type[]){ { "VersionTriple", triple_members, NULL },
					    { "VersionInfo", version_members, NULL },
					    { "CommandInfo", name_members, NULL },
					    { "SchemaInfo", schema_members, NULL },
					    { 0 } },
};

/* --- the machine --------------------------------------------------------------------------------- */

static int stop(struct qmp_call *call)
{
	machine_pause(call->machine);
	return 0;
}

static int cont(struct qmp_call *call)
{
	struct error e;

	if (machine_resume(call->machine, &e))
		return qmp_fail(call, QMP_GENERIC, "%s", e.text);
	return 0;
}

static int system_reset(struct qmp_call *call)
{
	struct error e;

	if (machine_reset(call->machine, &e))
		return qmp_fail(call, QMP_GENERIC, "%s", e.text);
	return 0;
}

static int system_powerdown(struct qmp_call *call)
{
	machine_power_button(call->machine);
	return 0;
}

static int quit(struct qmp_call *call)
{
	machine_quit(call->machine, CAUSE_HOST_QUIT, EXIT_GUEST_OFF);
	return 0;
}

static int inject_nmi(struct qmp_call *call)
{
	struct error e;

	if (machine_inject_nmi(call->machine, &e))
		return qmp_fail(call, QMP_GENERIC, "%s", e.text);
	return 0;
}

static const char no_balloon[] = "No balloon device has been activated";

static int query_balloon(struct qmp_call *call)
{
	const struct machine_balloon *b = machine_balloon(call->machine);

	if (!b)
		return qmp_fail(call, QMP_DEVICE_NOT_ACTIVE, no_balloon);
	call->ret = json_pack("{s:I}", "actual", (json_int_t)b->actual(b->arg));
	return 0;
}

static int balloon(struct qmp_call *call)
{
	const struct machine_balloon *b = machine_balloon(call->machine);
	s64 value = qmp_arg_int(call, "value", 0);

	if (!b)
		return qmp_fail(call, QMP_DEVICE_NOT_ACTIVE, no_balloon);
	if (value <= 0)
		return qmp_fail(call, QMP_GENERIC,
				"Parameter 'value' expects a size of more than 0 bytes");
	b->target(b->arg, (u64)value);
	return 0;
}

static const struct qmp_member balloon_args[] = { { "value", "int", false }, { 0 } };
static const struct qmp_member balloon_members[] = { { "actual", "int", false }, { 0 } };
static const struct qmp_member cause_members[] = { { "guest", "bool", false },
						   { "reason", "ShutdownCause", false },
						   { 0 } };
static const struct qmp_member panic_members[] = { { "action", "GuestPanicAction", false }, { 0 } };
static const char *const causes[] = {
	"none",		  "host-qmp-quit", "host-qmp-system-reset", "host-signal", "host-ui",
	"guest-shutdown", "guest-reset",   "guest-panic",	    NULL,
};
static const char *const panic_actions[] = { "pause", "poweroff", NULL };

const struct qmp_table qmp_run_table = {
	.commands =
		(const struct qmp_command[]){
			{ "stop", NULL, NULL, stop, QMP_MACHINE },
			{ "cont", NULL, NULL, cont, QMP_MACHINE },
			{ "system_reset", NULL, NULL, system_reset, QMP_MACHINE },
			{ "system_powerdown", NULL, NULL, system_powerdown, QMP_MACHINE },
			{ "quit", NULL, NULL, quit, QMP_MACHINE },
			{ "inject-nmi", NULL, NULL, inject_nmi, QMP_MACHINE },
			{ "balloon", balloon_args, NULL, balloon, QMP_MACHINE },
			{ "query-balloon", NULL, "BalloonInfo", query_balloon, QMP_MACHINE },
			{ 0 } },
	.types = (const struct qmp_type[]){ { "BalloonInfo", balloon_members, NULL },
					    { "ShutdownCause", NULL, causes },
					    { "GuestPanicAction", NULL, panic_actions },
					    { 0 } },
	.events = (const struct qmp_event_def[]){ { "SHUTDOWN", cause_members },
						  { "RESET", cause_members },
						  { "POWERDOWN", NULL },
						  { "STOP", NULL },
						  { "RESUME", NULL },
						  { "GUEST_PANICKED", panic_members },
						  { "BALLOON_CHANGE", balloon_members },
						  { 0 } },
};
