# SPDX-License-Identifier: MIT
"""boots.py - guests that run well on this machine's own /dev/kvm: the matrix of modes and sizes, what
the guest's end means, what `run` prints about a machine, and the other boot protocols."""

import json
import re

from harness import tap
from harness.assemble import NEEDS as ASM
from harness.assemble import assemble, link
from harness.core import Job

KVM = ("kvm",)
MODES = ("para", "full")
ALL_TESTS = 30  # fewer self-tests than this: the selection is broken

# name | words of `run`; every self-test in each of these machines
MACHINES = """
para 1 cpu      | --virt para
para 2 cpus     | --virt para --cpus 2
full 1 cpu      | --virt full
full 2 cpus     | --virt full --cpus 2
para kernel irq | --virt para --cpus 2 --irqchip kernel
full split irq  | --virt full --cpus 2 --irqchip split
4 cpus          | --cpus 4
16M             | --mem 16M
17M             | --mem 17M
odd size        | --mem 33333248B
3G              | --mem 3G
4G              | --mem 4G
64G             | --mem 64G --cpus 2
2 nodes         | --mem 1G --numa 2 --cpus 2
2 nodes of 5G   | --mem 5G --numa 2 --cpus 2 --virt full
4K pages        | --hugepages off
thp             | --hugepages thp --mem 1G
prealloc        | --prealloc --mem 64M
prealloc 4K     | --prealloc --hugepages off --mem 64M
"""

# name | words of `run` | words for the kernel; the memory tests with each allocator and memory model
MEMORIES = """
slab, discontig | --cpus 2              | slab=slab memmodel=discontig
slob, sparse    | --virt full           | slab=slob memmodel=sparse
all of it       | --cpus 2              | memmodel=vmemmap highmem=100M cma=16M movable=32M kmemleak
guarded         | --numa 2 --cpus 2     | slab_debug
owners          | --cpus 2 --mem 64M    | page_owner memmodel=sparse
"""
MEMORY_TESTS = 29

# panic= name | what the report says besides
CRASHES = {
    "test": "asked for by panic=test",
    "ud": "crash_ud",
    "null": "NULL pointer",
    "text": "crash_text",
    "exec": "tried to execute",
    "stack": "stack overflow",
    "df": "double fault",
    "gp": "crash_gp",
}

# fault= name | CPUs | what the watchdog says, and the function it finds
FAULTS = """
irqs-off-spin    | 2 | hard lockup: CPU 1 takes no interrupts; spin_irqs_off
preempt-off-spin | 2 | soft lockup: CPU 1 has preemption off; spin_preempt_off
preempt-off-spin | 1 | soft lockup: CPU 0 has preemption off; spin_preempt_off
rcu-reader       | 2 | rcu: stall: grace period; waiting for CPUs: 1; read_for_ever
rcu-reader       | 1 | rcu: stall: grace period; waiting for CPUs: 0; read_for_ever
no-tick          | 2 | lost timer: no timer interrupt on CPU 1; spin_without_timer
deadlock         | 2 | hung task: victim; waits for mutex right_fork, held by partner; a deadlock, for 240 ticks; take_left_then_right
deadlock         | 1 | hung task: partner; waits for mutex left_fork, held by victim; take_right_then_left
lost-ipi         | 2 | lost interrupt: CPU 1 was told
warn             | 1 | WARNING: this is said once, and this was time 1; warn_three_times
"""


def rows(table):
    for line in table.strip().splitlines():
        name, words, *rest = (field.strip() for field in line.split("|"))
        yield name, words.split(), *rest


def selftest(words):
    def run(ctx):
        done = ctx.vmm(*words, "--timeout", "250", "--append", "selftest=all quiet")
        ctx.equal(done.status, 0, "status")
        ctx.equal(done.err, b"", "stderr")
        tap.sound(done.text, ALL_TESTS)
    return run


