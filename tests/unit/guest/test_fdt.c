/* SPDX-License-Identifier: MIT */
/* Unit tests of guest/lib/fdt.[ch]: blobs made by libfdt, then broken byte by byte. */
#include <check.h>
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

#include "guest/lib/errno.h"
#include "guest/lib/fdt.h"
#include "guest/lib/rand.h"
#include "tests/unit/guest/fast_check.h"

enum { ROOM = 4096 };

/* Built with the sequential writer, so that nothing here depends on our own idea of the format. */
static u32 build(void *buf)
{
	static const char compatible[] = "acme,board\0acme,family";
	static const u32 odd[3] = { 0 };

	ck_assert_int_eq(fdt_create(buf, ROOM), 0);
	fdt_add_reservemap_entry(buf, 0x1000, 0x2000);
	fdt_add_reservemap_entry(buf, 0x123456789000, 0x10);
	fdt_finish_reservemap(buf);
	fdt_begin_node(buf, "");
	fdt_property_u32(buf, "#address-cells", 2);
	fdt_property_u32(buf, "#size-cells", 2);
	fdt_property(buf, "compatible", compatible, sizeof(compatible));
	fdt_property_string(buf, "model", "Test");
	fdt_property(buf, "empty", NULL, 0);
	fdt_property(buf, "unterminated", "abc", 3);

	fdt_begin_node(buf, "chosen");
	fdt_property_string(buf, "bootargs", "quiet selftest=all");
	fdt_property_u64(buf, "seed", 0x1122334455667788);
	fdt_end_node(buf);

	fdt_begin_node(buf, "cpus");
	fdt_property_u32(buf, "#address-cells", 1);
	fdt_property_u32(buf, "#size-cells", 0);
	for (u32 i = 0; i < 3; i++) {
		char name[] = "cpu@0";

		name[4] = (char)('0' + i);
		fdt_begin_node(buf, name);
		fdt_property_u32(buf, "reg", i);
		fdt_property_string(buf, "compatible", "acme,cpu");
		fdt_end_node(buf);
	}
	fdt_end_node(buf);

	fdt_begin_node(buf, "memory@0");
	fdt_property_placeholder(buf, "reg", 32, (void **)&(void *){ NULL });
	fdt_end_node(buf);

	fdt_begin_node(buf, "soc");
	fdt_begin_node(buf, "serial@3f8");
	fdt_property(buf, "reg", odd, sizeof(odd));
	fdt_end_node(buf);
	fdt_begin_node(buf, "serial@2f8");
	fdt_property(buf, "reg", odd, 8);
	fdt_end_node(buf);
	fdt_end_node(buf);
	fdt_end_node(buf);
	ck_assert_int_eq(fdt_finish(buf), 0);
	{
		u64 reg[4] = { cpu_to_fdt64(0), cpu_to_fdt64(0x80000000), cpu_to_fdt64(1ULL << 32),
			       cpu_to_fdt64(0x40000000) };
		int memory = fdt_path_offset(buf, "/memory@0");

		ck_assert_int_eq(fdt_setprop_inplace(buf, memory, "reg", reg, sizeof(reg)), 0);
	}
	return fdt_totalsize(buf);
}

static void open_built(struct dt *dt, void *buf)
{
	u32 size = build(buf);

	ck_assert_int_eq(dt_open(dt, buf, ROOM), 0);
	ck_assert_uint_eq(dt_blob_size(buf), size);
	ck_assert_uint_eq(dt->total_size, size);
}

