/* SPDX-License-Identifier: MIT */
/* test_trace_format.c - tracepoints' own descriptions, as kernels write them and as none would. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/trace_format.h"

static const char text[] =
	"name: kvm_exit\nID: 1473\nformat:\n"
	"\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n\n"
	"\tfield:unsigned int exit_reason;\toffset:8;\tsize:4;\tsigned:0;\n"
	"\tfield:unsigned long guest_rip;\toffset:16;\tsize:8;\tsigned:0;\n"
	"\tfield:u32 isa;\toffset:24;\tsize:4;\tsigned:0;\n\n"
	"print fmt: \"reason %s rip 0x%lx\", (REC->isa == 1) ? "
	"__print_symbolic(REC->exit_reason & 0xffff, { 0, \"EXCEPTION_NMI\" }, { 12, \"HLT\" }) : "
	"__print_symbolic(REC->exit_reason, { 0x040 + 14, \"PF excp\" }, { 0x078, \"hlt\" }, "
	"{ REC, \"none\" }, { -1, \"invalid_guest_state\" }), REC->guest_rip\n";

START_TEST(fields)
{
	ck_assert_int_eq(trace_format_id(text), 1473);
	ck_assert_int_eq(trace_format_field(text, "exit_reason", 4), 8);
	ck_assert_int_eq(trace_format_field(text, "guest_rip", 8), 16);
	ck_assert_int_eq(trace_format_field(text, "isa", 4), 24);
	ck_assert_int_eq(trace_format_field(text, "isa", 8), -1);
	ck_assert_int_eq(trace_format_field(text, "rip", 8), -1);
	ck_assert_int_eq(trace_format_id("name: x\n"), -1);
}
END_TEST

START_TEST(words)
{
	struct trace_word w[8];

	ck_assert_uint_eq(trace_format_words(text, 0, w, 8), 2);
	ck_assert_uint_eq(w[1].value, 12);
	ck_assert_str_eq(w[1].word, "HLT");
	ck_assert_uint_eq(trace_format_words(text, 1, w, 8), 3);
	ck_assert_uint_eq(w[0].value, 0x4e);
	ck_assert_str_eq(w[0].word, "PF excp");
	ck_assert_uint_eq(w[2].value, (u64)-1);
	ck_assert_str_eq(w[2].word, "invalid_guest_state");
	ck_assert_uint_eq(trace_format_words(text, 1, w, 1), 1);
	ck_assert_uint_eq(trace_format_words(text, 2, w, 8), 0);
}
END_TEST

/* Whatever a text is cut to, nothing beyond its end is read. */
START_TEST(cut)
{
	struct trace_word w[8];

	for (size_t len = 0; len < sizeof(text); len++) {
		char *copy = strndup(text, len);

		ck_assert_ptr_nonnull(copy);
		for (unsigned nth = 0; nth < 3; nth++)
			ck_assert_uint_le(trace_format_words(copy, nth, w, 8), 3);
		ck_assert_int_le(trace_format_field(copy, "isa", 4), 24);
		ck_assert_int_le(trace_format_id(copy), 1473);
		free(copy);
	}
}
END_TEST

/* A word longer than there is room for is cut. */
START_TEST(long_word)
{
	struct trace_word w;

	ck_assert_uint_eq(
		trace_format_words(
			"__print_symbolic(x, { 7, \"12345678901234567890123456789012345\" })", 0,
			&w, 1),
		1);
	ck_assert_uint_eq(strlen(w.word), TRACE_WORD_MAX - 1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("trace_format");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;

	tcase_add_test(t, fields);
	tcase_add_test(t, words);
	tcase_add_test(t, cut);
	tcase_add_test(t, long_word);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
