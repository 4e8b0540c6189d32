/* SPDX-License-Identifier: MIT */
/* memdev.c - see memdev.h. */
#include "guest/kernel/memdev.h"
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/paging.h"
#include "guest/arch/x86/uaccess.h"
#include "guest/kernel/printk.h"
#include "guest/lib/errno.h"
#include "guest/lib/printf.h"
#include "guest/locking/wait.h"

/* Addresses of the lower half would be the user's own. */
#define KERNEL_HALF (1ULL << 63)

static s64 copy(void *to, const void *from, size_t n)
{
	size_t done = n - copy_kernel_nofault(to, from, n);

	return done ? (s64)done : -EFAULT;
}

static s64 read_virt(u64 va, void *buf, size_t n)
{
	return va < KERNEL_HALF ? -EFAULT : copy(buf, (const void *)va, n);
}

static s64 write_virt(u64 va, const void *buf, size_t n)
{
	return va < KERNEL_HALF ? -EFAULT : copy((void *)va, buf, n);
}

/* The linear map could cover it; what it does not is found out by trying. */
static bool in_linear_map(u64 pa)
{
	return pa < VMALLOC_START - PAGE_OFFSET;
}

static s64 read_phys(u64 pa, void *buf, size_t n)
{
	return in_linear_map(pa) ? copy(buf, __va(pa), n) : -EFAULT;
}

static s64 write_phys(u64 pa, const void *buf, size_t n)
{
	return in_linear_map(pa) ? copy(__va(pa), buf, n) : -EFAULT;
}

static u8 port_in(u16 port)
{
	return inb(port);
}

static void port_out(u16 port, u8 value)
{
	outb(port, value);
}

/* ---- the log ----------------------------------------------------------------------------------------------- */

static wait_queue_head_t kmsg_wait = { .head = LIST_HEAD_INIT(kmsg_wait.head) };
static u64 seen;

static u64 kmsg_first(void)
{
	u64 first, next;

	printk_range(&first, &next);
	return first;
}

static u64 kmsg_next(void)
{
	u64 first, next;

	printk_range(&first, &next);
	return next;
}

/* "level,sequence,microseconds,-;text\n" */
static s64 kmsg_read(u64 *seq, char *buf, size_t size, bool *lost)
{
	struct ringbuf_cursor cur = { 0 };
	struct ringbuf_rec rec;
	char text[PRINTK_MAX];

	while (printk_read(&cur, &rec, text, sizeof(text))) {
		if (rec.seq < *seq)
			continue;
		*lost = rec.seq > *seq;
		*seq = rec.seq;
		return kscnprintf(buf, size, "%u,%lu,%lu,-;%s\n", rec.level, rec.seq,
				  rec.time_ns / 1000, text);
	}
	return 0;
}

static void kmsg_write(int level, const char *text, size_t len)
{
	printk(level, "%.*s", (int)len, text);
}

void kmsg_tick(void)
{
	u64 first, next;

	/* printk() itself may be called with any lock held, so it wakes nobody. */
	if (!waitqueue_active(&kmsg_wait))
		return;
	printk_range(&first, &next);
	if (next != seen) {
		seen = next;
		wake_up_all(&kmsg_wait);
	}
}

const struct memdev_ops kernel_memdev = {
	.read_phys = read_phys,
	.write_phys = write_phys,
	.read_virt = read_virt,
	.write_virt = write_virt,
	.inb = port_in,
	.outb = port_out,
	.kmsg_read = kmsg_read,
	.kmsg_first = kmsg_first,
	.kmsg_next = kmsg_next,
	.kmsg_write = kmsg_write,
	.kmsg_wait = &kmsg_wait,
};
