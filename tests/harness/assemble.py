# SPDX-License-Identifier: MIT
"""assemble.py - guests of a page or less, made from tests/guest/*/*.asm by nasm (and ld) when needed."""

from .core import ROOT, Failed

FOLDER = ROOT / "tests" / "guest"
NEEDS = ("nasm",)


def assemble(ctx, source, fmt="bin", **defines):
    """Assembles FOLDER/source with NAME=VALUE defines; returns the image's path."""
    image = ctx.tmp / (source.replace("/", "-") + "." + fmt)
    words = [f"-D{name}={value}" for name, value in defines.items()]
    done = ctx.run(["nasm", "-Wall", "-Werror", "-f", fmt, f"-I{FOLDER}/include/", *words, "-o", image,
                    FOLDER / source])
    if done.status:
        raise Failed(f"{source} does not assemble")
    return image


def link(ctx, objects, machine="elf_i386", address=0x100000):
    image = ctx.tmp / "linked.elf"
    done = ctx.run(["ld", "-m", machine, "-N", f"-Ttext={address:#x}", "-e", "start", "--build-id=none",
                    "-o", image, *objects])
    if done.status:
        raise Failed("the image does not link")
    return image
