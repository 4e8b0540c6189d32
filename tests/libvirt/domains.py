# SPDX-License-Identifier: MIT
"""domains.py - Debian's libvirtd and virsh, unmodified, with Parallax as their emulator."""

import os
import re
import signal
import subprocess
import time

from harness.core import FAIL, PASS, SKIP, Failed, Job, Result, Skipped

from libvirt import clients, hostile
from libvirt.daemon import PROMPT, TAP, Daemon
from libvirt.xml import WORDS, domain, example

NEEDS = ("kvm", "libvirtd")


def started(d, name, **kw):
    """A running domain whose guest has come to its prompt (or what its words ask for)."""
    d.define(domain(d, name, **kw))
    d.virsh("start", name)
    if kw.get("words", WORDS) == WORDS:
        with d.console(name):
            pass


def lines(text):
    """{'State': 'running', ...} of virsh's tables."""
    return dict(re.findall(r"^\s*([^:=\n]+?)\s*[:=]\s*(.*?)\s*$", text, re.M))


# ---- what it says of itself ---------------------------------------------------------------------------

def capabilities(d):
    """domcapabilities of the binary alone."""
    text = d.virsh("domcapabilities", "--emulatorbin", d.emulator, "--virttype", "kvm").out
    d.ctx.contains(text, f"<path>{d.emulator}</path>", "<domain>kvm</domain>", "<machine>microvm</machine>",
                   "<vcpu max='255'/>")
    d.ctx.contains(text, "<mode name='host-passthrough' supported='yes'>")
    for machine in ("parallax", "parallax-full"):
        d.ctx.contains(d.virsh("domcapabilities", "--emulatorbin", d.emulator, "--machine", machine).out,
                       f"<machine>{machine}</machine>")


def the_example(d):
    """images/domains/, as they stand but for their paths."""
    d.define(example(d, "tiny.xml"))
    d.virsh("start", "tiny")
    with d.console("tiny"):
        pass
    d.virsh("destroy", "tiny")
    # Its kernel, disk and initial RAM disk are somewhere else; the machine is the same.
    image = d.folder("out") / "debian.raw"
    with open(image, "wb") as f:
        f.truncate(1 << 20)
    d.give(image)
    text = example(d, "debian.xml")
    for path, here in (("/var/tmp/vmlinuz", d.kernel), ("/var/tmp/initrd.img", d.kernel),
                       ("/var/tmp/debian-12-nocloud-amd64.raw", image), ("root=/dev/vda1 console=ttyS0", WORDS)):
        d.ctx.contains(text, path)
        text = text.replace(path, str(here))
    d.define(text)
    d.virsh("start", "debian")
    with d.console("debian") as c:
        c.type("uptime\r")
        c.read_until("2 CPUs")
    d.virsh("destroy", "debian")


# ---- the verbs --------------------------------------------------------------------------------------------

def life(d):
    """define, start, list, dominfo, destroy, undefine."""
    d.define(domain(d, "life", mib=96))
    d.ctx.equal(d.state("life"), "shut off (unknown)", "state before")
    d.virsh("start", "life")
    d.ctx.equal(d.state("life"), "running (booted)", "state")
    d.ctx.check(re.search(r"^ \d+\s+life\s+running", d.virsh("list").out, re.M), "list does not show it")
    info = lines(d.virsh("dominfo", "life").out)
    d.ctx.equal((info["State"], info["CPU(s)"], info["Max memory"]), ("running", "1", "98304 KiB"), "dominfo")
    d.ctx.check(d.virsh("start", "life", check=False).status, "a running domain starts once more")
    d.virsh("destroy", "life")
    d.ctx.equal(d.state("life"), "shut off (destroyed)", "state after")
    d.virsh("undefine", "life")
    d.ctx.check("life" not in d.virsh("list", "--all").out, "it is still defined")


