# SPDX-License-Identifier: MIT
"""failing.py - disks that fail under a running guest: the guest gets I/O errors, the VMM lives, and what
was flushed before is there. And a disk that another VM has."""

import json
import os
import sys
from pathlib import Path

from control.guests import Host
from harness.core import Failed, Job

from . import numbered
from .numbered import KIB

MODES = {"virtio": ("--virt", "para"), "ATA": ("--virt", "full")}
SIZE, GOOD = 1024 * KIB, 256 * KIB  # of the disk, and of what its host has; as in failing_fs.py
FIT = GOOD // numbered.BLOCK - 1  # blocks, beside the first one
COUNT, BATCH = 90, 8
SCRIPT = Path(__file__).with_name("failing_fs.py")


def counts(text):
    """What demo=sequence says in the end: (flushed, lost, right, wrong, failed)."""
    words = [line.split() for line in text.splitlines()]
    end = next((w for w in words if w[:1] == ["sequence:"]), None)
    back = next((w for w in words if w[:2] == ["read", "back:"]), None)
    if not end or not back:
        raise Failed("the guest did not come to its end")
    return int(end[1]), int(end[4]), int(back[2]), int(back[4]), int(back[6])


def sequence(mode, image, count):
    return [*MODES[mode], "--timeout", 50, "--disk", image, "--append",
            f"quiet demo=sequence count={count} batch={BATCH} verify"]


def inside(ctx, kind, image, mode, count, **kw):
    """Runs the guest in a mount namespace where `image`'s folder is a file system that fails."""
    return ctx.run(["unshare", "--user", "--map-root-user", "--mount", sys.executable, SCRIPT, kind, image, "--",
                    ctx.env.parallax, "run", *sequence(mode, image, count)], **kw)


def written(ctx, kind, mode):
    """The counts of a run on a host of that kind, where some write must fail and the VMM must not."""
    (ctx.tmp / "mnt").mkdir()
    done = inside(ctx, kind, ctx.tmp / "mnt" / "d", mode, COUNT)
    ctx.equal(done.status, 0, "status")
    ctx.contains(done.out, "write failed near block")
    return counts(done.text)


# ---- one each ------------------------------------------------------------------------------------------

def full_host(mode):
    """A file system of a quarter of the disk's size."""
    def run(ctx):
        flushed, lost, right, wrong, failed = written(ctx, "enospc", mode)
        ctx.check(32 <= flushed <= FIT and lost >= COUNT - FIT, f"{flushed} flushed, {lost} lost")
        ctx.check(right >= flushed and not failed, f"{right} of {flushed} are right, {failed} cannot be read")
        ctx.equal(right + wrong, COUNT, "blocks that could be read")
    return run


