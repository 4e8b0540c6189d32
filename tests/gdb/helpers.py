# SPDX-License-Identifier: MIT
"""helpers.py - the kernel's own gdb commands: what they print is what the kernel itself says of the same
moment, on its console."""

import re

from harness.core import Job

from gdb.debugger import Guest, session

TABLES = ("buddyinfo", "slabinfo", "vmallocinfo")


def helper_commands(ctx):
    """What the px- commands print is what the kernel itself says of the same moment."""
    guest = Guest(ctx, "--cpus", "2", "--append", "demo=switch")
    outputs = session(
        ctx, guest,
        ("break smp_boot", ""), ("continue", ""), ("px-runqueues", "^CPU 0: .*running swapper/0"),
        ("delete", ""),
        ("break demo.c:spin thread 1", ""), ("continue", "spin"),
        ("px-dmesg", "Parallax tiny kernel"),
        ("px-ps", r"^0x\w+ +0 R +140 +0 .* swapper/0$", r"^0x\w+ +0 S +0 +1 .* migration/1$",
         r"^0x\w+ +\d+ R\* +120 +0 .* spin-[AB]$", r"^0x\w+ +\d+ S .* kworker/0:\S+ +run_worker$"),
        ("px-runqueues", r"^CPU 0: .*running spin-[AB] \(\d+\)\n  waits +(init|spin-[AB]) ", r"^CPU 1: \d+ runnable"),
        ("px-irqs", r"^VECTOR +CPU0 +CPU1  NAME", "tick|timer|clock event"),
        ("px-percpu cpu_number", r"^CPU 0: 0$", r"^CPU 1: 1$"),
        ("px-percpu runqueues.cpu", r"^CPU 0: 0$", r"^CPU 1: 1$"),
        ("px-pagewalk kernel_main", "-> physical"), ("px-pagewalk 0", "not mapped"),
        ("python gdb.execute('monitor walk 0x%x' % int(gdb.parse_and_eval('(unsigned long)kernel_main')))", "->"),
        ("python print(sum(int(gdb.parse_and_eval('((struct irq_counts *)((unsigned long)&irq_counts + "
         "per_cpu_offset[0]))->n[%d]' % v)) for v in range(256)))", r"^\d+$"),
        ("delete", ""), ("continue", "exited normally"))
    log = [line for line in outputs[6].splitlines() if line.startswith("[")]
    console = guest.end(0).text.splitlines()
    shown = [line for line in console if re.match(r"\[ *\d+\.\d{6}\] ", line)]
    ctx.equal(log, shown[:len(log)], "px-dmesg and the console")
    ctx.check(len(log) > 30, "a short log")
    counted = sum(int(line.split()[1]) for line in outputs[9].splitlines()[1:])
    ctx.equal(counted, int(outputs[15]), "px-irqs and the counters")
    ours, monitors = outputs[12], outputs[14]
    entries = r"\b[0-9a-f]{16}\b"
    ctx.equal(re.findall(entries, ours.split("->")[0]), re.findall(r": (" + entries + ")", monitors), "page walks")


def memory_tables(append, *words):
    """Stopped where the kernel begins to write a table, then the table."""
    def run(ctx):
        guest = Guest(ctx, *words, "--append", f"quiet show={','.join(TABLES)} {append}")
        steps = [("px-buddyinfo", "not up yet")]
        for table in TABLES:
            steps += [(f"tbreak show_{table}", ""), ("continue", f"show_{table}"), (f"px-{table}", "")]
        outputs = session(ctx, guest, *steps, ("continue", "exited normally"))
        text = guest.end(0).text.replace("\r", "")
        # The kernel says how long the function is, too.
        want = re.sub(r"(\+0x[0-9a-f]+)/0x[0-9a-f]+", r"\1", text).splitlines()
        shown = "".join(outputs[3::3][:len(TABLES)]).splitlines()
        ctx.equal(shown, want, "px- tables and the kernel's")
        ctx.check(len(want) > 10, "short tables")
    return run


