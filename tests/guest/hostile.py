# SPDX-License-Identifier: MIT
"""hostile.py - guests that do what no sane guest does, under the VMM built with ASan and UBSan: the
machine goes on or ends with 126 and a report; it never hangs, and no sanitizer speaks."""

import re

from harness.assemble import NEEDS as ASM
from harness.assemble import assemble
from harness.core import Failed, Job

OK, CRASH = 0, 126

# A sanitizer's own status must not pass for a guest's.
SANITIZED = {"ASAN_OPTIONS": "exitcode=222:abort_on_error=0", "UBSAN_OPTIONS": "print_stacktrace=1"}
SECONDS = 50
INSTRUCTION = re.compile(r"^  at 0x[0-9a-f]+: (\S.*\[[0-9a-f ]+(\.\.\.)?\]|no memory can be read there)$", re.M)

# name | source | status | what the report must hold | words of `run` | defines
GUESTS = """
triple fault             | triple_fault | 126 | triple fault; ud2; feedface |         |
jump nowhere             | jump_nowhere | 126 | d0000000 |         | TARGET=0xd0000000
jump above RAM           | jump_nowhere | 126 | 40000000 |         | TARGET=0x40000000
jump into the IOAPIC     | jump_nowhere | 126 | fec00000 |         | TARGET=0xfec00000
jump to the last byte    | jump_nowhere | 126 | ffffffff |         | TARGET=0xffffffff
IDT nowhere              | bad_idt     | 126 | triple fault |         |
page tables nowhere      | bad_page_tables | 126 | cr3 00000000d0000000 |         |
long mode on zeroes      | long_mode_nonsense | 126 | cr3 0000000000200000 |         |
unknown MSR              | bad_msr     | 126 | rcx 00000000deadbeef |         |
unmapped memory          | unmapped    | 0   |         |         |
string I/O nowhere       | string_nowhere | 0   |         |         |
APs started on nothing   | bad_sipi    | any |         | --cpus 4 | VECTOR=0x90
APs started in VGA       | bad_sipi    | any |         | --cpus 2 --timeout 3 | VECTOR=0xa0 WAIT=1
APs that do not exist    | bad_sipi    | 0   |         | --cpus 1 | VECTOR=0x90
endless output           | babble      | 124 | still ran | --timeout 2 |
endless loop             | spin        | 124 | running | --timeout 1 |
halted for ever          | stop        | 124 | halted  | --timeout 1 |
read all ports 1         | port_reads  | 0   |         |         | FIRST=0 LAST=0x3fff
read all ports 2         | port_reads  | 0   |         |         | FIRST=0x4000 LAST=0x7fff
read all ports 3         | port_reads  | 0   |         |         | FIRST=0x8000 LAST=0xbfff
read all ports 4         | port_reads  | 0   |         |         | FIRST=0xc000 LAST=0xffff
write ports, zeroes      | ports       | 0   |         |         | FIRST=0 LAST=0x3fff VALUE=0
write ports, ones        | ports       | 0   |         |         | FIRST=0 LAST=0x3fff VALUE=0xffffffff
write ports, mixed       | ports       | 0   |         |         | FIRST=0 LAST=0x3fff VALUE=0xa55a8001
write ports, high 1      | ports       | 0   |         |         | FIRST=0x4000 LAST=0x9fff VALUE=0xffffffff
write ports, high 2      | ports       | 0   |         |         | FIRST=0xa000 LAST=0xffff VALUE=0x5aa5a55a
MMIO holes               | holes       | 0   |         |         | BASE=0xc0000ff0 STRIDE=0x100000 STEPS=900 VALUE=0
MMIO VGA                 | holes       | 0   |         |         | BASE=0xa0ff0 STRIDE=0x1000 STEPS=30 VALUE=0xff
MMIO IOAPIC zeroes       | holes       | 0   |         |         | BASE=0xfec00000 STRIDE=1 STEPS=600 VALUE=0
MMIO IOAPIC ones         | holes       | 0   |         |         | BASE=0xfebfff00 STRIDE=4 STEPS=1200 VALUE=0xffffffff
MMIO LAPIC               | holes       | 0   |         |         | BASE=0xfee01000 STRIDE=16 STEPS=300 VALUE=0xffffffff
MMIO HPET, TPM, flash    | holes       | 0   |         |         | BASE=0xfed00000 STRIDE=0x10 STEPS=600 VALUE=1
MMIO below 4G            | holes       | 0   |         |         | BASE=0xff000010 STRIDE=0x8000 STEPS=500 VALUE=7
IOAPIC storm             | mmio_storm  | 0   |         |         | SEED=1 ROUNDS=3000
IOAPIC storm, 2 CPUs     | mmio_storm  | 0   |         | --cpus 2 | SEED=77 ROUNDS=3000
16550 storm              | storm       | 0   |         |         | PORT=0x3f8 COUNT=8 SEED=1 ROUNDS=30000
16550 storm, file        | storm       | 0   |         | --serial file:OUT | PORT=0x3f8 COUNT=8 SEED=2 ROUNDS=30000
16550 storm, pty         | storm       | 0   |         | --serial pty | PORT=0x3f8 COUNT=8 SEED=3 ROUNDS=30000
COM2 storm               | storm       | 0   |         | --serial null --serial null | PORT=0x2f8 COUNT=8 SEED=4 ROUNDS=10000
RTC storm                | storm       | 0   |         |         | PORT=0x70 COUNT=2 SEED=5 ROUNDS=30000
PIC and PIT storm        | storm       | 0   |         |         | PORT=0x20 COUNT=64 SEED=6 ROUNDS=30000
keyboard data storm      | storm       | 0   |         |         | PORT=0x60 COUNT=1 SEED=7 ROUNDS=10000
keyboard storm           | storm       | 0   |         |         | PORT=0x60 COUNT=5 SEED=8 ROUNDS=10000
ACPI storm               | storm       | 0   |         |         | PORT=0x600 COUNT=12 SEED=9 ROUNDS=20000
ACPI timer storm         | storm       | 0   |         |         | PORT=0x606 COUNT=16 SEED=10 ROUNDS=20000
rep outs/ins, 16550      | string_io   | 0   |         |         | PORT=0x3f8 WIDTH=1 COUNT=8192 ROUNDS=2
rep outsw/insw, 16550    | string_io   | 0   |         |         | PORT=0x3f8 WIDTH=2 COUNT=4096 ROUNDS=2
rep outsd/insd, 16550    | string_io   | 0   |         |         | PORT=0x3f8 WIDTH=4 COUNT=4096 ROUNDS=2
rep outsd/insd, RTC      | string_io   | 0   |         |         | PORT=0x70 WIDTH=4 COUNT=4096 ROUNDS=2
rep outsb/insb, RTC      | string_io   | 0   |         |         | PORT=0x71 WIDTH=1 COUNT=4096 ROUNDS=2
rep outsw/insw, nothing  | string_io   | 0   |         |         | PORT=0x80 WIDTH=2 COUNT=8192 ROUNDS=2
rep outsd/insd, ACPI     | string_io   | 0   |         |         | PORT=0x608 WIDTH=4 COUNT=4096 ROUNDS=2
rep outsb/insb, keyboard | string_io   | 0   |         |         | PORT=0x60 WIDTH=1 COUNT=4096 ROUNDS=2
"""


