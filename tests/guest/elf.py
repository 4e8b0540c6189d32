# SPDX-License-Identifier: MIT
"""elf.py - small ELF files, sound and broken, for the tests of the loaders (System V ABI, chapter 4)."""

import struct

EM_386, EM_X86_64, EM_AARCH64 = 3, 62, 183
PT_LOAD, PT_INTERP, PT_NOTE = 1, 3, 4
PVH_ENTRY = 18  # XEN_ELFNOTE_PHYS32_ENTRY (xen/include/public/elfnote.h)


def note(kind, data, owner=b"Xen\0"):
    return struct.pack("<III", len(owner), len(data), kind) + owner + data


def elf(segments, machine=EM_X86_64, bits=64, kind=2, entry=0x100000, pvh=None):
    """segments: (paddr, bytes, memsz or None). pvh: the entry put into a PVH note."""
    parts = [(PT_LOAD, paddr, data, len(data) if memsz is None else memsz) for paddr, data, memsz in segments]
    if pvh is not None:
        data = note(PVH_ENTRY, struct.pack("<I", pvh))
        parts.append((PT_NOTE, 0, data, len(data)))
    header, phdr = (64, 56) if bits == 64 else (52, 32)
    offset = header + phdr * len(parts)
    table = body = b""
    for ptype, paddr, data, memsz in parts:
        at = offset + len(body)
        if bits == 64:
            table += struct.pack("<IIQQQQQQ", ptype, 7, at, paddr, paddr, len(data), memsz, 4)
        else:
            table += struct.pack("<IIIIIIII", ptype, at, paddr, paddr, len(data), memsz, 7, 4)
        body += data
    ident = b"\x7fELF" + bytes([2 if bits == 64 else 1, 1, 1]) + bytes(9)
    head = ident + struct.pack("<HHI", kind, machine, 1)
    word = "Q" if bits == 64 else "I"
    head += struct.pack(f"<{word}{word}{word}IHHHHHH", entry, header, 0, 0, header, phdr, len(parts), 0, 0, 0)
    return head + table + body
