# SPDX-License-Identifier: MIT
"""refusals.py - what parallax refuses, as a table: the words, the status, and what its one line says."""

import os
import struct

from harness.core import Job, Skipped

from .elf import EM_AARCH64, elf

USAGE, NO_START = 2, 125
CODE = b"\xf4" * 16  # hlt
GOOD = elf([(0x100000, CODE, None)], pvh=0x100000)

# Files that a row names with @NAME.
FILES = {
    "good": GOOD,
    "empty": b"",
    "text": b"#!/bin/sh\necho not a kernel\n" * 40,
    "zeroes": bytes(8192),
    "cut-header": GOOD[:40],
    "cut-table": GOOD[:70],
    "cut-segment": GOOD[:-40],
    "aarch64": elf([(0x100000, CODE, None)], machine=EM_AARCH64),
    "elf32": elf([(0x100000, CODE, None)], machine=3, bits=32),
    "object": elf([(0x100000, CODE, None)], kind=1, pvh=0x100000),
    "above-ram": elf([(0x40000000, CODE, None)], pvh=0x40000000, entry=0x40000000),
    "across-end": elf([(0x0ffff000, CODE, 0x10000)], pvh=0x0ffff000),
    "in-vga-hole": elf([(0xa0000, CODE, None)], pvh=0xa0000),
    "wraps": elf([(0xfffffffffffff000, CODE, 0x10000)], pvh=0x100000),
    "overlap": elf([(0x100000, CODE, 0x3000), (0x102000, CODE, None)], pvh=0x100000),
    "file-beyond-memory": elf([(0x100000, CODE * 4, 16)], pvh=0x100000),
    "entry-outside": elf([(0x100000, CODE, None)], pvh=0x900000),
    "no-segments": elf([], pvh=None),
    "multiboot-video": struct.pack("<III", 0x1badb002, 4, (-0x1badb002 - 4) & 0xffffffff) + bytes(100),
    "multiboot-lies": struct.pack("<8I", 0x1badb002, 1 << 16, (-0x1badb002 - (1 << 16)) & 0xffffffff,
                                  0x100000, 0x200000, 0, 0, 0x100000) + bytes(100),
    "multiboot-above-ram": struct.pack("<8I", 0x1badb002, 1 << 16, (-0x1badb002 - (1 << 16)) & 0xffffffff,
                                       0x80000000, 0x80000000, 0, 0, 0x80000000) + bytes(100),
    "bzimage-cut": bytes(0x1f1) + b"\x04" + bytes(12) + b"\x55\xaa\xeb\x66HdrS" + struct.pack("<H", 0x20f),
    "big-initrd": 20 << 20,  # a hole of that size
}

