#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""kallsyms-elf.py SYMBOLS OUT - makes an ELF file of names and addresses for gdb's `add-symbol-file` or
`file`, from a Linux guest's /proc/kallsyms (or a System.map) when there is no vmlinux with symbols.

Only the kernel's own text and data are taken, no modules. Addresses are as listed: boot the guest with
nokaslr, and read kallsyms as root, so that they hold for its next boot as well.
"""

import re
import struct
import sys

LINE = re.compile(r"^([0-9a-f]{16}) ([a-zA-Z]) (\S+)$")
KERNEL = 0xFFFFFFFF80000000
EHDR, SHDR, SYM = struct.Struct("<16sHHIQQQIHHHHHH"), struct.Struct("<IIQQQQIIQQ"), struct.Struct("<IBBHQQ")
SHT_SYMTAB, SHT_STRTAB, SHT_NOBITS = 2, 3, 8
WRITE, ALLOC, EXECUTE = 1, 2, 4
NAMES = b"\0.text\0.data\0.symtab\0.strtab\0.shstrtab\0"


def read(path):
    """[(address, is text, name)], sorted; the per-CPU offsets at 0 and modules are left out."""
    found = []
    with open(path, encoding="ascii", errors="replace") as lines:
        for line in lines:
            match = LINE.match(line.rstrip("\n"))
            if match and int(match[1], 16) >= KERNEL and match[2] not in "aA":
                found.append((int(match[1], 16), match[2] in "tTwW", match[3]))
    return sorted(found)


def section(name, kind, flags, address=0, offset=0, size=0, link=0, info=0, entry=0):
    return SHDR.pack(NAMES.index(name), kind, flags, address, offset, size, link, info, 16, entry)


def build(symbols):
    """The table, and two sections without contents. Writable ones: gdb asks the guest what is there."""
    texts = [a for a, text, _ in symbols if text]
    datas = [a for a, text, _ in symbols if not text]
    strings, table = bytearray(b"\0"), bytearray(SYM.pack(0, 0, 0, 0, 0, 0))
    for at, (address, text, name) in enumerate(symbols):
        after = symbols[at + 1][0] if at + 1 < len(symbols) else address
        # GLOBAL, FUNC or OBJECT
        table += SYM.pack(len(strings), 0x12 if text else 0x11, 0, 1 if text else 2, address, after - address)
        strings += name.encode() + b"\0"
    at = EHDR.size
    parts = [bytes(table), bytes(strings), NAMES]
    offsets = [at, at + len(table), at + len(table) + len(strings)]
    headers = [SHDR.pack(*[0] * 10),
               section(b".text\0", SHT_NOBITS, ALLOC | WRITE | EXECUTE, texts[0], at, texts[-1] + 16 - texts[0]),
               section(b".data\0", SHT_NOBITS, ALLOC | WRITE, datas[0] if datas else 0, at,
                       datas[-1] + 16 - datas[0] if datas else 0),
               section(b".symtab\0", SHT_SYMTAB, 0, 0, offsets[0], len(table), 4, 1, SYM.size),
               section(b".strtab\0", SHT_STRTAB, 0, 0, offsets[1], len(strings)),
               section(b".shstrtab\0", SHT_STRTAB, 0, 0, offsets[2], len(NAMES))]
    ehdr = EHDR.pack(b"\x7fELF\2\1\1" + bytes(9), 2, 62, 1, 0, 0, offsets[2] + len(NAMES), 0, EHDR.size, 0, 0,
                     SHDR.size, len(headers), len(headers) - 1)
    return b"".join([ehdr, *parts, *headers])


def main(argv):
    if len(argv) != 3 or argv[1].startswith("-"):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    symbols = read(argv[1])
    if not any(text for _, text, _ in symbols):
        print(f"kallsyms-elf: {argv[1]}: no kernel symbols with addresses; read /proc/kallsyms as root",
              file=sys.stderr)
        return 1
    with open(argv[2], "wb") as out:
        out.write(build(symbols))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
