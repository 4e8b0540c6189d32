# SPDX-License-Identifier: MIT
"""vmms.py - the programs that are compared, and the guests that they run.

Each VMM gets the same guests: bare and parallax as a flat image, QEMU as its firmware ROM, so that no
firmware is timed. All write 0 to port 0xf4 at their end, which QEMU turns into status 1.
"""

import json
import os
import subprocess

# Guest name -> what is written in the table. "serial-file" is the guest "serial", kept in a file.
OPS = {
    "out": "port write, unused port",
    "in": "port read, unused port",
    "mmiow": "MMIO write, unassigned",
    "mmior": "MMIO read, unassigned",
    "serial": "serial byte to nowhere",
    "serial-file": "serial byte to a file",
    "lsr": "serial status read",
}
LOOPS = ("out", "in", "mmiow", "mmior", "serial", "lsr")
CFLAGS = "-std=gnu17 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -Wshadow -static".split()


class Missing(Exception):
    """Something that the benchmark needs is not there or does not work."""


class Tools:
    """Where everything is; bare and meter are compiled when they are older than their source."""

    def __init__(self, root, folder):
        self.source = root / "tests/bench"
        self.build = folder
        self.folder = folder / "bench"
        self.parallax = folder / "parallax"
        self.without_gdb = folder / "parallax-without-gdb"
        self.kernel = folder / "guest/parallax.elf"
        self.bare_path = self.folder / "bare"
        self.meter_path = self.folder / "meter"
        self.count = 0
        if not self.parallax.exists():
            raise Missing(f"{self.parallax} is not built; `make` builds it")
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in ("bare", "meter"):
            source, out = self.source / f"{name}.c", self.folder / name
            if not out.exists() or out.stat().st_mtime < source.stat().st_mtime:
                run([*os.environ.get("CC", "gcc").split(), *CFLAGS, source, "-o", out])

    def meter(self, command, expect, *flags):
        """The figures of one run, as meter.c gives them."""
        done = subprocess.run([self.meter_path, *flags, *command], stdout=subprocess.PIPE, check=False,
                              stdin=subprocess.DEVNULL)
        try:
            result = json.loads(done.stdout)
        except ValueError:
            raise Missing(f"no figures from: {' '.join(command)}") from None
        if "--steps" not in flags and result["status"] != expect:
            raise Missing(f"status {result['status']} from: {' '.join(command)}")
        return result

    def can_sample(self):
        return subprocess.run([self.meter_path, "--sample", "true"], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, check=False).returncode == 0

    def image(self, guest, count, rom):
        guest = "serial" if guest == "serial-file" else guest
        name = f"{guest}-{count}" if guest in LOOPS else guest
        return str(self.folder / (name + (".rom" if rom else ".bin")))


def run(command):
    done = subprocess.run([str(c) for c in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          text=True, check=False)
    if done.returncode:
        raise Missing(f"{command[0]}: {(done.stderr.strip().splitlines() or ['failed'])[0]}")


def build(tools, *counts):
    """Assembles every guest in both shapes, the loops with each of COUNTS; the first is the default."""
    tools.count = counts[0]
    guests = tools.source / "guests"
    for rom in (False, True):
        base = ["nasm", "-f", "bin", "-I", f"{guests}/", *(["-DROM"] if rom else [])]
        for name in ("off", "idle"):
            run([*base, guests / f"{name}.asm", "-o", tools.image(name, 0, rom)])
        for name in LOOPS:
            for count in counts:
                run([*base, f"-DOP={name}", f"-DCOUNT={count}", guests / "loop.asm", "-o",
                     tools.image(name, count, rom)])


class Vmm:
    """command() returns what to run and the status that it must end with."""

    name = ""

    def __init__(self, tools):
        self.tools = tools

    def serial_file(self):
        return str(self.tools.folder / f"serial-{self.name}.out")

    def image(self, guest, count=None, rom=False):
        return self.tools.image(guest, count or self.tools.count, rom)


class Bare(Vmm):
    name = "bare"

    def command(self, guest, mib, write=False, count=None):
        serial = ["--serial", self.serial_file()] if write else []
        return [str(self.tools.bare_path), "--mem", str(mib), *serial, self.image(guest, count)], 0


class Parallax(Vmm):
    name = "parallax"

    def _run(self, mib, serial):
        return [str(self.tools.parallax), "run", "--mem", f"{mib}M", "--serial", serial]

    def command(self, guest, mib, count=None):
        serial = f"file:{self.serial_file()}" if guest == "serial-file" else "null"
        return [*self._run(mib, serial), "--flat", self.image(guest, count)], 0

    def kernel(self, mib, words):
        return [*self._run(mib, "null"), "--append", words, str(self.tools.kernel)]

    def stats(self, mib, words):
        """What --stats=json says about one boot of the tiny kernel; it is the last line of stderr."""
        command = [*self.kernel(mib, words), "--stats=json"]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True, check=False)
        try:
            return json.loads(done.stderr.strip().splitlines()[-1])
        except (IndexError, ValueError):
            raise Missing(f"no statistics from: {' '.join(command)}") from None


class WithoutGdb(Parallax):
    """The same program, linked without its gdb code."""

    name = "parallax-without-gdb"

    def _run(self, mib, serial):
        return [str(self.tools.without_gdb), *super()._run(mib, serial)[1:]]


class Qemu(Vmm):
    name = "qemu"
    MACHINE = "microvm,x-option-roms=off,pit=off,pic=off,rtc=off,isa-serial=on,auto-kernel-cmdline=off"

    def command(self, guest, mib):
        serial = self.serial_file() if guest == "serial-file" else "/dev/null"
        return ["qemu-system-x86_64", "-M", self.MACHINE, "-accel", "kvm", "-cpu", "host", "-m", str(mib),
                "-nodefaults", "-no-user-config", "-display", "none", "-monitor", "none", "-no-reboot",
                "-serial", f"file:{serial}", "-device", "isa-debug-exit,iobase=0xf4,iosize=4",
                "-bios", self.image(guest, rom=True)], 1
