# SPDX-License-Identifier: MIT
"""suite.py - the conformance programs as tests: Debian's kernel is asked what it answers, and the host's
Linux and the tiny kernel, in both modes, must say the same."""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import compare
import places
import transcript
from harness import needs
from harness.core import FAIL, PASS, ROOT, SKIP, Failed, Job, Result, Skipped

SECONDS = 900  # for one kernel to answer all
CANNOT = 77
TYPING = 600
HARM_SECONDS = 240
BY_CPU = ("faults", "futexes", "memory", "processes", "programs", "rseq", "shootdown", "signals", "threads",
          "tracing")
BUILD_IMAGES = ROOT / "tests" / "testbed" / "build.py"


@dataclass
class Case:
    name: str
    place: str
    program: str
    virt: str = None


def all_cases(env):
    for program in places.programs(env.build):
        yield Case(f"host {program}", "host", program)
    # Each C library in each mode, on one of the two kinds of KVM; on the slower one what the CPU has a say in.
    for place, virt, library in (("parallax", "full", "musl/"), ("parallax", "para", "glibc/"),
                                 ("testbed", "full", "glibc/"), ("testbed", "para", "musl/")):
        for program in places.programs(env.build):
            if program.startswith(library) and (place != "testbed" or program.split("/")[1] in BY_CPU):
                prefix = "testbed " if place == "testbed" else ""
                yield Case(f"{prefix}{virt} {program}", place, program, virt)


def lacks(place):
    """Why a place cannot be asked here, or None."""
    return needs.missing({"host": ("root", "unshare"), "parallax": ("kvm",), "testbed": ("qemu",)}[place])


def groups(chosen):
    """The cases of each machine that is asked."""
    found = {}
    for case in chosen:
        found.setdefault((case.place, case.virt), []).append(case)
    return found


def reference(ctx, programs):
    built = ctx.run([BUILD_IMAGES], env={"B": str(ctx.env.build)})
    if built.status:
        raise places.Broken((built.errors.splitlines() or ["?"])[-1])
    return places.ask("debian", ctx.env.build, programs, ctx.tmp / "debian", SECONDS)


def ask_again(ctx, programs, got, want, words):
    """A test that takes too long is killed, by the clock of a guest in an emulated machine: on a busy host it may
    be the host that was late. Such programs are asked once more, and that counts."""
    late = [p for p in programs if compare.program(p, got, want, "testbed", "debian").differences]
    if late:
        got.update(places.ask("testbed", ctx.env.build, late, ctx.tmp / "again", SECONDS, words))


def conformance(ctx, chosen):
    answerable = {key: cases for key, cases in groups(chosen).items() if not lacks(key[0])}
    for key, cases in groups(chosen).items():
        if key not in answerable:
            for case in cases:
                yield Result(f"user/{case.name}", SKIP, lacks(key[0]))
    if not answerable:
        return
    programs = sorted({c.program for cases in answerable.values() for c in cases})
    try:
        want = reference(ctx, programs)
    except places.Broken as err:
        raise Failed(str(err)) from err
    for (place, virt), cases in answerable.items():
        words = ("--virt", virt) if virt else ()
        try:
            got = places.ask(place, ctx.env.build, [c.program for c in cases], ctx.tmp / f"{place}-{virt}", SECONDS, words)
        except places.Broken as err:
            for case in cases:
                yield Result(f"user/{case.name}", FAIL, str(err))
            continue
        if place == "testbed":
            ask_again(ctx, [c.program for c in cases], got, want, words)
        for case in cases:
            verdict = compare.program(case.program, got, want, place, "debian")
            ctx.log[:] = verdict.differences
            yield Result(f"user/{case.name}", FAIL if verdict.differences else PASS, verdict.summary(),
                         got.seconds / len(cases))


