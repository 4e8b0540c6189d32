# SPDX-License-Identifier: MIT
"""parallax-gdb-memory.py - gdb commands for the tiny kernel's memory: px-buddyinfo, px-slabinfo,
px-vmallocinfo, px-page. The build puts it behind parallax-gdb.py, whose functions it uses: gdb loads one file.
"""

# ---- memory -------------------------------------------------------------------------------------

def kernel_mm():
    mm = value("kernel_mm")
    try:
        up = int(mm["pages_up"])
    except gdb.MemoryError:  # no paging yet
        up = False
    if not up:
        raise gdb.GdbError("the page allocator is not up yet")
    return mm


def zones(pg):
    for node in range(int(pg["nr_nodes"])):
        if not unsigned(pg["node"][node]):
            continue
        zone = pg["node"][node].dereference()["zone"]
        for kind in range(zone.type.range()[1] + 1):
            if int(zone[kind]["present"]):
                yield zone[kind]


class BuddyInfo(gdb.Command):
    """px-buddyinfo: free blocks of each order in each zone, as /proc/buddyinfo."""

    def __init__(self):
        super().__init__("px-buddyinfo", gdb.COMMAND_STATUS)

    def invoke(self, _argument, _from_tty):
        for z in zones(kernel_mm()["pg"]):
            area = z["buddy"]["area"]
            orders, types = area.type.range()[1] + 1, area[0]["nr_free"].type.range()[1] + 1
            counts = [sum(int(area[o]["nr_free"][t]) for t in range(types)) for o in range(orders)]
            print(f"Node {int(z['nid'])}, zone {z['name'].string():>8} " + "".join(f"{n:>6} " for n in counts))


class SlabInfo(gdb.Command):
    """px-slabinfo: every cache of objects, as /proc/slabinfo. Objects in the CPUs' own stocks count as free."""

    def __init__(self):
        super().__init__("px-slabinfo", gdb.COMMAND_STATUS)

    @staticmethod
    def counts(sys, cache):
        """Objects in use and in all, slabs in use and in all."""
        nodes = [cache["node"][n] for n in range(int(sys["pg"]["nr_nodes"]))]
        slabs, empty = sum(int(n["nr_slabs"]) for n in nodes), sum(int(n["nr_free_slabs"]) for n in nodes)
        kind, size = sys["ops"]["name"].string(), int(cache["objects"])
        if kind == "slob":  # no slabs of its own: the first node counts objects
            slabs = int(nodes[0]["nr_slabs"])
            return slabs, slabs, 0, 0
        free = empty * size if kind == "slab" else 0  # slub keeps the empty ones on the partial list
        for n in nodes:
            free += sum(size - int(page["inuse"]) for page in list_entries(n["partial"], "struct page", "lru"))
        return slabs * size - free, slabs * size, slabs - empty, slabs

    def invoke(self, _argument, _from_tty):
        mm = kernel_mm()
        if not int(mm["slab_up"]):
            raise gdb.GdbError("the slab allocator is not up yet")
        print("slabinfo - version: 2.1\n# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>"
              " : tunables <limit> <batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>")
        cpus = range(int(mm["pg"]["nr_cpus"]))
        for c in list_entries(mm["slab"]["caches"], "struct kmem_cache", "list"):
            active, total, active_slabs, slabs = self.counts(mm["slab"], c)
            active -= min(active, sum(int(c["cpu"][i]["top"] - c["cpu"][i]["base"]) for i in cpus))
            cap = int(c["array_cap"])
            print(f"{c['name'].string():<17} {active:>6} {total:>6} {int(c['size']):>6} {int(c['objects']):>4} "
                  f"{1 << int(c['order']):>4} : tunables {cap:>4} {cap // 2:>4} {0:>4} : "
                  f"slabdata {active_slabs:>6} {slabs:>6} {0:>6}")


class VmallocInfo(gdb.Command):
    """px-vmallocinfo: areas that vmalloc(), vmap() and ioremap() mapped, and for whom, as /proc/vmallocinfo."""

    FLAGS = ((0x01, " ioremap"), (0x02, " vmalloc"), (0x04, " vmap"))

    def __init__(self):
        super().__init__("px-vmallocinfo", gdb.COMMAND_STATUS)

    @staticmethod
    def pages_by_node(vm):
        count, chunk = {}, vm["chunks"]
        while unsigned(chunk):
            for i in range(int(chunk["nr"])):
                node = node_of(int(chunk["page"][i]["flags"]))
                count[node] = count.get(node, 0) + 1
            chunk = chunk["next"]
        return "".join(f" N{node}={n}" for node, n in sorted(count.items()))

    def invoke(self, _argument, _from_tty):
        space = kernel_mm()["vmalloc"]
        for node in tree_nodes(space["busy_root"]):
            pointer = container(node, "struct vmap_area", "rb")["vm"]
            if not unsigned(pointer):
                continue
            vm = pointer.dereference()
            start, size = unsigned(vm["addr"]), int(vm["size"])
            line = f"{start:#018x}-{start + size:#018x} {size:>7}"
            if int(vm["caller"]):
                line += f" {symbol_at(int(vm['caller']))}"
            if int(vm["nr_pages"]):
                line += f" pages={int(vm['nr_pages'])}"
            if int(vm["phys"]):
                line += f" phys={int(vm['phys']):#018x}"
            line += "".join(word for bit, word in self.FLAGS if int(vm["flags"]) & bit)
            print(line + self.pages_by_node(vm))


