/* SPDX-License-Identifier: MIT */
/* cmd.h - the verbs: one function a verb, one file each. */
#ifndef VMM_CMD_CMD_H
#define VMM_CMD_CMD_H

#include "base/error.h"
#include "vmm/config.h"

struct option_set;

/* argv[0] is the verb's name. Returns the process's exit status. */
int cmd_run(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_debug(int argc, char **argv);
int cmd_contrast(int argc, char **argv);
int cmd_trace(int argc, char **argv);
int cmd_simulate(int argc, char **argv);
int cmd_ps(int argc, char **argv);
int cmd_stop(int argc, char **argv);
int cmd_pause(int argc, char **argv);
int cmd_resume(int argc, char **argv);
int cmd_reset(int argc, char **argv);
int cmd_console(int argc, char **argv);
int cmd_stat(int argc, char **argv);
int cmd_events(int argc, char **argv);
int cmd_balloon(int argc, char **argv);
int cmd_qmp(int argc, char **argv);
int cmd_qemu(int argc, char **argv);

/* Prints "parallax VERB: text" on stderr and returns status. */
int cmd_fail(const char *verb, const struct error *e, int status);

/*
 * The options that describe a machine, shared by every verb that builds one. config_options()
 * fills set for cfg; config_finish() resolves what depends on several of them, and config_defaults()
 * what was not asked for: the kernel and its userland, whose paths are kept here.
 */
struct config_builder {
	struct machine_config cfg;
	char default_kernel[4096], default_initrd[4096];
	unsigned nr_serials; /* --serial options seen; and of the others that may come often */
	unsigned nr_consoles, nr_disks, nr_nets;
	bool dry_run;
	bool detach; /* `run` alone; the others refuse it */
};
void config_options(struct option_set *set, struct config_builder *b);
int config_finish(struct config_builder *b, struct error *e);
int config_defaults(struct config_builder *b, struct error *e);

#endif
