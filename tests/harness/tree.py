# SPDX-License-Identifier: MIT
"""tree.py - the tree itself: layout, include direction, and that what is offered is also described."""

import re
import subprocess

from .core import ROOT, Job, Skipped

FIRST_VERBS = ("run", "contrast", "doctor")
WIDTH, HEIGHT = 80, 45
INTERNAL = {"test-programs"}  # targets that only other targets call
OPTION = re.compile(r"^\s+(?:-\w, )?\s*--([a-z][a-z0-9-]*)", re.M)


def verbs(env):
    """What `parallax --help` lists, and what it must list."""
    try:
        text = subprocess.run([env.parallax, "--help"], capture_output=True, text=True, timeout=10).stdout
    except (OSError, subprocess.TimeoutExpired):
        text = ""
    found = re.findall(r"^  ([a-z][a-z-]*) ", text, re.M)
    return [*FIRST_VERBS, *(v for v in found if v not in FIRST_VERBS)]


def script(name):
    def run(ctx):
        done = ctx.run(["sh", ROOT / "scripts" / name])
        ctx.equal(done.status, 0, "status")
    return run


def make_help(ctx):
    """Each target that people call is in the help; those marked .PHONY are such."""
    text = (ROOT / "Makefile").read_text()
    phony = {w for line in re.findall(r"^\.PHONY:((?:.*\\\n)*.*)", text, re.M) for w in line.split() if w != "\\"}
    done = ctx.run(["make", "-s", "-C", ROOT, "help"])
    ctx.equal(done.status, 0, "status of make help")
    described = set(re.findall(r"^\s*make ([a-z][a-z0-9-]*)\s", done.text, re.M))
    for target in "all run check bench fuzz install clean deps".split():
        ctx.check(target in phony or re.search(rf"^{target}:", text, re.M), f"no target {target}")
    ctx.equal(sorted(phony - described - INTERNAL), [], "targets that make help does not mention")


def verb_help(verb):
    def run(ctx):
        done = ctx.vmm("--help", verb=verb)
        ctx.equal(done.status, 0, "status")
        ctx.equal(done.err, b"", "stderr")
        lines = done.text.splitlines()
        ctx.check(len(lines) <= HEIGHT, f"{len(lines)} lines do not fit a screen of {HEIGHT}")
        wide = [line for line in lines if len(line) > WIDTH]
        ctx.equal(wide, [], f"lines wider than {WIDTH}")
        ctx.contains(done.out, f"parallax {verb}")
    return run


def list_of_verbs(ctx):
    for words in (["--help"], ["help"], ["-h"]):
        done = ctx.run([ctx.env.parallax, *words])
        ctx.equal(done.status, 0, "status")
        ctx.contains(done.out, *FIRST_VERBS)
    ctx.contains(ctx.run([ctx.env.parallax, "--version"]).out, "parallax ")


def manual_page(ctx):
    page = ROOT / "docs" / "parallax.1"
    if not page.exists():
        raise Skipped("no docs/parallax.1 yet")
    text = page.read_text().replace("\\-", "-")
    for verb in verbs(ctx.env):
        options = OPTION.findall(ctx.vmm("--help", verb=verb).text)
        ctx.check(options, f"{verb} --help lists no options")
        ctx.equal([o for o in options if f"--{o}" not in text], [], f"options of {verb} that it lacks")
        ctx.check(re.search(rf"\b{verb}\b", text), f"it does not mention {verb}")


def manual_layout(ctx):
    page = ROOT / "docs" / "parallax.1"
    if not page.exists():
        raise Skipped("no docs/parallax.1 yet")
    done = ctx.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", page])
    ctx.equal(done.err, b"", "warnings")


def qemu_options(ctx):
    """Each option of `parallax qemu` is in the guide's page, which must not promise others."""
    text = ctx.vmm("--help", verb="qemu").text
    taken = set(re.findall(r"^  (-[A-Za-z][\w-]*)", text, re.M)) | set(re.findall(r" (-[a-z][\w-]*)(?= |$)", text, re.M))
    page = (ROOT / "docs/guide/libvirt.md").read_text()
    table = page[page.index("## The options"):page.index("## Beside QEMU")]
    promised = {w for cell in re.findall(r"^\| (`-.*?) \|", table, re.M) for w in re.findall(r"`(-[A-Za-z][\w-]*)", cell)}
    ctx.check(len(taken) > 30, f"only {sorted(taken)} in the help")
    ctx.equal(sorted(promised ^ taken), [], "options in one of the two only")


def completion(ctx):
    scripts = list(ROOT.glob("**/parallax.bash")) or list(ROOT.glob("**/completion*/parallax"))
    scripts = [s for s in scripts if "build" not in s.parts[len(ROOT.parts)]]
    if not scripts:
        raise Skipped("no bash completion yet")
    ctx.equal(ctx.run(["bash", "-n", scripts[0]]).status, 0, "status of bash -n")
    text = scripts[0].read_text()
    options = OPTION.findall(ctx.vmm("--help", verb="run").text)
    if "--help" in text and "parallax" in text and "sed" in text:
        return  # it asks the program itself
    ctx.equal([o for o in options if f"--{o}" not in text], [], "options of run that it lacks")


def clang(ctx):
    """The host code's other compiler is the fuzzers'; the kernel's own files are read here."""
    done = ctx.run(["make", "-s", "-C", ROOT, "guest-syntax", "CC=clang"])
    ctx.equal((done.status, done.text), (0, ""), "status and findings of clang")


def lint(ctx):
    done = ctx.run([ROOT / "scripts/lint.sh"], timeout=900)
    ctx.equal((done.status, done.text), (0, ""), "status and findings of cppcheck, gcc -fanalyzer and clang-tidy")


def benchmarks(ctx):
    """They run too seldom to be found broken."""
    found = sorted(ROOT.glob("tests/bench/**/run"))
    ctx.check(len(found) > 3, f"{len(found)} benchmarks")
    for path in found:
        ctx.equal(ctx.run([path, "--help"]).status, 0, f"status of {path.relative_to(ROOT)} --help")


def small_benchmarks(ctx):
    """Those that build the kernel's sources in ways of their own, as short as can be."""
    for name, words in (("mm", ("--rounds", 1, "--ops", 20000)), ("sched", ("--rounds", 20))):
        done = ctx.run([ROOT / "tests/bench" / name / "run", "--build", ctx.env.build, *words], timeout=300)
        ctx.equal((done.status, done.err), (0, b""), f"status and errors of bench/{name}/run {done.text[-500:]}")


def jobs(env):
    yield Job("tree/lint", lint, needs=("clang-tidy", "cppcheck"), timeout=900)
    yield Job("tree/benchmarks begin", benchmarks)
    yield Job("tree/benchmarks of the host", small_benchmarks, needs=("valgrind", "qemu"), timeout=300)
    yield Job("tree/kernel by clang", clang, needs=("clang",))
    yield Job("tree/style", script("style.sh"), needs=("clang-format",))
    yield Job("tree/include arrows", script("arrows.sh"))
    yield Job("tree/make help", make_help)
    yield Job("tree/list of verbs", list_of_verbs)
    for verb in verbs(env):
        yield Job(f"tree/{verb} --help", verb_help(verb))
    yield Job("tree/manual page", manual_page)
    yield Job("tree/manual page layout", manual_layout, needs=("man",))
    yield Job("tree/bash completion", completion)
    yield Job("tree/qemu options", qemu_options)
