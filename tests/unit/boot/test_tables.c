/* SPDX-License-Identifier: MIT */
/*
 * Unit tests of the machine's descriptions: the device tree read back with libfdt, the ACPI
 * tables walked from the RSDP as an operating system does. BOOT_TEST_DUMP=DIR keeps both for a
 * look with dtc and iasl.
 */
#include <libfdt.h>
#include <stdio.h>

#include "devices/abi/pc.h"
#include "devices/aml.h"
#include "devices/device.h"
#include "tests/unit/boot/guest.h"

static int fake_fdt(const struct device *d, void *fdt)
{
	char name[32];
	int err;

	snprintf(name, sizeof(name), "fake@%llx", (unsigned long long)d->range[0].base);
	err = fdt_begin_node(fdt, name);
	err = err ? err : fdt_property_string(fdt, "compatible", "parallax,fake");
	return err ? err : fdt_end_node(fdt);
}

static void fake_acpi(const struct device *d, struct aml *a)
{
	(void)d;
	aml_device_begin(a, "FAKE");
	aml_name_eisaid(a, "_HID", "PNP0501");
	aml_device_end(a);
}

static void wrong_acpi(const struct device *d, struct aml *a)
{
	(void)d;
	aml_device_begin(a, "NEVERENDS");
}

/* Gives up halfway. */
static int wrong_fdt(const struct device *d, void *fdt)
{
	(void)d;
	return fdt_begin_node(fdt, "open") ? -1 : -FDT_ERR_BADSTATE;
}

static const struct device_class fake_class = { .name = "fake",
						.describe_fdt = fake_fdt,
						.describe_acpi = fake_acpi };
static const struct device_class wrong_class = { .name = "wrong",
						 .describe_fdt = wrong_fdt,
						 .describe_acpi = wrong_acpi };
static const struct device_class silent_class = { .name = "silent" };

static struct device fake = { .class = &fake_class,
			      .range = { { DEV_PIO, PC_COM1_PORT, 8 } },
			      .nr_ranges = 1 };
static struct device silent = { .class = &silent_class,
				.range = { { DEV_MMIO, PC_RTC_PORT, 2 },
					   { DEV_PIO, PC_RESET_PORT - 1, 2 } },
				.nr_ranges = 2 };
static struct device wrong = { .class = &wrong_class };
static struct device *const devices[] = { &fake, &silent };
static struct device *const wrong_devices[] = { &wrong };

static struct boot_machine machine(const struct guest_mem *gm, unsigned cpus, unsigned nodes)
{
	return (struct boot_machine){ .gm = gm,
				      .nr_cpus = cpus,
				      .nr_nodes = nodes,
				      .cmdline = "quiet",
				      .virt = "para",
				      .devices = devices,
				      .nr_devices = 2 };
}

static void dump(const char *name, const void *bytes, size_t n)
{
	const char *dir = getenv("BOOT_TEST_DUMP");
	char path[256];
	FILE *f;

	if (!dir)
		return;
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "wb");
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(bytes, 1, n, f), n);
	fclose(f);
}

/* --- device tree ----------------------------------------------------------------------------- */

static u64 cells(const void *fdt, const char *path, const char *property, unsigned index,
		 unsigned bytes)
{
	int node = fdt_path_offset(fdt, path), len = 0;
	const u8 *p;

	ck_assert_msg(node >= 0, "%s", path);
	p = fdt_getprop(fdt, node, property, &len);
	ck_assert_msg(p && len >= (int)((index + 1) * bytes), "%s %s", path, property);
	p += index * bytes;
	return bytes == 8 ? fdt64_ld((const void *)p) : fdt32_ld((const void *)p);
}

static const char *text(const void *fdt, const char *path, const char *property)
{
	const char *s = fdt_getprop(fdt, fdt_path_offset(fdt, path), property, NULL);

	ck_assert_msg(s, "%s %s", path, property);
	return s;
}

