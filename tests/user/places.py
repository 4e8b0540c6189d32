# SPDX-License-Identifier: MIT
"""places.py - runs the conformance programs on a kernel and gives back their lines.

The same init and the same programs in the same empty root, each time: on the host's own Linux (root,
in a chroot of fresh namespaces), on Debian's kernel in an emulated machine, on the tiny kernel.
"""

import io
import os
import re
import shutil
import subprocess
import sys
import time
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "images"), str(ROOT / "tests" / "testbed")]

from cpio import Tree

LINE = re.compile(r"^@[a-z0-9_]+\.[a-z0-9_]+ ")
MARK = re.compile(r"^@@ (begin|end|done)(?: (\S+))?(?: (\d+))?$")
GZIP = 31

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
    """Names like glibc/files, in order."""
    found = sorted(str(p.relative_to(build / "user")) for p in (build / "user").glob("*/*")
                   if p.parent.name in ("glibc", "musl") and os.access(p, os.X_OK))
    return [n for n in found if not only or any(re.fullmatch(o.replace("*", ".*"), n) for o in only)]


def folder(build, names, where):
    """The root's contents as a folder."""
    for name in names:
        (where / "tests" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(build / "user" / name, where / "tests" / name)
    (where / "tests" / "list").write_text("".join(n + "\n" for n in names))
    shutil.copy(build / "user" / "init", where / "init")


def image(build, names, output):
    """The root's contents as an initramfs."""
    tree = Tree()
    for path in ("/dev", "/proc", "/sys", "/tmp"):
        tree.folder(path)
    tree.char_device("/dev/console", 5, 1)
    tree.char_device("/dev/null", 1, 3, 0o666)
    tree.file("/init", build / "user" / "init", 0o755)
    for name in names:
        tree.file(f"/tests/{name}", build / "user" / name, 0o755)
    tree.data("/tests/list", "".join(n + "\n" for n in names).encode())
    raw = io.BytesIO()
    tree.write(raw)
    deflate = zlib.compressobj(1, zlib.DEFLATED, GZIP)
    output.write_bytes(deflate.compress(raw.getvalue()) + deflate.flush())
    return output


def parse(text):
    answers, name = Answers(), None
    answers.text = text
    for line in text.replace("\r", "").splitlines():
        mark = MARK.match(line)
        if mark and mark[1] == "begin":
            name = mark[2]
            answers[name] = []
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
    initrd = image(build, names, scratch / "suite.cpio.gz")
    return ["qemu-system-x86_64", "-M", "q35", "-accel", "tcg", "-cpu", "max,la57=off", "-smp", "2", "-m", "512",
            "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-serial", "stdio",
            "-kernel", build / "testbed/vmlinuz", "-initrd", initrd,
            "-append", "console=ttyS0 quiet loglevel=1 panic=-1 random.trust_cpu=on"]


def parallax_command(build, names, scratch, words=()):
    initrd = image(build, names, scratch / "suite.cpio.gz")
    return [build / "parallax", "run", "--initrd", initrd, "--mem", "512M", "--cpus", "2", *words,
            "--append", "quiet"]


COMMANDS = {"host": host_command, "debian": debian_command, "parallax": parallax_command}


def ask(place, build, names, scratch, seconds=600, words=()):
    """The Answers of a place; Broken when it could not even begin."""
    scratch.mkdir(parents=True)
    extra = {"words": words} if place == "parallax" else {}
    began = time.monotonic()
    answers = parse(patiently(COMMANDS[place](build, names, scratch, **extra), seconds))
    answers.seconds = time.monotonic() - began
    if not answers:
        raise Broken(f"{place}: no program began; the last words: " + "; ".join(answers.text.splitlines()[-5:]))
    return answers
