# SPDX-License-Identifier: MIT
"""debugger.py - a guest that waits for a debugger, and Debian's gdb run over it with a list of commands."""

import re
import time

from harness.core import Failed

MARK = "@@@@"


class Guest:
    """`parallax run --gdb` in the background, reached through a unix socket."""

    def __init__(self, ctx, *words, paused=True, binary=None, limit=250):
        self.ctx = ctx
        self.socket = ctx.tmp / "gdb"
        self.process = ctx.start([binary or ctx.env.parallax, "run", "--gdb", f"unix:{self.socket}", "--timeout",
                                  str(limit), *(["--paused"] if paused else []), *words])
        wait_for(self.listens, "the socket does not appear", self.process)

    def listens(self):
        """A socket's file is there before anybody can connect to it."""
        with open("/proc/net/unix", encoding="ascii", errors="replace") as f:
            return any(line.endswith(f" {self.socket}\n") and line.split()[3] == "00010000" for line in f)

    @property
    def pid(self):
        return self.process.pid

    def gdb(self, *commands, kernel=None, timeout=40):
        return gdb(self.ctx, self.socket, commands, kernel or self.ctx.env.kernel, timeout)

    def end(self, status=None):
        done = self.ctx.finish(self.process)
        if status is not None:
            self.ctx.equal(done.status, status, "the guest's status")
        return done

    def cpu_ticks(self):
        """CPU time used so far, in clock ticks."""
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    def rss_kib(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))


def wait_for(condition, what, process=None, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline or (process and process.popen.poll() is not None):
            raise Failed(what)
        time.sleep(0.01)


def gdb(ctx, socket, commands, kernel, timeout, first=()):
    """Connects, runs the commands, and returns what each of them printed."""
    script = ["set confirm off", "set pagination off", "set width 0", "set trust-readonly-sections on",
              "set remotetimeout 60", *first,
              f"target remote {socket}"]
    words = ["gdb", "-nx", "-q", "-batch", "-iex", f"add-auto-load-safe-path {ctx.env.build}"]
    for command in script:
        words += ["-ex", command]
    for command in commands:
        words += ["-ex", rf"echo {MARK}\n", "-ex", command]
    done = ctx.run([*words, kernel], timeout=timeout, env={"HOME": str(ctx.tmp)}, stderr=-2)
    parts = done.text.split(MARK + "\n")
    ctx.equal(len(parts), len(commands) + 1, "commands that gdb came to")
    return parts[1:]


def expect(ctx, command, text, *patterns):
    for pattern in patterns:
        if not re.search(pattern, text, re.M):
            raise Failed(f"{command!r} printed {text!r}; {pattern!r} is not in it")


def session(ctx, guest, *steps, **kw):
    """steps: (command, pattern...) each; returns all output. What gdb reports as an error fails unless
    a pattern asks for it."""
    outputs = guest.gdb(*[s[0] for s in steps], **kw)
    for (command, *patterns), text in zip(steps, outputs):
        expect(ctx, command, text, *patterns)
        if not patterns and re.search(r"^(Cannot|Error|No symbol|warning: Error)", text, re.M):
            raise Failed(f"{command!r}: {text}")
    return outputs


INTERRUPT = ("python import os,signal,threading; "
             "threading.Timer(0.4, lambda: os.kill(os.getpid(), signal.SIGINT)).start()")
