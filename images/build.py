#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""build.py - writes an initramfs from a manifest: a "newc" cpio in gzip, made without root and always
byte for byte the same, and beside it the list of what is inside (mode, size, SHA-256, path)."""

import sys

sys.dont_write_bytecode = True

import argparse
import hashlib
import io
import os
import stat
import subprocess
import zlib
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from cpio import Tree

GZIP = 31  # zlib's window bits for a gzip wrapper; its header holds no time and no name
BUSYBOX = ("/bin/busybox", "/usr/bin/busybox")


class Wrong(Exception):
    """One line for the user."""


def find_busybox():
    """Debian's static busybox; the shared one would need its libraries in the guest."""
    for path in BUSYBOX:
        if os.path.exists(path):
            with open(path, "rb") as f:
                if b"ld-linux" not in f.read(4096):
                    return path
    raise Wrong("no static busybox here; install Debian's busybox-static (`make deps`)")


def applets(tree, busybox, base):
    done = subprocess.run([busybox, "--list-full"], capture_output=True, text=True, check=False)
    if done.returncode or not done.stdout.strip():
        raise Wrong(f"{busybox} --list-full does not list its applets")
    for path in done.stdout.split():
        if path == "linuxrc":  # for kernels without an initramfs
            continue
        place = "/" + os.path.join(base, path).lstrip("/")
        if place.split("/")[1] in ("bin", "sbin"):
            place = "/usr" + place  # merged, as in Debian
        if place not in tree:
            tree.link(place, "/usr/bin/busybox")


def entry(tree, words, busybox):
    kind, path, rest = words[0], words[1], words[2:]
    if kind == "folder":
        tree.folder(path, int(rest[0], 8))
    elif kind == "link":
        tree.link(path, rest[0])
    elif kind == "char":
        tree.char_device(path, int(rest[1]), int(rest[2]), int(rest[0], 8))
    elif kind == "file":
        source = busybox() if rest[1] == "$BUSYBOX" else HERE / rest[1]
        tree.file(path, source, int(rest[0], 8))
    elif kind == "applets":
        applets(tree, busybox(), path)
    else:
        raise Wrong(f"there is no entry of kind '{kind}'")


def read_manifest(path):
    """The Tree that the manifest describes."""
    tree = Tree()
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), 1):
        words = line.split("#", 1)[0].split()
        if not words:
            continue
        try:
            entry(tree, words, find_busybox)
        except (IndexError, ValueError, OSError) as err:
            raise Wrong(f"{path}:{number}: {line.strip()!r} is not understood ({err})") from err
    return tree


def packed(tree):
    raw = io.BytesIO()
    tree.write(raw)
    deflate = zlib.compressobj(9, zlib.DEFLATED, GZIP)
    return deflate.compress(raw.getvalue()) + deflate.flush()


def listing(tree):
    lines = []
    for path, mode, data, rdev in tree.entries():
        digest = hashlib.sha256(data).hexdigest() if stat.S_ISREG(mode) else "-"
        tail = path
        if stat.S_ISLNK(mode):
            tail += " -> " + os.fsdecode(data)
        elif stat.S_ISCHR(mode):
            tail += f" ({rdev[0]}, {rdev[1]})"
        lines.append(f"{stat.filemode(mode)} {len(data):>8} {digest:<64} {tail}")
    return "\n".join(lines) + "\n"


def replace(path, data):
    """A file that appears under its name only when it is complete."""
    new = path.with_name(path.name + ".new")
    new.write_bytes(data)
    new.replace(path)


def main():
    parser = argparse.ArgumentParser(prog="images/build.py", description=__doc__)
    parser.add_argument("manifest", help="for example images/busybox.manifest")
    parser.add_argument("output", help="for example build/images/busybox.cpio.gz")
    args = parser.parse_args()
    output = Path(args.output)
    output.parent.mkdir(parents=True, exist_ok=True)
    tree = read_manifest(args.manifest)
    replace(output.with_name(output.name.split(".")[0] + ".list"), listing(tree).encode())
    replace(output, packed(tree))


if __name__ == "__main__":
    try:
        main()
    except Wrong as err:
        print(f"images/build.py: {err}", file=sys.stderr)
        sys.exit(1)