def memory(words, append):
    def run(ctx):
        done = ctx.vmm(*words, "--timeout", "250", "--append", f"selftest=mm quiet {append}")
        ctx.equal(done.status, 0, "status")
        tap.sound(done.text, MEMORY_TESTS)
    return run


def memory_tables(ctx):
    tables = {"buddyinfo": "Node 0, zone    DMA32", "pagetypeinfo": "Number of blocks type", "zoneinfo": "nr_deferred",
              "meminfo": "MemTotal: ", "vmstat": "nr_free_pages ", "slabinfo": "kmalloc-64 ",
              "vmallocinfo": " kstack_alloc+0x0/", "iomem": "  00100000-", "pagetables": "---[ Linear Mapping ]---",
              "numastat": "numa_hit ", "extfrag": "unusable_index", "kmemleak": ", 0 of them unreferenced"}
    done = ctx.vmm("--timeout", "250", "--append", f"kmemleak quiet show={','.join(tables)}")
    ctx.equal(done.status, 0, "status")
    ctx.contains(done.out, *tables.values())
    managed = sum(int(pages) for pages in re.findall(r"^ +managed +(\d+)", done.text, re.M))
    total = int(re.search(r"^MemTotal: +(\d+) kB", done.text, re.M)[1])
    ctx.equal(total, managed * 4, "MemTotal and the zones' managed pages, KiB")
    # The kernel, its page frames' structures and the first MiB's holes are not there to be had.
    ctx.check(240 << 10 < total < 256 << 10, f"{total} KiB of 256 MiB")
    done = ctx.vmm("--timeout", "250", "--append", "quiet show=meminfos")
    ctx.equal(done.status, 1, "status of an unknown table")
    ctx.contains(done.out, "show=pagetypeinfo")


def memory_demo(ctx):
    done = ctx.vmm("--timeout", "250", "--append", "quiet demo=mm")
    ctx.equal(done.status, 0, "status")
    ctx.check(re.search(r"\b(\d+) of \1 hold what their owners wrote", done.text), "compaction lost pages")
    ctx.check(re.search(r"6 MiB in a row taken back .* (\d+) of \1 intact", done.text), "the area did not come back")
    ctx.check(re.search(r"gave up [1-9]\d*; 0 pages were not as they were left", done.text), "pages were lost under load")
    ctx.check(re.search(r"numa_miss [1-9]", done.text), "no node helped the other")
    for what in ("zone HighMem", "slub ", "slab ", "slob ", "discontig ", "vmemmap "):
        ctx.contains(done.out, what)


def selftest_unknown(ctx):
    done = ctx.vmm("--timeout", "100", "--append", "selftest=nonsense quiet")
    ctx.contains(done.out, "Bail out!")
    ctx.check(done.status not in (0, 124, 125, 126), f"status {done.status}")


def demo(mode):
    def run(ctx):
        done = ctx.vmm("--virt", mode, "--cpus", "2", "--timeout", "250", "--append", "demo=switch")
        ctx.equal(done.status, 0, "status")
        platform = "kvm" if mode == "para" else "pc"
        ctx.check(re.search(rf"\bplatform +{platform}\b", done.text), f"its platform is not {platform}")
        ctx.contains(done.out, "so that", "spin-A", "spin-D", "2 of 2 CPUs online")
        if mode == "full":
            ctx.check("kvmclock" not in done.text, "a fully virtualized guest sees kvmclock")
    return run


def demo_sched(mode):
    """Tables of all four policies; and inheritance lends the lock's holder the waiter's priority."""
    def run(ctx):
        done = ctx.vmm("--virt", mode, "--cpus", "2", "--timeout", "250", "--append", "demo=sched quiet")
        ctx.equal(done.status, 0, "status")
        for policy in ("eevdf", "cfs", "o1", "bfs"):
            ctx.equal(len(re.findall(rf"^  {policy} ", done.text, re.M)), 2, f"tables with {policy}")
        ctx.check(re.search(r"^  mutex: does not .* 10\r?$", done.text, re.M), "a mutex changed its holder's priority")
        ctx.check(re.search(r"^  rt_mutex: inherits .* 30\r?$", done.text, re.M), "an rt_mutex did not")
    return run


