/* SPDX-License-Identifier: MIT */
/* Unit tests: every kind of file that is refused, with its code and the words a person sees. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/boot/guest.h"

#define RAM    (4 * MiB)
#define KERNEL 0x200000ULL

static Elf64_Ehdr *ehdr(struct image *img)
{
	return (void *)img->bytes;
}

static Elf64_Phdr *phdr(struct image *img, unsigned n)
{
	return (Elf64_Phdr *)(img->bytes + sizeof(Elf64_Ehdr)) + n;
}

/* A good PVH kernel of two segments; each case then damages it. */
static void good(struct image *img)
{
	struct image_note note;
	struct image_segment s[] = {
		{ PT_LOAD, KERNEL, KERNEL, 0x300, 0x1000, NULL },
		{ PT_LOAD, KERNEL + 0x2000, KERNEL + 0x2000, 0x300, 0x300, NULL },
		{ PT_NOTE, 0, 0, 0, 0, &note },
	};

	s[2].filesz = image_note(&note, "Xen", 18, KERNEL, 8);
	image_elf64(img, KERNEL, s, ARRAY_SIZE(s));
}

static void text_file(struct image *img)
{
	image_free(img);
	image_init(img);
	img->size = (u64)sprintf((char *)img->bytes, "GRUB_DEFAULT=0\n# a configuration file\n");
}

static void bytes(struct image *img, u64 at, const char *magic, u64 len, u64 size)
{
	memset(img->bytes, 0x80, size);
	memcpy(img->bytes + at, magic, len);
	img->size = size;
}

static void gzip(struct image *img)
{
	bytes(img, 0, "\x1f\x8b\x08", 3, 600);
}

static void arm64_image(struct image *img)
{
	bytes(img, 56, "ARM\x64", 4, 600);
}

static void disk_image(struct image *img)
{
	bytes(img, 510, "\x55\xaa", 2, 1024);
}

static void efi_program(struct image *img)
{
	bytes(img, 0, "MZ", 2, 100);
}

static void unknown_bytes(struct image *img)
{
	bytes(img, 0, "\x01\x02", 2, 7);
}

static void four_bytes(struct image *img)
{
	img->size = 4;
}

static void cut_header(struct image *img)
{
	img->size = 63;
}

static void cut_phdrs(struct image *img)
{
	img->size = 64 + 56;
}

static void cut_segment(struct image *img)
{
	img->size = phdr(img, 1)->p_offset + 0x2ff;
}

static void cut_note(struct image *img)
{
	img->size = phdr(img, 2)->p_offset + 4;
}

static void aarch64(struct image *img)
{
	ehdr(img)->e_machine = EM_AARCH64;
}

static void i386_in_64(struct image *img)
{
	ehdr(img)->e_machine = EM_386;
}

static void big_endian(struct image *img)
{
	ehdr(img)->e_ident[EI_DATA] = ELFDATA2MSB;
	memcpy(&ehdr(img)->e_machine, "\x00\x16", 2);
}

static void bad_class(struct image *img)
{
	ehdr(img)->e_ident[EI_CLASS] = 7;
}

static void object_file(struct image *img)
{
	ehdr(img)->e_type = ET_REL;
}

static void program(struct image *img)
{
	phdr(img, 2)->p_type = PT_INTERP;
}

static void no_phdrs(struct image *img)
{
	ehdr(img)->e_phnum = 0;
}

static void phentsize(struct image *img)
{
	ehdr(img)->e_phentsize = 55;
}

static void phoff_wraps(struct image *img)
{
	ehdr(img)->e_phoff = ~0ULL - 100;
}

static void nothing_to_load(struct image *img)
{
	phdr(img, 0)->p_type = phdr(img, 1)->p_type = PT_NULL;
}

static void filesz_over_memsz(struct image *img)
{
	phdr(img, 1)->p_memsz = 0x2ff;
}

static void offset_wraps(struct image *img)
{
	phdr(img, 0)->p_offset = ~0ULL;
}

static void segment_wraps(struct image *img)
{
	phdr(img, 0)->p_paddr = ~0ULL - 0x10;
}

static void outside_ram(struct image *img)
{
	phdr(img, 1)->p_paddr = RAM - 0x100;
}

static void far_outside(struct image *img)
{
	phdr(img, 1)->p_paddr = 1ULL << 45;
}

