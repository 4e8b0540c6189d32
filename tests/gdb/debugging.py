# SPDX-License-Identifier: MIT
"""debugging.py - Debian's gdb on guests under /dev/kvm: what a person does in a session, scripted."""

import re
import time

from harness.assemble import NEEDS as ASM
from harness.assemble import assemble
from harness.core import Job

from gdb import cost, emulated, helpers, peers
from gdb.debugger import INTERRUPT, Guest, expect, session, wait_for

GDB = ("kvm", "gdb")


def first_instruction(ctx):
    """From the PVH entry, before paging, into C: a breakpoint on an address that is not mapped yet."""
    guest = Guest(ctx, "--append", "exit=3 quiet")
    session(
        ctx, guest,
        ("info registers rip cr0 efer", r"^rip +0x100000", r"^cr0 .*\[ PE ET \]", r"^efer +0x0 "),
        ("monitor regs", "paging off", "^cs .*32-bit"),
        ("stepi", ""),
        ("p $rip > 0x100000 && $rip < 0x100010", "= 1"),
        ("break kernel_main", "Breakpoint 1 at"),
        ("continue", "Breakpoint 1, kernel_main"),
        ("info registers cr0 efer", r"^cr0 .* PG ", r"^efer .* LMA "),
        ("monitor walk 0xffffffff80100000", "PML4 .* P W", "-> physical 100000"),
        ("delete", ""),
        ("continue", r"exited with code 03"))
    guest.end(3)


def frames(ctx):
    """Backtrace with source lines, arguments, locals, step, next, until, finish."""
    guest = Guest(ctx, "--append", "exit=0 quiet")
    session(
        ctx, guest,
        ("break kernel_main", ""), ("continue", "kernel_main"),
        ("break vprintk", ""), ("continue", "Breakpoint 2, vprintk"),
        ("bt", r"#0  vprintk \(level=.*\) at guest/kernel/printk.c:\d+", r"#\d .* kernel_main \(.*main.c:\d+",
         r"#\d .* pvh_start \(\) at guest/arch/x86/boot.S:\d+"),
        ("info args", r"^level = \d", r'^fmt = .*"Parallax tiny kernel'),
        ("info locals", r"^text = "),
        ("next", r"^\d+\t"),
        ("p $_siginfo", ""),
        ("finish", "Run till exit|printk"),
        ("up", "kernel_main"),
        ("tbreak init_main", ""), ("delete 1", ""), ("delete 2", ""),
        ("continue", "init_main"),
        ("next", r"^\d+\t"),
        ("until", r"^\d+\t"),
        ("step", r"\d+\t"),
        ("bt", "task_first_run|init_main"),
        ("kill", ""))
    guest.end(0)


def through_a_switch(ctx):
    """`finish` out of the scheduler: other tasks run, with the same code, before it returns to this one."""
    guest = Guest(ctx, "--append", "demo=switch")
    session(
        ctx, guest,
        ("break msleep", ""), ("continue", "Breakpoint 1, msleep"),
        ("set $me = $gs_base", ""), ("set $sp_then = $rsp", ""),
        ("delete", ""),
        ("finish", r"^\d+\t"),
        # back in the same task's stack, 60 ms and several switches later
        ("p $rsp > $sp_then && $rsp - $sp_then < 0x100", "= 1"),
        ("kill", ""))
    guest.end(0)


