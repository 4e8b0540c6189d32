/* SPDX-License-Identifier: MIT */
/* guest_mem.c - see guest_mem.h: life of guest RAM, and the checked door to it. */
#include "mm/guest_mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/size.h"
#include "mm/backing.h"
#include "mm/layout.h"
#include "mm/numa.h"

struct guest_mem {
	size_t nr;
	struct mem_region region[MEM_MAX_REGIONS];
	u64 size;
	struct backing backing;
	enum mem_backing kind;
	bool prealloc;
};

/* --- life ------------------------------------------------------------------------------- */

static int bind_nodes(const struct guest_mem *gm, const struct mem_layout *l,
		      const struct mem_config *cfg, struct error *e)
{
	unsigned ids[NUMA_MAX_HOST_NODES];
	size_t nr_hosts = l->nr_nodes > 1 ? numa_host_nodes(ids) : 0;
	u64 page_size = backing_page_size(cfg->backing);
	/*
	 * The reservation of huge pages does not look at nodes. A strict binding could run dry on
	 * first touch, which is a SIGBUS; populating now reports it instead.
	 */
	bool strict = page_size == GUEST_PAGE_SIZE || cfg->prealloc;

	if (nr_hosts < 2)
		return 0;
	for (unsigned n = 0; n < l->nr_nodes; n++) {
		u64 start = layout_cut(l, n);
		u64 end = ALIGN_UP(layout_cut(l, n + 1), page_size);
		unsigned id = ids[n % nr_hosts];
		int err = numa_bind(gm->backing.ram + start, end - start, id, strict);

		if (err)
			return error_sys(e, err, "guest memory: binding node %u to host node %u", n,
					 id);
	}
	return 0;
}

/* Asking for more than there is would end in the host's OOM killer instead of an error. */
static int check_host_ram(u64 size, struct error *e)
{
	char text[SIZE_TEXT];
	struct sysinfo si;
	u64 host;

	if (sysinfo(&si))
		return 0;
	host = ((u64)si.totalram + si.totalswap) * si.mem_unit;
	if (size <= host)
		return 0;
	size_format(size, text);
	return error_set(e, -ENOMEM,
			 "guest memory: --prealloc of %s, but the host has %llu MiB with swap",
			 text, (unsigned long long)(host / MiB));
}

static int populate(const struct guest_mem *gm, struct error *e)
{
	u64 page_size = backing_page_size(gm->kind);

	for (size_t i = 0; i < gm->nr; i++) {
		const struct mem_region *r = &gm->region[i];
		int err = backing_populate(r->host, r->size, page_size);

		if (err)
			return error_sys(e, err, "guest memory: populating node %u at 0x%llx",
					 r->node, (unsigned long long)r->gpa.v);
	}
	return 0;
}

int guest_mem_create(const struct mem_config *cfg, struct guest_mem **out, struct error *e)
{
	struct mem_layout l = {
		.size = cfg->size,
		.nr_nodes = cfg->nr_nodes,
	};
	struct guest_mem *gm;
	int err = mem_config_check(cfg, e);

	if (err)
		return err;
	l.unit = backing_unit(cfg->backing);
	if (cfg->prealloc && backing_page_size(cfg->backing) == GUEST_PAGE_SIZE) {
		err = check_host_ram(cfg->size, e);
		if (err)
			return err;
	}
	gm = calloc(1, sizeof(*gm));
	if (!gm)
		return error_sys(e, -ENOMEM, "guest memory");
	gm->size = cfg->size;
	gm->kind = cfg->backing;
	gm->prealloc = cfg->prealloc;
	gm->nr = layout_build(&l, gm->region);
	err = backing_map(cfg->size, cfg->backing, &gm->backing, e);
	if (err)
		goto err_free;
	/* Advice that fails leaves a core file larger than wished, no more. */
	if (cfg->no_dump)
		(void)madvise(gm->backing.ram, gm->backing.len, MADV_DONTDUMP);
	for (size_t i = 0; i < gm->nr; i++)
		gm->region[i].host = gm->backing.ram + layout_ram_offset(gm->region[i].gpa);
	err = bind_nodes(gm, &l, cfg, e);
	if (!err && cfg->prealloc)
		err = populate(gm, e);
	if (err)
		goto err_unmap;
	*out = gm;
	return 0;

err_unmap:
	backing_unmap(&gm->backing);
err_free:
	free(gm);
	return err;
}

