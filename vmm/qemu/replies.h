/* SPDX-License-Identifier: MIT */
/*
 * replies.h - the questions that QEMU's managers ask and `parallax` users do not: what kinds of
 * devices and machines there are, what stands below /machine, which jobs run. Added to a machine's
 * QMP server, or to that of a probe.
 */
#ifndef VMM_QEMU_REPLIES_H
#define VMM_QEMU_REPLIES_H

#include "vmm/qemu/command.h"
#include "vmm/qmp/qmp.h"

/* c is borrowed for the server's life. 0 or -errno. */
int qemu_replies_add(struct qmp_server *s, const struct qemu_command *c);

#endif
