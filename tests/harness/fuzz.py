# SPDX-License-Identifier: MIT
"""fuzz.py - each libFuzzer program for a bounded time; an input that breaks it is kept."""

import shutil

from .core import ROOT, Failed, Job

LIMITS = ("-rss_limit_mb=2048", "-timeout=20", "-print_final_stats=1", "-verbosity=0")


def fuzz(program, seconds):
    def run(ctx):
        corpus = ctx.tmp / "corpus"
        corpus.mkdir()
        seeds = ROOT / "tests" / "fuzz" / program.parent.name / "seeds" / program.stem.removeprefix("fuzz_")
        done = ctx.run([program, *LIMITS, f"-max_total_time={seconds}", f"-artifact_prefix={ctx.tmp}/found-",
                        corpus, *([seeds] if seeds.is_dir() else [])])
        found = sorted(ctx.tmp.glob("found-*"))
        if found:
            kept = ctx.env.build / "fuzz-artifacts" / program.stem
            kept.mkdir(parents=True, exist_ok=True)
            for f in found:
                shutil.copy(f, kept)
            raise Failed(f"an input breaks it; again with: {program} {kept / found[0].name}")
        ctx.equal(done.status, 0, "status")
        ctx.contains(done.err, "stat::number_of_executed_units")
    return run


def missing(program):
    def run(_ctx):
        raise Failed(f"{program} was not built")
    return run


def jobs(env):
    for source in sorted((ROOT / "tests" / "fuzz").glob("*/fuzz_*.c")):
        program = env.build / "fuzzers" / source.parent.name / source.stem
        fn = fuzz(program, env.fuzz_seconds) if program.exists() else missing(program)
        yield Job(f"fuzz/{source.parent.name}/{source.stem.removeprefix('fuzz_')}", fn,
                  timeout=env.fuzz_seconds * 2 + 60)