def hidden(ctx):
    """Memory shows the guest's own bytes under a breakpoint, which survives being written over."""
    guest = Guest(ctx, "--append", "exit=4 quiet")
    outputs = session(
        ctx, guest,
        ("break kernel_main", ""), ("continue", "Breakpoint 1"),
        ("set trust-readonly-sections off", ""),
        ("delete", ""),
        ("x/4xb init_main", "init_main"),
        ("set breakpoint always-inserted on", ""),
        ("break *init_main", "Breakpoint 2"),
        ("monitor points", "break .*by int3"),
        ("x/4xb init_main", "init_main"),
        ("python print(hex(int(gdb.parse_and_eval('(unsigned long)init_main')) - 0xffffffff80000000))", "0x"),
        ("python gdb.execute('monitor phys 0x%x 4' % (int(gdb.parse_and_eval('(unsigned long)init_main')) "
         "- 0xffffffff80000000))", ""),
        ("set var *(char*)init_main = *(char*)init_main", ""),
        ("x/4xb init_main", ""),
        ("continue", "Breakpoint 2, init_main"),
        ("delete", ""),
        ("x/4xb init_main", ""),
        ("continue", "exited with code 04"))
    own = outputs[4].split(":")[1].split()
    for at in (8, 12, 15):
        ctx.equal(outputs[at].split(":")[1].split(), own, "the bytes of init_main")
    guest.end(4)


def watch(ctx):
    """A variable is watched, by the debug registers or by stepping, and the store is found."""
    guest = Guest(ctx, "--append", "exit=0 quiet")
    session(
        ctx, guest,
        ("break kernel_main", ""), ("continue", "kernel_main"),
        ("delete", ""),
        ("watch start_info_phys", "Hardware watchpoint 2"),
        ("continue", "Old value = 0", r"New value = [1-9]\d*", "kernel_main"),
        ("bt 1", "#0  kernel_main"),
        ("delete", ""),
        ("kill", ""))
    guest.end(0)


def watch_reads(ctx):
    """rwatch and awatch, by debug registers or by decoding each instruction, on either CPU."""
    for cpus in (1, 2):
        guest = Guest(ctx, "--cpus", str(cpus), "--append", "exit=0 quiet")
        session(
            ctx, guest,
            ("break kernel_main", ""), ("continue", "kernel_main"), ("delete", ""),
            ("awatch start_info_phys", "access .* watchpoint 2"),
            ("continue", "Old value = 0", r"New value = [1-9]\d*", "kernel_main"),
            ("continue", r"^Value = [1-9]\d*", "boot_loader"),
            ("delete", ""),
            ("rwatch start_info_phys", "read watchpoint 3"), ("rwatch boot_info.cmdline", "read watchpoint 4"),
            ("continue", "read watchpoint 4: boot_info.cmdline", '^Value = "exit=0 quiet'),
            ("delete", ""),
            *([("tbreak smp_boot", ""), ("continue", "smp_boot"), ("tbreak on_each_cpu", ""),
               ("continue", "on_each_cpu"),
               ("rwatch call.fn", "read watchpoint 7"),
               ("continue", 'Thread 2 "CPU#1" hit Hardware read watchpoint 7: call.fn'), ("delete", "")]
              if cpus > 1 else []),
            ("kill", ""))
        guest.end(0)


def hardware_breakpoints(ctx):
    """Four of them; a fifth is refused with an error, and works once there is room."""
    guest = Guest(ctx, "--append", "exit=0 quiet")
    session(
        ctx, guest,
        ("hbreak kernel_main", "Hardware assisted breakpoint 1"), ("continue", "Breakpoint 1, kernel_main"),
        ("hbreak vprintk", ""), ("hbreak init_main", ""), ("hbreak schedule", ""), ("hbreak msleep", ""),
        ("continue", "Could not insert hardware breakpoint"),
        ("delete 5", ""), ("delete 1", ""), ("delete 4", ""),
        ("continue", "Breakpoint 2, vprintk"),
        ("delete 2", ""),
        ("continue", "Breakpoint 3, init_main"),
        ("kill", ""))
    guest.end(0)


