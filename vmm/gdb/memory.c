/* SPDX-License-Identifier: MIT */
/* memory.c - guest-virtual memory as one CPU sees it, without our own breakpoints. */
#include <errno.h>

#include "vmm/gdb/walk.h"
#include "vmm/gdb/x86_priv.h"

/* The physical run at addr within one page: bytes, at most n; 0 when it is not RAM. */
static size_t run_at(struct gdb_x86 *t, unsigned cpu, u64 addr, size_t n, gpa_t *gpa)
{
	u64 in_page = GUEST_PAGE_SIZE - addr % GUEST_PAGE_SIZE;
	struct gdb_regs *r = &t->cpu[cpu].regs;
	struct walk w;

	if (gdb_regs_fetch(r) || walk_translate(t->m.mem, &r->sregs, addr, &w))
		return 0;
	*gpa = w.gpa;
	n = MIN(n, (size_t)in_page);
	return guest_mem_range(t->m.mem, w.gpa, n) ? n : 0;
}

size_t gdb_x86_mem_read(void *arg, unsigned cpu, u64 addr, u8 *buf, size_t n)
{
	struct gdb_x86 *t = arg;
	size_t done = 0;

	while (done < n) {
		gpa_t gpa;
		size_t len = run_at(t, cpu, addr + done, n - done, &gpa);

		if (!len || guest_mem_read(t->m.mem, gpa, buf + done, len))
			break;
		points_hide(&t->points, gpa, buf + done, len);
		done += len;
	}
	return done;
}

int gdb_x86_mem_write(void *arg, unsigned cpu, u64 addr, const u8 *buf, size_t n)
{
	struct gdb_x86 *t = arg;
	size_t done, len;
	gpa_t gpa;

	/* All of it or nothing. */
	for (done = 0; done < n; done += len) {
		len = run_at(t, cpu, addr + done, n - done, &gpa);
		if (!len)
			return -EFAULT;
	}
	for (done = 0; done < n; done += len) {
		len = run_at(t, cpu, addr + done, n - done, &gpa);
		if (!len || points_write(&t->points, gpa, buf + done, len))
			return -EFAULT;
	}
	return 0;
}
