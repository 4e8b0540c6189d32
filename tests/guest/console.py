# SPDX-License-Identifier: MIT
"""console.py - the serial port's host end: every byte arrives, keys and signals work, and the terminal
is left as it was found."""

import contextlib
import fcntl
import json
import os
import pty
import select
import signal
import socket
import struct
import subprocess
import termios
import threading
import time
import tty

from harness.assemble import NEEDS as ASM
from harness.assemble import assemble
from harness.core import Failed, Job

KVM = ("kvm",)
FLOOD = 200_000  # several of the VMM's own buffers, and of a pipe's


def pattern(n):
    return bytes((i * 7 + (i >> 8)) & 0xff for i in range(n))


def flood(ctx, n=FLOOD):
    return assemble(ctx, "samples/flood.asm", BYTES=(n + 15) // 16 * 16)


def same(ctx, got, n=FLOOD):
    want = pattern((n + 15) // 16 * 16)
    if got != want:
        at = next((i for i, (a, b) in enumerate(zip(got, want)) if a != b), min(len(got), len(want)))
        raise Failed(f"{len(got)} of {len(want)} bytes came; the first difference is at {at}")
    ctx.log.append(f"all {len(want)} bytes")


def through_shell(ctx, script, *words, **kw):
    """parallax run WORDS from sh; in SCRIPT, "$@" is that command."""
    return ctx.run(["sh", "-c", script, "sh", ctx.env.parallax, "run", "--timeout", "200", *words], **kw)


# ---- output ---------------------------------------------------------------------------------------

def to_pipe(ctx):
    done = ctx.vmm("--timeout", "200", flood(ctx))
    ctx.equal(done.status, 0, "status")
    same(ctx, done.out)


def to_file(ctx):
    path = ctx.tmp / "out"
    path.write_bytes(b"what was there before")
    done = ctx.vmm("--serial", f"file:{path}", "--timeout", "200", flood(ctx))
    ctx.equal((done.status, done.out), (0, b""), "status and stdout")
    same(ctx, path.read_bytes())


def to_null(what):
    def run(ctx):
        done = ctx.vmm("--serial", what, "--timeout", "200", "--stats", assemble(ctx, "samples/hello.asm", STATUS=0))
        # Without the port, its status reads as ones: "room for more".
        ctx.equal((done.status, done.out), (0, b""), "status and stdout")
    return run


def to_redirected_file(ctx):
    path = ctx.tmp / "out"
    done = through_shell(ctx, f'exec "$@" >{path}', flood(ctx))
    ctx.equal(done.status, 0, "status")
    same(ctx, path.read_bytes())


def to_appended_file(ctx):
    """What the guest says goes after what others wrote, as with any program."""
    path = ctx.tmp / "out"
    image = assemble(ctx, "samples/hello.asm", STATUS=0)
    done = through_shell(ctx, f'{{ echo before; "$@"; echo after; }} >>{path}', image)
    ctx.equal(done.status, 0, "status")
    ctx.equal(path.read_bytes(), b"before\nhello from multiboot\nafter\n", "the file")


def to_socket(ctx):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        p = ctx.start([ctx.env.parallax, "run", "--timeout", "200", flood(ctx)], stdin=theirs, stdout=theirs)
        theirs.close()
        got = b""
        while chunk := ours.recv(65536):
            got += chunk
        ctx.equal(ctx.finish(p).status, 0, "status")
    same(ctx, got)


def slow_reader(ctx):
    """The guest waits for its reader; nothing is dropped."""
    p = ctx.start([ctx.env.parallax, "run", "--timeout", "250", flood(ctx)])
    got, out = b"", p.popen.stdout.fileno()
    time.sleep(2)  # every buffer is full by then
    while chunk := os.read(out, 3001):
        got += chunk
        time.sleep(0.01)
    ctx.equal(ctx.finish(p).status, 0, "status")
    same(ctx, got)


def reader_goes(ctx):
    """`parallax run | head -c 100`: the guest goes on and ends as it would have."""
    p = ctx.start([ctx.env.parallax, "run", "--timeout", "200", flood(ctx)])
    os.read(p.popen.stdout.fileno(), 100)
    p.popen.stdout.close()
    p.popen.stdout = None
    done = ctx.finish(p)
    ctx.equal(done.status, 0, "status")


def reader_stops(ctx):
    """A reader that never reads again cannot hold a guest that has ended, or the user who kills it."""
    p = ctx.start([ctx.env.parallax, "run", flood(ctx)])
    os.read(p.popen.stdout.fileno(), 1)
    time.sleep(1)
    began = time.monotonic()
    p.signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        p.popen.wait(20)
    ctx.equal(p.popen.returncode, 143, "status")
    ctx.log.append(f"ended {time.monotonic() - began:.1f} s after the signal")


REDIRECTIONS = {
    "stdin closed": "<&-", "stdin null": "</dev/null", "stdin full": "</dev/full", "stdin zero": "</dev/zero",
    "stdin a folder": "</", "stdin write-only": "0>/dev/null",
    "stdout closed": ">&-", "stdout null": ">/dev/null", "stdout full": ">/dev/full", "stdout read-only": "1</dev/null",
    "stdin and stdout closed": "<&- >&-", "stderr closed": "2>&-", "all closed": "<&- >&- 2>&-",
}


def redirected(how):
    def run(ctx):
        done = through_shell(ctx, f'exec "$@" {how}', assemble(ctx, "samples/hello.asm", STATUS=5))
        ctx.equal(done.status, 5, "status")
        ctx.equal(done.err, b"", "stderr")
        if ">" not in how.replace("0>", "").replace("2>", "") and "1<" not in how:
            ctx.equal(done.out, b"hello from multiboot\n", "stdout")
    return run


def file_keeps_clean(ctx):
    """With stdout closed, no file that the VMM opens may become the guest's console."""
    kernel = assemble(ctx, "samples/hello.asm", STATUS=0)
    before = kernel.read_bytes()
    kernel.chmod(0o644)
    dtb, log = ctx.tmp / "dtb", ctx.tmp / "log"
    words = ("--dump-dtb", dtb, "--serial", "stdio", "--serial", f"file:{log}", kernel)
    done = through_shell(ctx, 'exec "$@" <&- >&-', *words)
    ctx.equal(done.status, 0, "status")
    ctx.equal(kernel.read_bytes(), before, "the kernel's file")
    ctx.equal(log.read_bytes(), b"", "the second port's file")
    ctx.equal(int.from_bytes(dtb.read_bytes()[4:8], "big"), dtb.stat().st_size, "size of the device tree")


def four_ports(ctx):
    files = [ctx.tmp / str(i) for i in range(4)]
    words = [w for f in files for w in ("--serial", f"file:{f}")]
    done = ctx.vmm("--timeout", "200", *words, assemble(ctx, "samples/hello.asm", STATUS=0))
    ctx.equal(done.status, 0, "status")
    ctx.equal([f.read_bytes() for f in files], [b"hello from multiboot\n", b"", b"", b""], "the files")


# ---- input ----------------------------------------------------------------------------------------

def counted(n):
    data = bytes((i * 13 + (i >> 6)) % 255 for i in range(n))
    return data, {"BYTES": n, "SUM": sum(data)}


def input_flood(ctx):
    data, words = counted(50_000)
    done = ctx.vmm("--timeout", "250", assemble(ctx, "samples/count_input.asm", **words), feed=data + b"\xff")
    ctx.equal(done.status, 0, "status (1: bytes are missing or wrong, 2: overrun)")


def input_file(ctx):
    data, words = counted(50_000)
    path = ctx.tmp / "in"
    path.write_bytes(data + b"\xff")
    done = through_shell(ctx, f'exec "$@" <{path}', assemble(ctx, "samples/count_input.asm", **words))
    ctx.equal(done.status, 0, "status (1: bytes are missing or wrong, 2: overrun)")


def input_ends(ctx):
    """At the end of its input the guest just gets no more; the VMM does not spin on it."""
    for how in ("</dev/null", "<&-", f"<{ctx.env.kernel}", "</dev/full"):
        done = through_shell(ctx, f'exec "$@" --timeout 1 --stats=json {how}', assemble(ctx, "hostile/stop.asm"))
        ctx.equal(done.status, 124, "status")
        stats = json.loads(done.errors.splitlines()[-1])
        used = (stats["cpu_user_ns"] + stats["cpu_sys_ns"]) / 1e6
        ctx.check(used < 200, f"{used:.0f} ms of CPU time for a halted guest")


def shared_flags(ctx):
    """The file status flags of stdin and stdout belong to the shell, too: they stay as they are."""
    in_r, in_w = os.pipe()
    out_r, out_w = os.pipe()
    shared = (in_r, out_w)
    try:
        before = [fcntl.fcntl(fd, fcntl.F_GETFL) for fd in shared]
        p = ctx.start([ctx.env.parallax, "run", "--timeout", "200", assemble(ctx, "samples/echo.asm")],
                      stdin=in_r, stdout=out_w)
        expect(ctx, out_r, b"ready\n")
        ctx.equal([fcntl.fcntl(fd, fcntl.F_GETFL) for fd in shared], before, "flags while it runs")
        p.signal(signal.SIGTERM)
        ctx.equal(ctx.finish(p).status, 143, "status")
        ctx.equal([fcntl.fcntl(fd, fcntl.F_GETFL) for fd in shared], before, "flags afterwards")
    finally:
        for fd in (in_r, in_w, out_r, out_w):
            os.close(fd)


def read_all(ctx, fd, most):
    """What comes from fd until there are `most` bytes, nothing for a while, or an end."""
    got = b""
    while len(got) < most and select.select([fd], [], [], min(10, ctx.left()))[0]:
        try:
            chunk = os.read(fd, 65536)
        except OSError:  # EIO: the other side of a terminal has gone
            chunk = b""
        if not chunk:
            break
        got += chunk
    return got


# ---- terminals ------------------------------------------------------------------------------------

def expect(ctx, fd, what, seconds=15):
    """Reads fd until `what` has come; returns all that came."""
    got, deadline = b"", time.monotonic() + min(seconds, ctx.left())
    while what not in got:
        if not select.select([fd], [], [], max(0, deadline - time.monotonic()))[0]:
            raise Failed(f"waited for {what!r}, got {got!r}")
        try:
            chunk = os.read(fd, 4096)
        except OSError:
            chunk = b""
        if not chunk:
            raise Failed(f"ended before {what!r} came; got {got!r}")
        got += chunk
    ctx.log.append(f"came: {got!r}")
    return got


class Terminal:
    """A pty, and parallax in its foreground as the session's leader, as under a login shell's exec."""

    def __init__(self, ctx, *words, script='exec "$@" <>"$TTY" >&0 2>&1'):
        self.ctx = ctx
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = termios.tcgetattr(self.slave)
        # A session leader without a terminal that opens one gets it as its own.
        self.process = ctx.start(["sh", "-c", script, "sh", ctx.env.parallax, "run", *words],
                                 env={"TTY": os.ttyname(self.slave)}, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for fd in (self.master, self.slave):
            with contextlib.suppress(OSError):
                os.close(fd)

    def expect(self, what):
        return expect(self.ctx, self.master, what)

    def type(self, data):
        os.write(self.master, data)

    def is_raw(self):
        return not termios.tcgetattr(self.slave)[tty.LFLAG] & (termios.ICANON | termios.ECHO)

    def ended(self, status, seconds=15):
        try:
            got = self.process.popen.wait(min(seconds, self.ctx.left()))
        except subprocess.TimeoutExpired:
            raise Failed("it did not end") from None
        self.ctx.equal(128 - got if got < 0 else got, status, "status")

    def restored(self):
        self.ctx.equal(termios.tcgetattr(self.slave), self.before, "the terminal's settings")


def echo_on_terminal(ctx, act, status):
    with Terminal(ctx, assemble(ctx, "samples/echo.asm")) as t:
        t.expect(b"ready\r\n")
        ctx.check(t.is_raw(), "the terminal is not raw while the guest runs")
        act(t)
        t.ended(status)
        t.restored()


def typing(t):
    t.type(b"hello")
    t.expect(b"HELLO")
    t.type(b"\x03\x1a\x04\x7f")  # Ctrl-c, Ctrl-z, Ctrl-d, delete: the guest's, all of them
    t.expect(b"\x03\x1a\x04\x7f")
    t.type(b"q")
    t.expect(b"bye")


def ctrl_a_x(t):
    t.type(b"abc")
    t.expect(b"ABC")
    t.type(b"\x01x")


def ctrl_a_x_apart(t):
    t.type(b"\x01")
    time.sleep(0.3)
    t.type(b"x")


def ctrl_a_h(t):
    t.type(b"\x01h")
    t.expect(b"Ctrl-a x")
    t.type(b"ok")
    t.expect(b"OK")
    t.type(b"\x01x")


def ctrl_a_b(t):
    t.type(b"\x01b")
    t.expect(b"<break>")
    t.type(b"after")
    t.expect(b"AFTER")
    t.type(b"\x01x")


def ctrl_a_a(t):
    t.type(b"x\x01ay\x01\x01z")
    t.expect(b"X\x01Y\x01Z")
    t.type(b"\x01x")


def killed_by(number):
    def act(t):
        t.process.signal(number)
    return act


KEYS = {
    "typing": (typing, 7), "Ctrl-a x": (ctrl_a_x, 0), "Ctrl-a, later x": (ctrl_a_x_apart, 0), "Ctrl-a h": (ctrl_a_h, 0),
    "Ctrl-a b": (ctrl_a_b, 0), "Ctrl-a a": (ctrl_a_a, 0), "SIGTERM": (killed_by(signal.SIGTERM), 143),
    "SIGINT": (killed_by(signal.SIGINT), 130), "SIGHUP": (killed_by(signal.SIGHUP), 129),
}


def keys_while_guest_hangs(ctx):
    with Terminal(ctx, "--append", "halt") as t:
        t.expect(b"1 of 1 CPUs online")
        t.type(b"x" * 3000 + b"\x01x")
        t.ended(0)
        t.restored()


def keys_while_flooded(ctx):
    with Terminal(ctx, assemble(ctx, "hostile/babble.asm")) as t:
        t.expect(b"xxx")
        stop = threading.Event()

        def drain():
            while not stop.is_set():
                if select.select([t.master], [], [], 0.1)[0]:
                    with contextlib.suppress(OSError):
                        os.read(t.master, 65536)

        reader = threading.Thread(target=drain)
        reader.start()
        try:
            t.type(b"\x01x")
            t.ended(0)
            t.restored()
        finally:
            stop.set()
            reader.join()


def hang_up(ctx):
    t = Terminal(ctx, assemble(ctx, "samples/echo.asm"))
    t.expect(b"ready")
    os.close(t.slave)
    os.close(t.master)
    t.ended(129)


def crash_restores(ctx):
    with Terminal(ctx, assemble(ctx, "hostile/triple_fault.asm")) as t:
        t.expect(b"guest crashed")
        t.ended(126)
        t.restored()


def refusal_restores(ctx):
    with Terminal(ctx, "--mem", "16M", "--append", "x" * 70000) as t:
        t.expect(b"command line")
        t.ended(125)
        t.restored()


def killed_while_loading(ctx):
    """Also a signal that comes before the guest runs leaves the terminal as it was."""
    initrd = ctx.tmp / "initrd"
    with open(initrd, "wb") as f:
        f.truncate(200 << 20)
    for number in (signal.SIGTERM, signal.SIGINT):
        with Terminal(ctx, "--mem", "512M", "--hugepages", "off", "--initrd", initrd) as t:
            deadline = time.monotonic() + 10
            while not t.is_raw() and time.monotonic() < deadline:
                time.sleep(0.0005)
            t.process.signal(number)
            t.ended(128 + number)
            t.restored()


def background(ctx):
    """A job of a shell's background runs on; the terminal stays the shell's."""
    script = 'exec <>"$TTY" >&0 2>&1; set -m; stty tostop; "$@" >/dev/null & wait $!; echo "job ended with $?"'
    with Terminal(ctx, "--timeout", "100", assemble(ctx, "samples/hello.asm", STATUS=6), script=script) as t:
        t.expect(b"job ended with 6")


def flood_on_terminal(ctx):
    n = 60_000
    want = pattern(n).replace(b"\n", b"\r\n")
    with Terminal(ctx, "--timeout", "200", flood(ctx, n)) as t:
        got = b""
        while len(got) < len(want) and select.select([t.master], [], [], 10)[0]:
            chunk = os.read(t.master, 4096)
            if not chunk:
                break
            got += chunk
        t.ended(0)
        t.restored()
        ctx.check(got == want, f"{len(got)} of {len(want)} bytes, or not the right ones")


# ---- --serial pty ---------------------------------------------------------------------------------

def pty_port(ctx, *words):
    """Starts with --serial pty; the process and the port's other end, open."""
    p = ctx.start([ctx.env.parallax, "run", "--serial", "pty", *words])
    line = p.popen.stderr.readline().decode()
    ctx.check(line.startswith("parallax: serial port 0 on /dev/pts/"), f"stderr: {line!r}")
    return p, os.open(line.split()[-1], os.O_RDWR | os.O_NOCTTY)


def pty_talk(ctx):
    p, fd = pty_port(ctx, "--timeout", "200", assemble(ctx, "samples/echo.asm"))
    try:
        expect(ctx, fd, b"ready\n")
        os.write(fd, b"hello\x01x")
        expect(ctx, fd, b"HELLO\x01X")  # no key is special here
        os.write(fd, b"q")
        expect(ctx, fd, b"bye\n")
        ctx.equal(ctx.finish(p).status, 7, "status")
    finally:
        os.close(fd)


def pty_flood(ctx):
    p, fd = pty_port(ctx, "--timeout", "250", flood(ctx))
    got, want = b"", (FLOOD + 15) // 16 * 16
    try:
        while len(got) < want and select.select([fd], [], [], 10)[0]:
            chunk = os.read(fd, 65536)
            if not chunk:
                break
            got += chunk
        same(ctx, got)
        ctx.equal(ctx.finish(p).status, 0, "status")
    finally:
        os.close(fd)


# ---- signals --------------------------------------------------------------------------------------

def signalled(number, words=()):
    def run(ctx):
        p = ctx.start([ctx.env.parallax, "run", *words, assemble(ctx, "samples/echo.asm")])
        expect(ctx, p.popen.stdout.fileno(), b"ready\n")
        p.signal(number)
        done = ctx.finish(p, 15)
        ctx.equal(done.status, 128 + number, "status")
    return run


def signalled_early(ctx):
    """At whatever moment of the start it comes, the signal ends it."""
    for delay in (0, 0.002, 0.005, 0.01, 0.02):
        p = ctx.start([ctx.env.parallax, "run", "--append", "loop quiet", "--cpus", "2"])
        time.sleep(delay)
        p.signal(signal.SIGTERM)
        ctx.equal(ctx.finish(p, 10).status, 143, f"status after {delay} s")


def jobs(_env):
    def job(name, fn, needs=(*KVM, *ASM), **kw):
        return Job(f"console/{name}", fn, needs=needs, **kw)

    yield job("flood to a pipe", to_pipe)
    yield job("flood to a file", to_file)
    yield job("flood to a redirected file", to_redirected_file)
    yield job("flood to a socket", to_socket)
    yield job("flood to a slow reader", slow_reader)
    yield job("flood to a terminal", flood_on_terminal)
    yield job("flood to a pty", pty_flood)
    yield job("appended to a file", to_appended_file)
    yield job("to null", to_null("null"))
    yield job("to none", to_null("none"))
    yield job("four ports", four_ports)
    yield job("reader goes away", reader_goes)
    yield job("reader stops reading", reader_stops)
    for name, how in REDIRECTIONS.items():
        yield job(name, redirected(how))
    yield job("closed, but files stay clean", file_keeps_clean)
    yield job("input flood", input_flood)
    yield job("input from a file", input_file)
    yield job("input ends", input_ends)
    yield job("flags of stdin and stdout", shared_flags)
    for name, (act, status) in KEYS.items():
        yield job(f"terminal: {name}", lambda ctx, act=act, status=status: echo_on_terminal(ctx, act, status))
    yield job("terminal: keys while the guest hangs", keys_while_guest_hangs, KVM)
    yield job("terminal: keys while flooded", keys_while_flooded)
    yield job("terminal: hang-up", hang_up)
    yield job("terminal: restored after a crash", crash_restores)
    yield job("terminal: restored after a refusal", refusal_restores, KVM)
    yield job("terminal: restored after a signal while loading", killed_while_loading, KVM)
    yield job("terminal: background job", background)
    yield job("pty: both ways", pty_talk)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        yield job(f"{number.name}", signalled(number))
    yield job("SIGTERM, para with two CPUs", signalled(signal.SIGTERM, ("--cpus", "2")))
    yield job("SIGTERM, full", signalled(signal.SIGTERM, ("--virt", "full")))
    yield job("SIGTERM during the start", signalled_early, KVM)
