/* SPDX-License-Identifier: MIT */
/*
 * trace_kvm.c - see trace_kvm.h. Each vCPU's thread opens its two tracepoints with one ring (perf_event_open(2):
 * records of type PERF_RECORD_SAMPLE hold time and the raw record); the loop's thread empties the rings.
 */
#include "vmm/trace_kvm.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "vmm/trace_format.h"
#include "vmm/trace_priv.h"

#define RING_SIZE  (1UL << 20) /* a few thousand exits, taken every other millisecond */
#define RECORD_MAX 512	       /* longer ones are none of ours */
#define WORDS_MAX  192
#define FORMAT_MAX 65536

/* Of one vCPU. */
struct lane {
	int exit_fd, entry_fd; /* -1: not open */
	_Atomic(struct perf_event_mmap_page *) ring;
	bool out; /* `now` has begun */
	struct kvm_exit_slice now, *slice;
	size_t nr, room;
};

struct trace_kvm {
	unsigned cpus;
	u64 limit, kept, left;
	u64 exit_id, entry_id;
	int reason_at, rip_at, isa_at; /* in kvm_exit's record; isa -1: there is none */
	struct {
		struct trace_word word[WORDS_MAX];
		size_t nr;
	} isa[2]; /* VMX, SVM */
	struct lane lane[];
};

/* A sample's begin, with PERF_SAMPLE_TIME | PERF_SAMPLE_RAW. */
struct sample {
	struct perf_event_header header;
	u64 time;
	u32 size;
	u8 raw[];
};

/* ---- the host's words -------------------------------------------------------------------------------- */

static int read_text(const char *path, char *buf, size_t size)
{
	FILE *f = fopen(path, "re");
	size_t n;

	if (!f)
		return -errno;
	n = fread(buf, 1, size - 1, f);
	buf[n] = '\0';
	fclose(f);
	return n ? 0 : -ENODATA;
}

static int read_format(const char *event, char *buf, struct error *e)
{
	static const char *const roots[] = { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" };
	char path[96];
	int err = -ENOENT;

	for (size_t i = 0; i < ARRAY_SIZE(roots) && err == -ENOENT; i++) {
		snprintf(path, sizeof(path), "%s/events/kvm/%s/format", roots[i], event);
		err = read_text(path, buf, FORMAT_MAX);
	}
	if (err == -ENOENT)
		return error_set(
			e, err,
			"--kvm: no tracepoint kvm:%s: is tracefs at %s, and has this host's kvm "
			"tracepoints?",
			event, roots[0]);
	return err ? error_sys(e, err, "--kvm: %s (root may)", path) : 0;
}

static int learn(struct trace_kvm *k, struct error *e)
{
	char *text = malloc(FORMAT_MAX);
	int err = text ? read_format("kvm_entry", text, e) : error_sys(e, -ENOMEM, "--kvm");

	if (!err) {
		k->entry_id = (u64)trace_format_id(text);
		err = read_format("kvm_exit", text, e);
	}
	if (!err) {
		k->exit_id = (u64)trace_format_id(text);
		k->reason_at = trace_format_field(text, "exit_reason", 4);
		k->rip_at = trace_format_field(text, "guest_rip", 8);
		k->isa_at = trace_format_field(text, "isa", 4);
		for (unsigned i = 0; i < ARRAY_SIZE(k->isa); i++)
			k->isa[i].nr = trace_format_words(text, i, k->isa[i].word, WORDS_MAX);
		if ((s64)k->exit_id < 0 || (s64)k->entry_id < 0 || k->reason_at < 0 ||
		    k->rip_at < 0)
			err = error_set(e, -EOPNOTSUPP,
					"--kvm: kvm:kvm_exit of this host looks like no other");
	}
	free(text);
	return err;
}

const char *trace_kvm_name(const struct trace_kvm *k, const struct kvm_exit_slice *x, char buf[32])
{
	bool vmx = x->isa == 1;
	u64 reason = vmx ? x->reason & 0xffff : x->reason;
	unsigned isa = vmx || !k->isa[1].nr ? 0 : 1;

	for (size_t i = 0; i < k->isa[isa].nr; i++)
		if (k->isa[isa].word[i].value == reason)
			return k->isa[isa].word[i].word;
	snprintf(buf, 32, "exit %#lx", reason);
	return buf;
}

/* ---- rings ---------------------------------------------------------------------------------------------- */

/* A tracepoint of the calling thread. */
static int open_event(u64 id)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attr),
		.config = id,
		.sample_period = 1,
		.sample_type = PERF_SAMPLE_TIME | PERF_SAMPLE_RAW,
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC,
	};

	return (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

static size_t map_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE) + RING_SIZE;
}

static void close_lane(struct lane *l)
{
	struct perf_event_mmap_page *ring = atomic_exchange(&l->ring, NULL);

	if (ring)
		munmap(ring, map_size());
	if (l->entry_fd >= 0)
		close(l->entry_fd);
	if (l->exit_fd >= 0)
		close(l->exit_fd);
	l->exit_fd = l->entry_fd = -1;
}

/* For the calling thread. 0 or -errno. */
static int open_lane(struct trace_kvm *k, struct lane *l)
{
	void *ring = MAP_FAILED;
	int err;

	l->exit_fd = open_event(k->exit_id);
	l->entry_fd = open_event(k->entry_id);
	if (l->exit_fd >= 0 && l->entry_fd >= 0)
		ring = mmap(NULL, map_size(), PROT_READ | PROT_WRITE, MAP_SHARED, l->exit_fd, 0);
	if (ring == MAP_FAILED || ioctl(l->entry_fd, PERF_EVENT_IOC_SET_OUTPUT, l->exit_fd)) {
		err = -errno;
		if (ring != MAP_FAILED)
			munmap(ring, map_size());
		close_lane(l);
		return err;
	}
	atomic_store(&l->ring, ring); /* from now on it may be emptied */
	return 0;
}

