# SPDX-License-Identifier: MIT
"""cpio.py - initramfs archives ("newc") written without root and always byte for byte the same.

A Tree maps guest paths to entries. Rule: every entry belongs to root, has time 0 and comes in sorted
order after its parent folders, so equal contents give equal bytes. Not here: which files a guest needs.
Format: Linux Documentation/driver-api/early-userspace/buffer-format.rst.
"""

import os
import stat

# The guest has the merged /usr of Debian: these are symbolic links in the outer image, and a folder
# entry of the same name in a later archive would replace the link.
MERGED = ("bin", "sbin", "lib", "lib64")


def guest_path(path):
    """Returns PATH as the guest stores it: absolute, normal, below /usr where /usr is merged."""
    path = os.path.normpath("/" + str(path).lstrip("/"))
    first = path.split("/")[1]
    return "/usr" + path if first in MERGED else path


class Tree:
    def __init__(self):
        self._entries = {}  # guest path -> (mode, bytes | host path, (major, minor))

    def __contains__(self, path):
        return guest_path(path) in self._entries

    def paths(self):
        return self._entries.keys()

    def folder(self, path, mode=0o755):
        path = guest_path(path)
        if path != "/":
            self._parents(path)
            self._entries.setdefault(path, (stat.S_IFDIR | mode, b"", (0, 0)))

    def data(self, path, data, mode=0o644):
        self._put(guest_path(path), (stat.S_IFREG | mode, data, (0, 0)))

    def file(self, path, host_path, mode=None):
        """Adds the contents that HOST_PATH has when the archive is written."""
        if mode is None:
            mode = 0o755 if os.stat(host_path).st_mode & 0o111 else 0o644
        self._put(guest_path(path), (stat.S_IFREG | mode, os.fspath(host_path), (0, 0)))

    def link(self, path, target):
        # Not guest_path(): the links that make the merged /usr are themselves named /bin and so on.
        self._put(os.path.normpath("/" + path.lstrip("/")),
                  (stat.S_IFLNK | 0o777, os.fsencode(target), (0, 0)))

    def char_device(self, path, major, minor, mode=0o600):
        self._put(guest_path(path), (stat.S_IFCHR | mode, b"", (major, minor)))

    def entries(self):
        """(path, mode, bytes, (major, minor)) of each, in the archive's order."""
        for path in sorted(self._entries):
            mode, data, rdev = self._entries[path]
            if isinstance(data, str):
                with open(data, "rb") as source:
                    data = source.read()
            yield path, mode, data, rdev

    def write(self, out):
        """Writes the whole archive, with its trailer, to the binary file OUT."""
        for inode, (path, mode, data, rdev) in enumerate(self.entries(), 1):
            _record(out, path.lstrip("/"), inode, mode, data, rdev)
        _record(out, "TRAILER!!!", 0, 0, b"", (0, 0))

    def _put(self, path, entry):
        self._parents(path)
        self._entries[path] = entry

    def _parents(self, path):
        parent = os.path.dirname(path)
        while parent != "/":
            self._entries.setdefault(parent, (stat.S_IFDIR | 0o755, b"", (0, 0)))
            parent = os.path.dirname(parent)


def _record(out, name, inode, mode, data, rdev):
    name = os.fsencode(name) + b"\0"
    links = 2 if stat.S_ISDIR(mode) else 1
    fields = (inode, mode, 0, 0, links, 0, len(data), 0, 0, rdev[0], rdev[1], len(name), 0)
    head = b"070701" + b"".join(b"%08X" % f for f in fields) + name
    out.write(head + b"\0" * (-len(head) % 4))
    out.write(data)
    out.write(b"\0" * (-len(data) % 4))