static void in_vga_hole(struct image *img)
{
	phdr(img, 1)->p_paddr = 0xa0000;
}

static void huge_bss(struct image *img)
{
	phdr(img, 1)->p_memsz = 1ULL << 62;
}

static void overlap(struct image *img)
{
	phdr(img, 1)->p_paddr = KERNEL + 0xfff;
}

static void note_entry_outside(struct image *img)
{
	u64 entry = KERNEL + 0x1000;

	memcpy(img->bytes + phdr(img, 2)->p_offset + 16, &entry, 8);
}

static void note_entry_high(struct image *img)
{
	u64 entry = KERNEL + (1ULL << 32);

	memcpy(img->bytes + phdr(img, 2)->p_offset + 16, &entry, 8);
}

static void note_size(struct image *img)
{
	u32 size = 2;

	memcpy(img->bytes + phdr(img, 2)->p_offset + 4, &size, 4);
}

/* Without the note it is a vmlinux; these are refused on that way. */
static void entry_outside(struct image *img)
{
	phdr(img, 2)->p_type = PT_NULL;
	ehdr(img)->e_entry = 0xfff;
}

static void many_segments(struct image *img)
{
	ehdr(img)->e_phnum = 33;
	for (unsigned i = 2; i < 33; i++)
		*phdr(img, i) = (Elf64_Phdr){ .p_type = PT_LOAD, .p_memsz = 1 };
	img->size = 8192;
}

static void elf32_plain(struct image *img)
{
	const struct image_segment s = { PT_LOAD, KERNEL, KERNEL, 16, 16, NULL };

	memset(img->bytes, 0, IMAGE_MAX);
	image_elf32(img, KERNEL, &s, 1);
}

/* A multiboot header at 0x20 of a file of 0x200 bytes. */
static void mb(struct image *img, u32 flags, u32 header_at, u32 load, u32 load_end, u32 bss_end,
	       u32 entry)
{
	const u32 header[8] = { 0x1badb002, flags, 0u - 0x1badb002u - flags,
				header_at,  load,  load_end,
				bss_end,    entry };

	memset(img->bytes, 0x90, 0x200);
	memcpy(img->bytes + 0x20, header, sizeof(header));
	img->size = 0x200;
}

static void mb_video(struct image *img)
{
	mb(img, 1u << 16 | 4, KERNEL + 0x20, KERNEL, 0, 0, KERNEL);
}

static void mb_not_elf(struct image *img)
{
	mb(img, 3, 0, 0, 0, 0, 0);
}

static void mb_header_below(struct image *img)
{
	mb(img, 1u << 16, KERNEL - 4, KERNEL, 0, 0, KERNEL);
}

static void mb_before_file(struct image *img)
{
	mb(img, 1u << 16, KERNEL + 0x24, KERNEL, 0, 0, KERNEL);
}

static void mb_load_end(struct image *img)
{
	mb(img, 1u << 16, KERNEL + 0x20, KERNEL, KERNEL + 0x201, 0, KERNEL);
}

static void mb_load_end_below(struct image *img)
{
	mb(img, 1u << 16, KERNEL + 0x20, KERNEL, KERNEL - 1, 0, KERNEL);
}

static void mb_bss_end(struct image *img)
{
	mb(img, 1u << 16, KERNEL + 0x20, KERNEL, KERNEL + 0x100, KERNEL + 0xff, KERNEL);
}

static void mb_entry(struct image *img)
{
	mb(img, 1u << 16, KERNEL + 0x20, KERNEL, 0, 0, KERNEL + 0x200);
}

static void mb_outside(struct image *img)
{
	mb(img, 1u << 16, KERNEL + 0x20, KERNEL, 0, 0xffffffff, KERNEL);
}

static void mb_cut(struct image *img)
{
	mb(img, 1u << 16, KERNEL + 0x20, KERNEL, 0, 0, KERNEL);
	img->size = 0x30;
}

