# SPDX-License-Identifier: MIT
"""traces.py - `parallax trace`: the file can be drawn (sorted, nested, both sides on one clock), and shows
what happened; without it the guest tells nothing."""

import collections
import json

from harness.core import Job

HOST, GUEST = 1, 2


def read(ctx, path):
    """The events, after the checks that every trace must stand."""
    events = json.loads(path.read_text())["traceEvents"]
    timed = [e for e in events if e["ph"] != "M"]
    ctx.equal([e["ts"] for e in timed], sorted(e["ts"] for e in timed), "times")
    open_ones = collections.defaultdict(list)
    for e in timed:
        ctx.check(e["name"] and e["ph"] in "Xi", f"an event without a name, or of another phase: {e}")
        if e["ph"] == "X":
            start, stack = round(e["ts"] * 1000), open_ones[e["pid"], e["tid"]]
            while stack and stack[-1] <= start:
                stack.pop()
            stack.append(start + round(e["dur"] * 1000))
            ctx.check(e["dur"] >= 0, f"it took {e['dur']}: {e}")
            ctx.check(stack == sorted(stack, reverse=True), f"it reaches out of the one around it: {e}")
    named = {(e["pid"], e["tid"]) for e in events if e.get("name") == "thread_name"}
    ctx.equal({(e["pid"], e["tid"]) for e in timed} - named, set(), "tracks without a name")
    return timed


def trace(ctx, *words, status=0, **kw):
    path = ctx.tmp / "t.json"
    done = ctx.vmm("-o", path, "--timeout", 40, *words, verb="trace", **kw)
    ctx.equal(done.status, status, "status")
    return read(ctx, path), done


def slices_of(events, pid):
    return collections.Counter(e["name"] for e in events if e["pid"] == pid and e["ph"] == "X")


def both_sides(mode):
    def run(ctx):
        events, done = trace(ctx, "--cpus", 2, "--virt", mode, "--append", "quiet demo=switch")
        ctx.contains(done.out, "Two threads per CPU")
        ctx.contains(done.err, "guest events")
        exits, slices = slices_of(events, HOST), slices_of(events, GUEST)
        ctx.check(exits["uart16550 write"] > 500, f"exits: {exits}")
        for name in ("spin-A", "spin-D", "init", "irq clock event", "irq call function"):
            ctx.check(slices[name] > 0, f"{name} is not on the timeline: {slices}")
        tracks = {pid: {e["tid"] for e in events if e["pid"] == pid} for pid in (HOST, GUEST)}
        ctx.equal(tracks[GUEST], {0, 1}, "the guest's tracks")
        # CPU 1 itself may have no business with the VMM.
        ctx.check(0 in tracks[HOST] and tracks[HOST] <= {0, 1}, f"the host's tracks: {tracks[HOST]}")
        # One clock: the guest's last event comes before the exit that powers it off.
        off = max(e["ts"] for e in events if e["pid"] == HOST and e["name"] == "acpi_pm write")
        last = max(e["ts"] for e in events if e["pid"] == GUEST and e["ph"] == "X")
        ctx.check(last <= off, f"the guest still did something at {last}, after its power-off at {off}")
    return run


def exceptions(ctx):
    events, _ = trace(ctx, "--append", "quiet workload=fault,n=40")
    faults = [e for e in events if e["ph"] == "i" and e["name"] == "page fault"]
    ctx.equal(len(faults), 40, "page faults")
    ctx.equal({e["args"]["address"] for e in faults}, {"0x8"}, "their address")
    ctx.check(all(e["args"]["rip"].startswith("0xffffffff8") for e in faults), "their instruction")


def softirqs(ctx):
    events, _ = trace(ctx, "--append", "quiet demo=time", "--disk", scratch(ctx))
    slices = slices_of(events, GUEST)
    ctx.check(any(name.startswith("softirq ") for name in slices), f"no softirqs: {slices}")
    ctx.check(any(name.startswith("virtio") for name in slices_of(events, HOST)), "no accesses to the disk")


def scratch(ctx):
    disk = ctx.tmp / "disk.img"
    disk.write_bytes(b"PARALLAX SCRATCH DISK" + bytes((1 << 20) - 21))
    return disk


def limited(ctx):
    """No more than asked for; what was left out is said; a guest that dies leaves a file, too."""
    events, done = trace(ctx, "--limit", 50, "--append", "quiet demo=switch")
    ctx.equal(len([e for e in events if e["pid"] == HOST]), 50, "exits")
    ctx.contains(done.err, "left out")
    events, done = trace(ctx, "--append", "quiet panic=df", status=99)
    ctx.check(slices_of(events, GUEST), "nothing of a guest that panics")
    events, done = trace(ctx, "--append", "quiet loop", "--timeout", 1, status=124)
    ctx.check(slices_of(events, GUEST)["init"] > 0, "nothing of a guest that is ended")


def silent(ctx):
    """Without the verb, there is no port and no ring; with the word alone the guest writes to nobody."""
    plain = ctx.vmm("--append", "quiet exit=0", "--stats=json")
    told = ctx.vmm("--append", "quiet exit=0 trace", "--stats=json")
    for done in (plain, told):
        ctx.equal(done.status, 0, "status")
    ports = [[p["address"] for p in json.loads(d.err.decode().splitlines()[-1])["places"]] for d in (plain, told)]
    ctx.check(0x5c0 not in ports[0] and 0x5c0 in ports[1], f"ports: {ports}")


def refusals(ctx):
    done = ctx.vmm(verb="trace")
    ctx.equal(done.status, 2, "status without -o")
    ctx.contains(done.err, "-o FILE")
    done = ctx.vmm("-o", "/no/such/folder/t.json", verb="trace")
    ctx.equal(done.status, 125, "status of a file that cannot be")
    ctx.contains(done.err, "/no/such/folder/t.json")
    done = ctx.vmm("-o", ctx.tmp / "x", "--detach", verb="trace")
    ctx.equal(done.status, 2, "status of --detach")
    done = ctx.vmm("-o", ctx.tmp / "x", "--kvm", "--append", "quiet exit=0", verb="trace")
    if done.status:  # where KVM's tracepoints can be had, it runs
        ctx.equal((done.status, done.err.count(b"\n")), (125, 1), "status and lines without tracepoints")
        ctx.contains(done.err, "--kvm")


def jobs(_env):
    def job(name, fn):
        return Job(f"trace/{name}", fn, needs=("kvm",), timeout=60)

    yield job("both sides, para", both_sides("para"))
    yield job("both sides, full", both_sides("full"))
    yield job("exceptions", exceptions)
    yield job("softirqs", softirqs)
    yield job("limits and early ends", limited)
    yield job("off", silent)
    yield job("refusals", refusals)