# name | words of `run` | status | what the line must hold
RUN = """
no KVM device           | --kvm /nonexistent @good              | 125 | /nonexistent; modprobe
not a KVM device        | --kvm /dev/null @good                 | 125 | /dev/null
kernel missing          | /no/such/kernel                       | 125 | /no/such/kernel; No such file
kernel is a folder      | @DIR                                  | 125 | directory
kernel is a device      | /dev/zero                             | 125 | not a regular file
kernel unreadable       | /proc/kmsg/x                          | 125 | /proc/kmsg/x
kernel empty            | @empty                                | 125 | empty
kernel is text          | @text                                 | 125 | @text
kernel is zeroes        | @zeroes                               | 125 | @zeroes
kernel cut in header    | @cut-header                           | 125 | truncated
kernel cut in table     | @cut-table                            | 125 | truncated
kernel cut in segment   | @cut-segment                          | 125 | truncated
kernel for aarch64      | @aarch64                              | 125 | aarch64; x86
kernel 32-bit ELF       | @elf32                                | 125 | @elf32
kernel is an object     | @object                               | 125 | object
kernel without segments | @no-segments                          | 125 | program headers
segment above RAM       | @above-ram                            | 125 | 0x40000000
segment across the end  | @across-end                           | 125 | @across-end
segment in VGA hole     | @in-vga-hole                          | 125 | 0xa0000
segment wraps           | @wraps                                | 125 | wraps
segments overlap        | @overlap                              | 125 | overlap
segment file > memory   | @file-beyond-memory                   | 125 | damaged
entry outside           | @entry-outside                        | 125 | entry
multiboot wants video   | @multiboot-video                      | 125 | video
multiboot lies          | @multiboot-lies                       | 125 | multiboot
multiboot above RAM     | @multiboot-above-ram                  | 125 | 0x80000000
bzImage cut             | @bzimage-cut                          | 125 | @bzimage-cut
flat image too high     | --flat=0x9fff8 @good                  | 125 | 0x9fff8
flat address too big    | --flat=0x100000 @good                 | 2   | --flat
flat address no number  | --flat=high @good                     | 2   | --flat
initrd too big          | --mem 16M --initrd @big-initrd @good  | 125 | initrd; --mem
initrd missing          | --initrd /no/such/initrd @good        | 125 | /no/such/initrd; No such file
initrd empty            | --initrd @empty @good                 | 125 | empty
initrd is a folder      | --initrd @DIR @good                   | 125 | directory
disk missing            | --disk /no/such/disk @good            | 125 | /no/such/disk; No such file
disk is a folder        | --disk @DIR @good                     | 125 | directory
disk is a device        | --disk /dev/null @good                | 125 | not a file
disk empty              | --disk @empty @good                   | 125 | empty; truncate
disk twice              | --disk @text --disk @text @good       | 125 | @text; in use
disk with a wrong word  | --disk x,rw @good                     | 2   | 'rw'; serial=
disk without a name     | --disk ,ro @good                      | 2   | file
fifth disk              | --disk a --disk b --disk c --disk d --disk e @good | 2 | 4 disks
console none            | --console none @good                  | 2   | --console; pty
stdio twice             | --serial stdio --console stdio @good  | 2   | stdio; terminal
rng in full             | --virt full --rng @good               | 2   | --rng; --virt full
second net in full      | --virt full --net user --net user @good | 2 | second --net; --virt full
net with a wrong word   | --net users @good                     | 2   | user; tap=
net with a bad forward  | --net user,hostfwd=tcp:22 @good       | 2   | hostfwd=tcp::2222-:22
net with a group MAC    | --net user,mac=01:00:00:00:00:00 @good | 2  | mac=
third net               | --net user --net user --net user @good | 2  | 2 networks
balloon garbage         | --balloon=much @good                  | 2   | --balloon=much; 64M
too many virtio devices | --disk @text --disk @zeroes --disk @big-initrd --disk @bzimage-cut --net user --net user --rng --balloon --console null @good | 125 | more than 8
command line too long   | --append @LONG @good                  | 125 | command line
memory 0                | --mem 0 @good                         | 2   | --mem 0
memory below 1M         | --mem 512K @good                      | 2   | 1 MiB
memory not whole pages  | --mem 5000000B @good                  | 2   | multiple of 4 KiB
memory 5000B            | --mem 5000B @good                     | 2   | --mem
memory 100T             | --mem 100T @good                      | 2   | --mem 100T
memory 99999999999T     | --mem 99999999999T @good              | 2   | address space
memory garbage          | --mem lots @good                      | 2   | --mem lots
memory negative         | --mem -1 @good                        | 2   | --mem -1
memory two suffixes     | --mem 1GG @good                       | 2   | --mem 1GG
memory nothing          | --mem= @good                          | 2   | --mem
cpus 0                  | --cpus 0 @good                        | 2   | --cpus 0
cpus 256                | --cpus 256 @good                      | 2   | 255
cpus 9999999999         | --cpus 9999999999 @good               | 2   | --cpus
cpus garbage            | --cpus abc @good                      | 2   | --cpus abc
cpus negative           | --cpus -1 @good                       | 2   | --cpus -1
numa 0                  | --numa 0 @good                        | 2   | --numa 0
numa 9                  | --numa 9 --cpus 16 @good              | 2   | --numa 9
numa above cpus         | --numa 4 --cpus 2 @good               | 2   | more nodes than CPUs
numa without memory     | --numa 2 --cpus 2 --mem 2M @good      | 2   | each node
hugepages word          | --hugepages huge @good                | 2   | --hugepages huge
virt word               | --virt half @good                     | 2   | para or full
irqchip word            | --irqchip none @good                  | 2   | --irqchip none
stats word              | --stats=xml @good                     | 2   | --stats=xml
timeout word            | --timeout soon @good                  | 2   | --timeout soon
name with a slash       | --name a/b @good                      | 2   | --name
name empty              | --name= @good                         | 2   | --name
unknown option          | --memm 1G @good                       | 2   | --memm; did you mean --mem
unknown letter          | -z @good                              | 2   | -z; unknown option
unknown far word        | --frobnicate @good                    | 2   | --help
option without value    | @good --mem                           | 2   | --mem; needs a value
value where none        | --prealloc=yes @good                  | 2   | takes no value
two kernels             | @good @zeroes                         | 2   | given already
words after --          | @good -- more                         | 2   | more
serial word             | --serial tcp:1 @good                  | 2   | --serial tcp:1
serial file no name     | --serial file: @good                  | 2   | --serial
two stdio serials       | --serial stdio --serial stdio @good   | 2   | one terminal
five serials            | --serial null --serial null --serial null --serial null --serial null @good | 2 | serial ports
serial file no folder   | --serial file:/no/dir/x @good         | 125 | /no/dir/x; No such file
serial file is a folder | --serial file:@DIR @good              | 125 | Is a directory
dtb no folder           | --dump-dtb /no/dir/x @good            | 125 | /no/dir/x; No such file
dtb is a folder         | --dump-dtb @DIR @good                 | 125 | Is a directory
dtb disk full           | --dump-dtb /dev/full @good            | 125 | /dev/full; No space left
"""

