/* SPDX-License-Identifier: MIT */
/* Unit tests of bzImage and flat images; the zero page is read through Linux's own header. */
#include "tests/unit/boot/guest.h"

#define RAM (8 * MiB)

struct bench {
	struct image img;
	struct boot_file kernel, initrd;
	struct guest_mem *gm;
	struct boot_request req;
	struct boot_state st;
	struct error e;
};

static void bench_init(struct bench *b)
{
	memset(b, 0, sizeof(*b));
	image_init(&b->img);
	image_bz(&b->img);
	b->gm = image_guest(RAM, 1);
	b->kernel = (struct boot_file){ .path = "bzImage", .fd = -1 };
	b->initrd = (struct boot_file){ "initrd", -1, (const u8 *)"archive", 7 };
	b->req = (struct boot_request){ .kernel = &b->kernel,
					.cmdline = "console=ttyS0",
					.rsdp = GPA(0xe0000) };
}

static int bench_try(struct bench *b)
{
	b->kernel.data = b->img.bytes;
	b->kernel.size = b->img.size;
	return boot_load(b->gm, &b->req, &b->st, &b->e);
}

static const struct boot_params *bench_load(struct bench *b)
{
	ck_assert_msg(bench_try(b) == 0, "%s", b->e.text);
	ck_assert_str_eq(b->st.protocol, "linux");
	return guest_mem_range(b->gm, GPA(b->st.rsi), sizeof(struct boot_params));
}

static void bench_free(struct bench *b)
{
	guest_mem_destroy(b->gm);
	image_free(&b->img);
}

START_TEST(entry64)
{
	const struct boot_params *bp;
	struct bench b;
	u64 rsdp;

	bench_init(&b);
	b.req.initrd = &b.initrd;
	b.req.fdt = "devicetree";
	b.req.fdt_size = 10;
	bp = bench_load(&b);
	ck_assert_int_eq(b.st.mode, BOOT_LONG64);
	ck_assert_uint_eq(b.st.entry, 0x200200);
	ck_assert_uint_ne(b.st.cr3, 0);
	ck_assert_uint_eq(b.st.cs, 0x10);
	image_check(b.gm, 0x200000, 0, IMAGE_BZ_PAYLOAD, 0x80000);
	ck_assert_uint_eq(bp->hdr.setup_sects, 1);
	ck_assert_uint_eq(bp->hdr.init_size, 0x80000);
	ck_assert_uint_eq(bp->hdr.type_of_loader, 0xff);
	ck_assert_uint_eq(bp->hdr.ramdisk_image, RAM - 4096);
	ck_assert_uint_eq(bp->hdr.ramdisk_size, 7);
	ck_assert_mem_eq(image_text(b.gm, RAM - 4096), "archive", 7);
	ck_assert_str_eq(image_text(b.gm, bp->hdr.cmd_line_ptr), "console=ttyS0");
	ck_assert_uint_eq(bp->hdr.setup_data, 0);
	ck_assert_uint_eq(bp->e820_entries, 4);
	ck_assert_uint_eq(bp->e820_table[1].addr, 0x9fc00);
	ck_assert_uint_eq(bp->e820_table[3].size, RAM - MiB);
	ck_assert_uint_eq(bp->sentinel, 0);
	memcpy(&rsdp, (const u8 *)bp + 0x70, sizeof(rsdp));
	ck_assert_uint_eq(rsdp, 0xe0000);
	bench_free(&b);
}
END_TEST

/* Old or 32-bit kernels: protected mode with the GDT that the protocol asks for. */
START_TEST(entry32)
{
	const struct boot_params *bp;
	struct bench b;
	u64 code;

	bench_init(&b);
	if (_i) {
		image_bz_header(&b.img)->xloadflags = 0;
	} else {
		image_bz_header(&b.img)->version = 0x0206;
		image_bz_header(&b.img)->jump = 0x3aeb; /* nothing from 0x23c on is read */
	}
	bp = bench_load(&b);
	ck_assert_int_eq(b.st.mode, BOOT_PROT32);
	ck_assert_uint_eq(b.st.entry, _i ? 0x200000 : 0x100000);
	image_check(b.gm, b.st.entry, 0, IMAGE_BZ_PAYLOAD, IMAGE_BZ_PAYLOAD);
	ck_assert_uint_eq(bp->hdr.init_size, _i ? 0x80000 : 0);
	memcpy(&code, guest_mem_range(b.gm, GPA(b.st.gdt.v + b.st.cs), 8), 8);
	ck_assert_uint_eq(code, 0x00cf9b000000ffff);
	bench_free(&b);
}
END_TEST

