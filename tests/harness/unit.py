# SPDX-License-Identifier: MIT
"""unit.py - the Check programs: every one of their checks counts; a program that ends badly counts too.

Check knows no third verdict: a check that cannot be made here says "SKIP ROOM/CHECK: why" and passes; a
program that cannot run at all says it of itself and makes no check.
"""

import re

from .core import FAIL, PASS, ROOT, SKIP, Job, Result

# "ok 3 - file.c:case:name: Passed" (Check's TAP log)
LINE = re.compile(r"^(ok|not ok) \d+ - (.*?):([^:]*):([^:]*): (.*)$", re.M)
SKIPS = re.compile(r"^SKIP \w+/(\w+): (.*)$", re.M)


def run_program(program):
    def run(ctx):
        log = ctx.tmp / "tap"
        name = "unit/" + program.name.removeprefix("test_")
        # Sockets and files of a test go to its own folder. A busy machine is no failure: only what hangs is.
        done = ctx.run([program], cwd=ROOT, env={"CK_TAP_LOG_FILE_NAME": str(log), "TMPDIR": str(ctx.tmp),
                                                 "CK_TIMEOUT_MULTIPLIER": "10"})
        tap = log.read_text(errors="replace") if log.exists() else ""
        plan = re.search(r"^1\.\.(\d+)$", tap, re.M)
        checks = LINE.findall(tap)
        skips = dict(SKIPS.findall(done.text))
        if not checks and not done.status and list(skips) == [program.name.removeprefix("test_")]:
            yield Result(name, SKIP, *skips.values())
            return
        failed = 0
        for verdict, where, _case, check, text in checks:
            failed += verdict != "ok"
            if verdict == "ok" and check in skips:
                yield Result(f"{name}/{check}", SKIP, skips[check])
            else:
                yield Result(f"{name}/{check}", PASS if verdict == "ok" else FAIL, f"{where}: {text}")
        if not plan or len(checks) != int(plan[1]) or not checks:
            yield Result(f"{name}/its plan", FAIL, f"{len(checks)} verdicts, plan {plan and plan[0]}")
        elif done.status and not failed:
            # A sanitizer's report at the very end, after every check has passed.
            yield Result(f"{name}/its status", FAIL, f"status {done.status} although no check failed")
    return run


def built(program):
    def run(ctx):
        ctx.check(program.exists(), f"{program} was not built")
    return run


def jobs(env):
    for source in sorted((ROOT / "tests" / "unit").glob("*/test_*.c")):
        program = env.build / "unit" / source.parent.name / source.stem
        name = f"unit/{source.parent.name}/{source.stem.removeprefix('test_')}"
        yield Job(name, run_program(program) if program.exists() else built(program), timeout=180)
