/* SPDX-License-Identifier: MIT */
/*
 * fdt.c - the machine as a flattened device tree (Devicetree Specification 0.4).
 *
 *   /chosen         bootargs, the initrd, and what a guest should know of its host: parallax,virt
 *                   ("full", "para"), parallax,pic (there or not), parallax,tsc-khz and
 *                   parallax,lapic-khz (64-bit)
 *   /cpus           one node per CPU: reg = APIC id
 *   /memory@...     one node per run of RAM on one node; memory the guest must not use is in the
 *                   boot protocol's memory map
 *   /distance-map   with several NUMA nodes
 *   /platform       what each device says of itself; two address cells, two size cells
 */
#include "vmm/boot/boot.h"

#include <errno.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>

#include "devices/device.h"

#define FDT_FIRST_SIZE (8 * KiB)
#define FDT_LAST_SIZE  (16 * MiB)

#define NUMA_LOCAL     10
#define NUMA_REMOTE    20

/* libfdt's calls answer 0 or a negative FDT_ERR; the first failure ends the building. */
#define TRY(call)                        \
	do {                             \
		int try_err_ = (call);   \
		if (try_err_)            \
			return try_err_; \
	} while (0)

static int put_chosen(void *fdt, const struct boot_machine *bm)
{
	TRY(fdt_begin_node(fdt, "chosen"));
	TRY(fdt_property_string(fdt, "bootargs", bm->cmdline));
	if (bm->initrd_start.v) {
		TRY(fdt_property_u64(fdt, "linux,initrd-start", bm->initrd_start.v));
		TRY(fdt_property_u64(fdt, "linux,initrd-end",
				     bm->initrd_start.v + bm->initrd_size));
	}
	if (bm->virt)
		TRY(fdt_property_string(fdt, "parallax,virt", bm->virt));
	if (bm->hidden_features && *bm->hidden_features)
		TRY(fdt_property_string(fdt, "parallax,hidden-cpu-features", bm->hidden_features));
	if (bm->has_pic)
		TRY(fdt_property(fdt, "parallax,pic", NULL, 0));
	if (bm->tsc_khz)
		TRY(fdt_property_u64(fdt, "parallax,tsc-khz", bm->tsc_khz));
	if (bm->lapic_khz)
		TRY(fdt_property_u64(fdt, "parallax,lapic-khz", bm->lapic_khz));
	return fdt_end_node(fdt);
}

static int put_cpus(void *fdt, const struct boot_machine *bm)
{
	char name[16];

	TRY(fdt_begin_node(fdt, "cpus"));
	TRY(fdt_property_u32(fdt, "#address-cells", 1));
	TRY(fdt_property_u32(fdt, "#size-cells", 0));
	for (unsigned i = 0; i < bm->nr_cpus; i++) {
		snprintf(name, sizeof(name), "cpu@%x", i);
		TRY(fdt_begin_node(fdt, name));
		TRY(fdt_property_string(fdt, "device_type", "cpu"));
		TRY(fdt_property_u32(fdt, "reg", i));
		if (bm->nr_nodes > 1)
			TRY(fdt_property_u32(fdt, "numa-node-id",
					     boot_cpu_node(bm->nr_cpus, bm->nr_nodes, i)));
		TRY(fdt_end_node(fdt));
	}
	return fdt_end_node(fdt);
}

static int put_memory(void *fdt, const struct boot_machine *bm)
{
	const struct mem_region *r;
	size_t n = guest_mem_regions(bm->gm, &r);
	char name[32];

	for (size_t i = 0; i < n; i++) {
		fdt64_t reg[2] = { cpu_to_fdt64(r[i].gpa.v), cpu_to_fdt64(r[i].size) };

		snprintf(name, sizeof(name), "memory@%llx", (unsigned long long)r[i].gpa.v);
		TRY(fdt_begin_node(fdt, name));
		TRY(fdt_property_string(fdt, "device_type", "memory"));
		TRY(fdt_property(fdt, "reg", reg, sizeof(reg)));
		if (bm->nr_nodes > 1)
			TRY(fdt_property_u32(fdt, "numa-node-id", r[i].node));
		TRY(fdt_end_node(fdt));
	}
	return 0;
}

/* Linux Documentation/devicetree/bindings/numa.txt, section 3. */
static int put_distances(void *fdt, const struct boot_machine *bm)
{
	fdt32_t matrix[MEM_MAX_NODES * MEM_MAX_NODES * 3];
	unsigned n = 0;

	if (bm->nr_nodes < 2)
		return 0;
	for (unsigned from = 0; from < bm->nr_nodes; from++) {
		for (unsigned to = 0; to < bm->nr_nodes; to++) {
			matrix[n++] = cpu_to_fdt32(from);
			matrix[n++] = cpu_to_fdt32(to);
			matrix[n++] = cpu_to_fdt32(from == to ? NUMA_LOCAL : NUMA_REMOTE);
		}
	}
	TRY(fdt_begin_node(fdt, "distance-map"));
	TRY(fdt_property_string(fdt, "compatible", "numa-distance-map-v1"));
	TRY(fdt_property(fdt, "distance-matrix", matrix, (int)(n * sizeof(matrix[0]))));
	return fdt_end_node(fdt);
}

static int put_devices(void *fdt, const struct boot_machine *bm)
{
	TRY(fdt_begin_node(fdt, "platform"));
	TRY(fdt_property_string(fdt, "compatible", "simple-bus"));
	TRY(fdt_property_u32(fdt, "#address-cells", 2));
	TRY(fdt_property_u32(fdt, "#size-cells", 2));
	TRY(fdt_property(fdt, "ranges", NULL, 0));
	for (size_t i = 0; i < bm->nr_devices; i++) {
		const struct device *d = bm->devices[i];

		if (d->class->describe_fdt)
			TRY(d->class->describe_fdt(d, fdt));
	}
	return fdt_end_node(fdt);
}

static int put_all(void *fdt, int size, const struct boot_machine *bm)
{
	TRY(fdt_create(fdt, size));
	TRY(fdt_finish_reservemap(fdt));
	TRY(fdt_begin_node(fdt, ""));
	TRY(fdt_property_u32(fdt, "#address-cells", 2));
	TRY(fdt_property_u32(fdt, "#size-cells", 2));
	TRY(fdt_property_string(fdt, "compatible", "parallax,pc"));
	TRY(fdt_property_string(fdt, "model", "Parallax PC"));
	TRY(put_chosen(fdt, bm));
	TRY(put_cpus(fdt, bm));
	TRY(put_memory(fdt, bm));
	TRY(put_distances(fdt, bm));
	TRY(put_devices(fdt, bm));
	TRY(fdt_end_node(fdt));
	return fdt_finish(fdt);
}

int boot_fdt_build(const struct boot_machine *bm, void **blob, size_t *size, struct error *e)
{
	/* The size is known only when it has been written: start over with twice the room. */
	for (u64 room = FDT_FIRST_SIZE; room <= FDT_LAST_SIZE; room *= 2) {
		void *fdt = calloc(1, room);
		int err;

		if (!fdt)
			break;
		err = put_all(fdt, (int)room, bm);
		if (!err) {
			*blob = fdt;
			*size = fdt_totalsize(fdt);
			return 0;
		}
		free(fdt);
		if (err != -FDT_ERR_NOSPACE)
			return error_set(e, -EINVAL,
					 "device tree: %s; a device describes itself wrongly",
					 fdt_strerror(err));
	}
	return error_set(e, -ENOMEM, "device tree: out of memory");
}