START_TEST(every_node_and_property_as_libfdt_sees_them)
{
	static u64 buf[ROOM / 8];
	struct dt dt;
	dt_node node;
	int off = -1, nodes = 0;

	open_built(&dt, buf);
	for (node = DT_ROOT; node != DT_NONE; node = dt_next(&dt, node), nodes++) {
		struct dt_prop prop;
		int p;
		bool more = dt_first_prop(&dt, node, &prop);

		off = nodes ? fdt_next_node(buf, off, NULL) : 0;
		ck_assert_int_ge(off, 0);
		ck_assert_str_eq(dt_name(&dt, node), fdt_get_name(buf, off, NULL));
		ck_assert_uint_eq(node, (u32)off);
		if (node != DT_ROOT)
			ck_assert_uint_eq(dt_parent(&dt, node), (u32)fdt_parent_offset(buf, off));
		fdt_for_each_property_offset (p, buf, off) {
			int len;
			const char *name;
			const void *data = fdt_getprop_by_offset(buf, p, &name, &len);

			ck_assert(more);
			ck_assert_str_eq(prop.name, name);
			ck_assert_uint_eq(prop.len, (u32)len);
			ck_assert_ptr_eq(prop.data, data);
			ck_assert_ptr_eq(dt_get(&dt, node, name, NULL), data);
			more = dt_next_prop(&dt, &prop);
		}
		ck_assert(!more);
	}
	ck_assert_int_eq(fdt_next_node(buf, off, NULL), -FDT_ERR_NOTFOUND);
	ck_assert_int_eq(nodes, 10);
	ck_assert_uint_eq(dt_parent(&dt, DT_ROOT), DT_NONE);
}
END_TEST

START_TEST(paths_and_children)
{
	static u64 buf[ROOM / 8];
	static const char *paths[] = { "/",	    "/chosen",	   "/cpus/cpu@2", "/soc/serial@2f8",
				       "/memory@0", "/cpus/cpu@3", "/cpu",	  "/chosen/x" };
	struct dt dt;
	dt_node child;
	u32 n = 0;

	open_built(&dt, buf);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		int off = fdt_path_offset(buf, paths[i]);

		ck_assert_uint_eq(dt_path(&dt, paths[i]), off < 0 ? DT_NONE : (u32)off);
	}
	ck_assert_uint_eq(dt_path(&dt, "/memory"), dt_path(&dt, "/memory@0"));
	ck_assert_uint_eq(dt_path(&dt, "/soc/serial"), dt_path(&dt, "/soc/serial@3f8"));
	ck_assert_uint_eq(dt_path(&dt, "//cpus/"), dt_path(&dt, "/cpus"));
	ck_assert_uint_eq(dt_path(&dt, "cpus"), DT_NONE);
	ck_assert_uint_eq(dt_path(&dt, "/memory@"), DT_NONE);
	dt_for_each_child (&dt, child, dt_path(&dt, "/cpus"))
		n++;
	dt_for_each_child (&dt, child, DT_ROOT)
		n += 10;
	dt_for_each_child (&dt, child, dt_path(&dt, "/chosen"))
		n += 100;
	ck_assert_uint_eq(n, 43);
	ck_assert_uint_eq(dt_next_sibling(&dt, DT_ROOT), DT_NONE);
}
END_TEST

