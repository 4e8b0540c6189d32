#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check.py - every test of the tree, as `make check` runs them. The last line adds them up; status 1
when one failed. See tests/README.md."""

import sys

sys.dont_write_bytecode = True

import argparse
import contextlib
import os
import shutil
import signal
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import disk
from contrast import contrasts, traces
from control import hostile_clients, lifecycle
from gdb import debugging
from guest import boots, console, disks, hostile, refusals
from libvirt import domains
from harness import fuzz, proc, tree, unit
from harness.core import Env
from harness.runner import Runner, Tally, select
from linux import testbed
from user import suite

SUITES = (
    ("tree", tree),
    ("unit", unit),
    ("refusals", refusals),
    ("boots", boots),
    ("console", console),
    ("drivers", disks),
    ("disk", disk),
    ("hostile", hostile),
    ("contrast", contrasts),
    ("trace", traces),
    ("gdb", debugging),
    ("control", lifecycle),
    ("clients", hostile_clients),
    ("libvirt", domains),
    ("testbed", testbed),
    ("user", suite),
    ("fuzz", fuzz),
)


def parse():
    parser = argparse.ArgumentParser(prog="check.py", description=__doc__)
    add = parser.add_argument
    add("--build", default="build", metavar="DIR", help="where the binaries are (default: build)")
    add("--only", action="append", metavar="GLOB", help="only tests whose SUITE/NAME matches; repeatable")
    add("--list", action="store_true", help="list the tests, run none")
    add("--jobs", type=int, default=2, metavar="N", help="workers (default 2); the testbed takes one of them")
    add("--fuzz-seconds", type=int, default=10, metavar="N", help="time for each fuzzer (default 10)")
    add("--kill-rounds", type=int, default=15, metavar="N",
        help="how often a VMM that writes is killed, for each kind of disk (default 15)")
    add("-v", "--verbose", action="store_true", help="one line for each test (always so on a terminal)")
    return parser.parse_args()


def terminated(number, _frame):
    raise SystemExit(128 + number)


def main():
    args = parse()
    signal.signal(signal.SIGTERM, terminated)
    proc.adopt_orphans()
    # Another user must be able to enter: one test drops its privileges.
    scratch = Path(tempfile.mkdtemp(prefix="parallax-check-"))
    scratch.chmod(0o755)
    env = Env(Path(args.build).resolve(), args.fuzz_seconds, scratch, args.kill_rounds)
    try:
        jobs = select([job for _, suite in SUITES for job in suite.jobs(env)], args.only)
        if args.list:
            for job in jobs:
                for name in [c.name for c in job.cases or []] or [job.name.split("/", 1)[1]]:
                    print(f"{job.name.split('/')[0]}/{name}")
            return 0
        if not jobs:
            print(f"check.py: no test is called {' or '.join(args.only or [])}; --list lists them",
                  file=sys.stderr)
            return 2
        tally = Tally(args.verbose or sys.stdout.isatty())
        Runner(env, tally).run(jobs, max(1, args.jobs))
        tally.summary([name for name, _ in SUITES])
        return 1 if tally.failures else 0
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        status = main()
        sys.stdout.flush()
        sys.exit(status)
    proc.leftovers()
    os._exit(130)
