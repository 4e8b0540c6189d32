# SPDX-License-Identifier: MIT
"""disks.py - the tiny kernel's drivers on ATA (full) and virtio (para): the same self-tests, exits that
are as few as they should be, and what the guest wrote is in the file."""

import json
import os
import re
import socket
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
        done = ctx.vmm(*MODES[mode], "--cpus", cpus, "--disk", f"{disk},serial=A1B2", "--stats=json", "--timeout", 250,
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


def per_request(ctx, mode, words, count):
    """Exits to the VMM that one request takes: a run with them less a run without."""
    disk = scratch_disk(ctx, 8 * MIB)
    place = ("--virt", "full", "--serial", "null") if mode == "full" else ("--console", "null", "--serial", "none")
    totals = []
    for what in ("reads=0 writes=0", words):
        done = ctx.vmm(*place, "--disk", disk, "--stats=json", "--timeout", 200, "--append", f"quiet demo=io {what}")
        ctx.equal(done.status, 0, "status")
        totals.append(stats_of(done)["exits_total"])
    return (totals[1] - totals[0]) / count


def measured(ctx):
    """The guide's figures hold: what a 4 KiB request costs the VMM on each side."""
    for words, count, most in (("reads=100 writes=0", 100, 14), ("reads=0 writes=20", 20, 1100),
                               ("reads=100 writes=0 depth=16", 100, 14)):
        full, para = per_request(ctx, "full", words, count), per_request(ctx, "para", words, count)
        ctx.check(6 < full <= most, f"ATA, {words}: {full} exits a request")
        ctx.check(para < 0.2, f"virtio, {words}: {para} exits a request")


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def network(mode):
    """An address by DHCP, echoes from the router, and datagrams from outside that come back."""
    return lambda ctx: served(ctx, mode)


def served(ctx, mode):
    port = free_port()
    p = ctx.start([ctx.env.parallax, "run", "--virt", mode, "--net", f"user,hostfwd=udp:127.0.0.1:{port}-:7", "--timeout",
                   60, "--append", "quiet demo=net size=1000 serve=8"])
    seen = []
    while not seen or not seen[-1].startswith("serving"):
        seen.append(p.popen.stdout.readline().decode())
        ctx.check(seen[-1], "the guest ended")
    ctx.contains("".join(seen), "eth0: 10.0.2.15/24 for 86400 s, router 10.0.2.2, names from 10.0.2.3",
                 "ping 10.0.2.2: 4 of 4 answered")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.connect(("127.0.0.1", port))
        s.settimeout(5)
        for size in (1, 7, 512, 1400):
            data = os.urandom(size)
            s.send(data)
            ctx.equal(s.recv(2048), data, f"{size} bytes that came back")
        # More than any card has room for: some are lost, but the card goes on.
        for i in range(300):
            s.send(b"%4d" % i * 50)
        s.send(b"last")
        got = set()
        while b"last" not in got:
            got.add(s.recv(2048))
            s.send(b"last")
        ctx.check(got <= {b"last", *(b"%4d" % i * 50 for i in range(300))}, "a datagram that nobody sent")
    done = ctx.finish(p)
    ctx.equal(done.status, 0, "status")
    echoed = int(re.search(r"(\d+) datagrams echoed", done.text).group(1))
    ctx.check(echoed >= 4 + len(got), f"{echoed} echoed, {len(got)} seen")


def network_alone(ctx):
    """Nobody answers at that address; and a guest without a card says so."""
    done = ctx.vmm("--net", "user", "--timeout", 60, "--append", "quiet demo=net ping=10.0.2.99 count=1")
    ctx.contains(done.out, "ping 10.0.2.99: 0 of 1 answered")
    done = ctx.vmm("--virt", "full", "--net", "user,mac=52:54:00:00:00:77", "--timeout", 60, "--append", "demo=net count=1")
    ctx.contains(done.out, "eth0: NE2000, 52:54:00:00:00:77", "ping 10.0.2.2: 1 of 1 answered")
    ctx.contains(ctx.vmm("--virt", "full", "--append", "quiet demo=net").out, "no network card")
    ctx.contains(ctx.vmm("--append", "quiet demo=net").out, "no network card")
    for wrong in ("10.0.2", "10.0.2.256", "1.2.3.4.5", "x"):
        ctx.contains(ctx.vmm("--net", "user", "--append", f"quiet demo=net ping={wrong}").out, "not an address")


def answers(ctx):
    """demo=io says what it did, and leaves a disk alone that is not for it."""
    disk = scratch_disk(ctx)
    done = ctx.vmm("--disk", disk, "--append", "quiet demo=io reads=20 writes=10 depth=4 lines=2")
    ctx.equal(done.status, 0, "status")
    for fragment in ("1  forty-eight bytes", "vda: virtio", "reads: 20 requests", "4 at once", "writes: 10 requests",
                     " 0 failed"):
        ctx.contains(done.out, fragment)
    other = ctx.tmp / "other.img"
    other.write_bytes(b"\x55" * MIB)
    done = ctx.vmm("--virt", "full", "--disk", other, "--append", "quiet demo=io reads=3")
    ctx.contains(done.out, "not written to")
    ctx.equal(other.read_bytes(), b"\x55" * MIB, "somebody else's disk")
    ctx.contains(ctx.vmm("--append", "quiet demo=io").out, "no disk")


def jobs(_env):
    def job(name, fn, **kw):
        return Job(f"drivers/{name}", fn, needs=("kvm",), timeout=kw.pop("timeout", 60), **kw)

    for mode in MODES:
        for cpus in (1, 2):
            yield job(f"{mode}, {cpus} CPU", selftests(mode, cpus))
        yield job(f"network, {mode}", network(mode))
    yield job("disks announce themselves", announces)
    yield job("hvc0", console)
    yield job("hvc0 costs no exits", flood)
    yield job("exits for each request", measured)
    yield job("demo=io", answers)
    yield job("network where nobody is", network_alone)
