# SPDX-License-Identifier: MIT
"""emulated.py - this machine's gdb on guests in the testbed, through a second virtio port of the outer
Linux: the tiny kernel, and Debian's own kernel as it is. What the emulated SVM can show: it delivers no
breakpoints, so that guests are stopped and stepped (tests/testbed/README.md).
"""

import shlex
import subprocess
import sys

from harness.core import ROOT, Failed, Job
from linux.testbed import TESTBED, zydis

from gdb.debugger import expect, gdb

CONVERTER = ROOT / "guest" / "gdb" / "kallsyms-elf.py"

# In the outer Linux: the port is a file, on which the other side's first byte (an acknowledgment that says
# nothing) tells that gdb is there; then it is the debugger's connection.
INSIDE = """
port=$(grep -l '^gdb$' /sys/class/virtio-ports/*/name); port=${port%/name}; port=/dev/${port##*/}
ifconfig lo 127.0.0.1 up
@RUN >$TMPDIR/out 2>&1 &
vmm=$!
until grep -q ':04D2 ' /proc/net/tcp; do sleep 0.1; done
echo GDB-MAY-COME
exec 3<>$port
until [ -n "$(dd bs=1 count=1 <&3 2>/dev/null)" ]; do sleep 0.1; done
nc 127.0.0.1 1234 <&3 >&3
wait $vmm
status=$?
cat $TMPDIR/out
exit $status
"""

# Stops the guest again and again until `expression` is true of it.
RUN_UNTIL = """python
import os, signal, threading
def run_until(expression, seconds=1.0, tries=60):
    for _ in range(tries):
        threading.Timer(seconds, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        gdb.execute("continue")
        try:
            if int(gdb.parse_and_eval(expression)):
                return print("it is true")
        except gdb.error:
            pass
    print("it never was")
"""


class Machine:
    """One boot of the testbed that runs one guest under --gdb."""

    def __init__(self, ctx, *words, add=(), before=""):
        self.ctx = ctx
        self.socket = ctx.tmp / "gdb"
        script = ctx.tmp / "inside.sh"
        run = shlex.join([str(ctx.env.parallax), "run", "--gdb", "1234", "--paused", "--timeout", "300", *words])
        script.write_text(before + INSIDE.replace("@RUN", run))
        adds = [w for path in (ctx.env.parallax, ctx.env.kernel, script, *zydis(), *add) for w in ("--add", path)]
        qemu = (f"-chardev socket,id=gdb,path={self.socket},server=on,wait=off -device virtio-serial-pci,id=gdbbus "
                "-device virtserialport,bus=gdbbus.0,chardev=gdb,name=gdb")
        self.process = ctx.start([TESTBED / "run-in-testbed", "--timeout", "350", f"--qemu={qemu}", *adds, "--",
                                  "/bin/sh", script], env={"B": str(ctx.env.build)})
        self.said = []
        for line in self.process.popen.stdout:
            self.said.append(line.decode(errors="replace"))
            if self.said[-1] == "GDB-MAY-COME\n":
                return
        done = ctx.finish(self.process)
        raise Failed(f"no guest to debug: {''.join(self.said)} {done.errors}")

    def session(self, *steps, symbols):
        run_until = self.ctx.tmp / "run_until.gdb"
        run_until.write_text(RUN_UNTIL)
        outputs = gdb(self.ctx, self.socket, [f"source {run_until}", *(s[0] for s in steps)], symbols, 60,
                               first=("set remotetimeout 60",))[1:]
        for (command, *patterns), text in zip(steps, outputs):
            expect(self.ctx, command, text, *patterns)
        return outputs

    def end(self):
        out = self.process.popen.stdout.read().decode(errors="replace")
        self.process.popen.wait(timeout=self.ctx.left())
        return self.process.popen.returncode, out