static const struct {
	void (*damage)(struct image *img);
	int err;
	const char *text;
} cases[] = {
	{ text_file, -ENOEXEC, "a text file, not a kernel (38 bytes)" },
	{ gzip, -ENOEXEC, "gzip-compressed" },
	{ arm64_image, -ENOTSUP, "arm64 Linux image" },
	{ disk_image, -ENOEXEC, "--flat" },
	{ efi_program, -ENOEXEC, "EFI or DOS program" },
	{ unknown_bytes, -ENOEXEC, "not a kernel image (7 bytes)" },
	{ four_bytes, -EINVAL, "truncated ELF file: 4 bytes" },
	{ cut_header, -EINVAL, "truncated ELF file: 63 bytes" },
	{ cut_phdrs, -EINVAL, "3 program headers at 0x40 reach past its 120 bytes" },
	{ cut_segment, -EINVAL, "truncated ELF file: segment 1 (0x300 bytes" },
	{ cut_note, -EINVAL, "truncated ELF file: notes" },
	{ aarch64, -ENOTSUP, "ELF file for aarch64 (machine 183)" },
	{ i386_in_64, -EINVAL, "64-bit class with machine i386" },
	{ big_endian, -ENOTSUP, "big-endian ELF file (machine s390)" },
	{ bad_class, -EINVAL, "class 7" },
	{ object_file, -EINVAL, "relocatable object" },
	{ program, -EINVAL, "a program for an operating system" },
	{ no_phdrs, -EINVAL, "without program headers" },
	{ phentsize, -EINVAL, "program headers of 55 bytes, expected 56" },
	{ phoff_wraps, -EINVAL, "program headers at 0xffffffffffffff9b" },
	{ nothing_to_load, -EINVAL, "nothing to load" },
	{ filesz_over_memsz, -EINVAL, "0x300 bytes in the file and 0x2ff in memory" },
	{ offset_wraps, -EINVAL, "segment 0 (0x300 bytes at offset 0xffffffffffffffff)" },
	{ segment_wraps, -EINVAL, "wraps around" },
	{ outside_ram, -ENOSPC, "segment 1 (0x3fff00 + 0x300 bytes) lies outside guest RAM" },
	{ far_outside, -ENOSPC, "has 4096 KiB" },
	{ in_vga_hole, -EINVAL, "segment 1 (0xa0000..0xa02ff) overlaps the BIOS area" },
	{ huge_bss, -ENOSPC, "segment 1" },
	{ overlap, -EINVAL, "segment 1 (0x200fff..0x2012fe) overlaps segment 0" },
	{ note_entry_outside, -EINVAL, "PVH entry 0x201000 lies in none" },
	{ note_entry_high, -EINVAL, "PVH entry 0x100200000" },
	{ note_size, -EINVAL, "PVH entry note: 2 bytes" },
	{ entry_outside, -EINVAL, "the entry 0xfff lies in none" },
	{ many_segments, -EINVAL, "more than 32 loadable segments" },
	{ elf32_plain, -ENOTSUP, "32-bit ELF file with neither" },
	{ mb_video, -ENOTSUP, "requires features 0x4" },
	{ mb_not_elf, -EINVAL, "not ELF" },
	{ mb_header_below, -EINVAL, "damaged multiboot header: load address 0x200000" },
	{ mb_before_file, -EINVAL, "damaged multiboot header" },
	{ mb_load_end, -EINVAL, "it loads 0x200000..0x200201, the file holds 0x200" },
	{ mb_load_end_below, -EINVAL, "truncated or damaged" },
	{ mb_bss_end, -EINVAL, "bss ends at 0x2000ff" },
	{ mb_entry, -EINVAL, "multiboot entry 0x200200 lies outside" },
	{ mb_outside, -ENOSPC, "the image (0x200000 + 0xffdfffff bytes) lies outside" },
	{ mb_cut, -EINVAL, "truncated inside its multiboot header" },
};

START_TEST(refused)
{
	struct guest_mem *gm = image_guest(RAM, 1);
	struct boot_file f = { .path = "vmlinuz-x", .fd = -1 };
	const struct boot_request req = { .kernel = &f, .cmdline = "" };
	struct boot_state st;
	struct error e = { "" };
	struct image img;
	u8 *exact;
	int err;

	image_init(&img);
	good(&img);
	cases[_i].damage(&img);
	/* a copy of just the file's size lets ASan see a read past its end */
	exact = malloc(img.size);
	memcpy(exact, img.bytes, img.size);
	f.data = exact;
	f.size = img.size;
	err = boot_load(gm, &req, &st, &e);
	ck_assert_msg(err == cases[_i].err, "case %d: %d, %s", _i, err, e.text);
	ck_assert_msg(strstr(e.text, cases[_i].text), "case %d: %s", _i, e.text);
	ck_assert_msg(!strncmp(e.text, "vmlinuz-x: ", 11), "case %d: %s", _i, e.text);
	ck_assert_ptr_null(strchr(e.text, '\n'));
	free(exact);
	image_free(&img);
	guest_mem_destroy(gm);
}
END_TEST

