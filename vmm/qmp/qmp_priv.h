/* SPDX-License-Identifier: MIT */
/* qmp_priv.h - the inside of the QMP server; for vmm/qmp/ and its tests only. */
#ifndef VMM_QMP_QMP_PRIV_H
#define VMM_QMP_QMP_PRIV_H

#include "vmm/machine_control.h"
#include "vmm/qmp/qmp.h"

#define QMP_MAX_TABLES	  8
#define QMP_MAX_LISTENERS 6
#define QMP_MAX_HIDDEN	  64
#define QMP_CHUNK	  4096u

struct qmp_listener {
	struct qmp_server *server;
	int fd;
	char path[108]; /* "" when it is not ours to remove */
	u64 inode;
};

struct qmp_server {
	struct loop *loop;
	struct machine *machine;
	struct machine_listener events;
	struct qmp_session *sessions; /* the youngest first */
	unsigned nr_sessions;
	unsigned busy; /* sessions may be walked: the dead stay until it is 0 again */
	bool reap;

	struct {
		const struct qmp_table *table;
		void *arg;
	} table[QMP_MAX_TABLES];
	size_t nr_tables;
	const char *hidden[QMP_MAX_HIDDEN];
	size_t nr_hidden;
	struct qmp_listener listener[QMP_MAX_LISTENERS];
	size_t nr_listeners;

	int major, minor, micro;
	const char *package;
	void (*on_clients)(void *arg, unsigned clients);
	void *on_clients_arg;
};

struct qmp_session {
	struct qmp_server *server;
	struct qmp_session *next;
	int fd;	     /* -1: output is dropped (tests) */
	u32 watched; /* EPOLL* */
	bool negotiated;
	bool eof;  /* the client sends no more */
	bool dead; /* to be freed as soon as nobody walks the list */

	/* What was read and not looked at yet: kept back while answers wait to be read. */
	u8 chunk[QMP_CHUNK];
	size_t chunk_at, chunk_n;

	/* The command that is being put together. */
	char *in;
	size_t in_used, in_room;
	unsigned depth;
	bool in_string, escaped;
	bool skipping; /* until the line ends */

	char *out;
	size_t out_at, out_used, out_room;

	void (*take_over)(void *arg, int fd, const u8 *early, size_t n);
	void *take_over_arg;
};

/* qmp_session.c */
struct qmp_session *qmp_session_create(struct qmp_server *s, int fd); /* NULL: no memory */
void qmp_session_free(struct qmp_session *c);
void qmp_session_event(void *arg, u32 events);		       /* from the loop */
void qmp_session_send(struct qmp_session *c, json_t *message); /* takes the reference */
void qmp_session_write(struct qmp_session *c);		       /* as far as the peer takes it */
void qmp_session_pass_on(struct qmp_session *c); /* writes and waits on; reads nothing */
void qmp_session_kill(struct qmp_session *c);
void qmp_session_feed(struct qmp_session *c, const u8 *buf, size_t n); /* tests: as if read */

/* qmp_dispatch.c: one whole JSON text from a client. */
void qmp_dispatch(struct qmp_session *c, const char *text, size_t n);
json_t *qmp_greeting(const struct qmp_server *s);
json_t *qmp_version(const struct qmp_server *s);
json_t *qmp_error_reply(enum qmp_error_class class, const char *desc, json_t *id);
json_t *qmp_string(const char *text); /* bytes that are no UTF-8 become '?' */

/* qmp_schema.c */
const struct qmp_command *qmp_find_command(const struct qmp_server *s, const char *name,
					   void **arg);
bool qmp_is_hidden(const struct qmp_server *s, const char *name);
int qmp_check_args(struct qmp_call *call); /* 0, or -1 after qmp_fail() */
json_t *qmp_list_commands(const struct qmp_server *s);
json_t *qmp_list_schema(const struct qmp_server *s);

/* qmp_server.c */
void qmp_server_reap(struct qmp_server *s);
bool qmp_socket_is_dead(const char *path); /* nobody listens: a leftover */

/* The tables that every server has. */
extern const struct qmp_table qmp_core_table, qmp_run_table, qmp_query_table, qmp_stats_table,
	qmp_monitor_table;

#endif
