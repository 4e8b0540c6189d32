# SPDX-License-Identifier: MIT
"""parallax-gdb.py - gdb commands for the tiny kernel: px-ps, px-runqueues, px-locks, px-dmesg, px-irqs,
px-percpu, px-pagewalk, px-reset; and those of parallax-gdb-memory.py, which the build puts behind this file.
`help px-NAME` tells more; `help user-defined` does not list them, `apropos px-` does.

gdb loads this file by itself when it lies beside the kernel as parallax.elf-gdb.py and that folder is
in auto-load's safe path, as `parallax debug` arranges. Everything is read from the guest's memory by
the types in its debug information: nothing runs in the guest.
"""

import re
import struct

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
    offset = int(value(f"(unsigned long)&(({type_name} *)0)->{member}"))
    return gdb.Value(unsigned(pointer) - offset).cast(gdb.lookup_type(type_name).pointer()).dereference()


def list_entries(head, type_name, member, limit=100000):
    """The entries of a struct list_head, first to last; stops at a list that is not set up or broken."""
    start, node = unsigned(head.address), head["next"]
    while unsigned(node) not in (0, start) and limit:
        yield container(node, type_name, member)
        node = node.dereference()["next"]
        limit -= 1


def tree_nodes(root, limit=100000):
    """The nodes of a struct rb_root, in order."""
    path, node = [], root["node"]
    while (path or unsigned(node)) and limit:
        while unsigned(node):
            path.append(node)
            node = node.dereference()["left"]
        node = path.pop()
        yield node
        node = node.dereference()["right"]
        limit -= 1


def text_of(array):
    data = bytes(int(array[i]) & 0xff for i in range(array.type.range()[1] + 1))
    return data.split(b"\0")[0].decode(errors="replace")


def symbol_at(address):
    """name+0xoffset, as the kernel prints code addresses but for the function's size."""
    found = re.match(r"(\S+)(?: \+ (\d+))? in section", gdb.execute(f"info symbol {address:#x}", to_string=True))
    return f"{found[1]}+{int(found[2] or 0):#x}" if found else hex(address)


# ---- tasks --------------------------------------------------------------------------------------

STATES = {0: "R", 1: "S", 2: "D", 0x80: "X", 0x102: "D", 0x200: "W", 0x800: "N"}


def run_queue(cpu):
    """A CPU's struct rq, or None before it is set up."""
    pointer = per_cpu(value("runqueues"), cpu)
    return pointer.dereference() if unsigned(pointer) else None


def tasks():
    """All tasks; each CPU's idle and stop task, which no list of the kernel has, first."""
    yield value("init_thread")["t"]
    for cpu in range(nr_cpus()):
        rq = run_queue(cpu)
        for name in ("idle", "stop") if rq is not None else ():
            if unsigned(rq[name]) and unsigned(rq[name]) != address_of(value("init_thread")["t"]):
                yield rq[name].dereference()
    yield from list_entries(value("kernel_sched").dereference()["tasks"], "struct task_struct", "sched_node")


def state_of(task):
    """As in ps: R on its way to a CPU or on it, S and D asleep, W being woken, N not started, X dead."""
    state = int(task["state"])
    return STATES.get(state, hex(state))


def address_of(v):
    return unsigned(v.address)


class Ps(gdb.Command):
    """px-ps: every task: pid, state, priority, CPU, run time, switches, name, and where it sleeps.

A star marks the task that a CPU is running. PRIO is as in /proc/PID/sched: below 0 deadline, to 99 real time
(99 is the lowest), 100 to 139 nice -20 to 19. SLEEPS IN is the function that called the scheduler, or what
called the lock that is waited for."""

    def __init__(self):
        super().__init__("px-ps", gdb.COMMAND_STATUS)

    # On the way from a function that wants to sleep to the context switch.
    WAITING = re.compile(r"guest/(sched|locking|time|defer)/|guest/arch/x86/entry.S|guest/env/|guest/kernel/(sched|timers?)\\.c")

    @classmethod
    def sleeps_in(cls, task):
        """By the chain of frame pointers that __switch_to_asm left on the stack (six registers, RBP last)."""
        stack = int(container(task.address, "struct thread", "t")["sp"])
        try:
            rbp, pc = struct.unpack("<2Q", read(stack + 40, 16))
            for _ in range(32):
                found = gdb.find_pc_line(pc - 1)
                if not found.symtab or not cls.WAITING.search(found.symtab.filename):
                    return symbol_at(pc).split("+")[0]
                rbp, pc = struct.unpack("<2Q", read(rbp, 16))
        except (gdb.MemoryError, gdb.error):
            pass
        return ""

    def invoke(self, _argument, _from_tty):
        print(f"{'TASK':<18} {'PID':>5} ST {'PRIO':>4} {'CPU':>3} {'RUN MS':>12} {'SWITCHES':>9}  {'NAME':<15}  SLEEPS IN")
        for t in tasks():
            mark = "*" if int(t["on_cpu"]) else " "
            ms = int(t["se"]["sum_exec_runtime"]) / 1e6
            switches = int(t["nvcsw"]) + int(t["nivcsw"])
            where = self.sleeps_in(t) if int(t["state"]) and switches and not int(t["on_cpu"]) else ""
            print(f"{address_of(t):#018x} {int(t['pid']):>5} {state_of(t)}{mark} {int(t['prio']):>4} {int(t['cpu']):>3} "
                  f"{ms:>12.3f} {switches:>9}  {text_of(t['comm']):<15}  {where}".rstrip())


