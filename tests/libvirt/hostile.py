# SPDX-License-Identifier: MIT
"""hostile.py - domains that cannot be had: each is refused with a line that says what is missing."""

from libvirt.xml import SERIAL, domain


def arguments(*words):
    return "<qemu:commandline>" + "".join(f"<qemu:arg value='{w}'/>" for w in words) + "</qemu:commandline>"


REFUSED = (
    # name, what it asks for, what virsh must say
    ("kernel", {"kernel": "/nonexistent"}, "/nonexistent"),
    ("notakernel", {"kernel": "/etc/passwd"}, "/etc/passwd"),
    ("q35", {"machine": "q35"}, "not support machine type 'q35'"),
    ("many", {"cpus": 256}, "255"),
    ("threads", {"cpus": 2, "more": "<cpu><topology sockets='1' cores='1' threads='2'/></cpu>"},
     "threads=2 is not supported"),
    ("clock", {"more": "<clock offset='localtime'/>"}, "base=localtime is not supported"),
    ("tcp", {"serial": "<serial type='tcp'><source mode='bind' host='127.0.0.1' service='4555'/></serial>"},
     "no network service"),
    ("display", {"devices": "<graphics type='vnc' port='-1'/>"}, "No PCI buses"),
    ("sleep", {"more": "<pm><suspend-to-mem enabled='yes'/></pm>"}, "disable_s3=0 is not supported"),
    ("words", {"more": arguments("-frobnicate")}, "-frobnicate: unknown option"),
    ("device", {"more": arguments("-device", "e1000")}, "-device e1000: this machine has no such thing"),
    ("agent", {"devices": "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>"
                          "<controller type='virtio-serial'><address type='virtio-mmio'/></controller>"},
     "no guest agent channel"),
    ("pci", {"devices": "<interface type='user'><model type='e1000'/></interface>"}, "PCI"),
)


def refused(d):
    """Each with its words; none leaves a process, all leave libvirtd alive."""
    for name, kw, want in REFUSED:
        done = d.define_or_refuse(domain(d, name, **kw))
        if done.status == 0:
            done = d.virsh("start", name, check=False)
        d.ctx.check(done.status, f"{name} was started")
        # libvirtd passes on what the emulator said, unless it notices first that the monitor has ended.
        said = done.err + d.guest_log(name) if "End of file from qemu monitor" in done.err else done.err
        d.ctx.contains(said, want)
        d.ctx.check(d.alive(), f"libvirtd did not survive {name}")
    d.ctx.equal(d.guests(), {}, "processes")


def migration(d):
    """save, managedsave, snapshot, dump, migrate: each answers, and the guest goes on."""
    d.define(domain(d, "mig", serial=SERIAL))
    d.virsh("start", "mig")
    out = d.folder("out")
    for words in (("save", "mig", out / "saved"), ("managedsave", "mig"), ("snapshot-create-as", "mig", "one"),
                  ("dump", "mig", out / "dumped", "--memory-only"), ("dump", "mig", out / "dumped"),
                  ("migrate", "mig", "qemu+unix:///session?socket=/nonexistent"),
                  ("setvcpus", "mig", "2", "--live"), ("setmem", "mig", "32M", "--live"),
                  ("attach-disk", "mig", "/dev/null", "vdb"), ("screenshot", "mig", out / "shot"),
                  ("blockcommit", "mig", "vda")):
        done = d.virsh(*words, check=False)
        d.ctx.check(done.status, f"{words[0]} succeeds")
        d.ctx.contains(done.err, "error:")
        d.ctx.check("cause is unknown" not in done.err, f"{words[0]} does not say why")
        d.ctx.equal(d.state("mig").split()[0], "running", f"state after {words[0]}")
    d.virsh("destroy", "mig")


CASES = (("refused", refused), ("migration", migration))
