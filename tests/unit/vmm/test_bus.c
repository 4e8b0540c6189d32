/* SPDX-License-Identifier: MIT */
/* test_bus.c - the bus against a list that is searched from the start. */
#include "vmm/bus.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SPACE	   256
#define NR_DEVICES 12

/* Answers with its own offset in every byte, and keeps what was written. */
struct probe {
	struct device dev;
	u64 offset, value;
	unsigned size, writes;
};

static void probe_reset(struct device *dev)
{
	(void)dev;
}

static u64 probe_read(struct device *dev, unsigned range, u64 offset, unsigned size)
{
	(void)dev;
	(void)range;
	(void)size;
	return offset * 0x0101010101010101ULL;
}

static void probe_write(struct device *dev, unsigned range, u64 offset, unsigned size, u64 value)
{
	struct probe *p = container_of(dev, struct probe, dev);

	(void)range;
	p->offset = offset;
	p->value = value;
	p->size = size;
	p->writes++;
}

static const struct device_class probe_class = {
	.name = "probe", .reset = probe_reset, .read = probe_read, .write = probe_write
};

struct fixture {
	struct bus bus;
	struct bus_hint hint;
	struct probe probe[NR_DEVICES];
	struct probe *owner[SPACE]; /* the model */
};

static void fill(struct fixture *f)
{
	struct error e;

	memset(f, 0, sizeof(*f));
	for (int i = 0; i < NR_DEVICES; i++) {
		struct probe *p = &f->probe[i];
		u64 base = (u64)(rand() % SPACE), len = (u64)(1 + rand() % 12);
		bool clash = base + len > SPACE;

		for (u64 a = base; !clash && a < base + len; a++)
			clash = f->owner[a] != NULL;
		p->dev.class = &probe_class;
		p->dev.range[0] = (struct dev_range){ DEV_PIO, base, len };
		p->dev.nr_ranges = 1;
		if (base + len > SPACE)
			continue;
		ck_assert_int_eq(bus_add(&f->bus, DEV_PIO, &p->dev, &e), clash ? -EEXIST : 0);
		for (u64 a = base; !clash && a < base + len; a++)
			f->owner[a] = p;
	}
	ck_assert_ptr_null(bus_check(&f->bus));
}

/* Who owns all of [addr, addr + size), or NULL. */
static struct probe *model(const struct fixture *f, u64 addr, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		if (addr + i >= SPACE || f->owner[addr + i] != f->owner[addr])
			return NULL;
	return f->owner[addr];
}

static void access_once(struct fixture *f, u64 addr, unsigned size)
{
	struct probe *p = model(f, addr, size);
	const struct bus_entry *b;
	u8 data[8], want[8];

	memset(data, 0x5a, sizeof(data));
	memset(want, 0x5a, sizeof(want));
	b = bus_access(&f->bus, &f->hint, addr, size, false, data);
	ck_assert_ptr_eq(b ? b->dev : NULL, p ? &p->dev : NULL);
	memset(want, p ? (int)(addr - p->dev.range[0].base) : 0xff, size);
	ck_assert_mem_eq(data, want, sizeof(data));
	if (!p) {
		bus_access(&f->bus, &f->hint, addr, size, true, data);
		return;
	}
	for (unsigned i = 0; i < 8; i++)
		data[i] = (u8)(0x11 * (i + 1));
	p->writes = 0;
	bus_access(&f->bus, &f->hint, addr, size, true, data);
	ck_assert_uint_eq(p->writes, 1);
	ck_assert_uint_eq(p->size, size);
	ck_assert_uint_eq(p->offset, addr - p->dev.range[0].base);
	ck_assert_uint_eq(p->value, 0x8877665544332211ULL & (~0ULL >> (64 - 8 * size)));
}

START_TEST(accesses_reach_their_owner)
{
	static const unsigned sizes[] = { 1, 2, 4, 8 };
	struct fixture f;

	srand(1);
	for (int round = 0; round < 200; round++) {
		fill(&f);
		for (int i = 0; i < 2000; i++)
			access_once(&f, (u64)(rand() % SPACE), sizes[rand() % 4]);
	}
}
END_TEST

START_TEST(odd_sizes_become_bytes)
{
	struct fixture f;
	u8 data[8];

	srand(2);
	for (int round = 0; round < 200; round++) {
		fill(&f);
		for (int i = 0; i < 200; i++) {
			static const unsigned sizes[] = { 3, 5, 6, 7 };
			unsigned size = sizes[rand() % 4];
			u64 addr = (u64)(rand() % (SPACE - 8));

			bus_access(&f.bus, &f.hint, addr, size, false, data);
			for (unsigned k = 0; k < size; k++) {
				struct probe *p = f.owner[addr + k];
				u64 base = p ? p->dev.range[0].base : 0;

				ck_assert_uint_eq(data[k], p ? addr + k - base : 0xff);
			}
		}
	}
}
END_TEST

START_TEST(the_last_addresses_are_no_wrap)
{
	struct fixture f;
	u8 data[8] = { 0 };

	memset(&f, 0, sizeof(f));
	for (u64 addr = UINT64_MAX; addr > UINT64_MAX - 16; addr--) {
		ck_assert_ptr_null(bus_access(&f.bus, &f.hint, addr, 8, false, data));
		ck_assert_uint_eq(data[7], 0xff);
		ck_assert_ptr_null(bus_access(&f.bus, &f.hint, 0, 1, false, data));
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("bus");
	TCase *t = tcase_create("bus");
	SRunner *r;
	int failed;

	tcase_add_test(t, accesses_reach_their_owner);
	tcase_add_test(t, odd_sizes_become_bytes);
	tcase_add_test(t, the_last_addresses_are_no_wrap);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
