/* SPDX-License-Identifier: MIT */
/* machine_stats.c - what a run cost, gathered after the vCPUs have stopped. */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "vmm/kvm.h"
#include "vmm/machine_priv.h"

static u64 timeval_ns(const struct timeval *tv)
{
	return (u64)tv->tv_sec * 1000000000UL + (u64)tv->tv_usec * 1000UL;
}

void machine_stats_start(struct machine *m)
{
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	m->start_ns = loop_now();
	m->start_user_ns = timeval_ns(&ru.ru_utime);
	m->start_sys_ns = timeval_ns(&ru.ru_stime);
}

static void add_counter(void *arg, const char *name, u64 value)
{
	struct machine_stats *ms = arg;
	struct kvm_counter *grown;

	for (size_t i = 0; i < ms->nr_kvm; i++) {
		if (!strcmp(ms->kvm[i].name, name)) {
			ms->kvm[i].value += value;
			return;
		}
	}
	grown = realloc(ms->kvm, (ms->nr_kvm + 1) * sizeof(*grown));
	if (!grown)
		return;
	ms->kvm = grown;
	snprintf(grown[ms->nr_kvm].name, sizeof(grown->name), "%s", name);
	grown[ms->nr_kvm++].value = value;
}

static void read_counters(struct machine_stats *ms, int fd)
{
	int stats = kvm_stats_fd(fd);

	/* A KVM without binary statistics leaves the table empty. */
	if (stats < 0)
		return;
	kvm_stats_read(stats, add_counter, ms);
	close(stats);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct kvm_counter *)a)->name, ((const struct kvm_counter *)b)->name);
}

void machine_stats_collect(struct machine *m)
{
	struct machine_stats *ms = &m->result.stats;
	bool detailed = m->cfg->stats != STATS_OFF;
	struct rusage ru;

	ms->name = m->cfg->name;
	ms->virt = virt_mode_name(m->cfg->virt);
	ms->backing = mem_backing_name(m->cfg->mem.backing);
	ms->mem_size = guest_mem_size(m->mem);
	ms->cpus = m->nr_vcpus;
	if (!detailed || exit_stats_init(&ms->exits, true))
		return;
	getrusage(RUSAGE_SELF, &ru);
	ms->wall_ns = loop_now() - m->start_ns;
	ms->cpu_user_ns = timeval_ns(&ru.ru_utime) - m->start_user_ns;
	ms->cpu_sys_ns = timeval_ns(&ru.ru_stime) - m->start_sys_ns;
	for (unsigned i = 0; i < m->nr_vcpus; i++) {
		exit_stats_add(&ms->exits, &m->vcpu[i].stats);
		read_counters(ms, m->vcpu[i].fd);
	}
	read_counters(ms, m->vm);
	if (ms->nr_kvm)
		qsort(ms->kvm, ms->nr_kvm, sizeof(*ms->kvm), by_name);
	for (int i = 0; i < MACHINE_LINES; i++) {
		u64 bytes = 0, writes = 0;

		if (m->chardev[i])
			chardev_stats(m->chardev[i], &bytes, &writes);
		ms->serial_bytes += bytes;
		ms->serial_writes += writes;
	}
}