START_TEST(fdt_describes_the_machine)
{
	struct guest_mem *gm = image_guest(16 * MiB, 2);
	struct boot_machine bm = machine(gm, 5, 2);
	struct error e;
	void *fdt;
	size_t size;

	bm.has_pic = true;
	bm.tsc_khz = 2500000;
	bm.lapic_khz = 1000000;
	bm.initrd_start = GPA(0xf00000);
	bm.initrd_size = 0x1234;
	ck_assert_int_eq(boot_fdt_build(&bm, &fdt, &size, &e), 0);
	dump("machine.dtb", fdt, size);
	ck_assert_int_eq(fdt_check_full(fdt, size), 0);
	ck_assert_str_eq(text(fdt, "/chosen", "bootargs"), "quiet");
	ck_assert_str_eq(text(fdt, "/chosen", "parallax,virt"), "para");
	ck_assert_ptr_nonnull(
		fdt_getprop(fdt, fdt_path_offset(fdt, "/chosen"), "parallax,pic", NULL));
	ck_assert_uint_eq(cells(fdt, "/chosen", "parallax,tsc-khz", 0, 8), 2500000);
	ck_assert_uint_eq(cells(fdt, "/chosen", "parallax,lapic-khz", 0, 8), 1000000);
	ck_assert_uint_eq(cells(fdt, "/chosen", "linux,initrd-start", 0, 8), 0xf00000);
	ck_assert_uint_eq(cells(fdt, "/chosen", "linux,initrd-end", 0, 8), 0xf01234);
	ck_assert_uint_eq(cells(fdt, "/cpus/cpu@4", "reg", 0, 4), 4);
	ck_assert_uint_eq(cells(fdt, "/cpus/cpu@2", "numa-node-id", 0, 4), 0);
	ck_assert_uint_eq(cells(fdt, "/cpus/cpu@3", "numa-node-id", 0, 4), 1);
	ck_assert_uint_eq(cells(fdt, "/memory@0", "reg", 1, 8), 0xa0000);
	ck_assert_uint_eq(cells(fdt, "/memory@c0000", "numa-node-id", 0, 4), 0);
	ck_assert_str_eq(text(fdt, "/distance-map", "compatible"), "numa-distance-map-v1");
	for (unsigned i = 0; i < 4; i++) {
		ck_assert_uint_eq(cells(fdt, "/distance-map", "distance-matrix", 3 * i, 4), i / 2);
		ck_assert_uint_eq(cells(fdt, "/distance-map", "distance-matrix", 3 * i + 1, 4),
				  i % 2);
		ck_assert_uint_eq(cells(fdt, "/distance-map", "distance-matrix", 3 * i + 2, 4),
				  i / 2 == i % 2 ? 10 : 20);
	}
	ck_assert_str_eq(text(fdt, "/platform/fake@3f8", "compatible"), "parallax,fake");
	free(fdt);
	guest_mem_destroy(gm);
}
END_TEST

/* The plain machine says nothing of what it has not; the memory nodes are the regions. */
START_TEST(fdt_of_a_plain_machine)
{
	struct guest_mem *gm = image_guest(16 * MiB, 1);
	struct boot_machine bm = machine(gm, 1, 1);
	const struct mem_region *r;
	size_t n = guest_mem_regions(gm, &r), size;
	struct error e;
	void *fdt;
	int chosen;

	bm.nr_devices = 0;
	ck_assert_int_eq(boot_fdt_build(&bm, &fdt, &size, &e), 0);
	chosen = fdt_path_offset(fdt, "/chosen");
	ck_assert_ptr_null(fdt_getprop(fdt, chosen, "linux,initrd-start", NULL));
	ck_assert_ptr_null(fdt_getprop(fdt, chosen, "parallax,pic", NULL));
	ck_assert_ptr_null(fdt_getprop(fdt, chosen, "parallax,tsc-khz", NULL));
	ck_assert_int_eq(fdt_path_offset(fdt, "/distance-map"), -FDT_ERR_NOTFOUND);
	ck_assert_int_eq(fdt_path_offset(fdt, "/cpus/cpu@1"), -FDT_ERR_NOTFOUND);
	for (size_t i = 0; i < n; i++) {
		char path[40];

		snprintf(path, sizeof(path), "/memory@%llx", (unsigned long long)r[i].gpa.v);
		ck_assert_uint_eq(cells(fdt, path, "reg", 0, 8), r[i].gpa.v);
		ck_assert_uint_eq(cells(fdt, path, "reg", 1, 8), r[i].size);
	}
	free(fdt);
	guest_mem_destroy(gm);
}
END_TEST

START_TEST(fdt_grows)
{
	struct guest_mem *gm = image_guest(16 * MiB, 1);
	struct boot_machine bm = machine(gm, BOOT_MAX_CPUS, 1);
	char *line = malloc(60001);
	struct error e;
	void *fdt;
	size_t size;

	memset(line, 'b', 60000);
	line[60000] = 0;
	bm.cmdline = line;
	ck_assert_int_eq(boot_fdt_build(&bm, &fdt, &size, &e), 0);
	ck_assert_uint_gt(size, 60000);
	ck_assert_int_eq(fdt_check_full(fdt, size), 0);
	ck_assert_uint_eq(cells(fdt, "/cpus/cpu@fe", "reg", 0, 4), 254);
	ck_assert_str_eq(text(fdt, "/chosen", "bootargs"), line);
	free(fdt);
	free(line);
	guest_mem_destroy(gm);
}
END_TEST

