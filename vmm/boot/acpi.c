/* SPDX-License-Identifier: MIT */
/*
 * acpi.c - the ACPI tables (ACPI 6.5 chapter 5), built in a buffer and copied to the BIOS area
 * where the old search of 0xe0000..0xfffff finds the RSDP as well.
 *
 * The hardware they describe is the fixed PM block of devices/abi/pc.h, always in ACPI mode
 * (SMI_CMD 0), plus whatever the machine's devices say of themselves. What is not there is said
 * not to be there: no VGA, no keyboard controller (the i8042 only resets), and the RTC and the
 * reset register only when a device answers at their ports.
 */
#include "vmm/boot/boot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/abi/pc.h"
#include "devices/aml.h"
#include "devices/device.h"
#include "vmm/boot/acpi_tables.h"

#define ACPI_AREA_START 0xe0000ULL
#define ACPI_AREA_SIZE	(GPA_HIGH_RAM - ACPI_AREA_START)
#define ACPI_ALIGN	16

#define OEM_ID		"PARLLX"
#define OEM_TABLE_ID	"PARALLAX"

#define RESET_VALUE	6 /* hard reset through 0xcf9 */
#define NO_C_STATE	0xffff
#define NUMA_LOCAL	10
#define NUMA_REMOTE	20

/* The area under construction. full stays set once something did not fit. */
struct area {
	u8 *bytes;
	u64 used;
	bool full;
};

/* A zeroed piece, or NULL (and full set) when it does not fit. */
static void *area_take(struct area *a, u64 size, u64 align)
{
	u64 at = ALIGN_UP(a->used, align);

	if (at > ACPI_AREA_SIZE || size > ACPI_AREA_SIZE - at) {
		a->full = true;
		return NULL;
	}
	a->used = at + size;
	return a->bytes + at;
}

static u64 area_gpa(const struct area *a, const void *p)
{
	return p ? ACPI_AREA_START + (u64)((const u8 *)p - a->bytes) : 0;
}

static u8 checksum(const void *bytes, u64 n)
{
	const u8 *p = bytes;
	u8 sum = 0;

	while (n--)
		sum += *p++;
	return (u8)-sum;
}

/* A table with its header filled but for the checksum. */
static void *table_begin(struct area *a, const char *signature, u8 revision, u64 size)
{
	struct acpi_header *h = area_take(a, size, ACPI_ALIGN);

	if (!h)
		return NULL;
	memcpy(h->signature, signature, sizeof(h->signature));
	h->length = (u32)size;
	h->revision = revision;
	memcpy(h->oem_id, OEM_ID, sizeof(h->oem_id));
	memcpy(h->oem_table_id, OEM_TABLE_ID, sizeof(h->oem_table_id));
	h->oem_revision = 1;
	memcpy(h->creator_id, "PLX ", sizeof(h->creator_id));
	h->creator_revision = 1;
	return h;
}

static void table_end(struct acpi_header *h)
{
	h->checksum = checksum(h, h->length);
}

static bool has_port(const struct boot_machine *bm, u64 port)
{
	for (size_t i = 0; i < bm->nr_devices; i++) {
		const struct device *d = bm->devices[i];

		for (unsigned r = 0; r < d->nr_ranges; r++) {
			if (d->range[r].space == DEV_PIO && port >= d->range[r].base &&
			    port - d->range[r].base < d->range[r].len)
				return true;
		}
	}
	return false;
}

/* --- DSDT ---------------------------------------------------------------------------------- */

static void put_processors(struct aml *a, unsigned nr_cpus)
{
	for (unsigned i = 0; i < nr_cpus; i++) {
		char name[12];

		snprintf(name, sizeof(name), "C%03X", i);
		aml_device_begin(a, name);
		aml_name_string(a, "_HID", "ACPI0007");
		aml_name_int(a, "_UID", i);
		aml_device_end(a);
	}
}

static void put_definitions(struct aml *a, const struct boot_machine *bm)
{
	aml_scope_begin(a, "\\_SB");
	put_processors(a, bm->nr_cpus);
	for (size_t i = 0; i < bm->nr_devices; i++) {
		const struct device *d = bm->devices[i];

		if (d->class->describe_acpi)
			d->class->describe_acpi(d, a);
	}
	aml_scope_end(a);

	/* SLP_TYPa, SLP_TYPb and two reserved elements, 7.4.2 */
	aml_name_package_begin(a, "\\_S5", 4);
	aml_int(a, PC_ACPI_SLP_S5);
	aml_int(a, PC_ACPI_SLP_S5);
	aml_int(a, 0);
	aml_int(a, 0);
	aml_package_end(a);
}

static int build_dsdt(struct area *area, const struct boot_machine *bm, u64 *gpa, struct error *e)
{
	struct acpi_header *h;
	struct aml a;
	int err;

	aml_init(&a);
	put_definitions(&a, bm);
	err = aml_finish(&a);
	if (err) {
		error_sys(e, err, "ACPI tables: the DSDT could not be written");
	} else {
		h = table_begin(area, "DSDT", 2, sizeof(*h) + a.len);
		if (h) {
			memcpy(h + 1, a.data, a.len);
			table_end(h);
		}
		*gpa = area_gpa(area, h);
	}
	aml_free(&a);
	return err;
}

