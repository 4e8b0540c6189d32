/* SPDX-License-Identifier: MIT */
/* topology.c - builds the domains of topology.h from a description; see there. */
#include "guest/sched/topology.h"

#include "guest/sched/internal.h"

static u64 *mask_new(const struct sched *s)
{
	return env_alloc(s->mask_words * sizeof(u64));
}

static void mask_free(const struct sched *s, u64 *mask)
{
	env_free(mask, s->mask_words * sizeof(u64));
}

/* ids[cpu] -> nr masks. NULL without memory; what was made by then hangs on *masks. */
static bool masks_build(const struct sched *s, const unsigned *ids, unsigned nr, u64 ***masks)
{
	*masks = env_alloc(nr * sizeof(u64 *));
	for (unsigned i = 0; *masks && i < nr; i++) {
		(*masks)[i] = mask_new(s);
		if (!(*masks)[i])
			return false;
	}
	for (unsigned cpu = 0; *masks && cpu < s->nr_cpus; cpu++)
		__set_bit(cpu, (*masks)[ids[cpu]]);
	return *masks;
}

static void masks_free(const struct sched *s, u64 **masks, unsigned nr)
{
	for (unsigned i = 0; masks && i < nr; i++)
		mask_free(s, masks[i]);
	env_free(masks, nr * sizeof(u64 *));
}

/* Fills ids from `given`, or by cutting CPU numbers into runs of `per`; the number of ids, 0 when one
 * of them makes no sense. */
static unsigned ids_build(unsigned *ids, unsigned nr_cpus, const unsigned *given, u64 per)
{
	unsigned max = 0;

	for (unsigned cpu = 0; cpu < nr_cpus; cpu++) {
		ids[cpu] = given ? given[cpu] : (unsigned)(cpu / per);
		if (ids[cpu] >= nr_cpus)
			return 0;
		max = MAX(max, ids[cpu]);
	}
	return max + 1;
}

static struct sched_domain *domain_new(struct sched *s, const char *name, unsigned level,
				       const u64 *span)
{
	struct sched_domain *sd = env_alloc(sizeof(*sd));

	if (!sd)
		return NULL;
	sd->span = mask_new(s);
	if (!sd->span) {
		env_free(sd, sizeof(*sd));
		return NULL;
	}
	bitmap_copy(sd->span, span, s->nr_cpus);
	sd->first_word = (unsigned)(find_first_bit(span, s->nr_cpus) / BITS_PER_WORD);
	sd->nr_words =
		(unsigned)(find_last_bit(span, s->nr_cpus) / BITS_PER_WORD) - sd->first_word + 1;
	sd->name = name;
	sd->level = level;
	sd->weight = (unsigned)bitmap_weight(span, s->nr_cpus);
	sd->imbalance_pct = level == 0 ? 110 : level == 3 ? 125 : 117;
	sd->next = s->topology->domains;
	s->topology->domains = sd;
	return sd;
}

/* Splits sd along the masks below it, or into CPUs. */
static bool groups_build(const struct sched *s, struct sched_domain *sd)
{
	u64 *left = mask_new(s);
	bool ok = left != NULL;
	size_t cpu;

	sd->groups = env_alloc(sd->weight * sizeof(u64 *));
	ok = ok && sd->groups;
	if (ok)
		bitmap_copy(left, sd->span, s->nr_cpus);
	while (ok && (cpu = find_first_bit(left, s->nr_cpus)) < s->nr_cpus) {
		const struct sched_domain *child = s->rq[cpu]->sd;
		u64 *mask = mask_new(s);

		ok = mask;
		if (!ok)
			break;
		/* The highest domain built so far, if it lies inside. */
		for (; child && child->parent && child->parent != sd; child = child->parent)
			;
		if (child && child != sd && bitmap_subset(child->span, sd->span, s->nr_cpus))
			bitmap_copy(mask, child->span, s->nr_cpus);
		else
			__set_bit(cpu, mask);
		bitmap_andnot(left, left, mask, s->nr_cpus);
		sd->groups[sd->nr_groups++] = mask;
	}
	mask_free(s, left);
	return ok;
}