# name | words of parallax | status | what the line must hold
VERBS = """
unknown verb            | rnu                                   | 2   | rnu; did you mean `parallax run`
unknown far verb        | frobnicate                            | 2   | frobnicate; --help
empty verb              | @NOTHING                              | 2   | --help
contrast: bad option    | contrast --cpu 2                      | 2   | --cpus
contrast: no kernel     | contrast /no/such/kernel              | 125 | /no/such/kernel
doctor: bad option      | doctor --kvn /dev/kvm                 | 2   | --kvm
doctor: stray word      | doctor well                           | 2   | well
"""


def expand(ctx, word):
    """@NAME anywhere in a word becomes the path of that file."""
    if word == "@NOTHING":
        return ""
    if word == "@LONG":
        return "x" * 70000
    head, at, name = word.partition("@")
    if not at:
        return word
    if name == "DIR":
        return f"{head}{ctx.tmp}"
    path = ctx.tmp / name
    content = FILES[name]
    with open(path, "wb") as f:
        if isinstance(content, int):
            f.truncate(content)
        else:
            f.write(content)
    return f"{head}{path}"


def refused(ctx, done, status, fragments):
    """One line on stderr that starts with the program's name, nothing on stdout."""
    ctx.equal(done.out, b"", "stdout")
    lines = done.errors.splitlines()
    ctx.equal(len(lines), 1, "lines on stderr")
    ctx.check(lines[0].startswith("parallax"), "the line does not start with the program's name")
    ctx.check(not lines[0].endswith(" "), "the line ends with a blank")
    ctx.contains(lines[0], *fragments)
    ctx.equal(done.status, status, "status")


