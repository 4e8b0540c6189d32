/* SPDX-License-Identifier: MIT */
/* test_trace.c - rings that a guest fills, as it should and as it should not; the file that comes out. */
#include <check.h>
#include <stdlib.h>

#include "tests/unit/vmm/trace_check.h"
#include "vmm/loop.h"

#define AREA  0x200000UL
#define RINGS 0x210000UL
#define SLOTS 64u

struct fixture {
	struct guest_mem *gm;
	struct trace *t;
	struct trace_area *area;
};

static struct fixture setup(unsigned cpus, u64 limit)
{
	const struct mem_config cfg = { .size = 4 * MiB, .nr_nodes = 1, .backing = MEM_BACKING_4K };
	struct fixture f;
	struct error e;

	ck_assert_int_eq(guest_mem_create(&cfg, &f.gm, &e), 0);
	f.t = trace_create(cpus, limit);
	ck_assert_ptr_nonnull(f.t);
	f.area = guest_mem_range(f.gm, (gpa_t){ AREA },
				 sizeof(*f.area) + cpus * sizeof(f.area->cpu[0]));
	ck_assert_ptr_nonnull(f.area);
	*f.area = (struct trace_area){ .magic = TRACE_MAGIC,
				       .version = TRACE_VERSION,
				       .nr_cpus = cpus,
				       .slots = SLOTS,
				       .event_size = sizeof(struct trace_event) };
	for (unsigned i = 0; i < cpus; i++)
		f.area->cpu[i].ring = RINGS + i * SLOTS * sizeof(struct trace_event);
	return f;
}

static void teardown(struct fixture *f)
{
	trace_destroy(f->t);
	guest_mem_destroy(f->gm);
}

static void put(struct fixture *f, unsigned cpu, u64 tsc, u32 type, u32 value, const char *text)
{
	struct trace_cpu *c = &f->area->cpu[cpu];
	struct trace_event *ring =
		guest_mem_range(f->gm, (gpa_t){ c->ring }, SLOTS * sizeof(*ring));
	struct trace_event *e = &ring[c->head % SLOTS];

	memset(e, 0, sizeof(*e));
	e->tsc = tsc;
	e->type = type;
	e->value = value;
	memcpy(e->text, text, strlen(text));
	c->head++;
}

static struct trace_counts counts(struct fixture *f)
{
	struct trace_counts c;

	trace_count(f->t, &c);
	return c;
}

static void sync_clocks(struct fixture *f)
{
	u64 now = loop_now();

	trace_sync(f->t, 0, now);
	trace_sync(f->t, 1000, now + 1000);
}

START_TEST(as_it_should)
{
	struct fixture f = setup(2, 0);
	struct trace_seen seen;

	trace_announce(f.t, f.gm, (gpa_t){ AREA });
	ck_assert(counts(&f).announced);
	sync_clocks(&f);
	put(&f, 0, 10, TRACE_SWITCH, 1, "init");
	put(&f, 0, 20, TRACE_IRQ_ENTRY, 0xec, "timer");
	put(&f, 1, 15, TRACE_SWITCH, 2, "sixteen letters!");
	put(&f, 0, 30, TRACE_IRQ_EXIT, 0xec, "");
	put(&f, 0, 31, TRACE_SOFTIRQ_ENTRY, 6, "");
	put(&f, 0, 32, TRACE_EXCEPTION, 14, "");
	put(&f, 0, 40, TRACE_SOFTIRQ_EXIT, 0, "");
	trace_take(f.t);
	ck_assert_uint_eq(f.area->cpu[0].tail, 6);
	put(&f, 0, 50, TRACE_SWITCH, 3, "next");
	trace_take(f.t);
	trace_exit(f.t, 1,
		   &(struct trace_exit){
			   .start = loop_now(), .end = loop_now(), .reason = KVM_EXIT_HLT });
	ck_assert_ptr_null(trace_check(f.t, &seen));
	ck_assert_uint_eq(seen.slices, 5);
	ck_assert_uint_eq(seen.instants, 1);
	ck_assert_uint_eq(seen.exits, 1);
	ck_assert_uint_eq(counts(&f).events, 8);
	ck_assert_uint_eq(counts(&f).events_lost, 0);
	teardown(&f);
}
END_TEST

