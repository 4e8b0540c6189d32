# SPDX-License-Identifier: MIT
"""disks.py - the tiny kernel's drivers on ATA (full) and virtio (para): the same self-tests, exits that
are as few as they should be, and what the guest wrote is in the file."""

import json
import struct

from harness import tap
from harness.core import Job

SCRATCH = b"PARALLAX SCRATCH DISK"
SECTOR = 512
MIB = 1 << 20
GOLDEN = 0x9E3779B97F4A7C15
MODES = {"full": ("--virt", "full"), "para": ("--virt", "para", "--console", "stdio", "--rng")}


def scratch_disk(ctx, size=4 * MIB):
    path = ctx.tmp / "scratch.img"
    with open(path, "wb") as f:
        f.write(SCRATCH)
        f.truncate(size)
    return path


def expected(sector, salt):
    """The words that selftest/test_drivers.c writes to a sector."""
    return b"".join(struct.pack("<Q", ((sector << 16 | i) * GOLDEN + salt) & (2 ** 64 - 1)) for i in range(SECTOR // 8))


def stats_of(done):
    return json.loads(done.errors.strip().splitlines()[-1])


def selftests(mode, cpus):
    def run(ctx):
        disk = scratch_disk(ctx)
        done = ctx.vmm(*MODES[mode], "--cpus", cpus, "--disk", f"{disk},serial=A1B2", "--stats=json", "--timeout", 50,
                       "--append", "selftest=drivers quiet")
        ctx.equal(done.status, 0, "status")
        tap.sound(done.text, 4)
        ctx.equal(done.text.count("# SKIP"), 1 if mode == "full" else 0, "skipped tests")
        data = disk.read_bytes()
        for sector, salt in ((1000, 9), (1191, 9), (104, 4), (423, 4), (len(data) // SECTOR - 1, 77)):
            ctx.check(data[sector * SECTOR:(sector + 1) * SECTOR] == expected(sector, salt),
                      f"sector {sector} of the file is not what the guest wrote")
        ctx.equal(data[:len(SCRATCH)], SCRATCH, "the first sector")
        exits = stats_of(done)["exits_total"]
        if mode == "para":
            ctx.check(exits < 400, f"{exits} exits: the doorbells should stay in the kernel")
        else:
            ctx.check(exits > 4000, f"{exits} exits: is this programmed I/O?")
    return run


def announces(ctx):
    """Drivers name what they found; a read-only disk is told as such and cannot be written to."""
    disk = scratch_disk(ctx)
    before = disk.read_bytes()
    done = ctx.vmm("--virt", "full", "--disk", f"{disk},serial=A1B2", "--append", "exit=0")
    ctx.equal(done.status, 0, "status")
    ctx.contains(done.out, "hda: ATA, programmed I/O, 4096 KiB, serial A1B2")
    done = ctx.vmm("--console", "stdio", "--disk", f"{disk},ro,serial=A1B2", "--append", "selftest=drivers")
    ctx.contains(done.out, "vda: virtio, 4096 KiB, read-only, serial A1B2", "hvc0: virtio",
                 "ok 1 - drivers: what is written to the disk is read back # SKIP the disk is read-only")
    ctx.equal(done.status, 0, "status")
    ctx.equal(disk.read_bytes(), before, "the read-only disk")


def console(ctx):
    """All of the log is on hvc0, in order, also what was said before there was a driver; and a panic."""
    out = ctx.tmp / "hvc0"
    done = ctx.vmm("--console", f"file:{out}", "--serial", "none", "--append", "panic=null")
    ctx.equal(done.status, 99, "status")
    text = out.read_text()
    lines = [line for line in text.splitlines() if line.startswith("[")]
    ctx.check(lines[0].endswith('Parallax tiny kernel, x86-64. Each step says why: "so that ..."'), lines[0])
    steps = [line.split("]", 1)[1].strip()[:8] for line in lines if "so that" in line[14:40]]
    ctx.equal(steps, sorted(steps), "the boot steps in order")
    ctx.contains(text, "drivers", "Kernel panic", "null")
    plain = ctx.vmm("--console", "stdio", "--append", "console=ttyS0 exit=0", "--serial", "file:/dev/null")
    ctx.equal(plain.status, 0, "status with console=ttyS0")


def flood(ctx):
    """A quarter of a megabyte through hvc0 costs the VMM next to no exits."""
    quiet = ctx.vmm("--console", "null", "--serial", "none", "--stats=json", "--append", "exit=0")
    chatty = ctx.vmm("--console", "null", "--serial", "none", "--stats=json", "--append", "selftest=lib,mm,trap")
    more = stats_of(chatty)["exits_total"] - stats_of(quiet)["exits_total"]
    ctx.check(more < 50, f"{more} exits more for a talkative guest")


def jobs(_env):
    def job(name, fn, **kw):
        return Job(f"drivers/{name}", fn, needs=("kvm",), timeout=kw.pop("timeout", 60), **kw)

    for mode in MODES:
        for cpus in (1, 2):
            yield job(f"{mode}, {cpus} CPU", selftests(mode, cpus))
    yield job("disks announce themselves", announces)
    yield job("hvc0", console)
    yield job("hvc0 costs no exits", flood)
