/* SPDX-License-Identifier: MIT */
/* test_boot.c - what the loader said is what the kernel uses; and the console. */
#include "guest/kernel/boot_info.h"
#include "guest/kernel/boot_mem.h"
#include "guest/kernel/printk.h"
#include "guest/kernel/selftest/tests_decl.h"
#include "guest/arch/x86/sections.h"
#include "guest/arch/x86/paging.h"
#include "guest/lib/string.h"

void ktest_boot_memory_map(struct ktest *t)
{
	const struct memblock *mb = boot_mem_map();
	const char *broken = memblock_check(mb);
	u64 total = 0;

	if (broken)
		ktest_fail(t, __FILE__, __LINE__, "%s", broken);
	for (size_t i = 0; i < boot_info.nr_mem; i++)
		total += boot_info.mem[i].size;
	KT_EXPECT_EQ(t, memblock_total(mb), total);
	KT_EXPECT(t, memblock_is_memory(mb, __pa(_text), (u64)(_end - _text)));
	KT_EXPECT(t, memblock_is_reserved(mb, __pa(_text), 1));
	KT_EXPECT(t, memblock_is_reserved(mb, __pa(_end) - 1, 1));
	KT_EXPECT(t, memblock_total_free(mb) < total);
}

void ktest_boot_device_tree(struct ktest *t)
{
	const struct dt *dt = &boot_info.fdt;
	dt_node n;
	u64 total = 0;

	if (!boot_info.has_fdt) {
		ktest_skip(t, "the loader gave no device tree");
		return;
	}
	dt_for_each_child (dt, n, DT_ROOT) {
		const char *type = dt_str(dt, n, "device_type");
		u64 base, size;

		if (!type || strcmp(type, "memory") != 0)
			continue;
		for (u32 i = 0; dt_reg(dt, n, i, &base, &size); i++) {
			KT_EXPECT(t, memblock_is_memory(boot_mem_map(), base, size));
			total += size;
		}
	}
	KT_EXPECT_EQ(t, memblock_total(boot_mem_map()), total);
	KT_EXPECT(t, dt_path(dt, "/cpus") != DT_NONE);
	KT_EXPECT(t, dt_path(dt, "/chosen") != DT_NONE);
}

void ktest_console_long_lines(struct ktest *t)
{
	char line[PRINTK_MAX + 10], text[PRINTK_MAX + 10];
	struct ringbuf_cursor cur = { 0 };
	struct ringbuf_rec rec = { 0 };
	int level = printk_set_level(LOGLEVEL_EMERG); /* for the log alone */

	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	printk(LOGLEVEL_DEBUG, "%s", line);
	printk_set_level(level);
	while (printk_read(&cur, &rec, text, sizeof(text)))
		;
	KT_EXPECT_EQ(t, rec.len, PRINTK_MAX - 1);
	KT_EXPECT(t, strlen(text) == PRINTK_MAX - 1 && !memchr_inv(text, 'x', PRINTK_MAX - 1));

	/* On the console: longer than a transmit FIFO, several times, and not a multiple of it. */
	console_printf(
		"# 16 bytes fit the FIFO; 0123456789abcdef0123456789abcdef0123456789abcdef end\n");
}
