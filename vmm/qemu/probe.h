/* SPDX-License-Identifier: MIT */
/* probe.h - `-machine none`: no machine, only questions about the program, over QMP. */
#ifndef VMM_QEMU_PROBE_H
#define VMM_QEMU_PROBE_H

#include "vmm/qemu/command.h"

/*
 * Answers until the last client has gone. With -daemonize the caller's process returns as soon as
 * a child of it listens, with the pidfile written and standard output and error let go: libvirt
 * reads both until their end. 0, or -errno with e filled.
 */
int qemu_probe(const struct qemu_command *c, struct error *e);

/* "PID\n" into path, NULL: nowhere. 0 or -errno with e filled. */
int qemu_write_pidfile(const char *path, struct error *e);

#endif
