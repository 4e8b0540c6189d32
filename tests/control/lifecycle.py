# SPDX-License-Identifier: MIT
"""lifecycle.py - guests from their start in the background to their end: the verbs, what QMP says, what
is left behind."""

import json
import os
import pty
import signal
import stat
import subprocess
import time

from harness.assemble import NEEDS as ASM
from harness.assemble import assemble
from harness.core import Job

from .guests import Client, Host

UP = "Up: "


def hosted(fn, **kw):
    def run(ctx):
        with Host(ctx, **kw) as host:
            fn(ctx, host)
    return run


def ready(guest, count=1):
    guest.wait_output(UP, count)
    return guest


def tiny(host, *words, name="g"):
    return ready(host.start("--append", "loop", *words, name=name))


# ---- the verbs ------------------------------------------------------------------------------------

def life(ctx, host):
    a, b = tiny(host, name="alpha"), tiny(host, "--virt", "full", name="beta")
    ctx.equal(host.names(), ["alpha", "beta"], "names")
    table = host.verb("ps").text.splitlines()
    ctx.equal([line.split()[:2] for line in table[1:]], [["alpha", "running"], ["beta", "running"]], "table")
    listed = json.loads(host.verb("ps", "--json").text)
    ctx.equal([(g["name"], g["pid"], g["virt"]) for g in listed],
              [("alpha", a.pid, "para"), ("beta", b.pid, "full")], "JSON")
    host.verb("pause", "alpha")
    ctx.equal(a.status(), "paused", "status")
    before = a.cpu_ticks()
    time.sleep(0.5)
    ctx.check(a.cpu_ticks() - before <= 2, "a paused guest uses the CPU")
    host.verb("pause", "alpha")  # once more is no error
    host.verb("resume", "alpha")
    ctx.equal(a.status(), "running", "status")
    for guest in (a, b):
        host.verb("reset", guest.name)
        ready(guest, 2)
        ctx.equal(guest.status(), "running", "status")
    host.verb("stop", "alpha", "beta")
    for guest in (a, b):
        guest.gone()
    ctx.equal(host.names(), [], "names")
    ctx.equal(os.listdir(host.base), [], "what is left")


