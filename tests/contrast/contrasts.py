# SPDX-License-Identifier: MIT
"""contrasts.py - `parallax contrast`: the figures add up, para has fewer exits where it must, and the page
is a page. Exits are compared, times never."""

import html
import html.parser
import json
import struct
import zlib

from harness.core import Job

WORKLOADS = ("boot console disk-read disk-read-random disk-write disk-write-random net tick-100 tick-250 tick-1000 idle "
             "switch switch-far lock ipi ipi-many clock fault vmalloc fork touch chase").split()
DARK = "--blink-settings=preferredColorScheme=0"
LIGHT = "--blink-settings=preferredColorScheme=1"


def contrast(ctx, *words, status=0):
    done = ctx.vmm(*words, verb="contrast")
    ctx.equal(done.status, status, "status")
    return done


def report(ctx, *words):
    path = ctx.tmp / "out.json"
    done = contrast(ctx, *words, "--timeout", 25, "--json", path)
    ctx.equal(done.err, b"", "stderr")
    data = json.loads(path.read_text())
    for row in data["rows"]:
        for mode, cell in row["modes"].items():
            sound(ctx, f"{row['workload']}, {mode}", cell)
    return data, done


def sound(ctx, what, cell):
    ctx.check("skipped" not in cell, f"{what}: {cell.get('skipped')}")
    ctx.equal(sum(cell["causes"].values()), cell["exits"], f"{what}: exits by cause")
    ctx.equal(sum(n for name, n in cell["causes"].items() if not name.startswith("kvm:")), cell["vmm_exits"],
              f"{what}: exits to the VMM by cause")
    ctx.check(cell["n"] > 0 and cell["guest_ns"] > 0 and cell["wall_ns"] > 0, f"{what}: nothing was done")
    low, high = cell["guest_ns_range"]
    ctx.check(low <= cell["guest_ns"] <= high, f"{what}: {cell['guest_ns']} ns is not in {low} .. {high}")


def cells(data, workload):
    row = next(r for r in data["rows"] if r["workload"] == workload)
    return row, row["modes"]["full"], row["modes"]["para"]


def devices(ctx):
    """The theory, in exits: a console and a disk that need no VMM; and the sentence gives the figures."""
    data, done = report(ctx, "--workload", "console,disk-read,disk-write", "--count", 48)
    ctx.equal(data["modes"], ["full", "para"], "modes")
    for name, least in (("console", 48 * 64), ("disk-read", 48 * 6), ("disk-write", 48 * 1000)):
        row, full, para = cells(data, name)
        ctx.equal((full["n"], para["n"]), (48, 48), f"{name}: how often")
        ctx.check(full["vmm_exits"] >= least, f"{name}: only {full['vmm_exits']} exits to the VMM in full")
        ctx.check(para["vmm_exits"] < 10, f"{name}: {para['vmm_exits']} exits to the VMM in para")
        ctx.equal(row["verdict"]["para"], "wins", f"{name}: verdict")
        device = {"console": "uart16550"}.get(name, "ata")
        for figure in (full["exits"], para["exits"], full["causes"][device]):
            ctx.contains(row["why"]["para"], f"{figure:,}")
        ctx.contains(" ".join(done.text.split()), row["why"]["para"])
    for name in ("disk-read", "disk-write"):
        ctx.check(0 < cells(data, name)[2]["doorbells"] <= 48, f"{name}: doorbells")
    ctx.equal(cells(data, "console")[1]["console_bytes"] >= 48 * 64, True, "bytes on the console")


def network(ctx):
    """An echo crosses the NE2000 two bytes at a time, and virtio not at all."""
    data, done = report(ctx, "--workload", "net", "--count", 20)
    row, full, para = cells(data, "net")
    ctx.equal((full["n"], para["n"]), (20, 20), "round trips")
    ctx.check(full["causes"]["ne2000"] >= 20 * 49, f"only {full['causes']['ne2000']} accesses to the NE2000")
    ctx.check(para["vmm_exits"] < 20 * 6, f"{para['vmm_exits']} exits to the VMM in para")
    ctx.check(20 <= para["doorbells"] <= 20 * 3, f"{para['doorbells']} doorbells")
    ctx.equal(row["verdict"]["para"], "wins", "verdict")
    ctx.contains(row["why"]["para"], "accesses to the NE2000 0 against", f"{full['causes']['ne2000']:,}", "doorbells")
    ctx.contains(" ".join(done.text.split()), row["why"]["para"])


