/* SPDX-License-Identifier: MIT */
/*
 * client.h - a running guest as its verbs see it: a QMP connection that waits for answers.
 *
 * Errors are one line for a person and name the guest.
 */
#ifndef VMM_CMD_CLIENT_H
#define VMM_CMD_CLIENT_H

#include <jansson.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/types.h"

struct client {
	char name[64];
	int fd;
	pid_t pid; /* of the guest's process; 0: unknown */
	char *buf;
	size_t used, room;
	json_t *events; /* that came while an answer was waited for; an array */
};

/* How long an answer may take before the guest counts as hung. */
#define CLIENT_PATIENCE_MS 10000

/*
 * Connects, and gets through the greeting. name: a guest's, a path with a '/' to its socket, or NULL for
 * the only one that runs. 0, or -errno with e filled.
 */
int client_open(struct client *c, const char *name, struct error *e);

/* The same on a connection that is there already; fd is taken over, also on failure. */
int client_adopt(struct client *c, const char *name, int fd, pid_t pid, int patience_ms,
		 struct error *e);
void client_close(struct client *c);

/* One command; args is taken over (NULL: none). Its answer's "return", or NULL with e filled. */
json_t *client_execute(struct client *c, const char *command, json_t *args, struct error *e);

/*
 * The next event, waiting at most ms (-1: for ever). 1 with *event set; 0: the guest is gone; -ETIMEDOUT,
 * or -errno with e filled.
 */
int client_event(struct client *c, int ms, json_t **event, struct error *e);

/* --- what verbs have in common --------------------------------------------------------------------- */

struct option_set;
struct option_def;

#define VERB_MAX_NAMES 256

struct verb {
	const char *name[VERB_MAX_NAMES]; /* words that are no options */
	size_t nr;
	bool json, all, force, quiet, recent, read_only;
	unsigned seconds; /* --timeout */
	unsigned port;
	double interval; /* 0: once */
};

/*
 * Parses a verb's command line into v. -1: go on; otherwise the exit status, everything said. text is
 * what --help prints above the options.
 */
int verb_parse(struct verb *v, int argc, char **argv, const struct option_def *options, size_t n,
	       const char *text);

/* Rows for verb_parse(). */
int verb_set_json(void *ctx, const char *value, struct error *e);
int verb_set_all(void *ctx, const char *value, struct error *e);
int verb_set_force(void *ctx, const char *value, struct error *e);
int verb_set_quiet(void *ctx, const char *value, struct error *e);
int verb_set_recent(void *ctx, const char *value, struct error *e);
int verb_set_read_only(void *ctx, const char *value, struct error *e);
int verb_set_timeout(void *ctx, const char *value, struct error *e);
int verb_set_port(void *ctx, const char *value, struct error *e);
int verb_set_interval(void *ctx, const char *value, struct error *e);

/* With --all: the names of all guests that run, in place of the words. Freed by the caller's exit. */
int verb_all_names(struct verb *v, struct error *e);

void print_json(json_t *value); /* indented, on stdout; takes the reference */

#endif