def console(d):
    """Typing, and a second console after the first has gone."""
    started(d, "con")
    tty = d.virsh("ttyconsole", "con").out.strip()
    d.ctx.check(tty.startswith("/dev/pts/"), f"ttyconsole says {tty!r}")
    for number in range(2):
        with d.console("con") as c:
            c.type(f"\recho number {number}\r")
            c.read_until(f"echo number {number}")
            c.read_until(f"number {number}")
            c.read_until(PROMPT)
    d.virsh("destroy", "con")


def suspend(d):
    """A suspended guest computes nothing and answers after it was resumed."""
    started(d, "sus")
    d.virsh("suspend", "sus")
    d.ctx.equal(d.state("sus"), "paused (user)", "state")
    pid = guest_pid(d, "sus")
    before = cpu_time(pid)
    with d.console("sus", prompt=None) as c:
        c.type("echo later\r")
        time.sleep(0.5)
        d.ctx.check(b"echo" not in c.seen, f"a suspended guest says {c.seen!r}")
        d.ctx.check(cpu_time(pid) - before < 0.2, "it used CPU time")
        d.virsh("resume", "sus")
        d.ctx.equal(d.state("sus"), "running (unpaused)", "state")
        c.read_until("echo later")
        c.read_until("later")
    d.virsh("destroy", "sus")
    d.virsh("start", "sus", "--paused")
    d.ctx.equal(d.state("sus").split()[0], "paused", "state")
    d.virsh("resume", "sus")
    with d.console("sus"):
        pass
    d.virsh("destroy", "sus")


def reset(d):
    """The guest begins again, in the same process; a suspended one stays so."""
    started(d, "res")
    pid = guest_pid(d, "res")
    with d.console("res") as c:
        c.type("echo before\r")
        c.read_until("echo before")
        d.virsh("reset", "res")
        c.read_until("help lists them")  # the words at its start
        c.type("echo after\r")
        c.read_until("echo after")
    d.ctx.equal(guest_pid(d, "res"), pid, "process")
    d.ctx.equal(d.state("res"), "running (booted)", "state")
    d.virsh("destroy", "res")


def shutdown(d):
    """Graceful: the guest sees its power button."""
    started(d, "off")
    d.virsh("shutdown", "off")
    d.wait_state("off", "shut off (shutdown)")
    d.ctx.equal(d.guests(), {}, "processes")


def reboot(d):
    """The power button, then from the beginning, in the same process."""
    started(d, "reb")
    pid = guest_pid(d, "reb")
    with d.console("reb") as c:
        d.virsh("reboot", "reb")
        c.read_until("help lists them", timeout=60)
    d.wait_state("reb", "running (booted)")
    d.ctx.equal(guest_pid(d, "reb"), pid, "process")
    d.virsh("destroy", "reb")


def nmi(d):
    started(d, "nmi", crash="preserve")
    d.ctx.equal(d.virsh("inject-nmi", "nmi").status, 0, "status")
    d.virsh("destroy", "nmi")


def monitor(d):
    """qemu-monitor-command reaches QMP."""
    started(d, "mon")
    text = d.virsh("qemu-monitor-command", "mon", '{"execute":"query-status"}').out
    d.ctx.contains(text, '"running":true')
    text = d.virsh("qemu-monitor-command", "mon", '{"execute":"query-uuid"}').out
    d.ctx.contains(text, d.virsh("domuuid", "mon").out.strip())
    d.ctx.contains(d.virsh("qemu-monitor-command", "mon", "--hmp", "info status").out, "running")
    d.ctx.contains(d.virsh("qemu-monitor-command", "mon", '{"execute":"frobnicate"}').out, "CommandNotFound")
    d.virsh("destroy", "mon")


# ---- what it shows ---------------------------------------------------------------------------------------------