def two_cpus(ctx):
    """Threads are CPUs; a breakpoint of one thread leaves the other alone, and stepping as well."""
    guest = Guest(ctx, "--cpus", "2", "--append", "demo=switch")
    session(
        ctx, guest,
        ("info threads", r"^\* 1 .*CPU#0.*running", r"^  2 .*CPU#1.*not started"),
        ("break smp_boot", ""), ("continue", "smp_boot"), ("delete", ""),
        ("break demo.c:spin thread 2", "Breakpoint 2"),
        ("continue", 'Thread 2 "CPU#1" hit Breakpoint 2, spin'),
        ("p cpu_number", ""),
        ("info threads", r"^  1 .*CPU#0", r"^\* 2 .*CPU#1"),
        ("stepi", "spin|0x"),
        ("stepi", "spin|0x"),
        ("p $_thread", "= 2"),
        ("thread apply all bt 1", 'Thread 2 .*"CPU#1"', 'Thread 1 .*"CPU#0"'),
        ("thread 1", "Switching to thread 1"),
        ("info registers gs_base", r"^gs_base +0xffff888"),
        ("delete", ""),
        ("break sched_tick thread 1", ""),  # both come there all the time
        ("continue", 'Thread 1 "CPU#0" hit Breakpoint 3, sched_tick'),
        ("delete", ""),
        ("continue", "exited normally"))
    done = guest.end(0)
    ctx.contains(done.out, "context switches")


def both_at_once(ctx):
    """A breakpoint that both CPUs keep running into: each hit is told, none is lost, none kills the guest."""
    guest = Guest(ctx, "--cpus", "2", "--append", "loop nohz=off quiet")  # ticks on the idle CPU as well
    outputs = session(
        ctx, guest,
        ("break init_main", ""), ("continue", "init_main"), ("delete", ""),
        ("break sched_tick", "Breakpoint"),
        *[("continue", "hit Breakpoint .*, sched_tick")] * 12,
        ("delete", ""),
        (INTERRUPT, ""), ("continue", "SIGINT"), ("bt", "init_main|cpu_idle_loop"),
        ("kill", ""))
    threads = set(re.findall(r'Thread (\d) ', "".join(outputs[4:16])))
    ctx.equal(threads, {"1", "2"}, "threads that reached the tick")
    guest.end(0)


def interrupt(ctx):
    """^C stops a guest that spins, and one whose CPUs are all halted."""
    guest = Guest(ctx, "--append", "loop quiet", paused=False)
    session(
        ctx, guest,
        (INTERRUPT, ""), ("continue", "SIGINT"), ("bt", "init_main"),
        (INTERRUPT, ""), ("continue", "SIGINT"),
        # From a handler, through the registers that its entry saved, to what it interrupted.
        ("break sched_tick", ""), ("continue", "sched_tick"),
        ("bt", r"#\d+ .* trap_entry .*\n#\d+ .*<signal handler called>\n#\d+ .*\b(cpu_relax|init_main) \("),
        ("finish", "tick_handle"), ("delete", ""),
        ("kill", ""))
    guest.end(0)
    guest = Guest(ctx, "--append", "halt quiet", "--cpus", "2", paused=False)
    session(ctx, guest, (INTERRUPT, ""), ("continue", "SIGINT"), ("info threads", "halted"), ("kill", ""))
    guest.end(0)


def change_a_register(ctx):
    guest = Guest(ctx, "--append", "exit=3 quiet")
    session(
        ctx, guest,
        ("break kernel_main", ""), ("continue", ""),
        ("break machine_exit", ""), ("continue", "machine_exit"),
        ("p $rdi", "= 3"), ("set $rdi = 42", ""), ("p $rdi", "= 42"),
        ("set $xmm3.v4_int32[2] = 77", ""), ("p $xmm3.v4_int32[2]", "= 77"),
        ("set $st0 = 1.5", ""), ("p $st0", "= 1.5"),
        ("set $k_gs_base = 0x1234567890", ""), ("p/x $k_gs_base", "0x1234567890"),
        ("set $eflags = $eflags | 1", ""), ("p $eflags", "CF"),
        ("set $cr0 = $cr0 & ~1", "Could not write register"),  # PG without PE: no CPU takes that
        ("p $cr0", "PE .*PG"),
        ("continue", "exited with code 052"))
    guest.end(42)