def sick_host(mode):
    """The host's file system answers EIO from a quarter on, to reads and writes."""
    def run(ctx):
        flushed, lost, right, wrong, failed = written(ctx, "eio", mode)
        ctx.equal((flushed, lost), (FIT // BATCH * BATCH, COUNT - FIT // BATCH * BATCH), "blocks flushed and lost")
        ctx.equal((right, wrong, failed), (FIT, 0, COUNT - FIT), "blocks right, wrong and failed")
    return run


def sick_flush(mode):
    """fsync(2) fails: no flush is ever promised, though every write succeeds."""
    def run(ctx):
        (ctx.tmp / "mnt").mkdir()
        done = inside(ctx, "eio-fsync", ctx.tmp / "mnt" / "d", mode, 32)
        ctx.equal(done.status, 0, "status")
        ctx.contains(done.out, "flush failed near block 1:")
        ctx.equal(counts(done.text), (0, 32, 32, 0, 0), "blocks flushed, lost, right, wrong, failed")
    return run


def file_limit(mode):
    """RLIMIT_FSIZE, whose signal would end a process that does not think of it."""
    def run(ctx):
        image = numbered.disk(ctx.tmp, SIZE)
        done = ctx.run(["prlimit", f"--fsize={GOOD}", ctx.env.parallax, "run", *sequence(mode, image, COUNT)])
        ctx.equal(done.status, 0, "status")
        flushed, lost, right, _, failed = counts(done.text)
        ctx.equal((flushed, lost), (FIT // BATCH * BATCH, COUNT - FIT // BATCH * BATCH), "blocks flushed and lost")
        ctx.equal((right, failed), (FIT, 0), "blocks right and failed")
        numbered.judge(image, flushed)
    return run


def changed(mode, size, then, look):
    """The image gets another size while the guest writes."""
    def run(ctx):
        image = numbered.disk(ctx.tmp, size)
        p = ctx.start([ctx.env.parallax, "run", *sequence(mode, image, 240)])
        line = b"?"
        while line and not line.startswith(b"flushed 48"):
            line = p.popen.stdout.readline()
        os.truncate(image, then)
        done = ctx.finish(p)
        ctx.equal(done.status, 0, "status")
        look(ctx, *counts(done.text))
        ctx.equal(os.path.getsize(image), then, "size of the image")
    return run


def cut(ctx, flushed, lost, right, _, failed):
    ctx.check(48 <= flushed < 232 and flushed + lost == 240, f"{flushed} flushed, {lost} lost")
    ctx.check(failed >= 240 - FIT and right <= FIT, f"{right} right, {failed} failed")


def grown(ctx, *got):
    """The end of a disk that was there first stays its end for this guest, and writes go on."""
    ctx.equal(got, (240, 0, 63, 0, 0), "blocks flushed, lost, right, wrong, failed")


def locked(mode):
    def run(ctx):
        with Host(ctx) as host:
            image = numbered.disk(ctx.tmp)
            host.start(*MODES[mode], "--disk", image, "--append", "loop")
            before = image.read_bytes()
            for words in ((str(image),), (f"{image},ro",)):
                done = ctx.vmm(*MODES[mode], "--disk", *words, "--append", "demo=sequence")
                ctx.equal(done.status, 125, "status")
                ctx.contains(done.err, "in use by another VM", image.name)
                ctx.equal(len(done.errors.splitlines()), 1, "lines of the message")
            ctx.equal(image.read_bytes(), before, "the image")
            host.verb("stop", "--force", "g")
            done = ctx.vmm(*sequence(mode, image, 16))
            ctx.equal((done.status, counts(done.text)[:2]), (0, (16, 0)), "after the other one's end")
    return run


def readers(ctx):
    """Any number of readers, and no writer among them."""
    with Host(ctx) as host:
        image = numbered.disk(ctx.tmp)
        host.start("--disk", f"{image},ro", "--append", "loop", name="a")
        host.start("--disk", f"{image},ro", "--append", "loop", name="b")
        done = ctx.vmm("--disk", image, "--append", "exit=0")
        ctx.equal(done.status, 125, "status")
        ctx.contains(done.err, "in use by another VM")
        stats = json.loads(host.verb("qmp", "a", "query-block").text)
        ctx.equal(len(stats), 1, "disks")
        host.verb("stop", "--all", "--force")


def jobs(_env):
    def job(name, fn, *needs):
        return Job(f"disk/{name}", fn, needs=("kvm", *needs), timeout=60)

    for mode in MODES:
        yield job(f"full host, {mode}", full_host(mode), "namespaces", "fuse")
        yield job(f"host with EIO, {mode}", sick_host(mode), "namespaces", "fuse")
        yield job(f"host that cannot sync, {mode}", sick_flush(mode), "namespaces", "fuse")
        yield job(f"limit of a file's size, {mode}", file_limit(mode))
        yield job(f"image cut, {mode}", changed(mode, SIZE, GOOD, cut))
        yield job(f"locked by another VM, {mode}", locked(mode))
    yield job("image grown", changed("virtio", GOOD, SIZE, grown))
    yield job("shared by readers", readers)
