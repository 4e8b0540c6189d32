/* SPDX-License-Identifier: MIT */
/* `parallax simulate`: the files of the guide run, mistakes are named with their line, output is stable. */
#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/unit/guest/sched_machine.h"

#include "guest/env/scenario.c"
#include "guest/env/simulate.c"

static char *simulate_text(const char *text, struct simulate_request *r)
{
	static char path[64];
	char *out = NULL;
	size_t size;
	FILE *f;
	int fd, err;

	strcpy(path, "/tmp/simulate.XXXXXX");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	f = open_memstream(&out, &size);
	r->path = path;
	r->out = f;
	err = simulate_file(r);
	fclose(f);
	unlink(path);
	if (err) {
		free(out);
		return NULL;
	}
	return out;
}

START_TEST(mistakes_are_named)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{ "", "no task" },
		{ "cpus 0\n", ":1: at least one CPU" },
		{ "cpus x\n", ":1: x: not a number" },
		{ "cpus 99999999\n", "not a number up to" },
		{ "\n\nfrobnicate 3\n", ":3: frobnicate: no such line" },
		{ "task a: run 10\n", "10: not a time like" },
		{ "task a: run 5ms..1ms\n", "the range is empty" },
		{ "task a: run 99999999999s\n", "not a time" },
		{ "task a: jump 3\n", "jump: no such step" },
		{ "task a: lock l\n", "l: no such lock" },
		{ "task a\n", "needs a colon" },
		{ "task a: \n", "needs a colon" },
		{ "task a: ;;;\n", "nothing to do" },
		{ "task averyveryverylongname: run 1ms\n", "not a name of 1 to 15" },
		{ "task a nice=20: run 1ms\n", "20: not a number from -20 to 19" },
		{ "task a policy=fifo: run 1ms\n", "nothing: not a number" },
		{ "task a policy=fifo:100: run 1ms\n", "100: not a number up to 99" },
		{ "task a policy=fast: run 1ms\n", "fast: not a policy" },
		{ "task a policy=deadline:1ms: run 1ms\n", "nothing: not a time" },
		{ "task a cpus=0-1: run 1ms\n", "1: not a number up to 0" },
		{ "task a group=g: run 1ms\n", "g: no such group" },
		{ "task a speed=3: run 1ms\n", "speed: no such option" },
		{ "group g quota=20ms\n", "expected QUOTA/PERIOD" },
		{ "group g quota=20ms/2s\n", "a period of 1ms to 1s" },
		{ "group g weight=3\n", "quota=QUOTA/PERIOD or in=GROUP" },
		{ "task a: fork b\n", ":1: fork b: no such task" },
		{ "policy linux\ntask a: run 1ms\n", "linux: eevdf, cfs, o1 or bfs" },
		{ "duration 0s\ntask a: run 1ms\n", "more than 0" },
		{ "tick 0ms\ntask a: run 1ms\n", "more than 0" },
		{ "lock l spin\n", "mutex, rtmutex or semaphore" },
		{ "topology threads=0\n", "threads=0: at least 1" },
		{ "task a: run 1ms\ncpus 4\n", "cpus comes before the tasks" },
		{ "task a policy=deadline:99ms/100ms/100ms: run 1ms\n", "not admitted" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct simulate_request r = { 0 };
		char *out = simulate_text(cases[i].text, &r);

		ck_assert_msg(!out, "case %zu was accepted", i);
		ck_assert_msg(strstr(r.error, cases[i].says) != NULL,
			      "case %zu: \"%s\" lacks \"%s\"", i, r.error, cases[i].says);
	}
}
END_TEST

static const char all_steps[] =
	"cpus 4 # a comment\n"
	"topology threads=2 cores=2\n"
	"duration 400ms\nseed 9\ntick 1ms\nslice 2ms\nhrtick on\nipi 2us\nswitch 1us\n"
	"lock m mutex\nlock r rtmutex\nlock s semaphore\n"
	"group g shares=512\ngroup h shares=2048 in=g quota=30ms/40ms\n"
	"task a count=2 nice=-3 group=h: run 10us..2ms; lock m; run 1ms; unlock m; yield; repeat\n"
	"task b policy=rr:5 cpus=0-1,3: lock r; run 100us; unlock r; sleep 1ms; nice 3; repeat 20\n"
	"task c policy=deadline:1ms/5ms/10ms start=2ms: run 900us; period 10ms; repeat\n"
	"task d group=g: lock s; run 1us; unlock s; fork e 2; sleep 100us..900us; repeat\n"
	"task e count=0 policy=idle slice=200us: run 300us; setsched batch; run 1ms; exit\n"
	"task f: sleep 20ms; use cfs; sleep 10ms; use bfs\n";

START_TEST(every_step_runs_and_repeats)
{
	struct simulate_request r = { .json = true };
	char *first = simulate_text(all_steps, &r), *second;

	ck_assert_msg(first != NULL, "%s", r.error);
	ck_assert_ptr_nonnull(strstr(first, "\"policy\": \"bfs\""));
	ck_assert_ptr_nonnull(strstr(first, "\"name\": \"e\""));
	second = simulate_text(all_steps, &r);
	ck_assert_str_eq(first, second);
	free(second);
	r.have_seed = true;
	r.seed = 10;
	second = simulate_text(all_steps, &r);
	ck_assert_str_ne(first, second);
	free(first);
	free(second);
}
END_TEST

START_TEST(all_policies_in_turn)
{
	static const char *const names[] = { "eevdf, 4", "cfs, 4", "o1, 4", "bfs, 4" };
	struct simulate_request r = { .policy = "all" };
	char *out = simulate_text("cpus 4\ntask a count=9: run 1ms; repeat\n", &r), *at = out;

	ck_assert_ptr_nonnull(out);
	for (size_t i = 0; i < 4; i++) {
		at = strstr(at, names[i]);
		ck_assert_ptr_nonnull(at);
	}
	free(out);
	r.policy = "linux";
	ck_assert_ptr_null(simulate_text("task a: run 1ms\n", &r));
	ck_assert_ptr_nonnull(strstr(r.error, "--policy linux"));
}
END_TEST

START_TEST(the_guide_s_scenarios_run)
{
	DIR *dir = opendir("docs/guide/scenarios");
	struct dirent *d;
	unsigned n = 0;

	ck_assert_msg(dir != NULL, "run from the root of the tree");
	while ((d = readdir(dir))) {
		char path[300], error[300];
		struct scenario *s;
		FILE *f;

		if (!strstr(d->d_name, ".sim"))
			continue;
		snprintf(path, sizeof(path), "docs/guide/scenarios/%s", d->d_name);
		f = fopen(path, "r");
		ck_assert_ptr_nonnull(f);
		s = scenario_read(f, path, error, sizeof(error));
		fclose(f);
		ck_assert_msg(s != NULL, "%s", error);
		scenario_free(s);
		n++;
	}
	closedir(dir);
	ck_assert_uint_ge(n, 6);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("simulate");
	TCase *t = tcase_create("simulate");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, mistakes_are_named);
	tcase_add_test(t, every_step_runs_and_repeats);
	tcase_add_test(t, all_policies_in_turn);
	tcase_add_test(t, the_guide_s_scenarios_run);
	suite_add_tcase(s, t);
	return run_suite(s);
}
