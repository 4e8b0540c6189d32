# SPDX-License-Identifier: MIT
"""guests.py - detached guests for the tests of the control plane, in a runtime directory of their own;
none of them outlives its test."""

import contextlib
import json
import os
import signal
import socket
import time

from harness.core import Failed


class Host:
    """A runtime directory and the verbs that work in it."""

    def __init__(self, ctx, binary=None):
        self.ctx = ctx
        self.binary = binary or ctx.env.parallax
        self.run = ctx.tmp / "r"
        self.run.mkdir(mode=0o700)
        self.base = self.run / "parallax"
        # Freed memory is to be given back, so that growth means something.
        self.env = {"XDG_RUNTIME_DIR": str(self.run), "ASAN_OPTIONS": "quarantine_size_mb=1"}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def pids(self):
        """Of every process that has this runtime directory in its environment."""
        want = f"XDG_RUNTIME_DIR={self.run}".encode()
        for entry in os.listdir("/proc"):
            with contextlib.suppress(OSError):
                if entry.isdigit() and int(entry) != os.getpid():
                    with open(f"/proc/{entry}/environ", "rb") as f:
                        if want in f.read().split(b"\0"):
                            yield int(entry)

    def verb(self, verb, *words, status=0, **kw):
        done = self.ctx.run([self.binary, verb, *words], env=self.env, **kw)
        if status is not None:
            self.ctx.equal(done.status, status, f"status of {verb}")
        return done

    def start(self, *words, name="g"):
        done = self.verb("run", "--detach", "--name", name, *words)
        self.ctx.equal(done.text, f"{name}\n", "what --detach prints")
        return Guest(self, name)

    def left(self):
        """What is in the runtime directory, but for what guests had to say."""
        return sorted(name for name in os.listdir(self.base) if not name.endswith(".log"))

    def names(self):
        return self.verb("ps", "--quiet").text.split()


class Guest:
    def __init__(self, host, name):
        self.host, self.ctx, self.name = host, host.ctx, name
        self.path = host.base / name / "qmp"
        self.pid = self.stat()["pid"]

    def stat(self):
        return json.loads(self.host.verb("stat", "--json", self.name).text)

    def status(self):
        return self.qmp("query-status")["status"]

    def qmp(self, command, **args):
        words = [json.dumps(args)] if args else []
        return json.loads(self.host.verb("qmp", self.name, command, *words).text)

    def client(self):
        return Client(self.ctx, self.path)

    def cpu_ticks(self):
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    def rss(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmRSS:"))

    def recent(self):
        return self.host.verb("console", "--recent", self.name).text

    def wait_output(self, text, count=1):
        while self.recent().count(text) < count:
            if self.ctx.left() < 1:
                raise Failed(f"{text!r} never came")
            time.sleep(0.05)

    def gone(self, timeout=60):
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            try:
                with open(f"/proc/{self.pid}/stat", encoding="ascii") as f:
                    if f.read().rsplit(")", 1)[1].split()[0] == "Z":
                        return
            except OSError:
                return
            time.sleep(0.02)
        raise Failed(f"{self.name}'s process lives on")


class Client:
    """A QMP connection without manners: bytes in, lines out."""

    def __init__(self, ctx, path, negotiate=True):
        self.ctx = ctx
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(path))  # waits while the backlog is full, as it would not with a timeout
        self.sock.settimeout(20)
        self.buf = b""
        self.events = []
        self.greeting = self.line()
        if negotiate:
            self.ctx.equal(self.execute("qmp_capabilities"), {}, "negotiation")

    def close(self):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def line(self):
        """The next message; None when the connection has ended."""
        while b"\n" not in self.buf:
            try:
                data = self.sock.recv(65536)
            except ConnectionResetError:
                data = b""
            if not data:
                return None
            self.buf += data
        line, self.buf = self.buf.split(b"\n", 1)
        if not line.endswith(b"\r"):
            raise Failed(f"not ended by CR LF: {line!r}")
        return json.loads(line.decode())

    def reply(self):
        while True:
            message = self.line()
            if message is None or "event" not in message:
                return message
            self.events.append(message)

    def ask(self, command, **args):
        self.send(json.dumps({"execute": command, **({"arguments": args} if args else {}), "id": 7}).encode() + b"\n")
        return self.reply()

    def execute(self, command, **args):
        reply = self.ask(command, **args)
        if not reply or "return" not in reply:
            raise Failed(f"{command}: {reply}")
        self.ctx.equal(reply["id"], 7, "id")
        return reply["return"]

    def error(self, data):
        """Sends raw bytes; the class and text of the error that they earn."""
        self.send(data)
        error = (self.reply() or {}).get("error")
        if not error:
            raise Failed(f"no error for {data[:80]!r}")
        return error["class"], error["desc"]

    def wait_event(self, name):
        while True:
            for event in self.events:
                if event["event"] == name:
                    self.events.remove(event)
                    return event
            message = self.line()
            if message is None:
                raise Failed(f"no event {name}")
            if "event" in message:
                self.events.append(message)
