/* SPDX-License-Identifier: MIT */
/* commands_query.c - what the machine is and how it fares; names and shapes as in QEMU's qapi/. */
#include <stdio.h>

#include "vmm/config.h"
#include "vmm/qmp/qmp_priv.h"

#define MOST_DISKS 32

static int query_status(struct qmp_call *call)
{
	enum run_state s = machine_state(call->machine);

	call->ret = json_pack("{s:b,s:b,s:s}", "running", s == RUN_RUNNING, "singlestep", 0,
			      "status", run_state_name(s));
	return 0;
}

static int query_name(struct qmp_call *call)
{
	call->ret = json_pack("{s:o}", "name", qmp_string(machine_name(call->machine)));
	return 0;
}

static int query_kvm(struct qmp_call *call)
{
	call->ret = json_pack("{s:b,s:b}", "enabled", 1, "present", 1);
	return 0;
}

static int query_target(struct qmp_call *call)
{
	call->ret = json_pack("{s:s}", "arch", "x86_64");
	return 0;
}

static int query_cpus(struct qmp_call *call)
{
	char path[32];

	call->ret = json_array();
	for (unsigned i = 0; i < machine_cpus(call->machine); i++) {
		snprintf(path, sizeof(path), "/machine/cpu%u", i);
		json_array_append_new(
			call->ret, json_pack("{s:i,s:i,s:s,s:s,s:{s:i,s:i,s:i}}", "cpu-index",
					     (int)i, "thread-id", machine_cpu_tid(call->machine, i),
					     "qom-path", path, "target", "x86_64", "props",
					     "socket-id", 0, "core-id", (int)i, "thread-id", 0));
	}
	return 0;
}

static int query_memory(struct qmp_call *call)
{
	call->ret = json_pack("{s:I,s:I}", "base-memory",
			      (json_int_t)machine_config_of(call->machine)->mem.size,
			      "plugged-memory", (json_int_t)0);
	return 0;
}

static int query_chardev(struct qmp_call *call)
{
	const struct machine_config *cfg = machine_config_of(call->machine);

	call->ret = json_array();
	for (unsigned i = 0; i < CONFIG_MAX_SERIALS; i++) {
		const char *label = cfg->serial_label[i];
		char filename[96], number[16];

		if (!machine_serial_filename(call->machine, i, filename))
			continue;
		snprintf(number, sizeof(number), "serial%u", i);
		json_array_append_new(call->ret,
				      json_pack("{s:o,s:o,s:b}", "label",
						qmp_string(label ? label : number), "filename",
						qmp_string(filename), "frontend-open", 1));
	}
	return 0;
}

/* --- disks ------------------------------------------------------------------------------------------ */

static void qdev_path(const struct machine_disk *d, char *buf, size_t size)
{
	snprintf(buf, size, "/machine/peripheral/%s/virtio-backend", d->id);
}

static json_t *disk_info(const struct machine_disk *d)
{
	char qdev[128];

	qdev_path(d, qdev, sizeof(qdev));
	return json_pack("{s:s,s:s,s:b,s:b,s:s,s:s,s:{s:o,s:b,s:s,s:o,s:{s:o,s:s,s:I}}}", "device",
			 d->node ? "" : d->id, "qdev", qdev, "locked", 0, "removable", 0, "type",
			 "unknown", "io-status", "ok", "inserted", "file", qmp_string(d->path),
			 "ro", d->read_only, "drv", d->format, "node-name",
			 qmp_string(d->node ? d->node : d->id), "image", "filename",
			 qmp_string(d->path), "format", d->format, "virtual-size",
			 (json_int_t)d->size);
}

static json_t *disk_stats(const struct machine_disk *d)
{
	char qdev[128];

	qdev_path(d, qdev, sizeof(qdev));
	return json_pack("{s:s,s:o,s:s,s:{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}}", "device",
			 d->node ? "" : d->id, "node-name", qmp_string(d->node ? d->node : d->id),
			 "qdev", qdev, "stats", "rd_bytes", (json_int_t)d->rd_bytes, "wr_bytes",
			 (json_int_t)d->wr_bytes, "rd_operations", (json_int_t)d->rd_ops,
			 "wr_operations", (json_int_t)d->wr_ops, "flush_operations",
			 (json_int_t)d->flush_ops, "rd_total_time_ns", (json_int_t)d->rd_ns,
			 "wr_total_time_ns", (json_int_t)d->wr_ns, "flush_total_time_ns",
			 (json_int_t)d->flush_ns, "wr_highest_offset", (json_int_t)0);
}

