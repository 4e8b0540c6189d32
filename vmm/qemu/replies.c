/* SPDX-License-Identifier: MIT */
/*
 * replies.c - see replies.h. Shapes are QEMU's (its qapi documents, 7.2); the lists are this
 * machine's. A list that libvirt reads decides what it will ask for: a type named here is one that
 * can be had.
 */
#include "vmm/qemu/replies.h"

#include <errno.h>
#include <string.h>

#include "vmm/machine_control.h"

/* The CPU of -cpu max; libvirt asks it for the properties of -cpu host. */
#define CPU_TYPE     "max-x86_64-cpu"
#define MAX_DISKS    16
#define NO_MIGRATION "a guest of Parallax can be neither migrated nor saved; shut it down instead"

static const struct qemu_command *command_of(const struct qmp_call *call)
{
	return call->arg;
}

static int give(struct qmp_call *call, json_t *ret)
{
	call->ret = ret;
	return ret ? 0 : qmp_fail(call, QMP_GENERIC, "out of memory");
}

static int give_nothing(struct qmp_call *call)
{
	return give(call, json_array());
}

static json_t *named(const char *name)
{
	return json_pack("{s:s}", "name", name);
}

/* ---- about the program ------------------------------------------------------------------------ */

/* Drivers and types of the tables that are not refused; "-device" and "-object" share the space. */
static bool has_type(const char *option, const char *name)
{
	size_t n;
	const struct qemu_kind *k = qemu_kinds(option, &n);

	for (size_t i = 0; i < n; i++)
		if (!k[i].refuse && !strcmp(k[i].name, name))
			return true;
	return false;
}

static int qom_list_types(struct qmp_call *call)
{
	static const char *const options[] = { "device", "object" };
	json_t *list = json_array();

	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		size_t n;
		const struct qemu_kind *k = qemu_kinds(options[i], &n);

		for (size_t j = 0; j < n; j++)
			if (!k[j].refuse)
				json_array_append_new(list, named(k[j].name));
	}
	/* The bus: libvirt lets a disk or a network card have an address on it. */
	if (has_type("device", "virtio-blk-device"))
		json_array_append_new(list, named("virtio-mmio"));
	json_array_append_new(list, named(CPU_TYPE));
	return give(call, list);
}

static int device_list_properties(struct qmp_call *call)
{
	const char *type = qmp_arg_str(call, "typename");
	size_t n;
	const struct qemu_kind *k = qemu_kinds("device", &n);
	json_t *list;

	/* Not to be had as a -device, but -global takes these, which virt-install writes. */
	if (!strcmp(type, "PIIX4_PM"))
		return give(call,
			    json_pack("[{s:s, s:s}, {s:s, s:s}]", "name", "disable_s3", "type",
				      "uint8", "name", "disable_s4", "type", "uint8"));
	while (n && (k->refuse || strcmp(k->name, type) != 0))
		k++, n--;
	if (!n)
		return qmp_fail(call, QMP_DEVICE_NOT_FOUND, "Device '%.100s' not found", type);
	list = json_array();
	for (size_t i = 0; i < k->nr_keys; i++)
		if (k->keys[i].kind != RULE_REFUSE)
			json_array_append_new(list, json_pack("{s:s, s:s}", "name", k->keys[i].key,
							      "type", "str"));
	return give(call, list);
}

/* libvirt 9.0 does not survive an error here: a type without properties, or no type at all, is []. */
static int qom_list_properties(struct qmp_call *call)
{
	if (strcmp(qmp_arg_str(call, "typename"), CPU_TYPE) != 0)
		return give_nothing(call);
	return give(call, json_pack("[{s:s, s:s}]", "name", "migratable", "type", "bool"));
}

static json_t *machine_info(const char *name, const char *alias)
{
	json_t *m = json_pack("{s:s, s:i, s:b, s:b, s:b}", "name", name, "cpu-max", CONFIG_MAX_CPUS,
			      "hotpluggable-cpus", 0, "numa-mem-supported", 0, "deprecated", 0);

	if (m && alias)
		json_object_set_new(m, "alias", json_string(alias));
	return m;
}

static int query_machines(struct qmp_call *call)
{
	json_t *list = json_array(), *first = machine_info("microvm", NULL);

	json_object_set_new(first, "is-default", json_true());
	json_array_append_new(list, first);
	json_array_append_new(list, machine_info("parallax", NULL));
	json_array_append_new(list, machine_info("parallax-full", NULL));
	json_array_append_new(list, machine_info("none", NULL));
	return give(call, list);
}

/*
 * The one model: the host's, as far as KVM can give it to a guest. Without this answer libvirt 9.0
 * ends its own life over a domain with <cpu mode='host-model'>.
 */
static int query_cpu_definitions(struct qmp_call *call)
{
	return give(call, json_pack("[{s:s, s:s, s:b, s:b, s:[]}]", "name", "host", "typename",
				    "host-x86_64-cpu", "static", 0, "migration-safe", 0,
				    "unavailable-features"));
}

/* ---- about the machine ------------------------------------------------------------------------- */

