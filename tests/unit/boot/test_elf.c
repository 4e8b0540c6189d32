/* SPDX-License-Identifier: MIT */
/* Unit tests of the ELF protocols (pvh, linux-elf, multiboot as ELF): good loads byte by byte. */
#include "tests/unit/boot/guest.h"

#define RAM	 (8 * MiB)
#define KERNEL	 0x200000ULL
#define KERNEL_V 0xffffffff80200000ULL

/* Fixture of every test: an image, a guest and a request that names both. */
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
	b->gm = image_guest(RAM, 1);
	b->kernel = (struct boot_file){ .path = "kernel.elf", .fd = -1 };
	b->req = (struct boot_request){ .kernel = &b->kernel, .cmdline = "quiet exit=3" };
}

static void bench_load(struct bench *b)
{
	b->kernel.data = b->img.bytes;
	b->kernel.size = b->img.size;
	ck_assert_msg(boot_load(b->gm, &b->req, &b->st, &b->e) == 0, "%s", b->e.text);
}

static void bench_free(struct bench *b)
{
	guest_mem_destroy(b->gm);
	image_free(&b->img);
}

static void make_pvh(struct image *img, struct image_note *note, u32 descsz)
{
	struct image_segment s[] = {
		{ PT_LOAD, KERNEL, KERNEL_V, 0x1234, 0x3000, NULL },
		{ PT_LOAD, KERNEL + 0x4000, KERNEL_V + 0x4000, 0x77, 0x77, NULL },
		{ PT_NOTE, 0, 0, 0, 0, note },
		{ PT_LOAD, KERNEL + 0x8000, KERNEL_V + 0x8000, 0, 0x1000, NULL },
	};

	s[2].filesz = image_note(note, "Xen", 18, KERNEL + 0x40, descsz);
	image_elf64(img, KERNEL_V, s, ARRAY_SIZE(s));
}

/* Layouts of the PVH ABI, written here a second time as offsets. */
static u32 get32(const u8 *p, unsigned at)
{
	u32 v;

	memcpy(&v, p + at, sizeof(v));
	return v;
}

static u64 get64(const u8 *p, unsigned at)
{
	u64 v;

	memcpy(&v, p + at, sizeof(v));
	return v;
}

START_TEST(pvh_loads)
{
	struct image_note note = { 0 };
	const u8 *si, *map, *mods;
	struct bench b;

	bench_init(&b);
	make_pvh(&b.img, &note, _i ? 8 : 4);
	b.req.rsdp = GPA(0xe0000);
	bench_load(&b);
	ck_assert_str_eq(b.st.protocol, "pvh");
	ck_assert_int_eq(b.st.mode, BOOT_PROT32);
	ck_assert_uint_eq(b.st.entry, KERNEL + 0x40);
	image_check(b.gm, KERNEL, 0, 0x1234, 0x3000);
	image_check(b.gm, KERNEL + 0x4000, 1, 0x77, 0x77);

	si = guest_mem_range(b.gm, GPA(b.st.rbx), 56);
	ck_assert_ptr_nonnull(si);
	ck_assert_uint_eq(get32(si, 0), 0x336ec578);
	ck_assert_uint_eq(get32(si, 4), 1);
	ck_assert_uint_eq(get32(si, 12), 0);
	ck_assert_uint_eq(get64(si, 16), 0);
	ck_assert_str_eq(image_text(b.gm, get64(si, 24)), "quiet exit=3");
	ck_assert_uint_eq(get64(si, 32), 0xe0000);
	ck_assert_uint_eq(get32(si, 48), 4);
	map = guest_mem_range(b.gm, GPA(get64(si, 40)), 4 * 24);
	ck_assert_ptr_nonnull(map);
	ck_assert_uint_eq(get64(map, 0), 0);
	ck_assert_uint_eq(get64(map, 8), 0x9fc00);
	ck_assert_uint_eq(get32(map, 16), E820_RAM);
	ck_assert_uint_eq(get64(map, 72), MiB);
	ck_assert_uint_eq(get64(map, 80), RAM - MiB);

	/* again with both modules; the loader's data must keep off the AP trampoline */
	b.initrd = (struct boot_file){ "initrd", -1, (const u8 *)"archive", 7 };
	b.req.initrd = &b.initrd;
	b.req.fdt = "devicetree";
	b.req.fdt_size = 10;
	bench_load(&b);
	si = guest_mem_range(b.gm, GPA(b.st.rbx), 56);
	ck_assert_uint_eq(get32(si, 12), 2);
	mods = guest_mem_range(b.gm, GPA(get64(si, 16)), 64);
	ck_assert_ptr_nonnull(mods);
	ck_assert_uint_eq(get64(mods, 0), RAM - 4096);
	ck_assert_uint_eq(get64(mods, 8), 7);
	ck_assert_mem_eq(image_text(b.gm, get64(mods, 0)), "archive", 7);
	ck_assert_uint_eq(get64(mods, 32) % 4096, 0);
	ck_assert_uint_eq(get64(mods, 40), 10);
	ck_assert_mem_eq(image_text(b.gm, get64(mods, 32)), "devicetree", 10);
	ck_assert_str_eq(image_text(b.gm, get64(mods, 48)), "fdt");
	ck_assert_uint_ge(b.st.rbx, 0x9000);
	bench_free(&b);
}
END_TEST

