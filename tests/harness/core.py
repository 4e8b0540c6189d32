# SPDX-License-Identifier: MIT
"""core.py - what a test is: a named job that gets a context, and how its verdict is told.

A job's function returns (passed), raises Failed or Skipped, or yields several Results when one run
answers several questions (a unit-test program, one boot of the testbed).
"""

import dataclasses
import shlex
import time
from pathlib import Path
from typing import Callable

from . import proc

ROOT = Path(__file__).resolve().parent.parent.parent
PASS, FAIL, SKIP = "passed", "failed", "skipped"
PATIENCE = 5  # a busy machine is no failure: a native test's limits, as written, are an idle one's
KEPT_LINES = 24  # of each output, in a failure's report
SANITIZER = (b"ERROR: AddressSanitizer", b"ERROR: LeakSanitizer", b": runtime error: ")


class Failed(Exception):
    """The verdict 'failed', with what a person needs to see."""


class Skipped(Exception):
    """The verdict 'skipped', with the reason."""


@dataclasses.dataclass
class Result:
    name: str
    status: str
    text: str = ""
    seconds: float = None  # measured elsewhere; None: since the job's result before


@dataclasses.dataclass
class Job:
    name: str  # SUITE/TEST
    fn: Callable
    timeout: float = 60
    needs: tuple = ()  # names of needs.py
    lane: str = "native"
    cases: list = None  # a group's own tests; fn is given the chosen ones

    @property
    def limit(self):
        return self.timeout * (PATIENCE if self.lane == "native" else 1)


@dataclasses.dataclass
class Env:
    """What every test may use; the same for all."""

    build: Path
    fuzz_seconds: int
    scratch: Path  # removed at the end
    kill_rounds: int = 15  # of each kind of disk

    @property
    def parallax(self):
        return self.build / "parallax"

    @property
    def parallax_san(self):
        return self.build / "parallax-san"

    @property
    def kernel(self):
        return self.build / "guest" / "parallax.elf"


def shorten(text):
    lines = text.splitlines()
    if len(lines) <= KEPT_LINES:
        return text
    return "\n".join([f"... {len(lines) - KEPT_LINES} lines before ..."] + lines[-KEPT_LINES:])


class Context:
    """One test's view of the world: a folder of its own, a deadline, and a log of what it ran."""

    def __init__(self, env, job, folder):
        self.env, self.job, self.tmp = env, job, folder
        self.deadline = time.monotonic() + job.limit
        self.log = []
        self.started = []
        self.expired = False

    def left(self):
        return max(0.1, self.deadline - time.monotonic())

    def start(self, argv, **kw):
        """A running process, killed with its group when the test is over."""
        argv = [str(a) for a in argv]
        self.log.append("$ " + shlex.join(argv))
        p = proc.Process(argv, cwd=kw.pop("cwd", self.tmp), **kw)
        self.started.append(p)
        return p

    def expire(self):
        """Far too late: without its processes, a test that waits for one of them goes on, and fails."""
        self.expired = True
        for p in list(self.started):
            p.kill()

    def close(self):
        """The test is over, however it went."""
        for p in self.started:
            p.end()

    def finish(self, p, timeout=None):
        done = p.finish(min(timeout * PATIENCE if timeout else self.left(), self.left()))
        for name, data in (("stdout", done.out), ("stderr", done.err)):
            if data:
                self.log.append(f"--- {name}:\n" + shorten(data.decode(errors="replace")))
        self.log.append(f"--- status {done.status}, {done.seconds:.2f} s")
        if done.timed_out:
            raise Failed(f"still ran after {done.seconds:.0f} s")
        if done.left_behind:
            raise Failed("left a process behind")
        for mark in SANITIZER:
            if mark in done.err:
                raise Failed("a sanitizer reports a bug")
        return done

    def run(self, argv, timeout=None, **kw):
        return self.finish(self.start(argv, **kw), timeout)

    def vmm(self, *args, binary=None, verb="run", **kw):
        """Runs parallax. Words that make it a shell user's call are the test's affair."""
        return self.run([binary or self.env.parallax, verb, *args], **kw)

    def check(self, condition, text):
        if not condition:
            raise Failed(text)

    def equal(self, got, want, what):
        if got != want:
            raise Failed(f"{what}: got {got!r}, want {want!r}")

    def contains(self, data, *fragments):
        text = data.decode(errors="replace") if isinstance(data, bytes) else data
        for fragment in fragments:
            if fragment not in text:
                raise Failed(f"{fragment!r} is not in the output")
