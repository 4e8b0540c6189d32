/* SPDX-License-Identifier: MIT */
/*
 * server.h - where a debugger connects: a TCP or unix socket on the event loop, one debugger at a
 * time. Nothing here blocks; a peer that does not read, or goes without a word, costs a fixed
 * amount of memory and never a vCPU's time.
 */
#ifndef VMM_GDB_SERVER_H
#define VMM_GDB_SERVER_H

#include "vmm/gdb/x86.h"

struct gdb_server;

/* "[HOST:]PORT" or "unix:PATH". 0, or -EINVAL with e filled. */
int gdb_address_check(const char *address, struct error *e);

/* Listens at address (host 127.0.0.1 unless given). 0, or -errno with e filled. */
int gdb_server_create(const char *address, const struct gdb_machine *m, struct gdb_server **out,
		      struct error *e);

/*
 * Tells the debugger how the guest ended; loop thread, after the loop and the vCPUs. One that looks at
 * a CPU which stopped just before the end is served for another wait_ms at most. NULL is fine.
 */
void gdb_server_ended(struct gdb_server *s, int status, int wait_ms);
void gdb_server_destroy(struct gdb_server *s); /* NULL is fine */

struct gdb_x86 *gdb_server_target(struct gdb_server *s);

#endif