def row_test(words, status, fragments, verb=None):
    def run(ctx):
        argv = [expand(ctx, w) for w in words]
        wanted = [str(ctx.tmp / f[1:]) if f.startswith("@") else f for f in fragments]
        done = ctx.run([ctx.env.parallax, *([verb] if verb else []), *argv])
        refused(ctx, done, status, wanted)
    return run


def rows(table):
    for line in table.strip().splitlines():
        name, words, status, fragments = (field.strip() for field in line.split("|"))
        yield name, words.split(), int(status), [f.strip() for f in fragments.split(";")]


def no_arguments(ctx):
    done = ctx.run([ctx.env.parallax])
    ctx.equal(done.status, USAGE, "status")
    ctx.contains(done.err, "usage: parallax")


def no_permission(ctx):
    """As a user who may not open /dev/kvm; a device without rights of its own serves as well."""
    kernel = expand(ctx, "@good")
    device = "/dev/kvm"
    if not os.path.exists(device) or os.stat(device).st_mode & 0o006:
        device = ctx.tmp / "kvm"
        os.mknod(device, 0o600 | 0o020000, os.makedev(10, 232))
    binary = ctx.tmp / "parallax"  # the build folder may be closed to others
    binary.write_bytes(ctx.env.parallax.read_bytes())
    binary.chmod(0o755)
    done = ctx.run([binary, "run", "--kvm", device, kernel], user=65534)
    refused(ctx, done, NO_START, [str(device), "ermission"])
    done = ctx.run([binary, "doctor", "--kvm", device], user=65534)
    ctx.equal(done.status, NO_START, "status of doctor")
    ctx.contains(done.out, "BAD", str(device))


def empty_pool(size, folder):
    def run(ctx):
        pool = f"/sys/kernel/mm/hugepages/{folder}/free_hugepages"
        if os.path.exists(pool):
            with open(pool, encoding="ascii") as f:
                if int(f.read()) * (2 if size == "2M" else 1024) >= 2048:
                    raise Skipped(f"the pool of {size} pages is not empty here")
        done = ctx.vmm("--hugepages", size, "--mem", "2G", expand(ctx, "@good"))
        refused(ctx, done, NO_START, ["nr_hugepages" if os.path.exists(pool) else "--hugepages thp"])
    return run


def more_than_the_cpu_has(ctx):
    """Within the VMM's own limit, but beyond the physical addresses of many CPUs."""
    done = ctx.vmm("--dry-run", "--mem", "16T", "--hugepages", "off", expand(ctx, "@good"))
    if done.status == 0:
        raise Skipped("this host's CPU can address 16 TiB")
    ctx.check(done.status == NO_START, f"status {done.status}")
    refused(ctx, done, NO_START, ["guest memory" if "guest memory" in done.errors else "--mem 16T"])


def bad_kvm_folder(ctx):
    refused(ctx, ctx.vmm("--kvm", ctx.tmp, expand(ctx, "@good")), NO_START, [str(ctx.tmp)])


def jobs(_env):
    for name, words, status, fragments in rows(RUN):
        # Words are judged before the device is opened; what lies in files, after.
        free = status == USAGE or "--kvm" in words or "missing" in name
        yield Job(f"refusals/{name}", row_test(words, status, fragments, "run"), needs=() if free else ("kvm",))
    for name, words, status, fragments in rows(VERBS):
        yield Job(f"refusals/{name}", row_test(words, status, fragments))
    yield Job("refusals/no arguments", no_arguments)
    yield Job("refusals/no permission", no_permission, needs=("root",))
    yield Job("refusals/KVM device is a folder", bad_kvm_folder)
    yield Job("refusals/pool of 2M pages empty", empty_pool("2M", "hugepages-2048kB"), needs=("kvm",))
    yield Job("refusals/pool of 1G pages empty", empty_pool("1G", "hugepages-1048576kB"), needs=("kvm",))
    yield Job("refusals/memory beyond the CPU", more_than_the_cpu_has, needs=("kvm",))