class Runqueues(gdb.Command):
    """px-runqueues: for each CPU the running task and those that wait, each class in the order of its queue.

Deadline tasks by deadline, real time by priority, fair tasks as their policy has them: eevdf and cfs as they
stand in the tree, groups with what is in them below; o1 by priority, first those with time left; bfs by
deadline."""

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
            rq = run_queue(cpu)
            if rq is None:
                print(f"CPU {cpu}: not set up yet")
                continue
            print(f"CPU {cpu}: {int(rq['nr_running'])} runnable, {int(rq['nr_switches'])} switches, "
                  f"running {self.name(rq['curr'])}")
            self.curr = unsigned(rq["curr"])
            for node in tree_nodes(rq["dl"]["root"]["root"]):
                t = container(node, "struct task_struct", "dl.node")
                self.waits(t, f"deadline {int(t['dl']['deadline'])} ns")
            for prio in range(100):
                for t in list_entries(rq["rt"]["queue"][prio], "struct task_struct", "rt.run_list"):
                    self.waits(t, f"real-time priority {99 - prio}")
            shown = self.fair(rq["cfs"], "  ") | self.older(rq)
            for t in list_entries(rq["fair_tasks"], "struct task_struct", "group_node"):
                if address_of(t) not in shown:
                    self.waits(t, f"nice {int(t['static_prio']) - 120}")

    def older(self, rq):
        """The tasks of a policy without a tree; o1 and bfs share memory in the task."""
        policy = rq["sched"]["chain"][int(value("SLOT_FAIR"))]["name"].string()
        found = []
        if policy == "o1":
            for half in ("active", "expired"):
                queues = rq["o1"][half]["queue"]
                for i in range(queues.type.range()[1] + 1):
                    found += [(t, f"priority {100 + i}, {half}")
                              for t in list_entries(queues[i], "struct task_struct", "o1.run_list")]
        elif policy == "bfs":
            found = [(t, f"deadline {int(t['bfs']['deadline'])}")
                     for t in list_entries(rq["fair_tasks"], "struct task_struct", "group_node")]
            found.sort(key=lambda entry: int(entry[0]["bfs"]["deadline"]))
        for t, where in found:
            self.waits(t, f"nice {int(t['static_prio']) - 120}, {where}")
        return {address_of(t) for t, _ in found}

    def fair(self, cfs, indent):
        """The tree, groups inside it; the addresses of the tasks that were seen, also of those that run."""
        seen = set()
        for node in tree_nodes(cfs["timeline"]["root"]):
            se = container(node, "struct sched_entity", "run_node")
            where = f"vruntime {int(se['vruntime'])}, deadline {int(se['deadline'])}"
            if unsigned(se["my_q"]):
                print(f"{indent}group   {address_of(se):#x}, weight {int(se['weight'])}, {where}")
                seen |= self.fair(se["my_q"].dereference(), indent + "  ")
                continue
            t = container(se.address, "struct task_struct", "se")
            seen.add(address_of(t))
            late = ", paying back" if int(se["sched_delayed"]) else ""
            self.waits(t, f"nice {int(t['static_prio']) - 120}, {where}{late}", indent)
        return seen

    def waits(self, t, how, indent="  "):
        if address_of(t) != self.curr:
            print(f"{indent}waits   {text_of(t['comm'])} ({int(t['pid'])}), {how}")


# ---- locks --------------------------------------------------------------------------------------

BLOCKERS = ("mutex", "reading rwsem", "writing rwsem", "semaphore")  # enum blocker_kind