def statistics(d):
    """domstats, vcpuinfo, dommemstat: figures of the host and of KVM."""
    started(d, "sta", cpus=2)
    stats = lines(d.virsh("domstats", "sta").out)
    d.ctx.equal((stats["state.state"], stats["vcpu.current"], stats["balloon.maximum"]), ("1", "2", "65536"), "stats")
    for key in ("cpu.time", "vcpu.0.time", "balloon.rss"):
        d.ctx.check(int(stats[key]) > 0, f"{key} is {stats[key]}")
    d.ctx.check(any(k.startswith("vcpu.0.") and k.endswith("exits.sum") for k in stats), "no counters of KVM")
    blocks = d.virsh("vcpuinfo", "sta").out.split("\n\n")
    d.ctx.equal([lines(b)["VCPU"] for b in blocks if b.strip()], ["0", "1"], "vcpuinfo")
    d.ctx.equal(lines(d.virsh("vcpucount", "sta", "--live", "--current", "--guest", check=False).out), {}, "no agent")
    memory = dict(line.split() for line in d.virsh("dommemstat", "sta").out.splitlines() if line)
    d.ctx.check(0 < int(memory["rss"]) < 65536, f"rss is {memory['rss']}")
    d.ctx.equal(d.virsh("domblklist", "sta").out.strip(), "", "domblklist")
    d.ctx.equal(d.virsh("domiflist", "sta").out.strip(), "", "domiflist")
    threads = {open(f"/proc/{guest_pid(d, 'sta')}/task/{t}/comm").read().strip()
               for t in os.listdir(f"/proc/{guest_pid(d, 'sta')}/task")}
    d.ctx.check({"vcpu0", "vcpu1"} <= threads, f"threads are {threads}")
    d.virsh("destroy", "sta")


def pinning(d):
    """vcpupin binds the vCPU's own thread."""
    started(d, "pin")
    d.virsh("vcpupin", "pin", "0", "0")
    d.ctx.contains(lines(d.virsh("vcpuinfo", "pin").out)["CPU Affinity"].replace("-", ""), "y")
    d.virsh("destroy", "pin")


# ---- the guest's own end -----------------------------------------------------------------------------------------

def power_off(d):
    """By the guest: shut off, and why."""
    started(d, "poff")
    with d.console("poff") as c:
        c.type("poweroff\r")
        d.wait_state("poff", "shut off (shutdown)")
    d.ctx.equal(d.guests(), {}, "processes")
    started(d, "pagain", off="restart")
    pid = guest_pid(d, "pagain")
    with d.console("pagain") as c:
        c.type("poweroff\r")
        c.read_until("help lists them")
    d.ctx.equal(guest_pid(d, "pagain"), pid, "process")
    d.virsh("destroy", "pagain", "--graceful")
    d.ctx.equal(d.state("pagain"), "shut off (destroyed)", "state")


def guest_reboot(d):
    """The guest resets itself and goes on; with on_reboot=destroy it is off."""
    started(d, "greb")
    with d.console("greb") as c:
        c.type("reboot\r")
        c.read_until("help lists them")
    d.ctx.equal(d.state("greb"), "running (booted)", "state")
    d.virsh("destroy", "greb")
    started(d, "gone", reboot="destroy")
    with d.console("gone") as c:
        c.type("reboot\r")
        d.wait_state("gone", "shut off (shutdown)")


def crash(d):
    """A panic and a triple fault: on_crash decides."""
    for name, word in (("pan", "panic"), ("tri", "panic triple")):
        started(d, name)
        with d.console(name) as c:
            c.type(word + "\r")
            d.wait_state(name, "shut off (crashed)")
    # No -no-shutdown then: the process ends, and has said why.
    started(d, "nore", reboot="destroy")
    with d.console("nore") as c:
        c.type("panic\r")
        d.wait_state("nore", "shut off (crashed)")
    started(d, "kept", crash="preserve")
    with d.console("kept") as c:
        c.type("panic\r")
        d.wait_state("kept", "crashed (panicked)")
    d.virsh("reset", "kept", check=False)
    d.virsh("destroy", "kept")
    started(d, "again", crash="restart")
    with d.console("again") as c:
        c.type("panic\r")
        c.read_until("Kernel panic")
        c.read_until("help lists them")
        c.read_until(PROMPT)
    d.wait_state("again", "running (crashed)")  # it runs again after a crash
    d.virsh("destroy", "again")


