# SPDX-License-Identifier: MIT
"""cost.py - what gdb costs who does not use it: nothing on an exit, nothing while a guest stands still."""

import json
import time
from pathlib import Path

from harness.core import ROOT, Job

from gdb.debugger import Guest, session

BENCH = ROOT / "tests" / "bench"
FIRST, COUNT = "20", "200"  # exits: dropped, and counted


def per_exit(ctx, meter, binary, image):
    """User-mode instructions from one KVM_RUN to the next, by single-stepping the VMM."""
    done = ctx.run([meter, "--steps", FIRST, COUNT, binary, "run", "--mem", "16M", "--serial", "null", "--flat", image])
    ctx.equal(done.status, 0, "status of meter")
    return json.loads(done.out)["instructions"]


def when_off(ctx):
    """An exit takes the same instructions in a program that has no gdb code at all."""
    meter = ctx.tmp / "meter"
    done = ctx.run(["gcc", "-std=gnu17", "-D_GNU_SOURCE", "-O2", "-static", BENCH / "meter.c", "-o", meter])
    ctx.equal(done.status, 0, "status of gcc")
    for op in ("out", "in", "mmiow", "mmior", "lsr"):
        image = ctx.tmp / f"{op}.bin"
        done = ctx.run(["nasm", "-f", "bin", f"-I{BENCH}/guests/", f"-DOP={op}", "-DCOUNT=100000",
                        BENCH / "guests" / "loop.asm", "-o", image])
        ctx.equal(done.status, 0, "status of nasm")
        counts = [per_exit(ctx, meter, binary, image)
                  for binary in (ctx.env.parallax, ctx.env.build / "parallax-without-gdb")]
        ctx.check(counts[0] >= 10 * int(COUNT), f"{op}: {counts[0]} instructions are too few to be true")
        ctx.equal(counts[0], counts[1], f"instructions for {COUNT} exits by {op}, with and without gdb")


def activity(pid):
    """How often any of its threads came or went."""
    switches = 0
    for status in sorted(Path(f"/proc/{pid}/task").glob("*/status")):
        switches += sum(int(line.split()[1]) for line in status.read_text().splitlines()
                        if "ctxt_switches" in line)
    return switches


def while_paused(ctx):
    """Not one of the VMM's threads runs: before a debugger came, and while one holds the guest."""
    guest = Guest(ctx, "--cpus", "2", "--append", "loop quiet")
    settled(ctx, guest, "before gdb", 20)
    held = ctx.start(["gdb", "-nx", "-q", "-batch", "-ex", f"target remote {guest.socket}",
                      "-ex", "stepi", "-ex", r"echo HELD\n", "-ex", "shell sleep 4",
                      "-ex", "detach", ctx.env.kernel])
    time.sleep(1.5)
    settled(ctx, guest, "under gdb", 5)
    ctx.contains(ctx.finish(held).out, "HELD")
    session(ctx, guest, ("monitor quit", ""))
    guest.end(0)


def settled(ctx, guest, when, tries):
    for _ in range(tries):
        before, ticks = activity(guest.pid), guest.cpu_ticks()
        time.sleep(0.5)
        if activity(guest.pid) == before and guest.cpu_ticks() == ticks:
            return
    ctx.check(False, f"the VMM runs while its guest stands still, {when}")


def jobs(_env):
    yield Job("gdb/no cost when off", when_off, needs=("kvm", "nasm"), timeout=60)
    yield Job("gdb/paused costs nothing", while_paused, needs=("kvm", "gdb"), timeout=60)
