/* SPDX-License-Identifier: MIT */
/* points.c - see points.h. */
#include "vmm/gdb/points.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/gdb/walk.h"

#define INT3 0xcc

/* R/W fields of DR7 (SDM volume 3, 17.2.4). */
enum { DR_EXECUTE = 0, DR_STORE = 1, DR_ACCESS = 3 };

void points_init(struct points *p, struct guest_mem *mem)
{
	*p = (struct points){ .mem = mem };
	pthread_mutex_init(&p->lock, NULL);
}

void points_destroy(struct points *p)
{
	points_clear(p);
	access_decoder_close(p->decoder);
	pthread_mutex_destroy(&p->lock);
}

static bool is_instruction(enum gdb_point_type type)
{
	return type == GDB_POINT_SOFTWARE || type == GDB_POINT_HARDWARE;
}

enum gdb_stop_kind point_stop_kind(const struct point *pt)
{
	static const enum gdb_stop_kind kinds[] = {
		[GDB_POINT_SOFTWARE] = GDB_STOP_SWBREAK, [GDB_POINT_HARDWARE] = GDB_STOP_HWBREAK,
		[GDB_POINT_WRITE] = GDB_STOP_WATCH,	 [GDB_POINT_READ] = GDB_STOP_RWATCH,
		[GDB_POINT_ACCESS] = GDB_STOP_AWATCH,
	};

	return kinds[pt->type];
}

/* Memory that is only read looks the same afterwards: the instruction itself must be looked at. */
static bool needs_decoding(const struct point *pt)
{
	return pt->means == BY_STEPPING &&
	       (pt->type == GDB_POINT_READ || pt->type == GDB_POINT_ACCESS);
}

static unsigned find(const struct points *p, enum gdb_point_type type, u64 addr, u64 len)
{
	unsigned i;

	for (i = 0; i < p->nr; i++) {
		const struct point *pt = p->point[i];

		if (pt->type == type && pt->addr == addr &&
		    (is_instruction(type) || pt->len == len))
			break;
	}
	return i;
}

/* ---- int3 --------------------------------------------------------------------------------------- */

static struct point *int3_at(const struct points *p, u64 gpa, const struct point *except)
{
	for (unsigned i = 0; p->nr_int3 && i < p->nr; i++) {
		struct point *pt = p->point[i];

		if (pt != except && pt->means == BY_INT3 && pt->gpa.v == gpa)
			return pt;
	}
	return NULL;
}

bool points_int3_at(const struct points *p, gpa_t gpa)
{
	return int3_at(p, gpa.v, NULL);
}

static int plant(struct points *p, struct point *pt)
{
	u8 *byte = guest_mem_range(p->mem, pt->gpa, 1);
	const struct point *other = int3_at(p, pt->gpa.v, pt);

	if (!byte)
		return -EFAULT;
	pt->saved = other ? other->saved : *byte;
	*byte = INT3;
	p->nr_int3++;
	return 0;
}

static void pull(struct points *p, struct point *pt)
{
	u8 *byte = guest_mem_range(p->mem, pt->gpa, 1);

	p->nr_int3--;
	/* Something else there: the guest has put new code over it, which stays. */
	if (byte && *byte == INT3 && !int3_at(p, pt->gpa.v, pt))
		*byte = pt->saved;
}

void points_hide(const struct points *p, gpa_t gpa, u8 *buf, size_t n)
{
	for (unsigned i = 0; p->nr_int3 && i < p->nr; i++) {
		const struct point *pt = p->point[i];

		if (pt->means == BY_INT3 && pt->gpa.v - gpa.v < n && buf[pt->gpa.v - gpa.v] == INT3)
			buf[pt->gpa.v - gpa.v] = pt->saved;
	}
}

int points_write(struct points *p, gpa_t gpa, const u8 *buf, size_t n)
{
	int err = guest_mem_write(p->mem, gpa, buf, n);

	for (unsigned i = 0; !err && p->nr_int3 && i < p->nr; i++) {
		struct point *pt = p->point[i];
		u8 *byte;

		if (pt->means != BY_INT3 || pt->gpa.v - gpa.v >= n)
			continue;
		pt->saved = buf[pt->gpa.v - gpa.v];
		byte = guest_mem_range(p->mem, pt->gpa, 1);
		if (byte)
			*byte = INT3;
	}
	return err;
}