def waits_for(task):
    """What a task waits for, as (description, owner's address or 0, number of readers); None: no lock."""
    if unsigned(task["pi_blocked_on"]):
        lock = task["pi_blocked_on"]["lock"]
        return f"rt_mutex {lock['dep']['name'].string()}", unsigned(lock["owner"]), 0
    blocker = int(task["blocker"])
    if not blocker:
        return None
    kind, address = BLOCKERS[blocker & 7], gdb.Value(blocker & ~7)
    if kind == "semaphore":
        return f"semaphore {blocker & ~7:#x}", 0, 0
    lock = address.cast(gdb.lookup_type("struct mutex" if kind == "mutex" else "struct rw_semaphore").pointer())
    what = f"{kind} {lock['dep']['name'].string()}"
    if kind == "mutex":
        return what, int(lock["owner"]) & ~7, 0
    return what, unsigned(lock["writer"]), int(lock["readers"])


class Locks(gdb.Command):
    """px-locks: each task that waits for a lock, for which, and who holds it.

Mutexes, rt_mutexes, semaphores and rwsems; spinlocks have no owner that is known. Where holding and waiting
go round in a circle it says so."""

    def __init__(self):
        super().__init__("px-locks", gdb.COMMAND_STATUS)

    def invoke(self, _argument, _from_tty):
        everybody = {address_of(t): t for t in tasks()}
        waiting = {address: waits_for(t) for address, t in everybody.items()}
        for address, t in everybody.items():
            if not waiting[address]:
                continue
            what, owner, readers = waiting[address]
            line = f"{self.name(t)} waits for {what}"
            if owner in everybody:
                line += f", held by {self.name(everybody[owner])}"
            elif owner:
                line += ", held by a task that has ended"
            elif readers:
                line += f", held by {readers} reader" + "s" * (readers > 1)
            print(line + "; a deadlock" * self.circle(address, waiting))

    @staticmethod
    def name(task):
        return f"{text_of(task['comm'])} ({int(task['pid'])})"

    @staticmethod
    def circle(start, waiting):
        at, steps = waiting[start][1], 0
        while waiting.get(at) and at != start and steps < len(waiting):
            at, steps = waiting[at][1], steps + 1
        return at == start


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


def walk(address):
    """The entries for an address, from CR3 on, as (name, index, entry); its physical address and the size
    of its page as a shift, or None twice."""
    levels = 5 if int(value("(unsigned long)$cr4")) >> 12 & 1 else 4
    table = int(value("(unsigned long)$cr3")) & PTE_ADDRESS
    entries = []
    for level in range(levels, 0, -1):
        shift = 12 + 9 * (level - 1)
        index = address >> shift & 511
        entry = int.from_bytes(read(virtual(table + 8 * index), 8), "little")
        entries.append((LEVELS[levels][level - 1], index, entry))
        if not entry & 1:
            break
        if level == 1 or (entry >> 7 & 1 and level <= 3):
            size = 1 << shift
            return entries, (entry & PTE_ADDRESS & ~(size - 1)) | (address & (size - 1)), shift
        table = entry & PTE_ADDRESS
    return entries, None, None


class PageWalk(gdb.Command):
    """px-pagewalk ADDRESS: the entries that the CPU's own page tables have for an address.

Reads the tables through the kernel's linear map, from CR3 on; `monitor walk` does the same from outside."""

    FLAGS = ((0, "P"), (1, "W"), (2, "U"), (3, "PWT"), (4, "PCD"), (5, "A"), (6, "D"), (7, "PS"), (8, "G"), (63, "NX"))

    def __init__(self):
        super().__init__("px-pagewalk", gdb.COMMAND_DATA)

    def invoke(self, argument, _from_tty):
        address = unsigned(value(argument))
        if not int(value("(unsigned long)$cr0")) >> 31 & 1:
            raise gdb.GdbError("paging is off: every address is physical")
        entries, physical, shift = walk(address)
        for name, index, entry in entries:
            flags = [n for bit, n in self.FLAGS if entry >> bit & 1]
            print(f"{name}[{index:3}] {entry:016x}  {' '.join(flags)}")
        if physical is None:
            print(f"{address:#x}: not mapped")
        else:
            print(f"{address:#x} -> physical {physical:#x}, { {12: '4K', 21: '2M', 30: '1G'}[shift] } page")


# ---- the machine --------------------------------------------------------------------------------

class Reset(gdb.Command):
    """px-reset: power-on again: stops at the first instruction, breakpoints kept."""

    def __init__(self):
        super().__init__("px-reset", gdb.COMMAND_RUNNING)

    def invoke(self, _argument, from_tty):
        gdb.execute("monitor reset", to_string=True)
        gdb.execute("maintenance flush register-cache", to_string=True)
        gdb.execute("maintenance flush dcache", to_string=True)
        gdb.execute("frame", from_tty)


for command in (Ps, Runqueues, Locks, Dmesg, Irqs, PerCpu, PageWalk, Reset):
    command()