# ---- page frames --------------------------------------------------------------------------------

# Above the flags of a struct page: | node 4 | zone 3 | section 19 |, guest/mm/page.h.
ZONE_SHIFT, NODE_SHIFT, SECTION_SHIFT = 57, 60, 38
PAGEBLOCK_NONE = 0xff
MIGRATE_TYPES = ("unmovable", "movable", "reclaimable", "highatomic", "CMA", "isolated")


def node_of(flags):
    return flags >> NODE_SHIFT & 15


def page_of(pg, pfn):
    """The struct page of a frame under any memory model, or None."""
    model, kind = pg["model"], gdb.lookup_type("struct page").pointer()
    if not int(model["start"]) <= pfn < int(model["end"]):
        return None
    section = pfn >> 15
    if unsigned(model["section"]) and not int(model["section"][section]["map"]):
        return None
    if int(model["linear"]):
        return gdb.Value(int(model["linear"]) + pfn * kind.target().sizeof).cast(kind)
    if unsigned(model["section"]):
        return gdb.Value((int(model["section"][section]["map"]) + pfn * kind.target().sizeof) % 2**64).cast(kind)
    node = model["node"][int(model["node_of"][pfn >> int(model["node_shift"])])]
    if not int(node["start"]) <= pfn < int(node["end"]):
        return None
    return node["map"] + (pfn - int(node["start"]))


def frame_of(pg, page):
    """The frame of a struct page *."""
    model, flags, at = pg["model"], int(page["flags"]), unsigned(page)
    size = page.type.target().sizeof
    if int(model["linear"]):
        return (at - int(model["linear"])) // size
    if unsigned(model["section"]):
        return (at - int(model["section"][flags >> SECTION_SHIFT & 0x7ffff]["map"])) % 2**64 // size
    node = model["node"][node_of(flags)]
    return int(node["start"]) + (at - unsigned(node["map"])) // size


class Page(gdb.Command):
    """px-page WHAT: what the kernel knows about one page frame.

WHAT is a struct page *, a kernel address (its page tables say which frame), or a physical address."""

    def __init__(self):
        super().__init__("px-page", gdb.COMMAND_DATA, gdb.COMPLETE_EXPRESSION)

    @staticmethod
    def frame(pg, what):
        if str(what.type.strip_typedefs().unqualified()) in ("struct page *", "const struct page *"):
            return frame_of(pg, what)
        address = unsigned(what)
        if address < 1 << 46:
            return address >> 12
        physical = walk(address)[1]
        if physical is None:
            raise gdb.GdbError(f"{address:#x}: not mapped")
        return physical >> 12

    @staticmethod
    def flags(page):
        bits = gdb.lookup_type("enum pageflags").fields()
        flags = int(page["flags"])
        return {f.name.removeprefix("PG_") for f in bits[:-1] if flags >> f.enumval & 1}

    @staticmethod
    def owner(page, flags):
        """Who has it, and in what state."""
        if "buddy" in flags:
            order = int(page["private"]) & 0xff
            return f"free, first of a block of order {order} ({MIGRATE_TYPES[int(page['private']) >> 8 & 0xff]})"
        if "slab" in flags and unsigned(page["slab_cache"]):
            return f"slab {page['slab_cache']['name'].string()}, {int(page['inuse'])} of {int(page['objects'])} objects in use"
        if "table" in flags:
            return "page table"
        if "reserved" in flags:
            return "reserved: firmware, kernel image, or set up before the page allocator"
        return ""

    def invoke(self, argument, _from_tty):
        pg = kernel_mm()["pg"]
        if not argument:
            raise gdb.GdbError("usage: px-page STRUCT-PAGE-POINTER | ADDRESS")
        try:
            pfn = self.frame(pg, value(argument))
            page = page_of(pg, pfn)
        except gdb.MemoryError:
            raise gdb.GdbError(f"{argument}: no struct page") from None
        if page is None:
            raise gdb.GdbError(f"frame {pfn:#x}: not memory, it has no struct page")
        print(f"frame {pfn:#x}, physical {pfn << 12:#x}, struct page {unsigned(page):#x}")
        if int(pg["pageblock"][pfn >> 9]) == PAGEBLOCK_NONE:
            print("its struct page is not written yet: free, or taken before there was a page allocator")
            return
        word = int(page["flags"])
        flags, zone = self.flags(page), pg["zone_table"][word >> ZONE_SHIFT & 0x7f]
        names = " " + " ".join(sorted(flags)) if flags else ""
        print(f"node {node_of(word)}, zone {zone['name'].string() if unsigned(zone) else '?'}, flags "
              f"{word & (1 << len(gdb.lookup_type('enum pageflags').fields()) - 1) - 1:#x}{names}")
        mapped = "" if "slab" in flags else f", mapcount {int(page['_mapcount']['counter'])}"
        print(f"refcount {int(page['_refcount']['counter'])}{mapped}, mapping {unsigned(page['mapping']):#x}, "
              f"index {int(page['index']):#x}, private {int(page['private']):#x}")
        head = int(page["compound_head"])
        if head & 1:
            page = gdb.Value(head - 1).cast(page.type)
            flags = self.flags(page)
            print(f"tail page of frame {frame_of(pg, page):#x}")
        owner = self.owner(page, flags)
        if owner:
            print(owner)


for command in (BuddyInfo, SlabInfo, VmallocInfo, Page):
    command()