START_TEST(fdt_without_acpi)
{
	const struct boot_params *bp;
	const struct setup_data *sd;
	struct bench b;

	bench_init(&b);
	b.req.rsdp = GPA(0);
	b.req.fdt = "devicetree";
	b.req.fdt_size = 10;
	bp = bench_load(&b);
	sd = guest_mem_range(b.gm, GPA(bp->hdr.setup_data), sizeof(*sd) + 10);
	ck_assert_ptr_nonnull(sd);
	ck_assert_uint_eq(sd->next, 0);
	ck_assert_uint_eq(sd->type, SETUP_DTB);
	ck_assert_uint_eq(sd->len, 10);
	ck_assert_mem_eq(sd->data, "devicetree", 10);
	bench_free(&b);
}
END_TEST

START_TEST(initrd_addr_max_is_kept)
{
	const struct boot_params *bp;
	struct bench b;

	bench_init(&b);
	image_bz_header(&b.img)->initrd_addr_max = 6 * MiB - 1;
	b.req.initrd = &b.initrd;
	bp = bench_load(&b);
	ck_assert_uint_eq(bp->hdr.ramdisk_image, 6 * MiB - 4096);
	bench_free(&b);
}
END_TEST

static char long_cmdline[200];
static u8 big[8 * MiB];

static void set_initrd(struct bench *b, u64 size)
{
	b->initrd = (struct boot_file){ "big.cpio", -1, big, size };
	b->req.initrd = &b->initrd;
}

/* What damages a good image, and the answer. */
static const struct {
	const char *name;
	unsigned at, len; /* header bytes to overwrite, counted from 0x1f1 */
	u64 value;
	u64 size;      /* truncate the file */
	unsigned line; /* command line length */
	u64 initrd;
	int err;
	const char *text;
} refused[] = {
	{ "old", 0x15, 2, 0x0205, 0, 0, 0, -ENOTSUP, "protocol 2.05 is older than 2.06" },
	{ "zImage", 0x20, 1, 0, 0, 0, 0, -ENOTSUP, "zImage" },
	{ "syssize 0", 0x03, 4, 0, 0, 0, 0, -EINVAL, "syssize is 0" },
	{ "syssize", 0x03, 4, 0xffffffff, 0, 0, 0, -EINVAL, "truncated bzImage: the header says" },
	{ "cut header", 0, 0, 0, 0x240, 0, 0, -EINVAL, "576 bytes end inside its setup header" },
	{ "cut setup", 0, 0, 0, 0x3ff, 0, 0, -EINVAL, "truncated bzImage: the header says 5680" },
	{ "cut payload", 0, 0, 0, 0x1000, 0, 0, -EINVAL, "the file has 4096" },
	{ "pref_address", 0x67, 8, 1ULL << 40, 0, 0, 0, -ENOSPC, "the kernel (0x10000000000" },
	{ "pref wraps", 0x67, 8, ~0xfffULL, 0, 0, 0, -ENOSPC, "outside guest RAM" },
	{ "pref low", 0x67, 8, 0x90000, 0, 0, 0, -EINVAL, "overlaps the BIOS area" },
	{ "init_size", 0x6f, 4, 0x10000000, 0, 0, 0, -ENOSPC, "has 8192 KiB" },
	{ "not relocatable", 0x43, 1, 0, 0, 0, 6 * MiB, -E2BIG, "overlaps the unpacked kernel" },
	{ "cmdline", 0, 0, 0, 0, 101, 0, -E2BIG,
	  "has 101 characters, this kernel takes at most 100" },
	{ "initrd", 0, 0, 0, 0, 0, 7 * MiB + 1, -E2BIG, "big.cpio: the initrd has 7340033 bytes" },
	{ "initrd on kernel", 0, 0, 0, 0, 0, 6 * MiB, -E2BIG, "does not fit beside the kernel" },
	{ "initrd_addr_max", 0x3b, 4, 0x10, 0, 0, 1, -E2BIG, "only 0 fit" },
};

START_TEST(bad_images)
{
	struct bench b;
	int err;

	bench_init(&b);
	memcpy(b.img.bytes + 0x1f1 + refused[_i].at, &refused[_i].value, refused[_i].len);
	if (refused[_i].size)
		b.img.size = refused[_i].size;
	if (refused[_i].line) {
		memset(long_cmdline, 'a', refused[_i].line);
		long_cmdline[refused[_i].line] = 0;
		b.req.cmdline = long_cmdline;
	}
	if (refused[_i].initrd)
		set_initrd(&b, refused[_i].initrd);
	err = bench_try(&b);
	ck_assert_msg(err == refused[_i].err, "%s: %d %s", refused[_i].name, err, b.e.text);
	ck_assert_msg(strstr(b.e.text, refused[_i].text), "%s: %s", refused[_i].name, b.e.text);
	ck_assert(strstr(b.e.text, "bzImage") || strstr(b.e.text, "big.cpio"));
	ck_assert_ptr_null(strchr(b.e.text, '\n'));
	bench_free(&b);
}
END_TEST