static int list_disks(struct qmp_call *call, json_t *(*show)(const struct machine_disk *d))
{
	struct machine_disk disk[MOST_DISKS];
	size_t n = machine_disks(call->machine, disk, MOST_DISKS);

	call->ret = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(call->ret, show(&disk[i]));
	return 0;
}

static int query_block(struct qmp_call *call)
{
	return list_disks(call, disk_info);
}

static int query_blockstats(struct qmp_call *call)
{
	return list_disks(call, disk_stats);
}

static const struct qmp_member status_members[] = { { "running", "bool", false },
						    { "singlestep", "bool", false },
						    { "status", "RunState", false },
						    { 0 } };
static const char *const states[] = { "prelaunch", "running",	     "paused",
				      "shutdown",  "guest-panicked", NULL };
static const struct qmp_member name_members[] = { { "name", "str", true }, { 0 } };
static const struct qmp_member kvm_members[] = { { "enabled", "bool", false },
						 { "present", "bool", false },
						 { 0 } };
static const struct qmp_member target_members[] = { { "arch", "str", false }, { 0 } };
static const struct qmp_member props_members[] = { { "socket-id", "int", true },
						   { "core-id", "int", true },
						   { "thread-id", "int", true },
						   { 0 } };
static const struct qmp_member cpu_members[] = {
	{ "cpu-index", "int", false }, { "qom-path", "str", false },
	{ "thread-id", "int", false }, { "props", "CpuInstanceProperties", true },
	{ "target", "str", false },    { 0 }
};
static const struct qmp_member memory_members[] = { { "base-memory", "int", false },
						    { "plugged-memory", "int", true },
						    { 0 } };
static const struct qmp_member chardev_members[] = { { "label", "str", false },
						     { "filename", "str", false },
						     { "frontend-open", "bool", false },
						     { 0 } };
static const struct qmp_member block_members[] = {
	{ "device", "str", false },   { "qdev", "str", true },
	{ "type", "str", false },     { "removable", "bool", false },
	{ "locked", "bool", false },  { "inserted", "any", true },
	{ "io-status", "str", true }, { 0 }
};
static const struct qmp_member blockstats_args[] = { { "query-nodes", "bool", true }, { 0 } };
static const struct qmp_member counter_members[] = {
	{ "rd_bytes", "int", false },	       { "wr_bytes", "int", false },
	{ "rd_operations", "int", false },     { "wr_operations", "int", false },
	{ "flush_operations", "int", false },  { "rd_total_time_ns", "int", false },
	{ "wr_total_time_ns", "int", false },  { "flush_total_time_ns", "int", false },
	{ "wr_highest_offset", "int", false }, { 0 }
};
static const struct qmp_member blockstats_members[] = { { "device", "str", true },
							{ "qdev", "str", true },
							{ "node-name", "str", true },
							{ "stats", "BlockDeviceStats", false },
							{ 0 } };

const struct qmp_table qmp_query_table = {
	.commands =
		(const struct qmp_command[]){
			{ "query-status", NULL, "StatusInfo", query_status, QMP_MACHINE },
			{ "query-name", NULL, "NameInfo", query_name, QMP_MACHINE },
			{ "query-kvm", NULL, "KvmInfo", query_kvm, 0 },
			{ "query-target", NULL, "TargetInfo", query_target, 0 },
			{ "query-cpus-fast", NULL, "[CpuInfoFast]", query_cpus, QMP_MACHINE },
			{ "query-memory-size-summary", NULL, "MemoryInfo", query_memory,
			  QMP_MACHINE },
			{ "query-chardev", NULL, "[ChardevInfo]", query_chardev, QMP_MACHINE },
			{ "query-block", NULL, "[BlockInfo]", query_block, QMP_MACHINE },
			{ "query-blockstats", blockstats_args, "[BlockStats]", query_blockstats,
			  QMP_MACHINE },
			{ 0 } },
	.types = (const struct qmp_type[]){ { "StatusInfo", status_members, NULL },
					    { "RunState", NULL, states },
					    { "NameInfo", name_members, NULL },
					    { "KvmInfo", kvm_members, NULL },
					    { "TargetInfo", target_members, NULL },
					    { "CpuInstanceProperties", props_members, NULL },
					    { "CpuInfoFast", cpu_members, NULL },
					    { "MemoryInfo", memory_members, NULL },
					    { "ChardevInfo", chardev_members, NULL },
					    { "BlockInfo", block_members, NULL },
					    { "BlockDeviceStats", counter_members, NULL },
					    { "BlockStats", blockstats_members, NULL },
					    { 0 } },
};
