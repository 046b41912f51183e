"""A network namespace of this process's own whose loopback loses packets.

It has no name: it ends with the last process in it, however that ends.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass

_TOOLS = ("unshare", "ip", "nft")
# packets of an Ethernet, in place of 64 KiB that would be lost as one
_LINK = "up mtu 1500 gso_max_size 1500 gso_max_segs 1"
_RULES = """
table inet loss {{
    counter seen {{ }}
    counter dropped {{ }}
    chain in {{
        type filter hook input priority 0;
        meta l4proto tcp counter name seen
        meta l4proto tcp numgen random mod 100 < {percent} counter name dropped drop
    }}
}}
"""


class Unavailable(Exception):
    """This machine cannot do it; the text says why."""


@dataclass(frozen=True)
class Packets:
    """What the namespace's TCP has done so far."""

    seen: int
    dropped: int
    retransmitted: int

    def __sub__(self, before: Packets) -> Packets:
        return Packets(
            self.seen - before.seen,
            self.dropped - before.dropped,
            self.retransmitted - before.retransmitted,
        )

    @property
    def percent(self) -> float:
        """The share that was dropped."""
        return 100 * self.dropped / self.seen if self.seen else 0.0


def prefix() -> list[str]:
    """Return what runs a command in a network namespace of its own.

    :raises Unavailable: if that cannot be done here.
    """
    for tool in _TOOLS:
        if shutil.which(tool) is None:
            raise Unavailable(f"no {tool} in PATH")
    command = ["unshare", "--net", *["--user", "--map-root-user"] * (os.geteuid() != 0)]
    probe = subprocess.run(
        [*command, "nft", "list", "ruleset"], capture_output=True, text=True, timeout=20
    )
    if probe.returncode:
        raise Unavailable(f"no network namespace with nftables: {probe.stderr.strip()}")
    return command


def lose(percent: int) -> None:
    """Let the loopback of this process's namespace lose packets of TCP at random.

    :raises Unavailable: if this is not a fresh namespace, or a rule is refused.
    """
    links = json.loads(_run("ip", "-json", "link", "show"))
    if [link["ifname"] for link in links] != ["lo"] or "UP" in links[0]["flags"]:
        raise Unavailable("this is no fresh network namespace: its packets are left alone")
    _run("ip", "link", "set", "lo", *_LINK.split())
    _run("nft", "-f", "-", text=_RULES.format(percent=percent))


def packets() -> Packets:
    """Return what was counted since :func:`lose`."""
    found = json.loads(_run("nft", "-j", "list", "counters"))["nftables"]
    counters = {
        item["counter"]["name"]: int(item["counter"]["packets"])
        for item in found
        if "counter" in item
    }
    with open("/proc/self/net/snmp") as lines:
        names, values = (line.split() for line in lines if line.startswith("Tcp:"))
    tcp = dict(zip(names, values, strict=True))
    return Packets(counters["seen"], counters["dropped"], int(tcp["RetransSegs"]))


def _run(*command: str, text: str | None = None) -> str:
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=20)
    if done.returncode:
        raise Unavailable(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout
