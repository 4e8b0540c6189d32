/* SPDX-License-Identifier: MIT */
/*
 * acpi.c - the few facts wanted from ACPI (6.5, chapter 5): which CPUs there are, where the IOAPIC is,
 * which of its inputs the PIT drives, where the PM timer is, and how to reach S5. Every length is checked against the
 * table it lies in; a table with a wrong checksum is not read.
 */
#include "guest/arch/x86/cpu.h"
#include "guest/arch/x86/firmware.h"
#include "guest/lib/string.h"

struct acpi_rsdp {
	char signature[8];
	u8 checksum;
	char oem[6];
	u8 revision;
	u32 rsdt;
	u32 length;
	u64 xsdt;
	u8 checksum2;
	u8 reserved[3];
} __attribute__((packed));

struct acpi_header {
	char signature[4];
	u32 length;
	u8 revision, checksum;
	char oem[6], oem_table[8];
	u32 oem_revision, creator, creator_revision;
} __attribute__((packed));

#define FADT_DSDT	40
#define FADT_SCI_INT	46
#define FADT_PM1A_EVT	56
#define FADT_PM1A_CNT	64
#define FADT_PM_TMR	76
#define FADT_FLAGS	112
#define FADT_X_DSDT	140
#define FADT_SLEEP_CNT	244 /* a generic address: space, width, offset, access, 8 bytes of address */
#define FADT_PWR_BUTTON (1u << 4) /* the button is a device of its own, or not there */
#define FADT_HW_REDUCED (1u << 20)
#define MADT_ENTRIES	44

enum { MADT_LAPIC = 0, MADT_IOAPIC = 1, MADT_OVERRIDE = 2, MADT_X2APIC = 9 };
#define MADT_CPU_ENABLED 1

static u16 le16(const u8 *p)
{
	return (u16)(p[0] | p[1] << 8);
}

static u32 le32(const u8 *p)
{
	return le16(p) | (u32)le16(p + 2) << 16;
}

static u64 le64(const u8 *p)
{
	return le32(p) | (u64)le32(p + 4) << 32;
}

/* The table at pa, whole and with a good checksum, or NULL. */
static const struct acpi_header *table_at(phys_t pa)
{
	const struct acpi_header *h = early_phys(pa, sizeof(*h));
	const u8 *p;
	u8 sum = 0;

	if (!h || h->length < sizeof(*h) || h->length > 1 << 20 || !early_phys(pa, h->length))
		return NULL;
	/* The DSDT is by far the largest, and its sum would cost more than the whole boot: the one
	 * thing read from it is recognised by its own structure. */
	if (memcmp(h->signature, "DSDT", 4) == 0)
		return h;
	p = (const u8 *)h;
	for (u32 i = 0; i < h->length; i++)
		sum = (u8)(sum + p[i]);
	return sum ? NULL : h;
}

/* The first table with this signature. */
static const struct acpi_header *find_table(phys_t rsdp_pa, const char *signature)
{
	const struct acpi_rsdp *rsdp = early_phys(rsdp_pa, sizeof(*rsdp));
	const struct acpi_header *root;
	bool wide;

	if (!rsdp || memcmp(rsdp->signature, "RSD PTR ", 8) != 0)
		return NULL;
	wide = rsdp->revision >= 2 && rsdp->xsdt;
	root = table_at(wide ? rsdp->xsdt : rsdp->rsdt);
	if (!root)
		return NULL;
	for (u32 at = sizeof(*root); at + (wide ? 8 : 4) <= root->length; at += wide ? 8 : 4) {
		const u8 *p = (const u8 *)root + at;
		phys_t pa = wide ? le64(p) : le32(p);
		const struct acpi_header *h = early_phys(pa, sizeof(*h));

		if (h && memcmp(h->signature, signature, 4) == 0)
			return table_at(pa);
	}
	return NULL;
}

static void add_cpu(struct boot_info *bi, u32 apic_id, u32 flags)
{
	if ((flags & MADT_CPU_ENABLED) && apic_id != bi->cpu[0].apic_id &&
	    bi->nr_cpus < BOOT_MAX_CPUS)
		bi->cpu[bi->nr_cpus++] = (struct boot_cpu){ apic_id, -1 };
}