/* ---- debug registers ------------------------------------------------------------------------------ */

static void release_regs(struct points *p, const struct point *pt)
{
	for (unsigned i = 0; i < GDB_DEBUG_REGS; i++)
		if (p->dr[i].owner == pt)
			p->dr[i].owner = NULL;
}

static bool take_reg(struct points *p, struct point *pt, u64 addr, u8 kind, u8 len)
{
	for (unsigned i = 0; i < GDB_DEBUG_REGS; i++) {
		if (p->dr[i].owner)
			continue;
		p->dr[i] = (struct debug_reg){ pt, addr, kind, len };
		return true;
	}
	return false;
}

/* Covers the range with naturally aligned pieces of 8, 4, 2 and 1 bytes. */
static int take_regs(struct points *p, struct point *pt)
{
	static const u8 len_code[] = { [1] = 0, [2] = 1, [4] = 3, [8] = 2 };
	u8 kind = pt->type == GDB_POINT_WRITE ? DR_STORE : DR_ACCESS;
	u64 addr = pt->addr, left = pt->len;

	if (is_instruction(pt->type))
		return take_reg(p, pt, addr, DR_EXECUTE, 0) ? 0 : -ENOSPC;
	if (left > 8UL * GDB_DEBUG_REGS)
		return -ENOSPC;
	while (left) {
		u64 size = 8;

		while (size > 1 && (addr % size || size > left))
			size /= 2;
		if (!take_reg(p, pt, addr, kind, len_code[size])) {
			release_regs(p, pt);
			return -ENOSPC;
		}
		addr += size;
		left -= size;
	}
	return 0;
}

bool points_debug_regs(const struct points *p, u64 debugreg[8])
{
	u64 dr7 = 0;

	for (unsigned i = 0; i < GDB_DEBUG_REGS; i++) {
		const struct debug_reg *d = &p->dr[i];

		if (!d->owner)
			continue;
		debugreg[i] = d->addr;
		dr7 |= 2UL << (2 * i) | (u64)d->kind << (16 + 4 * i) | (u64)d->len << (18 + 4 * i);
	}
	debugreg[7] = dr7 ? dr7 | 0x200 : 0; /* GE: exact data breakpoints on old CPUs */
	return dr7;
}

const struct point *points_by_dr6(const struct points *p, u64 dr6)
{
	for (unsigned i = 0; i < GDB_DEBUG_REGS; i++)
		if ((dr6 >> i & 1) && p->dr[i].owner)
			return p->dr[i].owner;
	return NULL;
}

/* ---- stepping ------------------------------------------------------------------------------------- */

/* Reads what is watched now; false while it is not mapped. A variable lies within a page here: the
 * second page of one that straddles would need a second translation. */
static bool look(const struct points *p, struct point *pt, const struct kvm_sregs *s, u8 *buf)
{
	struct walk w;

	if (!pt->mapped) {
		if (walk_translate(p->mem, s, pt->addr, &w))
			return false;
		pt->gpa = w.gpa;
		pt->mapped = true;
	}
	return !guest_mem_read(p->mem, pt->gpa, buf, pt->len);
}

static bool changed(const struct points *p, struct point *pt, const struct kvm_sregs *s)
{
	bool was_mapped = pt->mapped, differs;
	u8 now[GDB_STEPPED_MAX];

	if (!look(p, pt, s, now))
		return false;
	differs = was_mapped && memcmp(now, pt->old, pt->len) != 0;
	memcpy(pt->old, now, pt->len);
	return differs;
}

const struct point *points_stepped(struct points *p, const struct kvm_sregs *s, u64 pc)
{
	const struct point *hit = NULL;

	if (!p->nr_stepped)
		return NULL;
	pthread_mutex_lock(&p->lock);
	for (unsigned i = 0; i < p->nr; i++) {
		struct point *pt = p->point[i];

		if (pt->means != BY_STEPPING || needs_decoding(pt))
			continue;
		if (is_instruction(pt->type) ? pt->addr == pc : changed(p, pt, s))
			hit = hit ? hit : pt;
	}
	pthread_mutex_unlock(&p->lock);
	return hit;
}