def page(model, words=()):
    """Frames that the kernel complains about are described in the words of the complaint, which is in its log."""
    def run(ctx):
        guest = Guest(ctx, *words, "--append", f"quiet selftest=mm memmodel={model}")
        complaint = [("tbreak bad_page", ""), ("continue", "bad_page"), ("px-page page", "^frame "), ("finish", ""),
                     ("px-dmesg", "bad page: ")]
        outputs = session(
            ctx, guest,
            ("break init_main", ""), ("continue", "init_main"), ("delete", ""),
            ("px-page kernel_sched->tasks.next", "^slab kmalloc-1k, "),
            ("px-page kernel_main", "^frame 0x1[0-9a-f]{2}, physical 0x1"), ("px-page $cr3", "^frame "),
            ("px-page 0x10000000000", "not memory"), ("px-page 0", "^frame 0x0"),
            ("px-page 0xffffc8fffffff000", "not mapped"), ("px-page", "usage"),
            *complaint, *complaint, ("kill", ""))
        for at, owner in ((12, ""), (17, "page table")):
            said = re.search(r"frame (\S+),.*\n.* flags (\S+).*\nrefcount (\S+), mapcount (\S+),", outputs[at])
            wants = re.findall(r"bad page: frame (\S+) .*\(flags (\S+) refcount (\S+) mapcount (\S+)\)", outputs[at + 2])
            ctx.equal([int(n, 0) for n in said.groups()], [int(n, 0) for n in wants[-1]], "the frame")
            ctx.contains(outputs[at], owner)
        guest.end(0)
    return run


def locks(cpus):
    """Two threads that wait for each other, when the watchdog tells."""
    def run(ctx):
        guest = Guest(ctx, "--cpus", cpus, "--append", "fault=deadlock watchdog=40 quiet")
        outputs = session(
            ctx, guest,
            ("break init_main", ""), ("continue", "init_main"), ("px-locks", r"\A\Z"), ("delete", ""),
            ("break report_hung", ""), ("continue", "report_hung"),
            ("px-locks", "waits for mutex right_fork, held by partner .*; a deadlock"),
            ("px-ps", "S .* victim +take_left_then_right$", "D .* partner +take_right_then_left$"),
            ("delete", ""), ("continue", "exited normally"))
        told = re.findall(r"hung task: (.*), for \d+ ticks or more", guest.end(0).text)
        ctx.equal(sorted(outputs[6].splitlines()), sorted(told), "px-locks and the watchdog")
        ctx.equal(len(told), 2, "threads that wait")
    return run


def queues(policy, order):
    """As many as the kernel counts, in the order that the policy keeps."""
    def run(ctx):
        guest = Guest(ctx, "--append", f"quiet demo=switch sched={policy}")
        outputs = session(
            ctx, guest,
            ("break demo.c:spin", ""), ("continue", "spin"), ("delete", ""),
            ("tbreak sched_tick", ""), ("continue", "sched_tick"),
            ("px-runqueues", r"^CPU 0: [2-9] runnable, \d+ switches, running "),
            ("px-percpu runqueues.nr_running", r"^CPU 0: \d+$"), ("px-percpu runqueues.curr.comm", '^CPU 0: "'),
            ("kill", ""))
        guest.end(0)
        lines = outputs[5].splitlines()
        waiting = [int(re.search(order + r" (\d+)", line)[1]) for line in lines[1:]]
        ctx.equal(len(waiting) + 1, int(outputs[6].split()[2]), "tasks shown")
        ctx.equal(waiting, sorted(waiting), order)
        ctx.contains(lines[0], "running " + re.search(r'"([^"\\]*)', outputs[7])[1] + " (")
    return run


def jobs(_env):
    def job(name, fn, timeout=90):
        return Job(f"gdb/{name}", fn, needs=("kvm", "gdb"), timeout=timeout)

    yield job("helper commands", helper_commands)
    for append, words in (("", ()), ("slab=slab cma=16M", ("--numa", "2", "--cpus", "2")), ("slab=slob", ()),
                          ("slab_debug memmodel=sparse", ("--virt", "full"))):
        yield job(f"memory tables {append}".strip(), memory_tables(append, *words))
    for model in ("flat", "discontig", "sparse", "vmemmap"):
        yield job(f"a page, {model}", page(model, ("--numa", "2", "--cpus", "2") if model == "discontig" else ()))
    for cpus in ("1", "2"):
        yield job(f"locks, {cpus} CPU", locks(cpus))
    for policy, order in (("eevdf", "deadline"), ("cfs", "vruntime"), ("o1", "priority"), ("bfs", "deadline")):
        yield job(f"run queues, {policy}", queues(policy, order))