/* Linux would take a device tree for an initrd, and cuts long command lines silently. */
START_TEST(pvh_linux_gets_no_fdt)
{
	struct {
		struct image_note xen;
		struct image_note linux_note;
	} notes;
	struct image_segment s[] = {
		{ PT_LOAD, KERNEL, KERNEL, 0x100, 0x100, NULL },
		{ PT_NOTE, 0, 0, 0, 0, &notes },
	};
	char longline[2049];
	struct bench b;
	u64 first;

	bench_init(&b);
	first = image_note(&notes.xen, "Xen", 18, KERNEL, 8);
	s[1].filesz = first + image_note((void *)((u8 *)&notes + first), "Linux", 0x100, 7, 4);
	image_elf64(&b.img, KERNEL, s, 2);
	b.req.fdt = "devicetree";
	b.req.fdt_size = 10;
	bench_load(&b);
	ck_assert_uint_eq(get32(guest_mem_range(b.gm, GPA(b.st.rbx), 56), 12), 0);

	memset(longline, 'x', sizeof(longline));
	longline[2047] = 0;
	b.req.cmdline = longline;
	bench_load(&b);
	longline[2047] = 'x';
	longline[2048] = 0;
	ck_assert_int_eq(boot_load(b.gm, &b.req, &b.st, &b.e), -E2BIG);
	ck_assert_ptr_nonnull(strstr(b.e.text, "2048 characters"));
	ck_assert_ptr_nonnull(strstr(b.e.text, "2047"));
	bench_free(&b);
}
END_TEST

/* A kernel in the middle of low memory: the loader's data goes around it. */
START_TEST(loader_data_avoids_segments)
{
	struct image_note note = { 0 };
	struct image_segment s[] = {
		{ PT_LOAD, 0x4000, 0x4000, 0x2000, 0x90000, NULL },
		{ PT_NOTE, 0, 0, 0, 0, &note },
	};
	struct bench b;
	const u8 *si;

	bench_init(&b);
	s[1].filesz = image_note(&note, "Xen", 18, 0x4000, 8);
	image_elf64(&b.img, 0x4000, s, 2);
	b.req.fdt = b.img.bytes; /* any bytes will do */
	b.req.fdt_size = 0xc000;
	bench_load(&b);
	image_check(b.gm, 0x4000, 0, 0x2000, 0x90000);
	si = guest_mem_range(b.gm, GPA(b.st.rbx), 56);
	ck_assert(b.st.rbx >= 0x94000 && b.st.rbx < 0x9fc00);
	/* too large for what is left below the EBDA: at the top of RAM */
	ck_assert_uint_eq(get64(guest_mem_range(b.gm, GPA(get64(si, 16)), 32), 0), RAM - 0xc000);
	bench_free(&b);
}
END_TEST

START_TEST(used_ram_is_cleared)
{
	struct image_note note = { 0 };
	struct bench b;

	bench_init(&b);
	make_pvh(&b.img, &note, 4);
	memset(guest_mem_range(b.gm, GPA(KERNEL), 0x10000), 0xaa, 0x10000);
	b.req.used_ram = true;
	bench_load(&b);
	image_check(b.gm, KERNEL, 0, 0x1234, 0x3000);
	image_check(b.gm, KERNEL + 0x8000, 3, 0, 0x1000);
	bench_free(&b);
}
END_TEST

