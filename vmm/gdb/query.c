/* SPDX-License-Identifier: MIT */
/*
 * query.c - the q and Q packets: what both sides can do, documents in pieces, the list of threads,
 * monitor commands. Spec: GDB manual, appendix E, "General Query Packets".
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "vmm/gdb/session_priv.h"

static enum gdb_reply supported(struct gdb_session *s, const char *args)
{
	s->swbreak = strstr(args, "swbreak+");
	s->hwbreak = strstr(args, "hwbreak+");
	gdb_printf(&s->out,
		   "PacketSize=%x;QStartNoAckMode+;qXfer:features:read+;qXfer:threads:read+;"
		   "qXfer:memory-map:read+;",
		   GDB_PACKET_MAX);
	gdb_puts(&s->out, "vContSupported+;swbreak+;hwbreak+;binary-upload+");
	return GDB_REPLY;
}

static enum gdb_reply current_thread(struct gdb_session *s, const char *args)
{
	(void)args;
	gdb_printf(&s->out, "QC%x", s->cpu_g + 1);
	return GDB_REPLY;
}

/* The guest was there before the debugger: quitting leaves it, killing must be asked for. */
static enum gdb_reply attached(struct gdb_session *s, const char *args)
{
	(void)args;
	gdb_puts(&s->out, "1");
	return GDB_REPLY;
}

/* ---- threads ---------------------------------------------------------------------------------- */

#define IDS_A_PACKET 100

static enum gdb_reply more_threads(struct gdb_session *s, const char *args)
{
	unsigned nr = gdb_nr_cpus(s), end = MIN(nr, s->next_thread + IDS_A_PACKET);

	(void)args;
	if (s->next_thread >= nr) {
		gdb_puts(&s->out, "l");
		return GDB_REPLY;
	}
	gdb_puts(&s->out, "m");
	for (unsigned i = s->next_thread; i < end; i++)
		gdb_printf(&s->out, "%s%x", i == s->next_thread ? "" : ",", i + 1);
	s->next_thread = end;
	return GDB_REPLY;
}

static enum gdb_reply first_threads(struct gdb_session *s, const char *args)
{
	s->next_thread = 0;
	return more_threads(s, args);
}

static enum gdb_reply thread_info(struct gdb_session *s, const char *args)
{
	char text[64];
	unsigned cpu;

	if (!gdb_thread(s, &args, 0, &cpu) || cpu == GDB_ALL_CPUS)
		return gdb_error(s, -ESRCH);
	snprintf(text, sizeof(text), "CPU#%u [%s]", cpu, s->ops->cpu_state(s->target, cpu));
	gdb_put_hex(&s->out, text, strlen(text));
	return GDB_REPLY;
}

/* ---- documents -------------------------------------------------------------------------------- */

static size_t add(char *doc, size_t used, const char *fmt, ...) printf_like(3, 4);

static size_t add(char *doc, size_t used, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(doc + used, GDB_DOC_MAX - used, fmt, ap);
	va_end(ap);
	return n > 0 ? MIN(used + (size_t)n, (size_t)GDB_DOC_MAX - 1) : used;
}

static const char *threads_document(struct gdb_session *s)
{
	size_t used = add(s->doc, 0, "<?xml version=\"1.0\"?>\n<threads>\n");

	for (unsigned i = 0; i < gdb_nr_cpus(s); i++)
		used = add(s->doc, used,
			   "<thread id=\"%x\" core=\"%u\" name=\"CPU#%u\">%s</thread>\n", i + 1, i,
			   i, s->ops->cpu_state(s->target, i));
	add(s->doc, used, "</threads>\n");
	return s->doc;
}

/*
 * Addresses are virtual, and what is mapped changes while the guest runs: everything may be read,
 * and what is not there says so when asked. In two halves, since 2^64 does not fit the attribute.
 */
