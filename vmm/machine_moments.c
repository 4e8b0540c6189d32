/* SPDX-License-Identifier: MIT */
/*
 * machine_moments.c - everything that is counted, at the moments that bound a measured piece of a run:
 * its start, and what the guest says by the POST port (devices/abi/post.h).
 *
 * The first BEGIN and the first END after it count. They are taken on the vCPU that wrote; the other
 * vCPUs go on meanwhile, so that a guest whose CPUs are all busy gets figures that are a few exits off.
 */
#include <stdlib.h>

#include "devices/abi/post.h"
#include "devices/post.h"
#include "vmm/kvm.h"
#include "vmm/machine_priv.h"

static void take(struct machine *m, enum machine_moment moment)
{
	struct machine_stats *ms = calloc(1, sizeof(*ms));

	if (!ms)
		return;
	machine_stats_take(m, ms);
	m->result.moment[moment] = ms;
}

static void marked(void *arg, u8 code)
{
	struct machine *m = arg;
	enum machine_moment moment = code == POST_BEGIN ? MOMENT_BEGIN : MOMENT_END;
	int expected = moment == MOMENT_BEGIN ? MOMENT_START : MOMENT_BEGIN;

	if ((code == POST_BEGIN || code == POST_END) &&
	    atomic_compare_exchange_strong(&m->moment, &expected, (int)moment))
		take(m, moment);
}

struct device *machine_add_post(struct machine *m, bool *skip)
{
	*skip = !m->cfg->moments;
	if (*skip)
		return NULL;
	return post_create(&m->env, &(struct dev_range){ DEV_PIO, PC_POST_PORT, PC_POST_LEN },
			   marked, m);
}

void machine_moments_start(struct machine *m)
{
	if (!m->cfg->moments)
		return;
	/* Later it would have to wait for vCPUs that may not leave the guest for long. */
	machine_stats_open(m);
	take(m, MOMENT_START);
}

void machine_moments_free(struct machine *m)
{
	for (int i = 0; i < MACHINE_MOMENTS; i++) {
		struct machine_stats *ms = m->result.moment[i];

		if (ms) {
			exit_stats_free(&ms->exits);
			free(ms->kvm);
		}
		free(ms);
	}
}
