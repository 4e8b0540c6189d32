# SPDX-License-Identifier: MIT
"""parallax-gdb.py - gdb commands for the tiny kernel: px-ps, px-runqueues, px-dmesg, px-irqs, px-percpu,
px-pagewalk. `help px-NAME` tells more; `help user-defined` does not list them, `apropos px-` does.

gdb loads this file by itself when it lies beside the kernel as parallax.elf-gdb.py and that folder is
in auto-load's safe path, as `parallax debug` arranges. Everything is read from the guest's memory by
the types in its debug information: nothing runs in the guest.
"""

import gdb

PAGE_OFFSET = 0xffff888000000000
START_KERNEL_MAP = 0xffffffff80000000
NR_VECTORS = 256
PTE_ADDRESS = 0x000ffffffffff000

# Kernel addresses can be read before the guest has paging, from the file.
gdb.execute("set trust-readonly-sections on", to_string=True)


# ---- reading ------------------------------------------------------------------------------------

def value(expression):
    return gdb.parse_and_eval(expression)


def static(filename, name):
    """A variable that is static in a file, whatever its name means elsewhere."""
    try:
        return value(f"'{filename}'::{name}")
    except gdb.error:
        symbol = gdb.lookup_static_symbol(name) or gdb.lookup_global_symbol(name)
        if symbol is None:
            raise gdb.GdbError(f"this kernel has no variable {name}") from None
        return symbol.value()


def unsigned(v):
    return int(v.cast(gdb.lookup_type("unsigned long")))


def read(address, size):
    return gdb.selected_inferior().read_memory(address, size).tobytes()


def nr_cpus():
    """CPUs that the kernel has brought online; before that, the first."""
    return max(1, int(value("nr_cpus")))


def per_cpu(variable, cpu):
    """The copy of a per-CPU variable (a gdb.Value of the template) that belongs to cpu."""
    offset = unsigned(value(f"per_cpu_offset[{cpu}]"))
    address = (unsigned(variable.address) + offset) % 2**64
    return gdb.Value(address).cast(variable.type.pointer()).dereference()


def container(pointer, type_name, member):
    kind = gdb.lookup_type(type_name)
    offset, inside = 0, kind
    for name in member.split("."):
        field = next(f for f in inside.fields() if f.name == name)
        offset, inside = offset + field.bitpos // 8, field.type
    return gdb.Value(unsigned(pointer) - offset).cast(kind.pointer()).dereference()


def list_entries(head, type_name, member, limit=100000):
    """The entries of a struct list_head, first to last; stops at a list that is not set up or broken."""
    start, node = unsigned(head.address), head["next"]
    while unsigned(node) not in (0, start) and limit:
        yield container(node, type_name, member)
        node = node.dereference()["next"]
        limit -= 1


def text_of(array):
    data = bytes(int(array[i]) & 0xff for i in range(array.type.range()[1] + 1))
    return data.split(b"\0")[0].decode(errors="replace")


def has_field(kind, name):
    return any(f.name == name for f in kind.fields())


# ---- tasks --------------------------------------------------------------------------------------

STATES = {0: "R", 1: "S", 2: "D", 0x80: "X", 0x102: "D", 0x200: "W", 0x800: "N"}


def tasks():
    yield value("init_thread")["t"]
    yield from list_entries(value("kernel_sched").dereference()["tasks"], "struct task_struct", "sched_node")


def state_of(task):
    """As in ps: R on its way to a CPU or on it, S and D asleep, W being woken, N not started, X dead."""
    state = int(task["state"])
    return STATES.get(state, hex(state))


def address_of(v):
    return unsigned(v.address)