START_TEST(wrong_descriptions_are_refused)
{
	struct guest_mem *gm = image_guest(16 * MiB, 1);
	struct boot_machine bm = machine(gm, 1, 1);
	struct error e = { "" };
	gpa_t rsdp;
	void *fdt;
	size_t size;

	bm.devices = wrong_devices;
	bm.nr_devices = 1;
	ck_assert_int_eq(boot_fdt_build(&bm, &fdt, &size, &e), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.text, "device tree"));
	ck_assert_int_eq(boot_acpi_build(&bm, gm, &rsdp, &e), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.text, "DSDT"));
	ck_assert_uint_eq(rsdp.v, 0);
	guest_mem_destroy(gm);
}
END_TEST

/* --- ACPI -------------------------------------------------------------------------------------- */

static u64 get(const u8 *p, unsigned at, unsigned bytes)
{
	u64 v = 0;

	memcpy(&v, p + at, bytes);
	return v;
}

static void sums_to_zero(const u8 *p, u64 n)
{
	u8 sum = 0;

	while (n--)
		sum = (u8)(sum + *p++);
	ck_assert_uint_eq(sum, 0);
}

/* A table at a gpa, its checksum verified; *len is its length. */
static const u8 *table(const struct guest_mem *gm, u64 gpa, const char *signature, u64 *len)
{
	const u8 *h = guest_mem_range(gm, GPA(gpa), 36);

	ck_assert_ptr_nonnull(h);
	ck_assert_msg(!memcmp(h, signature, 4), "%.4s, expected %s", (const char *)h, signature);
	*len = get(h, 4, 4);
	ck_assert(gpa >= 0xe0000 && gpa + *len <= 0x100000);
	ck_assert_ptr_nonnull(guest_mem_range(gm, GPA(gpa), *len));
	sums_to_zero(h, *len);
	return h;
}

struct found {
	const u8 *fadt, *madt, *srat, *slit, *dsdt;
	u64 fadt_len, madt_len, srat_len, slit_len, dsdt_len;
	u64 nr;
};

static void walk(const struct guest_mem *gm, gpa_t rsdp, struct found *f)
{
	const u8 *r = guest_mem_range(gm, rsdp, 36), *x, *facs;
	u64 len, at = 36;

	memset(f, 0, sizeof(*f));
	ck_assert_mem_eq(r, "RSD PTR ", 8);
	ck_assert_uint_eq(rsdp.v % 16, 0);
	ck_assert_uint_eq(r[15], 2);
	sums_to_zero(r, 20);
	sums_to_zero(r, 36);
	x = table(gm, get(r, 24, 8), "XSDT", &len);
	f->nr = (len - 36) / 8;
	f->fadt = table(gm, get(x, 36, 8), "FACP", &f->fadt_len);
	f->madt = table(gm, get(x, 44, 8), "APIC", &f->madt_len);
	if (f->nr > 2) {
		f->srat = table(gm, get(x, 52, 8), "SRAT", &f->srat_len);
		f->slit = table(gm, get(x, 60, 8), "SLIT", &f->slit_len);
	}
	f->dsdt = table(gm, get(f->fadt, 140, 8), "DSDT", &f->dsdt_len);
	ck_assert_uint_eq(get(f->fadt, 40, 4), get(f->fadt, 140, 8));
	facs = guest_mem_range(gm, GPA(get(f->fadt, 36, 4)), 64);
	ck_assert_mem_eq(facs, "FACS", 4);
	ck_assert_uint_eq(get(facs, 4, 4), 64);
	ck_assert_uint_eq(get(f->fadt, 36, 4) % 64, 0);
	/* the subtables fill the MADT exactly */
	for (at = 44; at < f->madt_len; at += f->madt[at + 1])
		ck_assert_uint_ge(f->madt[at + 1], 6);
	ck_assert_uint_eq(at, f->madt_len);
}

