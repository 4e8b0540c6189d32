# SPDX-License-Identifier: MIT
"""hostile_clients.py - control clients that mean harm, or know no better: the guest goes on undisturbed, the
VMM (under ASan and UBSan) stays within bounds, and who errs is told."""

import os
import random
import socket
import time

from harness.core import Failed, Job

from .guests import Client, Host

ROOM_KIB = 30_000  # what a sanitized VMM may grow by, whatever its clients do
MIB = 1 << 20


def attacked(fn):
    """fn(ctx, guest) does its worst; afterwards all is as it was."""
    def run(ctx):
        with Host(ctx, ctx.env.parallax_san) as host:
            guest = host.start("--cpus", "2", "--append", "loop quiet")
            before = guest.client()
            before.execute("query-qmp-schema")
            before.close()
            rss = guest.rss()
            fn(ctx, guest)
            grown = guest.rss() - rss
            ctx.log.append(f"resident: {rss} KiB, {grown:+} KiB")
            ctx.check(grown < ROOM_KIB, f"the VMM grew by {grown} KiB")
            client = guest.client()
            ctx.equal(client.execute("query-status")["status"], "running", "status")
            exits = guest.stat()["exits"]["io"]
            ctx.check(exits > 0, "the guest did nothing")
            client.execute("quit")
            guest.gone()
            log = host.base / "g.log"
            ctx.check(not log.exists() or "Sanitizer" not in log.read_text() and "runtime error" not in log.read_text(),
                      "a sanitizer complains: " + (log.read_text() if log.exists() else ""))
    return run


# Bytes that are no command, and a word of the error that they earn.
BAD = {
    b"hello\n": "a command is an object", b"\"execute\"\n": "a command is an object", b"[]\n": "must be a JSON object",
    b"[1, 2]\n": "must be a JSON object", b"{}\n": "lacks member 'execute'", b"{\"execute\": 1}\n": "must be a string",
    b"{\"execute\": \"stop\", \"arguments\": 3}\n": "must be an object",
    b"{\"execute\": \"stop\", \"arguments\": {\"x\": 1}}\n": "Parameter 'x' is unexpected",
    b"{\"execute\": \"stop\", \"surprise\": 1}\n": "'surprise' is unexpected",
    b"{\"exec-oob\": \"stop\"}\n": "'exec-oob' is unexpected", b"{\"execute\": \"stop\",}\n": "JSON parse error",
    b"{\"execute\": \"st\xff\xfeop\"}\n": "JSON parse error", b"{\"execute\": \"\xed\xa0\x80\"}\n": "JSON parse error",
    b"{\"execute\": \"stop\\u0000\"}\n": "JSON parse error", b"{\"execute\": \"\\ud800\"}\n": "JSON parse error",
    b"{\"execute\": \"stop\n": "does not end before the line", b"}\n": "a command is an object",
    b"{\"execute\": \"stop\", \"execute\": \"stop\"}\n": "JSON parse error",
    b"{\"execute\": \"stop\", \"id\": 99999999999999999999999999}\n": "JSON parse error",
    b"{\"execute\": \"stop\", \"id\": 1e999}\n": "JSON parse error",
    b"\xff\xff\xff\n": "byte 0xff", b"\x00\n": "a command is an object",
    b"{\"execute\": \"balloon\", \"arguments\": {\"value\": 1.5}}\n": "expected: integer",
    b"{\"execute\": \"balloon\"}\n": "'value' is missing",
    b"{\"execute\": \"query-stats\", \"arguments\": {\"target\": \"moon\"}}\n": "does not accept value 'moon'",
    b"{\"execute\": \"query-stats\", \"arguments\": {\"target\": \"vm\", \"vcpus\": [1]}}\n": "expected: string",
    b"{\"execute\": \"query-stats\", \"arguments\": {\"target\": \"vm\", \"providers\": [{}]}}\n": "'provider' is missing",
    b"{\"execute\": \"human-monitor-command\", \"arguments\": {\"command-line\": \"info cpus\", \"cpu-index\": 9}}\n": "CPU",
    b"{\"execute\": \"" + b"x" * 5000 + b"\"}\n": "has not been found",
    b"{\"execute\": \"\xf0\x9f\x92\xa5\"}\n": "has not been found",
    b"{\"a\":" * 65 + b"1" + b"}" * 65 + b"\n": "nested too deeply", b"[" * 100_000 + b"\n": "nested too deeply",
    b"{\"execute\": \"" + b"x" * 300_000 + b"\"}\n": "longer than 262144 bytes",
}


def bad_commands(ctx, guest):
    client = guest.client()
    for data, text in BAD.items():
        _, desc = client.error(data)
        ctx.check(text in desc, f"{data[:60]!r}: {desc!r} instead of {text!r}")
        ctx.equal(client.execute("query-name"), {"name": "g"}, f"after {data[:60]!r}")


def byte_by_byte(ctx, guest):
    client = guest.client()
    for byte in b'{ "execute"\n:\r\n\t"query-name" , "id" : 7 }':
        client.send(bytes([byte]))
    ctx.equal(client.reply(), {"return": {"name": "g"}, "id": 7}, "answer")
    # Without line breaks between them, and two in one piece.
    client.send(b'{"execute":"query-name","id":1}{"execute":"query-name","id":2}')
    ctx.equal([client.reply()["id"] for _ in range(2)], [1, 2], "ids")


