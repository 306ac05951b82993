"""A pair on loopback addresses of its own, an echo core, and helpers, for tests of the runtime."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import uvloop

from seaway.catalog.deployment import Deployment, parse_deployment
from seaway.catalog.resolve import Resolution, resolve
from seaway.core.dns.io import Answer
from seaway.core.sip.io import CloseFlow, Flow, Hop, Send, SendTo
from seaway.identity.ca import create_authority, issue
from seaway.runtime.tls_files import TlsFiles, read_files
from seaway.runtime.tls_settings import Tls
from tests.runtime.nets import NET

CORE, EDGE_INNER, EDGE_OUTER = f"{NET}.1.10", f"{NET}.2.20", f"{NET}.3.20"
DNS, INSIDE, OUTSIDE = f"{NET}.1.53", f"{NET}.1.77", f"{NET}.9.9"

DEPLOYMENT = f"""
name = "rig"
domain = "example.test"
[services]
pair = true
sip_calls = true
[sip]
edge_udp = true
edge_tcp = true
[[node]]
name = "core1"
role = "core"
fqdn = "core1.example.test"
nic.inner.address = "{CORE}/24"
[[node]]
name = "edge1"
role = "edge"
fqdn = "edge1.example.test"
nic.inner.address = "{EDGE_INNER}/24"
nic.outer.address = "{EDGE_OUTER}/24"
[hosts]
admin_pc = ["{NET}.1.5"]
internal_dns = ["{DNS}"]
internal_ntp = ["{DNS}"]
sip_endpoint = ["{NET}.1.0/24"]
[[firewall]]
name = "inner"
between = ["internal", "dmz"]
[[firewall]]
name = "outer"
between = ["dmz", "internet"]
"""


def deployment(extra: str = "") -> Deployment:
    return parse_deployment(DEPLOYMENT + extra)


def resolution() -> Resolution:
    return resolve(deployment())


def run(main: Callable[[], Coroutine[Any, Any, None]], seconds: float = 20.0) -> None:
    """Run a test body on uvloop, bounded."""

    async def bounded() -> None:
        async with asyncio.timeout(seconds):
            await main()

    uvloop.run(bounded())


async def until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    """Give the loop turns until `condition` holds."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.002)


async def within(what: Awaitable[Any], seconds: float = 5.0) -> Any:
    return await asyncio.wait_for(what, seconds)


def message(number: int = 1, body: bytes = b"", method: bytes = b"OPTIONS") -> bytes:
    return (
        b"%b sip:x@example.test SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK%d\r\nMax-Forwards: 70\r\n"
        b"From: <sip:a@example.test>;tag=1\r\nTo: <sip:x@example.test>\r\nCall-ID: c%d\r\nCSeq: %d %b\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (method, number, number, number, method, len(body), body)
    )


class EchoCore:
    """Sends every message back on its flow; raises on what carries `boom`. Remembers what it was told."""

    def __init__(self, *, echo: bool = True) -> None:
        self._echo = echo
        self.outputs: deque[Any] = deque()
        self.received: list[tuple[bytes, Flow]] = []
        self.opened: list[Flow] = []
        self.closed: list[tuple[Flow, str]] = []
        self.refused: list[tuple[str, str]] = []
        self.pongs = 0
        self.sent: list[tuple[int, Flow]] = []
        self.failed: list[tuple[int, str]] = []
        self.answers: list[tuple[int, Answer]] = []
        self.deadline: float | None = None
        self.fired: list[float] = []
        self._token = 0

    def start(self, now: float) -> None: ...

    def link_refused(self, zone: str, reason: str, now: float) -> None:
        self.refused.append((zone, reason))

    def receive(self, data: bytes, flow: Flow, now: float) -> None:
        if b"boom" in data:
            raise RuntimeError("planted defect")
        self.received.append((data, flow))
        if self._echo:
            self.outputs.append(Send(flow, data))

    def flow_opened(self, flow: Flow, now: float) -> None:
        self.opened.append(flow)

    def flow_closed(self, flow: Flow, now: float, reason: str = "") -> None:
        self.closed.append((flow, reason))

    def pong(self, flow: Flow, now: float) -> None:
        self.pongs += 1

    def sent_on(self, token: int, flow: Flow, now: float) -> None:
        self.sent.append((token, flow))

    def send_failed(self, token: int, reason: str, now: float) -> None:
        self.failed.append((token, reason))

    def resolved(self, token: int, answer: Answer, now: float) -> None:
        self.answers.append((token, answer))

    def handle_timeout(self, now: float) -> None:
        self.fired.append(now)
        self.deadline = None

    def next_deadline(self) -> float | None:
        return self.deadline

    def next_output(self) -> Any | None:
        return self.outputs.popleft() if self.outputs else None

    # what a test asks the core to do

    def send_to(self, hop: Hop, data: bytes) -> int:
        self._token += 1
        self.outputs.append(SendTo(hop, data, self._token))
        return self._token

    def close(self, flow: Flow, reason: str) -> None:
        self.outputs.append(CloseFlow(flow, reason))


def certificates(folder: Path) -> Path:
    """CA and the certificates of both nodes in `folder`."""
    create_authority(folder)
    for name in ("core1", "edge1"):
        issue(folder, name, [f"{name}.example.test"])
    return folder


def tls_files(folder: Path, node: str, **more: Any) -> TlsFiles:
    """The checked files of a node from `certificates`."""
    return read_files(
        Tls(ca=folder / "ca.pem", certificate=folder / f"{node}.pem", key=folder / f"{node}.key", **more), ()
    )