class Ps(gdb.Command):
    """px-ps: every task: pid, state, CPU, run time, switches and name.

A star marks the task that a CPU is running. Idle tasks other than CPU 0's and the stop tasks are not
on the list of all tasks; px-runqueues shows them when they run."""

    def __init__(self):
        super().__init__("px-ps", gdb.COMMAND_STATUS)

    def invoke(self, _argument, _from_tty):
        print(f"{'TASK':<18} {'PID':>5} ST {'CPU':>3} {'RUN MS':>12} {'SWITCHES':>9}  NAME")
        for t in tasks():
            mark = "*" if int(t["on_cpu"]) else " "
            ms = int(t["se"]["sum_exec_runtime"]) / 1e6
            switches = int(t["nvcsw"]) + int(t["nivcsw"])
            print(f"{address_of(t):#018x} {int(t['pid']):>5} {state_of(t)}{mark} {int(t['cpu']):>3} "
                  f"{ms:>12.3f} {switches:>9}  {text_of(t['comm'])}")


class Runqueues(gdb.Command):
    """px-runqueues: for each CPU the running task, those that wait (real time, then fair), and the sleepers."""

    def __init__(self):
        super().__init__("px-runqueues", gdb.COMMAND_STATUS)

    @staticmethod
    def name(pointer):
        if not unsigned(pointer):
            return "none"
        t = pointer.dereference()
        return f"{text_of(t['comm'])} ({int(t['pid'])})"

    def invoke(self, _argument, _from_tty):
        for cpu in range(nr_cpus()):
            pointer = per_cpu(value("runqueues"), cpu)
            if not unsigned(pointer):
                print(f"CPU {cpu}: not set up yet")
                continue
            rq = pointer.dereference()
            print(f"CPU {cpu}: {int(rq['nr_running'])} runnable, {int(rq['nr_switches'])} switches, "
                  f"running {self.name(rq['curr'])}")
            for prio in range(100):
                for t in list_entries(rq["rt"]["queue"][prio], "struct task_struct", "rt.run_list"):
                    self.waits(rq, t, f"real-time priority {99 - prio}")
            for t in list_entries(rq["fair_tasks"], "struct task_struct", "group_node"):
                self.waits(rq, t, f"nice {int(t['static_prio']) - 120}")
            sleepers = per_cpu(static("guest/kernel/timeout.c", "sleepers"), cpu)
            for s in list_entries(sleepers["list"], "struct sleeper", "node"):
                print(f"  sleeps  {self.name(s['task'])} until {int(s['wake_at'])} ns")

    @staticmethod
    def waits(rq, t, how):
        if address_of(t) != unsigned(rq["curr"]):
            print(f"  waits   {text_of(t['comm'])} ({int(t['pid'])}), {how}")


# ---- the log ------------------------------------------------------------------------------------

