# SPDX-License-Identifier: MIT
"""peers.py - debuggers that break the protocol, are slow, or vanish: the guest goes on, and memory stays
bounded. Also the protocol's parts that gdb 13 does not use."""

import contextlib
import socket
import time

from harness.core import Failed, Job

from gdb.debugger import Guest, wait_for

KVM = ("kvm",)
MOST_KIB = 4096  # that a peer may cost


def frame(payload):
    data = payload if isinstance(payload, bytes) else payload.encode()
    return b"$" + data + b"#%02x" % (sum(data) & 0xff)


class Peer:
    def __init__(self, guest, no_ack=False):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(guest.socket))
        self.socket.settimeout(10)
        self.got = b""
        if no_ack:
            self.ask("QStartNoAckMode", "OK")
            self.send(b"+")

    def send(self, data):
        self.socket.sendall(data)

    def reply(self):
        """The next frame's payload; acknowledgments before it are dropped."""
        while True:
            start, end = self.got.find(b"$"), self.got.find(b"#")
            if start >= 0 and end >= 0 and len(self.got) >= end + 3:
                payload, self.got = self.got[start + 1:end], self.got[end + 3:]
                return payload
            more = self.socket.recv(65536)
            if not more:
                raise Failed(f"the connection ends after {self.got!r}")
            self.got += more

    def ask(self, request, want=None):
        self.send(frame(request))
        got = self.reply()
        if want is not None and got != (want if isinstance(want, bytes) else want.encode()):
            raise Failed(f"{request!r} is answered {got!r}, not {want!r}")
        return got

    def close(self):
        self.socket.close()


def spinning(ctx, sanitized=True, **kw):
    """sanitized: the VMM with ASan and UBSan, whose memory use says little, though."""
    return Guest(ctx, "--append", "loop quiet", binary=ctx.env.parallax_san if sanitized else None, **kw)


def goes_on(ctx, guest):
    """The guest runs, and a well-behaved debugger is served."""
    time.sleep(0.1)
    before = guest.cpu_ticks()
    wait_for(lambda: guest.cpu_ticks() > before + 3, "the guest does not run any more")
    peer = Peer(guest, no_ack=True)
    ctx.check(peer.ask("?").startswith(b"T05thread:"), "no stop reply")
    ctx.equal(len(peer.ask("p10")), 16, "digits of rip")
    peer.ask("D", "OK")
    peer.close()
    guest.process.signal(15)
    guest.end(128 + 15)


def bad_frames(ctx):
    guest = spinning(ctx, paused=False)
    p = Peer(guest)
    p.send(b"noise that is no frame\xff\x00#99")
    p.send(b"$?#00")  # bad checksum: asked for again
    ctx.equal(p.socket.recv(1), b"-", "the answer to a bad checksum")
    p.send(b"$?#zz")
    ctx.equal(p.socket.recv(1), b"-", "the answer to a checksum of letters")
    p.send(frame("?"))
    ctx.check(p.reply().startswith(b"T"), "no reply after bad frames")
    p.send(b"-")  # say that again
    ctx.check(p.reply().startswith(b"T"), "not sent again")
    p.send(b"+$m0,4" + frame("qC"))  # a frame cut off by the next
    ctx.equal(p.reply(), b"QC1", "the reply")
    p.send(frame("A" * 20000))  # beyond PacketSize
    ctx.equal(p.reply(), b"E5a", "the answer to an oversized packet")
    p.send(b"$" + b"A" * 500000)  # and one that never ends
    for payload in ("", "m", "m,", "m1", "mzz,1", "m0,zz", "M0,4:00", "X0,5:ab", "P", "Pff", "P0=", "G00", "Z", "Z0",
                    "Z9,0,1", "z0,0,1", "vCont", "vCont;", "vCont;x", "vCont;s:ff", "vCont;r1", "vCont;C", "Hx1", "Hg",
                    "Hgfff", "Tff", "q", "Q", "qXfer:features:read:target.xml:", "qXfer:features:read:target.xml:fffff,1",
                    "qRcmd,6", "qRcmd," + "41" * 300, "qThreadExtraInfo,-1", "c1", "s1", "\x00\x00", "F", "!", "vKill",
                    "m" + "f" * 17 + ",1", "Z2,0,0", "Z2,ffffffffffffffff,10", "Z4,0,2000"):
        p.send(b"#00" if payload is None else frame(payload))
        got = p.reply()
        ctx.check(got == b"" or got[:1] == b"E", f"{payload!r} is answered {got!r}")
    p.close()
    goes_on(ctx, guest)


