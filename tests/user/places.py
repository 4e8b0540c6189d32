# SPDX-License-Identifier: MIT
"""places.py - runs the conformance programs on a kernel and gives back their lines.

The same init and the same programs in the same empty root, each time: on the host's own Linux (root,
in a chroot of fresh namespaces), on Debian's kernel in an emulated machine, on the tiny kernel.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "images"), str(ROOT / "tests" / "testbed")]

from cpio import Tree

LINE = re.compile(r"^@[a-z0-9_]+\.[a-z0-9_]+ ")
MARK = re.compile(r"^@@ (begin|end|done)(?: (\S+))?(?: (\d+))?$")

# A root of its own for the host's kernel: nothing of the host can be reached by name but /dev, /proc.
ENTER = """
set -e
mount -t tmpfs tmpfs "$1"
cp -r "$2"/. "$1"
mkdir -p "$1/dev" "$1/proc" "$1/sys" "$1/tmp"
exec chroot "$1" /init
"""


class Broken(Exception):
    """The suite could not run to its end; the text says where it stopped."""


class Answers(dict):
    """program -> its lines, in order; `unfinished` names the program that never ended."""

    unfinished = None
    text = ""


def programs(build, only=()):
    """Names like glibc/files, in order. A line with words behind the name, for the programs in stress/, is
    taken as it is."""
    lines = [o for o in only if os.access(build / "user" / o.split()[0], os.X_OK) and not o.startswith(("glibc/", "musl/"))]
    if lines:
        return lines
    found = sorted(str(p.relative_to(build / "user")) for p in (build / "user").glob("*/*")
                   if p.parent.name in ("glibc", "musl") and os.access(p, os.X_OK))
    return [n for n in found if not only or any(re.fullmatch(o.replace("*", ".*"), n) for o in only)]


def tests_of(build, name):
    """A program's tests, in its order."""
    if not name.startswith(("glibc/", "musl/")):
        return []
    return subprocess.run([build / "user" / name, "--list"], capture_output=True, text=True, check=True).stdout.split()


def folder(build, lines, where):
    """The root's contents as a folder. LINES: names of programs, each with tests behind it if not all."""
    for name in (line.split()[0] for line in lines):
        (where / "tests" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(build / "user" / name, where / "tests" / name)
    (where / "tests" / "list").write_text("".join(n + "\n" for n in lines))
    shutil.copy(build / "user" / "init", where / "init")


def image(build, lines, output):
    """The root's contents as an initramfs."""
    tree = Tree()
    for path in ("/dev", "/proc", "/sys", "/tmp"):
        tree.folder(path)
    tree.char_device("/dev/console", 5, 1)
    tree.char_device("/dev/null", 1, 3, 0o666)
    tree.data("/fuzz-me", b"")  # this machine may be harmed
    tree.file("/init", build / "user" / "init", 0o755)
    for name in (line.split()[0] for line in lines):
        tree.file(f"/tests/{name}", build / "user" / name, 0o755)
    tree.data("/tests/list", "".join(n + "\n" for n in lines).encode())
    # Plain: unpacking costs a kernel more than copying does, and where ring 0 is interpreted, half a minute.
    with open(output, "wb") as out:
        tree.write(out)
    return output


def parse(text):
    answers, name = Answers(), None
    answers.text = text
    for line in text.replace("\r", "").splitlines():
        mark = MARK.match(line)
        if mark and mark[1] == "begin":
            name = mark[2]
            answers.setdefault(name, [])
        elif mark and mark[1] == "end":
            name = None
        elif name and LINE.match(line):
            answers[name].append(line)
    answers.unfinished = name
    return answers


def run(argv, seconds):
    done = subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=seconds, check=False)
    return done.stdout.decode(errors="replace")


def patiently(argv, seconds):
    """What came, also when it never ended."""
    try:
        return run(argv, seconds)
    except subprocess.TimeoutExpired as late:
        return (late.stdout or b"").decode(errors="replace")