class Dmesg(gdb.Command):
    """px-dmesg: the kernel log, as the console shows it, whatever the console's level."""

    def __init__(self):
        super().__init__("px-dmesg", gdb.COMMAND_STATUS)

    def invoke(self, _argument, _from_tty):
        log = static("guest/kernel/printk.c", "log")
        if not unsigned(log["buf"]):
            print("the log is empty")
            return
        size = int(log["mask"]) + 1
        ring = read(unsigned(log["buf"]), size)
        pos, end = int(log["first"]), int(log["next"])
        # The header's layout is the kernel's own business: taken from its debug information.
        kind = gdb.lookup_type("struct header")
        place = {f.name: (f.bitpos // 8, f.type.sizeof) for f in kind.fields() if f.name in ("time_ns", "len")}

        def piece(at, n):
            at %= size
            return (ring[at:] + ring)[:n] if at + n > size else ring[at:at + n]

        def field(header, name):
            at, n = place[name]
            return int.from_bytes(header[at:at + n], "little")

        while pos < end:
            header = piece(pos, kind.sizeof)
            length, us = field(header, "len"), field(header, "time_ns") // 1000
            text = piece(pos + kind.sizeof, length).decode(errors="replace")
            print(f"[{us // 1000000:5}.{us % 1000000:06}] {text}")
            pos += (kind.sizeof + length + 7) & ~7


# ---- interrupts and per-CPU variables -----------------------------------------------------------

class Irqs(gdb.Command):
    """px-irqs: how often each vector has fired, on each CPU, as /proc/interrupts."""

    def __init__(self):
        super().__init__("px-irqs", gdb.COMMAND_STATUS)

    def invoke(self, _argument, _from_tty):
        counts = static("guest/kernel/irq.c", "irq_counts")
        actions = static("guest/kernel/irq.c", "actions")
        cpus = range(nr_cpus())
        columns = [per_cpu(counts, cpu)["n"] for cpu in cpus]
        print("VECTOR " + "".join(f"{'CPU' + str(cpu):>11}" for cpu in cpus) + "  NAME")
        for vector in range(NR_VECTORS):
            row = [int(column[vector]) for column in columns]
            name = actions[vector]["name"]
            if not any(row) and not unsigned(name):
                continue
            label = name.string() if unsigned(name) else "?"
            print(f"{vector:>6} " + "".join(f"{n:>11}" for n in row) + f"  {label}")


class PerCpu(gdb.Command):
    """px-percpu NAME[.FIELD...]: a per-CPU variable as each CPU has it."""

    def __init__(self):
        super().__init__("px-percpu", gdb.COMMAND_DATA, gdb.COMPLETE_SYMBOL)

    def invoke(self, argument, _from_tty):
        name, dot, path = argument.strip().partition(".")
        if not name:
            raise gdb.GdbError("usage: px-percpu NAME[.FIELD...]")
        variable = static("", name)
        for cpu in range(nr_cpus()):
            copy = per_cpu(variable, cpu)
            if dot:
                for field in path.split("."):
                    copy = copy[field]
            print(f"CPU {cpu}: {copy}")


# ---- page tables --------------------------------------------------------------------------------

LEVELS = {4: ("pte", "pmd", "pud", "pgd"), 5: ("pte", "pmd", "pud", "p4d", "pgd")}


def virtual(physical):
    """The linear map's name of a physical address, or what maps it before there is one."""
    return physical + PAGE_OFFSET


class PageWalk(gdb.Command):
    """px-pagewalk ADDRESS: the entries that the CPU's own page tables have for an address.

Reads the tables through the kernel's linear map, from CR3 on; `monitor walk` does the same from outside."""

    def __init__(self):
        super().__init__("px-pagewalk", gdb.COMMAND_DATA)

    def invoke(self, argument, _from_tty):
        address = unsigned(value(argument))
        if not int(value("(unsigned long)$cr0")) >> 31 & 1:
            raise gdb.GdbError("paging is off: every address is physical")
        levels = 5 if int(value("(unsigned long)$cr4")) >> 12 & 1 else 4
        table = int(value("(unsigned long)$cr3")) & PTE_ADDRESS
        for level in range(levels, 0, -1):
            shift = 12 + 9 * (level - 1)
            index = address >> shift & 511
            entry = int.from_bytes(read(virtual(table + 8 * index), 8), "little")
            flags = [n for bit, n in ((0, "P"), (1, "W"), (2, "U"), (3, "PWT"), (4, "PCD"), (5, "A"), (6, "D"),
                                      (7, "PS"), (8, "G"), (63, "NX")) if entry >> bit & 1]
            print(f"{LEVELS[levels][level - 1]}[{index:3}] {entry:016x}  {' '.join(flags)}")
            if not entry & 1:
                print(f"{address:#x}: not mapped")
                return
            if level == 1 or (entry >> 7 & 1 and level <= 3):
                size = 1 << shift
                physical = (entry & PTE_ADDRESS & ~(size - 1)) | (address & (size - 1))
                print(f"{address:#x} -> physical {physical:#x}, "
                      f"{ {12: '4K', 21: '2M', 30: '1G'}[shift] } page")
                return
            table = entry & PTE_ADDRESS


for command in (Ps, Runqueues, Dmesg, Irqs, PerCpu, PageWalk):
    command()
