# SPDX-License-Identifier: MIT
"""table.py - figures to rows: medians with spreads, ratios to bare, the aim and whether it is met."""

import json
import statistics

PEERS = ("bare", "parallax", "qemu")
WIDTHS = (44, 20, 20, 6, 14, 20, 6)


class Book:
    def __init__(self):
        self.rows = []

    def ratio_row(self, group, text, unit, samples, aim, pooled=False):
        """SAMPLES: {vmm: [figure of each round]}. AIM: the most that parallax may be over bare.

        POOLED figures are sampled: one round's ratio is mostly chance, so the means are divided.
        """
        middle = statistics.mean if pooled else statistics.median
        row = {"group": group, "text": text, "unit": unit, "aim": aim, "relative": True, "samples": samples,
               "median": {n: middle(s) for n, s in samples.items()}, "ratio": {}}
        base = samples.get("bare")
        for name, figures in samples.items():
            if not base or name == "bare":
                continue
            row["ratio"][name] = (middle(figures) / middle(base) if pooled else
                                  statistics.median(f / b for f, b in zip(figures, base)))
        self._judge(row, row["ratio"].get("parallax"))

    def growth_row(self, group, text, small, large, slack=1.0):
        """What the large machine costs over the small one; parallax may add SLACK ms to what bare adds."""
        rows = {f"{r['group']}/{r['text']}": r["median"] for r in self.rows}
        grown = {n: rows[large][n] - rows[small][n] for n in rows[small]}
        self.figure_row(group, text, "ms", grown, grown["bare"] + slack)

    def figure_row(self, group, text, unit, figures, aim):
        """AIM: the most that parallax may have, in UNIT."""
        row = {"group": group, "text": text, "unit": unit, "aim": aim, "relative": False,
               "samples": {n: [f] for n, f in figures.items()}, "median": figures, "ratio": {}}
        self._judge(row, figures["parallax"])

    def _judge(self, row, figure):
        row["met"] = None if row["aim"] is None or figure is None else figure <= row["aim"]
        self.rows.append(row)

    def print(self):
        group = None
        for row in self.rows:
            if row["group"] != group:
                group = row["group"]
                print("\n" + _line((group.upper(), "bare", "parallax", "x bare", "aim", "qemu microvm",
                                    "x bare")))
            cell = {n: _cell(row, n) for n in PEERS}
            ratio = {n: f"{row['ratio'][n]:.2f}" if n in row["ratio"] else "" for n in PEERS}
            label = row["text"] + (f", {row['unit']}" if row["unit"] else "")
            print(_line((label, cell["bare"], cell["parallax"], ratio["parallax"], _aim(row), cell["qemu"],
                         ratio["qemu"])))
            if "bare+write" in row["median"]:
                print(_line(("  bare, one write(2) for each", _cell(row, "bare+write"), "", "", "", "", "")))
        judged = [r for r in self.rows if r["met"] is not None]
        missed = [r["text"] for r in judged if not r["met"]]
        print(f"\n{len(judged) - len(missed)} of {len(judged)} aims met")
        for text in missed:
            print(f"  missed: {text}")

    def save(self, path):
        with open(path, "w", encoding="utf-8") as out:
            json.dump({"rows": self.rows}, out, indent=1)
            out.write("\n")


def _line(cells):
    first, *rest = zip(cells, WIDTHS)
    return (f"{first[0]:<{first[1]}}" + "".join(f" {text:>{width}}" for text, width in rest)).rstrip()


def _number(x):
    if x == int(x):
        return f"{int(x)}"
    return f"{x:.2f}" if abs(x) < 1000 else f"{x:.0f}"


def _cell(row, name):
    if name not in row["median"]:
        return ""
    samples = row["samples"][name]
    # Sampled nanoseconds and milliseconds need no more than this; counts are printed as they are.
    show = (lambda x: f"{x:.0f}") if row["unit"] == "ns" else _number
    text = show(row["median"][name])
    if min(samples) != max(samples):
        text += f" ({show(min(samples))}-{show(max(samples))})"
    return text


def _aim(row):
    if row["aim"] is None:
        return ""
    text = f"{row['aim']:.3g}x" if row["relative"] else f"{row['aim']:,.4g}" if row["aim"] < 1000 else \
        f"{row['aim']:,}"
    return f"<={text} {'met' if row['met'] else 'MISSED'}"