def host_command(build, names, scratch):
    contents, mountpoint = scratch / "contents", scratch / "root"
    contents.mkdir()
    mountpoint.mkdir()
    folder(build, names, contents)
    return ["unshare", "--mount", "--pid", "--fork", "--uts", "--ipc", "--kill-child", "sh", "-c", ENTER, "enter",
            mountpoint, contents]


def debian_command(build, names, scratch):
    initrd = image(build, names, scratch / "suite.cpio")
    return ["qemu-system-x86_64", "-M", "q35", "-accel", "tcg", "-cpu", "max,la57=off", "-smp", "2", "-m", "512",
            "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-serial", "stdio",
            "-kernel", build / "testbed/vmlinuz", "-initrd", initrd,
            "-append", "console=ttyS0 quiet loglevel=1 panic=-1 random.trust_cpu=on"]


def parallax_command(build, names, scratch, words=(), kernel=None):
    initrd = image(build, names, scratch / "suite.cpio")
    # What takes all memory is sooner done when there is less of it.
    mem = "64M" if any(line.startswith("stress/") for line in names) else "512M"
    return [build / "parallax", "run", "--initrd", initrd, "--mem", mem, "--cpus", "2", *words,
            "--append", "quiet", *([kernel] if kernel else [])]


def testbed_command(build, names, scratch, words=(), kernel=None):
    """Parallax again, on emulated hardware virtualization."""
    argv = parallax_command(build, names, scratch, words, kernel)
    carried = (scratch / "suite.cpio", build / "guest/parallax.elf", *([kernel] if kernel else []))
    return [ROOT / "tests/testbed/run-in-testbed", "--timeout", "900", "--mem", "1024",
            *(word for path in carried for word in ("--add", path)), "--", *argv]


COMMANDS = {"host": host_command, "debian": debian_command, "parallax": parallax_command, "testbed": testbed_command}


def last_words(text):
    """What a kernel said when it died, in a line."""
    found = [line for line in text.replace("\r", "").splitlines() if re.search(r"panic|BUG|Oops|crashed|still ran", line)]
    return " / ".join(re.sub(r"^\[[ .0-9]*\] ", "", line).strip() for line in found[:3])


def rest(build, names, answers):
    """What is left to ask after a machine that ended early, as lines for the next; marks where it died."""
    name = answers.unfinished
    after = names[names.index(name) + 1:]
    seen = [LINE.match(line)[0].strip().split(".")[1] for line in answers[name]]
    tests = tests_of(build, name)
    if not seen or seen[-1] not in tests:
        answers[name].append(f"@{name.split('/')[1]}.start the machine ended: {last_words(answers.text)}")
        return after
    answers[name].append(f"@{name.split('/')[1]}.{seen[-1]} the machine ended: {last_words(answers.text)}")
    left = tests[tests.index(seen[-1]) + 1:]
    return ([" ".join([name, *left])] if left else []) + after


def ask(place, build, names, scratch, seconds=600, words=(), kernel=None):
    """The Answers of a place; Broken when it could not even begin. A machine that dies is booted again for the
    tests behind the one that killed it."""
    extra = {"words": words, "kernel": kernel} if place in ("parallax", "testbed") else {}
    began, whole, lines, boots = time.monotonic(), Answers(), list(names), 0
    while lines:
        boots += 1
        (scratch / str(boots)).mkdir(parents=True)
        part = parse(patiently(COMMANDS[place](build, lines, scratch / str(boots), **extra), seconds))
        if not part:
            raise Broken(f"{place}: no program began; the last words: " + "; ".join(part.text.splitlines()[-5:]))
        lines = rest(build, [line.split()[0] for line in lines], part) if part.unfinished else []
        for name, answers in part.items():
            whole.setdefault(name, []).extend(answers)
        whole.text += part.text
    whole.seconds, whole.boots = time.monotonic() - began, boots
    return whole