def killed(d):
    """The emulator's process dies: that is a crash."""
    started(d, "kil")
    os.kill(guest_pid(d, "kil"), signal.SIGKILL)
    d.wait_state("kil", "shut off (crashed)")
    d.virsh("start", "kil")
    d.virsh("destroy", "kil")


def events(d):
    """event --all tells each of them."""
    d.define(domain(d, "eve"))
    p = d.start_virsh("event", "--all", "--loop", "--domain", "eve")
    d.wait(lambda: True, "")
    for words in (("start", "eve"), ("suspend", "eve"), ("resume", "eve"), ("reset", "eve"), ("shutdown", "eve")):
        d.virsh(*words)
        if words[0] == "reset":
            with d.console("eve"):
                pass
    d.wait_state("eve", "shut off (shutdown)")
    p.send_signal(signal.SIGINT)
    out = p.communicate(timeout=20)[0].decode()
    d.ctx.log.append(out)
    for what in ("Started Booted", "Suspended Paused", "Resumed Unpaused", "'reboot' for", "Shutdown Finished",
                 "Stopped Shutdown"):
        d.ctx.contains(out, what)


# ---- libvirtd itself -------------------------------------------------------------------------------------------

def reattach(d):
    """libvirtd ends and comes back: the guest does not notice."""
    started(d, "rea")
    pid = guest_pid(d, "rea")
    d.stop()
    d.ctx.check(pid in d.guests(), "the guest ended with libvirtd")
    d.start()
    d.ctx.equal(d.state("rea"), "running (booted)", "state")
    with d.console("rea") as c:
        c.type("echo still here\r")
        c.read_until("still here")
        c.read_until("still here")
    d.virsh("suspend", "rea")
    d.stop()
    d.start()
    d.wait_state("rea", "paused (user)")
    d.virsh("resume", "rea")
    d.virsh("shutdown", "rea")
    d.wait_state("rea", "shut off (shutdown)")


def ended_meanwhile(d):
    """A guest that powers off while libvirtd is away is found to be off."""
    started(d, "mean", words="quiet prompt")
    tty = d.virsh("ttyconsole", "mean").out.strip()
    pid = guest_pid(d, "mean")
    d.stop()
    d.run("sh", "-c", f"printf 'poweroff\\r' >{tty}")
    time.sleep(0.5)
    d.start()
    d.wait(lambda: d.state("mean").startswith("shut off"), "the guest to be off")
    d.wait(lambda: pid not in d.guests(), "its process to be gone")


def autostart(d):
    started(d, "auto")
    d.virsh("autostart", "auto")
    d.ctx.contains(d.virsh("dominfo", "auto").out, "Autostart:      enable")
    d.virsh("destroy", "auto")
    d.stop()
    for mark in (d.root / "run").rglob("autostarted"):  # as after the host's own start
        mark.unlink()
    d.start()
    d.wait(lambda: d.state("auto") == "running (booted)", "the domain to start by itself")
    d.virsh("autostart", "auto", "--disable")
    d.virsh("destroy", "auto")
    d.virsh("undefine", "auto")


# ---- other machines ------------------------------------------------------------------------------------------------

def machine_types(d):
    """Both faces; several CPUs in every arrangement that libvirt writes; no ACPI."""
    for name, kw in (("full", {"machine": "parallax-full"}), ("para", {"machine": "parallax", "cpus": 3}),
                     ("bare", {"features": ""}),
                     ("top", {"cpus": 4, "more": "<cpu mode='host-passthrough'>"
                                                  "<topology sockets='2' cores='2' threads='1'/></cpu>"})):
        started(d, name, **kw)
        with d.console(name) as c:
            c.type("uptime\r")
            c.read_until(f" {kw.get('cpus', 1)} CPU")
            c.type("poweroff\r")
            d.wait_state(name, "shut off (shutdown)")


