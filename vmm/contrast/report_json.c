/* SPDX-License-Identifier: MIT */
/* report_json.c - everything that was counted, for programs. */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "vmm/contrast/contrast.h"

static json_t *counts(const struct contrast_counts *cs)
{
	json_t *o = json_object();

	for (size_t i = 0; i < cs->nr; i++)
		json_object_set_new(o, cs->c[i].name, json_integer((json_int_t)cs->c[i].count));
	return o;
}

static json_t *cell_json(const struct contrast_cell *c)
{
	json_t *o = json_object(), *range;

	if (c->skip[0]) {
		json_object_set_new(o, "skipped", json_string(c->skip));
		return o;
	}
	for (int m = 0; m < CONTRAST_METRICS; m++)
		json_object_set_new(o, contrast_metric_name(m), json_integer((json_int_t)c->v[m]));
	range = json_array();
	json_array_append_new(range, json_integer((json_int_t)c->guest_ns_low));
	json_array_append_new(range, json_integer((json_int_t)c->guest_ns_high));
	json_object_set_new(o, "guest_ns_range", range);
	json_object_set_new(o, "runs", json_integer(c->runs));
	json_object_set_new(o, "clock", json_string(c->clock));
	json_object_set_new(o, "causes", counts(&c->causes));
	json_object_set_new(o, "kvm", counts(&c->kvm));
	return o;
}

static json_t *row_json(const struct contrast_report *r, const struct contrast_row *row)
{
	static const char *const verdicts[] = { "none", "wins", "even", "loses" };
	json_t *o = json_object(), *cells = json_object(), *why = json_object(),
	       *verdict = json_object();
	char text[CONTRAST_WHY];

	json_object_set_new(o, "workload", json_string(row->workload->name));
	json_object_set_new(o, "title", json_string(row->workload->title));
	json_object_set_new(o, "unit", json_string(row->workload->unit));
	json_object_set_new(o, "backing", json_string(mem_backing_name(row->backing)));
	for (unsigned m = 0; m < r->nr_modes; m++) {
		json_object_set_new(cells, r->mode[m].name, cell_json(&row->cell[m]));
		if (!m)
			continue;
		contrast_explain(row, &r->mode[0], &row->cell[0], &r->mode[m], &row->cell[m], text);
		json_object_set_new(why, r->mode[m].name, json_string(text));
		json_object_set_new(
			verdict, r->mode[m].name,
			json_string(verdicts[contrast_verdict(row, &row->cell[0], &row->cell[m])]));
	}
	json_object_set_new(o, "modes", cells);
	json_object_set_new(o, "verdict", verdict);
	json_object_set_new(o, "why", why);
	return o;
}

int contrast_write_json(const struct contrast_report *r, const char *path, struct error *e)
{
	json_t *o = json_object(), *modes = json_array(), *rows = json_array();
	int err = 0;

	for (unsigned m = 0; m < r->nr_modes; m++)
		json_array_append_new(modes, json_string(r->mode[m].name));
	for (unsigned i = 0; i < r->nr_rows; i++)
		json_array_append_new(rows, row_json(r, &r->row[i]));
	json_object_set_new(o, "version", json_integer(1));
	json_object_set_new(o, "parallax", json_string(PARALLAX_VERSION));
	json_object_set_new(o, "host", json_string(r->host));
	json_object_set_new(o, "host_cpus", json_integer(r->host_cpus));
	json_object_set_new(o, "instructions_are",
			    r->instructions[0] ? json_string(r->instructions) : json_null());
	json_object_set_new(o, "modes", modes);
	json_object_set_new(o, "rows", rows);
	if (json_dump_file(o, path, JSON_INDENT(2)))
		err = error_sys(e, errno ? -errno : -EIO, "--json %s: cannot write", path);
	json_decref(o);
	return err;
}