/* Ends without begins, begins without ends, types that do not exist, texts that are none, times that go back. */
START_TEST(garbled)
{
	struct fixture f = setup(1, 0);
	struct trace_seen seen;

	trace_announce(f.t, f.gm, (gpa_t){ AREA });
	sync_clocks(&f);
	put(&f, 0, 900, TRACE_IRQ_EXIT, 1, "");
	put(&f, 0, 800, TRACE_SOFTIRQ_EXIT, 1, "");
	for (u64 i = 0; i < 20; i++)
		put(&f, 0, 700 - i, TRACE_IRQ_ENTRY, 1, "\"\\\n\x80\xff<script>");
	put(&f, 0, UINT64_MAX, 77, 1, "");
	put(&f, 0, 5, TRACE_SOFTIRQ_EXIT, 1, "");
	put(&f, 0, 5, TRACE_SWITCH, 1, "\x01");
	put(&f, 0, 4, TRACE_SOFTIRQ_ENTRY, UINT32_MAX, "");
	trace_take(f.t);
	ck_assert_ptr_null(trace_check(f.t, &seen));
	ck_assert_uint_gt(seen.slices, 2);
	teardown(&f);
}
END_TEST

START_TEST(broken_heads)
{
	static const u64 heads[] = { SLOTS + 1, UINT64_MAX, 1UL << 63, 3 };
	struct fixture f = setup(1, 0);
	struct trace_seen seen;

	trace_announce(f.t, f.gm, (gpa_t){ AREA });
	for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
		f.area->cpu[0].head = heads[i];
		trace_take(f.t);
		ck_assert_uint_eq(f.area->cpu[0].tail, heads[i]);
		ck_assert_uint_eq(counts(&f).events, 0);
	}
	ck_assert_uint_ge(counts(&f).events_lost, ARRAY_SIZE(heads));
	/* What the guest puts into its header later is not looked at. */
	f.area->nr_cpus = UINT32_MAX;
	f.area->slots = UINT32_MAX;
	f.area->cpu[0].ring = UINT64_MAX;
	f.area->cpu[0].head += SLOTS;
	trace_take(f.t);
	ck_assert_uint_eq(counts(&f).events, SLOTS);
	ck_assert_ptr_null(trace_check(f.t, &seen));
	teardown(&f);
}
END_TEST

static void refused(struct fixture *f, u64 where)
{
	trace_announce(f->t, f->gm, (gpa_t){ where });
	ck_assert(!counts(f).announced);
	trace_take(f->t);
}

START_TEST(areas_that_cannot_be)
{
	struct fixture f = setup(2, 0);
	struct trace_area good = *f.area;

	refused(&f, 0xffffffff000UL);
	refused(&f, 4 * MiB - 8);
	refused(&f, 4 * MiB - 128);
	refused(&f, 0x1000);
	refused(&f, UINT64_MAX - 4095);
#define WITH(field, v)       \
	f.area->field = (v); \
	refused(&f, AREA);   \
	*f.area = good
	WITH(magic, 1);
	WITH(version, 2);
	WITH(event_size, 16);
	WITH(nr_cpus, 0);
	WITH(nr_cpus, 256);
	WITH(nr_cpus, UINT32_MAX);
	WITH(slots, 0);
	WITH(slots, 63);
	WITH(slots, 2 * TRACE_MAX_SLOTS);
	f.area->cpu[1].ring = 4 * MiB - 64;
	refused(&f, AREA);
	f.area->cpu[1].ring = RINGS + 4;
	refused(&f, AREA);
	f.area->cpu[1].ring = UINT64_MAX;
	refused(&f, AREA);
	f.area->cpu[1].ring = RINGS;
	trace_announce(f.t, f.gm, (gpa_t){ AREA });
	ck_assert(counts(&f).announced);
	teardown(&f);
}
END_TEST

START_TEST(limits)
{
	struct fixture f = setup(1, 10);
	struct trace_counts c;
	struct trace_seen seen;

	trace_announce(f.t, f.gm, (gpa_t){ AREA });
	for (unsigned i = 0; i < 25; i++) {
		put(&f, 0, i, TRACE_SWITCH, i, "x");
		trace_exit(f.t, 0, &(struct trace_exit){ .reason = KVM_EXIT_HLT });
	}
	f.area->cpu[0].lost = 7;
	trace_take(f.t);
	c = counts(&f);
	ck_assert_uint_eq(c.events, 10);
	ck_assert_uint_eq(c.events_over, 15);
	ck_assert_uint_eq(c.exits, 10);
	ck_assert_uint_eq(c.exits_over, 15);
	ck_assert_uint_eq(c.events_lost, 7);
	ck_assert_ptr_null(trace_check(f.t, &seen));
	teardown(&f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("trace");
	TCase *tc = tcase_create("trace");
	SRunner *r;
	int failed;

	tcase_add_test(tc, as_it_should);
	tcase_add_test(tc, garbled);
	tcase_add_test(tc, broken_heads);
	tcase_add_test(tc, areas_that_cannot_be);
	tcase_add_test(tc, limits);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