START_TEST(values)
{
	static u64 buf[ROOM / 8];
	struct dt dt;
	u64 addr, size, v64;
	u32 v32, len = 9;
	dt_node cpu, chosen;

	open_built(&dt, buf);
	chosen = dt_path(&dt, "/chosen");
	ck_assert_str_eq(dt_str(&dt, chosen, "bootargs"), "quiet selftest=all");
	ck_assert_ptr_null(dt_str(&dt, DT_ROOT, "unterminated"));
	ck_assert_ptr_null(dt_str(&dt, DT_ROOT, "empty"));
	ck_assert_ptr_null(dt_str(&dt, DT_ROOT, "absent"));
	ck_assert_ptr_nonnull(dt_get(&dt, DT_ROOT, "empty", &len));
	ck_assert_uint_eq(len, 0);
	ck_assert(dt_u64(&dt, chosen, "seed", &v64));
	ck_assert_uint_eq(v64, 0x1122334455667788);
	ck_assert(!dt_u32(&dt, chosen, "seed", &v32));
	ck_assert(dt_u64(&dt, DT_ROOT, "#size-cells", &v64));
	ck_assert_uint_eq(v64, 2);
	ck_assert(!dt_u64(&dt, chosen, "bootargs", &v64));

	ck_assert(dt_strlist_has(&dt, DT_ROOT, "compatible", "acme,board"));
	ck_assert(dt_strlist_has(&dt, DT_ROOT, "compatible", "acme,family"));
	ck_assert(!dt_strlist_has(&dt, DT_ROOT, "compatible", "acme"));
	ck_assert(!dt_strlist_has(&dt, DT_ROOT, "unterminated", "abc"));
	cpu = dt_find_compatible(&dt, DT_NONE, "acme,cpu");
	ck_assert_uint_eq(cpu, dt_path(&dt, "/cpus/cpu@0"));
	cpu = dt_find_compatible(&dt, cpu, "acme,cpu");
	ck_assert_uint_eq(cpu, dt_path(&dt, "/cpus/cpu@1"));
	ck_assert_uint_eq(dt_find_compatible(&dt, DT_NONE, "acme,board"), DT_ROOT);
	ck_assert_uint_eq(dt_find_compatible(&dt, DT_ROOT, "acme,board"), DT_NONE);

	ck_assert(dt_reg(&dt, cpu, 0, &addr, &size));
	ck_assert_uint_eq(addr, 1);
	ck_assert_uint_eq(size, 0);
	ck_assert(!dt_reg(&dt, cpu, 1, &addr, &size));
	ck_assert(dt_reg(&dt, dt_path(&dt, "/memory"), 1, &addr, &size));
	ck_assert_uint_eq(addr, 1ULL << 32);
	ck_assert_uint_eq(size, 0x40000000);
	ck_assert(!dt_reg(&dt, dt_path(&dt, "/memory"), 2, &addr, &size));
	ck_assert(dt_reg(&dt, dt_path(&dt, "/soc/serial@3f8"), 0, &addr, &size));
	ck_assert(!dt_reg(&dt, dt_path(&dt, "/soc/serial@2f8"), 0, &addr, &size));
	ck_assert(!dt_reg(&dt, chosen, 0, &addr, &size));

	ck_assert(dt_reserved(&dt, 0, &addr, &size));
	ck_assert_uint_eq(addr, 0x1000);
	ck_assert(dt_reserved(&dt, 1, &addr, &size));
	ck_assert_uint_eq(addr, 0x123456789000);
	ck_assert(!dt_reserved(&dt, 2, &addr, &size));
}
END_TEST

START_TEST(bad_headers)
{
	static u64 buf[ROOM / 8], copy[ROOM / 8];
	u32 size = build(buf);
	struct dt dt;
	static const struct {
		u32 field;
		u32 value;
		int err;
	} table[] = {
		{ 0, 0xd00dfeee, -ENOENT },  { 4, ROOM + 1, -E2BIG },
		{ 4, 0xffffffff, -E2BIG },   { 4, 40, -EINVAL },
		{ 8, 0xfffffffc, -EINVAL },  { 8, 58, -EINVAL },
		{ 12, 0xffffffff, -EINVAL }, { 16, 0xfffffff8, -EINVAL },
		{ 16, 44, -EINVAL },	     { 20, 16, -ENOTSUP },
		{ 24, 18, -ENOTSUP },	     { 32, 0xffffffff, -EINVAL },
		{ 36, 0xfffffffc, -EINVAL }, { 36, 0, -EINVAL },
		{ 32, 0, -EINVAL },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		u32 value = cpu_to_fdt32(table[i].value);

		memcpy(copy, buf, ROOM);
		memcpy((char *)copy + table[i].field, &value, 4);
		ck_assert_msg(dt_open(&dt, copy, ROOM) == table[i].err, "field %u value %#x: %d",
			      table[i].field, table[i].value, dt_open(&dt, copy, ROOM));
	}
	ck_assert_int_eq(dt_open(&dt, buf, 39), -ENOENT);
	ck_assert_int_eq(dt_open(&dt, buf, 0), -ENOENT);
	ck_assert_int_eq(dt_open(&dt, buf, size - 1), -E2BIG);
	ck_assert_int_eq(dt_open(&dt, buf, size), 0);
	ck_assert_uint_eq(dt_blob_size("not a device tree"), 0);
}
END_TEST

/* Structure blocks written token by token: B begins a node named "" (or "x" from the second on),
 * E ends one, P is a property "p" of 4 bytes, N a NOP, Z the end, ? an unknown token, L a property
 * longer than the block, W one whose padded length wraps to 0, S one whose name lies outside the
 * strings. */
