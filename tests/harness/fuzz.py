# SPDX-License-Identifier: MIT
"""fuzz.py - each libFuzzer program for a bounded time; an input that breaks it is kept."""

import shutil

from .core import ROOT, Failed, Job

LIMITS = ("-rss_limit_mb=2048", "-timeout=20", "-print_final_stats=1", "-verbosity=0")


def keep_found(ctx, program):
    """Inputs that broke it, saved where a person can use them; the first one's path, or None."""
    found = sorted(ctx.tmp.glob("found-*"))
    kept = ctx.env.build / "fuzz-artifacts" / program.stem
    for f in found:
        kept.mkdir(parents=True, exist_ok=True)
        shutil.copy(f, kept)
    return kept / found[0].name if found else None


def fuzz(program, seconds):
    def run(ctx):
        corpus = ctx.tmp / "corpus"
        corpus.mkdir()
        seeds = ROOT / "tests" / "fuzz" / program.parent.name / "seeds" / program.stem.removeprefix("fuzz_")
        try:
            done = ctx.run([program, *LIMITS, f"-max_total_time={seconds}", f"-artifact_prefix={ctx.tmp}/found-",
                            corpus, *([seeds] if seeds.is_dir() else [])])
            ctx.equal(done.status, 0, "status")
        except Failed as err:
            kept = keep_found(ctx, program)
            raise Failed(f"{err}; again with: {program} {kept}" if kept else str(err)) from None
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