void guest_mem_destroy(struct guest_mem *gm)
{
	if (!gm)
		return;
	backing_unmap(&gm->backing);
	free(gm);
}

int guest_mem_clear(struct guest_mem *gm)
{
	int err = backing_clear(&gm->backing, gm->kind);

	return err || !gm->prealloc ? err : populate(gm, NULL);
}

/* --- what there is ------------------------------------------------------------------------ */

size_t guest_mem_regions(const struct guest_mem *gm, const struct mem_region **out)
{
	*out = gm->region;
	return gm->nr;
}

u64 guest_mem_size(const struct guest_mem *gm)
{
	return gm->size;
}

u64 guest_mem_end_above_4g(const struct guest_mem *gm)
{
	return MAX(layout_end(gm->size), GPA_RAM_ABOVE_4G);
}

u64 guest_mem_low_end(const struct guest_mem *gm)
{
	return MIN(gm->size, GPA_RAM_LOW_END);
}

/* --- the door ----------------------------------------------------------------------------- */

/* The region that holds gpa, or NULL. */
static const struct mem_region *find(const struct guest_mem *gm, u64 gpa)
{
	size_t low = 0, high = gm->nr;

	/* Region `low` starts at or below gpa, for the first region starts at 0. */
	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;

		if (gm->region[mid].gpa.v <= gpa)
			low = mid;
		else
			high = mid;
	}
	return gpa - gm->region[low].gpa.v < gm->region[low].size ? &gm->region[low] : NULL;
}

void *guest_mem_range(const struct guest_mem *gm, gpa_t gpa, u64 len)
{
	const struct mem_region *r = find(gm, gpa.v);
	u64 offset;

	if (!r)
		return NULL;
	offset = gpa.v - r->gpa.v;
	return len <= r->size - offset ? r->host + offset : NULL;
}

/* The part of [gpa, gpa + len) that lies in gpa's region: its address, and its length in *n. */
static u8 *piece(const struct guest_mem *gm, u64 gpa, u64 len, u64 *n)
{
	const struct mem_region *r = find(gm, gpa);
	u64 offset;

	*n = 0;
	if (!r)
		return NULL;
	offset = gpa - r->gpa.v;
	*n = MIN(len, r->size - offset);
	return r->host + offset;
}

/* True if all of [gpa, gpa + len) is RAM, in however many adjacent regions. */
static bool is_ram(const struct guest_mem *gm, u64 gpa, u64 len)
{
	u64 n;

	do {
		if (!piece(gm, gpa, len, &n))
			return false;
		gpa += n;
		len -= n;
	} while (len);
	return true;
}

int guest_mem_read(const struct guest_mem *gm, gpa_t gpa, void *buf, u64 len)
{
	u8 *to = buf;
	u64 n;

	if (!is_ram(gm, gpa.v, len))
		return -EFAULT;
	for (; len; gpa.v += n, to += n, len -= n) {
		const u8 *ram = piece(gm, gpa.v, len, &n);

		memcpy(to, ram, n);
	}
	return 0;
}

int guest_mem_write(const struct guest_mem *gm, gpa_t gpa, const void *buf, u64 len)
{
	const u8 *from = buf;
	u64 n;

	if (!is_ram(gm, gpa.v, len))
		return -EFAULT;
	for (; len; gpa.v += n, from += n, len -= n) {
		u8 *ram = piece(gm, gpa.v, len, &n);

		memcpy(ram, from, n);
	}
	return 0;
}

int guest_mem_zero(const struct guest_mem *gm, gpa_t gpa, u64 len)
{
	u64 n;

	if (!is_ram(gm, gpa.v, len))
		return -EFAULT;
	for (; len; gpa.v += n, len -= n) {
		u8 *ram = piece(gm, gpa.v, len, &n);

		memset(ram, 0, n);
	}
	return 0;
}

int guest_mem_load_fd(const struct guest_mem *gm, gpa_t gpa, int fd, u64 offset, u64 len)
{
	if (!is_ram(gm, gpa.v, len))
		return -EFAULT;
	while (len) {
		u64 n;
		u8 *to = piece(gm, gpa.v, len, &n);
		/* One read(2) moves less than 2 GiB. An offset past the type's end is EINVAL. */
		ssize_t got = pread(fd, to, MIN(n, GiB), (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (!got)
			return -EIO;
		gpa.v += (u64)got;
		offset += (u64)got;
		len -= (u64)got;
	}
	return 0;
}
