# SPDX-License-Identifier: MIT
"""proc.py - child processes in a session of their own, with a time limit and nothing left behind."""

import contextlib
import ctypes
import dataclasses
import os
import signal
import subprocess
import time

PR_SET_CHILD_SUBREAPER = 36
GRACE = 2  # seconds for the children of a process that has ended


@dataclasses.dataclass
class Done:
    status: int  # 128 + N when ended by signal N
    out: bytes
    err: bytes
    seconds: float
    timed_out: bool = False
    left_behind: bool = False

    @property
    def text(self):
        return self.out.decode(errors="replace")

    @property
    def errors(self):
        return self.err.decode(errors="replace")


class Process:
    def __init__(self, argv, cwd=None, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                 stderr=subprocess.PIPE, env=None, feed=None, user=None, session=True):
        self.feed = feed
        kw = {"user": user, "group": user, "extra_groups": []} if user is not None else {}
        self.began = time.monotonic()
        self.popen = subprocess.Popen(
            argv, cwd=cwd, stdin=subprocess.PIPE if feed is not None else stdin, stdout=stdout,
            stderr=stderr, env={**os.environ, **(env or {})}, start_new_session=session, **kw)
        self.pid = self.popen.pid
        self.group = self.pid if session else None

    def signal(self, number):
        self.popen.send_signal(number)

    def finish(self, timeout):
        late = False
        try:
            out, err = self.popen.communicate(self.feed, timeout=timeout)
        except subprocess.TimeoutExpired:
            late = True
            self.kill()
            out, err = self.popen.communicate()
        behind = not late and self._outlived()
        status = self.popen.returncode
        return Done(128 - status if status < 0 else status, out or b"", err or b"",
                    time.monotonic() - self.began, late, behind)

    def end(self):
        """No more of it, nor of its children."""
        if self.popen.poll() is None:
            self.kill()
            self.popen.wait()
        for stream in (self.popen.stdin, self.popen.stdout, self.popen.stderr):
            if stream:
                with contextlib.suppress(OSError):
                    stream.close()

    def kill(self):
        if self.group is None:
            self.popen.kill()
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.group, signal.SIGKILL)

    def _outlived(self):
        """True when a child of its group was still there; one that was just ending has a moment to do so."""
        if self.group is None:
            return False
        deadline = time.monotonic() + GRACE
        while True:
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-self.group, os.WNOHANG)[0]:
                    pass
            try:
                os.killpg(self.group, 0)
            except ProcessLookupError:
                return False
            if time.monotonic() > deadline:
                self.kill()
                return True
            time.sleep(0.01)


def adopt_orphans():
    """Grandchildren whose parent has died become ours, so that leftovers() sees them."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def leftovers():
    """Kills what is still alive below this process and returns it: a list of 'PID COMMAND'."""
    found = []
    for task in os.listdir("/proc/self/task"):
        with contextlib.suppress(OSError), open(f"/proc/self/task/{task}/children", encoding="ascii") as f:
            for pid in f.read().split():
                with contextlib.suppress(OSError):
                    with open(f"/proc/{pid}/cmdline", "rb") as c:
                        words = c.read().replace(b"\0", b" ").decode(errors="replace").strip()
                    if words:  # empty: a zombie, which holds nothing
                        found.append(f"{pid} {words}")
                        os.kill(int(pid), signal.SIGKILL)
    return found