/* --- the fixed tables ------------------------------------------------------------------------ */

static u64 build_facs(struct area *area)
{
	struct acpi_facs *f = area_take(area, sizeof(*f), ACPI_FACS_ALIGN);

	if (!f)
		return 0;
	memcpy(f->signature, "FACS", sizeof(f->signature));
	f->length = sizeof(*f);
	f->version = 2;
	return area_gpa(area, f);
}

static struct acpi_gas io_register(u64 port, u8 bytes, u8 access)
{
	return (struct acpi_gas){ ACPI_SPACE_IO, (u8)(bytes * 8), 0, access, port };
}

/* Both forms of each block, the 32-bit one for old readers. */
static void fill_pm_blocks(struct acpi_fadt *f)
{
	f->sci_int = PC_ACPI_SCI_IRQ;
	f->pm1a_evt_blk = PC_PM1A_EVT_PORT;
	f->pm1a_cnt_blk = PC_PM1A_CNT_PORT;
	f->pm_tmr_blk = PC_PM_TMR_PORT;
	f->pm1_evt_len = 4;
	f->pm1_cnt_len = 2;
	f->pm_tmr_len = 4;
	f->x_pm1a_evt_blk = io_register(PC_PM1A_EVT_PORT, 4, ACPI_ACCESS_WORD);
	f->x_pm1a_cnt_blk = io_register(PC_PM1A_CNT_PORT, 2, ACPI_ACCESS_WORD);
	f->x_pm_tmr_blk = io_register(PC_PM_TMR_PORT, 4, ACPI_ACCESS_LONG);
	f->p_lvl2_lat = NO_C_STATE;
	f->p_lvl3_lat = NO_C_STATE;
}

static u64 build_fadt(struct area *area, const struct boot_machine *bm, u64 facs, u64 dsdt)
{
	struct acpi_fadt *f = table_begin(area, "FACP", 6, sizeof(*f));

	if (!f)
		return 0;
	f->minor_revision = 5;
	f->facs = (u32)facs;
	f->dsdt = (u32)dsdt;
	f->x_dsdt = dsdt; /* X_FIRMWARE_CTRL stays 0: only one of the two may be set, 5.2.9 */
	fill_pm_blocks(f);
	/* Without FADT_PWR_BUTTON the power button is the fixed one (ACPI 6.5, table 5.10). */
	f->flags = FADT_WBINVD | FADT_PROC_C1 | FADT_SLP_BUTTON | FADT_FIX_RTC | FADT_TMR_VAL_EXT |
		   FADT_HEADLESS;
	if (has_port(bm, PC_RESET_PORT)) {
		f->flags |= FADT_RESET_REG_SUP;
		f->reset_reg = io_register(PC_RESET_PORT, 1, ACPI_ACCESS_BYTE);
		f->reset_value = RESET_VALUE;
	}
	f->iapc_boot_arch = BOOT_ARCH_NO_VGA;
	if (has_port(bm, PC_COM1_PORT))
		f->iapc_boot_arch |= BOOT_ARCH_LEGACY_DEVICES;
	if (!has_port(bm, PC_RTC_PORT))
		f->iapc_boot_arch |= BOOT_ARCH_NO_CMOS_RTC;
	table_end(&f->h);
	return area_gpa(area, f);
}

static u64 build_madt(struct area *area, const struct boot_machine *bm)
{
	u64 size = sizeof(struct acpi_madt) + bm->nr_cpus * sizeof(struct madt_lapic) +
		   sizeof(struct madt_ioapic) +
		   (bm->has_pic ? 2 : 1) * sizeof(struct madt_override) +
		   sizeof(struct madt_lapic_nmi);
	struct acpi_madt *m = table_begin(area, "APIC", 6, size);
	struct madt_override *override;
	struct madt_ioapic *ioapic;
	struct madt_lapic *lapic;

	if (!m)
		return 0;
	m->lapic_addr = PC_LAPIC_BASE;
	m->flags = bm->has_pic ? MADT_PCAT_COMPAT : 0;
	lapic = (struct madt_lapic *)(m + 1);
	for (unsigned i = 0; i < bm->nr_cpus; i++)
		*lapic++ = (struct madt_lapic){ MADT_TYPE_LAPIC, sizeof(*lapic), (u8)i, (u8)i,
						MADT_LAPIC_ENABLED };
	ioapic = (struct madt_ioapic *)lapic;
	*ioapic++ =
		(struct madt_ioapic){ MADT_TYPE_IOAPIC, sizeof(*ioapic), 0, 0, PC_IOAPIC_BASE, 0 };
	override = (struct madt_override *)ioapic;
	if (bm->has_pic) /* the PIT is wired to pin 2, since pin 0 takes the 8259's output */
		*override++ =
			(struct madt_override){ MADT_TYPE_OVERRIDE, sizeof(*override), 0, 0, 2, 0 };
	*override++ = (struct madt_override){
		MADT_TYPE_OVERRIDE, sizeof(*override), 0,
		PC_ACPI_SCI_IRQ,    PC_ACPI_SCI_IRQ,   MPS_ACTIVE_HIGH_LEVEL
	};
	*(struct madt_lapic_nmi *) override =
		(struct madt_lapic_nmi){ MADT_TYPE_LAPIC_NMI, sizeof(struct madt_lapic_nmi), 0xff,
					 0, 1 };
	table_end(&m->h);
	return area_gpa(area, m);
}