def tiny(ctx):
    """The tiny kernel: from its first instruction; a function run to by stepping, a step on each CPU."""
    # With a tick on the idle CPU, too: a step over its hlt ends with the next interrupt.
    machine = Machine(ctx, "--cpus", "2", "--append", "loop nohz=off", str(ctx.env.kernel))
    machine.session(
        ("info registers rip cr0", r"^rip +0x100000", r"^cr0 .*\[ PE ET \]"),
        ("monitor points", "^this host: "),
        ("stepi", ""), ("stepi", ""), ("p $rip > 0x100000 && $rip < 0x100020", "= 1"),
        ("python run_until('boot_info.nr_cpus == 2 && nr_cpus == 2', 0.3)",
         "it is true"),
        ("info threads", r"CPU#0", r"CPU#1"),
        ("monitor regs", "paging [45] levels"),
        ("python gdb.execute('monitor walk 0x%x' % int(gdb.parse_and_eval('(long)&boot_info') & (2 ** 64 - 1)))", "PML[45] .* P W", "-> physical"),
        ("px-dmesg", "Parallax tiny kernel"),
        ("px-percpu cpu_number", "^CPU 0: 0$", "^CPU 1: 1$"),
        ("thread 1", ""), ("set $before = $rip", ""), ("stepi", ""), ("p $rip != $before", "= 1"),
        ("set $rax = 0x1234567812345678", ""), ("p/x $rax", "0x1234567812345678"),
        ("thread 2", ""), ("stepi", ""), ("p $_thread", "= 2"),
        ("monitor exits", "^total"),
        ("kill", ""), symbols=ctx.env.kernel)
    status, _ = machine.end()
    ctx.equal(status, 0, "the guest's status")


def debian(ctx):
    """Debian's kernel, with the names of its own kallsyms: stopped, looked at, stepped, left to go on."""
    images = ctx.env.build / "testbed"
    # The outer Linux is the same kernel at the same addresses.
    machine = Machine(ctx, "--cpus", "2", "--mem", "160M", "--initrd", str(images / "inner-initrd.gz"),
                      "--append", 'console=ttyS0 nokaslr panic=-1 do="until uname -n | grep X; do sleep 0.2; done" do=poweroff',
                      str(images / "vmlinuz"), add=[images / "vmlinuz", images / "inner-initrd.gz"],
                      before="grep -v '\\[' /proc/kallsyms; echo END-OF-SYMBOLS\n")
    kallsyms, symbols = ctx.tmp / "kallsyms", ctx.tmp / "linux.sym"
    kallsyms.write_text("".join(machine.said))
    made = subprocess.run([sys.executable, CONVERTER, kallsyms, symbols], check=False, capture_output=True, text=True)
    ctx.equal((made.returncode, made.stderr), (0, ""), "kallsyms-elf.py")
    outputs = machine.session(
        ("info registers cr0", r"^cr0 .*\[ PE ET PG \]"),
        ("python run_until('*(char *)((long)&init_uts_ns + 65) == 40 && *(int *)&system_state >= 2', 0.5)", "it is true"),
        ("x/s &linux_banner", "Linux version 6"),
        ("monitor regs", "paging [45] levels", "^cs "),
        ("info registers cr3 efer", r"^cr3 +0x[1-9a-f]", r"^efer .* LME LMA NXE"),
        ("monitor walk 0xffffffff81000000", "-> physical 1000000, 2M page"),
        ("info symbol 0xffffffff81000000", r"^_stext in section \.text|^startup_64 in section|^_text in section"),
        ("x/2i schedule", "<schedule>"),
        ("set $before = *(long *)&jiffies_64", ""),
        ("python run_until('*(long *)&jiffies_64 > $before', 0.2)", "it is true"),
        ("set $rip_then = $rip", ""), ("set $moved = 0", ""),
        *[("stepi", ""), ("set $moved = $moved || $rip != $rip_then", "")] * 3,  # a loop may have three instructions
        ("p $moved", "= 1"),
        ("info threads", "CPU#0", "CPU#1"),
        ("thread apply all info registers rip", r"^rip .*[\s\S]*^rip "),
        # The host name, which the guest waits for to change.
        ("x/s (char *)&init_uts_ns + 65", r'"\(none\)"'),
        ("set var *(char *)((long)&init_uts_ns + 65) = 'X'", ""),
        ("detach", "detached"), symbols=symbols)
    ctx.check(len(outputs) > 10, "a short session")
    status, text = machine.end()
    ctx.equal(status, 0, "the guest's status")
    ctx.contains(text, "INNER-INIT-OK cpus=2", "Xnone)", "INNER-DO-STATUS 0")


def jobs(_env):
    for name, fn in (("tiny kernel", tiny), ("Debian's kernel", debian)):
        yield Job(f"gdb/testbed, {name}", fn, needs=("qemu", "gdb"), timeout=400, lane="testbed")
