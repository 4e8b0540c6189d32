/* SPDX-License-Identifier: MIT */
/*
 * commands.c - the packets with one letter, v and H: registers, memory, running, break- and
 * watchpoints. Spec: GDB manual, appendix E, "Packets" and "Stop Reply Packets".
 */
#include <errno.h>
#include <string.h>

#include "vmm/gdb/session_priv.h"

bool gdb_thread(struct gdb_session *s, const char **p, unsigned any, unsigned *cpu)
{
	u64 id;

	if (!strncmp(*p, "-1", 2)) {
		*p += 2;
		*cpu = GDB_ALL_CPUS;
		return true;
	}
	if (!gdb_hex(p, &id) || id > gdb_nr_cpus(s))
		return false;
	*cpu = id ? (unsigned)id - 1 : any;
	return true;
}

/* ADDR,LEN */
static bool range(const char **p, u64 *addr, u64 *len)
{
	if (!gdb_hex(p, addr) || **p != ',')
		return false;
	(*p)++;
	return gdb_hex(p, len);
}

/* The end of the packet, bytes and not text (X may hold NULs). */
static const char *packet_end(const struct gdb_session *s)
{
	return (const char *)s->in.data + s->in.len;
}

/* ---- state ------------------------------------------------------------------------------------ */

static enum gdb_reply why_stopped(struct gdb_session *s, const char *args)
{
	(void)args;
	gdb_put_stop(s, &s->stop);
	return GDB_REPLY;
}

static enum gdb_reply choose_thread(struct gdb_session *s, const char *args)
{
	char which = *args++;
	unsigned cpu;

	if ((which != 'g' && which != 'c') || !gdb_thread(s, &args, s->stop.cpu, &cpu))
		return gdb_error(s, -EINVAL);
	if (which == 'c')
		s->cpu_c = cpu;
	else if (cpu != GDB_ALL_CPUS)
		s->cpu_g = cpu;
	return gdb_ok(s);
}

static enum gdb_reply thread_alive(struct gdb_session *s, const char *args)
{
	unsigned cpu;

	return gdb_thread(s, &args, 0, &cpu) ? gdb_ok(s) : gdb_error(s, -ESRCH);
}

/* ---- registers -------------------------------------------------------------------------------- */

static enum gdb_reply read_registers(struct gdb_session *s, const char *args)
{
	size_t n = s->ops->regs_read(s->target, s->cpu_g, s->bytes, sizeof(s->bytes));

	(void)args;
	if (!n)
		return gdb_error(s, -EIO);
	gdb_put_hex(&s->out, s->bytes, n);
	return GDB_REPLY;
}

static enum gdb_reply write_registers(struct gdb_session *s, const char *args)
{
	size_t n = strlen(args) / 2;
	int err;

	if (!gdb_hex_bytes(&args, s->bytes, n) || *args)
		return gdb_error(s, -EINVAL);
	err = s->ops->regs_write(s->target, s->cpu_g, s->bytes, n);
	return err ? gdb_error(s, err) : gdb_ok(s);
}

static enum gdb_reply read_register(struct gdb_session *s, const char *args)
{
	u8 buf[GDB_MAX_REG];
	u64 reg;
	int n;

	if (!gdb_hex(&args, &reg) || reg > UINT16_MAX)
		return gdb_error(s, -EINVAL);
	n = s->ops->reg_read(s->target, s->cpu_g, (unsigned)reg, buf);
	if (n < 0)
		return gdb_error(s, n);
	gdb_put_hex(&s->out, buf, (size_t)n);
	return GDB_REPLY;
}

static enum gdb_reply write_register(struct gdb_session *s, const char *args)
{
	u8 buf[GDB_MAX_REG];
	size_t n;
	u64 reg;
	int err;

	if (!gdb_hex(&args, &reg) || reg > UINT16_MAX || *args++ != '=')
		return gdb_error(s, -EINVAL);
	n = strlen(args) / 2;
	if (n > sizeof(buf) || !gdb_hex_bytes(&args, buf, n) || *args)
		return gdb_error(s, -EINVAL);
	err = s->ops->reg_write(s->target, s->cpu_g, (unsigned)reg, buf, n);
	return err ? gdb_error(s, err) : gdb_ok(s);
}

/* ---- memory ------------------------------------------------------------------------------------ */