static size_t assemble(u32 *blob, const char *tokens)
{
	u32 header[10] = { 0xd00dfeed, 0, 56, 0, 40, 17, 16, 0, 2, 0 };
	size_t n = 14; /* words: header, then the reservation block's terminator */
	bool root = true;

	memset(blob, 0, 56);
	for (; *tokens; tokens++) {
		u32 prop[] = { 3, 4, *tokens == 'S' ? 2 : 0, *tokens == 'W' ? 4 : 0x1234 };

		if (*tokens == 'L' || *tokens == 'W')
			prop[1] = *tokens == 'L' ? 4096 : 0xfffffffe;

		switch (*tokens) {
		case 'B':
			blob[n++] = cpu_to_fdt32(1);
			blob[n++] = cpu_to_fdt32(root ? 0 : 'x' << 24);
			root = false;
			break;
		case 'P':
		case 'L':
		case 'W':
		case 'S':
			for (size_t i = 0; i < 4; i++)
				blob[n++] = cpu_to_fdt32(prop[i]);
			break;
		default:
			blob[n++] = cpu_to_fdt32(*tokens == 'E'	  ? 2
						 : *tokens == 'N' ? 4
						 : *tokens == 'Z' ? 9
								  : 7);
		}
	}
	header[9] = (u32)(n * 4 - 56);
	header[3] = (u32)(n * 4);
	memcpy(blob + n, "p", 2);
	header[1] = (u32)(n * 4 + 2);
	for (size_t i = 0; i < 10; i++)
		blob[i] = cpu_to_fdt32(header[i]);
	return header[1];
}

START_TEST(structure_rules)
{
	static const struct {
		const char *tokens;
		int err;
	} table[] = {
		{ "BEZ", 0 },		{ "NNBNPNPNBPEBENEZ", 0 }, { "BPBBEEEZ", 0 },
		{ "", -EINVAL },	{ "Z", -EINVAL },	   { "NZ", -EINVAL },
		{ "BE", -EINVAL },	{ "B", -EINVAL },	   { "BZ", -EINVAL },
		{ "PBEZ", -EINVAL },	{ "EBZ", -EINVAL },	   { "BEBEZ", -EINVAL },
		{ "BEEBZ", -EINVAL },	{ "BEEBBEZ", -EINVAL },	   { "BEPZ", -EINVAL },
		{ "BBEPEZ", -EINVAL },	{ "B?EZ", -EINVAL },	   { "BLEZ", -EINVAL },
		{ "BWNNNEZ", -EINVAL }, { "BSEZ", -EINVAL },
	};
	static u32 blob[128];
	struct dt dt;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		size_t size = assemble(blob, table[i].tokens);

		ck_assert_msg(dt_open(&dt, blob, size) == table[i].err, "%s: %d", table[i].tokens,
			      dt_open(&dt, blob, size));
	}
	/* NOPs before the root do not move it. */
	ck_assert_int_eq(dt_open(&dt, blob, assemble(blob, "NNBPEZ")), 0);
	ck_assert_str_eq(dt_name(&dt, DT_ROOT), "");
	ck_assert_ptr_nonnull(dt_get(&dt, DT_ROOT, "p", NULL));
	/* The root's name runs on to the end of the block. */
	assemble(blob, "BBB");
	for (size_t i = 15; i < 20; i++)
		blob[i] = 0x41414141;
	ck_assert_int_eq(dt_open(&dt, blob, sizeof(blob)), -EINVAL);
}
END_TEST

START_TEST(too_deep_is_refused)
{
	static u64 buf[ROOM / 8];
	struct dt dt;

	for (int depth = DT_MAX_DEPTH - 1; depth <= DT_MAX_DEPTH + 1; depth++) {
		fdt_create(buf, ROOM);
		fdt_finish_reservemap(buf);
		for (int i = 0; i < depth; i++)
			fdt_begin_node(buf, i ? "x" : "");
		for (int i = 0; i < depth; i++)
			fdt_end_node(buf);
		ck_assert_int_eq(fdt_finish(buf), 0);
		ck_assert_int_eq(dt_open(&dt, buf, ROOM), depth <= DT_MAX_DEPTH ? 0 : -EINVAL);
		if (depth == DT_MAX_DEPTH) {
			dt_node node = DT_ROOT, last = DT_NONE;

			for (; node != DT_NONE; node = dt_first_child(&dt, node))
				last = node;
			ck_assert_uint_ne(dt_parent(&dt, last), DT_NONE);
		}
	}
}
END_TEST

