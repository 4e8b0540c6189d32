# SPDX-License-Identifier: MIT
"""needs.py - what a test may need of the machine: each probe answers None or the reason for a skip."""

import fcntl
import functools
import os
import shutil
import subprocess


def _program(name, package=None):
    def probe(_env):
        if shutil.which(name):
            return None
        return f"{name} is not installed (package {package or name}; `make deps`)"
    return probe


KVM_GET_API_VERSION = 0xAE00


def _kvm(_env):
    try:
        fd = os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.ioctl(fd, KVM_GET_API_VERSION, 0)
        finally:
            os.close(fd)
    except OSError as err:
        return f"/dev/kvm: {err.strerror}"
    return None


def _root(_env):
    return None if os.geteuid() == 0 else "only root can become another user"


def _namespaces(_env):
    if not shutil.which("unshare"):
        return "unshare is not installed (package util-linux)"
    done = subprocess.run(["unshare", "--user", "--map-root-user", "--mount", "true"], capture_output=True, check=False)
    return f"no user namespaces: {done.stderr.decode().strip()}" if done.returncode else None


def _fuse(_env):
    try:
        os.close(os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC))
    except OSError as err:
        return f"/dev/fuse: {err.strerror}"
    return None


PROBES = {
    "namespaces": _namespaces,
    "fuse": _fuse,
    "kvm": _kvm,
    "root": _root,
    "nasm": _program("nasm"),
    "gdb": _program("gdb"),
    "libvirtd": _program("libvirtd", "libvirt-daemon"),
    "ld": _program("ld", "binutils"),
    "dtc": _program("dtc", "device-tree-compiler"),
    "qemu": _program("qemu-system-x86_64", "qemu-system-x86"),
    "clang": _program("clang"),
    "clang-format": _program("clang-format"),
    "clang-tidy": _program("clang-tidy"),
    "cppcheck": _program("cppcheck"),
    "chromium": _program("chromium"),
    "unshare": _program("unshare", "util-linux"),
    "valgrind": _program("valgrind"),
    "man": _program("man", "man-db"),
}


@functools.lru_cache(maxsize=None)
def _answer(name):
    return PROBES[name](None)


def missing(names):
    """The first reason why these needs are not met, or None."""
    return next((reason for reason in map(_answer, names) if reason), None)