START_TEST(acpi_fixed_hardware)
{
	struct guest_mem *gm = image_guest(4 * MiB, 1);
	struct boot_machine bm = machine(gm, 2, 1);
	struct error e;
	struct found f;
	gpa_t rsdp;
	u32 flags;

	ck_assert_int_eq(boot_acpi_build(&bm, gm, &rsdp, &e), 0);
	walk(gm, rsdp, &f);
	ck_assert_uint_eq(f.nr, 2);
	ck_assert_uint_eq(f.fadt_len, 276);
	ck_assert_uint_eq(get(f.fadt, 46, 2), 9);	   /* SCI_INT */
	ck_assert_uint_eq(get(f.fadt, 48, 4), 0);	   /* SMI_CMD */
	ck_assert_uint_eq(get(f.fadt, 56, 4), 0x600);	   /* PM1a_EVT_BLK */
	ck_assert_uint_eq(get(f.fadt, 64, 4), 0x604);	   /* PM1a_CNT_BLK */
	ck_assert_uint_eq(get(f.fadt, 76, 4), 0x608);	   /* PM_TMR_BLK */
	ck_assert_uint_eq(get(f.fadt, 88, 4), 0x04000204); /* lengths */
	ck_assert_uint_eq(get(f.fadt, 148 + 4, 8), 0x600); /* X_PM1a_EVT_BLK */
	ck_assert_uint_eq(get(f.fadt, 208 + 4, 8), 0x608); /* X_PM_TMR_BLK */
	flags = (u32)get(f.fadt, 112, 4);
	/* Bit 4 is clear: the power button is fixed hardware. */
	ck_assert_uint_eq(flags, 1 << 0 | 1 << 2 | 1 << 5 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 12);
	ck_assert_uint_eq(get(f.fadt, 116, 4), 0x01000801); /* RESET_REG: an 8-bit port */
	ck_assert_uint_eq(get(f.fadt, 120, 8), 0xcf9);
	ck_assert_uint_eq(f.fadt[128], 6);
	/* COM1 is there; no keyboard controller, VGA or RTC (an MMIO range is no port) */
	ck_assert_uint_eq(get(f.fadt, 109, 2), 1 << 0 | 1 << 2 | 1 << 5);

	bm.nr_devices = 0;
	ck_assert_int_eq(boot_acpi_build(&bm, gm, &rsdp, &e), 0);
	walk(gm, rsdp, &f);
	ck_assert_uint_eq(get(f.fadt, 112, 4), flags & ~(1u << 10));
	ck_assert_uint_eq(get(f.fadt, 120, 8), 0);
	guest_mem_destroy(gm);
}
END_TEST

/* _i: with the 8259 pair and the PIT, or without. */
START_TEST(acpi_interrupts)
{
	static const u8 ioapic[12] = { 1, 12, 0, 0, 0, 0, 0xc0, 0xfe };
	static const u8 pit[10] = { 2, 10, 0, 0, 2 };
	static const u8 sci[10] = { 2, 10, 0, 9, 9, 0, 0, 0, 0x0d };
	static const u8 nmi[6] = { 4, 6, 0xff, 0, 0, 1 };
	struct guest_mem *gm = image_guest(4 * MiB, 1);
	struct boot_machine bm = machine(gm, 3, 1);
	const u8 *p;
	struct error e;
	struct found f;
	gpa_t rsdp;

	bm.has_pic = _i;
	ck_assert_int_eq(boot_acpi_build(&bm, gm, &rsdp, &e), 0);
	walk(gm, rsdp, &f);
	ck_assert_uint_eq(get(f.madt, 36, 4), 0xfee00000);
	ck_assert_uint_eq(get(f.madt, 40, 4), _i);
	p = f.madt + 44;
	for (u8 i = 0; i < 3; i++, p += 8) {
		const u8 lapic[8] = { 0, 8, i, i, 1 };

		ck_assert_mem_eq(p, lapic, 8);
	}
	ck_assert_mem_eq(p, ioapic, 12);
	p += 12;
	if (_i) {
		ck_assert_mem_eq(p, pit, 10);
		p += 10;
	}
	ck_assert_mem_eq(p, sci, 10);
	ck_assert_mem_eq(p + 10, nmi, 6);
	ck_assert_ptr_eq(p + 16, f.madt + f.madt_len);
	guest_mem_destroy(gm);
}
END_TEST