/* Follows the page tables the loader wrote. */
static u64 translate(const struct guest_mem *gm, u64 cr3, u64 va)
{
	u64 table = cr3, entry = 0;

	for (unsigned shift = 39; shift >= 21; shift -= 9) {
		const u8 *p = guest_mem_range(gm, GPA(table), 4096);

		ck_assert_ptr_nonnull(p);
		entry = get64(p, (unsigned)(va >> shift & 511) * 8);
		ck_assert_uint_eq(entry & 3, 3);
		table = entry & 0xffffffffff000ULL;
	}
	ck_assert_uint_eq(entry & 0x80, 0x80);
	return table + (va & 0x1fffff);
}

START_TEST(linux_elf_loads)
{
	static const u64 addresses[] = {
		0, 0x1fffff, 0x200000, 0x3ffffabc, 0xc0000123, 0xffffffff
	};
	const struct image_segment s[] = {
		{ PT_LOAD, KERNEL, KERNEL_V, 0x2000, 0x2800, NULL },
		{ PT_LOAD, KERNEL + 0x10000, 0, 0x10, 0x10, NULL }, /* as .data..percpu */
	};
	const struct boot_params *bp;
	struct bench b;
	const u8 *gdt;

	bench_init(&b);
	image_elf64(&b.img, KERNEL + 0x30, s, 2);
	b.req.rsdp = GPA(0xe0000);
	bench_load(&b);
	ck_assert_str_eq(b.st.protocol, "linux-elf");
	ck_assert_int_eq(b.st.mode, BOOT_LONG64);
	ck_assert_uint_eq(b.st.entry, KERNEL + 0x30);
	image_check(b.gm, KERNEL, 0, 0x2000, 0x2800);
	bp = guest_mem_range(b.gm, GPA(b.st.rsi), sizeof(*bp));
	ck_assert_ptr_nonnull(bp);
	ck_assert_uint_eq(bp->hdr.header, 0x53726448);
	ck_assert_str_eq(image_text(b.gm, bp->hdr.cmd_line_ptr), "quiet exit=3");
	ck_assert_uint_eq(bp->e820_entries, 4);
	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++)
		ck_assert_uint_eq(translate(b.gm, b.st.cr3, addresses[i]), addresses[i]);
	gdt = guest_mem_range(b.gm, b.st.gdt, b.st.gdt_limit + 1u);
	ck_assert_ptr_nonnull(gdt);
	ck_assert_uint_eq(get64(gdt, b.st.cs), 0x00af9b000000ffff);
	ck_assert_uint_eq(get64(gdt, b.st.ds), 0x00cf93000000ffff);

	/* a virtual entry is translated */
	image_elf64(&b.img, KERNEL_V + 0x30, s, 2);
	bench_load(&b);
	ck_assert_uint_eq(b.st.entry, KERNEL + 0x30);
	bench_free(&b);
}
END_TEST

/* A segment over the border of two NUMA nodes is copied whole, and the map shows one run. */
START_TEST(segment_spans_nodes)
{
	const struct image_segment s[] = {
		{ PT_LOAD, RAM / 2 - 0x800, RAM / 2 - 0x800, 0x1000, 0x1000, NULL },
	};
	struct boot_e820 map[BOOT_MAX_E820];
	u8 got[0x1000];
	struct bench b;

	bench_init(&b);
	guest_mem_destroy(b.gm);
	b.gm = image_guest(RAM, 2);
	image_elf64(&b.img, RAM / 2, s, 1);
	bench_load(&b);
	ck_assert_int_eq(guest_mem_read(b.gm, GPA(RAM / 2 - 0x800), got, sizeof(got)), 0);
	for (u64 i = 0; i < sizeof(got); i++)
		ck_assert_uint_eq(got[i], image_pattern(0, i));
	ck_assert_uint_eq(boot_e820(b.gm, map), 4);
	ck_assert_uint_eq(map[3].addr + map[3].size, RAM);
	bench_free(&b);
}
END_TEST

static void make_multiboot_elf(struct image *img, bool is64)
{
	struct image_segment s[] = {
		{ PT_LOAD, KERNEL, 0xc0200000, 0x200, 0x900, NULL },
	};
	const u32 header[3] = { 0x1badb002, 3, 0u - 0x1badb002u - 3 };
	u64 at;

	if (is64)
		image_elf64(img, 0xc0200010, s, 1);
	else
		image_elf32(img, 0xc0200010, s, 1);
	at = img->size - 0x200;
	memcpy(img->bytes + at + 0x20, header, sizeof(header));
}

