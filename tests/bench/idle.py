# SPDX-License-Identifier: MIT
"""idle.py - what a VMM occupies while its guest sleeps.

"Own" is everything but the guest's memory, which is found in smaps as the run of adjacent anonymous
mappings that together are as large as the guest. A thread that the kernel adds to the process of each
VM (kvm-nx-lpage-recovery) is not the VMM's and is not counted.
"""

import os
import re
import subprocess
import time
from pathlib import Path

KEYS = ("Rss", "Pss", "Private_Dirty")
SETTLE_SECONDS = 0.4


def measure(command, mib):
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as process:
        try:
            time.sleep(SETTLE_SECONDS)
            if process.poll() is not None:
                raise RuntimeError(f"{command[0]} ended with {process.returncode} instead of idling")
            return look(Path(f"/proc/{process.pid}"), mib * 1024)
        finally:
            process.kill()


def look(proc, guest_kib):
    maps = _mappings((proc / "smaps").read_text(encoding="ascii", errors="replace"))
    guest = _guest(maps, guest_kib)
    own = [m for m in maps if m not in guest]
    names = [(t / "comm").read_text(encoding="ascii").strip() for t in (proc / "task").iterdir()]
    return {
        "rss": sum(m["Rss"] for m in own),
        "pss": sum(m["Pss"] for m in own),
        "dirty": sum(m["Private_Dirty"] for m in own),
        "guest": sum(m["Rss"] for m in guest),
        "threads": sum(not n.startswith("kvm-") for n in names),
        "fds": len(os.listdir(proc / "fd")),
    }


def _mappings(text):
    maps = []
    for line in text.splitlines():
        head = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+\s*(.*)", line)
        if head:
            maps.append({"start": int(head[1], 16), "end": int(head[2], 16), "mode": head[3],
                         "name": head[4]})
            continue
        key, _, value = line.partition(":")
        if key in KEYS:
            maps[-1][key] = int(value.split()[0])
    return maps


def _guest(maps, guest_kib):
    """The adjacent read-write anonymous mappings that together are exactly the guest's memory."""
    for first in range(len(maps)):
        total = 0
        for last in range(first, len(maps)):
            m = maps[last]
            if m["name"] or m["mode"] != "rw-p" or (last > first and maps[last - 1]["end"] != m["start"]):
                break
            total += (m["end"] - m["start"]) // 1024
            if total == guest_kib:
                return maps[first:last + 1]
    raise RuntimeError(f"no {guest_kib} KiB of guest memory found in smaps")
