/* SPDX-License-Identifier: MIT */
/*
 * without_gdb.c - stands in for vmm/machine_gdb.c and vmm/gdb/: a parallax without any gdb code, linked
 * from the same objects otherwise. What an exit costs there is what it must cost with gdb not in use.
 */
#include <errno.h>

#include "vmm/gdb/server.h"
#include "vmm/machine_priv.h"

int machine_add_gdb(struct machine *m, struct error *e)
{
	return m->cfg->gdb ? error_set(e, -ENOTSUP, "--gdb: this build has no gdb") : 0;
}

bool machine_debug(void *arg, struct vcpu *v, enum vcpu_end why)
{
	(void)arg;
	(void)v;
	(void)why;
	return false;
}

int gdb_address_check(const char *address, struct error *e)
{
	return error_set(e, -EINVAL, "--gdb %s: this build has no gdb", address);
}

void gdb_server_ended(struct gdb_server *s, int status, int wait_ms)
{
	(void)s;
	(void)status;
	(void)wait_ms;
}

void gdb_server_destroy(struct gdb_server *s)
{
	(void)s;
}