/* Reads what the packet names into s->bytes; the count, or -errno. limit: of the reply. */
static int fetch(struct gdb_session *s, const char *args, size_t limit)
{
	u64 addr, len;
	size_t n;

	if (!range(&args, &addr, &len))
		return -EINVAL;
	len = MIN(len, (u64)limit);
	n = s->ops->mem_read(s->target, s->cpu_g, addr, s->bytes, (size_t)len);
	return n || !len ? (int)n : -EFAULT;
}

static enum gdb_reply read_memory(struct gdb_session *s, const char *args)
{
	int n = fetch(s, args, GDB_PACKET_MAX / 2);

	if (n < 0)
		return gdb_error(s, n);
	gdb_put_hex(&s->out, s->bytes, (size_t)n);
	return GDB_REPLY;
}

static enum gdb_reply read_memory_binary(struct gdb_session *s, const char *args)
{
	int n = fetch(s, args, GDB_PACKET_MAX - 1);

	if (n < 0)
		return gdb_error(s, n);
	gdb_puts(&s->out, "b");
	gdb_put(&s->out, s->bytes, (size_t)n);
	return GDB_REPLY;
}

static enum gdb_reply store(struct gdb_session *s, u64 addr, const void *data, size_t n)
{
	int err = n ? s->ops->mem_write(s->target, s->cpu_g, addr, data, n) : 0;

	return err ? gdb_error(s, err) : gdb_ok(s);
}

static enum gdb_reply write_memory(struct gdb_session *s, const char *args)
{
	u64 addr, len;

	if (!range(&args, &addr, &len) || *args++ != ':' || len > sizeof(s->bytes) ||
	    !gdb_hex_bytes(&args, s->bytes, (size_t)len) || args != packet_end(s))
		return gdb_error(s, -EINVAL);
	return store(s, addr, s->bytes, (size_t)len);
}

static enum gdb_reply write_memory_binary(struct gdb_session *s, const char *args)
{
	u64 addr, len;

	if (!range(&args, &addr, &len) || *args++ != ':' || len != (u64)(packet_end(s) - args))
		return gdb_error(s, -EINVAL);
	return store(s, addr, args, (size_t)len);
}

/* ---- break- and watchpoints ------------------------------------------------------------------- */

static enum gdb_reply point(struct gdb_session *s, const char *args, bool insert)
{
	u64 type, addr, len;
	int err;

	if (!gdb_hex(&args, &type) || *args++ != ',' || !range(&args, &addr, &len))
		return gdb_error(s, -EINVAL);
	if (type > GDB_POINT_ACCESS)
		return GDB_REPLY; /* empty: no such kind */
	if (*args)
		return gdb_error(s, -ENOTSUP); /* conditions and commands were not offered */
	if (insert)
		err = s->ops->insert(s->target, s->cpu_g, (enum gdb_point_type)type, addr, len);
	else
		err = s->ops->remove(s->target, (enum gdb_point_type)type, addr, len);
	if (err == -ENOTSUP)
		return GDB_REPLY;
	return err ? gdb_error(s, err) : gdb_ok(s);
}

static enum gdb_reply insert_point(struct gdb_session *s, const char *args)
{
	return point(s, args, true);
}

static enum gdb_reply remove_point(struct gdb_session *s, const char *args)
{
	return point(s, args, false);
}

/* ---- running ----------------------------------------------------------------------------------- */

static enum gdb_reply go(struct gdb_session *s)
{
	if (s->ended)
		return gdb_put_end(s);
	s->running = true;
	s->ops->resume(s->target, s->action);
	return GDB_SILENT;
}

/* c and s, for debuggers that do not use vCont: the others go on in either case. */
static enum gdb_reply run_plain(struct gdb_session *s, const char *args, enum gdb_run run)
{
	unsigned chosen = s->cpu_c == GDB_ALL_CPUS ? s->stop.cpu : s->cpu_c;

	if (*args)
		return gdb_error(s, -ENOTSUP); /* at another address: write the pc for that */
	for (unsigned i = 0; i < gdb_nr_cpus(s); i++)
		s->action[i] = (struct gdb_action){ .run = i == chosen ? run : GDB_CONTINUE };
	return go(s);
}

static enum gdb_reply run_continue(struct gdb_session *s, const char *args)
{
	return run_plain(s, args, GDB_CONTINUE);
}

static enum gdb_reply run_step(struct gdb_session *s, const char *args)
{
	return run_plain(s, args, GDB_STEP);
}