def processors(d):
    """CPU modes: those that can be had, and refusals for those that cannot; none ends libvirtd."""
    started(d, "pass", more="<cpu mode='host-passthrough' migratable='on'><feature policy='disable' name='vmx'/></cpu>")
    d.virsh("destroy", "pass")
    for name, more in (("model", "<cpu mode='host-model'/>"), ("max", "<cpu mode='maximum'/>"),
                       ("custom", "<cpu mode='custom'><model>Skylake-Server</model></cpu>")):
        d.define_or_refuse(domain(d, name, more=more))
        d.virsh("start", name, check=False)
        d.virsh("destroy", name, check=False)
        d.ctx.check(d.alive(), f"libvirtd did not survive {name}")


def serial_ports(d):
    """A file, a socket, null, and several of them."""
    log = d.folder("out") / "serial.log"
    path = d.folder("out") / "serial.sock"
    serial = (f"<serial type='file'><source path='{log}'/><target port='0'/></serial>"
              f"<serial type='unix'><source mode='bind' path='{path}'/><target port='1'/></serial>"
              "<serial type='null'><target port='2'/></serial><serial type='pty'><target port='3'/></serial>")
    d.define(domain(d, "ser", words="quiet exit=0", serial=serial, off="destroy"))
    d.virsh("start", "ser")
    d.wait_state("ser", "shut off (shutdown)")
    d.define(domain(d, "log", words="demo=switch", serial=serial))
    d.virsh("start", "log")
    d.wait_state("log", "shut off (shutdown)")
    d.ctx.contains(d.run("cat", log).out, "Parallax tiny kernel", "context switches")
    serial = f"<serial type='unix'><source mode='bind' path='{path}'/><target port='0'/></serial>"
    d.define(domain(d, "sock", serial=serial))
    d.virsh("start", "sock")
    for turn in range(2):  # one after the other
        d.talk(path, f"\recho turn {turn}\r", f"turn {turn}\r\nturn {turn}")
    d.virsh("destroy", "sock")


MMIO = "<address type='virtio-mmio'/>"


def virtio(d):
    """A disk, a user network, entropy, a virtio console: what is plugged in is shown, and shared with nobody."""
    image = d.folder("out") / "disk, with a comma.img"
    with open(image, "wb") as f:
        f.truncate(8 << 20)
    d.give(image)
    disk = (f"<disk type='file' device='disk'><driver name='qemu' type='raw' cache='none'/><source file='{image}'/>"
            f"<target dev='vda' bus='virtio'/><serial>S-1</serial>{MMIO}</disk>")
    others = (f"<interface type='user'><mac address='52:54:00:aa:bb:cc'/><model type='virtio'/>{MMIO}</interface>"
              f"<rng model='virtio'><backend model='random'>/dev/urandom</backend>{MMIO}</rng>")
    started(d, "vio", devices=disk + others)
    d.ctx.contains(d.virsh("domblklist", "vio").out, "vda", str(image))
    info = lines(d.virsh("domblkinfo", "vio", "vda").out)
    d.ctx.equal(info["Capacity"], str(8 << 20), "domblkinfo")
    stats = d.virsh("domblkstat", "vio", "vda").out
    d.ctx.contains(stats, "vda rd_req ", "vda wr_bytes ", "vda flush_operations ")
    d.ctx.contains(d.virsh("domiflist", "vio").out, "52:54:00:aa:bb:cc", "user", "virtio")
    stats = lines(d.virsh("domstats", "vio").out)
    d.ctx.equal((stats["block.0.name"], stats["block.0.capacity"]), ("vda", str(8 << 20)), "domstats")
    d.define(domain(d, "two", devices=disk))
    done = d.virsh("start", "two", check=False)
    d.ctx.contains(done.err, "in use by another VM")
    d.virsh("reset", "vio")
    with d.console("vio"):
        pass
    d.virsh("shutdown", "vio")
    d.wait_state("vio", "shut off (shutdown)")
    d.virsh("undefine", "two")
    hvc = (f"<controller type='virtio-serial'>{MMIO}</controller>"
           "<console type='pty'><target type='virtio' port='1'/></console>")
    d.define(domain(d, "hvc", devices=hvc))
    d.virsh("start", "hvc")
    with d.console("hvc", prompt=None, device="console1") as c:  # where the guest speaks, once it has found it
        c.read_until(PROMPT)
    d.define(domain(d, "three", devices=disk.replace("type='raw'", "type='qcow2'")))
    d.ctx.contains(d.virsh("start", "three", check=False).err, "disks are raw images")
    d.define(domain(d, "four", machine="parallax-full", devices=disk))
    d.ctx.contains(d.virsh("start", "four", check=False).err, "not supported by machine parallax-full")