/* One level: a domain for each mask that holds more than what is below it. */
static bool level_build(struct sched *s, const char *name, unsigned level, u64 *const *masks,
			unsigned nr)
{
	for (unsigned i = 0; i < nr; i++) {
		size_t cpu = find_first_bit(masks[i], s->nr_cpus);
		unsigned weight = (unsigned)bitmap_weight(masks[i], s->nr_cpus);
		struct sched_domain *top, *sd;

		if (!weight)
			continue;
		top = s->rq[cpu]->sd;
		while (top && top->parent)
			top = top->parent;
		if (weight < 2 || (top && top->weight == weight))
			continue;
		sd = domain_new(s, name, level, masks[i]);
		if (!sd || !groups_build(s, sd))
			return false;
		for_each_set_bit (cpu, sd->span, s->nr_cpus) {
			struct sched_domain **at = &s->rq[cpu]->sd;

			while (*at && *at != sd)
				at = &(*at)->parent;
			*at = sd;
		}
	}
	return true;
}

int sched_domains_build(struct sched *s, const struct sched_topology_desc *d)
{
	struct sched_topology *t = env_alloc(sizeof(*t));
	u64 threads = d->threads_per_core, cores = threads * d->cores_per_llc;
	u64 *all[1] = { s->possible };

	if (!t)
		return -ENOMEM;
	s->topology = t;
	if (!threads || !cores || !d->llcs_per_node)
		return -EINVAL;
	t->core_of = env_alloc(s->nr_cpus * sizeof(unsigned));
	t->llc_of = env_alloc(s->nr_cpus * sizeof(unsigned));
	t->node_of = env_alloc(s->nr_cpus * sizeof(unsigned));
	if (!t->core_of || !t->llc_of || !t->node_of)
		return -ENOMEM;
	t->nr_cores = ids_build(t->core_of, s->nr_cpus, d->core_of, threads);
	t->nr_llcs = ids_build(t->llc_of, s->nr_cpus, d->llc_of, cores);
	t->nr_nodes = ids_build(t->node_of, s->nr_cpus, d->node_of, cores * d->llcs_per_node);
	if (!t->nr_cores || !t->nr_llcs || !t->nr_nodes)
		return -EINVAL;
	if (!masks_build(s, t->core_of, t->nr_cores, &t->core_mask) ||
	    !masks_build(s, t->llc_of, t->nr_llcs, &t->llc_mask) ||
	    !masks_build(s, t->node_of, t->nr_nodes, &t->node_mask))
		return -ENOMEM;
	t->cores_in_word = true;
	for (unsigned i = 0; i < t->nr_cores; i++)
		if (find_first_bit(t->core_mask[i], s->nr_cpus) / BITS_PER_WORD !=
		    find_last_bit(t->core_mask[i], s->nr_cpus) / BITS_PER_WORD)
			t->cores_in_word = false;
	if (!level_build(s, "SMT", 0, t->core_mask, t->nr_cores) ||
	    !level_build(s, "MC", 1, t->llc_mask, t->nr_llcs) ||
	    !level_build(s, "DIE", 2, t->node_mask, t->nr_nodes) ||
	    !level_build(s, "NUMA", 3, all, 1))
		return -ENOMEM;
	return 0;
}

void sched_domains_free(struct sched *s)
{
	struct sched_topology *t = s->topology;
	struct sched_domain *sd, *next;

	if (!t)
		return;
	for (sd = t->domains; sd; sd = next) {
		next = sd->next;
		for (unsigned i = 0; i < sd->nr_groups; i++)
			mask_free(s, sd->groups[i]);
		env_free(sd->groups, sd->weight * sizeof(u64 *));
		mask_free(s, sd->span);
		env_free(sd, sizeof(*sd));
	}
	masks_free(s, t->core_mask, t->nr_cores);
	masks_free(s, t->llc_mask, t->nr_llcs);
	masks_free(s, t->node_mask, t->nr_nodes);
	env_free(t->core_of, s->nr_cpus * sizeof(unsigned));
	env_free(t->llc_of, s->nr_cpus * sizeof(unsigned));
	env_free(t->node_of, s->nr_cpus * sizeof(unsigned));
	env_free(t, sizeof(*t));
	s->topology = NULL;
}
