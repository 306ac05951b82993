"""The `guard` process: the only one that keeps a right, CAP_NET_ADMIN, to have blocked sources dropped by nftables.

It is asked by `signal` over a pair of sockets that the supervisor made (`protection.py`). A question is a JSON object,
`{"do": "block", "source": "192.0.2.7", "seconds": 600}`, `{"do": "unblock", "source": ...}` or `{"do": "flush"}`; each
has an answer, `{"source": ..., "failed": null}` or why. It trusts nobody: a source must be a plain address, none that
is exempt, and the time bounded. The table is made with the first block and removed when the node stops; after a crash
it stays, with the time-outs of its elements.
"""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Network, ip_address

from seaway.catalog.deployment import Deployment
from seaway.catalog.resolve import Resolution
from seaway.observe import log
from seaway.policy.intrusion import LONGEST_BLOCK, Intrusion, Network
from seaway.runtime.config import NodeConfig
from seaway.runtime.ipc import private_pair
from seaway.runtime.privileges import CAP_NET_ADMIN, RunAs, keep_only, tie_to_parent
from seaway.runtime.protection_settings import exempt_networks

__all__ = ["Guard", "Guarding", "prepare_guard", "run_guard", "table_of"]

_LONGEST = 4096  # octets of a question
_SIZE = 65_536  # elements of a set
_TIMEOUT = 5.0  # seconds for nft

Nft = Callable[[str], str | None]
"""Runs an nft script; why it failed, or `None`."""


def table_of(node: str) -> str:
    """The name of the node's table; nft allows letters, digits and underscores."""
    return "seaway_guard_" + re.sub(r"[^A-Za-z0-9]", "_", node)


class Guard:
    """Checks questions and makes nft scripts of them."""

    def __init__(self, table: str, exempt: Sequence[Network], nft: Nft) -> None:
        self._table = table
        self._exempt = Intrusion(exempt=exempt)
        self._nft = nft
        self._made = False

    def answer(self, question: bytes) -> bytes:
        """The answer to one question. Raises nothing."""
        source: object = None
        try:
            asked = json.loads(question)
            if not isinstance(asked, dict):
                raise ValueError("a question is an object")
            source = asked.get("source")
            failed = self._do(asked)
        except (ValueError, RecursionError, TypeError) as error:
            failed = str(error)
        return json.dumps({"source": source if isinstance(source, str) else None, "failed": failed}).encode()

    def _do(self, asked: dict[str, object]) -> str | None:
        if asked.get("do") == "flush":
            return self.remove()
        source = str(asked.get("source"))
        if "%" in source:
            raise ValueError("an address with a zone index")  # the library takes any text for one (RFC 4007 §11)
        address = ip_address(source)
        if not isinstance(address, IPv4Address):
            IPv6Network((address, 64))  # raises for what is not the first address of a /64
        name = "blocked4" if isinstance(address, IPv4Address) else "blocked6"
        place = f"inet {self._table} {name}"
        if asked.get("do") == "unblock":
            return self._nft(f"delete element {place} {{ {address} }}\n") if self._made else None
        seconds = asked.get("seconds")
        if asked.get("do") != "block" or type(seconds) is not int or not 1 <= seconds <= LONGEST_BLOCK:
            raise ValueError("neither block nor unblock nor flush, or no time")
        if self._exempt.exempts(source):
            raise ValueError(f"{source} is exempt")
        # An element that is there keeps its time-out: take it out first.
        script = self._table_script() if not self._made else ""
        script += f"add element {place} {{ {address} }}\ndelete element {place} {{ {address} }}\n"
        failed = self._nft(script + f"add element {place} {{ {address} timeout {seconds}s }}\n")
        self._made = self._made or failed is None
        return failed

    def remove(self) -> str | None:
        """Take the table out; one that a crash has left, too."""
        failed = self._nft(f"add table inet {self._table}\ndelete table inet {self._table}\n")
        self._made = False
        return failed

    def _table_script(self) -> str:
        """Leaves alone what is there: an earlier guard may have died, its blocks go on."""
        name = self._table
        return (
            f"add table inet {name}\n"
            f"add set inet {name} blocked4 {{ type ipv4_addr; flags timeout; size {_SIZE}; }}\n"
            f"add set inet {name} blocked6 {{ type ipv6_addr; flags timeout; size {_SIZE}; }}\n"
            f"add chain inet {name} input {{ type filter hook input priority -150; policy accept; }}\n"
            f"flush chain inet {name} input\n"
            f"add rule inet {name} input ip saddr @blocked4 counter drop\n"
            f"add rule inet {name} input ip6 saddr & ffff:ffff:ffff:ffff:: @blocked6 counter drop\n"
        )


@dataclass(frozen=True, slots=True)
class Guarding:
    """The two ends of the way to the guard, kept by the supervisor; both `None` where there is no such process."""

    node: str
    exempt: tuple[Network, ...]
    asking: socket.socket | None
    answering: socket.socket | None

    def run(self, parent: int, ready: Callable[[], None]) -> None:
        """The life of the process. `parent`: the supervisor's id."""

        def leave() -> None:
            keep_only(CAP_NET_ADMIN)
            tie_to_parent(parent)

        assert self.answering is not None
        run_guard(self.node, self.exempt, self.answering, leave, ready)


def prepare_guard(config: NodeConfig, deployment: Deployment, resolution: Resolution, user: RunAs | None) -> Guarding:
    """Before the forks. There is a guard where a process can stay root, and `[protection]` does not say otherwise."""
    table = config.protection
    may = user is not None and table.enabled and table.nftables
    ends = private_pair() if may else (None, None)
    return Guarding(config.node, exempt_networks(config, deployment, resolution), *ends)


def run_guard(
    node: str, exempt: Sequence[Network], link: socket.socket, leave: Callable[[], None], ready: Callable[[], None]
) -> None:
    """The main of the process, until SIGTERM. `leave` gives up all rights but the one."""
    program = shutil.which("nft", path="/usr/sbin:/sbin:/usr/bin:/bin")
    logger = log.get(part="guard")
    guard = Guard(table_of(node), exempt, lambda script: _run(program, script))
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    leave()
    if program is None:
        logger.warning("guard.without_nftables", reason="there is no nft; blocked sources are dropped in user space")
    ready()
    used = False
    try:
        with suppress(SystemExit):
            while question := link.recv(_LONGEST):
                used = True
                answer = guard.answer(question)
                if json.loads(answer)["failed"] is not None:
                    logger.warning("guard.failed", answer=answer.decode())
                with suppress(OSError):  # nobody reads
                    link.send(answer, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
    finally:
        if used:
            guard.remove()


def _run(program: str | None, script: str) -> str | None:
    if program is None:
        return "there is no nft"
    try:
        done = subprocess.run(
            [program, "-f", "-"], input=script, capture_output=True, text=True, timeout=_TIMEOUT, check=False, env={}
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return None if done.returncode == 0 else (done.stderr.strip().splitlines() or ["nft failed"])[0][:200]
