/* SPDX-License-Identifier: MIT */
/*
 * commands_stats.c - query-stats and its schemas (QEMU's qapi/stats.json) from KVM's binary
 * statistics, and x-stat: what the VMM itself counts.
 */
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vmm/config.h"
#include "vmm/qmp/qmp_priv.h"
#include "vmm/stats.h"

#define VM (-1)

static bool wanted(const json_t *list, const char *word)
{
	json_t *item;
	size_t i;

	if (!list)
		return true;
	json_array_foreach(list, i, item) if (!strcmp(json_string_value(item), word)) return true;
	return false;
}

static void add_value(void *arg, const struct kvm_stats_desc *d, u64 value)
{
	u32 unit = (d->flags & KVM_STATS_UNIT_MASK);
	json_t *v = unit == KVM_STATS_UNIT_BOOLEAN ? json_boolean(value != 0)
						   : json_integer((json_int_t)value);

	json_array_append_new(arg, json_pack("{s:o,s:o}", "name", qmp_string(d->name), "value", v));
}

/* One entry of the answer; nothing when this KVM has no statistics. */
static void add_entity(struct qmp_call *call, int cpu)
{
	json_t *list = json_array(), *entry;
	char path[32];

	if (machine_kvm_stats(call->machine, cpu, add_value, list)) {
		json_decref(list);
		return;
	}
	entry = json_pack("{s:s,s:o}", "provider", "kvm", "stats", list);
	snprintf(path, sizeof(path), "/machine/cpu%d", cpu);
	if (cpu != VM)
		json_object_set_new(entry, "qom-path", json_string(path));
	json_array_append_new(call->ret, entry);
}

/* Leaves of the entry those statistics whose names were asked for. */
static void filter_names(json_t *entry, const json_t *names)
{
	json_t *stats = json_object_get(entry, "stats");

	for (size_t i = json_array_size(stats); names && i-- > 0;) {
		json_t *name = json_object_get(json_array_get(stats, i), "name");

		if (!wanted(names, json_string_value(name)))
			json_array_remove(stats, i);
	}
}

static int query_stats(struct qmp_call *call)
{
	const char *target = qmp_arg_str(call, "target");
	const json_t *vcpus = json_object_get(call->args, "vcpus");
	json_t *providers = json_object_get(call->args, "providers"), *request, *entry;
	const json_t *names = NULL;
	bool kvm = !providers;
	char path[32];
	size_t i;

	json_array_foreach(providers, i, request)
	{
		if (strcmp(json_string_value(json_object_get(request, "provider")), "kvm"))
			continue;
		kvm = true;
		names = json_object_get(request, "names");
	}
	call->ret = json_array();
	if (!kvm)
		return 0;
	if (!strcmp(target, "vm")) {
		add_entity(call, VM);
	} else if (!strcmp(target, "vcpu")) {
		for (unsigned c = 0; c < machine_cpus(call->machine); c++) {
			snprintf(path, sizeof(path), "/machine/cpu%u", c);
			if (wanted(vcpus, path))
				add_entity(call, (int)c);
		}
	}
	json_array_foreach(call->ret, i, entry) filter_names(entry, names);
	return 0;
}

/* --- schemas ---------------------------------------------------------------------------------------- */

static void add_schema(void *arg, const struct kvm_stats_desc *d, u64 value)
{
	static const char *const types[] = { "cumulative", "instant", "peak" };
	static const char *const units[] = { NULL, "bytes", "seconds", NULL, "boolean" };
	u32 type = (d->flags & KVM_STATS_TYPE_MASK) >> KVM_STATS_TYPE_SHIFT;
	u32 unit = (d->flags & KVM_STATS_UNIT_MASK) >> KVM_STATS_UNIT_SHIFT;
	u32 base = (d->flags & KVM_STATS_BASE_MASK) >> KVM_STATS_BASE_SHIFT;
	json_t *entry;

	(void)value;
	if (type >= ARRAY_SIZE(types))
		return;
	entry = json_pack("{s:o,s:s,s:i}", "name", qmp_string(d->name), "type", types[type],
			  "exponent", d->exponent);
	if (unit < ARRAY_SIZE(units) && units[unit])
		json_object_set_new(entry, "unit", json_string(units[unit]));
	else if (unit == 3) /* KVM_STATS_UNIT_CYCLES */
		json_object_set_new(entry, "unit", json_string("cycles"));
	if (d->exponent)
		json_object_set_new(entry, "base", json_integer(base ? 2 : 10));
	json_array_append_new(arg, entry);
}

static int query_stats_schemas(struct qmp_call *call)
{
	const char *provider = qmp_arg_str(call, "provider");

	call->ret = json_array();
	if (!call->machine || (provider && strcmp(provider, "kvm")))
		return 0;
	for (int cpu = VM; cpu <= 0; cpu++) {
		json_t *list = json_array();

		if (machine_kvm_stats(call->machine, cpu, add_schema, list)) {
			json_decref(list);
			continue;
		}
		json_array_append_new(call->ret,
				      json_pack("{s:s,s:s,s:o}", "provider", "kvm", "target",
						cpu == VM ? "vm" : "vcpu", "stats", list));
	}
	return 0;
}