def demo_time(mode, words, idle):
    """Its tables, and whether idle CPUs were spared ticks; how exact timers are is not judged."""
    def run(ctx):
        done = ctx.vmm("--virt", mode, "--cpus", "2", "--timeout", "250", "--append", f"demo=time quiet {words}")
        ctx.equal(done.status, 0, "status")
        ctx.contains(done.out, "hrtimer", "wheel, levels 0 and 1", "a sleeper's place was taken", "TIMER")
        spared = re.findall(r"^ +\d+ +\d+ +(\d+) +(\d+) of \d+\s*$", done.text, re.M)
        ctx.equal(len(spared), 2, "CPUs in the table")
        ctx.equal(any(int(sleeps) for _, sleeps in spared), idle, "sleeps without a tick")
    return run


def policy(name):
    def run(ctx):
        done = ctx.vmm("--cpus", "2", "--timeout", "250", "--append", f"sched={name} selftest=sched,locking,rcu")
        ctx.equal(done.status, 0, "status")
        ctx.contains(done.out, f"fair is {name}")
        tap.sound(done.text, 15)
    return run


def timeless(word):
    """All that depends on time works without tickless idle, and with a periodic clock event."""
    def run(ctx):
        done = ctx.vmm("--cpus", "2", "--timeout", "250", "--append", f"{word}=off selftest=time,sched,rcu")
        ctx.equal(done.status, 0, "status")
        tap.sound(done.text, 15)
    return run


def ends_with(append, status):
    def run(ctx):
        done = ctx.vmm("--timeout", "150", "--append", append + " quiet")
        ctx.equal(done.status, status, "status")
        ctx.equal(done.err, b"", "stderr")
    return run


def quiet(ctx):
    done = ctx.vmm("--append", "exit=0 quiet")
    ctx.equal(done.out, b"", "output of a quiet boot")


def crash(name, words):
    def run(ctx):
        done = ctx.vmm("--timeout", "150", "--append", f"panic={name} quiet")
        ctx.equal(done.status, 99, "status")
        ctx.contains(done.out, "Kernel panic", "Call chain", words)
        if name != "test":
            ctx.contains(done.out, "RIP", "CR2", "RSP")
    return run


def fault(name, mode, cpus, words):
    """A watchdog tells, with the culprit's name; then the kernel goes on as if nothing had been."""
    def run(ctx):
        done = ctx.vmm("--virt", mode, "--cpus", cpus, "--timeout", "250", "--append", f"fault={name} watchdog=40 quiet")
        ctx.equal(done.status, 0, "status")
        ctx.contains(done.out, *(w.strip() for w in words.split(";")), "and the kernel goes on")
        ctx.check("time 2" not in done.text and "time 3" not in done.text, "a second warning")
    return run


def fault_alone(ctx):
    """What nobody is left to notice is not committed; what does not exist, neither."""
    done = ctx.vmm("--timeout", "100", "--append", "fault=irqs-off-spin quiet")
    ctx.equal(done.status, 2, "status")
    ctx.contains(done.out, "with one CPU nobody is left to notice")
    done = ctx.vmm("--timeout", "100", "--append", "fault=nonsense quiet")
    ctx.equal(done.status, 2, "status")
    ctx.contains(done.out, "fault=nonsense: no such fault", "fault=lost-ipi")


def timeout(append, *words):
    def run(ctx):
        done = ctx.vmm("--timeout", "1", "--cpus", "2", "--append", append + " quiet")
        ctx.equal(done.status, 124, "status")
        ctx.contains(done.err, "still ran after 1 s", "CPU 0:", "CPU 1:", *words)
        ctx.check(1 <= done.seconds < 30, f"it took {done.seconds:.1f} s")
    return run


