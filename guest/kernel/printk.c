/* SPDX-License-Identifier: MIT */
/* printk.c - formatting happens outside the lock, so that a slow console delays no formatter. */
#include "guest/kernel/printk.h"
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/percpu.h"
#include "guest/kernel/time.h"
#include "guest/lib/printf.h"
#include "guest/locking/spinlock.h"

static u8 log_memory[PRINTK_LOG_SIZE];
static struct ringbuf log; /* log_lock */
static DEFINE_SPINLOCK(log_lock);
static const struct console *console; /* log_lock */
static int console_level = LOGLEVEL_DEBUG;
static int panic_cpu = -1;

/* False: stay silent. A panicking CPU goes ahead with or without the lock. */
static bool log_lock_irqsave(u64 *flags, bool *locked)
{
	int owner = READ_ONCE(panic_cpu);

	*locked = false;
	if (owner >= 0 && owner != (int)smp_processor_id())
		return false;
	*flags = local_irq_save();
	if (owner >= 0) {
		*locked = raw_spin_trylock(&log_lock);
		return true;
	}
	raw_spin_lock(&log_lock);
	*locked = true;
	return true;
}

static void log_unlock_irqrestore(u64 flags, bool locked)
{
	if (locked)
		raw_spin_unlock(&log_lock);
	local_irq_restore(flags);
}

/* "[    1.234567] text\n" in one write: fewer polls of the transmitter than piece by piece. */
static void show(u64 time_ns, const char *text, size_t len)
{
	char line[PRINTK_MAX + 24];
	u64 us = time_ns / 1000;
	int n = kscnprintf(line, sizeof(line), "[%5lu.%06lu] %.*s\n", us / 1000000, us % 1000000,
			   (int)len, text);

	console->write(line, (size_t)n);
}

void vprintk(int level, const char *fmt, va_list ap)
{
	char text[PRINTK_MAX];
	u64 now = clock_ns(), flags;
	size_t len = (size_t)kvscnprintf(text, sizeof(text), fmt, ap);
	bool locked;

	if (len && text[len - 1] == '\n')
		len--;
	if (!log_lock_irqsave(&flags, &locked))
		return;
	if (!log.buf)
		ringbuf_init(&log, log_memory, sizeof(log_memory));
	ringbuf_write(&log, (u8)level, (u16)smp_processor_id(), now, text, len);
	if (console && level < console_level)
		show(now, text, len);
	log_unlock_irqrestore(flags, locked);
}

void printk(int level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintk(level, fmt, ap);
	va_end(ap);
}

void console_printf(const char *fmt, ...)
{
	char text[PRINTK_MAX];
	va_list ap;
	size_t len;
	u64 flags;
	bool locked;

	va_start(ap, fmt);
	len = (size_t)kvscnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!log_lock_irqsave(&flags, &locked))
		return;
	if (console)
		console->write(text, len);
	log_unlock_irqrestore(flags, locked);
}

int printk_set_level(int level)
{
	int before = console_level;

	console_level = level;
	return before;
}

int printk_level(void)
{
	return READ_ONCE(console_level);
}

void console_register(const struct console *con)
{
	struct ringbuf_cursor cur = { 0 };
	struct ringbuf_rec rec;
	char text[PRINTK_MAX];
	u64 flags = spin_lock_irqsave(&log_lock);

	console = con;
	while (log.buf && ringbuf_read(&log, &cur, &rec, text, sizeof(text), NULL)) {
		if (rec.level < console_level)
			show(rec.time_ns, text, MIN((size_t)rec.len, sizeof(text) - 1));
	}
	spin_unlock_irqrestore(&log_lock, flags);
}

bool printk_has_console(void)
{
	return READ_ONCE(console) != NULL;
}

bool printk_console_is(const struct console *con)
{
	return READ_ONCE(console) == con;
}

void console_send(const struct console *con, const char *s, size_t n)
{
	u64 flags;
	bool locked;

	if (!log_lock_irqsave(&flags, &locked))
		return;
	con->send(s, n);
	log_unlock_irqrestore(flags, locked);
}

void printk_enter_panic(void)
{
	WRITE_ONCE(panic_cpu, (int)smp_processor_id());
}

bool printk_panic_is_here(void)
{
	return READ_ONCE(panic_cpu) == (int)smp_processor_id();
}

void printk_range(u64 *first, u64 *next)
{
	u64 flags = spin_lock_irqsave(&log_lock);

	*first = log.first_seq;
	*next = log.next_seq;
	spin_unlock_irqrestore(&log_lock, flags);
}

bool printk_read(struct ringbuf_cursor *cur, struct ringbuf_rec *rec, char *text, size_t size)
{
	u64 flags = spin_lock_irqsave(&log_lock);
	bool got = log.buf && ringbuf_read(&log, cur, rec, text, size, NULL);

	spin_unlock_irqrestore(&log_lock, flags);
	return got;
}
