"""Sending a proxy's branches: finding the place, choosing the transport, trying the next place when one fails.

RFC 3261 §16.6 steps 7 to 10, RFC 3263 §4.3, RFC 5923 (connection reuse), RFC 3261 §18.1.1 (large requests go by TCP).
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from seaway.core.sip.context import Branch, Target
from seaway.core.sip.io import Flow, Hop, Place
from seaway.core.sip.layer import TransactionLayer
from seaway.core.sip.locator import Locator
from seaway.core.sip.onward import Onward
from seaway.core.sip.reuse import Aliases
from seaway.core.sip.sides import Sides
from seaway.core.sip.timers import TIMEOUT
from seaway.wire.sip.message import Request

__all__ = ["LARGE", "Carrier"]

LARGE = 1300  # octets of a request above which a datagram may be too large for the path (RFC 3261 §18.1.1)

_PATIENCE = (12.0, 5.0)  # seconds for a first answer when there is another hop: by a stream, dialling included; UDP
_NO_STREAM = 600.0  # seconds for which a peer over UDP that takes no TCP is not asked again


class Carrier:
    """Sends for one proxy. `fail(branch, status, now)` ends a branch that was not even sent."""

    def __init__(
        self, onward: Onward, sides: Sides, layer: TransactionLayer, outputs: deque[Any], counters: Counter[str],
        random: Callable[[int], bytes], fail: Callable[[Branch, int, float], None],
    ) -> None:  # fmt: skip
        self.locator = Locator(outputs, random)
        self.aliases = Aliases()
        # Set by the owner: what is told of a branch whose name was not found, and the place to try by TCP instead of a
        # datagram to `where`; `None` keeps to the datagram.
        self.unlocated: Callable[[Branch, str, float], None] = lambda branch, why, now: None
        self.stream_for: Callable[[Target, Flow | Hop, float], Hop | None] = lambda target, where, now: None
        self._onward = onward
        self._sides = sides
        self._layer = layer
        self._counters = counters
        self._fail = fail

    def send(self, branch: Branch, now: float) -> None:
        """Send the request of `branch` to its target, which is located first when only its name is known."""
        target = branch.target
        where = target.where
        if not isinstance(where, Flow):
            if isinstance(where, Place):
                self.locator.locate(where, lambda hops, why, now: self._located(branch, hops, why, now), now)
                return
            where = self._reused(where)
        request = branch.request
        key = self._onward.branch(request, branch.context.token)
        data = self._onward.edited(branch, where, key)
        if len(data) > LARGE and where.transport == "udp" and branch.datagram is None:
            stream = self._stream(target, where, now)
            if stream is not None:
                branch.datagram, where = where, stream
                data = self._onward.edited(branch, where, key)
        patience = _PATIENCE[where.transport == "udp"] if branch.more else TIMEOUT
        branch.client = self._layer.send_request(key, request.method, data, where, branch, now, patience)

    def send_ack(self, request: Request, target: Target, now: float) -> None:
        """Send an ACK for a 2xx on, stateless (RFC 3261 §16.11)."""
        if isinstance(target.where, Place):

            def located(hops: tuple[Hop, ...], why: str, now: float) -> None:
                if hops:
                    self.send_ack(request, replace(target, where=hops[0]), now)
                else:
                    self._counters["sip.ack.unlocated"] += 1

            self.locator.locate(target.where, located, now)
            return
        where = target.where if isinstance(target.where, Flow) else self._reused(target.where)
        via = self._sides.via(where) + self._onward.branch(request)
        lines = [b"ACK %b SIP/2.0" % target.uri, via, *request.lines]
        if where.transport != "udp" and b"content-length" not in request.names:
            lines.append(b"Content-Length: %d" % len(request.body))
        lines += (b"", request.body)
        self._layer.send_stateless(b"\r\n".join(lines), where)

    def failed(self, branch: Branch, status: int, now: float) -> bool:
        """No final response came: 408 or a transport error. True when the request goes elsewhere instead."""
        client = branch.client
        hop = client.hop if client is not None else None
        datagram = branch.datagram
        if hop is not None and not branch.ringing:
            switched = datagram is not None and hop.transport == "tcp" and client is not None and client.flow is None
            self.locator.penalise(hop, now, *((_NO_STREAM,) if switched else ()))
            if switched and status == 503 and datagram is not None and not branch.cancel:
                self._counters["sip.large.by_udp"] += 1
                branch.target = replace(branch.target, where=datagram)
                self.send(branch, now)
                return True
        return bool(branch.more) and self.try_next(branch, now)

    def try_next(self, branch: Branch, now: float) -> bool:
        """Send the request to the next hop (RFC 3263 §4.3): a new transaction with a branch of its own. False when
        it has been cancelled or rings already."""
        if branch.cancel or branch.early:
            return False
        where, *more = branch.more
        branch.more = tuple(more)
        branch.target = replace(branch.target, where=where)
        branch.ringing = False
        branch.datagram = None
        self.send(branch, now)
        return True

    # -- inside

    def _located(self, branch: Branch, hops: tuple[Hop, ...], why: str, now: float) -> None:
        if branch.final is not None:
            return  # cancelled meanwhile
        if not hops:
            self._counters["sip.branch.unlocated"] += 1
            self.unlocated(branch, why, now)
            self._fail(branch, 480, now)
            return
        branch.more = hops
        self.try_next(branch, now)

    def _reused(self, hop: Hop) -> Flow | Hop:
        """RFC 5923 §6: the connection that the peer opened, when it stands for `hop`."""
        return hop if hop.transport != "tls" else self.aliases.flow_for(hop) or hop

    def _stream(self, target: Target, where: Flow | Hop, now: float) -> Hop | None:
        """The hop over TCP for a request that is too large for a datagram."""
        hop = self.stream_for(target, where, now)
        if hop is None or self.locator.failed_lately(hop, now):
            return None
        self._counters["sip.large.by_tcp"] += 1
        return hop
