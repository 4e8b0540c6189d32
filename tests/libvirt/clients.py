# SPDX-License-Identifier: MIT
"""clients.py - other programs on libvirt: its Python bindings, virt-install; and QEMU as the peer."""

import json
import re
import shutil

from harness.core import ROOT, Skipped

from libvirt.xml import domain

CYCLES = 100
BELOW = ("sh", "-c", '"$@"; exit $?', "sh")  # no child of ours has an emulator's name (see daemon.Reaper)

CYCLE = '''
import json, os, sys, libvirt
conn = libvirt.open(None)
dom = conn.lookupByName(sys.argv[1])
daemon = int(sys.argv[3])

def state():
    status = dict(l.split(":", 1) for l in open(f"/proc/{daemon}/status"))
    # What libvirtd has opened, but for its own event fds, and its memory in KiB.
    return len(os.listdir(f"/proc/{daemon}/fd")), int(status["VmRSS"].split()[0])

marks = []
for turn in range(int(sys.argv[2])):
    dom.create()
    assert dom.isActive() and dom.state()[0] == libvirt.VIR_DOMAIN_RUNNING, dom.state()
    dom.destroy()
    assert not dom.isActive()
    marks.append(state())
print(json.dumps(marks))
'''


def python_cycles(d, cycles=CYCLES):
    """python3-libvirt starts and stops a domain many times: nothing is left, nothing grows."""
    d.define(domain(d, "cyc"))
    script = d.folder("out") / "cycle.py"
    script.write_text(CYCLE)
    script.chmod(0o644)
    before = d.leftovers()
    done = d.run("python3", "-I", script, "cyc", str(cycles), str(d.pid()), timeout=300)
    marks = json.loads(done.out.splitlines()[-1])
    d.wait(lambda: not d.guests(), "the last process to end")
    d.ctx.equal(d.leftovers(), before, "files of dead guests")
    fds = [m[0] for m in marks]
    d.ctx.check(fds[-1] <= fds[len(fds) // 2] + 1, f"open files grow: {fds}")
    rss = [m[1] for m in marks]
    d.ctx.check(rss[-1] - rss[len(rss) // 2] < 2048, f"memory grows: {rss}")


def virt_install(d):
    """Creates a domain and boots it."""
    if not shutil.which("virt-install"):
        raise Skipped("virt-install is not installed (package virtinst; `make deps`)")
    d.run("virt-install", "--connect", d.uri, "--name", "inst", "--memory", "64", "--vcpus", "2", "--virt-type", "kvm",
          "--machine", "microvm", "--boot", f"emulator={d.emulator},kernel={d.kernel},kernel_args='quiet prompt'",
          "--osinfo", "detect=off,require=off", "--disk", "none", "--network", "none", "--graphics", "none",
          "--memballoon", "none", "--controller", "usb,model=none", "--rng", "none", "--import", "--noautoconsole",
          timeout=120)
    d.ctx.equal(d.state("inst"), "running (booted)", "state")
    with d.console("inst") as c:
        c.type("uptime\r")
        c.read_until("2 CPUs")
    d.virsh("destroy", "inst")
    d.virsh("undefine", "inst")


def both_emulators(d):
    """The same XML on QEMU and on Parallax, but for the emulator's line."""
    qemu = shutil.which("qemu-system-x86_64")
    if not qemu:
        raise Skipped("qemu-system-x86_64 is not installed (package qemu-system-x86; `make deps`)")
    shown = {}
    for who, emulator in (("qemu", qemu), ("parallax", d.emulator)):
        d.define(domain(d, "both", emulator=emulator))
        d.virsh("start", "both", timeout=120)
        with d.console("both") as c:
            c.type("echo same words\r")
            c.read_until("same words")
            c.read_until("same words")
        text = d.virsh("domstats", "both").out
        shown[who] = set(re.sub(r"\.\d+\.", ".N.", k) for k in re.findall(r"^\s+([a-z]\S*?)=", text, re.M))
        d.virsh("suspend", "both")
        d.ctx.equal(d.state("both"), "paused (user)", f"state under {who}")
        d.virsh("resume", "both")
        d.virsh("destroy", "both")
        d.virsh("undefine", "both")
    want = {k for k in shown["qemu"] if k.split(".")[0] in ("state", "cpu", "balloon", "vcpu", "vm")}
    missing = sorted(k for k in want - shown["parallax"] if not k.startswith("dirtyrate"))
    d.ctx.equal(missing, [], "figures that only QEMU's domain has")


def by_hand(d):
    """Without libvirt: QEMU's words, under both names; a mistake is one line and status 125."""
    words = ("-m", "64", "-nographic", "-no-reboot", "-kernel", d.kernel, "-append")
    for program in ((d.ctx.env.parallax, "qemu"), (*BELOW, d.emulator)):
        done = d.ctx.run([*program, *words, "quiet exit=3"])
        d.ctx.equal((done.status, done.err), (3, b""), "status and stderr")
        done = d.ctx.run([*program, *words, "demo=switch"])
        d.ctx.equal(done.status, 0, "status")
        d.ctx.contains(done.out, "Parallax tiny kernel", "context switches")
        done = d.ctx.run([*program, *words, "loop", "-device", "e1000"])
        d.ctx.equal(done.status, 125, "status")
        d.ctx.equal(done.errors, "parallax-qemu: -device e1000: this machine has no such thing\n", "stderr")
    done = d.ctx.run([d.ctx.env.parallax, "qemu", *words, "quiet prompt"], feed=b"\r\recho hi there\rpoweroff\r")
    d.ctx.equal(done.status, 0, "status")
    d.ctx.contains(done.out, "\nhi there")
    link = d.ctx.tmp / "qemu-system-x86_64"
    link.symlink_to(d.ctx.env.parallax)
    for program in (d.emulator, link):
        d.ctx.contains(d.ctx.run([*BELOW, program, "-version"]).out, "parallax-qemu ")


def installed(d):
    """`make install` puts everything where images/domains/ looks for it."""
    done = d.ctx.run(["make", "-s", "-C", ROOT, "install", f"B={d.ctx.env.build}", f"DESTDIR={d.ctx.tmp}/at"])
    d.ctx.equal(done.status, 0, "status")
    for name in ("bin/parallax-qemu", "lib/parallax/parallax.elf"):
        path = d.ctx.tmp / "at/usr/local" / name
        d.ctx.check(path.exists(), f"{path} is not there")
        d.ctx.contains((ROOT / "images/domains/tiny.xml").read_text(), f">/usr/local/{name}<")
    done = d.ctx.run([*BELOW, d.ctx.tmp / "at/usr/local/bin/parallax-qemu", "-version"])
    d.ctx.equal(done.status, 0, "status")


CASES = (("by hand", by_hand), ("installed", installed), ("python cycles", python_cycles), ("virt-install", virt_install), ("both emulators", both_emulators))