def reset_many(ctx, host):
    guest = tiny(host, "--cpus", "2")
    with open(f"/proc/{guest.pid}/status", encoding="ascii"):
        fds = len(os.listdir(f"/proc/{guest.pid}/fd"))
    for n in range(2, 8):
        host.verb("reset", "g")
        if n % 2:
            ready(guest, n // 2 + n % 2 - 1)
    time.sleep(0.2)
    ready(guest, 2)
    ctx.check(len(os.listdir(f"/proc/{guest.pid}/fd")) <= fds + 4, "file descriptors are lost")
    ctx.check(guest.rss() < 40000, f"{guest.rss()} KiB are resident")
    host.verb("stop", "g")


def guest_resets(ctx, host):
    """A guest that resets itself boots again; with --no-reboot it ends."""
    image = assemble(ctx, "hostile/end.asm", PORT=0xcf9, VALUE=6, WIDTH=1)
    guest = host.start("--paused", image)
    client = guest.client()
    client.execute("cont")
    for _ in range(3):
        event = client.wait_event("RESET")
        ctx.equal(event["data"], {"guest": True, "reason": "guest-reset"}, "data")
    host.verb("stop", "--force", "g")
    done = host.verb("run", "--no-reboot", "--timeout", "20", image)
    ctx.equal(done.errors, "", "stderr")


def paused_start(ctx, host):
    guest = host.start("--paused", "--append", "loop")
    ctx.equal(guest.status(), "prelaunch", "status")
    time.sleep(0.3)
    ctx.equal(guest.recent(), "", "output of a guest that did not start")
    host.verb("resume", "g")
    ready(guest)
    host.verb("stop", "g")


def no_shutdown(ctx, host):
    guest = tiny(host, "--no-shutdown")
    client = guest.client()
    client.execute("system_powerdown")
    ctx.equal(client.wait_event("SHUTDOWN")["data"], {"guest": True, "reason": "guest-shutdown"}, "data")
    client.wait_event("STOP")
    ctx.equal(guest.status(), "shutdown", "status")
    done = host.verb("resume", "g", status=1)
    ctx.contains(done.err, "has powered off; reset it first")
    host.verb("reset", "g")
    ctx.equal(guest.status(), "paused", "status")
    host.verb("resume", "g")
    ready(guest, 2)
    host.verb("stop", "--force", "g")


def crash_stays(ctx, host):
    guest = host.start("--no-shutdown", "--paused", assemble(ctx, "hostile/triple_fault.asm"))
    client = guest.client()
    for _ in range(2):
        client.execute("cont")
        ctx.equal(client.wait_event("GUEST_PANICKED")["data"], {"action": "pause"}, "data")
        ctx.equal(guest.status(), "guest-panicked", "status")
        client.execute("system_reset")
        ctx.equal(guest.status(), "paused", "status")
    host.verb("stop", "--force", "g")
    ctx.contains((host.base / "g.log").read_text(), "guest crashed")


def crash_ends(ctx, host):
    guest = host.start("--paused", assemble(ctx, "hostile/triple_fault.asm"))
    client = guest.client()
    client.execute("cont")
    ctx.equal(client.wait_event("GUEST_PANICKED")["data"], {"action": "poweroff"}, "data")
    ctx.equal(client.wait_event("SHUTDOWN")["data"], {"guest": True, "reason": "guest-panic"}, "data")
    ctx.equal(client.line(), None, "then")
    guest.gone()
    ctx.contains((host.base / "g.log").read_text(), "guest crashed", "ended with status 126")


def stop_deaf(ctx, host):
    guest = ready(host.start("--append", "halt"))
    done = host.verb("stop", "--timeout", "1", "g", status=1)
    ctx.contains(done.err, "did not power off within 1 s; --force")
    host.verb("pause", "g")
    ctx.contains(host.verb("stop", "g", status=1).err, "is paused and cannot hear")
    host.verb("stop", "--force", "g")
    guest.gone()
    ctx.contains(host.verb("stop", "g", status=1).err, "no such guest runs")


def stop_hung(ctx, host):
    """A process that does not answer is killed, and its leftovers go."""
    guest = tiny(host)
    os.kill(guest.pid, signal.SIGSTOP)
    listed = json.loads(host.verb("ps", "--json").text)
    ctx.equal([(g["name"], g["status"]) for g in listed], [("g", "no answer")], "ps")
    done = host.verb("stop", "--force", "g")
    ctx.contains(done.err, f"its process {guest.pid} was killed")
    guest.gone()
    ctx.equal(os.listdir(host.base), [], "what is left")


def leftovers(ctx, host):
    for name in ("a", "b"):
        os.kill(tiny(host, name=name).pid, signal.SIGKILL)
    time.sleep(0.3)
    ctx.equal(host.left(), ["a", "b"], "what a killed guest leaves")
    tiny(host, name="a")  # its name can be had again
    done = host.verb("ps")
    ctx.contains(done.err, "cleaned up after 1 guest that had died")
    ctx.equal(host.left(), ["a"], "what is left")
    host.verb("stop", "a")


def names(ctx, host):
    tiny(host, name="web")
    done = host.verb("run", "--name", "web", "--append", "loop", status=125)
    ctx.contains(done.err, "--name web: such a guest runs already", "parallax stop web")
    ctx.contains(host.verb("stop", "wbe", status=1).err, "did you mean web?")
    ctx.contains(host.verb("pause", "nothing-like-it", status=1).err, "parallax ps")
    for bad in ("", "a/b", ".x", "-x", "a b", "x" * 49, "a\nb", "a\x7f"):
        done = host.verb("run", f"--name={bad}", "--append", "loop", status=2)
        ctx.contains(done.err, "--name")
    unnamed = [host.verb("run", "--detach", "--append", "loop").text.strip() for _ in range(3)]
    ctx.equal(unnamed, ["guest", "guest-2", "guest-3"], "names that nobody chose")
    ctx.contains(host.verb("pause", status=1).err, "which guest? 4 run: guest, guest-2, guest-3, web")
    host.verb("stop", "--all", "--force")
    ctx.equal(host.names(), [], "names")


def detach_errors(ctx, host):
    for words, status, text in ((["/nonexistent"], 125, "No such file"), (["--mem", "1K"], 2, "--mem"),
                                (["--serial", "stdio"], 2, "parallax console"), (["--qmp", "none"], 2, "--qmp none"),
                                (["--kvm", "/dev/null"], 125, "/dev/null"), (["--dry-run"], 2, "--dry-run")):
        done = host.verb("run", "--detach", *words, status=status)
        ctx.contains(done.err, text)
        ctx.equal(done.out, b"", "stdout")
    ctx.equal(host.names(), [], "names")


def permissions(ctx, host):
    os.umask(0)  # the worst that a user could have
    try:
        guest = tiny(host, "--qmp", f"unix:{ctx.tmp}/extra")
    finally:
        os.umask(0o022)
    for path, mode in ((host.base, 0o700), (guest.path.parent, 0o700), (guest.path, 0o600), (ctx.tmp / "extra", 0o600)):
        ctx.equal(oct(stat.S_IMODE(os.stat(path).st_mode)), oct(mode), f"mode of {path}")
    ctx.equal(Client(ctx, ctx.tmp / "extra").execute("query-name"), {"name": "g"}, "name by the other socket")
    host.verb("stop", "g")
    ctx.check(not (ctx.tmp / "extra").exists(), "the other socket is left")


def foreign_directory(ctx, host):
    host.base.mkdir(mode=0o777)
    host.base.chmod(0o777)
    done = host.verb("run", "--name", "g", "--append", "exit=3", status=125)
    ctx.contains(done.err, "closed to others (mode 0700)")
    done = host.verb("run", "--append", "exit=3 quiet", status=3)  # nobody asked for a socket
    ctx.contains(done.err, "will not see this guest")
    host.base.rmdir()
    elsewhere = ctx.tmp / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    host.base.symlink_to(elsewhere)
    ctx.contains(host.verb("run", "--name", "g", "--append", "exit=3", status=125).err, "parallax:")
    ctx.equal(os.listdir(elsewhere), [], "what came through the link")


def qmp_option(ctx, host):
    sock = ctx.tmp / "s"
    sock.write_text("not a socket")
    done = host.verb("run", "--qmp", f"unix:{sock}", "--append", "exit=3", status=125)
    ctx.contains(done.err, "in use by somebody, or no socket")
    ctx.equal(sock.read_text(), "not a socket", "the file")
    for bad in ("unix:", "tcp:1", "fd:x", "fd:0", "unix:/" + "x" * 120):
        host.verb("run", "--qmp", bad, "--append", "exit=3", status=125 if bad == "fd:0" else 2)
    guest = tiny(host, "--qmp", f"unix:{ctx.tmp}/x")
    os.kill(guest.pid, signal.SIGKILL)
    guest.gone()
    tiny(host, "--qmp", f"unix:{ctx.tmp}/x")  # a dead socket is replaced
    done = host.verb("run", "--qmp", f"unix:{ctx.tmp}/x", "--append", "exit=3", status=125)  # a live one is not
    ctx.contains(done.err, "in use")
    ctx.equal(len(json.loads(host.verb("qmp", str(ctx.tmp / "x"), "query-cpus-fast").text)), 1, "CPUs by path")
    host.verb("stop", "--all")


# ---- events and the protocol ----------------------------------------------------------------------------

def events(ctx, host):
    guest = tiny(host)
    watcher = ctx.start([host.binary, "events", "--json", "g"], env=host.env)
    time.sleep(0.3)
    for verb in ("pause", "resume", "reset"):
        host.verb(verb, "g")
    ready(guest, 2)
    host.verb("stop", "g")
    done = ctx.finish(watcher)
    got = [json.loads(line) for line in done.text.splitlines()]
    ctx.equal([e["event"] for e in got], ["STOP", "RESUME", "RESET", "POWERDOWN", "SHUTDOWN"], "events")
    ctx.equal(got[2]["data"], {"guest": False, "reason": "host-qmp-system-reset"}, "RESET")
    ctx.equal(got[4]["data"], {"guest": True, "reason": "guest-shutdown"}, "SHUTDOWN")
    ctx.check(all(isinstance(e["timestamp"]["microseconds"], int) for e in got), "timestamps")


def signal_reason(ctx, host):
    guest = tiny(host)
    client = guest.client()
    os.kill(guest.pid, signal.SIGTERM)
    ctx.equal(client.wait_event("SHUTDOWN")["data"], {"guest": False, "reason": "host-signal"}, "data")
    guest.gone()


def protocol(ctx, host):
    guest = tiny(host, "--cpus", "2", "--mem", "64M")
    client = Client(ctx, guest.path, negotiate=False)
    ctx.equal(client.greeting["QMP"]["capabilities"], [], "capabilities")
    early = client.ask("query-status")
    ctx.equal(early["error"]["class"], "CommandNotFound", "before negotiation")
    client.execute("qmp_capabilities")
    ctx.equal(client.ask("qmp_capabilities")["error"]["class"], "CommandNotFound", "a second negotiation")
    ctx.equal(client.execute("query-kvm"), {"enabled": True, "present": True}, "query-kvm")
    ctx.equal(client.execute("query-memory-size-summary")["base-memory"], 64 << 20, "memory")
    cpus = client.execute("query-cpus-fast")
    tids = {c["thread-id"] for c in cpus}
    ctx.check(len(tids) == 2 and guest.pid not in tids and
              all(os.path.exists(f"/proc/{guest.pid}/task/{t}") for t in tids), f"threads {tids}")
    ctx.equal([c["label"] for c in client.execute("query-chardev")], ["serial0"], "chardevs")
    for command in ("query-block", "query-blockstats"):
        ctx.equal(client.execute(command), [], command)
    for command, args in (("query-balloon", {}), ("balloon", {"value": 1 << 26})):
        ctx.equal(client.ask(command, **args)["error"]["class"], "DeviceNotActive", command)
    registers = client.execute("human-monitor-command", **{"command-line": " info  registers", "cpu-index": 1})
    ctx.contains(registers, "CPU#1", "rip", "cr3")
    ctx.contains(client.execute("human-monitor-command", **{"command-line": "nonsense"}), "unknown command")
    for target, entries in (("vm", 1), ("vcpu", 2)):
        stats = client.execute("query-stats", target=target)
        ctx.equal(len(stats), entries, f"{target} entries")
        ctx.check(all(s["provider"] == "kvm" and s["stats"] for s in stats), "their statistics")
    some = client.execute("query-stats", target="vcpu", vcpus=["/machine/cpu1"],
                          providers=[{"provider": "kvm", "names": ["exits"]}])
    ctx.equal([(s["qom-path"], [v["name"] for v in s["stats"]]) for s in some], [("/machine/cpu1", ["exits"])], "chosen")
    ctx.equal({s["target"] for s in client.execute("query-stats-schemas")}, {"vm", "vcpu"}, "schemas")
    client.close()
    host.verb("stop", "g")


def schema(ctx, host):
    """What the schema promises is closed: every type it names is there; every command listed is in it."""
    guest = tiny(host)
    client = guest.client()
    commands = {c["name"] for c in client.execute("query-commands")}
    entries = client.execute("query-qmp-schema")
    by_name = {e["name"]: e for e in entries}
    ctx.equal(len(by_name), len(entries), "names are unique")
    used = []
    for e in entries:
        used += [e[k] for k in ("arg-type", "ret-type", "element-type") if k in e]
        used += [m["type"] for m in e.get("members", []) if "type" in m]
    ctx.equal(sorted(set(used) - set(by_name)), [], "types that are missing")
    ctx.equal(commands, {e["name"] for e in entries if e["meta-type"] == "command"}, "commands")
    ctx.equal({e["name"] for e in entries if e["meta-type"] == "event"},
              {"SHUTDOWN", "RESET", "POWERDOWN", "STOP", "RESUME", "GUEST_PANICKED", "BALLOON_CHANGE"}, "events")
    for command in commands - {"quit", "x-console"}:  # every one answers, and checks its arguments
        reply = client.ask(command, surely_not_an_argument=1)
        ctx.contains(reply["error"]["desc"], "missing" if "missing" in reply["error"]["desc"] else "unexpected")
    host.verb("stop", "g")


def nmi(ctx, host):
    guest = tiny(host)
    guest.qmp("inject-nmi")
    guest.gone()  # the tiny kernel takes one for the fatal error that it is
    ctx.contains((host.base / "g.log").read_text(), "status")


def raw(ctx, host):
    tiny(host)
    done = host.verb("qmp", "g", feed=b'{"execute": "query-name", "id": [1]}\n{"execute": "query-status"}\n')
    ctx.equal([json.loads(line) for line in done.text.splitlines()],
              [{"return": {"name": "g"}, "id": [1]},
               {"return": {"running": True, "singlestep": False, "status": "running"}}], "answers")
    ctx.contains(host.verb("qmp", "g", "no-such", status=1).err, "The command no-such has not been found")
    ctx.contains(host.verb("qmp", "g", "balloon", "[1]", status=2).err, "a JSON object")
    ctx.contains(host.verb("balloon", "g", "64M", status=1).err, "No balloon device")
    ctx.contains(host.verb("stat", "g").out, "exits: io", "resident, KiB")
    host.verb("stop", "g")


def balloon(ctx, host):
    """The guest gives memory and takes it back; the host's part of it shrinks, and events tell."""
    guest = tiny(host, "--mem", "32M", "--prealloc", "--balloon")
    client = guest.client()

    def asked(mib):
        host.verb("balloon", "g", f"{mib}M")
        while client.execute("query-balloon")["actual"] != mib << 20:
            time.sleep(0.05)
        while client.wait_event("BALLOON_CHANGE")["data"] != {"actual": mib << 20}:
            pass
        ctx.equal(host.verb("balloon", "g").text, f"{mib}M\n", "what it has")
        ctx.equal(json.loads(host.verb("balloon", "--json", "g").text), {"actual": mib << 20}, "JSON")

    def given():
        while client.execute("query-balloon")["actual"] > 26 << 20:
            time.sleep(0.05)

    before = guest.rss()
    asked(27)
    while guest.rss() > before - (4 << 10):
        time.sleep(0.05)
    asked(29)
    asked(32)
    host.verb("balloon", "g", "1G")  # more than there is: all of it
    host.verb("balloon", "g", "1M")  # less than it can live with: what is to spare
    given()
    for wrong in (0, -1):
        ctx.contains(client.ask("balloon", value=wrong)["error"]["desc"], "more than 0")
    host.verb("reset", "g")  # begins with all it has, and is asked again
    ready(guest, 2)
    given()
    asked(32)
    host.verb("stop", "g")


# ---- consoles --------------------------------------------------------------------------------------------

class Terminal:
    """`parallax console` on a pseudo-terminal."""

    def __init__(self, host, *words):
        self.ctx = host.ctx
        self.master, slave = pty.openpty()
        self.process = self.ctx.start([host.binary, "console", *words], stdin=slave, stdout=slave,
                                      stderr=subprocess.STDOUT, env=host.env)
        os.close(slave)
        self.seen = b""
        self.expect(b"leaves]")

    def expect(self, text):
        while text not in self.seen:
            self.seen += os.read(self.master, 4096)

    def type(self, data):
        os.write(self.master, data)


def consoles(ctx, host):
    guest = host.start(assemble(ctx, "samples/echo.asm"))
    guest.wait_output("ready")
    one, two = Terminal(host, "g"), Terminal(host, "g")
    one.expect(b"ready")  # the history
    one.type(b"hello")
    two.expect(b"HELLO")
    two.type(b"\x01aworld")  # Ctrl-a a is one Ctrl-a
    one.expect(b"\x01WORLD")
    one.type(b"\x01h")
    one.expect(b"this help")
    one.type(b"\x01d")
    one.expect(b"[g: left]")
    ctx.equal(one.process.popen.wait(5), 0, "status after leaving")
    ctx.equal(guest.status(), "running", "status of the guest")
    watch = ctx.start([host.binary, "console", "--read-only", "g"], env=host.env)
    time.sleep(0.2)
    two.type(b"q")
    two.expect(b"the guest has ended")
    ctx.equal(two.process.popen.wait(5), 0, "status after the end")
    ctx.contains(ctx.finish(watch).out, "HELLO\x01WORLD\nbye")
    os.close(one.master)
    os.close(two.master)


def console_script(ctx, host):
    guest = host.start(assemble(ctx, "samples/echo.asm"))
    guest.wait_output("ready")
    done = host.verb("console", "g", feed=b"one two q")
    ctx.equal(done.text, "ready\nONE TWO \nbye\n", "output")
    guest.gone()


def console_full(ctx, host):
    guest = tiny(host)
    watchers = []
    for n in range(16):
        client = guest.client()
        client.execute("x-console")
        watchers.append(client)
    ctx.contains(guest.client().ask("x-console")["error"]["desc"], "16 watchers already")
    ctx.equal(guest.client().ask("x-console", port=3)["error"]["class"], "DeviceNotFound", "no such port")
    for client in watchers:
        client.close()
    time.sleep(0.2)
    guest.client().execute("x-console")
    host.verb("stop", "g")


def slow_watcher(ctx, host):
    """One that does not read loses output and is told; the guest and the others go on."""
    guest = host.start("--paused", assemble(ctx, "samples/flood.asm", BYTES=16_000_000))
    slow = guest.client()
    slow.execute("x-console")
    fast = ctx.start([host.binary, "console", "--read-only", "g"], env=host.env)
    time.sleep(0.2)
    host.verb("resume", "g")
    got = 0
    while got < 400_000:
        got += len(os.read(fast.popen.stdout.fileno(), 65536))
    host.verb("pause", "g")
    data = slow.buf
    while b"bytes were not read in time]" not in data:
        data += slow.sock.recv(65536)  # times out when the notice never comes
    ctx.check(len(data) < got, f"{len(data)} bytes reached the slow one, {got} the fast one")
    host.verb("stop", "--force", "g")


# ---- many -------------------------------------------------------------------------------------------------

def fifty(ctx, host):
    wanted = [f"n{i}" for i in range(50)]
    for name in wanted:
        host.verb("run", "--detach", "--name", name, "--mem", "16M", "--append", "loop quiet")
    ctx.equal(sorted(host.names()), sorted(wanted), "names")
    listed = json.loads(host.verb("ps", "--json").text)
    ctx.equal({g["status"] for g in listed}, {"running"}, "status of all")
    host.verb("pause", "--all")  # so that they boot one after the other, and not for ever
    for name in wanted:
        host.verb("resume", name)
        host.verb("console", "--recent", name)
        host.verb("stop", "--timeout", "40", name)
    ctx.equal(host.names(), [], "names")
    ctx.equal(os.listdir(host.base), [], "what is left")
    ctx.equal(list(host.pids()), [], "processes")


TESTS = {
    "run, list, pause, reset, stop": life, "reset again and again": reset_many, "paused start": paused_start,
    "no-shutdown": no_shutdown, "stop of a deaf guest": stop_deaf, "stop of a hung process": stop_hung,
    "leftovers": leftovers, "names": names, "errors before detaching": detach_errors, "permissions": permissions,
    "directory of somebody else": foreign_directory, "--qmp": qmp_option, "events": events,
    "reason of a signal": signal_reason, "protocol": protocol, "schema": schema, "NMI": nmi,
    "raw and single commands": raw, "balloon": balloon, "console full": console_full,
}
WITH_IMAGES = {
    "guest resets itself": guest_resets, "crash, kept": crash_stays, "crash, ended": crash_ends,
    "consoles": consoles, "console from a script": console_script, "slow watcher": slow_watcher,
}


def jobs(_env):
    for name, fn in TESTS.items():
        yield Job(f"control/{name}", hosted(fn), needs=("kvm",), timeout=90)
    for name, fn in WITH_IMAGES.items():
        yield Job(f"control/{name}", hosted(fn), needs=("kvm", *ASM), timeout=90)
    yield Job("control/fifty guests", hosted(fifty), needs=("kvm",), timeout=300)