const struct point *points_touched(const struct points *p, const struct access_list *a)
{
	for (unsigned i = 0; i < p->nr; i++) {
		const struct point *pt = p->point[i];

		if (needs_decoding(pt) &&
		    (access_reads(a, pt->addr, pt->len) ||
		     (pt->type == GDB_POINT_ACCESS && access_writes(a, pt->addr, pt->len))))
			return pt;
	}
	return NULL;
}

static int take_stepping(struct points *p, struct point *pt, const struct kvm_sregs *s)
{
	u64 in_page = GUEST_PAGE_SIZE - pt->addr % GUEST_PAGE_SIZE;

	if (needs_decoding(pt)) {
		if (!p->decoder && access_decoder_open(&p->decoder))
			return -ENOTSUP;
		p->nr_decoded++;
	} else if (!is_instruction(pt->type)) {
		if (pt->len > GDB_STEPPED_MAX || pt->len > in_page)
			return -ENOTSUP;
		changed(p, pt, s);
	}
	p->nr_stepped++;
	return 0;
}

/* ---- the list ------------------------------------------------------------------------------------- */

static int establish(struct points *p, struct point *pt, const struct kvm_sregs *s)
{
	bool instruction = is_instruction(pt->type);
	struct walk w;

	if (pt->type == GDB_POINT_SOFTWARE && p->support.int3 != GDB_INT3_TO_GUEST &&
	    !walk_translate(p->mem, s, pt->addr, &w) && guest_mem_range(p->mem, w.gpa, 1)) {
		pt->means = BY_INT3;
		pt->gpa = w.gpa;
		return plant(p, pt);
	}
	if (instruction ? p->support.execute : p->support.data) {
		pt->means = BY_DEBUG_REGISTER;
		return take_regs(p, pt);
	}
	pt->means = BY_STEPPING;
	return take_stepping(p, pt, s);
}

int points_insert(struct points *p, const struct kvm_sregs *s, enum gdb_point_type type, u64 addr,
		  u64 len)
{
	struct point *pt;
	int err;

	if (find(p, type, addr, len) < p->nr)
		return 0;
	if (p->nr == GDB_MAX_POINTS)
		return -ENOSPC;
	if (!is_instruction(type) && (!len || len > GUEST_PAGE_SIZE || addr + len < addr))
		return -EINVAL;
	pt = calloc(1, sizeof(*pt));
	if (!pt)
		return -ENOMEM;
	pt->type = type;
	pt->addr = addr;
	pt->len = len;
	err = establish(p, pt, s);
	if (err) {
		free(pt);
		return err;
	}
	p->point[p->nr++] = pt;
	return 0;
}

static void drop(struct points *p, unsigned i)
{
	struct point *pt = p->point[i];

	switch (pt->means) {
	case BY_INT3:
		pull(p, pt);
		break;
	case BY_DEBUG_REGISTER:
		release_regs(p, pt);
		break;
	case BY_STEPPING:
		p->nr_stepped--;
		p->nr_decoded -= needs_decoding(p->point[i]);
		break;
	}
	p->point[i] = p->point[--p->nr];
	free(pt);
}

int points_remove(struct points *p, enum gdb_point_type type, u64 addr, u64 len)
{
	unsigned i = find(p, type, addr, len);

	if (i == p->nr)
		return -ENOENT;
	drop(p, i);
	return 0;
}

void points_clear(struct points *p)
{
	while (p->nr)
		drop(p, p->nr - 1);
}

void points_renew(struct points *p, const struct kvm_sregs *s)
{
	const gpa_t nowhere = GPA(UINT64_MAX);

	p->nr_int3 = 0;
	for (unsigned i = 0; i < p->nr; i++) {
		p->point[i]->mapped = false;
		p->point[i]->gpa = nowhere;
	}
	for (unsigned i = p->nr; i-- > 0;) {
		struct point *pt = p->point[i];

		if (pt->means == BY_INT3 && establish(p, pt, s)) {
			p->point[i] = p->point[--p->nr];
			free(pt);
		}
	}
}