START_TEST(acpi_numa)
{
	struct guest_mem *gm = image_guest(16 * MiB, 2);
	struct boot_machine bm = machine(gm, 4, 2);
	const struct mem_region *r;
	size_t n = guest_mem_regions(gm, &r);
	struct error e;
	struct found f;
	gpa_t rsdp;
	const u8 *p;

	ck_assert_int_eq(boot_acpi_build(&bm, gm, &rsdp, &e), 0);
	walk(gm, rsdp, &f);
	ck_assert_uint_eq(f.nr, 4);
	ck_assert_uint_eq(f.srat_len, 48 + 4 * 16 + n * 40);
	p = f.srat + 48;
	for (unsigned i = 0; i < 4; i++, p += 16) {
		ck_assert_uint_eq(get(p, 0, 4), 0x1000 | (u64)(i / 2) << 16 | (u64)i << 24);
		ck_assert_uint_eq(get(p, 4, 4), 1);
	}
	for (size_t i = 0; i < n; i++, p += 40) {
		ck_assert_uint_eq(get(p, 0, 2), 0x2801);
		ck_assert_uint_eq(get(p, 2, 4), r[i].node);
		ck_assert_uint_eq(get(p, 8, 8), r[i].gpa.v);
		ck_assert_uint_eq(get(p, 16, 8), r[i].size);
		ck_assert_uint_eq(get(p, 28, 4), 1);
	}
	ck_assert_uint_eq(get(f.slit, 36, 8), 2);
	ck_assert_uint_eq(get(f.slit, 44, 4), 0x0a14140a);
	ck_assert_uint_eq(f.slit_len, 48);
	guest_mem_destroy(gm);
}
END_TEST

static const u8 *find(const u8 *p, u64 n, const void *what, u64 len)
{
	return memmem(p, n, what, len);
}

START_TEST(acpi_dsdt)
{
	/* Name(\_S5_, Package(4){5, 5, 0, 0}) */
	static const u8 s5[] = {
		0x08, '\\', '_', 'S', '5', '_', 0x12, 8, 4, 0x0a, 5, 0x0a, 5, 0, 0
	};
	struct guest_mem *gm = image_guest(4 * MiB, 1);
	struct boot_machine bm = machine(gm, BOOT_MAX_CPUS, 1);
	struct error e;
	struct found f;
	gpa_t rsdp;

	ck_assert_int_eq(boot_acpi_build(&bm, gm, &rsdp, &e), 0);
	walk(gm, rsdp, &f);
	dump("dsdt.aml", f.dsdt, f.dsdt_len);
	dump("facp.aml", f.fadt, f.fadt_len);
	dump("apic.aml", f.madt, f.madt_len);
	ck_assert_ptr_nonnull(find(f.dsdt, f.dsdt_len, s5, sizeof(s5)));
	ck_assert_ptr_nonnull(find(f.dsdt, f.dsdt_len, "C000", 4));
	ck_assert_ptr_nonnull(find(f.dsdt, f.dsdt_len, "C0FE", 4));
	ck_assert_ptr_null(find(f.dsdt, f.dsdt_len, "C0FF", 4));
	ck_assert_ptr_nonnull(find(f.dsdt, f.dsdt_len, "FAKE", 4));
	ck_assert_ptr_nonnull(find(f.dsdt, f.dsdt_len, "ACPI0007", 9));
	guest_mem_destroy(gm);
}
END_TEST

/* More device descriptions than the BIOS area holds. */
START_TEST(acpi_too_large)
{
	enum { MANY = 20000 };
	struct guest_mem *gm = image_guest(4 * MiB, 1);
	struct boot_machine bm = machine(gm, 1, 1);
	struct device **many = calloc(MANY, sizeof(*many));
	struct error e = { "" };
	gpa_t rsdp;

	for (unsigned i = 0; i < MANY; i++)
		many[i] = &fake;
	bm.devices = many;
	bm.nr_devices = MANY;
	ck_assert_int_eq(boot_acpi_build(&bm, gm, &rsdp, &e), -ENOSPC);
	ck_assert_ptr_nonnull(strstr(e.text, "128 KiB"));
	free(many);
	guest_mem_destroy(gm);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("boot_tables");
	TCase *t = tcase_create("boot_tables");

	tcase_add_test(t, fdt_describes_the_machine);
	tcase_add_test(t, fdt_of_a_plain_machine);
	tcase_add_test(t, fdt_grows);
	tcase_add_test(t, wrong_descriptions_are_refused);
	tcase_add_test(t, acpi_fixed_hardware);
	tcase_add_loop_test(t, acpi_interrupts, 0, 2);
	tcase_add_test(t, acpi_numa);
	tcase_add_test(t, acpi_dsdt);
	tcase_add_test(t, acpi_too_large);
	suite_add_tcase(s, t);
	return image_run(s);
}
