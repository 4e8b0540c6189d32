/* SPDX-License-Identifier: MIT */
/*
 * session.h - one debugger's conversation: packets in, packets out, a target between.
 * Spec: GDB manual, appendix E. All-stop mode; threads are CPUs, named CPU#0 and so on.
 *
 * Knows neither sockets nor KVM. Rule G3: memory is bounded: input is taken only while a whole
 * reply fits the output. Rule G4: while the guest runs nothing but an interrupt is obeyed.
 */
#ifndef VMM_GDB_SESSION_H
#define VMM_GDB_SESSION_H

#include "vmm/gdb/packet.h"
#include "vmm/gdb/target.h"

struct gdb_session;

/* NULL when out of memory. The target is halted by gdb_session_open(), not yet by this. */
struct gdb_session *gdb_session_create(const struct gdb_target_ops *ops, void *target);
void gdb_session_destroy(struct gdb_session *s);

/* A debugger has connected: forgets the one before and halts the machine. */
void gdb_session_open(struct gdb_session *s);

/* It has gone, by word or without: the machine is released. Harmless when none was there. */
void gdb_session_close(struct gdb_session *s);

/* It said that it leaves (or killed the guest): the connection may be closed once output is out. */
bool gdb_session_done(const struct gdb_session *s);

/* Returns how many bytes were taken: fewer than n while output waits (G3). */
size_t gdb_session_input(struct gdb_session *s, const u8 *buf, size_t n);

/* Bytes to be sent; after sending n of them, gdb_session_sent(). */
const u8 *gdb_session_output(const struct gdb_session *s, size_t *n);
void gdb_session_sent(struct gdb_session *s, size_t n);

/*
 * From the target: a running machine has stopped, or the machine has ended with that status. A
 * debugger that looks at a stopped machine hears of the end when it resumes it.
 */
void gdb_session_stopped(struct gdb_session *s, const struct gdb_stop *stop);
void gdb_session_ended(struct gdb_session *s, int status);

bool gdb_session_running(const struct gdb_session *s);

#endif
