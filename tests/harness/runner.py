# SPDX-License-Identifier: MIT
"""runner.py - runs jobs in lanes, tells what happened while it happens, and adds it up.

The testbed lane is one long emulation; the first worker takes it and then helps with the native
lane, which every other worker serves from the start.
"""

import collections
import fnmatch
import shutil
import sys
import threading
import time
import traceback

from . import needs, proc
from .core import FAIL, PASS, SKIP, Context, Failed, Result, Skipped

GRACE = 10  # seconds beyond a test's own limit


def select(jobs, patterns):
    """The jobs, and of a group the tests, whose names match one of the patterns."""
    if not patterns:
        return jobs
    chosen = []
    for job in jobs:
        if any(fnmatch.fnmatch(job.name, p) for p in patterns):
            chosen.append(job)
        elif job.cases is not None:
            suite = job.name.split("/")[0]
            job.cases = [c for c in job.cases
                         if any(fnmatch.fnmatch(f"{suite}/{c.name}", p) for p in patterns)]
            if job.cases:
                chosen.append(job)
    return chosen


class Tally:
    def __init__(self, verbose):
        self.verbose = verbose
        self.lock = threading.Lock()
        self.suites = collections.OrderedDict()  # name -> {status: count, "seconds": s}
        self.reasons = collections.Counter()
        self.failures = []

    def add(self, result, seconds, log):
        suite = result.name.split("/")[0]
        with self.lock:
            row = self.suites.setdefault(suite, collections.Counter())
            row[result.status] += 1
            row["seconds"] += seconds
            if result.status == FAIL:
                self.failures.append(result.name)
                print(f"FAIL  {result.name}: {result.text}")
                for line in "\n".join(log).splitlines():
                    print(f"      {line}")
            elif result.status == SKIP:
                self.reasons[result.text] += 1
                if self.verbose:
                    print(f"skip  {result.name}: {result.text}")
            elif self.verbose:
                print(f"ok    {result.name}" + (f"  {seconds:.2f} s" if seconds >= 0.005 else ""))
            sys.stdout.flush()

    def total(self, status):
        return sum(row[status] for row in self.suites.values())

    def summary(self, order):
        print(f"\n{'suite':<10} {'passed':>7} {'failed':>7} {'skipped':>8} {'seconds':>8}")
        for name in sorted(self.suites, key=order.index):
            row = self.suites[name]
            print(f"{name:<10} {row[PASS]:>7} {row[FAIL]:>7} {row[SKIP]:>8} {row['seconds']:>8.1f}")
        for reason, count in self.reasons.most_common():
            print(f"{count} skipped: {reason}")
        for name in self.failures:
            print(f"failed: {name}")
        line = f"{self.total(PASS)} passed, {self.total(FAIL)} failed"
        if self.total(SKIP):
            line += f", {self.total(SKIP)} skipped"
        print(line, flush=True)


class Runner:
    def __init__(self, env, tally):
        self.env, self.tally = env, tally
        self.lock = threading.Lock()
        self.number = 0

    def _folder(self):
        with self.lock:
            self.number += 1
            folder = self.env.scratch / str(self.number)
        folder.mkdir()
        folder.chmod(0o755)
        return folder

    def _one(self, job):
        reason = needs.missing(job.needs)
        if reason:
            for name in [c.name for c in job.cases or []] or [job.name.split("/", 1)[1]]:
                self.tally.add(Result(f"{job.name.split('/')[0]}/{name}", SKIP, reason), 0, [])
            return
        folder = self._folder()
        ctx = Context(self.env, job, folder)
        began = time.monotonic()

        def tell(result):
            nonlocal began
            if ctx.expired and result.status == PASS:
                result = Result(result.name, FAIL, "took too long")
            now = time.monotonic()
            seconds = now - began if result.seconds is None else result.seconds
            self.tally.add(result, seconds, ctx.log if result.status == FAIL else [])
            began = now

        watchdog = threading.Timer(job.limit + GRACE, ctx.expire)
        watchdog.daemon = True
        watchdog.start()
        try:
            results = job.fn(ctx, job.cases) if job.cases is not None else job.fn(ctx)
            if results is None:
                tell(Result(job.name, PASS))
            else:
                for result in results:
                    tell(result)
        except Failed as err:
            tell(Result(job.name, FAIL, str(err)))
        except Skipped as err:
            tell(Result(job.name, SKIP, str(err)))
        except Exception:  # a test that breaks is a failed test, not the end of the run
            ctx.log.append(traceback.format_exc())
            tell(Result(job.name, FAIL, "the test itself broke"))
        finally:
            watchdog.cancel()
            ctx.close()
            shutil.rmtree(folder, ignore_errors=True)

    def run(self, jobs, workers):
        lanes = collections.defaultdict(collections.deque)
        for job in jobs:
            lanes[job.lane].append(job)

        def take(first):
            for lane in ("testbed", "native") if first else ("native",):
                with self.lock:
                    if lanes[lane]:
                        return lanes[lane].popleft()
            return None

        def work(first):
            while (job := take(first)) is not None:
                try:
                    self._one(job)
                except Exception:  # a worker that dies silently would leave tests out
                    self.tally.add(Result(job.name, FAIL, "the runner broke"), 0, [traceback.format_exc()])

        # With one worker the quick native tests still come first.
        threads = [threading.Thread(target=work, args=(i == workers - 1,)) for i in range(workers)]
        if workers == 1:
            lanes["native"].extend(lanes.pop("testbed", ()))
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        left = proc.leftovers()
        if left:
            self.tally.add(Result("tree/no process is left", FAIL, "; ".join(left)), 0, [])
