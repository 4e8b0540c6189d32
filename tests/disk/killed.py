# SPDX-License-Identifier: MIT
"""killed.py - the VMM is killed at random moments while its guest writes: what the guest was told is
flushed is in the file, and the file can be used again at once."""

import os
import random
import signal
import time

from harness.core import Failed, Job

from . import numbered

# Words of the machine, batch, how long a round writes at most (seconds).
KINDS = {
    "virtio": (("--virt", "para"), "", 16, 0.25),
    "virtio, direct": (("--virt", "para"), ",direct", 16, 0.25),
    "ATA": (("--virt", "full"), "", 2, 0.4),
}


def one_round(ctx, words, image, option, batch, delay):
    p = ctx.start([ctx.env.parallax, "run", *words, "--disk", f"{image}{option}", "--append",
                   f"quiet demo=sequence count=0 batch={batch}"])
    line = b""
    while not line.startswith(b"flushed"):
        line = p.popen.stdout.readline()
        if not line:
            raise Failed("the guest ended: " + p.popen.stderr.read().decode(errors="replace"))
    time.sleep(delay)
    p.signal(signal.SIGKILL)
    done = ctx.finish(p)
    ctx.equal(done.status, 128 + signal.SIGKILL, "status")
    # A line that the kill cut in two is no promise: it has no end.
    return numbered.promised((line + done.out).decode(errors="replace").rpartition("\n")[0] + "\n")


def killed(kind):
    words, option, batch, most = KINDS[kind]

    def run(ctx):
        seed = int.from_bytes(os.urandom(4), "little")
        ctx.log.append(f"seed {seed}")
        dice, after = random.Random(seed), []
        for number in range(ctx.env.kill_rounds):
            image = numbered.disk(ctx.tmp)
            safe = one_round(ctx, words, image, option, batch, dice.uniform(0, most))
            del ctx.log[1:-8]
            ctx.check(safe > 0, f"round {number}: nothing was promised")
            after.append(numbered.judge(image, safe) > safe)
        if ctx.env.kill_rounds >= 10:
            ctx.check(any(after), "no kill came between a write and its flush: the test sees nothing")
    return run


def jobs(env):
    for kind in KINDS:
        yield Job(f"disk/killed, {kind}", killed(kind), timeout=60 + 4 * env.kill_rounds, needs=("kvm",))
