/* SPDX-License-Identifier: MIT */
/* cpu.c - -cpu MODEL[,feature=on|off][,+feature][,-feature]: the host's CPU, with some of it left out. */
#include <errno.h>
#include <string.h>

#include "vmm/qemu/command.h"

static int wish(struct qemu_command *c, const char *name, bool on, struct error *e)
{
	const char *near = NULL, *kept;

	if (!cpu_feature_known(name)) {
		near = cpu_feature_suggest(name);
		return error_set(e, -EINVAL, "-cpu: %.60s: not a CPU feature%s%s%s", name,
				 near ? "; did you mean " : " that is known here", near ? near : "",
				 near ? "?" : "");
	}
	if (c->cfg.nr_cpu_wishes == CONFIG_MAX_CPU_WISHES)
		return error_set(e, -EINVAL, "-cpu: more than %d features", CONFIG_MAX_CPU_WISHES);
	kept = text_keep(&c->pool, name);
	if (!kept)
		return error_sys(e, -ENOMEM, "-cpu");
	c->cfg.cpu_wish[c->cfg.nr_cpu_wishes++] = (struct cpu_wish){ kept, on };
	return 0;
}

int qemu_take_cpu(struct qemu_command *c, const char *value, struct error *e)
{
	struct keyvals kv;
	const char *model;
	int err = keyvals_parse(&kv, "-cpu", value, "model", e);

	if (err)
		goto out;
	c->cfg.nr_cpu_wishes = 0;
	model = keyvals_take(&kv, "model");
	if (!model || (strcmp(model, "host") != 0 && strcmp(model, "max") != 0)) {
		err = error_set(e, -EINVAL,
				"-cpu %.60s: not supported, only host; "
				"<cpu mode='host-passthrough'/>, or no <cpu> at all",
				model ? model : value);
		goto out;
	}
	for (size_t i = 0; !err && i < kv.n; i++) {
		const char *key = kv.kv[i].key;
		bool on, sign = *key == '+' || *key == '-';

		if (kv.kv[i].taken)
			continue;
		if (!rule_bool(kv.kv[i].value, &on))
			err = error_set(e, -EINVAL, "-cpu: %.60s=%.60s is not supported", key,
					kv.kv[i].value);
		else if (!strcmp(key, "migratable")) /* QEMU's word for: no invariant TSC */
			err = on ? wish(c, "invtsc", false, e) : 0;
		else
			err = wish(c, key + sign, sign ? *key == '+' : on, e);
	}
out:
	keyvals_free(&kv);
	return err;
}