def forks(ctx):
    """Processes are the guest's own affair: whoever wins, it is not by what the VMM is spared."""
    data, _ = report(ctx, "--workload", "fork", "--count", 6)
    row, full, para = cells(data, "fork")
    for mode, cell in (("full", full), ("para", para)):
        ctx.equal(cell["n"], 6, f"{mode}: processes")
        ctx.check(cell["switches"] >= 2 * 6, f"{mode}: {cell['switches']} switches")
        ctx.check(cell["vmm_exits"] < 50, f"{mode}: {cell['vmm_exits']} exits to the VMM")
    ctx.check("process" in row["why"]["para"] or "the work itself takes no exits" in row["why"]["para"],
              row["why"]["para"])


def honest(ctx):
    """Where the other side wins, or nobody does, that is what is said."""
    data, _ = report(ctx, "--workload", "clock,boot", "--modes", "full,para", "--count", 500)
    for name in ("clock", "boot"):
        row, full, para = cells(data, name)
        words = {"wins": "para wins", "even": "No clear difference", "loses": "para does not win"}
        ctx.check(row["why"]["para"].startswith(words[row["verdict"]["para"]]), row["why"]["para"])
    row, full, para = cells(data, "clock")
    ctx.equal((full["clock"], para["clock"]), ("TSC", "kvmclock"), "clocks")
    data, _ = report(ctx, "--workload", "idle", "--count", 5, "--runs", 3)
    ctx.equal([cell["runs"] for cell in data["rows"][0]["modes"].values()], [3, 3], "runs")
    # The other way round, the loser is told as such, with the same figures.
    data, done = report(ctx, "--workload", "console", "--modes", "para,full", "--count", 32)
    ctx.equal(data["rows"][0]["verdict"], {"full": "loses"}, "verdict with para first")
    ctx.contains(done.out, "full does not win")


def switches(ctx):
    """Each of KVM's offers can be done without."""
    data, _ = report(ctx, "--workload", "idle", "--modes", "para,para-clock,para-eoi-steal", "--count", 20)
    modes = data["rows"][0]["modes"]
    ctx.equal(modes["para-clock"]["clock"], "TSC", "the clock of para-clock")
    ctx.equal(modes["para"]["clock"], "kvmclock", "the clock of para")
    ctx.equal((modes["para-eoi-steal"]["eoi_spared"], modes["para-eoi-steal"]["stolen_ns"]), (0, 0), "without EOI, steal")
    done = ctx.vmm("--append", "pv=-eoi,-nothing exit=0")
    ctx.equal(done.status, 0, "status")
    ctx.contains(done.out, "pv=-nothing: there are", "in use: steal time")
    ctx.check("PV EOI," not in done.text, "PV EOI is in use")


def every_workload(ctx):
    """All of them, in little."""
    data, _ = report(ctx, "--count", 8, "--backing", "4k,thp", "--workload", "all")
    ctx.equal(list(dict.fromkeys(r["workload"] for r in data["rows"])), WORKLOADS, "workloads")
    ctx.equal([r["backing"] for r in data["rows"] if r["workload"] == "chase"], ["off", "thp"], "rows of chase")
    listed = contrast(ctx, "--workload", "list").text.split("\n")
    ctx.equal([line.split()[0] for line in listed if line], WORKLOADS, "--workload list")


def alone(ctx):
    """The guest's side: its words, and its answer to ones it does not know."""
    done = ctx.vmm("--append", "quiet workload=clock,n=7")
    ctx.equal(done.status, 0, "status")
    ctx.contains(done.out, "RESULT workload=clock n=7 ns=")
    for words, status, answer in (("workload=frob", 2, "workload=switch-far"), ("workload=clock,x=1", 2, "there are n="),
                                  ("workload", 2, "There are"), ("workload=disk-read", 1, 'skip="no disk"'),
                                  ("workload=net", 1, 'skip="no network card"'),
                                  ("workload=ipi", 1, 'skip="it needs two CPUs"')):
        done = ctx.vmm("--append", f"quiet {words}")
        ctx.equal(done.status, status, f"status of {words}")
        ctx.contains(done.out, answer)
    disk = ctx.tmp / "other.img"
    disk.write_bytes(b"\x55" * (1 << 20))
    ctx.equal(ctx.vmm("--disk", disk, "--append", "quiet workload=disk-write").status, 1, "status with somebody's disk")
    ctx.equal(disk.read_bytes(), b"\x55" * (1 << 20), "somebody's disk")


def refusals(ctx):
    for words, fragment in (("--workload frob", "--workload frob"), ("--modes half", "--modes half"),
                            ("--modes para-everything", "clock, steal, eoi, ipi"), ("--backing 3M", "--backing 3M"),
                            ("--runs 0", "--runs 0"), ("--count 0", "--count 0"), ("--modes full-eoi", "full-eoi")):
        done = contrast(ctx, *words.split(), status=2)
        ctx.contains(done.err, fragment)
        ctx.equal(done.text, "", "stdout")
    done = contrast(ctx, "--workload", "clock", "--count", 5, "--html", "/no/such/folder/x", status=125)
    ctx.contains(done.err, "/no/such/folder/x")