static void read_madt(struct boot_info *bi, const struct acpi_header *madt)
{
	const u8 *base = (const u8 *)madt;
	bool want_cpus = bi->nr_cpus == 1 && !bi->has_fdt;

	for (u32 at = MADT_ENTRIES; at + 2 <= madt->length;) {
		const u8 *e = base + at;
		u8 len = e[1];

		if (len < 2 || at + len > madt->length)
			return;
		if (e[0] == MADT_LAPIC && len >= 8 && want_cpus)
			add_cpu(bi, e[3], le32(e + 4));
		else if (e[0] == MADT_X2APIC && len >= 16 && want_cpus)
			add_cpu(bi, le32(e + 4), le32(e + 8));
		else if (e[0] == MADT_IOAPIC && len >= 12 && le32(e + 8) == 0)
			bi->ioapic = le32(e + 4);
		else if (e[0] == MADT_OVERRIDE && len >= 10 && e[3] == 0)
			bi->isa_irq0_gsi = e[4];
		at += len;
	}
	if (want_cpus)
		bi->cpu_source = "ACPI MADT";
}

/*
 * \_S5 without an AML interpreter: Name(_S5_, Package(){SLP_TYPa, ...}) is encoded as NameOp 08,
 * the name, PackageOp 12, PkgLength, NumElements, then SLP_TYPa as ZeroOp, OneOp or BytePrefix 0A
 * (ACPI 6.5, 20.2).
 */
static bool read_s5(const struct acpi_header *dsdt, u8 *typ)
{
	const u8 *p = (const u8 *)(dsdt + 1), *end = (const u8 *)dsdt + dsdt->length;

	while ((p = memchr(p, '_', (size_t)(end - p)))) {
		const u8 *v;

		if (end - p < 12)
			return false;
		if (memcmp(p, "_S5_\x12", 5) != 0) {
			p++;
			continue;
		}
		v = p + 5 + 1 + (p[5] >> 6) + 1; /* over PkgLength and NumElements */
		if (end - v < 2)
			return false;
		*typ = v[0] == 0x0a ? v[1] : v[0];
		return true;
	}
	return false;
}

static void read_fadt(struct boot_info *bi, const struct acpi_header *fadt)
{
	const u8 *p = (const u8 *)fadt;
	const struct acpi_header *dsdt;
	phys_t pa = 0;

	if (fadt->length >= FADT_X_DSDT + 8)
		pa = le64(p + FADT_X_DSDT);
	if (!pa && fadt->length >= FADT_DSDT + 4)
		pa = le32(p + FADT_DSDT);
	dsdt = table_at(pa);
	if (!dsdt || fadt->length < FADT_FLAGS + 4)
		return;
	if (!(le32(p + FADT_FLAGS) & FADT_HW_REDUCED)) {
		bi->pm1a_cnt = (u16)le32(p + FADT_PM1A_CNT);
		bi->pm_timer = (u16)le32(p + FADT_PM_TMR);
		bi->sci_gsi = (u8)le16(p + FADT_SCI_INT);
		if (!(le32(p + FADT_FLAGS) & FADT_PWR_BUTTON))
			bi->power_button = (u16)le32(p + FADT_PM1A_EVT);
	} else if (fadt->length >= FADT_SLEEP_CNT + 12 && p[FADT_SLEEP_CNT] == 0) {
		bi->sleep_cnt = le64(p + FADT_SLEEP_CNT + 4); /* space 0: memory */
	}
	bi->has_s5 = (bi->pm1a_cnt || bi->sleep_cnt) && read_s5(dsdt, &bi->s5_typ);
}

void acpi_read(struct boot_info *bi)
{
	const struct acpi_header *h;

	if (!bi->rsdp)
		return;
	h = find_table(bi->rsdp, "APIC");
	if (h)
		read_madt(bi, h);
	h = find_table(bi->rsdp, "FACP");
	if (h)
		read_fadt(bi, h);
}