def rows():
    for line in GUESTS.strip().splitlines():
        name, source, status, fragments, words, defines = (field.strip() for field in line.split("|"))
        yield (name, source, dict(d.split("=") for d in defines.split()), words.split(), status,
               [f.strip() for f in fragments.split(";") if f.strip()])


def report_is_whole(ctx, errors):
    """One report: cause, instruction at its address, all registers."""
    lines = errors.splitlines()
    ctx.equal(sum(line.startswith("guest crashed: CPU ") for line in lines), 1, "reports")
    ctx.check(INSTRUCTION.search(errors), "it does not show the instruction")
    ctx.contains(errors, *(f"{register} " for register in
                           "rip rflags cpl rax rbx rcx rdx rsi rdi rbp rsp r8 r15 cr0 cr2 cr3 cr4 efer".split()))


def run_guest(ctx, source, defines, words):
    image = assemble(ctx, f"hostile/{source}.asm", **defines)
    words = [w.replace("OUT", str(ctx.tmp / "out")) for w in words]
    if "--timeout" not in words:
        words += ["--timeout", SECONDS]
    words.append("--no-reboot")  # what resets the machine is done with it
    return ctx.vmm(*map(str, words), image, binary=ctx.env.parallax_san, env=SANITIZED)


def guest(source, defines, words, status, fragments):
    def run(ctx):
        done = run_guest(ctx, source, defines, words)
        if status == "any":
            if done.status not in (OK, CRASH) and "--timeout" not in words:
                raise Failed(f"status {done.status}")
        else:
            ctx.equal(done.status, int(status), "status")
        if done.status == CRASH:
            report_is_whole(ctx, done.errors)
        ctx.contains(done.err, *fragments)
    return run


def jobs(_env):
    for name, *row in rows():
        for mode in ("para", "full"):
            words = [*row[2], "--virt", mode]
            yield Job(f"hostile/{name}, {mode}", guest(row[0], row[1], words, *row[3:]), needs=("kvm", *ASM),
                      timeout=SECONDS + 10)
