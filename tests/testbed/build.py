#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""build.py - makes the testbed's images below $B/testbed (B is "build" unless set), once.

    vmlinuz           Debian's cloud kernel, unmodified: the outer kernel, and one for Linux guests
    outer.cpio        what run-in-testbed boots: busybox, the KVM and virtio modules, the agent
    inner-initrd.gz   busybox for Linux guests (inner-init)
    inner-root.gz     a disk for them: ext4 with a small system that boots to a login (inner-root/)

The kernel is whatever linux-image-cloud-amd64 depends on when it is first fetched; --update looks for
a newer one. With a filled cache nothing here touches the network. Exit status 77: cannot be built here.
"""

import sys

sys.dont_write_bytecode = True

import argparse
import contextlib
import fcntl
import gzip
import hashlib
import io
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.append(str(ROOT / "images"))

from cpio import Tree

META_PACKAGE = "linux-image-cloud-amd64"
# Loaded by the agent, with what they depend on, in this order.
OUTER_LOADED = ("virtio_pci", "virtio_console", "kvm_amd")
# There for modprobe.
OUTER_MORE = ("tun", "vhost_net", "loop")
INNER_MORE = ("virtio_pci", "virtio_mmio", "virtio_blk", "virtio_net", "virtio_console", "virtio_rng",
              "virtio_balloon", "vmw_vsock_virtio_transport", "button", "evdev", "pata_legacy", "sd_mod")
AGENT = (HERE / "agent.c", HERE / "quirks.c", HERE / "quirks.h")
IMAGES = ("vmlinuz", "outer.cpio", "inner-initrd.gz", "inner-root.gz")
ROOT_MIB = 24


class CannotBuild(Exception):
    """One line for the user: what is missing on this machine and how to get it."""


def output_folder(build=None):
    return (ROOT / (build or os.environ.get("B") or "build") / "testbed").resolve()


def ensure(out, update=False):
    """Brings the images in OUT up to date; returns the Tree of the outer image's paths."""
    out.mkdir(parents=True, exist_ok=True)
    with open(out / ".lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        busybox = _busybox(out)
        package = _newest(out) if not update else None
        package = package or _fetch(out)
        stamp, want = out / "stamp", _stamp(package, busybox)
        missing = [i for i in IMAGES if not (out / i).exists()]
        if missing or not stamp.exists() or stamp.read_text(encoding="ascii") != want:
            _build(out, package, busybox)
            stamp.write_text(want, encoding="ascii")
    return frozenset((out / "outer.paths").read_text(encoding="utf-8").splitlines())


# ---- what the images are made of ------------------------------------------------------------------

def _stamp(package, busybox):
    digest = hashlib.sha256()
    sources = [*AGENT, HERE / "build.py", ROOT / "images/cpio.py", HERE / "inner-init"]
    for source in sources + sorted(p for p in (HERE / "inner-root").rglob("*") if p.is_file()):
        digest.update(f"{source.relative_to(ROOT)}\0".encode() + source.read_bytes() + b"\0")
    for path in (package, busybox):
        info = os.stat(path)
        digest.update(f"{path} {info.st_size} {info.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _busybox(out):
    for path in (Path("/bin/busybox"), out / "cache/busybox/bin/busybox"):
        # A static program has no interpreter; the shared one would need its libraries in every guest.
        if path.exists() and b"ld-linux" not in path.read_bytes()[:4096]:
            return path
    deb = _download(out, "busybox-static")
    _run(["dpkg", "-x", deb, out / "cache/busybox"], f"cannot unpack {deb.name}")
    return out / "cache/busybox/bin/busybox"


def _newest(out):
    found = sorted((out / "cache").glob("linux-image-*-cloud-amd64_*.deb"), key=lambda p: p.stat().st_mtime)
    return found[-1] if found else None


def _fetch(out):
    """Downloads the current kernel package unless the cache has it; returns its path."""
    def current(options):
        text = _run(["apt-cache", *options, "depends", META_PACKAGE], "apt-cache failed")
        match = re.search(r"Depends: (linux-image-\d\S+)", text)
        return match.group(1) if match else None

    try:
        options = _private_lists(out)
        name = current(options) if options else None
        if not name:
            options, name = [], current([])
        if not name:
            raise CannotBuild(f"no package list names {META_PACKAGE} and no mirror answers; "
                              f"connect to a mirror once, the cache in {out / 'cache'} then lasts")
        deb = _download(out, name, options)
    finally:
        shutil.rmtree(out / "apt", ignore_errors=True)
    os.utime(deb)  # the newest file is the current kernel, also after an old one came back
    return deb


def _private_lists(out):
    """Fetches package lists of our own: needs no root and never trusts stale ones. [] when offline."""
    base = out / "apt"
    for folder in ("state/lists/partial", "cache/archives/partial"):
        (base / folder).mkdir(parents=True, exist_ok=True)
    options = ["-o", f"Dir::State={base}/state", "-o", "Dir::State::status=/var/lib/dpkg/status",
               "-o", f"Dir::Cache={base}/cache", "-o", "APT::Sandbox::User=root",
               "-o", "Acquire::Languages=none", "-o", "Acquire::http::Timeout=20",
               "-o", "Acquire::Retries=1", "-o", "APT::Update::Error-Mode=any"]
    try:
        _run(["apt-get", "-qq", *options, "update"], "apt-get update failed")
    except CannotBuild:
        return []
    return options


def _download(out, package, options=()):
    cache = out / "cache"
    partial = cache / f"partial.{package}"
    partial.mkdir(parents=True, exist_ok=True)
    _run(["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "-o", "Acquire::http::Timeout=20",
          "-o", "Acquire::Retries=1", *options, "download", package],
         f"cannot download {package} (is a mirror reachable?)", cwd=partial)
    for deb in partial.glob("*.deb"):
        deb.replace(cache / deb.name)
        partial.rmdir()
        return cache / deb.name
    raise CannotBuild(f"apt-get download {package} left no file")


def _run(command, problem, cwd=None):
    try:
        done = subprocess.run([str(c) for c in command], cwd=cwd, capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL, env={**os.environ, "LC_ALL": "C"})
    except OSError as err:
        raise CannotBuild(f"{problem}: {command[0]}: {err.strerror}") from err
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
        raise CannotBuild(f"{problem}: {lines[0]}")
    return done.stdout


# ---- making them ----------------------------------------------------------------------------------

def _build(out, package, busybox):
    print(f"testbed: building images from {package.name}", file=sys.stderr)
    kernel, modules, version = _unpack_kernel(package)
    agent = out / "agent"
    _run([*os.environ.get("CC", "gcc").split(), "-std=gnu17", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra",
          "-Werror", "-Wshadow", "-static", *(f for f in AGENT if f.suffix == ".c"), "-o", agent], "cannot compile agent.c")
    applets = _run([busybox, "--list-full"], "busybox does not run").split()

    outer = _busybox_tree(busybox)
    for applet in {os.path.basename(a) for a in applets} - {"busybox"}:
        outer.link("/usr/bin/" + applet, "busybox")
    outer.file("/init", agent, 0o755)
    order = _add_modules(outer, modules, version, OUTER_LOADED + OUTER_MORE)
    loaded = _with_depends(modules, OUTER_LOADED)
    outer.data("/testbed/modules", "".join(f"{order[m]}\n" for m in loaded).encode())

    inner = _busybox_tree(busybox)
    inner.file("/init", HERE / "inner-init", 0o755)
    _add_modules(inner, modules, version, INNER_MORE)

    _build_root(out, busybox, applets, modules, version)
    with _replaced(out / "vmlinuz") as f:
        f.write(kernel)
    with _replaced(out / "outer.cpio") as f:
        outer.write(f)
    with _replaced(out / "outer.paths") as f:
        f.write("\n".join(sorted(outer.paths())).encode())
    with _replaced(out / "inner-initrd.gz") as f, gzip.GzipFile("", "wb", 9, f, mtime=0) as packed:
        inner.write(packed)


def _build_root(out, busybox, applets, modules, version):
    """inner-root.gz, made from a folder by mke2fs: no root, no mount."""
    mke2fs = shutil.which("mke2fs", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not mke2fs:
        raise CannotBuild("mke2fs is needed for the disk of Linux guests: apt-get install e2fsprogs")
    with tempfile.TemporaryDirectory(dir=out) as scratch:
        base, image = Path(scratch) / "root", Path(scratch) / "image"
        shutil.copytree(HERE / "inner-root", base)
        for name in ("bin", "sbin", "usr/bin", "usr/sbin", "proc", "sys", "dev", "tmp", "run", "root", "mnt", "lib"):
            (base / name).mkdir(parents=True, exist_ok=True)
        shutil.copy(busybox, base / "bin/busybox")
        for applet in {a for a in applets if a != "bin/busybox"}:
            (base / applet).parent.mkdir(parents=True, exist_ok=True)
            (base / applet).symlink_to("/bin/busybox")
        for path, data in _module_files(modules, version, INNER_MORE)[1].items():
            (base / path.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
            (base / path.lstrip("/")).write_bytes(data)
        with open(image, "wb") as f:
            f.truncate(ROOT_MIB << 20)
        _run([mke2fs, "-q", "-F", "-t", "ext4", "-L", "inner-root", "-d", base, "-E", "root_owner=0:0", image],
             "mke2fs failed")
        with open(image, "rb") as disk, _replaced(out / "inner-root.gz") as f:
            with gzip.GzipFile("", "wb", 6, f, mtime=0) as packed:
                shutil.copyfileobj(disk, packed, 1 << 20)


@contextlib.contextmanager
def _replaced(path):
    """A file that appears under its name only when complete: others may be booting the old one."""
    temporary = path.with_name(path.name + ".new")
    with open(temporary, "wb") as f:
        yield f
    temporary.replace(path)


def _busybox_tree(busybox):
    tree = Tree()
    for name in ("bin", "sbin", "lib", "lib64"):
        tree.folder("/usr/" + name)
        tree.link("/" + name, "usr/" + name)
    for name in ("/proc", "/sys", "/dev", "/run", "/etc", "/var/tmp", "/mnt"):
        tree.folder(name)
    tree.folder("/root", 0o700)
    tree.folder("/tmp", 0o1777)
    tree.char_device("/dev/console", 5, 1)
    tree.char_device("/dev/null", 1, 3, 0o666)
    tree.file("/usr/bin/busybox", busybox, 0o755)
    tree.link("/usr/bin/sh", "busybox")
    tree.data("/etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n")
    tree.data("/etc/group", b"root:x:0:\nkvm:x:105:\nnogroup:x:65534:\n")
    tree.data("/etc/hosts", b"127.0.0.1 localhost testbed\n::1 localhost\n")
    return tree


def _unpack_kernel(package):
    """Returns the kernel, {module name: (path below lib/modules/VERSION, bytes)} and the version."""
    unpack = subprocess.run(["dpkg-deb", "--fsys-tarfile", str(package)], capture_output=True, check=False)
    if unpack.returncode:
        package.unlink()
        raise CannotBuild(f"{package.name} is damaged (removed; run again to fetch it anew)")
    kernel, modules, version = None, {}, None
    with tarfile.open(fileobj=io.BytesIO(unpack.stdout)) as tar:
        for member in tar:
            name = member.name.lstrip("./")
            if name.startswith("boot/vmlinuz-"):
                kernel = tar.extractfile(member).read()
                version = name.removeprefix("boot/vmlinuz-")
            elif name.endswith(".ko"):
                path = name.split("/", 3)[3]
                key = os.path.basename(path)[:-3].replace("-", "_")
                modules[key] = (path, tar.extractfile(member).read())
    if not kernel:
        raise CannotBuild(f"{package.name} holds no boot/vmlinuz")
    return kernel, modules, version


def _depends(image):
    """The names in the module's own "depends=" line (see modinfo(8))."""
    match = re.search(rb"\0depends=([a-zA-Z0-9_,-]*)\0", image)
    names = match.group(1).decode() if match else ""
    return [n.replace("-", "_") for n in names.split(",") if n]


def _with_depends(modules, names):
    """NAMES and all they depend on, each after what it needs; what is built in has no file."""
    order = []

    def visit(name):
        if name in modules and name not in order:
            for other in _depends(modules[name][1]):
                visit(other)
            order.append(name)

    for name in names:
        visit(name)
    return order


def _add_modules(tree, modules, version, names):
    """Adds modules and a modules.dep for modprobe; returns {name: path in the guest}."""
    paths, files = _module_files(modules, version, names)
    for path, data in files.items():
        tree.data(path, data)
    return paths


def _module_files(modules, version, names):
    """({name: path in the guest}, {path: contents}), the latter with a modules.dep for modprobe."""
    base, paths, files, lines = f"/lib/modules/{version}", {}, {}, []
    for name in _with_depends(modules, names):
        path, image = modules[name]
        files[f"{base}/{path}"] = image
        paths[name] = f"{base}/{path}"
        needs = [modules[n][0] for n in reversed(_with_depends(modules, [name])) if n != name]
        lines.append(f"{path}: {' '.join(needs)}".rstrip() + "\n")
    files[f"{base}/modules.dep"] = "".join(sorted(lines)).encode()
    return paths, files


def main():
    parser = argparse.ArgumentParser(description="Builds the testbed's images below $B/testbed.")
    parser.add_argument("--update", action="store_true", help="look for a newer kernel package")
    args = parser.parse_args()
    for tool in ("apt-get", "dpkg-deb"):
        if not shutil.which(tool):
            raise CannotBuild(f"{tool} is needed to fetch Debian's kernel; this is no Debian machine")
    ensure(output_folder(), args.update)


if __name__ == "__main__":
    try:
        main()
    except CannotBuild as err:
        print(f"testbed: skipped: {err}", file=sys.stderr)
        sys.exit(77)