static const char memory_map[] =
	"<?xml version=\"1.0\"?>\n"
	"<!DOCTYPE memory-map PUBLIC \"+//IDN gnu.org//DTD GDB Memory Map V1.0//EN\" "
	"\"http://sourceware.org/gdb/gdb-memory-map.dtd\">\n"
	"<memory-map>\n"
	"<memory type=\"ram\" start=\"0x0\" length=\"0x8000000000000000\"/>\n"
	"<memory type=\"ram\" start=\"0x8000000000000000\" length=\"0x8000000000000000\"/>\n"
	"</memory-map>\n";

/* A piece of doc by "OFFSET,LENGTH". */
static enum gdb_reply piece(struct gdb_session *s, const char *doc, const char *args)
{
	u64 offset, len, size = strlen(doc);

	if (!gdb_hex(&args, &offset) || *args++ != ',' || !gdb_hex(&args, &len) || *args)
		return gdb_error(s, -EINVAL);
	if (offset > size)
		return gdb_error(s, -EINVAL);
	len = MIN(len, (u64)GDB_PACKET_MAX - 1);
	gdb_puts(&s->out, size - offset > len ? "m" : "l");
	gdb_put(&s->out, doc + offset, (size_t)MIN(len, size - offset));
	return GDB_REPLY;
}

static enum gdb_reply xfer_features(struct gdb_session *s, const char *args)
{
	return piece(s, s->ops->features(s->target), args);
}

static enum gdb_reply xfer_threads(struct gdb_session *s, const char *args)
{
	return piece(s, threads_document(s), args);
}

static enum gdb_reply xfer_memory_map(struct gdb_session *s, const char *args)
{
	return piece(s, memory_map, args);
}

/* ---- monitor ------------------------------------------------------------------------------------ */

static enum gdb_reply monitor(struct gdb_session *s, const char *args)
{
	char line[256];
	size_t n = strlen(args) / 2;

	if (n >= sizeof(line) || !gdb_hex_bytes(&args, (u8 *)line, n) || *args)
		return gdb_error(s, -EINVAL);
	line[n] = 0;
	s->text.used = 0;
	if (!strcmp(line, "quit")) {
		s->done = true;
		s->ops->kill(s->target);
		return gdb_ok(s);
	}
	if (!strcmp(line, "reset")) {
		if (!s->ops->reset(s->target, &s->text))
			gdb_text(&s->text, "the machine is as at power-on; gdb still shows the "
					   "registers from before until `maintenance flush "
					   "register-cache'\n");
	} else if (!s->ops->monitor(s->target, s->cpu_g, line, &s->text))
		gdb_text(&s->text, "no such command: %s; `monitor help` lists them\n", line);
	if (!s->text.used)
		return gdb_ok(s);
	gdb_put_hex(&s->out, s->text.buf, s->text.used);
	return GDB_REPLY;
}

/* ---- dispatch ---------------------------------------------------------------------------------- */

static const struct {
	const char *prefix;
	gdb_command fn;
} queries[] = {
	{ "Supported", supported },
	{ "C", current_thread },
	{ "Attached", attached },
	{ "fThreadInfo", first_threads },
	{ "sThreadInfo", more_threads },
	{ "ThreadExtraInfo,", thread_info },
	{ "Xfer:features:read:target.xml:", xfer_features },
	{ "Xfer:threads:read::", xfer_threads },
	{ "Xfer:memory-map:read::", xfer_memory_map },
	{ "Rcmd,", monitor },
};

enum gdb_reply gdb_query(struct gdb_session *s, const char *args)
{
	for (size_t i = 0; i < ARRAY_SIZE(queries); i++) {
		size_t n = strlen(queries[i].prefix);

		/* "qC" alone is a whole word, the others have their own separators. */
		if (!strncmp(args, queries[i].prefix, n) && (n > 1 || !args[n]))
			return queries[i].fn(s, args + n);
	}
	return GDB_REPLY;
}

enum gdb_reply gdb_set(struct gdb_session *s, const char *args)
{
	if (strcmp(args, "StartNoAckMode") != 0)
		return GDB_REPLY;
	s->no_ack = true;
	return gdb_ok(s);
}