/* --- the VMM's own ----------------------------------------------------------------------------------- */

static void sum_value(void *arg, const struct kvm_stats_desc *d, u64 value)
{
	json_int_t before = json_integer_value(json_object_get(arg, d->name));

	json_object_set_new(arg, d->name, json_integer(before + (json_int_t)value));
}

static int x_stat(struct qmp_call *call)
{
	const struct machine_config *cfg = machine_config_of(call->machine);
	json_t *exits = json_object(), *kvm = json_object();
	struct machine_usage u;

	machine_usage(call->machine, &u);
	for (u32 r = 0; r < STATS_MAX_REASON; r++)
		if (u.exits[r])
			json_object_set_new(exits, exit_reason_name(r),
					    json_integer((json_int_t)u.exits[r]));
	for (int cpu = VM; cpu < (int)machine_cpus(call->machine); cpu++)
		(void)machine_kvm_stats(call->machine, cpu, sum_value, kvm);
	call->ret = json_pack("{s:o,s:s,s:i,s:s,s:i,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:o}", "name",
			      qmp_string(machine_name(call->machine)), "status",
			      run_state_name(machine_state(call->machine)), "pid", (int)getpid(),
			      "virt", virt_mode_name(cfg->virt), "cpus",
			      (int)machine_cpus(call->machine), "memory", (json_int_t)cfg->mem.size,
			      "rss", (json_int_t)u.rss, "uptime-ns", (json_int_t)u.wall_ns,
			      "cpu-user-ns", (json_int_t)u.cpu_user_ns, "cpu-system-ns",
			      (json_int_t)u.cpu_sys_ns, "serial-bytes", (json_int_t)u.serial_bytes,
			      "exits", exits, "kvm", kvm);
	return 0;
}

static const char *const targets[] = { "vm", "vcpu", NULL };
static const char *const providers_words[] = { "kvm", NULL };
static const char *const stat_types[] = { "cumulative", "instant", "peak", NULL };
static const char *const stat_units[] = { "bytes", "seconds", "cycles", "boolean", NULL };
static const struct qmp_member request_members[] = { { "provider", "StatsProvider", false },
						     { "names", "[str]", true },
						     { 0 } };
static const struct qmp_member stats_args[] = { { "target", "StatsTarget", false },
						{ "vcpus", "[str]", true },
						{ "providers", "[StatsRequest]", true },
						{ 0 } };
static const struct qmp_member stats_value[] = { { "name", "str", false },
						 { "value", "int", false },
						 { 0 } };
static const struct qmp_member result_members[] = { { "provider", "StatsProvider", false },
						    { "qom-path", "str", true },
						    { "stats", "[Stats]", false },
						    { 0 } };
static const struct qmp_member schemas_args[] = { { "provider", "StatsProvider", true }, { 0 } };
static const struct qmp_member schema_value[] = {
	{ "name", "str", false }, { "type", "StatsType", false }, { "unit", "StatsUnit", true },
	{ "base", "int", true },  { "exponent", "int", false },	  { 0 }
};
static const struct qmp_member schema_members[] = { { "provider", "StatsProvider", false },
						    { "target", "StatsTarget", false },
						    { "stats", "[StatsSchemaValue]", false },
						    { 0 } };
static const struct qmp_member stat_members[] = {
	{ "name", "str", false },	  { "status", "RunState", false },
	{ "pid", "int", false },	  { "virt", "str", false },
	{ "cpus", "int", false },	  { "memory", "int", false },
	{ "rss", "int", false },	  { "uptime-ns", "int", false },
	{ "cpu-user-ns", "int", false },  { "cpu-system-ns", "int", false },
	{ "serial-bytes", "int", false }, { "exits", "any", false },
	{ "kvm", "any", false },	  { 0 }
};

const struct qmp_table qmp_stats_table = {
	.commands = (const struct qmp_command[]){ { "query-stats", stats_args, "[StatsResult]",
						    query_stats, QMP_MACHINE },
						  { "query-stats-schemas", schemas_args,
						    "[StatsSchema]", query_stats_schemas, 0 },
						  { "x-stat", NULL, "XStat", x_stat, QMP_MACHINE },
						  { 0 } },
	.types = (const struct qmp_type[]){ { "StatsTarget", NULL, targets },
					    { "StatsProvider", NULL, providers_words },
					    { "StatsType", NULL, stat_types },
					    { "StatsUnit", NULL, stat_units },
					    { "StatsRequest", request_members, NULL },
					    { "Stats", stats_value, NULL },
					    { "StatsResult", result_members, NULL },
					    { "StatsSchemaValue", schema_value, NULL },
					    { "StatsSchema", schema_members, NULL },
					    { "XStat", stat_members, NULL },
					    { 0 } },
};
