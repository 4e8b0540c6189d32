/* SPDX-License-Identifier: MIT */
/* machine_stats.c - what a run cost, gathered after the vCPUs have stopped. */
#include <errno.h>
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

/*
 * The ioctl for a vCPU's waits until KVM_RUN returns, which may be never, so that all stand still for
 * it; what is read from the fd waits for nobody. They are kept until the end.
 */
static int open_stats(struct machine *m)
{
	int *fd = calloc(m->nr_vcpus + 1, sizeof(*fd));

	if (!fd)
		return -ENOMEM;
	machine_hold(m);
	fd[0] = kvm_stats_fd(m->vm);
	for (unsigned i = 0; i < m->nr_vcpus; i++)
		fd[i + 1] = kvm_stats_fd(m->vcpu[i].fd);
	machine_go_on(m);
	m->stats_fd = fd;
	return 0;
}

int machine_kvm_stats(struct machine *m, int cpu, kvm_stats_fn fn, void *arg)
{
	int err = m->stats_fd ? 0 : open_stats(m);

	if (err)
		return err;
	return m->stats_fd[cpu + 1] < 0 ? -ENOTSUP : kvm_stats_walk(m->stats_fd[cpu + 1], fn, arg);
}

void machine_stats_close(struct machine *m)
{
	for (unsigned i = 0; m->stats_fd && i <= m->nr_vcpus; i++)
		if (m->stats_fd[i] >= 0)
			close(m->stats_fd[i]);
	free(m->stats_fd);
	m->stats_fd = NULL;
}

/* Resident bytes of this process, 0 when /proc does not say. */
static u64 resident(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	unsigned long size, pages = 0;

	if (f && fscanf(f, "%lu %lu", &size, &pages) != 2)
		pages = 0;
	if (f)
		fclose(f);
	return pages * GUEST_PAGE_SIZE;
}

void machine_usage(struct machine *m, struct machine_usage *u)
{
	struct rusage ru;

	_Static_assert(ARRAY_SIZE(u->exits) == STATS_MAX_REASON, "as many counters");
	memset(u, 0, sizeof(*u));
	getrusage(RUSAGE_SELF, &ru);
	u->wall_ns = loop_now() - m->start_ns;
	u->cpu_user_ns = timeval_ns(&ru.ru_utime) - m->start_user_ns;
	u->cpu_sys_ns = timeval_ns(&ru.ru_stime) - m->start_sys_ns;
	u->rss = resident();
	for (unsigned i = 0; i < m->nr_vcpus; i++)
		for (u32 r = 0; r < STATS_MAX_REASON; r++)
			/* The vCPU counts on; each counter by itself is right. */
			u->exits[r] +=
				__atomic_load_n(&m->vcpu[i].stats.count[r], __ATOMIC_RELAXED);
	for (int i = 0; i < CONFIG_MAX_SERIALS; i++) {
		u64 bytes = 0, writes;

		if (m->chardev[i])
			chardev_stats(m->chardev[i], &bytes, &writes);
		u->serial_bytes += bytes;
	}
}

void machine_stats_open(struct machine *m)
{
	if (!m->stats_fd)
		open_stats(m);
}

static void read_all_counters(struct machine *m, struct machine_stats *ms)
{
	if (m->stats_fd) {
		for (unsigned i = 0; i <= m->nr_vcpus; i++)
			if (m->stats_fd[i] >= 0)
				kvm_stats_read(m->stats_fd[i], add_counter, ms);
	} else {
		for (unsigned i = 0; i < m->nr_vcpus; i++)
			read_counters(ms, m->vcpu[i].fd);
		read_counters(ms, m->vm);
	}
	if (ms->nr_kvm)
		qsort(ms->kvm, ms->nr_kvm, sizeof(*ms->kvm), by_name);
}

void machine_stats_take(struct machine *m, struct machine_stats *ms)
{
	bool detailed = m->cfg->stats != STATS_OFF;
	struct rusage ru;

	ms->name = machine_name(m);
	ms->virt = virt_mode_name(m->cfg->virt);
	ms->backing = mem_backing_name(m->cfg->mem.backing);
	ms->mem_size = guest_mem_size(m->mem);
	ms->cpus = m->nr_vcpus;
	ms->interpreted = m->quirks.ring0_interpreted;
	if (!detailed || exit_stats_init(&ms->exits, true))
		return;
	getrusage(RUSAGE_SELF, &ru);
	ms->wall_ns = loop_now() - m->start_ns;
	ms->cpu_user_ns = timeval_ns(&ru.ru_utime) - m->start_user_ns;
	ms->cpu_sys_ns = timeval_ns(&ru.ru_stime) - m->start_sys_ns;
	for (unsigned i = 0; i < m->nr_vcpus; i++)
		exit_stats_add(&ms->exits, &m->vcpu[i].stats);
	read_all_counters(m, ms);
	for (int i = 0; i < MACHINE_LINES; i++) {
		u64 bytes = 0, writes = 0;

		if (m->chardev[i])
			chardev_stats(m->chardev[i], &bytes, &writes);
		ms->serial_bytes += bytes;
		ms->serial_writes += writes;
	}
	machine_virtio_stats(m, ms);
}

void machine_stats_collect(struct machine *m)
{
	machine_stats_take(m, &m->result.stats);
}
