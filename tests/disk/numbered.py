# SPDX-License-Identifier: MIT
"""numbered.py - the disk that the guest's demo=sequence writes, and what must be on it: see
guest/kernel/demo_sequence.c for the layout."""

import re
import struct

from harness.core import Failed

SCRATCH = b"PARALLAX SCRATCH DISK"
SECTOR, BLOCK = 512, 4096
MAGIC = 0x65636E6575716573
STAMP = struct.Struct("<3Q")  # magic, number, sector
KIB, MIB = 1 << 10, 1 << 20


def disk(folder, size=4 * MIB, name="numbered.img"):
    path = folder / name
    with open(path, "wb") as f:
        f.write(SCRATCH)
        f.truncate(size)
    return path


def promised(text):
    """The last number that the guest said was safe; 0: none."""
    return max((int(n) for n in re.findall(r"^flushed (\d+)\r?$", text, re.M)), default=0)


def stamp_of(sector, at):
    """The number of the block that a sector is of; None: it has not been written."""
    first, last = STAMP.unpack_from(sector, 0), STAMP.unpack_from(sector, SECTOR - STAMP.size)
    if not any(first) and not any(last):
        return None
    if first != last or first[0] != MAGIC or first[2] != at:
        raise Failed(f"sector {at} is torn or not the guest's: {first}, {last}")
    return first[1]


def judge(path, safe):
    """Holds an image to the promise that blocks 1..safe are on it; returns the newest number there is."""
    newest = 0
    with open(path, "rb") as f:
        if f.read(len(SCRATCH)) != SCRATCH:
            raise Failed("the first sector changed")
        f.seek(0, 2)
        places = f.tell() // BLOCK - 1
        for place in range(places):
            f.seek((1 + place) * BLOCK)
            block = f.read(BLOCK)
            # The last promised number that belongs here; what came later may be there as well.
            want = safe - (safe - 1 - place) % places if safe > place else 0
            for i in range(BLOCK // SECTOR):
                at = (1 + place) * (BLOCK // SECTOR) + i
                got = stamp_of(block[i * SECTOR:(i + 1) * SECTOR], at) or 0
                if got < want or (got and (got - 1 - place) % places):
                    raise Failed(f"sector {at} holds block {got or 'nothing'}; up to {safe} were promised, so {want}")
                newest = max(newest, got)
    return newest
