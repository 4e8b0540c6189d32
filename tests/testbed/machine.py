# SPDX-License-Identifier: MIT
"""machine.py - one boot of the outer Linux under QEMU, and the frames its agent sends.

Nothing here has a name on the host: images are passed as open files, the port is a socket pair. So any
number of machines run at once and nothing is left behind. QEMU is killed by the kernel when this process
dies. The frames are described in agent.c.
"""

import ctypes
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import termios
import time
import tty

HEAD = struct.Struct("<BBHI")
RESULT = struct.Struct("<III")
PR_SET_PDEATHSIG = 1
QEMU = "qemu-system-x86_64"
# No KASLR: addresses in reports mean the same in each run. tsc=reliable: the emulated TSC is one for
# all CPUs, but lacks the CPUID bit that says so, and KVM gives guests a stable clock only on top of it.
KERNEL_WORDS = "console=ttyS0 quiet loglevel=4 panic=-1 nokaslr tsc=reliable random.trust_cpu=on"


class MachineEnded(Exception):
    """The outer Linux stopped talking: it crashed, was ended or does not boot."""


class Options:
    """What distinguishes one machine from another; filled from the command line."""

    icount = False
    cpus = 1
    memory = 1024  # MiB
    append = ""
    qemu = ()
    tty = False
    console = None  # file that gets the kernel's console


def command_line(opts, images, initrd_fd, console, port_fd):
    clock = []
    cpus = opts.cpus
    accel = "tcg,thread=multi"
    words = KERNEL_WORDS
    if opts.icount:
        cpus, accel = 1, "tcg,thread=single"
        # One instruction is one nanosecond of all the guest's clocks, so the TSC has 1 GHz: calibrating
        # it would only cost time.
        words += " tsc_early_khz=1000000"
        clock = ["-icount", "shift=0,sleep=off", "-rtc", "clock=vm,base=2000-01-01", "-seed", "1"]
    else:
        words += " HEARTBEAT=64"  # see quirks.h; with icount one thread does everything, and loses nothing
    # ioeventfd=off: the port is served by the CPU that writes to it and not by a second thread, which
    # keeps instruction counts repeatable.
    serial = ["-device", "virtio-serial-pci,ioeventfd=off,max_ports=2",
              "-chardev", f"socket,id=port,fd={port_fd}",
              "-device", "virtserialport,chardev=port,name=testbed,nr=1"]
    return [QEMU, "-M", "q35", "-accel", accel,
            "-cpu", "max,+svm,+npt", "-smp", str(cpus), "-m", str(opts.memory),
            "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", *clock,
            "-kernel", str(images / "vmlinuz"), "-initrd", f"/proc/self/fd/{initrd_fd}",
            "-append", f"{words} {opts.append}".strip(),
            "-chardev", f"file,id=console,path={console}", "-serial", "chardev:console",
            *serial, *opts.qemu]


class Keyboard:
    """The user's terminal (or a pipe) as input of the guest's; Ctrl-a x leaves, Ctrl-a a is a Ctrl-a."""

    fd = 0

    def __init__(self, send):
        self._send = send
        self._open = False  # until the command has its terminal, nothing is read
        self._escape = False
        self._saved = termios.tcgetattr(self.fd) if os.isatty(self.fd) else None

    def start(self):
        self._open = True
        if self._saved:
            tty.setraw(self.fd)
            signal.signal(signal.SIGWINCH, self._resized)

    def sources(self):
        return [self.fd] if self._open else []

    def read(self):
        data = os.read(self.fd, 512)
        if not data:
            self._open = False
            data = b"\x04"
        out = bytearray()
        for byte in data:
            if self._escape:
                self._escape = False
                if byte in b"xX":
                    raise MachineEnded("Ctrl-a x")
                if byte not in b"a\x01":
                    out += b"\x01"
            elif byte == 1:
                self._escape = True
                continue
            out.append(byte)
        if out:
            self._send("i", bytes(out))

    def _resized(self, *_):
        size = os.get_terminal_size(self.fd)
        self._send("w", struct.pack("<HH", size.lines, size.columns))

    def close(self):
        if self._saved:
            signal.signal(signal.SIGWINCH, signal.SIG_DFL)
            termios.tcsetattr(self.fd, termios.TCSADRAIN, self._saved)


class Machine:
    """Use as a context manager: leaving it ends QEMU and gives the terminal back as it was."""

    def __init__(self, opts, images, initrd_fd):
        self.opts = opts
        self._buffer = bytearray()
        self._console = os.memfd_create("console")
        self._input = Keyboard(self._send) if opts.tty else None
        ours, theirs = socket.socketpair()
        # Room for what a command prints while this process is not running: a full socket would have to
        # be waited for, at a moment that no instruction count foretells.
        for option in (socket.SO_SNDBUF, 32):  # 32: SO_SNDBUFFORCE, for root
            try:
                theirs.setsockopt(socket.SOL_SOCKET, option, 8 << 20)
            except OSError:
                pass
        console = opts.console or f"/proc/self/fd/{self._console}"
        command = command_line(opts, images, initrd_fd, console, theirs.fileno())
        if not shutil.which(QEMU):
            raise FileNotFoundError(QEMU)
        self._port = ours
        self._errors = os.memfd_create("errors")
        libc, parent = ctypes.CDLL(None), os.getpid()

        def die_with_parent():
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(1)

        self._qemu = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self._errors, stderr=self._errors,
            pass_fds=(theirs.fileno(), initrd_fd, self._console), preexec_fn=die_with_parent,
            start_new_session=True)
        theirs.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._qemu.kill()
        self._qemu.wait()
        if self._input:
            self._input.close()
        self._port.close()
        os.close(self._console)
        os.close(self._errors)

    def frame(self, deadline):
        """Returns (type, job, payload), or None when DEADLINE (time.monotonic) passes first."""
        while True:
            if len(self._buffer) >= HEAD.size:
                kind, _, job, length = HEAD.unpack_from(self._buffer)
                if len(self._buffer) >= HEAD.size + length:
                    payload = bytes(self._buffer[HEAD.size:HEAD.size + length])
                    del self._buffer[:HEAD.size + length]
                    return chr(kind), job, payload
            left = deadline - time.monotonic()
            sources = [self._port] + (self._input.sources() if self._input else [])
            ready = select.select(sources, [], [], max(0, left))[0]
            if self._input and self._input.fd in ready:
                self._input.read()
            elif not ready:
                return None
            if self._port not in ready:
                continue
            try:
                data = self._port.recv(1 << 20)
            except ConnectionResetError:
                data = b""
            if not data:
                raise MachineEnded()
            self._buffer += data

    def start_input(self):
        """From now on what the user types goes to the command; for machines with a terminal."""
        if self._input:
            self._input.start()

    def kill_job(self, job):
        self._send("k", b"", job)

    def _send(self, kind, payload, job=0):
        try:
            self._port.sendall(HEAD.pack(ord(kind), 0, job, len(payload)) + payload)
        except OSError:
            pass  # the machine is gone; frame() says so

    def report(self, lines=40):
        """The last lines of QEMU's messages and of the kernel console, for a failure."""
        try:
            self._qemu.wait(1)
        except subprocess.TimeoutExpired:
            pass
        text = _tail(self._errors, lines)
        if self.opts.console:
            return text + [f"(console: {self.opts.console})"]
        return text + _tail(self._console, lines)


def _tail(fd, lines):
    size = os.fstat(fd).st_size
    data = os.pread(fd, 1 << 16, max(0, size - (1 << 16)))
    text = data.decode(errors="replace").replace("\r", "")
    return [t for t in text.splitlines() if t.strip()][-lines:]