# ---- the page ------------------------------------------------------------------------------------------

class Page(html.parser.HTMLParser):
    """Elements that must be closed are; what would be fetched is noted."""

    VOID = {"meta", "br"}
    OPTIONAL = {"td", "th", "tr"}

    def __init__(self):
        super().__init__()
        self.stack, self.fetched, self.wrong, self.text, self.bars = [], [], [], [], 0

    def handle_starttag(self, tag, attrs):
        self.fetched += [f"{tag} {k}={v}" for k, v in attrs if k in ("src", "href", "srcset", "data", "xlink:href")]
        if tag in ("script", "link", "iframe", "object", "img"):
            self.fetched.append(tag)
        self.bars += tag == "svg"
        if tag not in self.VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        while self.stack and self.stack[-1] != tag and self.stack[-1] in self.OPTIONAL:
            self.stack.pop()
        if not self.stack or self.stack.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data):
        self.text.append(data)


def make_page(ctx):
    path = ctx.tmp / "out.html"
    contrast(ctx, "--workload", "boot,console,disk-write,tick-250,clock,touch", "--count", 40, "--backing", "4k,thp",
             "--modes", "full,para,para-eoi", "--html", path, "--json", ctx.tmp / "out.json")
    return path


def page(ctx):
    text = make_page(ctx).read_text()
    p = Page()
    p.feed(text)
    p.close()
    ctx.equal((p.wrong, p.stack), ([], []), "elements that are not closed")
    ctx.equal(p.fetched, [], "what the page would fetch")
    for word in ("http:", "https:", "url(", "@import"):
        ctx.check(word not in text, f"{word} in the page")
    ctx.check("prefers-color-scheme:dark" in text and p.bars >= 7 * 2 + 7 * 6, f"{p.bars} plots")
    shown = "".join(p.text)
    for row in json.loads((ctx.tmp / "out.json").read_text())["rows"]:
        ctx.contains(shown, row["title"], *row["why"].values())


def pixel(png):
    """The first pixel, and the size: 8-bit RGB or RGBA, whatever the first line's filter."""
    width, height, depth, kind = struct.unpack(">IIBB", png[16:26])
    data, at = b"", 8
    while at < len(png):
        size, = struct.unpack(">I", png[at:at + 4])
        if png[at + 4:at + 8] == b"IDAT":
            data += png[at + 8:at + 8 + size]
        at += size + 12
    if depth != 8 or kind not in (2, 6):
        raise ValueError(f"PNG of depth {depth}, type {kind}")
    return (width, height), tuple(zlib.decompress(data)[1:4])


def browser(ctx, *words):
    home = ctx.tmp / "browser"
    home.mkdir(exist_ok=True)
    return ctx.run(["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
                    f"--user-data-dir={home}", *words], env={"HOME": str(home), "PATH": "/usr/bin:/bin"})


def in_a_browser(ctx):
    """At 400 and 1280 pixels nothing sticks out; the colours follow the scheme."""
    path = make_page(ctx)
    for width in (400, 1280):
        measured = path.read_text().replace(
            "</body>", "<script>parent.document.title=document.documentElement.scrollWidth</script></body>")
        frame = ctx.tmp / f"frame{width}.html"
        frame.write_text(f'<title>?</title><iframe style="border:0;width:{width}px;height:900px" '
                         f'srcdoc="{html.escape(measured)}"></iframe>')
        done = browser(ctx, "--window-size=1400,1000", "--virtual-time-budget=3000", "--dump-dom", frame.as_uri())
        ctx.contains(done.out, f"<title>{width}</title>")
    for scheme, dark in ((LIGHT, False), (DARK, True)):
        shot = ctx.tmp / "shot.png"
        browser(ctx, scheme, "--window-size=1280,900", f"--screenshot={shot}", path.as_uri())
        size, colour = pixel(shot.read_bytes())
        ctx.equal(size, (1280, 900), "size of the picture")
        ctx.check((max(colour) < 64) == dark, f"background {colour} where dark is {dark}")


def jobs(_env):
    def job(name, fn, needs=("kvm",), timeout=60):
        return Job(f"contrast/{name}", fn, needs=needs, timeout=timeout)

    yield job("console and disk without the VMM", devices)
    yield job("network round trips", network)
    yield job("forks", forks)
    yield job("says who does not win", honest)
    yield job("pv= and modes", switches)
    yield job("every workload", every_workload, timeout=180)
    yield job("workload=", alone)
    yield job("refusals", refusals)
    yield job("the page", page, timeout=90)
    yield job("the page in a browser", in_a_browser, needs=("kvm", "chromium"), timeout=120)
