/* SPDX-License-Identifier: MIT */
/* test_lib.c - the portable library again, in ring 0: what host tests cannot see is the build. */
#include "guest/kernel/selftest/tests_decl.h"
#include "guest/arch/x86/backtrace.h"
#include "guest/lib/list.h"
#include "guest/lib/printf.h"
#include "guest/lib/rand.h"
#include "guest/lib/rbtree.h"
#include "guest/lib/string.h"

void ktest_lib_printf(struct ktest *t)
{
	char buf[64];

	ksnprintf(buf, sizeof(buf), "%5d|%-5u|%05x|%s|%c|%lx", -42, 42u, 0xabcu, "text", 'z', ~0UL);
	KT_EXPECT(t, strcmp(buf, "  -42|42   |00abc|text|z|ffffffffffffffff") == 0);
	KT_EXPECT_EQ(t, ksnprintf(buf, 4, "%s", "cut here"), 8);
	KT_EXPECT(t, strcmp(buf, "cut") == 0);
	ksnprintf(buf, sizeof(buf), "%pS", (void *)(u64)ktest_lib_printf);
	KT_EXPECT(t, str_has_prefix(buf, "ktest_lib_printf+0x0/"));
}

void ktest_lib_string(struct ktest *t)
{
	char a[100], b[100];

	for (unsigned n = 0; n < sizeof(a); n++) {
		memset(a, 0x11, sizeof(a));
		memset(b, (int)n, sizeof(b));
		memcpy(a, b, n);
		KT_EXPECT(t, memcmp(a, b, n) == 0);
		KT_EXPECT(t, n == sizeof(a) || a[n] == 0x11);
	}
	for (unsigned i = 0; i < sizeof(a); i++)
		a[i] = (char)i;
	memmove(a + 3, a, 50);
	KT_EXPECT(t, a[3] == 0 && a[52] == 49 && a[53] == 53);
	memmove(a, a + 3, 50);
	KT_EXPECT(t, a[0] == 0 && a[49] == 49);
	KT_EXPECT_EQ(t, strlen("twelve chars"), 12);
}

void ktest_lib_list(struct ktest *t)
{
	struct item {
		int v;
		struct list_head entry;
	} items[10], *it;
	LIST_HEAD(head);
	int want = 0;

	for (int i = 0; i < 10; i++) {
		items[i].v = i;
		list_add_tail(&items[i].entry, &head);
	}
	list_del(&items[4].entry);
	list_move(&items[9].entry, &head);
	list_for_each_entry (it, &head, entry) {
		KT_EXPECT_EQ(t, it->v, want == 0 ? 9 : want <= 4 ? want - 1 : want);
		want++;
	}
	KT_EXPECT_EQ(t, want, 9);
}

struct node {
	struct rb_node rb;
	u64 key;
};

static bool node_less(const struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct node, rb)->key < rb_entry(b, struct node, rb)->key;
}

void ktest_lib_rbtree(struct ktest *t)
{
	enum { N = 200 };
	static struct node nodes[N];
	struct rb_root root = RB_ROOT;
	u64 last = 0, seed = 88172645463325252UL;
	unsigned count = 0;
	const char *broken;

	for (unsigned i = 0; i < N; i++) {
		seed = seed * 6364136223846793005UL + 1442695040888963407UL;
		nodes[i].key = seed >> 32;
		rb_add(&nodes[i].rb, &root, node_less);
	}
	for (unsigned i = 0; i < N; i += 3)
		rb_erase(&nodes[i].rb, &root);
	broken = rb_check(&root, node_less, NULL);
	if (broken)
		ktest_fail(t, __FILE__, __LINE__, "%s", broken);
	for (struct rb_node *n = rb_first(&root); n; n = rb_next(n)) {
		KT_EXPECT(t, rb_entry(n, struct node, rb)->key >= last);
		last = rb_entry(n, struct node, rb)->key;
		count++;
	}
	KT_EXPECT_EQ(t, count, N - (N + 2) / 3);
}

void ktest_lib_kallsyms(struct ktest *t)
{
	const char *broken = ksym_check(&kernel_symbols);
	struct ksym sym;

	if (broken)
		ktest_fail(t, __FILE__, __LINE__, "%s", broken);
	KT_EXPECT(t, kernel_symbols.count > 100);
	KT_EXPECT(t, ksym_lookup(&kernel_symbols, (u64)ktest_lib_kallsyms + 1, &sym));
	KT_EXPECT(t, strcmp(sym.name, "ktest_lib_kallsyms") == 0 && sym.offset == 1);
	KT_EXPECT(t, !ksym_lookup(&kernel_symbols, (u64)&kernel_symbols, &sym));
}