/* Asks everything of a tree that has been accepted; ASan watches the exactly sized blob. */
static u64 exercise(const struct dt *dt)
{
	u64 sum = 0, addr, size;
	u32 len;

	for (dt_node n = DT_ROOT; n != DT_NONE; n = dt_next(dt, n)) {
		struct dt_prop prop;
		dt_node child;

		sum += strlen(dt_name(dt, n)) + dt_parent(dt, n);
		for (bool more = dt_first_prop(dt, n, &prop); more;
		     more = dt_next_prop(dt, &prop)) {
			for (len = 0; len < prop.len; len++)
				sum += ((const u8 *)prop.data)[len];
			sum += strlen(prop.name);
			dt_strlist_has(dt, n, prop.name, "acme,cpu");
			dt_str(dt, n, prop.name);
		}
		dt_for_each_child (dt, child, n)
			sum++;
		for (u32 i = 0; dt_reg(dt, n, i, &addr, &size); i++)
			sum += addr + size;
	}
	for (u32 i = 0; dt_reserved(dt, i, &addr, &size); i++)
		sum += addr;
	return sum + dt_path(dt, "/cpus/cpu@1") + dt_find_compatible(dt, DT_NONE, "acme,cpu");
}

START_TEST(broken_bytes_never_lead_outside)
{
	static u64 buf[ROOM / 8];
	u32 size = build(buf), accepted = 0;
	static volatile u64 sink;
	struct rand r;

	rand_init(&r, 14);
	for (u32 round = 0; round < 12000; round++) {
		u32 cut = rand_one_in(&r, 4) ? (u32)rand_below(&r, size) : 0;
		u8 *copy = malloc(size - cut);
		struct dt dt;

		memcpy(copy, buf, size - cut);
		for (u64 n = rand_below(&r, 3) + !cut; n && size > cut; n--) {
			u32 at = (u32)rand_below(&r, size - cut);

			copy[at] = rand_one_in(&r, 2) ? (u8)rand_u64(&r) : (u8)(copy[at] + 1);
		}
		/* A lowered totalsize makes cut blobs get past the first check. */
		if (cut && size - cut >= 8)
			fdt_set_totalsize(copy, size - cut);
		if (dt_open(&dt, copy, size - cut) == 0) {
			sink = sink + exercise(&dt);
			accepted++;
		}
		free(copy);
	}
	/* Both outcomes were seen many times. */
	ck_assert_uint_gt(accepted, 1000);
	ck_assert_uint_lt(accepted, 11000);
}
END_TEST

START_TEST(nops_are_passed_over)
{
	static u64 buf[ROOM / 8];
	struct dt dt;
	int off;

	build(buf);
	off = fdt_path_offset(buf, "/cpus/cpu@1");
	ck_assert_int_eq(fdt_nop_property(buf, off, "reg"), 0);
	ck_assert_int_eq(fdt_nop_node(buf, fdt_path_offset(buf, "/memory@0")), 0);
	ck_assert_int_eq(dt_open(&dt, buf, ROOM), 0);
	ck_assert_uint_eq(dt_path(&dt, "/memory@0"), DT_NONE);
	ck_assert_uint_eq(dt_path(&dt, "/soc"), (u32)fdt_path_offset(buf, "/soc"));
	ck_assert_ptr_null(dt_get(&dt, dt_path(&dt, "/cpus/cpu@1"), "reg", NULL));
	ck_assert_ptr_nonnull(dt_get(&dt, dt_path(&dt, "/cpus/cpu@1"), "compatible", NULL));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("fdt");
	TCase *t = tcase_create("fdt");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_set_timeout(t, 30);
	tcase_add_test(t, every_node_and_property_as_libfdt_sees_them);
	tcase_add_test(t, paths_and_children);
	tcase_add_test(t, values);
	tcase_add_test(t, bad_headers);
	tcase_add_test(t, structure_rules);
	tcase_add_test(t, too_deep_is_refused);
	tcase_add_test(t, broken_bytes_never_lead_outside);
	tcase_add_test(t, nops_are_passed_over);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