def change_memory(ctx):
    guest = Guest(ctx, "--append", "exit=3 quiet")
    session(
        ctx, guest,
        ("break init_main", ""), ("continue", "init_main"),
        ("p (char*)boot_info.cmdline", "exit=3 quiet"),
        ("set var ((char*)boot_info.cmdline)[5] = '9'", ""),
        ("p (char*)boot_info.cmdline", "exit=9 quiet"),
        ("x/2xb 0", "Cannot access memory"),
        ("set var *(int*)8 = 1", "Cannot access memory"),
        ("delete", ""),
        ("continue", "exited with code 011"))
    guest.end(9)


def detach_and_return(ctx):
    """Detached, the guest goes on; a second gdb finds it running; the third kills it."""
    guest = Guest(ctx, "--append", "loop quiet")
    session(ctx, guest, ("break init_main", ""), ("continue", "init_main"), ("detach", "detached"))
    before = guest.cpu_ticks()
    wait_for(lambda: guest.cpu_ticks() > before + 10, "the guest does not run after detach")
    session(ctx, guest, ("bt", "init_main"), ("info breakpoints", "No breakpoints"))
    session(ctx, guest, ("stepi", ""), ("kill", ""))
    guest.end(0)


def crash(ctx):
    """A triple fault stops in gdb where it happened; going on ends the guest as it would have."""
    image = assemble(ctx, "hostile/triple_fault.asm")
    guest = Guest(ctx, image)
    session(ctx, guest, ("continue", "SIGSEGV"), ("info threads", "crashed"), ("p $rip != 0", "= 1"),
            ("continue", "exited with code 0176"), kernel="/dev/null")
    ctx.contains(guest.end(126).err, "triple fault")


def real_mode(ctx):
    """16-bit code, flat image: single steps and a breakpoint by linear address."""
    image = assemble(ctx, "samples/flat.asm")
    guest = Guest(ctx, "--flat", image)
    session(ctx, guest, ("info registers rip cs cr0", r"^cr0 +0x10 "), ("stepi", ""), ("stepi", ""),
            ("p $rip > 0", "= 1"), ("monitor regs", "paging off"), ("detach", ""), kernel="/dev/null")
    guest.end(5)


def monitor(ctx):
    guest = Guest(ctx, "--cpus", "2", "--append", "exit=0 quiet")
    session(
        ctx, guest,
        ("break init_main", ""), ("continue", ""),
        ("monitor help", "^walk", "^quit"), ("monitor regs", "cpl 0, interrupts on, paging 4 levels", "^gdt "),
        ("monitor exits", r"^io +[1-9]\d*", "^total"), ("monitor irq", "^CPU#0: ", "^CPU#1: ", "in service"),
        ("monitor io", "^port .*uart16550"), ("monitor phys 0x100000 16", r"^000000100000: ([0-9a-f]{2} ){16}"),
        ("monitor phys 0x100000000000", "not memory"), ("monitor walk 0x10", "not present"),
        ("monitor walk 0x8000000000000000", "not a canonical address"), ("monitor walk", "usage"),
        ("monitor frobnicate", "no such command"),
        ("monitor quit", ""))
    guest.end(0)


def reset(ctx):
    """Power-on again, under the debugger and from outside: breakpoints of every kind go on being hit."""
    guest = Guest(ctx, "--cpus", "2", "--append", "exit=7 quiet")
    again = [("continue", r"Breakpoint \d+, kernel_main"), ("continue", r"Breakpoint \d+, init_main")]
    session(
        ctx, guest,
        ("break kernel_main", ""), ("break init_main", ""), *again,
        ("p nr_cpus", "= 2"),
        ("monitor reset", "as at power-on"), ("maintenance flush register-cache", ""),
        ("info registers rip cr0", r"^rip +0x100000", r"^cr0 .*\[ PE ET \]"),
        ("info threads", r"^  2 .*CPU#1.*not started"),
        *again,
        ("set breakpoint always-inserted on", ""), ("break machine_exit", ""), ("px-reset", "0x0*100000 "),
        *again, ("continue", "machine_exit"), ("px-reset", "0x0*100000 "), *again,
        ("delete", ""), ("continue", "exited with code 07"))
    guest.end(7)


