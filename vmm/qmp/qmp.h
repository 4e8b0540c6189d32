/* SPDX-License-Identifier: MIT */
/*
 * qmp.h - the control plane: a QMP server (QEMU Machine Protocol) on an event loop.
 *
 * Sockets: any number of listening ones, each with several clients. One line of JSON in, one out,
 * ended by CR LF. Commands come from tables; dispatch, the check of arguments, query-commands and
 * query-qmp-schema are made from the same rows.
 *
 * Everything runs on the loop's thread. A client costs nothing but its own bounded buffers: a
 * command of QMP_MAX_COMMAND bytes at most, QMP_MAX_DEPTH levels, QMP_MAX_BACKLOG bytes of unread
 * answers (who does not read is not read from), QMP_MAX_CLIENTS clients (one that never said a word
 * makes room for the next). Whoever goes beyond is told, or closed, and nobody else notices. jansson
 * is first used when the first client connects.
 */
#ifndef VMM_QMP_QMP_H
#define VMM_QMP_QMP_H

#include <jansson.h>

#include "base/error.h"
#include "base/types.h"

struct loop;
struct machine;
struct qmp_server;
struct qmp_session;

#define QMP_MAX_COMMAND (256 * KiB)
#define QMP_MAX_DEPTH	64
#define QMP_MAX_BACKLOG (1 * MiB)
#define QMP_MAX_CLIENTS 64

/* --- tables ------------------------------------------------------------------------------------- */

/*
 * Types, as words: "str", "int", "number", "bool", "any" (a JSON value of any kind), "null",
 * "[T]" (array of T), or the name of a row in some table's types.
 */
struct qmp_member {
	const char *name;
	const char *type;
	bool optional;
};

/* An object type; values (instead of members) makes it an enumeration of words. */
struct qmp_type {
	const char *name;
	const struct qmp_member *members; /* ends with a NULL name; NULL: none */
	const char *const *values;	  /* ends with NULL; NULL: an object */
};

struct qmp_event_def {
	const char *name;
	const struct qmp_member *members; /* of "data"; NULL: none */
};

struct qmp_call; /* one command under way */

/* flags */
#define QMP_EARLY     1u /* also before qmp_capabilities */
#define QMP_MACHINE   2u /* needs a machine: GenericError on a server that has none */
#define QMP_HIDDEN    4u /* not in query-commands and query-qmp-schema */
#define QMP_FREE_FORM 8u /* arguments are not checked against args */

struct qmp_command {
	const char *name;
	const struct qmp_member *args; /* ends with a NULL name; NULL: takes none */
	const char *returns;	       /* a type's name; NULL: an empty object */
	/*
	 * Sets call->ret (a new reference; NULL means {}), or calls qmp_fail(). Returns 0, or -1 after
	 * qmp_fail(). Arguments are those of args, of the right types.
	 */
	int (*run)(struct qmp_call *call);
	unsigned flags;
};

struct qmp_table {
	const struct qmp_command *commands; /* ends with a NULL name; NULL: none */
	const struct qmp_type *types;
	const struct qmp_event_def *events;
};

enum qmp_error_class {
	QMP_GENERIC,	       /* GenericError */
	QMP_COMMAND_NOT_FOUND, /* CommandNotFound */
	QMP_DEVICE_NOT_ACTIVE, /* DeviceNotActive */
	QMP_DEVICE_NOT_FOUND,  /* DeviceNotFound */
	QMP_KVM_MISSING_CAP,   /* KVMMissingCap */
};

struct qmp_call {
	struct qmp_server *server;
	struct qmp_session *session;
	struct machine *machine; /* NULL: the server has none */
	void *arg;		 /* as given with the table */
	const struct qmp_command *command;
	json_t *args; /* borrowed; an object, never NULL */
	json_t *ret;

	bool failed; /* qmp_fail()'s */
	enum qmp_error_class class;
	char desc[512];
};

/* Sets the error reply; returns -1. The first error stays. */
int qmp_fail(struct qmp_call *call, enum qmp_error_class class, const char *fmt, ...)
	printf_like(3, 4);

/* An argument by name: NULL, or the default, when it was not given. */
const char *qmp_arg_str(const struct qmp_call *call, const char *name);
s64 qmp_arg_int(const struct qmp_call *call, const char *name, s64 otherwise);
bool qmp_arg_bool(const struct qmp_call *call, const char *name, bool otherwise);

/* --- the server ----------------------------------------------------------------------------------- */

/*
 * m may be NULL (a capability probe). The server knows vmm/qmp's own commands from the start.
 * NULL with errno set. It listens to the machine's events and sends them to its clients.
 */
struct qmp_server *qmp_server_create(struct loop *loop, struct machine *m);
void qmp_server_destroy(struct qmp_server *s); /* closes clients, removes sockets; NULL is fine */

/*
 * Listens at "unix:PATH" (made 0600; a dead one of that name is replaced, a live one is -EADDRINUSE)
 * or "fd:N", a listening socket that was inherited. 0, or -errno with e filled.
 */
int qmp_server_listen(struct qmp_server *s, const char *address, struct error *e);

/* The words alone. 0 or -EINVAL with e filled. */
int qmp_address_check(const char *address, struct error *e);

/*
 * Adds commands, types and events; table is borrowed for the server's life, arg goes to its
 * handlers. A later table's command replaces an earlier one of the same name. 0 or -ENOSPC.
 */
int qmp_server_add(struct qmp_server *s, const struct qmp_table *table, void *arg);

/* Takes a command out of dispatch, query-commands and the schema (a personality hides what its
 * client must not see). */
void qmp_server_hide(struct qmp_server *s, const char *command);

/* What query-version and the greeting say; QEMU's numbers, 7.2.0 unless set. */
void qmp_server_set_version(struct qmp_server *s, int major, int minor, int micro,
			    const char *package);

/* Sends an event, with the time of now; data is taken over (NULL: none). */
void qmp_server_event(struct qmp_server *s, const char *name, json_t *data);

/* Called whenever the number of clients has changed; a probe ends itself at 0. */
void qmp_server_on_clients(struct qmp_server *s, void (*fn)(void *arg, unsigned clients),
			   void *arg);

/* Sends what is queued, waiting at most ms for slow readers. After the loop has ended. */
void qmp_server_flush(struct qmp_server *s, int ms);

/*
 * Inside a handler: after the reply has been sent the session is over and the connection is the
 * caller's, as a stream of bytes: fn gets the (non-blocking) fd, and what the client had sent already.
 */
void qmp_take_over(struct qmp_call *call, void (*fn)(void *arg, int fd, const u8 *early, size_t n),
		   void *arg);

#endif
