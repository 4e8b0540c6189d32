# SPDX-License-Identifier: MIT
"""carry.py - puts programs into a guest together with the libraries and interpreters they need.

A file keeps the absolute path it has on the host unless told otherwise, so that a command line means
the same inside and outside. Limit: what a program opens by itself (dlopen, data files) must be named.
"""

import os
import shutil
import struct
import subprocess

from cpio import guest_path

PT_DYNAMIC = 2
RESERVED = ("/proc", "/sys", "/dev", "/run", "/testbed", "/init")


class CarryError(Exception):
    """One line for the user: what could not be carried, and why."""


def add(tree, spec, have=()):
    """Adds "FILE|DIR[:DEST]" to TREE. HAVE names guest paths that the image has already."""
    source, dest = spec, None
    if not os.path.exists(spec) and ":" in spec:
        source, dest = spec.rsplit(":", 1)
        if not dest.startswith("/"):
            raise CarryError(f"--add {spec}: the place in the guest must be an absolute path")
    if not os.path.exists(source):
        raise CarryError(f"--add {spec}: there is no {source}")
    dest = dest or os.path.abspath(source)
    if any(dest == r or dest.startswith(r + "/") for r in RESERVED):
        raise CarryError(f"--add {spec}: {dest} belongs to the testbed; name another place with :DEST")
    if os.path.isdir(source):
        _folder(tree, source, dest, have)
    else:
        _file(tree, source, dest, have)


def add_command(tree, word, have):
    """Carries the program that WORD names by path; a bare name is left to the guest's PATH."""
    path = os.path.abspath(word)
    if "/" in word and os.path.isfile(path) and guest_path(path) not in have:
        add(tree, path, have)


def _folder(tree, source, dest, have):
    tree.folder(dest)
    for base, folders, files in os.walk(source):
        inside = os.path.normpath(os.path.join(dest, os.path.relpath(base, source)))
        for name in folders + files:
            host, guest = os.path.join(base, name), os.path.join(inside, name)
            if os.path.islink(host):
                tree.link(guest_path(guest), os.readlink(host))
            elif os.path.isdir(host):
                tree.folder(guest)
            elif os.path.isfile(host):
                _file(tree, host, guest, have)


def _file(tree, source, dest, have):
    if dest in tree:
        return
    try:
        with open(source, "rb") as f:
            head = f.read(4096)
    except OSError as err:
        raise CarryError(f"cannot read {source}: {err.strerror}") from err
    tree.file(dest, os.path.realpath(source))
    if head.startswith(b"\x7fELF"):
        _libraries(tree, source, head, have)
    elif head.startswith(b"#!") and os.access(source, os.X_OK):
        _interpreter(tree, head, have)


def _libraries(tree, source, head, have):
    if not _is_dynamic(head):
        return
    # ldd knows the search rules (run paths, ld.so.cache); it prints "NAME => PATH (...)" or "PATH (...)".
    ldd = subprocess.run(["ldd", os.path.abspath(source)], capture_output=True, text=True, check=False)
    for line in ldd.stdout.splitlines():
        words = line.split()
        if "not found" in line:
            raise CarryError(f"{source} needs {words[0]}, which ldd does not find on this machine")
        path = next((w for w in words if w.startswith("/")), None)
        if path and guest_path(path) not in have and path not in tree:
            tree.file(path, os.path.realpath(path))
    if os.path.exists("/etc/ld.so.cache"):
        tree.file("/etc/ld.so.cache", "/etc/ld.so.cache")


def _is_dynamic(head):
    if len(head) < 64 or head[4] != 2:
        return False
    offset, = struct.unpack_from("<Q", head, 32)
    size, count = struct.unpack_from("<HH", head, 54)
    for at in range(offset, min(offset + size * count, len(head) - 3), size or 56):
        if struct.unpack_from("<I", head, at)[0] == PT_DYNAMIC:
            return True
    return False


def _interpreter(tree, head, have):
    words = head[2:].split(b"\n", 1)[0].decode(errors="replace").split()
    if not words:
        return
    program = words[0]
    if os.path.basename(program) == "env" and len(words) > 1:
        program = words[1]
        if any(guest_path(f"/{d}/{program}") in have for d in ("bin", "sbin", "usr/bin", "usr/sbin")):
            return
        program = shutil.which(program) or program
    if os.path.isfile(program) and guest_path(program) not in have:
        _file(tree, program, program, have)