def dump_dtb(ctx):
    dtb = ctx.tmp / "machine.dtb"
    done = ctx.vmm("--dump-dtb", dtb, "--dry-run", "--cpus", "3", "--mem", "5G", "--append", "a=b c", "--numa", "2")
    ctx.equal(done.status, 0, "status")
    source = ctx.run(["dtc", "-q", "-I", "dtb", "-O", "dts", dtb])
    ctx.equal(source.status, 0, "status of dtc")
    ctx.contains(source.out, "cpu@0", "cpu@2", 'bootargs = "a=b c"', "numa-node-id", "serial@3f8", "memory@")
    ctx.check("cpu@3" not in source.text, "a CPU too many")


def dry_run(ctx):
    done = ctx.vmm("--dry-run", "--virt", "full", "--cpus", "2", "--mem", "5G", "--name", "zoo", "--append", "x=1")
    ctx.equal(done.status, 0, "status")
    ctx.equal(done.err, b"", "stderr")
    ctx.contains(done.out, "zoo, full virtualization", "cpus      2", "5G", "uart16550", "pvh", "x=1", "slot 2")


def dry_run_rejects(ctx):
    done = ctx.vmm("--dry-run", "/no/such/kernel")
    ctx.equal(done.status, 125, "status")


def stats_table(ctx):
    done = ctx.vmm("--stats", "--name", "zoo", "--append", "exit=3 quiet")
    ctx.equal(done.status, 3, "status")
    ctx.equal(done.out, b"", "stdout, which is the guest's")
    ctx.contains(done.err, "zoo: para, 1 CPU", "wall", "exits to the VMM", "port 0xf4 write", "uart16550", "kvm ")


def stats_json(ctx):
    done = ctx.vmm("--stats=json", "--name", 'a"b\\c', "--virt", "full", "--cpus", "2", "--timeout", "250",
                   "--append", "demo=switch")
    ctx.equal(done.status, 0, "status")
    stats = json.loads(done.err)
    ctx.equal((stats["name"], stats["virt"], stats["cpus"], stats["memory"]), ('a"b\\c', "full", 2, 256 << 20),
              "what it says of the machine")
    ctx.equal(stats["serial"]["bytes"], len(done.out), "serial bytes")
    ctx.equal(stats["exits_total"], sum(e["count"] for e in stats["exits"].values()), "sum of exits")
    places = sum(p["count"] for p in stats["places"] if p["space"] == "port")
    ctx.equal(places, stats["exits"]["io"]["count"], "port exits by place")
    thr = next(p for p in stats["places"] if p["address"] == 0x3f8 and p["write"])
    ctx.check(thr["count"] >= len(done.out), "fewer writes to the port than bytes")
    ctx.check(stats["wall_ns"] > 0 and stats["kvm"], "no time or no KVM counters")


def contrast(ctx):
    done = ctx.run([ctx.env.parallax, "contrast", "--cpus", "2", "--timeout", "250"])
    ctx.equal(done.status, 0, "status")
    ctx.equal(done.err, b"", "stderr")
    table = done.text[done.text.rindex("para/full"):]
    for what in ("exits to the VMM: io", "answered by uart16550", "CPU time", "wall time"):
        ctx.check(re.search(rf"{what}.* [1-9]\d* +[1-9]\d*", table), f"no figures for {what}")
    ctx.equal(len(re.findall(r"\] Up: 2 CPUs", done.text)), 2, "boots")


def contrast_stops(ctx):
    """A guest that fails in the first mode is not contrasted."""
    done = ctx.run([ctx.env.parallax, "contrast", "--append", "exit=9 quiet"])
    ctx.equal(done.status, 9, "status")
    ctx.check("para/full" not in done.text, "it printed a table all the same")


def doctor(ctx):
    done = ctx.run([ctx.env.parallax, "doctor"])
    ctx.equal(done.status, 0, "status")
    ctx.check(len(done.text.splitlines()) <= 25, "more than a screen")
    for what in ("kvm", "cpu", "probes", "pv", "thp", "hugetlb"):
        ctx.check(re.search(rf"^(ok|note) +{what} ", done.text, re.M), f"nothing about {what}")