def image_twice(ctx):
    """The initramfs is the same bytes whoever builds it, and holds what its manifest says."""
    builder, manifest = ROOT / "images/build.py", ROOT / "images/busybox.manifest"
    for name in ("one", "two"):
        done = ctx.run([builder, manifest, ctx.tmp / name / "busybox.cpio.gz"])
        ctx.equal(done.status, 0, "status")
    first, second = ((ctx.tmp / n / "busybox.cpio.gz").read_bytes() for n in ("one", "two"))
    ctx.check(first == second, "two builds differ")
    listing = (ctx.tmp / "one/busybox.list").read_text()
    ctx.contains(listing, " /init\n", "/dev/console (5, 1)", "/usr/bin/vi -> /usr/bin/busybox")


def proc_files(ctx):
    """All of /proc and /sys can be read while processes come and go, and says what it must."""
    image = places.image(ctx.env.build, ["stress/proc_files"], ctx.tmp / "proc.cpio")
    done = ctx.vmm("--cpus", "2", "--initrd", image, "--timeout", "280", "--append", "quiet")
    ctx.check(re.search(r"^ok [1-9][0-9]{2,} files, ", done.text.replace("\r", ""), re.M), "not all of it was right")
    ctx.contains(done.out, "@@ end stress/proc_files 0")
# Programs that mean harm, and the lines with which a kernel that has stood it lets them end.
HARM = (
    ("stress/fuzz -n 5000 -s 1", ("@fuzz.calls all made", "@fuzz.memory came back", "@fuzz.stacks came back")),
    ("stress/sockets", ("@sockets.rounds all ended", "@sockets.left 0", "@sockets.memory came back")),
    ("stress/bomb -l 40 count", ("@bomb.count refused in the end", "@bomb.after fork works")),
    ("stress/bomb -l 20 spread", ("@bomb.spread refused in the end", "@bomb.after fork works")),
    ("stress/hog anon shared file pipes tables threads", tuple(
        f"@hog.{way} the others live on" for way in ("anon", "shared", "file", "pipes", "tables", "threads"))),
)


def harmed(place, virt=None):
    """One machine for each program; it must tell its lines and come to its end."""
    def run(ctx):
        words = ("--virt", virt) if virt else ()
        for number, (line, want) in enumerate(HARM):
            try:
                got = places.ask(place, ctx.env.build, [line], ctx.tmp / str(number), HARM_SECONDS, words)
            except places.Broken as err:
                raise Failed(f"{line}: {err}") from err
            ctx.log.append(got.text[-2000:])
            lines = got[line.split()[0]]
            ctx.equal(lines, list(want), f"{line}: lines")
            ctx.check("@@ done" in got.text, f"{line}: the machine did not come to its end")
    return run


def typed(place):
    def run(ctx):
        if place == "debian":
            built = ctx.run([BUILD_IMAGES], env={"B": str(ctx.env.build)})
            if built.status:
                raise Skipped((built.errors.splitlines() or ["?"])[-1])
        argv, tiny = transcript.commands(ctx.env.build)[place]
        wrong = []
        for name, problem in transcript.hold(argv, tiny):
            ctx.log.append(f"{'ok  ' if not problem else 'FAIL'} {name}" + (f": {problem}" if problem else ""))
            wrong += [name] if problem else []
        ctx.check(not wrong, f"{len(wrong)} answers are wrong, first {wrong[:1]}")
    return run


def jobs(env):
    yield Job("user/proc files", proc_files, timeout=300, needs=("kvm",))
    yield Job("user/image", image_twice)
    yield Job("user/transcript debian", typed("debian"), timeout=TYPING, needs=("qemu",), lane="testbed")
    for virt in ("full", "para"):
        yield Job(f"user/transcript {virt}", typed(virt), timeout=TYPING, needs=("kvm",))
    yield Job("user/harm para", harmed("parallax", "para"), timeout=len(HARM) * HARM_SECONDS, needs=("kvm",))
    chosen = list(all_cases(env))
    yield Job("user/conformance", conformance, timeout=4 * SECONDS, needs=("qemu",), lane="testbed", cases=chosen)