static u64 build_srat(struct area *area, const struct boot_machine *bm)
{
	const struct mem_region *r;
	size_t n = guest_mem_regions(bm->gm, &r);
	u64 size = sizeof(struct acpi_srat) + bm->nr_cpus * sizeof(struct srat_lapic) +
		   n * sizeof(struct srat_memory);
	struct acpi_srat *s = table_begin(area, "SRAT", 3, size);
	struct srat_memory *memory;
	struct srat_lapic *lapic;

	if (!s)
		return 0;
	s->reserved0 = 1;
	lapic = (struct srat_lapic *)(s + 1);
	for (unsigned i = 0; i < bm->nr_cpus; i++)
		*lapic++ = (struct srat_lapic){
			.type = SRAT_TYPE_LAPIC,
			.length = sizeof(*lapic),
			.domain_low = (u8)boot_cpu_node(bm->nr_cpus, bm->nr_nodes, i),
			.apic_id = (u8)i,
			.flags = SRAT_ENABLED,
		};
	memory = (struct srat_memory *)lapic;
	for (size_t i = 0; i < n; i++)
		*memory++ = (struct srat_memory){
			.type = SRAT_TYPE_MEMORY,
			.length = sizeof(*memory),
			.domain = r[i].node,
			.base = r[i].gpa.v,
			.size = r[i].size,
			.flags = SRAT_ENABLED,
		};
	table_end(&s->h);
	return area_gpa(area, s);
}

static u64 build_slit(struct area *area, const struct boot_machine *bm)
{
	u64 n = bm->nr_nodes;
	struct acpi_slit *s = table_begin(area, "SLIT", 1, sizeof(*s) + n * n);
	u8 *distance;

	if (!s)
		return 0;
	s->localities = n;
	distance = (u8 *)(s + 1);
	for (u64 i = 0; i < n * n; i++)
		distance[i] = i / n == i % n ? NUMA_LOCAL : NUMA_REMOTE;
	table_end(&s->h);
	return area_gpa(area, s);
}

static u64 build_xsdt(struct area *area, const u64 *tables, size_t n)
{
	struct acpi_header *h = table_begin(area, "XSDT", 1, sizeof(*h) + n * sizeof(*tables));

	if (!h)
		return 0;
	memcpy(h + 1, tables, n * sizeof(*tables));
	table_end(h);
	return area_gpa(area, h);
}

static void fill_rsdp(struct acpi_rsdp *r, u64 xsdt)
{
	memcpy(r->signature, "RSD PTR ", sizeof(r->signature));
	memcpy(r->oem_id, OEM_ID, sizeof(r->oem_id));
	r->revision = 2;
	r->length = sizeof(*r);
	r->xsdt = xsdt;
	r->checksum = checksum(r, ACPI_RSDP_V1_LENGTH);
	r->extended_checksum = checksum(r, sizeof(*r));
}

static int build_all(struct area *area, const struct boot_machine *bm, struct error *e)
{
	struct acpi_rsdp *rsdp = area_take(area, sizeof(*rsdp), ACPI_ALIGN);
	u64 facs = build_facs(area);
	u64 tables[4], dsdt = 0;
	size_t n = 0;
	int err = build_dsdt(area, bm, &dsdt, e);

	if (err)
		return err;
	tables[n++] = build_fadt(area, bm, facs, dsdt);
	tables[n++] = build_madt(area, bm);
	if (bm->nr_nodes > 1) {
		tables[n++] = build_srat(area, bm);
		tables[n++] = build_slit(area, bm);
	}
	fill_rsdp(rsdp, build_xsdt(area, tables, n));
	return 0;
}

int boot_acpi_build(const struct boot_machine *bm, struct guest_mem *gm, gpa_t *rsdp,
		    struct error *e)
{
	struct area area = { .bytes = calloc(1, ACPI_AREA_SIZE) };
	int err;

	if (!area.bytes)
		return error_set(e, -ENOSPC, "ACPI tables: out of memory");
	err = build_all(&area, bm, e);
	if (!err && area.full)
		err = error_set(e, -ENOSPC,
				"ACPI tables: they need more than %llu KiB; use fewer CPUs",
				ACPI_AREA_SIZE / KiB);
	if (!err && guest_mem_write(gm, GPA(ACPI_AREA_START), area.bytes, area.used))
		err = error_set(e, -ENOSPC, "ACPI tables: no RAM behind 0x%llx", ACPI_AREA_START);
	free(area.bytes);
	*rsdp = GPA(err ? 0 : ACPI_AREA_START);
	return err;
}