START_TEST(undamaged_is_accepted)
{
	struct guest_mem *gm = image_guest(RAM, 1);
	struct boot_file f = { .path = "vmlinuz-x", .fd = -1 };
	const struct boot_request req = { .kernel = &f, .cmdline = "" };
	struct boot_state st;
	struct error e = { "" };
	struct image img;

	image_init(&img);
	good(&img);
	f.data = img.bytes;
	f.size = img.size;
	ck_assert_msg(boot_load(gm, &req, &st, &e) == 0, "%s", e.text);
	image_free(&img);
	guest_mem_destroy(gm);
}
END_TEST

/* The longest command line the loader itself allows, and one character more. */
START_TEST(command_line_limit)
{
	struct guest_mem *gm = image_guest(RAM, 1);
	struct boot_file f = { .path = "vmlinuz-x", .fd = -1 };
	char *line = malloc(65537);
	const struct boot_request req = { .kernel = &f, .cmdline = line };
	struct boot_state st;
	struct error e = { "" };
	struct image img;
	u64 at;

	image_init(&img);
	good(&img);
	f.data = img.bytes;
	f.size = img.size;
	memset(line, 'x', 65536);
	line[65535] = 0;
	ck_assert_msg(boot_load(gm, &req, &st, &e) == 0, "%s", e.text);
	memcpy(&at, guest_mem_range(gm, GPA(st.rbx + 24), 8), 8);
	ck_assert_uint_eq(strlen(image_text(gm, at)), 65535);
	line[65535] = 'x';
	line[65536] = 0;
	ck_assert_int_eq(boot_load(gm, &req, &st, &e), -E2BIG);
	ck_assert_ptr_nonnull(strstr(e.text, "has 65536 characters"));
	free(line);
	image_free(&img);
	guest_mem_destroy(gm);
}
END_TEST

/* --- files --------------------------------------------------------------------------------- */

static void expect_open(const char *path, int err, const char *text)
{
	struct boot_file f;
	struct error e = { "" };

	ck_assert_int_eq(boot_file_open(&f, path, &e), err);
	ck_assert_msg(strstr(e.text, text), "%s", e.text);
	ck_assert_msg(strstr(e.text, path), "%s", e.text);
	ck_assert_ptr_null(f.data);
	ck_assert_int_eq(f.fd, -1);
	boot_file_close(&f);
}

START_TEST(files)
{
	char dir[] = "/tmp/boot-test-XXXXXX", path[64];
	struct guest_mem *gm = image_guest(RAM, 1);
	struct boot_file f;
	const struct boot_request req = { .kernel = &f, .cmdline = "" };
	struct boot_state st;
	struct error e = { "" };
	struct image img;
	int fd;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	expect_open(dir, -EISDIR, "a directory");
	snprintf(path, sizeof(path), "%s/kernel", dir);
	expect_open(path, -ENOENT, "cannot open");
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	expect_open(path, -EINVAL, "not a regular file");
	unlink(path);
	fd = open(path, O_CREAT | O_RDWR, 0600);
	ck_assert_int_ge(fd, 0);
	expect_open(path, -EINVAL, "the file is empty");

	/* and a good one, loaded through its descriptor */
	image_init(&img);
	good(&img);
	ck_assert_int_eq(write(fd, img.bytes, img.size), (ssize_t)img.size);
	close(fd);
	ck_assert_msg(boot_file_open(&f, path, &e) == 0, "%s", e.text);
	ck_assert_uint_eq(f.size, img.size);
	ck_assert_msg(boot_load(gm, &req, &st, &e) == 0, "%s", e.text);
	image_check(gm, KERNEL, 0, 0x300, 0x1000);
	boot_file_close(&f);
	boot_file_close(&f);
	unlink(path);
	rmdir(dir);
	image_free(&img);
	guest_mem_destroy(gm);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("boot_bad_images");
	TCase *t = tcase_create("boot_bad_images");

	tcase_add_loop_test(t, refused, 0, ARRAY_SIZE(cases));
	tcase_add_test(t, undamaged_is_accepted);
	tcase_add_test(t, command_line_limit);
	tcase_add_test(t, files);
	suite_add_tcase(s, t);
	return image_run(s);
}
