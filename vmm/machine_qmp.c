/* SPDX-License-Identifier: MIT */
/* machine_qmp.c - a machine's control plane: its place in the registry, its sockets, its consoles. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vmm/console_hub.h"
#include "vmm/machine_priv.h"
#include "vmm/qmp/qmp.h"

#define LAST_WORD_MS 200

static void attach(void *arg, int fd, const u8 *early, size_t n)
{
	console_hub_attach(arg, fd, early, n);
}

static int x_console(struct qmp_call *call)
{
	struct machine *m = call->machine;
	s64 port = qmp_arg_int(call, "port", 0);
	struct console_hub *hub =
		port >= 0 && port < CONFIG_MAX_SERIALS && m->chardev[port] ? m->hub[port] : NULL;

	if (!hub)
		return qmp_fail(call, QMP_DEVICE_NOT_FOUND, "the guest has no serial port %ld",
				(long)port);
	if (console_hub_full(hub))
		return qmp_fail(call, QMP_GENERIC, "serial port %ld has %d watchers already",
				(long)port, CONSOLE_MAX_WATCHERS);
	call->ret = json_pack("{s:i}", "recent", (int)console_hub_recent(hub));
	qmp_take_over(call, attach, hub);
	return 0;
}

static const struct qmp_member console_args[] = { { "port", "int", true }, { 0 } };

static const struct qmp_member console_members[] = { { "recent", "int", false }, { 0 } };

static const struct qmp_table console_table = {
	.commands =
		(const struct qmp_command[]){
			{ "x-console", console_args, "XConsole", x_console, QMP_MACHINE }, { 0 } },
	.types = (const struct qmp_type[]){ { "XConsole", console_members, NULL }, { 0 } },
};

static int listen_registered(struct machine *m, struct error *e)
{
	const struct control_config *cfg = &m->cfg->control;
	char address[sizeof(m->claim.socket) + 8];
	struct error why;
	int err = registry_claim(&m->claim, m->cfg->name, cfg->any_name, &why);

	if (!err) {
		snprintf(address, sizeof(address), "unix:%s", m->claim.socket);
		err = qmp_server_listen(m->qmp, address, &why);
		registry_settle(&m->claim);
	}
	if (!err)
		return 0;
	if (!cfg->any_name || cfg->required)
		return error_set(e, err, "%s", why.text);
	/* Nobody asked for it: the guest runs without. */
	fprintf(stderr, "parallax: %s; `parallax ps` will not see this guest\n", why.text);
	return 0;
}

bool machine_has_control(const struct machine *m)
{
	return m->cfg->control.registered || m->cfg->control.qmp[0];
}

int machine_add_control(struct machine *m, struct error *e)
{
	const struct control_config *cfg = &m->cfg->control;
	int err;

	if (!machine_has_control(m))
		return 0;
	m->qmp = qmp_server_create(m->loop, m);
	if (!m->qmp)
		return error_sys(e, -errno, "control plane");
	qmp_server_add(m->qmp, &console_table, NULL);
	err = cfg->registered ? listen_registered(m, e) : 0;
	for (int i = 0; !err && i < CONFIG_MAX_QMP && cfg->qmp[i]; i++)
		err = qmp_server_listen(m->qmp, cfg->qmp[i], e);
	return err;
}

void machine_remove_control(struct machine *m)
{
	if (m->qmp)
		qmp_server_flush(m->qmp, LAST_WORD_MS);
	qmp_server_destroy(m->qmp);
	m->qmp = NULL;
	registry_release(&m->claim);
}

void machine_add_hub(struct machine *m, unsigned port, struct chardev_config *cfg)
{
	if (!machine_has_control(m))
		return;
	m->hub[port] = console_hub_create(m->loop);
	if (m->hub[port])
		console_hub_hook(m->hub[port], cfg);
}

void machine_remove_hubs(struct machine *m)
{
	for (int i = 0; i < CONFIG_MAX_SERIALS; i++) {
		console_hub_destroy(m->hub[i], LAST_WORD_MS);
		m->hub[i] = NULL;
	}
}