def huge(ctx, guest):
    """64 MiB in one command, of several shapes; the connection stays usable."""
    for piece in (b"x", b"[", b"{\"a\":", b"1,", b"\\u0041"):
        client = guest.client()
        client.send(b'{"execute": "stop", "id": "')
        chunk = piece * (MIB // len(piece))
        for _ in range(64):
            client.send(chunk)
        client.send(b"\n")
        _, desc = client.error(b"\n")
        ctx.contains(desc, "longer than")
        ctx.equal(client.execute("query-name"), {"name": "g"}, "afterwards")
        client.close()
    ctx.equal(guest.status(), "running", "status")


def many_connections(ctx, guest):
    """A thousand at once: most are turned away, or make room; one that works goes on working."""
    worker = guest.client()
    crowd = []
    try:
        for n in range(1000):
            s = socket.socket(socket.AF_UNIX)
            s.connect(str(guest.path))
            crowd.append(s)
            if n % 100 == 0:
                ctx.equal(worker.execute("query-name"), {"name": "g"}, "the worker's answer")
        ctx.check(len(os.listdir(f"/proc/{guest.pid}/fd")) < 120, "the VMM keeps too many")
        late = guest.client()  # silent ones make room for it
        ctx.equal(late.execute("query-name"), {"name": "g"}, "the late one's answer")
    finally:
        for s in crowd:
            s.close()


def busy_connections(ctx, guest):
    """When all have said something, the next is told so."""
    crowd = [guest.client() for _ in range(63)]
    crowd.append(guest.client())
    refused = Client(ctx, guest.path, negotiate=False)
    ctx.equal(refused.greeting["error"]["desc"], "too many clients; close one of them", "the refusal")
    ctx.equal(refused.line(), None, "then")
    crowd.pop().close()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        client = Client(ctx, guest.path, negotiate=False)
        if "QMP" in client.greeting:
            return
    raise Failed("no room after one has gone")


def slow_reader(ctx, guest):
    """One that asks and never reads is not listened to any more, and costs little."""
    client = guest.client()
    client.sock.settimeout(0.5)
    request = b'{"execute": "query-qmp-schema"}\n' * 1000
    sent = 0
    try:
        while sent < 8 * MIB:
            sent += client.sock.send(request)
    except TimeoutError:
        pass
    ctx.check(sent < 4 * MIB, f"{sent} bytes were taken")
    ctx.equal(guest.qmp("query-name"), {"name": "g"}, "another client's answer")
    # Once it reads, it gets every answer.
    client.sock.settimeout(20)
    for _ in range(20):
        ctx.check(len(client.reply()["return"]) > 50, "a whole schema")


def deaf_to_events(ctx, guest):
    """Nor does one that ignores events make the VMM keep them for ever."""
    deaf = [guest.client() for _ in range(4)]
    driver = guest.client()
    for _ in range(3000):
        driver.send(b'{"execute": "stop"}{"execute": "cont"}')
        driver.reply(), driver.reply()
        driver.events.clear()
    for client in deaf:
        client.close()


def half_open(ctx, guest):
    s = []
    for n in range(40):
        client = socket.socket(socket.AF_UNIX)
        client.connect(str(guest.path))
        s.append(client)
        if n % 4 == 1:
            client.sendall(b'{"execute": "qmp_cap')
        if n % 4 == 2:
            client.shutdown(socket.SHUT_WR)
        if n % 4 == 3:
            client.shutdown(socket.SHUT_RD)
    # Answers still come after the end of the input.
    client = guest.client()
    client.send(b'{"execute": "query-name"}')
    client.sock.shutdown(socket.SHUT_WR)
    ctx.equal(client.reply(), {"return": {"name": "g"}}, "answer")
    ctx.equal(client.line(), None, "then")
    for client in s:
        client.close()


def gone_at_once(ctx, guest):
    for n in range(300):
        client = socket.socket(socket.AF_UNIX)
        client.connect(str(guest.path))
        if n % 3:
            client.sendall(b'{"execute": "qmp_capabilities"}{"execute": "query-qmp-schema"}' * (n % 7))
        client.close()


def rude_consoles(ctx, guest):
    """Consoles taken over with commands behind them, left at once, or flooded."""
    for n in range(60):
        client = guest.client()
        client.send(b'{"execute": "x-console"}' + b"typed" * (n * 40))
        if n % 2:
            client.reply()
        client.close()
    flood = guest.client()
    flood.execute("x-console")
    flood.sock.settimeout(0.5)
    try:
        for _ in range(64):
            flood.send(b"y" * MIB)
        raise Failed("64 MiB of input were taken, and the guest reads none")
    except TimeoutError:
        pass


def garbage(ctx, guest):
    rng = random.Random(7)
    words = [b'{', b'}', b'[', b']', b'"', b'\\', b',', b':', b'"execute"', b'"arguments"', b'"id"', b'1', b'null',
             b'\n', b'\r\n', b'\xff', b'\x00', b'"query-name"', b'"query-stats"', b'"target"', b'"vm"', b' ']
    for _ in range(20):
        client = Client(ctx, guest.path, negotiate=False)
        client.sock.settimeout(5)
        client.send(b"".join(rng.choice(words) for _ in range(3000)) + b"\n")
        client.send(b'\xff\n{"execute": "query-version", "id": "end"}\n')
        while True:
            message = client.reply()
            if message is None:
                raise Failed("the connection was closed")
            if message.get("id") == "end":
                ctx.equal(message["error"]["class"], "CommandNotFound", "class")  # nobody has negotiated
                break
            ctx.check("error" in message or "return" in message, f"{message}")
        client.close()


TESTS = {
    "bad commands": bad_commands, "byte by byte": byte_by_byte, "64 MiB": huge, "a thousand connections": many_connections,
    "as many as can be": busy_connections, "slow reader": slow_reader, "deaf to events": deaf_to_events,
    "half-open": half_open, "gone at once": gone_at_once, "rude consoles": rude_consoles, "garbage": garbage,
}


def jobs(_env):
    for name, fn in TESTS.items():
        yield Job(f"clients/{name}", attacked(fn), needs=("kvm",), timeout=120)
