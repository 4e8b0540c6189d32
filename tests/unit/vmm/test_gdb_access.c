/* SPDX-License-Identifier: MIT */
/* Unit tests of vmm/gdb/access.c: what instructions touch, in each mode. */
#include <check.h>
#include <stdlib.h>

#include "vmm/gdb/access.h"

static struct access_decoder *decoder;

static void setup(void)
{
	ck_assert_int_eq(access_decoder_open(&decoder), 0);
}

static void teardown(void)
{
	access_decoder_close(decoder);
}

static const struct kvm_regs regs = {
	.rax = 0x11,
	.rcx = 3,
	.rdx = 0x40,
	.rbx = 0x5000,
	.rsp = 0x8000,
	.rbp = 0x9000,
	.rsi = 0xa000,
	.rdi = 0xb000,
	.r12 = 0x1200000,
	.rip = 0x1000,
};
static const struct kvm_sregs long_mode = { .cr0 = 0x80000001,
					    .cs = { .l = 1 },
					    .ds = { .base = 0x77777 },
					    .fs = { .base = 0x100000 },
					    .gs = { .base = 0xffff888000000000 } };
static const struct kvm_sregs real_mode = { .cs = { .base = 0x20000 },
					    .ds = { .base = 0x30000 },
					    .ss = { .base = 0x40000 },
					    .es = { .base = 0x50000 } };

/* One access; kind: "r", "w", "rw" or "" for none. */
struct sample {
	const char *insn;
	size_t n;
	const char *kind;
	u64 addr, len;
	bool jumps;
};

static void judge(const struct kvm_sregs *s, const struct sample *a, u64 pc)
{
	bool read = a->kind[0] == 'r', write = a->kind[0] == 'w' || (read && a->kind[1]);
	struct access_list out;

	access_decode(decoder, &regs, s, (const u8 *)a->insn, a->n, &out);
	ck_assert_msg(out.pc == pc && out.next == pc + a->n, "%s: next %#lx", a->kind, out.next);
	ck_assert_int_eq(out.jumps, a->jumps);
	if (!a->len) {
		ck_assert_uint_eq(out.nr, 0);
		return;
	}
	ck_assert_msg(access_reads(&out, a->addr, 1) == read, "%#lx: read", a->addr);
	ck_assert_int_eq(access_writes(&out, a->addr, 1), write);
	ck_assert_int_eq(access_reads(&out, a->addr + a->len - 1, 1), read);
	ck_assert_int_eq(access_writes(&out, a->addr + a->len - 1, 4), write);
	ck_assert(!access_reads(&out, a->addr - 8, 8) || !read);
	ck_assert(!access_writes(&out, a->addr - 8, 8) || !write);
	ck_assert(!(write && access_writes(&out, a->addr + a->len, 8)));
}

START_TEST(in_long_mode)
{
	static const struct sample samples[] = {
		{ "\x48\x89\x3d\x10\x00\x00\x00", 7, "w", 0x1017, 8, false }, /* rip-relative */
		{ "\x8b\x43\x08", 3, "r", 0x5008, 4, false },  /* mov eax, [rbx + 8] */
		{ "\x01\x04\x93", 3, "rw", 0x5100, 4, false }, /* add [rbx + rdx*4], eax */
		{ "\x41\xc6\x04\x24\x05", 5, "w", 0x1200000, 1, false }, /* mov byte [r12], 5 */
		{ "\x65\x48\x8b\x04\x25\x30\x00\x00\x00", 9, "r", 0xffff888000000030, 8, false },
		{ "\x64\x8a\x03", 3, "r", 0x105000, 1, false },	     /* mov al, fs:[rbx] */
		{ "\x50", 1, "w", 0x7ff8, 8, false },		     /* push rax */
		{ "\x58", 1, "r", 0x8000, 8, false },		     /* pop rax */
		{ "\xe8\x00\x00\x00\x00", 5, "w", 0x7ff8, 8, true }, /* call */
		{ "\xc3", 1, "r", 0x8000, 8, true },		     /* ret */
		{ "\x48\xab", 2, "w", 0xb000, 8, false },	     /* stosq */
		{ "\xf3\x48\xab", 3, "w", 0xb000, 24, false },	     /* rep stosq, rcx 3 */
		{ "\x48\xa5", 2, "r", 0xa000, 8, false },	     /* movsq: its source */
		{ "\x48\xa5", 2, "w", 0xb000, 8, false },	     /* and where it goes */
		{ "\x0f\x11\x03", 3, "w", 0x5000, 16, false },	     /* movups [rbx], xmm0 */
		{ "\x48\x8d\x43\x08", 4, "", 0, 0, false },	     /* lea touches nothing */
		{ "\x90", 1, "", 0, 0, false },
		{ "\x74\x10", 2, "", 0, 0, true },
		{ "\x0f\x18\x0b", 3, "", 0, 0, false }, /* prefetch is no access */
		{ "\x0f\x1f\x03", 3, "", 0, 0, false },
	};

	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++)
		judge(&long_mode, &samples[i], 0x1000);
}
END_TEST

START_TEST(in_real_mode)
{
	static const struct sample samples[] = {
		{ "\xa1\x34\x12", 3, "r", 0x31234, 2, false }, /* mov ax, [0x1234] */
		{ "\x26\x88\x07", 3, "w", 0x55000, 1, false }, /* mov es:[bx], al */
		{ "\x8a\x46\x02", 3, "r", 0x49002, 1, false }, /* mov al, [bp + 2]: the stack's */
		{ "\x50", 1, "w", 0x47ffe, 2, false },
	};

	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++)
		judge(&real_mode, &samples[i], 0x21000);
}
END_TEST

START_TEST(backwards)
{
	struct kvm_regs r = regs;
	struct access_list a;

	r.rflags = 1u << 10;
	access_decode(decoder, &r, &long_mode, (const u8 *)"\xf3\x48\xab", 3, &a);
	ck_assert(access_writes(&a, 0xaff0, 1));
	ck_assert(access_writes(&a, 0xb007, 1));
	ck_assert(!access_writes(&a, 0xafef, 1));
	ck_assert(!access_writes(&a, 0xb008, 1));
	r.rcx = 0; /* no round, no access */
	access_decode(decoder, &r, &long_mode, (const u8 *)"\xf3\x48\xab", 3, &a);
	ck_assert(!access_writes(&a, 0, UINT64_MAX));
}
END_TEST

START_TEST(nonsense)
{
	struct access_list a;

	access_decode(decoder, &regs, &long_mode, (const u8 *)"\x06", 1, &a); /* push es */
	ck_assert_uint_eq(a.nr, 0);
	access_decode(decoder, &regs, &long_mode, (const u8 *)"\x48\x89", 2, &a); /* cut short */
	ck_assert_uint_eq(a.nr, 0);
	access_decode(decoder, &regs, &long_mode, NULL, 0, &a);
	ck_assert_uint_eq(a.nr, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("gdb_access");
	TCase *t = tcase_create("access");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, in_long_mode);
	tcase_add_test(t, in_real_mode);
	tcase_add_test(t, backwards);
	tcase_add_test(t, nonsense);
	suite_add_tcase(s, t);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