def doctor_without_kvm(ctx):
    done = ctx.run([ctx.env.parallax, "doctor", "--kvm", "/nonexistent"])
    ctx.equal(done.status, 125, "status")
    ctx.check(re.search(r"^BAD +kvm .*/nonexistent", done.text, re.M), "it does not say what is bad")


def qemu(append, cpus, judge):
    def run(ctx):
        done = ctx.run([
            "qemu-system-x86_64", "-M", "pc,accel=tcg", "-cpu", "max", "-smp", cpus, "-m", "256", "-display", "none",
            "-nodefaults", "-no-user-config", "-serial", "stdio", "-no-reboot", "-device",
            "isa-debug-exit,iobase=0xf4,iosize=4", "-kernel", ctx.env.kernel, "-append", append])
        judge(ctx, done)
    return run


def qemu_selftest(ctx, done):
    tap.sound(done.text, ALL_TESTS)
    ctx.equal(done.status, 0, "status")


def qemu_exit(ctx, done):
    ctx.equal(done.status, 7 << 1 | 1, "status, by QEMU's rule")


def multiboot(fmt, initrd):
    def run(ctx):
        image = assemble(ctx, "samples/multiboot.asm", **({"ELF": 1} if fmt == "elf32" else {}), fmt=fmt)
        if fmt == "elf32":
            image = link(ctx, [image])
        words = []
        if initrd:
            path = ctx.tmp / "module"
            path.write_bytes(b"the module\0")
            words = ["--initrd", path]
        done = ctx.vmm("--timeout", "100", "--append", "alpha beta=1", *words, image)
        ctx.equal(done.status, 0, "status")
        # GRUB puts the file's name first, others do not: the words must be there.
        ctx.contains(done.out, "alpha beta=1\n", *(["the module"] if initrd else []))
    return run


def flat(option, base):
    def run(ctx):
        image = assemble(ctx, "samples/flat.asm")
        done = ctx.vmm("--timeout", "100", *([option] if option else []), image)
        ctx.equal((done.status, done.text), (5, base), "status and address")
    return run


def flat_sector(ctx):
    """A boot sector is recognised without being named."""
    done = ctx.vmm("--timeout", "100", assemble(ctx, "samples/flat.asm", SECTOR=1))
    ctx.equal((done.status, done.text), (5, "07c00"), "status and address")


def top_of_memory(mem, address):
    def run(ctx):
        image = assemble(ctx, "samples/memory.asm", ADDRESS=address)
        ctx.equal(ctx.vmm("--timeout", "100", "--mem", mem, image).status, 0, "status")
    return run


def end_by(port, value, width, status):
    def run(ctx):
        image = assemble(ctx, "hostile/end.asm", PORT=port, VALUE=value, WIDTH=width)
        done = ctx.vmm("--timeout", "2", "--no-reboot", image)
        ctx.equal(done.status, status, "status")
        ctx.check(status == 124 or not done.err, "it complains")
    return run


def numbered_kernel_words(ctx):
    """The same machine by other spellings of its options."""
    want = ctx.vmm("--dry-run", "--kernel", ctx.env.kernel, "--mem", "1G", "--cpus", "2", "--append", "x y").out
    for words in (["--mem=1G", "--cpus=2", "--append=x y", ctx.env.kernel],
                  ["-m", "1024", "-c", "2", "-p", "x y", "-k", ctx.env.kernel],
                  [ctx.env.kernel, "-m", "1048576K", "--cpus=2", "--append", "x y"]):
        ctx.equal(ctx.vmm("--dry-run", *words).out, want, "the machine")


# Port, value, width, status: all the ways in which a guest ends its machine.
ENDS = {
    "exit port 0": (0xf4, 0, 1, 0), "exit port 42": (0xf4, 42, 1, 42), "exit port 99": (0xf4, 99, 4, 99),
    "exit port 100": (0xf4, 100, 1, 99), "exit port 255": (0xf4, 255, 1, 99), "exit port wide": (0xf4, 0x4207, 2, 7),
    "ACPI S5": (0x604, 0x3400, 2, 0), "ACPI S5 by its byte": (0x605, 0x34, 1, 0),
    "keyboard reset": (0x64, 0xfe, 1, 0), "reset register": (0xcf9, 6, 1, 0),
    "other sleep state": (0x604, 0x2400, 2, 124), "reset register unarmed": (0xcf9, 2, 1, 124),
}