def balloon(d):
    """setmem on a running guest: it gives memory, and gets it back; libvirt knows how much it has."""
    started(d, "bal", mib=48, balloon=f"<memballoon model='virtio'>{MMIO}</memballoon>")
    d.virsh("setmem", "bal", "40M", "--live")
    d.wait(lambda: lines(d.virsh("dommemstat", "bal").out.replace(" ", ": "))["actual"] == "40960", "8 MiB to be given")
    d.wait(lambda: lines(d.virsh("dominfo", "bal").out)["Used memory"] == "40960 KiB", "libvirt to hear of it")
    d.virsh("setmem", "bal", "48M", "--live")
    d.wait(lambda: lines(d.virsh("domstats", "bal").out)["balloon.current"] == "49152", "them to come back")
    d.virsh("destroy", "bal")


def tap(d):
    """An interface of the host: libvirt opens it and hands it over; its counters are the host's."""
    if not (d.root / "tun").exists():
        raise Skipped("only root can make a tap interface (and needs ip, package iproute2)")
    nic = (f"<interface type='ethernet'><target dev='{TAP}' managed='no'/><model type='virtio'/>"
           f"<driver name='qemu'/>{MMIO}</interface>")
    started(d, "tap", devices=nic)
    d.ctx.contains(d.virsh("domiflist", "tap").out, TAP, "ethernet", "virtio")
    d.ctx.contains(d.virsh("domifstat", "tap", TAP).out, f"{TAP} rx_bytes ", f"{TAP} tx_packets ")
    d.virsh("destroy", "tap")


CASES = (
    ("virtio", virtio), ("balloon", balloon), ("tap", tap), ("capabilities", capabilities),
    ("the examples", the_example), ("life", life), ("console", console),
    ("suspend", suspend), ("reset", reset), ("shutdown", shutdown), ("reboot", reboot), ("nmi", nmi),
    ("monitor", monitor), ("statistics", statistics), ("pinning", pinning), ("power off", power_off),
    ("guest reboot", guest_reboot), ("crash", crash), ("killed", killed), ("events", events),
    ("reattach", reattach), ("ended meanwhile", ended_meanwhile), ("autostart", autostart),
    ("machine types", machine_types), ("processors", processors), ("serial ports", serial_ports),
    *hostile.CASES, *clients.CASES,
)


class Case:
    def __init__(self, name, fn):
        self.name, self.fn = name, fn


def run(ctx, cases):
    """All in one libvirtd; one that a test has brought down is replaced."""
    with Daemon(ctx) as d:
        for case in cases:
            began = time.monotonic()
            ctx.log.clear()
            try:
                if not d.alive():
                    d.start()
                case.fn(d)
                status, text = PASS, ""
            except Skipped as err:
                status, text = SKIP, str(err)
            except Failed as err:
                status, text = FAIL, str(err)
            except subprocess.TimeoutExpired as err:
                status, text = FAIL, f"{err}\n{d.log_tail()}"
            d.sweep()
            yield Result(f"libvirt/{case.name}", status, text, time.monotonic() - began)


def jobs(_env):
    yield Job("libvirt/domains", run, timeout=600, needs=NEEDS, cases=[Case(n, f) for n, f in CASES])


def guest_pid(d, name):
    want = f"guest={name},".encode()
    for pid, words in d.guests().items():
        if any(w.startswith(want) for w in words):
            return pid
    raise Failed(f"no process of {name}")


def cpu_time(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
