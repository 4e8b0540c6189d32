#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""failing_fs.py - FAILURE IMAGE -- COMMAND: runs the command where IMAGE, a scratch disk of 1 MiB that is made
here, lies in a file system that fails. To be called in a mount namespace of one's own.

    enospc      a tmpfs of 256 KiB
    eio         reads and writes from 256 KiB on answer EIO
    eio-fsync   fsync answers EIO

The last two are a file system of one file, by the kernel's FUSE protocol (linux/fuse.h, 7.31)."""

import ctypes
import errno
import os
import stat
import struct
import subprocess
import sys
import threading
from pathlib import Path

SCRATCH = b"PARALLAX SCRATCH DISK"
SIZE, GOOD = 1 << 20, 256 << 10
MAX_WRITE = 128 << 10
LOOKUP, FORGET, GETATTR, SETATTR, OPEN, READ, WRITE, STATFS = 1, 2, 3, 4, 14, 15, 16, 17
RELEASE, FSYNC, FLUSH, INIT, OPENDIR, RELEASEDIR, INTERRUPT, BATCH_FORGET, FALLOCATE = 18, 20, 25, 26, 27, 29, 36, 42, 43
NO_ANSWER = (FORGET, INTERRUPT, BATCH_FORGET)
FOPEN_DIRECT_IO = 1
IN_HEADER = struct.Struct("<IIQQIIII")
RW_IN = struct.Struct("<QQIIQII")
LIBC = ctypes.CDLL(None, use_errno=True)


def mount(source, target, kind, options):
    if LIBC.mount(source.encode(), str(target).encode(), kind.encode(), 0, options.encode()):
        number = ctypes.get_errno()
        raise SystemExit(f"failing_fs: mounting {kind} on {target}: {os.strerror(number)}")


class OneFile:
    """The root is node 1, the file node 2."""

    def __init__(self, fd, failure):
        self.fd, self.failure = fd, failure
        self.data = bytearray(SIZE)
        self.data[:len(SCRATCH)] = SCRATCH

    def serve(self):
        while True:
            try:
                request = os.read(self.fd, MAX_WRITE + 4096)
            except OSError as err:
                if err.errno in (errno.EINTR, errno.EAGAIN, errno.ENOENT):
                    continue
                return  # unmounted
            _, opcode, unique, node, *_ = IN_HEADER.unpack_from(request)
            if opcode in NO_ANSWER:
                continue
            code, body = self.answer(opcode, node, request[IN_HEADER.size:])
            os.write(self.fd, struct.pack("<IiQ", 16 + len(body), -code, unique) + body)

    def attributes(self, node):
        mode, size = (stat.S_IFDIR | 0o755, 0) if node == 1 else (stat.S_IFREG | 0o600, SIZE)
        return struct.pack("<6Q10I", node, size, size // 512, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)

    def answer(self, opcode, node, body):
        if opcode == INIT:
            return 0, struct.pack("<IIIIHHIIHHI28x", 7, 31, 0, 0, 16, 12, MAX_WRITE, 1, 0, 0, 0)
        if opcode == LOOKUP:
            return 0, struct.pack("<4Q2I", 2, 0, 1, 1, 0, 0) + self.attributes(2)
        if opcode in (GETATTR, SETATTR):
            return 0, struct.pack("<QII", 1, 0, 0) + self.attributes(node)
        if opcode in (OPEN, OPENDIR):
            return 0, struct.pack("<QII", 0, FOPEN_DIRECT_IO, 0)
        if opcode in (READ, WRITE):
            return self.move(opcode, body)
        if opcode == FSYNC:
            return errno.EIO if self.failure == "eio-fsync" else 0, b""
        if opcode in (FLUSH, RELEASE, RELEASEDIR):
            return 0, b""
        return errno.ENOSYS, b""

    def move(self, opcode, body):
        _, at, n, *_ = RW_IN.unpack_from(body)
        if self.failure == "eio" and at + n > GOOD:
            return errno.EIO, b""
        if opcode == READ:
            return 0, bytes(self.data[at:at + n])
        if at + n > SIZE:
            return errno.ENOSPC, b""
        self.data[at:at + n] = body[RW_IN.size:RW_IN.size + n]
        return 0, struct.pack("<II", n, 0)


def make_image(path):
    with open(path, "wb") as f:
        f.write(SCRATCH)
        f.truncate(SIZE)


def main():
    failure, image, dashes, *command = sys.argv[1:]
    folder = Path(image).parent
    if dashes != "--":
        raise SystemExit(__doc__)
    if failure == "enospc":
        mount("tmpfs", folder, "tmpfs", f"size={GOOD}")
        make_image(image)
        return subprocess.run(command, check=False).returncode
    fd = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    mount("failing", folder, "fuse", f"fd={fd},rootmode=40000,user_id=0,group_id=0")
    threading.Thread(target=OneFile(fd, failure).serve, daemon=True).start()
    status = subprocess.run(command, check=False).returncode
    LIBC.umount2(str(folder).encode(), 2)
    return status


if __name__ == "__main__":
    sys.exit(main())