/* A kernel that is not relocatable is loaded at 1 MiB and unpacks itself to pref_address. */
START_TEST(not_relocatable)
{
	struct bench b;

	bench_init(&b);
	image_bz_header(&b.img)->relocatable_kernel = 0;
	bench_load(&b);
	ck_assert_uint_eq(b.st.entry, 0x100200);
	image_check(b.gm, 0x100000, 0, IMAGE_BZ_PAYLOAD, IMAGE_BZ_PAYLOAD);

	/* its two places touch: one range, whose end is the unpacked kernel's */
	image_bz_header(&b.img)->pref_address = 0x101000;
	image_bz_header(&b.img)->init_size = RAM - 0x101000;
	bench_load(&b);
	image_bz_header(&b.img)->init_size++;
	ck_assert_int_eq(bench_try(&b), -ENOSPC);
	bench_free(&b);
}
END_TEST

START_TEST(command_line_at_its_limit)
{
	struct bench b;

	bench_init(&b);
	memset(long_cmdline, 'a', 100);
	long_cmdline[100] = 0;
	b.req.cmdline = long_cmdline;
	ck_assert_str_eq(image_text(b.gm, bench_load(&b)->hdr.cmd_line_ptr), long_cmdline);
	bench_free(&b);
}
END_TEST

/* The last paragraph may be cut short; more than that is a truncated file. */
START_TEST(short_last_paragraph)
{
	struct bench b;

	bench_init(&b);
	b.img.size -= 15;
	bench_load(&b);
	b.img.size -= 1;
	ck_assert_int_eq(bench_try(&b), -EINVAL);
	bench_free(&b);
}
END_TEST

/* --- flat images --------------------------------------------------------------------------- */

static const struct {
	bool force;
	u64 addr, size;
	int err;
	u64 entry, rsp;
	u16 cs;
} flats[] = {
	{ false, 0, 512, 0, 0x7c00, 0x7c00, 0 },
	{ true, 0x7c00, 513, 0, 0x7c00, 0x7c00, 0 },
	{ true, 0, 100, 0, 0, 0xfffe, 0 },
	{ true, 0x1000, 1, 0, 0x1000, 0x1000, 0 },
	{ true, 0x12345, 0x100, 0, 0x12345, 0xfffe, 0x1234 },
	{ true, 0x9ff00, 0x100, 0, 0x9ff00, 0xfffe, 0x9ff0 },
	{ true, 0x9ff00, 0x101, -ENOSPC, 0, 0, 0 },
	{ true, 0x100000, 1, -ENOSPC, 0, 0, 0 },
	{ true, ~0ULL, 2, -ENOSPC, 0, 0, 0 },
};

START_TEST(flat_images)
{
	struct bench b;
	int err;

	bench_init(&b);
	for (u64 i = 0; i < flats[_i].size; i++)
		b.img.bytes[i] = image_pattern(2, i);
	if (!flats[_i].force)
		memcpy(b.img.bytes + 510, "\x55\xaa", 2);
	b.img.size = flats[_i].size;
	b.req.force_flat = flats[_i].force;
	b.req.flat_addr = flats[_i].addr;
	err = bench_try(&b);
	ck_assert_msg(err == flats[_i].err, "%s", b.e.text);
	if (!err) {
		ck_assert_str_eq(b.st.protocol, "flat");
		ck_assert_int_eq(b.st.mode, BOOT_REAL16);
		ck_assert_uint_eq(b.st.entry, flats[_i].entry);
		ck_assert_uint_eq(b.st.rsp, flats[_i].rsp);
		ck_assert_uint_eq(b.st.cs, flats[_i].cs);
		ck_assert_uint_eq(b.st.ds, flats[_i].cs);
		ck_assert_mem_eq(guest_mem_range(b.gm, GPA(b.st.entry), b.img.size), b.img.bytes,
				 b.img.size);
	}
	bench_free(&b);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("boot_linux");
	TCase *t = tcase_create("boot_linux");

	tcase_add_test(t, entry64);
	tcase_add_loop_test(t, entry32, 0, 2);
	tcase_add_test(t, fdt_without_acpi);
	tcase_add_test(t, initrd_addr_max_is_kept);
	tcase_add_loop_test(t, bad_images, 0, ARRAY_SIZE(refused));
	tcase_add_test(t, not_relocatable);
	tcase_add_test(t, command_line_at_its_limit);
	tcase_add_test(t, short_last_paragraph);
	tcase_add_loop_test(t, flat_images, 0, ARRAY_SIZE(flats));
	suite_add_tcase(s, t);
	return image_run(s);
}