START_TEST(multiboot_loads)
{
	const u8 *mi, *mod, *map;
	struct bench b;

	bench_init(&b);
	make_multiboot_elf(&b.img, _i);
	b.initrd = (struct boot_file){ "disk.img", -1, (const u8 *)"0123456789", 10 };
	b.req.initrd = &b.initrd;
	bench_load(&b);
	ck_assert_str_eq(b.st.protocol, "multiboot");
	ck_assert_int_eq(b.st.mode, BOOT_PROT32);
	ck_assert_uint_eq(b.st.entry, KERNEL + 0x10);
	ck_assert_uint_eq(b.st.rax, 0x2badb002);
	ck_assert_mem_eq(guest_mem_range(b.gm, GPA(KERNEL), 0x200),
			 b.img.bytes + b.img.size - 0x200, 0x200);
	mi = guest_mem_range(b.gm, GPA(b.st.rbx), 116);
	ck_assert_ptr_nonnull(mi);
	ck_assert_uint_eq(get32(mi, 0), 0x24d);
	ck_assert_uint_eq(get32(mi, 4), 639);
	ck_assert_uint_eq(get32(mi, 8), (RAM - MiB) / KiB);
	ck_assert_str_eq(image_text(b.gm, get32(mi, 16)), "kernel.elf quiet exit=3");
	ck_assert_uint_eq(get32(mi, 20), 1);
	mod = guest_mem_range(b.gm, GPA(get32(mi, 24)), 16);
	ck_assert_uint_eq(get32(mod, 0), RAM - 4096);
	ck_assert_uint_eq(get32(mod, 4), RAM - 4096 + 10);
	ck_assert_str_eq(image_text(b.gm, get32(mod, 8)), "disk.img");
	ck_assert_mem_eq(image_text(b.gm, get32(mod, 0)), "0123456789", 10);
	ck_assert_uint_eq(get32(mi, 44), 4 * 24);
	map = guest_mem_range(b.gm, GPA(get32(mi, 48)), 4 * 24);
	ck_assert_uint_eq(get32(map, 0), 20);
	ck_assert_uint_eq(get64(map, 24 + 4), 0x9fc00);
	ck_assert_uint_eq(get32(map, 24 + 20), E820_RESERVED);
	ck_assert_str_eq(image_text(b.gm, get32(mi, 64)), "parallax");

	b.req.initrd = NULL;
	b.req.cmdline = "";
	bench_load(&b);
	mi = guest_mem_range(b.gm, GPA(b.st.rbx), 116);
	ck_assert_uint_eq(get32(mi, 20), 0);
	ck_assert_str_eq(image_text(b.gm, get32(mi, 16)), "kernel.elf");
	bench_free(&b);
}
END_TEST

/* Specification 3.1.3: header at 0x20 of the file, image from file offset 0x10 at KERNEL. */
START_TEST(multiboot_by_addresses)
{
	const u32 flags = 1u << 16;
	const u32 header[8] = {
		0x1badb002, flags,	   0u - 0x1badb002u - flags, KERNEL + 0x10,
		KERNEL,	    KERNEL + 0x80, KERNEL + 0x100,	     KERNEL + 0x30
	};
	struct bench b;

	bench_init(&b);
	for (unsigned i = 0; i < 0x200; i++)
		b.img.bytes[i] = (u8)(i * 3 + 1);
	memcpy(b.img.bytes + 0x20, header, sizeof(header));
	b.img.size = 0x200;
	bench_load(&b);
	ck_assert_str_eq(b.st.protocol, "multiboot");
	ck_assert_uint_eq(b.st.entry, KERNEL + 0x30);
	ck_assert_mem_eq(guest_mem_range(b.gm, GPA(KERNEL), 0x80), b.img.bytes + 0x10, 0x80);
	for (unsigned i = 0x80; i < 0x200; i++)
		ck_assert_uint_eq(*(u8 *)guest_mem_range(b.gm, GPA(KERNEL + i), 1), 0);
	bench_free(&b);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("boot_elf");
	TCase *t = tcase_create("boot_elf");

	tcase_add_loop_test(t, pvh_loads, 0, 2);
	tcase_add_test(t, pvh_linux_gets_no_fdt);
	tcase_add_test(t, loader_data_avoids_segments);
	tcase_add_test(t, used_ram_is_cleared);
	tcase_add_test(t, linux_elf_loads);
	tcase_add_test(t, segment_spans_nodes);
	tcase_add_loop_test(t, multiboot_loads, 0, 2);
	tcase_add_test(t, multiboot_by_addresses);
	suite_add_tcase(s, t);
	return image_run(s);
}