def vanish(ctx):
    """Gone in the middle of everything: while connected, running, stopped at a breakpoint, in a frame."""
    guest = spinning(ctx, paused=False)
    for script in ((), (b"$m0,",), (frame("?"),), (frame("vCont;c"),), (frame("vCont;c"), b"\x03"), (frame("g"),) * 50,
                   (frame("vCont;s:1"),), (frame("Z0,ffffffff80100000,1"), frame("vCont;c"))):
        for abrupt in (False, True):
            p = Peer(guest)
            # One that comes before its forerunner's end was noticed is turned away: that is fine here.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                for piece in script:
                    p.send(piece)
            if abrupt:
                p.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            p.close()
    goes_on(ctx, guest)


def removed_on_vanish(ctx):
    """A peer that goes takes its breakpoints with it: the guest does not stop, or die, at them."""
    guest = Guest(ctx, "--append", "exit=6 quiet", binary=ctx.env.parallax_san)
    p = Peer(guest, no_ack=True)
    # Every page of the text's start: some of it will be executed.
    for address in range(0x100000, 0x100040):
        p.ask(f"Z0,{address:x},1", "OK")
    p.ask("vCont;c")  # hits at once
    p.close()
    guest.end(6)


def slow(ctx):
    """A peer that asks and never reads costs one buffer; the guest's timer still ticks."""
    guest = spinning(ctx, sanitized=False, paused=False)
    p = Peer(guest)
    base = guest.rss_kib()
    p.socket.settimeout(0.5)
    sent = 0
    try:
        while sent < 64 << 20:
            sent += p.socket.send(frame("g") * 1000)
    except TimeoutError:
        pass
    ctx.check(sent < 32 << 20, "it reads without end")
    ctx.check(guest.rss_kib() - base < MOST_KIB, f"memory grew by {guest.rss_kib() - base} KiB")
    before = guest.cpu_ticks()
    time.sleep(0.3)
    ctx.check(guest.cpu_ticks() - before <= 3, "it spins on the slow peer")
    p.close()
    goes_on(ctx, guest)


def trickle(ctx):
    """One byte at a time, both ways."""
    guest = spinning(ctx, paused=False)
    p = Peer(guest)
    for byte in frame("qSupported:swbreak+"):
        p.send(bytes([byte]))
        time.sleep(0.002)
    got = b""
    while not got.endswith(b"binary-upload+") and len(got) < 1000:
        got += p.socket.recv(1)
    ctx.contains(got, "PacketSize=4000", "QStartNoAckMode+")
    p.close()
    goes_on(ctx, guest)


def while_running(ctx):
    """Requests to a running guest are refused and do not disturb it; ^C storms are answered once each."""
    guest = spinning(ctx, paused=False)
    p = Peer(guest, no_ack=True)
    p.send(frame("vCont;c"))
    for request in ("g", "m0,4", "p0", "Z0,0,1", "vCont;c", "qRcmd,72656773"):
        p.ask(request, "E10")
    for _ in range(20):
        p.send(b"\x03\x03\x03")
        ctx.check(p.reply().startswith(b"T"), "no stop after ^C")
        p.send(frame("vCont;c"))
    p.close()
    goes_on(ctx, guest)