/* With a signal: a CPU takes none, so it is dropped. */
static enum gdb_reply run_signal(struct gdb_session *s, const char *args)
{
	u64 sig;

	if (!gdb_hex(&args, &sig))
		return gdb_error(s, -EINVAL);
	return run_continue(s, args);
}

static enum gdb_reply step_signal(struct gdb_session *s, const char *args)
{
	u64 sig;

	if (!gdb_hex(&args, &sig))
		return gdb_error(s, -EINVAL);
	return run_step(s, args);
}

/* One action of vCont, without the thread. */
static bool parse_action(const char **p, struct gdb_action *a)
{
	char letter = *(*p)++;
	u64 sig;

	*a = (struct gdb_action){ .run = GDB_CONTINUE };
	switch (letter) {
	case 'c':
		return true;
	case 'C':
		return gdb_hex(p, &sig);
	case 's':
		a->run = GDB_STEP;
		return true;
	case 'S':
		a->run = GDB_STEP;
		return gdb_hex(p, &sig);
	case 'r':
		a->run = GDB_STEP_RANGE;
		return range(p, &a->start, &a->end);
	default:
		return false;
	}
}

/* vCont;action[:thread];...: for each CPU the first action that names it. */
static enum gdb_reply run_threads(struct gdb_session *s, const char *args)
{
	unsigned nr = gdb_nr_cpus(s), going = 0;
	bool named[GDB_MAX_CPUS] = { false };

	memset(s->action, 0, sizeof(s->action));
	while (*args == ';') {
		unsigned cpu = GDB_ALL_CPUS;
		struct gdb_action a;

		args++;
		if (!parse_action(&args, &a))
			return gdb_error(s, -EINVAL);
		if (*args == ':') {
			args++;
			if (!gdb_thread(s, &args, s->stop.cpu, &cpu))
				return gdb_error(s, -EINVAL);
		}
		for (unsigned i = 0; i < nr; i++) {
			if (named[i] || (cpu != GDB_ALL_CPUS && cpu != i))
				continue;
			named[i] = true;
			s->action[i] = a;
			going++;
		}
	}
	if (*args || !going)
		return gdb_error(s, -EINVAL);
	return go(s);
}

static enum gdb_reply kill_guest(struct gdb_session *s, const char *args)
{
	(void)args;
	s->done = true;
	s->ops->kill(s->target);
	return GDB_SILENT;
}

/* `R': no reply; the debugger asks where the guest stands. */
static enum gdb_reply restart(struct gdb_session *s, const char *args)
{
	(void)args;
	s->text.used = 0;
	s->ops->reset(s->target, &s->text);
	return GDB_SILENT;
}

static enum gdb_reply detach(struct gdb_session *s, const char *args)
{
	(void)args;
	s->done = true;
	s->ops->release(s->target, true);
	return gdb_ok(s);
}

static enum gdb_reply long_name(struct gdb_session *s, const char *args)
{
	if (!strcmp(args, "Cont?")) {
		gdb_puts(&s->out, "vCont;c;C;s;S;r");
		return GDB_REPLY;
	}
	if (!strncmp(args, "Cont;", 5))
		return run_threads(s, args + 4);
	if (!strncmp(args, "Kill;", 5)) {
		s->done = true;
		s->ops->kill(s->target);
		return gdb_ok(s);
	}
	return GDB_REPLY;
}

static const struct {
	char letter;
	gdb_command fn;
} commands[] = {
	{ '?', why_stopped },
	{ 'H', choose_thread },
	{ 'T', thread_alive },
	{ 'g', read_registers },
	{ 'G', write_registers },
	{ 'p', read_register },
	{ 'P', write_register },
	{ 'm', read_memory },
	{ 'M', write_memory },
	{ 'x', read_memory_binary },
	{ 'X', write_memory_binary },
	{ 'Z', insert_point },
	{ 'z', remove_point },
	{ 'c', run_continue },
	{ 's', run_step },
	{ 'C', run_signal },
	{ 'S', step_signal },
	{ 'k', kill_guest },
	{ 'R', restart },
	{ 'D', detach },
	{ 'v', long_name },
	{ 'q', gdb_query },
	{ 'Q', gdb_set },
};

gdb_command gdb_find_command(const char *packet, const char **args)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (commands[i].letter == packet[0]) {
			*args = packet + 1;
			return commands[i].fn;
		}
	}
	return NULL;
}