int trace_kvm_create(unsigned cpus, u64 limit, struct trace_kvm **out, struct error *e)
{
	struct trace_kvm *k = calloc(1, sizeof(*k) + cpus * sizeof(k->lane[0]));
	int err;

	if (!k)
		return error_sys(e, -ENOMEM, "--kvm");
	for (unsigned i = 0; i < cpus; i++)
		k->lane[i].exit_fd = k->lane[i].entry_fd = -1;
	err = learn(k, e);
	if (!err) {
		k->cpus = cpus;
		k->limit = limit;
		/* Told now, not by an empty timeline. */
		err = open_lane(k, &k->lane[0]);
		close_lane(&k->lane[0]);
		if (err)
			error_sys(e, err, "--kvm: the tracepoints of kvm (root may)");
	}
	if (err)
		free(k);
	else
		*out = k;
	return err;
}

void trace_kvm_destroy(struct trace_kvm *k)
{
	for (unsigned i = 0; k && i < k->cpus; i++) {
		close_lane(&k->lane[i]);
		free(k->lane[i].slice);
	}
	free(k);
}

void trace_kvm_begin(struct trace_kvm *k, unsigned cpu)
{
	int err = open_lane(k, &k->lane[cpu]);

	if (err)
		fprintf(stderr, "parallax: --kvm: vCPU %u: %s\n", cpu, strerror(-err));
}

/* ---- records -------------------------------------------------------------------------------------------- */

static void keep(struct trace_kvm *k, struct lane *l)
{
	struct kvm_exit_slice *slice = NULL;

	if (k->kept < k->limit)
		slice = trace_room(l->slice, l->nr, &l->room, sizeof(*slice));
	if (!slice) {
		k->left++;
		return;
	}
	l->slice = slice;
	slice[l->nr++] = l->now;
	k->kept++;
}

static void take_sample(struct trace_kvm *k, struct lane *l, const struct sample *s)
{
	size_t size = MIN((size_t)s->size, s->header.size - offsetof(struct sample, raw));
	u16 id;

	if (size < sizeof(id))
		return;
	memcpy(&id, s->raw, sizeof(id));
	if (id == k->entry_id && l->out) {
		l->now.end = s->time;
		keep(k, l);
		l->out = false;
	}
	if (id != k->exit_id || size < (size_t)k->rip_at + 8 || size < (size_t)k->reason_at + 4 ||
	    (k->isa_at >= 0 && size < (size_t)k->isa_at + 4))
		return;
	l->now = (struct kvm_exit_slice){ .start = s->time };
	memcpy(&l->now.reason, s->raw + k->reason_at, sizeof(l->now.reason));
	memcpy(&l->now.rip, s->raw + k->rip_at, sizeof(l->now.rip));
	if (k->isa_at >= 0)
		memcpy(&l->now.isa, s->raw + k->isa_at, sizeof(l->now.isa));
	l->out = true;
}

static void take_record(struct trace_kvm *k, struct lane *l, const struct perf_event_header *h)
{
	u64 lost;

	if (h->type == PERF_RECORD_LOST && h->size >= sizeof(*h) + 16) {
		memcpy(&lost, (const u8 *)h + sizeof(*h) + 8, sizeof(lost));
		k->left += lost / 2; /* an exit and an entry */
		l->out = false;
	}
	if (h->type == PERF_RECORD_SAMPLE && h->size >= offsetof(struct sample, raw))
		take_sample(k, l, (const struct sample *)h);
}

/* Bytes of the ring, which goes on at its begin. */
static void copy_out(void *to, const u8 *data, u64 at, size_t n)
{
	size_t first = MIN(n, RING_SIZE - at % RING_SIZE);

	memcpy(to, data + at % RING_SIZE, first);
	memcpy((u8 *)to + first, data, n - first);
}

static void take_lane(struct trace_kvm *k, struct lane *l, struct perf_event_mmap_page *ring)
{
	const u8 *data = (const u8 *)ring + ring->data_offset;
	u64 head = __atomic_load_n(&ring->data_head, __ATOMIC_ACQUIRE), tail = ring->data_tail;
	union {
		struct perf_event_header header;
		u64 align[RECORD_MAX / 8];
	} r;

	while (tail < head) {
		copy_out(&r.header, data, tail, sizeof(r.header));
		if (r.header.size < sizeof(r.header))
			break;
		if (r.header.size <= sizeof(r)) {
			copy_out(&r, data, tail, r.header.size);
			take_record(k, l, &r.header);
		}
		tail += r.header.size;
	}
	__atomic_store_n(&ring->data_tail, head, __ATOMIC_RELEASE);
}

void trace_kvm_take(struct trace_kvm *k)
{
	for (unsigned i = 0; i < k->cpus; i++) {
		struct perf_event_mmap_page *ring = atomic_load(&k->lane[i].ring);

		if (ring)
			take_lane(k, &k->lane[i], ring);
	}
}

void trace_kvm_end(struct trace_kvm *k, u64 now)
{
	trace_kvm_take(k);
	for (unsigned i = 0; i < k->cpus; i++) {
		struct lane *l = &k->lane[i];

		l->now.end = now;
		if (l->out)
			keep(k, l);
		l->out = false;
	}
}

const struct kvm_exit_slice *trace_kvm_exits(const struct trace_kvm *k, unsigned cpu, size_t *nr)
{
	*nr = k->lane[cpu].nr;
	return k->lane[cpu].slice;
}

void trace_kvm_count(const struct trace_kvm *k, u64 *kept, u64 *left)
{
	*kept = k->kept;
	*left = k->left;
}
