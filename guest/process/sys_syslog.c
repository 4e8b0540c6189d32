/* SPDX-License-Identifier: MIT */
/* sys_syslog.c - syslog(2): the kernel's log, line by line as dmesg expects it. */
#include "guest/kernel/printk.h"
#include "guest/lib/printf.h"
#include "guest/lib/string.h"
#include "guest/process/sys_util.h"

enum {
	SYSLOG_CLOSE,
	SYSLOG_OPEN,
	SYSLOG_READ,
	SYSLOG_READ_ALL,
	SYSLOG_READ_CLEAR,
	SYSLOG_CLEAR,
	SYSLOG_CONSOLE_OFF,
	SYSLOG_CONSOLE_ON,
	SYSLOG_CONSOLE_LEVEL,
	SYSLOG_SIZE_UNREAD,
	SYSLOG_SIZE_BUFFER
};

static struct ringbuf_cursor cleared; /* what `dmesg -c` has seen; proc_lock */

/* One record as text: "<6>[    0.123456] words\n"; its length. */
static size_t format(const struct ringbuf_rec *rec, const char *text, char *buf, size_t size)
{
	return (size_t)kscnprintf(buf, size, "<%u>[%5lu.%06lu] %s\n", rec->level,
				  rec->time_ns / 1000000000, rec->time_ns % 1000000000 / 1000,
				  text);
}

/* The newest records that fit into size bytes, from `from` on; user 0: only counts. */
static s64 read_all(u64 user, u64 size, struct ringbuf_cursor from, struct ringbuf_cursor *end)
{
	char text[PRINTK_MAX], line[PRINTK_MAX + 32];
	struct ringbuf_cursor cur = from;
	struct ringbuf_rec rec;
	u64 total = 0, done = 0;

	while (printk_read(&cur, &rec, text, sizeof(text)))
		total += format(&rec, text, line, sizeof(line));
	if (!user)
		return (s64)total;
	for (cur = from; printk_read(&cur, &rec, text, sizeof(text));) {
		size_t n = format(&rec, text, line, sizeof(line));

		if (total > size) { /* the oldest are left out */
			total -= n;
			continue;
		}
		if (done + n > size)
			break;
		if (copy_to_user(user + done, line, n))
			return -EFAULT;
		done += n;
	}
	*end = cur;
	return (s64)done;
}

SYS(syslog)
{
	struct ringbuf_cursor from, end;
	u64 flags;
	s64 n;

	if (a > SYSLOG_SIZE_BUFFER)
		return -EINVAL;
	if (a != SYSLOG_READ_ALL && a != SYSLOG_SIZE_BUFFER &&
	    !cred_capable(vt()->cred, CAP_SYSLOG) && !cred_capable(vt()->cred, CAP_SYS_ADMIN))
		return -EPERM;
	flags = spin_lock_irqsave(&proc_lock);
	from = end = cleared;
	spin_unlock_irqrestore(&proc_lock, flags);
	switch (a) {
	case SYSLOG_READ:
	case SYSLOG_READ_ALL:
	case SYSLOG_READ_CLEAR:
		if (!b || (s32)c < 0)
			return -EINVAL;
		n = c ? read_all(b, c, from, &end) : 0;
		break;
	case SYSLOG_CLEAR:
		n = 0;
		read_all(0, 0, from, &end);
		break;
	case SYSLOG_SIZE_UNREAD:
		return read_all(0, 0, from, &end);
	case SYSLOG_SIZE_BUFFER:
		return PRINTK_LOG_SIZE;
	case SYSLOG_CONSOLE_LEVEL:
		if ((s32)c < 1 || (s32)c > 8)
			return -EINVAL;
		printk_set_level((int)c - 1);
		return 0;
	default:
		return 0;
	}
	if (n >= 0 && a != SYSLOG_READ_ALL) {
		flags = spin_lock_irqsave(&proc_lock);
		cleared = end;
		spin_unlock_irqrestore(&proc_lock, flags);
	}
	return n;
}