static int qom_list(struct qmp_call *call)
{
	const struct qemu_command *c = command_of(call);
	const char *path = qmp_arg_str(call, "path");
	json_t *list = json_array();

	if (!strcmp(path, "/machine/peripheral")) {
		for (size_t i = 0; i < c->nr_devices; i++) {
			char type[80];

			if (!c->device[i].id)
				continue;
			snprintf(type, sizeof(type), "child<%s>", c->device[i].driver);
			json_array_append_new(list, json_pack("{s:s, s:s}", "name", c->device[i].id,
							      "type", type));
		}
		return give(call, list);
	}
	/* A CPU has nothing to list; its features are those of CPUID. */
	if (!strncmp(path, "/machine", strlen("/machine")))
		return give(call, list);
	json_decref(list);
	return qmp_fail(call, QMP_DEVICE_NOT_FOUND, "Device '%.100s' not found", path);
}

static int query_named_block_nodes(struct qmp_call *call)
{
	struct machine_disk disk[MAX_DISKS];
	size_t n = call->machine ? machine_disks(call->machine, disk, ARRAY_SIZE(disk)) : 0;
	json_t *list = json_array();

	for (size_t i = 0; i < MIN(n, ARRAY_SIZE(disk)); i++)
		json_array_append_new(
			list, json_pack("{s:s, s:s, s:b, s:s, s:{s:s, s:s, s:I}}", "node-name",
					disk[i].node ? disk[i].node : disk[i].id, "drv",
					disk[i].format, "ro", disk[i].read_only, "file",
					disk[i].path, "image", "filename", disk[i].path, "format",
					disk[i].format, "virtual-size", (json_int_t)disk[i].size));
	return give(call, list);
}

static int query_uuid(struct qmp_call *call)
{
	const char *uuid = command_of(call)->uuid;

	return give(call, json_pack("{s:s}", "UUID",
				    uuid ? uuid : "00000000-0000-0000-0000-000000000000"));
}

/* Nothing migrates, so nothing is to be told about it: `events` is the one that may be set. */
static int migrate_set_capabilities(struct qmp_call *call)
{
	json_t *list = json_object_get(call->args, "capabilities"), *one;
	size_t i;

	json_array_foreach(list, i, one)
	{
		const char *name = json_string_value(json_object_get(one, "capability"));

		if (json_is_true(json_object_get(one, "state")) &&
		    (!name || strcmp(name, "events") != 0))
			return qmp_fail(call, QMP_GENERIC, "%.60s: %s", name ? name : "capability",
					NO_MIGRATION);
	}
	return 0;
}

static int migrate(struct qmp_call *call)
{
	return qmp_fail(call, QMP_GENERIC, NO_MIGRATION);
}

static int snapshot(struct qmp_call *call)
{
	return qmp_fail(call, QMP_GENERIC, "a guest of Parallax has no snapshots");
}

/* ---- the table ----------------------------------------------------------------------------------- */

static const struct qmp_member typename_arg[] = { { "typename", "str", false }, { 0 } };
static const struct qmp_member path_arg[] = { { "path", "str", false }, { 0 } };
static const struct qmp_member capabilities_arg[] = {
	{ "capabilities", "[MigrationCapabilityStatus]", false }, { 0 }
};
static const struct qmp_member capability_members[] = { { "capability", "str", false },
							{ "state", "bool", false },
							{ 0 } };
static const struct qmp_type types[] = {
	{ "MigrationCapabilityStatus", capability_members, NULL },
	{ 0 },
};

static const struct qmp_command commands[] = {
	{ "qom-list-types", NULL, "[any]", qom_list_types, QMP_FREE_FORM },
	{ "device-list-properties", typename_arg, "[any]", device_list_properties, 0 },
	{ "qom-list-properties", typename_arg, "[any]", qom_list_properties, 0 },
	{ "query-machines", NULL, "[any]", query_machines, 0 },
	{ "query-cpu-definitions", NULL, "[any]", query_cpu_definitions, 0 },
	{ "query-command-line-options", NULL, "[any]", give_nothing, QMP_FREE_FORM },
	{ "query-migrate-capabilities", NULL, "[MigrationCapabilityStatus]", give_nothing, 0 },
	{ "migrate-set-capabilities", capabilities_arg, NULL, migrate_set_capabilities, 0 },
	{ "qom-list", path_arg, "[any]", qom_list, 0 },
	{ "query-uuid", NULL, "any", query_uuid, 0 },
	{ "query-named-block-nodes", NULL, "[any]", query_named_block_nodes, QMP_FREE_FORM },
	{ "query-jobs", NULL, "[any]", give_nothing, 0 },
	{ "query-iothreads", NULL, "[any]", give_nothing, QMP_HIDDEN },
	{ "migrate", NULL, NULL, migrate, QMP_FREE_FORM | QMP_HIDDEN },
	{ "migrate-incoming", NULL, NULL, migrate, QMP_FREE_FORM | QMP_HIDDEN },
	{ "migrate-set-parameters", NULL, NULL, migrate, QMP_FREE_FORM | QMP_HIDDEN },
	{ "savevm", NULL, NULL, snapshot, QMP_FREE_FORM | QMP_HIDDEN },
	{ "snapshot-save", NULL, NULL, snapshot, QMP_FREE_FORM | QMP_HIDDEN },
	{ 0 },
};

static const struct qmp_table table = { .commands = commands, .types = types };

int qemu_replies_add(struct qmp_server *s, const struct qemu_command *c)
{
	/* Handlers only read it; the table's argument has no const of its own. */
	return qmp_server_add(s, &table, (void *)c);
}