def one_at_a_time(ctx):
    guest = spinning(ctx, paused=False)
    first = Peer(guest, no_ack=True)
    for _ in range(10):
        second = Peer(guest)
        ctx.equal(second.socket.recv(1), b"", "what a second debugger reads")
        second.close()
    ctx.equal(first.ask("qC"), b"QC1", "the first one's reply")
    first.close()
    goes_on(ctx, guest)


def flood_of_connections(ctx):
    guest = spinning(ctx, sanitized=False, paused=False)
    base = guest.rss_kib()
    for _ in range(300):
        Peer(guest).close()
    ctx.check(guest.rss_kib() - base < MOST_KIB, "connections are not forgotten")
    goes_on(ctx, guest)


def stays_paused(ctx):
    """A peer that only looks does not start a guest that waits for its debugger."""
    guest = spinning(ctx)
    Peer(guest).close()
    time.sleep(0.2)
    before = guest.cpu_ticks()
    time.sleep(0.3)
    ctx.check(guest.cpu_ticks() - before <= 1, "it runs")
    p = Peer(guest, no_ack=True)
    ctx.equal(p.ask("p10"), b"0000100000000000", "rip")
    p.ask("D", "OK")
    p.close()
    goes_on(ctx, guest)


def other_packets(ctx):
    """What gdb 13 does not use: binary reads, s and c without vCont, threads in pieces, plain x packets."""
    guest = Guest(ctx, "--cpus", "2", "--append", "exit=5 quiet", binary=ctx.env.parallax_san)
    p = Peer(guest, no_ack=True)
    ctx.equal(p.ask("qfThreadInfo"), b"m1,2", "threads")
    ctx.equal(p.ask("qsThreadInfo"), b"l", "the end of them")
    plain = bytes.fromhex(p.ask("m100000,8").decode())
    raw = p.ask("x100000,8")
    out, i = b"", 1
    while i < len(raw):
        out += bytes([raw[i + 1] ^ 0x20]) if raw[i] == 0x7d else raw[i:i + 1]
        i += 2 if raw[i] == 0x7d else 1
    ctx.equal(raw[:1] + out, b"b" + plain, "a binary read")
    p.send(frame(b"X600,4:}\x03}\x04\x00\x03"))
    ctx.equal(p.reply(), b"OK", "a binary write")
    ctx.equal(p.ask("m600,4"), b"23240003", "what it wrote")
    ctx.check(p.ask("s").startswith(b"T05thread:1;"), "no stop after s")
    ctx.check(p.ask("S05").startswith(b"T05thread:1;"), "no stop after S")
    rip = p.ask("p10")
    ctx.check(rip != b"0000100000000000", "two steps lead nowhere")
    everything = p.ask("g")
    p.ask("G" + everything.decode(), "OK")
    ctx.equal(p.ask("g"), everything, "all registers, written and read")
    range_end = 0x100000 + 0x40
    ctx.check(p.ask(f"vCont;r100000,{range_end:x}:1").startswith(b"T05thread:1;"), "no stop after a range")
    ctx.check(int.from_bytes(bytes.fromhex(p.ask("p10").decode()), "little") >= range_end, "stopped within the range")
    ctx.equal(p.ask("c"), b"W05", "the end")
    p.close()
    guest.end(5)


def jobs(_env):
    def job(name, fn):
        return Job(f"gdb/{name}", fn, needs=KVM, timeout=60)

    yield job("peer with bad frames", bad_frames)
    yield job("peer that vanishes", vanish)
    yield job("peer that leaves breakpoints", removed_on_vanish)
    yield job("peer that does not read", slow)
    yield job("peer that trickles", trickle)
    yield job("peer that asks while it runs", while_running)
    yield job("one peer at a time", one_at_a_time)
    yield job("flood of connections", flood_of_connections)
    yield job("peer that only looks", stays_paused)
    yield job("packets gdb 13 does not use", other_packets)
