# SPDX-License-Identifier: MIT
"""xml.py - domains of the tiny kernel, as libvirt's XML."""

from xml.sax.saxutils import escape

from harness.core import ROOT

SERIAL = "<serial type='pty'/><console type='pty'/>"
WORDS = "quiet prompt"


def domain(d, name, words=WORDS, emulator=None, machine="microvm", cpus=1, mib=64, serial=SERIAL, features="<acpi/>",
           more="", devices="", off="destroy", reboot="restart", crash="destroy", kernel=None,
           balloon="<memballoon model='none'/>"):
    """One domain; MORE goes beside <os>, DEVICES into <devices>."""
    return f"""<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>{escape(name)}</name>
  <memory unit='MiB'>{mib}</memory>
  <vcpu>{cpus}</vcpu>
  <os>
    <type arch='x86_64' machine='{machine}'>hvm</type>
    <kernel>{escape(str(kernel or d.kernel))}</kernel>
    <cmdline>{escape(words)}</cmdline>
  </os>
  <features>{features}</features>
  {more}
  <on_poweroff>{off}</on_poweroff>
  <on_reboot>{reboot}</on_reboot>
  <on_crash>{crash}</on_crash>
  <devices>
    <emulator>{escape(str(emulator or d.emulator))}</emulator>
    {serial}
    <controller type='usb' model='none'/>
    {balloon}
    {devices}
  </devices>
</domain>
"""


def example(d, name):
    """A file of images/domains, with the paths of this daemon's folder."""
    text = (ROOT / "images/domains" / name).read_text()
    return text.replace("/usr/local/bin/parallax-qemu", str(d.emulator)).replace(
        "/usr/local/lib/parallax/parallax.elf", str(d.kernel))
