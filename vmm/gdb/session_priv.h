/* SPDX-License-Identifier: MIT */
/* session_priv.h - the inside of a session; for session.c, commands.c and query.c only. */
#ifndef VMM_GDB_SESSION_PRIV_H
#define VMM_GDB_SESSION_PRIV_H

#include "vmm/gdb/session.h"

#define GDB_DOC_MAX 32768u /* the thread list of GDB_MAX_CPUS CPUs */

struct gdb_session {
	const struct gdb_target_ops *ops;
	void *target;

	bool open, done;
	bool ended; /* the guest has, with that status; told when the debugger resumes it */
	int status;
	bool running;
	bool no_ack, swbreak, hwbreak;
	unsigned cpu_g, cpu_c; /* chosen by Hg and Hc */
	unsigned next_thread;  /* qsThreadInfo */
	struct gdb_stop stop;  /* the last one */

	struct gdb_reader in;
	struct gdb_writer out;
	u8 out_buf[2 * GDB_FRAME_MAX];
	u8 last[GDB_FRAME_MAX]; /* the newest frame, should it have to be sent again */
	size_t last_len;
	u8 bytes[GDB_PACKET_MAX];
	char doc[GDB_DOC_MAX];
	struct gdb_text text;
	struct gdb_action action[GDB_MAX_CPUS];
};

/* What a packet's handler tells the dispatcher; a reply frame is open while it runs. */
enum gdb_reply {
	GDB_REPLY,  /* send what was put */
	GDB_SILENT, /* no reply now: the machine runs, or the conversation is over */
};

typedef enum gdb_reply (*gdb_command)(struct gdb_session *s, const char *args);

/* commands.c: by first letter; NULL: not supported. */
gdb_command gdb_find_command(const char *packet, const char **args);

/* query.c: the q, Q packets. */
enum gdb_reply gdb_query(struct gdb_session *s, const char *args);
enum gdb_reply gdb_set(struct gdb_session *s, const char *args);

/* Replies put into the open frame. */
enum gdb_reply gdb_ok(struct gdb_session *s);
enum gdb_reply gdb_error(struct gdb_session *s, int err); /* -errno */
void gdb_put_stop(struct gdb_session *s, const struct gdb_stop *stop);
enum gdb_reply gdb_put_end(struct gdb_session *s); /* how the guest has ended; the last word */

/* A thread id as gdb writes it. GDB_ALL_CPUS for -1; CPU any for 0. */
#define GDB_ALL_CPUS (~0u)
bool gdb_thread(struct gdb_session *s, const char **p, unsigned any, unsigned *cpu);

unsigned gdb_nr_cpus(const struct gdb_session *s);

#endif