def reset_by_the_guest(ctx):
    """The guest resets itself: its memory is new, and so are the patches in it."""
    guest = Guest(ctx, "--append", "prompt quiet", "--serial", "null")
    session(
        ctx, guest,
        ("break kernel_main", ""), ("continue", "kernel_main"), ("break prompt_run", ""), ("continue", "prompt_run"),
        ("tbreak next_byte", ""), ("continue", "next_byte"),
        ("set $rip = (long)reboot", ""), ("continue", "kernel_main"), ("continue", "prompt_run"), ("kill", ""))
    guest.end(0)


def debug_verb(ctx):
    """`parallax debug`: connected, symbols and helpers loaded, nothing left behind."""
    done = ctx.run([ctx.env.parallax, "debug", "--append", "exit=0 quiet", ctx.env.kernel, "--", "-nx", "-batch",
                    "-ex", "break init_main", "-ex", "continue", "-ex", "px-ps", "-ex", "bt"], timeout=40)
    ctx.equal(done.status, 0, "status")
    expect(ctx, "debug", done.text, "Breakpoint 1, init_main", "swapper/0", r"#0  init_main .*init.c:\d+")


def debug_refuses(ctx):
    for words, status, text in ((["--gdb", "1234"], 2, "--gdb"), (["--dry-run"], 2, "--dry-run"),
                                (["/no/such/kernel"], 125, "/no/such/kernel"), (["--kvm", "/nonexistent"], 125, "kvm")):
        done = ctx.run([ctx.env.parallax, "debug", *words])
        ctx.equal(done.status, status, f"status of {words}")
        ctx.contains(done.err, text)
        ctx.equal(len(done.err.splitlines()), 1, "lines on stderr")
    for words, text in ((["--paused", "--qmp", "none"], "--gdb"), (["--gdb", "99999"], "--gdb 99999"), (["--gdb", "unix:"], "path"),
                        (["--gdb", "host:"], "--gdb host:"), (["--gdb", "x"], "--gdb x")):
        done = ctx.run([ctx.env.parallax, "run", *words])
        ctx.equal(done.status, 2, f"status of {words}")
        ctx.contains(done.err, text)


def jobs(_env):
    def job(name, fn, needs=GDB, **kw):
        return Job(f"gdb/{name}", fn, needs=needs, timeout=kw.pop("timeout", 90), **kw)

    yield job("first instruction", first_instruction)
    yield job("frames and steps", frames)
    yield job("finish through a context switch", through_a_switch)
    yield job("breakpoints are hidden", hidden)
    yield job("watch a variable", watch)
    yield job("watch for reads", watch_reads)
    yield job("hardware breakpoints", hardware_breakpoints)
    yield job("2 CPUs", two_cpus)
    yield job("2 CPUs at one breakpoint", both_at_once)
    yield job("interrupt", interrupt)
    yield job("change a register", change_a_register)
    yield job("change memory", change_memory)
    yield job("detach and return", detach_and_return)
    yield job("crash", crash, (*GDB, *ASM))
    yield job("real mode", real_mode, (*GDB, *ASM))
    yield job("monitor", monitor)
    yield job("reset", reset)
    yield job("reset by the guest", reset_by_the_guest)
    yield job("debug verb", debug_verb)
    yield job("debug refuses", debug_refuses, ("kvm",))
    yield from cost.jobs(_env)
    yield from emulated.jobs(_env)
    yield from helpers.jobs(_env)
    yield from peers.jobs(_env)