def jobs(_env):
    def job(name, fn, needs=KVM, **kw):
        return Job(f"boots/{name}", fn, needs=needs, **kw)

    for name, words in rows(MACHINES):
        yield job(f"selftest {name}", selftest(words))
    for name, words, append in rows(MEMORIES):
        yield job(f"memory {name}", memory(words, append))
    yield job("memory tables", memory_tables)
    yield job("demo mm", memory_demo)
    yield job("selftest of no such name", selftest_unknown)
    for mode in MODES:
        yield job(f"demo {mode}", demo(mode))
        yield job(f"demo=sched {mode}", demo_sched(mode))
        yield job(f"demo=time {mode}", demo_time(mode, "", True))
    yield job("demo=time nohz=off", demo_time("para", "nohz=off", False))
    yield job("demo=time highres=off", demo_time("full", "highres=off", False))
    for name in ("nohz", "highres"):
        yield job(f"{name}=off", timeless(name))
    for name in ("cfs", "o1", "bfs"):
        yield job(f"sched={name}", policy(name))
    for n, status in ((0, 0), (1, 1), (7, 7), (98, 98)):
        yield job(f"exit={n}", ends_with(f"exit={n}", status))
    # What Firecracker and kvmtool put on a Linux guest's command line.
    for n in (1, -1):
        yield job(f"panic={n}", ends_with(f"console=ttyS0 reboot=k panic={n} pci=off exit=5", 5))
    yield job("quiet", quiet)
    for name, words in CRASHES.items():
        yield job(f"panic={name}", crash(name, words))
    for name, (cpus,), words in rows(FAULTS):
        for mode in MODES:
            yield job(f"fault={name} {mode} {cpus} cpu", fault(name, mode, cpus, words))
    yield job("fault alone", fault_alone)
    yield job("timeout spinning", timeout("loop", "running", "at 0xffffffff8"))
    yield job("timeout halted", timeout("halt", "halted, interrupts off"))
    yield job("dump-dtb", dump_dtb, (*KVM, "dtc"))
    yield job("dry-run", dry_run)
    yield job("dry-run of nothing", dry_run_rejects)
    yield job("option spellings", numbered_kernel_words)
    yield job("stats", stats_table)
    yield job("stats=json", stats_json)
    yield job("contrast", contrast)
    yield job("contrast of a failure", contrast_stops)
    yield job("doctor", doctor)
    yield job("doctor without KVM", doctor_without_kvm, ())
    for cpus in ("1", "2"):
        yield job(f"under QEMU {cpus} cpu", qemu("selftest=all quiet", cpus, qemu_selftest), ("qemu",))
    yield job("under QEMU exit=7", qemu("exit=7 quiet", "1", qemu_exit), ("qemu",))
    for fmt, words in (("bin", "address fields"), ("elf32", "ELF")):
        for initrd in (False, True):
            yield job(f"multiboot by {words}{', module' if initrd else ''}", multiboot(fmt, initrd),
                      (*KVM, *ASM, "ld"))
    yield job("flat", flat("--flat", "07c00"), (*KVM, *ASM))
    yield job("flat elsewhere", flat("--flat=0x20000", "20000"), (*KVM, *ASM))
    yield job("flat boot sector", flat_sector, (*KVM, *ASM))
    for mem, address in (("16M", 0xf00000), ("3G", 0xbff00000), ("2047M", 0x7fe00000)):
        yield job(f"top of {mem}", top_of_memory(mem, address), (*KVM, *ASM))
    for name, row in ENDS.items():
        yield job(f"end by {name}", end_by(*row), (*KVM, *ASM))
